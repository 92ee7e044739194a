/** What a survey finds on the swarm's nodes: each finding where it holds, and not where it only looks so. */
import assert from "node:assert/strict";
import { decide } from "../../../../src/decide/decide.ts";
import type { Rule } from "../../../../src/rules.ts";
import type { Neighbour } from "../../../../src/shown.ts";
import type { Config, Engine, Facts, Finding, SwarmNode } from "../../../../src/state.ts";
import {
  fault,
  founded,
  HOUR_MS,
  instance,
  managerNode,
  managerOf,
  mark,
  member,
  NOW_MS,
  observation,
  ok,
  s3,
  shown,
  spread,
  workerNode,
  workerOf,
} from "../../../support/observations.ts";

const THREE = [member(1), member(2), member(3)];
const TERMINATED_3 = { instances: ok([1, 2].map((n) => instance(n)).concat(terminated(3))) };

function terminated(n: number): ReturnType<typeof instance> {
  return instance(n, { state: "terminated", address: null });
}

/** A swarm of three managers, all in order but for what a row changes. */
function swarmOf(nodes: SwarmNode[], engine: Partial<Engine> = {}): Facts {
  return { engine: ok({ ...managerOf("a", { nodes }), ...engine }) };
}

/** The same, with node 3 changed. */
function third(change: Partial<SwarmNode>): Facts {
  return swarmOf([...spread(1, 2), ...spread(3).map((node) => ({ ...node, ...change }))]);
}

const DOWN_3: Partial<SwarmNode> = {
  state: "down",
  voter: { address: "10.0.0.3", reachable: false, leader: false },
};
const LEFT = { "swarm-join.left": "active" };

function findingsOf(facts: Facts, store = observation().config.store): Finding[] {
  const decision = decide(observation({
    config: { goal: "survey", dryRun: true, store },
    facts: {
      ...swarmOf(spread(1, 2, 3)),
      ledger: founded({ members: THREE }),
      tokens: ok([1, 2, 3].map((n) => shown(n, "a"))),
      instances: ok([1, 2, 3].map((n) => instance(n))),
      probe: ok(["10.0.0.2", "10.0.0.3"]),
      ...facts,
    },
  }));
  assert.ok(decision.kind === "end", `${JSON.stringify(decision)}`);
  return decision.findings;
}

interface Row {
  what: string;
  facts: Facts;
  /** Left out: tags. */
  store?: Config["store"];
  /** All that is found, but for what a join would do, or wait for. */
  want: [Finding["severity"], Rule][];
  /** Of the first. */
  because?: RegExp;
  nodeId?: string;
}

/** Instances of a role: these nodes' own, and number 9, which has run for so long. */
function machines(runningMs: number): Facts {
  const ofNode = (n: number): Neighbour => ({
    instance: `i-${n}`,
    address: `10.0.0.${n}`,
    runningMs: HOUR_MS,
  });
  return { neighbours: ok([...[1, 2, 3].map(ofNode), { ...ofNode(9), runningMs }]) };
}

const OF_A_JOIN: readonly Rule[] = ["next", "voter-going"];

