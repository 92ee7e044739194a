/** The verb `keep`: a swarm whose nodes need nobody, while machines die, go, are away, or are told to go. */
import assert from "node:assert/strict";
import { spawnLogged } from "../engine.ts";
import { Keepers, residentOf, watchSpecs } from "../keepers.ts";
import { pause, sh, STATE_DIR, until } from "../machine.ts";
import { consistsOf, entryOf, leaderOf, listed, managersOf } from "../membership.ts";
import type { Node } from "../node.ts";
import { type Case, recordIn, tokensPublished } from "../suite.ts";
import { serveTasks, tasksOf, tasksRun } from "../tasks.ts";
import type { Vpc } from "../vpc.ts";
import { completions, held, inGroup, stateOf } from "./hooks.ts";
import { isOut, noneKilled } from "./leaving.ts";
import { updateSwarm } from "./living.ts";

/** One on each node. */
const REPLICAS = 5;
/** As `--interval` has it: what it is if nobody says, and the shortest. */
const USUAL = "30s";
const SHORT = "5s";
/** Nothing is asked of AWS for so long. */
const REST_MS = 120_000;
/** Of short intervals: two looks of each. */
const SHORT_REST_MS = 13_000;
const PATIENCE_MS = 420_000;
/** Times what an empty program has. */
const RESIDENT_MAX = 1.5;
/** AWS, or the others, are away for so long. */
const AWAY_MS = 1_000 * Number(Deno.env.get("E2E_AWAY_S") ?? 30);

export const keeping: Case[] = [
  {
    name:
      "under keep a leader dies without a word, and nobody new comes: it is taken out, then all rest",
    managers: 3,
    workers: 2,
    async run(vpc, note): Promise<void> {
      const keepers = new Keepers(vpc, USUAL);
      keepers.start(vpc.all);
      await keepers.formed();
      await serveTasks(vpc.node("m1"), vpc.all, REPLICAS);
      const lost = await leaderOf(managersOf(vpc));
      const rest = vpc.all.filter((node) => node !== lost);
      await keepers.kill(lost);
      await lost.terminate();
      const diedMs = Date.now();
      await until("a raft without it", PATIENCE_MS, async () => {
        const nodes = await listed(managersOf(vpc));
        return nodes.filter(({ ManagerStatus }) => ManagerStatus !== undefined).length === 2;
      }, 250);
      note(`out of raft ${seconds(diedMs, Date.now())} after EC2 said that it was terminated`);
      await until("a list without it", PATIENCE_MS, async () => {
        return (await listed(managersOf(vpc))).length === rest.length;
      }, 250);
      const outMs = Date.now();
      note(`removed ${seconds(diedMs, outMs)} after it`);
      await consistsOf(managersOf(vpc), vpc.some("w1", "w2"));
      const { sinceMs, asked, cpu } = await keepers.atRest(REST_MS, PATIENCE_MS);
      note(
        `at rest ${seconds(outMs, sinceMs)} after that; AWS calls in ${
          REST_MS / 1_000
        } s: ${asked.length}; CPU: ${cpu}`,
      );
      const askers = [...new Set(asked.map(({ node }) => node))];
      assert.deepEqual(askers, [(await leaderOf(managersOf(vpc))).name]);
      await tasksRun(vpc.all, REPLICAS);
      await takesLittle(keepers, rest, note);
      await keepers.stop(rest);
      await consistsOf(managersOf(vpc), vpc.some("w1", "w2"));
    },
  },
  {
    name:
      "under keep a spot notice, and Auto Scaling, take nodes out: drained by others, none killed, one hook",
    managers: 3,
    workers: 2,
    async run(vpc, note): Promise<void> {
      const keepers = new Keepers(vpc, USUAL);
      keepers.start(vpc.all);
      await keepers.formed();
      await serveTasks(vpc.node("m1"), vpc.all, REPLICAS);
      const [m1, w1, w2] = [vpc.node("m1"), vpc.node("w1"), vpc.node("w2")];
      await inGroup(vpc, [m1, w2]);
      await haveTasks(vpc, [m1, w1, w2]);
      const drained = watchSpecs(vpc);
      const begunMs = Date.now();
      w1.tellToGo("spot");
      await goes(vpc, keepers, w1);
      note(`out ${seconds(begunMs, Date.now())} after the spot notice`);
      for (const node of [w2, m1]) {
        const toldMs = Date.now();
        await held(vpc, node, "Terminating:Wait");
        await goes(vpc, keepers, node);
        note(`${node.name} out ${seconds(toldMs, Date.now())} after Auto Scaling's word`);
        assert.equal(await stateOf(vpc, node), "Terminating:Proceed");
        assert.equal((await completions(vpc, node)).length, 1);
      }
      const touched = await drained();
      assert.deepEqual(touched.sort(), [m1, w1, w2].map(({ hostname }) => hostname).sort());
      await tasksRun(vpc.some("m2", "m3"), REPLICAS);
      await noneKilled(vpc);
      await comes(vpc, keepers);
    },
  },
  {
    name:
      "under keep rotated tokens, and a rotated CA, are shown by every manager, with nothing typed",
    managers: 2,
    workers: 1,
    async run(vpc, note): Promise<void> {
      const keepers = new Keepers(vpc, SHORT);
      keepers.start(vpc.all);
      await keepers.formed();
      const [m1, managers] = [vpc.node("m1"), managersOf(vpc)];
      await updateSwarm(m1, "&rotateManagerToken=true&rotateWorkerToken=true");
      const tokensMs = Date.now();
      await shown(vpc, managers);
      note(`new tokens shown after ${seconds(tokensMs, Date.now())}`);
      const before = await m1.engine.fingerprint();
      await updateSwarm(
        m1,
        "",
        (spec) => spec.CAConfig.ForceRotate = (spec.CAConfig.ForceRotate ?? 0) + 1,
      );
      const rotated = await until("the rotation", PATIENCE_MS, async () => {
        const prints = await Promise.all(vpc.all.map(({ engine }) => engine.fingerprint()));
        return prints[0] !== before && new Set(prints).size === 1 ? prints[0] : null;
      }, 250);
      const rotatedMs = Date.now();
      await until("the record of it", PATIENCE_MS, async () => {
        const { fingerprint } = recordIn(await vpc.aws.dump());
        return fingerprint === rotated;
      }, 250);
      await shown(vpc, managers);
      note(`new CA shown after ${seconds(rotatedMs, Date.now())}`);
      await keepers.atRest(SHORT_REST_MS, PATIENCE_MS);
      await tokensPublished(vpc, managers);
      assert.deepEqual(recordIn(await vpc.aws.dump()).rotated, [before]);
      await keepers.stop(vpc.all);
    },
  },
  {
    name:
      "under keep a process and a Docker are restarted, a machine reboots, and is stopped for a while",
    managers: 3,
    workers: 1,
    run: (vpc) => stays(vpc, restarts),
  },
  {
    name: "under keep AWS is away, then the others, and AWS's clock jumps: nobody is touched",
    managers: 3,
    workers: 1,
    run: (vpc) => stays(vpc, absences),
  },
];

