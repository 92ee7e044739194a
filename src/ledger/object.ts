/**
 * The ledger in S3: the record is one object, written on conditions.
 *
 *     <prefix>/<cluster>/record.json
 *     <prefix>/<cluster>/conditions    a scratch object, to find out whether the store knows conditions
 */
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from "./record.ts";
import { keyPart } from "../aws/keys.ts";
import type { ObjectRead, S3Api } from "../aws/s3.ts";
import type { Ledger } from "./ledger.ts";
import type { Answer } from "../state.ts";
import type { LedgerRead, WriteResult } from "../founding.ts";

interface ObjectLedgerOptions {
  cluster: string;
  s3: () => Promise<S3Api>;
}

export function createObjectLedger({ cluster, s3 }: ObjectLedgerOptions): Ledger {
  const key = `${keyPart(cluster)}/record.json`;
  let tried: Answer<null> | null = null;

  /** A fault of another kind says nothing: it is tried again. */
  async function tryConditions(): Promise<Answer<null>> {
    if (tried !== null) return tried;
    const answer = await proven(await s3(), `${keyPart(cluster)}/conditions`);
    if (answer.ok || answer.fault.kind === "unusable") tried = answer;
    return answer;
  }

  return {
    tryConditions,

    async read(): Promise<Answer<LedgerRead>> {
      return await readRecord(await s3(), key);
    },

    async write(record, at): Promise<Answer<WriteResult>> {
      if (at.kind === "log") throw new Error("a position in a log was given to the ledger in S3");
      const text = encodeRecord(record, 0);
      const size = new TextEncoder().encode(text).length;
      if (size > RECORD_BYTES_MAX) {
        const message = `Cannot write the founding record: it would have ${size} bytes, and it ` +
          `may have ${RECORD_BYTES_MAX}`;
        return { ok: false, fault: { kind: "declined", message } };
      }
      if (at.kind === "none") {
        const proof = await tryConditions();
        if (!proof.ok) return proof;
      }
      const api = await s3();
      const put = await api.put(
        key,
        text,
        at.kind === "none" ? { kind: "absent" } : { kind: "unchanged", etag: at.etag },
      );
      if (!put.ok) return put;
      if (put.value !== null) return doneAt(put.value);
      // The condition may have failed because of this very write, whose answer was lost before.
      const now = await readRecord(api, key);
      if (!now.ok) return now;
      const { record: current, etag } = now.value;
      if (current?.nonce === record.nonce && etag !== null) return doneAt(etag);
      return { ok: true, value: { kind: "lost" } };
    },

    trim(): Promise<never> {
      throw new Error("a log was to be trimmed where there is none");
    },

    /** S3 has no way to ask. */
    permissions(role): ReturnType<Ledger["permissions"]> {
      return Promise.resolve(
        role === "worker" ? [] : [{ action: "s3:PutObject", verdict: "unknown", verb: "join" }],
      );
    },
  };
}

function doneAt(etag: string): Answer<WriteResult> {
  return { ok: true, value: { kind: "done", at: { kind: "object", etag } } };
}

/** Once there is an object of that key, writes on other conditions must be refused. */
async function proven(api: S3Api, key: string): Promise<Answer<null>> {
  const text = "swarm-join writes this to find out whether conditions count here";
  const absent = { kind: "absent" as const };
  const first = await api.put(key, text, absent);
  if (!first.ok) return first;
  const conditions = [
    // It was there from before, if the first one was refused.
    ...(first.value === null ? [] : [["If-None-Match: *", absent] as const]),
    ["If-Match", { kind: "unchanged" as const, etag: `"${"0".repeat(32)}"` }] as const,
  ];
  for (const [name, condition] of conditions) {
    const put = await api.put(key, text, condition);
    if (!put.ok) return put;
    if (put.value !== null) return ignored(api, key, name);
  }
  return { ok: true, value: null };
}

function ignored(api: S3Api, key: string, name: string): Answer<never> {
  const message =
    `Cannot use ${api.place(key).replace(/\/conditions$/, "")} as the store: the S3 at ` +
    `${api.host} ignores the condition ${name} of a write, so that two swarms could be founded at ` +
    "once; take AWS's S3, or one that knows conditional writes";
  return { ok: false, fault: { kind: "unusable", message } };
}

async function readRecord(
  api: S3Api,
  key: string,
): Promise<Answer<LedgerRead & { kind: "object" }>> {
  const answer = await api.get(key);
  return answer.ok ? { ok: true, value: understood(answer.value, api.place(key)) } : answer;
}

const NO_TEXT = { kind: "malformed" as const, why: "it is no text" };

/** What is wrong with the object itself is no fault of the read: it says that there is a record. */
function understood(
  { found, serverMs }: ObjectRead,
  place: string,
): LedgerRead & { kind: "object" } {
  if (found === null) return { kind: "object", record: null, etag: null, serverMs };
  const read = { kind: "object" as const, etag: found.etag, serverMs };
  const decoded = found.text === null ? NO_TEXT : decodeRecord(found.text);
  return decoded.kind === "record"
    ? { ...read, record: decoded.record }
    : { ...read, record: null, unreadable: `${place}: ${decoded.why}` };
}
