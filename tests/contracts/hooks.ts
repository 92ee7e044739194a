/**
 * What Auto Scaling promises of lifecycle hooks, as one suite for all of them: a hook holds an instance in a
 * waiting state of its own transition, until it is told that it may go on, and takes no word before or after.
 *
 * A file that has an Auto Scaling to test calls `hooksContract` with a way to open one.
 */
import assert from "node:assert/strict";
import type { AutoScalingApi } from "../../src/aws/autoscaling.ts";
import type { Hook, LifecycleHook } from "../../src/shown.ts";
import type { Answer } from "../../src/state.ts";

const GROUP = "managers";
const HOOKS: LifecycleHook[] = [
  { name: "launch", transition: "launching", heartbeatMs: 300_000 },
  { name: "leave", transition: "terminating", heartbeatMs: 300_000 },
  { name: "log", transition: "terminating", heartbeatMs: 300_000 },
];

/** Machine 1 is in no group to begin with. */
export interface HooksWorld {
  api: AutoScalingApi;
  instance: string;
  group(name: string, hooks: LifecycleHook[]): void | Promise<void>;
  /** Into this state of its group, in which it is from then on. */
  put(group: string, state: string): void | Promise<void>;
  /** The next word is taken, and its answer is lost. */
  loseAnswer(): void | Promise<void>;
  close(): Promise<void>;
}

export type OpenHooks = () => HooksWorld | Promise<HooksWorld>;

export interface HooksRule {
  promise: string;
  test: (open: OpenHooks) => Promise<void>;
}

export function hooksContract(name: string, open: OpenHooks): void {
  for (const { promise, test } of hooksRules) {
    Deno.test({
      name: `hooks ${name}: ${promise}`,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => test(open),
    });
  }
}

export const hooksRules: HooksRule[] = [];

function rule(promise: string, test: (world: HooksWorld) => Promise<void>): void {
  hooksRules.push({
    promise,
    test: async (open) => {
      const world = await open();
      try {
        await test(world);
      } finally {
        await world.close();
      }
    },
  });
}

rule("who is in no group is told so, and who is in one its state and hooks", async (world) => {
  assert.equal(await seen(world), null);
  await world.group(GROUP, HOOKS);
  await world.put(GROUP, "InService");
  const { hooks, ...where } = await seen(world) ?? { hooks: [] };
  assert.deepEqual(where, { group: GROUP, state: "InService" });
  assert.deepEqual(hooks.toSorted((a, b) => a.name < b.name ? -1 : 1), HOOKS);
});

rule("all hooks of the transition hold it, and each goes by its own word", async (world) => {
  await world.group(GROUP, HOOKS);
  await world.put(GROUP, "Terminating:Wait");
  const { api, instance } = world;
  for (const name of ["leave", "log"]) {
    assert.equal((await seen(world))?.state, "Terminating:Wait");
    assert.deepEqual(await api.heartbeat(instance, GROUP, name), { ok: true, value: null });
    assert.deepEqual(await api.complete(instance, GROUP, name), { ok: true, value: null });
    await isDeclined(api.complete(instance, GROUP, name));
    await isDeclined(api.heartbeat(instance, GROUP, name));
  }
  assert.equal((await seen(world))?.state, "Terminating:Proceed");
});

rule("what comes too early, or of another transition, is declined", async (world) => {
  await world.group(GROUP, HOOKS);
  const { api, instance } = world;
  for (const state of ["Pending", "InService", "Terminating"]) {
    await world.put(GROUP, state);
    for (const { name } of HOOKS) await isDeclined(api.complete(instance, GROUP, name));
  }
  await world.put(GROUP, "Pending:Wait");
  await isDeclined(api.complete(instance, GROUP, "leave"));
  assert.deepEqual(await api.complete(instance, GROUP, "launch"), { ok: true, value: null });
  assert.equal((await seen(world))?.state, "Pending:Proceed");
});

rule("a word whose answer is lost was taken, as the next look shows", async (world) => {
  await world.group(GROUP, HOOKS);
  await world.put(GROUP, "Pending:Wait");
  await world.loseAnswer();
  const lost = await world.api.complete(world.instance, GROUP, "launch");
  assert.equal(lost.ok ? "done" : lost.fault.kind, "unreachable");
  assert.equal((await seen(world))?.state, "Pending:Proceed");
});

async function seen({ api, instance }: HooksWorld): Promise<Hook | null> {
  const answer = await api.hook(instance);
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value;
}

async function isDeclined(answering: Promise<Answer<null>>): Promise<void> {
  const answer = await answering;
  assert.equal(answer.ok ? "done" : answer.fault.kind, "declined");
}
