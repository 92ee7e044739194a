/** The loop: what it calls, in which order, and what it remembers of the answers. */
import assert from "node:assert/strict";
import { after, at, begin, callsOf, decide, run } from "../../src/run.ts";
import { ACTS, type AnyAnswer, type Call, type CallKind } from "../../src/calls.ts";
import type { Config, Decision, Memory, Observation } from "../../src/state.ts";
import {
  config,
  fault,
  fp,
  identity,
  instance,
  lifecycle,
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

/** A machine on which no time passes. */
const MACHINE = {
  sleep: () => Promise.resolve(),
  nowMs: () => 0,
  dice: () => 0,
  onDecision: () => {},
};

/** Answers calls by kind; a list is used up from its front, and its last answer stays. */
function stage(script: Script): { perform: (call: Call) => AnyAnswer; made: Call[] } {
  const made: Call[] = [];
  const defaults: Script = {
    identity: ok(identity()),
    lifecycle: ok(null),
    self: ok(instance(1)),
    engine: ok(outside),
    ledger: logRead(),
    tokens: ok([]),
    instances: ok([instance(1), instance(2)]),
    probe: ok([]),
    contents: ok(empty),
    neighbours: ok([]),
    marks: ok([]),
    interfaces: ok([]),
    attest: ok(null),
    remove: ok(null),
    retract: ok(null),
    init: ok(null),
    join: ok(null),
    leave: ok({ kind: "left" }),
    publish: ok(null),
    permissions: ok([]),
    unit: ok(null),
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

/** The next decision that is not a look, and what it stands on. */
function toDecision(
  start: Observation,
  script: Script,
  nowMs = 0,
): { decision: Exclude<Decision, { kind: "look" }>; o: Observation; made: Call[] } {
  const { perform, made } = stage(script);
  let o = at(start, nowMs, 0);
  for (let looks = 0; looks < 20; looks++) {
    const decision = decide(o);
    if (decision.kind !== "look") return { decision, o, made };
    o = after(o, decision, callsOf(decision).map(perform), nowMs);
  }
  throw new Error("no decision after 20 looks");
}

function start(change: { config?: Partial<Config>; memory?: Partial<Memory> } = {}): Observation {
  const o = begin({ ...config, ...change.config }, "run");
  const known = { identity: identity(), lifecycle: lifecycle(null), self: instance(1) };
  return { ...o, memory: { ...o.memory, ...known, ...change.memory } };
}

/** What is known once the decision that this script leads to was carried out with these answers. */
function afterDecision(start: Observation, script: Script, nowMs = 0): Observation {
  const { decision, o } = toDecision(start, script, nowMs);
  return after(o, decision, callsOf(decision).map(stage(script).perform), nowMs);
}

Deno.test("run: from nothing, one manager inits, founds, publishes and is done", async () => {
  const written: ReturnType<typeof record>[] = [];
  let engine = outside;
  const { perform, made } = stage({});
  const ending = await run(begin(config, "run"), {
    ...MACHINE,
    perform: (call) => {
      const answer = perform(call);
      if (call.kind === "init") engine = managerOf("a");
      if (call.kind === "write") written.push(call.record);
      if (call.kind === "engine") return Promise.resolve(ok(engine));
      if (call.kind === "ledger") return Promise.resolve(logRead(...written));
      return Promise.resolve(answer);
    },
  });
  assert.ok(ending.decision.kind === "end");
  assert.equal(ending.decision.rule, "in-order");
  assert.deepEqual(ending.observation.memory.did, ["init", "found", "publish"]);
  const writes = made.filter(({ kind }) => kind in ACTS);
  assert.deepEqual(writes.map(({ kind }) => kind), ["init", "write", "publish"]);
});

Deno.test("run: a dry run ends with its first decision and performs nothing", async () => {
  const { perform, made } = stage({});
  const ending = await run(begin({ ...config, dryRun: true }, "run"), {
    ...MACHINE,
    perform: (call) => Promise.resolve(perform(call)),
  });
  assert.ok(ending.decision.kind === "act");
  assert.equal(ending.decision.rule, "first-manager");
  assert.deepEqual(ending.observation.memory.did, []);
  const reads = [
    "identity",
    "lifecycle",
    "permissions",
    "engine",
    "self",
    "ledger",
    "tokens",
    "instances",
    "neighbours",
    "probe",
    "contents",
  ];
  assert.deepEqual(made.filter(({ kind }) => !reads.includes(kind)), []);
});

/** This node's Engine has been in no swarm for so long that its data root must be there. */
const MOUNTED: Partial<Memory> = {
  steady: { rule: "swarm-missing", because: "", exit: 3, sinceMs: -30_000 },
};

Deno.test("run: own old tokens are taken back before an init, and no init without that", () => {
  const script: Script = { tokens: ok([shown(1, "z")]) };
  const { decision, o } = toDecision(start({ memory: MOUNTED }), script);
  assert.deepEqual(callsOf(decision), [{ kind: "retract" }]);
  const denied = toDecision(after(o, decision, [fault("denied")], 0), script);
  assert.equal(denied.decision.rule, "permission-missing");
  const retracted = after(o, decision, [ok(null)], 0);
  assert.equal(retracted.memory.published, "");
  const { decision: then, made } = toDecision(retracted, script);
  assert.deepEqual(callsOf(then).map(({ kind }) => kind), ["init"]);
  assert.deepEqual(made, [], "all that it knew before it still knows");
});

Deno.test("run: a lost write waits and reads again, and is nothing done", () => {
  const state = afterDecision(start(), {
    engine: ok(managerOf("a")),
    write: ok({ kind: "lost" }),
  });
  assert.deepEqual(state.memory.did, []);
  assert.equal(state.memory.confirmed, null);
  assert.deepEqual(state.facts, {});
  assert.equal(toDecision(state, {}).decision.rule, "write-lost");
});

Deno.test("run: a write that counts confirms the membership; its place in the log is kept", () => {
  const state = afterDecision(start(), { engine: ok(managerOf("a")) });
  assert.equal(state.memory.confirmed, fp("a"));
  assert.deepEqual(
    state.memory.written.map(({ template, number, follows }) => [template, number, follows]),
    [
      ["lt-1", 1, 0],
    ],
  );
});

Deno.test("run: a write whose answer is lost confirms nothing any more", () => {
  const state = afterDecision(start({ memory: { confirmed: fp("a") } }), {
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
  assert.equal(toDecision(unsure, script).o.memory.confirmed, fp("a"));
  const earlier = { ...script, ledger: objectRead(record({ ...mine, nonce: "run-0000" })) };
  assert.equal(toDecision(unsure, earlier).o.memory.confirmed, null);
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
  assert.equal(toDecision(start({ memory }), { ledger: read(1) }).o.memory.confirmed, fp("a"));
  assert.equal(toDecision(start({ memory }), { ledger: read(0) }).o.memory.confirmed, null);
});

Deno.test("run: a swarm in which something has appeared was not left, and all is looked at anew", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const script: Script = { engine: ok(managerOf("b")), ledger: logRead(own) };
  const { decision, o } = toDecision(start({ memory: { confirmed: fp("a") } }), script);
  assert.ok(decision.kind === "act" && decision.call.kind === "leave");
  const contents = { ...empty, services: 1 };
  const held = after(o, decision, [ok({ kind: "holds", contents })], 0);
  assert.deepEqual([held.facts, held.memory.did], [{}, []]);
  const { decision: then } = toDecision(held, { ...script, contents: ok(contents) });
  assert.equal(then.rule, "swarm-conflict");
});

Deno.test("run: a failed join is remembered with its reason, and is no fault of the run", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const state = afterDecision(start({ memory: { confirmed: fp("a") } }), {
    ledger: logRead(own),
    probe: ok(["10.0.0.2"]),
    tokens: ok([shown(2, "a")]),
    join: fault("rejected"),
  }, 5);
  assert.deepEqual(state.memory.failures, [{
    address: "10.0.0.2",
    digest: "a-m",
    kind: "rejected",
    message: "a rejected call",
    atMs: 5,
  }]);
  assert.equal(state.memory.fault, null);
  assert.deepEqual(state.memory.did, []);
});

Deno.test("run: an attempt in the background is timed from when it is first seen, and forgotten when it ends", () => {
  const pending = { engine: ok({ ...outside, state: "pending" as const }) };
  const first = toDecision(start(), pending, 1_000).o;
  assert.equal(first.memory.attemptMs, 1_000);
  const later = toDecision({ ...first, facts: {} }, pending, 3_000).o;
  assert.equal(later.memory.attemptMs, 1_000);
  const ended = toDecision({ ...later, facts: {} }, {}, 4_000).o;
  assert.equal(ended.memory.attemptMs, null);
});

Deno.test("run: what keeps it waiting is timed across rounds, until something succeeds", () => {
  const denied: Script = { ledger: fault("denied") };
  const first = afterDecision(start(), denied, 1_000);
  const steady = {
    rule: "permission-missing",
    because: "a denied call",
    exit: 4,
    sinceMs: 1_000,
  };
  assert.deepEqual(first.memory.steady, steady);
  assert.equal(first.memory.waits, 1);
  const second = afterDecision(first, denied, 9_000);
  assert.deepEqual(second.memory.steady, steady);
  const done = afterDecision(second, {}, 10_000);
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
  const o = afterDecision(start(), { ledger: gap });
  assert.deepEqual(o.memory.missing, [2]);
  const { made, o: filled } = toDecision(o, { ledger: logRead(record(), record()) });
  assert.deepEqual(made.find(({ kind }) => kind === "ledger"), { kind: "ledger", missing: [2] });
  assert.deepEqual(filled.memory.missing, []);
});

Deno.test("run: an instance in a warm pool is asked where it is to be again, and who it is as long as that may change", () => {
  const warm = afterDecision(begin(config, "run"), { lifecycle: ok(lifecycle("Warmed:Running")) });
  assert.deepEqual(warm.memory.lifecycle, lifecycle("Warmed:Running"));
  assert.equal(warm.memory.steady?.rule, "warm-pool");
  const { made, o } = toDecision(warm, { lifecycle: ok(lifecycle("InService")) });
  assert.deepEqual(made.slice(0, 2).map(({ kind }) => kind), ["identity", "lifecycle"]);
  assert.deepEqual(o.memory.lifecycle, lifecycle("InService"));
  const later = toDecision({ ...o, facts: {} }, {});
  assert.ok(!later.made.some(({ kind }) => kind === "identity"));
});

Deno.test("run: what was written is what the ledger holds: the round goes on without another read", () => {
  const registering: Script = {
    ledger: logRead(record({ members: [member(2)] })),
    probe: ok(["10.0.0.2"]),
    tokens: ok([shown(2, "a")]),
    write: ok({ kind: "done", at: { kind: "log", template: "lt-1", head: 2, last: 2 } }),
  };
  const registered = afterDecision(start(), registering);
  assert.deepEqual(registered.memory.did, ["register"]);
  assert.deepEqual(callsOf(decide(registered)).map(({ kind }) => kind), ["join"]);
});

Deno.test("run: after a join the Engine is looked at anew, and what the ledger held will do", () => {
  const own = record({ members: [member(1), member(2)], nonce: "run-1" });
  const joined = afterDecision(start({ memory: { confirmed: fp("a") } }), {
    ledger: logRead(own),
    probe: ok(["10.0.0.2"]),
    tokens: ok([shown(2, "a")]),
  });
  assert.deepEqual(joined.memory.did, ["join"]);
  assert.deepEqual(Object.keys(joined.facts).sort(), ["ledger", "tokens"]);
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
  const retracted = afterDecision(start({ memory: MOUNTED }), { tokens: ok([shown(1, "z")]) });
  const inited = afterDecision(retracted, {});
  assert.deepEqual(inited.memory.did, ["retract", "init"]);
  assert.deepEqual(Object.keys(inited.facts).sort(), ["ledger", "neighbours", "tokens"]);
  const { decision, made } = toDecision(inited, { engine: ok(managerOf("a")) });
  assert.deepEqual(made.map(({ kind }) => kind), ["engine"]);
  assert.equal(decision.rule, "found-swarm");
});

Deno.test("run: after it left its swarm for the founded one, the record that it registered in will do", () => {
  const own = record({ members: [member(2), member(1)], nonce: "run-1" });
  const left = afterDecision(start({ memory: { confirmed: fp("a") } }), {
    engine: ok(managerOf("b")),
    ledger: logRead(own),
  });
  assert.deepEqual(left.memory.did, ["leave"]);
  assert.deepEqual(Object.keys(left.facts), ["ledger"]);
});

Deno.test("run: a new read of the record forgets who answered to the one before", () => {
  const known = { ...start(), facts: { probe: ok(["10.0.0.2"]), tokens: ok([]) } };
  const look: Decision = { kind: "look", calls: [{ kind: "ledger", missing: [] }] };
  const read = after(known, look, [logRead(record())], 0);
  assert.deepEqual(Object.keys(read.facts).sort(), ["ledger", "tokens"]);
});

Deno.test("run: an init or a join without an answer may have happened, and counts as done by this run", () => {
  assert.deepEqual(afterDecision(start(), { init: fault("timeout") }).memory.did, ["init"]);
  assert.deepEqual(afterDecision(start(), { init: fault("refused") }).memory.did, []);
});

Deno.test("run: at its deadline it ends with what it waited for, and looks at nothing more", () => {
  const waiting = afterDecision(start(), { ledger: fault("denied", "allow ec2:X") }, 1_000);
  const decision = decide(at(waiting, config.timeoutMs, 0));
  assert.ok(decision.kind === "end");
  assert.deepEqual([decision.exit, decision.rule, decision.because], [
    4,
    "permission-missing",
    "allow ec2:X",
  ]);
});

Deno.test("run: an act that comes too late gives way to what kept the run waiting", () => {
  const denied = afterDecision(start(), { ledger: fault("denied", "allow ec2:X") }, 1_000);
  const late = { ...denied, facts: { engine: ok(managerOf("a")) } };
  const { decision } = toDecision(late, {}, config.timeoutMs);
  assert.equal(decision.kind, "end");
  assert.equal(decision.rule, "permission-missing");
});

Deno.test("run: a run whose first look takes all its time says what it would have done", () => {
  const { decision } = toDecision(start(), { engine: ok(managerOf("a")) }, config.timeoutMs);
  assert.ok(decision.kind === "end");
  assert.deepEqual([decision.exit, decision.rule], [3, "found-swarm"]);
});

Deno.test("run: after a throttled look only that one is made again", () => {
  const waited = afterDecision(start(), { ledger: fault("throttled") });
  assert.deepEqual(Object.keys(waited.facts), ["engine", "tokens"]);
  const { made } = toDecision(waited, {});
  assert.deepEqual(made.map(({ kind }) => kind), ["ledger", "neighbours"], "and what comes next");
});

Deno.test("run: a throttled look at this instance's tags is made again, and is no sign that it has none", () => {
  const waited = afterDecision(start({ memory: { self: null } }), { self: fault("throttled") });
  const { decision, made } = toDecision(waited, {});
  assert.equal(made[0]?.kind, "self");
  assert.equal(decision.rule, "first-manager");
});

Deno.test("run: a look that failed otherwise is waited for, and all is looked at anew", () => {
  const waited = afterDecision(start(), { ledger: fault("unreachable") });
  assert.deepEqual(waited.facts, {});
});

Deno.test("run: it sleeps for as long as was decided, and tells each decision before it is carried out", async () => {
  const slept: number[] = [];
  const told: Decision["kind"][] = [];
  const { perform } = stage({ engine: [fault("no-socket"), ok(managerOf("a"))] });
  await run(start(), {
    ...MACHINE,
    sleep: (ms) => {
      assert.equal(told.at(-1), "wait");
      slept.push(ms);
      return Promise.resolve();
    },
    perform: (call) => Promise.resolve(call.kind === "ledger" ? logRead() : perform(call)),
    onDecision: (decision) => told.push(decision.kind),
  });
  assert.deepEqual(slept, [100]);
  assert.deepEqual(told.slice(0, 3), ["look", "wait", "look"]);
  assert.equal(told.at(-1), "end");
});

Deno.test("run: a call without an answer is a defect", () => {
  const { decision, o } = toDecision(start(), {});
  assert.throws(() => after(o, decision, [], 0), /"init" was given no answer/);
});

Deno.test("run: across a wait it remembers which hooks it completed, and asks Auto Scaling anew for all else", () => {
  const hook = {
    group: "managers",
    state: "Terminating:Wait",
    hooks: ["one", "two"].map((name) => ({
      name,
      transition: "terminating" as const,
      heartbeatMs: 60_000,
    })),
  };
  const going = start({
    config: { goal: "leave", role: "worker" },
    memory: { lifecycle: lifecycle("Terminated"), did: ["leave"], said: "nothing" },
  });
  const said: Script = {
    lifecycle: ok(lifecycle("Terminated")),
    engine: ok(outside),
    ledger: logRead(),
    hook: ok(hook),
  };
  const one = afterDecision(going, { ...said, complete: ok(null) });
  const two = afterDecision(one, { ...said, complete: fault("unreachable") });
  assert.deepEqual(two.memory.told.map(({ hook, fault }) => [hook, fault?.kind]), [
    ["one", undefined],
    ["two", "unreachable"],
  ]);
  const { decision, o } = toDecision(two, said);
  assert.deepEqual([decision.kind, decision.rule], ["wait", "hook-pending"]);
  const waited = after({ ...o, facts: { ...o.facts, hook: ok(hook) } }, decision, [], 0);
  assert.deepEqual(waited.memory.told.map(({ hook }) => hook), ["one"]);
  const again = toDecision(waited, said);
  assert.ok(again.made.some(({ kind }) => kind === "hook"));
  assert.ok(again.decision.kind === "act" && again.decision.call.kind === "complete");
  assert.equal(again.decision.call.hook, "two");
  for (const keeps of ["answers", "others", "nothing"] as const) {
    const wait = { ...decision, keeps } as Extract<Decision, { kind: "wait" }>;
    assert.equal(after({ ...o, facts: { hook: ok(hook) } }, wait, [], 0).facts.hook, undefined);
  }
});
