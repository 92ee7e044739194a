/** Exchanges like machines in all that a state holds: states that differ by that only are one. */
import type { Engine } from "../../../src/state.ts";
import type { Local } from "./snapshot.ts";
import type { Machine, Place, Swarm } from "../world.ts";

/** How machines are named: `i-1`, `10.0.0.1`, `node-1`, `swarm-1.0`, `cluster-1.0`, run `r1`. */
const NAMES = /(i-|10\.0\.0\.|node-|swarm-|cluster-|\br|#)(\d)/g;

/** `to[i]`: which machine machine `i` becomes. */
export function renamedMachine(machine: Machine, to: number[]): Machine {
  return {
    ...renamed(machine, to),
    index: to[machine.index]!,
    place: renamedPlace(machine.place, to),
  };
}

export function renamedLocal(local: Local, to: number[]): Local {
  const seen = local.seen?.map((engine) => renamedEngine(engine, to));
  if (local.kind !== "run") return seen === undefined ? local : { ...local, seen };
  const { config, facts } = local.state;
  const state = { ...renamed({ ...local.state, config: null }, to), config };
  if (facts.engine?.ok) {
    state.facts.engine = { ok: true, value: renamedEngine(facts.engine.value, to) };
  }
  return { kind: "run", state, ...(seen && { seen }) };
}

function renamedEngine(engine: Engine, to: number[]): Engine {
  const { swarm, ...rest } = renamed(engine, to);
  if (swarm === null) return { ...rest, swarm };
  const managers = swarm.managers.sort((a, b) => a.nodeId < b.nodeId ? -1 : 1);
  return { ...rest, swarm: { ...swarm, managers } };
}

/** Equal for texts that a change of names makes equal. */
export function withoutNames(text: string): string {
  return text.replace(NAMES, "$1?");
}

function renamedPlace(place: Place, to: number[]): Place {
  if (place.kind !== "attempt" || place.through === null) return renamed(place, to);
  return { ...renamed(place, to), through: to[place.through]! };
}

export function renamedSwarm(swarm: Swarm, to: number[]): Swarm {
  return {
    ...renamed(swarm, to),
    founder: to[swarm.founder]!,
    managers: swarm.managers.map((i) => to[i]!),
  };
}

export function renamed<T>(value: T, to: number[]): T {
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
