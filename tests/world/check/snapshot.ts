/**
 * A state of the model checker as a row of small numbers: that of the world, and of each node that of
 * its run and the age of the oldest S3 object that it may still read. Equal worlds, equal runs: equal
 * numbers. What a number stands for is never changed.
 */
import { coarse, keyOf } from "./local.ts";
import { lookAt } from "../engine.ts";
import type { Code } from "../program.ts";
import { asSet, historyKey, shownAsSet } from "./histories.ts";
import { Intern } from "./intern.ts";
import { lost } from "./forget.ts";
import {
  permutations,
  renamed,
  renamedLocal,
  renamedMachine,
  renamedSwarm,
  withoutNames,
} from "./names.ts";
import { type Table, Tidy } from "./tidy.ts";
import { EPOCH_MS, latest, type Machine, type Swarm, type Version, type World } from "../world.ts";
import type { RunState } from "../../../src/run.ts";
import type { Engine, FoundingRecord } from "../../../src/state.ts";

/** A node's run, or that it has none. `seen`: what its Engine said since its last act, until others changed that. */
export type Local =
  & ({ kind: "run"; state: RunState } | { kind: "idle" | "done" | "failed" })
  & { seen?: Engine[] };

/** `floors`: reads of the S3 object are not older than this many versions. */
export interface Row {
  world: number;
  locals: number[];
  floors: number[];
}

interface Parts {
  versions: number;
  rest: number;
  machines: number[];
  swarms: number[];
}

type Rest = Pick<World, "objects" | "inFlight" | "nowMs">;

interface NamedLocal {
  local: Local;
  index: number;
  key: string;
}

const HOUR_MS = 60 * 60_000;

export class Snapshots implements Table {
  readonly #code: Code;
  readonly #store: World["store"];
  readonly #count: number;
  readonly #races: boolean;
  readonly #worlds = new Intern<Parts>();
  #whole: World[] = [];
  readonly #versions = new Intern<Version[]>();
  readonly #rests = new Intern<Rest>();
  readonly #machines = new Intern<Machine>();
  readonly #locals = new Intern<NamedLocal>();
  readonly #swarms = new Intern<Swarm>();
  readonly #records = new Intern<FoundingRecord>();
  readonly #texts = new Intern<string>();
  readonly #versionIds = new WeakMap<Version[], number>();
  readonly #recordIds = new WeakMap<FoundingRecord, number>();
  readonly #machineIds = new WeakMap<Machine, number>();
  readonly #localIds = new WeakMap<Local, number>();
  readonly #restIds = new WeakMap<
    World["objects"],
    Pick<World, "inFlight" | "nowMs"> & { id: number }
  >();
  readonly #seenParts: number[] = [];
  readonly #machineShapes: number[] = [];
  readonly #localShapes: number[] = [];
  #engines: number[][];
  readonly #renamings: number[][];
  #renamedWorlds: number[][] = [];
  #renamedPart: Record<keyof Parts, number[]>[] = [];
  #renamedLocals: number[][] = [];
  #seeing: Map<number, number>[] = [];
  #unseeing: number[] = [];
  #tidy: Tidy;

  /** `alike`: the machines that may change places, by index. */
  constructor(code: Code, world: World, alike: number[], races: boolean) {
    this.#races = races;
    this.#tidy = new Tidy(this, races);
    this.#code = code;
    this.#store = world.store;
    this.#count = world.machines.length;
    this.#renamings = permutations(alike, this.#count);
    this.#engines = world.machines.map(() => []);
    this.forget();
  }

