/**
 * Where join tokens are: nothing else in the program holds one. What reads a token keeps it here and
 * passes a `TokenMark` on; what needs the secret takes it by its mark.
 */
import { createHash } from "node:crypto";
import type { TokenMark } from "../state.ts";

/** A join token: `SWMTKN-<version>-<fingerprint>-<secret>`; FIPS swarms write `SWMTKN-2-1-…`. */
const TOKEN = /^SWMTKN-(?:1|2-1)-([0-9a-z]{50})-[0-9a-z]{25}$/;
const REDACTED = "[redacted]";

/** A join token that no log, dump or inspection can show. */
export class Token {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself: only for a request's body to the Engine or the store. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}

export class Vault {
  readonly #tokens = new Map<string, Token>();

  /** Keeps a token and gives its mark; null when the text is not a join token. */
  keep(text: string): TokenMark | null {
    const fingerprint = TOKEN.exec(text)?.[1];
    if (fingerprint === undefined) return null;
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
    this.#tokens.set(digest, new Token(text));
    return { fingerprint, digest };
  }

  /** The token of a mark that this vault gave; null when it never saw it (an observation from a file). */
  take(mark: TokenMark): Token | null {
    return this.#tokens.get(mark.digest) ?? null;
  }

  /** The secret of a mark that this vault gave, for what a shelf writes. Throws for another one: a defect. */
  secretOf(mark: TokenMark): string {
    const token = this.take(mark);
    if (token === null) throw new Error(`no token ${mark.digest} in the vault`);
    return token.reveal();
  }
}
