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
import type { Answer, Config, Decision, Facts } from "../state.ts";
import { orEnded, within } from "../time.ts";

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

/** What a run came to, its Engine as its last decision saw it, and whether it was stopped before its end. */
interface Held {
  report: Report;
  engine: Facts["engine"];
  isCut: boolean;
}

/** Runs until the goal is reached, or the reason why not is known, and says so if it was stopped before. */
export async function holdOnce(config: Config, surface: Surface): Promise<Report> {
  const { report, isCut } = await hold(config, surface);
  const { because, rule, exit } = report;
  if (isCut) surface.log.error(because, { rule, exit, mend: RULES[rule].mend });
  return report;
}

/** The same, without a word. The lock is free again when it returns, and nothing more is done. */
export async function hold(config: Config, surface: Surface): Promise<Held> {
  const meter = new Meter(surface);
  const worked = config.dryRun ? loop(config, surface, meter) : locked(config, surface, meter);
  const held = await orEnded(worked, surface.stop).finally(() => surface.live?.stop());
  if (held !== "ended") return held;
  const because = `${surface.stop.reason} stopped it before it was done; run it again`;
  return { ...unheld({ exit: 3, rule: "stopped", because }, config, meter), isCut: true };
}

function unheld(
  why: Pick<Report, "exit" | "rule" | "because">,
  config: Config,
  meter: Meter,
): Held {
  const report = failureOf({ ...why, config, meters: meter.read() });
  return { report, engine: undefined, isCut: false };
}

async function locked(config: Config, surface: Surface, meter: Meter): Promise<Held | "ended"> {
  const { log, nowMs, live, stop } = surface;
  const signal = within(Math.max(0, config.timeoutMs - nowMs()), stop);
  const lock = await surface.lock(() => {
    log.info("another swarm-join runs on this node; waiting for it");
    const sinceMs = nowMs();
    live?.start(() => waiting(config, surface, "another swarm-join on this node", sinceMs));
  }, signal);
  live?.stop();
  if (stop.aborted) {
    if (lock.ok) lock.value.release();
    return "ended";
  }
  if (!lock.ok) {
    const { exit, rule, because } = lockFaulted(lock.fault);
    log.error(because, { rule, exit, mend: RULES[rule].mend });
    return unheld({ exit, rule, because }, config, meter);
  }
  try {
    return await orEnded(loop(config, surface, meter), stop);
  } finally {
    lock.value.release();
  }
}

async function loop(config: Config, surface: Surface, meter: Meter): Promise<Held> {
  const { live, nowMs, dice, runId } = surface;
  let waitingFor: { rule: string; what: string; sinceMs: number } | null = null;
  const underWay = new Set<{ what: string; sinceMs: number }>();
  function onDecision(decision: Decision): void {
    if (decision.kind === "look" || surface.stop.aborted) return;
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
  const report = reportOf({ ...ending, meters: meter.read() });
  return { report, engine: ending.observation.facts.engine, isCut: false };
}

/** A terminal shows a call that takes longer than this. */
const UNSAID_MS = 500;

/** What a run does as far as it can, and goes on without: its failure is said, and is no end. */
const COURTESIES: readonly Call["kind"][] = [
  "announce",
  "update",
  "remove",
  "complete",
  "heartbeat",
  "trim",
];

/** A call that takes longer than this is said to be under way. */
const SLOW_MS = 5_000;

/** Says which calls are slow; and of each call its time and outcome, for those who ask for the debug level. */
async function logged(call: Call, { perform, log, nowMs, stop }: Surface): Promise<AnyAnswer> {
  const beganMs = nowMs();
  const slow = setTimeout(
    () => log.info(`still waiting for ${CALLS[call.kind].waitedFor}`),
    SLOW_MS,
  );
  try {
    const answer = stop.aborted ? "ended" : await orEnded(perform(call), stop);
    // A run that was stopped does nothing more.
    if (answer === "ended") {
      clearTimeout(slow);
      return await new Promise(() => {});
    }
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
