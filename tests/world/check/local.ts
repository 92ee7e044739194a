/** The state of one node's run as the model checker tells it apart, and what it may do next. */
import type { Code } from "../program.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import type { RunState, Step } from "../../../src/run.ts";
import type { Decision, Engine, Facts, Fault, Memory } from "../../../src/state.ts";

/** Before anything has lasted; after an attempt or a failed join is over; after any patience is. */
const LATE_MS = 200_000;
const CLOCKS_MS: readonly number[] = [1_000, 20_000, LATE_MS];
/** With 0, any of up to three: a small world has no more managers. */
const DICE = [0.34, 0.67] as const;
export const DONE: AnyAnswer = { ok: true, value: null };

/** What the node may do next for any clock and any dice, each once. Only a join is drawn by dice. */
export function stepsOf(code: Code, state: RunState): Step[] {
  const steps = new Map<string, Step>();
  const add = (step: Step): Step => {
    const key = nameOf(step);
    if (!steps.has(key)) steps.set(key, step);
    return step;
  };
  const { failures, attemptMs } = state.memory;
  const clocksMs = failures.length > 0 || attemptMs !== null ? CLOCKS_MS : [LATE_MS];
  for (const clockMs of clocksMs) {
    const step = add(code.next(state, clockMs, 0));
    if (step.kind !== "calls" || step.decision === null) continue;
    const { rule, action } = step.decision;
    if (action.kind === "join") {
      for (const dice of DICE) add(code.next(state, clockMs, dice));
    } else if (action.kind === "wait") {
      // It may have been so for long.
      const memory = {
        ...state.memory,
        steady: { rule, because: "", exit: action.exit, sinceMs: 0 },
      };
      add(code.next({ ...state, memory }, LATE_MS, 0));
    }
  }
  return [...steps.values()];
}

/** The end, when that is all that is left to do, whatever the clock says. */
export function endOf(code: Code, state: RunState): Decision | null {
  let end: Decision | null = null;
  for (const step of stepsOf(code, state)) {
    if (step.kind !== "end") return null;
    if (end !== null && end.action.kind !== step.decision.action.kind) return null;
    end = step.decision;
  }
  return end;
}

/** Whether a run knows nothing that one that begins would not find as well. */
export function isFresh({ memory, doing }: RunState): boolean {
  const { written, confirmed, unknown, published, terminated, failures, attemptMs, fault, self } =
    memory;
  const lists = [written, terminated, failures];
  const values = [doing, confirmed, unknown, published, attemptMs, fault, self];
  return lists.every((list) => list.length === 0) && values.every((value) => value === null);
}

/** Tells steps from the same facts apart. */
function nameOf(step: Step): string {
  if (step.kind === "end") return `end ${step.decision.rule}`;
  const [call] = step.calls;
  const decision = step.decision === null
    ? ""
    : `${step.decision.rule} ${step.decision.action.kind}`;
  const detail = call?.kind === "join" ? `${call.address} ${call.token.digest}` : "";
  return `${decision} ${step.calls.map(({ kind }) => kind).join()} ${detail}`;
}

/** After a fault a run waits, and sees what is: that touches nobody. */
export function settled(code: Code, state: RunState): RunState {
  let after = canonical(state);
  for (let waits = 0; after.memory.fault !== null && waits < 3; waits++) {
    const step = code.next(after, 1_000, 0);
    if (step.kind === "end" || step.calls[0]?.kind !== "sleep") break;
    after = canonical(code.absorb(step.state, step.calls, [DONE], 0));
  }
  return after;
}

/** The state without what is only time, or only words. */
export function canonical(state: RunState): RunState {
  const { memory } = state;
  return {
    ...state,
    memory: {
      ...memory,
      did: [],
      failures: failuresOf(memory),
      attemptMs: memory.attemptMs === null ? null : 0,
      fault: memory.fault === null ? null : { kind: kindOf(memory.fault), message: "" },
      steady: null,
      waits: 0,
      terminated: [...memory.terminated].sort(),
    },
    facts: withCoarse(
      state.doing === null ? state.facts : lasting(state.facts, state.plan.slice(0, 1)),
    ),
    doing: state.doing === null
      ? null
      : { action: state.doing.action, rule: state.doing.rule, because: "", warnings: [] },
    missing: [],
  };
}

