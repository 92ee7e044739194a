/**
 * The model checker: every state that a small world can come to, each once, until a property is broken
 * or there is nothing new. Those with fewer faults come first, and of these the nearest: what is left
 * to happen in a state that was reached with fewer faults is all that is left in it with more.
 */
import { Healer } from "./heal.ts";
import {
  type Emit,
  HOURS_MS,
  KEPT,
  machineSteps,
  type Next,
  start,
  worldSteps,
} from "./mishaps.ts";
import { Moves } from "./moves.ts";
import { Observer, pastSteps } from "./observer.ts";
import type { Code } from "../program.ts";
import { Rows } from "./rows.ts";
import { Seen } from "./seen.ts";
import { type Local, type Row, Snapshots } from "./snapshot.ts";
import { type Start, worldOf } from "../starts.ts";
import { type Broken, EPOCH_MS, type Place, type Property, type World } from "../world.ts";
import type { Role } from "../../../src/state.ts";

export interface Plan {
  name: string;
  store: World["store"];
  roles: Role[];
  start: Start;
  faults: number;
  /** How often hours may pass. */
  hours: number;
  /** Whether entries of the log that come too late to count are played: they come to nothing. */
  races: boolean;
}

export interface Limits {
  states: number;
  ms: number;
}

export interface Report {
  plan: Plan;
  states: number;
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
}

/** A step of a node, of its machine, or of the world (`i` -1); `to`: where it leads, in its table. */
interface How {
  of: "node" | "machine" | "world";
  i: number;
  to: ArrayLike<number>;
}

/** What a table of steps holds for each. */
const COST = 0, WORLD = 1, LOCAL = 2, FLOOR = 3, BROKEN = 4, FIELDS = 5;
const NOTHING = -1, FLOOR_BITS = 6;
/** Bytes of a thread's heap, to begin with. */
const HEAP_MAX = 4_000_000_000;
const KINDS: readonly Local["kind"][] = ["run", "idle", "done", "failed"];

export function explore(code: Code, plan: Plan, limits: Limits): Report {
  return new Checker(code, plan).run(limits);
}

class Checker {
  readonly #plan: Plan;
  readonly #snapshots: Snapshots;
  readonly #moves: Moves;
  readonly #healer: Healer;
  readonly #count: number;
  readonly #observer: Observer;
  readonly #seen = new Seen();
  /** What was reached, as it was before its like was looked for. */
  readonly #found = new Seen();
  /** World, floors, runs, and which row it was reached from. */
  readonly #rows: Rows;
  /** Those that were reached with so many faults, while those with fewer are still searched. */
  readonly #later: { rows: Rows; seen: Seen }[];
  /** Those without faults, and those with as many as may be left. */
  #nodeSteps: Map<number, Int32Array>[][] = [[], []];
  #machineSteps: Int32Array[][] = [];
  #worldSteps: Int32Array[] = [];
  readonly #broken: Broken[] = [];
  readonly #start: Row;
  readonly #row: number[] = [];
  #heapMax = HEAP_MAX;
  #steps = 0;
  #parent = NOTHING;
  #faultsUsed = 0;
  /** Steps with fewer faults are known already. */
  #costMin = 0;
  /** Given each step's end; by default it is added. */
  #onStep: (row: Row, cost: number, how: How) => void = (row, cost) => this.#add(row, cost);

