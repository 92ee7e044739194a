/**
 * One run from the command line to its report: the node lock, the loop, the log, and the dry run's
 * question about permissions.
 */
import { Live } from "../report/live.ts";
import type { Lock } from "./lock.ts";
import { Log, waitText } from "../report/log.ts";
import { failureOf, type Meters, type Report, reportOf } from "../report/report.ts";
import { orEnded } from "../time.ts";
import { begin, observationOf, run, type Step } from "../run.ts";
import type { AnyAnswer, Call, Perform } from "../calls.ts";
import type {
  Answer,
  Config,
  Decision,
  FailExit,
  Fault,
  Identity,
  Instance,
  Observation,
  Permission,
  Role,
} from "../state.ts";

/** What a session needs of its machine. */
export interface Surface {
  perform: Perform;
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

/** Runs until the node is a member, or the reason why not is known. */
export async function hold(config: Config, surface: Surface): Promise<Report> {
  const meter = new Meter(surface);
  const worked = config.dryRun ? plan(config, surface, meter) : join(config, surface, meter);
  const report = await orEnded(worked, surface.stop);
  surface.live?.stop();
  if (report !== "ended") return report;
  const because =
    `${surface.stop.reason} stopped it before it knew this node a member; run it again`;
  surface.log.error(because, { rule: "stopped", exit: 3 });
  return failureOf({
    exit: 3,
    rule: "stopped",
    because,
    cluster: config.cluster,
    meters: meter.read(),
  });
}

async function join(config: Config, surface: Surface, meter: Meter): Promise<Report> {
  const { log, nowMs, live } = surface;
  const signal = AbortSignal.timeout(Math.max(0, config.timeoutMs - nowMs()));
  const lock = await surface.lock(() => {
    log.info("another swarm-join runs on this node; waiting for it");
    live?.start(waiting(config, surface, "another swarm-join on this node", nowMs()));
  }, signal);
  live?.stop();
  if (!lock.ok) {
    const { fault } = lock;
    log.error(fault.message, { rule: "node-lock" });
    return failureOf({
      exit: exitOf(fault),
      rule: "node-lock",
      because: fault.message,
      cluster: config.cluster,
      meters: meter.read(),
    });
  }
  try {
    const { decision, observation } = await loop(config, surface, meter);
    return reportOf({ decision, observation, permissions: null, meters: meter.read() });
  } finally {
    lock.value.release();
  }
}

async function plan(config: Config, surface: Surface, meter: Meter): Promise<Report> {
  const asked = new Map<Role, Promise<AnyAnswer>>();
  const ask = (role: Role): Promise<AnyAnswer> => {
    const answer = asked.get(role) ??
      meter.measured(surface.perform)({ kind: "permissions", role });
    asked.set(role, answer);
    return answer;
  };
  // Beside whatever else is read: the answers do not depend on each other.
  const perform: Perform = async (call) => {
    const answer = await surface.perform(call);
    const role = roleTold(config, call, answer);
    if (role !== null) void ask(role);
    return answer;
  };
  const { decision, observation } = await loop(config, { ...surface, perform }, meter);
  const { role } = reportOf({ decision, observation, permissions: null, meters: meter.read() });
  const permissions = role !== null && observation.memory.identity !== null
    ? await ask(role) as Answer<Permission[]>
    : null;
  return reportOf({ decision, observation, permissions, meters: meter.read() });
}

/** The role that this answer shows the node to have; null: it tells none. */
function roleTold(config: Config, { kind }: Call, answer: AnyAnswer): Role | null {
  if (!answer.ok || (kind !== "identity" && kind !== "self")) return null;
  const { roleTag } = answer.value as Identity | Instance ?? { roleTag: null };
  const role = config.role === "auto" ? roleTag : config.role;
  return role === "manager" || role === "worker" ? role : null;
}

async function loop(
  config: Config,
  surface: Surface,
  meter: Meter,
): Promise<{ decision: Decision; observation: Observation }> {
  const { log, live, nowMs, dice, runId, perform } = surface;
  let last: Observation | null = null;
  let waitingFor: { rule: string; sinceMs: number } | null = null;
  function onStep(step: Step, observation: Observation): void {
    last = observation;
    const { decision } = step;
    if (decision === null) return;
    if (step.kind === "calls" || !config.dryRun) log.decision(decision);
    const { rule, because, action } = decision;
    if (action.kind !== "wait" && action.kind !== "join") {
      waitingFor = null;
      live?.stop();
      return;
    }
    if (waitingFor?.rule !== rule) waitingFor = { rule, sinceMs: nowMs() };
    live?.start(waiting(config, surface, because, waitingFor.sinceMs));
  }
  const machine = { perform: meter.measured(logged(perform, surface)), nowMs, dice, onStep };
  const { decision, state } = await run(begin(config, runId), machine);
  return { decision, observation: last ?? observationOf(state, nowMs(), 0) };
}

/** What is being waited for while a call is under way. */
const WAITED_FOR: { [K in Exclude<Call["kind"], "sleep">]: string } = {
  identity: "the instance metadata",
  self: "EC2 to show this instance",
  engine: "the Docker Engine",
  contents: "the Docker Engine to count what is in its swarm",
  ledger: "the founding record",
  tokens: "the tokens that are shown",
  instances: "EC2 to show the members",
  probe: "the managers to answer",
  permissions: "AWS to say what is allowed",
  write: "the founding record to be written",
  publish: "the tokens to be published",
  retract: "old tokens to be removed",
  init: "the Docker Engine to init a swarm",
  join: "the Docker Engine to join",
  leave: "the Docker Engine to leave",
};
/** A call that takes longer than this is said to be under way. */
const SLOW_MS = 5_000;

/** Says which calls are slow; and of each call its time and outcome, for those who ask for the debug level. */
function logged(perform: Perform, { log, nowMs }: Surface): Perform {
  return async (call: Call): Promise<AnyAnswer> => {
    const beganMs = nowMs();
    const slow = call.kind === "sleep" ? undefined : setTimeout(
      (kind: keyof typeof WAITED_FOR) => log.info(`still waiting for ${WAITED_FOR[kind]}`),
      SLOW_MS,
      call.kind,
    );
    try {
      const answer = await perform(call);
      const tookMs = Math.round(nowMs() - beganMs);
      const outcome = answer.ok ? "ok" : `${answer.fault.kind}: ${answer.fault.message}`;
      log.debug(`${call.kind} ${outcome}`, { tookMs });
      return answer;
    } finally {
      clearTimeout(slow);
    }
  };
}

function waiting(
  config: Config,
  { nowMs, wallMs }: Surface,
  what: string,
  sinceMs: number,
): () => string {
  const deadlineWall = new Date(wallMs() + config.timeoutMs - nowMs());
  const deadlineMs = config.timeoutMs;
  return () => waitText({ what, sinceMs, nowMs: nowMs(), deadlineMs, deadlineWall });
}

/** What the lock's fault means for the process. */
function exitOf({ kind }: Fault): FailExit {
  return kind === "timeout" ? 3 : kind === "denied" ? 4 : 6;
}

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

  measured(perform: Perform): Perform {
    return async (call) => {
      const beganMs = this.#surface.nowMs();
      try {
        return await perform(call);
      } finally {
        const tookMs = this.#surface.nowMs() - beganMs;
        this.#phases[call.kind] = (this.#phases[call.kind] ?? 0) + tookMs;
      }
    };
  }
}
