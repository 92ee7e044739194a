/**
 * What can be observed, decided and remembered: plain data, no secrets, no behaviour.
 *
 * Everything here can be cloned, hashed, printed and sent to somebody who helps. A join token is
 * never in it: a `TokenMark` stands for one.
 */

export type Role = "manager" | "worker";

/**
 * What a run is for.
 *
 * - `join`: to be a member of the founded swarm, with all that is its own in order
 * - `survey`: to look at everything that can stand in the way, and change nothing
 */
export const GOALS = ["join", "survey"] as const;
export type Goal = typeof GOALS[number];

/** What the person asked for, after `cli/` checked it. Addresses and pools go to the Engine as they are. */
export interface Config {
  goal: Goal;
  cluster: string;
  store: { kind: "tags" } | { kind: "s3"; bucket: string; prefix: string; kmsKey: string | null };
  role: "auto" | Role;
  roleTag: string;
  managerTokenTag: string;
  workerTokenTag: string;
  clusterTag: string | null;
  advertiseAddr: string | null;
  listenAddr: string | null;
  dataPathAddr: string | null;
  dataPathPort: number | null;
  defaultAddrPool: string[];
  availability: "active" | "pause" | "drain" | null;
  timeoutMs: number;
  dryRun: boolean;
}

/**
 * Why a call did not give what was asked, classified once, where it enters.
 *
 * - `denied`: we may not; `permission` names the IAM action, or the socket
 * - `throttled`: ask again, later
 * - `missing`: what was named is not there (yet): no IMDS role, no socket
 * - `unreachable`: refused, reset, no route: the call did not happen, or only perhaps
 * - `timeout`: no answer within the call's deadline: it may have happened
 * - `malformed`: an answer that is not what the protocol says (HTML, 10 MB, half a record)
 * - `newer`: a record that a later version of this tool wrote
 * - `unusable`: what the command names can't work, and waiting won't help (no such bucket, other region)
 * - `refused`: the other side understood and said no, in `message`
 * - `rejected`: a join token that a manager did not take
 * - `foreign`: a manager of another swarm answered at that address
 * - `pending`: the Engine goes on joining in the background
 * - `busy`: the Engine is already part of a swarm, or S3 had a concurrent write: look again
 */
export type FaultKind =
  | "denied"
  | "throttled"
  | "missing"
  | "unreachable"
  | "timeout"
  | "malformed"
  | "newer"
  | "unusable"
  | "refused"
  | "rejected"
  | "foreign"
  | "pending"
  | "busy";

export interface Fault {
  kind: FaultKind;
  /** What was tried and on what, and what to do: a sentence for a person, without secrets. */
  message: string;
  /** With `denied`: the IAM action that is missing (`ec2:CreateTags`), or what else to allow. */
  permission?: string;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; fault: Fault };

/**
 * A join token without its secret. `fingerprint`: the 50 characters in its middle, which name the
 * swarm. `digest`: the first 16 hex digits of the token's SHA-256, to tell tokens apart.
 */
export interface TokenMark {
  fingerprint: string;
  digest: string;
}

/** Who this instance is (IMDS). `addresses`: all private IPv4 addresses of all its interfaces. */
export interface Identity {
  instance: string;
  account: string;
  region: string;
  partition: string;
  vpc: string;
  address: string;
  addresses: string[];
  /** The role tag, where IMDS may show tags; null: not shown, ask EC2. */
  roleTag: string | null;
  /** `autoscaling/target-lifecycle-state`; null: not in an Auto Scaling group. */
  lifecycle: string | null;
}

export interface Manager {
  nodeId: string;
  address: string;
  reachable: boolean;
}

/** What only a manager with quorum can tell of its swarm. */
export interface SwarmView {
  clusterId: string;
  managerToken: TokenMark;
  workerToken: TokenMark;
  managers: Manager[];
  nodes: number;
}

/** The local Engine (`GET /info`, the root CA's file, and on a manager `GET /swarm`, `GET /nodes`). */
export interface Engine {
  state: "inactive" | "pending" | "active" | "error" | "locked";
  nodeId: string;
  /** The address that the Engine advertises in its swarm, without a port; "" in no swarm. */
  address: string;
  /** The Engine's own words about what is wrong; "" when nothing is. */
  error: string;
  /** The fingerprint of the swarm's root CA; null in no swarm. */
  fingerprint: string | null;
  /** The cluster's ID, which a rotation of the CA leaves as it is; null where it can't be read. */
  clusterId: string | null;
  manager: boolean;
  /** Null on a worker, and on a manager that has no quorum. */
  swarm: SwarmView | null;
}

