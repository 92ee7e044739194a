/**
 * The ledger in S3: the record is one object, written on conditions.
 *
 *     <prefix>/<cluster>/record.json
 */
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from "./record.ts";
import type { ObjectRead, S3Api } from "../aws/s3.ts";
import type { Ledger } from "./ledger.ts";
import type { Answer, LedgerRead, WriteResult } from "../state.ts";

const KEY = "record.json";

export function createObjectLedger({ s3 }: { s3: () => Promise<S3Api> }): Ledger {
  return {
    async read(): Promise<Answer<LedgerRead>> {
      return await readRecord(await s3());
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
      const api = await s3();
      const put = await api.put(
        KEY,
        text,
        at.kind === "none" ? { kind: "absent" } : { kind: "unchanged", etag: at.etag },
      );
      if (!put.ok) return put;
      if (put.value !== null) return doneAt(put.value);
      // The condition may have failed because of this very write, whose answer was lost before.
      const now = await readRecord(api);
      if (!now.ok) return now;
      const { record: current, etag } = now.value;
      if (current?.nonce === record.nonce && etag !== null) return doneAt(etag);
      return { ok: true, value: { kind: "lost" } };
    },

    /** S3 has no way to ask. */
    permissions(role): ReturnType<Ledger["permissions"]> {
      return Promise.resolve(
        role === "worker" ? [] : [{ action: "s3:PutObject", verdict: "unknown" }],
      );
    },
  };
}

function doneAt(etag: string): Answer<WriteResult> {
  return { ok: true, value: { kind: "done", at: { kind: "object", etag } } };
}

async function readRecord(api: S3Api): Promise<Answer<LedgerRead & { kind: "object" }>> {
  const answer = await api.get(KEY);
  return answer.ok ? { ok: true, value: understood(answer.value, api.place(KEY)) } : answer;
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
