/** decide's table: what is observed, and the action and rule that follow. */
import assert from "node:assert/strict";
import { decide } from "../../../src/decide/decide.ts";
import { BOOT_MS, CONFLICT_MS, DENIED_MS, RETRY_MS } from "../../../src/decide/patience.ts";
import type { ActionKind, Contents, Facts, Memory, Observation, Rule } from "../../../src/state.ts";
import {
  fault,
  founded,
  fp,
  HOUR_MS,
  identity,
  instance,
  managerOf,
  managersAt,
  mark,
  member,
  NOW_MS,
  observation,
  ok,
  outside,
  record,
  s3,
  shown,
  unfounded,
  without,
  workerOf,
} from "../../support/observations.ts";

interface Row {
  name: string;
  state: Observation;
  want: [ActionKind, Rule];
  /** A part of the reason that a person must be able to read. */
  because?: string;
  exit?: number;
}

const empty: Contents = { services: 0, secrets: 0, configs: 0, networks: 0, tasks: 0 };
const worker = { role: "worker" as const };
const twoMembers = founded({ members: [member(1), member(2)] });
const others2 = { members: [member(2)] };
const held = (rule: Rule, ms: number): Pick<Memory, "steady"> => ({
  steady: { rule, because: "as before", exit: 3, sinceMs: 10_000 - ms },
});
const known = ok([instance(1), instance(2)]);
const gone2 = ok([instance(1), instance(2, { state: "terminated", address: null })]);

const MANAGER_IN_SWARM: Row[] = [
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
        engine: ok(managerOf("a", { managers: managersAt(1, 2) })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
        answering: ok(["10.0.0.2"]),
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
        engine: ok(managerOf("a", { managers: managersAt(1, 2) })),
        ledger: founded(),
        tokens: ok([shown(1, "a")]),
        answering: ok([]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "an unreachable manager is not listed again, for its node may be gone for good",
    state: observation({
      facts: {
        engine: ok(managerOf("a", {
          managers: [
            { nodeId: "node-1", address: "10.0.0.1", reachable: true },
            { nodeId: "node-2", address: "10.0.0.2", reachable: false },
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
    name: "another swarm is founded, and this one has a second node: a conflict",
    state: observation({
      memory: { confirmed: fp("a"), ...held("swarm-conflict", CONFLICT_MS) },
      facts: { engine: ok(managerOf("b", { nodes: 2 })), ledger: twoMembers, instances: known },
    }),
    want: ["fail", "swarm-conflict"],
    because: "2 nodes",
    exit: 5,
  },
  {
    name: "a conflict that EC2 has only just shown may be an old read: looks again",
    state: observation({
      memory: held("swarm-conflict", CONFLICT_MS - 1),
      facts: { engine: ok(managerOf("b", { nodes: 2 })), ledger: twoMembers, instances: known },
    }),
    want: ["wait", "swarm-conflict"],
  },
  {
    name: "S3 is strongly consistent: a conflict there is one at once",
    state: observation({
      config: { store: s3 },
      facts: { engine: ok(managerOf("b", { nodes: 2 })), ledger: twoMembers, instances: known },
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
];

const MANAGER_OUTSIDE: Row[] = [
  {
    name: "nothing anywhere: the first manager inits",
    state: observation(),
    want: ["init", "first-manager"],
  },
  {
    name: "its own old tokens are no sign of another swarm",
    state: observation({ facts: { tokens: ok([shown(1, "z")]) } }),
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
        answering: ok(["10.0.0.2"]),
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
        answering: ok(["10.0.0.2"]),
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
        answering: ok(["10.0.0.2"]),
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
        answering: ok(["10.0.0.2"]),
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
        answering: ok(["10.0.0.2"]),
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
        failures: [{ address: "10.0.0.2", digest: "a-m", kind: "rejected", atMs: 9_000 }],
      },
      facts: {
        ledger: twoMembers,
        answering: ok(["10.0.0.2"]),
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
        failures: [{ address: "10.0.0.2", digest: "a-old", kind: "rejected", atMs: 9_000 }],
      },
      facts: {
        ledger: twoMembers,
        answering: ok(["10.0.0.2"]),
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
        failures: [{ address: "10.0.0.2", digest: "a-m", kind: "pending", atMs: 9_000 }],
      },
      facts: {
        ledger: founded({ members: [member(1), member(2), member(3)] }),
        answering: ok(["10.0.0.2", "10.0.0.3"]),
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
        answering: ok(["10.0.0.2", "10.0.0.3"]),
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
        answering: ok(["10.0.0.2", "10.0.0.3"]),
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
        failures: [{ address: "10.0.0.2", digest: "a-m", kind: "unreachable", atMs: 9_000 }],
      },
      facts: {
        ledger: twoMembers,
        answering: ok(["10.0.0.2"]),
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
        answering: ok(["10.0.0.2"]),
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
        answering: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
        instances: gone2,
      },
    }),
    want: ["init", "members-gone"],
  },
  {
    name: "nobody answers and it is registered: withdraws",
    state: observation({
      facts: { ledger: twoMembers, answering: ok([]), instances: known },
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
        answering: ok([]),
        instances: ok([instance(1), instance(2, { state })]),
      },
    }),
    want: ["wait", "members-silent"],
    because: `i-2 (10.0.0.2, ${state})`,
  })),
  {
    name: "all members are terminated: inits",
    state: observation({
      facts: { ledger: founded(others2), answering: ok([]), instances: gone2 },
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
        answering: ok([]),
      },
    }),
    want: ["init", "members-gone"],
  },
  {
    name: "EC2 does not show a member whose entry is younger: waits",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - HOUR_MS })] }),
        answering: ok([]),
      },
    }),
    want: ["wait", "members-silent"],
  },
  {
    name: "EC2 does not show this instance either: its silence about others says nothing",
    state: observation({
      facts: {
        ledger: founded({ members: [member(2, { sinceMs: NOW_MS - 2 * HOUR_MS })] }),
        answering: ok([]),
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
        answering: ok([]),
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
        answering: ok([]),
      },
    }),
    want: ["init", "members-gone"],
  },
];

