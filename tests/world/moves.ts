/** Every single step from a state: of a node, of the Engine in the background, of the machines. */
import { forget, shows } from "./aws.ts";
import { type Choice, configOf, enact, land, type Trouble } from "./enact.ts";
import { canFinish, daemonRestarts, finish } from "./engine.ts";
import { broken, judgeDone } from "./judge.ts";
import { canonical, looksOf, type Outcome, outcomesOf, settled } from "./local.ts";
import { forgetLate, forgetRun, forgetWrite, forgotten, named, runId } from "./nonces.ts";
import type { Code } from "./program.ts";
import type { Local, Snapshots } from "./snapshot.ts";
import { isSeenByOthers, troubled, TRUTH, truthBut, wholeView } from "./view.ts";
import { latest, type Machine, type World } from "./world.ts";
import type { AnyAnswer, Call } from "../../src/effects.ts";
import type { RunState } from "../../src/run.ts";
import type { FoundingRecord, WriteResult } from "../../src/state.ts";

/** What follows on a step. `cost`: the faults in it; `told`: what happened, in words. */
export interface Next {
  world: World;
  /** The run of the node that the step is of; null: as before. */
  local: Local | null;
  /** How many versions old its reads of S3 may be at most; `KEPT`: as before. */
  floor: number;
  cost: number;
  told: () => string;
}

export type Emit = (next: Next) => void;

const HOURS_MS = 2 * 60 * 60_000;
/**
 * How often a machine initialises a swarm in a search. Reads that go back and forth for ever, on whether
 * EC2 still knows a forgotten member, could make it do so without an end.
 */
const INITS_MAX = 3;

const IDLE: Local = { kind: "idle" };

export class Moves {
  readonly #code: Code;
  readonly #snapshots: Snapshots;
  readonly #outcomes = new Map<string, Outcome[]>();
  readonly #answered = new WeakMap<Outcome, Map<string, Local>>();
  readonly #begun = new Map<number, RunState>();

  constructor(code: Code, snapshots: Snapshots) {
    this.#code = code;
    this.#snapshots = snapshots;
  }

  /** Steps that were not followed, because a machine initialised too many swarms. */
  cutShort = 0;

