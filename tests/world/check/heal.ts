/**
 * Liveness: from every state, once no more fault happens and reads show what is, everyone gets where
 * they should be. One fair schedule is played from each state; where it meets a state from which that
 * is known already, it stops. As every wait has jitter, a state from which there is always a way to
 * the end reaches it with certainty.
 */
import { shows } from "../aws.ts";
import { enact, land } from "../enact.ts";
import { canFinish, daemonRestarts, finish, hasQuorum } from "../engine.ts";
import { isExcused, isInPlace, leftover } from "../excuses.ts";
import { doingsOf, happens } from "../nodes.ts";
import { forgetRun, named } from "./nonces.ts";
import { keyOf, type Local, type Row, type States } from "./states.ts";
import { fork, heard, type Steps, terminate } from "./steps.ts";
import { settled, tell } from "./timeless.ts";
import type { Code } from "../program.ts";
import { TRUTH } from "./view.ts";
import {
  type Broken,
  foundedSwarm,
  latest,
  type Machine,
  type Property,
  type World,
} from "../world.ts";
import { at } from "../../../src/run.ts";
import type { Acting, End, Observation, Waiting } from "../../../src/state.ts";

/** What goes wrong on the way from a state to the end, and the way. */
export interface Unwell {
  property: Property;
  what: string;
  told: string[];
}

const CYCLES_MAX = 60;
const WAITS_MAX = 8;
const LOOKS_MAX = 12;
const DICE = [0, 0.34, 0.68] as const;
/** Whatever has to have held, or to be over, has by then. */
const NOW_MS = 400_000;

/** What one round of one node comes to that sees what is. */
interface Healing {
  world: number;
  local: number;
  decision: Acting | Waiting | End;
  broken: Broken | null;
}

export class Healer {
  readonly #code: Code;
  readonly #states: States;
  readonly #steps: Steps;
  /** States from which all ends well. */
  readonly #good = new Set<string>();
  readonly #healings = new Map<string, Healing>();
  readonly #healed: number[] = [];
  readonly #plain: number[] = [];
  /** The longest way that was played, in rounds of all nodes. */
  cyclesMax = 0;

  constructor(code: Code, states: States, steps: Steps) {
    this.#code = code;
    this.#states = states;
    this.#steps = steps;
  }

  /** Null: all ends well, and so it does when all runs end and begin anew. Otherwise what is wrong, and the way there. */
  judge(row: Row): Unwell | null {
    return this.#play(row, "") ?? this.#play(this.#steps.anew(row), ", and all runs begin anew");
  }

  #play(row: Row, how: string): Unwell | null {
    if (this.#playOnce(row, null) === null) return null;
    return this.#playOnce(row, [`no more faults happen, all is up${how}`]);
  }

  /** `told`: filled with what happens; null: not told, and what was once found well is not played again. */
  #playOnce(row: Row, told: string[] | null): Unwell | null {
    let { world, locals } = this.#healedRow(row);
    const last: (Healing["decision"] | null)[] = locals.map(() => null);
    // When each failed, and when anything last changed: a failed run is started again after a change.
    const failedAt = locals.map(() => -1);
    let changedAt = 0;
    // Whose run is one that began here, and since which nobody else has changed anything.
    let isAlone = locals.map(() => false);
    // The last round in which somebody did something, or the world changed.
    let actedAt = 0;
    const way: string[] = [];
    const isKnown = (): boolean => {
      const here = keyOf(this.#states.canonical({ world, locals }));
      way.push(here);
      return told === null && this.#good.has(here);
    };
    const well = (): null => {
      for (const passed of way) this.#good.add(passed);
      return null;
    };
    if (isKnown()) return null;
    for (let cycle = 0; cycle < CYCLES_MAX; cycle++) {
      let isChanged = false;
      for (let i = 0; i < locals.length; i++) {
        if (failedAt[i]! > changedAt || !this.#isToRun(world, i, locals[i]!)) continue;
        const healing = this.#healing({ world, locals }, i, cycle % DICE.length);
        last[i] = healing.decision;
        told?.push(`i-${i} ${tell(healing.decision)}`);
        if (healing.broken !== null) return { ...healing.broken, told: told ?? [] };
        if (healing.decision.kind !== "wait" || healing.world !== world) actedAt = cycle;
        const isSame = healing.world === world && healing.local === locals[i];
        if (healing.world !== world) isAlone = isAlone.map((is, k) => is && k === i);
        world = healing.world;
        locals = locals.with(i, healing.local);
        const isFailed = this.#states.local(healing.local).kind === "failed";
        if (isFailed) failedAt[i] = cycle + 1;
        if (isFailed || isSame) continue;
        isChanged = true;
        changedAt = cycle + 1;
      }
      if (isChanged && isKnown()) return well();
      this.cyclesMax = Math.max(this.cyclesMax, cycle);
      // Who only waits, for one thing and then for another, waits for ever.
      if (isChanged && cycle - actedAt < WAITS_MAX) continue;
      const after = this.#terminated({ world, locals });
      if (after !== null) {
        ({ world, locals } = after);
        changedAt = cycle + 1;
        told?.push("who was told to go, and is out, is terminated");
        continue;
      }
      const again = this.#again(world, locals, isAlone);
      if (again !== null) {
        isAlone = isAlone.map((is, i) => is || again[i] !== locals[i]);
        locals = again;
        continue;
      }
      return this.#atRest(this.#states.world(world), locals, last, told ?? []) ?? well();
    }
    return unwell(`nothing comes to rest in ${CYCLES_MAX} rounds`, told ?? []);
  }

  #isToRun(id: number, i: number, local: number): boolean {
    const world = this.#states.world(id);
    const machine = world.machines[i]!;
    if (machine.power !== "up" || machine.isOutside) return false;
    return this.#states.local(local).kind !== "done" || !isInPlace(world, machine);
  }

