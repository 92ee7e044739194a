/**
 * What can be observed, decided and remembered: plain data, no secrets, no behaviour.
 *
 * Everything here can be cloned, hashed, printed and sent to somebody who helps. A join token is
 * never in it: a `TokenMark` stands for one. Unions are lists first, so that whoever reads one from
 * outside (`report/observation.ts`) knows every member of it.
 */
import type { ActionKind } from "./actions.ts";
import type { Act, Look, LookKind, Seen } from "./calls.ts";
import type { FoundingRecord } from "./founding.ts";
import type { Rule } from "./rules.ts";
import type { Hook, Lifecycle, Placement } from "./shown.ts";
import type { StoreKind } from "./stores.ts";

export const ROLES = ["manager", "worker"] as const;
export type Role = typeof ROLES[number];

/**
 * What a run is for.
 *
 * - `join`: to be a member of the founded swarm, with all that is its own in order
 * - `leave`: to be in no swarm, with nobody and nothing the worse for it
 * - `survey`: to look at everything that can stand in the way, and change nothing
 * - `recover`: a quorum again, where all other managers of this one's swarm are gone
 */
export const GOALS = ["join", "leave", "survey", "recover"] as const;
export type Goal = typeof GOALS[number];

/**
 * Where S3 keeps what is written. `bucket`: a bucket's name, an access point's alias or its ARN. `sse`
 * null: encrypted as the bucket says; `kmsKey` null with `aws:kms`: by AWS's own key. `bucketOwner`
 * null: the instance's account.
 */
export interface S3Store {
  kind: "s3";
  bucket: string;
  prefix: string;
  sse: "AES256" | "aws:kms" | null;
  kmsKey: string | null;
  bucketOwner: string | null;
}

export const AVAILABILITIES = ["active", "pause", "drain"] as const;
export type Availability = typeof AVAILABILITIES[number];

export interface Tag {
  key: string;
  value: string;
}

/** What the person asked for, after `cli/` checked it. Addresses and pools go to the Engine as they are. */
export interface Config {
  goal: Goal;
  cluster: string;
  store: { kind: StoreKind } & ({ kind: "tags" } | S3Store);
  role: "auto" | Role;
  roleTag: string;
  managerTokenTag: string;
  workerTokenTag: string;
  clusterTag: string | null;
  /** Put on all that is created in AWS. */
  tags: Tag[];
  advertiseAddr: string | null;
  listenAddr: string | null;
  dataPathAddr: string | null;
  dataPathPort: number | null;
  defaultAddrPool: string[];
  availability: Availability | null;
  /** Tags of an instance that its node gets as labels. */
  labelTags: string[];
  /** A `leave` that leaves only if this machine is told to go. */
  ifTerminating: boolean;
  /** The hook of its Auto Scaling group that a run completes once its goal is reached; a `leave` needs no word for its own. */
  hook: "launching" | null;
  /** A worker whose swarm was replaced leaves it, whatever tasks run here. */
  abandonTasks: boolean;
  /** The region that was asked for; null: the one that the metadata name. */
  region: string | null;
  /** Whether keys were given, in place of those of the instance's role. */
  givenKeys: boolean;
  /** Where EC2 was said to be; null: AWS's own. */
  ec2Endpoint: string | null;
  timeoutMs: number;
  dryRun: boolean;
}

/**
 * Why a call did not give what was asked, classified once, where it enters. What each means is said
 * once, in `decide/faults.ts`.
 */
