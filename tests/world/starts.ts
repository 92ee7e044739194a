/** The worlds that histories begin in. */
import { shows } from "./aws.ts";
import { become } from "./engine.ts";
import { ACCOUNT, REGION, VPC } from "./node.ts";
import { PAST } from "./check/nonces.ts";
import {
  addSwarm,
  createWorld,
  latest,
  managersOf,
  markOf,
  type Swarm,
  type World,
} from "./world.ts";
import type { Role } from "../../src/state.ts";
import type { FoundingRecord } from "../../src/founding.ts";

export type Start =
  | "nothing"
  | "late"
  | "founded"
  | "foreign"
  | "dead"
  | "old-swarm"
  | "mixed"
  | "hidden";

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
 */
export function worldOf(store: World["store"], roles: Role[], start: Start): World {
  const isMixed = start === "mixed" || start === "hidden";
  const hasAnother = isMixed || start === "dead";
  const world = createWorld(store, hasAnother ? [...roles, "manager"] : roles);
  if (start === "nothing") return world;
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
  } else {
    swarm.services = 1;
    swarm.isOld = true;
  }
  if (start !== "old-swarm") {
    const manager = markOf(swarm, "manager");
    const worker = markOf(swarm, "worker");
    if (store === "s3") {
      world.objects = [{ fingerprint: swarm.fingerprint, manager, worker }];
      if (!swarm.isOld) world.marks = [{ fingerprint: swarm.fingerprint, over: false, atMs: 0 }];
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
