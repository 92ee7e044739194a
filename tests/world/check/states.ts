/**
 * A state of the model checker: a world, and of each node what its run knows. Equal worlds and equal
 * runs have equal numbers; a state is a row of them. What a number stands for is never changed.
 */
import { Intern } from "./intern.ts";
import {
  permutations,
  renamed,
  renamedLocal,
  renamedMachine,
  renamedRest,
} from "./reduce/names.ts";
import { glimpseOf, type Horizon } from "./view.ts";
import { ALWAYS_NEW_MS } from "../starts.ts";
import {
  EPOCH_MS,
  type History,
  type Listed,
  type Machine,
  type Version,
  type World,
} from "../world.ts";
import type { InstanceState, Observation, TokenMark, Word } from "../../../src/state.ts";

/**
 * A node's run; one that has yet to begin knows nothing. `done`, `failed`: it has ended. `off`: its
 * machine is, and nothing runs on it.
 */
export type Local =
  | { kind: "run"; o: Observation; horizon: Horizon }
  | { kind: "done" | "failed" | "off" };

export interface Row {
  world: number;
  locals: number[];
}

export function keyOf({ world, locals }: Row): string {
  return `${world} ${locals.join()}`;
}

/** A world in pieces, each a number: most steps change few of them. */
interface Parts {
  machines: number[];
  versions: number;
  rest: number;
}

type Rest = Omit<World, "machines" | "versions">;

/** Pieces of one kind: equal values, one number; and what a change of names makes of each. */
class Pieces<T extends object> {
  readonly #known = new Intern<T>();
  readonly #ids = new WeakMap<T, number>();
  readonly #renamed: number[][] = [];

  /** `normal`: the value without what nobody can see. */
  constructor(readonly normal: (value: T) => T, readonly rename: (value: T, to: number[]) => T) {}

  id(value: T): number {
    let id = this.#ids.get(value);
    if (id === undefined) {
      const plain = this.normal(value);
      id = this.#known.id(JSON.stringify(plain), () => plain);
      // A machine that is still being changed is a copy; what is in a table is not changed any more.
      this.#ids.set(this.value(id), id);
    }
    return id;
  }

  value(id: number): T {
    return this.#known.value(id);
  }

  /** `r`: the number of the change. */
  renamed(id: number, to: number[], r: number): number {
    const known = this.#renamed[r] ??= [];
    return known[id] ??= this.id(this.rename(this.value(id), to));
  }
}

export class States {
  readonly #machines = new Pieces(normalMachine, renamedMachine);
  readonly #versions = new Pieces<Version[]>(normalVersions, renamed);
  readonly #rests = new Pieces<Rest>(normalRest, renamedRest);
  readonly #worlds = new Intern<Parts>();
  readonly #whole: World[] = [];
  readonly #locals = new Intern<Local>();
  /** What runs know: the number of what comes of it. */
  readonly #known = new Intern<number>();
  readonly #knownIds = new WeakMap<Observation, number>();
  readonly #names = new Intern<null>();
  readonly #glimpses = new Intern<null>();
  readonly #consequencesOf: (o: Observation) => string;
  readonly #lagMax: number;
  readonly #renamings: number[][];
  /** Of each world: what it is when machines change names so that it comes first, and how they may. */
  readonly #turned: { world: number; renamings: number[] }[] = [];
  readonly #renamedLocals: number[][];
  readonly #glimpseIds: number[][] = [];
  readonly #seeing = new Map<string, number>();

  /**
   * `alike`: those of `count` machines that may change names. `lagMax`: how many changes ago a node may have
   * looked at its Engine. `consequencesOf`: names what a run knows.
   */
  constructor(
    alike: number[],
    count: number,
    lagMax: number,
    consequencesOf: (o: Observation) => string,
  ) {
    this.#lagMax = lagMax;
    this.#consequencesOf = consequencesOf;
    this.#renamings = permutations(alike, count);
    this.#renamedLocals = this.#renamings.map(() => []);
  }

