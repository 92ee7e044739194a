/** What the model checker takes for granted of `decide`, checked where histories are random. */
import assert from "node:assert/strict";
import { conditionsOf } from "./conditions.ts";
import type { Code } from "./program.ts";
import { simulate } from "./simulate.ts";
import * as run from "../../src/run.ts";
import type { Facts } from "../../src/state.ts";

Deno.test("an instance that is shown as stopped is taken for one that runs", () => {
  const compared = playAlike(1_500, (state) => {
    const text = JSON.stringify([state.facts.instances ?? null, state.facts.tokens ?? null]);
    if (!text.includes('"state":"stopped"')) return null;
    const [instances, tokens] = JSON.parse(text.replaceAll('"stopped"', '"running"'));
    const facts: Facts = {
      ...state.facts,
      ...(instances === null ? {} : { instances }),
      ...(tokens === null ? {} : { tokens }),
    };
    return { ...state, facts };
  });
  assert.ok(compared > 100, `only ${compared} decisions saw a stopped instance`);
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

/** Plays histories; each decision must do the same in the state that `other` makes of its own; null: none. */
function playAlike(histories: number, other: (state: run.RunState) => run.RunState | null): number {
  let compared = 0;
  const both: Code = {
    ...run,
    next: (state, nowMs, dice) => {
      const step = run.next(state, nowMs, dice);
      const changed = state.plan.length > 0 ? null : other(state);
      if (changed === null) return step;
      compared++;
      assert.equal(acts(run.next(changed, nowMs, dice)), acts(step));
      return step;
    },
  };
  for (let seed = 1; seed <= histories; seed++) simulate(both, conditionsOf(seed));
  return compared;
}

Deno.test("which managers answer is nothing to a manager of a swarm", () => {
  const compared = playAlike(1_500, (state) => {
    const { engine, answering } = state.facts;
    const isManager = engine?.ok && engine.value.state === "active" && engine.value.manager;
    if (!isManager || !answering?.ok) return null;
    return { ...state, facts: { ...state.facts, answering: { ok: true, value: [] } } };
  });
  assert.ok(compared > 100, `only ${compared} managers knew who answers`);
});

Deno.test("of a swarm's nodes counts only whether they are more than one", () => {
  const compared = playAlike(500, (state) => {
    const { engine } = state.facts;
    if (!engine?.ok || engine.value.swarm === null || engine.value.swarm.nodes < 3) return null;
    const swarm = { ...engine.value.swarm, nodes: 2 };
    return {
      ...state,
      facts: { ...state.facts, engine: { ok: true, value: { ...engine.value, swarm } } },
    };
  });
  assert.ok(compared > 100, `only ${compared} decisions saw more than two nodes`);
});

Deno.test("a run that forgets what it has published publishes it again, and goes on as before", () => {
  let again = 0;
  const compared = playAlike(1_500, (state) => {
    const { memory } = state;
    if (memory.published === null) return null;
    const forgetful = { ...state, memory: { ...memory, published: null } };
    const step = run.next(forgetful, 0, 0);
    if (step.kind === "end") return forgetful;
    const [call] = step.calls;
    if (
      call?.kind === "publish" &&
      `${call.manager.digest} ${call.worker.digest}` === memory.published
    ) {
      again++;
      const after = run.absorb(step.state, step.calls, [{ ok: true, value: null }], 0);
      return { ...after, memory: { ...after.memory, steady: memory.steady, waits: memory.waits } };
    }
    return step.calls.some(({ kind }) => kind === "tokens") ? null : forgetful;
  });
  assert.ok(compared > 100, `only ${compared} decisions remembered what the run has published`);
  assert.ok(again > 10, `only ${again} published again`);
});

/** What a step does, without the words. */
function acts(step: run.Step): string {
  const { action, rule } = step.decision ?? { action: null, rule: null };
  return JSON.stringify([step.kind, step.kind === "calls" ? step.calls : [], action, rule]);
}
