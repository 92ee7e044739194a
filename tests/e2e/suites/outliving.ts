/** A swarm whose machines are replaced, one after the other, by new ones that only run `join` at their boot. */
import assert from "node:assert/strict";
import { consistsOf, managersOf } from "../membership.ts";
import { allDone, type Case, form, together } from "../suite.ts";
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
];
