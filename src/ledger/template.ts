/**
 * The ledger that needs EC2 only: the record as the versions of a launch template, which `versions.ts`
 * reads.
 *
 * The template can launch nothing: it has no image. Its name is made of the VPC and the cluster, so
 * that creating it is an atomic create-if-absent: names are unique in an account and region.
 */
import { createHash } from "node:crypto";
import type { Ec2Api } from "../aws/ec2.ts";
import type { NewVersion, TemplateRead } from "../aws/templates.ts";
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from "./record.ts";
import type { Ledger } from "./ledger.ts";
import type { Answer, Tag } from "../state.ts";
import type { NeededPermission } from "../shown.ts";
import type { FoundingRecord, LedgerRead, LogEntry, Position, WriteResult } from "../founding.ts";

interface TemplateOptions {
  vpc: string;
  cluster: string;
  /** Put on the template. */
  tags: Tag[];
  ec2: () => Promise<Ec2Api>;
}

export function createTemplateLedger({ vpc, cluster, tags, ec2 }: TemplateOptions): Ledger {
  const name = templateName(vpc, cluster);
  return {
    async read(missing): Promise<Answer<LedgerRead>> {
      const api = await ec2();
      const [all, named] = await Promise.all([
        api.templateVersions(name, []),
        missing.length === 0 ? null : api.templateVersions(name, missing),
      ]);
      if (!all.ok) return all;
      if (named !== null && !named.ok) return named;
      return { ok: true, value: logOf(all.value, named?.value ?? null) };
    },

    async write(record, at): Promise<Answer<WriteResult>> {
      if (at.kind === "object") {
        throw new Error("a position in S3 was given to the template ledger");
      }
      const version = versionOf(record, at);
      const size = new TextEncoder().encode(version.text).length;
      if (size > RECORD_BYTES_MAX) {
        const message = `Cannot write the founding record: it would have ${size} bytes, and a ` +
          `launch template's user data holds ${RECORD_BYTES_MAX}`;
        return { ok: false, fault: { kind: "declined", message } };
      }
      const api = await ec2();
      if (at.kind === "none") {
        const made = await api.createTemplate(name, tags, version);
        if (!made.ok) return made;
        return made.value === null
          ? { ok: true, value: { kind: "lost" } }
          : written(made.value.template, 1, 0);
      }
      const made = await api.createTemplateVersion(at.template, version);
      return made.ok ? written(at.template, made.value, at.last) : made;
    },

    async trim(template, numbers): Promise<Answer<null>> {
      return await (await ec2()).deleteTemplateVersions(template, numbers);
    },

    /** EC2's names are unique, and its versions numbered. */
    tryConditions(): Promise<Answer<null>> {
      return Promise.resolve({ ok: true, value: null });
    },

    async permissions(role): Promise<NeededPermission[]> {
      if (role === "worker") return [];
      const { toWrite, toTrim } = await (await ec2()).templatePermissions(name, tags);
      return [
        ...toWrite.map((one) => ({ ...one, verb: "join" as const })),
        { ...toTrim, verb: "keep" },
      ];
    },
  };
}

/** `last`: the highest number that was seen before the write. */
function written(template: string, number: number, last: number): Answer<WriteResult> {
  if (number !== last + 1) return { ok: true, value: { kind: "appended", template, number } };
  const at = { kind: "log" as const, template, head: number, last: number };
  return { ok: true, value: { kind: "done", at } };
}

/**
 * The launch template's name. EC2 takes 128 of the characters below; a cluster whose name has others,
 * or too many, is named by its SHA-256.
 */
export function templateName(vpc: string, cluster: string): string {
  const name = `swarm-join-${vpc}-${cluster}`;
  if (name.length <= 128 && /^[A-Za-z0-9().\-/_]+$/.test(name)) return name;
  const digest = createHash("sha256").update(cluster).digest("hex").slice(0, 32);
  return `swarm-join-${vpc}-(${digest})`;
}

function versionOf(record: FoundingRecord, at: Position): NewVersion {
  const follows = at.kind === "log" ? at.head : 0;
  const { fingerprint, cluster, members, writer, nonce } = record;
  return {
    clientToken: nonce,
    description: `swarm-join's record of the swarm ${fingerprint.slice(0, 8)} of cluster ` +
      `${
        cluster.slice(0, 64)
      }: ${members.length} members; by ${writer}. Not for launching: no image`,
    text: encodeRecord(record, follows),
  };
}

function logOf(all: TemplateRead, named: TemplateRead | null): LedgerRead {
  const entries = new Map<number, LogEntry>();
  for (const { number, text, madeMs } of [...all.versions, ...(named?.versions ?? [])]) {
    entries.set(number, { ...entryOf(number, text), ...(madeMs === null ? {} : { madeMs }) });
  }
  return {
    kind: "log",
    template: all.template ?? named?.template ?? null,
    entries: [...entries.values()].sort((a, b) => a.number - b.number),
    serverMs: all.serverMs,
  };
}

const NO_TEXT = { kind: "malformed" as const, why: "it has no text as its user data" };

function entryOf(number: number, text: string | null): LogEntry {
  const decoded = text === null ? NO_TEXT : decodeRecord(text);
  return decoded.kind === "record"
    ? { number, follows: decoded.follows, record: decoded.record, newer: false }
    : { number, follows: 0, record: null, newer: decoded.kind === "newer", why: decoded.why };
}
