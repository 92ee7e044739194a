/**
 * The model checker: every state that a small world can come to, each once, until a property is broken
 * or there is nothing new. Those with fewer faults come first, and of these the nearest: what is left
 * to happen in a state that was reached with fewer faults is all that is left in it with more.
 */
import { Healer } from "./heal.ts";
import type { Code } from "../program.ts";
import { consequenceOf, consequencesOf, lastingOf } from "./reduce/facts.ts";
import { keyOf, type Row, States } from "./states.ts";
import { type Start, worldOf } from "../starts.ts";
import { type Besides, type Emit, HOURS_MS, type Next, start, Steps } from "./steps.ts";
import { type Broken, EPOCH_MS, type Property, type World } from "../world.ts";
import type { Role } from "../../../src/state.ts";

export interface Plan {
  name: string;
  store: World["store"];
  roles: Role[];
  start: Start;
  faults: number;
  /** How often hours may pass. */
  hours: number;
  /** Faults that are not everywhere. */
  besides: Besides[];
  /** How often a machine may be told to go, and one of them to stay after all; and somebody may run `recover`. */
  told: World["told"];
  /** Nodes have their labels at once: what comes in between is searched where there is less. */
  isLabelled: boolean;
  /** How many changes of its swarm ago a node may have looked at its Engine, at most. */
  lagMax: number;
  /** How many of those that are in a swarm have yet to run: others run again when they are told something, or start. */
  runners: number;
  /** The time of who leaves may be nearly over. */
  hasDeadlines: boolean;
  /** Runs are followed by others, as under `keep`. */
  keeps: boolean;
  /** Auto Scaling holds whoever it tells to go, until that is out. */
  hasHooks: boolean;
}

export interface Limits {
  states: number;
  ms: number;
}

export interface Report {
  plan: Plan;
  states: number;
  /** Of how many worlds: what runs know set aside. */
  worlds: number;
  steps: number;
  /** The most steps that followed on the fault before, in the search with the most faults. */
  depth: number;
  ms: number;
  /** With how many faults all was searched; less than 0: not even without. */
  wholeFaults: number;
  violation: { property: Property; what: string; story: string[] } | null;
  healCycles: number;
  /** Steps that were not followed, because a machine initialised too many swarms. */
  cutShort: number;
  /** Each decision of each run in each state, by its rule and what is done. */
  decisions: Set<string>;
}

/** What makes one state of many; each can be left out, which changes nothing but the number of states. */
export interface Reductions {
  /** `reduce/names.ts` */
  names: boolean;
  /** `reduce/facts.ts` */
  facts: boolean;
}

export const ALL: Reductions = { names: true, facts: true };

export function explore(code: Code, plan: Plan, limits: Limits, reductions = ALL): Report {
  return new Checker(code, plan, reductions).run(limits);
}

/** Longer than anything has to last. */
const HOOK_MS = 900_000;

/** A step in a table: its cost, the world, whose run becomes what, what it breaks; each is a number. */
const COST = 0, WORLD = 1, OF = 2, LOCAL = 3, BROKEN = 4, FIELDS = 5;
const NOTHING = -1, ALL_RUNS = -2;

/** A state that was reached, and from which one (its number). */
interface Reached extends Row {
  from: number;
}

class Checker {
  readonly #plan: Plan;
  readonly #states: States;
  readonly #steps: Steps;
  readonly #healer: Healer;
  readonly #start: Row;
  readonly #reached: Reached[] = [];
  readonly #seen = new Set<string>();
  /** By how many faults they take: what was found and is yet to be searched. */
  readonly #found: Reached[][];
  readonly #tables = new Map<string, Int32Array>();
  readonly #broken: Broken[] = [];
  #stepsTaken = 0;

