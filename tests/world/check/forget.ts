/**
 * What nobody can tell any more in a state of the model checker. Of versions of the record that were
 * overwritten only what they say counts, and who may still read it: a write on any of them is lost. Of
 * an entry of the log that does not count nothing does, but to its writer.
 */
import { forgotten, isPast } from "./nonces.ts";
import type { Local } from "./snapshot.ts";
import type { Version, World } from "../world.ts";
import type { FoundingRecord, Memory } from "../../../src/state.ts";

/** The place in the name of a write (`nonces.ts`). */
const PLACE = /^(r\d+-[a-z]+@)(?:(\d+)\.(\d+)|etag-(\d+))$/;

/** Which versions stay: of those that say the same the last one that was overwritten, and the newest. */
export function keptOf(
  versions: Version[],
  isKnown: (number: number) => boolean,
  isCovered: (number: number) => boolean,
  idOf: (record: FoundingRecord) => number,
): number[] {
  const kept: number[] = [];
  const told = new Set<number>();
  let isNewest = true;
  let isBeforeLoser = false;
  for (let i = versions.length - 1; i >= 0; i--) {
    const { number, counts, record } = versions[i]!;
    const isWanted = isKnown(number) || !isPast(record);
    if (!counts) {
      // Who has not seen the last one can't know whether what he writes behind it counts.
      if (!isWanted && number < versions.length) continue;
      isBeforeLoser = true;
    } else {
      const id = idOf(record);
      const isNews = isNewest || (!told.has(id) && !isCovered(number));
      if (!isNewest) told.add(id);
      const stays = isWanted || isNews || isBeforeLoser;
      isNewest = false;
      isBeforeLoser = false;
      if (!stays) continue;
    }
    kept.push(number);
  }
  return kept.reverse();
}

/**
 * The same, in an order of what they say, as far as nobody can tell: between those that some run knows as
 * its own, as nothing before these can confirm anything to it.
 */
export function inOrder(
  kept: number[],
  versions: Version[],
  isKnown: (number: number) => boolean,
  idOf: (record: FoundingRecord) => number,
): number[] {
  const newest = versions.findLast(({ counts }) => counts)?.number ?? 0;
  const ordered: number[] = [];
  let some: number[] = [];
  const flush = (): void => {
    const placeOf = (number: number): number => idOf(versions[number - 1]!.record);
    ordered.push(...some.sort((a, b) => placeOf(a) - placeOf(b)));
    some = [];
  };
  for (const number of kept) {
    const { counts, record } = versions[number - 1]!;
    if (counts && number < newest && !isKnown(number) && isPast(record)) some.push(number);
    else {
      // Who knows an entry of its own that does not count may read what was the record then.
      const last = counts ? undefined : some.pop();
      flush();
      if (last !== undefined) ordered.push(last);
      ordered.push(number);
    }
  }
  flush();
  return ordered;
}

/** How versions are numbered when only some are kept. */
export class Renumbering {
  readonly #kept: number[];
  readonly #newest: number;
  readonly #counting: number[];

  constructor(versions: Version[], kept: number[]) {
    this.#kept = kept;
    this.#counting = kept.filter((number) => versions[number - 1]!.counts);
    this.#newest = this.#counting.at(-1) ?? 0;
  }

  world(world: World): World {
    const versions = this.#kept.map((number, i): Version => {
      const version = world.versions[number - 1]!;
      const record = { ...version.record, nonce: this.#nonce(version.record.nonce) };
      return { ...version, record, number: i + 1, follows: this.#follows(version) };
    });
    return { ...world, versions, inFlight: this.#renumbered(world.inFlight) };
  }

  local(local: Local): Local {
    if (local.kind !== "run") return local;
    const { memory, facts, plan, doing } = local.state;
    const isUntouched = memory.written.length + plan.length === 0 &&
      facts.ledger === undefined && memory.unknown === null;
    if (isUntouched) return local;
    const written = memory.written.map((own) => ({
      ...own,
      number: this.#number(own.number),
      follows: this.#follows({ number: own.number, counts: this.#counting.includes(own.number) }),
    }));
    const [seen, unknown, own, calls, action] = this.#renumbered(
      [facts.ledger ?? null, memory.unknown, written, plan, doing] as const,
    );
    return {
      ...local,
      state: {
        ...local.state,
        memory: { ...memory, unknown, written: [...own] },
        facts: seen === null ? facts : { ...facts, ledger: seen },
        plan: [...calls],
        doing: action,
      },
    };
  }

  /** The first version that a run may still read. */
  floor(floor: number): number {
    return floor === 0 ? 0 : 1 + this.#kept.filter((number) => number < floor).length;
  }

  #number(number: number): number {
    const at = this.#kept.indexOf(number);
    return at === -1 ? this.#kept.filter((one) => one < number).length : at + 1;
  }

  /** What it follows; one that does not count follows what others follow already. */
  #follows({ number, counts }: Pick<Version, "number" | "counts">): number {
    const before = counts ? this.#counting[this.#counting.indexOf(number) - 1] : undefined;
    return before === undefined ? 0 : this.#number(before);
  }

  /** The name of a write by where it was made: the same there again is the same write. */
  #nonce(text: string): string {
    return text.replace(PLACE, (_, before, head, last, etag) => {
      const place = this.#place(Number(etag ?? head));
      if (place === null) return `${before}gone`;
      if (etag !== undefined) return `${before}etag-${place}`;
      return `${before}${place}.${
        Number(head) === this.#newest ? this.#number(Number(last)) : place
      }`;
    });
  }

  /** The number of a version; null: it is gone, and nothing is written there any more. */
  #place(number: number): number | null {
    return number === 0 || this.#kept.includes(number) ? this.#number(number) : null;
  }

  /** Where a write would come to: behind the newest version, or nowhere. */
  #renumbered<T>(value: T): T {
    return JSON.parse(JSON.stringify(value), (_, value) => {
      if (typeof value === "string") return this.#nonce(value);
      if (typeof value !== "object" || value === null) return value;
      if (value.kind === "object" && typeof value.etag === "string") {
        const isNewest = value.etag === `etag-${this.#newest}`;
        return { ...value, etag: isNewest ? `etag-${this.#number(this.#newest)}` : "etag-0" };
      }
      if (value.kind === "log" && typeof value.head === "number") {
        const isNewest = value.head === this.#newest;
        return {
          ...value,
          head: isNewest ? this.#number(value.head) : 0,
          last: isNewest ? this.#kept.length : 0,
        };
      }
      return value;
    });
  }
}

