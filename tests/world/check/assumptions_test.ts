/** What the model checker takes for granted of `decide`, checked where histories are random. */
import assert from "node:assert/strict";
import { conditionsOf } from "../simulate/conditions.ts";
import type { Code } from "../program.ts";
import { simulate } from "../simulate/simulate.ts";
import * as run from "../../../src/run.ts";
import type { Facts, Instance } from "../../../src/state.ts";

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

Deno.test("to a manager of a swarm it is nothing who of the record's members answers", () => {
  const compared = playAlike(1_500, (state) => {
    const { engine, answering, ledger } = state.facts;
    const isManager = engine?.ok && engine.value.state === "active" && engine.value.manager;
    if (!isManager || !answering?.ok) return null;
    const record = ledger?.ok && ledger.value.kind === "settled" ? ledger.value.record : null;
    const isAny = record?.members.some(({ address }) => answering.value.includes(address));
    if (!isAny) return null;
    const value = [engine.value.address];
    return { ...state, facts: { ...state.facts, answering: { ok: true, value } } };
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

Deno.test("with one member more in the record a run does the same, if it does not write it", () => {
  let compared = 0;
  const both: Code = {
    ...run,
    next: (state, nowMs, dice) => {
      const step = run.next(state, nowMs, dice);
      const { ledger, instances } = state.facts;
      const view = ledger?.ok && ledger.value.kind === "settled" ? ledger.value : null;
      const action = step.kind === "calls" ? step.decision?.action.kind : "end";
      const isAct = ["join", "leave", "publish", "end"].includes(action ?? "");
      if (!view?.record || state.plan.length > 0 || !isAct) return step;
      const { record } = view;
      const gone = instances?.ok
        ? instances.value.flatMap(({ instance, state }) => state === "terminated" ? [instance] : [])
        : [];
      const others = record.members.filter(({ instance }) =>
        instance !== state.memory.identity?.instance && !gone.includes(instance ?? "")
      );
      if (others.length === 0) return step;
      const sinceMs = Math.max(...record.members.map(({ sinceMs }) => sinceMs));
      const more = { instance: "i-99", address: "10.0.9.99", sinceMs };
      const members = [...record.members, more];
      const value = { ...view, record: { ...record, members } };
      const facts = { ...state.facts, ledger: { ok: true as const, value } };
      compared++;
      let after = run.next({ ...state, facts }, nowMs, dice);
      // Who is new is asked for, and lives, as do the others.
      const [look] = after.kind === "calls" && after.decision === null ? after.calls : [];
      if (after.kind === "calls" && look?.kind === "instances") {
        const living = look.ids.map((instance): Instance => ({
          instance,
          state: "running",
          address: null,
          roleTag: null,
          clusterTag: null,
        }));
        const known = run.absorb(after.state, [look], [{ ok: true, value: living }], nowMs);
        after = run.next(known, nowMs, dice);
      }
      assert.equal(acts(after), acts(step));
      return step;
    },
  };
  for (let seed = 1; seed <= 500; seed++) simulate(both, conditionsOf(seed));
  assert.ok(compared > 100, `only ${compared} acts by a record`);
});

Deno.test("to a manager of the founded swarm it is nothing whom of those listed it reaches, and who else is in it", () => {
  const compared = playAlike(500, (state) => {
    const { engine, ledger } = state.facts;
    if (!engine?.ok || engine.value.swarm === null || !engine.value.manager) return null;
    const record = ledger?.ok && ledger.value.kind === "settled" ? ledger.value.record : null;
    const { value } = engine;
    const { managers } = engine.value.swarm;
    const isListed = (address: string): boolean =>
      record?.members.some((member) => member.address === address) ?? false;
    const isFounded = record?.fingerprint === value.fingerprint;
    if (!isFounded || !managers.every(({ address }) => isListed(address))) return null;
    const alone = managers.map((one) => ({ ...one, reachable: one.address === value.address }));
    const swarm = { ...engine.value.swarm, managers: alone, nodes: 1 };
    const facts: Facts = { ...state.facts, engine: { ok: true, value: { ...value, swarm } } };
    return { ...state, facts };
  });
  assert.ok(compared > 100, `only ${compared} managers of the founded swarm`);
});

/** What a step does, without the words. */
function acts(step: run.Step): string {
  const { action, rule } = step.decision ?? { action: null, rule: null };
  return JSON.stringify([step.kind, step.kind === "calls" ? step.calls : [], action, rule]);
}
