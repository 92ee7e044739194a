/** How the swarm stands: the verdict and what it stands on, from every kind of node. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Answers, answersTo } from "./arbitrary.ts";
import type { AnyAnswer } from "../../../src/calls.ts";
import { decide } from "../../../src/decide/decide.ts";
import {
  nodeOf,
  quorumOf,
  standingOf,
  tokensOf,
  VERDICT_EXITS,
  zoneOf,
} from "../../../src/decide/standing.ts";
import { after, at, begin } from "../../../src/run.ts";
import type { Config, Engine, Facts, Observation, SwarmNode } from "../../../src/state.ts";
import {
  config,
  fault,
  founded,
  instance,
  lifecycle,
  managerNode,
  managerOf,
  mark,
  member,
  observation,
  ok,
  outside,
  s3,
  shown,
  spread,
  unfounded,
  workerNode,
  workerOf,
} from "../../support/observations.ts";

const THREE = founded({ members: [member(1), member(2), member(3)] });
const NO_QUORUM: Partial<Engine> = {
  swarm: null,
  trouble: "no-quorum",
  error: "The swarm does not have a leader",
  peers: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
};
const SILENT_3: Partial<SwarmNode> = {
  state: "down",
  voter: { address: "10.0.0.3", reachable: false, leader: false },
};

/** A survey on node 1, one of three managers in order, but for what a row changes. */
function seen(facts: Facts, change: Partial<Config> = {}): Observation {
  return observation({
    config: { goal: "survey", dryRun: true, ...change },
    facts: {
      engine: ok(managerOf("a", { nodes: spread(1, 2, 3) })),
      ledger: THREE,
      tokens: ok([1, 2, 3].map((n) => shown(n, "a"))),
      instances: ok([1, 2, 3].map((n) => instance(n))),
      probe: ok(["10.0.0.2", "10.0.0.3"]),
      ...facts,
    },
  });
}

function standing(facts: Facts, change: Partial<Config> = {}): ReturnType<typeof standingOf> {
  const o = seen(facts, change);
  const decision = decide(o);
  assert.ok(decision.kind === "end", JSON.stringify(decision));
  return standingOf(o, decision.findings);
}

const worker = { role: "worker" as const };
const gone = (n: number): ReturnType<typeof instance> =>
  instance(n, { state: "terminated", address: null });

interface Row {
  what: string;
  facts: Facts;
  change?: Partial<Config>;
  want: keyof typeof VERDICT_EXITS;
  because: string | RegExp;
}

