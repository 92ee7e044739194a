/** decide: whom a manager drains, and what it takes back. */
import assert from "node:assert/strict";
import { decided, table } from "../table.ts";
import {
  fault,
  founded,
  instance,
  labelsOf,
  managerNode,
  managerOf,
  member,
  observation,
  ok,
  shown,
  workerNode,
} from "../../../support/observations.ts";
import type { Facts, Observation, SwarmNode } from "../../../../src/state.ts";

const left = (n: number, was = "active"): Record<string, string> => ({
  ...labelsOf(n),
  "swarm-join.left": was,
});

function swarm(nodes: SwarmNode[], facts: Partial<Facts> = {}, leaving = false): Observation {
  return observation({
    facts: {
      engine: ok(managerOf("a", { nodes })),
      ledger: founded({ members: [member(1, { leaving })] }),
      tokens: ok([shown(1, "a")]),
      instances: ok([instance(1), instance(2)]),
      ...facts,
    },
  });
}
const says = (leaves: boolean, nodeId = "node-2", by = "i-2"): NonNullable<Facts["words"]> =>
  ok([{ instance: by, nodeId, leaves }]);

table("words", [
  {
    name: "a worker says that it leaves: drained",
    state: swarm([managerNode(1), workerNode(2)], { words: says(true) }),
    want: ["drain", "drain-leaving"],
    because: "i-2 says that it leaves",
  },
  {
    name: "it is drained already: nothing to do",
    state: swarm([managerNode(1), workerNode(2, { availability: "drain", labels: left(2) })], {
      words: says(true),
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a word about a node that it was before: means nothing",
    state: swarm([managerNode(1), workerNode(2)], { words: says(true, "node-0") }),
    want: ["done", "in-order"],
  },
  {
    name: "a word about another machine's node: means nothing",
    state: swarm([managerNode(1), workerNode(2)], { words: says(true, "node-2", "i-9") }),
    want: ["done", "in-order"],
  },
  {
    name: "a word about a manager: nothing, managers mark themselves in the record",
    state: swarm([managerNode(1), managerNode(2), workerNode(3)], {
      words: says(true),
      ledger: founded({ members: [member(1), member(2)] }),
      tokens: ok([shown(1, "a"), shown(2, "a")]),
      probe: ok(["10.0.0.2"]),
    }),
    want: ["done", "in-order"],
  },
  {
    name: "it stays after all: its drain is taken back",
    state: swarm([managerNode(1), workerNode(2, { availability: "drain", labels: left(2) })], {
      words: says(false),
    }),
    want: ["undrain", "undo-leave"],
  },
  {
    name: "it says nothing any more, and is drained by its leave: silence undoes nothing",
    state: swarm([managerNode(1), workerNode(2, { availability: "drain", labels: left(2) })]),
    want: ["done", "in-order"],
  },
  {
    name: "a person has drained it, and it says that it stays: let be",
    state: swarm([managerNode(1), workerNode(2, { availability: "drain" })], {
      words: says(false),
    }),
    want: ["done", "in-order"],
  },
  {
    name: "the words can't be read: all else is done without them",
    state: swarm([managerNode(1), workerNode(2)], { words: fault("denied") }),
    want: ["done", "in-order"],
  },
]);

table("a leave that was not carried through", [
  {
    name: "a manager has drained itself: taken back",
    state: swarm([managerNode(1, { availability: "drain", labels: left(1) })]),
    want: ["undrain", "undo-leave"],
  },
  {
    name: "it is told to be a worker: promoted",
    state: swarm([managerNode(1, { desired: "worker", availability: "drain", labels: left(1) })]),
    want: ["promote", "undo-leave"],
  },
  {
    name: "a person drained it: let be",
    state: swarm([managerNode(1, { availability: "drain" })]),
    want: ["done", "in-order"],
  },
  {
    name: "a person demotes it: let be",
    state: swarm([managerNode(1, { desired: "worker" }), managerNode(2)], {
      ledger: founded({ members: [member(1), member(2)] }),
      tokens: ok([shown(1, "a"), shown(2, "a")]),
      probe: ok(["10.0.0.2"]),
    }),
    want: ["done", "in-order"],
  },
  {
    name: "the record says that it leaves: it registers again",
    state: swarm([managerNode(1)], {}, true),
    want: ["register", "undo-leave"],
  },
]);

Deno.test("words: what the drain took away is given back", () => {
  const state = swarm([
    managerNode(1),
    workerNode(2, { availability: "drain", labels: left(2, "pause") }),
  ], {
    words: says(false),
  });
  const decision = decided(state);
  assert.ok(decision.kind === "act" && decision.call.kind === "update");
  assert.deepEqual(decision.call.change, {
    availability: "pause",
    labels: { "swarm-join.left": null },
  });
});
