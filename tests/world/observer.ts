/**
 * The worker of a small world. It writes nothing, and what its membership changes no manager decides by:
 * only one that leaves a swarm looks whether others are in it, and none leaves a swarm that was founded
 * (`nothing-lost-by-leaving`). So the managers do all that they do as if it had yet to begin; and where
 * they have got to, its own steps are followed alone, from there and from wherever it may have got to
 * before.
 */
import { fork, type Emit, IDLE, KEPT } from "./mishaps.ts";
import { forgetRun } from "./nonces.ts";
import type { Local } from "./snapshot.ts";
import type { Machine, Place, World } from "./world.ts";

/** Whether a worker has done nothing yet. */
export function hasYetToBegin({ place, power, isCut }: Machine, { kind, seen }: Local): boolean {
  return kind === "idle" && seen === undefined && place.kind === "outside" && power === "up" &&
    !isCut;
}

/**
 * Where a worker may have got to before the managers got to where they are. An attempt that nobody will
 * take comes to nothing wherever they are: where it begins is enough.
 */
export function pastSteps(world: World, i: number, emit: Emit): void {
  const { instance } = world.machines[i]!;
  const past = (place: Place, cost: number, told: string): void => {
    const next = fork(world, i);
    next.machines[i]!.place = place;
    if (place.kind === "member") {
      next.swarms.find(({ fingerprint }) => fingerprint === place.swarm)!.workers++;
    }
    const said = `${instance} has before ${told}`;
    emit({ world: next, local: IDLE, floor: KEPT, cost, told: () => said });
  };
  for (const { fingerprint: swarm, isFounded, managers } of world.swarms) {
    if (!isFounded) continue;
    past({ kind: "member", swarm, manager: false, cameLate: false }, 0, `joined ${swarm}`);
    for (const through of managers) {
      const place: Place = { kind: "attempt", swarm, through, manager: false };
      past(place, 1, `asked i-${through} to join ${swarm}, without an answer`);
    }
  }
}

/** The world for the worker alone: what managers do next is no matter to it. */
export function withoutRuns(world: World, worker: number): World {
  const next = fork(world, null);
  next.inFlight = [];
  for (const { index } of world.machines) if (index !== worker) forgetRun(next, index);
  return next;
}
