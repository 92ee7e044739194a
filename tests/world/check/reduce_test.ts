/** Each reduction of the model checker changes how many states there are, and nothing that is found. */
import assert from "node:assert/strict";
import { ALL, explore, type Plan, type Reductions, type Report } from "./explore.ts";
import { firstWorldOf, type Mutant, MUTANTS, planted } from "../mutants.ts";
import { plan } from "./plans.ts";
import type { Code } from "../program.ts";
import * as run from "../../../src/run.ts";

const SOURCE = new URL("../../../src", import.meta.url).pathname;
/** Where two machines begin alike. */
const ALIKE: readonly Plan["start"][] = ["nothing", "dead"];
const NAMES = Object.keys(ALL) as (keyof Reductions)[];

/** As much of a world as can be searched without any reduction in seconds: without its fault, if need be. */
function smallEnough(code: Code, world: Plan): Plan {
  const report = explore(code, world, { states: STATES_MAX, ms: 60_000 }, ALL);
  const isSmall = report.violation !== null || report.wholeFaults === world.faults;
  return isSmall || world.faults === 0 ? world : { ...world, faults: 0 };
}

const STATES_MAX = 6_000;

/** Searches a world whole. */
function searched(code: Code, world: Plan, reductions: Reductions): Report {
  const report = explore(code, world, { states: 1_000_000, ms: 300_000 }, reductions);
  const isWhole = report.violation !== null || report.wholeFaults === world.faults;
  assert.ok(isWhole, `${world.name} was cut short`);
  return report;
}

/** What must be the same. A search ends with what it finds first: what comes after that is not known. */
function foundIn({ violation, decisions, worlds }: Report, name: keyof Reductions): unknown {
  if (violation !== null) return violation.property;
  // By other names, worlds are others.
  return { decisions: [...decisions].sort(), worlds: name === "names" ? null : worlds };
}

/** Searches with all reductions, and without each; answers how many states each saves. */
function compared(code: Code, world: Plan): Record<keyof Reductions, number> {
  const all = searched(code, world, ALL);
  if (code === run) assert.equal(all.violation, null, `${world.name}: ${all.violation?.what}`);
  const saved = { names: 0, facts: 0 };
  for (const name of NAMES) {
    const without = searched(code, world, { ...ALL, [name]: false });
    const what = `without "${name}", in ${world.name}`;
    assert.deepEqual(foundIn(without, name), foundIn(all, name), what);
    saved[name] = without.states - all.states;
  }
  return saved;
}

for (const store of ["s3", "tags"] as const) {
  for (const start of ["nothing", "founded", "foreign", "dead", "mixed"] as const) {
    Deno.test(`the same is found with each reduction and without: ${store}, ${start}`, () => {
      // With a fault these take minutes.
      const isLarge = store === "tags" || ["dead", "nothing", "mixed"].includes(start);
      const faults = isLarge ? 0 : 1;
      const { facts, names } = compared(run, plan(store, 2, 0, start, faults));
      assert.ok(facts > 0, `${facts} states less by their facts`);
      assert.ok(!ALIKE.includes(start) || faults === 0 || names > 0, `${names} by their names`);
    });
  }
}

Deno.test("the same is found with each reduction and without: what else may be lost", () => {
  compared(run, plan("s3", 1, 1, "founded", 1, 0, ["lost", "marks", "removed", "mute", "loud"]));
  compared(run, plan("tags", 1, 1, "founded", 1, 0, ["lost", "removed", "mute", "loud"]));
});

for (const mutant of MUTANTS) {
  Deno.test(`the same is found with each reduction and without: ${mutant.name}`, async () => {
    const code = await planted(mutant, SOURCE);
    compared(code, smallEnough(code, smallWorldOf(mutant)));
  });
}

/** Where a mutant is looked for first, with two machines and, with S3, one fault at most. */
function smallWorldOf(mutant: Mutant): Plan {
  const { store, start, besides, roles } = firstWorldOf(mutant);
  const workers = roles.length === 2 && roles.includes("worker") ? 1 : 0;
  return plan(store, 2 - workers, workers, start, store === "tags" ? 0 : 1, 0, besides);
}
