/**
 * `make test`: format, style, types, every test, a short proof, and the real thing end to end, within
 * half an hour on two cores. It first says what it will run, about how long, and what it leaves.
 *
 * `TEST_ALL=1`: the whole proof and every case end to end, and a part that can't run here is
 * a failure. A part that passes prints one line; one that fails prints all that it said. The last line
 * is `N passed, N failed`. Arguments: names of parts, to run only those; `--list` names them.
 */
import { missing } from "./e2e/machine.ts";
import { ipv6Programs } from "./e2e/programs.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const DENO = Deno.execPath();

const ALL = Deno.env.get("TEST_ALL") === "1";
const SHORT_PROOF = ["--small", "--minutes", "3", "--seeds", "10000"];
/** How often a part that shows nothing of its own says how far it is. */
const PROGRESS_MS = 30_000;

interface Part {
  name: string;
  command: string[];
  env?: Record<string, string>;
  /** About how long it takes on two cores. */
  seconds: number;
  /** How the command's output tells its counts; without it, the exit code is the one result. */
  counts?: RegExp;
  /** Shows its lines while it runs, since it runs long. */
  streams?: boolean;
  /** Runs beside the one before, which waits most of the time. */
  beside?: boolean;
  /** Why it can't run here; empty: it can. */
  lacks?: string[];
  /** What it leaves to TEST_ALL=1. */
  leaves?: string;
}

interface Result {
  passed: number;
  failed: number;
}

const DENO_COUNTS = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed/;
const PLAIN_COUNTS = /^(\d+) passed, (\d+) failed$/m;