  constructor(code: Code, plan: Plan, reductions: Reductions) {
    this.#plan = plan;
    const world = worldOf(plan.store, plan.roles, plan.start, {
      isLabelled: plan.isLabelled,
      hasDeadlines: plan.hasDeadlines,
      hookMs: plan.hasHooks ? HOOK_MS : 0,
    });
    for (const machine of world.machines) if (machine.power === "unborn") start(machine, world);
    this.#states = new States(
      plan.roles.flatMap((role, i) => reductions.names && role === "manager" ? [i] : []),
      world.machines.length,
      plan.lagMax,
      (o) => reductions.facts ? consequencesOf(code, o) : JSON.stringify([o.memory, o.facts]),
    );
    this.#steps = new Steps(
      code,
      this.#states,
      plan.keeps,
      (o, decision) =>
        reductions.facts
          ? JSON.stringify(lastingOf(o.memory)) + consequenceOf(code, o, decision)
          : JSON.stringify([o.memory, o.facts, decision]),
    );
    this.#healer = new Healer(code, this.#states, this.#steps, plan);
    this.#found = Array.from({ length: plan.faults + 1 }, () => []);
    this.#start = {
      world: this.#states.worldId(world),
      locals: world.machines.map(({ power, isOutside, place }, i) =>
        this.#states.localId(
          power !== "up" || isOutside
            ? { kind: "off" }
            : i < plan.runners || place.kind === "outside"
            ? this.#steps.begun(world, i)
            : { kind: "done" },
        )
      ),
    };
  }

  run(limits: Limits): Report {
    const startMs = performance.now();
    const isOver = (at: number): boolean =>
      at > limits.states || ((at & 63) === 0 && performance.now() - startMs > limits.ms);
    let [wholeFaults, depth, at] = [NOTHING, 0, 0];
    let violation: Report["violation"] = null;
    this.#found[0]!.push({ ...this.#states.canonical(this.#start), from: NOTHING });
    search:
    for (let faults = 0; faults <= this.#plan.faults; faults++) {
      depth = 0;
      for (let layer = this.#takeFound(faults); layer.length > 0; layer = this.#takeFound(faults)) {
        for (const row of layer) {
          if (isOver(at)) break search;
          violation = this.#search(row, at++, faults);
          if (violation !== null) break search;
        }
        depth++;
      }
      wholeFaults = faults;
    }
    return {
      plan: this.#plan,
      states: at,
      worlds: new Set(this.#reached.map(({ world }) => world)).size,
      steps: this.#stepsTaken,
      depth,
      ms: performance.now() - startMs,
      wholeFaults,
      violation,
      healCycles: this.#healer.cyclesMax,
      cutShort: this.#steps.cutShort,
      decisions: this.#steps.decisions,
    };
  }

  /** What was found with so many faults, and is new; it gets its numbers. */
  #takeFound(faults: number): Reached[] {
    const layer = this.#found[faults]!.filter((row) => {
      const key = keyOf(row);
      if (this.#seen.has(key)) return false;
      this.#seen.add(key);
      this.#reached.push(row);
      return true;
    });
    this.#found[faults] = [];
    return layer;
  }

  #search(row: Row, at: number, faults: number): Report["violation"] {
    const unwell = this.#healer.judge(row);
    if (unwell !== null) {
      const { property, what, told } = unwell;
      return { property, what, story: [...this.#storyOf(at), ...told] };
    }
    for (const { to, cost, broken, tell } of this.#expand(row, this.#plan.faults - faults)) {
      if (broken !== null) {
        return { ...broken, story: [...this.#storyOf(at), tell()] };
      }
      this.#found[faults + cost]!.push({ ...this.#states.canonical(to), from: at });
    }
    return null;
  }

  /** Every step from a state with at most so many faults. */
  *#expand(
    row: Row,
    left: number,
  ): Generator<{ to: Row; cost: number; broken: Broken | null; tell: () => string }> {
    for (let of = NOTHING; of < row.locals.length; of++) {
      const table = this.#tableOf(row, of, left > 0);
      for (let k = 0; k < table.length; k += FIELDS) {
        const cost = table[k + COST]!;
        if (cost > left) continue;
        this.#stepsTaken++;
        yield {
          to: this.#ledTo(row, table.subarray(k, k + FIELDS)),
          cost,
          broken: this.#broken[table[k + BROKEN]!] ?? null,
          tell: () => this.#tell(row, of, left > 0, k / FIELDS),
        };
      }
    }
  }

  /** Others may have looked at their Engines before a step changed what these say. */
  #ledTo({ world, locals }: Row, step: Int32Array): Row {
    const after = step[WORLD]!;
    if (step[OF] === ALL_RUNS) return this.#steps.anew({ world: after, locals });
    return {
      world: after,
      locals: locals.map((id, i) =>
        i === step[OF] ? step[LOCAL]! : this.#states.seeing(id, i, world, after)
      ),
    };
  }

  /** The steps of a node, or of the world (less than 0). */
  #tableOf(row: Row, of: number, faults: boolean): Int32Array {
    const key = `${row.world} ${of} ${row.locals[of]} ${faults}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      const steps: number[] = [];
      this.#emit(row, of, faults, (next) => this.#note(steps, next));
      this.#tables.set(key, table = Int32Array.from(steps));
    }
    return table;
  }

  #emit({ world: id, locals }: Row, of: number, faults: boolean, emit: Emit): void {
    if (of !== NOTHING) return this.#steps.ofNode(id, of, locals[of]!, faults, emit);
    const world = this.#states.world(id);
    const hours = world.nowMs - EPOCH_MS < this.#plan.hours * HOURS_MS;
    const { told, besides } = this.#plan;
    this.#steps.ofWorld(world, faults ? besides : null, { hours, told }, emit);
  }

  #note(steps: number[], { world, local, cost }: Next): void {
    const [broken] = world.broken;
    if (broken !== undefined) this.#broken.push(broken);
    steps.push(
      cost,
      this.#states.worldId(world),
      local === "anew" ? ALL_RUNS : local?.of ?? NOTHING,
      local === null || local === "anew" ? NOTHING : this.#states.localId(local.is),
      broken === undefined ? NOTHING : this.#broken.length - 1,
    );
  }

  #tell(row: Row, of: number, faults: boolean, number: number): string {
    const told: string[] = [];
    this.#emit(row, of, faults, (next) => told.push(next.told()));
    return told[number]!;
  }

  /** What happened on the way to a state: played again from the start, with the machines' own names. */
  #storyOf(at: number): string[] {
    const way: Reached[] = [];
    for (let i = at; i > 0; i = this.#reached[i]!.from) way.unshift(this.#reached[i]!);
    const story: string[] = [];
    let now = this.#start;
    for (const wanted of way) {
      const { length } = story;
      for (const step of this.#expand(now, this.#plan.faults)) {
        if (keyOf(this.#states.canonical(step.to)) !== keyOf(wanted)) continue;
        story.push(step.tell());
        now = step.to;
        break;
      }
      // Only if a change of names is none: whatever is found then is not to be believed.
      if (story.length === length) story.push("(by a step that is not found under these names)");
    }
    return story;
  }
}
