/**
 * One node's run as the model checker sees it: what it may do next, given all that it may see.
 *
 * Time is taken out: a clock that may say anything stands for every duration, so waiting changes
 * nothing and what must have held for long may be found to have held. All rounds up to an act are made
 * in one step with it, just before it: whatever an EC2 read could have shown earlier it can still show
 * then; a probe that is not true any more is a fault. Reads of S3 are as old as the node's last act at
 * most, and so may be what it has seen of its Engine.
 */
import type { AnyAnswer, Call } from "../../src/effects.ts";
import type { RunState, Step } from "../../src/run.ts";
import type { Decision, Engine, Facts, Fault, Memory } from "../../src/state.ts";
import { Intern } from "./intern.ts";
import type { Code } from "./program.ts";

/** All that a node may be answered now; `faults`: whether one of its reads may fail. */
export interface View {
  answers(call: Call): AnyAnswer[];
  /** What its Engine has said since the node's last act, the present last. */
  engine: AnyAnswer[];
  /** Those that are a fault. */
  wrongAnswers(call: Call): AnyAnswer[];
  faults: boolean;
  /** Whether an act would change nothing: what it makes so is so already, and nobody else undoes it. */
  isIdle(call: Call): boolean;
  /** What was seen may not be to be seen any more later: to wait with it is a step. */
  stopsAtWaits: boolean;
}

export type Outcome =
  & {
    /** Whether a read went wrong on the way, and whether it is one that says who is where. */
    cost: number;
    blind: boolean;
    told: string;
  }
  & (
    /** `call` is made next, in `state`. */
    | { kind: "act"; call: Call; state: RunState }
    /** The node only looked, or waited. */
    | { kind: "looked"; state: RunState }
    | { kind: "end"; decision: Decision }
  );

/** Before anything has lasted; after an attempt or a failed join is over; after any patience is. */
const LATE_MS = 200_000;
const CLOCKS_MS: readonly number[] = [1_000, 20_000, LATE_MS];
const DICE = [0.26, 0.34, 0.51, 0.67, 0.76] as const;
const FAULTS: { ok: false; fault: Fault }[] = [
  { ok: false, fault: { kind: "denied", message: "" } },
  { ok: false, fault: { kind: "timeout", message: "" } },
  { ok: false, fault: { kind: "throttled", message: "" } },
];

/** What comes of what a run knows until it reads the record, waits, acts or ends. */
interface Sequel {
  outcomes: { key: string; outcome: Outcome }[];
  reads: { step: Step & { kind: "calls" }; cost: number; blind: boolean; from: number }[];
  /** Where the next round begins. */
  waits: { state: RunState; key: string; told: string; from: number }[];
}

/** Sequels by what the run knows, for all that it may be answered but the record. */
export type Sequels = Map<string, Sequel>;
/** The answers about the record that are different to a run, by the number of its memory. */
export type Records = Map<number, AnyAnswer[]>;

/**
 * Every next act, or end, of a run, each once. `known`: for views that differ by the record alone;
 * `records`: for those that show the same record.
 */
export function outcomesOf(
  code: Code,
  start: RunState,
  view: View,
  known: Sequels,
  records: Records,
): Outcome[] {
  const found = new Map<string, Outcome>();
  const waited = new Set<string>();
  const add = (outcome: Outcome, key: string): void => {
    const known = found.get(key);
    if (known === undefined || known.cost > outcome.cost) found.set(key, outcome);
  };

  /** `from`: what it has seen of its Engine, it does not see older. */
  function go(state: RunState, cost: number, blind: boolean, from: number): void {
    const { memory, facts, doing, plan, missing } = state;
    const then = doing === null && plan.length + missing.length === 0
      ? ""
      : JSON.stringify([doing, plan, missing]);
    const key = `${cost} ${blind} ${from} ${idOf(memory)} ${factsOf(facts)} ${then}`;
    let sequel = known.get(key);
    if (sequel === undefined) known.set(key, sequel = sequelOf(code, view, state, cost, blind, from));
    for (const { key, outcome } of sequel.outcomes) add(outcome, key);
    for (const { step, cost, blind, from } of sequel.reads) {
      for (const looked of answered(code, step, view, records, from)) {
        if (cost + looked.cost > 1) continue;
        go(looked.state, cost + looked.cost, blind || looked.blind, looked.from);
      }
    }
    for (const { state, key, told, from } of sequel.waits) {
      if (waited.has(key)) continue;
      waited.add(key);
      if (view.stopsAtWaits && idOf(state.memory) !== idOf(start.memory)) {
        add({ kind: "looked", cost: 0, blind: false, state, told }, `waited ${key}`);
      } else go(state, 0, false, from);
    }
  }

  go(start, 0, false, 0);
  return [...found.values()];
}

