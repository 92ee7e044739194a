/**
 * What an Engine and its swarm do, as one suite for all of them: the simulated world, the lab's
 * emulator behind the real edge, and, end to end, real Engines.
 *
 * A file that has Engines to test calls `engineContract` with a way to open some.
 */
import assert from "node:assert/strict";
import type { LeaveResult } from "../../src/calls.ts";
import type { Answer, Contents, Engine, SwarmView, TokenMark } from "../../src/state.ts";

/** One node's access to its Engine, as the edges give it. */
export interface EngineNode {
  address: string;
  engine(): Promise<Answer<Engine>>;
  contents(manager: boolean): Promise<Answer<Contents>>;
  init(): Promise<Answer<null>>;
  join(address: string, token: TokenMark): Promise<Answer<null>>;
  /** `onlyEmpty`: false where it is not said. */
  leave(force: boolean, onlyEmpty?: boolean): Promise<Answer<LeaveResult>>;
  probe(addresses: string[]): Promise<Answer<string[]>>;
}

export interface EngineWorld {
  /** Nodes 1 to 4, each with an Engine in no swarm. */
  node(n: number): EngineNode;
  /** Its daemon dies, and comes back with what it has on its disk. */
  restart(n: number): Promise<void>;
  /** Its machine is off: no packet is answered. */
  stop(n: number): Promise<void>;
  /** Left out by what knows no people. */
  hand?: Hand;
  close(): Promise<void>;
}

/** What people and security groups do, behind the tool's back. */
export interface Hand {
  /** `docker node rm --force` of node `n`, on manager `by`. */
  remove(n: number, by: number): Promise<void>;
  /** Worker `n` becomes a manager whose swarm component restarts, while its daemon runs on. */
  promoteRoughly(n: number, by: number): Promise<void>;
  /** From now on nobody else reaches the node's swarm port. */
  shut(n: number): Promise<void>;
  /** Makes a cluster volume. False: this Engine is too old for them. */
  makeVolume(n: number): Promise<boolean>;
}

/** A lost manager is noticed after some 15 s; a busy machine takes a multiple of it. */
const NOTICED_MS = 180_000;

export interface EngineRule {
  promise: string;
  /** Of what a hand does. */
  byHand?: boolean;
  test: (world: EngineWorld) => Promise<void>;
}

export function engineContract(
  name: string,
  open: () => EngineWorld | Promise<EngineWorld>,
  { hands }: { hands: boolean },
): void {
  for (const { promise, test } of engineRules.filter(({ byHand }) => hands || !byHand)) {
    Deno.test({
      name: `engine ${name}: ${promise}`,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const world = await open();
        try {
          await test(world);
        } finally {
          await world.close();
        }
      },
    });
  }
}

export const engineRules: EngineRule[] = [];

function rule(promise: string, test: EngineRule["test"]): void {
  engineRules.push({ promise, test });
}

function handRule(
  promise: string,
  test: (world: EngineWorld, hand: Hand) => Promise<void>,
): void {
  engineRules.push({
    promise,
    byHand: true,
    test: async (world) => {
      assert.ok(world.hand);
      await test(world, world.hand);
    },
  });
}

rule("in no swarm it says so, and nobody answers on its port", async (world) => {
  const node = world.node(1);
  const { state, nodeId, fingerprint, manager, swarm } = await must(node.engine());
  assert.deepEqual([state, nodeId, fingerprint, manager, swarm], [
    "inactive",
    "",
    null,
    false,
    null,
  ]);
  assert.deepEqual(await must(world.node(2).probe([node.address])), []);
});

rule("an init makes a swarm of one manager, whose tokens name it", async (world) => {
  const node = world.node(1);
  await must(node.init());
  const engine = await must(node.engine());
  assert.deepEqual([engine.state, engine.manager, engine.address], [
    "active",
    true,
    node.address,
  ]);
  const view = viewOf(engine);
  assert.equal(view.managerToken.fingerprint, engine.fingerprint);
  assert.equal(view.workerToken.fingerprint, engine.fingerprint);
  assert.notEqual(view.managerToken.digest, view.workerToken.digest);
  assert.deepEqual([view.nodes, view.managers.map(({ address }) => address)], [1, [
    node.address,
  ]]);
  assert.deepEqual(await must(world.node(2).probe([node.address])), [node.address]);
  const contents = await must(node.contents(true));
  assert.deepEqual(Object.entries(contents).filter(([, count]) => count > 0), []);
});

rule("a second init and a join are refused, and change nothing", async (world) => {
  const view = await swarmOf(world, 1);
  const other = await swarmOf(world, 2);
  const node = world.node(1);
  assert.equal(faultOf(await node.init()), "busy");
  assert.equal(faultOf(await node.join(world.node(2).address, other.workerToken)), "busy");
  assert.equal(viewOf(await must(node.engine())).clusterId, view.clusterId);
});

