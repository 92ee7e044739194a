/** Whether a run that ended without its node in the swarm said something true. */
import { hasQuorum } from "./engine.ts";
import { isDead, isListedIn } from "./judge.ts";
import {
  foundedSwarm,
  latest,
  type Machine,
  managersOf,
  markOf,
  nodeOf,
  recordNow,
  type Swarm,
  swarmNamed,
  votersOf,
  type World,
} from "./world.ts";
import type { End } from "../../src/state.ts";

export function isExcused(world: World, machine: Machine, { rule, exit }: End): boolean {
  const founded = foundedSwarm(world);
  const own = swarmOf(world, machine);
  const isAnyLost = world.swarms.some((swarm) => isLost(world, swarm));
  // A record that was lost comes back with a manager's next run, and no manager can write one.
  if (exit === 0) return founded === null && own !== null && isAnyLost && isHeard(world, own);
  switch (rule) {
    case "quorum-lost":
      return [founded, own].some((swarm) => swarm !== null && isBeyondHelp(world, swarm));
    case "joins-failed":
    case "attempt-pending":
    case "attempt-failed":
    case "register-member":
    case "withdraw-member":
    case "join-swarm":
      return founded !== null && isBeyondHelp(world, founded);
    case "members-silent":
      return founded !== null &&
        (isBeyondHelp(world, founded) || isUnknown(world, founded) || isKeptBusy(world, founded));
    case "engine-starting":
      return isUnsure(world, machine) || isLeftAlone(world, founded, own);
    case "managers-silent":
      return isLeftAlone(world, founded, own);
    case "no-swarm-yet":
      return !hasManager(world, machine) || isAnyLost;
    case "token-missing":
      return !hasManager(world, machine) || (founded !== null && isBeyondHelp(world, founded));
    case "swarm-unfounded":
      return isAnyLost;
    case "swarm-conflict":
      return isInAnother(world, machine, founded) || isAnyLost;
    case "node-removed":
    case "managers-lost":
      return machine.isBusy;
    case "last-manager":
      return own !== null && votersOf(own).length === 1;
    case "leave-unfounded":
      return own !== founded;
    case "tasks-running":
      // Nobody can move what runs there. Where its time ends, it stops that itself.
      return machine.place.kind === "removed" || (own !== null && !canLead(world, own));
    case "demotion-pending":
      return isStowaway(world, machine) || (own !== null && !canLead(world, own));
    case "leave-quorum":
    case "leave-swarm":
      return own !== null && !canLead(world, own);
    default:
      return false;
  }
}

/** Nobody votes in it any more, and one that did has a task of it, which only a person may stop. */
function isKeptBusy(world: World, swarm: Swarm): boolean {
  const { members = [] } = recordNow(world)?.record ?? {};
  return !canLead(world, swarm) && world.machines.some((machine) => {
    const { place, isBusy, power } = machine;
    return isBusy && power !== "terminated" && place.kind === "member" &&
      place.swarm === swarm.fingerprint && isListedIn({ members }, machine);
  });
}

/** Nobody is left who could let this node in. */
function isLeftAlone(world: World, founded: Swarm | null, own: Swarm | null): boolean {
  return [founded, own].some((swarm) =>
    swarm !== null &&
    (isBeyondHelp(world, swarm) || managersOf(world, swarm).every((i) => isGone(world, i)))
  );
}

/**
 * With S3 a worker asks EC2 nothing: where half of those that the record lists are dead it can't tell its
 * swarm from one without a leader, which lets in nobody whom it has not removed either.
 */
function isUnsure(world: World, { place }: Machine): boolean {
  const members = recordNow(world)?.record.members ?? [];
  const answering = members.filter((member) =>
    world.machines.some((one) => isListedIn({ members: [member] }, one) && one.power === "up")
  );
  return world.store === "s3" && place.kind === "removed" &&
    answering.length * 2 <= members.length;
}

/** Its raft can't have quorum again, and some of its managers are still there. */
export function isBeyondHelp(world: World, swarm: Swarm): boolean {
  return !canLead(world, swarm) && managersOf(world, swarm).some((i) => !isGone(world, i));
}

/** Whether its raft has a quorum, or may have one again. */
function canLead(world: World, swarm: Swarm): boolean {
  const left = managersOf(world, swarm).filter((i) => !isGone(world, i)).length;
  return left * 2 > votersOf(swarm).length;
}

/** Whether nobody can found it, though something still shows it: there is no record of any. */
function isLost(world: World, swarm: Swarm): boolean {
  if (recordNow(world) !== null) return false;
  const isShown = world.marks.some(({ fingerprint }) => fingerprint === swarm.fingerprint) ||
    managersOf(world, swarm).some((i) => !isGone(world, i));
  const canFound = managersOf(world, swarm).some((i) => {
    const { power, isOutside } = world.machines[i]!;
    return power === "up" && !isOutside;
  });
  return isShown && !(canFound && hasQuorum(world, swarm));
}

