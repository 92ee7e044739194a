/** Engines that are in no swarm though they say so, and Engines that are in one though they say not. */
import assert from "node:assert/strict";
import { until } from "../machine.ts";
import type { Node } from "../node.ts";
import { policiesOf } from "../policies.ts";
import {
  allDone,
  AMPLE,
  type Case,
  changesNothing,
  ended,
  form,
  recordIn,
  together,
} from "../suite.ts";
import { containers, promoteRoughly, removeNode, serve } from "./living.ts";

export const removed: Case[] = [
  {
    name: "a worker that its swarm has removed starts again: it leaves by itself, and joins anew",
    managers: 1,
    workers: 2,
    async run(vpc): Promise<void> {
      const [m1, w1] = vpc.all;
      assert.ok(m1 && w1);
      await form(vpc);
      const before = (await w1.engine.info()).Swarm.NodeID;
      await removeNode(m1, w1);
      await restart(w1);
      assert.deepEqual(allDone(await together([w1])), ["joined"]);
      await vpc.oneSwarm();
      assert.notEqual((await w1.engine.info()).Swarm.NodeID, before);
    },
  },
  {
    name:
      "a worker that its swarm has removed, with a task of it: a person is needed, nothing is touched",
    managers: 1,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, w1] = vpc.all;
      assert.ok(m1 && w1);
      await form(vpc);
      const [task] = await serve(m1, [w1], `node.hostname==${w1.hostname}`);
      await removeNode(m1, w1);
      await restart(w1);
      // The Engine itself starts no task without its manager's word.
      await w1.engine.call("POST", `/containers/${task}/start`);
      const run = await changesNothing(vpc, () => w1.run(["--json", "--timeout", "300s"]));
      ended(run, 5, /1 task/);
      assert.equal((await containers(w1)).length, 1);
    },
  },
  {
    name: "a manager that nobody reaches back says which port; let in, it clears away what it left",
    managers: 2,
    workers: 0,
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await form(vpc, [m1]);
      await m2.open(false);
      ended(await m2.run(["--json", "--timeout", "15s"]), 3, /TCP 2377/);
      await until("its dead nodes", 120_000, async () => {
        const left = (await m1.engine.nodes()).filter(({ ManagerStatus }) => !ManagerStatus);
        return left.length > 0 && left.every(({ Status }) => Status.State === "down");
      }, 250);
      await m2.open(true);
      assert.deepEqual(allDone(await together([m2])), ["joined"]);
      await vpc.oneSwarm();
      assert.equal((await m1.engine.nodes()).length, 2);
    },
  },
  {
    name: "an Engine in error without a word is well: its swarm component has only restarted",
    managers: 1,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, w1] = vpc.all;
      assert.ok(m1 && w1);
      await form(vpc);
      await promoteRoughly(w1, m1);
      // What its tag says is what it may: a person who promotes for good changes both.
      await w1.permit(await policiesOf(vpc.store, "manager"));
      assert.equal((await w1.engine.info()).Swarm.LocalNodeState, "error");
      const run = await w1.run(["--json", ...AMPLE]);
      ended(run, 0);
      assert.equal(run.json?.role, "manager");
      const { members } = recordIn(await vpc.aws.dump());
      const ids = members.map(({ instance }: { instance: string }) => instance).sort();
      assert.deepEqual(ids, [m1.instance, w1.instance].sort());
    },
  },
];

async function restart({ engine }: Node): Promise<void> {
  await engine.kill();
  await engine.start();
}
