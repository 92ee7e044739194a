/**
 * Decides again from an observation that somebody sent along: on any machine, with no network.
 */
import { decide } from "../decide/decide.ts";
import { readObservation } from "./observation.ts";
import { type Report, reportOf } from "./report.ts";
import type { Observation } from "../state.ts";

type Replay = { kind: "report"; report: Report } | { kind: "unfit"; why: string };

/** `text`: what `--dry-run --json` printed. Never throws. */
export function replay(text: string): Replay {
  const read = readObservation(text);
  if (!read.ok) return { kind: "unfit", why: read.why };
  const observation: Observation = {
    ...read.observation,
    config: { ...read.observation.config, dryRun: true },
  };
  const decision = decide(observation);
  if (decision.kind === "look") {
    const asked = decision.calls.map(({ kind }) => kind).join(", ");
    return {
      kind: "unfit",
      why: `it holds no answer to what this version would look at next (${asked})`,
    };
  }
  const meters = { elapsedMs: Math.round(observation.nowMs), awsCalls: 0, phases: {} };
  return {
    kind: "report",
    report: reportOf({ decision, observation, meters }),
  };
}