const WORKERS: Row[] = [
  {
    name: "a worker in no swarm, and no record: waits",
    state: observation({ config: worker }),
    want: ["wait", "no-swarm-yet"],
  },
  {
    name: "a worker alone at its deadline: not yet",
    state: observation({ config: worker, nowMs: 600_000 }),
    want: ["fail", "no-swarm-yet"],
    exit: 3,
  },
  {
    name: "a member answers and shows the worker token: joins, without a write",
    state: observation({
      config: worker,
      facts: {
        ledger: founded(others2),
        answering: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
      },
    }),
    want: ["join", "join-swarm"],
  },
  {
    name: "a worker takes no manager's token",
    state: observation({
      config: worker,
      facts: {
        ledger: founded(others2),
        answering: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a", { worker: null })]),
      },
    }),
    want: ["wait", "token-missing"],
  },
  {
    name: "nobody answers a worker: waits",
    state: observation({
      config: worker,
      facts: { ledger: founded(others2), answering: ok([]), tokens: ok([shown(2, "a")]) },
    }),
    want: ["wait", "managers-silent"],
  },
  {
    name: "a worker of the founded swarm, and a manager answers: done",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("a")),
        ledger: founded(others2),
        answering: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker whose Engine still has the CA from before a rotation: done",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, rotated: [fp("z")] }),
        answering: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker whose CA was rotated before any manager has refreshed the record: done",
    state: observation({
      config: worker,
      facts: {
        engine: ok({ ...workerOf("z"), clusterId: "cluster-a" }),
        ledger: founded(others2),
        answering: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker of the founded swarm, and no manager answers: waits",
    state: observation({
      config: worker,
      facts: { engine: ok(workerOf("a")), ledger: founded(others2), answering: ok([]) },
    }),
    want: ["wait", "managers-silent"],
  },
  {
    name: "a worker of a swarm that nobody founded: done",
    state: observation({ config: worker, facts: { engine: ok(workerOf("a")) } }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker of a replaced swarm, with no task: leaves",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
      },
    }),
    want: ["leave", "swarm-replaced"],
  },
  {
    name: "a worker of a replaced swarm, with a task: a conflict",
    state: observation({
      config: { ...worker, store: s3 },
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
        contents: ok({ ...empty, tasks: 1 }),
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "1 task;",
    exit: 5,
  },
  {
    name: "a worker of a swarm that the record never knew: a conflict",
    state: observation({
      config: { ...worker, store: s3 },
      facts: { engine: ok(workerOf("z")), ledger: founded(others2) },
    }),
    want: ["fail", "swarm-conflict"],
    exit: 5,
  },
  {
    name: "a worker whose root CA can't be read",
    state: observation({
      config: worker,
      memory: held("engine-unavailable", BOOT_MS),
      facts: {
        engine: ok({ ...workerOf("a"), fingerprint: null }),
        ledger: founded(others2),
      },
    }),
    want: ["fail", "engine-unavailable"],
    exit: 6,
  },
];

const OBSTACLES: Row[] = [
  {
    name: "no IMDS",
    state: observation({
      memory: { identity: null, ...held("imds-unavailable", BOOT_MS) },
      facts: { identity: fault("unreachable", "no IMDS here") },
    }),
    want: ["fail", "imds-unavailable"],
    because: "no IMDS here",
    exit: 6,
  },
  {
    name: "the Engine may be starting: looks again",
    state: observation({ facts: { engine: fault("missing") } }),
    want: ["wait", "engine-unavailable"],
  },
  {
    name: "no Engine",
    state: observation({
      memory: held("engine-unavailable", BOOT_MS),
      facts: { engine: fault("missing") },
    }),
    want: ["fail", "engine-unavailable"],
    exit: 6,
  },
  {
    name: "the Engine's socket is denied",
    state: observation({ facts: { engine: fault("denied") } }),
    want: ["fail", "permission-missing"],
    exit: 4,
  },
  {
    name: "a denied call may be IAM that is not through yet: looks again",
    state: observation({ facts: { ledger: fault("denied") } }),
    want: ["wait", "permission-missing"],
  },
  ...(["ledger", "tokens", "instances"] as const).map((what): Row => ({
    name: `a denied read of the ${what} is a denial, and no sign that nothing is there`,
    state: observation({
      memory: held("permission-missing", DENIED_MS),
      facts: {
        ledger: what === "tokens" ? unfounded : founded(others2),
        [what]: fault("denied", "allow ec2:DescribeInstances"),
      },
    }),
    want: ["fail", "permission-missing"],
    because: "ec2:DescribeInstances",
    exit: 4,
  })),
  {
    name: "a denied write",
    state: observation({
      memory: {
        fault: { kind: "denied", message: "allow ec2:CreateTags" },
        ...held("permission-missing", DENIED_MS),
      },
    }),
    want: ["fail", "permission-missing"],
    because: "ec2:CreateTags",
    exit: 4,
  },
  ...(["throttled", "unreachable", "timeout", "malformed"] as const).map((kind): Row => ({
    name: `a read that was ${kind} is no sign that nothing is there: waits`,
    state: observation({ facts: { tokens: fault(kind) } }),
    want: ["wait", kind === "throttled" ? "throttled" : "unreachable"],
  })),
  {
    name: "AWS out of reach until the deadline: not yet",
    state: observation({ nowMs: 600_000, facts: { ledger: fault("unreachable") } }),
    want: ["fail", "unreachable"],
    exit: 3,
  },
  {
    name: "a bucket that does not exist",
    state: observation({ config: { store: s3 }, facts: { ledger: fault("unusable") } }),
    want: ["fail", "setting-unusable"],
    exit: 2,
  },
  {
    name: "somebody else wrote first: waits a moment and reads again",
    state: observation({ memory: { fault: { kind: "busy", message: "lost" } } }),
    want: ["wait", "write-lost"],
  },
  {
    name: "the Engine refuses what it is asked",
    state: observation({
      memory: {
        fault: { kind: "refused", message: "invalid address pool" },
        ...held("engine-refused", BOOT_MS),
      },
    }),
    want: ["fail", "engine-refused"],
    because: "invalid address pool",
    exit: 5,
  },
  {
    name: "a damaged record",
    state: observation({
      memory: held("record-unreadable", DENIED_MS),
      facts: { ledger: ok({ kind: "unreadable", why: "it is not JSON" }) },
    }),
    want: ["fail", "record-unreadable"],
    because: "it is not JSON",
    exit: 5,
  },
  {
    name: "a record of a later version",
    state: observation({
      memory: held("record-unreadable", DENIED_MS),
      facts: { ledger: fault("newer") },
    }),
    want: ["fail", "record-unreadable"],
    exit: 5,
  },
  {
    name: "a log with a gap says nothing yet",
    state: observation({ facts: { ledger: ok({ kind: "unsettled", missing: [4] }) } }),
    want: ["wait", "ledger-unsettled"],
  },
  {
    name: "a gap that stays was made by hand",
    state: observation({
      memory: held("ledger-unsettled", CONFLICT_MS),
      facts: { ledger: ok({ kind: "unsettled", missing: [4, 6] }) },
    }),
    want: ["fail", "ledger-unsettled"],
    because: "4, 6",
    exit: 5,
  },
  ...(["vpc", "account", "region", "cluster"] as const).map((what): Row => ({
    name: `a record of another ${what}`,
    state: observation({
      memory: held("record-elsewhere", DENIED_MS),
      facts: { ledger: founded({ ...others2, [what]: "elsewhere" }), instances: known },
    }),
    want: ["fail", "record-elsewhere"],
    because: "elsewhere",
    exit: 5,
  })),
  {
    name: "a record of another VPC whose members are all terminated is replaced",
    state: observation({
      facts: { ledger: founded({ ...others2, vpc: "vpc-0" }), instances: gone2 },
    }),
    want: ["init", "members-gone"],
  },
  {
    name: "a record of another VPC whose members EC2 does not know is a conflict at any age",
    state: observation({
      memory: held("record-elsewhere", DENIED_MS),
      facts: {
        ledger: founded({ vpc: "vpc-0", members: [member(2, { sinceMs: 0 })] }),
        instances: ok([instance(1)]),
      },
    }),
    want: ["fail", "record-elsewhere"],
    exit: 5,
  },
  {
    name: "no role tag",
    state: observation({
      memory: { self: null, ...held("role-unknown", BOOT_MS) },
      facts: { self: ok(instance(1, { roleTag: null })) },
    }),
    want: ["fail", "role-unknown"],
    because: "has no such tag",
    exit: 2,
  },
  {
    name: "a role tag that names no role",
    state: observation({
      memory: { self: instance(1, { roleTag: "Manager" }), ...held("role-unknown", BOOT_MS) },
    }),
    want: ["fail", "role-unknown"],
    because: 'has "Manager"',
    exit: 2,
  },
  {
    name: "the role tag from IMDS is enough",
    state: observation({
      memory: { self: null, identity: { ...identity(), roleTag: "worker" } },
    }),
    want: ["wait", "no-swarm-yet"],
  },
  {
    name: "another cluster's instance",
    state: observation({
      config: { clusterTag: "Cluster", cluster: "blue" },
      memory: {
        self: instance(1, { clusterTag: "green" }),
        ...held("cluster-tag-unknown", BOOT_MS),
      },
    }),
    want: ["fail", "cluster-tag-unknown"],
    because: 'has "green"',
    exit: 2,
  },
  {
    name: "in a warm pool",
    state: observation({
      memory: { identity: null },
      facts: { identity: ok({ ...identity(), lifecycle: "Warmed:Stopped" }) },
    }),
    want: ["wait", "warm-pool"],
  },
  {
    name: "a locked Engine",
    state: observation({ facts: { engine: ok({ ...outside, state: "locked", nodeId: "n" }) } }),
    want: ["fail", "engine-locked"],
    because: "docker swarm unlock",
    exit: 5,
  },
  {
    name: "a cloned disk",
    state: observation({ facts: { engine: ok({ ...managerOf("a"), address: "10.9.9.9" }) } }),
    want: ["fail", "cloned-disk"],
    because: "10.9.9.9",
    exit: 5,
  },
  {
    name: "an Engine on the instance's second interface is no clone",
    state: observation({
      memory: { identity: { ...identity(), addresses: ["10.0.0.1", "10.1.0.1"] } },
      facts: { engine: ok({ ...managerOf("a"), address: "10.1.0.1" }) },
    }),
    want: ["found", "found-swarm"],
  },
  {
    name: "a member in error",
    state: observation({
      memory: held("engine-error", BOOT_MS),
      facts: { engine: ok({ ...outside, state: "error", nodeId: "n", error: "cert expired" }) },
    }),
    want: ["fail", "engine-error"],
    because: "cert expired",
    exit: 5,
  },
  {
    name: "a failed attempt to join: leaves it",
    state: observation({
      facts: { engine: ok({ ...outside, state: "error", error: "no route" }) },
    }),
    want: ["leave", "attempt-failed"],
    because: "no route",
  },
  {
    name: "an attempt that is under way: waits",
    state: observation({
      memory: { attemptMs: 9_000 },
      facts: { engine: ok({ ...outside, state: "pending" }) },
    }),
    want: ["wait", "attempt-pending"],
  },
  {
    name: "an attempt that has been under way for long: leaves it",
    state: observation({
      memory: { attemptMs: 0 },
      nowMs: 30_000,
      facts: { engine: ok({ ...outside, state: "pending" }) },
    }),
    want: ["leave", "attempt-failed"],
  },
  {
    name: "a member that starts up: waits",
    state: observation({
      facts: {
        engine: ok({ ...managerOf("a"), state: "pending", manager: false, swarm: null }),
        ledger: founded(),
      },
    }),
    want: ["wait", "engine-starting"],
  },
  {
    name: "a worker that can't start up in a replaced swarm: leaves it",
    state: observation({
      config: worker,
      facts: {
        engine: ok({ ...workerOf("z"), state: "pending" }),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
      },
    }),
    want: ["leave", "swarm-replaced"],
  },
];

for (const row of [...MANAGER_IN_SWARM, ...MANAGER_OUTSIDE, ...WORKERS, ...OBSTACLES]) {
  Deno.test(`decide: ${row.name}`, () => {
    const before = structuredClone(row.state);
    const decision = decide(row.state);
    assert.ok(!("calls" in decision), `still looks at ${JSON.stringify(decision)}`);
    assert.deepEqual([decision.action.kind, decision.rule], row.want, decision.because);
    if (row.because !== undefined) {
      assert.ok(decision.because.includes(row.because), decision.because);
    }
    const exit = decision.action.kind === "fail" ? decision.action.exit : undefined;
    assert.equal(exit, row.exit);
    assert.deepEqual(row.state, before, "decide changed its observation");
  });
}

Deno.test("decide: a dry run says what would come in the end, without waiting for it", () => {
  const state = observation({
    config: { dryRun: true },
    facts: { engine: ok(managerOf("b", { nodes: 2 })), ledger: twoMembers, instances: known },
  });
  const decision = decide(state);
  assert.ok(!("calls" in decision));
  assert.deepEqual(decision.action, { kind: "fail", exit: 5, afterMs: CONFLICT_MS });
});

Deno.test("decide: a node in the other role than asked for is done, with a warning", () => {
  const decision = decide(observation({
    config: worker,
    facts: { engine: ok(managerOf("a")), ledger: founded(), tokens: ok([shown(1, "a")]) },
  }));
  assert.ok(!("calls" in decision));
  assert.equal(decision.action.kind, "done");
  assert.match(decision.warnings.join(), /is a manager, and was asked to be a worker/);
});

Deno.test("decide: an init takes back its own old tokens first", () => {
  const decision = decide(observation({ facts: { tokens: ok([shown(1, "z")]) } }));
  assert.ok(!("calls" in decision));
  assert.deepEqual(decision.action, { kind: "init", retract: true });
});

Deno.test("decide: a swarm's leave looks once more that it is empty; an attempt's does not force", () => {
  const yielding = decide(observation({
    memory: { confirmed: fp("a") },
    facts: { engine: ok(managerOf("b")), ledger: twoMembers, instances: known },
  }));
  assert.ok(!("calls" in yielding));
  assert.deepEqual(yielding.action, { kind: "leave", force: true, onlyEmpty: true });
  const attempt = decide(observation({ facts: { engine: ok({ ...outside, state: "error" }) } }));
  assert.ok(!("calls" in attempt));
  assert.deepEqual(attempt.action, { kind: "leave", force: false, onlyEmpty: false });
});

function recordOf(state: Observation): ReturnType<typeof record> {
  const decision = decide(state);
  assert.ok(!("calls" in decision) && "record" in decision.action, JSON.stringify(decision));
  return decision.action.record;
}

Deno.test("records: founding lists this node and the Engine's reachable managers, by instance where EC2 shows one", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("a", {
        nodes: 4,
        managers: [1, 2, 3, 4].map((n) => ({
          nodeId: `node-${n}`,
          address: `10.0.0.${n}`,
          reachable: n !== 4,
        })),
      })),
      instances: known,
    },
  }));
  assert.deepEqual(written.members, [
    member(1),
    member(2),
    { instance: null, address: "10.0.0.3", sinceMs: NOW_MS },
  ]);
});

