/**
 * Under which names the model checker lets runs write. `decide` names a write by a hash of what it says
 * and where, which a change of the machines' names would change; here that is written out.
 */
import type { Version, World } from "../world.ts";
import type { Act } from "../../../src/calls.ts";
import type { Memory } from "../../../src/state.ts";
import type { FoundingRecord, Position } from "../../../src/founding.ts";

/** Of a write that no run asks about any more. */
export const PAST = "past";
const LATE = "late";

export function runId(i: number): string {
  return `r${i}`;
}

/** The act under a name that a change of the machines' names keeps. */
export function named(act: Act, { runId }: Memory): Act {
  if (act.kind !== "write") return act;
  const { as, record, at } = act;
  const members = record.members.map(({ instance, address }) => instance ?? address);
  const nonce = `${runId}-${as}@${placeOf(at)}:${record.fingerprint}:${members.join()}`;
  return { ...act, record: { ...record, nonce } };
}

function placeOf(at: Position): string {
  switch (at.kind) {
    case "none":
      return "0";
    case "log":
      return `${at.head}.${at.last}`;
    case "object":
      return at.etag;
    default:
      return at satisfies never;
  }
}

/** A run is over: the next one has another id, and nobody knows this one's writes for its own. */
export function forgetRun(world: World, i: number): void {
  const isOf = ({ nonce }: FoundingRecord): boolean => nonce.startsWith(`${runId(i)}-`);
  forgetWrites(world, isOf);
  world.inFlight = world.inFlight.map((call, at) =>
    isOf(call.record)
      ? { ...call, record: { ...call.record, nonce: `${LATE}${world.inFlight.length}${at}` } }
      : call
  );
}

/** What has landed late, of a run that is over, is known to nobody. */
export function forgetLate(world: World): void {
  forgetWrites(world, ({ nonce }) => nonce.startsWith(LATE));
}

function forgetWrites(world: World, isOf: (record: FoundingRecord) => boolean): void {
  const forgotten = (version: Version): Version =>
    isOf(version.record) ? { ...version, record: { ...version.record, nonce: PAST } } : version;
  world.versions = world.versions.map(forgotten);
  world.former = world.former.map(forgotten);
}
