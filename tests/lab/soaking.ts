/**
 * Keeps on a node of the lab by a clock that jumps to whatever is waited for next, once nothing is under way:
 * hours pass in seconds. Prints, as JSON, what it had in use after so many looks, as many again, and so on.
 *
 * `deno run -A --v8-flags=--expose-gc tests/lab/soaking.ts keep …`; `SOAK_LOOKS`: how many;
 * `SOAK_TIMES`: how often.
 */
import { parse } from "../../src/cli/parse.ts";
import { keep, type KeepSurface } from "../../src/node/keep.ts";
import { acquireLock } from "../../src/node/lock.ts";
import { Node } from "../../src/node/perform.ts";
import { createWays } from "../../src/node/ways.ts";
import { Log } from "../../src/report/log.ts";

/** Time passes when nobody works: then whoever sleeps shortest wakes. */
class Clock {
  nowMs = 0;
  #working = 0;
  readonly #sleepers = new Map<() => void, number>();
  readonly #deadlines = new Map<AbortController, number>();

  async during<T>(work: Promise<T>): Promise<T> {
    this.#working++;
    return await work.finally(() => this.#working--);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#sleepers.set(wake, this.nowMs + ms);
    signal.addEventListener("abort", wake);
    this.#passSoon();
    await promise;
    this.#sleepers.delete(wake);
    signal.removeEventListener("abort", wake);
  }

  /** As `AbortSignal.timeout`: what waits for none of its time is kept for as long, too. */
  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#deadlines.set(controller, this.nowMs + ms);
    return controller.signal;
  }

  /** What was begun just now gets the time to say so. */
  #passSoon(): void {
    setTimeout(() => {
      const [next] = [...this.#sleepers].sort(([, a], [, b]) => a - b);
      if (next === undefined) return;
      if (this.#working > 0) return this.#passSoon();
      const [wake, atMs] = next;
      this.#sleepers.delete(wake);
      this.#passTo(Math.max(this.nowMs, atMs));
      wake();
    }, 0);
  }

  #passTo(nowMs: number): void {
    this.nowMs = nowMs;
    for (const [controller, atMs] of this.#deadlines) {
      if (atMs > nowMs) continue;
      this.#deadlines.delete(controller);
      controller.abort(new DOMException("in the clock's time", "TimeoutError"));
    }
  }
}

const looksEach = Number(Deno.env.get("SOAK_LOOKS"));
const times = Number(Deno.env.get("SOAK_TIMES"));
const { gc } = globalThis as unknown as { gc: () => void };

async function main(): Promise<void> {
  const parsed = parse(Deno.args, {
    env: Deno.env.toObject(),
    readFile: () => ({ kind: "missing" }),
  });
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  const { config, surroundings } = parsed;
  const wayTo = createWays(surroundings);
  const clock = new Clock();
  AbortSignal.timeout = (ms) => clock.timeout(ms);
  const nowMs = (): number => clock.nowMs;
  const stop = new AbortController();
  const used: number[] = [];
  let [looks, runs] = [0, 0];
  const edges: KeepSurface["edges"] = (config, leftMs) => {
    const node = new Node({ config, surroundings, wayTo, nowMs, leftMs });
    const perform: typeof node.perform = (call) => clock.during(node.perform(call));
    return { perform, awsCalls: () => node.awsCalls };
  };
  const report = await keep(config, {
    intervalMs: surroundings.intervalMs,
    edges,
    sleep: (ms, signal) => clock.sleep(ms, signal),
    lock: (onWait, signal) =>
      clock.during(acquireLock({ path: surroundings.lockFile, onWait, signal })),
    log: new Log({
      format: "json",
      level: "info",
      dated: false,
      write: () => {},
      wallMs: Date.now,
      nowMs,
    }),
    live: null,
    nowMs,
    wallMs: Date.now,
    dice: Math.random,
    runId: () => `${++runs}`,
    onKept: () => {
      if (++looks % looksEach !== 0) return;
      gc();
      used.push(Deno.memoryUsage().heapUsed);
      if (used.length === times) stop.abort("SIGTERM");
    },
    version: "0",
    stop: stop.signal,
  });
  const said = JSON.stringify({ result: report.result, runs, looks, used });
  Deno.stdout.writeSync(new TextEncoder().encode(said));
  Deno.exit(0);
}

await main();
