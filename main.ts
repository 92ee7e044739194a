/**
 * swarm-join: makes this EC2 instance a member of the one Docker Swarm of its VPC.
 *
 * Parses, wires and exits: the only user of `Deno.args`, `Deno.env` and `Deno.exit`.
 */
import { parse, type Parsed } from "./src/cli/parse.ts";
import { ENVIRONMENT } from "./src/cli/flags.ts";
import { Live } from "./src/report/live.ts";
import { acquireLock } from "./src/node/lock.ts";
import { formatOf, Log, plain, scrub } from "./src/report/log.ts";
import { Node } from "./src/node/perform.ts";
import { replay } from "./src/report/replay.ts";
import { jsonOf, pageOf } from "./src/report/print.ts";
import { failureOf, type Report } from "./src/report/report.ts";
import { hold } from "./src/node/session.ts";
import type { Output } from "./src/settings.ts";
import { sleep } from "./src/time.ts";

const beganMs = performance.now();
const OBSERVATION_BYTES_MAX = 16 * 1024 * 1024;

async function main(): Promise<number> {
  const env = Object.fromEntries(ENVIRONMENT.map((name) => [name, variable(name)]));
  const parsed = parse(Deno.args, env);
  switch (parsed.kind) {
    case "run":
      return print(await run(parsed), parsed.output);
    case "replay":
      return decideAgain(parsed.file, parsed.output);
    case "print":
      write(Deno.stdout, parsed.text);
      return 0;
    case "usage":
      return refuse(parsed.message, parsed.json);
    default:
      return parsed satisfies never;
  }
}

/** Acts until the goal is reached, or only looks: `config` says which. */
async function run({ config, surroundings, output }: Parsed & { kind: "run" }): Promise<Report> {
  const nowMs = (): number => performance.now() - beganMs;
  const isTerminal = Deno.stderr.isTerminal();
  const live = isTerminal ? new Live({ write: say, columns }) : null;
  const log = new Log({
    format: formatOf(output.logFormat, {
      isTerminal,
      isJournal: variable("JOURNAL_STREAM") !== undefined,
    }),
    level: output.logLevel,
    dated: !isTerminal,
    write: (text) => {
      live?.clear();
      say(text);
    },
    wallMs: Date.now,
    nowMs,
  });
  const stop = stopSignal();
  const node = new Node({ config, surroundings, env: variable, nowMs });
  return await hold(config, {
    perform: (call) => node.perform(call),
    sleep: (ms) => sleep(ms, stop),
    awsCalls: () => node.awsCalls,
    lock: (onWait, signal) => acquireLock({ path: surroundings.lockFile, onWait, signal }),
    log,
    live,
    nowMs,
    wallMs: Date.now,
    dice: Math.random,
    runId: crypto.randomUUID().replaceAll("-", ""),
    stop,
  });
}

function decideAgain(file: string, output: Output): number {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    return refuse(
      `--observation ${file} can't be read: ${error instanceof Error ? error.message : error}`,
      output.json,
    );
  }
  const replayed = replay(text);
  if (replayed.kind === "report") return print(replayed.report, output);
  return refuse(
    `--observation ${file} is not what "swarm-join plan --json" printed: ${replayed.why}`,
    output.json,
  );
}

/** All of a file, or of stdin for `-`, read in parts. Throws when there is none, or too much of it. */
function readText(file: string): string {
  const source = file === "-" ? Deno.stdin : Deno.openSync(file, { read: true });
  const part = new Uint8Array(64 * 1024);
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let n = source.readSync(part); n !== null; n = source.readSync(part)) {
    bytes += n;
    if (bytes > OBSERVATION_BYTES_MAX) throw new Error("it has more than 16 MB");
    text += decoder.decode(part.subarray(0, n), { stream: true });
  }
  return text + decoder.decode();
}

function refuse(message: string, json: boolean): number {
  say(`${plain(`swarm-join: ${message}`)}\nTry "swarm-join --help".\n`);
  if (!json) return 2;
  const meters = { elapsedMs: 0, awsCalls: 0, phases: {} };
  const because = plain(message);
  const report = failureOf({ exit: 2, rule: "usage", because, config: null, meters });
  write(Deno.stdout, jsonOf(report));
  return 2;
}

function print(report: Report, { json }: Output): number {
  write(Deno.stdout, json ? jsonOf(report) : pageOf(report));
  return report.exit;
}

/** Aborts with the signal's name when the process is asked to end; a second time ends it at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      if (controller.signal.aborted) Deno.exit(3);
      controller.abort(name);
    });
  }
  return controller.signal;
}

/** An empty variable counts as unset. */
function variable(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

function say(text: string): void {
  write(Deno.stderr, text);
}

/** Writes all of it. A reader who is gone or a full disk does not change how the run goes on. */
function write(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(to.writeSync(rest));
  } catch {
    // There is nobody left to tell.
  }
}

/** A bug: its stack, and exit 1. */
function crash(error: unknown): never {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  say(`swarm-join: a defect of this tool; please report it with what follows\n${scrub(stack)}\n`);
  Deno.exit(1);
}

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  crash(event.reason);
});
try {
  Deno.exit(await main());
} catch (error) {
  crash(error);
}
