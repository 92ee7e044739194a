/** decide: who is dead, who is not, and what is done about it. */
import assert from "node:assert/strict";
import { decide } from "../../../../src/decide/decide.ts";
import { decided, held, recordOf, table } from "../table.ts";
import {
  fault,
  founded,
  foundingMark,
  HOUR_MS,
  instance,
  labelsOf,
  managerNode,
  managerOf,
  managersAt,
  member,
  NOW_MS,
  observation,
  ok,
  s3,
  shown,
  workerNode,
} from "../../../support/observations.ts";
import type { LedgerView } from "../../../../src/founding.ts";
import type {
  Answer,
  Config,
  Instance,
  Memory,
  Observation,
  SwarmNode,
} from "../../../../src/state.ts";

const terminated3 = instance(3, { state: "terminated", address: null });
/** Manager 3 as its swarm lists it once it is dead. */
function dead3(change: Partial<SwarmNode> = {}): SwarmNode {
  return managerNode(3, {
    state: "down",
    voter: { address: "10.0.0.3", reachable: false, leader: false },
    createdMs: NOW_MS - 2 * HOUR_MS,
    ...change,
  });
}

/** Manager 1 of a swarm of three, of which this is the third. */
function third(
  node: SwarmNode | null,
  change: {
    instances?: Instance[];
    members?: number[];
    config?: Partial<Config>;
    memory?: Partial<Memory>;
    probe?: string[];
    marked?: number[];
  } = {},
): Observation {
  const { instances = [terminated3], members = [1, 2], probe = ["10.0.0.2"] } = change;
  return observation({
    config: change.config ?? {},
    memory: change.memory ?? {},
    facts: {
      engine: ok(
        managerOf("a", { nodes: [...managersAt(1, 2), ...(node === null ? [] : [node])] }),
      ),
      ledger: founded({
        members: members.map((n) => member(n, { leaving: change.marked?.includes(n) ?? false })),
      }),
      tokens: ok([shown(1, "a"), shown(2, "a")]),
      marks: ok([foundingMark("a")]),
      instances: ok([instance(1), instance(2), ...instances]),
      probe: ok(probe),
    },
  });
}

const was = { "swarm-join.left": "active" };

