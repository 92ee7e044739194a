/**
 * swarm-join: makes this EC2 instance a member of the one Docker Swarm of its VPC.
 *
 * Parses, wires and exits: the only user of `Deno.args`, `Deno.env` and `Deno.exit`.
 */
import { type FileRead, parse, type Parsed } from "./src/cli/parse.ts";
import { VERSION } from "./src/cli/flags.ts";
import { Live } from "./src/report/live.ts";
import { acquireLock } from "./src/node/lock.ts";
import { formatOf, Log, plain, scrub } from "./src/report/log.ts";
import { Node } from "./src/node/perform.ts";
import { replay } from "./src/report/replay.ts";
import { jsonOf, pageOf } from "./src/report/print.ts";
import { failureOf, type Report } from "./src/report/report.ts";
import { storeText } from "./src/report/rows.ts";
import { asStatus } from "./src/report/status.ts";
import { keep, type KeepSurface } from "./src/node/keep.ts";
import { metricsOf } from "./src/report/metrics.ts";
import { writeMetrics } from "./src/node/metrics_file.ts";
import { holdOnce } from "./src/node/session.ts";
import { createWays, type WayTo } from "./src/node/ways.ts";
import type { Output, Surroundings } from "./src/settings.ts";
import { sleep } from "./src/time.ts";

const beganMs = performance.now();
const OBSERVATION_BYTES_MAX = 16 * 1024 * 1024;
/** A bundle of all the certificates that a system trusts has a quarter of it. */
const FILE_BYTES_MAX = 1024 * 1024;

async function main(): Promise<number> {
  const env = takeEnvironment();
  const parsed = parse(Deno.args, { env, readFile });
  switch (parsed.kind) {
    case "run": {
      const ways = waysOf(parsed.surroundings);
      if (ways.kind === "usage") return refuse(ways.message, parsed.output.json);
      const isJournal = (env["JOURNAL_STREAM"] ?? "") !== "";
      const report = await run(parsed, ways.wayTo, isJournal);
      return print(parsed.isStatus ? asStatus(report) : report, parsed.output);
    }
    case "settings": {
      const ways = waysOf(parsed.surroundings);
      if (ways.kind === "usage") return refuse(ways.message, parsed.json);
      write(Deno.stdout, scrub(parsed.text));
      return 0;
    }
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

/**
 * All of the environment, once; from then on the program may read none of it. Deno's `fetch` would follow
 * proxies that it finds there: it is told by `createWays` instead, which knows those of the file too.
 */
function takeEnvironment(): Record<string, string> {
  const env = Deno.env.toObject();
  for (const name of Object.keys(env)) {
    if (/^(?:https?|all|no)_proxy$/i.test(name)) Deno.env.delete(name);
  }
  Deno.permissions.revokeSync({ name: "env" });
  return env;
}

function waysOf(
  surroundings: Surroundings,
): { kind: "ways"; wayTo: WayTo } | { kind: "usage"; message: string } {
  try {
    return { kind: "ways", wayTo: createWays(surroundings) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const what = "the certificates of AWS_CA_BUNDLE (or SSL_CERT_FILE) or the proxy can't be used";
    return { kind: "usage", message: `${what}: ${error.message}` };
  }
}

/** Acts until the goal is reached, or only looks: `config` says which; or keeps. */
async function run(
  { config, surroundings, output, keeps }: Parsed & { kind: "run" },
  wayTo: WayTo,
  isJournal: boolean,
): Promise<Report> {
  const nowMs = (): number => performance.now() - beganMs;
  const isTerminal = Deno.stderr.isTerminal();
  const live = isTerminal ? new Live({ write: say, columns }) : null;
  const log = new Log({
    format: formatOf(output.logFormat, { isTerminal, isJournal }),
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
  log.begin({ version: VERSION, cluster: config.cluster, store: storeText(config.store) });
  const edges: KeepSurface["edges"] = (config, leftMs) => {
    const node = new Node({ config, surroundings, wayTo, nowMs, leftMs });
    return { perform: (call) => node.perform(call), awsCalls: () => node.awsCalls };
  };
  const surface = {
    lock: (onWait: () => void, signal: AbortSignal) =>
      acquireLock({ path: surroundings.lockFile, onWait, signal }),
    log,
    live,
    nowMs,
    wallMs: Date.now,
    dice: Math.random,
    stop,
  };
  if (keeps) {
    const { intervalMs, metricsFile } = surroundings;
    const onKept = metricsFile === null ? () => {} : metricsWriter(metricsFile, log);
    const kept = { intervalMs, edges, sleep, runId, onKept, version: VERSION };
    return await keep(config, { ...surface, ...kept });
  }
  return await holdOnce(config, {
    ...surface,
    ...edges(config, () => config.timeoutMs - nowMs()),
    sleep: (ms) => sleep(ms, stop),
    runId: runId(),
  });
}

/** Writes the file at each look; what goes wrong is said, once as long as it is the same. */
function metricsWriter(path: string, log: Log): KeepSurface["onKept"] {
  let said = "";
  return (kept) => {
    const written = writeMetrics(path, metricsOf(kept));
    const fault = written.ok ? "" : written.fault.message;
    if (fault !== "" && fault !== said) log.warn(fault);
    said = fault;
  };
}

function runId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

function decideAgain(file: string, output: Output): number {
  let text: string;
  try {
    text = readText(file, OBSERVATION_BYTES_MAX);
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

/** A file that settings are in, or are named by. */
function readFile(path: string): FileRead {
  try {
    return { kind: "text", text: readText(path, FILE_BYTES_MAX) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "missing" };
    if (error instanceof Deno.errors.PermissionDenied) {
      return { kind: "unreadable", why: "permission denied; run it as root (with sudo)" };
    }
    if (!(error instanceof Error)) throw error;
    return { kind: "unreadable", why: error.message.replace(/ \(os error \d+\).*$/, "") };
  }
}

/** All of a file, or of stdin for `-`, read in parts. Throws when there is none, or too much of it. */
function readText(file: string, bytesMax: number): string {
  const source = file === "-" ? Deno.stdin : Deno.openSync(file, { read: true });
  const part = new Uint8Array(64 * 1024);
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let n = source.readSync(part); n !== null; n = source.readSync(part)) {
    bytes += n;
    if (bytes > bytesMax) throw new Error(`it has more than ${bytesMax / 1024 / 1024} MB`);
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
