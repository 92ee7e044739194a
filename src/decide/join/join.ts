/**
 * The goal `join`: to be a member of the founded swarm, with all that is this node's own in order. A
 * node is in one of four places: a manager in a swarm or in none (`manager.ts`), a worker in a swarm or
 * in none (`worker.ts`).
 */
import { managerInSwarm, managerOutside } from "./manager.ts";
import { starting, workerInSwarm, workerOutside } from "./worker.ts";
import {
  attemptUnderWay,
  clonedDisk,
  engineDown,
  engineInError,
  engineLocked,
  noMetadata,
  noRecord,
  noRole,
  recordElsewhere,
  warmPool,
} from "../obstacles.ts";
import { type Obstacles, type Scene, sceneOf } from "../scene.ts";
import type { Decision, Observation } from "../../state.ts";

/** What stops a join, in this order. */
export const OBSTACLES: Obstacles = {
  near: [
    noMetadata,
    warmPool,
    engineDown,
    engineLocked,
    clonedDisk,
    engineInError,
    attemptUnderWay,
  ],
  far: [noRole, noRecord, recordElsewhere],
};

export function join(o: Observation): Decision {
  const s = sceneOf(o, OBSTACLES);
  const { engine, role } = s;
  if (engine.state === "pending") return starting(s);
  if (engine.state === "inactive") return role === "manager" ? managerOutside(s) : workerOutside(s);
  return warned(s, engine.manager ? managerInSwarm(s) : workerInSwarm(s));
}

function warned(s: Scene, decision: Decision): Decision {
  if (decision.kind !== "end" || decision.exit !== 0) return decision;
  const is = s.engine.manager ? "manager" : "worker";
  const warnings = [
    ...(is === s.role ? [] : [
      `this node is a ${is}, and was asked to be a ${s.role}: change it with docker node promote or demote`,
    ]),
    ...(s.record === null
      ? ["no swarm is founded: run swarm-join on a manager of this node's swarm"]
      : []),
  ];
  return { ...decision, warnings };
}
