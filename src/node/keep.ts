/**
 * `keep`: joins, and stays. Runs follow each other, each with a memory and edges of its own; the node's lock
 * is held only while one is under way. `decide/watch.ts` says what is next.
 */
import type { AnyAnswer, Call, Look, Perform, Told } from "../calls.ts";
import {
  type Errand,
  isOvertaken,
  isToGo,
  newWatch,
  ran,
  type Step,
  type Watch,
  watch,
  type Watched,
  watched,
} from "../decide/watch.ts";
import { hold, type Surface } from "./session.ts";
import { afterRun, type Kept, newKept } from "../report/metrics.ts";
import { failureOf, type Meters, type Report } from "../report/report.ts";
import { storeText } from "../report/rows.ts";
import type { Config } from "../state.ts";
import { orEnded } from "../time.ts";

/** The calls of one run, or of what is looked at between runs. */
interface RunEdges {
  perform: Perform;
  /** Requests that were sent to AWS so far. */
  awsCalls: () => number;
}

/** What it needs of its machine: what each run needs, and how a run's own is made. */
export interface KeepSurface extends Omit<Surface, "perform" | "awsCalls" | "runId" | "sleep"> {
  intervalMs: number;
  /** Until the signal aborts. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** New edges, which know nothing. `leftMs`: what is left of the time in which their calls are made. */
  edges: (config: Config, leftMs: () => number) => RunEdges;
  runId: () => string;
  /** Told what is known now, after each look at its Engine and each run. */
  onKept: (kept: Kept) => void;
  version: string;
}

/** For what is looked at between runs. */
const LOOK_MS = 60_000;
/** So often a run that is under way is asked whether it is worth its end. */
const GUARD_MS = 5_000;

/** Runs until its machine goes, or somebody asks it to end. */
export async function keep(config: Config, surface: KeepSurface): Promise<Report> {
  const keeper = new Keeper(config, surface);
  const { intervalMs, nowMs, dice } = surface;
  let w = newWatch({ intervalMs, timeoutMs: config.timeoutMs });
  for (;;) {
    w = { ...w, nowMs: nowMs(), isStopped: surface.stop.aborted };
    const step = watch(w);
    if (step.kind === "end") return keeper.report(step.result);
    if (step.kind !== "rest") w = { ...w, dice: dice() };
    w = await keeper.take(w, step);
  }
}

class Keeper {
  readonly #config: Config;
  readonly #surface: KeepSurface;
  readonly #edges: RunEdges;
  #isIdentified = false;
  #kept: Kept;
  readonly #last: { [goal: string]: Report } = {};

