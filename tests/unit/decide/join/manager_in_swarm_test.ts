/** A manager in a swarm: what is observed, and the action and rule that follow. */
import assert from "node:assert/strict";
import { decide } from "../../../../src/decide/decide.ts";
import { CONFLICT_MS } from "../../../../src/decide/patience.ts";
import type { Facts, Instance, Memory, Observation } from "../../../../src/state.ts";
import type { FoundingRecord, Member } from "../../../../src/founding.ts";
import {
  decided,
  empty,
  gone2,
  held,
  known,
  longLog,
  others2,
  recordOf,
  type Row,
  table,
  twoMembers,
  worker,
} from "../table.ts";
import {
  fault,
  founded,
  foundingMark,
  fp,
  HOUR_MS,
  instance,
  managerNode,
  managerOf,
  managersAt,
  mark,
  member,
  NOW_MS,
  observation,
  ok,
  s3,
  shown,
  without,
  workerNode,
} from "../../../support/observations.ts";

const outsideVpc = (address: string, sinceMs = 0): Member => ({
  instance: null,
  address,
  sinceMs,
  leaving: false,
});

/** The record, in a log that is long. */
const long = longLog(founded());
const inOrder: Facts = { engine: ok(managerOf("a")), tokens: ok([shown(1, "a")]) };

