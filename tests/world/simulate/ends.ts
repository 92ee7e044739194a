/** How a history must have ended. */
import { isExcused, isInFounded } from "../excuses.ts";
import { broken } from "../judge.ts";
import type { Node } from "./history.ts";
import { foundedSwarm, isSomebody, managersOf, recordNow, votersOf, type World } from "../world.ts";

/** Whether each node is where it should, or ended with a true reason. */
export function judgeEnds(world: World, nodes: Node[]): void {
  for (const { machine, ending } of nodes) {
    if (machine.power === "terminated" || machine.isOutside) continue;
    if (ending?.exit === 0 && isInFounded(world, machine)) continue;
    if (ending !== null && isExcused(world, machine, ending)) continue;
    const state = ending === null
      ? "has not ended"
      : `ended with ${ending.rule} (${ending.because})`;
    broken(world, "everyone-ends-well", `${machine.instance} ${state}`);
  }
}

/**
 * How a swarm must be whose machines have all been replaced: the same one, with as many voters as its group
 * has machines, nobody told to be anything else, and the dead forgotten.
 */
export function judgeFleet(world: World, first: string | null, managers: number): void {
  const swarm = foundedSwarm(world);
  if (swarm === null || swarm.fingerprint !== first) {
    const what = `${
      swarm?.fingerprint ?? "no swarm"
    } is the founded one in the end, and was ${first}`;
    return broken(world, "swarm-outlives-its-machines", what);
  }
  const voters = votersOf(swarm);
  for (const node of voters) {
    const { power, instance } = world.machines[node.machine]!;
    if (power !== "up" || !isSomebody(world, swarm, node)) {
      broken(world, "no-vote-of-the-dead", `${node.id} of ${instance} votes in the end`);
    }
  }
  for (const node of swarm.nodes) {
    const { power, instance, role, isGoing } = world.machines[node.machine]!;
    const isHere = power === "up" && isSomebody(world, swarm, node);
    if (power === "terminated" && node.labels["swarm-join.instance"] !== undefined) {
      broken(world, "no-vote-of-the-dead", `${node.id} of ${instance} is listed in the end`);
    }
    if (!isHere || isGoing) continue;
    if (node.desired !== role || node.availability !== "active") {
      const what = `${instance} is told to be a ${node.desired}, ${node.availability}`;
      broken(world, "everyone-ends-well", what);
    }
  }
  if (voters.length !== managers) {
    broken(world, "everyone-ends-well", `${voters.length} vote in the end, of ${managers}`);
  }
  const { members = [] } = recordNow(world)?.record ?? {};
  for (const machine of managersOf(world, swarm).map((i) => world.machines[i]!)) {
    const member = members.find(({ instance }) => instance === machine.instance);
    if (member === undefined || (member.leaving && !machine.isGoing)) {
      const what = member === undefined ? "does not list" : "has as leaving";
      broken(world, "everyone-ends-well", `the record ${what} ${machine.instance}, which votes`);
    }
  }
}
