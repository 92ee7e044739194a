/**
 * The Docker Engine and the swarm's raft, as research on its source and trials have shown them: one
 * address is tried; an attempt that fails late goes on in the background; a manager that joins is
 * dialled back; a raft that has lost its quorum can neither add a manager nor change anything.
 */
import {
  addSwarm,
  foundedSwarm,
  type Machine,
  machineAt,
  markOf,
  type Swarm,
  swarmNamed,
  type World,
} from "./world.ts";
import { outside } from "./node.ts";
import { judgeJoin, judgeLeave } from "./judge.ts";
import type { Answer, Contents, Engine, Fault, FaultKind, TokenMark } from "../../src/state.ts";

/** What a join comes to: at once, in the background, or not at all. */
export type JoinCourse = "direct" | "background";

export function hasQuorum(world: World, swarm: Swarm, from?: Machine): boolean {
  let up = 0;
  for (const index of swarm.managers) {
    const machine = world.machines[index]!;
    if (machine.power !== "up" || machine.readyMs > world.nowMs) continue;
    if (!machine.isCut || (machine === from && swarm.managers.length === 1)) up++;
  }
  return up * 2 > swarm.managers.length + swarm.ghosts;
}

/** What `GET /info`, `GET /swarm` and `GET /nodes` say. */
export function lookAt(world: World, machine: Machine): Engine {
  const { place } = machine;
  switch (place.kind) {
    case "outside":
      return outside;
    case "attempt":
      return { ...outside, state: "pending" };
    case "failed":
      return {
        ...outside,
        state: "error",
        error: "context deadline exceeded",
        trouble: "unreachable",
      };
    case "member":
      return member(world, machine, place.swarm, place.manager);
    default:
      return place satisfies never;
  }
}

function member(world: World, machine: Machine, name: string, manager: boolean): Engine {
  const swarm = swarmNamed(world, name);
  const isReady = machine.readyMs <= world.nowMs;
  const engine: Engine = {
    state: isReady ? "active" : "pending",
    nodeId: `node-${machine.index}`,
    address: machine.address,
    peers: swarm.managers.map((index) => world.machines[index]!.address),
    api: outside.api,
    error: "",
    trouble: null,
    fingerprint: swarm.fingerprint,
    clusterId: swarm.clusterId,
    manager,
    swarm: null,
  };
  const isCutOff = machine.isCut && swarm.managers.length + swarm.ghosts > 1;
  if (!isReady || !manager) return engine;
  if (isCutOff || !hasQuorum(world, swarm, machine)) {
    return { ...engine, error: "The swarm does not have a leader.", trouble: "no-quorum" };
  }
  return {
    ...engine,
    swarm: {
      clusterId: swarm.clusterId,
      managerToken: markOf(swarm, "manager"),
      workerToken: markOf(swarm, "worker"),
      managers: swarm.managers.toSorted((a, b) => a - b).map((i) => ({
        nodeId: `node-${i}`,
        address: world.machines[i]!.address,
        reachable: world.machines[i]!.power === "up" && !world.machines[i]!.isCut,
      })),
      nodes: swarm.managers.length + swarm.ghosts + swarm.workers,
    },
  };
}

export function contentsOf(world: World, { place }: Machine, manager: boolean): Contents {
  const swarm = place.kind === "member" ? swarmNamed(world, place.swarm) : undefined;
  const services = swarm?.services ?? 0;
  return { services: manager ? services : 0, tasks: services };
}

export function init(world: World, machine: Machine): Answer<null> {
  if (machine.place.kind !== "outside") return fault("busy", "already part of a swarm");
  const swarm = addSwarm(world, machine.index);
  machine.place = { kind: "member", swarm: swarm.fingerprint, manager: true, cameLate: false };
  return { ok: true, value: null };
}

