/**
 * The founding record, which makes a swarm the founded one, and what a ledger says of it: plain data
 * without secrets, as all of `state.ts`.
 */

/** A manager that is, or is about to become, a member of the founded swarm. */
export interface Member {
  /** Null: known by its address only. */
  instance: string | null;
  address: string;
  /** When it was listed, by the ledger's server's clock: ms since 1970. */
  sinceMs: number;
  /** It has said that it leaves the swarm: it counts as no manager, and whoever joins asks it last. */
  leaving: boolean;
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

/**
 * A launch template's version as read. `record` null: not one of ours, or damaged, `why` says how; `newer`: of
 * a later tool. `madeMs`: when it was made, by EC2's clock; absent: of the default version, which EC2 never
 * deletes, or not shown.
 */
export interface LogEntry {
  number: number;
  follows: number;
  record: FoundingRecord | null;
  newer: boolean;
  why?: string;
  madeMs?: number;
}

/** What a ledger shows. `serverMs`: its server's clock (ms since 1970). `unreadable`: what is wrong with an object that is there. */
export type LedgerRead =
  | { kind: "log"; template: string | null; entries: LogEntry[]; serverMs: number }
  | {
    kind: "object";
    record: FoundingRecord | null;
    etag: string | null;
    unreadable?: string;
    serverMs: number;
  };

/**
 * The ledger as `log.ts` understood it. `unsettled`: the read has gaps; it says nothing yet.
 * `unreadable`: only damaged records, or one of a later version of this tool. `spare`: the oldest versions of
 * the log that nobody needs any more, as many as one call deletes; absent: there are fewer.
 */
export type LedgerView =
  | {
    kind: "settled";
    record: FoundingRecord | null;
    at: Position;
    serverMs: number;
    spare?: number[];
  }
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