table("the dead", [
  {
    name: "a voter that is down, and whose instance is terminated: demoted",
    state: third(dead3()),
    want: ["demote", "demote-dead-voter"],
    because: "i-3 is terminated",
  },
  {
    name: "the record still lists it: the same",
    state: third(dead3(), { members: [1, 2, 3] }),
    want: ["demote", "demote-dead-voter"],
  },
  {
    name:
      "a new instance has its address, and answers there: EC2's word on its own instance counts",
    state: third(dead3({ voter: { address: "10.0.0.3", reachable: true, leader: false } }), {
      instances: [terminated3, instance(4, { address: "10.0.0.3", launchMs: NOW_MS })],
      probe: ["10.0.0.2", "10.0.0.3"],
      members: [1, 2],
    }),
    want: ["demote", "demote-dead-voter"],
  },
  {
    name: "EC2 has forgotten it, and it is older than an hour: demoted",
    state: third(dead3(), { instances: [] }),
    want: ["demote", "demote-dead-voter"],
    because: "EC2 knows i-3 no more",
  },
  {
    name: "EC2 does not show it, and it is younger: it may not be shown yet",
    state: third(dead3({ createdMs: NOW_MS - 1000 }), { instances: [] }),
    want: ["done", "in-order"],
  },
  {
    name: "EC2 answers nothing, not even this instance: nobody is dead by that",
    state: {
      ...third(dead3(), { instances: [] }),
      facts: { ...third(dead3()).facts, instances: ok([]) },
    },
    want: ["done", "in-order"],
  },
  {
    name: "its instance is stopped: it may come back",
    state: third(dead3(), { instances: [instance(3, { state: "stopped" })], members: [1, 2, 3] }),
    want: ["done", "in-order"],
  },
  {
    name: "its instance runs, and its Engine is off: let be",
    state: third(dead3(), { instances: [instance(3)], members: [1, 2, 3] }),
    want: ["done", "in-order"],
  },
  {
    name:
      "after a change of leader all are unknown for a while: nobody is touched, and it is waited for",
    state: third(dead3({ state: "unknown" })),
    want: ["wait", "voter-going"],
  },
  {
    name:
      "its instance is shutting down and it still answers: waited for, so that its death is not missed",
    state: third(managerNode(3), {
      instances: [instance(3, { state: "shutting-down" })],
      members: [1, 2, 3],
      probe: ["10.0.0.2", "10.0.0.3"],
    }),
    want: ["wait", "voter-going"],
    because: "i-3 (10.0.0.3, shutting-down)",
  },
  {
    name:
      "this run has joined, and one does not answer whom EC2 shows running: it may be the one it replaces",
    state: third(dead3(), { instances: [instance(3)], memory: { did: ["join"] } }),
    want: ["wait", "voter-going"],
  },
  {
    name: "that has held for two minutes: done",
    state: third(dead3(), {
      instances: [instance(3)],
      memory: { did: ["join"], ...held("voter-going", 120_000) },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "this run has joined, and one without a label is in no record: it died before it had one",
    state: third(managerNode(3, { labels: {} }), { instances: [], memory: { did: ["join"] } }),
    want: ["wait", "voter-going"],
  },
  {
    name: "that has been waited for for five minutes: done, and said",
    state: third(dead3({ state: "ready" }), { memory: held("voter-going", 300_000) }),
    want: ["done", "in-order"],
  },
  {
    name: "it was told already, and still votes: the swarm carries it out when it can",
    state: third(dead3({ desired: "worker" })),
    want: ["wait", "voter-going"],
  },
  {
    name: "the swarm has refused to demote it just now: waited for",
    state: third(dead3(), { memory: { kept: ["node-3"] } }),
    want: ["wait", "voter-going"],
  },
  {
    name: "it is listed as a worker and votes: removed, and its vote with it",
    state: third(dead3({ desired: "worker", observed: "worker" })),
    want: ["remove", "remove-dead-node"],
  },
  {
    name: "it was promoted a moment ago, and is not listed as a manager yet: waited for",
    state: third(dead3({ observed: "worker" })),
    want: ["wait", "voter-going"],
  },
  {
    name: "it has no vote any more, and is still listed as a manager: waited for, to be removed",
    state: third(dead3({ desired: "worker", voter: null })),
    want: ["wait", "voter-going"],
  },
  {
    name: "it is a worker without a vote now: removed",
    state: third(
      dead3({
        desired: "worker",
        observed: "worker",
        voter: null,
        labels: { ...labelsOf(3), ...was },
      }),
    ),
    want: ["remove", "remove-dead-node"],
  },
  {
    name: "a worker that is down, and whose instance is terminated: removed",
    state: third(workerNode(3, { state: "down" })),
    want: ["remove", "remove-dead-node"],
    because: "i-3 is terminated",
  },
  {
    name: "a worker that is down, and whose instance runs: let be",
    state: third(workerNode(3, { state: "down" }), { instances: [instance(3)] }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker that has left, though its machine runs: removed once it is down",
    state: third(workerNode(3, { state: "down", labels: { ...labelsOf(3), ...was } }), {
      config: { store: s3 },
      instances: [instance(3)],
    }),
    want: ["remove", "remove-dead-node"],
    because: "it has left",
  },
  {
    name: "the same with tags, whose reads may be old: nobody knows that its word is gone",
    state: third(workerNode(3, { state: "down", labels: { ...labelsOf(3), ...was } }), {
      instances: [instance(3)],
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker that is off in the middle of its leave: its word stands, and it comes back",
    state: {
      ...third(workerNode(3, { state: "down", labels: { ...labelsOf(3), ...was } }), {
        instances: [instance(3)],
      }),
      facts: {
        ...third(workerNode(3, { state: "down", labels: { ...labelsOf(3), ...was } }), {
          instances: [instance(3)],
        }).facts,
        words: ok([{ instance: "i-3", nodeId: "node-3", leaves: true }]),
      },
    },
    want: ["done", "in-order"],
  },
  {
    name: "nobody can read the words: it may stand",
    state: {
      ...third(null),
      facts: {
        ...third(workerNode(3, { state: "down", labels: { ...labelsOf(3), ...was } }), {
          instances: [instance(3)],
        }).facts,
        words: fault("denied"),
      },
    },
    want: ["done", "in-order"],
  },
  {
    name: "its machine is a newer node, which is well: removed",
    state: (() => {
      const state = third(null, { instances: [instance(3)] });
      const old = workerNode(3, { nodeId: "node-0", state: "down", createdMs: NOW_MS - 1 });
      const nodes = [...managersAt(1, 2), old, workerNode(3)];
      return { ...state, facts: { ...state.facts, engine: ok(managerOf("a", { nodes })) } };
    })(),
    want: ["remove", "remove-dead-node"],
    because: "i-3 is another node now",
  },
  {
    name: "another machine that is older than the node has its address: its label may be wrong",
    state: third(workerNode(3, { state: "down" }), {
      instances: [terminated3, instance(4, { address: "10.0.0.3" })],
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a younger machine has its address, which EC2 gave to it again: removed",
    state: third(workerNode(3, { state: "down" }), {
      instances: [terminated3, instance(4, { address: "10.0.0.3", launchMs: NOW_MS + 1 })],
    }),
    want: ["remove", "remove-dead-node"],
  },
  {
    name: "a worker that leaves, and is still there: not removed",
    state: third(workerNode(3, { labels: { ...labelsOf(3), ...was }, availability: "drain" }), {
      instances: [instance(3)],
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a node that this very machine was, before its Engine was wiped: demoted",
    state: third(dead3({ labels: labelsOf(1) }), { instances: [instance(3)] }),
    want: ["demote", "demote-dead-voter"],
    because: "this machine was node-3 before",
  },
  {
    name: "the same, and the swarm has not noticed yet: waited for",
    state: third(managerNode(3, { labels: labelsOf(1) }), {
      instances: [instance(3)],
      members: [1, 2],
      probe: ["10.0.0.2"],
    }),
    want: ["wait", "voter-going"],
  },
  {
    name: "a manager that was let in and never voted, dead by its label: removed as it is",
    state: third(dead3({ voter: null })),
    want: ["remove", "remove-dead-node"],
  },
  {
    name: "without a label, and nobody is shown at its address: the record is confirmed first",
    state: third(dead3({ labels: {}, createdMs: NOW_MS }), { instances: [] }),
    want: ["refresh", "refresh-record"],
    because: "EC2 shows no machine at 10.0.0.3, where node-3 was",
  },
  {
    name: "the same, confirmed: demoted",
    state: third(dead3({ labels: {}, createdMs: NOW_MS }), {
      instances: [],
      memory: { isProven: true },
    }),
    want: ["demote", "demote-dead-voter"],
  },
  {
    name:
      "without a label, and EC2 shows a machine at its address, stopped or booting: it may come back",
    state: third(dead3({ labels: {}, createdMs: NOW_MS }), {
      instances: [instance(3, { state: "stopped" })],
      memory: { isProven: true },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "without a label, and a living member has its address: it is that one's to tell",
    state: third(dead3({ labels: {} }), {
      instances: [instance(3, { launchMs: NOW_MS })],
      members: [1, 2, 3],
      memory: { isProven: true },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "without a label, and older than the record: it may never have been listed",
    state: third(dead3({ labels: {} }), { instances: [], memory: { isProven: true } }),
    want: ["done", "in-order"],
  },
  {
    name:
      "a manager that was demoted to leave, and is off: it comes back as a worker, and is let be",
    state: third(
      dead3({
        desired: "worker",
        observed: "worker",
        voter: null,
        labels: { ...labelsOf(5), ...was },
      }),
      { members: [1, 2, 5], marked: [5], instances: [instance(5)] },
    ),
    want: ["done", "in-order"],
  },
  {
    name: "without a label, at an address outside the VPC, which EC2 could not show: let be",
    state: third(
      dead3({ labels: {}, voter: { address: "192.0.2.3", reachable: false, leader: false } }),
      { instances: [], memory: { isProven: true } },
    ),
    want: ["done", "in-order"],
  },
  {
    name: "without a label, and somebody answers there: let be",
    state: third(dead3({ labels: {} }), {
      instances: [],
      memory: { isProven: true },
      probe: ["10.0.0.2", "10.0.0.3"],
    }),
    want: ["done", "in-order"],
  },
  {
    name: "without a label, at this machine's own address, and another node: it was this machine",
    state: third(dead3({
      labels: {},
      address: "10.0.0.1",
      voter: { address: "10.0.0.1", reachable: true, leader: false },
    })),
    want: ["demote", "demote-dead-voter"],
  },
]);

Deno.test("the dead: who is demoted is marked as gone, so that whoever sees it next can remove it", () => {
  const decision = decided(third(dead3({ availability: "pause" })));
  assert.ok(decision.kind === "act" && decision.call.kind === "update");
  assert.deepEqual(decision.call.change, {
    role: "worker",
    labels: { "swarm-join.left": "pause" },
  });
  assert.equal(decision.call.version, 13);
});

Deno.test("the dead: of whom EC2 was not asked it has not said that it knows nothing", () => {
  const state = third(workerNode(3, { state: "down", createdMs: NOW_MS - 2 * HOUR_MS }), {
    instances: [],
    memory: { asked: { instances: { ids: ["i-1", "i-2"], addresses: ["10.0.0.9"] }, probe: null } },
  });
  const decision = decide(state);
  assert.ok(decision.kind === "look", JSON.stringify(decision));
  assert.deepEqual(decision.calls, [
    { kind: "instances", ids: ["i-1", "i-2", "i-3"], addresses: ["10.0.0.3", "10.0.0.9"] },
  ]);
});

Deno.test("the dead: of two dead voters one is demoted at a time", () => {
  const state = third(dead3());
  const engine = managerOf("a", {
    nodes: [...managersAt(1, 2, 5), dead3(), dead3({ nodeId: "node-4", desired: "worker" })],
  });
  const decision = decided({
    ...state,
    facts: {
      ...state.facts,
      engine: ok(engine),
      probe: ok(["10.0.0.2", "10.0.0.5"]),
      ledger: founded({ members: [1, 2, 5].map((n) => member(n)) }),
    },
  });
  assert.equal(decision.rule, "demote-dead-voter");
});

Deno.test("the dead: the confirming write is a record in which nothing else changes", () => {
  const record = recordOf(third(dead3({ labels: {}, createdMs: NOW_MS }), { instances: [] }));
  assert.deepEqual(record.members.map((one) => one.instance), ["i-2", "i-1"]);
});

Deno.test("the dead: who has proven one dead can go on: it is listed since when it was", () => {
  const node = dead3({ labels: {}, voter: null, createdMs: NOW_MS });
  const lone = third(node, { members: [1], instances: [] });
  const later = (record: Answer<LedgerView>): Observation => {
    assert.ok(record.ok && record.value.kind === "settled");
    const ledger = ok({ ...record.value, serverMs: NOW_MS + HOUR_MS });
    return { ...lone, facts: { ...lone.facts, ledger } };
  };
  const record = recordOf(later(founded({ members: [member(1)] })));
  const proven = decided({
    ...later(founded(record)),
    memory: { ...lone.memory, isProven: true, confirmed: record.fingerprint },
  });
  assert.deepEqual([proven.kind, proven.rule], ["act", "remove-dead-node"], proven.because);
});

Deno.test("the dead: one that could not be reaped is said when the run is done", () => {
  const state = third(dead3({ state: "ready" }), { memory: held("voter-going", 300_000) });
  const decision = decided(state);
  assert.ok(decision.kind === "end");
  assert.match(decision.warnings.join(), /i-3 \(10\.0\.0\.3, terminated\) is not out/);
});
