/**
 * What shows a swarm where no record does: tokens on others' instances, the store's marks of foundings, or
 * managers that answer.
 */
import { votersOf } from "../members.ts";
import { addressesOf, answering, need, tokens } from "../needs.ts";
import type { CallOf } from "../../calls.ts";
import type { Scene } from "../scene.ts";
import { brief } from "../words.ts";
import type { Config } from "../../state.ts";
import type { Mark, Neighbour, Shown } from "../../shown.ts";

/** `by`: the instance that shows tokens of it; null: the store marks its founding. */
export interface Sign {
  by: string | null;
  fingerprint: string;
  /** Of a mark the swarm's id, of tokens where they are shown; "": not known. */
  clusterId: string;
  addresses: string[];
}

/** All that another than this node shows, for this cluster or for whichever. */
export function signsOf(s: Scene): Sign[] {
  const { o, me, traits } = s;
  if (traits.marksFoundings) {
    return foundings(s)
      .filter(({ cluster, over }) => cluster === o.config.cluster && !over)
      .map(({ fingerprint, clusterId }) => ({ by: null, fingerprint, clusterId, addresses: [] }));
  }
  return tokens(s, "", ["manager", "worker"]).flatMap((shown) => {
    const { by, state, manager, worker } = shown;
    if (by === me.instance || state === "terminated" || isOfOthers(shown, o.config)) return [];
    const fingerprints = new Set([manager, worker].flatMap((mark) => mark?.fingerprint ?? []));
    const { addresses } = shown;
    return [...fingerprints].map((fingerprint) => ({ by, fingerprint, clusterId: "", addresses }));
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

/** Who else may be a manager: of a record's swarm also a worker that was promoted by hand. */
export function neighboursLook({ record }: Scene): CallOf<"neighbours"> {
  return { kind: "neighbours", roles: record === null ? ["manager"] : ["manager", "worker"] };
}

/** Managers that answer on the swarm's port, are in no swarm that this node's Engine knows, and show no other cluster's tokens. */
export function strangers(s: Scene): Neighbour[] {
  const { o, me, engine, traits } = s;
  const neighbours = need(o, neighboursLook(s));
  const answered = answering(s);
  const own = engine.swarm === null ? [] : addressesOf(votersOf(engine.swarm));
  const ofOthers = traits.tokensBy === "swarm"
    ? []
    : tokens(s, "", ["manager", "worker"]).filter((shown) => isOfOthers(shown, o.config));
  return neighbours.filter(({ instance, address }) =>
    instance !== me.instance && answered.includes(address) && !own.includes(address) &&
    !ofOthers.some(({ by }) => by === instance)
  );
}

/** Those that were launched before this node: of two that wait for each other, one must not. */
export function olderStrangers(s: Scene): Neighbour[] {
  const { o, me } = s;
  const mine = need(o, neighboursLook(s)).find(({ instance }) => instance === me.instance);
  return strangers(s).filter(({ instance, runningMs }) =>
    mine === undefined || runningMs > mine.runningMs ||
    (runningMs === mine.runningMs && instance < me.instance)
  );
}

export function strangersText({ o }: Scene, because: string, found: Neighbour[]): string {
  const who = found.map(({ instance, address }) => `${instance} (${address})`).join(", ");
  return `${because}, and of the other instances ${who} ${
    found.length > 1 ? "answer" : "answers"
  }, in a swarm that the record of cluster "${o.config.cluster}" does not have: if it is this cluster's, run swarm-join there, which puts it into the record; if it is another's, give each cluster its own --cluster-tag`;
}

/** What a person does about a swarm that nobody has founded. */
export function runThere(because: string, signs: Sign[]): string {
  const by = [...new Set(signs.flatMap(({ by }) => by ?? []))];
  const where = by.length > 0 ? by.join(" or ") : "one of its managers";
  return `${because}: run swarm-join once on ${where}, which founds it`;
}
