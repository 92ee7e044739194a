/** What stands in a node's way, and what it does about it. */
import assert from "node:assert/strict";
import { CONFLICT_MS, STARTING_MS, STRANGE_MS } from "../../../src/decide/patience.ts";
import { decided, gone2, held, known, others2, type Row, table, worker } from "./table.ts";
import type { Observation } from "../../../src/state.ts";
import {
  fault,
  founded,
  fp,
  identity,
  instance,
  lifecycle,
  managerOf,
  managersAt,
  member,
  observation,
  ok,
  outside,
  s3,
  without,
  workerOf,
} from "../../support/observations.ts";

/** At the deadline of a run: what may come late is waited for until then. */
const LATE = { nowMs: 600_000 };

/** A worker of swarm "a" whose Engine has been coming up for so long. */
function comingUp(forMs: number, change: Parameters<typeof observation>[0] = {}): Observation {
  return observation({
    config: { ...worker, ...change.config },
    memory: { startingMs: 10_000 - forMs, ...change.memory },
    facts: {
      engine: ok({ ...workerOf("a"), state: "pending" }),
      ledger: founded(others2),
      probe: ok(["10.0.0.2"]),
      ...change.facts,
    },
  });
}

/** Node 1's Engine is a node at an address that is none of this instance's. */
function atStrangeAddress(change: Parameters<typeof observation>[0] = {}): Observation {
  return observation({
    memory: held("address-unknown", STRANGE_MS),
    ...change,
    facts: { engine: ok({ ...managerOf("a"), address: "10.9.9.9" }), ...change.facts },
  });
}

