/**
 * All policy: what a node does, given what was observed. Pure, synchronous and total.
 *
 * `decide` either names the facts that it still needs, or gives one action, the rule that it follows
 * from, and the reason. Each rule is explained in docs/protocol.md under the same name. `scene.ts` has
 * what stands in the way of any decision; `manager_rules.ts` and `worker_rules.ts` have the four places
 * that a node can then be in: a manager in a swarm or in none, a worker in a swarm or in none.
 */
import { managerInSwarm, managerOutside } from "./join/manager.ts";
import { bounded, overdue } from "./patience.ts";
import { isScene, type Scene, sceneOf } from "./scene.ts";
import { isLook, type Look, type Verdict } from "./verdict.ts";
import { starting, workerInSwarm, workerOutside } from "./join/worker.ts";
import type { Decision, Observation } from "../state.ts";

export function decide(o: Observation): Decision | Look {
  // What is looked at after the deadline comes too late to be acted on.
  const late = Object.keys(o.facts).length === 0 ? overdue(o) : null;
  if (late !== null) return late;
  const scene = sceneOf(o);
  const verdict = isScene(scene) ? place(scene) : scene;
  return isLook(verdict) ? verdict : bounded(o, verdict);
}

function place(s: Scene): Verdict {
  const { engine, role } = s;
  if (engine.state === "pending") return starting(s);
  if (engine.state === "inactive") return role === "manager" ? managerOutside(s) : workerOutside(s);
  return warned(s, engine.manager ? managerInSwarm(s) : workerInSwarm(s));
}

function warned(s: Scene, verdict: Verdict): Verdict {
  if (isLook(verdict) || verdict.action.kind !== "done") return verdict;
  const is = s.engine.manager ? "manager" : "worker";
  const warnings = [
    ...(is === s.role ? [] : [
      `this node is a ${is}, and was asked to be a ${s.role}: change it with docker node promote or demote`,
    ]),
    ...(s.record === null
      ? ["no swarm is founded: run swarm-join on a manager of this node's swarm"]
      : []),
  ];
  return { ...verdict, warnings };
}