function seconds(fromMs: number, toMs: number): string {
  return `${((toMs - fromMs) / 1_000).toFixed(1)} s`;
}

/** It leaves, and its process ends; whoever else keeps has drained it. */
async function goes(vpc: Vpc, keepers: Keepers, node: Node): Promise<void> {
  const { json } = await keepers.ended(node);
  assert.equal(json?.result, "left");
  await isOut(vpc, node);
}

/** Some task runs on each of these. */
async function haveTasks(vpc: Vpc, nodes: Node[]): Promise<void> {
  const tasks = await tasksOf(vpc.all);
  for (const { name, engine } of nodes) {
    const membership = await engine.membership();
    assert.ok(tasks.some(({ node }) => node === membership?.node), `no task runs on ${name}`);
  }
}

/** A new manager is held by its group until the others reach it, and not longer. */
async function comes(vpc: Vpc, keepers: Keepers): Promise<void> {
  const m4 = await vpc.launch("m4", "manager");
  await vpc.aws.ask("attach", { group: "swarm", instance: m4.instance });
  m4.metadata.lifecycle = "InService";
  await vpc.aws.ask("move", { instance: m4.instance, to: "Pending:Wait" });
  const said = await vpc.aws.rule({
    node: m4.name,
    action: "CompleteLifecycleAction",
    effect: { kind: "hold" },
  });
  keepers.start([m4]);
  await said.reached();
  const { ManagerStatus } = await entryOf(m4, vpc.some("m2", "m3"));
  assert.equal(ManagerStatus?.Reachability, "reachable");
  await said.release(true);
  await until("the end of its hook", PATIENCE_MS, async () => {
    return await stateOf(vpc, m4) === "Pending:Proceed";
  }, 250);
  const all = vpc.some("m2", "m3", "m4");
  await keepers.atRest(SHORT_REST_MS, PATIENCE_MS);
  assert.equal((await completions(vpc, m4)).length, 1);
  await keepers.stop(all);
}

/** Every manager shows the tokens that there are. */
async function shown(vpc: Vpc, managers: Node[]): Promise<void> {
  await until("the tokens", PATIENCE_MS, async () => {
    return await tokensPublished(vpc, managers).then(() => true, () => false);
  }, 250);
}

