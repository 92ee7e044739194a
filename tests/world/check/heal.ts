/**
 * Liveness: from every state, once no more fault happens and reads show what is, everyone gets where
 * they should be. One fair schedule is played from each state; where it meets a state from which that
 * is known already, it stops. As every wait has jitter, a state from which there is always a way to
 * the end reaches it with certainty.
 */
import { shows } from "../aws.ts";
import { enact, land } from "../enact.ts";
import { canFinish, daemonRestarts, finish } from "../engine.ts";
import { isExcused } from "../excuses.ts";
import { canonical, settled, tell } from "./local.ts";
import { fork, IDLE } from "./mishaps.ts";
import type { Moves } from "./moves.ts";
import { forgetRun, named } from "./nonces.ts";
import type { Code } from "../program.ts";
import { CHANGES } from "../second_run.ts";
import { Seen } from "./seen.ts";
import type { Local, Row, Snapshots } from "./snapshot.ts";
import { TRUTH } from "./view.ts";
import {
  type Broken,
  foundedSwarm,
  latest,
  type Machine,
  type Property,
  type World,
} from "../world.ts";
import type { Decision } from "../../../src/state.ts";

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

/** One round of one node that sees what is. */
interface Healing {
  world: number;
  local: number;
  decision: Decision | null;
  broken: Broken | null;
}

export class Healer {
  readonly #code: Code;
  readonly #snapshots: Snapshots;
  readonly #moves: Moves;
  readonly #good = new Seen();
  /** World and runs, as they are and as if all began anew. */
  readonly #judged = new Seen();
  #healings: Map<number, Healing>[] = [];
  #healedWorlds: number[] = [];
  /** The longest way that was played, in rounds of all nodes. */
  cyclesMax = 0;

  constructor(code: Code, snapshots: Snapshots, moves: Moves) {
    this.#code = code;
    this.#moves = moves;
    this.#snapshots = snapshots;
  }

  forget(): void {
    this.#healings = [];
    this.#healedWorlds = [];
  }

