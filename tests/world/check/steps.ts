/** What may happen next in a state: a node's round and its act, or what befalls machines and the world. */
import { forget, isLosable, lose, shows } from "../aws.ts";
import { type Choice, configOf, enact, land, type Trouble } from "../enact.ts";
import {
  canFinish,
  daemonRestarts,
  finish,
  hasQuorum,
  hear,
  isRemovable,
  lookAt,
  remove,
  wipe,
} from "../engine.ts";
import { broken, judgeDone, judgeLoss } from "../judge.ts";
import { type Doing, doingsOf, happens } from "../nodes.ts";
import { forgetLate, forgetRun, named, runId } from "./nonces.ts";
import { type Outcome, roundsOf, type Rules } from "./round.ts";
import type { Local, Row, States } from "./states.ts";
import { nameOf, settled, tell, timeless } from "./timeless.ts";
import { seeings, sightOf, troubled, TRUTH, truthBut } from "./view.ts";
import type { Code } from "../program.ts";
import { foundedSwarm, latest, type Machine, swarmNamed, type World } from "../world.ts";
import type { Act, AnyAnswer } from "../../../src/calls.ts";
import type { Observation } from "../../../src/state.ts";
import type { FoundingRecord } from "../../../src/founding.ts";

/** What follows on a step. `cost`: the faults in it; `told`: what happened, in words. */
export interface Next {
  world: World;
  /** Of which node's run it makes what; null: as before. `anew`: all runs have ended, and others begin. */
  local: { of: number; is: Local } | "anew" | null;
  cost: number;
  told: () => string;
}

export type Emit = (next: Next) => void;

/**
 * Faults that only some worlds have.
 *
 * - `lost`: the record; `marks`: and with S3 its mark
 * - `removed`: a worker from its swarm, while it is on, or off
 * - `mute`, `loud`: an Engine that says `error`, without words or with
 * - `leader`: another one leads, and knows of no other node yet whether it is there
 * - `stowaway`: a manager that was demoted votes again
 * - `wiped`: an Engine has lost what it was
 * - `late`: a swarm does not notice at once who is off; no fault by itself
 * - `rotated`: the founded swarm has new tokens
 */
export type Besides =
  | "lost"
  | "marks"
  | "removed"
  | "mute"
  | "loud"
  | "leader"
  | "stowaway"
  | "wiped"
  | "late"
  | "rotated";

/** What may happen for nothing, so often. */
interface Free {
  /** Hours may pass. */
  hours: boolean;
  told: World["told"];
}

export const HOURS_MS = 2 * 60 * 60_000;
const OFF: Local = { kind: "off" };
/**
 * How often a machine initialises a swarm in a search. Reads that go back and forth for ever, on whether
 * EC2 still knows a forgotten member, could make it do so without an end.
 */
const INITS_MAX = 3;
/** How often a machine withdraws in a search: whom nobody lets in registers and withdraws for ever. */
const WITHDRAWALS_MAX = 2;

export class Steps {
  /** Each decision of each run in each state, by its rule and what is done. */
  readonly decisions = new Set<string>();
  /** Steps that were not followed, because a machine initialised too many swarms, or withdrew too often. */
  cutShort = 0;
  readonly #code: Code;
  readonly #states: States;
  readonly #keeps: boolean;
  readonly #consequenceOf: Rules["consequenceOf"];
  readonly #begun = new Map<string, Observation>();
  readonly #rounds = new Map<string, Outcome[]>();

  /**
   * `keeps`: a run that is over, however it ended, is followed by another one. (One whose time ends while it
   * waits is as one that is lost after its last act.) `consequenceOf`: names what comes of a decision, with what
   * the run remembers.
   */
  constructor(
    code: Code,
    states: States,
    keeps: boolean,
    consequenceOf: Rules["consequenceOf"],
  ) {
    this.#code = code;
    this.#keeps = keeps;
    this.#consequenceOf = consequenceOf;
    this.#states = states;
  }

  /** A run that has yet to begin, and reads nothing that is older than now. */
  begun(world: World, i: number, goal?: "join" | "leave" | "recover"): Local & { kind: "run" } {
    const { [i]: machine } = world.machines;
    // Under `keep` a leave always asks whether the machine goes.
    const ifTerminating = this.#keeps;
    const config = configOf(world, machine!, {
      ifTerminating,
      ...(goal === undefined ? {} : { goal }),
    });
    const key = `${i} ${config.goal}`;
    const o = this.#begun.get(key) ?? timeless(this.#code.begin(config, runId(i)));
    this.#begun.set(key, o);
    return { kind: "run", o, horizon: { floor: floorOf(world), seen: [] } };
  }

