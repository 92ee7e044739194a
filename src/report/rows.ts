/** How pages for people are laid out. */
import { durationText } from "./duration.ts";
import type { Meters } from "./report.ts";
import type { Config } from "../state.ts";

/** Two columns; without those that have nothing to say. */
export function rows(pairs: readonly (readonly [string, string])[]): string[] {
  return pairs.filter(([, text]) => text !== "").map(([name, text]) => `${name.padEnd(12)}${text}`);
}

/** A store as `--store` names it. */
export function storeText(store: Config["store"]): string {
  return store.kind === "tags" ? "tags" : `s3://${store.bucket}/${store.prefix}`;
}

/** What a run took, for people. */
export function tookText({ elapsedMs, awsCalls }: Meters): string {
  const time = elapsedMs < 1_000
    ? `${Math.round(elapsedMs)}ms`
    : durationText(Math.round(elapsedMs / 100) * 100);
  return `${time}, ${awsCalls} calls of AWS`;
}