  /**
   * All that a node may do next: it is launched or its run begins, it looks and waits as often as it
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
    const { power } = world.machines[i]!;
    const state = this.#runOf(world, i, local);
    if (state === null || (power !== "up" && power !== "unborn")) return;
    const from = power === "up" ? world : launched(world, i);
    const known = power === "up" ? id : this.#snapshots.worldId(from);
    for (const outcome of this.#outcomesOf(known, i, local, floor, state, faults > 0, hours)) {
      if (outcome.cost <= faults) this.#follow(from, i, floor, outcome, faults, emit);
    }
  }

  /** All that a run may know of its Engine by now, and see changed when it acts. */
  looks(
    id: number,
    i: number,
    local: number,
    floor: number,
    faults: number,
  ): { local: Local; cost: number }[] {
    const world = this.#snapshots.world(id);
    const machine = world.machines[i]!;
    const state = this.#runOf(world, i, local);
    if (state === null || machine.power !== "up" || !isSeenByOthers(world, machine)) return [];
    const view = wholeView(world, machine, floor, faults > 0, false);
    return looksOf(this.#code, state, view).map((looked) => ({
      local: { kind: "run", state: looked.state },
      cost: looked.cost,
    }));
  }

  /** What may befall a machine; `isRunning`: whether swarm-join runs on it, or is yet to run. */
  ofMachine(id: number, i: number, isRunning: boolean, faults: number, emit: Emit): void {
    const world = this.#snapshots.world(id);
    const { power, place, isCut } = world.machines[i]!;
    if (power === "terminated" || power === "unborn") return;
    if (power === "down") this.#change(world, i, null, 0, "is up again", start, emit);
    if (power === "up" && place.kind === "attempt") this.#background(world, i, emit);
    if (isCut) {
      this.#change(world, i, null, 0, "can be reached again", (m) => m.isCut = false, emit);
    }
    if (faults > 0) this.#mishaps(world, i, isRunning, emit);
  }

  ofWorld(id: number, hours: boolean, emit: Emit): void {
    const world = this.#snapshots.world(id);
    if (world.inFlight.length > 0) {
      const next = fork(world, null);
      land(next, TRUTH);
      forgetLate(next);
      const told = (): string => "a write that was given up arrives";
      emit({ world: next, local: null, floor: KEPT, cost: 0, told });
    }
    if (hours) {
      const next = fork(world, null);
      next.nowMs += HOURS_MS;
      next.machines = next.machines.map((machine) => {
        const copy = { ...machine };
        forget(copy);
        return copy;
      });
      emit({ world: next, local: null, floor: KEPT, cost: 0, told: () => "hours pass" });
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

  #background(world: World, i: number, emit: Emit): void {
    const ends = canFinish(world, world.machines[i]!)
      ? ["member", "failed", "outside"] as const
      : ["failed", "outside"] as const;
    for (const end of ends) {
      const told = `'s attempt to join ends: ${end}`;
      this.#change(world, i, null, 0, told, (machine, next) => finish(next, machine, end), emit);
    }
  }

  /** That a run alone is lost is found right after its acts, and its end: it does nothing else that matters. */
  #mishaps(world: World, i: number, isRunning: boolean, emit: Emit): void {
    const { power, place, isCut } = world.machines[i]!;
    const isUp = power === "up";
    const isTrying = place.kind === "attempt" || place.kind === "failed";
    const mishap = (
      told: string,
      change: (machine: Machine, next: World) => void,
      local: Local | null,
    ): void =>
      this.#change(
        world,
        i,
        local,
        1,
        told,
        change,
        emit,
        local === null || isRunning ? KEPT : floorOf(world),
      );
    if (isUp && isTrying) mishap("reboots", (machine) => daemonRestarts(machine), IDLE);
    if (isUp) {
      mishap("is stopped", (machine, next) => {
        machine.power = "down";
        daemonRestarts(machine);
        shows(next, machine, "stopped");
      }, IDLE);
    }
    mishap("is terminated", (machine, next) => {
      machine.power = "terminated";
      shows(next, machine, "terminated");
      if (machine.place.kind === "member" && !machine.place.manager) {
        const { swarm } = machine.place;
        next.swarms.find(({ fingerprint }) => fingerprint === swarm)!.workers--;
      }
    }, IDLE);
    if (isUp && !isCut) {
      mishap("is cut off from the others", (machine) => machine.isCut = true, null);
    }
  }

  /** `local`: IDLE when its run is lost. */
  #change(
    world: World,
    i: number,
    local: Local | null,
    cost: number,
    told: string,
    change: (machine: Machine, next: World) => void,
    emit: Emit,
    floor = KEPT,
  ): void {
    const next = fork(world, i);
    const machine = next.machines[i]!;
    change(machine, next);
    if (local !== null) forgetRun(next, i);
    const said = `${machine.instance}${told.startsWith("'") ? "" : " "}${told}`;
    emit({ world: next, local, floor, cost, told: () => said });
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
    const key = `${mayFail} ${hours} ${this.#snapshots.sightOf(id, i, local, floor)}`;
    let outcomes = this.#outcomes.get(key);
    if (outcomes === undefined) {
      const world = this.#snapshots.world(id);
      const view = wholeView(world, world.machines[i]!, floor, mayFail, hours);
      outcomes = outcomesOf(this.#code, state, view).map(named);
      this.#outcomes.set(key, outcomes);
    }
    return outcomes;
  }

  #follow(
    world: World,
    i: number,
    floor: number,
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
      forgetRun(next, i);
      const isDone = outcome.decision.action.kind === "done";
      if (isDone) judgeDone(next, next.machines[i]!);
      const local: Local = { kind: isDone ? "done" : "failed" };
      emit({ world: next, local, floor: 0, cost, told });
      if (cost === faults) return;
      const rebooted = (): string => `${told()}, and reboots`;
      emit({ world: next, local: IDLE, floor: floorOf(next), cost: cost + 1, told: rebooted });
    } else {
      this.#act(world, i, outcome, faults, emit);
    }
  }

  /** An act, well answered, or with what may go wrong with it. */
  #act(
    world: World,
    i: number,
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
      const local = survives ? this.answered(outcome, answer) : IDLE;
      if (!survives) forgetRun(next, i);
      const told = (): string =>
        `${instance} ${outcome.told}\n      ${call.kind} -> ${said} ${brief(answer)}`;
      emit({ world: next, local, floor: floorOf(next), cost, told });
    };
    make(TRUTH, 0, "");
    if (call.kind === "write" && isRepeatable(world, call.record)) {
      make(truthBut({ isRepeated: () => false }), 0, "(its client token is forgotten)");
    }
    if (faults === outcome.cost || call.kind === "contents") return;
    for (const trouble of troublesOf(call)) make(troubled(trouble), 1, `(${trouble})`);
    make(TRUTH, 1, "(its run is lost before the answer)", false);
    if (call.kind === "join") {
      make(truthBut({ course: () => "background" }), 1, "(goes on in the background)");
    }
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

/** A floor that a step leaves as it is. */
export const KEPT = -1;

/** A copy of which machine `i` may be changed; null: none. */
export function fork(world: World, i: number | null): World {
  const machines = [...world.machines];
  if (i !== null) machines[i] = { ...machines[i]! };
  return { ...world, machines, swarms: world.swarms.map((swarm) => ({ ...swarm })), broken: [] };
}

function launched(world: World, i: number): World {
  const next = fork(world, i);
  start(next.machines[i]!, next);
  return next;
}

function start(machine: Machine, world: World): void {
  machine.power = "up";
  if (latest(machine.ec2) !== "running") shows(world, machine, "running");
}

export function floorOf({ store, versions }: World): number {
  return store === "s3" ? versions.length : 0;
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