rule("a worker's token makes a worker, which sees the fingerprint and no more", async (world) => {
  const { workerToken } = await swarmOf(world, 1);
  const worker = world.node(2);
  await must(worker.join(world.node(1).address, workerToken));
  const engine = await must(worker.engine());
  assert.deepEqual([engine.state, engine.manager, engine.fingerprint, engine.swarm], [
    "active",
    false,
    workerToken.fingerprint,
    null,
  ]);
  assert.equal(viewOf(await must(world.node(1).engine())).nodes, 2);
  assert.deepEqual(await must(world.node(1).probe([worker.address])), []);
});

rule("a manager's token makes a manager, and all managers see all managers", async (world) => {
  const { managerToken } = await swarmOf(world, 1);
  await must(world.node(2).join(world.node(1).address, managerToken));
  await must(world.node(3).join(world.node(2).address, managerToken));
  for (const n of [1, 2, 3]) {
    await eventually(async () => {
      const view = viewOf(await must(world.node(n).engine()));
      const seen = view.managers.map(({ address }) => address).sort();
      assert.deepEqual(seen, [1, 2, 3].map((m) => world.node(m).address).sort());
    });
  }
});

rule("a token of another swarm is refused as foreign, and leaves no trace", async (world) => {
  await swarmOf(world, 1);
  const other = await swarmOf(world, 2);
  const node = world.node(3);
  assert.equal(faultOf(await node.join(world.node(1).address, other.workerToken)), "foreign");
  assert.equal((await must(node.engine())).state, "inactive");
});

rule("at an address where no manager listens a join fails as unreachable", async (world) => {
  const { workerToken } = await swarmOf(world, 1);
  const node = world.node(3);
  assert.equal(faultOf(await node.join(world.node(2).address, workerToken)), "unreachable");
  assert.equal((await must(node.engine())).state, "inactive");
});

rule("a join that nobody answers goes on in the background, until it is left", async (world) => {
  const { workerToken } = await swarmOf(world, 1);
  await world.stop(2);
  const node = world.node(3);
  assert.equal(faultOf(await node.join(world.node(2).address, workerToken)), "pending");
  const { state, nodeId } = await must(node.engine());
  assert.deepEqual([state, nodeId], ["pending", ""]);
  await must(node.leave(false));
  assert.equal((await must(node.engine())).state, "inactive");
});

rule("a daemon that restarts has forgotten its attempt to join", async (world) => {
  const { workerToken } = await swarmOf(world, 1);
  await world.stop(2);
  const node = world.node(3);
  assert.equal(faultOf(await node.join(world.node(2).address, workerToken)), "pending");
  await world.restart(3);
  assert.equal((await must(node.engine())).state, "inactive");
});

rule("a restart changes nothing for a member", async (world) => {
  const { clusterId } = await swarmOf(world, 1);
  await world.restart(1);
  await eventually(async () => {
    assert.equal(viewOf(await must(world.node(1).engine())).clusterId, clusterId);
  });
});

rule("a manager does not leave without force", async (world) => {
  await swarmOf(world, 1);
  const node = world.node(1);
  assert.equal(faultOf(await node.leave(false)), "refused");
  assert.equal((await must(node.engine())).state, "active");
  await must(node.leave(true));
  assert.equal((await must(node.engine())).state, "inactive");
});

rule("whoever is in no swarm may leave", async (world) => {
  await must(world.node(1).leave(false));
  assert.equal((await must(world.node(1).engine())).state, "inactive");
});

rule("a worker leaves without force", async (world) => {
  const { workerToken } = await swarmOf(world, 1);
  await must(world.node(2).join(world.node(1).address, workerToken));
  await must(world.node(2).leave(false));
  assert.equal((await must(world.node(2).engine())).state, "inactive");
});

rule("a swarm that holds nothing is left, also by who leaves only an empty one", async (world) => {
  await swarmOf(world, 1);
  const node = world.node(1);
  assert.deepEqual(await must(node.leave(true, true)), { kind: "left" });
  assert.equal((await must(node.engine())).state, "inactive");
});

rule("without quorum a manager knows its swarm, and lets nobody in", async (world) => {
  const { managerToken, workerToken } = await swarmOf(world, 1);
  await must(world.node(2).join(world.node(1).address, managerToken));
  await must(world.node(4).join(world.node(2).address, workerToken));
  await world.stop(2);
  await eventually(async () => {
    const { state, manager, swarm, fingerprint } = await must(world.node(1).engine());
    assert.deepEqual([state, manager, swarm, fingerprint], [
      "active",
      true,
      null,
      managerToken.fingerprint,
    ]);
  });
  for (const n of [1, 4]) {
    const { peers } = await must(world.node(n).engine());
    const all = [1, 2].map((m) => world.node(m).address);
    assert.deepEqual(peers.toSorted(), all.sort(), "who its managers are it knows all the same");
  }
  // Engine 20.10 says at once that there is no leader; it may also go on trying.
  const fault = faultOf(await world.node(3).join(world.node(1).address, workerToken));
  assert.ok(fault === "unreachable" || fault === "pending", fault);
  assert.notEqual((await must(world.node(3).engine())).state, "active");
});

