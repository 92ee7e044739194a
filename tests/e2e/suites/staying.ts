/** Machines that are away for a while, or that nobody can tell of: nobody touches their nodes. */
import assert from "node:assert/strict";
import type { SwarmNode } from "../engine.ts";
import { pause, until } from "../machine.ts";
import { entryOf, leaderOf, listed, managersOf } from "../membership.ts";
import type { Node } from "../node.ts";
import { allDone, type Case, form, plans, together } from "../suite.ts";
import type { Vpc } from "../vpc.ts";

/** How long a manager is cut off. */
const CUT_S = Number(Deno.env.get("E2E_CUT_S") ?? 300);

export const staying: Case[] = [
  {
    name: "a reboot, a stop and start, a run of the unit: the same node, and never drained",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      for (const node of [await leaderOf([m1, m2, m3]), w1]) {
        const rest: Node[] = [m1, m2, m3].filter((other) => other !== node);
        const before = await specs([m1, m2, m3]);
        // A reboot.
        await node.engine.lose();
        await node.engine.start();
        assert.deepEqual(allDone(await together(vpc.all)), Array(4).fill("unchanged"));
        // A stop, for as long as it takes the others to see that it is down, and to run.
        await node.stop();
        await isSeen(node, rest, "down");
        assert.deepEqual(allDone(await together(rest)), rest.map(() => "unchanged"));
        await node.boot();
        assert.deepEqual(allDone(await together(vpc.all)), Array(4).fill("unchanged"));
        await vpc.oneSwarm();
        assert.deepEqual(await specs([m1, m2, m3]), before, node.name);
      }
    },
  },
  {
    name: `a manager that is cut off for ${CUT_S} s, then has no Engine: nobody touches it`,
    managers: 3,
    workers: 1,
    stores: ["tags"],
    fleets: ["newest"],
    run: (vpc) => outOfReach(vpc, CUT_S),
  },
  {
    name: "a manager that is cut off, then has no Engine: nobody touches it",
    managers: 3,
    workers: 1,
    stores: ["s3"],
    fleets: ["oldest"],
    run: (vpc) => outOfReach(vpc, 45),
  },
  {
    name: "after a change of leader, while nodes are unknown: nobody touches them",
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      await form(vpc);
      const managers = managersOf(vpc);
      const before = await specs(managers);
      const leader = await leaderOf(managers);
      const rest = managers.filter((node) => node !== leader);
      await leader.engine.kill();
      const seen = new Set<string>();
      const watch = watching(rest, seen);
      // The first run waits for the next leader; those after it see its nodes before it has heard of them.
      for (let run = 0; run < 4; run++) {
        assert.deepEqual(allDone(await together(rest)), rest.map(() => "unchanged"));
      }
      await watch();
      assert.ok(seen.has("unknown"), `the nodes were ${[...seen].join(", ")}`);
      await leader.engine.start();
      await vpc.oneSwarm();
      assert.deepEqual(allDone(await together(vpc.all)), vpc.all.map(() => "unchanged"));
      assert.deepEqual(await specs(managers), before);
    },
  },
];

/** Cut off for so long, and then with an Engine that does not run; the others run again and again meanwhile. */
async function outOfReach(vpc: Vpc, seconds: number): Promise<void> {
  await form(vpc);
  const managers = managersOf(vpc);
  const [lost, ...rest] = managers;
  assert.ok(lost);
  const before = await specs(managers);
  await lost.blackhole(true);
  const endMs = Date.now() + seconds * 1_000;
  await isSeen(lost, rest, "down");
  await plans(vpc, lost, "wait");
  do {
    assert.deepEqual(allDone(await together(rest)), rest.map(() => "unchanged"));
    await pause(Math.max(0, Math.min(20_000, endMs - Date.now())));
  } while (Date.now() < endMs);
  assert.deepEqual(await specs(rest), before);
  await lost.blackhole(false);
  await vpc.oneSwarm();
  await lost.engine.stop();
  await isSeen(lost, rest, "down");
  assert.deepEqual(allDone(await together(rest)), rest.map(() => "unchanged"));
  await lost.engine.start();
  await vpc.oneSwarm();
  assert.deepEqual(allDone(await together(vpc.all)), vpc.all.map(() => "unchanged"));
  assert.deepEqual(await specs(managers), before);
}

/** Notes the states in which these managers see nodes, until the function that it gives is called. */
function watching(managers: Node[], seen: Set<string>): () => Promise<void> {
  let over = false;
  const watch = (async () => {
    while (!over) {
      for (const { engine } of managers) {
        const nodes = await engine.nodes().catch(() => []);
        for (const { Status } of nodes) seen.add(Status.State);
      }
      await pause(250);
    }
  })();
  return () => {
    over = true;
    return watch;
  };
}

/** The others list it in this state. */
async function isSeen(node: Node, by: Node[], state: string): Promise<void> {
  await until(`${node.name} ${state}`, 240_000, async () => {
    return (await entryOf(node, by)).Status.State === state;
  }, 250);
}

/** What each node is told to be, by id. */
async function specs(managers: Node[]): Promise<Record<string, SwarmNode["Spec"]>> {
  const nodes = await listed(managers);
  return Object.fromEntries(nodes.map(({ ID, Spec }) => [ID, Spec]).sort());
}
