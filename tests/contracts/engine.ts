/**
 * What an Engine and its swarm do, as one suite for all of them: the simulated world, the lab's
 * emulator behind the real edge, and, end to end, real Engines.
 *
 * A file that has Engines to test calls `engineContract` with a way to open some.
 */
import assert from "node:assert/strict";
import type { LeaveResult, NodeChange } from "../../src/calls.ts";
import type { Answer, Contents, Engine, SwarmNode, SwarmView, TokenMark } from "../../src/state.ts";

/** One node's access to its Engine, as the edges give it. */
export interface EngineNode {
  address: string;
  engine(): Promise<Answer<Engine>>;
  contents(manager: boolean): Promise<Answer<Contents>>;
  init(): Promise<Answer<null>>;
  join(address: string, token: TokenMark): Promise<Answer<null>>;
  /** `onlyEmpty`: false where it is not said. */
  leave(force: boolean, onlyEmpty?: boolean): Promise<Answer<LeaveResult>>;
  update(nodeId: string, version: number, change: NodeChange): Promise<Answer<null>>;
  remove(nodeId: string): Promise<Answer<null>>;
  stop(graceMs: number): Promise<Answer<null>>;
  probe(addresses: string[]): Promise<Answer<string[]>>;
  /** After a look. */
  force(): Promise<Answer<string>>;
}

export interface EngineWorld {
  /** Nodes 1 to 4, each with an Engine in no swarm. */
  node(n: number): EngineNode;
  /** Its daemon dies, and comes back with what it has on its disk. */
  restart(n: number): Promise<void>;
  /** Its machine is off: no packet is answered. */
  stop(n: number): Promise<void>;
  /** Nobody hears it any more, nor it them; and they hear each other again. */
  cut(n: number): Promise<void>;
  heal(n: number): Promise<void>;
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
  /** Runs a service on the swarm of manager `by`: a task of it for each worker. */
  serve(by: number): Promise<void>;
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
  const [only] = view.nodes;
  assert.deepEqual([view.nodes.length, only?.nodeId, only?.voter], [1, engine.nodeId, {
    address: node.address,
    reachable: true,
    leader: true,
  }]);
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
  assert.equal((await listOf(world, 1)).length, 2);
  assert.deepEqual(await must(world.node(1).probe([worker.address])), []);
});

