/** decide: how a worker leaves, when, and what becomes of a leave that was not carried through. */
import assert from "node:assert/strict";
import { decided, held, looks, recordOf, table } from "../table.ts";
import {
  fault,
  founded,
  instance,
  managerOf,
  member,
  observation,
  ok,
  outside,
  shown,
  workerOf,
} from "../../../support/observations.ts";
import type { Config, Facts, Memory, Observation } from "../../../../src/state.ts";

/** Worker 1 of a swarm whose manager is 2. */
function leaving(
  change: {
    config?: Partial<Config>;
    facts?: Partial<Facts>;
    memory?: Partial<Memory>;
    nowMs?: number;
  } = {},
): Observation {
  return observation({
    config: { goal: "leave", role: "worker", ...change.config },
    memory: change.memory ?? {},
    nowMs: change.nowMs ?? 10_000,
    facts: {
      engine: ok(workerOf("a")),
      ledger: founded({ members: [member(2)] }),
      probe: ok(["10.0.0.2"]),
      ...change.facts,
    },
  });
}

const said = { memory: { said: "leaves" as const } };
const tasks = { contents: ok({ tasks: 2 }) };
const marked = { ledger: founded({ members: [member(1, { leaving: true }), member(2)] }) };
const asked = { config: { ifTerminating: true } };

table("a worker leaves", [
  { name: "it says so first", state: leaving(), want: ["announce", "announce-leave"] },
  {
    name: "its word is shown already, from a run that was lost: goes on",
    state: leaving({ facts: { words: ok([{ instance: "i-1", nodeId: "node-1", leaves: true }]) } }),
    want: ["leave", "leave-swarm"],
  },
  {
    name: "it said that it stays, from an earlier leave: says that it leaves",
    state: leaving({
      facts: { words: ok([{ instance: "i-1", nodeId: "node-1", leaves: false }]) },
    }),
    want: ["announce", "announce-leave"],
  },
  {
    name: "its word could not be said: goes on without",
    state: leaving({ memory: { said: "unheard" }, facts: tasks }),
    want: ["wait", "tasks-running"],
  },
  {
    name: "the record can't be read: waits for it",
    state: leaving({ facts: { ledger: fault("unreachable") } }),
    want: ["wait", "unreachable"],
  },
  {
    name: "half of its time is over, and the record can't be read: goes all the same",
    state: leaving({ ...said, facts: { ledger: fault("unreachable") }, nowMs: 301_000 }),
    want: ["leave", "leave-swarm"],
  },
  { name: "nothing runs here: leaves", state: leaving(said), want: ["leave", "leave-swarm"] },
  {
    name: "tasks run here: waits for a manager to move them",
    state: leaving({ ...said, facts: tasks }),
    want: ["wait", "tasks-running"],
    because: "2 tasks",
  },
  {
    name: "half of its time is over: stops them",
    state: leaving({ ...said, facts: tasks, nowMs: 301_000 }),
    want: ["stop", "stop-tasks"],
  },
  {
    name: "they were stopped, and the swarm has started others here: leaves at once",
    state: leaving({ memory: { said: "leaves", did: ["stop"] }, facts: tasks, nowMs: 310_000 }),
    want: ["leave", "leave-swarm"],
  },
  {
    name: "its time is nearly over: a leave would kill them at once, so they are stopped first",
    state: leaving({ ...said, facts: tasks, nowMs: 590_000 }),
    want: ["stop", "stop-tasks"],
  },
  {
    name: "it was a manager, and was demoted for it: its mark was its word",
    state: leaving({ config: { role: "manager" }, facts: marked }),
    want: ["leave", "leave-swarm"],
  },
  {
    name: "its Engine has been coming up for a minute: leaves",
    state: leaving({
      memory: { startingMs: 10_000 - 60_000 + 0 },
      facts: { engine: ok({ ...workerOf("a"), state: "pending" }) },
    }),
    want: ["leave", "leave-swarm"],
  },
]);

table("a manager that was demoted and whose Engine errs", [
  {
    name: "it tries to come back, as its certificate is a manager's still: waited for",
    state: leaving({
      config: { role: "manager" },
      facts: {
        ...marked,
        engine: ok({
          ...managerOf("a"),
          swarm: null,
          state: "error",
          error: "can't initialize raft",
        }),
      },
    }),
    want: ["wait", "engine-starting"],
  },
]);

