/**
 * Replaces the managers of a lab's swarm in turn, as Auto Scaling does: the machine ends, by and by every
 * one of them, and a new one only starts swarm-join.
 */
import type { SwarmState } from "../emulators/engine_swarm.ts";
import type { Lab, LabNode } from "./lab.ts";
import type { RunResult } from "./process.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface ReplaceOptions {
  timeoutSeconds: number;
  /** Called as each old manager goes. */
  onTurn?: (text: string) => void;
}

/**
 * `dies`: its instance is terminated without a word, and then there is a new one. `leaves`: the new one is
 * there first, and the old one is told to go, and leaves.
 */
type Way = "dies" | "leaves";

/** A swarm of fewer than three stands no death of a manager. */
const MANAGERS_MIN = 3;

/** The managers' Auto Scaling group, in which a hook holds who is told to go until it has left. */
const GROUP = "managers";
const HEARTBEAT_MS = 900_000;

/** What is wrong when every manager that there is now has been replaced, one after the other. */
export async function replaceManagers(
  lab: Lab,
  swarm: SwarmState,
  { timeoutSeconds, onTurn = () => {} }: ReplaceOptions,
): Promise<Verdict> {
  const managers = livingOf(lab).filter(({ role }) => role === "manager");
  const mayDie = managers.length >= MANAGERS_MIN;
  for (const [turn, old] of managers.entries()) {
    const way: Way = mayDie && turn % 2 === 0 ? "dies" : "leaves";
    const failed = await replace(lab, old, { way, timeoutSeconds, onTurn });
    if (failed !== null) return withProblems(lab, [failed]);
    const lost = swarm.hasQuorum ? [] : [`after ${old.name} was replaced there is no quorum`];
    if (lost.length > 0) return withProblems(lab, lost);
  }
  return withProblems(lab, changesOf(lab, swarm));
}

async function replace(
  lab: Lab,
  old: LabNode,
  { way, timeoutSeconds, onTurn }: Required<ReplaceOptions> & { way: Way },
): Promise<string | null> {
  const args = ["--json", "--log-format", "json", "--timeout", `${timeoutSeconds}s`];
  const name = `manager-${lab.nodes.filter(({ role }) => role === "manager").length + 1}`;
  if (way === "dies") {
    onTurn(`${old.name} is terminated without a word, and ${name} is launched`);
    await lab.terminate(old);
    return failureOf(name, await lab.run(lab.addNode(name, "manager"), ["join", ...args]));
  }
  onTurn(`${name} is launched, and ${old.name} is told to go`);
  const failed = failureOf(name, await lab.run(lab.addNode(name, "manager"), ["join", ...args]));
  if (failed !== null) return failed;
  const scaling = lab.aws.autoScaling;
  const hook = { name: "leave", transition: "terminating", heartbeatMs: HEARTBEAT_MS } as const;
  scaling.addGroup(GROUP, [hook]);
  scaling.put(old.instance, GROUP, "Terminating:Wait");
  old.imds.lifecycle = "Terminated";
  const left = failureOf(old.name, await lab.run(old, ["leave", "--if-terminating", ...args]));
  const state = scaling.memberOf(old.instance)?.state;
  await lab.terminate(old);
  return left ?? (state === "Terminating:Proceed" ? null : `${old.name} is held: ${state}`);
}

function failureOf(name: string, { exit, stderr }: RunResult): string | null {
  return exit === 0 ? null : `${name} ended with ${exit}: ${stderr.trim().split("\n").at(-1)}`;
}

/** That it is another swarm now, or lists who is no more. */
function changesOf(lab: Lab, swarm: SwarmState): string[] {
  const problems: string[] = [];
  const living = livingOf(lab);
  const { voters } = swarm;
  const managers = living.filter(({ role }) => role === "manager");
  if (voters.length !== managers.length) {
    problems.push(`${managers.length} managers live, and ${voters.length} vote`);
  }
  if (living.some(({ engine }) => engine.state.membership?.swarm !== swarm)) {
    problems.push("the swarm is another one than it was");
  }
  return problems;
}

function withProblems(lab: Lab, problems: string[]): Verdict {
  const verdict = judge(lab);
  return { ...verdict, problems: [...problems, ...verdict.problems] };
}

function livingOf(lab: Lab): LabNode[] {
  return lab.nodes.filter(({ terminated }) => !terminated);
}
