/** Rows of the model checker without what nobody can tell any more (`forget.ts` says what that is). */
import {
  abandonedIn,
  Abandoning,
  inOrder,
  keptOf,
  Renumbering,
  swarmsIn,
  withoutOwn,
  withoutStrangers,
  withPast,
} from "./forget.ts";
import { isPast } from "./nonces.ts";
import { coveredOf, firstOf, withoutOutdated } from "./outdated.ts";
import type { Local, Row } from "./snapshot.ts";
import type { Version, World } from "../world.ts";
import type { Engine, FoundingRecord } from "../../../src/state.ts";

/** What numbers stand for, and the numbers of what comes of them. */
export interface Table {
  world(id: number): World;
  worldId(world: World): number;
  local(id: number): Local;
  localId(local: Local, index: number): number;
  localKey(id: number): string;
  versionsId(world: number): number;
  recordId(record: FoundingRecord): number;
  engine(world: number, index: number): Engine;
}

/** What becomes of worlds and runs when only some versions are kept. */
interface Keeping {
  renumbering: Renumbering;
  isAll: boolean;
  worlds: number[];
  locals: number[];
}

/** What becomes of a world, and of runs in it, when some swarms are forgotten. */
interface Leaving {
  abandoning: Abandoning;
  world: number;
  locals: number[];
}

const FAULTS_MAX = 8;

export class Tidy {
  readonly #table: Table;
  readonly #races: boolean;
  readonly #covered: Map<number, number[]>[] = [];
  readonly #strangers: Map<number, number>[] = [];
  readonly #asked: Map<string, number>[] = [];
  readonly #own: number[][] = [];
  readonly #plain: Map<number, number>[] = [];
  readonly #keepings: Map<string, Keeping>[] = [];
  readonly #abandoned: string[][] = [];
  readonly #spoken: string[][] = [];
  readonly #leavings: Map<string, Leaving>[] = [];

  readonly #dated: Map<number, number>[] = [];
  readonly #firsts: number[][] = [];

  /** `races`: whether entries of the log are played that come too late to count. */
  constructor(table: Table, races: boolean) {
    this.#races = races;
    this.#table = table;
  }

  /** `left`: how many more faults may happen; infinite where time passes. */
  row(found: Row, left: number): Row {
    const row = this.#withoutOutdated(this.#withoutNonces(found), left);
    return this.#withoutStrangers(this.#withoutSwarms(this.#withoutVersions(row, left)));
  }

  /** Writes that no run asks about any more are under a name that is nobody's. */
  #withoutNonces(row: Row): Row {
    const before = this.#table.world(row.world);
    const isAny = before.versions.some(({ record }) => !isPast(record));
    if (!isAny) return row;
    const asked = row.locals.map((id) => this.#unknownOf(id));
    const known = this.#asked[row.world] ??= new Map();
    const key = asked.join();
    let world = known.get(key);
    if (world === undefined) {
      world = this.#table.worldId(withPast(before, (nonce) => !asked.includes(nonce)));
      known.set(key, world);
    }
    return { ...row, world };
  }

