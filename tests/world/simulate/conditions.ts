/** What a history is like: drawn from its seed, so that rare mixes come up as often as usual ones. */
import { createDice, type Dice } from "./dice.ts";
import type { Start } from "../starts.ts";
import type { World } from "../world.ts";

export interface Conditions {
  seed: number;
  store: World["store"];
  nodes: number;
  managers: number;
  /** Over how long the instances are launched. */
  launchMs: number;
  /** How old what a read of EC2 shows may be. */
  staleMs: number;
  /** How often a call's request, or only its answer, is lost, or it is refused for a reason that passes. */
  troubleRate: number;
  /** How often a join goes on in the background. */
  backgroundRate: number;
  /** How often a node stands still between two calls, and for how long at most. */
  pauseRate: number;
  pauseMs: number;
  /** What happens to machines before all is healed. */
  mishaps: Mishap[];
  /** When everything that can be healed is, and all boot once more; null: never. */
  healMs: number | null;
  /** The world as it is found. */
  start: Start;
  /** Whether EC2's token buckets are those of an account with nothing else in it. */
  isThrottled: boolean;
  timeoutMs: number;
  /** The Auto Scaling groups that keep the machines; null: each stays what it was launched as. */
  groups: GroupPlan | null;
}

/** How Auto Scaling keeps its machines: as an operator has set it, and as EC2 happens to be. */
export interface GroupPlan {
  zones: number;
  /** How long it holds a machine that it terminates, so that it can leave; 0: it has no hook. */
  hookMs: number;
  /** Whether a refresh launches before it terminates. */
  launchesFirst: boolean;
  /** How long after its boot a machine counts as well. */
  warmupMs: number;
  /** In what time it finds out that a machine is gone or silent, at most. */
  noticeMs: number;
  /** How long a machine that was terminated is shown as shutting down, at most. */
  shutdownMs: number;
  /** Whether machines run `keep`; else swarm-join runs at boots only. */
  keeps: boolean;
  /** Whether a new machine has the address of one that has gone. */
  reusesAddresses: boolean;
  /** Whether all this leaves a swarm the time that it needs: then it has to outlive everything. */
  isGentle: boolean;
}

/**
 * What happens to a machine, or to all.
 *
 * - `bare`: it reboots, and its Engine is started before its data root is mounted
 * - `remove`: a worker's node is removed from its swarm, while it is on; `remove-off`, `expire`: while it is
 *   off, by a person or because its certificate ends
 * - `mute`, `loud`: its Engine says `error`, without words or with
 * - `lose`: the record is lost, an hour after all else; `lose-all`: with S3 its mark too
 */
const MISHAPS = [
  "crash",
  "crash",
  "crash",
  "reboot",
  "reboot",
  "bare",
  "stop",
  "terminate",
  "terminate",
  "cut",
  "rotate",
  "launch",
  "hour",
  "remove",
  "remove-off",
  "expire",
  "mute",
  "loud",
  "lose",
  "lose-all",
] as const;

/**
 * What happens to machines in groups.
 *
 * - `refresh`: each machine of a group is replaced (a new image)
 * - `scale`: a group is one or two larger for a while
 * - `spot`: a machine is taken with two minutes' notice; `reclaim`: without a word
 * - `zone`: all machines of a zone are off
 */
export const FLEET_MISHAPS = ["refresh", "scale", "spot", "reclaim", "zone"] as const;

export type MishapKind = typeof MISHAPS[number] | typeof FLEET_MISHAPS[number];

export interface Mishap {
  kind: MishapKind;
  atMs: number;
  node: number;
  /** How long a stop or a cut lasts. */
  forMs: number;
}

/** `nodes` null: drawn too. `only`: what the caller fixes. */
export function conditionsOf(
  seed: number,
  only: Partial<Conditions> = {},
): Conditions {
  const dice = createDice(seed);
  const nodes = only.nodes ?? 2 + dice.below(dice.chance(0.1) ? 49 : 7);
  const managers = Math.min(nodes, dice.pick([1, 2, 2, 3, 3, 3, 4, 5]));
  const healMs = 240_000;
  const quiet = dice.chance(0.1);
  const count = quiet ? 0 : dice.below(dice.chance(0.3) ? 12 : 5);
  return {
    seed,
    store: dice.chance(0.5) ? "tags" : "s3",
    nodes,
    managers,
    launchMs: dice.pick([0, 0, 1_000, 10_000, 120_000]),
    staleMs: dice.pick([0, 1_000, 5_000, 30_000, 120_000]),
    troubleRate: quiet ? 0 : dice.pick([0, 0, 0.01, 0.1, 0.3]),
    backgroundRate: quiet ? 0 : dice.pick([0, 0.05, 0.5]),
    pauseRate: quiet ? 0 : dice.pick([0, 0, 0.02, 0.2]),
    pauseMs: dice.pick([2_000, 30_000, 120_000]),
    start: dice.pick<Start>([
      "nothing",
      "nothing",
      "nothing",
      "late",
      "founded",
      "dead",
      "old-swarm",
      "foreign",
      "mixed",
      "mixed",
    ]),
    isThrottled: true,
    timeoutMs: 600_000,
    groups: null,
    healMs,
    ...only,
    mishaps: only.mishaps ??
      Array.from({ length: count }, () => mishap(dice, nodes, managers, healMs)),
  };
}

function mishap(dice: Dice, nodes: number, managers: number, healMs: number): Mishap {
  const kind = dice.pick(MISHAPS);
  const early = dice.chance(0.5) ? 20_000 : healMs;
  return {
    kind,
    atMs: dice.between(0, early),
    // One more: in a mixed swarm that is who is outside the VPC.
    node: dice.below(dice.chance(0.7) ? managers : nodes + 1),
    forMs: dice.pick([1_000, 10_000, 60_000, 150_000]),
  };
}