function sequelOf(
  code: Code,
  view: View,
  start: RunState,
  cost: number,
  blind: boolean,
  from: number,
): Sequel {
  const sequel: Sequel = { outcomes: [], reads: [], waits: [] };
  const acted = new Set<string>();

  function go(state: RunState, cost: number, blind: boolean, from: number): void {
    for (const step of stepsOf(code, state)) {
      if (step.kind === "end") {
        const { decision } = step;
        // One that fails does no more than one that waits for ever; that it is started again is judged there.
        if (decision.action.kind === "fail") continue;
        sequel.outcomes.push({
          key: `end ${decision.action.kind}`,
          outcome: { kind: "end", cost, blind, decision, told: tell(decision) },
        });
        continue;
      }
      const { calls, decision } = step;
      if (calls[0]?.kind === "sleep") {
        // After a read that failed nothing is known that another round would not show.
        if (cost > 0) continue;
        const state = settled(code, code.absorb(step.state, calls, [DONE], 0));
        const key = `${from} ${idOf(state.memory)} ${factsOf(state.facts)}`;
        const told = decision === null ? "waits" : tell(decision);
        sequel.waits.push({ state, key, told, from });
      } else if (step.state.doing !== null) {
        const [call] = calls;
        if (call === undefined) continue;
        // What an Engine holds changes by nothing that happens here: to ask is to look.
        const [sure] = call.kind === "contents" ? view.answers(call) : [];
        if (sure !== undefined || view.isIdle(call)) {
          go(code.absorb(step.state, calls, [sure ?? DONE], 0), cost, blind, from);
          continue;
        }
        const { memory, facts } = step.state;
        const key = `${cost} ${blind} ${JSON.stringify([call, memory, facts])}`;
        if (acted.has(key)) continue;
        acted.add(key);
        const before = canonical(step.state);
        const told = decision === null ? "goes on" : tell(decision);
        sequel.outcomes.push({
          key: `act ${JSON.stringify(call)} ${gainOf(before)} ${resultOf(code, before, call)}`,
          outcome: { kind: "act", cost, blind, call, state: before, told },
        });
      } else if (calls.some(({ kind }) => kind === "ledger")) {
        sequel.reads.push({ step, cost, blind, from });
      } else {
        for (const looked of answered(code, step, view, new Map(), from)) {
          if (cost + looked.cost > 1) continue;
          go(looked.state, cost + looked.cost, blind || looked.blind, looked.from);
        }
      }
    }
  }

  go(start, cost, blind, from);
  return sequel;
}

const contents = new Intern<null>();
const ids = new WeakMap<object, number>();

/** Equal for values that say the same and are not changed any more. */
function idOf(value: object): number {
  let id = ids.get(value);
  if (id === undefined) ids.set(value, id = contents.id(JSON.stringify(value), () => null));
  return id;
}

function factsOf(facts: Facts): string {
  return Object.entries(facts).map(([name, fact]) => `${name}${idOf(fact)}`).join();
}

interface Looked {
  state: RunState;
  cost: number;
  blind: boolean;
  from: number;
}

/** The run after these reads, for all that they may answer; at most one of them goes wrong. */
function answered(
  code: Code,
  step: Step & { kind: "calls" },
  view: View,
  records: Records,
  from: number,
): Looked[] {
  const { calls, state } = step;
  const all: Looked[] = [];
  const answers = calls.map((call) => {
    if (call.kind === "engine") return view.engine.slice(from);
    if (call.kind !== "ledger") return view.answers(call);
    const memory = idOf(state.memory);
    let different = records.get(memory);
    if (different === undefined) {
      different = differentOf(code, state, call, view.answers(call));
      records.set(memory, different);
    }
    return different;
  });
  const choose = (index: number, chosen: AnyAnswer[], cost: number, blind: boolean): void => {
    const call = calls[index];
    if (call === undefined) {
      const seen = calls.findIndex(({ kind }) => kind === "engine");
      const next = seen === -1 ? from : view.engine.indexOf(chosen[seen]!);
      all.push({ state: code.absorb(state, calls, chosen, 0), cost, blind, from: next });
      return;
    }
    for (const answer of answers[index]!) choose(index + 1, [...chosen, answer], cost, blind);
    if (view.faults && cost === 0 && REMOTE.includes(call.kind)) {
      for (const fault of FAULTS) {
        choose(index + 1, [...chosen, fault], 1, call.kind !== "probe");
      }
      for (const wrong of view.wrongAnswers(call)) {
        choose(index + 1, [...chosen, wrong], 1, blind);
      }
    }
  };
  choose(0, [], 0, false);
  return all;
}

/** Of the answers that say the same to this run one: most old reads of the log do. */
function differentOf(code: Code, state: RunState, call: Call, answers: AnyAnswer[]): AnyAnswer[] {
  const found = new Map<string, AnyAnswer>();
  for (const answer of answers) {
    const { memory, facts, missing } = code.absorb(state, [call], [answer], 0);
    const key = JSON.stringify([memory, facts, missing]);
    if (!found.has(key)) found.set(key, answer);
  }
  return [...found.values()];
}

/** What the reads of a round can have changed in the run's memory. */
function gainOf({ memory }: RunState): string {
  const { identity, confirmed, unknown, written, terminated, attemptMs } = memory;
  return `${
    identity === null
  } ${confirmed} ${unknown} ${written.length} ${attemptMs} ${terminated.join()}`;
}

const REMOTE: readonly Call["kind"][] = ["ledger", "tokens", "instances", "probe"];
const DONE: AnyAnswer = { ok: true, value: null };

/** What the node may do next for any clock and any dice, each once. Only a join is drawn by dice. */
function stepsOf(code: Code, state: RunState): Step[] {
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
function resultOf(code: Code, before: RunState, call: Call): string {
  if (endsRound(call)) return JSON.stringify(before.facts);
  const at = { kind: "object" as const, etag: "" };
  const value = call.kind === "write" ? { kind: "done" as const, at } : null;
  return keyOf(code, canonical(code.absorb(before, [call], [{ ok: true, value }], 0)));
}

export function tell({ action, rule, because }: Decision): string {
  return `${action.kind} (${rule}): ${because}`;
}
