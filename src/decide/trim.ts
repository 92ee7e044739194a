/**
 * The log's old end: each write of the record adds a version to its launch template, of which EC2 keeps
 * 10,000, and each reader reads them all.
 */
import type { Scene } from "./scene.ts";
import { act } from "./verdict.ts";
import type { Decision } from "../state.ts";

/** Once in a run, whether it goes well or not: nobody waits for it. Null: as many as one call deletes can't go yet. */
export function trim({ o, ledger: { at, spare } }: Scene): Decision | null {
  if (at.kind !== "log" || spare === undefined || o.memory.did.includes("trim")) return null;
  const { template } = at;
  return act(
    { kind: "trim", template, numbers: spare },
    "trim-log",
    `${spare.length} versions of ${template} are old, and before what anybody needs to read`,
  );
}
