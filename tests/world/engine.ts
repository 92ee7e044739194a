/**
 * The Docker Engine and the swarm's raft, as research on its source and trials have shown them: one
 * address is tried; an attempt that fails late goes on in the background; a manager that joins is
 * dialled back; a raft that has lost its quorum can neither add a manager nor change anything.
 */
import {
  addNode,
  addSwarm,
  changeNode,
  foundedSwarm,
  isSomebody,
  type Listed,
  type Machine,
  machineAt,
  markOf,
  nodeOf,
  type Swarm,
  swarmNamed,
  votersOf,
  type World,
} from "./world.ts";
import { outside } from "./node.ts";
import { judgeBare, judgeForce, judgeJoin, judgeLeave } from "./judge.ts";
import type {
  Answer,
  Contents,
  Engine,
  Fault,
  FaultKind,
  SwarmNode,
  TokenMark,
} from "../../src/state.ts";

/** What a join comes to: at once, in the background, or not at all. */
export type JoinCourse = "direct" | "background";

export function hasQuorum(world: World, swarm: Swarm, from?: Machine): boolean {
  const voters = votersOf(swarm);
  const up = voters.filter((node) =>
    isThere(world, swarm, node) ||
    (voters.length === 1 && from?.index === node.machine && isUp(world, from))
  );
  return up.length * 2 > voters.length;
}

/** Whether this node's Engine is up as this node, and the others reach it. */
export function isThere(world: World, swarm: Swarm, node: Listed): boolean {
  const machine = world.machines[node.machine]!;
  return isSomebody(world, swarm, node) && isUp(world, machine) && !machine.isCut;
}

/** Whether the leader takes it for there: it notices some seconds late. */
export function seemsThere(world: World, swarm: Swarm, node: Listed): boolean {
  const isMissed = world.machines[node.machine]!.isUnnoticed && isSomebody(world, swarm, node);
  return isMissed || isThere(world, swarm, node);
}

/** Whether its swarm's component is up, if it is a member. */
function isUp({ nowMs }: World, { power, readyMs, ailment }: Machine): boolean {
  return power === "up" && readyMs <= nowMs && ailment !== "loud" && ailment !== "bare";
}

/** A worker that reaches its managers is up, and knows all of them; others are as they were. */
export function hear(world: World, machine: Machine): Machine {
  const { place, ailment, heard, isCut } = machine;
  if (place.kind !== "member") return machine;
  const swarm = swarmNamed(world, place.swarm);
  if (place.manager) return remembering(world, machine, swarm);
  if (isCut || !isUp(world, machine)) return machine;
  if (!hasQuorum(world, swarm)) return ailment === "unheard" ? knocking(world, machine) : machine;
  const known = seatsOf(swarm);
  if (heard.join() === known.join() && ailment !== "unheard") return machine;
  return {
    ...machine,
    ailment: ailment === "unheard" ? null : ailment,
    knocksMs: null,
    heard: known,
  };
}

/** A manager that no leader reaches goes by the list of voters of then. */
function remembering(world: World, machine: Machine, swarm: Swarm): Machine {
  const { heard, isCut, power } = machine;
  const isAlone = votersOf(swarm).length === 1;
  const isLed = isUp(world, machine) && (!isCut || isAlone) && hasQuorum(world, swarm, machine);
  const known = isLed || power === "terminated" ? [] : heard.length > 0 ? heard : seatsOf(swarm);
  return known.length === heard.length ? machine : { ...machine, heard: known };
}

/** Managers may answer before they have a leader. */
function knocking(world: World, machine: Machine): Machine {
  const isAnswered = addressesOf(world, machine.heard).some((one) => answers(world, machine, one));
  const knocksMs = isAnswered ? machine.knocksMs ?? world.nowMs : null;
  return knocksMs === machine.knocksMs ? machine : { ...machine, knocksMs };
}

/** What `GET /info`, `GET /swarm` and `GET /nodes` say. */
export function lookAt(world: World, machine: Machine): Engine {
  const { place, ailment } = machine;
  if (ailment === "bare") return outside;
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
      return ailing(member(world, machine, place), machine);
    case "removed":
      return removed(world, machine, place);
    default:
      return place satisfies never;
  }
}

