/** Two swarms where there may be one, and something would be lost: a person has to choose. */
import { CONFLICT_MS } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { fail } from "../verdict.ts";
import type { Decision } from "../../state.ts";

export function conflict(s: Scene, because: string): Decision {
  const afterMs = s.traits.readsMayBeOld ? CONFLICT_MS : 0;
  return fail(5, "swarm-conflict", `${because}; nothing was changed. ${adviceOf(s)}`, afterMs);
}

/** A manager is demoted before it leaves, or its swarm may lose its quorum. */
function adviceOf({ engine: { manager, swarm }, record }: Scene): string {
  const to = record === null ? "To start anew here" : "To give this node to the founded swarm";
  const again = "and run swarm-join again";
  if (!manager) return `${to}, \`docker swarm leave\` here ${again}`;
  return swarm?.nodes.length === 1
    ? `${to}, move what its own swarm has, which is lost when it leaves; then \`docker swarm leave --force\` here ${again}`
    : `${to}, \`docker node demote\` it from another manager of its swarm, then \`docker swarm leave\` here ${again}`;
}