/** What would be lost if this node left its swarm. On a worker only `tasks` can be known. */
export interface Contents {
  services: number;
  secrets: number;
  configs: number;
  networks: number;
  tasks: number;
}

/** A manager that is, or is about to become, a member of the founded swarm. */
export interface Member {
  /** Null: known by its address only. */
  instance: string | null;
  address: string;
  /** When it was listed, by the ledger's server's clock: ms since 1970. */
  sinceMs: number;
}

/** The founding record R. It holds no secret. */
export interface FoundingRecord {
  cluster: string;
  account: string;
  region: string;
  vpc: string;
  fingerprint: string;
  clusterId: string;
  members: Member[];
  /** Fingerprints that this same swarm had before a rotation of its CA. */
  rotated: string[];
  /** Fingerprints of dead swarms that this one replaced, newest last. */
  replaced: string[];
  /** The instance that wrote this. */
  writer: string;
  /** Names this very write: the same intent at the same place by the same run has the same nonce. */
  nonce: string;
}

/**
 * Where a record was read, which is what a compare-and-set compares with.
 *
 * - `none`: there was no record
 * - `log`: the launch template, the number of the last version that counts and of the last one seen
 * - `object`: the S3 object's ETag
 */
export type Position =
  | { kind: "none" }
  | { kind: "log"; template: string; head: number; last: number }
  | { kind: "object"; etag: string };

/** A launch template's version as read. `record` null: not one of ours, or damaged; `newer`: of a later tool. */
export interface LogEntry {
  number: number;
  follows: number;
  record: FoundingRecord | null;
  newer: boolean;
}

/** What a ledger shows. `serverMs`: its server's clock (ms since 1970) when it answered. */
export type LedgerRead =
  | { kind: "log"; template: string | null; entries: LogEntry[]; serverMs: number }
  | { kind: "object"; record: FoundingRecord | null; etag: string | null; serverMs: number };

/**
 * The ledger as `log.ts` understood it. `unsettled`: the read has gaps; it says nothing yet.
 * `unreadable`: only damaged records, or one of a later version of this tool.
 */
export type LedgerView =
  | { kind: "settled"; record: FoundingRecord | null; at: Position; serverMs: number }
  | { kind: "unsettled"; missing: number[] }
  | { kind: "unreadable"; why: string };

/**
 * The answer to a compare-and-set. `done`: it counts, and is at this place now. `lost`: somebody else's write came first.
 * `appended`: it is in the log, behind versions that were not read yet: read them, then judge.
 */
export type WriteResult =
  | { kind: "done"; at: Position & { kind: "log" | "object" } }
  | { kind: "lost" }
  | { kind: "appended"; template: string; number: number };

export type InstanceState =
  | "pending"
  | "running"
  | "stopping"
  | "stopped"
  | "shutting-down"
  | "terminated";

/** An instance as EC2 shows it. `address` null: none any more. Tags null: it has none of that key. */
export interface Instance {
  instance: string;
  state: InstanceState;
  address: string | null;
  roleTag: string | null;
  clusterTag: string | null;
}

/** Tokens that an instance (or, with S3, the store) shows. A null token: not shown; `malformed`: tags or keys that hold something else. */
export interface Shown {
  /** The instance's id, or the place in S3. */
  by: string;
  state: InstanceState;
  manager: TokenMark | null;
  worker: TokenMark | null;
  malformed: string[];
}

/** An AWS permission that the plan needs, as far as a dry run could find out. */
export interface Permission {
  action: string;
  verdict: "allowed" | "denied" | "unknown";
}

/** What was looked at in this round. A fact that is absent was not looked at (yet). */
export interface Facts {
  identity?: Answer<Identity>;
  /** This instance, as EC2 shows it; null: not yet shown. */
  self?: Answer<Instance | null>;
  engine?: Answer<Engine>;
  ledger?: Answer<LedgerView>;
  tokens?: Answer<Shown[]>;
  instances?: Answer<Instance[]>;
  /** The addresses, of those asked, that accept a connection on the swarm's port. */
  answering?: Answer<string[]>;
  contents?: Answer<Contents>;
}

