/** What a run remembers: only what could not be observed again. */
import assert from "node:assert/strict";
import type { Act, LookKind, Told, UpdateKind } from "../../src/calls.ts";
import {
  acted,
  confirmedBy,
  failed,
  listed,
  membershipIn,
  newMemory,
  recognised,
  remembered,
  steadyOf,
} from "../../src/memory.ts";
import { FAULT_KINDS, type Memory, type Waiting } from "../../src/state.ts";
import type { LedgerRead } from "../../src/founding.ts";
import {
  fault,
  fp,
  identity,
  instance,
  managerOf,
  mark,
  member,
  memory,
  NOW_MS,
  ok,
  outside,
  record,
} from "../support/observations.ts";

const INIT: Act = { kind: "init", advertiseAddr: "10.0.0.1", pools: [] };
const JOIN: Act = {
  kind: "join",
  address: "10.0.0.2",
  token: mark("a", "m"),
  advertiseAddr: "10.0.0.1",
};
const WRITE: Act = {
  kind: "write",
  as: "register",
  record: record({ nonce: "run-7" }),
  at: { kind: "none" },
};
const PUBLISH: Act = { kind: "publish", manager: mark("a", "m"), worker: mark("a", "w") };
const LEAVE: Act = { kind: "leave", force: false, onlyEmpty: true };
const REFUSED = fault("refused").fault;

type Look = Told<Exclude<LookKind, "ledger">>;

function instancesLook(ids: string[], ...shown: ReturnType<typeof instance>[]): Look {
  return {
    kind: "instances",
    call: { kind: "instances", ids, addresses: [] },
    answer: ok(shown),
  };
}

Deno.test("memory: who was once shown as terminated stays so, whatever an older read shows later", () => {
  const dead = instance(2, { state: "terminated" });
  const first = remembered(newMemory("run"), instancesLook(["i-1", "i-2"], instance(1), dead), 0);
  assert.deepEqual(first.memory.terminated, ["i-2"]);
  const stale = instancesLook(["i-1", "i-2"], instance(1), instance(2));
  const second = remembered(first.memory, stale, 0);
  assert.ok(second.answer.ok && Array.isArray(second.answer.value));
  assert.deepEqual(second.memory.terminated, ["i-2"]);
  assert.deepEqual(second.answer.value, [
    instance(1),
    instance(2, {
      state: "terminated",
      address: null,
      roleTag: null,
      launchMs: null,
      placement: null,
    }),
  ]);
});

Deno.test("memory: the terminated are among what is answered only when they were asked for", () => {
  const knowing = { ...newMemory("run"), terminated: ["i-2"] };
  const { answer } = remembered(knowing, instancesLook(["i-1"], instance(1)), 0);
  assert.deepEqual(answer, ok([instance(1)]));
});

Deno.test("memory: this instance's tags stay known when EC2 does not show it for once", () => {
  const look: Look = { kind: "self", call: { kind: "self" }, answer: ok(null) };
  assert.deepEqual(remembered(memory, look, 0).memory.self, memory.self);
});

Deno.test("memory: an attempt counts from when it was first seen; a member that starts up is none", () => {
  const seen = (memory: Memory, engine: typeof outside, nowMs: number): number | null => {
    const look: Look = { kind: "engine", call: { kind: "engine" }, answer: ok(engine) };
    return remembered(memory, look, nowMs).memory.attemptMs;
  };
  const pending = { ...outside, state: "pending" as const };
  assert.equal(seen(memory, pending, 5), 5);
  assert.equal(seen({ ...memory, attemptMs: 5 }, pending, 9), 5);
  assert.equal(seen({ ...memory, attemptMs: 5 }, { ...pending, nodeId: "n" }, 9), null);
  assert.equal(seen({ ...memory, attemptMs: 5 }, outside, 9), null);
});

Deno.test("memory: an Engine that is not heard is not known to attempt anything", () => {
  const look: Look = { kind: "engine", call: { kind: "engine" }, answer: fault("timeout") };
  assert.equal(remembered({ ...memory, attemptMs: 5 }, look, 9).memory.attemptMs, null);
});

Deno.test("memory: an act that went well is something done, and ends what kept the run waiting", () => {
  const steady = { rule: "throttled", because: "", exit: 3, sinceMs: 1 } as const;
  const after = acted({ ...memory, steady, waits: 4 }, INIT);
  assert.deepEqual([after.did, after.steady, after.waits], [["init"], null, 0]);
  assert.deepEqual(acted(memory, WRITE).did, ["register"], "a write is called what it is for");
});

