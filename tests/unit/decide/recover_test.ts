/** decide: a quorum again, of the one manager that is left. */
import assert from "node:assert/strict";
import { decided, gone2, held, looks, recordOf, table } from "./table.ts";
import { after, begin } from "../../../src/run.ts";
import type { AnyAnswer } from "../../../src/calls.ts";
import {
  fault,
  founded,
  HOUR_MS,
  identity,
  instance,
  labelsOf,
  managerNode,
  managerOf,
  member,
  NOW_MS,
  observation,
  ok,
  outside,
  shown,
  unfounded,
  workerNode,
  workerOf,
} from "../../support/observations.ts";
import type { Config, Engine, Facts, Memory, Observation } from "../../../src/state.ts";

const LEADERLESS = {
  swarm: null,
  trouble: "no-quorum",
  error: "The swarm does not have a leader.",
} as const;

/** Manager 1 of two, whose swarm has no leader; the other one is terminated. */
function lost(
  change: {
    engine?: Partial<Engine>;
    config?: Partial<Config>;
    facts?: Facts;
    memory?: Partial<Memory>;
  } = {},
): Observation {
  return observation({
    config: { goal: "recover", ...change.config },
    memory: change.memory ?? {},
    facts: {
      engine: ok({
        ...managerOf("a"),
        peers: ["10.0.0.1", "10.0.0.2"],
        ...LEADERLESS,
        ...change.engine,
      }),
      ledger: founded({ members: [member(1), member(2)] }),
      instances: gone2,
      ...change.facts,
    },
  });
}

/** The other member is in this state. */
function other(state: Parameters<typeof instance>[1]): Facts {
  return { instances: ok([instance(1), instance(2, state)]) };
}

const forgotten = (sinceMs: number): Facts => ({
  instances: ok([instance(1)]),
  ledger: founded({ members: [member(1), member(2, { sinceMs })] }),
});
/** A peer that no record lists, of a swarm whose record lists this node alone. */
const unlisted = founded({ members: [member(1)] });

table("a lost quorum", [
  {
    name: "all others are terminated: the record is written once more",
    state: lost(),
    want: ["recover", "confirm-recovery"],
  },
  {
    name: "just written for this: its swarm is started anew",
    state: lost({ memory: { mayForce: true } }),
    want: ["force", "force-new-cluster"],
  },
  {
    name: "a write of the same run for something else is no proof",
    state: lost({ memory: { confirmed: "a".repeat(50), isProven: true } }),
    want: ["recover", "confirm-recovery"],
  },
  {
    name: "the other one is merely stopped",
    state: lost({ facts: other({ state: "stopped" }) }),
    want: ["fail", "members-living"],
    because: "i-2 (10.0.0.2, stopped)",
    exit: 5,
  },
  {
    name: "is stopping",
    state: lost({ facts: other({ state: "stopping" }) }),
    want: ["fail", "members-living"],
    exit: 5,
  },
  ...(["pending", "running", "shutting-down"] as const).map((state) => ({
    name: `is ${state}: that may pass`,
    state: lost({ facts: other({ state }) }),
    want: ["wait", "members-living"] as ["wait", "members-living"],
    because: `i-2 (10.0.0.2, ${state})`,
  })),
  {
    name: "it runs, and has for long",
    state: lost({
      facts: other({ state: "running" }),
      memory: held("members-living", 300_000),
    }),
    want: ["fail", "members-living"],
    exit: 5,
  },
  {
    name: "one of several is stopped: nothing is waited for",
    state: lost({
      facts: {
        ledger: founded({ members: [member(1), member(2), member(3)] }),
        instances: ok([instance(1), instance(2), instance(3, { state: "stopped" })]),
      },
    }),
    want: ["fail", "members-living"],
    because: "i-2 (10.0.0.2, running), i-3 (10.0.0.3, stopped)",
    exit: 5,
  },
  {
    name: "EC2 does not show it, and it was listed a moment ago",
    state: lost({ facts: forgotten(NOW_MS - 60_000) }),
    want: ["fail", "members-living"],
    because: "i-2 (10.0.0.2)",
    exit: 5,
  },
  {
    name: "EC2 has forgotten it for an hour",
    state: lost({ facts: forgotten(NOW_MS - 2 * HOUR_MS) }),
    want: ["recover", "confirm-recovery"],
  },
  {
    name: "forgotten, and somebody answers there",
    state: lost({ facts: { ...forgotten(NOW_MS - 2 * HOUR_MS), probe: ok(["10.0.0.2"]) } }),
    want: ["fail", "members-living"],
    exit: 5,
  },
  {
    name: "one that leaves lives as long",
    state: lost({
      facts: {
        ledger: founded({ members: [member(1), member(2, { leaving: true })] }),
        ...other({ state: "stopped" }),
      },
    }),
    want: ["fail", "members-living"],
    exit: 5,
  },
  {
    name: "one that is known by its address only is never gone",
    state: lost({
      facts: {
        ledger: founded({ members: [member(1), member(2, { instance: null, sinceMs: 0 })] }),
        instances: ok([instance(1)]),
      },
    }),
    want: ["fail", "members-living"],
    because: "a manager without a known instance (10.0.0.2)",
    exit: 5,
  },
  {
    name: "three of five are gone, one is not",
    state: lost({
      facts: {
        ledger: founded({ members: [1, 2, 3, 4, 5].map((n) => member(n)) }),
        instances: ok([
          ...[1, 5].map((n) => instance(n, { state: n === 1 ? "running" : "stopped" })),
          ...[2, 3, 4].map((n) => instance(n, { state: "terminated", address: null })),
        ]),
      },
    }),
    want: ["fail", "members-living"],
    because: "the record lists i-5 (10.0.0.5, stopped)",
    exit: 5,
  },
]);

