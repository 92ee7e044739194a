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
  managersOf,
  type Property,
  recordNow,
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
/** A join has failed only just. */
const JUST_MS = 1_000;

/** What one round of one node comes to that sees what is. */
interface Healing {
  world: number;
  local: number;
  decision: Acting | Waiting | End;
  broken: Broken | null;
}

/** A way from a state to the end, so far. */
interface Play extends Row {
  /** What each has decided last. */
  last: (Healing["decision"] | null)[];
  /** When each failed, and when anything last changed: a failed run is started again after a change. */
  failedAt: number[];
  changedAt: number;
  /** The last round in which the world changed. */
  worldAt: number;
  /** Whose run is one that began here, and since which nobody else has changed anything. */
  isAlone: boolean[];
  /** On whom somebody has run `recover`. */
  hasTried: boolean[];
  /** The records that were written, and in which world. */
  records: Set<string>;
  told: string[];
}

export class Healer {
  readonly #code: Code;
  readonly #states: States;
  readonly #steps: Steps;
  readonly #keeps: boolean;
  readonly #recovers: boolean;
  /** States from which all ends well. */
  readonly #good = new Set<string>();
  readonly #healings = new Map<string, Healing>();
  readonly #healed: number[] = [];
  readonly #plain: number[] = [];
  /** The longest way that was played, in rounds of all nodes. */
  cyclesMax = 0;

  /** `keeps`: whoever has anything to do runs again. */
  constructor(
    code: Code,
    states: States,
    steps: Steps,
    { keeps, told }: { keeps: boolean; told: World["told"] },
  ) {
    this.#code = code;
    this.#keeps = keeps;
    this.#recovers = told.recover > 0;
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
    const play: Play = {
      ...this.#healedRow(row),
      last: row.locals.map(() => null),
      failedAt: row.locals.map(() => -1),
      changedAt: 0,
      worldAt: 0,
      isAlone: row.locals.map(() => false),
      hasTried: row.locals.map(() => false),
      records: new Set(),
      told: told ?? [],
    };
    const way: string[] = [];
    const isKnown = (): boolean => {
      const here = keyOf(this.#states.canonical(play));
      way.push(here);
      return told === null && this.#good.has(here);
    };
    const well = (): null => {
      for (const passed of way) this.#good.add(passed);
      return null;
    };
    if (isKnown()) return null;
    for (let cycle = 0; cycle < CYCLES_MAX; cycle++) {
      const round = this.#cycle(play, cycle);
      if (round.unwell !== null) return round.unwell;
      if (round.isChanged && isKnown()) return well();
      this.cyclesMax = Math.max(this.cyclesMax, cycle);
      // Who only waits, or tries in vain, for one thing and then for another, does so for ever.
      if (round.isChanged && cycle - play.worldAt < WAITS_MAX) continue;
      const rest = this.#atRest(play);
      if (rest.unwell !== null) return rest.unwell;
      if (rest.then === null) return well();
      Object.assign(play, rest.then, { changedAt: cycle + 1, worldAt: cycle });
    }
    return unwell(`nothing comes to rest in ${CYCLES_MAX} rounds`, play.told);
  }

  /** A round of each node. */
  #cycle(play: Play, cycle: number): { isChanged: boolean; unwell: Unwell | null } {
    let isChanged = false;
    for (let i = 0; i < play.locals.length; i++) {
      const { world, locals } = play;
      if (play.failedAt[i]! > play.changedAt || !this.#isToRun(world, i, locals[i]!)) continue;
      const healing = this.#healing(play, i, cycle % DICE.length);
      play.last[i] = healing.decision;
      play.told.push(`i-${i} ${tell(healing.decision)}`);
      if (healing.broken !== null) {
        return { isChanged, unwell: { ...healing.broken, told: play.told } };
      }
      const isSame = healing.world === world && healing.local === locals[i];
      if (healing.world !== world && this.#isNews(play, healing)) {
        play.worldAt = cycle;
        play.isAlone = play.isAlone.map((is, k) => is && k === i);
      }
      play.world = healing.world;
      play.locals = locals.with(i, healing.local);
      const isFailed = this.#states.local(healing.local).kind === "failed";
      const before = this.#states.local(locals[i]!);
      const wasRecovering = before.kind === "run" && before.o.config.goal === "recover";
      // Whoever goes and does not join leaves next; and who could not recover goes on as before.
      const isOver = isFailed && healing.decision.rule !== "going" && !wasRecovering;
      if (isOver) play.failedAt[i] = cycle + 1;
      if (isOver || isSame) continue;
      isChanged = true;
      play.changedAt = cycle + 1;
    }
    return { isChanged, unwell: null };
  }

  /**
   * Nobody changes anything any more: each node must be where it should, or say truly why not. `then`: what
   * happens all the same: machines run once more, and who was told to go is terminated in the end.
   */
  #atRest(play: Play): { unwell: Unwell | null; then: Partial<Play> | null } {
    const world = this.#states.world(play.world);
    const going = world.machines.filter(({ isGoing, power }) => isGoing && power === "up");
    const again = this.#again(play);
    if (again !== null) return { unwell: null, then: again };
    const recovery = this.#recovery(play);
    if (recovery !== null) return recovery;
    const bad = this.#astray(play, going);
    if (bad !== null) return { unwell: bad, then: null };
    const then = this.#terminated(play, going);
    if (then !== null) return { unwell: null, then };
    const others = world.machines.filter((machine) =>
      machine.power === "up" && !machine.isOutside && !going.includes(machine)
    );
    const left = isBlind(world) ? null : leftover(world);
    return {
      unwell: this.#astray(play, others) ?? (left === null ? null : unwell(left, play.told)),
      then: null,
    };
  }

