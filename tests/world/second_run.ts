/** A second run on a node that is done changes nothing. */
import { type Choice, enact } from "./enact.ts";
import { broken } from "./judge.ts";
import type { Program } from "./program.ts";
import type { Machine, World } from "./world.ts";
import { actionOf } from "../../src/actions.ts";
import { callsOf } from "../../src/run.ts";

export function judgeSecondRun(
  world: World,
  machine: Machine,
  program: Program,
  choice: Choice,
): void {
  for (let steps = 0; steps < 20; steps++) {
    const decision = program.decide(steps * 1_000, 0.5);
    if (decision.kind === "end") return;
    if (decision.kind === "act") {
      const what = `a second run on ${machine.instance} would ${actionOf(decision)}`;
      broken(world, "done-writes-nothing", `${what}: ${decision.because}`);
      return;
    }
    const answers = callsOf(decision).map((call) => enact(world, machine, call, choice));
    program.absorb(answers, steps * 1_000 + 500);
  }
}
