/** A second run on a node that is done changes nothing. */
import { type Choice, enact } from "./enact.ts";
import { broken } from "./judge.ts";
import type { Program } from "./program.ts";
import type { Machine, World } from "./world.ts";
import type { Call } from "../../src/calls.ts";

export const CHANGES: readonly Call["kind"][] = [
  "write",
  "publish",
  "retract",
  "init",
  "join",
  "leave",
];

export function judgeSecondRun(
  world: World,
  machine: Machine,
  program: Program,
  choice: Choice,
): void {
  for (let steps = 0; steps < 20; steps++) {
    const step = program.step(steps * 1_000, 0.5);
    if (step.kind === "end") return;
    const write = step.calls.find(({ kind }) => CHANGES.includes(kind));
    if (write !== undefined) {
      broken(
        world,
        "done-writes-nothing",
        `a second run on ${machine.instance} would ${write.kind}: ${step.decision?.because}`,
      );
      return;
    }
    const answers = step.calls.map((call) => enact(world, machine, call, choice));
    program.absorb(step.calls, answers, steps * 1_000 + 500);
  }
}