export const FAULT_KINDS = [
  "denied", // we may not; `permission` names the IAM action, or the socket
  "throttled", // ask again, later
  "no-metadata", // IMDS is turned off, or has no such entry
  "no-role", // the instance has no role, or one that gives no credentials
  "no-socket", // no Engine's socket at that path
  "no-folder", // no folder for the lock file
  "not-found", // what was named is not there, or not shown yet: a launch template, a token
  "unreachable", // refused, reset, no route: the call did not happen, or only perhaps
  "timeout", // no answer within the call's deadline: it may have happened
  "malformed", // an answer that is not what the protocol says (HTML, 10 MB): of what was asked it says nothing
  "clock", // a certificate is not valid at this machine's time: its clock, or the other side's, is wrong
  "one-way", // the managers of the swarm can't connect back to this node, so that it can't be one of them
  "unusable", // what the command names can't work, and waiting won't help (no such bucket)
  "declined", // AWS understood and said no, in `message`
  "refused", // the Engine understood and said no, in `message`
  "rejected", // a join token that a manager did not take
  "foreign", // a manager of another swarm answered at that address
  "pending", // the Engine goes on joining in the background
  "busy", // the Engine is already part of a swarm, or S3 had a concurrent write: look again
] as const;
export type FaultKind = typeof FAULT_KINDS[number];

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

/** Who this instance is, which nothing changes (IMDS). Addresses are in their one spelling (`hostOf`). */
export interface Identity {
  instance: string;
  account: string;
  region: string;
  partition: string;
  vpc: string;
  /** The primary private IPv4 address; on an IPv6-only subnet the primary IPv6 address. */
  address: string;
  /** All private IPv4 and all IPv6 addresses of all its interfaces. */
  addresses: string[];
  /** Public and Elastic IPv4 addresses, which AWS maps to it: no interface of the machine has them. */
  publicAddresses: string[];
  /** The networks of its VPCs, in CIDR notation; null: the metadata do not say. */
  vpcRanges: string[] | null;
  /** The role tag, where IMDS may show tags; null: not shown, ask EC2. */
  roleTag: string | null;
  placement: Placement;
}

export const NODE_STATES = ["ready", "down", "unknown", "disconnected"] as const;
type NodeState = typeof NODE_STATES[number];

/** A node as a manager with quorum lists it (`GET /nodes`). */
export interface SwarmNode {
  nodeId: string;
  /** Of its object in the swarm's store: each change of it has a higher one. */
  version: number;
  /** When it was let in: ms since 1970, by its leader's clock. */
  createdMs: number;
  /** What it is told to be (`Spec.Role`). */
  desired: Role;
  /** What it is; it gets to what it is told to be later. Only the filter of a list shows it. */
  observed: Role;
  /** Its seat in raft; null: it has no vote. */
  voter: { address: string; reachable: boolean; leader: boolean } | null;
  /** `unknown`: also every node, for half a minute after a change of leader. */
  state: NodeState;
  /** Where its Engine connects from; "": it never has. */
  address: string;
  availability: Availability;
  /** Those of this tool (`swarm-join.…`). */
  labels: Record<string, string>;
}

/** What a leaving worker says to the managers: that it leaves, or stays after all, as the node that it is. */
export interface Word {
  nodeId: string;
  leaves: boolean;
}

/** What only a manager with quorum can tell of its swarm. */
export interface SwarmView {
  clusterId: string;
  managerToken: TokenMark;
  workerToken: TokenMark;
  nodes: SwarmNode[];
}

export const ENGINE_STATES = ["inactive", "pending", "active", "error", "locked"] as const;
type EngineState = typeof ENGINE_STATES[number];

/**
 * What is wrong with an Engine that is in a swarm, or on its way into one, by its own words: a fault as of a
 * call, or
 *
 * - `no-quorum`: its swarm has no leader, so that nothing can be asked of it
 * - `expired`: this node's certificate ended while it was off; no manager lets it in with that one
 */
export const ENGINE_TROUBLES = [...FAULT_KINDS, "no-quorum", "expired"] as const;
type EngineTrouble = typeof ENGINE_TROUBLES[number];

/**
 * N of the newest Docker API 1.N whose reference was read and that was tried: moby of August 2026. A swarm
 * may hold what a later one adds.
 */
export const ENGINE_API_MAX = 56;

