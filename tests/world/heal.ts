/**
 * Liveness: from every state, once no more fault happens and reads show what is, everyone gets where
 * they should be. One fair schedule is played from each state; where it meets a state from which that
 * is known already, it stops. As every wait has jitter, a state from which there is always a way to
 * the end reaches it with certainty.
 */
import { shows } from "./aws.ts";
import { enact, land } from "./enact.ts";
import { canFinish, daemonRestarts, finish } from "./engine.ts";
import { isExcused } from "./excuses.ts";
import { canonical, type Outcome, settled, tell } from "./local.ts";
import { begun, fork, type Moves, named } from "./moves.ts";
import type { Code } from "./program.ts";
import { CHANGES } from "./second_run.ts";
import type { Seen } from "./seen.ts";
import type { Local, Scene, Snapshots } from "./snapshot.ts";
import { TRUTH } from "./view.ts";
import { foundedSwarm, latest, type Machine, type Property, type World } from "./world.ts";
import type { Decision } from "../../src/state.ts";

type Healing =
  | Outcome & { kind: "act" | "end" }
  | Outcome & { kind: "looked" } & { decision: Decision | null };

/** What goes wrong on the way from a state to the end, and the way. */
export interface Unwell {
  property: Property;
  what: string;
  told: string[];
}

function unwell(what: string, told: string[]): Unwell {
  return { property: "everyone-ends-well", what, told };
}

const CYCLES_MAX = 60;

export class Healer {
  readonly #code: Code;
  readonly #snapshots: Snapshots;
  readonly #moves: Moves;
  readonly #outcomes = new Map<string, Healing>();
  readonly #good: Seen;
  readonly #row: number[] = [];
  /** The longest way that was played, in rounds of all nodes. */
  cyclesMax = 0;

  constructor(code: Code, snapshots: Snapshots, moves: Moves, good: Seen) {
    this.#code = code;
    this.#moves = moves;
    this.#snapshots = snapshots;
    this.#good = good;
  }

  /** Null: all ends well. Otherwise what is wrong, and the way there. */
  judge(scene: Scene): Unwell | null {
    const told: string[] = ["no more faults happen, and all is up"];
    const now = healed(scene, this.#code);
    if (this.#isKnown(now)) return null;
    const n = now.locals.length;
    const last: (Decision | null)[] = Array.from({ length: n }, () => null);
    // When each failed, and when anything last changed: a failed run is started again after a change.
    const failedAt: number[] = Array.from({ length: n }, () => -1);
    let changedAt = 0;
    for (let cycle = 0; cycle < CYCLES_MAX; cycle++) {
      let isChanged = false;
      for (let i = 0; i < n; i++) {
        if (failedAt[i]! > changedAt) continue;
        const before = this.#name(now, i);
        last[i] = this.#round(now, i, cycle, told) ?? last[i]!;
        if (now.locals[i]!.kind === "failed") failedAt[i] = cycle + 1;
        const [broken] = now.world.broken;
        if (broken !== undefined) return { ...broken, told };
        if (failedAt[i] === cycle + 1 || this.#name(now, i) === before) continue;
        isChanged = true;
        changedAt = cycle + 1;
      }
      if (isChanged && this.#isKnown(now)) return null;
      this.cyclesMax = Math.max(this.cyclesMax, cycle);
      if (!isChanged) return this.#atRest(now, last, told);
    }
    return unwell(`nothing comes to rest in ${CYCLES_MAX} rounds`, told);
  }

  #name(scene: Scene, i: number): string {
    return `${this.#snapshots.sightOf(scene, i)} ${scene.world.machines[i]!.place.kind}`;
  }

  #isKnown(scene: Scene): boolean {
    const length = this.#snapshots.encode(scene, this.#row);
    const { row } = this.#snapshots.canonical(this.#row, length);
    return !this.#good.add(row, length);
  }

  /** One round of one node; the decision that it came to. */
  #round(scene: Scene, i: number, cycle: number, told: string[]): Decision | null {
    const machine = scene.world.machines[i]!;
    let local = scene.locals[i]!;
    if (machine.power !== "up") return null;
    if (local.kind !== "run") {
      if (local.kind === "done" && !isStranded(scene.world, machine.place)) return null;
      local = begun(this.#code, scene.world, machine, local.run + 1);
      told.push(`${machine.instance} starts run ${local.run}`);
    }
    if (local.kind !== "run") return null;
    scene.locals[i] = local;
    const outcome = this.#outcome(scene, i, local, cycle);
    told.push(`${machine.instance} ${outcome.told}`);
    if (outcome.kind === "end") {
      const kind = outcome.decision.action.kind === "done" ? "done" : "failed";
      scene.locals[i] = { kind, run: local.run };
      return outcome.decision;
    }
    if (outcome.kind === "looked") {
      scene.locals[i] = { ...local, state: outcome.state };
      return outcome.decision;
    }
    scene.world.machines[i] = { ...machine };
    const answer = enact(scene.world, scene.world.machines[i]!, outcome.call, TRUTH);
    scene.locals[i] = this.#moves.answered(outcome, local, answer);
    return outcome.state.doing;
  }

  /** What the run comes to when it sees what is. */
  #outcome(
    scene: Scene,
    i: number,
    local: Local & { kind: "run" },
    cycle: number,
  ): Healing {
    const dice = (cycle % 3) * 0.34;
    const key = `${i} ${dice} ${this.#snapshots.sightOf(scene, i)}`;
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    const outcome = this.#play(scene, i, local, dice);
    this.#outcomes.set(key, outcome);
    return outcome;
  }

  #play(scene: Scene, i: number, local: Local & { kind: "run" }, dice: number): Healing {
    const code = this.#code;
    let { state } = local;
    for (let steps = 0; steps < 12; steps++) {
      const step = code.next(state, 20_000, dice);
      if (step.kind === "end") {
        const { decision } = step;
        return { kind: "end", cost: 0, blind: false, decision, told: tell(decision) };
      }
      const { calls, decision } = step;
      if (step.state.doing !== null && calls[0]?.kind !== "sleep") {
        const told = decision === null ? "goes on" : tell(decision);
        const act = {
          kind: "act",
          cost: 0,
          blind: false,
          call: calls[0]!,
          state: canonical(step.state),
          told,
        };
        return named(act as Outcome) as Outcome & { kind: "act" };
      }
      const answers = calls.map((call) =>
        enact(scene.world, scene.world.machines[i]!, call, TRUTH)
      );
      state = code.absorb(step.state, calls, answers, 0);
      if (calls[0]?.kind === "sleep") {
        const told = decision === null ? "waits" : tell(decision);
        return {
          kind: "looked",
          cost: 0,
          blind: false,
          state: settled(code, state),
          told,
          decision,
        };
      }
    }
    throw new Error("A run looks for ever");
  }

