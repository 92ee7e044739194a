/** One run of swarm-join on a node of the lab: a real process, heard and watched from outside. */

/** A line of its log, as far as a view needs it. */
export interface LogLine {
  level: string;
  action: string;
  rule: string;
  message: string;
}

export interface RunResult {
  /** The exit code; null when it was killed. */
  exit: number | null;
  /** What stdout held, when that was one JSON object. */
  report: Record<string, unknown> | null;
  stdout: string;
  stderr: string;
  elapsedMs: number;
}

export interface RunOptions {
  binary: string;
  args: string[];
  env: Record<string, string>;
  onLine?: (line: LogLine) => void;
  /** Called with what /proc showed of the process: command line and environment. */
  onSeen?: (text: string) => void;
}

/** All processes that this one started and that have not ended. */
const alive = new Set<Deno.ChildProcess>();

/** Kills what still runs: nothing that a lab started may outlive it. */
export function killAll(): void {
  for (const child of alive) kill(child);
}

export class NodeProcess {
  readonly ended: Promise<RunResult>;
  readonly #child: Deno.ChildProcess;
  #killed = false;

  constructor(options: RunOptions) {
    const beganMs = Date.now();
    this.#child = new Deno.Command(options.binary, {
      args: options.args,
      env: options.env,
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    alive.add(this.#child);
    this.ended = this.#listen(options, beganMs);
  }

  /** Asks it to end, as a service manager does. */
  stop(): void {
    this.#child.kill("SIGTERM");
  }

  /** `SIGKILL`: it gets no chance to tidy up. */
  kill(): void {
    this.#killed = true;
    kill(this.#child);
  }

  async #listen(options: RunOptions, beganMs: number): Promise<RunResult> {
    const watch = (): void => options.onSeen?.(seenInProc(this.#child.pid));
    watch();
    const timer = setInterval(watch, 200);
    const [stdout, stderr, status] = await Promise.all([
      read(this.#child.stdout, () => {}),
      read(this.#child.stderr, (line) => {
        watch();
        options.onLine?.(logLine(line));
      }),
      this.#child.status,
    ]);
    clearInterval(timer);
    alive.delete(this.#child);
    return {
      exit: this.#killed ? null : status.code,
      report: objectOf(stdout),
      stdout,
      stderr,
      elapsedMs: Date.now() - beganMs,
    };
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

async function read(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<string> {
  let whole = "";
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    whole += part;
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
  return whole;
}

function logLine(line: string): LogLine {
  const { level, action, rule, message } = objectOf(line) ?? {};
  return {
    level: text(level),
    action: text(action),
    rule: text(rule),
    message: text(message) || line,
  };
}

function objectOf(source: string): Record<string, unknown> | null {
  try {
    const value = JSON.parse(source);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** What any user of the machine (cmdline) and its owner (environ) can see of a process. */
function seenInProc(pid: number): string {
  return ["cmdline", "environ"].map((name) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/${name}`);
    } catch {
      return "";
    }
  }).join("\0");
}
