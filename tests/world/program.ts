/** What runs on a machine of the simulated world: swarm-join's own loop, or another tool's algorithm. */
import type * as Run from "../../src/run.ts";
import type { AnyAnswer, Call } from "../../src/calls.ts";
import type { Config, Decision } from "../../src/state.ts";

/** The loop as it ships, or a mutant of it. */
export type Code = Pick<typeof Run, "begin" | "next" | "absorb">;

export type ProgramStep =
  | { kind: "calls"; calls: Call[]; decision: Decision | null }
  | { kind: "end"; decision: Decision };

/** One run on one machine. Times in ms since the run began. */
export interface Program {
  step(nowMs: number, dice: number): ProgramStep;
  absorb(calls: Call[], answers: AnyAnswer[], nowMs: number): void;
}

export function programOf(code: Code, config: Config, runId: string): Program {
  let state = code.begin(config, runId);
  return {
    step: (nowMs, dice) => {
      const step = code.next(state, nowMs, dice);
      state = step.state;
      return step;
    },
    absorb: (calls, answers, nowMs) => {
      state = code.absorb(state, calls, answers, nowMs);
    },
  };
}
