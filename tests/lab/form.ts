/** Starts swarm-join on all nodes of a lab at the same moment, and waits for what becomes of it. */
import { arm, type ArmOptions } from "./faults.ts";
import type { Lab, LabNode } from "./lab.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface FormOptions extends ArmOptions {
  timeoutSeconds: number;
  onChange?: () => void;
}

/** Ends when every run has ended, which each does within its own timeout. */
export async function formSwarm(lab: Lab, options: FormOptions): Promise<Verdict> {
  const args = [
    "join",
    "--json",
    "--log-format",
    "json",
    "--timeout",
    `${options.timeoutSeconds}s`,
  ];
  const start = (node: LabNode): void => {
    lab.start(node, args);
  };
  lab.onChange = options.onChange ?? ((): void => {});
  const plan = arm(lab, options, start);
  for (const node of lab.nodes) start(node);
  await allEnded(lab);
  await plan.settled();
  await allEnded(lab);
  return judge(lab);
}

async function allEnded(lab: Lab): Promise<void> {
  await Promise.all(lab.nodes.map((node) => node.process?.ended));
}
