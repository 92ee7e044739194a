/** The small worlds that are searched, the smaller first. */
import type { Plan } from "./explore.ts";
import type { Faults } from "./moves.ts";

const MEMBERSHIP: Partial<Faults> = {
  reads: false,
  late: false,
  background: false,
  cut: false,
  stop: false,
};

const SMALL: Plan[] = [
  // Whole: every interleaving, any fault at any point
  plan("s3", 2, 0, "nothing", 1, 0),
  plan("tags", 2, 0, "nothing", 1, 0),
  plan("s3", 3, 0, "nothing", 0, 0),
  plan("tags", 3, 0, "nothing", 0, 0),
  plan("s3", 2, 0, "foreign", 2, 0),
  plan("tags", 2, 0, "foreign", 2, 0),
  plan("s3", 2, 0, "founded", 2, 0),
  plan("tags", 2, 0, "founded", 2, 0),
  plan("s3", 2, 0, "nothing", 2, 0),
  plan("tags", 2, 0, "nothing", 2, 0),
  plan("s3", 2, 0, "dead", 2, 0),
  plan("tags", 2, 0, "dead", 1, 0),
  plan("s3", 3, 1, "nothing", 0, 0),
  plan("tags", 3, 1, "nothing", 0, 0),
  plan("s3", 2, 0, "nothing", 3, 0),
];

const LARGE: Plan[] = [
  // Breadth first, as far as the time goes
  plan("s3", 2, 0, "dead", 1, 1),
  plan("tags", 2, 0, "dead", 1, 1),
  plan("s3", 3, 1, "nothing", 2, 0, MEMBERSHIP, "crash, reboot, terminate, lost answers"),
  plan("tags", 3, 1, "nothing", 2, 0, MEMBERSHIP, "crash, reboot, terminate, lost answers"),
  plan("s3", 3, 1, "dead", 1, 1),
  plan("tags", 3, 1, "dead", 1, 1),
  plan("s3", 3, 1, "foreign", 2, 0),
  plan("tags", 3, 1, "foreign", 2, 0),
  plan("s3", 3, 1, "founded", 2, 0),
  plan("tags", 3, 1, "founded", 2, 0),
  plan("tags", 2, 0, "nothing", 3, 0),
  plan("s3", 3, 1, "nothing", 2, 0),
  plan("tags", 3, 1, "nothing", 2, 0),
];

export const PLANS: Plan[] = [...SMALL.map((plan) => ({ ...plan, isSmall: true })), ...LARGE];

function plan(
  store: Plan["store"],
  managers: number,
  workers: number,
  start: Plan["start"],
  faults: number,
  hours: number,
  kinds?: Partial<Faults>,
  note?: string,
): Plan {
  const roles = [
    ...Array.from({ length: managers }, () => "manager" as const),
    ...Array.from({ length: workers }, () => "worker" as const),
  ];
  const size = workers === 0 ? `${managers}` : `${managers}+${workers}`;
  return {
    name: `${store} ${size} ${start}, ${faults} faults${hours > 0 ? ", an hour" : ""}${
      note === undefined ? "" : ` (${note})`
    }`,
    store,
    roles,
    start,
    faults,
    hours,
    ...(kinds === undefined ? {} : { kinds }),
  };
}
