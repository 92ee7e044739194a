/**
 * Under which names the model checker lets runs write. A run knows a write for its own by its nonce,
 * as long as it runs and has no answer; after that one nonce is as good as another, so all are one.
 */
import type { Outcome } from "./outcomes.ts";
import type { World } from "../world.ts";
import type { Call } from "../../../src/calls.ts";
import type { FoundingRecord, Position } from "../../../src/state.ts";

export function runId(i: number): string {
  return `r${i}`;
}

export const PAST = "past";
const LATE = "late";

/** A write that was answered is known by its number, and its nonce is not used again. */
export function forgetWrite(world: World, nonce: string): void {
  world.versions = world.versions.map((version) =>
    version.record.nonce === nonce ? { ...version, record: forgotten(version.record) } : version
  );
}

/** A run is over: nobody will know its writes for its own any more. */
export function forgetRun(world: World, i: number): void {
  const isOf = ({ nonce }: FoundingRecord): boolean => nonce.startsWith(`${runId(i)}-`);
  if (world.versions.some(({ record }) => isOf(record))) {
    world.versions = world.versions.map((version) =>
      isOf(version.record) ? { ...version, record: forgotten(version.record) } : version
    );
  }
  world.inFlight = world.inFlight.map((call, at) =>
    isOf(call.record)
      ? { ...call, record: past(call.record, `${LATE}${world.inFlight.length}${at}`) }
      : call
  );
}

function past(record: FoundingRecord, nonce: string): FoundingRecord {
  return { ...record, nonce };
}

/** A write under a nonce that a change of names keeps: of its run, its kind and its place. */
export function named(outcome: Outcome): Outcome {
  if (outcome.kind !== "act" || outcome.call.kind !== "write") return outcome;
  const { state, call } = outcome;
  const nonce = `${state.memory.runId}-${state.doing?.action.kind}@${placeOf(call.at)}`;
  const renamed: Call = { ...call, record: { ...call.record, writer: "", nonce } };
  return { ...outcome, call: renamed, state: { ...state, plan: [renamed] } };
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

/** The record of a write that nobody asks about any more. */
export function forgotten(record: FoundingRecord): FoundingRecord {
  return { ...record, nonce: PAST };
}

/** Whether nobody asks for a write any more. */
export function isPast({ nonce }: FoundingRecord): boolean {
  return nonce === PAST;
}

/** What has landed late is known to nobody. */
export function forgetLate(world: World): void {
  world.versions = world.versions.map((version) =>
    version.record.nonce.startsWith(LATE)
      ? { ...version, record: forgotten(version.record) }
      : version
  );
}
