/**
 * `make test`: format, style, types, every test, the proof, and the real thing end to end.
 *
 * A part that passes prints one line; one that fails prints all that it said. The last line is
 * `N passed, N failed`. Arguments: names of parts, to run only those; `--list` names them.
 * `SWARM_JOIN_TEST_ALL=1`: a part that can't run here is a failure.
 */
import { missing } from "./e2e/machine.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const DENO = Deno.execPath();

interface Part {
  name: string;
  command: string[];
  /** How the command's output tells its counts; without it, the exit code is the one result. */
  counts?: RegExp;
  /** Shows its lines while it runs, since it runs long. */
  streams?: boolean;
  /** Why it can't run here; empty: it can. */
  lacks?: string[];
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
  const total: Result = { passed: 0, failed: 0 };
  for (const part of parts) {
    if (names.length > 0 && !names.includes(part.name)) continue;
    const result = await runPart(part);
    total.passed += result.passed;
    total.failed += result.failed;
  }
  say(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

async function findParts(): Promise<Part[]> {
  const sources = await findFiles(ROOT, /^(main|(src|tests|tools)\/.*)\.ts$/);
  const tests = sources.filter((path) => path.endsWith("_test.ts"));
  const below = (dir: string): string[] => tests.filter((path) => path.startsWith(dir));
  const unit = tests.filter((path) => !/^tests\/(lab|world|e2e)\//.test(path));
  const parts: Part[] = [
    { name: "format", command: [DENO, "fmt", "--check"] },
    { name: "lint", command: [DENO, "lint", "--quiet"] },
    { name: "types", command: [DENO, "check", "--quiet", ...sources] },
    denoTest("unit", unit),
    denoTest("lab", below("tests/lab/")),
    denoTest("world", below("tests/world/")),
  ];
  if (await exists(`${ROOT}tests/world/check/main.ts`)) {
    const command = [DENO, "task", "--quiet", "prove"];
    parts.push({ name: "prove", command, counts: PLAIN_COUNTS, streams: true });
  }
  parts.push({
    name: "end-to-end",
    command: [DENO, "run", "-A", "tests/e2e/main.ts"],
    counts: PLAIN_COUNTS,
    streams: true,
    lacks: await missing(),
  });
  return parts.filter((part) => part.command.length > 0);
}

function denoTest(name: string, files: string[]): Part {
  const command = [DENO, "test", "-A", "--no-check", "--quiet", ...files];
  return { name, command: files.length === 0 ? [] : command, counts: DENO_COUNTS };
}

async function runPart(part: Part): Promise<Result> {
  if (part.lacks && part.lacks.length > 0) {
    say(`${part.name}: skipped, needs ${part.lacks.join(", ")}`);
    return { passed: 0, failed: Deno.env.get("SWARM_JOIN_TEST_ALL") === "1" ? 1 : 0 };
  }
  if (part.streams) say(`${part.name}:`);
  const startMs = performance.now();
  const [command = "", ...args] = part.command;
  const child = new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
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
  const [{ code }] = await Promise.all([child.status, hear(child.stdout), hear(child.stderr)]);
  const output = heard.join("");
  const result = judge(part, code, output);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (result.failed > 0 && !part.streams) write(`${withoutPassed(output)}\n`);
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

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function say(line: string): void {
  write(`${line}\n`);
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