const ROWS: Row[] = [
  {
    what: "three managers that are reached",
    facts: {},
    want: "ok",
    because: "3 of 3 managers are reached, and 2 are needed: 1 may be lost",
  },
  {
    what: "a manager alone",
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded(),
      tokens: ok([shown(1, "a")]),
      probe: ok([]),
    },
    want: "ok",
    because: "1 of 1 managers is reached, and 1 is needed: none may be lost",
  },
  {
    what: "two managers, which is worth knowing and no fault",
    facts: {
      engine: ok(managerOf("a", { nodes: spread(1, 2) })),
      ledger: founded({ members: [member(1), member(2)] }),
      tokens: ok([shown(1, "a"), shown(2, "a")]),
    },
    want: "ok",
    because: "2 of 2 managers are reached, and 2 are needed: none may be lost",
  },
  {
    what: "one of three that does not answer",
    facts: {
      engine: ok(managerOf("a", { nodes: [...spread(1, 2), managerNode(3, SILENT_3)] })),
      probe: ok(["10.0.0.2"]),
    },
    want: "degraded",
    because: "2 of 3 managers are reached, and 2 are needed: none may be lost; see voter-silent",
  },
  {
    what: "a manager that is asked to be a worker: a join warns of it, and is done",
    facts: {},
    change: worker,
    want: "ok",
    because: /1 may be lost$/,
  },
  {
    what: "a manager whose Auto Scaling group has no hook: the swarm is none the worse",
    facts: {
      lifecycle: ok(lifecycle("InService")),
      hook: ok({ group: "managers", state: "InService", hooks: [] }),
    },
    want: "ok",
    because: /1 may be lost$/,
  },
  {
    what: "a permission that this node lacks",
    facts: { permissions: ok([{ action: "ec2:CreateTags", verdict: "denied", verb: "join" }]) },
    want: "degraded",
    because: /1 may be lost; see permission-missing$/,
  },
  {
    what: "a permission that only a leave of this node would lack",
    facts: { permissions: ok([{ action: "ec2:CreateTags", verdict: "denied", verb: "leave" }]) },
    want: "ok",
    because: /1 may be lost$/,
  },
  {
    what: "a manager without a leader, whom a minority answers",
    facts: { engine: ok({ ...managerOf("a"), ...NO_QUORUM }), probe: ok([]) },
    want: "lost",
    because:
      "1 of 3 managers is reached, and 2 are needed: nothing in this swarm can be changed until more come back",
  },
  {
    what: "a manager without a leader, whom enough answer: an election, or it is cut off",
    facts: { engine: ok({ ...managerOf("a"), ...NO_QUORUM }), probe: ok(["10.0.0.2"]) },
    want: "degraded",
    because:
      /^this manager sees no leader of its swarm, though 2 of 3 managers are reached, and 2 are needed; see quorum-lost/,
  },
  {
    what: "a manager without a leader, of whom nobody knows who answers",
    facts: { engine: ok({ ...managerOf("a"), ...NO_QUORUM }), probe: fault("unreachable") },
    want: "degraded",
    because: /^who of the record's 2 other managers answers is not known; see quorum-lost/,
  },
  {
    what: "a manager that was demoted a moment ago: its Engine says nothing of a leader",
    facts: { engine: ok({ ...managerOf("a"), swarm: null }), probe: ok([]) },
    want: "degraded",
    because: /^0 of the record's 2 other managers answer here; see managers-lost/,
  },
  {
    what: "a manager whose swarm could not be read for another reason",
    facts: {
      engine: ok({ ...managerOf("a"), ...NO_QUORUM, trouble: "timeout" }),
      probe: ok([]),
    },
    want: "degraded",
    because: /unreachable/,
  },
  {
    what: "a worker whose managers answer",
    facts: { engine: ok(workerOf("a")) },
    change: worker,
    want: "ok",
    because: "2 of the record's 2 other managers answer here",
  },
  {
    what: "a worker that no manager answers: perhaps it is cut off",
    facts: { engine: ok(workerOf("a")), probe: ok([]) },
    change: worker,
    want: "degraded",
    because: /^0 of the record's 2 other managers answer here; see managers-silent, member-silent$/,
  },
  {
    what: "a worker whose managers are gone",
    facts: {
      engine: ok(workerOf("a")),
      ledger: founded({ members: [member(2), member(3)] }),
      probe: ok([]),
      instances: ok([instance(1), gone(2), gone(3)]),
    },
    change: worker,
    want: "lost",
    because: "every manager of the founded swarm aaaaaaaa… is gone",
  },
  {
    what: "a worker whose managers EC2 can't be asked about",
    facts: {
      engine: ok(workerOf("a")),
      ledger: founded({ members: [member(2), member(3)] }),
      probe: ok([]),
      instances: fault("denied", "allow it"),
    },
    change: worker,
    want: "degraded",
    because: /^0 of the record's 2 other managers answer here/,
  },
  {
    what: "a worker of a record that lists nobody",
    facts: { engine: ok(workerOf("a")), ledger: founded({ members: [] }), probe: ok([]) },
    change: worker,
    want: "lost",
    because: /is gone$/,
  },
  {
    what: "the only manager, whose Engine starts",
    facts: {
      engine: ok({ ...managerOf("a"), state: "pending", manager: false, swarm: null }),
      ledger: founded(),
      probe: ok([]),
    },
    want: "degraded",
    because: /engine-starting/,
  },
  {
    what: "a node outside, while the members answer",
    facts: {
      engine: ok(outside),
      ledger: founded({ members: [member(2), member(3)] }),
    },
    want: "degraded",
    because: "2 of the record's 2 other managers answer here; this node is in no swarm",
  },
  {
    what: "a node outside, where every member is gone",
    facts: {
      engine: ok(outside),
      ledger: founded({ members: [member(2)] }),
      tokens: ok([]),
      instances: ok([instance(1), gone(2)]),
      probe: ok([]),
    },
    want: "lost",
    because: /is gone$/,
  },
  {
    what: "no swarm at all",
    facts: { engine: ok(outside), ledger: unfounded, tokens: ok([]), probe: ok([]) },
    want: "none",
    because: "no swarm is founded, and this node is in none",
  },
  {
    what: "a swarm that nobody has founded, from a worker of it",
    facts: { engine: ok(workerOf("a")), ledger: unfounded, tokens: ok([]), probe: ok([]) },
    change: worker,
    want: "degraded",
    because: /^nobody knows who its managers are; see managers-silent/,
  },
  {
    what: "a record that can't be read",
    facts: { engine: ok(outside), ledger: fault("denied", "allow it") },
    want: "degraded",
    because: /this node is in no swarm; see permission-missing$/,
  },
  {
    what: "no Engine, and no record: whether this node is in a swarm nobody knows",
    facts: { engine: fault("no-socket"), ledger: unfounded },
    want: "degraded",
    because: /engine-unavailable/,
  },
  {
    what:
      "a manager of the founded swarm that is not listed yet, where all that are listed are gone",
    facts: {
      engine: ok(managerOf("a", { nodes: spread(1) })),
      ledger: founded({ members: [member(2)] }),
      tokens: ok([shown(1, "a")]),
      instances: ok([instance(1), gone(2)]),
      probe: ok([]),
    },
    want: "ok",
    because: /none may be lost$/,
  },
  {
    what: "a manager of a living swarm, where the record's other one is gone",
    facts: {
      engine: ok(managerOf("b", { nodes: spread(1) })),
      ledger: founded({ members: [member(2)] }),
      tokens: ok([]),
      instances: ok([instance(1), gone(2)]),
      probe: ok([]),
    },
    want: "lost",
    because: /aaaaaaaa… is gone$/,
  },
];

