/** What stands in a node's way, and what it does about it. */
import assert from "node:assert/strict";
import { BOOT_MS, CONFLICT_MS, DENIED_MS } from "../../../src/decide/patience.ts";
import { decided, gone2, held, known, others2, type Row, table, worker } from "./table.ts";
import {
  fault,
  founded,
  fp,
  identity,
  instance,
  managerOf,
  member,
  observation,
  ok,
  outside,
  workerOf,
} from "../../support/observations.ts";

table("an obstacle", [
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
    state: observation({ facts: { engine: fault("no-socket") } }),
    want: ["wait", "engine-unavailable"],
  },
  {
    name: "no Engine",
    state: observation({
      memory: held("engine-unavailable", BOOT_MS),
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
      memory: held("record-unreadable", DENIED_MS),
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
      memory: { self: instance(1, { roleTag: null }), ...held("role-unknown", BOOT_MS) },
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
      memory: {
        self: instance(1, { clusterTag: "green" }),
        ...held("cluster-tag-unknown", BOOT_MS),
      },
      facts: { self: ok(instance(1, { clusterTag: "green" })) },
    }),
    want: ["fail", "cluster-tag-unknown"],
    because: 'has "green"',
    exit: 2,
  },
  {
    name: "in a warm pool",
    state: observation({
      memory: { lifecycle: { state: "Warmed:Stopped" } },
      facts: { identity: ok(identity()), lifecycle: ok("Warmed:Stopped") },
    }),
    want: ["wait", "warm-pool"],
    because: "Warmed:Stopped",
  },
  {
    name: "in service in its Auto Scaling group",
    state: observation({ memory: { lifecycle: { state: "InService" } } }),
    want: ["init", "first-manager"],
  },
  {
    name: "IMDS that does not say whether the instance is in a warm pool",
    state: observation({
      memory: { lifecycle: null, ...held("imds-unavailable", BOOT_MS) },
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
]);

Deno.test("decide: an attempt to join is left without force, whatever came of it", () => {
  const state = observation({ facts: { engine: ok({ ...outside, state: "error" }) } });
  const decision = decided(state);
  assert.ok(decision.kind === "act");
  assert.deepEqual(decision.call, { kind: "leave", force: false, onlyEmpty: false });
});
