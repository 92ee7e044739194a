/** Histories of swarms whose machines Auto Scaling replaces, for hours or for a year: drawn from a seed too. */
import type { Conditions, GroupPlan, Mishap } from "./conditions.ts";
import { createDice, type Dice } from "./dice.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** By then a swarm has formed. */
const FORMED_MS = 20 * MINUTE_MS;
/** What has begun is over by then: a refresh of five machines, a zone that is lost. */
const OVER_MS = 4 * HOUR_MS;

/**
 * - `rough`: a few things within hours, as close to each other as chance has it, with faults in between
 * - `gentle`: one thing after the other, for days
 * - `year`: every machine is replaced each day; and what a year brings besides
 * - `month`: thirty days of such a year, and nobody has taken care that it is gentle
 * - `deploys`: thirty days of nothing but deployments
 */
export const SPANS = ["rough", "gentle", "year", "month", "deploys"] as const;
export type Span = typeof SPANS[number];

/** How many are played, for each history without groups: a year takes as long as thousands of hours. */
export const FLEETS: readonly { span: Span; share: number }[] = [
  { span: "rough", share: 1 / 50 },
  { span: "gentle", share: 1 / 150 },
  { span: "year", share: 1 / 50_000 },
];

export function fleetOf(span: Span, seed: number, only: Partial<Conditions> = {}): Conditions {
  const dice = createDice(seed ^ 0x2545f491);
  const isRough = span === "rough";
  const isGentle = span === "gentle" || span === "year";
  const isLong = !isRough && span !== "gentle";
  const groups = planOf(dice, { isPatient: !isRough, isGentle, isLong });
  const managers = isRough || span === "gentle" ? dice.pick([3, 3, 3, 5]) : 3;
  const drawn = mishapsOf(span, dice);
  const mishaps = isGentle ? drawn.filter((one) => isSeenTo(one, groups)) : drawn;
  return {
    seed,
    store: dice.chance(0.5) ? "tags" : "s3",
    nodes: managers + 1 + dice.below(3),
    managers,
    launchMs: 60_000,
    staleMs: dice.pick(isRough ? [0, 1_000, 5_000, 30_000, 120_000] : [0, 1_000, 5_000, 30_000]),
    troubleRate: dice.pick(isRough ? [0, 0.01, 0.1, 0.3] : [0, 0.01, 0.03]),
    backgroundRate: isRough ? dice.pick([0, 0.05, 0.5]) : 0,
    pauseRate: isRough ? dice.pick([0, 0.02]) : 0,
    pauseMs: dice.pick([2_000, 30_000, 120_000]),
    healMs: Math.max(...mishaps.map(({ atMs, forMs }) => atMs + forMs)) + OVER_MS,
    start: "nothing",
    isThrottled: true,
    timeoutMs: 600_000,
    groups,
    mishaps,
    ...only,
  };
}

function mishapsOf(span: Span, dice: Dice): Mishap[] {
  switch (span) {
    case "rough":
      return rough(dice);
    case "gentle":
      return mixed(dice, 3);
    case "year":
      return daily(dice, 365, 0.2);
    case "month":
      return daily(dice, 30, 0.2);
    case "deploys":
      return daily(dice, 30, 0);
    default:
      return span satisfies never;
  }
}

/**
 * Patient: a machine counts only when it has had the time to be a member. Gentle: where nobody runs `leave`, the
 * next machine that boots must find who went before it. Long: under `keep`.
 */
function planOf(
  dice: Dice,
  { isPatient, isGentle, isLong }: { isPatient: boolean; isGentle: boolean; isLong: boolean },
): GroupPlan {
  const hookMs = dice.pick(
    isPatient ? [0, 5 * MINUTE_MS, 15 * MINUTE_MS] : [0, 0, MINUTE_MS, 5 * MINUTE_MS],
  );
  const keeps = dice.chance(0.5) || isLong;
  const launchesFirst = dice.chance(0.5) && !(isGentle && hookMs === 0 && !keeps);
  return {
    zones: 3,
    hookMs,
    launchesFirst,
    warmupMs: dice.pick(
      isPatient ? [6 * MINUTE_MS, 10 * MINUTE_MS] : [0, MINUTE_MS, 5 * MINUTE_MS],
    ),
    noticeMs: dice.pick([MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS]),
    shutdownMs: dice.pick([10_000, 2 * MINUTE_MS]),
    keeps,
    reusesAddresses: dice.chance(0.5),
    isGentle,
  };
}

/**
 * Whether somebody boots when a dead manager can be told to be dead. Nobody does after a group is smaller again
 * without a word; nor where a silent machine is replaced long before it is terminated, as a hook holds it.
 */
function isSeenTo({ kind, node }: Mishap, { hookMs, keeps }: GroupPlan): boolean {
  if (keeps) return true;
  if (kind === "zone") return hookMs === 0;
  return kind !== "scale" || hookMs > 0 || node % 2 === 1;
}

function rough(dice: Dice): Mishap[] {
  const apartMs = dice.pick([MINUTE_MS, 10 * MINUTE_MS, HOUR_MS]);
  const count = 1 + dice.below(8);
  return Array.from({ length: count }, (_, i) => {
    const kind = dice.pick(
      [
        "refresh",
        "refresh",
        "scale",
        "spot",
        "spot",
        "reclaim",
        "reclaim",
        "zone",
        "reboot",
        "cut",
        "crash",
      ] as const,
    );
    return fleetMishap(dice, kind, FORMED_MS + i * apartMs + dice.between(0, apartMs));
  });
}

/** Something a day, besides a deployment of one group. */
function mixed(dice: Dice, count: number): Mishap[] {
  return Array.from({ length: count }, (_, day) => [
    fleetMishap(dice, "refresh", day * DAY_MS + HOUR_MS, day),
    fleetMishap(
      dice,
      dice.pick(["scale", "spot", "reclaim", "zone"] as const),
      day * DAY_MS + HOUR_MS + OVER_MS + dice.between(0, HOUR_MS),
    ),
  ]).flat();
}

/** A deployment a day, of both groups, and this often something besides: mostly spot machines that go. */
function daily(dice: Dice, count: number, often: number): Mishap[] {
  return Array.from({ length: count }, (_, day) => {
    const atMs = day * DAY_MS + HOUR_MS;
    const besides = dice.chance(often)
      ? [dice.pick(["spot", "spot", "reclaim", "reclaim", "scale", "zone"] as const)]
      : [];
    return [
      fleetMishap(dice, "refresh", atMs, 0),
      fleetMishap(dice, "refresh", atMs + OVER_MS, 1),
      ...besides.map((kind) =>
        fleetMishap(dice, kind, atMs + 2 * OVER_MS + dice.between(0, OVER_MS))
      ),
    ];
  }).flat();
}

function fleetMishap(
  dice: Dice,
  kind: Mishap["kind"],
  atMs: number,
  node = dice.below(1_000),
): Mishap {
  return { kind, atMs, node, forMs: dice.pick([3, 20, 90]) * MINUTE_MS };
}