  #unknownOf(id: number): string | null {
    const local = this.#table.local(id);
    return local.kind === "run" ? local.state.memory.unknown : null;
  }

  #withoutOutdated(found: Row, left: number): Row {
    const { world: id, floors } = found;
    const world = this.#table.world(id);
    const known = this.#dated[id] ??= new Map();
    const locals = found.locals.map((local, i) => {
      if (this.#table.local(local).seen === undefined) return local;
      let dated = known.get(local);
      if (dated === undefined) {
        const now = this.#table.engine(id, i);
        dated = this.#table.localId(withoutOutdated(world, this.#table.local(local), now), i);
        known.set(local, dated);
      }
      return dated;
    });
    if (world.store === "tags" || left === Infinity) return { ...found, locals };
    const firsts = this.#firsts[id] ??= [];
    return {
      world: id,
      locals,
      floors: floors.map((floor, i) =>
        firsts[(floor * FAULTS_MAX + left) * locals.length + i] ??= firstOf(world, i, floor, left)
      ),
    };
  }

  /** The versions of the log that nobody need read. */
  #coveredOf({ world, locals }: Row, left: number): number[] {
    if (this.#races || left === Infinity) return [];
    const { machines } = this.#table.world(world);
    const mask = locals.reduce((mask, id, i) => {
      const isDone = left === 0 && this.#table.local(id).kind === "done";
      return isDone || machines[i]!.power === "terminated" ? mask : mask | (1 << i);
    }, 0);
    const known = this.#covered[world] ??= new Map();
    const key = mask * FAULTS_MAX + left;
    let covered = known.get(key);
    if (covered === undefined) {
      const readers = locals.flatMap((_, i) => (mask >> i) & 1 ? [i] : []);
      known.set(key, covered = coveredOf(this.#table.world(world), readers, left));
    }
    return covered;
  }

  #withoutVersions(found: Row, left: number): Row {
    const { store, versions, machines } = this.#table.world(found.world);
    if (versions.length === 0) return found;
    const isOver = found.locals.map((id, i) => {
      const { kind } = this.#table.local(id);
      const { power } = machines[i]!;
      return kind === "done" || kind === "failed" || power === "terminated" || power === "down";
    });
    const isLog = store === "tags";
    const id = this.#table.versionsId(found.world);
    const locals = isLog
      ? found.locals.map((local, i) => this.#withoutOwn(local, i, id, versions))
      : found.locals;
    const known = isLog ? locals.flatMap((local) => this.#ownOf(local)) : [];
    const floors = isLog
      ? found.floors
      : found.floors.map((floor, i) => isOver[i] ? versions.length : floor);
    const { renumbering, isAll, worlds, locals: renumbered } = this.#keepingOf(
      id,
      versions,
      isLog ? 0 : Math.min(...floors),
      known,
      isLog ? this.#coveredOf(found, left) : null,
    );
    return {
      world: isAll ? found.world : worlds[found.world] ??= this.#table.worldId(
        renumbering.world(this.#table.world(found.world)),
      ),
      locals: locals.map((id, i) =>
        renumbered[id] ??= this.#table.localId(renumbering.local(this.#table.local(id)), i)
      ),
      floors: floors.map((floor, i) => isOver[i] ? 0 : renumbering.floor(floor)),
    };
  }

  /**
   * `from`: the first version that anybody may still read. `known`: those that some run knows as its own.
   * `covered`: those of the log that nobody need read; null: it is none.
   */
  #keepingOf(
    id: number,
    versions: Version[],
    from: number,
    known: number[],
    covered: number[] | null,
  ): Keeping {
    const keepings = this.#keepings[id] ??= new Map();
    const key = `${from} ${known.join()} ${covered?.join()}`;
    let keeping = keepings.get(key);
    if (keeping === undefined) {
      const isKnown = (number: number): boolean => known.includes(number);
      const idOf = (record: FoundingRecord): number => this.#table.recordId(record);
      const isCovered = (number: number): boolean => covered?.includes(number) ?? false;
      const left = keptOf(versions, isKnown, isCovered, idOf)
        .filter((number) => number >= from || number === versions.length);
      const kept = covered === null ? left : inOrder(left, versions, isKnown, idOf);
      keeping = {
        renumbering: new Renumbering(versions, kept),
        isAll: versions.every(({ number }) => kept[number - 1] === number),
        worlds: [],
        locals: [],
      };
      keepings.set(key, keeping);
    }
    return keeping;
  }

  /** That somebody is terminated is nothing to a run when no record speaks of them. */
  #withoutStrangers(row: Row): Row {
    const known = this.#strangers[row.world] ??= new Map();
    const locals = row.locals.map((id, i) => {
      const local = this.#table.local(id);
      if (local.kind !== "run" || local.state.memory.terminated.length === 0) return id;
      let without = known.get(id);
      if (without === undefined) {
        without = this.#table.localId(withoutStrangers(this.#table.world(row.world), local), i);
        known.set(id, without);
      }
      return without;
    });
    return { ...row, locals };
  }

  #ownOf(id: number): number[] {
    return this.#own[id] ??= writtenBy(this.#table.local(id)).map(({ number }) => number);
  }

  #withoutOwn(id: number, i: number, versionsId: number, versions: Version[]): number {
    if (this.#ownOf(id).length === 0) return id;
    const known = this.#plain[versionsId] ??= new Map();
    let plain = known.get(id);
    if (plain === undefined) {
      const local = this.#table.local(id);
      plain = local.kind !== "run" ? id : this.#table.localId({
        ...local,
        state: { ...local.state, memory: withoutOwn(local.state.memory, versions) },
      }, i);
      known.set(id, plain);
    }
    return plain;
  }

  #withoutSwarms(row: Row): Row {
    const { world, locals } = row;
    const abandoned = this.#abandoned[world] ??= abandonedIn(this.#table.world(world));
    if (abandoned.length === 0) return row;
    const gone = abandoned.filter((name) =>
      !locals.some((id) => this.#spokenBy(id).includes(name))
    );
    if (gone.length === 0) return row;
    const leavings = this.#leavings[world] ??= new Map();
    const key = gone.join();
    let leaving = leavings.get(key);
    if (leaving === undefined) {
      const before = this.#table.world(world);
      const abandoning = new Abandoning(before, gone);
      const after = this.#table.worldId(abandoning.world(before));
      leavings.set(key, leaving = { abandoning, world: after, locals: [] });
    }
    const { abandoning, locals: named } = leaving;
    return {
      ...row,
      world: leaving.world,
      locals: locals.map((id, i) =>
        named[id] ??= this.#table.localId(abandoning.local(this.#table.local(id)), i)
      ),
    };
  }

  /** The swarms that a run speaks of. */
  #spokenBy(id: number): string[] {
    return this.#spoken[id] ??= swarmsIn(this.#table.localKey(id));
  }
}

function writtenBy(local: Local): { number: number }[] {
  return local.kind === "run" ? local.state.memory.written : [];
}
