/** Runs of swarm-join on one machine: how each is started, what it said, and how it is killed at a given point. */
import { type Ended, STATE_DIR } from "./machine.ts";

/** A copy, so that a build during the tests does not change what is tested. */
const BINARY = `${STATE_DIR}/swarm-join`;
/** A run that takes longer hangs: on a busy machine all of them take several times as long as usual. */
const LIMIT_MS = 900_000;
const TOKEN = /SWMTKN-\d-[0-9a-z]{50}-[0-9a-z]{25}/;

/** Everything that any run printed, for the search for tokens at the end. */
export const transcript: { name: string; text: string }[] = [];
/** Where a token was seen that must not be: in an argument or an environment. */
export const exposures: string[] = [];

export interface RunOptions {
  /** Left out: `join`. */
  verb?: string;
  env?: Record<string, string>;
  /** Kills the process when this resolves. */
  killAt?: Promise<unknown>;
  /** Kills the process when its log, as far as it goes, is as this says. */
  killWhen?: (log: string) => boolean;
  /** The process is killed, and the test fails, after this long. */
  limitMs?: number;
}

export interface Run extends Ended {
  elapsedMs: number;
  killed: boolean;
  // deno-lint-ignore no-explicit-any
  json: any;
}

/** One that is under way. */
export interface Running {
  pid: number;
  /** What it has said so far. */
  log: () => string;
  /** Asks it to end, as a service manager does. */
  stop: () => void;
  ended: Promise<Run>;
}

/** Takes the binary that is tested: the one that `make` built, or another. */
export async function takeBinary(path: string | null): Promise<void> {
  const built = new URL("../../dist/swarm-join", import.meta.url).pathname;
  await Deno.mkdir(STATE_DIR, { recursive: true });
  await Deno.copyFile(path ?? built, BINARY);
  await Deno.chmod(BINARY, 0o755);
}

export class Runs {
  #running = new Map<Deno.ChildProcess, Promise<Run>>();

  /** `namespaces`: those of the machine, as `nsenter` takes them. */
  constructor(readonly namespaces: string[]) {}

  start(machine: string, args: string[], options: RunOptions): Running {
    const child = new Deno.Command("nsenter", {
      args: [...this.namespaces, BINARY, ...args],
      clearEnv: true,
      env: options.env ?? {},
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let said = "";
    const ended = this.#toItsEnd(child, {
      ...options,
      name: `${machine}: swarm-join ${args.join(" ")}`,
      hear: (log) => said = log,
    });
    // Whoever waits for it is told; who does not is not stopped by it.
    ended.catch(() => {});
    this.#running.set(child, ended);
    // `nsenter` becomes the program.
    return { pid: child.pid, log: () => said, stop: () => child.kill("SIGTERM"), ended };
  }

  async #toItsEnd(
    child: Deno.ChildProcess,
    { name, hear, ...options }: RunOptions & { name: string; hear: (log: string) => void },
  ): Promise<Run> {
    const startMs = performance.now();
    let [killed, over, late] = [false, false, false];
    const kill = (): void => {
      if (over || killed) return;
      killed = true;
      child.kill("SIGKILL");
    };
    options.killAt?.then(kill, () => {});
    const limit = setTimeout(() => {
      late = true;
      kill();
    }, options.limitMs ?? LIMIT_MS);
    const watch = setTimeout(() => void expose(child.pid, name), 150);
    const [stdout, stderr, { code }] = await Promise.all([
      heard(child.stdout, () => {}),
      heard(child.stderr, (log) => {
        hear(log);
        if (options.killWhen?.(log)) kill();
      }),
      child.status,
    ]);
    over = true;
    this.#running.delete(child);
    clearTimeout(limit);
    clearTimeout(watch);
    transcript.push({ name, text: `${stdout}\n${stderr}` });
    if (late) throw new Error(`${name}: still running at its limit\n${stderr}`);
    const elapsedMs = Math.round(performance.now() - startMs);
    return { code, stdout, stderr, elapsedMs, killed, json: parse(stdout) };
  }

  /** Kills what a failed test has left running. */
  async end(): Promise<void> {
    const left = [...this.#running];
    for (const [child] of left) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await Promise.allSettled(left.map(([, ended]) => ended));
  }
}

/** All that came; `hear` gets what has come so far, whenever that is more. */
async function heard(
  stream: ReadableStream<Uint8Array>,
  hear: (text: string) => void,
): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    hear(text);
  }
  return text;
}

/** Notes a token in the arguments or the environment of a process. */
async function expose(pid: number, name: string): Promise<void> {
  for (const file of ["cmdline", "environ"]) {
    const text = await Deno.readTextFile(`/proc/${pid}/${file}`).catch(() => "");
    if (TOKEN.test(text)) exposures.push(`${file} of ${name}`);
  }
}

function parse(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return null;
  }
}
