/**
 * Marks of foundings in S3: small objects that outlive the record, so that a record that is lost is not
 * taken for a swarm that never was.
 *
 *     <prefix>/founded/<cluster>/<fingerprint>.<cluster's id>
 *     <prefix>/founded/<cluster>/<fingerprint>.<cluster's id>.over
 *
 * All clusters' below a prefix are listed together: a name mistyped is then seen too. The second says that
 * the swarm was replaced, or its CA rotated, since the first was written; so nothing is ever deleted. What
 * counts is which objects there are; what is in them is for people.
 */
import { keyPart, nameIn } from "../aws/keys.ts";
import type { ListedObject, S3Api } from "../aws/s3.ts";
import type { SwarmName } from "../calls.ts";
import type { Answer } from "../state.ts";
import type { Mark } from "../shown.ts";

export interface Marks {
  /** Those of all clusters below this prefix. */
  read(): Promise<Answer<Mark[]>>;
  /** Marks the swarm of this cluster, and what it replaced or was before. */
  write(founded: SwarmName, over: SwarmName[]): Promise<Answer<null>>;
}

interface MarksOptions {
  cluster: string;
  instance: string;
  s3: () => Promise<S3Api>;
}

const FOLDER = "founded/";
const KEY = /^([^/]+)\/([0-9a-z]{50})\.([0-9a-z]+)(\.over)?$/;

export function createMarks({ cluster, instance, s3 }: MarksOptions): Marks {
  return {
    async read(): ReturnType<Marks["read"]> {
      const listed = await (await s3()).list(FOLDER);
      return listed.ok ? { ok: true, value: marksOf(listed.value) } : listed;
    },

    async write(founded, over): ReturnType<Marks["write"]> {
      const api = await s3();
      const put = (one: SwarmName, isOver: boolean): Promise<Answer<string | null>> => {
        const { fingerprint, clusterId } = one;
        const name = `${fingerprint}.${clusterId}${isOver ? ".over" : ""}`;
        const key = `${FOLDER}${keyPart(cluster)}/${name}`;
        const mark = { tool: "swarm-join", cluster, ...one, over: isOver, instance };
        return api.put(key, JSON.stringify(mark), { kind: "always" });
      };
      const written = await Promise.all([
        put(founded, false),
        ...over.filter(({ fingerprint }) => fingerprint !== founded.fingerprint)
          .map((one) => put(one, true)),
      ]);
      return written.find((answer) => !answer.ok) ?? { ok: true, value: null };
    },
  };
}

/** What lies there of one swarm: how long ago each was written; null: it is not there. */
interface Found extends SwarmName {
  cluster: string;
  madeMs: number | null;
  overMs: number | null;
}

function marksOf(listed: ListedObject[]): Mark[] {
  const found = new Map<string, Found>();
  for (const { key, ageMs } of listed) {
    const [, part, fingerprint, clusterId, over] = KEY.exec(key) ?? [];
    // Something else may lie there, such as what belongs to a cluster of that name.
    if (part === undefined || fingerprint === undefined || clusterId === undefined) continue;
    const name = `${part}/${fingerprint}.${clusterId}`;
    const known = found.get(name) ??
      { cluster: nameIn(part), fingerprint, clusterId, madeMs: null, overMs: null };
    found.set(name, { ...known, [over === undefined ? "madeMs" : "overMs"]: ageMs });
  }
  return [...found.values()].map(markOf);
}

/** A swarm is over if what says so is not older than its mark: a fingerprint may come back. */
function markOf({ madeMs, overMs, ...of }: Found): Mark {
  const over = overMs !== null && (madeMs === null || overMs <= madeMs);
  return { ...of, over, ageMs: madeMs ?? overMs ?? 0 };
}
