/**
 * How long a run waits: the backoff between two looks, how long a bad sign must hold before it is
 * believed, and the deadline. Times in milliseconds.
 */
import { roleAsked } from "./role.ts";
import type { Rule } from "../rules.ts";
import type { Acting, End, Observation, Waiting } from "../state.ts";

/** The shortest and the longest backoff between two looks at what somebody else changes. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MAX_MS = 20_000;
const BASES_MS: { readonly [R in Rule]?: number } = {
  // A manager that boots takes about this long from its first look to its founding.
  "no-swarm-yet": 1_500,
  // Somebody has just written: what there is to read is there.
  "write-lost": 250,
};
/**
 * EC2's request limits are shared: a worker that was refused makes room for long, or a herd spends all
 * that EC2 gives on refusals. With 20 requests a second, 10,000 nodes take eight minutes whatever they
 * do. The few managers, whom all others wait for, don't.
 */
const WORKER_THROTTLED_BASE_MS = 35_000;
const WORKER_THROTTLED_MAX_MS = 240_000;
const MANAGER_THROTTLED_MAX_MS = 4_000;
/** The local Engine changes quickly, and asking it costs nobody else anything. */
const LOCAL_MAX_MS = 2_000;

/** EC2's reads are eventually consistent: what a person would have to mend must hold for this long. */
export const CONFLICT_MS = 3 * 60_000;
/** A machine that boots: the Engine starts, the role's credentials and tags arrive. */
export const BOOT_MS = 60_000;
/** IAM's own changes take seconds to be seen. */
export const DENIED_MS = 30_000;
/** How long an attempt to join may go on in the background before it is given up. */
export const ATTEMPT_MS = 15_000;
/** How long a member may take from its registration to its membership, as a rule. */
export const JOINING_MS = 30_000;
/** When a manager that would not let this node join is tried again. */
export const RETRY_MS = 15_000;

const LOCAL_RULES: readonly Rule[] = ["attempt-pending", "engine-starting", "engine-unavailable"];

/** Full jitter: anything from nothing to a bound that grows with each wait in a row. */
export function backoffMs(o: Observation, rule: Rule): number {
  const bound = boundMs(o, rule);
  const left = Math.max(0, o.config.timeoutMs - o.nowMs);
  return Math.min(left, Math.ceil(bound * (0.1 + 0.9 * o.dice)));
}

function boundMs(o: Observation, rule: Rule): number {
  const doublings = Math.min(o.memory.waits, 10);
  if (rule === "throttled") {
    return roleAsked(o) === "manager"
      ? Math.min(MANAGER_THROTTLED_MAX_MS, BACKOFF_BASE_MS * 2 ** doublings)
      : Math.min(WORKER_THROTTLED_MAX_MS, WORKER_THROTTLED_BASE_MS * 2 ** doublings);
  }
  const max = LOCAL_RULES.includes(rule) ? LOCAL_MAX_MS : BACKOFF_MAX_MS;
  return Math.min(max, (BASES_MS[rule] ?? BACKOFF_BASE_MS) * 2 ** doublings);
}

/**
 * Holds a decision against the clock: a failure waits until it has held for its `afterMs`, and at the
 * run's deadline waiting becomes failing. A dry run looks once, so it says what would come in the end.
 */
export function bounded(o: Observation, decision: Acting | Waiting | End): Acting | Waiting | End {
  if (o.config.dryRun) return decision;
  const { rule, because } = decision;
  if (decision.kind === "end" && decision.exit !== 0) {
    const { steady } = o.memory;
    const heldMs = steady?.rule === rule ? o.nowMs - steady.sinceMs : 0;
    if (isLate(o) || heldMs >= decision.afterMs) return decision;
    const { exit } = decision;
    return { kind: "wait", ms: backoffMs(o, rule), exit, keeps: "nothing", rule, because };
  }
  if (!isLate(o) || decision.kind === "end") return decision;
  const exit = decision.kind === "wait" ? decision.exit : 3;
  return overdue(o) ?? endOf(exit, rule, because);
}

/** After the deadline: the failure that the run has been waiting against, if it waited. */
export function overdue(o: Observation): End | null {
  const { steady } = o.memory;
  if (!isLate(o) || o.config.dryRun || steady === null) return null;
  return endOf(steady.exit, steady.rule, steady.because);
}

function endOf(exit: End["exit"], rule: Rule, because: string): End {
  return { kind: "end", exit, afterMs: 0, rule, because, warnings: [], findings: [] };
}

function isLate({ nowMs, config }: Observation): boolean {
  return nowMs >= config.timeoutMs;
}
