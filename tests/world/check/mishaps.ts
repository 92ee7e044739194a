/** What may befall the machines of a state, and the world: the steps that no run takes. */
import { forget, shows } from "../aws.ts";
import { land } from "../enact.ts";
import { canFinish, daemonRestarts, finish } from "../engine.ts";
import { forgetLate, forgetRun } from "./nonces.ts";
import type { Local } from "./snapshot.ts";
import { TRUTH } from "./view.ts";
import { latest, type Machine, type World } from "../world.ts";

/** What follows on a step. `cost`: the faults in it; `told`: what happened, in words. */
export interface Next {
  world: World;
  /** The run of the node that the step is of; null: as before. */
  local: Local | null;
  /** How many versions old its reads of S3 may be at most; `KEPT`: as before. */
  floor: number;
  cost: number;
  told: () => string;
}

export type Emit = (next: Next) => void;

export const HOURS_MS = 2 * 60 * 60_000;
export const IDLE: Local = { kind: "idle" };

/** What may befall a machine whose run is such. */
export function machineSteps(
  world: World,
  i: number,
  run: Local["kind"],
  faults: number,
  emit: Emit,
): void {
  const { power, place, isCut } = world.machines[i]!;
  if (power === "terminated") return;
  // Its next run reads nothing that is older than that.
  if (power === "down") change(world, i, null, 0, "is up again", start, emit, floorOf(world));
  if (power === "up" && place.kind === "attempt") background(world, i, emit);
  if (isCut) {
    change(world, i, null, 0, "can be reached again", (m) => m.isCut = false, emit);
  }
  if (faults > 0) mishaps(world, i, run, emit);
}

/** What happens to no machine: a late write arrives; `hours`: hours may pass. */
export function worldSteps(world: World, hours: boolean, emit: Emit): void {
  if (world.inFlight.length > 0) {
    const next = fork(world, null);
    land(next, TRUTH);
    forgetLate(next);
    const told = (): string => "a write that was given up arrives";
    emit({ world: next, local: null, floor: KEPT, cost: 0, told });
  }
  if (hours) {
    const next = fork(world, null);
    next.nowMs += HOURS_MS;
    next.machines = next.machines.map((machine) => {
      const copy = { ...machine };
      forget(copy);
      return copy;
    });
    emit({ world: next, local: null, floor: KEPT, cost: 0, told: () => "hours pass" });
  }
}

function background(world: World, i: number, emit: Emit): void {
  const ends = canFinish(world, world.machines[i]!)
    ? ["member", "failed", "outside"] as const
    : ["failed", "outside"] as const;
  for (const end of ends) {
    const told = `'s attempt to join ends: ${end}`;
    change(world, i, null, 0, told, (machine, next) => finish(next, machine, end), emit);
  }
}

/** That a run alone is lost is found right after its acts, and its end: it does nothing else that matters. */
function mishaps(world: World, i: number, run: Local["kind"], emit: Emit): void {
  const { power, place, isCut } = world.machines[i]!;
  const isUp = power === "up";
  const isTrying = place.kind === "attempt" || place.kind === "failed";
  const mishap = (
    told: string,
    happen: (machine: Machine, next: World) => void,
    local: Local | null,
  ): void =>
    change(
      world,
      i,
      local,
      1,
      told,
      happen,
      emit,
      local === null || run === "run" || run === "idle" ? KEPT : floorOf(world),
    );
  if (isUp && isTrying) mishap("reboots", (machine) => daemonRestarts(machine), IDLE);
  // One that is nowhere and has yet to begin is nothing to anybody when it is down.
  if (isUp && !(run === "idle" && place.kind === "outside")) {
    mishap("is stopped", (machine, next) => {
      machine.power = "down";
      daemonRestarts(machine);
      shows(next, machine, "stopped");
    }, IDLE);
  }
  mishap("is terminated", (machine, next) => {
    machine.power = "terminated";
    shows(next, machine, "terminated");
    if (machine.place.kind === "member" && !machine.place.manager) {
      const { swarm } = machine.place;
      next.swarms.find(({ fingerprint }) => fingerprint === swarm)!.workers--;
    }
  }, IDLE);
  if (isUp && !isCut) {
    mishap("is cut off from the others", (machine) => machine.isCut = true, null);
  }
}

/** `local`: IDLE when its run is lost. */
function change(
  world: World,
  i: number,
  local: Local | null,
  cost: number,
  told: string,
  happen: (machine: Machine, next: World) => void,
  emit: Emit,
  floor = KEPT,
): void {
  const next = fork(world, i);
  const machine = next.machines[i]!;
  happen(machine, next);
  if (local !== null) forgetRun(next, i);
  const said = `${machine.instance}${told.startsWith("'") ? "" : " "}${told}`;
  emit({ world: next, local, floor, cost, told: () => said });
}

/** A floor that a step leaves as it is. */
export const KEPT = -1;

/** A copy of which machine `i` may be changed; null: none. */
export function fork(world: World, i: number | null): World {
  const machines = [...world.machines];
  if (i !== null) machines[i] = { ...machines[i]! };
  return { ...world, machines, swarms: world.swarms.map((swarm) => ({ ...swarm })), broken: [] };
}

export function start(machine: Machine, world: World): void {
  machine.power = "up";
  if (latest(machine.ec2) !== "running") shows(world, machine, "running");
}

export function floorOf({ store, versions }: World): number {
  return store === "s3" ? versions.length : 0;
}
