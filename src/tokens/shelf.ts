/**
 * Where a swarm's join tokens are shown to those who may join, apart from the founding record. What is
 * read goes into the vault; what is published comes out of it.
 */
import type { Answer, Role, TokenMark } from "../state.ts";
import type { Permission, Shown } from "../shown.ts";

export interface Shelf {
  /**
   * The tokens that are shown. Where they are kept by swarm, those of this fingerprint and for the roles
   * in `want` only.
   */
  read(fingerprint: string, want: Role[]): Promise<Answer<Shown[]>>;
  /** Shows both tokens. The vault must hold them. */
  publish(manager: TokenMark, worker: TokenMark): Promise<Answer<null>>;
  /** Takes this instance's own tokens away, if they are kept by instance. */
  retract(): Promise<Answer<null>>;
  /** The writes to it that a node of this role may need, and whether they are allowed. Writes nothing. */
  permissions(role: Role): Promise<Permission[]>;
}
