/**
 * What must never be: each change that could break a property is judged as it happens. It shares no
 * code with `decide`, and knows the whole world as it is.
 */
import type { Machine, Property, Swarm, Version, World } from "./world.ts";

/** Somebody entered a swarm. */
export function judgeJoin(world: World, machine: Machine, swarm: Swarm, manager: boolean): void {
  if (!swarm.isFounded) {
    broken(
      world,
      "nobody-in-an-unfounded-swarm",
      `${machine.instance} joined ${nameOf(swarm)}, which nobody has founded`,
    );
  }
  if (manager) judgeMembers(world);
}

/** A record was written that counts. */
export function judgeRecord(world: World, { record }: Version): void {
  const founded = world.swarms.find((swarm) => swarm.fingerprint === record.fingerprint);
  if (founded !== undefined) founded.isFounded = true;
  const live = world.swarms.filter((swarm) => swarm.isFounded && isLive(world, swarm));
  if (live.length > 1) {
    broken(
      world,
      "one-founded-swarm",
      `${live.map(nameOf).join(" and ")} are both founded and live`,
    );
  }
  judgeMembers(world);
}

/** Every living manager of the founded swarm is in the record, unless it came from before the tool. */
function judgeMembers(world: World): void {
  const version = world.versions.findLast(({ counts }) => counts);
  if (version === undefined) return;
  const swarm = world.swarms.find((s) => s.fingerprint === version.record.fingerprint);
  if (swarm === undefined || swarm.isOld) return;
  for (const index of swarm.managers) {
    const machine = world.machines[index]!;
    if (machine.power === "terminated") continue;
    const isListed = version.record.members.some(({ instance, address }) =>
      instance === machine.instance || (instance === null && address === machine.address)
    );
    if (!isListed) {
      broken(
        world,
        "members-are-recorded",
        `${machine.instance} is a manager of the founded swarm and not in its record`,
      );
    }
  }
}

/** A member is about to leave. */
export function judgeLeave(
  world: World,
  machine: Machine,
  swarm: Swarm,
  manager: boolean,
  founded: Swarm | null,
): void {
  const lose = (why: string): void =>
    broken(world, "nothing-lost-by-leaving", `${machine.instance} leaves ${nameOf(swarm)}: ${why}`);
  // A worker gives up an attempt to join, which succeeds at this moment: it was given nothing to do yet.
  if (!manager && machine.place.kind === "member" && machine.place.cameLate) return;
  if (swarm === founded) lose("it is the founded swarm");
  if (swarm.services > 0) lose("it has services");
  if (manager && swarm.managers.length + swarm.workers > 1) {
    lose("it is not alone in it");
    broken(world, "quorum-kept", `${machine.instance} leaves ${nameOf(swarm)} with others in it`);
  }
  if (
    manager &&
    world.machines.some(({ place }) =>
      place.kind === "attempt" && place.through === machine.index &&
      place.swarm === swarm.fingerprint
    )
  ) lose("another machine is joining through it");
}

/** A run has ended as done. Workers may go by an older record, and say so when there is none. */
export function judgeDone(world: World, { instance, place }: Machine): void {
  const swarm = place.kind === "member"
    ? world.swarms.find(({ fingerprint }) => fingerprint === place.swarm)
    : undefined;
  if (swarm === undefined) {
    broken(world, "done-is-in-the-founded-swarm", `${instance} is done and in no swarm`);
  } else if (!swarm.isFounded && !swarm.isOld) {
    broken(
      world,
      "done-is-in-the-founded-swarm",
      `${instance} is done in ${nameOf(swarm)}, which nobody has founded`,
    );
  }
}

export function broken(world: World, property: Property, what: string): void {
  world.broken.push({ property, what });
}

function isLive(world: World, swarm: Swarm): boolean {
  return swarm.managers.some((index) => world.machines[index]!.power !== "terminated");
}

function nameOf(swarm: Swarm): string {
  return swarm.fingerprint;
}
