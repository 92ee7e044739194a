/** What a node may do next in a state of the world: all up to its next act or its end, which is one step. */
import { type Choice, configOf, enact, type Trouble } from "../enact.ts";
import { broken, judgeDone } from "../judge.ts";
import { canonical, endOf, isFresh, settled } from "./local.ts";
import { type Emit, floorOf, fork, IDLE } from "./mishaps.ts";
import { forgetRun, forgetWrite, forgotten, named, runId } from "./nonces.ts";
import { forgetIds, type Outcome, outcomesOf, type Records, type Sequels } from "./outcomes.ts";
import type { Code } from "../program.ts";
import type { Local, Snapshots } from "./snapshot.ts";
import { isPublished, isSeenByOthers, troubled, TRUTH, truthBut, wholeView } from "./view.ts";
import type { Machine, Version, World } from "../world.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import type { RunState } from "../../../src/run.ts";
import type { Facts, FoundingRecord, WriteResult } from "../../../src/state.ts";

/**
 * How often a machine initialises a swarm in a search. Reads that go back and forth for ever, on whether
 * EC2 still knows a forgotten member, could make it do so without an end.
 */
const INITS_MAX = 3;

export class Moves {
  readonly #code: Code;
  readonly #races: boolean;
  readonly #snapshots: Snapshots;
  readonly #outcomes = new Map<string, Outcome[]>();
  /** By all that a run may see but the record. */
  readonly #around = new Map<string, { sequels: Sequels; answers: Map<string, AnyAnswer[]> }>();
  readonly #records = new Map<string, Records>();
  readonly #answered = new WeakMap<Outcome, Map<string, Local>>();
  readonly #names = new WeakMap<Outcome[], string[]>();
  readonly #begun = new Map<number, RunState>();

  /** `races`: whether writes on an old head of the log are made, which come to nothing. */
  constructor(code: Code, snapshots: Snapshots, races: boolean) {
    this.#races = races;
    this.#code = code;
    this.#snapshots = snapshots;
  }

  forget(): void {
    this.#outcomes.clear();
    this.#around.clear();
    this.#records.clear();
    forgetIds();
  }

  /** Steps that were not followed, because a machine initialised too many swarms. */
  cutShort = 0;

  /**
   * All that a node may do next: its run begins, it looks and waits as often as it
   * likes, and acts once or ends. `faults`: how many may happen. `hours`: whether hours may pass.
   */
  ofNode(
    id: number,
    i: number,
    local: number,
    floor: number,
    faults: number,
    hours: boolean,
    emit: Emit,
  ): void {
    const world = this.#snapshots.world(id);
    const state = this.#runOf(world, i, local);
    if (state === null || world.machines[i]!.power !== "up") return;
    for (const outcome of this.#outcomesOf(id, i, local, floor, state, faults > 0, hours)) {
      if (outcome.cost <= faults) this.#follow(world, i, floor, state, outcome, faults, emit);
    }
  }

