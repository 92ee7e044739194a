/**
 * The one way out of the vault for what a store writes.
 */
import type { TokenMark } from "../state.ts";
import type { Vault } from "./vault.ts";

/** The secret of a mark that came out of this run's vault. Throws for another one: a defect. */
export function secretOf(mark: TokenMark, vault: Vault): string {
  const token = vault.take(mark);
  if (token === null) throw new Error(`no token ${mark.digest} in the vault`);
  return token.reveal();
}