table("a lost quorum, and managers that only the Engine knows", [
  {
    name: "EC2 shows no machine there, and nobody answers",
    state: lost({ facts: { ledger: unlisted, instances: ok([instance(1)]) } }),
    want: ["recover", "confirm-recovery"],
  },
  {
    name: "EC2 shows one",
    state: lost({ facts: { ledger: unlisted, ...other({ state: "stopped" }) } }),
    want: ["fail", "members-living"],
    because: "a manager at 10.0.0.2, where i-2 (stopped) is, whom the record does not list",
    exit: 5,
  },
  {
    name: "somebody answers there",
    state: lost({
      facts: { ledger: unlisted, instances: ok([instance(1)]), probe: ok(["10.0.0.2"]) },
    }),
    want: ["fail", "members-living"],
    exit: 5,
  },
  {
    name: "it is outside this VPC, where EC2 shows nobody",
    state: lost({
      engine: { peers: ["10.0.0.1", "192.0.2.7"] },
      facts: { ledger: unlisted, instances: ok([instance(1)]) },
    }),
    want: ["fail", "members-living"],
    because: "a manager at 192.0.2.7, whom the record does not list",
    exit: 5,
  },
  {
    name: "nobody knows what is in this VPC",
    state: lost({
      memory: { identity: { ...identity(1), vpcRanges: null } },
      facts: { ledger: unlisted, instances: ok([instance(1)]) },
    }),
    want: ["fail", "members-living"],
    exit: 5,
  },
  {
    name: "its own other addresses are no others",
    state: lost({
      memory: { identity: { ...identity(1), addresses: ["10.0.0.1", "10.0.0.9"] } },
      engine: { peers: ["10.0.0.1", "10.0.0.9"] },
      facts: { ledger: unlisted, instances: ok([instance(1)]) },
    }),
    want: ["recover", "confirm-recovery"],
  },
  {
    name: "the write has dropped from the record whom it judged: it is not judged again",
    state: lost({
      memory: { mayForce: true },
      facts: { ledger: unlisted, ...other({ state: "running" }) },
    }),
    want: ["force", "force-new-cluster"],
  },
]);

