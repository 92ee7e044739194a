/** decide: what Auto Scaling is asked and told of its lifecycle hooks, when, and never before. */
import assert from "node:assert/strict";
import { decided, held, looks, table } from "./table.ts";
import {
  fault,
  founded,
  identity,
  instance,
  lifecycle,
  managerNode,
  managerOf,
  member,
  observation,
  ok,
  outside,
  shown,
  workerOf,
} from "../../support/observations.ts";
import { decide } from "../../../src/decide/decide.ts";
import type { Hook, LifecycleHook } from "../../../src/shown.ts";
import type { Config, Facts, Fault, Memory, Observation } from "../../../src/state.ts";

const terminating: LifecycleHook = {
  name: "leave",
  transition: "terminating",
  heartbeatMs: 120_000,
};
const launching: LifecycleHook = { ...terminating, name: "launch", transition: "launching" };

function hookIn(state: string, hooks = [launching, terminating]): Hook {
  return { group: "managers", state, hooks };
}

interface Change {
  config?: Partial<Config>;
  facts?: Partial<Facts>;
  memory?: Partial<Memory>;
  nowMs?: number;
}

/** In a warm pool both may change, and are asked for again. */
const pooled = {
  memory: { lifecycle: lifecycle("Warmed:Stopped") },
  facts: { identity: ok(identity()), lifecycle: ok(lifecycle("Warmed:Stopped")) },
};
const going = { lifecycle: lifecycle("Terminated") };

/** Node 1, told to go by Auto Scaling, has left the swarm of 2. */
function out({ config, facts, memory, nowMs }: Change = {}): Observation {
  return observation({
    config: { goal: "leave", role: "worker", ...config },
    memory: { ...going, did: ["announce", "leave"], said: "nothing", ...memory },
    facts: {
      engine: ok(outside),
      ledger: founded({ members: [member(2)] }),
      hook: ok(hookIn("Terminating:Wait")),
      ...facts,
    },
    nowMs: nowMs ?? 10_000,
  });
}

function tried(fault: Fault | null, hook = "leave"): Pick<Memory, "told"> {
  return { told: [{ act: "complete", hook, fault }] };
}

const denied =
  fault("denied", "Cannot complete it; allow autoscaling:CompleteLifecycleAction").fault;

table("a machine that is out", [
  {
    name: "a hook holds it: completes the hook",
    state: out(),
    want: ["complete", "complete-hook"],
    because: "i-1 has left",
  },
  {
    name: "it was in no swarm at all, and a hook holds it: the same",
    state: out({ memory: { did: [] } }),
    want: ["complete", "complete-hook"],
    because: "i-1 is in no swarm",
  },
  {
    name: "on its way into a warm pool: the same",
    state: out({
      ...pooled,
      facts: { ...pooled.facts, hook: ok(hookIn("Warmed:Terminating:Wait")) },
    }),
    want: ["complete", "complete-hook"],
  },
  { name: "it has told it: done", state: out({ memory: tried(null) }), want: ["done", "out"] },
  {
    name: "the hook does not hold it yet: waits",
    state: out({ facts: { hook: ok(hookIn("Terminating")) } }),
    want: ["wait", "hook-pending"],
    because: "leave of managers does not hold this machine yet (Terminating)",
  },
  {
    name: "and its time is over: done, by a rule that has keep ask again",
    state: out({ facts: { hook: ok(hookIn("Terminating")) }, nowMs: 600_000 }),
    want: ["done", "hook-pending"],
  },
  {
    name: "somebody else has completed it: done",
    state: out({ facts: { hook: ok(hookIn("Terminating:Proceed")) } }),
    want: ["done", "out"],
  },
  {
    name: "the group's hooks are of launches only: done",
    state: out({ facts: { hook: ok(hookIn("Terminating", [launching])) } }),
    want: ["done", "out"],
  },
  {
    name:
      "Auto Scaling shows no group, and the metadata do: the answer may be old, so it asks again",
    state: out({ facts: { hook: ok(null) } }),
    want: ["wait", "hook-pending"],
    because: "it shows no group of i-1, whose metadata know of one",
  },
  {
    name: "and goes on showing none: done",
    state: out({ memory: held("hook-pending", 30_000), facts: { hook: ok(null) } }),
    want: ["done", "out"],
  },
  {
    name: "Auto Scaling does not answer: tries again for half a minute",
    state: out({ facts: { hook: fault("unreachable") } }),
    want: ["wait", "hook-pending"],
  },
  {
    name: "and never does: done",
    state: out({ memory: held("hook-pending", 30_000), facts: { hook: fault("unreachable") } }),
    want: ["done", "out"],
  },
  {
    name: "it may not ask: done",
    state: out({ facts: { hook: fault("denied") } }),
    want: ["done", "out"],
  },
  {
    name: "it may not tell: done",
    state: out({ memory: tried(denied) }),
    want: ["done", "out"],
  },
  {
    name: "Auto Scaling did not take it, as it came too early: tries again",
    state: out({ memory: tried(fault("declined").fault) }),
    want: ["wait", "hook-pending"],
  },
  {
    name: "and does not: done",
    state: out({
      memory: { ...tried(fault("declined").fault), ...held("hook-pending", 30_000) },
    }),
    want: ["done", "out"],
  },
]);

