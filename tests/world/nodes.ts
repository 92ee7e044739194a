/**
 * What managers do to the nodes of their swarm, as swarmkit does it. What a node is told to be it is later: the
 * leader takes a manager that is told to be a worker out of raft whenever that leaves a quorum, days later
 * too; only then is it a worker, and only after that its own Engine knows.
 */
import { fault, hasQuorum, isThere, seemsThere, versionOf, viewOf } from "./engine.ts";
import { judgeChange, judgeMembers, judgeRemoval } from "./judge.ts";
import {
  changeNode,
  isSomebody,
  type Listed,
  type Machine,
  nodeOf,
  type Swarm,
  swarmNamed,
  votersOf,
  type World,
} from "./world.ts";
import type { CallOf } from "../../src/calls.ts";
import type { Answer, Fault } from "../../src/state.ts";

/** The swarm that a machine manages; a fault: it does not, or nobody leads it. */
function managed(world: World, machine: Machine): Swarm | { ok: false; fault: Fault } {
  const { place } = machine;
  if (place.kind !== "member" || nodeOf(world, machine)?.votes !== true) {
    return fault("unreachable", "this node is not a swarm manager");
  }
  const swarm = swarmNamed(world, place.swarm);
  const isLed = hasQuorum(world, swarm, machine) &&
    !(machine.isCut && votersOf(swarm).length > 1);
  return isLed ? swarm : fault("unreachable", "the swarm does not have a leader");
}

/** A change of what a node is told to be, if it is as it was seen. */
export function update(world: World, machine: Machine, call: CallOf<"update">): Answer<null> {
  const swarm = managed(world, machine);
  if ("fault" in swarm) return swarm;
  const { nodeId, version, change: { role, availability, labels = {} } } = call;
  const node = swarm.nodes.find(({ id, isListed }) => id === nodeId && isListed);
  if (node === undefined) return fault("not-found", `node ${nodeId} not found`);
  if (versionOf(viewOf(world, swarm, node, machine)) !== version) {
    return fault("busy", "update out of sequence");
  }
  const isDemotion = node.desired === "manager" && role === "worker";
  const refused = isDemotion ? undemotable(world, swarm, node) : null;
  if (refused !== null) return fault("refused", refused);
  judgeChange(world, machine, swarm, node, call);
  const labelled = Object.entries({ ...node.labels, ...labels })
    .filter((label): label is [string, string] => label[1] !== null);
  changeNode(swarm, nodeId, {
    desired: role ?? node.desired,
    // It is listed as a manager at once, and becomes one later.
    observed: role === "manager" ? "manager" : node.observed,
    availability: availability ?? node.availability,
    labels: Object.fromEntries(labelled),
  });
  return { ok: true, value: null };
}

/** Why the leader would not even try. */
function undemotable(world: World, swarm: Swarm, node: Listed): string | null {
  const managers = swarm.nodes.filter(({ observed, isListed }) =>
    isListed && observed === "manager"
  );
  if (managers.length === 1 && managers[0]!.id === node.id) {
    return "attempting to demote the last manager of the swarm";
  }
  if (!node.votes) return "can't find manager in raft memberlist";
  return canGo(world, swarm, node, seemsThere)
    ? null
    : "can't remove member from the raft: this would result in a loss of quorum";
}

/** Whether raft has a quorum without this member, by who is, or seems to be, there. */
function canGo(world: World, swarm: Swarm, { id }: Listed, is = isThere): boolean {
  const others = votersOf(swarm).filter((one) => one.id !== id);
  return others.filter((one) => is(world, swarm, one)).length * 2 > others.length;
}

/**
 * Whoever is there stays, without force; whoever is told to vote, with force too. A vote that is on its way
 * out may outlive its node.
 */
export function removeNode(
  world: World,
  machine: Machine,
  nodeId: string,
  isForced = false,
): Answer<null> {
  const swarm = managed(world, machine);
  if ("fault" in swarm) return swarm;
  const node = swarm.nodes.find(({ id, isListed }) => id === nodeId && isListed);
  if (node === undefined) return { ok: true, value: null };
  if (node.desired === "manager" && node.votes) {
    return fault("refused", "is a cluster manager and is a member of the raft cluster");
  }
  if (!isForced && viewOf(world, swarm, node, machine).state === "ready") {
    return fault("refused", "is not down and can't be removed");
  }
  judgeRemoval(world, machine, swarm, node);
  if (node.votes) changeNode(swarm, nodeId, { isListed: false });
  else swarm.nodes = swarm.nodes.filter(({ id }) => id !== nodeId);
  const removed = world.machines[node.machine]!;
  const { place } = removed;
  if (place.kind === "member" && isSomebody(world, swarm, node)) {
    const { swarm, manager } = place;
    removed.place = { kind: "removed", swarm, node: nodeId, manager, says: "active" };
  }
  return { ok: true, value: null };
}

/**
 * What a swarm does by itself.
 *
 * - `unseat`: it takes a member out of raft that is told to be a worker, or was removed
 * - `settle`: a node's Engine gets the certificate of what it is
 * - `stowaway`: an Engine that has not got it starts its manager again, and is let in: it votes, and is
 *   listed as a worker. A fault
 * - `move`: what ran on a node that is drained runs elsewhere
 */
export type Doing = {
  kind: "unseat" | "settle" | "stowaway" | "move";
  swarm: string;
  node: string;
};

/** All that a swarm may do next. */
export function doingsOf(world: World): Doing[] {
  return world.swarms.flatMap((swarm) => {
    if (!hasQuorum(world, swarm)) return [];
    return swarm.nodes.flatMap((node): Doing[] => {
      const doing = (kind: Doing["kind"]): Doing => ({
        kind,
        swarm: swarm.fingerprint,
        node: node.id,
      });
      if (isToGo(node)) return canGo(world, swarm, node) ? [doing("unseat")] : [];
      if (!isThere(world, swarm, node)) return [];
      const { place, isBusy } = world.machines[node.machine]!;
      if (place.kind !== "member") return [];
      const moves = isBusy && node.availability === "drain" ? [doing("move")] : [];
      if (node.observed === "manager" && !(place.manager && node.votes)) {
        return [doing("settle"), ...moves];
      }
      if (node.observed !== "worker" || !place.manager || node.votes) return moves;
      return [doing("settle"), doing("stowaway"), ...moves];
    });
  });
}

/** Whether raft is to let it go; of one that is listed as a worker nobody asks whether it votes. */
function isToGo({ desired, observed, votes, isListed }: Listed): boolean {
  if (!isListed) return votes;
  return desired === "worker" && observed === "manager";
}

/** The swarm does that. */
export function happens(world: World, { kind, swarm: name, node: id }: Doing): void {
  const swarm = swarmNamed(world, name);
  const node = swarm.nodes.find((one) => one.id === id)!;
  const machine = world.machines[node.machine]!;
  switch (kind) {
    case "unseat":
      if (!node.isListed) swarm.nodes = swarm.nodes.filter((one) => one !== node);
      else changeNode(swarm, id, { votes: false, observed: "worker" });
      return;
    case "settle": {
      const manager = node.observed === "manager";
      machine.place = { ...machine.place, manager } as Machine["place"];
      if (manager) changeNode(swarm, id, { votes: true });
      if (manager) judgeMembers(world);
      return;
    }
    case "stowaway":
      changeNode(swarm, id, { votes: true });
      return;
    case "move":
      machine.isBusy = false;
      return;
    default:
      return kind satisfies never;
  }
}
