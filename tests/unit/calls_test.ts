/**
 * What the table of calls promises, held against the simulated world: a call that is safe to make again
 * changes nothing the second time, and facts that are kept after a call are still what would be read.
 */
import assert from "node:assert/strict";
import {
  ACTS,
  type Call,
  type CallKind,
  type CallOf,
  CALLS,
  type LookKind,
} from "../../src/calls.ts";
import type { Config } from "../../src/state.ts";
import { TRUTH } from "../world/check/view.ts";
import { enact } from "../world/enact.ts";
import { createWorld, markOf, type World } from "../world/world.ts";
import { record } from "../support/observations.ts";

type Store = Config["store"]["kind"];

/** A manager that has founded its swarm and shows no tokens yet, and one in no swarm, on machines 0 and 1. */
function worldOf(store: Store): World {
  const world = createWorld(store, ["manager", "manager"]);
  for (const machine of world.machines) {
    machine.power = "up";
    machine.ec2 = [{ value: "running", atMs: world.nowMs }];
  }
  make(world, { kind: "init", advertiseAddr: world.machines[0]!.address, pools: [] });
  world.hookMs = 900_000;
  world.machines[0]!.isGoing = true;
  const { fingerprint } = world.swarms[0]!;
  const first = record({ fingerprint, nonce: "first" });
  make(world, { kind: "write", as: "found", record: first, at: { kind: "none" } });
  return world;
}

function make(world: World, call: Call, machine = 0): ReturnType<typeof enact> {
  return enact(world, world.machines[machine]!, call, TRUTH);
}

/** Calls as machine 0 would make them: of those that may be repeated each kind. */
function callsIn(world: World): { [K in CallKind]?: CallOf<K> } {
  const [swarm] = world.swarms;
  const [me, other] = world.machines;
  const [manager, worker] = [markOf(swarm!, "manager"), markOf(swarm!, "worker")];
  const { fingerprint } = swarm!;
  return {
    identity: { kind: "identity" },
    lifecycle: { kind: "lifecycle" },
    self: { kind: "self" },
    engine: { kind: "engine" },
    contents: { kind: "contents", manager: true },
    interfaces: { kind: "interfaces" },
    ledger: { kind: "ledger", missing: [] },
    tokens: { kind: "tokens", fingerprint, want: ["manager", "worker"] },
    instances: { kind: "instances", ids: [me!.instance], addresses: [other!.address] },
    probe: { kind: "probe", addresses: [me!.address] },
    neighbours: { kind: "neighbours", roles: ["manager"] },
    words: { kind: "words", instance: null },
    marks: { kind: "marks" },
    permissions: { kind: "permissions", role: "manager", inGroup: false },
    unit: { kind: "unit" },
    write: { kind: "write", as: "found", record: record({ fingerprint }), at: { kind: "none" } },
    publish: { kind: "publish", manager, worker },
    attest: { kind: "attest", fingerprint, clusterId: "c", over: [] },
    retract: { kind: "retract" },
    init: { kind: "init", advertiseAddr: me!.address, pools: [] },
    join: { kind: "join", address: me!.address, token: manager, advertiseAddr: other!.address },
    announce: { kind: "announce", word: { nodeId: "node-9", leaves: true } },
    stop: { kind: "stop", graceMs: 5_000 },
    remove: { kind: "remove", nodeId: "node-9" },
    leave: { kind: "leave", force: true, onlyEmpty: true },
    force: { kind: "force", advertiseAddr: me!.address },
    hook: { kind: "hook" },
    complete: { kind: "complete", group: "managers", hook: "leave" },
    heartbeat: { kind: "heartbeat", group: "managers", hook: "leave" },
    trim: { kind: "trim", template: "lt-1", numbers: [2, 3] },
  };
}

/** All of the world but when it was written: histories that say the same are the same. */
function stateOf(world: World): unknown {
  const { machines, ...rest } = world;
  return structuredClone({
    ...rest,
    machines: machines.map(({ managerTag, workerTag, word, ...machine }) => ({
      ...machine,
      tags: [managerTag.at(-1)?.value, workerTag.at(-1)?.value, word.at(-1)?.value],
    })),
  });
}

const KINDS = Object.keys(CALLS) as CallKind[];

/** Makes the call of this kind. */
function makeOne(world: World, kind: CallKind): ReturnType<typeof enact> {
  const call = callsIn(world)[kind];
  assert.ok(call !== undefined, `give an example of ${kind}`);
  return make(world, call);
}

for (const store of ["tags", "s3"] as const) {
  for (const kind of KINDS.filter((kind) => CALLS[kind].again === "safe")) {
    Deno.test(`calls: with ${store}, ${kind} changes nothing when it is made a second time`, () => {
      const world = worldOf(store);
      const first = makeOne(world, kind);
      const once = stateOf(world);
      const second = makeOne(world, kind);
      assert.ok(first.ok, JSON.stringify(first));
      assert.deepEqual(second, first);
      assert.deepEqual(stateOf(world), once);
    });
  }

  Deno.test(`calls: with ${store}, a look changes nothing even the first time`, () => {
    const world = worldOf(store);
    const before = stateOf(world);
    for (const kind of KINDS.filter(isLook)) makeOne(world, kind);
    assert.deepEqual(stateOf(world), before);
  });
}

Deno.test("calls: who asks an Engine twice for the same is told that it is done, and has to look", () => {
  const world = worldOf("tags");
  const again = makeOne(world, "init");
  assert.ok(!again.ok);
  assert.equal(again.fault.kind, "busy");
  assert.equal(CALLS.init.again, "look");
});

Deno.test("calls: an answer that may come late is waited for beyond the run's end, a mere read is not", () => {
  for (const kind of KINDS) {
    const isPrompt = isLook(kind) && kind !== "engine" && kind !== "contents";
    assert.equal(CALLS[kind].graceMs === 0, isPrompt, kind);
  }
});

Deno.test("calls: each says what a run waits for while it is under way", () => {
  for (const kind of KINDS) {
    assert.match(CALLS[kind].waitedFor, /^(?:the |EC2 |AWS |old |what |this )/, kind);
  }
});

Deno.test("calls: after this node's Engine has changed, nothing that it said is kept", () => {
  const own: readonly LookKind[] = ["engine", "contents", "self", "identity", "instances"];
  for (const kind of ["init", "join", "leave", "force"] as const) {
    const { keeps } = CALLS[kind];
    assert.ok(keeps !== "all" && !own.some((one) => keeps.includes(one)), kind);
  }
});

function isLook(kind: CallKind): boolean {
  return !(kind in ACTS);
}
