/** What shows a swarm where no record does: tokens on others' instances, or the store's marks of foundings. */
import { need, tokens } from "../needs.ts";
import type { Scene } from "../scene.ts";
import { brief } from "../words.ts";
import type { Mark } from "../../state.ts";

/** `by`: the instance that shows tokens of it; null: the store marks its founding. */
export interface Sign {
  by: string | null;
  fingerprint: string;
}

/** All that another than this node shows, for this cluster or for whichever. */
export function signsOf(s: Scene): Sign[] {
  const { o, me, traits } = s;
  if (traits.marksFoundings) {
    return foundings(s)
      .filter(({ cluster, over }) => cluster === o.config.cluster && !over)
      .map(({ fingerprint }) => ({ by: null, fingerprint }));
  }
  return tokens(s, "", ["manager", "worker"]).flatMap(({ by, state, cluster, manager, worker }) => {
    const isOthers = cluster !== null && cluster !== o.config.cluster;
    if (by === me.instance || state === "terminated" || isOthers) return [];
    const fingerprints = new Set([manager, worker].flatMap((mark) => mark?.fingerprint ?? []));
    return [...fingerprints].map((fingerprint) => ({ by, fingerprint }));
  });
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
  if (by.length > 0) return `${by.join(", ")} ${by.length > 1 ? "show" : "shows"} tokens of one`;
  return `the store marks that ${signs.map(brief).join(", ")} was founded`;
}

/** What a person does about a swarm that nobody has founded. */
export function runThere(because: string, signs: Sign[]): string {
  const by = [...new Set(signs.flatMap(({ by }) => by ?? []))];
  const where = by.length > 0 ? by.join(" or ") : "one of its managers";
  return `${because}: run swarm-join once on ${where}, which founds it`;
}