Deno.test("records: a write drops the members that are gone, and only those", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded({ members: [member(2), member(3)] }),
      instances: ok([
        instance(1),
        instance(2, { state: "terminated" }),
        instance(3, { state: "stopped" }),
      ]),
    },
  }));
  assert.deepEqual(written.members, [member(3), member(1)]);
});

Deno.test("records: a replaced swarm's fingerprints are kept, those from before a rotation too", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("b")),
      ledger: founded({ ...others2, rotated: [fp("c")], replaced: [fp("d")] }),
      instances: gone2,
    },
  }));
  assert.equal(written.fingerprint, fp("b"));
  assert.deepEqual(written.replaced, [fp("d"), fp("c"), fp("a")]);
  assert.deepEqual(written.rotated, []);
});

Deno.test("records: a rotated CA keeps the old fingerprint as the same swarm's", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("b", { clusterId: "cluster-a" })),
      ledger: founded(),
      tokens: ok([shown(1, "b")]),
    },
  }));
  assert.equal(written.fingerprint, fp("b"));
  assert.deepEqual(written.rotated, [fp("a")]);
  assert.deepEqual(written.replaced, []);
});

Deno.test("records: an entry without an instance id, at this node's address, becomes this node's", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded({ members: [{ instance: null, address: "10.0.0.1", sinceMs: 1 }] }),
    },
  }));
  assert.deepEqual(written.members, [member(1)]);
});

