/** The forms that a decision takes, so that each rule reads as one line. */
import { backoffMs } from "./patience.ts";
import type { Call } from "../calls.ts";
import type { Action, Decision, FailExit, Observation, Rule } from "../state.ts";

/** Facts to look at before anything can be decided; they don't depend on each other. */
export interface Look {
  kind: "look";
  calls: Call[];
}

export type Verdict = Look | Decision;

export function isLook(verdict: Verdict): verdict is Look {
  return "calls" in verdict;
}

export function look(...calls: (Call | false)[]): Look {
  return { kind: "look", calls: calls.filter((call) => call !== false) };
}

export function act(action: Action, rule: Rule, because: string): Decision {
  return { action, rule, because, warnings: [] };
}

export function wait(o: Observation, rule: Rule, because: string): Decision {
  return act({ kind: "wait", ms: backoffMs(o, rule), exit: 3 }, rule, because);
}

/** Fails once the same has held for `afterMs`; until then the run looks again. */
export function fail(exit: FailExit, rule: Rule, because: string, afterMs = 0): Decision {
  return act({ kind: "fail", exit, afterMs }, rule, because);
}
