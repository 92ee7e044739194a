/** Exchanges like machines in all that a state holds: states that differ by that only are one. */
import type { Local } from "./snapshot.ts";
import type { Machine, Place, Swarm, World } from "./world.ts";

/** How machines are named: `i-1`, `10.0.0.1`, `node-1`, `swarm-1.0`, `cluster-1.0`, run `r1`. */
const NAMES = /(i-|10\.0\.0\.|node-|swarm-|cluster-|\br|#)(\d)/g;

/** `to[i]`: which machine machine `i` becomes. */
export function renamedWorld(world: World, to: number[]): World {
  const machines: Machine[] = [];
  for (const machine of world.machines) {
    machines[to[machine.index]!] = {
      ...renamed(machine, to),
      index: to[machine.index]!,
      place: renamedPlace(machine.place, to),
    };
  }
  return {
    ...world,
    machines,
    swarms: world.swarms.map((swarm) => renamedSwarm(swarm, to)),
    versions: renamed(world.versions, to),
    objects: renamed(world.objects, to),
    inFlight: renamed(world.inFlight, to),
  };
}

export function renamedLocal(local: Local, to: number[]): Local {
  if (local.kind !== "run") return local;
  const { config } = local.state;
  return { kind: "run", state: { ...renamed({ ...local.state, config: null }, to), config } };
}

/** How versions of the S3 object are named, in runs and in the names of writes. */
const ETAGS = /etag-(\d+)/g;

/** The world without the first versions of the S3 object, which nobody can read any more. */
export function forgottenIn(world: World, count: number): World {
  return {
    ...world,
    versions: withoutFirst(world.versions.slice(count), count).map((version, i) => ({
      ...version,
      number: i + 1,
      follows: i,
    })),
    inFlight: withoutFirst(world.inFlight, count),
  };
}

export function forgottenBy(local: Local, count: number): Local {
  if (local.kind !== "run") return local;
  const { config } = local.state;
  return {
    kind: "run",
    state: { ...withoutFirst({ ...local.state, config: null }, count), config },
  };
}

/** A write on a version that is gone is lost, whichever it was. */
function withoutFirst<T>(value: T, count: number): T {
  const text = JSON.stringify(value);
  return JSON.parse(text.replace(ETAGS, (_, n) => `etag-${Math.max(0, Number(n) - count)}`));
}

/** Equal for texts that a change of names makes equal. */
export function withoutNames(text: string): string {
  return text.replace(NAMES, "$1?");
}

function renamedPlace(place: Place, to: number[]): Place {
  if (place.kind !== "attempt" || place.through === null) return renamed(place, to);
  return { ...renamed(place, to), through: to[place.through]! };
}

function renamedSwarm(swarm: Swarm, to: number[]): Swarm {
  return {
    ...renamed(swarm, to),
    founder: to[swarm.founder]!,
    managers: swarm.managers.map((i) => to[i]!),
  };
}

function renamed<T>(value: T, to: number[]): T {
  const text = JSON.stringify(value);
  return JSON.parse(text.replace(NAMES, (_, prefix, digit) => `${prefix}${to[Number(digit)]}`));
}

/** All ways to exchange the machines in `alike`; the first changes nothing. */
export function permutations(alike: number[], count: number): number[][] {
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
