/** A swarm whose machines are replaced, one after the other, by new ones that only run `join` at their boot. */
import assert from "node:assert/strict";
import { until } from "../machine.ts";
import { consistsOf, entryOf, listed, managersOf } from "../membership.ts";
import { allDone, AMPLE, type Case, form, lastLines, together } from "../suite.ts";
import { demote } from "./living.ts";
import { serveTasks, tasksRun } from "../tasks.ts";

/** How often each manager is replaced. */
const ROUNDS = Number(Deno.env.get("E2E_ROUNDS") ?? 3);
const REPLICAS = 4;

export const outliving: Case[] = [
  {
    name:
      `three managers with a service are replaced in turn, without a word, ${ROUNDS} times around`,
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      await form(vpc);
      const before = await vpc.node("m1").engine.fingerprint();
      await serveTasks(vpc.node("m1"), vpc.all, REPLICAS);
      let [oldest, number] = [1, 3];
      for (let turn = 0; turn < ROUNDS * 3; turn++) {
        const old = vpc.node(`m${oldest++}`);
        const { address } = old;
        await old.terminate();
        // Every other one gets the very address of the one before.
        await vpc.retire(old);
        const at = turn % 2 === 1 ? { address } : {};
        const fresh = await vpc.launch(`m${++number}`, "manager", at);
        const [run] = await together([fresh]);
        assert.ok(run);
        assert.deepEqual(allDone([run]), ["joined"]);
        await consistsOf(managersOf(vpc), vpc.some("w1", "w2"));
      }
      await vpc.oneSwarm();
      assert.equal(await managersOf(vpc)[0]?.engine.fingerprint(), before);
      await tasksRun(vpc.all, REPLICAS);
      assert.deepEqual([...new Set(allDone(await together(vpc.all)))], ["unchanged"]);
    },
  },
  {
    name: "a manager whose Engine was wiped comes back: three voters, not four",
    managers: 3,
    workers: 0,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1] = vpc.all;
      assert.ok(m1);
      await m1.wipe();
      assert.deepEqual(allDone(await together([m1])), ["joined"]);
      await consistsOf(vpc.all, []);
      assert.deepEqual([...new Set(allDone(await together(vpc.all)))], ["unchanged"]);
    },
  },
  ...["the very address", "another address"].map((where): Case => ({
    name: `a manager that died before it had a label, and a new one at ${where}: it is reaped`,
    managers: 3,
    workers: 0,
    async run(vpc): Promise<void> {
      const [m1, m2, m3] = vpc.all;
      assert.ok(m1 && m2 && m3);
      await form(vpc, [m1, m2]);
      const dead = await m3.run(["--json", ...AMPLE], { killWhen: hasJoined });
      assert.ok(dead.killed, lastLines(dead.stderr));
      const { address } = m3;
      const { Spec } = await entryOf(m3, [m1, m2]);
      assert.deepEqual(Spec.Labels, {}, "it has a label already");
      await m3.terminate();
      await vpc.retire(m3);
      const m4 = await vpc.launch("m4", "manager", where === "the very address" ? { address } : {});
      assert.deepEqual(allDone(await together([m4])), ["joined"]);
      await consistsOf([m1, m2, m4], []);
    },
  })),
  {
    name: "a dead worker is removed by the next run of a manager, and its address is another's",
    managers: 1,
    workers: 2,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, w1, w2] = vpc.all;
      assert.ok(m1 && w1 && w2);
      // A worker has its label of a manager's run.
      allDone(await together([m1]));
      const { Spec } = await entryOf(w1, [m1]);
      assert.equal(Spec.Labels["swarm-join.instance"], w1.instance);
      const { address } = w1;
      await vpc.retire(w1);
      const w3 = await vpc.launch("w3", "worker", { address });
      assert.deepEqual(allDone(await together([w3])), ["joined"]);
      await until("the dead one down", 120_000, async () => {
        const nodes = await listed([m1]);
        return nodes.some(({ Status }) => Status.State === "down");
      }, 250);
      allDone(await together([m1]));
      await consistsOf([m1], [w2, w3]);
      const { Spec: fresh } = await entryOf(w3, [m1]);
      assert.equal(fresh.Labels["swarm-join.instance"], w3.instance);
    },
  },
  {
    name: "a manager that was demoted by hand does not keep a dead swarm from being replaced",
    managers: 2,
    workers: 0,
    stores: ["tags"],
    fleets: ["newest"],
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await form(vpc);
      const before = await m1.engine.fingerprint();
      await demote(m1, m2);
      await until("a worker's certificate", 120_000, async () => {
        return (await m2.engine.membership())?.manager === false;
      }, 250);
      await vpc.retire(m1);
      const m3 = await vpc.launch("m3", "manager");
      allDone(await together([m2, m3]));
      const { fingerprints } = await vpc.oneSwarm([m2, m3]);
      assert.notEqual(fingerprints[0], before);
      await consistsOf([m2, m3], []);
    },
  },
];

/** Its Engine has taken it in, and nothing was done since. */
function hasJoined(log: string): boolean {
  return /^\S+ +join ok /m.test(log);
}
