/** How a history must have ended. */
import { isExcused, isInFounded } from "../excuses.ts";
import { broken } from "../judge.ts";
import type { Node } from "./history.ts";
import type { World } from "../world.ts";

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