/**
 * The run without the entries of its own that tell it nothing: what is behind another one of its own, and
 * those that did not count, unless nothing came after, or they keep it from taking an earlier one for its
 * last.
 */
export function withoutOwn(memory: Memory, versions: Version[]): Memory {
  const { written, confirmed, identity } = memory;
  const latest = written.at(-1);
  if (latest === undefined) return memory;
  const last = written.findLast(({ number }) => versions[number - 1]!.counts);
  const says = last?.record.members.some(({ instance }) => instance === identity?.instance)
    ? last.record.fingerprint
    : null;
  const isMuted = last !== undefined && says !== confirmed;
  const kept = written.filter((own) =>
    own === last || (own === latest && (isMuted || own.number === versions.length))
  );
  return {
    ...memory,
    written: kept.map((own) => own === last ? own : { ...own, record: lost(own.record) }),
  };
}

/** The run without those who are terminated and of whom no record speaks that it could read or knows. */
export function withoutStrangers(
  { versions, inFlight }: World,
  local: Local & { kind: "run" },
): Local {
  const { memory, facts, plan } = local.state;
  const spoken = JSON.stringify([versions, inFlight, memory.written, facts, plan]);
  const terminated = memory.terminated.filter((id) => spoken.includes(`"${id}"`));
  if (terminated.length === memory.terminated.length) return local;
  return { ...local, state: { ...local.state, memory: { ...memory, terminated } } };
}

/** What does not count, nobody may believe: it speaks of a swarm that is not. */
export function lost(record: FoundingRecord): FoundingRecord {
  return {
    ...record,
    fingerprint: "swarm-lost",
    clusterId: "cluster-lost",
    members: [],
    rotated: [],
    replaced: [],
  };
}

/** Under names that no run asks for any more. */
export function withPast(world: World, isPast: (nonce: string) => boolean): World {
  return {
    ...world,
    versions: world.versions.map((version) =>
      isPast(version.record.nonce) ? { ...version, record: forgotten(version.record) } : version
    ),
  };
}

const SWARMS = /swarm-\d+\.\d+/g;

/** The swarms that something speaks of. */
export function swarmsIn(text: string): string[] {
  return [...new Set(text.match(SWARMS) ?? [])];
}

/**
 * Swarms that were never founded, that nobody who lives is in, and that nothing in the world speaks of but
 * their tokens in S3, for which only those ask who have read of the swarm.
 */
export function abandonedIn(world: World): string[] {
  const { swarms, machines, versions, inFlight } = world;
  const abandoned = swarms.filter((swarm) =>
    !swarm.isFounded && swarm.workers === 0 &&
    swarm.managers.every((index) => machines[index]!.power === "terminated")
  );
  if (abandoned.length === 0) return [];
  const named = machines.map((machine) =>
    machine.power === "terminated" ? { ...machine, place: null } : machine
  );
  const spoken = swarmsIn(JSON.stringify([named, versions, inFlight]));
  return abandoned.map(({ fingerprint }) => fingerprint)
    .filter((fingerprint) => !spoken.includes(fingerprint));
}

/** Without these swarms; the others of their founders are numbered anew. */
export class Abandoning {
  readonly #gone: string[];
  readonly #names = new Map<string, string>();

  constructor(world: World, gone: string[]) {
    this.#gone = gone;
    const counts = new Map<number, number>();
    for (const { fingerprint, founder } of world.swarms) {
      if (gone.includes(fingerprint)) continue;
      const count = counts.get(founder) ?? 0;
      counts.set(founder, count + 1);
      this.#names.set(fingerprint.slice("swarm-".length), `${founder}.${count}`);
    }
  }

  world(world: World): World {
    const isGone = (fingerprint: string): boolean => this.#gone.includes(fingerprint);
    return this.#renamed({
      ...world,
      swarms: world.swarms.filter(({ fingerprint }) => !isGone(fingerprint)),
      objects: world.objects.filter(({ fingerprint }) => !isGone(fingerprint)),
      machines: world.machines.map((machine) =>
        machine.place.kind === "member" && isGone(machine.place.swarm)
          ? { ...machine, place: { kind: "outside" } }
          : machine
      ),
    });
  }

  local(local: Local): Local {
    const seen = local.seen === undefined ? {} : { seen: this.#renamed(local.seen) };
    if (local.kind !== "run") return { ...local, ...seen };
    const { config } = local.state;
    const state = { ...this.#renamed({ ...local.state, config: null }), config };
    return { kind: "run", state, ...seen };
  }

  #renamed<T>(value: T): T {
    const text = JSON.stringify(value).replace(
      /(swarm|cluster)-(\d+\.\d+)/g,
      (_, kind, name) => `${kind}-${this.#names.get(name) ?? name}`,
    );
    return JSON.parse(text);
  }
}
