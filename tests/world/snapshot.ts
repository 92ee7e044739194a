/**
 * A state of the model checker as a row of small numbers, each the name of an immutable part: the
 * ledger, the rest of AWS, each machine, each node's run, each swarm.
 */
import { keyOf } from "./local.ts";
import type { Code } from "./program.ts";
import { Intern, renamer } from "./intern.ts";
import {
  EPOCH_MS,
  type History,
  latest,
  type Machine,
  type Swarm,
  type Version,
  type World,
} from "./world.ts";
import type { RunState } from "../../src/run.ts";
import type { FoundingRecord } from "../../src/state.ts";

/** A node's run. `run`: how many it has had. */
export type Local =
  | { kind: "run"; state: RunState; run: number }
  | { kind: "idle" | "done" | "failed"; run: number };

/** A state while it is worked on. */
export interface Scene {
  world: World;
  locals: Local[];
  /** Reads of the S3 object are not older than this many versions. */
  floors: number[];
  /** Faults that may still happen. */
  faults: number;
  hours: number;
}

type Rest = Pick<World, "objects" | "inFlight" | "nowMs">;

const HOURS_MS = 2 * 60 * 60_000;

export class Snapshots {
  readonly #code: Code;
  readonly #store: World["store"];
  readonly #count: number;
  readonly #versions: Intern<Version[]>;
  readonly #rests: Intern<Rest>;
  readonly #machines: Intern<Machine>;
  readonly #sights: Intern<null>;
  readonly #locals: Intern<Local>;
  readonly #swarms: Intern<Swarm>;
  readonly #renamings: number[][];
  readonly #rename: ((key: string) => string)[];
  readonly #versionIds = new WeakMap<Version[], number>();
  readonly #machineIds = new WeakMap<Machine, number>();
  readonly #localIds = new WeakMap<Local, number>();
  readonly #parts = new WeakMap<Machine, number>();
  readonly #records: Intern<FoundingRecord>;
  readonly #recordIds = new WeakMap<FoundingRecord, number>();
  readonly #candidate: number[] = [];
  readonly #best: number[] = [];

  /** `alike`: the machines that may change places, by index. */
  constructor(code: Code, world: World, alike: number[]) {
    this.#code = code;
    this.#store = world.store;
    this.#count = world.machines.length;
    this.#renamings = permutations(alike, this.#count);
    this.#rename = this.#renamings.map(renamer);
    const { length } = this.#renamings;
    this.#versions = new Intern(length);
    this.#records = new Intern(length);
    this.#rests = new Intern(length);
    this.#machines = new Intern(length);
    this.#sights = new Intern(1);
    this.#locals = new Intern(length);
    this.#swarms = new Intern(length);
  }

  get localsCount(): number {
    return this.#locals.size;
  }

  /** The widest row that there can be. */
  get width(): number {
    return 3 + 3 * this.#count + 40;
  }

  /** Writes the row of a state; answers its length. */
  encode({ world, locals, floors, faults, hours }: Scene, row: number[]): number {
    const n = this.#count;
    row[0] = faults * 8 + hours;
    row[1] = this.#versionsId(world.versions);
    row[2] = this.#restId(world);
    for (let i = 0; i < n; i++) {
      row[3 + i] = this.#machineId(world.machines[i]!);
      row[3 + n + i] = this.#localId(locals[i]!, i);
      row[3 + 2 * n + i] = floors[i]!;
    }
    let length = 3 + 3 * n;
    for (const swarm of world.swarms) row[length++] = this.#swarmId(swarm);
    return length;
  }

