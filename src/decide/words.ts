/** What decisions name, as a person reads it. */
import type { Contents, Instance } from "../state.ts";
import type { FoundingRecord, Member } from "../founding.ts";

/** Members: `i-0a (10.0.0.5, stopped)`. */
export function membersText(members: Member[], known: Instance[]): string {
  if (members.length === 0) return "nobody";
  return members.map(({ instance, address }) => {
    const state = known.find((i) => i.instance === instance)?.state;
    const detail = state === undefined ? address : `${address}, ${state}`;
    return `${instance ?? "a manager without a known instance"} (${detail})`;
  }).join(", ");
}

/** What is in a swarm, or runs on a worker: `1 service, 2 tasks`; "" when nothing is. */
export function inventoryOf(contents: Contents): string {
  return Object.entries(contents)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${count === 1 ? what.replace(/s(?= of |$)/, "") : what}`)
    .join(", ");
}

/** A swarm by the beginning of its fingerprint. */
export function brief({ fingerprint }: Pick<FoundingRecord, "fingerprint">): string {
  return `${fingerprint.slice(0, 8)}…`;
}
