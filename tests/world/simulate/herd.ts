/**
 * Herds: 1,000 and 10,000 nodes that start at one moment, with EC2's request limits of an account that
 * does nothing else. When is the swarm whole, and how many AWS requests does a node make?
 */
import { conditionsOf } from "./conditions.ts";
import { simulate } from "./simulate.ts";
import type { Code } from "../program.ts";

export interface Herd {
  store: "tags" | "s3";
  nodes: number;
  wholeMs: number;
  callsPerNode: number;
  throttledPerNode: number;
  failed: number;
}

/** What each herd must keep to. Below 500 s EC2 has not answered 10,000 nodes once: 100 + 20 a second. */
export const HERDS = [
  { store: "tags", nodes: 1_000, wholeMsMax: 180_000, callsMax: 6 },
  { store: "s3", nodes: 1_000, wholeMsMax: 60_000, callsMax: 5 },
  { store: "tags", nodes: 10_000, wholeMsMax: 900_000, callsMax: 8 },
  { store: "s3", nodes: 10_000, wholeMsMax: 120_000, callsMax: 5 },
] as const;

export function runHerd(code: Code, store: Herd["store"], nodes: number, seed: number): Herd {
  const { broken, wholeMs, awsCalls, throttled, world } = simulate(
    code,
    conditionsOf(seed, {
      store,
      nodes,
      managers: 3,
      launchMs: 0,
      staleMs: 1_000,
      troubleRate: 0,
      backgroundRate: 0,
      pauseRate: 0,
      mishaps: [],
      healMs: 0,
      start: "nothing",
      // The default's ten minutes would end runs that have yet to get their turn.
      timeoutMs: 3_600_000,
    }),
  );
  const members = world.machines.filter(({ place }) => place.kind === "member").length;
  return {
    store,
    nodes,
    wholeMs,
    callsPerNode: awsCalls / nodes,
    throttledPerNode: throttled / nodes,
    failed: broken.length + nodes - members,
  };
}
