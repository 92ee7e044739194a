/** decide: how a manager leaves. */
import assert from "node:assert/strict";
import { decided, held, looks, recordOf, table } from "../table.ts";
import {
  founded,
  instance,
  labelsOf,
  managerNode,
  managerOf,
  member,
  NOW_MS,
  observation,
  ok,
  shown,
} from "../../../support/observations.ts";
import type { Engine, Facts, Memory, Observation, SwarmNode } from "../../../../src/state.ts";
import { fp } from "../../../support/observations.ts";

const left = (n: number): Partial<SwarmNode> => ({
  availability: "drain",
  labels: { ...labelsOf(n), "swarm-join.left": "active" },
});

/** Manager 1 of three leaves. */
function leaving(
  change: {
    own?: Partial<SwarmNode>;
    others?: SwarmNode[];
    marked?: number[];
    facts?: Partial<Facts>;
    memory?: Partial<Memory>;
    engine?: Partial<Engine>;
    nowMs?: number;
  } = {},
): Observation {
  const { own = {}, others = [managerNode(2), managerNode(3)], marked = [], facts = {} } = change;
  const numbers = [1, ...others.map(({ nodeId }) => Number(nodeId.slice(5)))];
  const engine = {
    ...managerOf("a", { nodes: [managerNode(1, own), ...others] }),
    ...change.engine,
  };
  return observation({
    config: { goal: "leave" },
    memory: change.memory ?? {},
    nowMs: change.nowMs ?? 10_000,
    facts: {
      engine: ok(engine),
      ledger: founded({ members: numbers.map((n) => member(n, { leaving: marked.includes(n) })) }),
      tokens: ok(numbers.map((n) => shown(n, "a"))),
      instances: ok(numbers.map((n) => instance(n))),
      probe: ok(["10.0.0.2", "10.0.0.3"]),
      ...facts,
    },
  });
}

/** The record with these members in this order, of whom 1 and 2 leave. */
function inOrder(...numbers: number[]): NonNullable<Facts["ledger"]> {
  return founded({ members: numbers.map((n) => member(n, { leaving: n < 3 })) });
}

const confirmed = { confirmed: fp("a") };
const ready = { own: left(1), marked: [1], memory: confirmed };