  /** What follows from the rest. */
  forget(): void {
    this.#whole = [];
    this.#seeing = [];
    this.#unseeing = [];
    this.#engines = this.#engines.map(() => []);
    this.#tidy = new Tidy(this, this.#races);
    this.#renamedWorlds = this.#renamings.map(() => []);
    this.#renamedLocals = this.#renamings.map(() => []);
    this.#renamedPart = this.#renamings.map(() => ({
      versions: [],
      rest: [],
      machines: [],
      swarms: [],
    }));
  }

  worldId(world: World): number {
    const parts: Parts = {
      versions: this.#versionsId(world.versions),
      rest: this.#restId(world),
      machines: world.machines.map((machine) => this.#machineId(machine)),
      swarms: world.swarms.map((swarm) => this.#swarmId(swarm)).sort((a, b) => a - b),
    };
    return this.#worldIdOf(parts);
  }

  #worldIdOf(parts: Parts): number {
    const key = `${parts.versions} ${parts.rest} ${parts.machines.join()} ${parts.swarms.join()}`;
    return this.#worlds.id(key, () => parts);
  }

  world(id: number): World {
    return this.#whole[id] ??= this.#composed(this.#worlds.value(id));
  }

  localId(local: Local, index: number): number {
    let id = local.kind === "run" ? this.#localIds.get(local) : undefined;
    if (id === undefined) {
      const run = local.kind === "run" ? ` ${keyOf(this.#code, local.state)}` : "";
      const seen = local.seen === undefined ? "" : ` ${JSON.stringify(local.seen)}`;
      const key = `#${index} ${local.kind}${run}${seen}`;
      id = this.#locals.id(key, () => ({ local, index, key }));
      if (local.kind === "run") this.#localIds.set(local, id);
    }
    return id;
  }

  /** The run of a node when others changed the world: what its Engine said before it may have seen. */
  seeing(id: number, index: number, before: number, after: number): number {
    if (before === after) return id;
    const [was, is] = [this.engineId(before, index), this.engineId(after, index)];
    const { kind } = this.local(id);
    if (was === is || kind === "done" || kind === "failed") return id;
    const known = this.#seeing[id] ??= new Map();
    let seeing = known.get(was);
    if (seeing === undefined) {
      const local = this.local(id);
      const seen = [...(local.seen ?? []), this.engine(before, index)];
      known.set(was, seeing = this.localId({ ...local, seen }, index));
    }
    return seeing;
  }

  /** The run as if it had not looked at its Engine since its last act. */
  unseeing(id: number, index: number): number {
    const { seen: _, ...local } = this.local(id);
    return this.#unseeing[id] ??= this.localId(local, index);
  }

  local(id: number): Local {
    return this.#locals.value(id).local;
  }

  localKey(id: number): string {
    return this.#locals.value(id).key;
  }

  /** A number for the versions of the record. */
  versionsId(world: number): number {
    return this.#worlds.value(world).versions;
  }

  /** A number for what a machine's Engine says. */
  engineId(world: number, index: number): number {
    return this.#engines[index]![world] ??= this.#engineId(world, index);
  }

  #engineId(id: number, index: number): number {
    const text = JSON.stringify(this.engine(id, index));
    return this.#texts.id(text, () => text);
  }

  /** What a machine's Engine says. */
  engine(id: number, index: number): Engine {
    const world = this.world(id);
    return coarse(lookAt(world, world.machines[index]!));
  }

  /** The one row that stands for all that nobody could tell from it, and all that a change of names makes of it. */
  canonical(found: Row, left: number): Row {
    const row = this.#tidy.row(found, left);
    let best: Row | null = null;
    for (const renaming of this.#candidates(row)) {
      const candidate = this.#renamed(row, renaming);
      if (best === null || isLess(candidate, best)) best = candidate;
    }
    return best!;
  }

  /** The renamings that put machines that look different into a fixed order. */
  #candidates({ world, locals, floors }: Row): number[] {
    if (this.#renamings.length === 1) return [0];
    const n = this.#count;
    const { machines } = this.#worlds.value(world);
    const looks: number[] = [];
    for (let i = 0; i < n; i++) {
      looks.push(
        (this.#machineShape(machines[i]!) * 1_000_003 + this.#localShape(locals[i]!)) * 16 +
          floors[i]!,
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

  #renamed({ world, locals, floors }: Row, renaming: number): Row {
    const to = this.#renamings[renaming]!;
    const worlds = this.#renamedWorlds[renaming]!;
    const named = this.#renamedLocals[renaming]!;
    const row: Row = { world: 0, locals: [], floors: [] };
    row.world = worlds[world] ??= this.#renamedParts(this.#worlds.value(world), renaming);
    locals.forEach((id, i) => {
      row.locals[to[i]!] = named[id] ??= this.localId(renamedLocal(this.local(id), to), to[i]!);
      row.floors[to[i]!] = floors[i]!;
    });
    return row;
  }

  #renamedParts({ versions, rest, machines, swarms }: Parts, renaming: number): number {
    const to = this.#renamings[renaming]!;
    const known = this.#renamedPart[renaming]!;
    const moved: number[] = [];
    machines.forEach((id, i) => {
      moved[to[i]!] = known.machines[id] ??= this.#machineId(
        renamedMachine(this.#machines.value(id), to),
      );
    });
    return this.#worldIdOf({
      versions: known.versions[versions] ??= this.#versionsId(
        renamed(this.#versions.value(versions), to),
      ),
      rest: known.rest[rest] ??= this.#restId(renamed(this.#rests.value(rest), to)),
      machines: moved,
      swarms: swarms.map((id) =>
        known.swarms[id] ??= this.#swarmId(renamedSwarm(this.#swarms.value(id), to))
      ).sort((a, b) => a - b),
    });
  }

  #machineShape(id: number): number {
    return this.#machineShapes[id] ??= this.#shape(machineKey(this.#machines.value(id)));
  }

  #localShape(id: number): number {
    return this.#localShapes[id] ??= this.#shape(this.#locals.value(id).key);
  }

  #shape(key: string): number {
    const text = withoutNames(key);
    return this.#texts.id(text, () => text);
  }

  /** Names all that a node can see of the world but the record: equal names, equal views. */
  sightOf(id: number, index: number): string {
    const { rest, machines, swarms } = this.#worlds.value(id);
    const { place } = this.#machines.value(machines[index]!);
    const swarm = place.kind !== "member"
      ? undefined
      : swarms.find((one) => this.#swarms.value(one).fingerprint === place.swarm);
    const services = swarm === undefined ? 0 : this.#swarms.value(swarm).services;
    const others = machines.map((one) => this.#seenPart(one));
    return `${index} ${rest} ${machines[index]} ${others.join()} ${
      this.engineId(id, index)
    } ${services}`;
  }

  /** A number for what a machine sees of another one, but by its Engine. */
  #seenPart(id: number): number {
    return this.#seenParts[id] ??= this.#seenPartOf(this.#machines.value(id));
  }

  #seenPartOf({ ec2, managerTag, workerTag, place, power, isCut }: Machine): number {
    const isManager = place.kind === "member" && place.manager;
    const key = `${isManager} ${power} ${isCut} ${historyKey(ec2)} ${historyKey(managerTag)} ${
      historyKey(workerTag)
    }`;
    return this.#texts.id(key, () => key);
  }

  #composed(parts: Parts): World {
    const rest = this.#rests.value(parts.rest);
    const machines = parts.machines.map((id) => this.#machines.value(id));
    const swarms = parts.swarms.map((id): Swarm => {
      const swarm = this.#swarms.value(id);
      const managers = machines
        .filter(({ place }) =>
          place.kind === "member" && place.manager && place.swarm === swarm.fingerprint
        )
        .map(({ index }) => index);
      return { ...swarm, managers };
    });
    return {
      store: this.#store,
      nowMs: rest.nowMs,
      machines,
      swarms,
      versions: this.#versions.value(parts.versions),
      inFlight: rest.inFlight,
      objects: rest.objects,
      tagged: machines.filter(isTagged).map(({ index }) => index),
      broken: [],
    };
  }

  #versionsId(before: Version[]): number {
    let id = this.#versionIds.get(before);
    if (id === undefined) {
      const versions = before.map((version) =>
        version.counts ? version : { ...version, follows: 0, record: lost(version.record) }
      );
      const key = versions.map((v) => `${v.follows},${v.counts},${this.recordId(v.record)}`).join(
        ";",
      );
      id = this.#versions.id(key, () => versions);
      this.#versionIds.set(before, id);
    }
    return id;
  }

  /** Equal for records that say the same. */
  recordId(record: FoundingRecord): number {
    let id = this.#recordIds.get(record);
    if (id === undefined) {
      id = this.#records.id(JSON.stringify(record), () => record);
      this.#recordIds.set(record, id);
    }
    return id;
  }

  #restId({ objects, inFlight, nowMs }: Rest): number {
    const known = this.#restIds.get(objects);
    if (known?.inFlight === inFlight && known.nowMs === nowMs) return known.id;
    const id = this.#restIdOf({ objects, inFlight, nowMs });
    this.#restIds.set(objects, { inFlight, nowMs, id });
    return id;
  }

  #restIdOf({ objects, inFlight, nowMs }: Rest): number {
    const sorted = objects.length < 2
      ? objects
      : [...objects].sort((a, b) => a.fingerprint < b.fingerprint ? -1 : 1);
    const key = `${(nowMs - EPOCH_MS) / HOUR_MS} ${JSON.stringify([sorted, inFlight])}`;
    return this.#rests.id(key, () => ({ objects: sorted, inFlight, nowMs }));
  }

  #machineId(machine: Machine): number {
    const known = this.#machineIds.get(machine);
    if (known !== undefined) return known;
    const tidy: Machine = {
      ...machine,
      isCut: machine.isCut && machine.power !== "terminated",
      readyMs: 0,
      ec2: shownAsSet(machine.ec2),
      managerTag: asSet(machine.managerTag),
      workerTag: asSet(machine.workerTag),
    };
    const id = this.#machines.id(machineKey(tidy), () => tidy);
    // A machine that is still being changed is a copy; what is in a table is not changed any more.
    this.#machineIds.set(this.#machines.value(id), id);
    return id;
  }

  #swarmId(swarm: Swarm): number {
    const { managers: _, ...rest } = swarm;
    const { fingerprint, founder, ghosts, workers, secret, services, isFounded, isOld } = swarm;
    const key =
      `${fingerprint} #${founder} ${ghosts} ${workers} ${secret} ${services} ${isFounded} ${isOld}`;
    return this.#swarms.id(key, () => ({ ...rest, managers: [] }));
  }
}

function machineKey({ index, role, power, isCut, place, ...machine }: Machine): string {
  const through = place.kind === "attempt" && place.through !== null ? `#${place.through}` : "";
  const where = JSON.stringify({ ...place, through });
  return `#${index} ${role} ${power} ${isCut} ${where} ${historyKey(machine.ec2)} ${
    historyKey(machine.managerTag)
  } ${historyKey(machine.workerTag)}`;
}

function isTagged({ managerTag, workerTag }: Machine): boolean {
  return managerTag.length > 1 || workerTag.length > 1 || latest(managerTag) !== null ||
    latest(workerTag) !== null;
}

function isLess(a: Row, b: Row): boolean {
  if (a.world !== b.world) return a.world < b.world;
  const sign = compare(a.locals, b.locals);
  return sign < 0 || (sign === 0 && compare(a.floors, b.floors) < 0);
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