  /** Which of these is not where it should be, and does not say truly why; or would change something in a second run. */
  #astray({ world: id, locals, last, told }: Play, machines: Machine[]): Unwell | null {
    const world = this.#states.world(id);
    for (const machine of machines) {
      const { index: i, instance } = machine;
      if (this.#states.local(locals[i]!).kind === "done" && isInPlace(world, machine)) {
        const { decision } = this.#decided(world, i, this.#steps.begun(world, i).o, 0);
        // Whom a record listed that was lost is listed again once it is found.
        if (decision.kind !== "act" || world.strays.length > 0 || machine.isGoing) continue;
        const what = `${instance} is done, and a second run would ${decision.call.kind}`;
        return { property: "done-writes-nothing", what, told };
      }
      const decision = last[i]!;
      if (isExcused(world, machine, decision.kind === "end" ? decision : late(decision))) continue;
      return unwell(`${instance} never ends well (${tell(decision)})`, told);
    }
    return null;
  }

  /** Who was told to go, and is out or can't get out, is terminated; null: there is nobody. */
  #terminated({ world: id, locals, last, told }: Play, going: Machine[]): Partial<Play> | null {
    const world = fork(this.#states.world(id), null);
    // The last manager holds its hook.
    const gone = going.filter(({ index }) => last[index]?.rule !== "last-manager")
      .map(({ index }) => index);
    if (gone.length === 0) return null;
    for (const i of gone) {
      const machine = { ...world.machines[i]! };
      world.machines[i] = machine;
      terminate(machine, world);
    }
    told.push(`${gone.map((i) => `i-${i}`).join()} is terminated, as it was told`);
    const off = this.#states.localId({ kind: "off" });
    return {
      world: this.#states.worldId(carriedOut(world)),
      locals: locals.map((local, i) => gone.includes(i) ? off : local),
      // Whoever was done may have something to do about that.
      isAlone: locals.map(() => false),
    };
  }

  /** Who has something to do about nodes that came or died since it was done: machines boot, or somebody runs it once more. */
  #again({ world: id, locals, isAlone }: Play): Partial<Play> | null {
    const world = this.#states.world(id);
    const so = locals.map((local, i) => {
      if (this.#states.local(local).kind !== "done" || isAlone[i] === true) return local;
      if (world.machines[i]!.power !== "up" || world.machines[i]!.isGoing) return local;
      const begun = this.#states.localId(plain(this.#steps.begun(world, i)));
      const { decision } = this.#healing({ world: id, locals: locals.with(i, begun) }, i, 0);
      // By an old read of tags a run may be done too early: the next one, whenever it is, sees what is.
      const isAny = this.#keeps || (world.store === "tags" && world.told.stay > 0);
      const isDue = isAny ? decision.kind === "act" : isOfNodes(decision);
      // One that was a manager, and is done as a worker of a swarm that has no manager any more, sees that then.
      return isDue || decision.rule === "managers-lost" ? begun : local;
    });
    if (so.every((local, i) => local === locals[i])) return null;
    return { locals: so, isAlone: isAlone.map((is, i) => is || so[i] !== locals[i]) };
  }

  /** A sole survivor gets its swarm back: somebody runs `recover` on it, once. */
  #recovery(
    { world: id, locals, hasTried, told }: Play,
  ): { unwell: Unwell | null; then: Partial<Play> | null } | null {
    const world = this.#states.world(id);
    const i = this.#recovers ? survivorOf(world) : null;
    if (i === null) return null;
    const what = `i-${i} is left alone, and could not recover its swarm`;
    if (hasTried[i]) return { unwell: unwell(what, told), then: null };
    const begun = this.#states.localId(plain(this.#steps.begun(world, i, "recover")));
    const then = this.#rejected({ world: id, locals: locals.with(i, begun) }, told);
    told.push(`somebody runs recover on i-${i}`);
    return { unwell: null, then: { ...then, hasTried: hasTried.with(i, true) } };
  }

  /** Whoever has just failed to join takes itself out of the record, before it tries again. */
  #rejected(row: Row, told: string[]): Row {
    return row.locals.reduce((so, local, i) => {
      const run = this.#states.local(local);
      if (run.kind !== "run" || run.o.memory.failures.length === 0) return so;
      const { world, local: then, decision } = this.#round(so.world, i, run, DICE[0], JUST_MS);
      if (decision.kind !== "act") return so;
      told.push(`i-${i} ${tell(decision)}`);
      return { world, locals: so.locals.with(i, then) };
    }, row);
  }

  /** Whether a world is another than any before: not who is listed, and is not, and is again. */
  #isNews({ records }: Play, { world: id, decision }: Healing): boolean {
    if (decision.kind !== "act" || decision.call.kind !== "write") return true;
    const { swarms, machines, versions } = this.#states.world(id);
    const { fingerprint, members } = versions.findLast(({ counts }) => counts)!.record;
    const listed = members.map(({ instance, address, leaving }) => [instance, address, leaving]);
    const places = machines.map(({ place, power, isGoing }) => [place, power, isGoing]);
    const text = JSON.stringify([fingerprint, listed, places, swarms]);
    const isNews = !records.has(text);
    records.add(text);
    return isNews;
  }

  #isToRun(id: number, i: number, local: number): boolean {
    const world = this.#states.world(id);
    const machine = world.machines[i]!;
    if (machine.power !== "up" || machine.isOutside) return false;
    return this.#states.local(local).kind !== "done" || !isInPlace(world, machine);
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
  #round(id: number, i: number, local: Local, dice: number, nowMs = NOW_MS): Healing {
    const world = this.#states.world(id);
    const ended = (after: World, local: Local, decision: Healing["decision"]): Healing => ({
      world: after === world ? id : this.#states.worldId(carriedOut(heard(after))),
      local: this.#states.localId(plain(local)),
      decision,
      broken: after.broken[0] ?? null,
    });
    const run = local.kind === "run" ? local : this.#steps.begun(world, i);
    const { decision, before } = this.#decided(world, i, run.o, dice, nowMs);
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
    nowMs = NOW_MS,
  ): { decision: Healing["decision"]; before: Observation } {
    let before = o;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const decision = this.#code.decide(at(before, nowMs, dice));
      if (decision.kind !== "look") return { decision, before };
      const answers = decision.calls.map((call) => enact(world, world.machines[i]!, call, TRUTH));
      before = this.#code.after(before, decision, answers, 0);
    }
    throw new Error("A run looks for ever");
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