Deno.test("decide: what Auto Scaling could not be told is a warning, which names the permission", () => {
  for (
    const state of [
      out({ memory: tried(denied) }),
      out({ facts: { hook: { ok: false, fault: denied } } }),
    ]
  ) {
    const end = decided(state);
    assert.ok(end.kind === "end");
    assert.deepEqual([end.exit, end.warnings], [0, [
      `Auto Scaling was not told: ${denied.message}`,
    ]]);
  }
  const late = decided(out({ facts: { hook: ok(hookIn("Terminating")) }, nowMs: 600_000 }));
  assert.ok(late.kind === "end");
  assert.match(late.warnings.join(), /does not hold this machine yet/);
});

Deno.test("decide: each hook that holds it is completed, once; where some have this tool's name, only those", () => {
  const two = [terminating, { ...terminating, name: "logs" }, launching];
  const waiting = { hook: ok(hookIn("Terminating:Wait", two)) };
  const callOf = (state: Observation): unknown => {
    const decision = decided(state);
    return decision.kind === "act" ? decision.call : decision.rule;
  };
  assert.deepEqual(callOf(out({ facts: waiting })), {
    kind: "complete",
    group: "managers",
    hook: "leave",
  });
  assert.deepEqual(callOf(out({ facts: waiting, memory: tried(null) })), {
    kind: "complete",
    group: "managers",
    hook: "logs",
  });
  const named = [terminating, { ...terminating, name: "swarm-join-out" }];
  const own = { hook: ok(hookIn("Terminating:Wait", named)) };
  assert.deepEqual(callOf(out({ facts: own })), {
    kind: "complete",
    group: "managers",
    hook: "swarm-join-out",
  });
  assert.equal(callOf(out({ facts: own, memory: tried(null, "swarm-join-out") })), "out");
});

Deno.test("decide: only who is told to go by Auto Scaling, and is out, asks it anything", () => {
  const unasked = (state: Observation): Observation => {
    const { hook: _, ...facts } = state.facts;
    return { ...state, facts };
  };
  assert.deepEqual(looks(unasked(out())), ["hook"]);
  const by = (said: Memory["lifecycle"]): string =>
    decided(unasked(out({ memory: { lifecycle: said } }))).rule;
  assert.equal(by(lifecycle(null, "terminate")), "out");
  assert.equal(by(lifecycle("InService")), "out");
  // Still listed in the record, or in its swarm.
  const listed = { ledger: founded({ members: [member(1), member(2)] }) };
  assert.equal(decided(out({ facts: listed })).rule, "withdraw-member");
  assert.equal(decided(out({ memory: { said: "leaves" } })).rule, "withdraw-word");
  assert.equal(decided(leaving({ said: "leaves" })).rule, "leave-swarm");
});

/** Worker 1 of the swarm of 2, told to go by Auto Scaling. */
function leaving(memory: Partial<Memory>, facts: Partial<Facts> = {}, nowMs = 10_000): Observation {
  return observation({
    config: { goal: "leave", role: "worker" },
    memory: { ...going, ...memory },
    facts: {
      engine: ok(workerOf("a")),
      ledger: founded({ members: [member(2)] }),
      probe: ok(["10.0.0.2"]),
      hook: ok(hookIn("Terminating:Wait")),
      ...facts,
    },
    nowMs,
  });
}

const said = { said: "leaves" as const };
const tasks = { contents: ok({ tasks: 2 }) };
const beaten: Partial<Memory> = { told: [{ act: "heartbeat", hook: "leave", fault: null }] };