  /**
   * Null: all ends well, and so it does when all runs ended before and begin anew. Otherwise what is
   * wrong, and the way there.
   */
  judge(found: Row): Unwell | null {
    const { world, floors } = found;
    const locals = found.locals.map((id, i) => this.#snapshots.unseeing(id, i));
    if (!this.#isNew(world, locals)) return null;
    const begun = locals.map((id, i) =>
      this.#snapshots.local(id).kind === "run" ? this.#snapshots.localId(IDLE, i) : id
    );
    const judged = this.#play({ world, locals, floors }, "");
    if (judged !== null || !this.#isNew(world, begun)) return judged;
    const anew = this.#withoutRuns(world, locals);
    return this.#play({ world: anew, locals: begun, floors }, ", and all runs begin anew");
  }

  #isNew(world: number, locals: number[]): boolean {
    const key = [world, ...locals];
    return this.#judged.add(key, key.length);
  }

  #withoutRuns(world: number, locals: number[]): number {
    const next = fork(this.#snapshots.world(world), null);
    locals.forEach((id, i) => {
      if (this.#snapshots.local(id).kind === "run") forgetRun(next, i);
    });
    return this.#snapshots.worldId(next);
  }

  #play(row: Row, how: string): Unwell | null {
    if (this.#playOnce(row, null) === null) return null;
    return this.#playOnce(row, [`no more faults happen, all is up${how}`]);
  }

  /** `told`: filled with what happens; null: not told, and what was once found well is not played again. */
  #playOnce(row: Row, told: string[] | null): Unwell | null {
    let world = this.#healedWorld(row.world);
    const locals = [...row.locals];
    const n = locals.length;
    const last: (Decision | null)[] = Array.from({ length: n }, () => null);
    // When each failed, and when anything last changed: a failed run is started again after a change.
    const failedAt: number[] = Array.from({ length: n }, () => -1);
    let changedAt = 0;
    const way: number[][] = [];
    const isWell = (): boolean => told === null && this.#isKnown(world, locals, way);
    const found = (result: Unwell | null): Unwell | null => {
      if (result === null) { for (const passed of way) this.#good.add(passed, passed.length); }
      return result;
    };
    if (isWell()) return found(null);
    for (let cycle = 0; cycle < CYCLES_MAX; cycle++) {
      let isChanged = false;
      for (let i = 0; i < n; i++) {
        if (failedAt[i]! > changedAt || !this.#isToRun(world, i, locals[i]!)) continue;
        const healing = this.#healing(world, i, locals[i]!, cycle % 3);
        const isSame = healing.world === world && healing.local === locals[i];
        last[i] = healing.decision ?? last[i]!;
        told?.push(`i-${i} ${healing.decision === null ? "goes on" : tell(healing.decision)}`);
        if (healing.broken !== null) return { ...healing.broken, told: told ?? [] };
        ({ world } = healing);
        locals[i] = healing.local;
        const isFailed = this.#snapshots.local(healing.local).kind === "failed";
        if (isFailed) failedAt[i] = cycle + 1;
        if (isFailed || isSame) continue;
        isChanged = true;
        changedAt = cycle + 1;
      }
      if (isChanged && isWell()) return found(null);
      this.cyclesMax = Math.max(this.cyclesMax, cycle);
      if (!isChanged) {
        return found(this.#atRest(this.#snapshots.world(world), locals, last, told ?? []));
      }
    }
    return unwell(`nothing comes to rest in ${CYCLES_MAX} rounds`, told ?? []);
  }

  /**
   * Whether all ends well from here, as was found before. `way`: told each state that is passed, and under
   * which names the first one is known.
   */
  #isKnown(world: number, locals: number[], way: number[][]): boolean {
    const here = [world, ...locals];
    if (this.#good.has(here, here.length)) return true;
    const isFirst = way.length === 0;
    way.push(here);
    if (!isFirst) return false;
    const floors = locals.map(() => 0);
    const row = this.#snapshots.canonical({ world, locals, floors }, 0);
    const named = [row.world, ...row.locals];
    way.push(named);
    return this.#good.has(named, named.length);
  }

  #isToRun(world: number, i: number, local: number): boolean {
    const { power, place } = this.#snapshots.world(world).machines[i]!;
    if (power !== "up") return false;
    return this.#snapshots.local(local).kind !== "done" ||
      isStranded(this.#snapshots.world(world), place);
  }

  #healing(world: number, i: number, local: number, dice: number): Healing {
    const known = this.#healings[world] ??= new Map();
    const key = local * 3 + dice;
    let healing = known.get(key);
    if (healing === undefined) {
      healing = this.#round(world, i, this.#snapshots.local(local), dice * 0.34);
      known.set(key, healing);
    }
    return healing;
  }

  /** What the run comes to when it sees what is; one that is over begins again. */
  #round(id: number, i: number, local: Local, dice: number): Healing {
    const world = this.#snapshots.world(id);
    const end = (after: World, local: Local, decision: Decision | null): Healing => ({
      world: after === world ? id : this.#snapshots.worldId(after),
      local: this.#snapshots.localId(local, i),
      decision,
      broken: after.broken[0] ?? null,
    });
    let state = local.kind === "run" ? local.state : this.#moves.begun(world, i);
    for (let steps = 0; steps < 12; steps++) {
      const step = this.#code.next(state, 20_000, dice);
      if (step.kind === "end") {
        const { decision } = step;
        const after = fork(world, null);
        forgetRun(after, i);
        return end(after, { kind: decision.action.kind === "done" ? "done" : "failed" }, decision);
      }
      const { calls, decision } = step;
      const [call] = calls;
      if (step.state.doing !== null && call !== undefined && call.kind !== "sleep") {
        const told = decision === null ? "goes on" : tell(decision);
        const before = canonical(step.state);
        const act = named({ kind: "act", cost: 0, blind: false, call, state: before, told });
        if (act.kind !== "act") throw new Error("An act was renamed to none");
        const after = fork(world, i);
        const answer = enact(after, after.machines[i]!, act.call, TRUTH);
        return end(after, this.#moves.answered(act, answer), act.state.doing);
      }
      const answers = calls.map((one) => enact(world, world.machines[i]!, one, TRUTH));
      state = this.#code.absorb(step.state, calls, answers, 0);
      if (call?.kind === "sleep") {
        return end(world, { kind: "run", state: settled(this.#code, state) }, decision);
      }
    }
    throw new Error("A run looks for ever");
  }

  /** Nobody changes anything any more: each node must be where it should, or say truly why not. */
  #atRest(
    world: World,
    locals: number[],
    last: (Decision | null)[],
    told: string[],
  ): Unwell | null {
    for (const [i, local] of locals.entries()) {
      const machine = world.machines[i]!;
      if (machine.power !== "up") continue;
      const { kind } = this.#snapshots.local(local);
      if (kind === "done" && !isStranded(world, machine.place)) {
        const what = this.#second(world, i);
        if (what !== null) return { property: "done-writes-nothing", what, told };
        continue;
      }
      const decision = last[i] ?? null;
      const late: Decision | null = decision === null
        ? null
        : { ...decision, action: { kind: "fail", exit: 3, afterMs: 0 } };
      if (late !== null && isExcused(world, machine, late)) continue;
      const why = decision === null
        ? "without a decision"
        : `${decision.rule}: ${decision.because}`;
      return unwell(`${machine.instance} never ends well (${why})`, told);
    }
    return null;
  }

  /** A second run on a node that is done changes nothing. */
  #second(world: World, i: number): string | null {
    const machine = world.machines[i]!;
    let state = this.#moves.begun(world, i);
    for (let steps = 0; steps < 12; steps++) {
      const step = this.#code.next(state, 20_000, 0);
      if (step.kind === "end") return null;
      const change = step.calls.find(({ kind }) => CHANGES.includes(kind));
      if (change !== undefined) {
        return `${machine.instance} is done, and a second run would ${change.kind}`;
      }
      const answers = step.calls.map((call) => enact(world, machine, call, TRUTH));
      state = settled(this.#code, this.#code.absorb(step.state, step.calls, answers, 0));
    }
    return null;
  }

  /** The world after the last fault: all machines are up and reach each other, all writes have arrived. */
  #healedWorld(id: number): number {
    return this.#healedWorlds[id] ??= this.#snapshots.worldId(healed(this.#snapshots.world(id)));
  }
}

/** In a swarm that is not the founded one any more: the next run finds out. */
function isStranded(world: World, place: World["machines"][number]["place"]): boolean {
  return place.kind !== "member" || place.swarm !== foundedSwarm(world)?.fingerprint;
}

function healed(before: World): World {
  const world = fork(before, null);
  while (world.inFlight.length > 0) land(world, TRUTH);
  for (const [i, { power, isCut, place }] of world.machines.entries()) {
    if (power === "terminated") continue;
    if (power === "up" && !isCut && place.kind !== "attempt") continue;
    const machine: Machine = { ...world.machines[i]!, power: "up", isCut: false };
    world.machines[i] = machine;
    if (power === "down") daemonRestarts(machine);
    if (latest(machine.ec2) !== "running") shows(world, machine, "running");
  }
  for (const machine of world.machines) {
    if (machine.place.kind === "attempt" && machine.power !== "terminated") {
      finish(world, machine, canFinish(world, machine) ? "member" : "outside");
    }
  }
  return world;
}
