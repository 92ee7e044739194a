/** Cases, their runner, and what cases say about runs and states. */
import assert from "node:assert/strict";
import type { AwsCall, Dump } from "./aws.ts";
import { inTime } from "../support/in_time.ts";
import { until } from "./machine.ts";
import type { Node } from "./node.ts";
import { engineStates, observed, swarmOf } from "./observed.ts";
import type { Fleet } from "./programs.ts";
import { exposures, type Run, type RunOptions, transcript } from "./runs.ts";
import type { Store, Vpc } from "./vpc.ts";

export interface Case {
  name: string;
  managers: number;
  workers: number;
  /** Left out: both. */
  stores?: Store[];
  /** Left out: the oldest Engine, and the newest. */
  fleets?: Fleet[];
  /** On two of the four mixes of store and Engine: on tags with this one, and on S3 with the other. */
  across?: "oldest" | "newest";
  /** It waits for most of its time: played beside the others, in a VPC of its own. */
  slow?: boolean;
  /** Run so many times in a row. */
  times?: number;
  /** `note`: says what it measured, which nothing depends on. */
  run: (vpc: Vpc, note: (text: string) => void) => Promise<void>;
}

export function fleetsOf({ fleets }: Case): Fleet[] {
  return fleets ?? ["oldest", "newest"];
}

/** The Engine with which a case that is played across is on this store. */
export function fleetAcross(across: "oldest" | "newest", store: Store): Fleet {
  if (store === "tags") return across;
  return across === "oldest" ? "newest" : "oldest";
}

/** Those of the cases that are played there. */
export function chosen(cases: Case[], { store, fleet, slow, only }: Ground): Case[] {
  const there = cases.filter((one) =>
    (one.slow ?? false) === (slow !== null) && (one.stores?.includes(store) ?? true) &&
    fleetsOf(one).includes(fleet) &&
    (one.across === undefined || fleetAcross(one.across, store) === fleet) &&
    (only === null || titlesOf(one, store, fleet).some((title) => only.test(title)))
  );
  return slow === null ? there : there.filter((_, index) => index % slow.of === slow.part);
}

function titlesOf({ name, times }: Case, store: Store, fleet: Fleet): string[] {
  return Array.from({ length: times ?? 1 }, (_, turn) => {
    const suffix = times ? ` ${turn + 1}/${times}` : "";
    return `${name} [${store}, ${fleet}]${suffix}`;
  });
}

/** Where cases are played: one VPC for each. */
export interface Ground {
  store: Store;
  fleet: Fleet;
  /** Which part of the slow cases; null: the others. */
  slow: { part: number; of: number } | null;
  /** Matches `name [store, fleet]`; null: all. */
  only: RegExp | null;
}

export interface Selection extends Ground {
  /** Stops at the first failure. */
  failFast: boolean;
}

const TOKEN = /SWMTKN-\d-[0-9a-z]{50}-[0-9a-z]{25}/;

/** Runs the cases, says how each went, and gives the counts. */
export async function play(
  vpc: Vpc,
  cases: Case[],
  { failFast, ...ground }: Selection,
  say: (line: string) => void,
): Promise<{ passed: number; failed: number }> {
  const counts = { passed: 0, failed: 0 };
  const { store, fleet, only } = ground;
  for (const one of chosen(cases, ground)) {
    for (const title of titlesOf(one, store, fleet)) {
      if (only && !only.test(title)) continue;
      const startMs = performance.now();
      const runs = transcript.length;
      const note = (text: string): void => say(`  note   ${title}: ${text}`);
      const failure = await attempt(vpc, one, store, note);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      if (failure === null) {
        counts.passed++;
        say(`  ok     ${title} (${seconds} s)`);
        continue;
      }
      counts.failed++;
      // What they said is part of what happened.
      await Promise.all(vpc.all.map((node) => node.endRuns()));
      const traced = await trace(vpc, transcript.slice(runs)).catch(String);
      say(`  FAILED ${title} (${seconds} s)\n${failure}\n${traced}`);
      if (failFast) return counts;
    }
  }
  const leaks = [
    ...transcript.filter(({ text }) => TOKEN.test(text)).map(({ name }) => `printed by ${name}`),
    ...exposures,
  ];
  if (leaks.length === 0) counts.passed++;
  else counts.failed++;
  say(
    leaks.length === 0
      ? `  ok     no token in any output, argument or environment of ${transcript.length} runs [${store}, ${fleet}]`
      : `  FAILED tokens: ${leaks.join("; ")}`,
  );
  return counts;
}