/** Whether it is about nodes that came or died; or confirms the record, for somebody to be taken for dead. */
function isOfNodes(decision: Healing["decision"]): boolean {
  if (decision.kind !== "act") return false;
  const { call, rule } = decision;
  // A leave that was called off may show in the record only once a read is new enough.
  return call.kind === "update" || call.kind === "remove" || rule === "refresh-record" ||
    rule === "undo-leave";
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
    if (before.power === "terminated") return { ...before, isUnnoticed: false };
    const machine: Machine = { ...before, power: "up", isCut: false, isUnnoticed: false };
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

/**
 * The manager of the founded swarm that is left, where all others are gone for good and it has no leader. Of
 * one that the record knows by its address only nobody can say that it is gone.
 */
function survivorOf(world: World): number | null {
  const founded = foundedSwarm(world);
  if (founded === null || hasQuorum(world, founded)) return null;
  const members = recordNow(world)?.record.members ?? [];
  if (members.some(({ instance }) => instance === null)) return null;
  const living = managersOf(world, founded).map((i) => world.machines[i]!)
    .filter(({ power }) => power !== "terminated");
  const [one] = living;
  return living.length === 1 && !one!.isGoing && !one!.isOutside ? one!.index : null;
}

/** Nobody leads the founded swarm: nothing in it can be changed. */
function isBlind(world: World): boolean {
  const founded = foundedSwarm(world);
  return founded === null || !hasQuorum(world, founded);
}