async function main(names: string[]): Promise<number> {
  const parts = await findParts();
  if (names.includes("--list")) {
    say(parts.map((part) => part.name).join("\n"));
    return 0;
  }
  const unknown = names.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    say(`No part ${unknown.join(", ")}; there are ${parts.map((part) => part.name).join(", ")}`);
    return 2;
  }
  const chosen = parts.filter(({ name }) => names.length === 0 || names.includes(name));
  announce(chosen);
  const startMs = performance.now();
  const total: Result = { passed: 0, failed: 0 };
  for (const [at, part] of chosen.entries()) {
    if (part.beside === true && at > 0) continue;
    const next = chosen[at + 1];
    const both = next?.beside === true ? [part, next] : [part];
    const elapsed = timeText((performance.now() - startMs) / 1000);
    const names = both.map(({ name }) => name).join(" beside ");
    const seconds = Math.max(...both.map(({ seconds }) => seconds));
    say(`[${at + both.length}/${chosen.length}, ${elapsed}] ${names}: about ${timeText(seconds)}`);
    for (const result of await Promise.all(both.map(runPart))) {
      total.passed += result.passed;
      total.failed += result.failed;
    }
  }
  say(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** What will run, how long that takes, and what will not. */
function announce(parts: Part[]): void {
  const able = parts.filter(({ lacks = [] }) => lacks.length === 0);
  const seconds = able.reduce((sum, part) => sum + (part.beside === true ? 0 : part.seconds), 0);
  say(`${parts.map(({ name }) => name).join(", ")}: about ${timeText(seconds)} on two cores`);
  for (const { name, lacks = [] } of parts) {
    if (lacks.length > 0) say(`Not here: ${name}, which needs ${lacks.join(", ")}`);
  }
  const left = able.flatMap(({ name, leaves }) => leaves ? [`${name} leaves out ${leaves}`] : []);
  for (const each of left) say(each);
  if (left.length > 0) say("All of it, in about an hour: TEST_ALL=1 make test");
  say("");
}

async function findParts(): Promise<Part[]> {
  const sources = await findFiles(ROOT, /^(main|(src|tests|tools)\/.*)\.ts$/);
  const tests = sources.filter((path) => path.endsWith("_test.ts"));
  const below = (dir: string): string[] => tests.filter((path) => path.startsWith(dir));
  const unit = tests.filter((path) => !/^tests\/(artefacts|lab|world|e2e)\//.test(path));
  const lacks = await missing();
  const canIpv6 = lacks.length === 0 && (await ipv6Programs()).length > 0;
  return [
    { name: "format", command: [DENO, "fmt", "--check"], seconds: 5 },
    { name: "lint", command: [DENO, "lint", "--quiet"], seconds: 5 },
    { name: "types", command: [DENO, "check", "--quiet", ...sources], seconds: 15 },
    { ...denoTest("unit", unit), seconds: 80 },
    // Each of its tests has a lab of its own.
    {
      ...denoTest("lab", ["--parallel", ...below("tests/lab/")]),
      env: { DENO_JOBS: "3" },
      seconds: 340,
    },
    { ...denoTest("world", below("tests/world/")), beside: true, seconds: 300 },
    { ...denoTest("artefacts", below("tests/artefacts/")), seconds: 240 },
    {
      name: "prove",
      command: [DENO, "task", "--quiet", "prove", ...(ALL ? [] : SHORT_PROOF)],
      seconds: ALL ? 660 : 180,
      counts: PLAIN_COUNTS,
      streams: true,
      ...ALL ? {} : { leaves: "the larger worlds, and four histories of five" },
    },
    {
      name: "end-to-end",
      command: [DENO, "run", "-A", "tests/e2e/main.ts", ...ALL ? [] : ["--once"]],
      ...ALL ? {} : { env: { E2E_ROUNDS: "1", E2E_CUT_S: "45" } },
      seconds: ALL ? 1300 : 600,
      counts: PLAIN_COUNTS,
      streams: true,
      lacks,
      ...ALL ? {} : { leaves: "the other store and Engine, case by case, and repetitions" },
    },
    {
      name: "ipv6",
      command: [DENO, "run", "-A", "tests/e2e/ipv6.ts"],
      seconds: 10,
      counts: PLAIN_COUNTS,
      lacks: canIpv6 || lacks.length > 0 ? lacks : ["an Engine 25 or newer (tools/engines.sh)"],
    },
  ];
}

function denoTest(name: string, args: string[]): Omit<Part, "seconds"> {
  const command = [DENO, "test", "-A", "--no-check", "--quiet", ...args];
  return { name, command, counts: DENO_COUNTS };
}

async function runPart(part: Part): Promise<Result> {
  if (part.lacks && part.lacks.length > 0) {
    say(`${part.name}: skipped, needs ${part.lacks.join(", ")}`);
    return { passed: 0, failed: ALL ? 1 : 0 };
  }
  const startMs = performance.now();
  const [command = "", ...args] = part.command;
  const child = new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", ...part.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const heard: string[] = [];
  const hear = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      heard.push(text);
      // The sum at the end is this runner's to say.
      if (part.streams) write(text.replace(/^\d+ passed, \d+ failed\n/m, ""));
    }
  };
  const progress = setInterval(() => {
    if (part.streams) return;
    const passed = heard.join("").match(/ \.\.\. ok \(/g)?.length ?? 0;
    const elapsed = timeText((performance.now() - startMs) / 1000);
    say(`  ${part.name}: ${elapsed} of about ${timeText(part.seconds)}, ${passed} passed so far`);
  }, PROGRESS_MS);
  const [{ code }] = await Promise.all([child.status, hear(child.stdout), hear(child.stderr)]);
  clearInterval(progress);
  const output = heard.join("");
  const result = judge(part, code, output);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (result.failed > 0 && !part.streams) write(`${withoutPassed(output)}\n`);
  for (const [, left] of output.matchAll(/^(.* \(left out: .*\)) \.\.\. ignored/gm)) {
    say(`  ${left}`);
  }
  say(`${part.name}: ${result.passed} passed, ${result.failed} failed (${seconds} s)`);
  return result;
}

function judge(part: Part, code: number, output: string): Result {
  const found = part.counts ? [...output.matchAll(new RegExp(part.counts, "gm"))].at(-1) : null;
  const passed = Number(found?.[1] ?? (part.counts || code !== 0 ? 0 : 1));
  const failed = Number(found?.[2] ?? 0);
  // A runner that ended badly, or ran nothing, has failed, whatever it counted.
  return { passed, failed: failed === 0 && (code !== 0 || passed === 0) ? 1 : failed };
}

function withoutPassed(output: string): string {
  return output.split("\n").filter((line) => !/ \.\.\. ok \(/.test(line)).join("\n").trimEnd();
}

/** Files of the project whose path matches, in order. */
async function findFiles(root: string, pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  const walk = async (dir: string): Promise<void> => {
    for await (const entry of Deno.readDir(root + dir)) {
      const path = dir + entry.name;
      if (entry.name.startsWith(".") || ["node_modules", "dist"].includes(entry.name)) continue;
      if (entry.isDirectory) await walk(`${path}/`);
      else if (pattern.test(path)) found.push(path);
    }
  };
  await walk("");
  return found.sort();
}

/** `1:05` is a minute and five seconds. */
function timeText(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
}

function say(line: string): void {
  write(`${line}\n`);
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
