/** A manager in no swarm: what is observed, and the action and rule that follow. */
import assert from "node:assert/strict";
import { CONFLICT_MS, RETRY_MS } from "../../../../src/decide/patience.ts";
import { decided, gone2, held, known, others2, type Row, table, twoMembers } from "../table.ts";
import {
  fault,
  founded,
  fp,
  HOUR_MS,
  instance,
  mark,
  member,
  NOW_MS,
  observation,
  ok,
  s3,
  shown,
} from "../../../support/observations.ts";

table("a manager in no swarm", [
  {
    name: "nothing anywhere: the first manager inits",
    state: observation(),
    want: ["init", "first-manager"],
  },
  {
    name: "its own old tokens are no sign of another swarm: takes them back first",
    state: observation({ facts: { tokens: ok([shown(1, "z")]) } }),
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
    want: ["wait", "joins-failed"],
    because: "10.0.0.2 (unreachable)",
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
          atMs: 10_000 - RETRY_MS,
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
    name: "nobody answers and it is registered: withdraws",
    state: observation({
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
    state: observation({ facts: { ledger: founded() } }),
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
          members: [{ instance: null, address: "10.0.0.2", sinceMs: NOW_MS - 2 * HOUR_MS }],
        }),
        probe: ok([]),
        instances: known,
      },
    }),
    want: ["wait", "members-silent"],
  },
  {
    name: "a member known by its address only, which nobody has, an hour on: gone",
    state: observation({
      facts: {
        ledger: founded({
          members: [{ instance: null, address: "10.0.0.2", sinceMs: NOW_MS - 2 * HOUR_MS }],
        }),
        probe: ok([]),
      },
    }),
    want: ["init", "members-gone"],
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
  assert.deepEqual(decision.call, { kind: "init", advertiseAddr: "10.0.0.1", pools: [] });
});

Deno.test("decide: it advertises what it was told to, to those whom it inits for or joins", () => {
  const config = { advertiseAddr: "eth1" };
  const inits = decided(observation({ config }));
  assert.ok(inits.kind === "act" && inits.call.kind === "init");
  assert.equal(inits.call.advertiseAddr, "eth1");
  const joins = decided(observation({
    config,
    memory: { confirmed: fp("a") },
    facts: { ledger: twoMembers, probe: ok(["10.0.0.2"]), tokens: ok([shown(2, "a")]) },
  }));
  assert.ok(joins.kind === "act");
  assert.deepEqual(joins.call, {
    kind: "join",
    address: "10.0.0.2",
    token: mark("a", "m"),
    advertiseAddr: "eth1",
  });
});