table("it has left", [
  {
    name: "and the record lists it: withdraws",
    state: leaving({
      config: { role: "manager" },
      memory: { did: ["leave"] },
      facts: { ...marked, engine: ok(outside) },
    }),
    want: ["withdraw", "withdraw-member"],
  },
  {
    name: "in another run: looks again for a while, its data root may not be mounted",
    state: leaving({ config: { role: "manager" }, facts: { ...marked, engine: ok(outside) } }),
    want: ["wait", "swarm-missing"],
  },
  {
    name: "that has held: withdraws",
    state: leaving({
      config: { role: "manager" },
      memory: held("swarm-missing", 30_000),
      facts: { ...marked, engine: ok(outside) },
    }),
    want: ["withdraw", "withdraw-member"],
  },
  {
    name: "the record, which may be an old one, does not list it: looks again for a while",
    state: leaving({ config: { role: "manager" }, facts: { engine: ok(outside) } }),
    want: ["wait", "swarm-missing"],
  },
  {
    name: "and it shows tokens: takes them away",
    state: leaving({
      config: { role: "manager" },
      memory: { did: ["leave"] },
      facts: { engine: ok(outside), tokens: ok([shown(1, "a")]) },
    }),
    want: ["retract", "withdraw-tokens"],
  },
  {
    name: "and its word is shown: takes it back",
    state: leaving({
      facts: {
        engine: ok(outside),
        words: ok([{ instance: "i-1", nodeId: "node-1", leaves: true }]),
      },
    }),
    want: ["announce", "withdraw-word"],
  },
  {
    name: "it is in no swarm, and nothing says so: done",
    state: leaving({ facts: { engine: ok(outside) } }),
    want: ["done", "out"],
  },
]);

table("only if it is told to go", [
  {
    name: "nobody says so: nothing is done",
    state: leaving({ ...asked, facts: { self: ok(instance(1)) } }),
    want: ["done", "not-going"],
  },
  {
    name: "Auto Scaling does: leaves",
    state: leaving({
      ...asked,
      facts: { self: ok(instance(1)) },
      memory: { lifecycle: { target: "Terminated", spot: null } },
    }),
    want: ["announce", "announce-leave"],
  },
  {
    name: "a spot notice does: leaves",
    state: leaving({ ...asked, memory: { lifecycle: { target: null, spot: "terminate" } } }),
    want: ["announce", "announce-leave"],
  },
  {
    name: "a spot notice to stop: nothing is done",
    state: leaving({
      ...asked,
      facts: { self: ok(instance(1)) },
      memory: { lifecycle: { target: null, spot: "stop" } },
    }),
    want: ["done", "not-going"],
  },
  {
    name: "it goes to Standby: nothing is done",
    state: leaving({
      ...asked,
      facts: { self: ok(instance(1)) },
      memory: { lifecycle: { target: "Standby", spot: null } },
    }),
    want: ["done", "not-going"],
  },
  {
    name: "EC2 says that it is shutting down: leaves",
    state: leaving({ ...asked, facts: { self: ok(instance(1, { state: "shutting-down" })) } }),
    want: ["announce", "announce-leave"],
  },
  {
    name: "EC2 has said so, and can't be asked any more: goes on",
    state: leaving({
      ...asked,
      memory: { self: instance(1, { state: "shutting-down" }) },
      facts: { self: fault("unreachable") },
    }),
    want: ["announce", "announce-leave"],
  },
  {
    name: "it has begun, and EC2 shows an older word: goes on",
    state: leaving({
      ...asked,
      memory: { did: ["announce"], said: "leaves" },
      facts: { self: ok(instance(1)) },
    }),
    want: ["leave", "leave-swarm"],
  },
  {
    name: "EC2 says that it is stopping: nothing is done",
    state: leaving({ ...asked, facts: { self: ok(instance(1, { state: "stopping" })) } }),
    want: ["done", "not-going"],
  },
  {
    name: "EC2 can't be asked: nobody has said so",
    state: leaving({ ...asked, facts: { self: fault("denied") } }),
    want: ["done", "not-going"],
  },
  {
    name: "the metadata can't be asked: nobody has said so",
    state: leaving({
      ...asked,
      memory: { identity: null, lifecycle: null },
      facts: { identity: fault("unreachable"), lifecycle: fault("unreachable") },
    }),
    want: ["done", "not-going"],
  },
]);

Deno.test("only if it is told to go: neither the Engine nor the record is asked before that is known", () => {
  const state = leaving({ ...asked, memory: { identity: null, lifecycle: null } });
  assert.deepEqual(looks({ ...state, facts: {} }), ["identity", "lifecycle"]);
});

Deno.test("it has left: the record that it writes has the others only", () => {
  const record = recordOf(leaving({
    config: { role: "manager" },
    memory: { did: ["leave"] },
    facts: { ...marked, engine: ok(outside) },
  }));
  assert.deepEqual(record.members.map(({ instance }) => instance), ["i-2"]);
});

Deno.test("a worker leaves: nothing is ever left by force", () => {
  for (const nowMs of [10_000, 590_000]) {
    const did = nowMs > 10_000 ? { facts: tasks, memory: { said: "leaves", did: ["stop"] } } : said;
    const decision = decided(leaving({ ...did as typeof said, nowMs }));
    assert.ok(decision.kind === "act" && decision.call.kind === "leave");
    assert.equal(decision.call.force, false);
    assert.equal(decision.call.onlyEmpty, nowMs === 10_000);
  }
});

