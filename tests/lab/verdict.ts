/** Whether a lab has become exactly one swarm, and what is wrong when it has not. */
import { fingerprintOf, isLive, type SwarmState } from "../emulators/engine_swarm.ts";
import { BUCKET, type Lab, type LabNode } from "./lab.ts";

export interface Verdict {
  /** Empty: all is well. */
  problems: string[];
  swarm: SwarmState | null;
}

/** Looks at the Engines, at the ledger, and at all that was said. */
export function judge(lab: Lab): Verdict {
  const living = lab.nodes.filter((node) => !node.terminated);
  const swarms = new Set(living.flatMap((node) => node.engine.state.membership?.swarm ?? []));
  const swarm = swarms.size === 1 ? [...swarms][0]! : null;
  const problems = living.flatMap((node) => wrongWith(node, swarm));
  if (swarms.size !== 1) {
    problems.unshift(
      `there are ${swarms.size} swarms: ${[...swarms].map((one) => one.fingerprint).join(", ")}`,
    );
  }
  if (swarm !== null && !swarm.hasQuorum) problems.push("the swarm has no quorum");
  if (swarm !== null) problems.push(...wrongWithTokens(lab, swarm));
  problems.push(...lab.leaks().map((leak) => `leaked: ${leak}`));
  return { problems, swarm };
}

function wrongWith(node: LabNode, swarm: SwarmState | null): string[] {
  const problems: string[] = [];
  const { state } = node.engine;
  const { name } = node;
  const last = node.results.at(-1);
  if (last?.exit !== 0) {
    const said = last?.stderr.trim().split("\n").at(-1) ?? "it did not end";
    problems.push(`${name} ended with ${last?.exit ?? "no exit code"}: ${said}`);
  }
  if (state.self === null || !isLive(state.self)) problems.push(`${name} is in no swarm`);
  if (state.self !== null && state.self.role !== node.role) {
    problems.push(`${name} is a ${state.self.role}`);
  }
  const reported = last?.report?.fingerprint;
  if (swarm !== null && last?.exit === 0 && reported !== swarm.fingerprint) {
    problems.push(`${name} reports the swarm ${reported}`);
  }
  const file = `${node.engine.options.dataRoot}/swarm/certificates/swarm-root-ca.crt`;
  if (swarm !== null && fingerprintIn(file) !== swarm.fingerprint) {
    problems.push(`${name} holds another swarm's certificate`);
  }
  return problems;
}

/** Both tokens must be where joiners look for them. */
function wrongWithTokens(lab: Lab, swarm: SwarmState): string[] {
  if (lab.options.store === "s3") {
    const objects = [...lab.aws.s3.buckets.get(BUCKET)?.objects.values() ?? []];
    const texts = objects.map((object) => new TextDecoder().decode(object.body));
    return (["manager", "worker"] as const)
      .filter((role) => !texts.some((text) => text.includes(swarm.token(role))))
      .map((role) => `no object holds the ${role}'s token`);
  }
  const managers = lab.nodes.filter((node) => !node.terminated && node.role === "manager");
  return managers.flatMap((node) => {
    const tags = lab.aws.ec2.get(node.instance)?.tags;
    const isPublished = tags?.get("ManagerToken") === swarm.token("manager") &&
      tags.get("WorkerToken") === swarm.token("worker");
    return isPublished ? [] : [`${node.name} does not show the swarm's tokens`];
  });
}

function fingerprintIn(path: string): string {
  try {
    return fingerprintOf(Deno.readTextFileSync(path));
  } catch {
    return "";
  }
}
