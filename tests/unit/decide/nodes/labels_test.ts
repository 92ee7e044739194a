/** decide: which nodes a manager labels, and with what. */
import assert from "node:assert/strict";
import { decided, table } from "../table.ts";
import {
  founded,
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
  shown,
  workerNode,
} from "../../../support/observations.ts";
import type { Instance, Observation, SwarmNode } from "../../../../src/state.ts";

/** Manager 1 of a swarm in order, with these nodes beside it. */
function beside(nodes: SwarmNode[], instances: Instance[] = [], change = {}): Observation {
  return observation({
    facts: {
      engine: ok(managerOf("a", { nodes: [managerNode(1), ...nodes] })),
      ledger: founded({ members: [member(1)] }),
      tokens: ok([shown(1, "a")]),
      instances: ok([instance(1), ...instances]),
      ...change,
    },
  });
}

const bare = { labels: {}, createdMs: NOW_MS };

table("labels", [
  {
    name: "its own node has none: set",
    state: observation({
      facts: {
        engine: ok(managerOf("a", { nodes: [managerNode(1, { labels: {} })] })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
      },
    }),
    want: ["label", "label-node"],
    because: "is i-1, and lacks swarm-join.instance",
  },
  {
    name: "its own node has another machine's, whose disk it got: set anew",
    state: observation({
      facts: {
        engine: ok(managerOf("a", { nodes: [managerNode(1, { labels: labelsOf(9) })] })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
      },
    }),
    want: ["label", "label-node"],
  },
  {
    name: "a worker that is ready and older than nothing EC2 shows there: labelled",
    state: beside([workerNode(2, bare)], [instance(2)]),
    want: ["label", "label-node"],
    because: "node-2 is i-2",
  },
  {
    name:
      "a worker at an address whose instance is younger than the node: whose it was nobody knows",
    state: beside([workerNode(2, bare)], [instance(2, { launchMs: NOW_MS + 1 })]),
    want: ["done", "in-order"],
  },
  {
    name: "a worker at an address that two instances are shown to have: not labelled",
    state: beside([workerNode(2, bare)], [instance(2), instance(3, { address: "10.0.0.2" })]),
    want: ["done", "in-order"],
  },
  {
    name: "a worker whose instance is stopping: not labelled",
    state: beside([workerNode(2, bare)], [instance(2, { state: "stopping" })]),
    want: ["done", "in-order"],
  },
  {
    name: "a worker that is down and has no label: nobody can tell, and nothing is done",
    state: beside([workerNode(2, { ...bare, state: "down" })], [
      instance(2, { state: "terminated", address: null }),
    ]),
    want: ["done", "in-order"],
  },
  {
    name: "this run has labelled twenty: the next one goes on",
    state: {
      ...beside([workerNode(2, bare)], [instance(2)]),
      memory: { ...beside([]).memory, did: Array<"label">(20).fill("label") },
    },
    want: ["done", "in-order"],
  },
  {
    name: "a node that came while others were labelled was not asked for: the next run's",
    state: {
      ...beside([workerNode(2, bare)], [instance(2)]),
      memory: {
        ...beside([]).memory,
        asked: { instances: { ids: ["i-1"], addresses: ["10.0.0.9"] }, probe: null },
      },
    },
    want: ["done", "in-order"],
  },
  {
    name: "a node that would not take a label in this round is let be",
    state: {
      ...beside([workerNode(2, bare)], [instance(2)]),
      memory: { ...beside([]).memory, kept: ["node-2"] },
    },
    want: ["done", "in-order"],
  },
]);

Deno.test("labels: instance, zone, type, lifecycle, and the tags that were asked for", () => {
  const base = beside([managerNode(2, bare)], [
    instance(2, { labelTags: { pool: "web" }, launchMs: NOW_MS - HOUR_MS }),
  ], { probe: ok(["10.0.0.2"]) });
  const state = {
    ...base,
    config: { ...base.config, labelTags: ["pool"] },
    memory: { ...base.memory, self: instance(1) },
    facts: { ...base.facts, ledger: founded({ members: [member(1), member(2)] }) },
  };
  const decision = decided(state);
  assert.ok(decision.kind === "act" && decision.call.kind === "update", JSON.stringify(decision));
  assert.deepEqual(decision.call, {
    kind: "update",
    as: "label",
    nodeId: "node-2",
    version: 12,
    change: { labels: { ...labelsOf(2), "swarm-join.tag.pool": "web" } },
  });
});

Deno.test("labels: of a swarm whose nodes all have theirs, EC2 is asked nothing", () => {
  const { instances: _, ...facts } = beside(managersAt(2)).facts;
  const members = [member(1), member(2)];
  const state = beside([]);
  const decision = decided({
    ...state,
    facts: {
      ...facts,
      ledger: founded({ members }),
      tokens: ok([shown(1, "a"), shown(2, "a")]),
      probe: ok(["10.0.0.2"]),
    },
  });
  assert.equal(decision.rule, "in-order");
});