/** What a run remembers: only what could not be observed again. */
export interface Memory {
  runId: string;
  /** Fixed for a run. */
  identity: Identity | null;
  /** This instance's tags, fixed for a run once they were seen with a role. */
  self: Instance | null;
  /** Actions performed, in order. */
  did: ActionKind[];
  /** What this run appended to the log: a read that lacks it is old. */
  written: { template: string; number: number; record: FoundingRecord; follows: number }[];
  /** The fingerprint of the swarm whose record a write of this run, with this node a member, has confirmed. */
  confirmed: string | null;
  /** The nonce of the last write, when it is not known whether it was made; null: it is known. */
  unknown: string | null;
  /** The tokens (digests) that this run published. */
  published: string | null;
  /** Instances that EC2 showed as terminated, which is final, whatever an older read shows later. */
  terminated: string[];
  /** Joins that failed: where, with which token, why, and when (ms of the run). */
  failures: { address: string; digest: string; kind: FaultKind; atMs: number }[];
  /** Since when the Engine's attempt to join has been under way (ms of the run). */
  attemptMs: number | null;
  /** The fault of the last performed action, until it was waited for. */
  fault: Fault | null;
  /** Since when the same rule has kept this run waiting, with no successful action in between. */
  steady: { rule: Rule; because: string; exit: FailExit; sinceMs: number } | null;
  /** Waits in a row, for the backoff. */
  waits: number;
}

/** All that `decide` sees. `dice`: a number in [0, 1), drawn anew for each decision. */
export interface Observation {
  config: Config;
  memory: Memory;
  facts: Facts;
  /** Milliseconds since the run began. */
  nowMs: number;
  dice: number;
}

export type ActionKind =
  | "init"
  | "found"
  | "register"
  | "join"
  | "publish"
  | "refresh"
  | "replace"
  | "withdraw"
  | "leave"
  | "wait"
  | "done"
  | "fail";

/** 3: not yet. 4: denied. 5: a conflict that needs a person. 6: the machine lacks something. 2: usage. */
export type FailExit = 2 | 3 | 4 | 5 | 6;

export type Action =
  /** `retract`: tokens from before are on this instance; remove them first. */
  | { kind: "init"; retract: boolean }
  | {
    kind: "found" | "register" | "refresh" | "replace" | "withdraw";
    record: FoundingRecord;
    at: Position;
  }
  | { kind: "join"; address: string; token: TokenMark }
  | { kind: "publish"; manager: TokenMark; worker: TokenMark }
  /** `force`: a manager alone in its swarm can't leave otherwise. `onlyEmpty`: look once more that nothing would be lost. */
  | { kind: "leave"; force: boolean; onlyEmpty: boolean }
  /** `exit`: how the run ends when its time is over before the wait was worth it. */
  | { kind: "wait"; ms: number; exit: FailExit }
  | { kind: "done" }
  /** `afterMs`: only once the same has held for that long, for what EC2 shows may be old. */
  | { kind: "fail"; exit: FailExit; afterMs: number };

export interface Decision {
  action: Action;
  rule: Rule;
  /** The facts that the rule stands on, in a sentence for a person. */
  because: string;
  /** Said to the person, and no obstacle. */
  warnings: string[];
}

/** The names that code, logs, dry run, tests and docs share. `docs/protocol.md` explains each. */
export type Rule =
  // What stands in the way before anything can be decided
  | "imds-unavailable"
  | "engine-unavailable"
  | "permission-missing"
  | "throttled"
  | "unreachable"
  | "write-lost"
  | "engine-refused"
  | "setting-unusable"
  | "record-unreadable"
  | "record-elsewhere"
  | "ledger-unsettled"
  | "role-unknown"
  | "cluster-tag-unknown"
  | "warm-pool"
  | "engine-locked"
  | "engine-error"
  | "cloned-disk"
  | "attempt-pending"
  | "attempt-failed"
  | "engine-starting"
  | "quorum-lost"
  // A manager in a swarm
  | "found-swarm"
  | "register-member"
  | "publish-tokens"
  | "refresh-record"
  | "replace-dead-swarm"
  | "yield-to-founded"
  | "swarm-conflict"
  | "in-order"
  // A manager in no swarm
  | "first-manager"
  | "swarm-unfounded"
  | "join-swarm"
  | "token-missing"
  | "joins-failed"
  | "withdraw-member"
  | "members-gone"
  | "members-silent"
  // A worker
  | "no-swarm-yet"
  | "swarm-replaced"
  | "managers-silent";
