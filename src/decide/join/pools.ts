/**
 * The address pools of a swarm's overlay networks, which are chosen when it is started and can't be
 * changed later. One that overlaps the VPC cuts containers off from what is there: the first networks of
 * the Engine's own, 10.0.0.0/8, lie in the commonest VPC, and its resolver with them (moby#27399).
 */
import { rangesOverlap } from "../../addresses.ts";
import type { Config, Identity, Memory } from "../../state.ts";

/**
 * Taken in this order. The ranges of Docker's bridges (172.17.0.0/12, 192.168.0.0/16) are left out, as
 * each machine has networks of its own there.
 */
const POOLS = [
  "10.0.0.0/8",
  "10.128.0.0/9",
  "10.0.0.0/9",
  "10.64.0.0/10",
  "100.64.0.0/10",
  "198.18.0.0/15",
] as const;
/** What an Engine takes that is not told. */
const ENGINES_OWN = POOLS[0];

/** `pools` empty: the Engine's own. `said`: what a person should know of the choice. */
type Choice = { kind: "some"; pools: string[]; said: string } | { kind: "none"; why: string };

export function poolsFor({ defaultAddrPool: asked }: Config, { vpcRanges }: Identity): Choice {
  if (asked.length > 0) {
    const overlaps = overlapsOf(asked, vpcRanges ?? []);
    return { kind: "some", pools: asked, said: overlaps.map((one) => `; ${one}`).join("") };
  }
  if (vpcRanges === null) {
    const said =
      "; the metadata don't say the VPC's ranges: its overlays get the Engine's own pool";
    return { kind: "some", pools: [], said };
  }
  const pool = POOLS.find((one) => overlapsOf([one], vpcRanges).length === 0);
  if (pool === undefined) {
    const why = `the VPC's ranges (${vpcRanges.join(", ")}) leave none of ${
      POOLS.join(", ")
    } for overlay networks: name one with --default-addr-pool`;
    return { kind: "none", why };
  }
  if (pool === ENGINES_OWN) return { kind: "some", pools: [], said: "" };
  const said = `; its overlays get ${pool}, as the Engine's own ${ENGINES_OWN} overlaps the VPC's ${
    vpcRanges.join(", ")
  }`;
  return { kind: "some", pools: [pool], said };
}

/** What stays to be said once a run has started a swarm. */
export function poolWarnings({ pools }: Memory, { vpcRanges }: Identity): string[] {
  return overlapsOf(pools ?? [], vpcRanges ?? []);
}

function overlapsOf(pools: readonly string[], ranges: readonly string[]): string[] {
  return pools.flatMap((pool) =>
    ranges.filter((range) => rangesOverlap(pool, range)).map((range) =>
      `the pool ${pool} overlaps the VPC's ${range}: containers will not reach what is there`
    )
  );
}
