/**
 * Lifecycle hooks of this machine's Auto Scaling group, which hold it while it comes or goes. They are
 * completed once a run's goal is reached, and told meanwhile that it takes longer. Both are courtesies: what
 * can't be asked or told is said, and the run goes on; Auto Scaling then waits for as long as the hook says.
 */
import { faulted } from "./faults.ts";
import { heldMs, leftMs } from "./patience.ts";
import { roleOf } from "./role.ts";
import { act, look, wait } from "./verdict.ts";
import type { Hook, LifecycleHook } from "../shown.ts";
import type {
  Acting,
  Decision,
  End,
  Fault,
  FaultKind,
  Finding,
  Observation,
  Waiting,
} from "../state.ts";

type Transition = LifecycleHook["transition"];

/** As Auto Scaling calls it; of a machine that comes into a warm pool, or goes out of one, with `Warmed:` before it. */
const STATES: { readonly [T in Transition]: string } = {
  launching: "Pending",
  terminating: "Terminating",
};

/** What is not answered for this long is gone on without. */
const TELLING_MS = 30_000;
/** What a later try may make well; `declined` also by a complete that came too early. */
const PASSING: readonly FaultKind[] = [
  "throttled",
  "unreachable",
  "timeout",
  "malformed",
  "declined",
];

/** Completes the hooks that hold this machine, then goes on to `rest`. `notYet`: what they are held for. */
export function completed(
  o: Observation,
  transition: Transition,
  rest: End | Waiting,
  notYet: string | null = null,
): Decision {
  const { hook: fact } = o.facts;
  if (fact === undefined) return look({ kind: "hook" });
  if (!fact.ok) return untold(o, [fact.fault], rest);
  if (fact.value === null) return untold(o, [noGroup(o)], rest);
  const { group, state } = fact.value;
  const own = ownHooks(fact.value, transition);
  const is = state.replace(/^Warmed:/, "");
  if (own.length === 0 || !is.startsWith(STATES[transition])) return rest;
  const names = own.map(({ name }) => name).join(", ");
  if (is === STATES[transition]) {
    const because =
      `the lifecycle hook ${names} of ${group} does not hold this machine yet (${state})`;
    // Load balancers let go of it first, for minutes; a launch gets there in seconds.
    const isOver = transition === "launching"
      ? heldMs(o, "hook-pending") >= TELLING_MS
      : leftMs(o) === 0;
    if (!isOver) return wait(o, "hook-pending", because);
    // Who keeps asks again: load balancers may take longer than a run.
    const end = warned(rest, [because]);
    return transition === "launching" ? end : { ...end, rule: "hook-pending" };
  }
  if (is !== `${STATES[transition]}:Wait`) return rest;
  if (notYet !== null) return wait(o, "hook-pending", notYet);
  const told = o.memory.told.filter((one) => one.act === "complete");
  const next = own.find(({ name }) => !told.some(({ hook }) => hook === name));
  if (next !== undefined) {
    const because = `${rest.because}: Auto Scaling need hold it no longer`;
    return act({ kind: "complete", group, hook: next.name }, "complete-hook", because);
  }
  return untold(o, told.flatMap(({ fault }) => fault ?? []), rest);
}

/** Its metadata know of a group, so that an answer without one may just be old; or it was detached from it. */
function noGroup({ memory: { identity } }: Observation): Fault {
  const message = `it shows no group of ${identity?.instance}, whose metadata know of one`;
  return { kind: "malformed", message };
}

/** Tries once more what may pass; says what does not. */
function untold(o: Observation, faults: Fault[], rest: End | Waiting): Decision {
  const passing = faults.find(({ kind }) => PASSING.includes(kind));
  if (passing === undefined || heldMs(o, "hook-pending") >= TELLING_MS || leftMs(o) === 0) {
    return warned(rest, faults.map(({ message }) => message));
  }
  return wait(o, "hook-pending", passing.message);
}

function warned(rest: End | Waiting, messages: string[]): End | Waiting {
  if (rest.kind === "wait") return rest;
  return { ...rest, warnings: [...rest.warnings, ...messages.map(unheard)] };
}

