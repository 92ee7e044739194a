/** A lost quorum: who is left of a swarm gets it back with all that is in it, or is told by name why not. */
import assert from "node:assert/strict";
import { until } from "../machine.ts";
import { consistsOf, listed } from "../membership.ts";
import type { Node } from "../node.ts";
import type { Run } from "../runs.ts";
import { allDone, AMPLE, type Case, ended, form, lastLines, recordIn, together } from "../suite.ts";
import { serveTasks, tasksRun } from "../tasks.ts";
import type { Vpc } from "../vpc.ts";

const REPLICAS = 4;

export const recovering: Case[] = [
  {
    name: "two of three managers are terminated: the last one recovers, and new ones join",
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3, w1, w2] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1 && w2);
      const workers = [w1, w2];
      await serveTasks(m1, workers, REPLICAS, ["node.role==worker"]);
      const before = await identityOf(m1, workers);
      for (const node of [m2, m3]) await vpc.retire(node);
      const status = await hasLost(m1);
      assert.match(status.stdout, /swarm-join recover/);

      const plan = await writesNothing(vpc, () => recover(m1, []));
      ended(plan, 0);
      assert.deepEqual([plan.json.result, plan.json.decision.rule], [
        "planned",
        "confirm-recovery",
      ]);

      const done = await recover(m1, ["--yes"]);
      assert.deepEqual(allDone([done]), ["recovered"]);
      assert.match(done.json.warnings.join(), /what it was before is in \/var\/lib\/swarm-join\//);
      await consistsOf([m1], workers);
      assert.deepEqual(recordIn(await vpc.aws.dump()).members.length, 1);
      assert.deepEqual(await identityOf(m1, workers), before);
      // A worker that is slow to hear of the new leader may be taken for down, and its tasks run elsewhere.
      await tasksRun(vpc.all, REPLICAS);

      const fresh = [await vpc.launch("m4", "manager"), await vpc.launch("m5", "manager")];
      assert.deepEqual(allDone(await together(fresh)), ["joined", "joined"]);
      await consistsOf([m1, ...fresh], workers);
      await vpc.oneSwarm();
      assert.deepEqual(await identityOf(m1, workers), before);
      assert.deepEqual([...new Set(allDone(await together(vpc.all)))], ["unchanged"]);
      assert.deepEqual(allDone([await recover(m1, ["--yes"])]), ["unchanged"]);
      await tasksRun(vpc.all, REPLICAS);
    },
  },
  {
    name: "of two lost managers one is merely stopped: refused by name, and it comes back",
    managers: 3,
    workers: 0,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3] = vpc.all;
      assert.ok(m1 && m2 && m3);
      await vpc.retire(m2);
      await m3.stop();
      await hasLost(m1);
      for (const args of [[], ["--yes"]]) {
        const run = await writesNothing(vpc, () => recover(m1, args));
        ended(run, 5, new RegExp(`members-living.*${m3.instance} \\([\\d.]+, stopped\\)`));
      }
      await m3.boot();
      await until("a quorum", 240_000, async () => (await listed([m1])).length === 3, 250);
      assert.deepEqual(allDone([await recover(m1, ["--yes"])]), ["unchanged"]);
      allDone(await together([m1]));
      await consistsOf([m1, m3], []);
    },
  },
  {
    name: "the last one recovers while others are about to join, and its Engine was restarted",
    managers: 2,
    workers: 0,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      const before = await m1.engine.fingerprint();
      await vpc.retire(m2);
      await m1.engine.kill();
      await m1.engine.start();
      const fresh = [await vpc.launch("m3", "manager"), await vpc.launch("m4", "manager")];
      const joining = together(fresh);
      await until("both in the record, on their way in", 120_000, async () => {
        const { members } = recordIn(await vpc.aws.dump());
        const listed = members.map((one: { instance: string }) => one.instance);
        return fresh.every(({ instance }) => listed.includes(instance));
      }, 50);
      const done = await recover(m1, ["--yes"]);
      assert.deepEqual(allDone([done]), ["recovered"]);
      assert.deepEqual(allDone(await joining), ["joined", "joined"]);
      await consistsOf([m1, ...fresh], []);
      await vpc.oneSwarm();
      assert.equal(await m1.engine.fingerprint(), before);
    },
  },
];

function recover(node: Node, args: string[]): Promise<Run> {
  return node.run(["--json", ...AMPLE, ...args], { verb: "recover" });
}

/** Waits until its Engine says that there is no leader. An Engine without one is slow to say so, a leader without followers too. */
async function hasLost(node: Node): Promise<Run> {
  await until("a manager that leads nobody any more", 300_000, async () => {
    const { json } = await recover(node, []);
    return ["confirm-recovery", "members-living"].includes(json?.decision?.rule);
  }, 1_000);
  return await until("a lost quorum", 300_000, async () => {
    const run = await node.run(["--json", "--timeout", "120s"], { verb: "status" });
    if (run.json?.verdict !== "lost") return null;
    ended(run, 5);
    return run;
  }, 1_000);
}

/** Neither AWS nor the swarm is told anything. */
async function writesNothing(vpc: Vpc, act: () => Promise<Run>): Promise<Run> {
  const before = await vpc.aws.dump();
  const calls = (await vpc.aws.calls()).length;
  const run = await act();
  assert.deepEqual(await vpc.aws.dump(), before, lastLines(run.stderr));
  const writes = (await vpc.aws.calls()).slice(calls).filter(({ read }) => !read);
  assert.deepEqual(writes, [], lastLines(run.stderr));
  return run;
}

/** What makes a swarm the one that it is: its names, its services, and its workers' nodes. */
async function identityOf(manager: Node, workers: Node[]): Promise<unknown> {
  const swarm = await manager.engine.call<{ ID: string; JoinTokens: unknown }>("GET", "/swarm");
  const services = await manager.engine.call<{ ID: string }[]>("GET", "/services");
  return {
    id: swarm.ID,
    tokens: swarm.JoinTokens,
    fingerprint: await manager.engine.fingerprint(),
    services: services.map(({ ID }) => ID),
    nodes: await Promise.all([manager, ...workers].map(async ({ engine }) => {
      return (await engine.info()).Swarm.NodeID;
    })),
  };
}
