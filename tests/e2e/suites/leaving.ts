/** The verb `leave`: whoever goes is out, nothing is killed, and the swarm is the one that it was. */
import assert from "node:assert/strict";
import type { Dump } from "../aws.ts";
import { until } from "../machine.ts";
import { consistsOf, entryOf, leaderOf, listed, managersOf } from "../membership.ts";
import type { Node } from "../node.ts";
import type { Run, RunOptions } from "../runs.ts";
import {
  allDone,
  AMPLE,
  type Case,
  changesNothing,
  ended,
  form,
  lastLines,
  recordIn,
  together,
} from "../suite.ts";
import { serveTasks, tasksOf, tasksRun } from "../tasks.ts";
import type { Vpc } from "../vpc.ts";

const REPLICAS = 4;

export const leaving: Case[] = [
  {
    name: "managers leave: one, then the leader; the last one stays, and nothing is killed",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const before = await vpc.node("m1").engine.fingerprint();
      await serveTasks(vpc.node("m1"), vpc.all, REPLICAS);
      const leader = await leaderOf(managersOf(vpc));
      const [follower, last] = managersOf(vpc).filter((node) => node !== leader);
      assert.ok(follower && last);
      await leaves(follower);
      await isOut(vpc, follower);
      await cleared(vpc, [leader, last], [vpc.node("w1")]);
      await leaves(leader);
      await isOut(vpc, leader);
      const stays = await changesNothing(vpc, () => leave(last));
      ended(stays, 5, /last-manager/);
      await cleared(vpc, [last], [vpc.node("w1")]);
      assert.equal(await last.engine.fingerprint(), before);
      await tasksRun(vpc.all, REPLICAS);
      await noneKilled(vpc);
    },
  },
  {
    name: "two of three managers leave at the same moment: one waits for the other",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      const runs = await Promise.all([m1, m2].map((node) => leave(node)));
      assert.deepEqual(allDone(runs), ["left", "left"]);
      for (const node of [m1, m2]) await isOut(vpc, node);
      await cleared(vpc, [m3], [w1]);
    },
  },
  {
    name: "a manager's leave is killed at every step and begun again: it ends the same",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      const steps = await killedAtEachStep(m1);
      for (const step of ["drain", "mark", "demote", "leave", "withdraw"]) {
        assert.ok(steps.includes(step), `not killed at ${step}, but at ${steps.join(", ")}`);
      }
      await isOut(vpc, m1);
      await cleared(vpc, [m2, m3], [w1]);
    },
  },
  {
    name: "a worker with tasks leaves, and a manager's run drains it: they run elsewhere",
    managers: 1,
    workers: 2,
    async run(vpc): Promise<void> {
      const [m1, w1, w2] = await withTasks(vpc);
      const leaving = leave(w1);
      await until("its word", 60_000, () => hasSaid(vpc, w1), 250);
      allDone(await together([m1]));
      assert.deepEqual(allDone([await leaving]), ["left"]);
      await isOut(vpc, w1);
      await tasksRun([m1, w2], REPLICAS);
      await noneKilled(vpc);
      await cleared(vpc, [m1], [w2]);
    },
  },
  {
    name: "a worker with tasks leaves, and no manager runs: it stops them itself, in their time",
    managers: 1,
    workers: 2,
    async run(vpc): Promise<void> {
      const [m1, w1, w2] = await withTasks(vpc);
      const run = await w1.run(["--json", "--timeout", "60s"], { verb: "leave" });
      assert.deepEqual(allDone([run]), ["left"]);
      await isOut(vpc, w1);
      await tasksRun([m1, w2], REPLICAS);
      await noneKilled(vpc);
      // Nobody has noted that it left: its node is removed once its instance is gone.
      await w1.terminate();
      await cleared(vpc, [m1], [w2]);
    },
  },
  ...["mark answered", "demote answered"].map((moment): Case => ({
    name: `a manager is killed in its leave (${moment}) and terminated: others finish it`,
    managers: 3,
    workers: 0,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3] = vpc.all;
      assert.ok(m1 && m2 && m3);
      await killedAt(m1, moment);
      await m1.terminate();
      await cleared(vpc, [m2, m3], []);
      // Whoever writes next drops it.
      const m4 = await vpc.launch("m4", "manager");
      allDone(await together([m4]));
      await consistsOf([m2, m3, m4], []);
      assert.deepEqual(membersOf(await vpc.aws.dump()), instancesOf([m2, m3, m4]));
    },
  })),
  {
    name: "leaves that are called off: drain, demotion, mark and word are taken back",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      await Promise.all([killedAt(m1, "demote answered"), killedAt(w1, "announce answered")]);
      allDone(await together([m2]));
      assert.equal((await entryOf(w1, [m2])).Spec.Availability, "drain");
      allDone(await together([m1, w1]));
      allDone(await together([m2]));
      for (const node of vpc.all) {
        const { Spec } = await entryOf(node, [m2]);
        assert.equal(Spec.Availability, "active", node.name);
        assert.equal(Spec.Labels["swarm-join.left"], undefined, node.name);
      }
      await until("a vote again", 120_000, async () => {
        return (await entryOf(m1, [m2])).ManagerStatus?.Reachability === "reachable";
      }, 250);
      await cleared(vpc, [m1, m2, m3], [w1]);
      const { members } = recordIn(await vpc.aws.dump());
      assert.ok(members.every((member: { leaving?: boolean }) => member.leaving !== true));
    },
  },
  {
    name: "who is told to go leaves and does not join; who is not told stays",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      const asked = (node: Node): Promise<Run> => leave(node, ["--if-terminating"]);
      const stay = await changesNothing(vpc, () => Promise.all(vpc.all.map(asked)));
      assert.deepEqual(allDone(stay), vpc.all.map(() => "unchanged"));
      m1.tellToGo("auto-scaling");
      w1.tellToGo("spot");
      await m2.shutDown();
      for (const node of [m1, w1]) {
        const run = await changesNothing(vpc, () => node.run(["--json", ...AMPLE]));
        ended(run, 3, /going/);
      }
      const runs = await Promise.all([m1, m2, w1].map(asked));
      assert.deepEqual(allDone(runs), ["left", "left", "left"]);
      for (const node of [m1, m2, w1]) await isOut(vpc, node);
      for (const node of [m2, m1]) await node.terminate();
      await w1.terminate();
      await cleared(vpc, [m3], []);
    },
  },
];

