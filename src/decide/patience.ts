/**
 * How long a run waits: the backoff between two looks, how long a bad sign must hold before it is
 * believed, and the deadline. Times in milliseconds.
 */
import { roleAsked } from "./role.ts";
import type { Rule } from "../rules.ts";
import type { Acting, End, Memory, Observation, Waiting } from "../state.ts";

/** The shortest and the longest backoff between two looks at what somebody else changes. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MAX_MS = 20_000;
const BACKOFF_LONG_MS = 60_000;
const BASES_MS: { readonly [R in Rule]?: number } = {
  // A manager that boots takes about this long from its first look to its founding.
  "no-swarm-yet": 1_500,
  // Somebody has just written: what there is to read is there.
  "write-lost": 250,
  // The machine is held for as long as this takes.
  "hook-pending": 1_000,
};
/**
 * How long a worker makes room at most after each refusal in a row. EC2's request limits are shared: the
 * first refusals cost it seconds, as in a small swarm there are no more; who is still refused then is one
 * of a herd, which would spend all that EC2 gives on refusals. With 20 requests a second, 10,000 nodes
 * take eight minutes whatever they do. The few managers, whom all others wait for, never wait long.
 */
const WORKER_THROTTLED_MS = [3_000, 12_000, 80_000, 120_000, 240_000] as const;
const MANAGER_THROTTLED_MAX_MS = 4_000;
/** The local Engine changes quickly, and asking it costs nobody else anything. */
const LOCAL_MAX_MS = 2_000;

/** EC2's reads are eventually consistent: what a person would have to mend must hold for this long. */
export const CONFLICT_MS = 3 * 60_000;
/** What is refused, or says nothing that can be believed, has to hold for this long. */
export const STRANGE_MS = 60_000;
/** What a boot may bring late (Docker, the metadata, a role, a tag, a policy) is waited for to the end. */
export const LATE_MS = Infinity;
/** A member whose Engine is not up in this time, while its swarm's managers answer, may be none any more. */
export const STARTING_MS = 60_000;
/** How long an attempt to join may go on in the background before it is given up. */
export const ATTEMPT_MS = 15_000;
/** How long a member may take from its registration to its membership, as a rule. */
export const JOINING_MS = 30_000;
/** When a manager that would not let this node join is tried again. */
const RETRY_MS = 15_000;
const RETRY_MAX_MS = 2 * 60_000;
const RETRY_ONE_WAY_MAX_MS = 5 * 60_000;

/** When who leaves waits for nobody's turn any more. */
const RUSHED_MS = 60_000;

const LOCAL_RULES: readonly Rule[] = [
  "attempt-pending",
  "engine-starting",
  "engine-unavailable",
  "demotion-pending",
  "tasks-running",
];

/** Full jitter: anything from nothing to a bound that grows with each wait in a row. */
export function backoffMs(o: Observation, rule: Rule): number {
  const bound = boundMs(o, rule);
  const left = Math.max(0, o.config.timeoutMs - o.nowMs);
  return Math.min(left, Math.ceil(bound * (0.1 + 0.9 * o.dice)));
}

function boundMs(o: Observation, rule: Rule): number {
  const doublings = Math.min(o.memory.waits, 10);
  if (rule === "throttled") {
    const { refusals } = o.memory;
    return roleAsked(o) === "manager"
      ? Math.min(MANAGER_THROTTLED_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(refusals, 10))
      : WORKER_THROTTLED_MS[Math.min(refusals, WORKER_THROTTLED_MS.length - 1)]!;
  }
  // An Engine that takes long to come up is not the only one that is asked any more.
  const isLocal = LOCAL_RULES.includes(rule) && startedMs(o) < STARTING_MS;
  // Who waits for long is often one of many that do, and each look costs all of them.
  const isLong = heldMs(o, rule) > CONFLICT_MS;
  const max = isLocal ? LOCAL_MAX_MS : isLong ? BACKOFF_LONG_MS : BACKOFF_MAX_MS;
  const base = BASES_MS[rule];
  if (base === undefined) return Math.min(max, BACKOFF_BASE_MS * 2 ** doublings);
  // What is waited for at another pace begins so, however long others were waited for before.
  const isSame = o.memory.steady?.rule === rule;
  return Math.min(max, base * (isSame ? 2 ** doublings : 1));
}

/**
 * How long after a failed join whoever refused it is left alone. Tries come further and further apart: each
 * costs a manager two writes of the record; and where the managers could not reach this node back, it leaves a
 * dead node in their list. A first one may just have met a change of leader.
 */
export function retryMs({ failures }: Memory, { kind }: Memory["failures"][number]): number {
  const isOneWay = kind === "one-way";
  const tries = failures.filter((one) => (one.kind === "one-way") === isOneWay).length;
  if (!isOneWay) {
    // An attempt that goes on behind is given up only after that.
    const underWayMs = kind === "pending" ? ATTEMPT_MS : 0;
    return Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.max(0, tries - 2)) + underWayMs;
  }
  return Math.min(RETRY_ONE_WAY_MAX_MS, RETRY_MS * 2 ** tries);
}

/** Since how long this node's Engine, a member, has been coming up, in ms. */
export function startedMs({ memory: { startingMs }, nowMs }: Observation): number {
  return startingMs === null ? 0 : nowMs - startingMs;
}

/** What is left of the run's time, in ms. */
export function leftMs({ config, nowMs }: Observation): number {
  return Math.max(0, config.timeoutMs - nowMs);
}

/** Whether half of its time is over. */
export function isLate(o: Observation): boolean {
  return leftMs(o) < o.config.timeoutMs / 2;
}

/** Whether its deadline is near: of a short time the second half. */
export function isRushed(o: Observation): boolean {
  return leftMs(o) < Math.min(RUSHED_MS, o.config.timeoutMs / 2);
}

/** Since how long this rule has kept the run waiting, in ms. */
export function heldMs({ memory: { steady }, nowMs }: Observation, rule: Rule): number {
  return steady?.rule === rule ? nowMs - steady.sinceMs : 0;
}

/**
 * Holds a decision against the clock: a failure waits until it has held for its `afterMs`, and at the
 * run's deadline waiting becomes failing. A dry run looks once, so it says what would come in the end.
 */
export function bounded(o: Observation, decision: Acting | Waiting | End): Acting | Waiting | End {
  if (o.config.dryRun) return decision;
  const { rule, because } = decision;
  if (decision.kind === "end" && decision.exit !== 0) {
    if (isOver(o) || heldMs(o, rule) >= decision.afterMs) return decision;
    const { exit } = decision;
    return { kind: "wait", ms: backoffMs(o, rule), exit, keeps: "nothing", rule, because };
  }
  if (!isOver(o) || decision.kind === "end") return decision;
  const exit = decision.kind === "wait" ? decision.exit : 3;
  return overdue(o) ?? endOf(exit, rule, because);
}

/** After the deadline: what the run has been waiting against, else the join that failed last. */
export function overdue(o: Observation): End | null {
  const { steady, failures } = o.memory;
  if (!isOver(o) || o.config.dryRun) return null;
  if (steady !== null) return endOf(steady.exit, steady.rule, steady.because);
  const last = failures.at(-1);
  return last === undefined ? null : endOf(3, "joins-failed", last.message);
}

function endOf(exit: End["exit"], rule: Rule, because: string): End {
  return { kind: "end", exit, afterMs: 0, rule, because, warnings: [], findings: [] };
}

function isOver({ nowMs, config }: Observation): boolean {
  return nowMs >= config.timeoutMs;
}
