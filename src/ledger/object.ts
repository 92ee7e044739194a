/**
 * The store in S3: the record is one object with conditional writes; the tokens are an object each,
 * under the fingerprint of their swarm, so that a worker's role can be denied the manager's.
 *
 *     <prefix>/<cluster>/record.json
 *     <prefix>/<cluster>/tokens/<fingerprint>/manager
 *     <prefix>/<cluster>/tokens/<fingerprint>/worker
 */
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from "./record.ts";
import type { S3Api } from "../aws/s3.ts";
import type { Store } from "./ledger.ts";
import { secretOf } from "../tokens/secret.ts";
import type {
  Answer,
  Config,
  FoundingRecord,
  LedgerRead,
  Permission,
  Role,
  Shown,
  TokenMark,
  WriteResult,
} from "../state.ts";
import type { Vault } from "../tokens/vault.ts";

export interface S3StoreOptions {
  config: Config;
  vault: Vault;
  s3: () => Promise<S3Api>;
}

/** Throws for a configuration whose store is not S3. */
export function createS3Store({ config, vault, s3 }: S3StoreOptions): Store {
  if (config.store.kind !== "s3") throw new Error("the store is not S3");
  const { bucket, prefix } = config.store;
  const folder = [prefix.replace(/^\/+|\/+$/g, ""), config.cluster].filter((p) => p !== "").join(
    "/",
  );
  const recordKey = `${folder}/record.json`;
  const tokenKey = (fingerprint: string, role: Role): string =>
    `${folder}/tokens/${fingerprint}/${role}`;
  const place = (key: string): string => `s3://${bucket}/${key}`;

  async function readRecord(): Promise<
    Answer<{ record: FoundingRecord | null; etag: string | null; serverMs: number }>
  > {
    const api = await s3();
    const answer = await api.get(recordKey);
    if (!answer.ok) return answer;
    const { found, serverMs } = answer.value;
    if (found === null) return { ok: true, value: { record: null, etag: null, serverMs } };
    const decoded = decodeRecord(found.text);
    switch (decoded.kind) {
      case "record":
        return { ok: true, value: { record: decoded.record, etag: found.etag, serverMs } };
      case "newer": {
        const message = `Cannot use ${place(recordKey)}: a later version of swarm-join wrote it ` +
          `(format ${decoded.format}); install that version here`;
        return { ok: false, fault: { kind: "newer", message } };
      }
      case "malformed": {
        const message = `Cannot use ${place(recordKey)}: ${decoded.why}`;
        return { ok: false, fault: { kind: "malformed", message } };
      }
    }
  }

  /** Null: no such object; `malformed`: it holds something else than a token of that swarm. */
  async function readToken(
    fingerprint: string,
    role: Role,
  ): Promise<Answer<{ mark: TokenMark | null; malformed: string | null }>> {
    const key = tokenKey(fingerprint, role);
    const api = await s3();
    const answer = await api.get(key);
    if (!answer.ok) return answer;
    const { found } = answer.value;
    if (found === null) return { ok: true, value: { mark: null, malformed: null } };
    const mark = vault.keep(found.text.trim());
    return mark?.fingerprint === fingerprint
      ? { ok: true, value: { mark, malformed: null } }
      : { ok: true, value: { mark: null, malformed: place(key) } };
  }

  return {
    async ledger(): Promise<Answer<LedgerRead>> {
      const read = await readRecord();
      return read.ok ? { ok: true, value: { kind: "object", ...read.value } } : read;
    },

    async write(record, at): Promise<Answer<WriteResult>> {
      if (at.kind === "log") throw new Error("a position in a log was given to the S3 store");
      const text = encodeRecord(record, 0);
      const size = new TextEncoder().encode(text).length;
      if (size > RECORD_BYTES_MAX) {
        const message = `Cannot write the founding record: it would have ${size} bytes, and it ` +
          `may have ${RECORD_BYTES_MAX}`;
        return { ok: false, fault: { kind: "refused", message } };
      }
      const api = await s3();
      const condition = at.kind === "none"
        ? { kind: "absent" as const }
        : { kind: "unchanged" as const, etag: at.etag };
      const done = (etag: string): Answer<WriteResult> => ({
        ok: true,
        value: { kind: "done", at: { kind: "object", etag } },
      });
      const put = await api.put(recordKey, text, condition);
      if (!put.ok) return put;
      if (put.value !== null) return done(put.value);
      // The condition may have failed because of this very write, whose answer was lost before.
      const now = await readRecord();
      if (!now.ok) return now;
      const { record: current, etag } = now.value;
      if (current?.nonce === record.nonce && etag !== null) return done(etag);
      return { ok: true, value: { kind: "lost" } };
    },

    async tokens(fingerprint, want): Promise<Answer<Shown[]>> {
      const none = { ok: true as const, value: { mark: null, malformed: null } };
      const [manager, worker] = await Promise.all([
        want.includes("manager") ? readToken(fingerprint, "manager") : none,
        want.includes("worker") ? readToken(fingerprint, "worker") : none,
      ]);
      if (!manager.ok) return manager;
      if (!worker.ok) return worker;
      const shown: Shown = {
        by: place(`${folder}/tokens/${fingerprint}`),
        state: "running",
        manager: manager.value.mark,
        worker: worker.value.mark,
        malformed: [manager.value.malformed, worker.value.malformed].filter((key) => key !== null),
      };
      const empty = shown.manager === null && shown.worker === null && shown.malformed.length === 0;
      return { ok: true, value: empty ? [] : [shown] };
    },

    async publish(manager, worker): Promise<Answer<null>> {
      const api = await s3();
      const written = await Promise.all([
        api.put(tokenKey(manager.fingerprint, "manager"), secretOf(manager, vault), {
          kind: "always",
        }),
        api.put(tokenKey(worker.fingerprint, "worker"), secretOf(worker, vault), {
          kind: "always",
        }),
      ]);
      const failed = written.find((answer) => !answer.ok);
      return failed !== undefined && !failed.ok ? failed : { ok: true, value: null };
    },

    /** Tokens are kept by swarm, not by instance: other members show the same ones. */
    retract(): Promise<Answer<null>> {
      return Promise.resolve({ ok: true, value: null });
    },

    /** S3 has no way to ask. */
    permissions(role): Promise<Answer<Permission[]>> {
      const value: Permission[] = role === "worker"
        ? []
        : [{ action: "s3:PutObject", verdict: "unknown" }];
      return Promise.resolve({ ok: true, value });
    },
  };
}