/** The local Engine (`GET /info`, the root CA's file, and on a manager `GET /swarm`, `GET /nodes`). */
export interface Engine {
  state: EngineState;
  nodeId: string;
  /** The address that the Engine advertises in its swarm, without a port; "" in no swarm. */
  address: string;
  /** The addresses, without a port, of the managers that the Engine knows of; on a manager its own too. */
  peers: string[];
  /** N of the newest API 1.N that it speaks: 41 is Engine 20.10, 44 is Engine 25. */
  api: number;
  /** The Engine's own words about what is wrong; "" when nothing is. */
  error: string;
  /** What these words come to; null: nothing is wrong, or nobody knows what. */
  trouble: EngineTrouble | null;
  /** The setting of its own by which it refuses swarm mode, and what to do; "": none is known. */
  refuses: string;
  /** The fingerprint of the swarm's root CA; null in no swarm. */
  fingerprint: string | null;
  /** The cluster's ID, which a rotation of the CA leaves as it is; null where it can't be read. */
  clusterId: string | null;
  manager: boolean;
  /** Null on a worker, and on a manager that could not read it. */
  swarm: SwarmView | null;
}

/**
 * What would be lost if this node left its swarm: how many of what, in a person's words (`services`). An
 * open list, for each Engine has more that can be lost. What there is none of may be left out. On a worker
 * only `tasks` can be known.
 */
export type Contents = Record<string, number>;

export const INSTANCE_STATES = [
  "pending",
  "running",
  "stopping",
  "stopped",
  "shutting-down",
  "terminated",
] as const;
export type InstanceState = typeof INSTANCE_STATES[number];

/** An instance as EC2 shows it. `address` null: none any more. Tags null: it has none of that key. */
export interface Instance {
  instance: string;
  state: InstanceState;
  address: string | null;
  roleTag: string | null;
  clusterTag: string | null;
  /** When it was launched, which no stop and start changes: ms since 1970, by EC2's clock; null: not shown. */
  launchMs: number | null;
  /** Null: not shown. */
  placement: Placement | null;
  /** Those of `--label-tags` that it has. */
  labelTags: Record<string, string>;
}

/** What was looked at in this round, by the call that asked. A fact that is absent was not looked at (yet). */
export type Facts = { [K in LookKind]?: Answer<Seen[K]> };