  /** All runs end, and others begin. */
  anew({ world: id, locals }: Row): Row {
    const world = fork(this.#states.world(id), null);
    const isRun = locals.map((local) => this.#states.local(local).kind === "run");
    isRun.forEach((is, i) => is && forgetRun(world, i));
    return {
      world: this.#states.worldId(world),
      locals: locals.map((local, i) =>
        isRun[i] ? this.#states.localId(this.begun(world, i)) : local
      ),
    };
  }

  /** All that a node may do next: it looks, and acts, waits or ends. `faults`: whether any may happen. */
  ofNode(id: number, i: number, localId: number, faults: boolean, out: Emit): void {
    const emit = hearing(out);
    const world = this.#states.world(id);
    const local = this.#states.local(localId);
    if (local.kind !== "run" || world.machines[i]!.power !== "up") return;
    for (const outcome of this.#roundsOf(world, i, localId, local, faults)) {
      this.#follow(world, i, local, outcome, faults, emit);
    }
  }

  #roundsOf(
    world: World,
    i: number,
    id: number,
    { o, horizon }: Local & { kind: "run" },
    faults: boolean,
  ): Outcome[] {
    const machine = world.machines[i]!;
    const key = `${faults} ${id} ${sightOf(world, machine)}`;
    let rounds = this.#rounds.get(key);
    if (rounds === undefined) {
      rounds = roundsOf(this.#code, { o, horizon, cost: 0, blind: false, deaf: false }, {
        see: (call, horizon, faults) => seeings(world, machine, call, horizon, faults),
        faults,
        consequenceOf: this.#consequenceOf,
      });
      for (const { decision } of rounds) this.decisions.add(nameOf(decision));
      this.#rounds.set(key, rounds);
    }
    return rounds;
  }

