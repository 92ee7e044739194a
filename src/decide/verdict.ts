/** The forms that a decision takes, so that each rule reads as one line. */
import { backoffMs } from "./patience.ts";
import type { Act, Look } from "../calls.ts";
import type { Acting, Decision, End, FailExit, Observation, Waiting } from "../state.ts";
import type { Rule } from "../rules.ts";

/** Facts to look at before anything can be decided; they don't depend on each other. */
export function look(...calls: (Look | false)[]): Decision & { kind: "look" } {
  return { kind: "look", calls: calls.filter((call) => call !== false) };
}

export function act(call: Act, rule: Rule, because: string): Acting {
  return { kind: "act", call, rule, because };
}

export function wait(o: Observation, rule: Rule, because: string, exit: FailExit = 3): Waiting {
  return { kind: "wait", ms: backoffMs(o, rule), exit, keeps: "nothing", rule, because };
}

/** All is as it should be. */
export function done(rule: Rule, because: string, warnings: string[] = []): End {
  return { kind: "end", exit: 0, afterMs: 0, rule, because, warnings, findings: [] };
}

/** Fails once the same has held for `afterMs`; until then the run looks again. */
export function fail(exit: FailExit, rule: Rule, because: string, afterMs = 0): End {
  return { kind: "end", exit, afterMs, rule, because, warnings: [], findings: [] };
}
