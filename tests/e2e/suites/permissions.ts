/** Without each single permission in turn: exit 4, the permission's name, and nothing changed. */
import assert from "node:assert/strict";
import { inTime } from "../../support/in_time.ts";
import { actionsOf, policiesOf, without } from "../policies.ts";
import type { Node } from "../node.ts";
import type { Run } from "../runs.ts";
import { allDone, AMPLE, type Case, ended, form } from "../suite.ts";
import { leave } from "./leaving.ts";
import type { Store, Vpc } from "../vpc.ts";

export const permissions: Case[] = [
  {
    name: "without one permission of a manager: exit 4 names it, and with it all is well",
    managers: 2,
    workers: 0,
    run: (vpc) => eachAction(vpc, "manager"),
  },
  {
    name: "without one permission of a worker: exit 4 names it, and with it all is well",
    managers: 1,
    workers: 1,
    run: (vpc) => eachAction(vpc, "worker"),
  },
];

/**
 * The actions that only some runs need, and what a run without them may end as. `s3:ListBucket` tells
 * an absent object from a forbidden one.
 */
const SOMETIMES: readonly string[] = [
  "ec2:DeleteTags",
  "ec2:DeleteLaunchTemplateVersions",
  "s3:ListBucket",
  "s3:DeleteObject",
];

/** Those that only a worker's leave needs, which does without them: a word is a courtesy. */
const FOR_A_LEAVE: Record<Store, readonly string[]> = {
  tags: ["ec2:CreateTags", "ec2:DeleteTags"],
  s3: ["s3:PutObject", "s3:DeleteObject"],
};

async function eachAction(vpc: Vpc, role: "manager" | "worker"): Promise<void> {
  const policies = await policiesOf(vpc.store, role);
  // What Auto Scaling is told, nobody needs to be a member: `hooks.ts` goes without.
  const actions = actionsOf(policies).filter((action) => !action.startsWith("autoscaling:"));
  assert.ok(actions.length > 0);
  for (const action of actions) {
    await vpc.reset(vpc.store, role === "manager" ? 2 : 1, role === "manager" ? 0 : 1);
    await denyOne(vpc, role, vpc.store, action);
  }
}

async function denyOne(vpc: Vpc, role: string, store: Store, action: string): Promise<void> {
  const [m1, other] = vpc.all;
  assert.ok(m1 && other);
  // A founder needs some of them, a joiner others; what the founder does not need, a joiner is asked.
  const policies = await policiesOf(store, role === "manager" ? "manager" : "worker");
  await other.permit(without(policies, action));
  if (role === "manager") {
    const alone = await runWithout(other, action);
    if (alone.code !== 0) {
      ended(alone, 4, new RegExp(action));
      // What was begun is taken up where it was left.
      await other.permit(policies);
      await form(vpc, vpc.all);
      return;
    }
    await vpc.reset(store, 2, 0);
    const [first, second] = vpc.all;
    assert.ok(first && second);
    await form(vpc, [first]);
    await second.permit(without(policies, action));
    await joinWithout(vpc, second.name, action);
    return;
  }
  await form(vpc, [m1]);
  await joinWithout(vpc, other.name, action);
  if (FOR_A_LEAVE[store].includes(action)) await leaveWithout(vpc, other, action);
}

/** It leaves all the same, and its log names what it may not. */
async function leaveWithout(vpc: Vpc, node: Node, action: string): Promise<void> {
  const run = await leave(node);
  assert.deepEqual(allDone([run]), ["left"]);
  assert.match(run.stderr, new RegExp(`announce denied: .*allow ${action}`));
  // It is seen beforehand, too. S3 can't be asked, and moto does not say no as EC2 does.
  await node.permit(await policiesOf(vpc.store, "worker"));
  allDone([await node.run(["--json", ...AMPLE])]);
  await node.permit(without(await policiesOf(vpc.store, "worker"), action));
  const { permissions } = (await node.plan([], { verb: "leave" })).json;
  const asked = permissions.find((one: { action: string }) => one.action === action);
  assert.ok(asked && asked.verdict !== "allowed", JSON.stringify(permissions));
}

function runWithout(node: Node, action: string): Promise<Run> {
  return inTime(
    5,
    (timeout) => node.run(["--json", ...timeout]),
    ({ code, stdout, stderr }) =>
      code === 0 || (code === 4 && `${stdout}${stderr}`.includes(action)),
  );
}

async function joinWithout(vpc: Vpc, name: string, action: string): Promise<void> {
  const node = vpc.node(name);
  const before = (await node.engine.info()).Swarm.LocalNodeState;
  assert.equal(before, "inactive");
  const run = await runWithout(node, action);
  if (run.code === 0) {
    const isKnown = SOMETIMES.includes(action) || FOR_A_LEAVE[vpc.store].includes(action);
    assert.ok(isKnown, `nothing needs ${action}`);
    return;
  }
  ended(run, 4, new RegExp(action));
  await node.permit(await policiesOf(vpc.store, name.startsWith("m") ? "manager" : "worker"));
  await form(vpc, [node, ...vpc.all.filter((other) => other !== node)]);
}
