/**
 * One run from its settings to its report: the node's lock, the loop, the log and the meters. A run that
 * only looks takes no lock.
 */
import type { Lock } from "./lock.ts";
import { actionOf } from "../actions.ts";
import { type AnyAnswer, type Call, CALLS, type Perform } from "../calls.ts";
import { lockFaulted } from "../decide/faults.ts";
import type { Live } from "../report/live.ts";
import { type Log, waitText } from "../report/log.ts";
import { failureOf, type Meters, type Report, reportOf } from "../report/report.ts";
import { RULES } from "../rules.ts";
import { begin, run } from "../run.ts";
import type { Answer, Config, Decision } from "../state.ts";
import { orEnded } from "../time.ts";

/** What a session needs of its machine. */
export interface Surface {
  perform: Perform;
  sleep: (ms: number) => Promise<void>;
  /** Requests that were sent to AWS so far. */
  awsCalls: () => number;
  /** Waits for the node's lock until the signal aborts. */
  lock: (onWait: () => void, signal: AbortSignal) => Promise<Answer<Lock>>;
  log: Log;
  /** Null: stderr is no terminal. */
  live: Live | null;
  /** Milliseconds since the run began; never goes back. */
  nowMs: () => number;
  /** The wall clock, in ms since 1970. */
  wallMs: () => number;
  dice: () => number;
  runId: string;
  /** Aborts when somebody asks the process to stop. */
  stop: AbortSignal;
}

/** Runs until the goal is reached, or the reason why not is known. */
export async function hold(config: Config, surface: Surface): Promise<Report> {
  const meter = new Meter(surface);
  const worked = config.dryRun ? loop(config, surface, meter) : locked(config, surface, meter);
  const report = await orEnded(worked, surface.stop).finally(() => surface.live?.stop());
  if (report !== "ended") return report;
  const because = `${surface.stop.reason} stopped it before it was done; run it again`;
  surface.log.error(because, { rule: "stopped", exit: 3, mend: RULES.stopped.mend });
  return failureOf({ exit: 3, rule: "stopped", because, config, meters: meter.read() });
}

async function locked(config: Config, surface: Surface, meter: Meter): Promise<Report> {
  const { log, nowMs, live } = surface;
  const signal = AbortSignal.timeout(Math.max(0, config.timeoutMs - nowMs()));
  const lock = await surface.lock(() => {
    log.info("another swarm-join runs on this node; waiting for it");
    const sinceMs = nowMs();
    live?.start(() => waiting(config, surface, "another swarm-join on this node", sinceMs));
  }, signal);
  live?.stop();
  if (!lock.ok) {
    const { exit, rule, because } = lockFaulted(lock.fault);
    log.error(because, { rule, exit, mend: RULES[rule].mend });
    return failureOf({ exit, rule, because, config, meters: meter.read() });
  }
  try {
    return await loop(config, surface, meter);
  } finally {
    lock.value.release();
  }
}

async function loop(config: Config, surface: Surface, meter: Meter): Promise<Report> {
  const { live, nowMs, dice, runId } = surface;
  let waitingFor: { rule: string; what: string; sinceMs: number } | null = null;
  const underWay = new Set<{ what: string; sinceMs: number }>();
  function onDecision(decision: Decision): void {
    if (decision.kind === "look") return;
    if (!config.dryRun) surface.log.decision(decision);
    const { rule, because: what } = decision;
    const action = actionOf(decision);
    if (action !== "wait" && action !== "join") waitingFor = null;
    else {waitingFor = {
        rule,
        what,
        sinceMs: waitingFor?.rule === rule ? waitingFor.sinceMs : nowMs(),
      };}
  }
  live?.start(() => {
    const [slow] = [...underWay].filter(({ sinceMs }) => nowMs() - sinceMs >= UNSAID_MS);
    const wait = waitingFor ?? slow;
    return wait === undefined ? "" : waiting(config, surface, wait.what, wait.sinceMs);
  });
  async function shown(call: Call): Promise<AnyAnswer> {
    const mine = { what: CALLS[call.kind].waitedFor, sinceMs: nowMs() };
    underWay.add(mine);
    return await logged(call, surface).finally(() => underWay.delete(mine));
  }
  const ending = await run(begin(config, runId), {
    perform: (call) => meter.measured(call.kind, () => shown(call)),
    sleep: (ms) => meter.measured("sleep", () => surface.sleep(ms)),
    nowMs,
    dice,
    onDecision,
  });
  return reportOf({ ...ending, meters: meter.read() });
}

/** A terminal shows a call that takes longer than this. */
const UNSAID_MS = 500;

/** What a run does as far as it can, and goes on without: its failure is said, and is no end. */
const COURTESIES: readonly Call["kind"][] = ["announce", "update", "remove", "trim"];

/** A call that takes longer than this is said to be under way. */
const SLOW_MS = 5_000;

/** Says which calls are slow; and of each call its time and outcome, for those who ask for the debug level. */
async function logged(call: Call, { perform, log, nowMs }: Surface): Promise<AnyAnswer> {
  const beganMs = nowMs();
  const slow = setTimeout(
    () => log.info(`still waiting for ${CALLS[call.kind].waitedFor}`),
    SLOW_MS,
  );
  try {
    const answer = await perform(call);
    const tookMs = Math.round(nowMs() - beganMs);
    const outcome = answer.ok ? "ok" : `${answer.fault.kind}: ${answer.fault.message}`;
    log.debug(`${call.kind} ${outcome}`, { tookMs });
    if (!answer.ok && COURTESIES.includes(call.kind)) {
      log.info(`${answer.fault.message}: it goes on without`);
    }
    return answer;
  } finally {
    clearTimeout(slow);
  }
}

function waiting(
  config: Config,
  { nowMs, wallMs }: Surface,
  what: string,
  sinceMs: number,
): string {
  const deadlineWall = new Date(wallMs() + config.timeoutMs - nowMs());
  return waitText({ what, sinceMs, nowMs: nowMs(), deadlineMs: config.timeoutMs, deadlineWall });
}

/** Milliseconds by kind of call. */
class Meter {
  readonly #surface: Surface;
  readonly #phases: Record<string, number> = {};

  constructor(surface: Surface) {
    this.#surface = surface;
  }

  read(): Meters {
    const phases = Object.entries(this.#phases).map(([kind, ms]) => [kind, Math.round(ms)]);
    return {
      elapsedMs: Math.round(this.#surface.nowMs()),
      awsCalls: this.#surface.awsCalls(),
      phases: Object.fromEntries(phases),
    };
  }

  async measured<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const beganMs = this.#surface.nowMs();
    try {
      return await work();
    } finally {
      const tookMs = this.#surface.nowMs() - beganMs;
      this.#phases[phase] = (this.#phases[phase] ?? 0) + tookMs;
    }
  }
}