handRule(
  "a worker that was removed says nothing of it; started again it is pending, for ever",
  async (
    world,
    hand,
  ) => {
    const { workerToken, managers: [manager] } = await swarmOf(world, 1);
    const worker = world.node(2);
    await must(worker.join(world.node(1).address, workerToken));
    const { nodeId } = await must(worker.engine());
    await hand.remove(2, 1);
    assert.deepEqual(await briefly(worker), ["active", nodeId, workerToken.fingerprint, "", null]);
    await world.restart(2);
    assert.deepEqual(await briefly(worker), ["pending", nodeId, workerToken.fingerprint, "", null]);
    assert.equal(viewOf(await must(world.node(1).engine())).nodes, 1);
    assert.equal(faultOf(await worker.join(manager?.address ?? "", workerToken)), "busy");
    await must(worker.leave(false));
    await must(worker.join(world.node(1).address, workerToken));
    assert.notEqual((await must(worker.engine())).nodeId, nodeId);
  },
);

handRule(
  "a worker that was removed while it runs leaves without force, too",
  async (world, hand) => {
    const { workerToken } = await swarmOf(world, 1);
    const worker = world.node(2);
    await must(worker.join(world.node(1).address, workerToken));
    await hand.remove(2, 1);
    await must(worker.leave(false));
    await must(worker.join(world.node(1).address, workerToken));
    assert.equal((await must(worker.engine())).state, "active");
  },
);

handRule(
  "an Engine whose swarm component has restarted is in error, without a word, and works",
  async (
    world,
    hand,
  ) => {
    const { workerToken, clusterId } = await swarmOf(world, 1);
    const node = world.node(2);
    await must(node.join(world.node(1).address, workerToken));
    await hand.promoteRoughly(2, 1);
    await eventually(async () => {
      const { state, error, trouble, manager, swarm } = await must(node.engine());
      assert.deepEqual([state, error, trouble, manager, swarm?.clusterId], [
        "error",
        "",
        null,
        true,
        clusterId,
      ]);
    });
    assert.equal(faultOf(await node.leave(false)), "refused");
    await world.restart(2);
    await eventually(async () => assert.equal((await must(node.engine())).state, "active"));
  },
);

handRule(
  "a manager that the others can't reach back gets in nowhere, and leaves a node behind",
  async (
    world,
    hand,
  ) => {
    const { managerToken } = await swarmOf(world, 1);
    await hand.shut(2);
    const node = world.node(2);
    assert.equal(faultOf(await node.join(world.node(1).address, managerToken)), "one-way");
    assert.equal((await must(node.engine())).state, "inactive");
    const { nodes, managers } = viewOf(await must(world.node(1).engine()));
    assert.deepEqual([nodes, managers.length], [2, 1]);
  },
);

handRule("a cluster volume counts among what a swarm holds, and is not left behind unasked", async (
  world,
  hand,
) => {
  await swarmOf(world, 1);
  const node = world.node(1);
  // Engines before 23 have none.
  if (!(await hand.makeVolume(1))) return;
  const held = Object.entries(await must(node.contents(true))).filter(([, count]) => count > 0);
  assert.deepEqual(held.map(([, count]) => count), [1]);
  assert.equal((await must(node.leave(true, true))).kind, "holds");
  assert.equal((await must(node.engine())).state, "active");
});

/** What an Engine says of itself. */
async function briefly(node: EngineNode): Promise<unknown[]> {
  const { state, nodeId, fingerprint, error, trouble } = await must(node.engine());
  return [state, nodeId, fingerprint, error, trouble];
}

/** The swarm that node `n` has just made. */
async function swarmOf(world: EngineWorld, n: number): Promise<SwarmView> {
  await must(world.node(n).init());
  return viewOf(await must(world.node(n).engine()));
}

/** Real swarms take a while to notice. */
async function eventually(test: () => Promise<void>): Promise<void> {
  const endMs = performance.now() + NOTICED_MS;
  for (;;) {
    try {
      return await test();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function viewOf({ swarm }: Engine): SwarmView {
  assert.ok(swarm !== null, "a manager with quorum sees its swarm");
  return swarm;
}

async function must<T>(answer: Promise<Answer<T>>): Promise<T> {
  const given = await answer;
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}

function faultOf(answer: Answer<unknown>): string {
  return answer.ok ? "none" : answer.fault.kind;
}