table("nothing to recover here", [
  {
    name: "its swarm has a leader",
    state: lost({ engine: managerOf("a") }),
    want: ["done", "quorum-held"],
  },
  {
    name: "its Engine is in no swarm",
    state: lost({ engine: outside }),
    want: ["fail", "recover-elsewhere"],
    because: "in no swarm",
    exit: 5,
  },
  {
    name: "a worker",
    state: lost({ engine: { ...workerOf("a"), trouble: null, error: "" } }),
    want: ["fail", "recover-elsewhere"],
    because: "a worker",
    exit: 5,
  },
  {
    name: "an attempt to join is none of its business",
    state: lost({ engine: { ...outside, state: "pending" } }),
    want: ["fail", "recover-elsewhere"],
    exit: 5,
  },
  {
    name: "the swarm is locked",
    state: lost({ engine: { state: "locked", trouble: null } }),
    want: ["fail", "engine-locked"],
    exit: 5,
  },
  {
    name: "its Engine can't be read for another reason",
    state: lost({ engine: { trouble: "timeout", error: "no answer" } }),
    want: ["wait", "unreachable"],
  },
  {
    name: "its Engine is coming up, and has said nothing of a leader yet",
    state: lost({ engine: { state: "pending", trouble: null, error: "" } }),
    want: ["wait", "engine-starting"],
  },
  {
    name: "it came up, and says that there is none",
    state: lost({ engine: { state: "pending" } }),
    want: ["recover", "confirm-recovery"],
  },
  {
    name: "its disk may be another node's",
    state: lost({ engine: { address: "10.0.0.77" } }),
    want: ["wait", "address-unknown"],
  },
  {
    name: "no record, by a read that may be old",
    state: lost({ facts: { ledger: unfounded } }),
    want: ["wait", "recover-elsewhere"],
    because: "no swarm is founded",
  },
  {
    name: "no record for long",
    state: lost({
      facts: { ledger: unfounded },
      memory: held("recover-elsewhere", 180_000),
    }),
    want: ["fail", "recover-elsewhere"],
    exit: 5,
  },
  {
    name: "another swarm is founded",
    state: lost({
      facts: { ledger: founded({ fingerprint: "b".repeat(50), clusterId: "cluster-b" }) },
      memory: held("recover-elsewhere", 180_000),
    }),
    want: ["fail", "recover-elsewhere"],
    because: "this manager is in another one",
    exit: 5,
  },
  {
    name: "the record is of another VPC",
    state: lost({
      facts: { ledger: founded({ vpc: "vpc-0", members: [member(2)] }), ...other({}) },
    }),
    want: ["wait", "record-elsewhere"],
  },
]);

const forced: Partial<Memory> = { forced: "what it was before is in /copies/1", did: ["force"] };

/** Manager 1 has started its swarm anew; a worker is in it, and the dead manager. */
function anew(state: "down" | "unknown", memory: Partial<Memory> = {}): Observation {
  const dead = managerNode(2, { voter: null, state });
  const nodes = [managerNode(1), dead, workerNode(3)];
  return lost({
    engine: managerOf("a", { nodes }),
    facts: {
      ledger: founded({ members: [member(1)] }),
      tokens: ok([shown(1, "a")]),
      instances: ok([
        instance(1),
        instance(2, { state: "terminated", address: null }),
        instance(3),
      ]),
    },
    memory: { ...forced, confirmed: "a".repeat(50), ...memory },
  });
}

table("the attempt was made", [
  {
    name: "there is no leader yet: a moment",
    state: lost({ memory: forced }),
    want: ["wait", "recovery-failed"],
  },
  {
    name: "none for long: the Engine's words, and where the copy is",
    state: lost({ memory: { ...forced, ...held("recovery-failed", 60_000) } }),
    want: ["fail", "recovery-failed"],
    because: "what it was before is in /copies/1",
    exit: 5,
  },
  {
    name: "its Engine is in no swarm after it: no second attempt, and nothing else either",
    state: lost({
      engine: outside,
      memory: { ...forced, ...held("recovery-failed", 60_000) },
    }),
    want: ["fail", "recovery-failed"],
    exit: 5,
  },
  {
    name: "it was not even begun",
    state: lost({ memory: { forced: "Cannot copy /var/lib/docker/swarm: no space" } }),
    want: ["fail", "recovery-failed"],
    because: "no space",
    exit: 5,
  },
  {
    name: "even a write of just now gives no second one",
    state: lost({ memory: { ...forced, mayForce: true, ...held("recovery-failed", 60_000) } }),
    want: ["fail", "recovery-failed"],
    exit: 5,
  },
  {
    name: "a leader: the dead are taken out",
    state: anew("down"),
    want: ["remove", "remove-dead-node"],
  },
  {
    name: "a leader, which has not noticed the dead yet",
    state: anew("unknown"),
    want: ["wait", "managers-fading"],
    because: "node-2",
  },
  {
    name: "one that is unknown for minutes is left to others",
    state: anew("unknown", held("managers-fading", 120_000)),
    want: ["done", "recovered"],
  },
  {
    name: "a leader, and its own node has no label",
    state: lost({
      engine: managerOf("a", { nodes: [managerNode(1, { labels: {} })] }),
      facts: { ledger: unlisted, tokens: ok([shown(1, "a")]) },
      memory: forced,
    }),
    want: ["label", "label-node"],
  },
  {
    name: "a leader, and its tokens are not shown",
    state: lost({
      engine: managerOf("a", { nodes: [managerNode(1)] }),
      facts: { ledger: unlisted },
      memory: forced,
    }),
    want: ["publish", "publish-tokens"],
  },
  {
    name: "a leader, and all is in order",
    state: lost({
      engine: managerOf("a", { nodes: [managerNode(1, { labels: labelsOf(1) })] }),
      facts: { ledger: unlisted, tokens: ok([shown(1, "a")]) },
      memory: forced,
    }),
    want: ["done", "recovered"],
  },
]);