  /** Who was told to go, and is out, is terminated; null: there is nobody. */
  #terminated({ world: id, locals }: Row): Row | null {
    const world = fork(this.#states.world(id), null);
    const isOut = world.machines.map((machine, i) =>
      machine.isGoing && machine.power === "up" && machine.place.kind === "outside" &&
      this.#states.local(locals[i]!).kind === "done"
    );
    if (!isOut.includes(true)) return null;
    world.machines = world.machines.map((machine, i) => isOut[i] ? { ...machine } : machine);
    for (const machine of world.machines) if (isOut[machine.index]) terminate(machine, world);
    const off = this.#states.localId({ kind: "off" });
    return {
      world: this.#states.worldId(carriedOut(world)),
      locals: locals.map((local, i) => isOut[i] ? off : local),
    };
  }

  /** Who has something to do since others have changed something: machines boot, or somebody runs it once more. */
  #again(world: number, locals: number[], isAlone: boolean[]): number[] | null {
    const so = locals.map((local, i) => {
      if (this.#states.local(local).kind !== "done" || isAlone[i] === true) return local;
      const { power } = this.#states.world(world).machines[i]!;
      if (power !== "up") return local;
      const begun = this.#states.localId(plain(this.#steps.begun(this.#states.world(world), i)));
      const { decision } = this.#healing({ world, locals: locals.with(i, begun) }, i, 0);
      return decision.kind === "act" ? begun : local;
    });
    return so.some((local, i) => local !== locals[i]) ? so : null;
  }

