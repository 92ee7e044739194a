/**
 * The goal `join`: to be a member of the founded swarm, with all that is this node's own in order. A
 * node is in one of four places: a manager in a swarm or in none (`manager.ts`), a worker in a swarm or
 * in none (`worker.ts`).
 */
import { completed, isInGroup } from "../hooks.ts";
import { ownNode } from "../nodes/labels.ts";
import { managerInSwarm } from "./manager.ts";
import { managerOutside } from "./outside.ts";
import { poolWarnings } from "./pools.ts";
import { starting, workerInSwarm, workerOutside } from "./worker.ts";
import {
  addressElsewhere,
  attemptUnderWay,
  engineDown,
  engineInError,
  engineLocked,
  engineRefuses,
  engineStarting,
  going,
  noMetadata,
  noRecord,
  noRole,
  recordElsewhere,
  regionElsewhere,
  warmPool,
} from "../obstacles.ts";
import { type Obstacles, type Scene, sceneOf } from "../scene.ts";
import type { Decision, Observation } from "../../state.ts";

/** What stops a join, in this order. */
export const OBSTACLES: Obstacles = {
  near: [
    noMetadata,
    regionElsewhere,
    going,
    warmPool,
    engineDown,
    engineLocked,
    engineRefuses,
    engineInError,
    attemptUnderWay,
    engineStarting,
  ],
  far: [addressElsewhere, noRole, noRecord, recordElsewhere],
};

export function join(o: Observation): Decision {
  const s = sceneOf(o, OBSTACLES);
  const { engine, role } = s;
  // A member whose Engine is in error and did not stop it is a worker that can come back as another node.
  if (engine.state === "pending" || engine.state === "error") return starting(s);
  if (engine.state === "inactive") return role === "manager" ? managerOutside(s) : workerOutside(s);
  const decision = warned(s, engine.manager ? managerInSwarm(s) : workerInSwarm(s));
  const isIn = decision.kind === "end" && decision.exit === 0;
  const isHeld = o.config.hook === "launching" && isInGroup(o);
  return isIn && isHeld ? completed(o, "launching", decision, notYet(s)) : decision;
}

/** A manager counts once its swarm reaches it: an instance refresh goes on to the next one then. */
function notYet(s: Scene): string | null {
  const { swarm } = s.engine;
  if (swarm === null || ownNode(s, swarm)?.voter?.reachable === true) return null;
  return `${s.me.instance} is a manager that its swarm does not reach yet`;
}

function warned(s: Scene, decision: Decision): Decision {
  if (decision.kind !== "end" || decision.exit !== 0) return decision;
  const is = s.engine.manager ? "manager" : "worker";
  const warnings = [
    ...decision.warnings,
    ...(is === s.role ? [] : [
      `this node is a ${is}, and was asked to be a ${s.role}: change it with docker node promote or demote`,
    ]),
    ...(s.record === null
      ? ["no swarm is founded: run swarm-join on a manager of this node's swarm"]
      : []),
    ...poolWarnings(s.o.memory, s.me),
  ];
  return { ...decision, warnings };
}
