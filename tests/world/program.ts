/** What runs on a machine of the simulated world: swarm-join's own loop, or another tool's algorithm. */
import type * as Run from "../../src/run.ts";
import type * as Watch from "../../src/decide/watch.ts";
import type { AnyAnswer } from "../../src/calls.ts";
import type { Config, Decision, Facts } from "../../src/state.ts";

/** What `keep` does between runs. */
export type Watching = Pick<typeof Watch, "newWatch" | "watch" | "watched" | "ran" | "isOvertaken">;

/** The loop as it ships, or a mutant of it; and of what `keep` does between runs, if not as it ships. */
export type Code = Pick<typeof Run, "begin" | "decide" | "after"> & { watching?: Watching };

/** One run on one machine. Times in ms since the run began. */
export interface Program {
  decide(nowMs: number, dice: number): Decision;
  /** Takes the answers to the calls of the last decision, in their order. */
  absorb(answers: AnyAnswer[], nowMs: number): void;
  /** What it knows of its Engine now. */
  engine?(): Facts["engine"];
}

export function programOf(code: Code, config: Config, runId: string): Program {
  let o = code.begin(config, runId);
  let decision: Decision | null = null;
  return {
    decide: (nowMs, dice) => {
      o = { ...o, nowMs, dice };
      decision = code.decide(o);
      return decision;
    },
    absorb: (answers, nowMs) => {
      if (decision === null) throw new Error("Nothing was asked for");
      o = code.after(o, decision, answers, nowMs);
    },
    engine: () => o.facts.engine,
  };
}