  #healing({ world, locals }: Row, i: number, dice: number): Healing {
    const key = `${world} ${i} ${locals[i]} ${dice}`;
    let healing = this.#healings.get(key);
    if (healing === undefined) {
      healing = this.#round(world, i, this.#states.local(locals[i]!), DICE[dice]!);
      this.#healings.set(key, healing);
    }
    return healing;
  }

  /** What the run comes to when it sees what is; one that is over begins again. */
  #round(id: number, i: number, local: Local, dice: number): Healing {
    const world = this.#states.world(id);
    const ended = (after: World, local: Local, decision: Healing["decision"]): Healing => ({
      world: after === world ? id : this.#states.worldId(carriedOut(heard(after))),
      local: this.#states.localId(plain(local)),
      decision,
      broken: after.broken[0] ?? null,
    });
    const run = local.kind === "run" ? local : this.#steps.begun(world, i);
    const { decision, before } = this.#decided(world, i, run.o, dice);
    const after = fork(world, i);
    switch (decision.kind) {
      case "end":
        forgetRun(after, i);
        return ended(after, { kind: decision.exit === 0 ? "done" : "failed" }, decision);
      case "wait": {
        const o = settled(this.#code, this.#code.after(before, decision, [], 0));
        return ended(world, { ...run, o }, decision);
      }
      case "act": {
        const call = named(decision.call, before.memory);
        const answer = enact(after, after.machines[i]!, call, TRUTH);
        return ended(after, this.#steps.acted(after, before, call, answer), decision);
      }
      default:
        return decision satisfies never;
    }
  }

  /** What is decided by what is, and in which state of the run. */
  #decided(
    world: World,
    i: number,
    o: Observation,
    dice: number,
  ): { decision: Healing["decision"]; before: Observation } {
    let before = o;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const decision = this.#code.decide(at(before, NOW_MS, dice));
      if (decision.kind !== "look") return { decision, before };
      const answers = decision.calls.map((call) => enact(world, world.machines[i]!, call, TRUTH));
      before = this.#code.after(before, decision, answers, 0);
    }
    throw new Error("A run looks for ever");
  }

  /** Nobody changes anything any more: each node must be where it should, or say truly why not. */
  #atRest(
    world: World,
    locals: number[],
    last: (Healing["decision"] | null)[],
    told: string[],
  ): Unwell | null {
    for (const [i, local] of locals.entries()) {
      const machine = world.machines[i]!;
      if (machine.power !== "up" || machine.isOutside) continue;
      if (this.#states.local(local).kind === "done" && isInPlace(world, machine)) {
        // A second run on a node that is done changes nothing.
        const { decision } = this.#decided(world, i, this.#steps.begun(world, i).o, 0);
        // Whom a record listed that was lost is listed again once it is found.
        if (decision.kind !== "act" || world.strays.length > 0) continue;
        const what = `${machine.instance} is done, and a second run would ${decision.call.kind}`;
        return { property: "done-writes-nothing", what, told };
      }
      const decision = last[i]!;
      if (isExcused(world, machine, decision.kind === "end" ? decision : late(decision))) continue;
      return unwell(`${machine.instance} never ends well (${tell(decision)})`, told);
    }
    const left = leftover(world);
    return left === null || isBlind(world) ? null : unwell(left, told);
  }

  /** The world after the last fault, and the runs as if they had looked at nothing yet. */
  #healedRow({ world, locals }: Row): Row {
    return {
      world: this.#healed[world] ??= this.#states.worldId(healed(this.#states.world(world))),
      locals: locals.map((id) =>
        this.#plain[id] ??= this.#states.localId(plain(this.#states.local(id)))
      ),
    };
  }
}

/** What a run that waits or acts for ever ends with. */
function late({ rule, because }: Healing["decision"]): End {
  return { kind: "end", exit: 3, afterMs: 0, rule, because, warnings: [], findings: [] };
}

/** A run that sees what is need not know how old its reads may be. */
function plain(local: Local): Local {
  return local.kind === "run" ? { ...local, horizon: { floor: 0, seen: [] } } : local;
}

function unwell(what: string, told: string[]): Unwell {
  return { property: "everyone-ends-well", what, told };
}

/** All machines are up and reach each other, all writes have arrived, all attempts have ended. */
function healed(before: World): World {
  const world = fork(before, null);
  while (world.inFlight.length > 0) land(world, TRUTH);
  world.machines = world.machines.map((before) => {
    if (before.power === "terminated") return before;
    const machine: Machine = { ...before, power: "up", isCut: false };
    if (before.power === "down" || before.ailment === "loud") daemonRestarts(machine);
    if (latest(machine.ec2) !== "running") shows(world, machine, "running");
    return machine;
  });
  for (const machine of world.machines) {
    if (machine.place.kind === "attempt" && machine.power !== "terminated") {
      finish(world, machine, canFinish(world, machine) ? "member" : "outside");
    }
  }
  for (const swarm of world.swarms) swarm.isUnsure = false;
  return carriedOut(heard(world));
}

/** Swarms have done all that they were told, and what ran on who is drained runs elsewhere. */
function carriedOut(before: World): World {
  let world = before;
  for (;;) {
    const doing = doingsOf(world).find(({ kind }) => kind !== "stowaway");
    if (doing === undefined) return heard(world);
    world = { ...fork(world, null), broken: world.broken };
    world.machines = world.machines.map((machine) => ({ ...machine }));
    happens(world, doing);
  }
}

/** Nobody leads the founded swarm: nothing in it can be changed. */
function isBlind(world: World): boolean {
  const founded = foundedSwarm(world);
  return founded === null || !hasQuorum(world, founded);
}
