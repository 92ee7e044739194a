/**
 * One node's run as the model checker sees it: what it may do next, given all that it may see.
 *
 * Time is taken out: a clock that may say anything stands for every duration, so waiting changes
 * nothing and what must have held for long may be found to have held. All rounds up to an act are made
 * in one step with it, just before it: whatever an EC2 read could have shown earlier it can still show
 * then; a probe that is not true any more is a fault. Reads of S3 are as old as the node's last act at
 * most, and so may be what it has seen of its Engine.
 */
import { Intern } from "./intern.ts";
import { canonical, DONE, resultOf, settled, stepsOf, tell } from "./local.ts";
import type { Code } from "../program.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import type { RunState, Step } from "../../../src/run.ts";
import type { Decision, Fault } from "../../../src/state.ts";

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

const FAULTS: { ok: false; fault: Fault }[] = [
  { ok: false, fault: { kind: "denied", message: "" } },
  { ok: false, fault: { kind: "timeout", message: "" } },
  { ok: false, fault: { kind: "throttled", message: "" } },
];

/** What comes of what a run knows until it reads the record, waits, acts or ends. */
interface Sequel {
  outcomes: { key: string; outcome: Outcome }[];
  reads: Reading[];
  /** Where the next round begins. */
  waits: { state: RunState; key: string; told: string; from: number }[];
}

interface Reading {
  key: string;
  step: Step & { kind: "calls" };
  cost: number;
  blind: boolean;
  from: number;
}

/** Sequels by what the run was answered, for all that it may be answered but the record. */
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
  function go(
    key: string,
    state: () => RunState,
    cost: number,
    blind: boolean,
    from: number,
  ): void {
    let sequel = known.get(key);
    if (sequel === undefined) {
      known.set(key, sequel = sequelOf(code, view, known.size, state(), cost, blind, from));
    }
    for (const { key, outcome } of sequel.outcomes) add(outcome, key);
    for (const reading of sequel.reads) {
      const { step, blind } = reading;
      for (const looked of answered(code, step, view, records, reading.from)) {
        const cost = reading.cost + looked.cost;
        if (cost > 1) continue;
        go(
          `${reading.key} ${cost} ${looked.from} ${looked.answers.map(idOf).join()}`,
          () => code.absorb(step.state, step.calls, looked.answers, 0),
          cost,
          blind || looked.blind,
          looked.from,
        );
      }
    }
    for (const { state, key, told, from } of sequel.waits) {
      if (waited.has(key)) continue;
      waited.add(key);
      if (view.stopsAtWaits && idOf(state.memory) !== idOf(start.memory)) {
        add({ kind: "looked", cost: 0, blind: false, state, told }, `waited ${key}`);
      } else go(key, () => state, 0, false, from);
    }
  }

  go(`0 ${stateId(start)}`, () => start, 0, false, 0);
  return [...found.values()];
}

function sequelOf(
  code: Code,
  view: View,
  number: number,
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
        const key = `${from} ${stateId(state)}`;
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
        const made = JSON.stringify(call);
        const key = `${cost} ${blind} ${made} ${stateId(step.state)}`;
        if (acted.has(key)) continue;
        acted.add(key);
        const before = canonical(step.state);
        const told = decision === null ? "goes on" : tell(decision);
        sequel.outcomes.push({
          key: `act ${made} ${gainOf(before)} ${resultOf(code, before, call)}`,
          outcome: { kind: "act", cost, blind, call, state: before, told },
        });
      } else if (calls.some(({ kind }) => kind === "ledger")) {
        const key = `${number}.${sequel.reads.length}`;
        sequel.reads.push({ key, step, cost, blind, from });
      } else {
        for (const looked of answered(code, step, view, new Map(), from)) {
          if (cost + looked.cost > 1) continue;
          const next = code.absorb(step.state, calls, looked.answers, 0);
          go(next, cost + looked.cost, blind || looked.blind, looked.from);
        }
      }
    }
  }

  go(start, cost, blind, from);
  return sequel;
}

let contents = new Intern<null>();
let ids = new WeakMap<object, number>();

/** What was worked out is given up: so are the numbers that it is kept by. */
export function forgetIds(): void {
  contents = new Intern();
  ids = new WeakMap();
}

/** Equal for values that say the same and are not changed any more. */
function idOf(value: object): number {
  let id = ids.get(value);
  if (id === undefined) ids.set(value, id = contents.id(JSON.stringify(value), () => null));
  return id;
}

function stateId({ memory, facts, doing, plan, missing }: RunState): string {
  const seen = Object.entries(facts).map(([name, fact]) => `${name}${idOf(fact)}`);
  const isPlain = doing === null && plan.length + missing.length === 0;
  return `${idOf(memory)} ${seen.join()} ${isPlain ? "" : idOf([doing, plan, missing])}`;
}

interface Looked {
  answers: AnyAnswer[];
  cost: number;
  blind: boolean;
  from: number;
}

/** All that these reads may answer; at most one of them goes wrong. */
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
      all.push({ answers: chosen, cost, blind, from: next });
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