  #follow(
    world: World,
    i: number,
    local: Local & { kind: "run" },
    outcome: Outcome,
    faults: boolean,
    emit: Emit,
  ): void {
    const { decision, before, cost, horizon } = outcome;
    const told = (): string => `${world.machines[i]!.instance} ${tell(decision)}`;
    switch (decision.kind) {
      case "act":
        return this.#act(world, i, outcome, decision.call, faults, emit);
      case "wait": {
        // After a read that failed nothing is known that another round would not show.
        if (cost > 0) return;
        const o = settled(this.#code, this.#code.after(before, decision, [], 0));
        // One that learned nothing may as well look again from where it was.
        if (JSON.stringify([o.memory, o.facts]) === JSON.stringify([local.o.memory, {}])) return;
        emit({ world, local: { of: i, is: { kind: "run", o, horizon } }, cost, told });
        return;
      }
      case "end": {
        // One that fails does no more than one that waits for ever; what comes of its next run is judged there.
        if (decision.exit !== 0 && !this.#keeps) return;
        const next = fork(world, null);
        forgetRun(next, i);
        if (decision.exit === 0 && decision.rule !== "not-going") {
          judgeDone(next, next.machines[i]!);
        }
        emit({ world: next, local: { of: i, is: this.#rest(next, i) }, cost, told });
        return;
      }
      default:
        decision satisfies never;
    }
  }

  /** A run is over; who keeps, and is not out for good, begins another one: at once, or whenever it looks again. */
  #rest(world: World, i: number): Local {
    const { isGoing, place } = world.machines[i]!;
    const isOut = isGoing && place.kind === "outside";
    return this.#keeps && !isOut ? this.begun(world, i) : { kind: "done" };
  }

  /** An act, well answered, or with what may go wrong with it. */
  #act(world: World, i: number, outcome: Outcome, act: Act, faults: boolean, emit: Emit): void {
    const { before, decision } = outcome;
    const { instance } = world.machines[i]!;
    const call = named(act, before.memory);
    const isTooOften = call.kind === "init"
      ? initsOf(world, i) >= INITS_MAX
      : call.kind === "write" && call.as === "withdraw" &&
        withdrawalsOf(world, instance) >= WITHDRAWALS_MAX;
    if (isTooOften) {
      this.cutShort++;
      return;
    }
    const isFallback = outcome.blind && (call.kind === "init" || call.kind === "retract");
    const make = (choice: Choice, more: number, said: string, survives = true): void => {
      const next = fork(world, i);
      if (outcome.deaf) judgeLoss(next, true);
      const answer = enact(next, next.machines[i]!, call, choice);
      if (isFallback) {
        broken(next, "no-init-as-a-fallback", `${instance} inits after a read that failed`);
      }
      if (!survives) forgetRun(next, i);
      const is = survives ? this.#answered(next, outcome, call, answer) : this.begun(next, i);
      const told = (): string =>
        `${instance} ${tell(decision)}\n      ${call.kind} -> ${said} ${brief(answer)}`;
      emit({ world: next, local: { of: i, is }, cost: outcome.cost + more, told });
    };
    make(TRUTH, 0, "");
    if (call.kind === "write" && isRepeatable(world, call.record)) {
      make(truthBut({ isRepeated: () => false }), 0, "(its client token is forgotten)");
    }
    if (!faults) return;
    for (const trouble of troublesOf(call)) make(troubled(trouble), 1, `(${trouble})`);
    make(TRUTH, 1, "(its run is lost before the answer)", false);
    if (call.kind === "join") {
      make(truthBut({ course: () => "background" }), 1, "(goes on in the background)");
    }
  }

  /** The same in every world in which this may come of a round. */
  #answered(world: World, outcome: Outcome, call: Act, answer: AnyAnswer): Local {
    const { before, answered } = outcome;
    const key = brief(answer);
    const o = answered.get(key) ?? this.acted(world, before, call, answer).o;
    answered.set(key, o);
    return { kind: "run", o, horizon: { floor: floorOf(world), seen: [] } };
  }

  /** The run after its act was answered. */
  acted(
    world: World,
    before: Observation,
    call: Act,
    answer: AnyAnswer,
  ): Local & { kind: "run" } {
    const decision = { kind: "act" as const, call, rule: "in-order" as const, because: "" };
    const o = settled(this.#code, this.#code.after(before, decision, [answer], 0));
    return { kind: "run", o, horizon: { floor: floorOf(world), seen: [] } };
  }

  /** What happens beside what runs do. `besides` null: no faults. */
  ofWorld(
    world: World,
    besides: Besides[] | null,
    { hours, told }: Free,
    out: Emit,
  ): void {
    const emit = hearing(out);
    for (const machine of world.machines) {
      this.#befall(world, machine, besides, emit);
      this.#isTold(world, machine, told, besides !== null, emit);
      if (world.told.recover < told.recover && isLeaderless(world, machine)) {
        this.#isRecovered(world, machine, emit);
      }
    }
    ofSwarms(world, besides, emit);
    if (besides !== null) loses(world, besides, emit);
    if (world.inFlight.length > 0) {
      const next = fork(world, null);
      land(next, TRUTH);
      forgetLate(next);
      const told = (): string => "a write that was given up arrives";
      emit({ world: next, local: null, cost: 0, told });
    }
    if (hours) {
      const next = fork(world, null);
      next.nowMs += HOURS_MS;
      next.machines = next.machines.map((machine) => {
        const copy = { ...machine };
        forget(copy);
        return copy;
      });
      emit({ world: next, local: null, cost: 0, told: () => "hours pass" });
    }
  }

  /**
   * Auto Scaling takes it out of service, or would not after all: its unit runs accordingly. A boot in between
   * runs `join` all the same.
   */
  #isTold(
    world: World,
    { index: i, instance, power, isOutside, isGoing }: Machine,
    most: Free["told"],
    faults: boolean,
    emit: Emit,
  ): void {
    if (power !== "up" || isOutside) return;
    const what = isGoing ? "stay" : "go";
    if (world.told[what] < most[what]) {
      const next = fork(world, i);
      next.told = { ...next.told, [what]: next.told[what] + 1 };
      next.machines[i]!.isGoing = !isGoing;
      forgetRun(next, i);
      const told = (): string => `${instance} is told to ${what}`;
      emit({ world: next, local: { of: i, is: this.begun(next, i) }, cost: 0, told });
    }
    if (!faults || !(isGoing || this.#keeps)) return;
    const next = fork(world, i);
    forgetRun(next, i);
    const does = isGoing ? "runs join, as at each boot" : "is asked to end, as before a reboot";
    const told = (): string => `${instance} ${does}`;
    const is = this.begun(next, i, isGoing ? "join" : "leave");
    emit({ world: next, local: { of: i, is }, cost: 1, told });
  }

  #isRecovered(world: World, { index: i, instance }: Machine, emit: Emit): void {
    const next = fork(world, i);
    next.told = { ...next.told, recover: next.told.recover + 1 };
    forgetRun(next, i);
    const told = (): string => `somebody runs recover on ${instance}`;
    emit({ world: next, local: { of: i, is: this.begun(next, i, "recover") }, cost: 0, told });
  }

  #befall(
    world: World,
    { index: i, instance, ...machine }: Machine,
    besides: Besides[] | null,
    emit: Emit,
  ): void {
    const { power, place, isCut, ailment, isOutside } = machine;
    if (power === "terminated" && !machine.isUnnoticed) return;
    const change = (
      cost: number,
      told: string,
      run: "lost" | "off" | "kept",
      happen: (machine: Machine, next: World) => void,
    ): void => {
      const next = fork(world, i);
      happen(next.machines[i]!, next);
      judgeLoss(next);
      if (run !== "kept") forgetRun(next, i);
      const is = run === "off" ? OFF : this.begun(next, i);
      const local = run === "kept" || isOutside ? null : { of: i, is };
      emit({ world: next, local, cost, told: () => `${instance} ${told}` });
    };
    const isUp = power === "up";
    if (machine.isUnnoticed) {
      change(0, "is missed by its swarm", "kept", (machine) => machine.isUnnoticed = false);
    }
    if (power === "terminated") return;
    if (power === "down") change(0, "is up again", "lost", start);
    if (isUp && place.kind === "attempt") {
      for (const end of ["member", "failed", "outside"] as const) {
        if (end === "member" && !canFinish(world, world.machines[i]!)) continue;
        const told = `has tried to join in the background: ${end}`;
        change(0, told, "kept", (machine, next) => finish(next, machine, end));
      }
    }
    if (isCut) {
      change(0, "can be reached again", "kept", (machine) => {
        machine.isCut = machine.isUnnoticed = false;
      });
    }
    if (ailment === "loud") change(0, "'s Engine is restarted", "lost", daemonRestarts);
    // Its hook waits until it is out, or for so long.
    const isOut = machine.isGoing && place.kind === "outside";
    if (isOut) change(0, "is terminated, as it was told", "off", terminate);
    if (besides === null) return;
    const isLate = besides.includes("late") && place.kind === "member";
    const isTrying = place.kind === "attempt" || place.kind === "failed";
    // That a run alone is lost is found right after its acts: it does nothing else that matters.
    if (isUp && isTrying) change(1, "reboots", "lost", daemonRestarts);
    if (isUp) {
      change(1, "is stopped", "off", (machine, next) => {
        machine.power = "down";
        machine.isUnnoticed = isLate;
        daemonRestarts(machine);
        shows(next, machine, "stopped");
      });
    }
    if (!isOut) {
      change(1, "is terminated", "off", (machine, next) => {
        terminate(machine, next);
        machine.isUnnoticed = isLate;
      });
    }
    if (besides.includes("wiped") && isUp && place.kind === "member" && !isOutside) {
      change(1, "'s Engine has lost what it was", "lost", wipe);
    }
    if (isUp && !isCut) {
      change(1, "is cut off from the others", "kept", (machine) => {
        machine.isCut = true;
        machine.isUnnoticed = isLate;
      });
    }
    if (isUp && ailment === null && place.kind === "member" && !isOutside) {
      for (const what of ["mute", "loud"] as const) {
        if (!besides.includes(what)) continue;
        change(1, `'s Engine is in error, ${what}`, "kept", (machine) => machine.ailment = what);
      }
    }
    if (besides.includes("removed") && isUp && isRemovable(world, world.machines[i]!)) {
      change(1, "is removed", "kept", (machine, next) => remove(next, machine, "active"));
      for (const says of ["pending", "expired"] as const) {
        const told = `is off, and back: ${says}`;
        change(1, told, "lost", (machine, next) => remove(next, machine, says));
      }
    }
  }
}

/** What swarms do by themselves. */
function ofSwarms(world: World, besides: Besides[] | null, emit: Emit): void {
  for (const doing of doingsOf(world)) {
    const isFault = doing.kind === "stowaway";
    if (isFault && besides?.includes("stowaway") !== true) continue;
    const next = fork(world, nodeMachine(world, doing));
    happens(next, doing);
    const told = (): string => `the swarm goes on: ${doing.kind} ${doing.node}`;
    emit({ world: next, local: null, cost: isFault ? 1 : 0, told });
  }
  const founded = foundedSwarm(world);
  if (founded !== null && besides?.includes("rotated") === true && hasQuorum(world, founded)) {
    const next = fork(world, null);
    swarmNamed(next, founded.fingerprint).secret++;
    const told = (): string => `${founded.fingerprint} has new tokens`;
    emit({ world: next, local: null, cost: 1, told });
  }
  for (const [k, swarm] of world.swarms.entries()) {
    const mayChange = besides?.includes("leader") === true && swarm.nodes.length > 1;
    if (!swarm.isUnsure && !(mayChange && hasQuorum(world, swarm))) continue;
    const next = fork(world, null);
    next.swarms[k]!.isUnsure = !swarm.isUnsure;
    const cost = swarm.isUnsure ? 0 : 1;
    const told = (): string =>
      cost === 0 ? "the leader knows who is there" : "another one leads, and knows of nobody yet";
    emit({ world: next, local: null, cost, told });
  }
}

/** Whether its manager, if it is one, has no leader. */
export function isLeaderless(world: World, machine: Machine): boolean {
  const { power, isOutside, place } = machine;
  if (power !== "up" || isOutside || (place.kind !== "member" && place.kind !== "removed")) {
    return false;
  }
  return place.manager && lookAt(world, machine).swarm === null;
}

function nodeMachine(world: World, { swarm, node }: Doing): number {
  return swarmNamed(world, swarm).nodes.find(({ id }) => id === node)!.machine;
}

/** What the record, or that and its marks, were to show is gone. */
function loses(world: World, besides: Besides[], emit: Emit): void {
  if (!isLosable(world)) return;
  for (const what of ["lost", "marks"] as const) {
    if (!besides.includes(what)) continue;
    const next = fork(world, null);
    next.machines = next.machines.map((machine) => ({ ...machine }));
    lose(next, what === "marks");
    const told = (): string => `the record is lost${what === "marks" ? ", and its marks" : ""}`;
    emit({ world: next, local: "anew", cost: 1, told });
  }
}

/** Workers have heard of it before anything else happens. */
function hearing(emit: Emit): Emit {
  return (next) => emit({ ...next, world: heard(next.world) });
}

export function heard(world: World): World {
  const machines = world.machines.map((machine) => hear(world, machine));
  return machines.every((machine, i) => machine === world.machines[i])
    ? world
    : { ...world, machines };
}

/** It is the youngest then. */
export function start(machine: Machine, world: World): void {
  machine.power = "up";
  machine.isUnnoticed = false;
  const others = world.machines.filter((other) => other !== machine)
    .sort((a, b) => a.launchedMs - b.launchedMs);
  machine.launchedMs = others.length;
  for (const [launchedMs, other] of others.entries()) {
    if (other.launchedMs !== launchedMs) world.machines[other.index] = { ...other, launchedMs };
  }
  if (latest(machine.ec2) !== "running") shows(world, machine, "running");
}

export function terminate(machine: Machine, world: World): void {
  machine.power = "terminated";
  shows(world, machine, "terminated");
}

/** A copy of which machine `i` may be changed; null: none. */
export function fork(world: World, i: number | null): World {
  const machines = [...world.machines];
  if (i !== null) machines[i] = { ...machines[i]! };
  return { ...world, machines, swarms: world.swarms.map((swarm) => ({ ...swarm })), broken: [] };
}

function floorOf({ store, versions }: World): number {
  return store === "s3" ? versions.length : 0;
}

function troublesOf({ kind }: Act): Trouble[] {
  switch (kind) {
    case "write":
      return ["lost-request", "lost-answer", "busy", "late"];
    case "join":
    case "publish":
    case "attest":
    case "retract":
      return ["lost-request", "lost-answer"];
    default:
      return ["lost-answer"];
  }
}

function initsOf({ swarms }: World, founder: number): number {
  return swarms.filter((swarm) => swarm.founder === founder).length;
}

/** Versions by which this machine took itself out: nobody else leaves it out as long as it lives. */
function withdrawalsOf({ versions }: World, instance: string): number {
  return versions.filter(({ record: { writer, members } }) =>
    writer === instance && !members.some((one) => one.instance === instance)
  ).length;
}

function isRepeatable({ store, versions }: World, { nonce }: FoundingRecord): boolean {
  return store === "tags" && versions.some(({ record }) => record.nonce === nonce);
}

function brief(answer: AnyAnswer): string {
  return answer.ok ? JSON.stringify(answer.value) : answer.fault.kind;
}
