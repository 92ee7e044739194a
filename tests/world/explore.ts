/**
 * The model checker: breadth first through every state that a small world can come to, each once, until
 * a property is broken or there is nothing new.
 */
import { Healer } from "./heal.ts";
import { ALL_FAULTS, type Faults, Moves } from "./moves.ts";
import type { Code } from "./program.ts";
import { Seen } from "./seen.ts";
import { type Scene, Snapshots } from "./snapshot.ts";
import { type Start, worldOf } from "./starts.ts";
import type { Property, World } from "./world.ts";
import type { Role } from "../../src/state.ts";

export interface Plan {
  name: string;
  store: World["store"];
  roles: Role[];
  start: Start;
  faults: number;
  hours: number;
  kinds?: Partial<Faults>;
  /** Whether its states come to an end within a minute or two. */
  isSmall?: boolean;
}

export interface Limits {
  states: number;
  ms: number;
}

export interface Report {
  plan: Plan;
  states: number;
  steps: number;
  depth: number;
  ms: number;
  /** Whether nothing was left out. */
  isWhole: boolean;
  violation: { property: Property; what: string; story: string[] } | null;
  healCycles: number;
  /** Steps that were not followed, because a machine initialised too many swarms. */
  cutShort: number;
}

const CHUNK = 1 << 18;

export function explore(code: Code, plan: Plan, limits: Limits): Report {
  return new Checker(code, plan).run(limits);
}

class Checker {
  readonly #plan: Plan;
  readonly #snapshots: Snapshots;
  readonly #moves: Moves;
  readonly #healer: Healer;
  readonly #seen = new Seen();
  readonly #width: number;
  readonly #chunks: Int32Array[] = [];
  readonly #parents: Int32Array[] = [];
  readonly #row: number[] = [];
  #count = 0;
  readonly #start: Scene;

  constructor(code: Code, plan: Plan) {
    this.#plan = plan;
    const world = worldOf(plan.store, plan.roles, plan.start);
    const alike = plan.roles.flatMap((role, i) => role === "manager" ? [i] : []);
    this.#snapshots = new Snapshots(code, world, alike);
    this.#moves = new Moves(code, this.#snapshots, { ...ALL_FAULTS, ...plan.kinds });
    this.#healer = new Healer(code, this.#snapshots, this.#moves, new Seen());
    this.#width = this.#snapshots.width + 1;
    this.#start = {
      world,
      locals: world.machines.map(() => ({ kind: "idle", run: 0 })),
      floors: world.machines.map(() => 0),
      faults: plan.faults,
      hours: plan.hours,
    };
  }

  run(limits: Limits): Report {
    const startMs = performance.now();
    let steps = 0;
    let depth = 0;
    let violation: Report["violation"] = null;
    let isWhole = true;
    this.#add(this.#start, -1);
    let layerEnd = this.#count;
    let at = 0;
    for (; at < this.#count && violation === null; at++) {
      if (at === layerEnd) {
        depth++;
        layerEnd = this.#count;
      }
      if (
        this.#count > limits.states || ((at & 255) === 0 && performance.now() - startMs > limits.ms)
      ) {
        isWhole = false;
        break;
      }
      const scene = this.#at(at);
      const healing = this.#healer.judge(scene);
      if (healing !== null) {
        violation = {
          property: healing.property,
          what: healing.what,
          story: [...this.#storyOf(at), ...healing.told],
        };
        break;
      }
      this.#moves.from(scene, (next, told) => {
        if (violation !== null) return;
        steps++;
        const [broken] = next.world.broken;
        if (broken !== undefined) {
          violation = { ...broken, story: [...this.#storyOf(at), told()] };
          return;
        }
        this.#add(next, at);
      });
    }
    return {
      plan: this.#plan,
      states: this.#count,
      steps,
      depth,
      ms: performance.now() - startMs,
      isWhole: isWhole && violation === null,
      violation,
      healCycles: this.#healer.cyclesMax,
      cutShort: this.#moves.cutShort,
    };
  }

  #add(scene: Scene, parent: number): void {
    const length = this.#snapshots.encode(scene, this.#row);
    const { row } = this.#snapshots.canonical(this.#row, length);
    if (!this.#seen.add(row, length)) return;
    const index = this.#count++;
    if (index % CHUNK === 0) {
      this.#chunks.push(new Int32Array(CHUNK * this.#width));
      this.#parents.push(new Int32Array(CHUNK));
    }
    const chunk = this.#chunks[(index / CHUNK) | 0]!;
    const base = (index % CHUNK) * this.#width;
    chunk[base] = length;
    for (let i = 0; i < length; i++) chunk[base + 1 + i] = this.#row[i]!;
    this.#parents[(index / CHUNK) | 0]![index % CHUNK] = parent;
  }

  #at(index: number): Scene {
    const chunk = this.#chunks[(index / CHUNK) | 0]!;
    const base = (index % CHUNK) * this.#width;
    const length = chunk[base]!;
    return this.#snapshots.decode(chunk.subarray(base + 1, base + 1 + length), length);
  }

  /** What happened on the shortest way to a state. */
  #storyOf(index: number): string[] {
    const way: number[] = [];
    for (let at = index; at >= 0; at = this.#parents[(at / CHUNK) | 0]![at % CHUNK]!) way.push(at);
    way.reverse();
    return way.slice(1).map((child, i) => {
      const wanted = this.#rowOf(child);
      let said = "?";
      const row: number[] = [];
      this.#moves.from(this.#at(way[i]!), (next, told) => {
        if (said !== "?") return;
        const length = this.#snapshots.encode(next, row);
        if (length === wanted.length && wanted.every((value, k) => value === row[k])) said = told();
      });
      return said;
    });
  }

  #rowOf(index: number): number[] {
    const chunk = this.#chunks[(index / CHUNK) | 0]!;
    const base = (index % CHUNK) * this.#width;
    return [...chunk.subarray(base + 1, base + 1 + chunk[base]!)];
  }
}
