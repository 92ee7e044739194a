/**
 * The shelf in S3: an object for each token, under the fingerprint of its swarm, so that a worker's
 * role can be denied the manager's.
 *
 *     <prefix>/<cluster>/tokens/<fingerprint>/manager
 *     <prefix>/<cluster>/tokens/<fingerprint>/worker
 */
import { keyPart } from "../aws/keys.ts";
import type { S3Api } from "../aws/s3.ts";
import type { Answer, Role, TokenMark } from "../state.ts";
import type { Shelf } from "./shelf.ts";
import type { Vault } from "./vault.ts";

interface ObjectShelfOptions {
  cluster: string;
  vault: Vault;
  s3: () => Promise<S3Api>;
}

export function createObjectShelf({ cluster, vault, s3 }: ObjectShelfOptions): Shelf {
  const folderOf = (fingerprint: string): string => `${keyPart(cluster)}/tokens/${fingerprint}`;
  return {
    async read(fingerprint, want): ReturnType<Shelf["read"]> {
      const api = await s3();
      const ask = (role: Role): Answer<Found> | Promise<Answer<Found>> =>
        want.includes(role)
          ? readToken(api, vault, `${folderOf(fingerprint)}/${role}`, fingerprint)
          : NONE;
      const [manager, worker] = await Promise.all([ask("manager"), ask("worker")]);
      if (!manager.ok) return manager;
      if (!worker.ok) return worker;
      const malformed = [manager.value.malformed, worker.value.malformed].filter((key) =>
        key !== null
      );
      const marks = { manager: manager.value.mark, worker: worker.value.mark };
      if (marks.manager === null && marks.worker === null && malformed.length === 0) {
        return { ok: true, value: [] };
      }
      const by = api.place(folderOf(fingerprint));
      return {
        ok: true,
        value: [{ by, state: "running", cluster: null, addresses: [], ...marks, malformed }],
      };
    },

    async publish(manager, worker): ReturnType<Shelf["publish"]> {
      const api = await s3();
      const put = (mark: TokenMark, role: Role): Promise<Answer<string | null>> =>
        api.put(`${folderOf(mark.fingerprint)}/${role}`, vault.secretOf(mark), { kind: "always" });
      const written = await Promise.all([put(manager, "manager"), put(worker, "worker")]);
      return written.find((answer) => !answer.ok) ?? { ok: true, value: null };
    },

    /** Tokens are kept by swarm, not by instance: other members show the same ones. */
    retract(): ReturnType<Shelf["retract"]> {
      return Promise.resolve({ ok: true, value: null });
    },

    /** None but the ledger's own: `s3:PutObject`. */
    permissions(): ReturnType<Shelf["permissions"]> {
      return Promise.resolve([]);
    },
  };
}

/** `malformed`: the place of an object that holds something else than a token of that swarm. */
interface Found {
  mark: TokenMark | null;
  malformed: string | null;
}

const NONE: Answer<Found> = { ok: true, value: { mark: null, malformed: null } };

async function readToken(
  api: S3Api,
  vault: Vault,
  key: string,
  fingerprint: string,
): Promise<Answer<Found>> {
  const answer = await api.get(key);
  if (!answer.ok) return answer;
  const { found } = answer.value;
  if (found === null) return NONE;
  const mark = vault.keep(found.text?.trim() ?? "");
  return mark?.fingerprint === fingerprint
    ? { ok: true, value: { mark, malformed: null } }
    : { ok: true, value: { mark: null, malformed: api.place(key) } };
}