async function attempt(
  vpc: Vpc,
  one: Case,
  store: Store,
  note: (text: string) => void,
): Promise<string | null> {
  try {
    await vpc.reset(store, one.managers, one.workers);
    await one.run(vpc, note);
    return null;
  } catch (error) {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  }
}

/** What happened, for whoever looks into a failure. */
async function trace(vpc: Vpc, runs: { name: string; text: string }[]): Promise<string> {
  const parts = runs.map(({ name, text }) => `--- ${name}\n${clip(text)}`);
  parts.push(`--- AWS calls\n${(await vpc.aws.calls()).map(line).join("\n")}`);
  parts.push(`--- Engines\n${await engineStates(vpc.all).catch(String)}`);
  const { templates, objects } = await vpc.aws.dump();
  parts.push(`--- ledger\n${JSON.stringify({ templates, objects }, null, 1)}`);
  return redacted(parts.join("\n"));
}

function line({ atMs, node, action, path, status }: AwsCall): string {
  return `${new Date(atMs).toISOString().slice(11, 23)} ${node} ${action} ${path} ${status}`;
}

function clip(text: string): string {
  return text.length < 12_000 ? text : `${text.slice(0, 5_000)}\n…\n${text.slice(-7_000)}`;
}

function redacted(text: string): string {
  return text.replace(new RegExp(TOKEN, "g"), "[redacted]");
}

// What cases say

/** For runs that end well: many times what they take on a quick machine. */
export const AMPLE = ["--timeout", Deno.env.get("E2E_AMPLE") ?? "600s"];

/** Runs on all of these at the same moment. */
export function together(nodes: Node[]): Promise<Run[]> {
  return Promise.all(nodes.map((node) => node.run(["--json", ...AMPLE])));
}

/** Each run ended well. Gives their results. */
export function allDone(runs: Run[]): string[] {
  for (const run of runs) assert.equal(run.code, 0, `exit ${run.code}: ${lastLines(run.stderr)}`);
  return runs.map((run) => run.json?.result ?? "no JSON");
}

/** Runs on all of these at the same moment, and all end as members of one swarm. */
export async function form(vpc: Vpc, nodes = vpc.all): Promise<string[]> {
  const results = allDone(await together(nodes));
  await vpc.oneSwarm(nodes);
  await tended(nodes);
  return results;
}

/** A manager has run since all of these were in, if there was anything to do about their nodes. */
export async function tended(nodes: Node[]): Promise<void> {
  for (const node of nodes) {
    const list = await node.engine.nodes().catch(() => null);
    if (list === null) continue;
    const isNamed = list.every(({ Spec }) => Spec.Labels["swarm-join.instance"] !== undefined);
    if (!isNamed) allDone(await together([node]));
    return;
  }
}

/** A run on the node ends with this code, having said this; it has seconds to see why. */
export async function endsWith(
  vpc: Vpc,
  node: Node,
  wanted: { code: number; says: RegExp; seconds: number },
  args: string[] = [],
  options: RunOptions = {},
): Promise<Run> {
  const { code, says, seconds } = wanted;
  const run = await inTime(
    seconds,
    (timeout) => changesNothing(vpc, () => node.run([...timeout, ...args], options)),
    (run) => run.code === code && says.test(saidBy(run)),
  );
  ended(run, code, says);
  return run;
}

