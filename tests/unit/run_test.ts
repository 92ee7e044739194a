/** The loop: what it calls, in which order, and what it remembers of the answers. */
import assert from "node:assert/strict";
import { absorb, begin, next, run, type RunState, type Step } from "../../src/run.ts";
import type { AnyAnswer, Call, CallKind } from "../../src/calls.ts";
import type { Config, Memory } from "../../src/state.ts";
import {
  config,
  fault,
  fp,
  identity,
  instance,
  managerOf,
  member,
  NOW_MS,
  ok,
  outside,
  record,
  s3,
  shown,
} from "../support/observations.ts";

type Script = Partial<{ [kind in CallKind]: AnyAnswer | AnyAnswer[] }>;

const empty = { services: 0, secrets: 0, configs: 0, networks: 0, tasks: 0 };

function objectRead(of: ReturnType<typeof record> | null): AnyAnswer {
  return ok({ kind: "object", record: of, etag: of === null ? null : "e", serverMs: NOW_MS });
}

function logRead(...records: ReturnType<typeof record>[]): AnyAnswer {
  const entries = records.map((r, i) => ({ number: i + 1, follows: i, record: r, newer: false }));
  const template = entries.length === 0 ? null : "lt-1";
  return ok({ kind: "log", template, entries, serverMs: NOW_MS });
}

/** Answers calls by kind; a list is used up from its front, and its last answer stays. */
function stage(script: Script): { perform: (call: Call) => AnyAnswer; made: Call[] } {
  const made: Call[] = [];
  const defaults: Script = {
    identity: ok(identity()),
    self: ok(instance(1)),
    engine: ok(outside),
    ledger: logRead(),
    tokens: ok([]),
    instances: ok([instance(1), instance(2)]),
    probe: ok([]),
    contents: ok(empty),
    sleep: ok(null),
    retract: ok(null),
    init: ok(null),
    join: ok(null),
    leave: ok(null),
    publish: ok(null),
    write: ok({ kind: "done", at: { kind: "log", template: "lt-1", head: 1, last: 1 } }),
  };
  const answers = { ...defaults, ...script };
  return {
    made,
    perform: (call) => {
      made.push(call);
      const answer = answers[call.kind];
      if (Array.isArray(answer)) {
        return (answer.length > 1 ? answer.shift() : answer[0]) as AnyAnswer;
      }
      if (answer === undefined) throw new Error(`no answer for ${call.kind}`);
      return answer;
    },
  };
}

/** Drives a run until its next decision that is not a look, or its end. */
function toDecision(state: RunState, script: Script, nowMs = 0): { step: Step; state: RunState } {
  const { perform } = stage(script);
  for (let i = 0; i < 20; i++) {
    const step = next(state, nowMs, 0);
    if (step.kind === "end" || step.decision !== null) return { step, state: step.state };
    state = absorb(step.state, step.calls, step.calls.map(perform), nowMs);
  }
  throw new Error("no decision after 20 looks");
}

function start(change: { config?: Partial<Config>; memory?: Partial<Memory> } = {}): RunState {
  const state = begin({ ...config, ...change.config }, "run");
  return {
    ...state,
    memory: { ...state.memory, identity: identity(), self: instance(1), ...change.memory },
  };
}

/** The state after the decision that this script leads to was performed with these answers. */
function afterPerforming(state: RunState, script: Script, nowMs = 0): RunState {
  let { step, state: at } = toDecision(state, script, nowMs);
  const { perform } = stage(script);
  while (step.kind === "calls" && at.doing !== null) {
    at = absorb(at, step.calls, step.calls.map(perform), nowMs);
    if (at.doing !== null) step = next(at, nowMs, 0);
  }
  return at;
}

Deno.test("run: from nothing, one manager inits, founds, publishes and is done", async () => {
  const written: ReturnType<typeof record>[] = [];
  let engine = outside;
  const { perform, made } = stage({});
  const ending = await run(begin(config, "run"), {
    nowMs: () => 0,
    dice: () => 0,
    onStep: () => {},
    perform: (call) => {
      const answer = perform(call);
      if (call.kind === "init") engine = managerOf("a");
      if (call.kind === "write") written.push(call.record);
      if (call.kind === "engine") return Promise.resolve(ok(engine));
      if (call.kind === "ledger") return Promise.resolve(logRead(...written));
      return Promise.resolve(answer);
    },
  });
  assert.equal(ending.decision.rule, "in-order");
  assert.deepEqual(ending.state.memory.did, ["init", "found", "publish"]);
  const writes = made.filter(({ kind }) =>
    ["init", "write", "publish", "retract", "join", "leave"].includes(kind)
  );
  assert.deepEqual(writes.map(({ kind }) => kind), ["init", "write", "publish"]);
});

