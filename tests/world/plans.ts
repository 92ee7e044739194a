/**
 * The small worlds that are searched: two managers with up to three faults, and three managers with a
 * worker and up to two, of any kind and at any point, on both ledgers, from every start.
 */
import type { Plan } from "./explore.ts";

const STORES = ["s3", "tags"] as const;
const STARTS = ["nothing", "founded", "foreign", "dead"] as const;

export const PLANS: Plan[] = [
  ...STARTS.flatMap((start) => STORES.map((store) => plan(store, 2, 0, start, 3))),
  ...STORES.map((store) => plan(store, 2, 0, "dead", 1, 1)),
  ...STARTS.flatMap((start) => STORES.map((store) => plan(store, 3, 1, start, 2))),
];

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
  };
}
