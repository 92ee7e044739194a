/** The worlds that histories begin in. */
import { shows } from "./aws.ts";
import { become } from "./engine.ts";
import { ACCOUNT, REGION, VPC } from "./node.ts";
import { PAST } from "./check/nonces.ts";
import {
  addSwarm,
  changeNode,
  createWorld,
  labelsOf,
  latest,
  type Machine,
  managersOf,
  markOf,
  type Swarm,
  takeAddress,
  type World,
} from "./world.ts";
import type { Role } from "../../src/state.ts";
import type { FoundingRecord } from "../../src/founding.ts";

/** When a mark was made that is never so old that it would have to be made anew. */
export const ALWAYS_NEW_MS = Number.MAX_SAFE_INTEGER;

export type Start =
  | "nothing"
  | "late"
  | "founded"
  | "foreign"
  | "dead"
  | "old-swarm"
  | "mixed"
  | "hidden"
  | "formed"
  | "ghost"
  | "unnamed"
  | "readdressed"
  | "young"
  | "bereft"
  | "bereft-unnamed";

/**
 * - `late`: nothing but machines that have run for long: the tool comes to them later
 * - `founded`: machine 0 is a manager of the founded swarm
 * - `dead`: a swarm was founded whose only manager, a machine of its own behind the others, is terminated
 * - `old-swarm`: machine 0 is a manager of a swarm with services that nobody has founded, and was started
 *   last: all others were there before
 * - `foreign`: as that, and its tokens are shown
 * - `mixed`: machine 0 and one outside the VPC, behind the others, are managers of the founded swarm, where
 *   that one is known by its address only
 * - `hidden`: the same, and it is known by an id that EC2 does not
 * - `formed`: all machines are in the founded swarm, each in its role, with services, and all is in order
 * - `young`: the same, but the last manager has just come in: it has no labels, EC2 may not show it yet, and
 *   an old read of the record does not list it
 * - `ghost`: the same, but for the last manager, which is new; and one behind the others was a manager of
 *   that swarm and is terminated
 * - `unnamed`: the same, and that one died before it had labels
 * - `readdressed`: as `ghost`, and the new one has the dead one's address
 * - `bereft`, `bereft-unnamed`: as `ghost` and `unnamed`, and nobody is new
 */
export function worldOf(
  store: World["store"],
  roles: Role[],
  start: Start,
  change: Partial<World> = {},
): World {
  const isMixed = start === "mixed" || start === "hidden";
  const hasGhost = GHOSTLY.includes(start);
  const hasAnother = isMixed || start === "dead" || hasGhost;
  const all = hasAnother ? [...roles, "manager" as const] : roles;
  const world = { ...createWorld(store, all), ...change };
  if (start === "nothing") return world;
  if (start === "formed" || start === "young" || hasGhost) return formed(world, start);
  if (start === "late") {
    for (const machine of world.machines) {
      const launchedMs = machine.index;
      Object.assign(machine, { power: "up", launchedMs, ec2: [{ value: "running", atMs: 0 }] });
    }
    return world;
  }
  const founder = start === "dead" ? world.machines.at(-1)! : world.machines[0]!;
  founder.power = start === "dead" ? "terminated" : "up";
  shows(world, founder, "running");
  if (start === "dead") shows(world, founder, "terminated");
  const swarm = addSwarm(world, founder.index);
  if (start === "old-swarm" || start === "foreign") {
    swarm.services = 1;
    swarm.isOld = true;
  }
  become(world, founder, swarm, true, false);
  if (start === "old-swarm") {
    const { length } = world.machines;
    for (const machine of world.machines) {
      machine.power = "up";
      machine.launchedMs = (machine.index + length - 1) % length;
      if (latest(machine.ec2) === null) shows(world, machine, "running");
    }
  }
  if (isMixed) {
    const outside = world.machines.at(-1)!;
    Object.assign(outside, { isOutside: true, power: "up" });
    become(world, outside, swarm, true, false);
  }
  // Others can see it: by its tokens, or as it answers.
  swarm.isShown = true;
  if (isMixed || start === "founded" || start === "dead") {
    swarm.isFounded = true;
    found(world, swarm, start === "mixed");
  }
  if (start !== "old-swarm") {
    const manager = markOf(swarm, "manager");
    const worker = markOf(swarm, "worker");
    if (store === "s3") {
      world.objects = [{ fingerprint: swarm.fingerprint, manager, worker }];
      // That a mark is made anew is seen in the smaller worlds.
      const atMs = roles.length > 2 ? ALWAYS_NEW_MS : 0;
      if (!swarm.isOld) world.marks = [{ fingerprint: swarm.fingerprint, over: false, atMs }];
    }
    founder.managerTag = [...founder.managerTag, { value: manager, atMs: 0 }];
    founder.workerTag = [...founder.workerTag, { value: worker, atMs: 0 }];
    world.tagged = [founder.index];
  }
  for (const machine of world.machines) {
    machine.ec2 = [{ value: latest(machine.ec2), atMs: 0 }];
    machine.managerTag = machine.managerTag.slice(-1);
    machine.workerTag = machine.workerTag.slice(-1);
  }
  return world;
}