Deno.test("run: a dry run ends with its first decision and performs nothing", async () => {
  const { perform, made } = stage({});
  const ending = await run(begin({ ...config, dryRun: true }, "run"), {
    nowMs: () => 0,
    dice: () => 0,
    onStep: () => {},
    perform: (call) => Promise.resolve(perform(call)),
  });
  assert.equal(ending.decision.action.kind, "init");
  const reads = [
    "identity",
    "engine",
    "self",
    "ledger",
    "tokens",
    "instances",
    "probe",
    "contents",
  ];
  assert.deepEqual(made.filter(({ kind }) => !reads.includes(kind)), []);
});

Deno.test("run: own old tokens are taken back before an init, and no init without that", () => {
  const script: Script = { tokens: ok([shown(1, "z")]) };
  const { step, state } = toDecision(start(), script);
  assert.ok(step.kind === "calls");
  assert.deepEqual(step.calls, [{ kind: "retract" }]);
  const denied = absorb(state, step.calls, [fault("denied")], 0);
  assert.equal(denied.doing, null);
  assert.equal(denied.memory.fault?.kind, "denied");
  const retracted = absorb(state, step.calls, [ok(null)], 0);
  assert.deepEqual(retracted.plan.map(({ kind }) => kind), ["init"]);
});

Deno.test("run: a lost write waits and reads again, and is nothing done", () => {
  const state = afterPerforming(start(), {
    engine: ok(managerOf("a")),
    write: ok({ kind: "lost" }),
  });
  assert.deepEqual(state.memory.did, []);
  assert.equal(state.memory.confirmed, null);
  const { step } = toDecision(state, {});
  assert.ok(step.kind === "calls" && step.decision !== null);
  assert.equal(step.decision.rule, "write-lost");
});

Deno.test("run: a write that counts confirms the membership; its place in the log is kept", () => {
  const state = afterPerforming(start(), { engine: ok(managerOf("a")) });
  assert.equal(state.memory.confirmed, fp("a"));
  assert.deepEqual(
    state.memory.written.map(({ template, number, follows }) => [template, number, follows]),
    [
      ["lt-1", 1, 0],
    ],
  );
});

Deno.test("run: a write whose answer is lost confirms nothing any more", () => {
  const state = afterPerforming(start({ memory: { confirmed: fp("a") } }), {
    engine: ok(managerOf("a")),
    write: fault("timeout"),
  });
  assert.equal(state.memory.confirmed, null);
});

Deno.test("run: a write whose answer was lost is confirmed when the object shows its nonce", () => {
  const mine = record({ nonce: "run-0123", members: [member(1), member(2)] });
  const script: Script = {
    ledger: objectRead(mine),
    engine: ok(managerOf("b")),
    tokens: ok([shown(1, "b")]),
  };
  const unsure = start({ config: { store: s3 }, memory: { unknown: "run-0123" } });
  assert.equal(toDecision(unsure, script).state.memory.confirmed, fp("a"));
  const earlier = { ...script, ledger: objectRead(record({ ...mine, nonce: "run-0000" })) };
  assert.equal(toDecision(unsure, earlier).state.memory.confirmed, null);
});

Deno.test("run: a write behind unread versions is confirmed once they were read and it counts", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const memory = { written: [{ template: "lt-1", number: 2, record: own, follows: 1 }] };
  const entries = (follows: number) => [
    { number: 1, follows: 0, record: record({ members: [member(2)] }), newer: false },
    { number: 2, follows, record: own, newer: false },
  ];
  const read = (follows: number): AnyAnswer =>
    ok({ kind: "log", template: "lt-1", entries: entries(follows), serverMs: NOW_MS });
  assert.equal(toDecision(start({ memory }), { ledger: read(1) }).state.memory.confirmed, fp("a"));
  assert.equal(toDecision(start({ memory }), { ledger: read(0) }).state.memory.confirmed, null);
});