/** The run ended with this code, and said this. */
export function ended(run: Run, code: number, says?: RegExp): void {
  assert.equal(run.code, code, `exit ${run.code}, not ${code}: ${lastLines(run.stderr)}`);
  if (says) assert.match(saidBy(run), says);
}

function saidBy({ stdout, stderr }: Run): string {
  return `${stdout}\n${stderr}`;
}

/**
 * `act` changes nothing, neither in AWS nor in any Engine, and sends no write. An Engine is given
 * `patienceMs` to look as before: what a run changes it never changes back.
 */
export async function changesNothing<T>(
  vpc: Vpc,
  act: () => Promise<T>,
  patienceMs = 30_000,
): Promise<T> {
  const before = { aws: await vpc.aws.dump(), engines: await observed(vpc.all) };
  const calls = (await vpc.aws.calls()).length;
  const result = await act();
  let engines = "";
  await until("Engines as before", patienceMs, async () => {
    engines = await observed(vpc.all);
    return engines === before.engines;
  }, 250).catch(() => {});
  assert.equal(engines, before.engines, "an Engine changed");
  assert.deepEqual(await vpc.aws.dump(), before.aws, "AWS changed");
  const writes = (await vpc.aws.calls()).slice(calls).filter((call) => !call.read);
  assert.deepEqual(writes.map(line), [], "a write was sent");
  return result;
}

/** What a dry run says when a look was not answered, as happens on a busy machine. */
const UNSEEN = ["unreachable", "engine-unavailable", "quorum-lost"];

/** A dry run on the node says that it would do one of these, and changes nothing. */
export async function plans(vpc: Vpc, node: Node, ...actions: string[]): Promise<Run> {
  const look = (): Promise<Run> => changesNothing(vpc, () => node.plan());
  let run = await look();
  // A worker that came in later has no label yet, which is done by the way.
  const allowed = actions.includes("done") ? [...actions, "label"] : actions;
  const isUnseen = ({ json }: Run): boolean =>
    !allowed.includes(json?.decision?.action) && UNSEEN.includes(json?.decision?.rule);
  for (let again = 0; again < 2 && isUnseen(run); again++) run = await look();
  const { action, rule, because } = run.json?.decision ?? {};
  const said = `${node.name} plans ${action} (${rule}: ${because})`;
  assert.ok(
    allowed.includes(action),
    `${said}, not ${actions.join(" or ")}\n${lastLines(run.stderr)}`,
  );
  return run;
}

/** Every one of these managers shows its swarm's tokens as they are now. */
export async function tokensPublished(vpc: Vpc, managers: Node[]): Promise<void> {
  const first = managers[0];
  assert.ok(first);
  const swarm = await swarmOf(first);
  const want = [swarm.JoinTokens.Manager, swarm.JoinTokens.Worker];
  if (vpc.store === "tags") {
    for (const node of managers) {
      const tags = await node.tags();
      const equal = tags.ManagerToken === want[0] && tags.WorkerToken === want[1];
      assert.ok(equal, `${node.name} does not show its swarm's tokens`);
    }
    return;
  }
  const { objects } = await vpc.aws.dump();
  for (const token of want) {
    const held = Object.values(objects).some((text) => text.includes(token));
    assert.ok(held, "a token of the swarm is in no object");
  }
}

/** The record that counts, as the ledger holds it. */
// deno-lint-ignore no-explicit-any
export function recordIn(dump: Dump): any {
  const versions = Object.values(dump.templates).flat();
  const texts = versions.length > 0
    ? versions.map(({ data }) => data)
    : Object.values(dump.objects).filter((text) => text.includes('"members"'));
  const last = texts.at(-1);
  return last === undefined ? null : JSON.parse(last);
}

export function lastLines(text: string, count = 12): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