  /** The run of a node; one that has none begins. Null: it is over. */
  #runOf(world: World, i: number, id: number): RunState | null {
    const local = this.#snapshots.local(id);
    if (local.kind === "run") return local.state;
    return local.kind === "idle" ? this.begun(world, i) : null;
  }

  begun(world: World, i: number): RunState {
    let state = this.#begun.get(i);
    if (state === undefined) {
      state = canonical(this.#code.begin(configOf(world, world.machines[i]!), runId(i)));
      this.#begun.set(i, state);
    }
    return state;
  }

  #outcomesOf(
    id: number,
    i: number,
    local: number,
    floor: number,
    state: RunState,
    mayFail: boolean,
    hours: boolean,
  ): Outcome[] {
    const sight = `${mayFail} ${hours} ${this.#snapshots.sightOf(id, i)}`;
    const key = `${local} ${floor} ${this.#snapshots.versionsId(id)} ${sight}`;
    let outcomes = this.#outcomes.get(key);
    if (outcomes === undefined) {
      const world = this.#snapshots.world(id);
      const { seen = [] } = this.#snapshots.local(local);
      const before = seen.length === 0 ? sight : `${sight} ${JSON.stringify(seen)}`;
      let around = this.#around.get(before);
      if (around === undefined) {
        this.#around.set(before, around = { sequels: new Map(), answers: new Map() });
      }
      const shown = `${i} ${floor} ${this.#snapshots.versionsId(id)} ${world.nowMs}`;
      let records = this.#records.get(shown);
      if (records === undefined) this.#records.set(shown, records = new Map());
      const { sequels, answers } = around;
      const view = wholeView(world, world.machines[i]!, floor, seen, mayFail, hours, answers);
      outcomes = outcomesOf(this.#code, state, view, sequels, records).map(named);
      this.#outcomes.set(key, outcomes);
    }
    return outcomes;
  }

  /**
   * Whether an act, well answered, is a write on an old version of the S3 object that leaves the run as it
   * was: it may look again without it.
   */
  #isVain(
    { store, versions }: World,
    before: RunState,
    outcome: Outcome & { kind: "act" },
  ): boolean {
    if (outcome.call.kind !== "write") return false;
    if (store === "tags") return !this.#races && this.#isLostInLog(versions, before, outcome);
    const { at } = outcome.call;
    const held = at.kind === "object" ? at.etag : null;
    if (held === (versions.length === 0 ? null : `etag-${versions.length}`)) return false;
    const after = this.answered(outcome, { ok: true, value: { kind: "lost" } });
    if (after.kind !== "run") return false;
    return isFresh(after.state) && isFresh(before) ||
      JSON.stringify(after.state.memory) === JSON.stringify(before.memory);
  }

  /** Whether an entry of the log would not count, and tells the run nothing but that. */
  #isLostInLog(versions: Version[], before: RunState, outcome: Outcome & { kind: "act" }): boolean {
    if (outcome.call.kind !== "write") return false;
    const { at, record } = outcome.call;
    const newest = versions.findLast(({ counts }) => counts)?.number ?? 0;
    if ((at.kind === "log" ? at.head : 0) === newest) return false;
    if (versions.some((version) => version.record.nonce === record.nonce)) return false;
    const after = this.answered(outcome, {
      ok: true,
      value: at.kind === "log"
        ? { kind: "appended", template: at.template, number: versions.length + 1 }
        : { kind: "lost" },
    });
    if (after.kind !== "run" || Object.keys(after.state.facts).length > 0) return false;
    const plain = ({ memory, doing, plan }: RunState): string =>
      JSON.stringify([{ ...memory, written: [], unknown: null, identity: null }, doing, plan]);
    return plain(after.state) === plain({ ...before, doing: null, plan: [] });
  }

  #follow(
    world: World,
    i: number,
    floor: number,
    state: RunState,
    outcome: Outcome,
    faults: number,
    emit: Emit,
  ): void {
    const { instance } = world.machines[i]!;
    const told = (): string => `${instance} ${outcome.told}`;
    const { cost } = outcome;
    if (outcome.kind === "looked") {
      emit({ world, local: { kind: "run", state: outcome.state }, floor, cost, told });
    } else if (outcome.kind === "end") {
      const next = fork(world, null);
      const isDone = outcome.decision.action.kind === "done";
      emit({ world: next, local: ended(next, i, isDone), floor: 0, cost, told });
    } else {
      this.#act(world, i, state, outcome, faults, emit);
    }
  }

  /** An act, well answered, or with what may go wrong with it. */
  #act(
    world: World,
    i: number,
    state: RunState,
    outcome: Outcome & { kind: "act" },
    faults: number,
    emit: Emit,
  ): void {
    const { instance } = world.machines[i]!;
    const { call } = outcome;
    if (call.kind === "init" && initsOf(world, i) >= INITS_MAX) {
      this.cutShort++;
      return;
    }
    const isFallback = outcome.blind && (call.kind === "init" || call.kind === "retract");
    const make = (choice: Choice, more: number, said: string, survives = true): void => {
      const cost = outcome.cost + more;
      if (cost > faults) return;
      const next = fork(world, i);
      const answer = enact(next, next.machines[i]!, call, choice);
      if (call.kind === "write" && isMade(answer)) forgetWrite(next, call.record.nonce);
      if (isFallback) {
        broken(next, "no-init-as-a-fallback", `${instance} inits after a read that failed`);
      }
      const local = survives ? this.#goneOn(next, i, this.answered(outcome, answer)) : IDLE;
      if (!survives) forgetRun(next, i);
      const told = (): string =>
        `${instance} ${outcome.told}\n      ${call.kind} -> ${said} ${brief(answer)}`;
      const isOver = local.kind === "done" || local.kind === "failed";
      emit({ world: next, local, floor: isOver ? 0 : floorOf(next), cost, told });
    };
    if (!this.#isVain(world, state, outcome)) make(TRUTH, 0, "");
    if (call.kind === "write" && isRepeatable(world, call.record)) {
      make(truthBut({ isRepeated: () => false }), 0, "(its client token is forgotten)");
    }
    if (faults === outcome.cost) return;
    for (const trouble of troublesOf(call)) make(troubled(trouble), 1, `(${trouble})`);
    make(TRUTH, 1, "(its run is lost before the answer)", false);
    if (call.kind === "join") {
      make(truthBut({ course: () => "background" }), 1, "(goes on in the background)");
    }
  }

  /** The run after what it does next for itself: what nobody can change, nor see. */
  #goneOn(world: World, i: number, local: Local): Local {
    if (local.kind !== "run") return local;
    const machine = world.machines[i]!;
    let state = this.#forgetting(world, i, local.state);
    // It writes nothing, and can read again all that it knows but which joins failed.
    const isWorker = machine.role === "worker" && machine.place.kind === "outside";
    if (isWorker && state.memory.failures.length === 0) return IDLE;
    const step = this.#code.next(state, 0, 0);
    const isLook = step.kind === "calls" && step.calls.length === 1 &&
      step.calls[0]?.kind === "engine";
    if (isLook && !isSeenByOthers(world, machine)) {
      const answers = step.calls.map((call) => enact(world, machine, call, TRUTH));
      state = canonical(this.#code.absorb(step.state, step.calls, answers, 0));
    }
    const end = endOf(this.#code, state);
    if (end !== null) return ended(world, i, end.action.kind === "done");
    state = unburdened(state, world, machine);
    const seen = Object.keys(state.facts).length;
    if (
      isFresh(state) && (seen === 0 || (isLook && seen === 1 && !isSeenByOthers(world, machine)))
    ) {
      return IDLE;
    }
    return state === local.state ? local : { kind: "run", state };
  }

  /**
   * The run without its failed joins, when it would do now what it does with them. They only leave out
   * whom it has tried, until it has been long enough.
   */
  #forgetting(world: World, i: number, state: RunState): RunState {
    const { memory } = state;
    if (memory.failures.length === 0) return state;
    const id = this.#snapshots.worldId(world);
    const actsOf = (state: RunState): string[] => {
      const local = this.#snapshots.localId({ kind: "run", state }, i);
      const outcomes = this.#outcomesOf(id, i, local, floorOf(world), state, false, false);
      let names = this.#names.get(outcomes);
      if (names === undefined) this.#names.set(outcomes, names = outcomes.map(nameOf));
      return names;
    };
    const forgetful = { ...state, memory: { ...memory, failures: [] } };
    const usual = actsOf(forgetful);
    return actsOf(state).every((one) => usual.includes(one)) ? forgetful : state;
  }

  /** The run after its act was answered. */
  answered(outcome: Outcome & { kind: "act" }, answer: AnyAnswer): Local {
    let answers = this.#answered.get(outcome);
    if (answers === undefined) this.#answered.set(outcome, answers = new Map());
    const key = answer.ok ? JSON.stringify(answer.value) : answer.fault.kind;
    let after = answers.get(key);
    if (after === undefined) {
      const { state, call } = outcome;
      const known = call.kind === "write" && isMade(answer)
        ? { ...call, record: forgotten(call.record) }
        : call;
      const absorbed = this.#code.absorb(state, [known], [answer], 0);
      after = { kind: "run", state: settled(this.#code, absorbed) };
      answers.set(key, after);
    }
    return after;
  }
}

function nameOf(outcome: Outcome): string {
  return outcome.kind === "act"
    ? `act ${JSON.stringify(outcome.call)}`
    : outcome.kind === "end"
    ? `end ${outcome.decision.action.kind}`
    : outcome.kind;
}

/**
 * The run without what makes no difference where it is: which of the record's managers answer, to a member
 * (that some do does); and what it has published, while that is shown: to publish it again changes nothing.
 */
function unburdened(state: RunState, world: World, machine: Machine): RunState {
  const { memory, facts } = state;
  const isShown = memory.published !== null && isPublished(world, machine, memory.published);
  const isAnswered = machine.place.kind === "member" && isAnsweredByMember(facts);
  return {
    ...state,
    memory: isShown ? { ...memory, published: null } : memory,
    facts: isAnswered ? { ...facts, answering: { ok: true, value: [machine.address] } } : facts,
  };
}

function isAnsweredByMember({ answering, ledger }: Facts): boolean {
  const record = ledger?.ok && ledger.value.kind === "settled" ? ledger.value.record : null;
  return answering?.ok === true &&
    (record?.members.some(({ address }) => answering.value.includes(address)) ?? false);
}

/** The end of a run, which nobody sees: right after it is decided, whatever others do. */
function ended(world: World, i: number, isDone: boolean): Local {
  forgetRun(world, i);
  if (isDone) judgeDone(world, world.machines[i]!);
  return { kind: isDone ? "done" : "failed" };
}

/** Whether a write was answered as made. */
function isMade(answer: AnyAnswer): boolean {
  return answer.ok && (answer.value as WriteResult).kind !== "lost";
}

function troublesOf({ kind }: Call): Trouble[] {
  switch (kind) {
    case "write":
      return ["lost-request", "lost-answer", "busy", "late"];
    case "join":
    case "publish":
    case "retract":
      return ["lost-request", "lost-answer"];
    default:
      return ["lost-answer"];
  }
}

function initsOf({ swarms }: World, founder: number): number {
  return swarms.filter((swarm) => swarm.founder === founder).length;
}

function isRepeatable({ store, versions }: World, { nonce }: FoundingRecord): boolean {
  return store === "tags" && versions.some(({ record }) => record.nonce === nonce);
}

function brief(answer: AnyAnswer): string {
  return answer.ok ? JSON.stringify(answer.value) : answer.fault.kind;
}