const ROWS: Row[] = [
  { what: "three managers in three zones", facts: {}, want: [] },
  {
    what: "a manager whose instance is terminated",
    facts: { ...third(DOWN_3), ...TERMINATED_3, probe: ok(["10.0.0.2"]) },
    want: [["warning", "ghost-voter"]],
    because: /^the node node-3 \(i-3, 10\.0\.0\.3, terminated\) is dead, and still votes: i-3 is/,
    nodeId: "node-3",
  },
  {
    what: "a dead manager that was told to be a worker, and that the swarm has kept",
    facts: { ...third({ ...DOWN_3, desired: "worker" }), ...TERMINATED_3 },
    want: [["warning", "ghost-voter"]],
    because: /; it was told to be a worker$/,
  },
  {
    what: "a dead manager whose address another machine has: it looks reachable, and answers",
    facts: {
      ...third({ state: "down" }),
      instances: ok([
        instance(1),
        instance(2),
        terminated(3),
        instance(9, { address: "10.0.0.3", launchMs: NOW_MS + HOUR_MS }),
      ]),
    },
    want: [["warning", "ghost-voter"]],
  },
  {
    what: "a manager without a label, at whose address nobody is and that the record lacks",
    facts: {
      ...third({ ...DOWN_3, labels: {} }),
      ledger: founded({ members: [member(1), member(2)] }),
      instances: ok([instance(1), instance(2)]),
      probe: ok(["10.0.0.2"]),
    },
    want: [["warning", "ghost-voter"]],
    because: /EC2 shows no machine at 10\.0\.0\.3/,
  },
  {
    what: "a manager that is down, and whose instance is stopped",
    facts: {
      ...third(DOWN_3),
      instances: ok([instance(1), instance(2), instance(3, { state: "stopped" })]),
      probe: ok(["10.0.0.2"]),
    },
    want: [["warning", "voter-silent"]],
    because: /^the node node-3 \(i-3, 10\.0\.0\.3, stopped\) votes, is down and not reached/,
    nodeId: "node-3",
  },
  {
    what: "a manager that is down, and of whom EC2 can't be asked",
    facts: { ...third(DOWN_3), instances: fault("throttled"), probe: ok(["10.0.0.2"]) },
    want: [["warning", "throttled"], ["warning", "voter-silent"]],
  },
  {
    what: "a manager that is not reached, though it is ready",
    facts: third({ voter: { address: "10.0.0.3", reachable: false, leader: false } }),
    want: [["warning", "voter-silent"]],
  },
  {
    what: "nobody, while all are unknown after a change of leader",
    facts: swarmOf(spread(1, 2, 3).map((node) => ({ ...node, state: "unknown" as const }))),
    want: [],
  },
  {
    what: "a manager that was let in and has no vote",
    facts: swarmOf([...spread(1, 2, 3), managerNode(4, { voter: null })]),
    want: [["warning", "vote-missing"]],
    because: /node-4 .* was let in as a manager, has no vote, and is ready$/,
    nodeId: "node-4",
  },
  {
    what: "a node that is listed as a worker and votes",
    facts: third({ desired: "worker", observed: "worker" }),
    want: [["warning", "stowaway"]],
    nodeId: "node-3",
  },
  {
    what: "a demotion that is not carried out",
    facts: third({ desired: "worker" }),
    want: [["warning", "demotion-standing"]],
    nodeId: "node-3",
  },
  {
    what: "a demotion that was carried out, and is not written down yet: nothing",
    facts: swarmOf([
      ...spread(1, 2, 3),
      workerNode(4, { observed: "manager" }),
    ]),
    want: [],
  },
  {
    what: "a vote whose node was removed",
    facts: swarmOf(spread(1, 2, 3), {
      peers: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.8"],
    }),
    want: [["warning", "vote-left-over"]],
    because: /10\.0\.0\.8/,
  },
  {
    what: "its own vote at another address than it advertises: nothing",
    facts: swarmOf([
      ...spread(1).map((node) => ({
        ...node,
        voter: { address: "10.0.0.91", reachable: true, leader: true },
      })),
      ...spread(2, 3),
    ]),
    want: [],
  },
  {
    what: "a worker that is down, and whose instance is stopped",
    facts: {
      ...swarmOf([...spread(1, 2, 3), workerNode(4, { state: "down" })]),
      instances: ok([1, 2, 3].map((n) => instance(n)).concat(instance(4, { state: "stopped" }))),
    },
    want: [["warning", "node-down"]],
    because: /\(i-4, 10\.0\.0\.4, stopped\) is down, and not dead for certain/,
    nodeId: "node-4",
  },
  {
    what: "a worker that is down and has no label: nobody can tell",
    facts: swarmOf([...spread(1, 2, 3), workerNode(4, { state: "down", labels: {} })]),
    want: [["warning", "node-down"]],
  },
  {
    what: "a worker whose instance is terminated",
    facts: {
      ...swarmOf([...spread(1, 2, 3), workerNode(4, { state: "down" })]),
      instances: ok([1, 2, 3].map((n) => instance(n)).concat(terminated(4))),
    },
    want: [["note", "ghost-node"]],
    because: /gone: i-4 is terminated/,
    nodeId: "node-4",
  },
  {
    what: "a worker that has left",
    facts: swarmOf([
      ...spread(1, 2, 3),
      workerNode(4, { state: "down", labels: { ...workerNode(4).labels, ...LEFT } }),
    ]),
    store: s3,
    want: [["note", "ghost-node"]],
    because: /it has left/,
  },
  {
    what: "a worker that a leave has drained, and nobody says that it leaves",
    facts: swarmOf([
      ...spread(1, 2, 3),
      workerNode(4, { availability: "drain", labels: { ...workerNode(4).labels, ...LEFT } }),
    ]),
    want: [["warning", "drain-left-over"]],
    nodeId: "node-4",
  },
  {
    what: "a worker that leaves at this moment: nothing",
    facts: {
      ...swarmOf([
        ...spread(1, 2, 3),
        workerNode(4, { availability: "drain", labels: { ...workerNode(4).labels, ...LEFT } }),
      ]),
      words: ok([{ instance: "i-4", nodeId: "node-4", leaves: true }]),
    },
    want: [],
  },
  {
    what: "a worker that has said that it stays after all, and that nobody has given back yet",
    facts: {
      ...swarmOf([
        ...spread(1, 2, 3),
        workerNode(4, { availability: "drain", labels: { ...workerNode(4).labels, ...LEFT } }),
      ]),
      words: ok([{ instance: "i-4", nodeId: "node-4", leaves: false }]),
    },
    want: [["warning", "drain-left-over"]],
  },
  {
    what: "a drained worker whose word nobody could read: only that",
    facts: {
      ...swarmOf([
        ...spread(1, 2, 3),
        workerNode(4, { availability: "drain", labels: { ...workerNode(4).labels, ...LEFT } }),
      ]),
      words: fault("throttled"),
    },
    want: [["note", "throttled"]],
  },
  {
    what: "a manager that has said that it leaves, and is there",
    facts: {
      ...third({ labels: { ...spread(3)[0]?.labels, ...LEFT }, availability: "drain" }),
      ledger: founded({ members: [member(1), member(2), member(3, { leaving: true })] }),
    },
    want: [["warning", "member-leaving"]],
    because: /^i-3 \(10\.0\.0\.3, running\) has said that it leaves, and is there$/,
  },
  {
    what: "a manager that had said that it leaves, and is gone: nothing but the member",
    facts: {
      ...swarmOf(spread(1, 2, 3).filter(({ nodeId }) => nodeId !== "node-3")),
      ...TERMINATED_3,
      ledger: founded({ members: [member(1), member(2), member(3, { leaving: true })] }),
      probe: ok(["10.0.0.2"]),
    },
    want: [["note", "voters-even"], ["note", "member-gone"]],
  },
  {
    what: "a manager that shows old tokens",
    facts: {
      tokens: ok([shown(1, "a"), shown(2, "a"), shown(3, "a", { worker: mark("a", "old") })]),
    },
    want: [["warning", "tokens-stale"]],
    because: /^tokens that are not the swarm's are shown by i-3$/,
  },
  {
    what: "a manager that shows no tokens",
    facts: { tokens: ok([shown(1, "a"), shown(2, "a")]) },
    want: [["warning", "tokens-stale"]],
    because: /^no tokens are shown by i-3$/,
  },
  {
    what: "another cluster's tokens: nothing",
    facts: {
      tokens: ok([...[1, 2, 3].map((n) => shown(n, "a")), shown(9, "z", { cluster: "blue" })]),
    },
    want: [],
  },
  {
    what: "two managers",
    facts: {
      ...swarmOf(spread(1, 2)),
      ledger: founded({ members: [member(1), member(2)] }),
      tokens: ok([shown(1, "a"), shown(2, "a")]),
    },
    want: [["note", "voters-even"]],
    because: /^2 managers vote: they stand no loss, as 1 would$/,
  },
  {
    what: "four managers",
    facts: {
      ...swarmOf(spread(1, 2, 3, 4)),
      ledger: founded({ members: [...THREE, member(4)] }),
      tokens: ok([1, 2, 3, 4].map((n) => shown(n, "a"))),
      probe: ok(["10.0.0.2", "10.0.0.3", "10.0.0.4"]),
    },
    want: [["note", "voters-even"]],
    because: /^4 managers vote: they stand 1 lost, as 3 would$/,
  },
  {
    what: "three managers in two zones",
    facts: third({ labels: { ...managerNode(3).labels, "swarm-join.zone": "eu-west-1b" } }),
    want: [["note", "zone-decides"]],
    because: /^2 of 3 managers are in eu-west-1b: with that zone the quorum is lost$/,
  },
  {
    what: "three managers of which two are nobody knows where: nothing",
    facts: {
      ...swarmOf([
        ...spread(1),
        ...[2, 3].map((n) => managerNode(n, { labels: { "swarm-join.instance": `i-${n}` } })),
      ]),
      instances: ok([instance(1), ...[2, 3].map((n) => instance(n, { placement: null }))]),
    },
    want: [],
  },
  {
    what: "a machine of the cluster that is no node, and has long been up",
    facts: machines(HOUR_MS),
    want: [["note", "machine-outside"]],
    because: /^i-9 runs, has a role, and is no node of this swarm$/,
  },
  {
    what: "a machine that boots: nothing",
    facts: machines(60_000),
    want: [],
  },
  {
    what: "a machine that is a node by its address: nothing",
    facts: {
      ...machines(HOUR_MS),
      ...swarmOf([...spread(1, 2, 3), workerNode(9, { labels: {} })]),
      instances: ok([1, 2, 3, 9].map((n) => instance(n))),
    },
    want: [],
  },
  {
    what: "a machine that is a node by its label, seen at another address: nothing",
    facts: {
      ...machines(HOUR_MS),
      ...swarmOf([...spread(1, 2, 3), workerNode(9, { address: "203.0.113.1" })]),
    },
    want: [],
  },
  {
    what: "a node without a label where EC2 shows two machines",
    facts: {
      ...swarmOf([...spread(1, 2, 3), workerNode(4, { labels: {} })]),
      instances: ok([
        ...[1, 2, 3, 4].map((n) => instance(n)),
        instance(5, { address: "10.0.0.4" }),
      ]),
    },
    want: [["note", "node-nameless"]],
    because: /node-4 \(10\.0\.0\.4\)$/,
  },
  {
    what: "a node without a label whose machine EC2 shows: nothing, a join labels it",
    facts: {
      ...swarmOf([...spread(1, 2, 3), workerNode(4, { labels: {} })]),
      instances: ok([
        ...[1, 2, 3].map((n) => instance(n)),
        instance(4, { launchMs: NOW_MS - HOUR_MS }),
      ]),
    },
    want: [],
  },
];

