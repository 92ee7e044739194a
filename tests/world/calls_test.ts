/**
 * How many AWS calls a node makes, on average, while small clusters boot within seconds of each other.
 * The histories are drawn from fixed seeds, in virtual time: the same on every machine.
 */
import assert from "node:assert/strict";
import { conditionsOf } from "./simulate/conditions.ts";
import { simulate } from "./simulate/simulate.ts";
import * as run from "../../src/run.ts";

const SEEDS = 40;

function callsPerNode(store: "tags" | "s3", managers: number, workers: number): number {
  const nodes = managers + workers;
  let calls = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const conditions = conditionsOf(seed, {
      store,
      nodes,
      managers,
      launchMs: 3_000,
      staleMs: 1_000,
      troubleRate: 0,
      backgroundRate: 0,
      pauseRate: 0,
      mishaps: [],
      healMs: null,
      start: "nothing",
    });
    const { broken, awsCalls } = simulate(run, conditions);
    assert.deepEqual(broken, []);
    calls += awsCalls;
  }
  return calls / SEEDS / nodes;
}

// The record, tokens or marks, and the neighbours are looked at; with S3 two objects are published, and the mark.
Deno.test("calls: a first manager that boots alone makes five, with S3 seven", () => {
  assert.equal(callsPerNode("tags", 1, 0), 5);
  assert.equal(callsPerNode("s3", 1, 0), 7);
});

// A manager also asks for the words of leaving workers, and once whose nodes those without a label are.
for (const [managers, workers] of [[3, 4], [5, 20], [7, 43]] as const) {
  Deno.test(`calls: ${managers} managers and ${workers} workers make at most ten a node`, () => {
    const [tags, s3] = [
      callsPerNode("tags", managers, workers),
      callsPerNode("s3", managers, workers),
    ];
    assert.ok(tags <= 10, `${tags} with tags`);
    assert.ok(s3 <= 10, `${s3} with S3`);
  });
}