/** All its managers are gone, and of one outside the VPC nobody can know that. */
function isUnknown(world: World, swarm: Swarm): boolean {
  const managers = managersOf(world, swarm);
  return managers.some((i) => world.machines[i]!.isOutside) &&
    managers.every((i) => isGone(world, i));
}

function isHeard(world: World, swarm: Swarm): boolean {
  return managersOf(world, swarm).some((i) => world.machines[i]!.power === "up");
}

function isGone(world: World, index: number): boolean {
  return world.machines[index]!.power === "terminated";
}

function hasManager(world: World, machine: Machine): boolean {
  return world.machines.some((other) =>
    other !== machine && other.role === "manager" && other.power === "up" && !other.isOutside
  );
}

function isInAnother(world: World, machine: Machine, founded: Swarm | null): boolean {
  const { place } = machine;
  const swarm = swarmOf(world, machine);
  if (swarm === null || recordNow(world) === null || swarm === founded) return false;
  const isManager = place.kind === "member" && place.manager;
  return !isManager || swarm.services > 0 || swarm.nodes.length > 1;
}

/** Whether a machine is where all should be; a worker that was removed can't know it before its Engine restarts. */
export function isInFounded(world: World, machine: Machine): boolean {
  const { place } = machine;
  const isIn = place.kind === "member" || (place.kind === "removed" && place.says === "active");
  const swarm = swarmOf(world, machine);
  return isIn && swarm !== null && swarm === foundedSwarm(world);
}

/** Whether a machine is where it should be: who is told to go in no swarm. */
export function isInPlace(world: World, machine: Machine): boolean {
  return machine.isGoing ? machine.place.kind === "outside" : isInFounded(world, machine);
}

const LEFT = "swarm-join.left";

/** Whether it votes and is listed as a worker: it can't leave, and nothing but its removal takes its vote. */
function isStowaway(world: World, machine: Machine): boolean {
  const node = nodeOf(world, machine);
  return node !== undefined && node.votes && node.observed === "worker";
}

/** Tokens of before a rotation that a manager, or the store, goes on showing; null: there are none. */
function stale(world: World, swarm: Swarm): string | null {
  const { digest } = markOf(swarm, "manager");
  const managers = managersOf(world, swarm).map((i) => world.machines[i]!)
    .filter(({ power, isGoing, isOutside }) => power === "up" && !isGoing && !isOutside);
  if (world.store === "s3") {
    const shown = world.objects.find(({ fingerprint }) => fingerprint === swarm.fingerprint);
    if (managers.length === 0 || shown?.manager.digest === digest) return null;
    return `the tokens of ${swarm.fingerprint} in the store are not what they are`;
  }
  const one = managers.find(({ managerTag }) => latest(managerTag)?.digest !== digest);
  return one === undefined ? null : `the tokens that ${one.instance} shows are not what they are`;
}

/**
 * What is left of those who died or went: a vote of nobody, a node that has left; or of a leave that was
 * called off: a drain, a mark; and tokens of before. Null: nothing.
 */
export function leftover(world: World): string | null {
  const swarm = foundedSwarm(world);
  if (swarm === null) return null;
  const members = recordNow(world)?.record.members ?? [];
  for (const { isGoing, power, instance, place } of world.machines) {
    const isMarked = members.some((member) => member.instance === instance && member.leaving);
    // Whom its swarm has removed waits for its tasks, and comes back as another node.
    if (isMarked && !isGoing && power === "up" && place.kind !== "removed") {
      return `${instance} stays, marked as leaving`;
    }
  }
  const shown = stale(world, swarm);
  if (shown !== null) return shown;
  for (const node of swarm.nodes) {
    if (!isDead(world, swarm, node)) {
      const { isGoing, instance, place } = world.machines[node.machine]!;
      const isLeft = node.labels[LEFT] !== undefined && !isGoing;
      if (isLeft && place.kind === "member") return `${instance} stays, and is drained for ever`;
      continue;
    }
    const { power, isOutside, instance, place } = world.machines[node.machine]!;
    const what = `${node.id} of ${instance}`;
    const isAnother = place.kind === "member" && place.swarm === swarm.fingerprint &&
      place.node !== node.id;
    const isKnown = isAnother || (power === "terminated" && !isOutside);
    if (node.votes && isKnown) return `the dead ${what} votes for ever`;
    // One whose certificate has expired does not know what becomes of it.
    if (place.kind === "removed" && place.node === node.id && !isKnown) continue;
    // With tags nobody can know that it has left, and not only gone in the middle of it.
    if (node.labels[LEFT] !== undefined && (isKnown || world.store === "s3")) {
      return `${what} has left, and is listed for ever`;
    }
  }
  return null;
}

function swarmOf(world: World, { place }: Machine): Swarm | null {
  return place.kind === "member" || place.kind === "removed"
    ? swarmNamed(world, place.swarm)
    : null;
}
