/** What is looked at before anything is decided: the near before the far, and side by side what can be. */
import assert from "node:assert/strict";
import { decide } from "../../../src/decide/decide.ts";
import type { Facts, Memory, Observation } from "../../../src/state.ts";
import { looks, others2, twoMembers, worker } from "./table.ts";
import {
  fault,
  founded,
  identity,
  instance,
  lifecycle,
  managerOf,
  observation,
  ok,
  outside,
  s3,
  shown,
  unfounded,
  without,
} from "../../support/observations.ts";

Deno.test("decide: looks: this machine first, and AWS only once its own Engine has answered", () => {
  const fresh = observation({ memory: { identity: null, lifecycle: null, self: null } });
  assert.deepEqual(decide({ ...fresh, facts: {} }), {
    kind: "look",
    calls: [{ kind: "identity" }, { kind: "lifecycle" }, { kind: "engine" }],
  });
  const down = observation({ facts: { engine: fault("no-socket") } });
  assert.equal(decide({ ...down, facts: { engine: fault("no-socket") } }).kind, "wait");
});

Deno.test("decide: looks: metadata that can't change any more are not asked for again", () => {
  const asked = (memory: Partial<Memory>): string[] =>
    looks({ ...observation({ memory }), facts: {} });
  assert.deepEqual(asked({}), ["engine"]);
  assert.deepEqual(asked({ lifecycle: lifecycle("InService") }), ["engine"]);
  // Interfaces and tags may come with its entry into service.
  assert.deepEqual(asked({ lifecycle: lifecycle("Warmed:Stopped") }), [
    "identity",
    "lifecycle",
    "engine",
  ]);
  assert.deepEqual(asked({ lifecycle: null }), ["lifecycle", "engine"]);
});

const CASES: { what: string; change: Parameters<typeof observation>[0]; want: string[] }[] = [
  { what: "a manager in no swarm", change: {}, want: ["ledger", "tokens"] },
  { what: "an unknown role", change: { memory: { self: null } }, want: ["ledger", "self"] },
  { what: "a worker in no swarm", change: { config: worker }, want: ["ledger"] },
  { what: "a manager with S3", change: { config: { store: s3 } }, want: ["ledger"] },
  {
    what: "an Engine that has been starting up for a minute",
    change: {
      memory: { startingMs: -60_000 },
      facts: { engine: ok({ ...managerOf("a"), state: "pending" }) },
    },
    want: ["ledger"],
  },
  {
    what: "a node at an address that the metadata don't know",
    change: {
      facts: {
        engine: ok({ ...managerOf("a"), address: "10.9.9.9" }),
        ledger: unfounded,
        tokens: ok([]),
      },
    },
    want: ["interfaces"],
  },
  {
    what: "a manager that is to advertise an interface",
    change: { config: { advertiseAddr: "wg0" }, facts: { ledger: unfounded, tokens: ok([]) } },
    want: ["interfaces"],
  },
  {
    what: "a manager in a swarm",
    change: { facts: { engine: ok(managerOf("a")) } },
    want: ["ledger", "tokens"],
  },
  {
    what: "a manager in a swarm, once it has acted",
    change: { memory: { did: ["init"] }, facts: { engine: ok(managerOf("a")) } },
    want: ["ledger"],
  },
  {
    what: "a manager before a founded swarm",
    change: { facts: { ledger: founded(others2) } },
    want: ["probe", "tokens"],
  },
  {
    what: "a manager before a founded swarm, with S3",
    change: { config: { store: s3 }, facts: { ledger: founded(others2) } },
    want: ["probe", "instances", "tokens"],
  },
  {
    what: "a worker before a founded swarm",
    change: { config: worker, facts: { ledger: founded(others2) } },
    want: ["probe", "tokens"],
  },
  {
    what: "a dry run, for what it may",
    change: { config: { dryRun: true }, facts: { ledger: founded(others2) } },
    want: ["probe", "tokens", "permissions"],
  },
  {
    what: "a dry run that knows all else, for what it may",
    change: {
      config: { dryRun: true },
      facts: { ledger: unfounded, tokens: ok([]), neighbours: ok([]) },
    },
    want: ["permissions"],
  },
  {
    what: "a dry run of unknown role, not yet for what it may",
    change: { config: { dryRun: true }, memory: { self: null } },
    want: ["ledger", "self"],
  },
];

for (const { what, change = {}, want } of CASES) {
  Deno.test(`decide: looks: ${what} looks at ${want.join(", ")}`, () => {
    const facts = { engine: ok(outside), ...change.facts };
    assert.deepEqual(looks({ ...observation(change), facts }), want);
  });
}

Deno.test("decide: looks: a log's versions that the last read lacked are asked for by name", () => {
  const state = without(observation({ memory: { missing: [2, 4] } }), "ledger");
  assert.deepEqual(decide(state), { kind: "look", calls: [{ kind: "ledger", missing: [2, 4] }] });
});

Deno.test("decide: looks: with tags the members whose tokens are shown live, and EC2 is asked for no more of them", () => {
  const state = (tokens: Facts["tokens"], change: Partial<Memory> = {}): Observation =>
    without(
      observation({
        memory: change,
        facts: { ledger: twoMembers, probe: ok(["10.0.0.2"]), ...(tokens && { tokens }) },
      }),
      "instances",
    );
  const next = (o: Observation): string => {
    const decision = decide(o);
    return decision.kind === "look" ? decision.calls.map(({ kind }) => kind).join() : decision.rule;
  };
  assert.equal(next(state(ok([shown(2, "a")]))), "register-member");
  assert.equal(next(state(ok([shown(2, "a", { state: "stopped" })]))), "register-member");
  assert.equal(next(state(ok([]))), "instances");
  assert.equal(next(state(ok([shown(3, "a")]))), "instances");
  assert.equal(next(state(ok([shown(2, "a", { state: "terminated" })]))), "instances");
  assert.equal(next(state(ok([shown(2, "a")]), { terminated: ["i-2"] })), "instances");
});

Deno.test("decide: looks: a dry run asks for the permissions of the role that the node is in", () => {
  const state = observation({
    config: { dryRun: true, ...worker },
    facts: { engine: ok(managerOf("a")), ledger: founded(others2), probe: ok([]), tokens: ok([]) },
  });
  const decision = decide(without(state, "permissions"));
  const asked = decision.kind === "look" ? decision.calls : [];
  assert.deepEqual(
    asked.filter(({ kind }) => kind === "permissions"),
    [{ kind: "permissions", role: "manager", inGroup: false }],
  );
});

Deno.test("decide: looks: a role tag in the metadata that names no role is asked of EC2, again in each round", () => {
  const near = { ...identity(), roleTag: "queen" };
  const asked = (self: Memory["self"]): string[] =>
    looks({
      ...observation({ memory: { identity: near, self } }),
      facts: { engine: ok(outside) },
    });
  assert.ok(asked(null).includes("self"));
  assert.ok(asked(instance(1, { roleTag: "queen" })).includes("self"));
  assert.ok(!asked(instance(1, { roleTag: "worker" })).includes("self"));
});