table("a machine that is held, and waits", [
  {
    name: "half of its hook's time is over: sends a heartbeat",
    state: leaving({ ...said, hook: hookIn("Terminating:Wait") }, tasks, 60_000),
    want: ["heartbeat", "hook-heartbeat"],
  },
  {
    name: "it has: waits",
    state: leaving({ ...said, ...beaten }, tasks, 60_000),
    want: ["wait", "tasks-running"],
  },
  {
    name: "the hook does not hold it yet: waits",
    state: leaving(said, { ...tasks, hook: ok(hookIn("Terminating")) }, 60_000),
    want: ["wait", "tasks-running"],
  },
  {
    name: "it may not ask: waits",
    state: leaving(said, { ...tasks, hook: fault("denied") }, 60_000),
    want: ["wait", "tasks-running"],
  },
  {
    name: "it is in no group: waits",
    state: leaving(said, { ...tasks, hook: ok(null) }, 60_000),
    want: ["wait", "tasks-running"],
  },
  {
    name: "what stands in its way is waited for in the same way",
    state: leaving(said, { ledger: fault("unreachable") }, 60_000),
    want: ["heartbeat", "hook-heartbeat"],
  },
  {
    name: "its own Engine is off: the hook comes to its end, and the machine to its",
    state: leaving(said, { engine: fault("no-socket") }, 60_000),
    want: ["wait", "engine-unavailable"],
  },
  {
    name: "its record can't be read for want of a permission: the same",
    state: leaving(said, { ledger: fault("denied") }, 60_000),
    want: ["wait", "permission-missing"],
  },
  {
    name: "its own Engine does not come up: the same",
    state: leaving(said, { engine: ok({ ...workerOf("a"), state: "pending" }) }, 60_000),
    want: ["wait", "engine-starting"],
  },
]);

Deno.test("decide: a leave that waits asks about its hook when half of its time is over, and not before", () => {
  const asks = (memory: Partial<Memory>, nowMs: number): boolean => {
    const { hook: _, ...facts } = leaving({ ...said, ...memory }, tasks, nowMs).facts;
    const decision = decide({ ...leaving({ ...said, ...memory }, tasks, nowMs), facts });
    if (decision.kind === "look") assert.deepEqual(decision.calls, [{ kind: "hook" }]);
    else assert.equal(decision.rule, "tasks-running");
    return decision.kind === "look";
  };
  // Of a hook that it does not know yet, the shortest that there can be.
  assert.deepEqual([asks({}, 14_999), asks({}, 15_000)], [false, true]);
  const hook = hookIn("Terminating:Wait");
  const hookMs = 15_000;
  assert.deepEqual([asks({ hook, hookMs }, 74_999), asks({ hook, hookMs }, 75_000)], [false, true]);
  const none = hookIn("Terminating", [launching]);
  assert.equal(asks({ hook: none, hookMs }, 290_000), false);
  assert.equal(asks({ lifecycle: lifecycle("InService", "terminate") }, 290_000), false);
});

/** A manager of the founded swarm, all in order, whose run is to complete a launching hook. */
function launched({ config, facts, memory, nowMs }: Change = {}): Observation {
  return observation({
    config: { hook: "launching", role: "manager", ...config },
    memory: { lifecycle: lifecycle("InService"), ...memory },
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded(),
      tokens: ok([shown(1, "a")]),
      hook: ok(hookIn("Pending:Wait")),
      ...facts,
    },
    nowMs: nowMs ?? 10_000,
  });
}

const notReached = managerNode(1, {
  voter: { address: "10.0.0.1", reachable: false, leader: false },
});

