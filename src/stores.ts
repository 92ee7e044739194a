/**
 * What a store is to a rule: not its name, but how its reads and its tokens behave. A rule that needs
 * to know asks for the trait.
 */

/** Each store that `--store` can name, as a ledger (the record) and a shelf (the tokens). */
export const STORES = {
  /** The record in the versions of a launch template, tokens in the tags of the instances. */
  tags: { readsMayBeOld: true, tokensBy: "instance", marksFoundings: false },
  /** Both in objects of a bucket. */
  s3: { readsMayBeOld: false, tokensBy: "swarm", marksFoundings: true },
} as const satisfies { [store: string]: StoreTraits };

export type StoreKind = keyof typeof STORES;

export interface StoreTraits {
  /** Whether a read of the ledger may show what was overwritten long ago. */
  readsMayBeOld: boolean;
  /**
   * Where tokens are kept. `instance`: each manager shows its own, so that they also tell who lives, and
   * that there is a swarm which nobody has founded. `swarm`: one pair below the swarm's fingerprint, which
   * says nothing without a record.
   */
  tokensBy: "instance" | "swarm";
  /** Whether it keeps marks of foundings, which outlive a record; kept by instance, tokens do. */
  marksFoundings: boolean;
}
