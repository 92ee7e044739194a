/**
 * Swarms whose machines Auto Scaling replaces: a few histories of each span, and that a swarm which is not
 * looked after dies of them. Virtual time, fixed seeds: the same on every machine.
 */
import assert from "node:assert/strict";
import { planted } from "./mutants.ts";
import { fleetOf, type Span } from "./simulate/fleets.ts";
import { simulate } from "./simulate/simulate.ts";
import type { Code } from "./program.ts";
import type { Property } from "./world.ts";
import * as run from "../../src/run.ts";

const SOURCE = new URL("../../src", import.meta.url).pathname;

/** What these seeds break, with this code; `keeps`: whether under `keep`, and not as drawn. */
function brokenIn(code: Code, span: Span, seeds: number, keeps?: boolean): Set<Property> {
  const broken = new Set<Property>();
  for (let seed = 1; seed <= seeds; seed++) {
    const drawn = fleetOf(span, seed);
    const groups = { ...drawn.groups!, keeps: keeps ?? drawn.groups!.keeps };
    for (const { property } of simulate(code, { ...drawn, groups }).broken) broken.add(property);
  }
  return broken;
}

Deno.test("lives: a swarm outlives what comes one after the other, and nothing breaks in rough hours", () => {
  assert.deepEqual([...brokenIn(run, "gentle", 30)], []);
  assert.deepEqual([...brokenIn(run, "rough", 60)], []);
});

Deno.test("lives: a swarm of which nobody takes the dead out dies", async () => {
  const code = await planted({
    name: "reaps nobody",
    file: "decide/nodes/dead.ts",
    find:
      "export function reap(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {",
    put:
      "export function reap(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {\n" +
      "  if (swarm.nodes.length > 0) return null;",
    first: "sim",
  }, SOURCE);
  const broken = brokenIn(code, "gentle", 40, false);
  assert.ok(broken.has("swarm-outlives-its-machines"), [...broken].join(", "));
});

Deno.test("lives: who goes without waiting for its tasks is caught, and who stays", async () => {
  const rushed = await planted({
    name: "leaves with tasks",
    file: "decide/leave/worker.ts",
    find: 'if (tasks !== "" && !isStopped) return emptied(s, tasks);\n  return act(\n' +
      '    { kind: "leave", force: false, onlyEmpty: !isStopped },',
    put: 'return act(\n    { kind: "leave", force: false, onlyEmpty: false },',
    first: "sim",
  }, SOURCE);
  assert.ok(brokenIn(rushed, "gentle", 4).has("nothing-lost-by-leaving"));
  const stuck = await planted({
    name: "waits for its turn for ever",
    file: "decide/leave/manager.ts",
    find: "if (turn.why !== null) return",
    put: "if (turn.heirs.length > 0) return",
    first: "sim",
  }, SOURCE);
  assert.ok(brokenIn(stuck, "gentle", 4).has("who-goes-gets-out"));
});

Deno.test("lives: a seed tells the same history each time", () => {
  const told = (): string[] => {
    const lines: string[] = [];
    simulate(run, fleetOf("rough", 7), {
      tell: (atMs, who, what) => lines.push(`${atMs} ${who} ${what}`),
    });
    return lines;
  };
  const once = told();
  assert.ok(once.length > 100);
  assert.deepEqual(told(), once);
});