  constructor(config: Config, surface: KeepSurface) {
    this.#config = config;
    this.#surface = surface;
    this.#edges = surface.edges(config, () => LOOK_MS);
    this.#kept = newKept({
      version: surface.version,
      cluster: config.cluster,
      store: storeText(config.store),
      startedAtMs: surface.wallMs(),
    });
  }

  async take(w: Watch, step: Exclude<Step, { kind: "end" }>): Promise<Watch> {
    const { sleep, stop } = this.#surface;
    switch (step.kind) {
      case "rest":
        await sleep(step.ms, stop);
        return w;
      case "look":
        return await this.#look(w, step.calls, stop);
      case "run":
        return await this.#run(w, step);
      default:
        return step satisfies never;
    }
  }

  /** What it came to: its last run's words, and how it ended itself. */
  report(result: "left" | "stopped"): Report {
    const meters: Meters = {
      elapsedMs: Math.round(this.#surface.nowMs()),
      awsCalls: this.#awsCalls,
      phases: {},
    };
    const because = result === "left" ? "this machine goes" : "it was asked to end";
    const last = this.#last[result === "left" ? "leave" : "join"] ??
      failureOf({ exit: 3, rule: "stopped", because, config: this.#config, meters });
    return { ...last, ...meters, result, exit: 0 };
  }

  /** What takes long to say is not waited for once the signal aborts: nothing was seen then. */
  async #look(
    w: Watch,
    calls: (Look & { kind: Watched })[],
    signal: AbortSignal,
  ): Promise<Watch> {
    const asked = Promise.all(calls.map((call) => this.#ask(call)));
    const answers = await orEnded(asked, signal);
    if (answers === "ended") return w;
    const nowMs = this.#surface.nowMs();
    const so = calls.reduce(
      (so, call, i) =>
        // Which answer belongs to which call is what `perform` promises.
        watched(so, { kind: call.kind, call, answer: answers[i] } as Told<Watched>),
      { ...w, nowMs },
    );
    if (calls.some(({ kind }) => kind === "engine")) this.#show(so);
    return so;
  }

  get #awsCalls(): number {
    return this.#kept.awsCalls + this.#edges.awsCalls();
  }

  #show(w: Watch): void {
    const { engine } = w.facts;
    if (engine !== undefined) {
      const lookedAtMs = this.#surface.wallMs();
      this.#kept = { ...this.#kept, lookedAtMs, engine: engine.ok ? engine.value : null };
    }
    const isGoing = isToGo(w);
    this.#surface.onKept({ ...this.#kept, isGoing, awsCalls: this.#awsCalls });
  }

  /** AWS can be asked only once it is known who asks. */
  async #ask(call: Call): Promise<AnyAnswer> {
    if (call.kind === "words" && !this.#isIdentified) {
      const answer = await this.#edges.perform({ kind: "identity" });
      if (!answer.ok) return answer;
      this.#isIdentified = true;
    }
    return await this.#edges.perform(call);
  }

  async #run(w: Watch, { errand, because }: Step & { kind: "run" }): Promise<Watch> {
    const { nowMs, sleep, edges, runId, log, ...surface } = this.#surface;
    const { goal, timeoutMs } = errand;
    const config: Config = {
      ...this.#config,
      goal,
      timeoutMs,
      ifTerminating: goal === "leave",
      hook: errand.isLaunching ? "launching" : null,
    };
    log.debug(`${because}: ${goal}`);
    const cut = new AbortController();
    const beganMs = nowMs();
    const sinceMs = (): number => nowMs() - beganMs;
    const own = edges(config, () => timeoutMs - sinceMs());
    const guarded = this.#guard(w, errand, cut);
    const held = hold(config, {
      ...surface,
      ...own,
      log,
      nowMs: sinceMs,
      sleep: (ms) => sleep(ms, cut.signal),
      runId: runId(),
      stop: cut.signal,
    });
    const { report, engine, isCut } = await held.finally(() => {
      cut.abort();
      return guarded;
    });
    const so = await guarded;
    if (isCut) log.info(`${cut.signal.reason}: the run of ${goal} is given up`);
    else this.#last[goal] = report;
    // Who is cut has not failed.
    const result = isCut ? "stopped" : report.result;
    this.#kept = afterRun(this.#kept, goal, { ...report, result }, surface.wallMs());
    this.#show({ ...so, facts: { ...so.facts, ...(engine && { engine }) } });
    const end = isCut ? "cut" : report.exit === 0 ? "reached" : "failed";
    return ran({ ...so, nowMs: nowMs() }, errand, { end, rule: report.rule, engine });
  }

  /** Asks again and again whether another run is to be begun at once, until this one is over. */
  async #guard(w: Watch, errand: Errand, cut: AbortController): Promise<Watch> {
    const { sleep, stop } = this.#surface;
    const over = AbortSignal.any([stop, cut.signal]);
    let so = w;
    while (!cut.signal.aborted) {
      await sleep(GUARD_MS, stop.aborted ? cut.signal : over);
      if (cut.signal.aborted) break;
      if (!stop.aborted) so = await this.#look(so, [{ kind: "lifecycle" }], over);
      so = { ...so, isStopped: stop.aborted };
      if (isOvertaken(so, errand)) {
        cut.abort(so.isStopped ? String(stop.reason) : "this machine goes");
      }
    }
    return so;
  }
}