  constructor(code: Code, plan: Plan) {
    this.#plan = plan;
    const world = worldOf(plan.store, plan.roles, plan.start);
    for (const machine of world.machines) if (machine.power === "unborn") start(machine, world);
    const alike = plan.roles.flatMap((role, i) => role === "manager" ? [i] : []);
    this.#count = world.machines.length;
    this.#snapshots = new Snapshots(code, world, alike, plan.races);
    this.#observer = new Observer(this.#snapshots, plan.roles);
    this.#moves = new Moves(code, this.#snapshots, plan.races);
    this.#healer = new Healer(code, this.#snapshots, this.#moves);
    this.#rows = new Rows(this.#count + 3);
    this.#later = Array.from(
      { length: plan.faults + 1 },
      () => ({ rows: new Rows(this.#count + 3), seen: new Seen(10) }),
    );
    this.#start = {
      world: this.#snapshots.worldId(world),
      locals: world.machines.map((_, i) => this.#snapshots.localId({ kind: "idle" }, i)),
      floors: world.machines.map(() => 0),
    };
  }

  run(limits: Limits): Report {
    const startMs = performance.now();
    const { faults } = this.#plan;
    const report: Report = {
      plan: this.#plan,
      states: 0,
      steps: 0,
      depth: 0,
      ms: 0,
      wholeFaults: NOTHING,
      violation: null,
      healCycles: 0,
      cutShort: 0,
    };
    const isOver = (at: number): boolean => {
      if (this.#rows.length > limits.states) return true;
      if ((at & 255) !== 0) return false;
      if ((at & 4095) === 0) this.#spare();
      return performance.now() - startMs > limits.ms;
    };
    this.#add(this.#start, 0);
    let at = 0;
    search:
    for (; this.#faultsUsed <= faults; this.#faultsUsed++) {
      const first = at;
      report.depth = 0;
      this.#takeLater();
      for (let layerEnd = this.#rows.length; at < this.#rows.length; at++) {
        if (at === layerEnd) {
          report.depth++;
          layerEnd = this.#rows.length;
        }
        if (isOver(at)) break search;
        report.violation = this.#search(at, 0);
        if (report.violation !== null) break search;
      }
      report.wholeFaults = this.#faultsUsed;
      if (this.#faultsUsed === faults) break;
      // Only then what one more leads to.
      [this.#costMin, report.depth] = [1, 0];
      for (let row = first; row < at; row++) {
        if (isOver(row)) break search;
        report.violation = this.#search(row, faults - this.#faultsUsed);
        if (report.violation !== null) break search;
      }
      this.#costMin = 0;
    }
    return {
      ...report,
      states: this.#rows.length,
      steps: this.#steps,
      ms: performance.now() - startMs,
      healCycles: this.#healer.cyclesMax,
      cutShort: this.#moves.cutShort,
    };
  }

  /** What was worked out can be worked out again; not too often, when it is the rest that takes the room. */
  #spare(): void {
    const { heapUsed } = Deno.memoryUsage();
    if (heapUsed < this.#heapMax) return;
    this.#heapMax = Math.max(this.#heapMax, heapUsed * 0.6) + HEAP_MAX / 4;
    this.#nodeSteps = [[], []];
    this.#machineSteps = [];
    this.#worldSteps = [];
    this.#moves.forget();
    this.#healer.forget();
    this.#snapshots.forget();
  }

  /** Those that are reached with one fault more, and were not with fewer. */
  #takeLater(): void {
    const { rows } = this.#later[this.#faultsUsed]!;
    for (let i = 0; i < rows.length; i++) this.#keep(rows.at(i), this.#unpacked(rows.at(i)));
    this.#later[this.#faultsUsed] = { rows: new Rows(1), seen: new Seen(1) };
  }

  /** `left`: how many faults may be in a step; 0: those with some come later. */
  #search(at: number, left: number): Report["violation"] {
    const row = this.#rowAt(at);
    const unwell = left === 0 ? this.#healer.judge(row) : null;
    if (unwell !== null) {
      const { property, what, told } = unwell;
      return { property, what, story: [...this.#storyOf(at), ...told] };
    }
    this.#parent = at;
    const broken = this.#expand(row, left);
    if (broken === null) return null;
    return { ...broken.broken, story: [...this.#storyOf(at), this.#tell(row, broken.how)] };
  }

  /** Every step from a state with at most so many faults; answers the first that breaks a property. */
  #expand(row: Row, left: number): { broken: Broken; how: How } | null {
    const { world, locals, floors } = row;
    let found: { broken: Broken; how: How } | null = null;
    const follow = (of: How["of"], i: number, steps: Int32Array): void => {
      for (let k = 0; k < steps.length; k += FIELDS) {
        if (steps[k + COST]! > left) continue;
        this.#steps++;
        const to = steps.subarray(k, k + FIELDS);
        const broken = to[BROKEN]!;
        if (broken !== NOTHING) {
          found ??= { broken: this.#broken[broken]!, how: { of, i, to } };
        } else this.#arrive(row, { of, i, to });
      }
    };
    const isAlone = this.#observer.isAlone(row);
    for (let i = 0; i < this.#count; i++) {
      if (isAlone && i !== this.#observer.index) continue;
      follow("node", i, this.#stepsOfNode(world, i, locals[i]!, floors[i]!, left));
      follow("machine", i, this.#stepsOfMachine(world, i, locals[i]!));
    }
    if (!isAlone) follow("world", NOTHING, this.#stepsOfWorld(world));
    return found;
  }

  /** Where a step leads; others may have looked at their Engines before it changed what these say. */
  #arrive(row: Row, how: How): void {
    const { to, i } = how;
    const next: Row = { world: to[WORLD]!, locals: [...row.locals], floors: [...row.floors] };
    if (to[LOCAL] !== NOTHING) next.locals[i] = to[LOCAL]!;
    if (to[FLOOR] !== KEPT) next.floors[i] = to[FLOOR]!;
    const cost = to[COST]!;
    if (cost < this.#costMin) return;
    for (let j = 0; j < this.#count; j++) {
      if (j === i && to[LOCAL] !== NOTHING) continue;
      // To a worker an attempt that has come to nothing is none, whatever it does about it.
      if (j === this.#observer.index && i === j && this.#placeOf(next.world, j) !== "member") {
        continue;
      }
      next.locals[j] = this.#snapshots.seeing(next.locals[j]!, j, row.world, next.world);
    }
    if (!this.#observer.isAlone(next)) {
      if (!this.#observer.isAlone(row)) this.#onStep(next, cost, how);
    } else if (this.#snapshots.local(next.locals[this.#observer.index]!).kind !== "done") {
      this.#onStep(this.#observer.alone(next), cost, how);
    }
  }

  #placeOf(world: number, i: number): Place["kind"] {
    return this.#snapshots.world(world).machines[i]!.place.kind;
  }

  #stepsOfNode(world: number, i: number, local: number, floor: number, left: number): Int32Array {
    const known = this.#nodeSteps[Number(left > 0)]![world] ??= new Map();
    const key = (local << FLOOR_BITS) | floor;
    let steps = known.get(key);
    if (steps === undefined) {
      const table: number[] = [];
      this.#moves.ofNode(
        world,
        i,
        local,
        floor,
        left,
        this.#hoursLeft(world),
        (next) => this.#note(table, i, next),
      );
      known.set(key, steps = Int32Array.from(table));
    }
    return steps;
  }

  #stepsOfMachine(world: number, i: number, local: number): Int32Array {
    const { kind } = this.#snapshots.local(local);
    const known = this.#machineSteps[world] ??= [];
    return known[4 * i + KINDS.indexOf(kind)] ??= this.#tableOf(
      i,
      (emit) => this.#befall(world, i, kind, emit),
    );
  }

  #befall(id: number, i: number, run: Local["kind"], emit: Emit): void {
    const world = this.#snapshots.world(id);
    const isWorker = i === this.#observer.index;
    machineSteps(world, i, run, isWorker ? 0 : this.#plan.faults, emit);
    if (isWorker && run === "idle" && world.machines[i]!.place.kind === "outside") {
      pastSteps(world, i, emit);
    }
  }

  #stepsOfWorld(world: number): Int32Array {
    return this.#worldSteps[world] ??= this.#tableOf(
      NOTHING,
      (emit) => worldSteps(this.#snapshots.world(world), this.#hoursLeft(world), emit),
    );
  }

  #tableOf(i: number, make: (emit: (next: Next) => void) => void): Int32Array {
    const table: number[] = [];
    make((next) => this.#note(table, i, next));
    return Int32Array.from(table);
  }

  #note(table: number[], i: number, { world, local, floor, cost }: Next): void {
    const [broken] = world.broken;
    if (broken !== undefined) this.#broken.push(broken);
    table.push(
      cost,
      this.#snapshots.worldId(world),
      local === null ? NOTHING : this.#snapshots.localId(local, i),
      floor,
      broken === undefined ? NOTHING : this.#broken.length - 1,
    );
  }

  #hoursLeft(world: number): boolean {
    const passed = this.#snapshots.world(world).nowMs - EPOCH_MS;
    return passed < this.#plan.hours * HOURS_MS;
  }

  #add(found: Row, cost: number): void {
    const raw = this.#packed(found);
    raw[this.#count + 2] = this.#faultsUsed + cost;
    if (!this.#found.add(raw, this.#count + 3)) return;
    const left = this.#plan.faults - this.#faultsUsed - cost;
    const row = this.#packed(this.#canonical(found, left));
    row[this.#count + 2] = this.#parent;
    if (cost === 0) this.#keep(row, found);
    else {
      const { rows, seen } = this.#later[this.#faultsUsed + cost]!;
      const length = this.#count + 2;
      if (!this.#seen.has(row, length) && seen.add(row, length)) rows.push(row);
    }
  }

  #canonical(found: Row, left: number): Row {
    return this.#snapshots.canonical(found, this.#plan.hours > 0 ? Infinity : left);
  }

  #keep(row: ArrayLike<number>, found: Row): void {
    const length = this.#count + 2;
    if (!this.#seen.add(row, length)) return;
    this.#rows.push(row);
    // The same with fewer faults left is no news either.
    for (let left = this.#plan.faults - this.#faultsUsed - 1; left >= 0; left--) {
      this.#seen.add(this.#packed(this.#canonical(found, left)), length);
    }
  }

  #packed({ world, locals, floors }: Row): number[] {
    const row = this.#row;
    [row[0], row[1]] = [world, 0];
    for (let i = 0; i < this.#count; i++) {
      if (floors[i]! >> FLOOR_BITS > 0) throw new Error("The S3 object has too many versions");
      row[1] = (row[1]! << FLOOR_BITS) | floors[i]!;
      row[2 + i] = locals[i]!;
    }
    return row;
  }

  #rowAt(index: number): Row {
    return this.#unpacked(this.#rows.at(index));
  }

  #unpacked(row: Int32Array): Row {
    const floors: number[] = [];
    for (let i = this.#count - 1, rest = row[1]!; i >= 0; i--, rest >>= FLOOR_BITS) {
      floors[i] = rest & ((1 << FLOOR_BITS) - 1);
    }
    return { world: row[0]!, locals: [...row.subarray(2, 2 + this.#count)], floors };
  }

  /** What happened on the way to a state: played again from the start, with the machines' own names. */
  #storyOf(index: number): string[] {
    const way: number[] = [];
    for (let at = index; at !== NOTHING; at = this.#rows.at(at)[this.#count + 2]!) way.push(at);
    way.reverse();
    const usual = this.#onStep;
    this.#costMin = 0;
    const story: string[] = [];
    let now = this.#start;
    let left = this.#plan.faults;
    for (const child of way.slice(1)) {
      const wanted = this.#rows.at(child).subarray(0, this.#count + 2);
      const [from, before] = [now, left];
      let told: string | null = null;
      this.#onStep = (row, cost, how) => {
        if (told !== null) return;
        const packed = this.#packed(this.#canonical(row, before - cost));
        if (!wanted.every((value, k) => packed[k] === value)) return;
        told = this.#tell(from, how);
        [now, left] = [row, before - cost];
      };
      this.#expand(from, this.#plan.faults);
      story.push(told ?? "?");
    }
    this.#onStep = usual;
    return story;
  }

  #tell({ world, locals, floors }: Row, { of, i, to }: How): string {
    let told = "?";
    const emit = (next: Next): void => {
      const table: number[] = [];
      this.#note(table, i, next);
      const isIt = [COST, WORLD, LOCAL, FLOOR].every((field) => table[field] === to[field]);
      if (isIt && told === "?") told = next.told();
    };
    const hours = this.#hoursLeft(world);
    const { faults } = this.#plan;
    if (of === "world") worldSteps(this.#snapshots.world(world), hours, emit);
    else if (of === "node") {
      this.#moves.ofNode(world, i, locals[i]!, floors[i]!, faults, hours, emit);
    } else {
      this.#befall(world, i, this.#snapshots.local(locals[i]!).kind, emit);
    }
    return told;
  }
}