Deno.test("decide: a lost quorum: at its end a person is told where a copy with secrets is", () => {
  const decision = decided(anew("unknown", held("managers-fading", 120_000)));
  assert.deepEqual(decision.kind === "end" && decision.warnings, [
    "what it was before is in /copies/1, with all its secrets: delete that once all is well",
  ]);
});

Deno.test("decide: a lost quorum: the record that is written lists this node, and nobody who is gone", () => {
  const own = member(1, { sinceMs: NOW_MS - HOUR_MS, leaving: true });
  const { members } = recordOf(
    lost({ facts: { ledger: founded({ members: [member(2), own] }) } }),
  );
  // Since when it is listed stays: by that a node that died without a label is known for dead.
  assert.deepEqual(members, [{ ...own, leaving: false }]);
  const { members: anew } = recordOf(
    lost({ facts: { ledger: founded({ members: [member(2)] }) } }),
  );
  assert.deepEqual(anew, [member(1)]);
});

Deno.test("decide: a lost quorum: EC2 is asked of whom the Engine knows besides, by their addresses", () => {
  const { instances: _, ...facts } = lost({ facts: { ledger: unlisted } }).facts;
  const state = { ...lost({ facts: { ledger: unlisted } }), facts };
  assert.deepEqual(looks(state), ["instances"]);
});

Deno.test("decide: a lost quorum: where it has a leader, AWS is asked nothing", () => {
  const { ledger: _, instances: _known, ...facts } = lost({ engine: managerOf("a") }).facts;
  const state = { ...lost(), facts };
  assert.equal(decided(state).rule, "quorum-held");
});

/** What a run knows after the write of a recovery was answered so. */
function written(answer: AnyAnswer): Observation {
  const state = lost();
  return after(state, decided(state), [answer], 10_000);
}

const DONE: AnyAnswer = {
  ok: true,
  value: { kind: "done", at: { kind: "log", template: "lt-1", head: 4, last: 4 } },
};

Deno.test("decide: a lost quorum: only a write that counts at once gives the right to force", () => {
  assert.equal(decided(written(DONE)).rule, "force-new-cluster");
  const others: AnyAnswer[] = [
    { ok: true, value: { kind: "lost" } },
    { ok: true, value: { kind: "appended", template: "lt-1", number: 5 } },
    fault("timeout"),
    fault("throttled"),
  ];
  for (const answer of others) {
    const { memory } = written(answer);
    assert.equal(memory.mayForce, false, JSON.stringify(answer));
    const again = decided({ ...lost(), memory: { ...memory, fault: null } });
    assert.notEqual(again.rule, "force-new-cluster", JSON.stringify(answer));
  }
});

Deno.test("decide: a lost quorum: whatever comes between, the right is gone", () => {
  const right = written(DONE);
  const look = { kind: "look" as const, calls: [{ kind: "words" as const, instance: null }] };
  assert.equal(after(right, look, [ok([])], 10_000).memory.mayForce, false);
  const wait = {
    kind: "wait" as const,
    ms: 1,
    exit: 3 as const,
    keeps: "answers" as const,
    rule: "unreachable" as const,
    because: "",
  };
  assert.equal(after(right, wait, [], 10_000).memory.mayForce, false);
});

Deno.test("decide: a lost quorum: one attempt uses the right up, whatever its answer", () => {
  const right = written(DONE);
  const force = decided(right);
  for (const answer of [ok("/copies/1"), fault("timeout"), fault("refused"), fault("unusable")]) {
    const { memory } = after(right, force, [answer], 10_000);
    assert.equal(memory.mayForce, false);
    assert.notEqual(memory.forced, null);
    const again = decided({ ...lost(), memory });
    assert.equal(again.rule, "recovery-failed", JSON.stringify(answer));
    assert.notEqual(again.kind, "act");
  }
});

Deno.test("decide: a lost quorum: no other write of the run gives it", () => {
  const state = observation({
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded({ members: [member(2)] }),
      tokens: ok([shown(1, "a")]),
      instances: ok([instance(1), instance(2)]),
    },
  });
  const decision = decided(state);
  assert.ok(decision.kind === "act" && decision.call.kind === "write", decision.because);
  assert.equal(after(state, decision, [DONE], 10_000).memory.mayForce, false);
  assert.equal(begin(state.config, "run").memory.mayForce, false);
});

Deno.test("decide: a lost quorum: a plan says what would come, and changes nothing", () => {
  const state = lost({ config: { dryRun: true } });
  assert.equal(decided(state).rule, "confirm-recovery");
});
