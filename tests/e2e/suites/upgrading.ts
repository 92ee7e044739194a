/** Engines of several versions in one swarm, and a living swarm that goes from one to the next. */
import assert from "node:assert/strict";
import { until } from "../machine.ts";
import type { Node } from "../node.ts";
import { fleetOf, type Program, programs } from "../programs.ts";
import { allDone, type Case, changesNothing, form, recordIn, together } from "../suite.ts";
import { containers, demote, serve } from "./living.ts";

export const upgrading: Case[] = [
  {
    name: "managers and workers with Engines of all versions start at the same moment",
    managers: 5,
    workers: 3,
    fleets: ["mixed"],
    times: 2,
    async run(vpc): Promise<void> {
      const results = await form(vpc);
      assert.equal(results.filter((result) => result === "initialized").length, 1);
      assert.equal((await versionsOf(vpc.all)).size, vpc.engines.length);
      const again = await changesNothing(vpc, () => together(vpc.all));
      assert.deepEqual([...new Set(allDone(again))], ["unchanged"]);
    },
  },
  {
    name: "a living swarm is upgraded Engine by Engine: nothing changes, and its tasks come back",
    managers: 3,
    workers: 2,
    stores: ["tags"],
    fleets: ["mixed"],
    async run(vpc): Promise<void> {
      const [m1, , , w1] = vpc.all;
      assert.ok(m1 && w1);
      const { oldest, newest } = await bounds();
      for (const node of vpc.all) await replaceEngine(node, oldest);
      await form(vpc);
      const before = await m1.engine.fingerprint();
      await serve(m1, [w1], `node.hostname==${w1.hostname}`);
      for (const node of vpc.all) {
        await upgrade(node, newest);
        await vpc.oneSwarm();
        const runs = await changesNothing(vpc, () => together([node]));
        assert.deepEqual(allDone(runs), ["unchanged"], node.name);
      }
      assert.deepEqual(await versionsOf(vpc.all), new Set([newest.version]));
      assert.equal(await m1.engine.fingerprint(), before);
      await until("its task", 120_000, async () => (await containers(w1)).length === 1, 250);
    },
  },
  {
    name: "a living swarm's managers are replaced one by one by instances with a newer Engine",
    managers: 3,
    workers: 1,
    stores: ["s3"],
    fleets: ["mixed"],
    async run(vpc): Promise<void> {
      const { oldest, newest } = await bounds();
      for (const node of vpc.all) await replaceEngine(node, oldest);
      await form(vpc);
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      const before = await w1.engine.fingerprint();
      let living = [m1, m2, m3];
      for (const [i, old] of [m1, m2, m3].entries()) {
        const fresh = await vpc.launch(`n${i + 1}`, "manager");
        await replaceEngine(fresh, newest);
        assert.deepEqual(allDone(await together([fresh])), ["joined"]);
        await demote(fresh, old);
        await old.terminate();
        living = [...living.filter((node) => node !== old), fresh];
        await vpc.oneSwarm([...living, w1]);
      }
      assert.deepEqual(await versionsOf(living), new Set([newest.version]));
      allDone(await together([...living, w1]));
      const again = allDone(await changesNothing(vpc, () => together([...living, w1])));
      assert.deepEqual([...new Set(again)], ["unchanged"]);
      assert.equal(await w1.engine.fingerprint(), before);
      const { members } = recordIn(await vpc.aws.dump());
      const ids = members.map(({ instance }: { instance: string }) => instance);
      assert.ok(living.every(({ instance }) => ids.includes(instance)));
    },
  },
];

async function bounds(): Promise<{ oldest: Program; newest: Program }> {
  const all = await programs();
  const [[oldest], [newest]] = [fleetOf(all, "oldest"), fleetOf(all, "newest")];
  assert.ok(oldest && newest);
  return { oldest, newest };
}

/** As a package is upgraded: the daemon stops, and another one starts on what it left. */
async function upgrade(node: Node, { path }: Program): Promise<void> {
  await node.engine.stop();
  node.engine.program = path;
  await node.engine.start();
}

/** Another daemon on an empty disk. */
async function replaceEngine(node: Node, { path }: Program): Promise<void> {
  if (node.engine.program === path) return;
  await node.engine.wipe();
  node.engine.program = path;
  await node.engine.start();
}

async function versionsOf(nodes: Node[]): Promise<Set<string>> {
  const infos = await Promise.all(nodes.map(({ engine }) => engine.info()));
  return new Set(infos.map(({ ServerVersion }) => ServerVersion));
}