const going = { target: "Terminated", spot: null };
table("a join of a machine that is told to go", [
  {
    name: "EC2 says so: joins nothing",
    state: observation({ memory: { self: instance(1, { state: "shutting-down" }) } }),
    want: ["fail", "going"],
    because: "EC2 says that i-1 goes",
    exit: 3,
  },
  {
    name: "joins nothing",
    state: observation({ memory: { lifecycle: going } }),
    want: ["fail", "going"],
    exit: 3,
  },
]);

const role = { role: "manager" as const };
const demoted: Partial<Facts> = { engine: ok(workerOf("a")), ...marked };
table("a join after a leave that was not carried through", [
  {
    name: "a worker that has said that it leaves: says that it stays",
    state: observation({
      config: { role: "worker" },
      facts: {
        engine: ok(workerOf("a")),
        ledger: founded({ members: [member(2)] }),
        probe: ok(["10.0.0.2"]),
        words: ok([{ instance: "i-1", nodeId: "node-1", leaves: true }]),
      },
    }),
    want: ["announce", "undo-leave"],
  },
  {
    name: "a manager that was demoted for it: goes out, to come back as one",
    state: observation({ config: role, facts: { ...demoted, probe: ok(["10.0.0.2"]) } }),
    want: ["leave", "undo-leave"],
  },
  {
    name: "the same, while tasks run here: waits until they have moved",
    state: observation({
      config: role,
      facts: { ...demoted, probe: ok(["10.0.0.2"]), contents: ok({ tasks: 1 }) },
    }),
    want: ["wait", "tasks-running"],
  },
]);

const handDemoted: Partial<Facts> = {
  engine: ok(workerOf("a")),
  ledger: founded({ members: [member(1), member(2)] }),
  probe: ok([]),
};
const ec2 = (state: "terminated" | "running" | "stopped"): NonNullable<Facts["instances"]> =>
  ok([instance(1), instance(2, { state })]);
table("a manager that somebody demoted, in a swarm without managers", [
  {
    name: "the other one is gone: looks again for three minutes",
    state: observation({ config: role, facts: { ...handDemoted, instances: ec2("terminated") } }),
    want: ["wait", "managers-lost"],
  },
  {
    name: "that has held: leaves, and then founds anew",
    state: observation({
      config: role,
      memory: held("managers-lost", 180_000),
      facts: { ...handDemoted, instances: ec2("terminated") },
    }),
    want: ["leave", "managers-lost"],
  },
  {
    name: "the other one runs and does not answer, as it was demoted too: the same",
    state: observation({
      config: role,
      memory: held("managers-lost", 180_000),
      facts: { ...handDemoted, instances: ec2("running") },
    }),
    want: ["leave", "managers-lost"],
  },
  {
    name: "the other one is stopped: it may come back, and is waited for",
    state: observation({ config: role, facts: { ...handDemoted, instances: ec2("stopped") } }),
    want: ["wait", "managers-silent"],
  },
  {
    name: "tasks run here: a person decides",
    state: observation({
      config: role,
      memory: held("managers-lost", 180_000),
      facts: { ...handDemoted, instances: ec2("terminated"), contents: ok({ tasks: 1 }) },
    }),
    want: ["fail", "managers-lost"],
    exit: 5,
  },
  {
    name: "tasks run here, and may be given up: leaves",
    state: observation({
      config: { ...role, abandonTasks: true },
      memory: held("managers-lost", 180_000),
      facts: { ...handDemoted, instances: ec2("terminated"), contents: ok({ tasks: 1 }) },
    }),
    want: ["leave", "managers-lost"],
  },
  {
    name: "its Engine has no worker's certificate yet, and nobody is left to give it one: the same",
    state: observation({
      config: role,
      memory: held("managers-lost", 180_000),
      facts: {
        ...handDemoted,
        engine: ok({ ...managerOf("a"), swarm: null }),
        instances: ec2("terminated"),
      },
    }),
    want: ["leave", "managers-lost"],
  },
  {
    name: "its Engine says that there is no quorum: it votes, and the others are waited for",
    state: observation({
      config: role,
      memory: held("managers-lost", 180_000),
      facts: {
        ...handDemoted,
        engine: ok({ ...managerOf("a"), swarm: null, trouble: "no-quorum" }),
        instances: ec2("terminated"),
      },
    }),
    want: ["wait", "quorum-lost"],
  },
  {
    name: "somebody answers: in order, as a person wanted it",
    state: observation({ config: role, facts: { ...handDemoted, probe: ok(["10.0.0.2"]) } }),
    want: ["done", "in-order"],
  },
]);