/** One swarm with a service, of which some tasks run on the first worker. */
async function withTasks(vpc: Vpc): Promise<[Node, Node, Node]> {
  await form(vpc);
  const [m1, w1, w2] = vpc.all;
  assert.ok(m1 && w1 && w2);
  // A worker has its label of a manager's run.
  allDone(await together([m1]));
  await serveTasks(m1, vpc.all, REPLICAS);
  const id = (await w1.engine.info()).Swarm.NodeID;
  assert.ok((await tasksOf(vpc.all)).some(({ node }) => node === id), "no task runs on it");
  return [m1, w1, w2];
}

/**
 * A run of these managers leaves these nodes and no other: who has left is removed when it is down; with tags
 * once its instance is gone.
 */
async function cleared(vpc: Vpc, managers: Node[], workers: Node[]): Promise<void> {
  const rest = vpc.all.filter((node) => ![...managers, ...workers].includes(node));
  if (vpc.store === "tags") await Promise.all(rest.map((node) => node.terminate()));
  const all = [...managers, ...workers].length;
  await until("those that left down", 240_000, async () => {
    const nodes = await listed(managers);
    const down = nodes.filter(({ Status }) => Status.State === "down").length;
    return nodes.length - down === all && nodes.every(({ Status }) => Status.State !== "unknown");
  }, 250);
  allDone(await together(managers));
  await consistsOf(managers, workers);
}

/** Whether the worker has told the managers what it means to do. */
async function hasSaid(vpc: Vpc, node: Node): Promise<boolean> {
  const { objects } = await vpc.aws.dump();
  const isInStore = Object.keys(objects).some((key) => key.endsWith(`/leaving/${node.instance}`));
  return isInStore || "SwarmLeaving" in (await node.tags());
}

/** Its leave is killed there. */
async function killedAt(node: Node, step: string): Promise<void> {
  const run = await leave(node, [], { killWhen: (log) => stepIn(log) === step });
  assert.ok(run.killed, `exit ${run.code} before ${step}: ${lastLines(run.stderr)}`);
}

function membersOf(dump: Dump): string[] {
  return recordIn(dump).members.map(({ instance }: { instance: string }) => instance).sort();
}

function instancesOf(nodes: Node[]): string[] {
  return nodes.map(({ instance }) => instance).sort();
}

export function leave(node: Node, args: string[] = [], options: RunOptions = {}): Promise<Run> {
  return node.run(["--json", ...AMPLE, ...args], { ...options, verb: "leave" });
}

/** It leaves, and ends well. */
export async function leaves(node: Node): Promise<void> {
  assert.deepEqual(allDone([await leave(node)]), ["left"]);
}

/** Its Engine is in no swarm, the record does not list it, and it shows nothing. */
export async function isOut(vpc: Vpc, node: Node): Promise<void> {
  assert.equal((await node.engine.info()).Swarm.LocalNodeState, "inactive", node.name);
  const dump = await vpc.aws.dump();
  const { members } = recordIn(dump);
  assert.ok(!JSON.stringify(members).includes(node.instance), `${node.name} is in the record`);
  const own = Object.keys(await node.tags()).filter((key) => /Token|Swarm/.test(key));
  assert.deepEqual(own, [], `${node.name} has tags`);
  const words = Object.keys(dump.objects).filter((key) => key.includes(node.instance));
  assert.deepEqual(words, [], `${node.name} has objects`);
}

/** Of all tasks that ever ran, each runs, or had its time to end. */
export async function noneKilled(vpc: Vpc): Promise<void> {
  const killed = (await tasksOf(vpc.all)).filter(({ ending }) => ending === "killed");
  assert.deepEqual(killed, []);
}

/**
 * Leaves again and again: each run is killed at a step at which none was before, once as it is begun and once
 * as its answer has come, until one ends by itself. Gives the steps.
 */
async function killedAtEachStep(node: Node): Promise<string[]> {
  const seen = new Set<string>();
  for (;;) {
    const run = await leave(node, [], {
      killWhen: (log) => {
        const step = stepIn(log);
        const isNew = step !== null && !seen.has(step);
        if (isNew) seen.add(step);
        return isNew;
      },
    });
    if (!run.killed) {
      assert.equal(run.code, 0, lastLines(run.stderr));
      return [...seen].map((step) => step.split(" ")[0] ?? "");
    }
  }
}

/** The last act that a log tells of: `demote`, and `demote answered` once it was. */
function stepIn(log: string): string | null {
  const lines = log.split("\n").slice(0, -1);
  const acts = lines.map((line) => /^\S+\s+([a-z]+) \[/.exec(line)?.[1] ?? null);
  const at = acts.findLastIndex((act) => act !== null && act !== "wait" && act !== "done");
  if (at < 0) return null;
  const isAnswered = lines.slice(at + 1).some((line) => / ok tookMs=/.test(line));
  return `${acts[at]}${isAnswered ? " answered" : ""}`;
}