table("a manager leaves", [
  { name: "first it drains itself", state: leaving(), want: ["drain", "drain-leaving"] },
  {
    name: "drained: it marks its entry in the record",
    state: leaving({ own: left(1) }),
    want: ["mark", "mark-leaving"],
  },
  {
    name: "a mark that only a read shows may be older than a join: written again",
    state: leaving({ own: left(1), marked: [1] }),
    want: ["mark", "mark-leaving"],
  },
  {
    name: "marked, by a write of this run: it demotes itself",
    state: leaving(ready),
    want: ["demote", "demote-itself"],
  },
  {
    name: "another one leaves at this moment: waits for its turn",
    state: leaving({ own: left(1), marked: [2] }),
    want: ["wait", "leave-turn"],
    because: "i-2",
  },
  {
    name: "the other one that leaves is gone: its turn",
    state: leaving({
      own: left(1),
      marked: [2],
      others: [managerNode(2, { desired: "worker", voter: null }), managerNode(3)],
      facts: {
        tokens: ok([shown(1, "a"), shown(3, "a")]),
        instances: ok([
          instance(1),
          instance(2, { state: "terminated", address: null }),
          instance(3),
        ]),
      },
    }),
    want: ["mark", "mark-leaving"],
  },
  {
    name: "the deadline is near: it waits for nobody's turn",
    state: leaving({ own: left(1), marked: [2], nowMs: 570_000 }),
    want: ["mark", "mark-leaving"],
  },
  {
    name: "one of the two others does not answer now: no quorum without this one",
    state: leaving({ ...ready, facts: { probe: ok(["10.0.0.2"]) } }),
    want: ["wait", "leave-quorum"],
    because: "1 answer, and 2 are needed",
  },
  {
    name: "one of the others is told to be a worker: it does not count",
    state: leaving({ ...ready, others: [managerNode(2), managerNode(3, { desired: "worker" })] }),
    want: ["wait", "leave-quorum"],
  },
  {
    name: "one of the others is not ready: it does not count",
    state: leaving({ ...ready, others: [managerNode(2), managerNode(3, { state: "unknown" })] }),
    want: ["wait", "leave-quorum"],
  },
  {
    name: "another one is marked too, as both deadlines are near: it votes still, and counts",
    state: leaving({ ...ready, marked: [1, 2], nowMs: 570_000 }),
    want: ["demote", "demote-itself"],
  },
  {
    name: "another one was marked before: waits for it, though both begin anew",
    state: leaving({ own: left(1), marked: [1, 2], facts: { ledger: inOrder(2, 1, 3) } }),
    want: ["wait", "leave-turn"],
  },
  {
    name: "another one was marked after it: its turn",
    state: leaving({ own: left(1), marked: [1, 2], facts: { ledger: inOrder(1, 2, 3) } }),
    want: ["mark", "mark-leaving"],
  },
  {
    name: "the swarm has refused it just now: waits",
    state: leaving({ ...ready, memory: { ...confirmed, kept: ["node-1"] } }),
    want: ["wait", "leave-quorum"],
  },
  {
    name: "a dead voter is reaped first",
    state: leaving({
      ...ready,
      others: [managerNode(2), managerNode(3, { state: "down" })],
      facts: {
        instances: ok([
          instance(1),
          instance(2),
          instance(3, { state: "terminated", address: null }),
        ]),
        tokens: ok([shown(1, "a"), shown(2, "a")]),
      },
    }),
    want: ["demote", "demote-dead-voter"],
  },
  {
    name: "it is told to be a worker, and votes still: waits",
    state: leaving({ ...ready, own: { ...left(1), desired: "worker" } }),
    want: ["wait", "demotion-pending"],
  },
  {
    name: "it is listed as a worker and votes: it must not be promoted, and waits",
    state: leaving({ ...ready, own: { ...left(1), desired: "worker", observed: "worker" } }),
    want: ["wait", "demotion-pending"],
  },
  {
    name: "it has no vote any more, and a manager's certificate: waits",
    state: leaving({ ...ready, own: { ...left(1), desired: "worker", voter: null } }),
    want: ["wait", "demotion-pending"],
  },
  {
    name: "its Engine can't read the swarm, and its entry is marked: the certificate is on its way",
    state: leaving({ ...ready, engine: { swarm: null } }),
    want: ["wait", "demotion-pending"],
  },
  {
    name:
      "that has lasted for a minute: leaves, without force, which its Engine refuses if it still votes",
    state: leaving({
      ...ready,
      memory: { ...confirmed, ...held("demotion-pending", 60_000) },
      engine: { swarm: null },
    }),
    want: ["leave", "leave-swarm"],
    because: "no task runs here",
  },
  {
    name: "its Engine can't read the swarm, and it is not marked: no quorum",
    state: leaving({ engine: { swarm: null, trouble: "no-quorum" } }),
    want: ["wait", "quorum-lost"],
  },
  {
    name: "the same, and it is marked: it was not demoted yet",
    state: leaving({
      ...ready,
      memory: { ...confirmed, ...held("quorum-lost", 60_000) },
      engine: { swarm: null, trouble: "no-quorum" },
    }),
    want: ["wait", "quorum-lost"],
  },
  {
    name: "it is the last manager: exit 5, nothing changed",
    state: leaving({ others: [] }),
    want: ["fail", "last-manager"],
    exit: 5,
  },
  {
    name: "it has become the last one: its drain is taken back",
    state: leaving({ own: left(1), others: [] }),
    want: ["undrain", "undo-leave"],
  },
  {
    name: "and its mark",
    state: leaving({ others: [], marked: [1] }),
    want: ["register", "undo-leave"],
  },
  {
    name: "its swarm is not the founded one: exit 5",
    state: leaving({
      memory: held("leave-unfounded", 180_000),
      facts: { ledger: founded({ fingerprint: fp("b"), clusterId: "cluster-b" }) },
    }),
    want: ["fail", "leave-unfounded"],
    exit: 5,
  },
]);

Deno.test("a manager leaves: it demotes itself on a look at the swarm that is younger than its mark", () => {
  const state = leaving({ ...ready, memory: { ...confirmed, isProven: true } });
  assert.deepEqual(looks(state), ["engine", "probe"]);
});

Deno.test("a manager leaves: its mark is its own entry's, and the others' stay as they are", () => {
  const record = recordOf(leaving({ own: left(1) }));
  assert.deepEqual(record.members.map(({ instance, leaving }) => [instance, leaving]), [
    ["i-2", false],
    ["i-3", false],
    ["i-1", true],
  ]);
  assert.equal(record.members.at(-1)?.sinceMs, NOW_MS);
});

Deno.test("a manager leaves: a mark that is written again stays where it is", () => {
  const state = leaving({ own: left(1), marked: [1, 2], facts: { ledger: inOrder(1, 2, 3) } });
  assert.deepEqual(recordOf(state).members.map(({ instance }) => instance), ["i-1", "i-2", "i-3"]);
});

Deno.test("a manager leaves: the last one's mark is taken out again", () => {
  const record = recordOf(leaving({ others: [], marked: [1] }));
  assert.deepEqual(record.members.map(({ leaving }) => leaving), [false]);
});

Deno.test("a manager leaves: the version that it saw goes with each change", () => {
  const decision = decided(leaving(ready));
  assert.ok(decision.kind === "act" && decision.call.kind === "update");
  assert.deepEqual(decision.call, {
    kind: "update",
    as: "demote",
    nodeId: "node-1",
    version: 11,
    change: { role: "worker" },
  });
});
