/**
 * The small worlds that are searched, with faults of any kind and at any point, from every start: two
 * managers, alone or with a worker, and three managers; and, where there is more to lose, with these faults
 * too. On S3 reads are never old.
 */
import type { Plan } from "./explore.ts";

const STARTS = ["nothing", "founded", "foreign", "dead"] as const;

/** About how many seconds those need on one core that need more than most; the time is shared out so. */
const SECONDS: { [name: string]: number } = {
  "s3 2 nothing, 2 faults": 70,
  "tags 3 founded, 0 faults": 38,
  "s3 3 founded, 1 faults": 34,
  "tags 2 founded, 2 faults": 32,
  "s3 2 dead, 2 faults": 28,
  "s3 2+1 nothing, 1 faults": 28,
  "tags 2+1 nothing, 1 faults": 25,
  "s3 2 mixed, 1 faults, an hour": 27,
  "s3 3 formed, 1 faults, stowaway, 1 go": 110,
  "s3 3 formed, 1 faults, 1 go, 1 stay": 74,
  "s3 2 formed, 2 faults, stowaway, 1 go": 60,
  "s3 3 formed, 0 faults, 2 go, rushed": 58,
  "tags 3 unnamed, 0 faults, 1 run": 55,
  "tags 3 formed, 0 faults, 2 go, 0 run": 35,
  "s3 3 formed, 0 faults, 2 go": 34,
};

export function secondsOf({ name }: Plan): number {
  return SECONDS[name] ?? 12;
}

/** Whether a search is over soon. */
export function isSmall({ name, roles }: Plan): boolean {
  return roles.length === 2 && SECONDS[name] === undefined;
}

/** Swarms whose machines go, or stay after all, and what is dead in them. */
const LEAVING: Plan[] = [
  ...(["s3", "tags"] as const).flatMap((store) => [
    leaving(store, 2, 0, "formed", 1, { go: 1, stay: 1 }, ["leader", "wiped"]),
    leaving(store, 3, 0, "formed", store === "s3" ? 1 : 0, { go: 1, stay: 1 }),
    leaving(store, 2, 1, "formed", 1, { go: 1, stay: 1 }, ["leader", "wiped"]),
    idle(leaving(store, 3, 0, "unnamed", 0, {}), store === "s3" ? 2 : 1),
    idle(leaving(store, 3, 0, "young", 1, {}), store === "s3" ? 2 : 1),
    leaving(store, 3, 0, "readdressed", 0, {}),
  ]),
  // With faults, the dead have their worlds among those that keep.
  leaving("s3", 3, 0, "ghost", 0, {}),
  leaving("s3", 3, 0, "formed", 1, { go: 1 }, ["late"]),
  leaving("s3", 2, 0, "formed", 2, { go: 1 }, ["stowaway"]),
  leaving("s3", 3, 0, "formed", 1, { go: 1 }, ["stowaway"]),
  leaving("s3", 3, 0, "formed", 0, { go: 2 }),
  rushed(leaving("s3", 3, 0, "formed", 0, { go: 2 })),
  idle(leaving("tags", 3, 0, "formed", 0, { go: 2 })),
];

/** Swarms that look after themselves: a manager has died and nobody is new, tokens are rotated, a record is lost. */
const KEEPING: Plan[] = [
  keeping(leaving("s3", 2, 0, "bereft", 1, {}), 1),
  keeping(leaving("s3", 2, 0, "bereft", 0, { go: 1 })),
  hooked(keeping(leaving("s3", 2, 0, "formed", 1, { go: 1 }), 1)),
  keeping(leaving("s3", 2, 0, "bereft-unnamed", 1, {}), 1),
  keeping(leaving("s3", 2, 0, "formed", 2, {}, ["rotated", "lost", "marks"])),
  keeping(leaving("s3", 3, 0, "formed", 1, {}, ["rotated", "lost", "wiped"])),
  keeping(leaving("s3", 2, 1, "formed", 1, { go: 1 }, ["rotated", "removed"]), 1),
  keeping(leaving("tags", 2, 0, "bereft", 0, { go: 1 }), 1),
  keeping(leaving("tags", 2, 0, "bereft-unnamed", 0, {}), 1),
  keeping(leaving("tags", 2, 0, "formed", 2, {}, ["rotated", "lost"])),
  keeping(leaving("tags", 3, 0, "formed", 1, {}, ["rotated", "lost", "wiped"])),
];

/** A quorum is lost, and somebody runs `recover`: with a joiner on its way in, one that is stopped or cut off, one that has just come in. */
const RECOVERING: Plan[] = (["s3", "tags"] as const).flatMap((store) => [
  keeping(leaving(store, 1, 0, "bereft", 1, { recover: 2 })),
  ...(store === "s3" ? [keeping(leaving(store, 2, 0, "ghost", 0, { recover: 1 }), 1)] : []),
  keeping(leaving(store, 2, 0, "formed", 2, { recover: 2 })),
  keeping(leaving(store, 3, 0, "formed", 2, { recover: 1 }), 1),
  // Where reads may be as old as one likes, one run after the other would write again what it does not see.
  store === "s3"
    ? keeping(leaving(store, 2, 0, "young", 2, { recover: 2 }))
    : idle(leaving(store, 2, 0, "young", 1, { recover: 1 })),
]);