function member(
  world: World,
  machine: Machine,
  place: { swarm: string; node: string; manager: boolean },
): Engine {
  const swarm = swarmNamed(world, place.swarm);
  const isReady = machine.readyMs <= world.nowMs && machine.ailment !== "unheard";
  const engine: Engine = {
    state: isReady ? "active" : "pending",
    nodeId: place.node,
    address: machine.address,
    peers: addressesOf(
      world,
      place.manager && machine.heard.length === 0 ? seatsOf(swarm) : machine.heard,
    ),
    api: outside.api,
    error: "",
    trouble: null,
    refuses: "",
    fingerprint: swarm.fingerprint,
    clusterId: swarm.clusterId,
    manager: place.manager,
    swarm: null,
  };
  // Whom raft has let go has stopped its manager, and may hold that certificate still.
  if (!isReady || !place.manager || nodeOf(world, machine)?.votes !== true) return engine;
  const isCutOff = machine.isCut && votersOf(swarm).length > 1;
  if (isCutOff || !hasQuorum(world, swarm, machine)) {
    return { ...engine, ...LEADERLESS };
  }
  return {
    ...engine,
    swarm: {
      clusterId: swarm.clusterId,
      managerToken: markOf(swarm, "manager"),
      workerToken: markOf(swarm, "worker"),
      nodes: swarm.nodes.filter(({ isListed }) => isListed)
        .map((node) => viewOf(world, swarm, node, machine)),
    },
  };
}

const LEADERLESS = { error: "The swarm does not have a leader.", trouble: "no-quorum" } as const;

/** A node as a manager lists it: `by` is there, whatever else is. */
export function viewOf(world: World, swarm: Swarm, node: Listed, by: Machine): SwarmNode {
  const { id: nodeId, machine, createdMs, desired, observed, votes, availability, labels } = node;
  const { address } = world.machines[machine]!;
  const isOwn = machine === by.index && isSomebody(world, swarm, node);
  const isHere = isOwn || seemsThere(world, swarm, node);
  const state = !isOwn && swarm.isUnsure ? "unknown" : isHere ? "ready" : "down";
  const shown: SwarmNode = {
    nodeId,
    version: 0,
    createdMs,
    desired,
    observed,
    // Whoever has its address now is taken for it.
    voter: votes
      ? { address, reachable: isHere || isAnswering(world, address), leader: isOwn }
      : null,
    state,
    address,
    availability,
    labels,
  };
  return { ...shown, version: versionOf(shown) };
}

function isAnswering(world: World, address: string): boolean {
  const holder = machineAt(world, address);
  return world.moved[address] !== undefined && holder !== undefined && !holder.isCut &&
    answers(world, holder, address);
}