Deno.test("records: the same intent at the same place has the same nonce, and another place another", () => {
  const state = observation({ facts: { engine: ok(managerOf("a")) } });
  assert.equal(recordOf(state).nonce, recordOf(structuredClone(state)).nonce);
  const elsewhere = observation({
    facts: { engine: ok(managerOf("a")), ledger: founded(others2), instances: known },
  });
  const later = structuredClone(elsewhere);
  if (later.facts.ledger?.ok && later.facts.ledger.value.kind === "settled") {
    later.facts.ledger.value.at = { kind: "log", template: "lt-1", head: 4, last: 4 };
  }
  assert.notEqual(recordOf(elsewhere).nonce, recordOf(later).nonce);
});

Deno.test("decide: what can be looked at side by side is asked for together", () => {
  const first = decide({
    ...observation(),
    facts: {},
    memory: { ...observation().memory, identity: null },
  });
  assert.deepEqual(first, { kind: "look", calls: [{ kind: "identity" }, { kind: "engine" }] });
  const looks = (change: Parameters<typeof observation>[0], facts: Facts): string[] => {
    const decision = decide({ ...observation(change), facts: { engine: ok(outside), ...facts } });
    assert.ok("calls" in decision);
    return decision.calls.map(({ kind }) => kind);
  };
  assert.deepEqual(looks({}, {}), ["ledger", "tokens"]);
  assert.deepEqual(looks({ memory: { self: null } }, {}), ["ledger", "self"]);
  assert.deepEqual(looks({ config: worker }, {}), ["ledger"]);
  assert.deepEqual(looks({ config: { store: s3 } }, {}), ["ledger"]);
  assert.deepEqual(looks({}, { engine: ok({ ...managerOf("a"), state: "pending" }) }), ["ledger"]);
  assert.deepEqual(looks({}, { engine: ok(managerOf("a")) }), ["ledger", "tokens"]);
  const ledger = founded(others2);
  assert.deepEqual(looks({}, { ledger }), ["probe", "tokens"]);
  assert.deepEqual(looks({ config: { store: s3 } }, { ledger }), ["probe", "instances", "tokens"]);
  assert.deepEqual(looks({ config: worker }, { ledger }), ["probe", "tokens"]);
});

