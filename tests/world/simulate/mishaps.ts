/** What befalls one machine in a history. */
import { shows } from "../aws.ts";
import { isRemovable, remove } from "../engine.ts";
import { FLEET_MISHAPS, type MishapKind } from "./conditions.ts";
import type { Event, Node } from "./history.ts";
import type { World } from "../world.ts";

const OF_ALL = ["launch", "hour", "lose", "lose-all"] as const;

/** Whether it is nothing of one machine, which has to be up for all else. */
export function isOfAll(kind: MishapKind): boolean {
  return OF_ALL.some((one) => one === kind);
}

export function isOfGroups(kind: MishapKind): boolean {
  return FLEET_MISHAPS.some((one) => one === kind);
}

type OfOne = Exclude<MishapKind, "rotate" | typeof OF_ALL[number] | typeof FLEET_MISHAPS[number]>;

export function isOfOne(kind: MishapKind): kind is OfOne {
  return kind !== "rotate" && !isOfAll(kind) && !isOfGroups(kind);
}

/** Does it; answers what happens when it is over. */
export function befall(world: World, node: Node, kind: OfOne): Event | null {
  const { machine } = node;
  const removed = (says: "active" | "pending" | "expired"): void => {
    if (isRemovable(world, machine)) remove(world, machine, says);
  };
  switch (kind) {
    case "crash":
      node.program = null;
      return { kind: "start", node };
    case "reboot":
    case "bare":
    case "stop":
    case "remove-off":
    case "expire":
      machine.power = "down";
      node.program = null;
      if (kind === "stop") shows(world, machine, "stopped");
      if (kind === "remove-off") removed("pending");
      if (kind === "expire") removed("expired");
      return { kind: "up", node, isBare: kind === "bare" };
    case "remove":
      removed("active");
      return null;
    case "mute":
    case "loud":
      if (machine.place.kind === "member" && machine.ailment === null) machine.ailment = kind;
      return null;
    case "terminate":
      machine.power = "terminated";
      node.program = null;
      node.ending = null;
      shows(world, machine, "shutting-down");
      shows(world, machine, "terminated");
      return null;
    case "cut":
      machine.isCut = true;
      return { kind: "uncut", node };
    default:
      return kind satisfies never;
  }
}
