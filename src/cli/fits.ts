/**
 * Which flags do something with which verb: the command line refuses the others, and shells do not offer them.
 */
import type { Verb } from "./verbs.ts";

/** Why this flag, by its name, does nothing with this verb, as what follows "has no effect with"; null: it counts. */
export function whyIdle(flag: string, verb: Verb): string | null {
  if (verb.way === "replay") {
    const counts = ["observation", "json", "log-format", "log-level", "dry-run"].includes(flag);
    return counts ? null : "--observation: all of it is in the observation";
  }
  const { name, goal, way } = verb;
  switch (flag) {
    case "dry-run": {
      const canPlan = way === "act" || way === "keep" || verb.prints === "plan";
      return canPlan ? null : `${name}, which changes nothing`;
    }
    case "if-terminating":
      return goal === "leave" ? null : `${name}: only leave asks whether this machine goes`;
    case "interval":
    case "metrics-file":
      return way === "keep" ? null : `${name}: only keep looks again and again`;
    case "yes":
      return goal === "recover" ? null : `${name}: only recover asks for it`;
    default:
      return null;
  }
}