function withCoarse(facts: Facts): Facts {
  const { engine } = facts;
  if (!engine?.ok) return facts;
  const value = coarse(engine.value);
  return value === engine.value ? facts : { ...facts, engine: { ok: true, value } };
}

/** Of how many nodes a swarm has only counts whether they are more than one. */
export function coarse(engine: Engine): Engine {
  const { swarm } = engine;
  return swarm === null || swarm.nodes < 3 ? engine : { ...engine, swarm: { ...swarm, nodes: 2 } };
}

const ENDS_ROUND: readonly Call["kind"][] = ["join", "leave", "init", "retract", "contents"];

/** Of what was seen, that which may still be known after these calls. */
function lasting(facts: Facts, calls: Call[]): Facts {
  const isNext = (...kinds: Call["kind"][]): boolean =>
    calls.some(({ kind }) => kinds.includes(kind));
  if (isNext("write", "publish")) return facts;
  const { ledger, tokens, answering } = facts;
  return {
    ...(ledger && isNext(...ENDS_ROUND) && { ledger }),
    ...(tokens && isNext("join", "init", "retract") && { tokens }),
    ...(answering && isNext("join") && { answering }),
  };
}

function failuresOf({ failures }: Memory): Memory["failures"] {
  const unique = new Map(
    failures.map((failure) => [
      `${failure.address} ${failure.digest} ${failure.kind}`,
      { ...failure, atMs: 0 },
    ]),
  );
  return [...unique].sort(([a], [b]) => a < b ? -1 : 1).map(([, failure]) => failure);
}

function kindOf({ kind }: Fault): Fault["kind"] {
  return kind === "unreachable" || kind === "malformed" ? "timeout" : kind;
}

/**
 * Names a canonical state; the config follows from the machine. Of what was seen in a round only what
 * comes of it counts: where the next acts are decided, these stand for it, with what they lead to.
 */
export function keyOf(code: Code, state: RunState): string {
  const { memory, facts, doing, plan } = state;
  if (doing !== null || Object.keys(facts).length < 2) {
    return JSON.stringify([memory, facts, doing, plan]);
  }
  const steps = stepsOf(code, state);
  const isDecided = steps.every((step) =>
    step.kind === "end" || step.state.doing !== null || waits(step)
  );
  if (!isDecided) return JSON.stringify([memory, facts]);
  const ending = steps.flatMap((step) =>
    step.kind === "end" ? [] : step.calls.slice(0, 1).filter(endsRound)
  );
  const next = steps.map((step) => {
    if (step.kind === "end" || waits(step)) return nameOf(step);
    if (isLost(step)) return "a lost write";
    const [call] = step.calls;
    const isLast = call === undefined || endsRound(call);
    return [nameOf(step), step.calls, isLast ? null : resultOf(code, step.state, call)];
  });
  return JSON.stringify([memory, ending.length > 0 ? lasting(facts, ending) : {}, next]);
}

/** Whether a step ends the round with a wait, after which nothing that was seen counts. */
function waits(step: Step): boolean {
  return step.kind === "calls" && step.calls[0]?.kind === "sleep" &&
    step.decision?.rule !== "throttled";
}

/** Whether a step is a write on a version that was overwritten: whatever it says, it does not count. */
function isLost(step: Step): boolean {
  const [call] = step.kind === "calls" ? step.calls : [];
  if (call?.kind !== "write") return false;
  const { at } = call;
  return at.kind === "log" ? at.head === 0 : at.kind === "object" && at.etag === "etag-0";
}

/** After these the Engine is another, and most of what was seen does not count any more. */
function endsRound(call: Call): boolean {
  return ENDS_ROUND.includes(call.kind);
}

/** What tells two acts apart that are the same call: what a good answer leads to, beside the memory. */
export function resultOf(code: Code, before: RunState, call: Call): string {
  if (endsRound(call)) return JSON.stringify(before.facts);
  const at = { kind: "object" as const, etag: "" };
  const value = call.kind === "write" ? { kind: "done" as const, at } : null;
  return keyOf(code, canonical(code.absorb(before, [call], [{ ok: true, value }], 0)));
}

export function tell({ action, rule, because }: Decision): string {
  return `${action.kind} (${rule}): ${because}`;
}
