/** A manager in no swarm: what is observed, and the action and rule that follow. */
import assert from "node:assert/strict";
import { CONFLICT_MS } from "../../../../src/decide/patience.ts";
import { decide } from "../../../../src/decide/decide.ts";
import type { Neighbour } from "../../../../src/shown.ts";
import {
  decided,
  gone2,
  held,
  known,
  longLog,
  looks,
  others2,
  type Row,
  table,
  twoMembers,
} from "../table.ts";
import {
  config,
  fault,
  founded,
  foundingMark,
  fp,
  HOUR_MS,
  identity,
  instance,
  mark,
  member,
  NOW_MS,
  observation,
  ok,
  outside,
  s3,
  shown,
  without,
} from "../../../support/observations.ts";

function neighbour(n: number, runningMs: number): Neighbour {
  return { instance: `i-${n}`, address: `10.0.0.${n}`, runningMs };
}

table("a manager in no swarm", [
  {
    name: "nothing anywhere: the first manager inits",
    state: observation(),
    want: ["init", "first-manager"],
  },
  {
    name: "its own old tokens are no sign of another swarm: takes them back first",
    state: observation({
      memory: held("swarm-missing", 30_000),
      facts: { tokens: ok([shown(1, "z")]) },
    }),
    want: ["retract", "first-manager"],
    because: "tokens from before",
  },
  {
    name: "its own old tokens are taken back, and EC2 still shows them: inits",
    state: observation({ memory: { published: "" }, facts: { tokens: ok([shown(1, "z")]) } }),
    want: ["init", "first-manager"],
  },
  {
    name: "no record, and another instance shows tokens: waits for its founding",
    state: observation({ facts: { tokens: ok([shown(2, "a")]) } }),
    want: ["wait", "swarm-unfounded"],
    because: "run swarm-join once on i-2",
  },
  {
    name: "no record, and a stopped instance shows tokens: it may come back, so waits",
    state: observation({ facts: { tokens: ok([shown(2, "a", { state: "stopped" })]) } }),
    want: ["wait", "swarm-unfounded"],
  },
  {
    name: "no record, and a terminated instance shows tokens: inits",
    state: observation({ facts: { tokens: ok([shown(2, "a", { state: "terminated" })]) } }),
    want: ["init", "first-manager"],
  },
  {
    name: "no record, and two swarms' tokens are shown: a conflict, once it held",
    state: observation({
      memory: held("swarm-conflict", CONFLICT_MS),
      facts: { tokens: ok([shown(2, "a"), shown(3, "b")]) },
    }),
    want: ["fail", "swarm-conflict"],
    because: "i-2, i-3",
    exit: 5,
  },
  {
    name: "a member answers and shows its token: registers before it joins",
    state: observation({
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["register", "register-member"],
  },
  {
    name: "it is about to write, and the log is long: deletes what is old of it first",
    state: observation({
      facts: {
        ledger: longLog(founded(others2)),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["trim", "trim-log"],
  },
  {
    name: "listed, but not by a write of this run: registers anew",
    state: observation({
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["register", "register-member"],
  },
  {
    name: "registered by this run: joins",
    state: observation({
      memory: { confirmed: fp("a") },
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["join", "join-swarm"],
    because: "10.0.0.2",
  },
  {
    name: "registered with a swarm that was replaced since: registers with the new one",
    state: observation({
      memory: { confirmed: fp("z") },
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["register", "register-member"],
  },
  {
    name: "a member answers, and no token of its swarm is shown yet: waits",
    state: observation({
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "z"), shown(3, "a", { manager: null, malformed: ["ManagerToken"] })]),
        instances: known,
      },
    }),
    want: ["wait", "token-missing"],
    because: 'i-3 has no join token in "ManagerToken"',
  },
  {
    name: "the token was rejected and is still the one that is shown: waits for a new one",
    state: observation({
      memory: {
        confirmed: fp("a"),
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "rejected",
          message: "its words",
          atMs: 9_000,
        }],
      },
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["wait", "token-missing"],
    because: "rejected",
  },
  {
    name: "the token was rejected and another one is shown now: joins with it",
    state: observation({
      memory: {
        confirmed: fp("a"),
        failures: [{
          address: "10.0.0.2",
          digest: "a-old",
          kind: "rejected",
          message: "its words",
          atMs: 9_000,
        }],
      },
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a"), shown(3, "a", { manager: mark("a", "old") })]),
        instances: known,
      },
    }),
    want: ["join", "join-swarm"],
  },
  {
    name: "one manager would not let it join: the next one is tried",
    state: observation({
      memory: {
        confirmed: fp("a"),
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "pending",
          message: "its words",
          atMs: 9_000,
        }],
      },
      facts: {
        ledger: founded({ members: [member(1), member(2), member(3)] }),
        probe: ok(["10.0.0.2", "10.0.0.3"]),
        tokens: ok([shown(2, "a")]),
        instances: ok([instance(1), instance(2), instance(3)]),
      },
    }),
    want: ["join", "join-swarm"],
    because: "10.0.0.3",
  },
  {
    name: "of two that answer, the one that shows the swarm's token is in it for certain",
    state: observation({
      dice: 0.99,
      memory: { confirmed: fp("a") },
      facts: {
        ledger: founded({ members: [member(1), member(2), member(3)] }),
        probe: ok(["10.0.0.2", "10.0.0.3"]),
        tokens: ok([shown(2, "a"), shown(3, "z")]),
        instances: ok([instance(1), instance(2), instance(3)]),
      },
    }),
    want: ["join", "join-swarm"],
    because: "10.0.0.2",
  },
  {
    name: "with S3, of two that answer, the one that was listed first is in it before the other",
    state: observation({
      config: { store: s3 },
      dice: 0.99,
      memory: { confirmed: fp("a") },
      facts: {
        ledger: founded({
          members: [member(1), member(2, { sinceMs: NOW_MS - 1_000 }), member(3)],
        }),
        probe: ok(["10.0.0.2", "10.0.0.3"]),
        tokens: ok([shown(9, "a")]),
        instances: ok([instance(1), instance(2), instance(3)]),
      },
    }),
    want: ["join", "join-swarm"],
    because: "10.0.0.2",
  },
  {
    name: "every manager that answers refused: waits, stays registered, and says which",
    state: observation({
      memory: {
        confirmed: fp("a"),
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "unreachable",
          message: "its words",
          atMs: 9_000,
        }],
      },
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["withdraw", "withdraw-member"],
    because: "let this node join: its words",
  },
  {
    name: "the same, and it is not listed: waits until it may try again",
    state: observation({
      memory: {
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "unreachable",
          message: "its words",
          atMs: 9_000,
        }],
      },
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["wait", "joins-failed"],
    because: "let this node join: its words",
  },
  {
    name: "it has just withdrawn: it does not register before it has waited",
    state: observation({
      memory: { withdrew: true },
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["wait", "joins-failed"],
    because: "has just withdrawn",
  },
  {
    name: "a refusal is forgotten after a while",
    state: observation({
      memory: {
        confirmed: fp("a"),
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "unreachable",
          message: "its words",
          atMs: 10_000 - 15_000,
        }],
      },
      facts: {
        ledger: twoMembers,
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["join", "join-swarm"],
  },
  {
    name: "a gone member's address answers, taken by somebody else: no candidate, inits",
    state: observation({
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: gone2,
      },
    }),
    want: ["init", "members-gone"],
  },
  {
    name: "it is listed, nobody answers, and its data root may not be there yet: looks again",
    state: observation({
      facts: { ledger: twoMembers, probe: ok([]), instances: known },
    }),
    want: ["wait", "swarm-missing"],
    because: "data root",
  },
  {
    name: "it was in its swarm in this very run, and is in none: looks again",
    state: observation({
      memory: { did: ["init", "found", "register"], wasMember: true },
      facts: { ledger: twoMembers, probe: ok([]), instances: known },
    }),
    want: ["wait", "swarm-missing"],
  },
  {
    name: "it was listed by this run, and nobody answers any more: withdraws at once",
    state: observation({
      memory: { did: ["register"] },
      facts: { ledger: twoMembers, probe: ok([]), instances: known },
    }),
    want: ["withdraw", "withdraw-member"],
  },
  {
    name: "nobody answers and it is listed: withdraws",
    state: observation({
      memory: held("swarm-missing", 30_000),
      facts: { ledger: twoMembers, probe: ok([]), instances: known },
    }),
    want: ["withdraw", "withdraw-member"],
  },
  ...(["pending", "running", "stopping", "stopped", "shutting-down"] as const).map((
    state,
  ): Row => ({
    name: `nobody answers, and a member is ${state}: waits, never inits`,
    state: observation({
      facts: {
        ledger: founded(others2),
        probe: ok([]),
        instances: ok([instance(1), instance(2, { state })]),
      },
    }),
    want: ["wait", "members-silent"],
    because: `i-2 (10.0.0.2, ${state})`,
  })),
  {
    name: "all members are terminated: inits",
    state: observation({
      facts: { ledger: founded(others2), probe: ok([]), instances: gone2 },
    }),
    want: ["init", "members-gone"],
  },
  {
    name:
      "only this node is a member, and its Engine was wiped: withdraws, so that nobody joins it for the old swarm",
    state: observation({
      memory: held("swarm-missing", 30_000),
      facts: { ledger: founded() },
    }),
    want: ["withdraw", "withdraw-member"],
  },
  {
    name: "everybody withdrew: inits",
    state: observation({ facts: { ledger: founded({ members: [] }) } }),
    want: ["init", "members-gone"],
  },
  {
    name: "EC2 forgot a member whose entry is over an hour old: gone",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - HOUR_MS - 1 })] }),
        probe: ok([]),
      },
    }),
    want: ["init", "members-gone"],
  },
  {
    name: "EC2 does not show a member whose entry is younger: waits",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - HOUR_MS })] }),
        probe: ok([]),
      },
    }),
    want: ["wait", "members-silent"],
  },
  {
    name: "EC2 does not show this instance either: its silence about others says nothing",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - 2 * HOUR_MS })] }),
        probe: ok([]),
        instances: ok([]),
      },
    }),
    want: ["wait", "members-silent"],
  },
  {
    name: "a member known by its address only, which an instance has: waits",
    state: observation({
      facts: {
        ledger: founded({
          members: [member(2, { instance: null, sinceMs: NOW_MS - 2 * HOUR_MS })],
        }),
        probe: ok([]),
        instances: known,
      },
    }),
    want: ["wait", "members-silent"],
  },
  {
    name:
      "a member known by its address only, which EC2 could never show: waits, however old it is",
    state: observation({
      facts: {
        ledger: founded({
          members: [member(2, { instance: null, address: "192.168.1.2", sinceMs: 0 })],
        }),
        probe: ok([]),
      },
    }),
    want: ["wait", "members-silent"],
    because: "a manager without a known instance (192.168.1.2)",
  },
  {
    name: "a member that EC2 forgot, and that answers: it is not gone",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - HOUR_MS - 1 })] }),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["wait", "token-missing"],
  },
  {
    name: "no record, and an old manager answers: it is in a swarm that nobody founded here",
    state: observation({
      memory: held("swarm-unfounded", HOUR_MS),
      facts: { neighbours: ok([neighbour(2, HOUR_MS)]), probe: ok(["10.0.0.2"]) },
    }),
    want: ["wait", "swarm-unfounded"],
    because: "i-2 (10.0.0.2) answers, in a swarm that the record",
  },
  {
    name: "no record, and an old manager does not answer: inits",
    state: observation({ facts: { neighbours: ok([neighbour(2, HOUR_MS)]), probe: ok([]) } }),
    want: ["init", "first-manager"],
  },
  {
    name:
      "no record, and a young manager answers, however long: it has a swarm, which may wait for quorum",
    state: observation({
      memory: held("swarm-unfounded", HOUR_MS),
      facts: { neighbours: ok([neighbour(2, 60_000)]), probe: ok(["10.0.0.2"]) },
    }),
    want: ["wait", "swarm-unfounded"],
  },
  {
    name: "no record, and it answers itself on its second address: that is nobody else",
    state: observation({
      facts: { neighbours: ok([neighbour(1, 60_000)]), probe: ok(["10.0.0.1"]) },
    }),
    want: ["init", "first-manager"],
  },
  {
    name: "no record, and a manager that shows another cluster's tokens answers: inits",
    state: observation({
      facts: {
        tokens: ok([shown(2, "a", { cluster: "blue" })]),
        neighbours: ok([neighbour(2, HOUR_MS)]),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["init", "first-manager"],
  },
  {
    name:
      "all members are gone, and a manager that the record never had answers: the record may be old",
    state: observation({
      facts: {
        ledger: founded(others2),
        instances: gone2,
        neighbours: ok([neighbour(3, HOUR_MS)]),
        probe: ok(["10.0.0.3"]),
      },
    }),
    want: ["wait", "swarm-unfounded"],
    because: "i-3 (10.0.0.3)",
  },
  {
    name: "keys of another account show other instances than this one: nothing is written there",
    state: observation({
      config: { givenKeys: true, role: "manager" },
      memory: { self: null },
      nowMs: 600_000,
      facts: { self: ok(null) },
    }),
    want: ["fail", "setting-unusable"],
    because: "AWS_ACCESS_KEY_ID",
    exit: 2,
  },
  {
    name:
      "EC2 forgot a member, whose address another instance has now: it is gone, whoever answers there",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - HOUR_MS - 1 })] }),
        probe: ok(["10.0.0.2"]),
        instances: ok([instance(1), instance(9, { address: "10.0.0.2" })]),
      },
    }),
    want: ["init", "members-gone"],
  },
  {
    name: "a member outside the VPC at an address that has come to this node: it is not this node",
    state: observation({
      memory: { identity: { ...identity(), publicAddresses: ["203.0.113.5"] } },
      facts: {
        ledger: founded({
          members: [member(2, { instance: null, address: "203.0.113.5", sinceMs: 0 })],
        }),
      },
    }),
    want: ["wait", "members-silent"],
  },
  {
    name: "no record, and nobody says who the other managers are: waits",
    state: observation({ facts: { neighbours: fault("timeout") } }),
    want: ["wait", "unreachable"],
  },
  {
    name: "with S3, no record, and the mark of a founding: the record was lost",
    state: observation({ config: { store: s3 }, facts: { marks: ok([foundingMark("a")]) } }),
    want: ["wait", "swarm-unfounded"],
    because: "the store marks that aaaaaaaa… was founded",
  },
  {
    name: "with S3, marks of swarms that are over, or of other clusters: inits",
    state: observation({
      config: { store: s3 },
      facts: {
        marks: ok([foundingMark("a", { over: true }), foundingMark("b", { cluster: "blue" })]),
      },
    }),
    want: ["init", "first-manager"],
  },
  {
    name: "with S3, the marks of two swarms: a conflict, once it held",
    state: observation({
      config: { store: s3 },
      memory: held("swarm-conflict", CONFLICT_MS),
      facts: { marks: ok([foundingMark("a"), foundingMark("b")]) },
    }),
    want: ["fail", "swarm-conflict"],
    exit: 5,
  },
  {
    name: "with S3, marks that can't be read are no sign that there are none",
    state: observation({ config: { store: s3 }, facts: { marks: fault("denied") } }),
    want: ["wait", "permission-missing"],
  },
  {
    name: "tokens that are shown for another cluster are none of this one: inits",
    state: observation({ facts: { tokens: ok([shown(2, "a", { cluster: "blue" })]) } }),
    want: ["init", "first-manager"],
  },
  {
    name:
      "another's tokens and its own, without a record: takes its own back, or all wait for each other",
    state: observation({
      memory: held("swarm-missing", 30_000),
      facts: { tokens: ok([shown(1, "a"), shown(2, "a")]) },
    }),
    want: ["retract", "swarm-unfounded"],
  },
  {
    name: "an endpoint that does not show this instance: nothing is written there",
    state: observation({
      config: { ec2Endpoint: "http://elsewhere", role: "manager" },
      memory: { self: null },
      nowMs: 600_000,
      facts: { self: ok(null) },
    }),
    want: ["fail", "setting-unusable"],
    because: "the EC2 at http://elsewhere",
    exit: 2,
  },
  {
    name: "an endpoint that shows this instance",
    state: observation({ config: { ec2Endpoint: "http://here" } }),
    want: ["init", "first-manager"],
  },
  {
    name: "the others can't reach this manager back: nobody else is tried either, and it is said",
    state: observation({
      memory: {
        confirmed: fp("a"),
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "one-way",
          message: "allow TCP 2377",
          atMs: 10_000 - 29_999,
        }],
      },
      facts: {
        ledger: founded({ members: [member(2), member(3)] }),
        probe: ok(["10.0.0.2", "10.0.0.3"]),
        tokens: ok([shown(2, "a"), shown(3, "a")]),
        instances: ok([instance(1), instance(2), instance(3)]),
      },
    }),
    want: ["wait", "joins-failed"],
    because: "allow TCP 2377",
  },
  {
    name: "an interface that is not there (yet): waits for it, and then it is a wrong setting",
    state: observation({ config: { advertiseAddr: "wg0", role: "manager" }, nowMs: 600_000 }),
    want: ["fail", "setting-unusable"],
    because: "the interface wg0",
    exit: 2,
  },
  ...(["init", "register"] as const).map((before): Row => ({
    name: `an Engine whose overlays can't go over IPv6: exit 6 before it would ${before}`,
    state: observation({
      memory: { identity: { ...identity(), address: "fd00::1", addresses: ["fd00::1"] } },
      facts: before === "init" ? {} : {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: known,
      },
    }),
    want: ["fail", "engine-unfit"],
    because: "Engine 25 or later",
    exit: 6,
  })),
  {
    name: "an Engine whose overlays can go over IPv6",
    state: observation({
      memory: { identity: { ...identity(), address: "fd00::1", addresses: ["fd00::1"] } },
      facts: { engine: ok({ ...outside, api: 44 }) },
    }),
    want: ["init", "first-manager"],
  },
  {
    name: "the VPC's ranges leave no pool: a person names one",
    state: observation({
      memory: {
        identity: { ...identity(), vpcRanges: ["10.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15"] },
      },
    }),
    want: ["fail", "setting-unusable"],
    because: "--default-addr-pool",
    exit: 2,
  },
]);