Deno.test("run: a swarm is not left when something has appeared in it", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const script: Script = {
    engine: ok(managerOf("b")),
    ledger: logRead(own),
    contents: [ok(empty), ok({ ...empty, services: 1 })],
  };
  const { step, state } = toDecision(start({ memory: { confirmed: fp("a") } }), script);
  assert.ok(step.kind === "calls" && step.decision?.action.kind === "leave");
  assert.deepEqual(step.calls, [{ kind: "contents", manager: true }]);
  const grown = absorb(state, step.calls, [ok({ ...empty, services: 1 })], 0);
  assert.deepEqual([grown.doing, grown.plan], [null, []]);
  const still = absorb(state, step.calls, [ok(empty)], 0);
  assert.deepEqual(still.plan, [{ kind: "leave", force: true }]);
});

Deno.test("run: a failed join is remembered with its reason, and is no fault of the run", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const state = afterPerforming(start({ memory: { confirmed: fp("a") } }), {
    ledger: logRead(own),
    probe: ok(["10.0.0.2"]),
    tokens: ok([shown(2, "a")]),
    join: fault("rejected"),
  }, 5);
  assert.deepEqual(state.memory.failures, [{
    address: "10.0.0.2",
    digest: "a-m",
    kind: "rejected",
    atMs: 5,
  }]);
  assert.equal(state.memory.fault, null);
  assert.deepEqual(state.memory.did, []);
});

Deno.test("run: an attempt in the background is timed from when it is first seen, and forgotten when it ends", () => {
  const pending = { engine: ok({ ...outside, state: "pending" as const }) };
  const first = toDecision(start(), pending, 1_000).state;
  assert.equal(first.memory.attemptMs, 1_000);
  const later = toDecision({ ...first, facts: {}, plan: [], doing: null }, pending, 3_000).state;
  assert.equal(later.memory.attemptMs, 1_000);
  const ended = toDecision({ ...later, facts: {}, plan: [], doing: null }, {}, 4_000).state;
  assert.equal(ended.memory.attemptMs, null);
});

Deno.test("run: what keeps it waiting is timed across rounds, until something succeeds", () => {
  const denied: Script = { ledger: fault("denied") };
  const first = afterPerforming(start(), denied, 1_000);
  const steady = {
    rule: "permission-missing",
    because: "a denied call",
    exit: 4,
    sinceMs: 1_000,
  };
  assert.deepEqual(first.memory.steady, steady);
  assert.equal(first.memory.waits, 1);
  const second = afterPerforming(first, denied, 9_000);
  assert.deepEqual(second.memory.steady, steady);
  const done = afterPerforming(second, {}, 10_000);
  assert.deepEqual([done.memory.steady, done.memory.waits, done.memory.did], [null, 0, ["init"]]);
});

Deno.test("run: versions that a read lacked are asked for by name in the next", () => {
  const gap: AnyAnswer = ok({
    kind: "log",
    template: "lt-1",
    entries: [
      { number: 1, follows: 0, record: record(), newer: false },
      { number: 3, follows: 1, record: record(), newer: false },
    ],
    serverMs: NOW_MS,
  });
  const state = afterPerforming(start(), { ledger: gap });
  assert.deepEqual(state.missing, [2]);
  const { perform, made } = stage({ ledger: gap });
  let step = next(state, 0, 0);
  while (step.kind === "calls" && step.decision === null) {
    const after = absorb(step.state, step.calls, step.calls.map(perform), 0);
    step = next(after, 0, 0);
  }
  assert.deepEqual(made.find(({ kind }) => kind === "ledger"), { kind: "ledger", missing: [2] });
});

Deno.test("run: an identity in a warm pool is asked for again, a fixed one is not", () => {
  const warm: Script = { identity: ok({ ...identity(), lifecycle: "Warmed:Running" }) };
  const state = afterPerforming(begin(config, "run"), warm);
  assert.equal(state.memory.identity, null);
  const after =
    toDecision(state, { identity: ok({ ...identity(), lifecycle: "InService" }) }).state;
  assert.equal(after.memory.identity?.instance, "i-1");
});

Deno.test("run: what was written is what the ledger holds: the round goes on without another read", () => {
  const registering: Script = {
    ledger: logRead(record({ members: [member(2)] })),
    probe: ok(["10.0.0.2"]),
    tokens: ok([shown(2, "a")]),
    write: ok({ kind: "done", at: { kind: "log", template: "lt-1", head: 2, last: 2 } }),
  };
  const registered = afterPerforming(start(), registering);
  assert.deepEqual(registered.memory.did, ["register"]);
  const { perform, made } = stage({});
  const step = next(registered, 0, 0);
  assert.ok(step.kind === "calls");
  step.calls.map(perform);
  assert.deepEqual(made.map(({ kind }) => kind), ["join"]);
});

