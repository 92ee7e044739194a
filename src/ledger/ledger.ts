/**
 * Where the founding record is: read and written by compare-and-set, in whichever place.
 */
import type { Answer, Role } from "../state.ts";
import type { NeededPermission } from "../shown.ts";
import type { FoundingRecord, LedgerRead, Position, WriteResult } from "../founding.ts";

export interface Ledger {
  /** `missing`: versions of the log that an earlier read lacked, to be read by name too. */
  read(missing: number[]): Promise<Answer<LedgerRead>>;
  /** Makes `record` the one that counts, if the ledger is still as it was read at `at`. */
  write(record: FoundingRecord, at: Position): Promise<Answer<WriteResult>>;
  /** Deletes versions of the log; those that are gone already are no fault. */
  trim(template: string, numbers: number[]): Promise<Answer<null>>;
  /**
   * Finds out whether writes are made on their conditions only: where they are not, two swarms could be
   * founded. Tried at most once a run; a fault `unusable` says no.
   */
  tryConditions(): Promise<Answer<null>>;
  /** The writes to it that a node of this role may need, and whether they are allowed. Writes nothing. */
  permissions(role: Role): Promise<NeededPermission[]>;
}
