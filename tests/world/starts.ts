/** The worlds that histories begin in. */
import { shows } from "./aws.ts";
import { ACCOUNT, REGION, VPC } from "./node.ts";
import { PAST } from "./check/nonces.ts";
import {
  addSwarm,
  createWorld,
  latest,
  type Machine,
  markOf,
  type Swarm,
  type World,
} from "./world.ts";
import type { FoundingRecord, Role } from "../../src/state.ts";

export type Start = "nothing" | "old-swarm" | "founded" | "dead" | "foreign";

/**
 * - `founded`: machine 0 is a manager of the founded swarm
 * - `dead`: a swarm was founded whose only manager, a machine of its own behind the others, is terminated
 * - `old-swarm`: machine 0 is a manager of a swarm with services that nobody has founded
 * - `foreign`: as that, and its tokens are shown
 */
export function worldOf(store: World["store"], roles: Role[], start: Start): World {
  const world = createWorld(store, start === "dead" ? [...roles, "manager"] : roles);
  if (start === "nothing") return world;
  const founder = start === "dead" ? world.machines.at(-1)! : world.machines[0]!;
  founder.power = start === "dead" ? "terminated" : "up";
  shows(world, founder, "running");
  if (start === "dead") shows(world, founder, "terminated");
  const swarm = addSwarm(world, founder.index);
  founder.place = { kind: "member", swarm: swarm.fingerprint, manager: true, cameLate: false };
  if (start === "founded" || start === "dead") {
    found(world, founder, swarm);
  } else {
    swarm.services = 1;
    swarm.isOld = true;
  }
  if (start !== "old-swarm") {
    const manager = markOf(swarm, "manager");
    const worker = markOf(swarm, "worker");
    if (store === "s3") world.objects = [{ fingerprint: swarm.fingerprint, manager, worker }];
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

function found(world: World, founder: Machine, swarm: Swarm): void {
  swarm.isFounded = true;
  world.versions = [{
    number: 1,
    follows: 0,
    record: recordOf(world, founder, swarm),
    atMs: 0,
    counts: true,
  }];
}

function recordOf(world: World, founder: Machine, swarm: Swarm): FoundingRecord {
  return {
    cluster: "default",
    account: ACCOUNT,
    region: REGION,
    vpc: VPC,
    fingerprint: swarm.fingerprint,
    clusterId: swarm.clusterId,
    members: [{ instance: founder.instance, address: founder.address, sinceMs: world.nowMs }],
    rotated: [],
    replaced: [],
    writer: founder.instance,
    nonce: PAST,
  };
}
