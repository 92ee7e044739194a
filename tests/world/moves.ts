/** Every single step from a state: of a node, of the Engine in the background, of the machines. */
import { forget, shows } from "./aws.ts";
import { type Choice, configOf, enact, land, type Trouble } from "./enact.ts";
import { canFinish, daemonRestarts, finish } from "./engine.ts";
import { broken, judgeDone } from "./judge.ts";
import { canonical, type Outcome, outcomesOf, settled } from "./local.ts";
import type { Code } from "./program.ts";
import type { Local, Scene, Snapshots } from "./snapshot.ts";
import { troubled, TRUTH, truthBut, wholeView } from "./view.ts";
import { EPOCH_MS, latest, type Machine, type World } from "./world.ts";
import type { AnyAnswer, Call } from "../../src/effects.ts";
import type { FoundingRecord, Position } from "../../src/state.ts";

/** What is given a state that follows, and what happened, in words. */
export type Emit = (scene: Scene, told: () => string) => void;

/** Kinds of faults that may befall a world. */
export interface Faults {
  crash: boolean;
  reboot: boolean;
  stop: boolean;
  terminate: boolean;
  cut: boolean;
  reads: boolean;
  answers: boolean;
  late: boolean;
  background: boolean;
}

export const ALL_FAULTS: Faults = {
  crash: true,
  reboot: true,
  stop: true,
  terminate: true,
  cut: true,
  reads: true,
  answers: true,
  late: true,
  background: true,
};

const HOURS_MS = 2 * 60 * 60_000;
/**
 * How often a machine initialises a swarm in a search. Reads that go back and forth for ever, on whether
 * EC2 still knows a forgotten member, could make it do so without an end.
 */
const INITS_MAX = 3;

export class Moves {
  readonly #code: Code;
  readonly #snapshots: Snapshots;
  readonly #faults: Faults;
  readonly #outcomes = new Map<string, Outcome[]>();
  readonly #answered = new WeakMap<Outcome, Map<string, Local>>();
  readonly #ends = new WeakMap<Outcome, Local>();

  constructor(code: Code, snapshots: Snapshots, faults: Faults) {
    this.#code = code;
    this.#snapshots = snapshots;
    this.#faults = faults;
  }

  /** Steps that were not followed, because a machine initialised too many swarms. */
  cutShort = 0;

  get views(): number {
    return this.#outcomes.size;
  }

  from(scene: Scene, emit: Emit): void {
    scene.locals.forEach((local, i) => {
      const { power } = scene.world.machines[i]!;
      if (power === "terminated") return;
      if (power === "unborn") this.#launch(scene, i, emit);
      else if (power === "down") this.#up(scene, i, emit);
      else {
        if (local.kind === "idle") this.#start(scene, i, local, emit);
        if (local.kind === "run") this.#round(scene, i, local, emit);
        this.#background(scene, i, emit);
      }
      if (power !== "unborn") this.#mishaps(scene, i, local, emit);
    });
    if (scene.world.inFlight.length > 0) {
      const next = fork(scene, null);
      land(next.world, TRUTH);
      emit(next, () => "a write that was given up arrives");
    }
    if (scene.hours > 0) {
      const next = fork(scene, null);
      next.hours--;
      next.world.nowMs += HOURS_MS;
      next.world.machines = next.world.machines.map((machine) => {
        const copy = { ...machine };
        forget(copy);
        return copy;
      });
      emit(next, () => "hours pass");
    }
  }

  /** The first run of a machine that is launched now. */
  #launch(scene: Scene, i: number, emit: Emit): void {
    const next = fork(scene, i);
    const machine = next.world.machines[i]!;
    machine.power = "up";
    shows(next.world, machine, "running");
    next.locals[i] = begun(this.#code, next.world, machine, 1);
    next.floors[i] = floorOf(next.world);
    emit(next, () => `${machine.instance} is launched`);
  }

  #start(scene: Scene, i: number, { run }: Local, emit: Emit): void {
    const next = fork(scene, i);
    const machine = next.world.machines[i]!;
    next.locals[i] = begun(this.#code, next.world, machine, run + 1);
    next.floors[i] = floorOf(next.world);
    emit(next, () => `${machine.instance} starts run ${run + 1}`);
  }