for (const { what, facts, change, want, because } of ROWS) {
  Deno.test(`standing: ${want}: ${what}`, () => {
    const { verdict, because: why } = standing(facts, change);
    assert.equal(verdict, want, why);
    if (typeof because === "string") assert.equal(why, because);
    else assert.match(why, because);
  });
}

Deno.test("standing: each verdict has an exit code that scripts may rely on", () => {
  assert.deepEqual(VERDICT_EXITS, { ok: 0, degraded: 3, lost: 5, none: 3 });
});

function quorum(nodes: SwarmNode[], facts: Facts = {}): ReturnType<typeof quorumOf> {
  return quorumOf(seen({ engine: ok(managerOf("a", { nodes })), ...facts }));
}

Deno.test("quorum: which zone's loss the swarm stands", () => {
  const inZone = (zone: string) => (n: number): SwarmNode =>
    managerNode(n, { labels: { "swarm-join.zone": zone } });
  const nodes = [...[1, 2].map(inZone("a")), ...[3, 4].map(inZone("b")), inZone("c")(5)];
  assert.deepEqual(quorum(nodes), {
    total: 5,
    reachable: 5,
    needed: 3,
    canLose: 2,
    zones: [
      { zone: "a", voters: 2, canLose: true },
      { zone: "b", voters: 2, canLose: true },
      { zone: "c", voters: 1, canLose: true },
    ],
  });
  const silent = { ...inZone("c")(5), ...SILENT_3 };
  assert.deepEqual(quorum([...nodes.slice(0, 4), silent]), {
    total: 5,
    reachable: 4,
    needed: 3,
    canLose: 1,
    zones: [
      { zone: "a", voters: 2, canLose: false },
      { zone: "b", voters: 2, canLose: false },
      { zone: "c", voters: 1, canLose: true },
    ],
  });
});

Deno.test("quorum: who is nobody knows where may be in the zone that is lost", () => {
  const unplaced = managerNode(3, { labels: {} });
  const facts = { instances: ok([instance(1), instance(2)]) };
  const zones = quorum([...spread(1, 2), unplaced], facts)?.zones;
  assert.deepEqual(zones, [
    { zone: "eu-west-1a", voters: 1, canLose: false },
    { zone: "eu-west-1b", voters: 1, canLose: false },
    { zone: null, voters: 1, canLose: true },
  ]);
});

Deno.test("quorum: workers have no vote, and one whose address another has casts none", () => {
  const taken = managerNode(3, { state: "down" });
  const { total, reachable, canLose } = quorum([...spread(1, 2), taken, workerNode(4)])!;
  assert.deepEqual({ total, reachable, canLose }, { total: 3, reachable: 2, canLose: 0 });
});

Deno.test("quorum: without a leader it is as far as the Engine knows, and only connections tell", () => {
  const engine = ok({ ...managerOf("a"), ...NO_QUORUM });
  assert.deepEqual(quorumOf(seen({ engine, probe: ok(["10.0.0.3"]) })), {
    total: 3,
    reachable: 2,
    needed: 2,
    canLose: 0,
    zones: [],
  });
  assert.equal(quorumOf(seen({ engine, probe: ok([]) }))?.canLose, 0);
  assert.equal(quorumOf(seen({ engine, probe: fault("timeout") })), null);
  assert.equal(quorumOf(seen({ engine: ok(workerOf("a")) })), null);
});

