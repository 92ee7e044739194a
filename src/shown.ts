/**
 * What AWS shows of others, of what this node may do, and of what is to become of it: tokens, marks of
 * foundings, neighbours, permissions, lifecycle hooks; and what its machine shows.
 */
import type { InstanceState, TokenMark } from "./state.ts";

/**
 * The mark of a founding: a swarm that is or was founded, of whichever cluster below the same prefix. `over`:
 * it was replaced since, or its CA was rotated. `ageMs`: since it was last written, by the store's clock.
 */
export interface Mark {
  cluster: string;
  fingerprint: string;
  clusterId: string;
  over: boolean;
  ageMs: number;
}

/** An instance of the manager role that runs, at one of its addresses; this one too. `runningMs`: since its launch, by EC2's clock. */
export interface Neighbour {
  instance: string;
  address: string;
  runningMs: number;
}

/** Tokens that an instance (or, with S3, the store) shows. A null token: not shown; `malformed`: tags or keys that hold something else. */
export interface Shown {
  /** The instance's id, or the place in S3. */
  by: string;
  /** Where that instance is; of a place in S3 nowhere. */
  addresses: string[];
  state: InstanceState;
  /** The cluster whose swarm they are of, where that is said beside them. */
  cluster: string | null;
  manager: TokenMark | null;
  worker: TokenMark | null;
  malformed: string[];
}

/** `unasked`: what it would be done to does not exist yet, so that nobody can say. */
export const VERDICTS = ["allowed", "denied", "unknown", "unasked"] as const;

/** A permission for a write in AWS, as far as it could be found out without writing. */
export interface Permission {
  action: string;
  verdict: typeof VERDICTS[number];
}

/** What permissions are for, and what comes of it when one is denied. */
export const PERMISSION_VERBS = {
  join: "a run that needs it ends with exit 4",
  leave: "a leave can't say so to the managers, who drain this node then",
  keep: "old versions of the record's launch template stay, and reading it takes longer",
} as const;

/** One that a role needs, and what for: who lacks one of `leave` or `keep` joins all the same. */
export interface NeededPermission extends Permission {
  verb: keyof typeof PERMISSION_VERBS;
}

/** What an instance is, for placement constraints. `lifecycle`: `on-demand`, or as EC2 says it (`spot`). */
export interface Placement {
  zone: string;
  type: string;
  lifecycle: string;
}

/** An address of a network interface of this machine. */
export interface Interface {
  name: string;
  address: string;
}

/**
 * What IMDS says is to become of this instance. `target`: `autoscaling/target-lifecycle-state`; null: not
 * in an Auto Scaling group. `spot`: the `action` of `spot/instance-action`; null: none was announced.
 */
export interface Lifecycle {
  target: string | null;
  spot: string | null;
}

export const TRANSITIONS = ["launching", "terminating"] as const;

/** A lifecycle hook of an Auto Scaling group. Heartbeats begin its time anew, at most a hundred times over. */
export interface LifecycleHook {
  name: string;
  transition: typeof TRANSITIONS[number];
  heartbeatMs: number;
}

/** This instance in its Auto Scaling group. `state`: as Auto Scaling says it (`InService`, `Terminating:Wait`). */
export interface Hook {
  group: string;
  state: string;
  hooks: LifecycleHook[];
}