/** Whether a manager's port answers here. */
export function answers(world: World, from: Machine, address: string): boolean {
  const machine = machineAt(world, address);
  if (machine === undefined || machine.power !== "up" || machine.readyMs > world.nowMs) {
    return false;
  }
  if (machine !== from && (machine.isCut || from.isCut)) return false;
  return machine.place.kind === "member" && machine.place.manager;
}

export function join(
  world: World,
  machine: Machine,
  address: string,
  token: TokenMark,
  course: JoinCourse,
): Answer<null> {
  if (machine.place.kind !== "outside") return fault("busy", "already part of a swarm");
  const through = machineAt(world, address);
  if (through === undefined || through.power !== "up" || through.isCut || machine.isCut) {
    machine.place = attempt(null, null, false);
    return fault("pending", "timeout was reached: the Engine goes on in the background");
  }
  if (!answers(world, machine, address) || through.place.kind !== "member") {
    return fault("unreachable", "connection refused");
  }
  const swarm = swarmNamed(world, through.place.swarm);
  if (token.fingerprint !== swarm.fingerprint) return fault("foreign", "remote CA does not match");
  const manager = token.digest === markOf(swarm, "manager").digest;
  if (!manager && token.digest !== markOf(swarm, "worker").digest) {
    return fault("rejected", "a valid join token is necessary");
  }
  if (course === "background") {
    machine.place = attempt(swarm.fingerprint, through.index, manager);
    return fault("pending", "timeout was reached: the Engine goes on in the background");
  }
  if (!hasQuorum(world, swarm)) return fault("unreachable", "the swarm does not have a leader");
  enter(world, machine, swarm, manager, false);
  return { ok: true, value: null };
}

function attempt(
  swarm: string | null,
  through: number | null,
  manager: boolean,
): Machine["place"] {
  return { kind: "attempt", swarm, through, manager };
}

/** Whether a background attempt could end well now. */
export function canFinish(world: World, machine: Machine): boolean {
  const { place } = machine;
  if (place.kind !== "attempt" || place.swarm === null || machine.power !== "up") return false;
  const through = world.machines[place.through ?? -1];
  if (through === undefined || !answers(world, machine, through.address)) return false;
  return through.place.kind === "member" && through.place.swarm === place.swarm &&
    hasQuorum(world, swarmNamed(world, place.swarm));
}

/** A background attempt ends: as a member, as an error, or without a trace. */
export function finish(world: World, machine: Machine, end: "member" | "failed" | "outside"): void {
  const { place } = machine;
  if (place.kind !== "attempt") return;
  if (end === "member" && place.swarm !== null) {
    enter(world, machine, swarmNamed(world, place.swarm), place.manager, true);
  } else if (end !== "member") {
    machine.place = { kind: end };
  }
}

function enter(
  world: World,
  machine: Machine,
  swarm: Swarm,
  manager: boolean,
  cameLate: boolean,
): void {
  machine.place = { kind: "member", swarm: swarm.fingerprint, manager, cameLate };
  if (manager) swarm.managers = [...swarm.managers, machine.index];
  else swarm.workers++;
  judgeJoin(world, machine, swarm, manager);
}

export function leave(world: World, machine: Machine, force: boolean): Answer<null> {
  const { place } = machine;
  if (place.kind === "member") {
    if (place.manager && !force) return fault("refused", "this node is a manager");
    const swarm = swarmNamed(world, place.swarm);
    judgeLeave(world, machine, swarm, place.manager, foundedSwarm(world));
    if (place.manager) {
      swarm.managers = swarm.managers.filter((i) => i !== machine.index);
      swarm.ghosts++;
    } else {
      swarm.workers--;
    }
  }
  machine.place = { kind: "outside" };
  return { ok: true, value: null };
}

/** The daemon starts anew: an attempt is forgotten, its token was never on the disk. */
export function daemonRestarts(machine: Machine): void {
  if (machine.place.kind === "attempt" || machine.place.kind === "failed") {
    machine.place = { kind: "outside" };
  }
}

export function fault(kind: FaultKind, message: string): { ok: false; fault: Fault } {
  return { ok: false, fault: { kind, message } };
}
