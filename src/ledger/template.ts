/**
 * The store that needs EC2 only: the record as the versions of a launch template, which `log.ts`
 * reads, and each manager's tokens in the tags of its own instance.
 *
 * The template can launch nothing: it has no image. Its name is made of the VPC and the cluster, so
 * that creating it is an atomic create-if-absent: names are unique in an account and region.
 */
import { createHash } from "node:crypto";
import type { Ec2Api, Ec2Instance, NewVersion, TemplateRead } from "../aws/ec2.ts";
import { instanceStateOf, LIVE_STATES } from "../aws/instances.ts";
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from "./record.ts";
import { secretOf } from "../tokens/secret.ts";
import type { Store } from "./ledger.ts";
import type {
  Answer,
  Config,
  FoundingRecord,
  Identity,
  LedgerRead,
  LogEntry,
  Permission,
  Position,
  Role,
  Shown,
  TokenMark,
  WriteResult,
} from "../state.ts";
import type { Vault } from "../tokens/vault.ts";

export interface TagsOptions {
  config: Config;
  identity: Identity;
  vault: Vault;
  ec2: () => Promise<Ec2Api>;
}

export function createTagsStore({ config, identity, vault, ec2 }: TagsOptions): Store {
  const name = templateName(identity.vpc, config.cluster);
  const keys = [config.managerTokenTag, config.workerTokenTag];

  return {
    async ledger(missing): Promise<Answer<LedgerRead>> {
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
      if (at.kind === "object") throw new Error("a position in S3 was given to the tags store");
      const version = versionOf(record, at);
      const size = new TextEncoder().encode(version.text).length;
      if (size > RECORD_BYTES_MAX) {
        const message = `Cannot write the founding record: it would have ${size} bytes, and a ` +
          `launch template's user data holds ${RECORD_BYTES_MAX}`;
        return { ok: false, fault: { kind: "refused", message } };
      }
      const api = await ec2();
      if (at.kind === "none") {
        const made = await api.createTemplate(name, version);
        if (!made.ok) return made;
        if (made.value === null) return { ok: true, value: { kind: "lost" } };
        const { template } = made.value;
        const first = { kind: "log" as const, template, head: 1, last: 1 };
        return { ok: true, value: { kind: "done", at: first } };
      }
      const { template, last } = at;
      const made = await api.createTemplateVersion(template, version);
      if (!made.ok) return made;
      const number = made.value;
      if (number !== last + 1) {
        return { ok: true, value: { kind: "appended", template, number } };
      }
      const next = { kind: "log" as const, template, head: number, last: number };
      return { ok: true, value: { kind: "done", at: next } };
    },

    async tokens(): Promise<Answer<Shown[]>> {
      const api = await ec2();
      const found = await api.instances(`look for tokens in the tags of ${identity.vpc}`, [
        { name: "vpc-id", values: [identity.vpc] },
        { name: "tag-key", values: keys },
        { name: "instance-state-name", values: LIVE_STATES },
        ...(config.clusterTag === null
          ? []
          : [{ name: `tag:${config.clusterTag}`, values: [config.cluster] }]),
      ]);
      if (!found.ok) return found;
      return { ok: true, value: found.value.map((one) => shownBy(one, config, vault)) };
    },

    async publish(manager, worker): Promise<Answer<null>> {
      const api = await ec2();
      const tags = new Map([
        [config.managerTokenTag, secretOf(manager, vault)],
        [config.workerTokenTag, secretOf(worker, vault)],
      ]);
      return await api.createTags(identity.instance, tags);
    },

    async retract(): Promise<Answer<null>> {
      const api = await ec2();
      return await api.deleteTags(identity.instance, keys);
    },

    async permissions(role: Role): Promise<Answer<Permission[]>> {
      if (role === "worker") return { ok: true, value: [] };
      const api = await ec2();
      return { ok: true, value: await api.permissions(name, identity.instance, keys) };
    },
  };
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
  for (const { number, text } of [...all.versions, ...(named?.versions ?? [])]) {
    entries.set(number, entryOf(number, text));
  }
  return {
    kind: "log",
    template: all.template ?? named?.template ?? null,
    entries: [...entries.values()].sort((a, b) => a.number - b.number),
    serverMs: all.serverMs,
  };
}

function entryOf(number: number, text: string | null): LogEntry {
  const decoded = text === null ? null : decodeRecord(text);
  return decoded?.kind === "record"
    ? { number, follows: decoded.follows, record: decoded.record, newer: false }
    : { number, follows: 0, record: null, newer: decoded?.kind === "newer" };
}

function shownBy({ instance, state, tags }: Ec2Instance, config: Config, vault: Vault): Shown {
  const malformed: string[] = [];
  const markOf = (key: string): TokenMark | null => {
    const text = tags.get(key);
    if (text === undefined) return null;
    const mark = vault.keep(text);
    if (mark === null) malformed.push(key);
    return mark;
  };
  const manager = markOf(config.managerTokenTag);
  const worker = markOf(config.workerTokenTag);
  return { by: instance, state: instanceStateOf(state), manager, worker, malformed };
}
