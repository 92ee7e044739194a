/** Two swarms where there may be one, and something would be lost: a person has to choose. */
import { CONFLICT_MS } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { fail } from "../verdict.ts";
import type { Decision } from "../../state.ts";

export function conflict({ traits }: Scene, because: string): Decision {
  const advice =
    "nothing was changed. To give this node to the founded swarm, `docker swarm leave --force` here and run swarm-join again";
  const afterMs = traits.readsMayBeOld ? CONFLICT_MS : 0;
  return fail(5, "swarm-conflict", `${because}; ${advice}`, afterMs);
}