  #up(scene: Scene, i: number, emit: Emit): void {
    const next = fork(scene, i);
    const machine = next.world.machines[i]!;
    machine.power = "up";
    if (latest(machine.ec2) !== "running") shows(next.world, machine, "running");
    emit(next, () => `${machine.instance} is up again`);
  }

  #background(scene: Scene, i: number, emit: Emit): void {
    const machine = scene.world.machines[i]!;
    if (machine.place.kind !== "attempt") return;
    const ends = canFinish(scene.world, machine)
      ? ["member", "failed", "outside"] as const
      : ["failed", "outside"] as const;
    for (const end of ends) {
      const next = fork(scene, i);
      finish(next.world, next.world.machines[i]!, end);
      emit(next, () => `${machine.instance}'s attempt to join ends: ${end}`);
    }
  }

  #mishaps(scene: Scene, i: number, local: Local, emit: Emit): void {
    const { instance, power, isCut } = scene.world.machines[i]!;
    if (isCut) {
      const next = fork(scene, i);
      next.world.machines[i]!.isCut = false;
      emit(next, () => `${instance} can be reached again`);
    }
    if (scene.faults === 0) return;
    const { crash, reboot, stop, terminate, cut } = this.#faults;
    const { run } = local;
    const isUp = power === "up";
    const mishap = (told: string, change: (machine: Machine, next: Scene) => void): void => {
      const next = fork(scene, i);
      next.faults--;
      change(next.world.machines[i]!, next);
      emit(next, () => `${instance} ${told}`);
    };
    const idle: Local = { kind: "idle", run };
    if (crash && isUp && local.kind === "run") {
      mishap("loses its run", (_, next) => next.locals[i] = idle);
    }
    if (reboot && isUp) {
      mishap("reboots", (machine, next) => {
        daemonRestarts(machine);
        next.locals[i] = idle;
      });
    }
    if (stop && isUp) {
      mishap("is stopped", (machine, next) => {
        machine.power = "down";
        daemonRestarts(machine);
        shows(next.world, machine, "stopped");
        next.locals[i] = idle;
      });
    }
    if (terminate) {
      mishap("is terminated", (machine, next) => {
        machine.power = "terminated";
        shows(next.world, machine, "terminated");
        next.locals[i] = { kind: "idle", run };
        if (machine.place.kind === "member" && !machine.place.manager) {
          const { swarm } = machine.place;
          next.world.swarms.find(({ fingerprint }) => fingerprint === swarm)!.workers--;
        }
      });
    }
    if (cut && isUp && !isCut) {
      mishap("is cut off from the others", (machine) => machine.isCut = true);
    }
  }

  /** The next round of a run, for all that it may see. */
  #round(scene: Scene, i: number, local: Local & { kind: "run" }, emit: Emit): void {
    for (const outcome of this.outcomes(scene, i, local)) {
      if (outcome.cost > scene.faults) continue;
      this.#follow(scene, i, local, outcome, emit);
    }
  }

  outcomes(scene: Scene, i: number, local: Local & { kind: "run" }): Outcome[] {
    const faults = this.#faults.reads && scene.faults > 0;
    const key = `${i} ${faults} ${this.#snapshots.sightOf(scene, i)}`;
    let outcomes = this.#outcomes.get(key);
    if (outcomes === undefined) {
      const view = wholeView(scene.world, scene.world.machines[i]!, scene.floors[i]!, faults);
      outcomes = outcomesOf(this.#code, local.state, view).map(named);
      this.#outcomes.set(key, outcomes);
    }
    return outcomes;
  }

  #follow(
    scene: Scene,
    i: number,
    local: Local & { kind: "run" },
    outcome: Outcome,
    emit: Emit,
  ): void {
    const { instance } = scene.world.machines[i]!;
    const told = (): string => `${instance} ${outcome.told}`;
    if (outcome.kind === "end") {
      const next = fork(scene, null);
      next.faults -= outcome.cost;
      const kind = outcome.decision.action.kind === "done" ? "done" : "failed";
      if (kind === "done") judgeDone(next.world, next.world.machines[i]!);
      next.locals[i] = this.#ended(outcome, { kind, run: local.run });
      next.floors[i] = 0;
      emit(next, told);
    } else if (outcome.kind === "looked") {
      const next = fork(scene, null);
      next.faults -= outcome.cost;
      next.locals[i] = this.#ended(outcome, { ...local, state: outcome.state });
      emit(next, told);
    } else {
      this.#act(scene, i, local, outcome, emit);
    }
  }

  /** An act, well answered, or with what may go wrong with it. */
  #act(
    scene: Scene,
    i: number,
    local: Local & { kind: "run" },
    outcome: Outcome & { kind: "act" },
    emit: Emit,
  ): void {
    const { instance } = scene.world.machines[i]!;
    const { call } = outcome;
    if (call.kind === "init" && initsOf(scene.world, i) >= INITS_MAX) {
      this.cutShort++;
      return;
    }
    const isFallback = outcome.blind && (call.kind === "init" || call.kind === "retract");
    const make = (choice: Choice, cost: number, said: string, survives = true): void => {
      const next = fork(scene, i);
      next.faults -= cost + outcome.cost;
      if (next.faults < 0) return;
      const answer = enact(next.world, next.world.machines[i]!, call, choice);
      if (isFallback) {
        broken(next.world, "no-init-as-a-fallback", `${instance} inits after a read that failed`);
      }
      next.locals[i] = survives
        ? this.answered(outcome, local, answer)
        : { kind: "idle", run: local.run };
      next.floors[i] = floorOf(next.world);
      emit(
        next,
        () => `${instance} ${outcome.told}\n      ${call.kind} -> ${said} ${brief(answer)}`,
      );
    };
    make(TRUTH, 0, "");
    if (call.kind === "write" && isRepeatable(scene.world, call.record)) {
      make(truthBut({ isRepeated: () => false }), 0, "(its client token is forgotten)");
    }
    if (scene.faults === outcome.cost || call.kind === "contents") return;
    for (const trouble of this.#troubles(call)) make(troubled(trouble), 1, `(${trouble})`);
    if (this.#faults.crash) make(TRUTH, 1, "(its run is lost before the answer)", false);
    if (this.#faults.background && call.kind === "join") {
      make(truthBut({ course: () => "background" }), 1, "(goes on in the background)");
    }
  }

  /** The run after its act was answered. */
  answered(
    outcome: Outcome & { kind: "act" },
    local: Local & { kind: "run" },
    answer: AnyAnswer,
  ): Local {
    let answers = this.#answered.get(outcome);
    if (answers === undefined) this.#answered.set(outcome, answers = new Map());
    const key = answer.ok ? JSON.stringify(answer.value) : answer.fault.kind;
    let after = answers.get(key);
    if (after === undefined) {
      const { state, call } = outcome;
      const absorbed = this.#code.absorb(state, [call], [answer], 0);
      after = { ...local, state: settled(this.#code, absorbed) };
      answers.set(key, after);
    }
    return after;
  }

  /** One object for one value, so that it is named once. */
  #ended(outcome: Outcome, local: Local): Local {
    const known = this.#ends.get(outcome);
    if (known !== undefined) return known;
    this.#ends.set(outcome, local);
    return local;
  }

  #troubles({ kind }: Call): Trouble[] {
    const { answers, late } = this.#faults;
    if (!answers) return [];
    switch (kind) {
      case "write":
        return ["lost-request", "lost-answer", "busy", ...(late ? ["late" as const] : [])];
      case "join":
      case "publish":
      case "retract":
        return ["lost-request", "lost-answer"];
      default:
        return ["lost-answer"];
    }
  }
}

/** A copy of which machine `i` may be changed; null: none. */
export function fork(scene: Scene, i: number | null): Scene {
  const { world } = scene;
  const machines = [...world.machines];
  if (i !== null) machines[i] = { ...machines[i]! };
  return {
    ...scene,
    world: { ...world, machines, swarms: world.swarms.map((swarm) => ({ ...swarm })), broken: [] },
    locals: [...scene.locals],
    floors: [...scene.floors],
  };
}

export function begun(code: Code, world: World, machine: Machine, run: number): Local {
  const config = configOf(world, machine);
  const state = canonical(code.begin(config, `r${machine.index}x${run}`));
  return { kind: "run", state, run };
}

export function floorOf({ store, versions }: World): number {
  return store === "s3" ? versions.length : 0;
}

/** A write under a nonce that a change of names keeps: of its run, its kind and its place. */
export function named(outcome: Outcome): Outcome {
  if (outcome.kind !== "act" || outcome.call.kind !== "write") return outcome;
  const { state, call } = outcome;
  const nonce = `${state.memory.runId}-${state.doing?.action.kind}@${placeOf(call.at)}`;
  const renamed: Call = { ...call, record: { ...call.record, nonce } };
  return { ...outcome, call: renamed, state: { ...state, plan: [renamed] } };
}

function placeOf(at: Position): string {
  switch (at.kind) {
    case "none":
      return "0";
    case "log":
      return `${at.head}.${at.last}`;
    case "object":
      return at.etag;
    default:
      return at satisfies never;
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

export { EPOCH_MS };