Deno.test("decide: with tags the members whose tokens are shown live, and EC2 is asked for no more of them", () => {
  const state = (tokens: Facts["tokens"], change: Partial<Memory> = {}): Observation =>
    without(
      observation({
        memory: change,
        facts: { ledger: twoMembers, answering: ok(["10.0.0.2"]), ...(tokens && { tokens }) },
      }),
      "instances",
    );
  const decided = (o: Observation): string => {
    const decision = decide(o);
    return "calls" in decision ? decision.calls.map(({ kind }) => kind).join() : decision.rule;
  };
  assert.equal(decided(state(ok([shown(2, "a")]))), "register-member");
  assert.equal(decided(state(ok([shown(2, "a", { state: "stopped" })]))), "register-member");
  assert.equal(decided(state(ok([]))), "instances");
  assert.equal(decided(state(ok([shown(3, "a")]))), "instances");
  assert.equal(decided(state(ok([shown(2, "a", { state: "terminated" })]))), "instances");
  assert.equal(decided(state(ok([shown(2, "a")]), { terminated: ["i-2"] })), "instances");
});

Deno.test("decide: a manager that has just joined reads the record again before it adds others to it", () => {
  const joined = observation({
    facts: {
      engine: ok(managerOf("a", { managers: managersAt(1, 2, 3) })),
      ledger: founded({ members: [member(1), member(3)] }),
      tokens: ok([shown(1, "a")]),
      answering: ok(["10.0.0.3"]),
    },
  });
  assert.deepEqual(decide(joined), { kind: "look", calls: [{ kind: "ledger", missing: [] }] });
});

