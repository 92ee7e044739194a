/**
 * The small worlds that are searched: two managers with up to three faults, and three managers with a
 * worker and up to two, of any kind and at any point, on both ledgers, from every start.
 */
import type { Plan } from "./explore.ts";

const STORES = ["s3", "tags"] as const;
const STARTS = ["nothing", "founded", "foreign", "dead"] as const;

/** About how many seconds each needs on one core, to be whole with as many faults as can be; the time is shared out so. */
const SECONDS: Record<
  Plan["store"],
  Record<"small" | "large", Partial<Record<Plan["start"], number>>>
> = {
  s3: {
    small: { nothing: 3, founded: 3, foreign: 3, dead: 7 },
    large: { nothing: 90, founded: 110, foreign: 85, dead: 175 },
  },
  tags: {
    small: { nothing: 15, founded: 11, foreign: 9, dead: 85 },
    large: { nothing: 130, founded: 130, foreign: 100, dead: 260 },
  },
};

export function secondsOf({ store, roles, start, hours }: Plan): number {
  if (hours > 0) return 3;
  return SECONDS[store][roles.includes("worker") ? "large" : "small"][start] ?? 10;
}

/** The longest first, so that both threads end at about the same time. */
export const PLANS: Plan[] = [
  ...STARTS.flatMap((start) => STORES.map((store) => plan(store, 2, 0, start, 3))),
  ...STORES.map((store) => plan(store, 2, 0, "dead", 1, 1)),
  ...STARTS.flatMap((start) => STORES.map((store) => plan(store, 3, 1, start, 2))),
].sort((a, b) => secondsOf(b) - secondsOf(a));

/** `hours`: how often EC2 may have forgotten what was there before. */
export function plan(
  store: Plan["store"],
  managers: number,
  workers: number,
  start: Plan["start"],
  faults: number,
  hours = 0,
): Plan {
  const size = workers === 0 ? `${managers}` : `${managers}+${workers}`;
  return {
    name: `${store} ${size} ${start}, ${faults} faults${hours > 0 ? ", an hour" : ""}`,
    store,
    roles: [
      ...Array.from({ length: managers }, () => "manager" as const),
      ...Array.from({ length: workers }, () => "worker" as const),
    ],
    start,
    faults,
    hours,
    races: managers < 3,
  };
}