Deno.test("run: after a join the Engine is looked at anew, and what the ledger held will do", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const joined = afterPerforming(start({ memory: { confirmed: fp("a") } }), {
    ledger: logRead(own),
    probe: ok(["10.0.0.2"]),
    tokens: ok([shown(2, "a")]),
  });
  assert.deepEqual(joined.memory.did, ["join"]);
  assert.deepEqual(Object.keys(joined.facts).sort(), ["answering", "ledger", "tokens"]);
  assert.deepEqual(
    joined.facts.ledger,
    ok({
      kind: "settled",
      record: own,
      at: { kind: "log", template: "lt-1", head: 1, last: 1 },
      serverMs: NOW_MS,
    }),
  );
});

Deno.test("run: after an init only the Engine is looked at anew: founding is a write that compares", () => {
  const inited = afterPerforming(start(), { tokens: ok([shown(1, "z")]) });
  assert.deepEqual(inited.memory.did, ["init"]);
  assert.deepEqual(Object.keys(inited.facts).sort(), ["ledger", "tokens"]);
  const { perform, made } = stage({ engine: ok(managerOf("a")) });
  let step = next(inited, 0, 0);
  while (step.kind === "calls" && step.decision === null) {
    step = next(absorb(step.state, step.calls, step.calls.map(perform), 0), 0, 0);
  }
  assert.deepEqual(made.map(({ kind }) => kind), ["engine"]);
  assert.equal(step.decision?.rule, "found-swarm");
});

Deno.test("run: after it left its swarm for the founded one, the record that it registered in will do", () => {
  const own = record({ members: [member(2), member(1)], nonce: "run-1" });
  const left = afterPerforming(start({ memory: { confirmed: fp("a") } }), {
    engine: ok(managerOf("b")),
    ledger: logRead(own),
  });
  assert.deepEqual(left.memory.did, ["leave"]);
  assert.deepEqual(Object.keys(left.facts), ["ledger"]);
});

Deno.test("run: a new read of the record forgets who answered to the one before", () => {
  const read = absorb(
    { ...start(), facts: { answering: ok(["10.0.0.2"]), tokens: ok([]) } },
    [{ kind: "ledger", missing: [] }],
    [logRead(record())],
    0,
  );
  assert.deepEqual(Object.keys(read.facts).sort(), ["ledger", "tokens"]);
});

Deno.test("run: an init or a join without an answer may have happened, and counts as done by this run", () => {
  assert.deepEqual(afterPerforming(start(), { init: fault("timeout") }).memory.did, ["init"]);
  assert.deepEqual(afterPerforming(start(), { init: fault("refused") }).memory.did, []);
});

Deno.test("run: at its deadline it ends with what it waited for, and looks at nothing more", () => {
  const waiting = afterPerforming(start(), { ledger: fault("denied", "allow ec2:X") }, 1_000);
  const step = next(waiting, config.timeoutMs, 0);
  assert.ok(step.kind === "end");
  assert.deepEqual(step.decision.action, { kind: "fail", exit: 4, afterMs: 0 });
  assert.deepEqual([step.decision.rule, step.decision.because], [
    "permission-missing",
    "allow ec2:X",
  ]);
});

Deno.test("run: an action that comes too late gives way to what kept the run waiting", () => {
  const denied = afterPerforming(start(), { ledger: fault("denied", "allow ec2:X") }, 1_000);
  const { step } = toDecision(
    { ...denied, facts: { engine: ok(managerOf("a")) } },
    {},
    config.timeoutMs,
  );
  assert.ok(step.kind === "end");
  assert.equal(step.decision.rule, "permission-missing");
});

Deno.test("run: a run whose first look takes all its time says what it would have done", () => {
  const { step } = toDecision(start(), { engine: ok(managerOf("a")) }, config.timeoutMs);
  assert.ok(step.kind === "end");
  assert.deepEqual(step.decision.action, { kind: "fail", exit: 3, afterMs: 0 });
  assert.equal(step.decision.rule, "found-swarm");
});

Deno.test("run: after a throttled look only that one is made again", () => {
  const waited = afterPerforming(start(), { ledger: fault("throttled") });
  assert.deepEqual(Object.keys(waited.facts), ["engine", "tokens"]);
  const { step } = toDecision(waited, {});
  assert.ok(step.kind === "calls");
});