/** What a run remembers: only what could not be observed again. */
export interface Memory {
  runId: string;
  identity: Identity | null;
  /** What IMDS said last; null: not asked yet. */
  lifecycle: Lifecycle | null;
  /** This instance's tags, as EC2 showed them last. */
  self: Instance | null;
  /** Actions performed, in order. */
  did: ActionKind[];
  /** Versions of the log that the last read of it lacked: they are asked for by name. */
  missing: number[];
  /** What this run appended to the log: a read that lacks it is old. */
  written: { template: string; number: number; record: FoundingRecord; follows: number }[];
  /** The fingerprint of the swarm whose record a write of this run, with this node a member, has confirmed. */
  confirmed: string | null;
  /** Whether a write has confirmed the record since this run looked at its Engine: who is in the swarm is listed there. */
  isProven: boolean;
  /** Whether it has taken itself out of the record since the last wait. */
  withdrew: boolean;
  /** Whether the last act was a write of the record for a recovery, and nothing was done or looked at since: good for one attempt. */
  mayForce: boolean;
  /** What became of the attempt to start its swarm anew, in words; null: this run has made none. */
  forced: string | null;
  /** The nonce of the last write, when it is not known whether it was made; null: it is known. */
  unknown: string | null;
  /** The digests of the tokens that this run published; "": it took its own away; null: neither. */
  published: string | null;
  /** What this worker said last to the managers; `unheard`: it could not, since the last wait; null: this run has said nothing. */
  said: "leaves" | "stays" | "nothing" | "unheard" | null;
  /** What Auto Scaling said last of this instance; null: nothing, or that it is in no group. */
  hook: Hook | null;
  /** When it was asked last (ms of the run); 0: when the run began. */
  hookMs: number;
  /** What it was told of its hooks, and took while the instance is in the same state; of heartbeats, and of what it did not take, only since the last wait. */
  told: { act: "complete" | "heartbeat"; hook: string; fault: Fault | null }[];
  /** Nodes that the swarm would not change or remove, since the last wait. */
  kept: string[];
  /** All that it would not in this run. */
  refused: string[];
  /** Dead nodes that this run has demoted or removed. */
  reaped: string[];
  /** The pools of the swarm that this run started; empty: the Engine's own; null: it started none. */
  pools: string[] | null;
  /** The fingerprint of the swarm whose founding this run has marked. */
  attested: string | null;
  /** What was asked of EC2, and of the network, for the facts that are known: of anybody else they say nothing. Null: of all. */
  asked: { instances: { ids: string[]; addresses: string[] } | null; probe: string[] | null };
  /** Instances that EC2 showed as terminated, which is final, whatever an older read shows later. */
  terminated: string[];
  /** Joins that failed: where, with which token, why (in the Engine's words too), and when (ms of the run). */
  failures: { address: string; digest: string; kind: FaultKind; message: string; atMs: number }[];
  /** Whether it has seen its Engine as a node of a swarm, or the record list it before it did anything, and has not left. */
  wasMember: boolean;
  /** Since when the Engine's attempt to join has been under way (ms of the run). */
  attemptMs: number | null;
  /** Since when its Engine, a member, has not been up (ms of the run). */
  startingMs: number | null;
  /** The fault of the last act, until it was waited for. */
  fault: Fault | null;
  /** Since when the same rule has kept this run waiting, with no successful act in between. */
  steady: { rule: Rule; because: string; exit: FailExit; sinceMs: number } | null;
  /** Waits in a row, for the backoff. */
  waits: number;
  /** How many of the last of these were for AWS, which asked to slow down. */
  refusals: number;
}

/** All that `decide` sees, and all that a run is. `dice`: a number in [0, 1), drawn anew for each decision. */
export interface Observation {
  config: Config;
  memory: Memory;
  facts: Facts;
  /** Milliseconds since the run began. */
  nowMs: number;
  dice: number;
}

/** 3: not yet. 4: denied. 5: a conflict that needs a person. 6: the machine lacks something. 2: usage. */
export type FailExit = 2 | 3 | 4 | 5 | 6;

/** What a survey found. `error`: it stops this node; `warning`: it may; `note`: worth knowing. */
export interface Finding {
  rule: Rule;
  severity: "error" | "warning" | "note";
  because: string;
  /** The node of the swarm that it is about, if it is about one. */
  nodeId?: string;
}

/** What is done next: facts to look at, one call that changes something, a wait, or the end. */
export type Decision =
  /** They don't depend on each other. */
  | { kind: "look"; calls: Look[] }
  | Acting
  | Waiting
  | End;

/** `because`: the facts that the rule stands on, in a sentence for a person. */
interface Reasoned {
  rule: Rule;
  because: string;
}

export interface Acting extends Reasoned {
  kind: "act";
  call: Act;
}

export interface Waiting extends Reasoned {
  kind: "wait";
  ms: number;
  /** How the run ends when its time is over before the wait was worth it. */
  exit: FailExit;
  /** `answers`: only what was refused is looked at again; `others`: only this node's own Engine; else everything is. */
  keeps: "answers" | "others" | "nothing";
}

/** `exit` 0: all is as it should be. */
export interface End extends Reasoned {
  kind: "end";
  exit: 0 | FailExit;
  /** A failure counts once the same has held for that long, for what EC2 shows may be old. */
  afterMs: number;
  /** Said to the person, and no obstacle. */
  warnings: string[];
  /** What a survey found; of other goals nothing. */
  findings: Finding[];
}