table("a node that is in, whose run completes a launching hook", [
  { name: "a manager: completes it", state: launched(), want: ["complete", "complete-hook"] },
  {
    name: "a manager that its swarm does not reach: waits",
    state: launched({ facts: { engine: ok(managerOf("a", { nodes: [notReached] })) } }),
    want: ["wait", "hook-pending"],
    because: "does not reach",
  },
  {
    name: "the same, and nothing holds it: done",
    state: launched({
      facts: {
        engine: ok(managerOf("a", { nodes: [notReached] })),
        hook: ok(hookIn("InService")),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker: completes it",
    state: launched({
      config: { role: "worker" },
      facts: {
        engine: ok(workerOf("a")),
        ledger: founded({ members: [member(2)] }),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["complete", "complete-hook"],
  },
  {
    name:
      "of the group's hooks another one is this tool's: the one that holds it is somebody else's",
    state: launched({
      facts: {
        hook: ok(hookIn("Pending:Wait", [launching, { ...terminating, name: "swarm-join-leave" }])),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "it has: done",
    state: launched({ memory: tried(null, "launch") }),
    want: ["done", "in-order"],
  },
  {
    name: "its hook does not hold it yet: waits a moment",
    state: launched({ facts: { hook: ok(hookIn("Pending")) } }),
    want: ["wait", "hook-pending"],
  },
  {
    name: "and does not: done",
    state: launched({
      memory: held("hook-pending", 30_000),
      facts: { hook: ok(hookIn("Pending")) },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "not asked to: done",
    state: launched({ config: { hook: null } }),
    want: ["done", "in-order"],
  },
  {
    name: "something is not in order yet: that first",
    state: launched({ facts: { tokens: ok([]) } }),
    want: ["publish", "publish-tokens"],
  },
  {
    name: "in no group: done, and nobody is asked",
    state: launched({
      memory: { lifecycle: lifecycle(null) },
      facts: { hook: fault("malformed") },
    }),
    want: ["done", "in-order"],
  },
]);

table("a machine on its way into a warm pool, whose run completes a launching hook", [
  {
    name: "the hook holds it there too: completes it, as it joins later",
    state: launched({
      ...pooled,
      facts: { ...pooled.facts, hook: ok(hookIn("Warmed:Pending:Wait")) },
    }),
    want: ["complete", "complete-hook"],
  },
  {
    name: "its Engine does not answer yet: waits, as the pool may stop it",
    state: launched({
      ...pooled,
      facts: {
        ...pooled.facts,
        engine: fault("no-socket"),
        hook: ok(hookIn("Warmed:Pending:Wait")),
      },
    }),
    want: ["wait", "warm-pool"],
  },
  {
    name: "it is in the pool: waits, and does not ask again",
    state: launched({
      memory: { ...pooled.memory, hook: hookIn("Warmed:Running") },
      facts: { ...pooled.facts, hook: fault("malformed") },
    }),
    want: ["wait", "warm-pool"],
  },
  {
    name: "it may not tell: waits all the same",
    state: launched({
      memory: { ...pooled.memory, ...tried(denied, "launch") },
      facts: { ...pooled.facts, hook: ok(hookIn("Warmed:Pending:Wait")) },
    }),
    want: ["wait", "warm-pool"],
  },
  {
    name: "not asked to: waits",
    state: launched({
      config: { hook: null },
      memory: pooled.memory,
      facts: { ...pooled.facts, hook: ok(hookIn("Warmed:Pending:Wait")) },
    }),
    want: ["wait", "warm-pool"],
  },
]);

/** What a survey says of hooks on a machine of a group, of which it was answered this. */
function found(fact: Facts["hook"], is: "manager" | "worker" = "manager"): string[] {
  const engine = ok(is === "manager" ? managerOf("a") : workerOf("a"));
  const state = launched({
    config: { role: is, goal: "survey", hook: null },
    facts: { hook: fact!, engine, instances: ok([instance(1)]) },
  });
  const end = decided(state);
  assert.ok(end.kind === "end");
  return end.findings.filter(({ because }) => /hook|Auto Scaling/.test(because))
    .map(({ severity, rule }) => `${severity} ${rule}`);
}

Deno.test("decide: a survey asks about hooks where there is a group, and only there", () => {
  const asks = (target: string | null): boolean => {
    const { hook: _, ...facts } = launched().facts;
    const state = launched({
      config: { goal: "survey" },
      memory: { lifecycle: lifecycle(target) },
    });
    const decision = decide({ ...state, facts });
    return decision.kind === "look" && decision.calls.some(({ kind }) => kind === "hook");
  };
  assert.deepEqual([asks("InService"), asks(null)], [true, false]);
});

Deno.test("decide: a survey says that nothing, or too little, holds a machine that goes", () => {
  const short = { ...terminating, heartbeatMs: 119_000 };
  const own = { ...terminating, name: "swarm-join" };
  assert.deepEqual(found(ok(hookIn("InService"))), []);
  assert.deepEqual(found(ok(null)), []);
  assert.deepEqual(found(ok(hookIn("InService", [launching]))), ["warning hook-missing"]);
  const others = [{ ...launching, name: "swarm-join-launch" }, terminating];
  assert.deepEqual(found(ok(hookIn("InService", others))), ["warning hook-missing"]);
  assert.deepEqual(found(ok(hookIn("InService", [short]))), ["warning hook-short"]);
  // Another's may be as short as it likes.
  assert.deepEqual(found(ok(hookIn("InService", [short, own]))), []);
  assert.deepEqual(found(ok(hookIn("InService", [])), "worker"), ["note hook-missing"]);
});

Deno.test("decide: a survey that may not ask about hooks says so, and that it stops no join", () => {
  assert.deepEqual(found({ ok: false, fault: denied }), ["warning permission-missing"]);
  const silent = fault("unreachable", "Cannot ask Auto Scaling about i-1: no answer");
  assert.deepEqual(found(silent), ["note unreachable"]);
});
