/**
 * All policy: what a node does, given what was observed. Pure, synchronous and total.
 *
 * `decide` names the facts that it still needs, or what is done next with the rule that it follows from
 * and the reason. Each rule has a row in `rules.ts`. What a run is for is its goal; each goal has rules
 * of its own (`join/`, `survey.ts`) and names the obstacles that stop it.
 */
import { isInGroup } from "./hooks.ts";
import { join } from "./join/join.ts";
import { leave } from "./leave/leave.ts";
import { decided } from "./needs.ts";
import { bounded, overdue } from "./patience.ts";
import { recover } from "./recover.ts";
import { roleOf } from "./role.ts";
import { survey } from "./survey.ts";
import { look } from "./verdict.ts";
import type { Decision, Goal, Observation } from "../state.ts";

const BY_GOAL: { readonly [G in Goal]: (o: Observation) => Decision } = {
  join,
  leave,
  survey,
  recover,
};

export function decide(o: Observation): Decision {
  // What is looked at after the deadline comes too late to be acted on.
  const late = Object.keys(o.facts).length === 0 ? overdue(o) : null;
  if (late !== null) return late;
  const decision = withPermissions(o, decided(() => BY_GOAL[o.config.goal](o)));
  return decision.kind === "look" ? decision : bounded(o, decision);
}

/** A dry run asks what is allowed, beside whatever else it looks at, as soon as it knows for which role. */
function withPermissions(o: Observation, decision: Decision): Decision {
  const role = roleOf(o);
  const isAsked = !o.config.dryRun || o.facts.permissions !== undefined;
  if (isAsked || role === null || o.memory.identity === null) return decision;
  const permissions = { kind: "permissions" as const, role, inGroup: isInGroup(o) };
  return decision.kind === "look" ? look(...decision.calls, permissions) : look(permissions);
}