function unheard(message: string): string {
  return `Auto Scaling was not told: ${message}`;
}

/** The shortest time that a hook may have. */
const HEARTBEAT_MIN_MS = 30_000;

/** Whether this machine is in an Auto Scaling group, or was: the metadata say so by themselves. */
export function isInGroup({ memory: { lifecycle } }: Observation): boolean {
  return (lifecycle?.target ?? null) !== null;
}

/** Whether Auto Scaling says that this machine goes, for good or into a warm pool, so that a hook may hold it. */
export function isGoingByGroup({ memory: { lifecycle } }: Observation): boolean {
  return /^(?:Terminated$|Warmed:)/.test(lifecycle?.target ?? "");
}

/**
 * What a leave that Auto Scaling waits for does before it waits itself: once half of a hook's time is over
 * since the run began, or it was asked last, it sends a heartbeat. Null: nothing is due.
 */
export function heartbeat(o: Observation): Acting | (Decision & { kind: "look" }) | null {
  const { memory: { hook: last, hookMs, told }, facts: { hook: fact }, nowMs } = o;
  if (fact === undefined) {
    const own = last === null ? null : ownHooks(last, "terminating");
    // Of no hook this is never.
    const timeMs = own?.map(({ heartbeatMs }) => heartbeatMs) ?? [HEARTBEAT_MIN_MS];
    return nowMs - hookMs < Math.min(...timeMs) / 2 ? null : look({ kind: "hook" });
  }
  if (!fact.ok || fact.value === null || !/^(?:Warmed:)?Terminating:Wait$/.test(fact.value.state)) {
    return null;
  }
  const { group } = fact.value;
  const next = ownHooks(fact.value, "terminating")
    .find(({ name }) => !told.some((one) => one.act === "heartbeat" && one.hook === name));
  if (next === undefined) return null;
  const because = `it is not out yet, and the hook would time out after ${
    next.heartbeatMs / 1_000
  } s`;
  return act({ kind: "heartbeat", group, hook: next.name }, "hook-heartbeat", because);
}

/** Those of this tool, by their names; all, where no hook of the group has such a name. */
function ownHooks({ hooks }: Hook, transition: Transition): LifecycleHook[] {
  const named = hooks.filter(({ name }) => name.startsWith("swarm-join"));
  return (named.length > 0 ? named : hooks).filter((hook) => hook.transition === transition);
}

/** What a survey says of a machine that is in a group: whether a hook gives it the time to leave. */
export function hooksFound(o: Observation): Finding[] {
  const { hook: fact } = o.facts;
  if (fact === undefined || (fact.ok && fact.value === null)) return [];
  if (!fact.ok) return unasked(o, fact.fault);
  const { group } = fact.value!;
  const own = ownHooks(fact.value!, "terminating");
  // A manager that goes too soon stays a voter.
  const severity = roleOf(o) === "manager" ? "warning" : "note";
  if (own.length === 0) {
    const because =
      `${group} has no hook of terminating instances for swarm-join: a shutdown gives a leave a few minutes at most`;
    return [{ rule: "hook-missing", severity, because }];
  }
  return own.filter(({ heartbeatMs }) => heartbeatMs < SHORT_MS)
    .map(({ name, heartbeatMs }) => ({
      rule: "hook-short",
      severity,
      because: `the hook ${name} of ${group} times out after ${heartbeatMs / 1_000} s`,
    }));
}

/** A leave can't do without what is denied, and goes on: it is no error. */
function unasked(o: Observation, fault: Fault): Finding[] {
  const decision = faulted(o, fault);
  if (decision.kind === "look") return [];
  const because = `${fault.message}; a leave can't tell Auto Scaling then that it is out`;
  return [{ rule: decision.rule, severity: fault.kind === "denied" ? "warning" : "note", because }];
}

/** A leave sends its first heartbeat after 15 s; and it may have to be begun again. */
const SHORT_MS = 120_000;