  decode(row: ArrayLike<number>, length: number): Scene {
    const n = this.#count;
    const rest = this.#rests.value(row[2]!);
    const machines: Machine[] = [];
    const locals: Local[] = [];
    const floors: number[] = [];
    for (let i = 0; i < n; i++) {
      machines.push(this.#machines.value(row[3 + i]!));
      locals.push(this.#locals.value(row[3 + n + i]!));
      floors.push(row[3 + 2 * n + i]!);
    }
    const swarms: Swarm[] = [];
    for (let i = 3 + 3 * n; i < length; i++) {
      const swarm = this.#swarms.value(row[i]!);
      const managers = machines
        .filter(({ place }) =>
          place.kind === "member" && place.manager && place.swarm === swarm.fingerprint
        )
        .map(({ index }) => index);
      swarms.push({ ...swarm, managers });
    }
    const world: World = {
      store: this.#store,
      nowMs: rest.nowMs,
      machines,
      swarms,
      versions: this.#versions.value(row[1]!),
      inFlight: rest.inFlight,
      objects: rest.objects,
      tagged: machines.filter(isTagged).map(({ index }) => index),
      broken: [],
    };
    return { world, locals, floors, faults: row[0]! >> 3, hours: row[0]! & 7 };
  }

  /** The row that stands for this state and all that a change of names makes of it. */
  canonical(row: ArrayLike<number>, length: number): { row: number[]; length: number } {
    const n = this.#count;
    const best = this.#best;
    let isFirst = true;
    for (const renaming of this.#candidates(row)) {
      const candidate = this.#candidate;
      const rename = this.#rename[renaming]!;
      const to = this.#renamings[renaming]!;
      candidate[0] = row[0]!;
      candidate[1] = this.#renamedVersions(row[1]!, renaming);
      candidate[2] = this.#rests.renamed(row[2]!, renaming, rename);
      for (let i = 0; i < n; i++) {
        const j = to[i]!;
        candidate[3 + j] = this.#machines.renamed(row[3 + i]!, renaming, rename);
        candidate[3 + n + j] = this.#locals.renamed(row[3 + n + i]!, renaming, rename);
        candidate[3 + 2 * n + j] = row[3 + 2 * n + i]!;
      }
      const start = 3 + 3 * n;
      for (let i = start; i < length; i++) {
        let id = this.#swarms.renamed(row[i]!, renaming, rename);
        let k = i;
        for (; k > start && candidate[k - 1]! > id; k--) candidate[k] = candidate[k - 1]!;
        candidate[k] = id;
        id = 0;
      }
      if (isFirst || isLess(candidate, best, length)) {
        for (let i = 0; i < length; i++) best[i] = candidate[i]!;
      }
      isFirst = false;
    }
    return { row: best, length };
  }

  /** The renamings that put machines that look different into a fixed order. */
  #candidates(row: ArrayLike<number>): number[] {
    if (this.#renamings.length === 1) return [0];
    const n = this.#count;
    const looks: number[] = [];
    for (let i = 0; i < n; i++) {
      looks.push(
        (this.#machines.shape(row[3 + i]!) * 1_000_003 + this.#locals.shape(row[3 + n + i]!)) * 16 +
          row[3 + 2 * n + i]!,
      );
    }
    const fitting: number[] = [];
    let best: number[] | null = null;
    for (let r = 0; r < this.#renamings.length; r++) {
      const to = this.#renamings[r]!;
      const order: number[] = [];
      for (let i = 0; i < n; i++) order[to[i]!] = looks[i]!;
      const sign = best === null ? -1 : compare(order, best);
      if (sign < 0) {
        best = order;
        fitting.length = 0;
      }
      if (sign <= 0) fitting.push(r);
    }
    return fitting;
  }

  /** Names all that a node can see of the world: equal names, equal views. */
  sightOf({ world, locals, floors }: Scene, index: number): string {
    const n = this.#count;
    const machine = world.machines[index]!;
    const isMember = machine.place.kind === "member";
    let key = `${this.#localId(locals[index]!, index)} ${this.#versionsId(world.versions)} ${
      this.#restId(world)
    } ${floors[index]} ${this.#machineId(machine)}`;
    for (let i = 0; i < n; i++) {
      if (i === index) continue;
      const other = world.machines[i]!;
      key += isMember ? ` ${this.#machineId(other)}` : ` ${this.#partId(other)}`;
    }
    if (isMember) {
      for (const swarm of world.swarms) key += ` ${this.#swarmId(swarm)}`;
    }
    return key;
  }

  #partId(machine: Machine): number {
    const known = this.#parts.get(machine);
    if (known !== undefined) return known;
    const { ec2, managerTag, workerTag, place, power, isCut } = machine;
    const isManager = place.kind === "member" && place.manager;
    const key = `${isManager} ${power} ${isCut} ${historyKey(ec2)} ${historyKey(managerTag)} ${
      historyKey(workerTag)
    }`;
    const id = this.#sights.id(key, () => null);
    this.#parts.set(machine, id);
    return id;
  }

  #versionsId(versions: Version[]): number {
    let id = this.#versionIds.get(versions);
    if (id === undefined) {
      const key = versions.map((v) =>
        `${v.follows},${v.counts ? 1 : 0},${this.#recordId(v.record)}`
      ).join(";");
      id = this.#versions.id(key, () => versions);
      this.#versionIds.set(versions, id);
    }
    return id;
  }

  #recordId(record: FoundingRecord): number {
    let id = this.#recordIds.get(record);
    if (id === undefined) {
      id = this.#records.id(JSON.stringify(record), () => record);
      this.#recordIds.set(record, id);
    }
    return id;
  }