  /** Nobody changes anything any more: each node must be where it should, or say truly why not. */
  #atRest(
    scene: Scene,
    last: (Decision | null)[],
    told: string[],
  ): Unwell | null {
    for (const [i, local] of scene.locals.entries()) {
      const machine = scene.world.machines[i]!;
      if (machine.power !== "up") continue;
      if (local.kind === "done" && !isStranded(scene.world, machine.place)) {
        const what = this.#second(scene, i);
        if (what !== null) return { property: "done-writes-nothing", what, told };
        continue;
      }
      const decision = last[i] ?? null;
      const late: Decision | null = decision === null
        ? null
        : { ...decision, action: { kind: "fail", exit: 3, afterMs: 0 } };
      if (late !== null && isExcused(scene.world, machine, late)) continue;
      const why = decision === null
        ? "without a decision"
        : `${decision.rule}: ${decision.because}`;
      return unwell(`${machine.instance} never ends well (${why})`, told);
    }
    return null;
  }

  /** A second run on a node that is done changes nothing. */
  #second(scene: Scene, i: number): string | null {
    const machine = scene.world.machines[i]!;
    const local = begun(this.#code, scene.world, machine, 9);
    if (local.kind !== "run") return null;
    let { state } = local;
    for (let steps = 0; steps < 12; steps++) {
      const step = this.#code.next(state, 20_000, 0);
      if (step.kind === "end") return null;
      const change = step.calls.find(({ kind }) => CHANGES.includes(kind));
      if (change !== undefined) {
        return `${machine.instance} is done, and a second run would ${change.kind}`;
      }
      const answers = step.calls.map((call) => enact(scene.world, machine, call, TRUTH));
      state = settled(this.#code, this.#code.absorb(step.state, step.calls, answers, 0));
    }
    return null;
  }
}

/** In a swarm that is not the founded one any more: the next run finds out. */
function isStranded(world: World, place: World["machines"][number]["place"]): boolean {
  return place.kind !== "member" || place.swarm !== foundedSwarm(world)?.fingerprint;
}

/** The state after the last fault: all machines are up and reach each other, all writes have arrived. */
function healed(scene: Scene, code: Code): Scene {
  const next = fork(scene, null);
  next.faults = 0;
  next.hours = 0;
  const { world } = next;
  while (world.inFlight.length > 0) land(world, TRUTH);
  next.locals = next.locals.map((local, i): Local => {
    const before = world.machines[i]!;
    const { power } = before;
    if (power === "terminated") return { kind: "idle", run: local.run };
    next.floors[i] = 0;
    if (power !== "up" || before.isCut || before.place.kind === "attempt") {
      const machine: Machine = { ...before, power: "up", isCut: false };
      world.machines[i] = machine;
      if (power === "down") daemonRestarts(machine);
      if (latest(machine.ec2) !== "running") shows(world, machine, "running");
    }
    return power === "unborn" ? begun(code, world, world.machines[i]!, 1) : local;
  });
  for (const machine of world.machines) {
    if (machine.place.kind === "attempt") {
      finish(world, machine, canFinish(world, machine) ? "member" : "outside");
    }
  }
  return next;
}