Deno.test("memory: who was demoted or removed is reaped, once; who demotes itself leaves", () => {
  const change = (as: UpdateKind, nodeId: string): Act => ({
    kind: "update",
    as,
    nodeId,
    version: 1,
    change: {},
  });
  const acts: Act[] = [
    change("label", "node-4"),
    change("demote", "node-2"),
    { kind: "remove", nodeId: "node-2" },
    { kind: "remove", nodeId: "node-3" },
    change("drain", "node-5"),
    change("demote", "node-1"),
  ];
  const after = acts.reduce((known, act) => acted(known, act, "node-1"), memory);
  assert.deepEqual(after.reaped, ["node-2", "node-3"]);
  assert.deepEqual(after.did, ["label", "demote", "remove", "remove", "drain", "demote"]);
  const lost = failed(memory, { kind: "remove", nodeId: "node-2" }, fault("refused").fault, 0);
  assert.deepEqual(lost.reaped, []);
});

Deno.test("memory: which tokens were published is known until they are taken back", () => {
  const published = acted(memory, PUBLISH);
  assert.equal(published.published, "a-m a-w");
  assert.equal(acted(published, { kind: "retract" }).published, "");
});

Deno.test("memory: what may have happened counts as done, all else does not", () => {
  const maybe = ["unreachable", "timeout", "pending", "busy"];
  for (const kind of FAULT_KINDS) {
    const { did, fault: kept } = failed(memory, INIT, { kind, message: "" }, 0);
    assert.deepEqual(did, maybe.includes(kind) ? ["init"] : [], kind);
    assert.equal(kept?.kind, kind);
  }
});

Deno.test("memory: a write whose answer is lost is nothing done, confirms nothing, and is named", () => {
  const after = failed({ ...memory, confirmed: fp("a") }, WRITE, fault("timeout").fault, 0);
  assert.deepEqual([after.did, after.confirmed, after.unknown], [[], null, "run-7"]);
});

Deno.test("memory: a join that failed is held against its address and token, and not against the run", () => {
  const { failures, fault: kept } = failed(memory, JOIN, REFUSED, 7);
  assert.deepEqual(failures, [
    { address: "10.0.0.2", digest: "a-m", kind: "refused", message: REFUSED.message, atMs: 7 },
  ]);
  assert.equal(kept, null);
});

Deno.test("memory: a join that this machine can't make is no failure of whom it asked", () => {
  for (const kind of ["unusable", "clock", "denied"] as const) {
    const ours = { kind, message: "live-restore" };
    const after = failed(memory, JOIN, ours, 7);
    assert.deepEqual([after.failures, after.fault], [[], ours]);
  }
});

Deno.test("memory: a dead node that is not removed is left alone, and is no fault of the run", () => {
  const after = failed(memory, { kind: "remove", nodeId: "node-9" }, REFUSED, 7);
  assert.deepEqual([after.kept, after.fault], [["node-9"], null]);
});

Deno.test("memory: who is listed before its run has done anything was a member; by its own doing it is not", () => {
  const own = record();
  assert.equal(listed(memory, own).wasMember, true);
  assert.equal(listed(memory, null).wasMember, false);
  assert.equal(listed(memory, record({ members: [member(2)] })).wasMember, false);
  assert.equal(listed({ ...memory, did: ["register"] }, own).wasMember, false);
  assert.equal(acted({ ...memory, wasMember: true }, LEAVE).wasMember, false);
});

Deno.test("memory: an Engine in error without a word, and with a node id, is well", () => {
  const said = { ...managerOf("a"), state: "error" as const };
  const call = { kind: "engine" as const };
  const seen = remembered(memory, { kind: "engine", call, answer: ok(said) }, 0);
  assert.deepEqual(seen.answer, ok({ ...said, state: "active" }));
  for (const change of [{ error: "its words" }, { nodeId: "" }]) {
    const answer = ok({ ...said, ...change });
    assert.deepEqual(remembered(memory, { kind: "engine", call, answer }, 0).answer, answer);
  }
});

Deno.test("memory: it holds the last fifty joins that failed, and no more", () => {
  let after: Memory = memory;
  for (let nowMs = 0; nowMs < 60; nowMs++) after = failed(after, JOIN, REFUSED, nowMs);
  assert.deepEqual(
    after.failures.map(({ atMs }) => atMs),
    Array.from({ length: 50 }, (_, i) => i + 10),
  );
});

Deno.test("memory: old versions are tried to be deleted once in a run, and a refusal stands in nobody's way", () => {
  const trim: Act = { kind: "trim", template: "lt-1", numbers: [2] };
  for (const after of [acted(memory, trim), failed(memory, trim, fault("denied").fault, 5)]) {
    assert.deepEqual([after.did, after.fault], [["trim"], null]);
  }
});