table("a manager in a swarm", [
  {
    name: "its swarm's tokens are shown for another cluster: it is not founded for this one",
    state: observation({
      memory: held("swarm-conflict", CONFLICT_MS),
      facts: {
        engine: ok(managerOf("a")),
        tokens: ok([shown(2, "a", { cluster: "blue" })]),
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "run it with --cluster blue",
    exit: 5,
  },
  {
    name: "with S3, the store marks its swarm's founding for another cluster",
    state: observation({
      config: { store: s3 },
      facts: { engine: ok(managerOf("a")), marks: ok([foundingMark("a", { cluster: "blue" })]) },
    }),
    want: ["fail", "swarm-conflict"],
    because: "run it with --cluster blue",
    exit: 5,
  },
  {
    name: "with S3, the record was lost, and the mark is this swarm's: founds it again",
    state: observation({
      config: { store: s3 },
      facts: {
        engine: ok(managerOf("a")),
        tokens: ok([shown(1, "a")]),
        marks: ok([foundingMark("a")]),
      },
    }),
    want: ["found", "found-swarm"],
  },
  {
    name: "with S3, the record was lost, and the mark is another swarm's: waits for that one",
    state: observation({
      config: { store: s3 },
      facts: { engine: ok(managerOf("b")), marks: ok([foundingMark("a")]) },
    }),
    want: ["wait", "swarm-unfounded"],
    because: "run swarm-join once on one of its managers",
  },
  {
    name: "others show tokens of before this swarm's CA was rotated: it is the same swarm",
    state: observation({
      facts: {
        engine: ok(managerOf("a", { nodes: managersAt(1, 2) })),
        tokens: ok([shown(2, "old")]),
      },
    }),
    want: ["found", "found-swarm"],
  },
  {
    name: "with S3, the mark is of before this swarm's CA was rotated: it is the same swarm",
    state: observation({
      config: { store: s3 },
      facts: {
        engine: ok(managerOf("a")),
        tokens: ok([shown(1, "a")]),
        marks: ok([foundingMark("z", { clusterId: "cluster-a" })]),
      },
    }),
    want: ["found", "found-swarm"],
  },
  {
    name: "its own swarm was founded for another cluster: it is not left for this one's",
    state: observation({
      config: { store: s3 },
      memory: { confirmed: fp("a") },
      facts: {
        engine: ok(managerOf("b")),
        ledger: twoMembers,
        instances: known,
        marks: ok([foundingMark("b", { cluster: "blue" })]),
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "run it with --cluster blue",
    exit: 5,
  },
  ...([
    ["a dead node at its own address: what a failed join left is removed", {}, {}, "remove"],
    ["a node at its own address that is not down: stays", { state: "unknown" }, {}, "done"],
    ["a worker's dead node at its own address: stays", { desired: "worker" }, {}, "done"],
    ["itself, before it is a voter: stays", { nodeId: "node-1" }, {}, "done"],
    ["what the swarm would not remove is not tried again", {}, { kept: ["node-9"] }, "done"],
  ] as const).map(([name, change, memory, want]): Row => {
    const stray = managerNode(9, {
      observed: "worker",
      voter: null,
      state: "down",
      address: "10.0.0.1",
      labels: {},
      ...change,
    });
    return {
      name,
      state: observation({
        memory: { ...memory, kept: [...("kept" in memory ? memory.kept : [])] },
        facts: {
          engine: ok(managerOf("a", { nodes: [managerNode(1), stray] })),
          ledger: founded(),
          tokens: ok([shown(1, "a")]),
        },
      }),
      want: want === "remove" ? ["remove", "remove-dead-node"] : ["done", "in-order"],
    };
  }),
  ...([
    ["a later Engine's swarm may have what can't be counted: a conflict", [], [
      "fail",
      "swarm-conflict",
    ]],
    ["this very run has started it: nobody has put anything into it", ["init"], [
      "register",
      "yield-to-founded",
    ]],
  ] as const).map(([name, did, [action, rule]]): Row => ({
    name,
    state: observation({
      config: { store: s3 },
      memory: { did: [...did] },
      facts: {
        engine: ok({ ...managerOf("b"), api: 57 }),
        ledger: founded(others2),
        instances: known,
      },
    }),
    want: [action, rule],
    ...(action === "fail" ? { exit: 5, because: "Docker API 1.57" } : {}),
  })),
  ...([
    ["an older manager answers, and this swarm is empty: waits for that one", "i-0", 7, {}, "wait"],
    ["of two of one age, the other comes first by its id: waits", "i-0", 5, {}, "wait"],
    ["of two of one age, this one comes first by its id: founds it", "i-2", 5, {}, "found"],
    ["a younger manager answers: founds it", "i-0", 3, {}, "found"],
    [
      "an older manager answers, and this swarm has something: founds it",
      "i-0",
      7,
      { services: 1 },
      "found",
    ],
  ] as const).map(([name, other, minutes, contents, want]): Row => ({
    name,
    state: observation({
      facts: {
        engine: ok(managerOf("a")),
        contents: ok({ ...contents }),
        neighbours: ok([
          { instance: "i-1", address: "10.0.0.1", runningMs: 5 * 60_000 },
          { instance: other, address: "10.0.0.9", runningMs: minutes * 60_000 },
        ]),
        probe: ok(["10.0.0.9"]),
      },
    }),
    want: want === "wait" ? ["wait", "swarm-unfounded"] : ["found", "found-swarm"],
  })),
  {
    name:
      "the record's members are gone, an older manager that it never had answers: waits for that one",
    state: observation({
      facts: {
        engine: ok(managerOf("b")),
        ledger: founded(others2),
        instances: gone2,
        neighbours: ok([{ instance: "i-9", address: "10.0.0.9", runningMs: HOUR_MS }]),
        probe: ok(["10.0.0.9"]),
      },
    }),
    want: ["wait", "swarm-unfounded"],
    because: "i-9 (10.0.0.9)",
  },
  {
    name: "its tokens are shown without the cluster that they are of: publishes them",
    state: observation({
      facts: {
        engine: ok(managerOf("a")),
        ledger: founded(),
        tokens: ok([shown(1, "a", { cluster: null })]),
      },
    }),
    want: ["publish", "publish-tokens"],
  },
  {
    name: "with S3, its founding is not marked yet",
    state: inFoundedS3({ marks: ok([foundingMark("a", { cluster: "blue" })]) }),
    want: ["attest", "attest-founding"],
    because: "not marked yet",
  },
  {
    name: "with S3, the mark is so old that a rule by age may take it",
    state: inFoundedS3({ marks: ok([foundingMark("a", { ageMs: 12 * HOUR_MS })]) }),
    want: ["attest", "attest-founding"],
    because: "marked anew",
  },
  {
    name: "with S3, a swarm that it replaced is still marked as founded",
    state: inFoundedS3(
      { marks: ok([foundingMark("a"), foundingMark("z")]) },
      { replaced: [fp("z")] },
    ),
    want: ["attest", "attest-founding"],
  },
  {
    name: "with S3, all is marked: done",
    state: inFoundedS3({ marks: ok([foundingMark("a", { ageMs: HOUR_MS })]) }),
    want: ["done", "in-order"],
  },
  {
    name: "with S3, what this run has marked it does not look for again",
    state: inFoundedS3({ marks: ok([]) }, {}, { attested: fp("a") }),
    want: ["done", "in-order"],
  },
  {
    name: "all is in order, and its log is long: deletes what is old of it",
    state: observation({ facts: { ledger: long, ...inOrder } }),
    want: ["trim", "trim-log"],
    because: "200 versions of lt-1",
  },
  {
    name: "its log is long, and this run has seen to that, or could not: done",
    state: observation({ memory: { did: ["trim"] }, facts: { ledger: long, ...inOrder } }),
    want: ["done", "in-order"],
  },
  {
    name: "its log is long, and a dead node is listed: that first",
    state: observation({
      facts: {
        ...inOrder,
        ledger: long,
        engine: ok(managerOf("a", {
          nodes: [managerNode(1), workerNode(2, { state: "down" })],
        })),
        instances: gone2,
      },
    }),
    want: ["remove", "remove-dead-node"],
  },
  {
    name: "EC2 shows which instance has the address of a member: it is put into the record",
    state: inFoundedBeside(outsideVpc("10.0.0.2", NOW_MS), [1, 2], [instance(1), instance(2)]),
    want: ["refresh", "refresh-record"],
    because: "10.0.0.2",
  },
  {
    name: "a member outside the VPC that the swarm lists: nothing to do",
    state: inFoundedBeside(outsideVpc("10.0.0.2"), [1, 2], [instance(1)]),
    want: ["done", "in-order"],
  },
  {
    name: "a member outside the VPC that the swarm has not listed for long: dropped",
    state: inFoundedBeside(outsideVpc("10.0.0.2", NOW_MS - HOUR_MS - 1), [1], [instance(1)]),
    want: ["refresh", "refresh-record"],
  },
  {
    name: "a member outside the VPC that the swarm does not list yet: stays",
    state: inFoundedBeside(outsideVpc("10.0.0.2", NOW_MS - HOUR_MS), [1], [instance(1)]),
    want: ["done", "in-order"],
  },
  {
    name: "without quorum its Engine's own list of managers is said, not the record's",
    state: observation({
      facts: {
        engine: ok({
          ...managerOf("a"),
          swarm: null,
          trouble: "no-quorum",
          peers: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        }),
        ledger: twoMembers,
        instances: known,
      },
    }),
    want: ["wait", "quorum-lost"],
    because: "its Engine knows the managers at 10.0.0.1, 10.0.0.2, 10.0.0.3",
  },
  {
    name:
      "a swarm that can't be read for another reason has not lost its quorum: the words are said",
    state: observation({
      facts: {
        engine: ok({
          ...managerOf("a"),
          swarm: null,
          trouble: "malformed",
          error: "half an answer",
        }),
        ledger: twoMembers,
      },
    }),
    want: ["wait", "unreachable"],
    because: "half an answer",
  },
  {
    name: "a manager in a swarm, and no record: founds its swarm",
    state: observation({ facts: { engine: ok(managerOf("a")) } }),
    want: ["found", "found-swarm"],
  },
  {
    name: "with S3 the tokens are published before the record names them",
    state: observation({ config: { store: s3 }, facts: { engine: ok(managerOf("a")) } }),
    want: ["publish", "publish-tokens"],
  },
  {
    name: "with S3 it founds once its tokens are there",
    state: observation({
      config: { store: s3 },
      facts: { engine: ok(managerOf("a")), tokens: ok([shown(1, "a")]) },
    }),
    want: ["found", "found-swarm"],
  },
  {
    name: "others show tokens of this very swarm: founds it",
    state: observation({ facts: { engine: ok(managerOf("a")), tokens: ok([shown(2, "a")]) } }),
    want: ["found", "found-swarm"],
  },
  {
    name:
      "others show another swarm's tokens, and this one is empty: waits for that one's founding",
    state: observation({ facts: { engine: ok(managerOf("a")), tokens: ok([shown(2, "b")]) } }),
    want: ["wait", "swarm-unfounded"],
    because: "i-2",
  },
  {
    name:
      "others show another swarm's tokens, and this one has a service: a conflict, once it held",
    state: observation({
      memory: held("swarm-conflict", CONFLICT_MS),
      facts: {
        engine: ok(managerOf("a")),
        tokens: ok([shown(2, "b")]),
        contents: ok({ ...empty, services: 1 }),
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "1 service;",
    exit: 5,
  },
  {
    name: "in the founded swarm and not listed: registers",
    state: observation({
      facts: { engine: ok(managerOf("a")), ledger: founded(others2), instances: known },
    }),
    want: ["register", "register-member"],
  },
  {
    name: "listed at another address: registers",
    state: observation({
      facts: {
        engine: ok(managerOf("a")),
        ledger: founded({ members: [member(1, { address: "10.0.0.9" })] }),
      },
    }),
    want: ["register", "register-member"],
  },
  {
    name: "its tokens are not shown: publishes",
    state: observation({ facts: { engine: ok(managerOf("a")), ledger: founded() } }),
    want: ["publish", "publish-tokens"],
    because: "not shown",
  },
  {
    name: "its tokens were rotated: publishes the new ones",
    state: observation({
      facts: {
        engine: ok(managerOf("a")),
        ledger: founded(),
        tokens: ok([shown(1, "a", { worker: mark("a", "old") })]),
      },
    }),
    want: ["publish", "publish-tokens"],
    because: "not those that are shown",
  },
  {
    name: "this run published them, and the read is old: in order",
    state: observation({
      memory: { published: "a-m a-w" },
      facts: { engine: ok(managerOf("a")), ledger: founded(), tokens: ok([]) },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "the CA was rotated: refreshes the record",
    state: observation({
      facts: {
        engine: ok(managerOf("b", { clusterId: "cluster-a" })),
        ledger: founded(),
        tokens: ok([shown(1, "b")]),
      },
    }),
    want: ["refresh", "refresh-record"],
    because: "CA was rotated",
  },
  {
    name: "the Engine knows a manager that the record lacks, and it answers: refreshes it",
    state: observation({
      facts: {
        engine: ok(managerOf("a", { nodes: managersAt(1, 2) })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
        probe: ok(["10.0.0.2"]),
        instances: known,
      },
    }),
    want: ["refresh", "refresh-record"],
    because: "10.0.0.2",
  },
  {
    name: "a manager that the record lacks and that does not answer is not listed: it may be gone",
    state: observation({
      facts: {
        engine: ok(managerOf("a", { nodes: managersAt(1, 2) })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
        probe: ok([]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "an unreachable manager is not listed again, for its node may be gone for good",
    state: observation({
      facts: {
        engine: ok(managerOf("a", {
          nodes: [
            managerNode(1),
            managerNode(2, { voter: { address: "10.0.0.2", reachable: false, leader: false } }),
          ],
        })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "all in order: done",
    state: observation({
      facts: { engine: ok(managerOf("a")), ledger: founded(), tokens: ok([shown(1, "a")]) },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "the founded swarm's managers are all gone: this swarm replaces it",
    state: observation({
      facts: { engine: ok(managerOf("b")), ledger: founded(others2), instances: gone2 },
    }),
    want: ["replace", "replace-dead-swarm"],
  },
  {
    name:
      "it is itself a member of the record, in another swarm now, and the rest is gone: replaces",
    state: observation({
      facts: { engine: ok(managerOf("b")), ledger: twoMembers, instances: gone2 },
    }),
    want: ["replace", "replace-dead-swarm"],
  },
  {
    name: "another swarm is founded and this one is empty: registers there first",
    state: observation({
      facts: { engine: ok(managerOf("b")), ledger: founded(others2), instances: known },
    }),
    want: ["register", "yield-to-founded"],
  },
  {
    name: "listed there by an earlier run, it registers anew: the read may be old",
    state: observation({
      facts: { engine: ok(managerOf("b")), ledger: twoMembers, instances: known },
    }),
    want: ["register", "yield-to-founded"],
  },
  {
    name: "registered there by this run: leaves its own empty swarm",
    state: observation({
      memory: { confirmed: fp("a") },
      facts: { engine: ok(managerOf("b")), ledger: twoMembers, instances: known },
    }),
    want: ["leave", "yield-to-founded"],
  },
  ...(["services", "secrets", "configs", "networks", "tasks"] as const).map((what): Row => ({
    name: `another swarm is founded, and this one has ${what}: a conflict, nothing is lost`,
    state: observation({
      memory: { confirmed: fp("a"), ...held("swarm-conflict", CONFLICT_MS) },
      facts: {
        engine: ok(managerOf("b")),
        ledger: twoMembers,
        instances: known,
        contents: ok({ ...empty, [what]: 2 }),
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: `2 ${what}`,
    exit: 5,
  })),
  {
    name: "a list of nodes that lacks this one has not said that it is alone",
    state: observation({
      memory: { confirmed: fp("a"), ...held("swarm-conflict", CONFLICT_MS) },
      facts: {
        engine: ok(managerOf("b", { nodes: [managerNode(2)] })),
        ledger: twoMembers,
        instances: known,
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "with 1 nodes",
    exit: 5,
  },
  {
    name: "another swarm is founded, and this one has a second node: a conflict",
    state: observation({
      memory: { confirmed: fp("a"), ...held("swarm-conflict", CONFLICT_MS) },
      facts: {
        engine: ok(managerOf("b", { nodes: [managerNode(1), workerNode(2)] })),
        ledger: twoMembers,
        instances: known,
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "2 nodes",
    exit: 5,
  },
  {
    name: "a conflict that EC2 has only just shown may be an old read: looks again",
    state: observation({
      memory: held("swarm-conflict", CONFLICT_MS - 1),
      facts: {
        engine: ok(managerOf("b", { nodes: [managerNode(1), workerNode(2)] })),
        ledger: twoMembers,
        instances: known,
      },
    }),
    want: ["wait", "swarm-conflict"],
  },
  {
    name: "S3 is strongly consistent: a conflict there is one at once",
    state: observation({
      config: { store: s3 },
      facts: {
        engine: ok(managerOf("b", { nodes: [managerNode(1), workerNode(2)] })),
        ledger: twoMembers,
        instances: known,
      },
    }),
    want: ["fail", "swarm-conflict"],
    exit: 5,
  },
  {
    name: "no quorum: waits, and names the other managers and their states",
    state: observation({
      facts: {
        engine: ok({ ...managerOf("a"), swarm: null }),
        ledger: twoMembers,
        instances: ok([instance(1), instance(2, { state: "stopped" })]),
      },
    }),
    want: ["wait", "quorum-lost"],
    because: "i-2 (10.0.0.2, stopped)",
  },
  {
    name: "no quorum, at the deadline: not yet, and names whom for",
    state: observation({
      nowMs: 600_000,
      facts: {
        engine: ok({ ...managerOf("a"), swarm: null }),
        ledger: twoMembers,
        instances: ok([instance(1), instance(2, { state: "stopped" })]),
      },
    }),
    want: ["fail", "quorum-lost"],
    because: "i-2 (10.0.0.2, stopped)",
    exit: 3,
  },
]);

Deno.test("decide: a node in the other role than asked for is done, with a warning", () => {
  const decision = decided(observation({
    config: worker,
    facts: { engine: ok(managerOf("a")), ledger: founded(), tokens: ok([shown(1, "a")]) },
  }));
  assert.ok(decision.kind === "end");
  assert.equal(decision.exit, 0);
  assert.match(decision.warnings.join(), /is a manager, and was asked to be a worker/);
});

Deno.test("decide: a manager leaves its own swarm by force, and only if it is still empty", () => {
  const decision = decided(observation({
    memory: { confirmed: fp("a") },
    facts: { engine: ok(managerOf("b")), ledger: twoMembers, instances: known },
  }));
  assert.ok(decision.kind === "act");
  assert.deepEqual(decision.call, { kind: "leave", force: true, onlyEmpty: true });
});

Deno.test("decide: who is known by an address only gets the instance that EC2 shows there, or goes", () => {
  const named = inFoundedBeside(outsideVpc("10.0.0.2"), [1, 2], [instance(1), instance(2)]);
  assert.deepEqual(recordOf(named).members.map((one) => one.instance), ["i-2", "i-1"]);
  const unlisted = inFoundedBeside(outsideVpc("10.0.0.2"), [1], [instance(1)]);
  assert.deepEqual(recordOf(unlisted).members.map((one) => one.instance), ["i-1"]);
});

Deno.test("decide: marks of a swarm that was replaced, or whose CA was rotated, are said to be over", () => {
  const marks = ["a", "z", "y", "x"].map((letter) => foundingMark(letter));
  const decision = decided(
    inFoundedS3({ marks: ok(marks) }, { replaced: [fp("z")], rotated: [fp("y")] }),
  );
  assert.ok(decision.kind === "act");
  assert.deepEqual(decision.call, {
    kind: "attest",
    fingerprint: fp("a"),
    clusterId: "cluster-a",
    over: [
      { fingerprint: fp("z"), clusterId: "cluster-z" },
      { fingerprint: fp("y"), clusterId: "cluster-y" },
    ],
  });
});

/** Node 1 is a manager of the founded swarm, and shows its tokens in S3. */
function inFoundedS3(
  facts: Facts,
  change: Partial<FoundingRecord> = {},
  memory: Partial<Memory> = {},
): Observation {
  return observation({
    config: { store: s3 },
    memory,
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded(change),
      tokens: ok([shown(1, "a")]),
      ...facts,
    },
  });
}

/** Node 1 is a manager of the founded swarm, beside one whom only an address stands for. */
function inFoundedBeside(beside: Member, listed: number[], shows: Instance[]): Observation {
  return observation({
    facts: {
      engine: ok(managerOf("a", { nodes: managersAt(...listed) })),
      ledger: founded({ members: [member(1), beside] }),
      tokens: ok([shown(1, "a")]),
      instances: ok(shows),
    },
  });
}

Deno.test("decide: before it lists whom the record lacks, it reads the record again and asks who is there", () => {
  const state = observation({
    facts: {
      engine: ok(managerOf("a", { nodes: managersAt(1, 2) })),
      ledger: founded(),
      tokens: ok([shown(1, "a")]),
    },
  });
  assert.deepEqual(decide(without(state, "probe")), {
    kind: "look",
    calls: [{ kind: "ledger", missing: [] }, { kind: "probe", addresses: ["10.0.0.2"] }],
  });
  const failed = { ...state, facts: { ...state.facts, probe: fault("timeout") } };
  assert.equal(decided(failed).kind, "wait");
});
