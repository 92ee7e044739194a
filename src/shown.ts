/** What AWS shows of others and of what this node may do: tokens, marks of foundings, neighbours, permissions. */
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