  worldId({ machines, versions, ...rest }: World): number {
    return this.#worldIdOf({
      machines: machines.map((machine) => this.#machines.id(machine)),
      versions: this.#versions.id(versions),
      rest: this.#rests.id(rest),
    });
  }

  #worldIdOf(parts: Parts): number {
    const { machines, versions, rest } = parts;
    return this.#worlds.id(`${versions} ${rest} ${machines.join()}`, () => parts);
  }

  world(id: number): World {
    const { machines, versions, rest } = this.#worlds.value(id);
    return this.#whole[id] ??= {
      ...this.#rests.value(rest),
      machines: machines.map((id) => this.#machines.value(id)),
      versions: this.#versions.value(versions),
    };
  }

  localId(local: Local): number {
    if (local.kind !== "run") return this.#locals.id(local.kind, () => local);
    const { o, horizon: { floor, seen } } = local;
    const engines = seen.length === 0 ? "" : JSON.stringify(seen);
    const key = `${o.config.goal} ${this.#knownId(o)} ${floor} ${engines}`;
    return this.#locals.id(key, () => local);
  }

  #knownId(o: Observation): number {
    let id = this.#knownIds.get(o);
    if (id === undefined) {
      const { config: { goal }, memory, facts } = o;
      const as = this.#known.id(
        JSON.stringify([goal, memory, facts]),
        () => this.#names.id(this.#consequencesOf(o), () => null),
      );
      this.#knownIds.set(o, id = this.#known.value(as));
    }
    return id;
  }

  local(id: number): Local {
    return this.#locals.value(id);
  }

  /** The run of a node when others changed the world: what there was before it may have seen. */
  seeing(id: number, index: number, before: number, after: number): number {
    const was = this.#glimpseId(before, index);
    if (before === after || was === this.#glimpseId(after, index)) return id;
    // A worker that has waited for its managers for a minute looks again before it does anything.
    if (this.world(before).machines[index]!.ailment === "unheard") return id;
    const key = `${id} ${was}`;
    let seeing = this.#seeing.get(key);
    if (seeing === undefined) {
      const local = this.local(id);
      seeing = local.kind === "run" ? this.localId(this.#havingSeen(local, index, before)) : id;
      this.#seeing.set(key, seeing);
    }
    return seeing;
  }

  #havingSeen(local: Local & { kind: "run" }, index: number, before: number): Local {
    const world = this.world(before);
    const { floor, seen } = local.horizon;
    const more = [...seen, glimpseOf(world, world.machines[index]!)].slice(-this.#lagMax);
    return { ...local, horizon: { floor, seen: more } };
  }

  #glimpseId(id: number, index: number): number {
    const known = this.#glimpseIds[index] ??= [];
    if (known[id] !== undefined) return known[id];
    const world = this.world(id);
    const text = JSON.stringify(glimpseOf(world, world.machines[index]!));
    return known[id] = this.#glimpses.id(text, () => null);
  }

  /** The one row that stands for all that a change of names makes of it. */
  canonical({ world, locals }: Row): Row {
    const turned = this.#turned[world] ??= this.#turn(world);
    let best: number[] | null = null;
    for (const renaming of turned.renamings) {
      const to = this.#renamings[renaming]!;
      const named = this.#renamedLocals[renaming]!;
      const candidate: number[] = [];
      locals.forEach((id, i) => {
        candidate[to[i]!] = named[id] ??= this.localId(renamedLocal(this.local(id), to));
      });
      if (best === null || isLess(candidate, best)) best = candidate;
    }
    return { world: turned.world, locals: best! };
  }

  #turn(id: number): { world: number; renamings: number[] } {
    let least = "";
    let turned: { parts: Parts; renamings: number[] } | null = null;
    this.#renamings.forEach((to, r) => {
      const parts = this.#renamedParts(this.#worlds.value(id), to, r);
      const text = `${parts.versions} ${parts.rest} ${parts.machines.join()}`;
      if (turned === null || text < least) [least, turned] = [text, { parts, renamings: [] }];
      if (text === least) turned.renamings.push(r);
    });
    return { world: this.#worldIdOf(turned!.parts), renamings: turned!.renamings };
  }

  #renamedParts({ machines, versions, rest }: Parts, to: number[], r: number): Parts {
    const moved: number[] = [];
    machines.forEach((id, i) => moved[to[i]!] = this.#machines.renamed(id, to, r));
    return {
      machines: moved,
      versions: this.#versions.renamed(versions, to, r),
      rest: this.#rests.renamed(rest, to, r),
    };
  }
}

function isLess(a: number[], b: number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at !== -1 && a[at]! < b[at]!;
}

function normalVersions(versions: Version[]): Version[] {
  return versions.map((version) => ({ ...version, atMs: 0 }));
}

/** Without the order of what has none. */
function normalRest(rest: Rest): Rest {
  const swarms = rest.swarms.map((swarm) => ({
    ...swarm,
    nodes: swarm.nodes.map((node) => normalNode(node, swarm.nodes)),
  }));
  return {
    ...rest,
    swarms: swarms.sort((a, b) => a.fingerprint < b.fingerprint ? -1 : 1),
    tagged: rest.tagged.toSorted((a, b) => a - b),
    objects: rest.objects.toSorted((a, b) => a.fingerprint < b.fingerprint ? -1 : 1),
    marks: rest.marks.toSorted((a, b) => a.fingerprint < b.fingerprint ? -1 : 1)
      .map((mark) => ({ ...mark, atMs: longAgoOrNow(mark.atMs) })),
    former: normalVersions(rest.former),
    lostMs: 0,
    broken: [],
  };
}

/** Of the nodes that one machine has been only the order counts. */
function normalNode(node: Listed, nodes: Listed[]): Listed {
  const labels = Object.entries(node.labels).sort(([a], [b]) => a < b ? -1 : 1);
  const { createdMs, machine } = node;
  const earlier = nodes.filter((one) => one.machine === machine && one.createdMs < createdMs);
  const secondMs = createdMs - createdMs % 1_000;
  return { ...node, labels: Object.fromEntries(labels), createdMs: secondMs + earlier.length };
}

/** Without times, and the order of what any read may show. */
function normalMachine(machine: Machine): Machine {
  return {
    ...machine,
    isCut: machine.isCut && machine.power !== "terminated",
    readyMs: 0,
    knocksMs: null,
    ec2: asSet(machine.ec2),
    word: asSet(machine.word),
    managerTag: asSet(machine.managerTag),
    workerTag: asSet(machine.workerTag),
  };
}

function longAgoOrNow(atMs: number): number {
  return atMs === 0 || atMs === ALWAYS_NEW_MS ? atMs : EPOCH_MS;
}

/** Any older value may be seen: which came when is nothing, but which is the newest. */
function asSet<T extends InstanceState | TokenMark | Word | null>(history: History<T>): History<T> {
  if (history.length === 1) return history[0]!.atMs === 0 ? history : [{ ...history[0]!, atMs: 0 }];
  const now = nameOf(history.at(-1)!.value);
  const values = new Map(history.map(({ value }) => [nameOf(value), value]));
  return [...values]
    .sort(([a], [b]) => a === now ? 1 : b === now ? -1 : a < b ? -1 : 1)
    .map(([, value]) => ({ value, atMs: 0 }));
}

function nameOf(value: InstanceState | TokenMark | Word | null): string {
  if (typeof value === "string") return value;
  return value === null ? "" : "digest" in value ? value.digest : `${value.leaves} ${value.nodeId}`;
}
