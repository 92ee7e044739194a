/**
 * Machines of one role may change names: nothing in the code or the world goes by a name, so states that
 * differ by the names only have the same future, and one of them stands for all. (`decide` goes by the ids of
 * two that were launched at one moment; here one was always launched before the other.)
 */
import { versionOf } from "../../engine.ts";
import type { Local } from "../states.ts";
import type { Machine, Place, Swarm, World } from "../../world.ts";
import type { Engine, Observation } from "../../../../src/state.ts";

/** How machines are named: `i-1`, `10.0.0.1` (no network), `node-1`, `swarm-1.0`, `cluster-1.0`, run `r1`. */
const NAMES = /(i-|10\.0\.0\.|node-|swarm-|cluster-|\br)(\d)(?!\/)/g;

/** `to[i]`: which machine machine `i` becomes. */
export function renamedMachine(machine: Machine, to: number[]): Machine {
  const place = renamedPlace(renamed(machine.place, to), to);
  const heard = machine.heard.map((i) => to[i]!).sort((a, b) => a - b);
  return { ...renamed(machine, to), index: to[machine.index]!, place, heard };
}

export function renamedRest<Rest extends Pick<World, "swarms" | "tagged" | "strays" | "moved">>(
  rest: Rest,
  to: number[],
): Rest {
  const { swarms, tagged, strays } = rest;
  const moved = Object.entries(renamed(rest.moved, to));
  return {
    ...renamed(rest, to),
    swarms: renamed(swarms, to).map((swarm): Swarm => ({
      ...swarm,
      founder: to[swarm.founder]!,
      nodes: swarm.nodes.map((node) => ({ ...node, machine: to[node.machine]! })),
    })),
    tagged: tagged.map((i) => to[i]!),
    strays: strays.map((i) => to[i]!).sort((a, b) => a - b),
    moved: Object.fromEntries(moved.map(([address, i]) => [address, to[i]!])),
  };
}

function renamedPlace(place: Place, to: number[]): Place {
  if (place.kind !== "attempt" || place.through === null) return place;
  return { ...place, through: to[place.through]! };
}

export function renamedLocal(local: Local, to: number[]): Local {
  if (local.kind !== "run") return local;
  const { o: { config, ...known }, horizon } = local;
  const o: Observation = { config, ...renamed(known, to) };
  const { terminated, kept, refused, asked: { instances, probe } } = o.memory;
  for (const names of [terminated, kept, refused]) names.sort();
  for (const names of [instances?.ids, instances?.addresses, probe]) names?.sort();
  const { engine } = o.facts;
  if (engine?.ok) o.facts.engine = { ok: true, value: inOrder(engine.value) };
  for (const kind of LISTS) {
    const fact = o.facts[kind];
    if (fact?.ok) fact.value.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  }
  const seen = renamed(horizon.seen, to).map(({ engine, answering }) => ({
    engine: inOrder(engine),
    answering: answering?.toSorted() ?? null,
  }));
  return { kind: "run", o, horizon: { ...horizon, seen } };
}

/** What is answered in no order that means anything. */
const LISTS = ["instances", "tokens", "neighbours", "words", "marks", "probe"] as const;

/** An Engine lists its managers in one order, and its nodes as they came. */
function inOrder(engine: Engine): Engine {
  const { swarm } = engine;
  const peers = engine.peers.toSorted();
  if (swarm === null) return { ...engine, peers };
  const nodes = swarm.nodes.map((node) => ({ ...node, version: versionOf(node) }));
  return { ...engine, peers, swarm: { ...swarm, nodes } };
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