Deno.test("zone: the node's label says it before EC2 does, which may have given its address away", () => {
  const o = seen({ instances: ok([instance(4)]) });
  assert.equal(zoneOf(o, workerNode(4)), "eu-west-1a");
  assert.equal(zoneOf(o, workerNode(4, { labels: { "swarm-join.zone": "z" } })), "z");
  assert.equal(zoneOf(o, workerNode(4, { labels: {} })), "eu-west-1a");
  assert.equal(zoneOf(o, workerNode(5, { labels: {} })), null);
  const stranger = workerNode(4, { labels: { "swarm-join.instance": "i-9" } });
  assert.equal(zoneOf(o, stranger), null);
});

Deno.test("a member's node is its own, the living one, the newest, or who is at its address", () => {
  const dead = managerNode(2, { nodeId: "dead", createdMs: 3, state: "down" });
  const old = managerNode(2, { nodeId: "old", createdMs: 1 });
  const young = managerNode(2, { nodeId: "young", createdMs: 2 });
  const bare = managerNode(3, { nodeId: "bare", labels: {} });
  const o = seen({});
  const swarm = {
    ...managerOf("a").swarm!,
    nodes: [managerNode(1, { labels: {} }), dead, old, young, bare],
  };
  assert.equal(nodeOf(o, member(1), swarm)?.nodeId, "node-1");
  const copy = managerNode(1, { nodeId: "copy", createdMs: managerNode(1).createdMs + 1 });
  const both = { ...swarm, nodes: [copy, managerNode(1)] };
  assert.equal(nodeOf(o, member(1), both)?.nodeId, "node-1");
  assert.equal(nodeOf(o, member(2), swarm)?.nodeId, "young");
  assert.equal(nodeOf(o, member(3), swarm)?.nodeId, "bare");
  assert.equal(nodeOf(o, member(4), swarm), null);
  // At an address that is in use again is another's node.
  assert.equal(nodeOf(o, member(9, { address: "10.0.0.2" }), swarm), null);
  assert.equal(nodeOf(o, member(2), { ...swarm, nodes: [dead] })?.nodeId, "dead");
});

Deno.test("tokens: who shows them as they are, who others, and which voters none", () => {
  const old = shown(3, "a", { manager: mark("a", "old") });
  assert.deepEqual(tokensOf(seen({ tokens: ok([shown(1, "a"), old]) })), {
    current: ["i-1"],
    stale: ["i-3"],
    missing: ["i-2"],
  });
  const half = shown(2, "a", { manager: null });
  assert.deepEqual(tokensOf(seen({ tokens: ok([half]) }))?.stale, ["i-2"]);
  // Nobody misses those of a dead one.
  const nodes = [...spread(1, 2), managerNode(3, SILENT_3)];
  const engine = ok(managerOf("a", { nodes }));
  assert.deepEqual(tokensOf(seen({ engine, tokens: ok([shown(1, "a")]) }))?.missing, ["i-2"]);
  // Who has registered and is not in yet has nothing to show.
  const joining = seen({
    engine: ok(managerOf("a", { nodes: spread(1, 2) })),
    tokens: ok([shown(1, "a"), shown(2, "a")]),
  });
  assert.deepEqual(tokensOf(joining)?.missing, []);
  assert.equal(tokensOf(seen({ tokens: fault("throttled") })), null);
  assert.equal(tokensOf(seen({ engine: ok(workerOf("a")) })), null);
  assert.deepEqual(tokensOf(seen({ tokens: ok([]) }, { store: s3 })), {
    current: [],
    stale: [],
    missing: ["the store"],
  });
});

Deno.test("standing: whatever a survey is answered, there is a verdict, and it fits the counts", () => {
  fc.assert(
    fc.property(answersTo, (answers: Answers) => {
      let o = begin({ ...config, dryRun: true, goal: "survey" }, "run");
      for (let looks = 0;; looks++) {
        o = at(o, looks, 0);
        const decision = decide(o);
        if (decision.kind === "look") {
          const given = decision.calls.map(({ kind }) => answers[kind] as AnyAnswer);
          o = after(o, decision, given, looks);
          continue;
        }
        assert.ok(decision.kind === "end");
        const { verdict, because } = standingOf(o, decision.findings);
        assert.ok(because !== "" && verdict in VERDICT_EXITS);
        const counts = quorumOf(o);
        if (counts !== null) {
          assert.ok(counts.reachable <= counts.total && counts.needed * 2 > counts.total);
          if (verdict === "ok") assert.ok(counts.reachable >= counts.needed, because);
        }
        if (verdict === "ok") {
          assert.ok(!decision.findings.some(({ severity }) => severity === "error"), because);
        }
        return;
      }
    }),
    { numRuns: 2_000 },
  );
});
