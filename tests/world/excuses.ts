/** Whether a run that ended without its node in the swarm said something true. */
import {
  foundedSwarm,
  latest,
  type Machine,
  recordNow,
  type Swarm,
  swarmNamed,
  type World,
} from "./world.ts";
import type { End } from "../../src/state.ts";

export function isExcused(world: World, machine: Machine, { rule, exit }: End): boolean {
  if (exit === 0) return false;
  const founded = foundedSwarm(world);
  switch (rule) {
    case "quorum-lost":
    case "joins-failed":
    case "engine-starting":
    case "attempt-pending":
    case "attempt-failed":
    case "register-member":
    case "withdraw-member":
    case "members-silent":
    case "join-swarm":
      return founded !== null && isBeyondHelp(world, founded);
    case "managers-silent":
      return founded !== null &&
        (isBeyondHelp(world, founded) || founded.managers.every((i) => isGone(world, i)));
    case "no-swarm-yet":
    case "token-missing":
      return !hasManager(world, machine) || (founded !== null && isBeyondHelp(world, founded));
    case "swarm-unfounded":
      return world.swarms.some((swarm) => swarm.isOld) &&
        world.machines.some(({ power, managerTag }) =>
          power !== "up" && latest(managerTag) !== null
        );
    case "swarm-conflict":
      return isInAnother(world, machine, founded);
    default:
      return false;
  }
}

/** Its raft can't have quorum again, and some of its managers are still there. */
export function isBeyondHelp(world: World, swarm: Swarm): boolean {
  const left = swarm.managers.filter((i) => !isGone(world, i)).length;
  return left > 0 && left * 2 <= swarm.managers.length + swarm.ghosts;
}

function isGone(world: World, index: number): boolean {
  return world.machines[index]!.power === "terminated";
}

function hasManager(world: World, machine: Machine): boolean {
  return world.machines.some((other) =>
    other !== machine && other.role === "manager" && other.power === "up"
  );
}

function isInAnother(world: World, { place }: Machine, founded: Swarm | null): boolean {
  if (place.kind !== "member" || recordNow(world) === null) return false;
  const swarm = swarmNamed(world, place.swarm);
  return swarm !== founded &&
    (swarm.services > 0 || !place.manager || swarm.managers.length + swarm.workers > 1);
}

/** Whether a machine is where all should be. */
export function isInFounded(world: World, { place }: Machine): boolean {
  return place.kind === "member" && swarmNamed(world, place.swarm) === foundedSwarm(world);
}
