/** The verb `leave`: whoever goes is out, nothing is killed, and the swarm is the one that it was. */
import assert from "node:assert/strict";
import { consistsOf, leaderOf, managersOf } from "../membership.ts";
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
      allDone(await together([last]));
      await consistsOf([leader, last], [vpc.node("w1")]);
      await leaves(leader);
      await isOut(vpc, leader);
      const stays = await changesNothing(vpc, () => leave(last));
      ended(stays, 5, /last-manager/);
      allDone(await together([last, vpc.node("w1")]));
      await consistsOf([last], [vpc.node("w1")]);
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
      allDone(await together([m3, w1]));
      await consistsOf([m3], [w1]);
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
      allDone(await together([m2, m3, w1]));
      await consistsOf([m2, m3], [w1]);
    },
  },
];

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
  const isAnswered = lines.slice(at + 1).some((line) => / tookMs=/.test(line));
  return `${acts[at]}${isAnswered ? " answered" : ""}`;
}
