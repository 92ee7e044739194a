/**
 * The small worlds that are searched, with faults of any kind and at any point, from every start: two
 * managers, alone or with a worker, and three managers; on S3, where reads are never old, with more of them.
 */
import type { Plan } from "./explore.ts";

const STARTS = ["nothing", "founded", "foreign", "dead"] as const;

/** About how many seconds those need on one core that need more than most; the time is shared out so. */
const SECONDS: { [name: string]: number } = {
  "tags 2 dead, 2 faults": 310,
};

export function secondsOf({ name }: Plan): number {
  return SECONDS[name] ?? 25;
}

/** Whether a search is over soon. */
export function isSmall({ name, roles }: Plan): boolean {
  return roles.length === 2 && SECONDS[name] === undefined;
}

/** The longest first, so that both threads end at about the same time. */
export const PLANS: Plan[] = [
  ...STARTS.flatMap((start) => [
    plan("s3", 2, 0, start, 3),
    plan("s3", 2, 1, start, 2),
    plan("s3", 3, 0, start, 1),
    plan("tags", 2, 0, start, 2),
    plan("tags", 2, 1, start, 1),
  ]),
  // With a dead swarm that one is not whole in eight minutes.
  ...STARTS.filter((start) => start !== "dead").map((start) => plan("tags", 3, 0, start, 0)),
  plan("s3", 2, 0, "dead", 1, 1),
  plan("tags", 2, 0, "dead", 1, 1),
].sort((a, b) => secondsOf(b) - secondsOf(a));

/** `hours`: how often EC2 may have forgotten what was there before. */
export function plan(
  store: Plan["store"],
  managers: number,
  workers: number,
  start: Plan["start"],
  faults: number,
  hours = 0,
  besides: Plan["besides"] = [],
): Plan {
  const size = workers === 0 ? `${managers}` : `${managers}+${workers}`;
  return {
    name: [
      `${store} ${size} ${start}, ${faults} faults`,
      ...(hours > 0 ? ["an hour"] : []),
      ...besides,
    ].join(", "),
    store,
    roles: [
      ...Array.from({ length: managers }, () => "manager" as const),
      ...Array.from({ length: workers }, () => "worker" as const),
    ],
    start,
    faults,
    hours,
    besides,
  };
}
