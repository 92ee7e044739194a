/**
 * A second run on a node that is done changes nothing but what others have left to be done since: nodes that
 * came or died after it was done, and those that the run before had no room to label. In the end one changes
 * nothing at all.
 */
import { type Choice, enact } from "./enact.ts";
import { broken } from "./judge.ts";
import type { Program } from "./program.ts";
import type { Machine, World } from "./world.ts";
import type { Act } from "../../src/calls.ts";
import { actionOf } from "../../src/actions.ts";
import { callsOf } from "../../src/run.ts";

const STEPS_MAX = 100;
/** So many others a run labels at most. */
const LABELS_A_RUN = 20;

export function judgeSecondRun(
  world: World,
  machine: Machine,
  spawn: () => Program,
  choice: Choice,
): void {
  const runs = 1 + Math.floor(world.machines.length / LABELS_A_RUN);
  for (let n = 0; n < runs; n++) {
    run(world, machine, spawn(), choice, (act) => act.kind === "update" || act.kind === "remove");
  }
  run(world, machine, spawn(), choice, () => false);
}

function run(
  world: World,
  machine: Machine,
  program: Program,
  choice: Choice,
  isLeftToDo: (act: Act) => boolean,
): void {
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const decision = program.decide(steps * 1_000, 0.5);
    if (decision.kind === "end") return;
    if (decision.kind === "act" && !isLeftToDo(decision.call)) {
      const what = `a second run on ${machine.instance} would ${actionOf(decision)}`;
      broken(world, "done-writes-nothing", `${what}: ${decision.because}`);
      return;
    }
    const answers = callsOf(decision).map((call) => enact(world, machine, call, choice));
    program.absorb(answers, steps * 1_000 + 500);
  }
}