function logRead(...entries: [number, number, ReturnType<typeof record>][]): LedgerRead {
  return {
    kind: "log",
    template: "lt-1",
    entries: entries.map(([number, follows, record]) => ({
      number,
      follows,
      record,
      newer: false,
    })),
    serverMs: NOW_MS,
  };
}

Deno.test("memory: a lost write is known again by its nonce, wherever it came to stand in the log", () => {
  const unsure = { ...memory, unknown: "run-7" };
  const read = logRead([1, 0, record({ nonce: "x" })], [2, 1, record({ nonce: "run-7" })]);
  const after = recognised(unsure, read);
  assert.equal(after.unknown, null);
  assert.deepEqual(after.written.map(({ number, follows }) => [number, follows]), [[2, 1]]);
  assert.deepEqual(recognised(unsure, logRead([1, 0, record({ nonce: "x" })])), unsure);
});

Deno.test("memory: a write of this run confirms its membership once it counts, and is the last one", () => {
  const own = record({ members: [member(1)], nonce: "run-7" });
  const written = [{ template: "lt-1", number: 2, record: own, follows: 1 }];
  const first = record({ members: [member(2)] });
  const counts = logRead([1, 0, first], [2, 1, own]);
  const lost = logRead([1, 0, first], [2, 0, own]);
  assert.equal(confirmedBy(counts, { ...memory, written }), fp("a"));
  assert.equal(confirmedBy(lost, { ...memory, written }), null);
  assert.equal(confirmedBy(counts, { ...memory, written, unknown: "run-8" }), null);
  assert.equal(confirmedBy(counts, memory), null);
});

Deno.test("memory: a record confirms the membership of whom it lists by the instance's id", () => {
  const known = { ...memory, identity: identity(1) };
  assert.equal(membershipIn(record({ members: [member(1)] }), known), fp("a"));
  assert.equal(membershipIn(record({ members: [member(2)] }), known), null);
  const byAddress = member(1, { instance: null });
  assert.equal(membershipIn(record({ members: [byAddress] }), known), null);
});

Deno.test("memory: the same rule is timed from its first wait, whatever it says; another one anew", () => {
  const wait: Waiting = {
    kind: "wait",
    ms: 1,
    exit: 3,
    keeps: "nothing",
    rule: "members-silent",
    because: "i-2 is silent",
  };
  const first = steadyOf(memory, wait, 5);
  assert.deepEqual(first, {
    rule: "members-silent",
    because: "i-2 is silent",
    exit: 3,
    sinceMs: 5,
  });
  const later = steadyOf({ ...memory, steady: first }, { ...wait, because: "i-3 is silent" }, 9);
  assert.deepEqual([later?.sinceMs, later?.because], [5, "i-3 is silent"]);
  const other = steadyOf({ ...memory, steady: first }, { ...wait, rule: "throttled" }, 9);
  assert.equal(other?.sinceMs, 9);
});

const COMPLETE: Act = { kind: "complete", group: "managers", hook: "leave" };
const HEARTBEAT: Act = { kind: "heartbeat", group: "managers", hook: "leave" };

function hookLook(state: string): Look {
  const hook = { group: "managers", state, hooks: [] };
  return { kind: "hook", call: { kind: "hook" }, answer: ok(hook) };
}

Deno.test("memory: what Auto Scaling was told leaves what the run waits for, and is no fault of it", () => {
  const waiting: Memory = {
    ...memory,
    waits: 3,
    steady: { rule: "tasks-running", because: "2 tasks", exit: 3, sinceMs: 0 },
  };
  const beaten = acted(waiting, HEARTBEAT);
  assert.deepEqual(beaten, {
    ...waiting,
    did: ["heartbeat"],
    told: [{ act: "heartbeat", hook: "leave", fault: null }],
  });
  const refused = failed(waiting, COMPLETE, REFUSED, 7);
  assert.deepEqual(refused, {
    ...waiting,
    told: [{ act: "complete", hook: "leave", fault: REFUSED }],
  });
});

Deno.test("memory: what was told of a hook counts while the instance is held by it", () => {
  const told = acted(remembered(memory, hookLook("Warmed:Pending:Wait"), 5).memory, COMPLETE);
  assert.equal(told.hookMs, 5);
  assert.equal(remembered(told, hookLook("Warmed:Pending:Wait"), 9).memory.told.length, 1);
  assert.deepEqual(remembered(told, hookLook("Pending:Wait"), 9).memory.told, []);
  const unsaid: Look = { kind: "hook", call: { kind: "hook" }, answer: fault("denied") };
  const after = remembered(told, unsaid, 9).memory;
  assert.deepEqual(after, { ...told, hookMs: 9 });
});
