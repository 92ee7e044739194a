/**
 * The calls that a run makes, as data, what each answers, and what holds for each. The edges perform
 * them on a node; the simulator and the model checker answer them from a world of their own. Nothing
 * else touches the outside.
 *
 * No call retries and none throws for an operating fault: it answers one. Each has a deadline.
 */
import type {
  Answer,
  Contents,
  Engine,
  FoundingRecord,
  Identity,
  Instance,
  LedgerRead,
  LedgerView,
  Lifecycle,
  Permission,
  Position,
  Role,
  Shown,
  TokenMark,
  WriteResult,
} from "./state.ts";

/** Reads. They change nothing, so they may be repeated, and made side by side. */
export type Look =
  | { kind: "identity" }
  /** Where Auto Scaling wants this instance to be. */
  | { kind: "lifecycle" }
  /** This instance, as EC2 shows it. */
  | { kind: "self" }
  | { kind: "engine" }
  /** On a worker only its tasks are counted. */
  | { kind: "contents"; manager: boolean }
  /** `missing`: versions of the log that an earlier read of this run lacked; read by name too. */
  | { kind: "ledger"; missing: number[] }
  /** The tokens that are shown: kept by instance, by all of the VPC that are not terminated; kept by swarm, those of `fingerprint`, only of the roles in `want`. */
  | { kind: "tokens"; fingerprint: string; want: Role[] }
  /** By id, whatever their state; and by address those of this VPC that are not terminated. Unknown ones are left out. */
  | { kind: "instances"; ids: string[]; addresses: string[] }
  /** Which of these accept a TCP connection on the swarm's port (2377). */
  | { kind: "probe"; addresses: string[] }
  /** Asks which of the writes that this role may need are allowed (EC2's DryRun). Writes nothing. */
  | { kind: "permissions"; role: Role };

/** What a write of the record is for. */
export const WRITE_KINDS = ["found", "register", "refresh", "replace", "withdraw"] as const;
export type WriteKind = typeof WRITE_KINDS[number];

/** Writes: one at a time. */
export type Act =
  /** A compare-and-set of the record. */
  | { kind: "write"; as: WriteKind; record: FoundingRecord; at: Position }
  | { kind: "publish"; manager: TokenMark; worker: TokenMark }
  /** Takes this instance's own tokens out of its tags. */
  | { kind: "retract" }
  | { kind: "init"; advertiseAddr: string }
  | { kind: "join"; address: string; token: TokenMark; advertiseAddr: string }
  /** `force`: a manager alone in its swarm can't leave otherwise. `onlyEmpty`: it looks just before, and does not if something would be lost. */
  | { kind: "leave"; force: boolean; onlyEmpty: boolean };

export type Call = Look | Act;
export type LookKind = Look["kind"];
export type ActKind = Act["kind"];
export type CallKind = Call["kind"];

/** What each call answers with. */
export interface Values {
  identity: Identity;
  lifecycle: Lifecycle;
  self: Instance | null;
  engine: Engine;
  contents: Contents;
  ledger: LedgerRead;
  tokens: Shown[];
  instances: Instance[];
  probe: string[];
  permissions: Permission[];
  write: WriteResult;
  publish: null;
  retract: null;
  init: null;
  join: null;
  leave: LeaveResult;
}

/** `holds`: it did not leave, for this would have been lost. */
export type LeaveResult = { kind: "left" } | { kind: "holds"; contents: Contents };

/** What a fact is: what its call answered, and of the ledger what `ledger/versions.ts` made of that. */
export type Seen = Omit<Pick<Values, LookKind>, "ledger"> & { ledger: LedgerView };

/** The answer to any call; the kind of the call says which. */
export type AnyAnswer = Answer<Values[CallKind]>;

/** A call of one of these kinds and its answer, as the pair that they are. */
export type Told<Kind extends CallKind> = {
  [K in Kind]: { kind: K; call: Extract<Call, { kind: K }>; answer: Answer<Values[K]> };
}[Kind];

/** Performs a call on the outside. The only seam between the loop and the machine. */
export type Perform = (call: Call) => Promise<AnyAnswer>;

/** What holds for every call of a kind. */
interface CallRow {
  /** What a run waits for while the call is under way, for a person: "still waiting for …". */
  waitedFor: string;
  /** How long it may go on when the run's time is over, in ms: a read may not, a write may come to its end. */
  graceMs: number;
  /**
   * Which facts hold on after it was answered well. What was seen of others before this node's Engine
   * changed holds, as nothing of others has changed by that: what is read again may be older, and a write
   * compares. After a fault none does.
   */
  keeps: "all" | readonly LookKind[];
  /** Whether it may be made again when its answer was lost: at once, or only after a look at what became of it. */
  again: "safe" | "look";
}

/** The Engine alone takes 20 s to say that a join goes on, or that its swarm has no leader. */
const ENGINE_GRACE_MS = 25_000;
const WRITE_GRACE_MS = 10_000;

const ALL_BUT_PROBE: readonly LookKind[] = [
  "identity",
  "lifecycle",
  "self",
  "engine",
  "contents",
  "ledger",
  "tokens",
  "instances",
  "permissions",
];

/** Every call: a new one is a row here, an edge in `node/perform.ts`, and a case in the tests' world. */
export const CALLS: { readonly [K in CallKind]: CallRow } = {
  identity: look("the instance metadata"),
  lifecycle: look("the instance metadata to say where Auto Scaling wants this instance"),
  self: look("EC2 to show this instance"),
  engine: look("the Docker Engine", ENGINE_GRACE_MS),
  contents: look("the Docker Engine to count what is in its swarm", ENGINE_GRACE_MS),
  // Who answers was asked of the record before.
  ledger: { ...look("the founding record"), keeps: ALL_BUT_PROBE },
  tokens: look("the tokens that are shown"),
  instances: look("EC2 to show the members"),
  probe: look("the managers to answer"),
  permissions: look("AWS to say what is allowed"),
  write: act("the founding record to be written", WRITE_GRACE_MS, "all", "look"),
  publish: act("the tokens to be published", WRITE_GRACE_MS, "all", "safe"),
  retract: act("old tokens to be removed", WRITE_GRACE_MS, "all", "safe"),
  init: act("the Docker Engine to init a swarm", ENGINE_GRACE_MS, ["ledger", "tokens"], "look"),
  join: act("the Docker Engine to join", ENGINE_GRACE_MS, ["ledger", "tokens", "probe"], "look"),
  // The tokens of the manager that this node gives way to may be shown only now.
  leave: act("the Docker Engine to leave", ENGINE_GRACE_MS, ["ledger"], "look"),
};

function look(waitedFor: string, graceMs = 0): CallRow {
  return { waitedFor, graceMs, keeps: "all", again: "safe" };
}

function act(
  waitedFor: string,
  graceMs: number,
  keeps: CallRow["keeps"],
  again: CallRow["again"],
): CallRow {
  return { waitedFor, graceMs, keeps, again };
}
