/**
 * What both stores offer: the founding record with its compare-and-set, and the tokens, apart from it.
 */
import type {
  Answer,
  FoundingRecord,
  LedgerRead,
  Permission,
  Position,
  Role,
  Shown,
  TokenMark,
  WriteResult,
} from "../state.ts";

export interface Store {
  /** `missing`: versions of the log that an earlier read lacked, to be read by name too. */
  ledger(missing: number[]): Promise<Answer<LedgerRead>>;
  /** Makes `record` the one that counts, if the ledger is still as it was read at `at`. */
  write(record: FoundingRecord, at: Position): Promise<Answer<WriteResult>>;
  /** The tokens that are shown; with S3 those of this fingerprint, for the roles in `want`. */
  tokens(fingerprint: string, want: Role[]): Promise<Answer<Shown[]>>;
  /** Shows both tokens. The vault must hold them. */
  publish(manager: TokenMark, worker: TokenMark): Promise<Answer<null>>;
  /** Takes this instance's own tokens away, if they are kept by instance. */
  retract(): Promise<Answer<null>>;
  /** The writes that a node of this role may need, and whether they are allowed. Writes nothing. */
  permissions(role: Role): Promise<Answer<Permission[]>>;
}