rule("a manager's token makes a manager, and all managers see all managers", async (world) => {
  const { managerToken } = await swarmOf(world, 1);
  await must(world.node(2).join(world.node(1).address, managerToken));
  await must(world.node(3).join(world.node(2).address, managerToken));
  for (const n of [1, 2, 3]) {
    await eventually(async () => {
      const seen = votersOf(await listOf(world, n)).map(({ voter }) => voter?.address).sort();
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

rule(
  "a manager that is left alone starts its swarm anew, with all that is in it",
  async (world) => {
    const { managerToken: before, workerToken, clusterId } = await swarmOf(world, 1);
    for (const n of [2, 3]) await must(world.node(n).join(world.node(1).address, before));
    await must(world.node(4).join(world.node(1).address, workerToken));
    const [one, two, three, four] = await Promise.all(
      [1, 2, 3, 4].map(async (n) => (await must(world.node(n).engine())).nodeId),
    );
    await eventually(async () => assert.equal((await listOf(world, 1)).length, 4));
    const labels = { "swarm-join.instance": "i-4" };
    await must(change(world, 1, four!, { labels }));
    await eventually(async () => assert.equal(votersOf(await listOf(world, 1)).length, 3));
    for (const n of [2, 3]) await world.stop(n);
    const node = world.node(1);
    await eventually(async () => assert.equal((await must(node.engine())).trouble, "no-quorum"));
    await must(node.force());
    await eventually(async () => {
      const { nodeId, swarm, address, fingerprint } = await must(node.engine());
      assert.deepEqual([nodeId, address, fingerprint], [one, node.address, before.fingerprint]);
      assert.deepEqual([swarm?.clusterId, swarm?.managerToken, swarm?.workerToken], [
        clusterId,
        before,
        workerToken,
      ]);
      assert.deepEqual(votersOf(swarm?.nodes ?? []).map(({ nodeId }) => nodeId), [one]);
    });
    await eventually(async () => {
      const { state, labels: kept } = await see(world, 1, four!);
      assert.deepEqual([state, kept], ["ready", labels]);
    });
    assert.equal((await must(world.node(4).engine())).nodeId, four, "a worker is the node it was");
    // Those that are gone are managers without a vote: nobody can demote them, and down they are removed.
    for (const id of [two!, three!]) {
      await eventually(async () => assert.equal((await see(world, 1, id)).state, "down"));
      const { desired, observed, voter } = await see(world, 1, id);
      assert.deepEqual([desired, observed, voter], ["manager", "manager", null]);
      assert.equal(faultOf(await change(world, 1, id, { role: "worker" })), "refused");
      await must(node.remove(id));
    }
    await must(world.node(4).leave(false));
    await must(world.node(4).join(node.address, before));
    await eventually(async () => assert.equal(votersOf(await listOf(world, 1)).length, 2));
  },
);

rule("so does one that has restarted without the others, and one of two", async (world) => {
  const { managerToken, clusterId } = await swarmOf(world, 1);
  await must(world.node(2).join(world.node(1).address, managerToken));
  await eventually(async () => assert.equal(votersOf(await listOf(world, 2)).length, 2));
  const node = world.node(2);
  const { nodeId } = await must(node.engine());
  await world.stop(1);
  await world.restart(2);
  await eventually(async () => {
    const engine = await must(node.engine());
    assert.deepEqual([engine.manager, engine.nodeId, engine.trouble, engine.swarm], [
      true,
      nodeId,
      "no-quorum",
      null,
    ]);
    assert.deepEqual(
      engine.peers.toSorted(),
      [1, 2].map((n) => world.node(n).address).sort(),
      "whom it knew it knows still",
    );
  });
  await must(node.force());
  await eventually(async () => {
    const { state, swarm } = await must(node.engine());
    const voters = votersOf(swarm?.nodes ?? []).map((one) => one.nodeId);
    assert.deepEqual([state, swarm?.clusterId, voters], ["active", clusterId, [nodeId]]);
  });
});

handRule(
  "a worker that was removed says nothing of it; started again it is pending, for ever",
  async (
    world,
    hand,
  ) => {
    const { workerToken, nodes: [manager] } = await swarmOf(world, 1);
    const worker = world.node(2);
    await must(worker.join(world.node(1).address, workerToken));
    const { nodeId } = await must(worker.engine());
    await hand.remove(2, 1);
    assert.deepEqual(await briefly(worker), ["active", nodeId, workerToken.fingerprint, "", null]);
    await world.restart(2);
    assert.deepEqual(await briefly(worker), ["pending", nodeId, workerToken.fingerprint, "", null]);
    assert.equal((await listOf(world, 1)).length, 1);
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
    const left = (await listOf(world, 1)).find(({ voter }) => voter === null);
    assert.deepEqual([left?.desired, left?.observed], ["manager", "manager"]);
    // Raft never knew it, so that nobody can demote it; and what is down and no voter can be removed.
    assert.equal(faultOf(await change(world, 1, left!.nodeId, { role: "worker" })), "refused");
    await eventually(async () => assert.equal((await see(world, 1, left!.nodeId)).state, "down"));
    await must(world.node(1).remove(left!.nodeId));
    assert.equal((await listOf(world, 1)).length, 1);
  },
);

// What managers do to nodes -----------------------------------------------------------------------------

rule("a node is changed as it was seen, or not at all", async (world) => {
  await swarmOf(world, 1);
  const [node] = await listOf(world, 1);
  assert.ok(node);
  const { nodeId, version } = node;
  const labels = { "swarm-join.instance": "i-1", "swarm-join.zone": "a" };
  await must(world.node(1).update(nodeId, version, { labels, availability: "drain" }));
  const seen = await see(world, 1, nodeId);
  assert.deepEqual([seen.labels, seen.availability, seen.desired], [labels, "drain", "manager"]);
  assert.notEqual(seen.version, version);
  const late = { labels: { "swarm-join.zone": "b" } };
  assert.equal(faultOf(await world.node(1).update(nodeId, version, late)), "busy");
  const undo = { labels: { "swarm-join.zone": null }, availability: "active" } as const;
  await must(world.node(1).update(nodeId, seen.version, undo));
  const after = await see(world, 1, nodeId);
  assert.deepEqual([after.labels, after.availability], [
    { "swarm-join.instance": "i-1" },
    "active",
  ]);
  assert.equal(faultOf(await world.node(1).update("nobody", version, late)), "not-found");
  await must(world.node(1).remove("nobody"));
});

rule(
  "a manager that is demoted loses its vote, becomes a worker, leaves, and is removed once it is down",
  async (world) => {
    const [, two, three] = await managersOf(world, 3);
    assert.equal(faultOf(await world.node(1).remove(three)), "refused", "it votes");
    await must(change(world, 2, three, { role: "worker" }));
    assert.equal(faultOf(await world.node(1).remove(three)), "refused", "it lives");
    await isWorker(world, 1, three);
    await knowsThatItIsWorker(world, 3);
    assert.equal((await must(world.node(3).engine())).nodeId, three);
    assert.equal(faultOf(await world.node(1).remove(three)), "refused", "it lives");
    await must(world.node(3).leave(false));
    await eventually(async () => assert.equal((await see(world, 1, three)).state, "down"));
    await must(world.node(2).remove(three));
    assert.deepEqual((await listOf(world, 1)).map(({ nodeId }) => nodeId).includes(two), true);
    assert.equal((await listOf(world, 1)).length, 2);
    await must(world.node(2).remove(three));
  },
);

rule(
  "a demotion is taken back: who became a worker votes again, as the node that it was",
  async (world) => {
    const [, , three] = await managersOf(world, 3);
    await must(change(world, 1, three, { role: "worker" }));
    await isWorker(world, 1, three);
    await knowsThatItIsWorker(world, 3);
    await must(change(world, 1, three, { role: "manager" }));
    await eventually(async () => {
      const { desired, observed, voter } = await see(world, 1, three);
      assert.deepEqual([desired, observed, voter?.reachable], ["manager", "manager", true]);
      assert.equal(viewOf(await must(world.node(3).engine())).nodes.length, 3);
    });
  },
);

rule("all managers but the last may be demoted at once", async (world) => {
  const [one, two, three] = await managersOf(world, 3);
  // While the first one goes, the second may be taken for one that quorum needs: for a moment.
  await Promise.all(
    [two, three].map((id) =>
      eventually(async () => void await must(change(world, 1, id, { role: "worker" })))
    ),
  );
  await isWorker(world, 1, two);
  await isWorker(world, 1, three);
  assert.equal(faultOf(await change(world, 1, one, { role: "worker" })), "refused");
  assert.equal(votersOf(await listOf(world, 1)).length, 1);
});

rule("the leader demotes itself: another one leads, and it becomes a worker", async (world) => {
  await managersOf(world, 3);
  const leader = await leaderOf(world, 1);
  await must(change(world, leader.n, leader.nodeId, { role: "worker" }));
  const other = leader.n === 1 ? 2 : 1;
  await eventually(async () => {
    assert.notEqual((await leaderOf(world, other)).nodeId, leader.nodeId);
  });
  await isWorker(world, other, leader.nodeId);
  await knowsThatItIsWorker(world, leader.n);
  await must(world.node(leader.n).leave(false));
});

rule(
  "a dead manager votes until it is demoted; meanwhile nobody who lives can be",
  async (world) => {
    const [one, two, three] = await managersOf(world, 3);
    await dies(world, 3, three);
    assert.equal(faultOf(await world.node(1).remove(three)), "refused");
    for (const living of [one, two]) {
      assert.equal(faultOf(await change(world, 1, living, { role: "worker" })), "refused");
    }
    await must(change(world, 1, three, { role: "worker" }));
    await isWorker(world, 1, three);
    assert.equal((await see(world, 1, three)).state, "down");
    await must(world.node(1).remove(three));
    assert.deepEqual(votersOf(await listOf(world, 1)).length, 2);
    await must(change(world, 1, two, { role: "worker" }));
  },
);

rule("a demotion that would cost the quorum is carried out once it does not", async (world) => {
  const [, two, three, four] = await managersOf(world, 4);
  await dies(world, 4, four);
  // Each is fine alone. Which of the two is refused, or waits, is a matter of moments.
  const demoted = await Promise.all(
    [two, three].map((id) => change(world, 1, id, { role: "worker" })),
  );
  const waits = async (): Promise<SwarmNode[]> =>
    votersOf(await listOf(world, 1)).filter(({ desired }) => desired === "worker");
  const accepted = demoted.filter(({ ok }) => ok).length;
  await eventually(async () => {
    const voters = votersOf(await listOf(world, 1));
    assert.deepEqual([voters.length, (await waits()).length], [3, accepted - 1]);
  });
  await must(change(world, 1, four, { role: "worker" }));
  await eventually(async () => {
    assert.deepEqual([votersOf(await listOf(world, 1)).length, await waits()], [3 - accepted, []]);
  });
});

rule("a manager that was cut off while it was demoted comes back as a worker", async (world) => {
  const [, , three] = await managersOf(world, 3);
  await world.cut(3);
  await isLost(world, three);
  await must(change(world, 1, three, { role: "worker" }));
  await isWorker(world, 1, three);
  assert.equal((await must(world.node(3).engine())).manager, true, "it has not heard of it");
  await world.heal(3);
  await knowsThatItIsWorker(world, 3);
  await eventually(async () => assert.equal((await see(world, 1, three)).state, "ready"));
  assert.equal((await must(world.node(3).engine())).nodeId, three);
});

rule("a manager that was removed while it was cut off never hears of it", async (world) => {
  const [, , three] = await managersOf(world, 3);
  await world.cut(3);
  await isLost(world, three);
  await must(change(world, 1, three, { role: "worker" }));
  await isWorker(world, 1, three);
  await must(world.node(1).remove(three));
  await world.heal(3);
  await eventually(async () => {
    const { state, nodeId, manager, swarm, trouble } = await must(world.node(3).engine());
    assert.deepEqual([state, nodeId, manager, swarm, trouble], [
      "active",
      three,
      true,
      null,
      "no-quorum",
    ]);
  });
  assert.equal(faultOf(await world.node(3).leave(false)), "refused");
  assert.equal((await listOf(world, 1)).length, 2);
});

rule(
  "who left by force and joins anew has two seats, until the old one is taken away",
  async (world) => {
    const [, , three] = await managersOf(world, 3);
    await must(world.node(3).leave(true));
    await isLost(world, three);
    const { managerToken } = viewOf(await must(world.node(1).engine()));
    await must(world.node(3).join(world.node(1).address, managerToken));
    await eventually(async () => assert.equal(votersOf(await listOf(world, 1)).length, 4));
    const { nodeId } = await must(world.node(3).engine());
    assert.notEqual(nodeId, three);
    const { state, voter } = await see(world, 1, three);
    assert.deepEqual([state, voter?.address], ["down", world.node(3).address]);
    await must(change(world, 1, three, { role: "worker" }));
    await isWorker(world, 1, three);
    await must(world.node(1).remove(three));
    const left = votersOf(await listOf(world, 1)).map((one) => one.nodeId);
    assert.deepEqual([left.length, left.includes(nodeId)], [3, true]);
  },
);

rule("nobody is taken for down after a change of leader but who is", async (world) => {
  const [one, two, three] = await managersOf(world, 3);
  const leader = await leaderOf(world, 1);
  await world.stop(leader.n);
  const by = leader.n === 1 ? 2 : 1;
  const living = [one, two, three].filter((id) => id !== leader.nodeId);
  await eventually(async () => {
    const { swarm } = await must(world.node(by).engine());
    for (const { nodeId, state, voter } of swarm?.nodes ?? []) {
      assert.ok(!living.includes(nodeId) || state !== "down", "a living node is not down");
      assert.ok(nodeId !== leader.nodeId || voter?.leader !== true || state === "ready");
    }
    const states = new Map(swarm?.nodes.map(({ nodeId, state }) => [nodeId, state]));
    assert.deepEqual(living.map((id) => states.get(id)), ["ready", "ready"]);
    assert.equal(states.get(leader.nodeId), "down");
  });
});

handRule("a worker that is drained ends its tasks, and leaves with none", async (world, hand) => {
  const { workerToken } = await swarmOf(world, 1);
  for (const n of [2, 3]) await must(world.node(n).join(world.node(1).address, workerToken));
  await hand.serve(1);
  const { nodeId } = await must(world.node(2).engine());
  assert.equal((await must(world.node(2).contents(false)))["tasks"], 1);
  assert.equal((await must(world.node(2).leave(false, true))).kind, "holds");
  await must(change(world, 1, nodeId, { availability: "drain" }));
  await eventually(async () => assert.deepEqual(await must(world.node(2).contents(false)), {}));
  await eventually(async () =>
    assert.deepEqual(await must(world.node(3).contents(false)), { tasks: 2 })
  );
  assert.deepEqual(await must(world.node(2).leave(false, true)), { kind: "left" });
});

handRule(
  "a worker stops its own tasks, gets them back unless it leaves, and may leave with them",
  async (world, hand) => {
    const { workerToken } = await swarmOf(world, 1);
    await must(world.node(2).join(world.node(1).address, workerToken));
    await hand.serve(1);
    await must(world.node(2).stop(10_000));
    await eventually(async () =>
      assert.deepEqual(await must(world.node(2).contents(false)), { tasks: 1 })
    );
    await must(world.node(2).leave(false));
    await eventually(async () => assert.deepEqual(await must(world.node(2).contents(false)), {}));
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

/** A swarm of the managers 1 to `count`, all of which vote, and the ids of their nodes. */
async function managersOf(world: EngineWorld, count: 3 | 4): Promise<Ids> {
  const { managerToken } = await swarmOf(world, 1);
  for (let n = 2; n <= count; n++) {
    await must(world.node(n).join(world.node(1).address, managerToken));
  }
  const all = Array.from({ length: count }, (_, i) => i + 1);
  await eventually(async () => {
    for (const n of all) {
      const reached = votersOf(await listOf(world, n)).filter(({ voter }) => voter?.reachable);
      assert.equal(reached.length, count);
    }
  });
  const ids: Ids = ["", "", "", ""];
  for (const n of all) ids[n - 1] = (await must(world.node(n).engine())).nodeId;
  return ids;
}

type Ids = [one: string, two: string, three: string, four: string];

/** All nodes, as manager `n` lists them. */
async function listOf(world: EngineWorld, n: number): Promise<SwarmNode[]> {
  return viewOf(await must(world.node(n).engine())).nodes;
}

function votersOf(nodes: SwarmNode[]): SwarmNode[] {
  return nodes.filter(({ voter }) => voter !== null);
}

/** A node, as manager `by` lists it. */
async function see(world: EngineWorld, by: number, nodeId: string): Promise<SwarmNode> {
  const node = (await listOf(world, by)).find((one) => one.nodeId === nodeId);
  assert.ok(node !== undefined, `${nodeId} is listed`);
  return node;
}

async function change(
  world: EngineWorld,
  by: number,
  nodeId: string,
  what: NodeChange,
): Promise<Answer<null>> {
  return await world.node(by).update(nodeId, (await see(world, by, nodeId)).version, what);
}

/** Waits until it has no vote and is listed as a worker. */
async function isWorker(world: EngineWorld, by: number, nodeId: string): Promise<void> {
  await eventually(async () => {
    const { desired, observed, voter } = await see(world, by, nodeId);
    assert.deepEqual([desired, observed, voter], ["worker", "worker", null]);
  });
}

/** Waits until a node's own Engine holds a worker's certificate, and is well. */
async function knowsThatItIsWorker(world: EngineWorld, n: number): Promise<void> {
  await eventually(async () => {
    const { state, manager, swarm } = await must(world.node(n).engine());
    assert.deepEqual([state, manager, swarm], ["active", false, null]);
  });
}

async function dies(world: EngineWorld, n: number, nodeId: string): Promise<void> {
  await world.stop(n);
  await isLost(world, nodeId);
}

/** Waits until its swarm has noticed that it is down. */
async function isLost(world: EngineWorld, nodeId: string): Promise<void> {
  await eventually(async () => {
    const { state, voter } = await see(world, 1, nodeId);
    assert.deepEqual([state, voter?.reachable], ["down", false]);
  });
}

/** The leader: its node's id, and which node of the world it is. */
async function leaderOf(world: EngineWorld, by: number): Promise<{ n: number; nodeId: string }> {
  const leader = (await listOf(world, by)).find(({ voter }) => voter?.leader);
  assert.ok(leader?.voter, "somebody leads");
  const n = [1, 2, 3, 4].find((one) => world.node(one).address === leader.voter?.address);
  return { n: n ?? 0, nodeId: leader.nodeId };
}

/** Real swarms take a while to notice. */
async function eventually(test: () => Promise<void>): Promise<void> {
  const endMs = performance.now() + NOTICED_MS;
  for (let pauseMs = 10;; pauseMs = Math.min(2 * pauseMs, 500)) {
    try {
      return await test();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
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