/** Those with a dead manager; and of them those in which nobody is new. */
const GHOSTLY: readonly Start[] = [
  "ghost",
  "unnamed",
  "readdressed",
  "bereft",
  "bereft-unnamed",
];
const BEREFT: readonly Start[] = ["bereft", "bereft-unnamed"];

/** A founded swarm with all that the tool makes of it; of a ghostly one a manager is dead, and mostly one is new and outside. */
function formed(world: World, start: Start): World {
  const managers = world.machines.filter(({ role }) => role === "manager");
  const dead = GHOSTLY.includes(start) ? managers.at(-1) : undefined;
  const outside = dead === undefined || BEREFT.includes(start) ? undefined : managers.at(-2);
  const young = start === "young" ? managers.at(-1) : undefined;
  const swarm = addSwarm(world, 0);
  Object.assign(swarm, { services: 1, isFounded: true, isShown: true });
  for (const machine of world.machines) {
    const { role, index } = machine;
    Object.assign(machine, {
      power: "up",
      launchedMs: index,
      ec2: [{ value: "running", atMs: 0 }],
    });
    if (machine === outside) continue;
    become(world, machine, swarm, role === "manager", false);
    // Somebody has set it so, and it is not the tool's to change.
    if (role === "worker") changeNode(swarm, swarm.nodes.at(-1)!.id, { availability: "pause" });
    const isUnnamed = start === "unnamed" || start === "bereft-unnamed";
    const isNamed = machine !== young && !(machine === dead && isUnnamed);
    changeNode(swarm, swarm.nodes.at(-1)!.id, { labels: isNamed ? labelsOf(machine) : {} });
  }
  if (dead !== undefined) {
    dead.power = "terminated";
    dead.ec2 = [...dead.ec2, { value: "terminated", atMs: 0 }];
    if (start === "readdressed") {
      takeAddress(world, outside!, dead.address);
      outside!.bornMs = world.nowMs + 1;
    }
  }
  found(world, swarm, false);
  world.settled = 1;
  if (young !== undefined) comeIn(world, young);
  const [manager, worker] = [markOf(swarm, "manager"), markOf(swarm, "worker")];
  if (world.store === "s3") {
    world.objects = [{ fingerprint: swarm.fingerprint, manager, worker }];
    world.marks = [{ fingerprint: swarm.fingerprint, over: false, atMs: ALWAYS_NEW_MS }];
  } else {
    world.tagged = managersOf(world, swarm);
    for (const i of world.tagged) {
      world.machines[i]!.managerTag = [{ value: manager, atMs: 0 }];
      world.machines[i]!.workerTag = [{ value: worker, atMs: 0 }];
    }
  }
  return world;
}

/** What is shown of it is as old as it is. */
function comeIn(world: World, young: Machine): void {
  young.ec2 = [{ value: null, atMs: 0 }, ...young.ec2];
  const [version] = world.versions;
  const { record } = version!;
  const members = record.members.filter(({ instance }) => instance !== young.instance);
  const before = { ...version!, record: { ...record, members } };
  world.versions = [before, { ...version!, number: 2, follows: 1 }];
}

/** `byAddress`: who is outside is known by its address only. */
function found(world: World, swarm: Swarm, byAddress: boolean): void {
  const record = recordOf(world, swarm, byAddress);
  world.versions = [{ number: 1, follows: 0, record, atMs: 0, counts: true }];
  world.templates = 1;
}

function recordOf(world: World, swarm: Swarm, byAddress: boolean): FoundingRecord {
  const managers = managersOf(world, swarm).map((i) => world.machines[i]!);
  return {
    cluster: "default",
    account: ACCOUNT,
    region: REGION,
    vpc: VPC,
    fingerprint: swarm.fingerprint,
    clusterId: swarm.clusterId,
    members: managers.map(({ instance, address, isOutside }) => ({
      instance: isOutside && byAddress ? null : instance,
      address,
      sinceMs: world.nowMs,
      leaving: false,
    })),
    rotated: [],
    replaced: [],
    writer: managers[0]!.instance,
    nonce: PAST,
  };
}