  #renamedVersions(id: number, renaming: number): number {
    const rename = this.#rename[renaming]!;
    return this.#versions.renamed(
      id,
      renaming,
      (key) =>
        key === "" ? "" : key.split(";").map((part) => {
          const [follows, counts, record] = part.split(",");
          return `${follows},${counts},${this.#records.renamed(Number(record), renaming, rename)}`;
        }).join(";"),
    );
  }

  #restId({ objects, inFlight, nowMs }: World): number {
    const sorted = objects.length < 2
      ? objects
      : [...objects].sort((a, b) => a.fingerprint < b.fingerprint ? -1 : 1);
    const key = `${(nowMs - EPOCH_MS) / HOURS_MS} ${JSON.stringify([sorted, inFlight])}`;
    return this.#rests.id(key, () => ({ objects: sorted, inFlight, nowMs }));
  }

  #machineId(machine: Machine): number {
    const known = this.#machineIds.get(machine);
    if (known !== undefined) return known;
    const tidy: Machine = {
      ...machine,
      readyMs: 0,
      ec2: asSet(machine.ec2),
      managerTag: asSet(machine.managerTag),
      workerTag: asSet(machine.workerTag),
    };
    const { place } = tidy;
    const through = place.kind === "attempt" && place.through !== null ? `#${place.through}` : "";
    const where = JSON.stringify({ ...place, through });
    const key = `#${tidy.index} ${tidy.role} ${tidy.power} ${tidy.isCut} ${where} ${
      historyKey(tidy.ec2)
    } ${historyKey(tidy.managerTag)} ${historyKey(tidy.workerTag)}`;
    const id = this.#machines.id(key, () => tidy);
    // A machine that is still being changed is a copy; what is in a table is not changed any more.
    this.#machineIds.set(this.#machines.value(id), id);
    return id;
  }

  #localId(local: Local, index: number): number {
    let id = this.#localIds.get(local);
    if (id === undefined) {
      const key = local.kind === "run"
        ? `#${index} run ${local.run} ${keyOf(this.#code, local.state)}`
        : `#${index} ${local.kind} ${local.run}`;
      id = this.#locals.id(key, () => local);
      this.#localIds.set(local, id);
    }
    return id;
  }

  #swarmId(swarm: Swarm): number {
    const { managers: _, ...rest } = swarm;
    const key =
      `${swarm.fingerprint} #${swarm.founder} ${swarm.ghosts} ${swarm.workers} ${swarm.secret} ${swarm.services} ${swarm.isFounded} ${swarm.isOld}`;
    return this.#swarms.id(key, () => ({ ...rest, managers: [] }));
  }
}

function isTagged({ managerTag, workerTag }: Machine): boolean {
  return managerTag.length > 1 || workerTag.length > 1 || latest(managerTag) !== null ||
    latest(workerTag) !== null;
}

function nameOfValue(value: unknown): string {
  return typeof value === "object" && value !== null
    ? (value as { digest: string }).digest
    : String(value);
}

function historyKey(history: History<unknown>): string {
  return history.map(({ value }) => nameOfValue(value)).join();
}

/** Any older value may be seen: their order and number are nothing; the newest stays last. */
function asSet<T>(history: History<T>): History<T> {
  if (history.length === 1) return history;
  const values = new Map<string, T>();
  const newest = nameOfValue(latest(history));
  for (const { value } of history) {
    const name = nameOfValue(value);
    if (name !== newest) values.set(name, value);
  }
  return [
    ...[...values].sort(([a], [b]) => a < b ? -1 : 1).map(([, value]) => ({ value, atMs: 0 })),
    { value: latest(history), atMs: 0 },
  ];
}

function isLess(a: number[], b: number[], length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** All ways to exchange the machines in `alike`; the first changes nothing. */
function permutations(alike: number[], count: number): number[][] {
  const all: number[][] = [];
  const go = (left: number[], order: number[]): void => {
    if (left.length === 0) {
      const to = Array.from({ length: count }, (_, i) => i);
      alike.forEach((from, i) => to[from] = order[i]!);
      all.push(to);
    }
    left.forEach((one, i) => go(left.filter((_, j) => j !== i), [...order, one]));
  };
  go(alike, []);
  return all;
}