/** What happens meanwhile leaves each node the one that it is, and nobody ever drained it. */
async function stays(
  vpc: Vpc,
  happens: (vpc: Vpc, keepers: Keepers) => Promise<void>,
): Promise<void> {
  const keepers = new Keepers(vpc, SHORT);
  keepers.start(vpc.all);
  await keepers.formed();
  await keepers.atRest(SHORT_REST_MS, PATIENCE_MS);
  const before = await identities(vpc);
  const touched = watchSpecs(vpc);
  await happens(vpc, keepers);
  await vpc.oneSwarm();
  await keepers.atRest(SHORT_REST_MS, PATIENCE_MS);
  assert.deepEqual(await touched(), []);
  assert.deepEqual(await identities(vpc), before);
  await keepers.stop(vpc.all);
}

async function restarts(vpc: Vpc, keepers: Keepers): Promise<void> {
  const leader = await leaderOf(managersOf(vpc));
  const [other] = managersOf(vpc).filter((node) => node !== leader);
  const w1 = vpc.node("w1");
  assert.ok(other);
  // The unit is restarted.
  await keepers.stop(vpc.all);
  keepers.start(vpc.all);
  // Docker is restarted under it.
  for (const { engine } of [leader, w1]) {
    await engine.kill();
    await pause(SHORT_REST_MS);
    await engine.start();
  }
  await vpc.oneSwarm();
  // A reboot: Docker goes first, or it does.
  for (const node of [leader, w1]) {
    if (node === w1) await node.engine.stop();
    await keepers.stop([node]);
    await node.engine.lose();
    await node.engine.start();
    keepers.start([node]);
  }
  await vpc.oneSwarm();
  // Stopped, for as long as it takes the others to see that it is down, and to look into it.
  const rest = managersOf(vpc).filter((node) => node !== other);
  await keepers.kill(other);
  await other.stop();
  await until(`${other.name} down`, PATIENCE_MS, async () => {
    return (await entryOf(other, rest)).Status.State === "down";
  }, 250);
  await pause(SHORT_REST_MS);
  await other.boot();
  keepers.start([other]);
}

async function absences(vpc: Vpc, keepers: Keepers): Promise<void> {
  const managers = managersOf(vpc);
  const leader = await leaderOf(managers);
  const w1 = vpc.node("w1");
  const away = await vpc.aws.rule({ effect: { kind: "reset" } });
  // Who is restarted meanwhile has to ask.
  await keepers.stop([w1, leader]);
  keepers.start([w1, leader]);
  await pause(AWAY_MS);
  assert.ok(await away.hits() > 0, "nobody asked");
  await away.release();
  await keepers.atRest(SHORT_REST_MS, PATIENCE_MS);
  // The others.
  for (const node of [leader, w1]) await node.blackhole(true);
  await pause(AWAY_MS);
  for (const node of [leader, w1]) await node.blackhole(false);
  await vpc.oneSwarm();
  // No clock of this machine's can be set for a test: AWS's jumps, which signs and dates alike.
  for (const offset of [7_200, -7_200]) {
    await vpc.aws.ask("clock", { offset, skew_max: 300 });
    await keepers.stop([leader]);
    keepers.start([leader]);
    await pause(SHORT_REST_MS);
  }
  await vpc.aws.ask("clock", { offset: 0 });
}

async function identities(vpc: Vpc): Promise<unknown> {
  return await Promise.all(
    vpc.all.map(async ({ name, engine }) => [name, await engine.membership()]),
  );
}

/** Each process has little more in memory than an empty program that was compiled the same way. */
async function takesLittle(
  keepers: Keepers,
  nodes: Node[],
  note: (text: string) => void,
): Promise<void> {
  const root = new URL("../../..", import.meta.url).pathname;
  const entry = `${root}tests/bench/programs/idle.ts`;
  const output = `${STATE_DIR}/idle`;
  await sh(
    Deno.execPath(),
    "run",
    "-A",
    `${root}tools/build.ts`,
    "--entry",
    entry,
    "--output",
    output,
  );
  const idle = spawnLogged(output, [], `${STATE_DIR}/idle.log`);
  await pause(2_000);
  const least = await residentOf(idle.pid);
  idle.kill("SIGKILL");
  await idle.status;
  const sizes = await Promise.all(nodes.map(async (node) => {
    return { name: node.name, kb: await residentOf(keepers.of(node).pid) };
  }));
  const said = sizes.map(({ name, kb }) => `${name} ${mb(kb)} (${(kb / least).toFixed(2)})`);
  note(`resident: ${said.join(", ")}; an empty program ${mb(least)}`);
  assert.ok(sizes.every(({ kb }) => kb <= RESIDENT_MAX * least), said.join(", "));
}

function mb(kb: number): string {
  return `${(kb / 1_000).toFixed(0)} MB`;
}