table("an obstacle", [
  {
    name: "no IMDS",
    state: observation({
      ...LATE,
      memory: { identity: null },
      facts: { identity: fault("unreachable", "no IMDS here") },
    }),
    want: ["fail", "imds-unavailable"],
    because: "no IMDS here",
    exit: 6,
  },
  {
    name: "the Engine may be starting: looks again",
    state: observation({ facts: { engine: fault("no-socket") } }),
    want: ["wait", "engine-unavailable"],
  },
  {
    name: "no Engine",
    state: observation({
      ...LATE,
      facts: { engine: fault("no-socket") },
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
    name: "a damaged record",
    state: observation({
      memory: held("record-unreadable", STRANGE_MS),
      facts: { ledger: ok({ kind: "unreadable", why: "it is not JSON" }) },
    }),
    want: ["fail", "record-unreadable"],
    because: "it is not JSON",
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
      memory: held("record-elsewhere", STRANGE_MS),
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
      memory: held("record-elsewhere", STRANGE_MS),
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
      ...LATE,
      memory: { self: instance(1, { roleTag: null }) },
      facts: { self: ok(instance(1, { roleTag: null })) },
    }),
    want: ["fail", "role-unknown"],
    because: "has no such tag",
    exit: 2,
  },
  {
    name: "a role tag that names no role",
    state: observation({
      ...LATE,
      memory: { self: instance(1, { roleTag: "Manager" }) },
      facts: { self: ok(instance(1, { roleTag: "Manager" })) },
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
      ...LATE,
      memory: { self: instance(1, { clusterTag: "green" }) },
      facts: { self: ok(instance(1, { clusterTag: "green" })) },
    }),
    want: ["fail", "cluster-tag-unknown"],
    because: 'has "green"',
    exit: 2,
  },
  {
    name: "in a warm pool",
    state: observation({
      memory: { lifecycle: lifecycle("Warmed:Stopped") },
      facts: { identity: ok(identity()), lifecycle: ok(lifecycle("Warmed:Stopped")) },
    }),
    want: ["wait", "warm-pool"],
    because: "Warmed:Stopped",
  },
  {
    name: "in service in its Auto Scaling group",
    state: observation({ memory: { lifecycle: lifecycle("InService") } }),
    want: ["init", "first-manager"],
  },
  {
    name: "IMDS that does not say whether the instance is in a warm pool",
    state: observation({
      ...LATE,
      memory: { lifecycle: null },
      facts: { lifecycle: fault("timeout", "no answer of IMDS") },
    }),
    want: ["fail", "imds-unavailable"],
    because: "no answer of IMDS",
    exit: 6,
  },
  {
    name: "a locked Engine",
    state: observation({ facts: { engine: ok({ ...outside, state: "locked", nodeId: "n" }) } }),
    want: ["fail", "engine-locked"],
    because: "docker swarm unlock",
    exit: 5,
  },
  {
    name: "the address of another instance of the record, which lives: a cloned disk",
    state: atStrangeAddress({
      memory: held("cloned-disk", STRANGE_MS),
      facts: {
        ledger: founded({ members: [member(2, { address: "10.9.9.9" })] }),
        instances: known,
      },
    }),
    want: ["fail", "cloned-disk"],
    because: "i-2 (running) is that node",
    exit: 5,
  },
  {
    name: "the address of an instance that is terminated: a volume that was restored, perhaps",
    state: atStrangeAddress({
      facts: {
        ledger: founded({ members: [member(2, { address: "10.9.9.9" })] }),
        instances: gone2,
      },
    }),
    want: ["fail", "address-unknown"],
    because: "i-2, which is terminated, was that node",
    exit: 5,
  },
  {
    name: "an address that nobody else has: it may be its own",
    state: atStrangeAddress(),
    want: ["fail", "address-unknown"],
    because: "say so with --advertise-addr 10.9.9.9",
    exit: 5,
  },
  {
    name: "a swarm with other nodes is never to be left",
    state: atStrangeAddress({
      facts: {
        engine: ok({ ...managerOf("a", { nodes: managersAt(1, 2, 3) }), address: "10.9.9.9" }),
      },
    }),
    want: ["fail", "address-unknown"],
    because: "its swarm has other nodes, so that nobody should leave it by force",
    exit: 5,
  },
  {
    name: "an interface may come up late: looks again",
    state: atStrangeAddress({ memory: { steady: null } }),
    want: ["wait", "address-unknown"],
  },
  {
    name: "an Elastic IP of this instance",
    state: atStrangeAddress({
      memory: { identity: { ...identity(), publicAddresses: ["10.9.9.9"] } },
    }),
    want: ["found", "found-swarm"],
  },
  {
    name: "an interface of this machine that EC2 does not know",
    state: atStrangeAddress({ facts: { interfaces: ok([{ name: "wg0", address: "10.9.9.9" }]) } }),
    want: ["found", "found-swarm"],
  },
  {
    name: "the address that the person gave",
    state: atStrangeAddress({ config: { advertiseAddr: "10.9.9.9:2377" } }),
    want: ["found", "found-swarm"],
  },
  {
    name: "an Engine that refuses swarm mode by a setting: nothing is written for it",
    state: observation({
      facts: {
        engine: ok({ ...outside, refuses: "live-restore is on" }),
        ledger: founded(others2),
      },
    }),
    want: ["fail", "setting-unusable"],
    because: "live-restore is on",
    exit: 2,
  },
  {
    name: "another region than the instance's",
    state: observation({ config: { region: "us-east-1" } }),
    want: ["fail", "setting-unusable"],
    because: "AWS_REGION",
    exit: 2,
  },
  {
    name: "the instance's own region",
    state: observation({ config: { region: "eu-west-1" } }),
    want: ["init", "first-manager"],
  },
  {
    name: "an instance that EC2 does not show yet has no tags yet",
    state: observation({ memory: { self: null }, facts: { self: ok(null) } }),
    want: ["wait", "not-shown"],
    because: "EC2 does not show i-1 yet",
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
      memory: held("engine-error", STRANGE_MS),
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
    name: "a member that starts up: waits, and needs nothing of AWS",
    state: without(
      observation({ facts: { engine: ok({ ...workerOf("a"), state: "pending" }) } }),
      "ledger",
    ),
    want: ["wait", "engine-starting"],
  },
  {
    name: "a worker that can't start up in a replaced swarm: leaves it",
    state: comingUp(STARTING_MS, {
      facts: {
        engine: ok({ ...workerOf("z"), state: "pending" }),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
      },
    }),
    want: ["leave", "swarm-replaced"],
  },
  {
    name: "a worker that can't start up while its swarm answers: they may have just come back",
    state: comingUp(STARTING_MS),
    want: ["wait", "node-removed"],
  },
  {
    name: "it has answered for a minute: the worker was removed from it: leaves",
    state: comingUp(STARTING_MS, {
      memory: { startingMs: -100_000, ...held("node-removed", STARTING_MS) },
    }),
    want: ["leave", "node-removed"],
  },
  {
    name: "a worker that may still start up: waits",
    state: comingUp(STARTING_MS - 1),
    want: ["wait", "engine-starting"],
  },
  {
    name:
      "it was a manager, which the record lists: it does not count itself among those that answer",
    state: comingUp(STARTING_MS, {
      memory: { startingMs: -100_000, ...held("node-removed", STARTING_MS) },
      facts: { ledger: founded({ members: [member(1), member(2)] }) },
    }),
    want: ["leave", "node-removed"],
  },
  {
    name: "a minority that answers may be without a leader: waits",
    state: comingUp(STARTING_MS, {
      memory: { startingMs: -100_000, ...held("node-removed", STARTING_MS) },
      facts: { ledger: founded({ members: [member(2), member(3)] }) },
    }),
    want: ["wait", "engine-starting"],
  },
  {
    name: "a worker that can't start up while nobody answers: waits",
    state: comingUp(STARTING_MS, { facts: { probe: ok([]) } }),
    want: ["wait", "engine-starting"],
  },
  {
    name:
      "a worker of another swarm than the founded one that can't start up: a conflict, as if it could",
    state: comingUp(STARTING_MS, {
      config: { store: s3 },
      facts: { engine: ok({ ...workerOf("z"), state: "pending" }) },
    }),
    want: ["fail", "swarm-conflict"],
    exit: 5,
  },
  {
    name: "a removed worker with tasks: a person stops them",
    state: comingUp(STARTING_MS, {
      memory: { startingMs: -100_000, ...held("node-removed", STARTING_MS) },
      facts: { contents: ok({ tasks: 2 }) },
    }),
    want: ["fail", "node-removed"],
    because: "2 tasks",
    exit: 5,
  },
  {
    name: "a removed worker with tasks that may be given up: leaves",
    state: comingUp(STARTING_MS, {
      memory: { startingMs: -100_000, ...held("node-removed", STARTING_MS) },
      config: { abandonTasks: true },
      facts: { contents: ok({ tasks: 2 }) },
    }),
    want: ["leave", "node-removed"],
    because: "joins anew",
  },
  {
    name: "a manager that can't start up: waits, for it may be one still",
    state: comingUp(STARTING_MS, {
      facts: { engine: ok({ ...managerOf("a"), state: "pending", swarm: null }) },
    }),
    want: ["wait", "engine-starting"],
  },
  {
    name: "a worker whose certificate ran out while it was off: leaves",
    state: comingUp(STARTING_MS, {
      memory: { startingMs: -100_000, ...held("node-removed", STARTING_MS) },
      facts: {
        engine: ok({ ...workerOf("a"), state: "error", error: "expired", trouble: "expired" }),
      },
    }),
    want: ["leave", "node-removed"],
  },
  {
    name: "a manager whose certificate ran out: a person demotes it first",
    state: observation({
      memory: held("engine-error", STRANGE_MS),
      facts: {
        engine: ok({
          ...managerOf("a"),
          swarm: null,
          state: "error",
          error: "expired",
          trouble: "expired",
        }),
      },
    }),
    want: ["fail", "engine-error"],
    exit: 5,
  },
]);

Deno.test("decide: an attempt to join is left without force, whatever came of it", () => {
  const state = observation({ facts: { engine: ok({ ...outside, state: "error" }) } });
  const decision = decided(state);
  assert.ok(decision.kind === "act");
  assert.deepEqual(decision.call, { kind: "leave", force: false, onlyEmpty: false });
});