/** The longest first, so that both threads end at about the same time. */
export const PLANS: Plan[] = [
  ...STARTS.flatMap((start) => [
    plan("s3", 2, 0, start, 2),
    plan("s3", 2, 1, start, 1),
    plan("s3", 3, 0, start, start === "founded" ? 1 : 0),
    plan("tags", 2, 0, start, start === "nothing" || start === "dead" ? 1 : 2),
    plan("tags", 2, 1, start, start === "dead" ? 0 : 1),
  ]),
  // With a dead swarm that one takes minutes.
  ...STARTS.filter((start) => start !== "dead").map((start) => plan("tags", 3, 0, start, 0)),
  plan("s3", 2, 0, "dead", 1, 1),
  plan("tags", 2, 0, "dead", 0, 1),
  // The tool comes to machines, or to a swarm, that were there before it.
  plan("s3", 2, 0, "late", 2),
  plan("tags", 2, 0, "late", 1),
  plan("s3", 3, 0, "late", 0),
  plan("tags", 3, 0, "late", 0),
  plan("s3", 2, 0, "old-swarm", 2),
  plan("tags", 2, 0, "old-swarm", 1),
  // A member that EC2 can't show.
  plan("s3", 2, 0, "mixed", 2),
  plan("s3", 2, 0, "mixed", 1, 1),
  plan("tags", 2, 0, "mixed", 0),
  plan("tags", 2, 0, "mixed", 0, 1),
  plan("s3", 2, 0, "hidden", 0, 1),
  plan("tags", 2, 0, "hidden", 0, 1),
  // A record that is lost, a node that was removed, an Engine that errs.
  plan("s3", 2, 0, "nothing", 1, 0, ["lost", "marks"]),
  plan("s3", 2, 0, "founded", 2, 0, ["lost", "marks", "mute", "loud"]),
  plan("s3", 2, 0, "mixed", 2, 0, ["lost", "mute"]),
  plan("s3", 1, 1, "founded", 3, 0, ["lost", "marks", "removed", "mute", "loud"]),
  plan("s3", 2, 1, "founded", 1, 0, ["lost", "removed"]),
  plan("tags", 2, 0, "nothing", 1, 0, ["lost"]),
  plan("tags", 2, 0, "founded", 1, 0, ["lost", "mute", "loud"]),
  plan("tags", 1, 1, "founded", 3, 0, ["lost", "removed", "mute", "loud"]),
  plan("tags", 2, 1, "founded", 1, 0, ["lost", "removed"]),
  ...LEAVING,
  ...KEEPING,
  ...RECOVERING,
].sort((a, b) => secondsOf(b) - secondsOf(a));

/** As many managers of one swarm, and as many workers of it; one of them, or more, may be told to go. */
export function leaving(
  store: Plan["store"],
  managers: number,
  workers: number,
  start: Plan["start"],
  faults: number,
  told: Partial<Plan["told"]>,
  besides: Plan["besides"] = [],
): Plan {
  const { go = 0, stay = 0, recover = 0 } = told;
  const before = plan(store, managers, workers, start, faults, 0, besides);
  const name = [
    before.name,
    ...(go > 0 ? [`${go} go`] : []),
    ...(stay > 0 ? [`${stay} stay`] : []),
    ...(recover > 0 ? [`${recover} recover`] : []),
  ].join(", ");
  // A leave changes the swarm often: how much of it an old look may lack is searched so far only.
  return {
    ...before,
    name,
    told: { go, stay, recover },
    lagMax: managers + workers > 2 ? 2 : Infinity,
  };
}

/** The same, where of those that are in the swarm only the first `runners` run, and who is told something, or starts. */
export function idle(plan: Plan, runners = 0): Plan {
  return { ...plan, name: `${plan.name}, ${runners} run`, runners };
}

/** The same, where whoever leaves may be in a hurry. */
function rushed(plan: Plan): Plan {
  return { ...plan, name: `${plan.name}, rushed`, hasDeadlines: true };
}

/** The same under `keep`. No run is the last: how old its looks may be has to have a bound. */
export function keeping(plan: Plan, lagMax = 2): Plan {
  return { ...plan, name: `${plan.name}, keep`, keeps: true, lagMax };
}

/** The same, where a lifecycle hook holds whoever goes. */
export function hooked(plan: Plan): Plan {
  return { ...plan, name: `${plan.name}, hooks`, hasHooks: true };
}

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
    told: { go: 0, stay: 0, recover: 0 },
    isLabelled: managers + workers > 2 || faults > 1,
    lagMax: Infinity,
    runners: Infinity,
    hasDeadlines: false,
    keeps: false,
    hasHooks: false,
  };
}
