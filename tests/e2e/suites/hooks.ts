/** Lifecycle hooks: moto keeps the contract that the emulated Auto Scaling keeps; who goes is held until it is out, and says so, once; whatever that meets, it leaves. */
import assert from "node:assert/strict";
import { type HooksRule, hooksRules, type HooksWorld } from "../../contracts/hooks.ts";
import { edgesOf } from "../edges.ts";
import { until } from "../machine.ts";
import type { Node } from "../node.ts";
import { policiesOf, without } from "../policies.ts";
import { allDone, type Case, form } from "../suite.ts";
import type { Vpc } from "../vpc.ts";
import { isOut, leave, leaves } from "./leaving.ts";

const GROUP = "swarm";

export const hooks: Case[] = [
  ...hooksRules.map(({ promise, test }: HooksRule): Case => ({
    name: `hooks: ${promise}`,
    managers: 1,
    workers: 0,
    run: (vpc) => test(() => realHooks(vpc)),
  })),
  {
    name: "who is held by Auto Scaling completes the hook when it is out, and once",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, w1] = [vpc.node("m1"), vpc.node("w1")];
      await inGroup(vpc, [m1, w1]);
      for (const node of [m1, w1]) {
        await held(vpc, node, "Terminating:Wait");
        const said = await vpc.aws.rule({
          node: node.name,
          action: "CompleteLifecycleAction",
          effect: { kind: "hold" },
        });
        const leaving = leaves(node);
        await said.reached();
        await isOut(vpc, node);
        await said.release(true);
        await leaving;
        assert.equal(await stateOf(vpc, node), "Terminating:Proceed");
        assert.deepEqual(allDone([await leave(node)]), ["unchanged"]);
        assert.equal((await completions(vpc, node)).length, 1);
      }
    },
  },
  {
    name: "who is out before its hook holds it waits for that",
    managers: 1,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const w1 = vpc.node("w1");
      await inGroup(vpc, [w1]);
      await held(vpc, w1, "Terminating");
      const leaving = leaves(w1);
      await until("a second look at its hooks", 120_000, async () => {
        const looks = await callsOf(vpc, w1, "DescribeLifecycleHooks");
        return looks.length > 1;
      }, 100);
      await isOut(vpc, w1);
      assert.deepEqual(await completions(vpc, w1), []);
      await held(vpc, w1, "Terminating:Wait");
      await leaving;
      assert.equal(await stateOf(vpc, w1), "Terminating:Proceed");
      assert.equal((await completions(vpc, w1)).length, 1);
    },
  },
  ...["DescribeAutoScalingInstances", "DescribeLifecycleHooks", "CompleteLifecycleAction"].map(
    (action): Case => ({
      name: `without autoscaling:${action} it leaves, and says what is missing`,
      managers: 1,
      workers: 1,
      async run(vpc): Promise<void> {
        await form(vpc);
        const w1 = vpc.node("w1");
        await inGroup(vpc, [w1]);
        await held(vpc, w1, "Terminating:Wait");
        await w1.permit(without(await policiesOf(vpc.store, "worker"), `autoscaling:${action}`));
        const run = await leave(w1);
        assert.deepEqual(allDone([run]), ["left"]);
        assert.match(
          run.json.warnings.join(),
          new RegExp(`not told: .*allow autoscaling:${action}`),
        );
        await isOut(vpc, w1);
        assert.equal(await stateOf(vpc, w1), "Terminating:Wait");
        // With it the next run goes on.
        await w1.permit(await policiesOf(vpc.store, "worker"));
        assert.deepEqual(allDone([await leave(w1)]), ["unchanged"]);
        assert.equal(await stateOf(vpc, w1), "Terminating:Proceed");
      },
    }),
  ),
];

async function realHooks(vpc: Vpc): Promise<HooksWorld> {
  const { aws } = vpc;
  const m1 = vpc.node("m1");
  const { instance } = m1;
  return {
    api: await edgesOf(vpc, m1.metadata, "default").autoScaling(),
    instance,
    group: (name, hooks) =>
      aws.ask("group", {
        name,
        hooks: Object.fromEntries(hooks.map(({ name, transition }) => [name, transition])),
      }),
    async put(group, to): Promise<void> {
      if (await stateOf(vpc, m1) === null) await aws.ask("attach", { group, instance });
      await aws.ask("move", { instance, to });
    },
    async loseAnswer(): Promise<void> {
      const effect = { kind: "reset" } as const;
      await aws.rule({ action: "CompleteLifecycleAction", phase: "after", effect, times: 1 });
    },
    close: () => Promise.resolve(),
  };
}

/** A group whose hooks hold what is launched and what goes. */
export async function inGroup(vpc: Vpc, nodes: Node[]): Promise<void> {
  await vpc.aws.ask("group", { name: GROUP, hooks: { launch: "launching", leave: "terminating" } });
  for (const { instance } of nodes) await vpc.aws.ask("attach", { group: GROUP, instance });
}

/** Auto Scaling takes this machine out of service. */
export async function held(vpc: Vpc, node: Node, to: string): Promise<void> {
  node.tellToGo("auto-scaling");
  await vpc.aws.ask("move", { instance: node.instance, to });
}

export function stateOf(vpc: Vpc, { instance }: Node): Promise<string | null> {
  return vpc.aws.ask("scaling", { instance });
}

async function callsOf(vpc: Vpc, { name }: Node, action: string): Promise<unknown[]> {
  return (await vpc.aws.calls()).filter((call) => call.node === name && call.action === action);
}

export function completions(vpc: Vpc, node: Node): Promise<unknown[]> {
  return callsOf(vpc, node, "CompleteLifecycleAction");
}
