/** What shows a swarm where no record does: tokens on others' instances, or the store's marks of foundings. */
import { answering, need, tokens } from "../needs.ts";
import type { Scene } from "../scene.ts";
import { brief } from "../words.ts";
import type { Config, Mark, Neighbour, Shown } from "../../state.ts";

/** `by`: the instance that shows tokens of it; null: the store marks its founding. */
export interface Sign {
  by: string | null;
  fingerprint: string;
  /** Of a mark the swarm's id, of tokens where they are shown; "": not known. */
  clusterId: string;
  address: string;
}

/** All that another than this node shows, for this cluster or for whichever. */
export function signsOf(s: Scene): Sign[] {
  const { o, me, traits } = s;
  if (traits.marksFoundings) {
    return foundings(s)
      .filter(({ cluster, over }) => cluster === o.config.cluster && !over)
      .map(({ fingerprint, clusterId }) => ({ by: null, fingerprint, clusterId, address: "" }));
  }
  return tokens(s, "", ["manager", "worker"]).flatMap((shown) => {
    const { by, state, manager, worker } = shown;
    if (by === me.instance || state === "terminated" || isOfOthers(shown, o.config)) return [];
    const fingerprints = new Set([manager, worker].flatMap((mark) => mark?.fingerprint ?? []));
    const address = shown.address ?? "";
    return [...fingerprints].map((fingerprint) => ({ by, fingerprint, clusterId: "", address }));
  });
}

/** Whether these tokens are said to be another cluster's. */
function isOfOthers({ cluster }: Shown, config: Config): boolean {
  return cluster !== null && cluster !== config.cluster;
}

/** The cluster that this swarm is shown for, where it is another one than this node's. */
export function clusterElsewhere(s: Scene, fingerprint: string): string | null {
  const { cluster } = s.o.config;
  const clusters = s.traits.marksFoundings
    ? foundings(s).filter((mark) => mark.fingerprint === fingerprint && !mark.over)
      .map((mark) => mark.cluster)
    : tokens(s, "", ["manager", "worker"]).flatMap((shown) =>
      [shown.manager, shown.worker].some((mark) => mark?.fingerprint === fingerprint)
        ? shown.cluster ?? []
        : []
    );
  return clusters.includes(cluster) ? null : clusters[0] ?? null;
}

export function foundings({ o }: Scene): Mark[] {
  return need(o, { kind: "marks" });
}

export function signsText(signs: Sign[]): string {
  const by = [...new Set(signs.flatMap(({ by }) => by ?? []))];
  const swarms = new Set(signs.map(({ fingerprint }) => fingerprint)).size;
  if (by.length > 0) {
    const of = swarms > 1 ? `${swarms} swarms` : "one";
    return `${by.join(", ")} ${by.length > 1 ? "show" : "shows"} tokens of ${of}`;
  }
  const names = signs.map(brief).join(", ");
  return `the store marks that ${names} ${swarms > 1 ? "were" : "was"} founded`;
}

/** A manager that has run for longer than a boot takes, and is in a swarm, is in one that was there before. */
const YOUNG_MS = 15 * 60_000;

/** The other managers that answer on the swarm's port, and show no other cluster's tokens. */
export function neighboursInSwarms(s: Scene): { old: Neighbour[]; young: Neighbour[] } {
  const { o, traits } = s;
  const neighbours = need(o, { kind: "neighbours" });
  const answered = answering(s);
  const others = traits.tokensBy === "swarm"
    ? []
    : tokens(s, "", ["manager", "worker"]).filter((shown) => isOfOthers(shown, o.config));
  const there = neighbours.filter(({ instance, address }) =>
    answered.includes(address) && !others.some(({ by }) => by === instance)
  );
  const isOld = ({ runningMs }: Neighbour): boolean => runningMs > YOUNG_MS;
  return { old: there.filter(isOld), young: there.filter((one) => !isOld(one)) };
}

export function neighboursText({ o }: Scene, neighbours: Neighbour[]): string {
  const who = neighbours.map(({ instance, address }) => `${instance} (${address})`).join(", ");
  return `no swarm is founded for cluster "${o.config.cluster}", and of the other managers ${who} ${
    neighbours.length > 1 ? "answer" : "answers"
  }: run swarm-join there, which founds that swarm; if it is another cluster's, give each its own --cluster-tag`;
}

/** What a person does about a swarm that nobody has founded. */
export function runThere(because: string, signs: Sign[]): string {
  const by = [...new Set(signs.flatMap(({ by }) => by ?? []))];
  const where = by.length > 0 ? by.join(" or ") : "one of its managers";
  return `${because}: run swarm-join once on ${where}, which founds it`;
}
