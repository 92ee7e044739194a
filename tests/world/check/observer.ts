/**
 * The worker of a small world. It writes nothing, and what its membership changes no manager decides by:
 * only one that leaves a swarm looks whether others are in it, and none leaves a swarm that was founded
 * (`nothing-lost-by-leaving`). So the managers do all that they do as if it had yet to begin; and where
 * they have got to, its own steps are followed alone, from there and from wherever it may have got to
 * before.
 */
import { type Emit, floorOf, fork, IDLE, KEPT } from "./mishaps.ts";
import { forgetRun } from "./nonces.ts";
import type { Local, Row, Snapshots } from "./snapshot.ts";
import type { Machine, Place, World } from "../world.ts";
import type { Role } from "../../../src/state.ts";

export class Observer {
  readonly #snapshots: Snapshots;
  /** Which machine it is; less than 0: there is none. */
  readonly index: number;
  readonly #alone: number[] = [];

  constructor(snapshots: Snapshots, roles: Role[]) {
    this.#snapshots = snapshots;
    this.index = roles.indexOf("worker");
    if (this.index !== roles.lastIndexOf("worker")) throw new Error("At most one worker");
  }

  /** Whether the worker has begun: its own steps are all that is followed. */
  isAlone({ world, locals }: Row): boolean {
    const machine = this.#snapshots.world(world).machines[this.index];
    return machine !== undefined &&
      !hasYetToBegin(machine, this.#snapshots.local(locals[this.index]!));
  }

  /** The row for the worker alone: what managers do next is no matter to it. */
  alone({ world, locals, floors }: Row): Row {
    const before = this.#snapshots.world(world);
    return {
      world: this.#alone[world] ??= this.#snapshots.worldId(withoutRuns(before, this.index)),
      locals: locals.map((id, i) => i === this.index ? id : this.#snapshots.localId(IDLE, i)),
      floors: floors.map((floor, i) => i === this.index ? floor : floorOf(before)),
    };
  }
}

/** Whether a worker has done nothing yet. */
function hasYetToBegin({ place, power, isCut }: Machine, { kind, seen }: Local): boolean {
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

function withoutRuns(world: World, worker: number): World {
  const next = fork(world, null);
  next.inFlight = [];
  for (const { index } of world.machines) if (index !== worker) forgetRun(next, index);
  return next;
}