Deno.test("decide: whom the record lacks is asked whether it is there before it is listed", () => {
  const state = observation({
    facts: {
      engine: ok(managerOf("a", { managers: managersAt(1, 2) })),
      ledger: founded(),
      tokens: ok([shown(1, "a")]),
    },
  });
  assert.deepEqual(decide(without(state, "answering")), {
    kind: "look",
    calls: [{ kind: "probe", addresses: ["10.0.0.2"] }],
  });
  const failed = { ...state, facts: { ...state.facts, answering: fault("timeout") } };
  const decision = decide(failed);
  assert.ok(!("calls" in decision));
  assert.equal(decision.action.kind, "wait");
});

Deno.test("decide: no init while a read of the tokens failed", () => {
  const decision = decide(observation({
    config: { store: s3 },
    facts: { ledger: founded(others2), instances: gone2, tokens: fault("timeout") },
  }));
  assert.ok(!("calls" in decision));
  assert.equal(decision.rule, "unreachable");
});

Deno.test("decide: no wait is longer than what is left of the run", () => {
  for (let waits = 0; waits < 20; waits++) {
    for (const dice of [0, 0.5, 0.999999]) {
      const decision = decide(
        observation({ config: worker, memory: { waits }, nowMs: 599_990, dice }),
      );
      assert.ok(!("calls" in decision) && decision.action.kind === "wait");
      assert.ok(decision.action.ms >= 0 && decision.action.ms <= 10);
    }
  }
});
