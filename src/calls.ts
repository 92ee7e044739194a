/**
 * The calls that a run makes, as data, and what each answers. The edges perform them on a node; the
 * simulator and the model checker answer them from a world of their own. Nothing else touches the
 * outside.
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
  Permission,
  Position,
  Role,
  Shown,
  TokenMark,
  WriteResult,
} from "./state.ts";

export type Call =
  // Reads
  | { kind: "identity" }
  /** This instance, as EC2 shows it. */
  | { kind: "self" }
  | { kind: "engine" }
  /** On a worker only its tasks are counted. */
  | { kind: "contents"; manager: boolean }
  /** `missing`: versions of the log that an earlier read of this run lacked; read by name too. */
  | { kind: "ledger"; missing: number[] }
  /** The tokens that are shown: with tags, by all instances of the VPC that are not terminated; with S3, those of `fingerprint`, only of the roles in `want`. */
  | { kind: "tokens"; fingerprint: string; want: Role[] }
  /** By id, whatever their state; and by address those of this VPC that are not terminated. Unknown ones are left out. */
  | { kind: "instances"; ids: string[]; addresses: string[] }
  /** Which of these accept a TCP connection on the swarm's port (2377). */
  | { kind: "probe"; addresses: string[] }
  /** Asks EC2 with DryRun which of the writes that a plan may need are allowed. Writes nothing. */
  | { kind: "permissions"; role: Role }
  // Writes
  | { kind: "write"; record: FoundingRecord; at: Position }
  | { kind: "publish"; manager: TokenMark; worker: TokenMark }
  /** Takes this instance's own tokens out of its tags. */
  | { kind: "retract" }
  | { kind: "init"; advertiseAddr: string }
  | { kind: "join"; address: string; token: TokenMark; advertiseAddr: string }
  | { kind: "leave"; force: boolean }
  // Time
  | { kind: "sleep"; ms: number };

/** What each call answers with. */
export interface Values {
  identity: Identity;
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
  leave: null;
  sleep: null;
}

export type CallKind = Call["kind"];

/** The answer to any call; the kind of the call says which. */
export type AnyAnswer = Answer<Values[CallKind]>;

/** Performs a call on the outside. The only seam between the loop and the machine. */
export type Perform = (call: Call) => Promise<AnyAnswer>;
