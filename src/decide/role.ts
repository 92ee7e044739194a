/** The role of this node, and where it is known from. */
import { ROLES } from "../state.ts";
import type { Observation, Role } from "../state.ts";

/** What it is asked to be: by the person, else by its role tag; null: not known, or the tag names no role. */
export function roleAsked(o: Observation): Role | null {
  return roleNamed(roleText(o));
}

/** The same as it is written, as the metadata show the tag, or EC2 where that names a role and they don't; null: there is no tag, or it was not seen yet. */
export function roleText({ config, memory }: Observation): string | null {
  if (config.role !== "auto") return config.role;
  const [near = null, far = null] = [memory.identity?.roleTag, memory.self?.roleTag];
  return roleNamed(near) === null && far !== null ? far : near;
}

function roleNamed(text: string | null): Role | null {
  return ROLES.find((role) => role === text) ?? null;
}

/** What it is: in a swarm by its Engine's word, else what it is asked to be. */
export function roleOf(o: Observation): Role | null {
  const engine = o.facts.engine?.ok ? o.facts.engine.value : null;
  if (engine?.state === "active") return engine.manager ? "manager" : "worker";
  return roleAsked(o);
}

/** Whether EC2 has to say what this instance's tags are: nobody else has, or they were not right yet. */
export function needsTags(o: Observation): boolean {
  const { config, memory } = o;
  const isOfCluster = config.clusterTag === null || memory.self?.clusterTag === config.cluster;
  return !isOfCluster || roleAsked(o) === null;
}