Deno.test("decide: no init while a read of the tokens failed", () => {
  const decision = decided(observation({
    config: { store: s3 },
    facts: { ledger: founded(others2), instances: gone2, tokens: fault("timeout") },
  }));
  assert.equal(decision.rule, "unreachable");
});

Deno.test("decide: kept by swarm, tokens from before are nobody's own: nothing is taken back", () => {
  const decision = decided(observation({
    config: { store: s3 },
    facts: { ledger: founded(others2), instances: gone2, tokens: ok([shown(1, "a")]) },
  }));
  assert.ok(decision.kind === "act");
  assert.deepEqual(decision.call, {
    kind: "init",
    advertiseAddr: "10.0.0.1",
    pools: ["10.128.0.0/9"],
  });
});

Deno.test("decide: before a swarm is started, all that could show one is looked at side by side", () => {
  for (const [store, want] of [[config.store, "neighbours"], [s3, "neighbours,marks"]] as const) {
    const state = without(without(observation({ config: { store } }), "neighbours"), "marks");
    assert.equal(looks(state).join(), want);
  }
});

Deno.test("decide: who answers is asked of the neighbours too, and of nobody twice", () => {
  const state = without(
    observation({ facts: { neighbours: ok([neighbour(2, 0), neighbour(3, 0)]) } }),
    "probe",
  );
  const addresses = ["10.0.0.2", "10.0.0.3"];
  assert.deepEqual(decide(state), { kind: "look", calls: [{ kind: "probe", addresses }] });
});