for (const { what, facts, store, want, because, nodeId } of ROWS) {
  Deno.test(`survey: of nodes it finds ${what}`, () => {
    const found = findingsOf(facts, store).filter(({ rule }) => !OF_A_JOIN.includes(rule));
    assert.deepEqual(
      found.map(({ severity, rule }) => [severity, rule]),
      want,
      JSON.stringify(found),
    );
    if (because !== undefined) assert.match(found[0]?.because ?? "", because);
    assert.equal(found[0]?.nodeId, nodeId ?? found[0]?.nodeId);
  });
}

Deno.test("survey: with S3 tokens that nobody shows are missing in the store", () => {
  const found = findingsOf({ tokens: ok([]) }, s3).filter(({ rule }) => rule === "tokens-stale");
  assert.deepEqual(found.map(({ because }) => because), ["no tokens are shown by the store"]);
  const both = { ...shown(9, "a"), by: "s3://b/p" };
  assert.ok(!findingsOf({ tokens: ok([both]) }, s3).some(({ rule }) => rule === "tokens-stale"));
});

Deno.test("survey: of the nodes of another swarm than the founded one it says nothing", () => {
  const found = findingsOf({
    engine: ok({ ...managerOf("b", { nodes: [...spread(1, 2), managerNode(3, DOWN_3)] }) }),
  });
  assert.deepEqual(found.map(({ rule }) => rule), ["swarm-conflict"]);
});

Deno.test("survey: a worker can't tell of nodes", () => {
  assert.deepEqual(findingsOf({ engine: ok(workerOf("a")) }).map(({ rule }) => rule), ["in-order"]);
});

Deno.test("survey: what is dead and would be reaped, it says with what a join does next", () => {
  const found = findingsOf({ ...third(DOWN_3), ...TERMINATED_3, probe: ok(["10.0.0.2"]) });
  assert.match(
    found.find(({ rule }) => rule === "next")?.because ?? "",
    /^a join would demote \(demote-dead-voter\)/,
  );
});

Deno.test("survey: whether a drained node leaves is looked at where one is drained", () => {
  const { words: _, ...facts } = observation().facts;
  const nodes = [
    ...spread(1, 2),
    managerNode(3, { labels: { ...managerNode(3).labels, ...LEFT } }),
  ];
  const seen = observation({ config: { goal: "survey", dryRun: true } });
  const decision = decide({
    ...seen,
    facts: { ...facts, ...swarmOf(nodes), ledger: founded({ members: THREE }) },
  });
  assert.deepEqual(decision, { kind: "look", calls: [{ kind: "words", instance: null }] });
});