/** In the world a version names what it is a version of: it does not grow for ever. */
export function versionOf({ desired, observed, state, availability, labels }: SwarmNode): number {
  const text = JSON.stringify([desired, observed, state, availability, labels]);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** The machines that have, or had, a seat in its raft. */
function seatsOf(swarm: Swarm): number[] {
  return [...new Set(votersOf(swarm).map(({ machine }) => machine))].sort((a, b) => a - b);
}

function addressesOf(world: World, machines: number[]): string[] {
  return machines.map((i) => world.machines[i]!.address);
}

/** What it says of itself when something is wrong, or seems to be. */
function ailing(engine: Engine, { ailment }: Machine): Engine {
  switch (ailment) {
    case "mute":
      return { ...engine, state: "error" };
    case "loud":
      return { ...engine, state: "error", error: "manager stopped", swarm: null };
    default:
      return engine;
  }
}

/** Its managers let it in no more: with the words of its end, or with none. */
function removed(
  world: World,
  machine: Machine,
  { swarm, node, manager, says }: Machine["place"] & { kind: "removed" },
): Engine {
  const engine = member(world, { ...machine, ailment: null }, { swarm, node, manager });
  if (says !== "expired") return { ...engine, state: says, ...(manager ? LEADERLESS : {}) };
  return {
    ...engine,
    state: "error",
    error: "certificate (1) not valid after yesterday, and it is currently today",
    trouble: "expired",
  };
}

export function contentsOf(world: World, { place, isBusy }: Machine, manager: boolean): Contents {
  const swarm = place.kind === "member" || place.kind === "removed"
    ? swarmNamed(world, place.swarm)
    : undefined;
  return { services: manager ? swarm?.services ?? 0 : 0, tasks: isBusy ? 1 : 0 };
}

export function init(world: World, machine: Machine): Answer<null> {
  if (machine.ailment === "bare") {
    judgeBare(world, machine, "inits a swarm");
    wipe(machine);
  }
  if (machine.place.kind !== "outside") return fault("busy", "already part of a swarm");
  become(world, machine, addSwarm(world, machine.index), true, false);
  return { ok: true, value: null };
}

/** Whether a manager's port answers here. */
export function answers(world: World, from: Machine, address: string): boolean {
  const machine = machineAt(world, address);
  if (machine === undefined || !isUp(world, machine)) return false;
  if (machine !== from && (machine.isCut || from.isCut)) return false;
  return nodeOf(world, machine)?.votes === true;
}

export function join(
  world: World,
  machine: Machine,
  address: string,
  token: TokenMark,
  course: JoinCourse,
): Answer<null> {
  if (machine.ailment === "bare") wipe(machine);
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

/** What it was is lost to it: its swarm goes on listing that node. */
export function wipe(machine: Machine): void {
  machine.place = { kind: "outside" };
  machine.ailment = null;
  machine.heard = [];
  machine.isBusy = false;
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
  become(world, machine, swarm, manager, cameLate);
  judgeJoin(world, machine, swarm, manager);
}

/** Its Engine is a new node of that swarm. */
export function become(
  world: World,
  machine: Machine,
  swarm: Swarm,
  manager: boolean,
  cameLate: boolean,
): void {
  const { id: node } = addNode(world, machine, swarm, manager ? "manager" : "worker");
  machine.place = { kind: "member", swarm: swarm.fingerprint, node, manager, cameLate };
  machine.isBusy = swarm.services > 0;
}

/** It tells its swarm nothing of it: the node stays listed, and in raft. */
export function leave(world: World, machine: Machine, force: boolean): Answer<null> {
  const { place } = machine;
  if (place.kind === "removed" && place.manager && !force) {
    return fault("refused", "this node is a manager");
  }
  if (place.kind === "member") {
    const isManaging = nodeOf(world, machine)?.votes === true;
    if (isManaging && !force) return fault("refused", "this node is a manager");
    const swarm = swarmNamed(world, place.swarm);
    judgeLeave(world, machine, swarm, isManaging, foundedSwarm(world), hasQuorum(world, swarm));
  }
  wipe(machine);
  return { ok: true, value: null };
}

/**
 * Its manager starts its swarm anew from its own raft: whoever else voted does not any more, whether it lives
 * or not. One that its swarm had let go does not know it, and goes by what it has. (That others are
 * unknown for a while, as after any change of leader, is left to who plays that.)
 */
export function force(world: World, machine: Machine): Answer<string> {
  const { place } = machine;
  const isManager = (place.kind === "member" || place.kind === "removed") && place.manager;
  if (!isManager || !isUp(world, machine)) return fault("refused", "not a swarm manager");
  const swarm = swarmNamed(world, place.swarm);
  judgeForce(world, machine, swarm);
  for (const node of votersOf(swarm)) {
    const other = world.machines[node.machine]!;
    if (node.id === place.node) continue;
    if (isSomebody(world, swarm, node)) {
      other.place = { ...place, kind: "removed", node: node.id, manager: true, says: "active" };
    }
    if (node.isListed) changeNode(swarm, node.id, { votes: false });
    else dropNode(swarm, node.id);
  }
  if (place.kind === "removed") {
    const { id } = addNode(world, machine, swarm, "manager");
    machine.place = {
      kind: "member",
      swarm: swarm.fingerprint,
      node: id,
      manager: true,
      cameLate: false,
    };
  } else {
    changeNode(swarm, place.node, { desired: "manager", observed: "manager", votes: true });
  }
  return { ok: true, value: "/copies/swarm" };
}

/** The daemon starts anew: an attempt is forgotten, its token was never on the disk. */
export function daemonRestarts(machine: Machine): void {
  const { place } = machine;
  machine.ailment = place.kind === "member" && !place.manager ? "unheard" : null;
  // What ran has ended with it, and its swarm starts it again somewhere.
  if (place.kind === "member") machine.isBusy = false;
  if (place.kind === "attempt" || place.kind === "failed") machine.place = { kind: "outside" };
  if (place.kind === "removed" && place.says === "active") {
    machine.place = { ...place, says: "pending" };
  }
}

/** Whether a person can take this node, a worker, out of its swarm. */
export function isRemovable(world: World, { place }: Machine): boolean {
  return place.kind === "member" && !place.manager &&
    hasQuorum(world, swarmNamed(world, place.swarm));
}

/** A person removes it, or its certificate ends while it is off: then it is listed still. */
export function remove(
  world: World,
  machine: Machine,
  says: "active" | "pending" | "expired",
): void {
  const { place } = machine;
  if (place.kind !== "member") return;
  const { swarm, node } = place;
  if (says !== "expired") dropNode(swarmNamed(world, swarm), node);
  machine.place = { kind: "removed", swarm, node, manager: false, says };
  machine.ailment = null;
}

function dropNode(swarm: Swarm, id: string): void {
  swarm.nodes = swarm.nodes.filter((node) => node.id !== id);
}

export function fault(kind: FaultKind, message: string): { ok: false; fault: Fault } {
  return { ok: false, fault: { kind, message } };
}