Deno.test("decide: it advertises what it was told to, to those whom it inits for or joins", () => {
  const interfaces = ok([{ name: "wg0", address: "10.8.0.1" }]);
  for (
    const [advertiseAddr, want] of [
      ["wg0", "10.8.0.1"],
      ["wg0:2399", "10.8.0.1:2399"],
      ["10.9.0.1:2377", "10.9.0.1:2377"],
      [null, "10.0.0.1"],
    ] as const
  ) {
    const inits = decided(observation({ config: { advertiseAddr }, facts: { interfaces } }));
    assert.ok(inits.kind === "act" && inits.call.kind === "init");
    assert.equal(inits.call.advertiseAddr, want);
  }
  const joins = decided(observation({
    config: { advertiseAddr: "wg0" },
    memory: { confirmed: fp("a") },
    facts: {
      ledger: founded({ members: [member(1, { address: "10.8.0.1" }), member(2)] }),
      probe: ok(["10.0.0.2"]),
      tokens: ok([shown(2, "a")]),
      interfaces,
    },
  }));
  assert.ok(joins.kind === "act");
  assert.deepEqual(joins.call, {
    kind: "join",
    address: "10.0.0.2",
    token: mark("a", "m"),
    advertiseAddr: "10.8.0.1",
  });
});
