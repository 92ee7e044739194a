/** What the model checker takes for granted of `decide`, checked where histories are random. */
import assert from "node:assert/strict";
import { conditionsOf } from "./conditions.ts";
import type { Code } from "./program.ts";
import { simulate } from "./simulate.ts";
import * as run from "../../src/run.ts";
import type { Facts } from "../../src/state.ts";

Deno.test("an instance that is shown as stopped is taken for one that runs", () => {
  let stopped = 0;
  const both: Code = {
    ...run,
    next: (state, nowMs, dice) => {
      const step = run.next(state, nowMs, dice);
      const text = JSON.stringify([state.facts.instances ?? null, state.facts.tokens ?? null]);
      if (!text.includes('"state":"stopped"')) return step;
      stopped++;
      const [instances, tokens] = JSON.parse(text.replaceAll('"stopped"', '"running"'));
      const facts: Facts = {
        ...state.facts,
        ...(instances === null ? {} : { instances }),
        ...(tokens === null ? {} : { tokens }),
      };
      const other = run.next({ ...state, facts }, nowMs, dice);
      assert.equal(acts(other), acts(step));
      return step;
    },
  };
  for (let seed = 1; seed <= 1_500; seed++) simulate(both, conditionsOf(seed));
  assert.ok(stopped > 100, `only ${stopped} decisions saw a stopped instance`);
});

Deno.test("a join that failed is nothing to a run any more after a while", () => {
  const LATER_MS = 10 * 60_000;
  let remembered = 0;
  const both: Code = {
    ...run,
    next: (state, nowMs, dice) => {
      const step = run.next(state, nowMs, dice);
      const { memory } = state;
      if (memory.failures.length === 0 || state.plan.length > 0) return step;
      remembered++;
      const forgetful = { ...state, memory: { ...memory, failures: [], steady: null } };
      const patient = { ...state, memory: { ...memory, steady: null } };
      assert.equal(
        acts(run.next(patient, nowMs + LATER_MS, dice)),
        acts(run.next(forgetful, nowMs + LATER_MS, dice)),
      );
      return step;
    },
  };
  for (let seed = 1; seed <= 1_500; seed++) simulate(both, conditionsOf(seed));
  assert.ok(remembered > 100, `only ${remembered} decisions remembered a failed join`);
});

/** What a step does, without the words. */
function acts(step: run.Step): string {
  const { action, rule } = step.decision ?? { action: null, rule: null };
  return JSON.stringify([step.kind, step.kind === "calls" ? step.calls : [], action, rule]);
}
