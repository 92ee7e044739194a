/** decide's tables: what is observed, and the action and rule that follow; and what many rows observe. */
import assert from "node:assert/strict";
import { type ActionKind, actionOf } from "../../../src/actions.ts";
import { decide } from "../../../src/decide/decide.ts";
import type { Rule } from "../../../src/rules.ts";
import type {
  Answer,
  Contents,
  Decision,
  FailExit,
  Memory,
  Observation,
} from "../../../src/state.ts";
import type { FoundingRecord, LedgerView } from "../../../src/founding.ts";
import { founded, instance, member, ok } from "../../support/observations.ts";

export interface Row {
  name: string;
  state: Observation;
  want: [ActionKind, Rule];
  /** A part of the reason that a person must be able to read. */
  because?: string;
  /** Of a failure. */
  exit?: FailExit;
}

/** Each row is a test. `place`: where these rows hold. */
export function table(place: string, rows: Row[]): void {
  for (const { name, state, want, because = "", exit } of rows) {
    Deno.test(`decide: ${place}: ${name}`, () => {
      const before = structuredClone(state);
      const decision = decided(state);
      assert.deepEqual([actionOf(decision), decision.rule], want, decision.because);
      assert.ok(decision.because.includes(because), decision.because);
      const isFailure = decision.kind === "end" && decision.exit !== 0;
      assert.equal(isFailure ? decision.exit : undefined, exit);
      assert.deepEqual(state, before, "decide changed its observation");
    });
  }
}

/** What is decided, where nothing has to be looked at any more. */
export function decided(state: Observation): Exclude<Decision, { kind: "look" }> {
  const decision = decide(state);
  assert.ok(decision.kind !== "look", `still looks at ${JSON.stringify(decision)}`);
  return decision;
}

/** What is looked at next. */
export function looks(state: Observation): string[] {
  const decision = decide(state);
  assert.ok(decision.kind === "look", `looks at nothing: ${JSON.stringify(decision)}`);
  return decision.calls.map(({ kind }) => kind);
}

/** The record that is written next. */
export function recordOf(state: Observation): FoundingRecord {
  const decision = decided(state);
  assert.ok(decision.kind === "act" && decision.call.kind === "write", JSON.stringify(decision));
  return decision.call.record;
}

/** The same rule has kept the run waiting for so long. */
export function held(rule: Rule, ms: number): Pick<Memory, "steady"> {
  return { steady: { rule, because: "as before", exit: 3, sinceMs: 10_000 - ms } };
}

/** The same record, read from a log of which as much can go as one call deletes. */
export function longLog(ledger: Answer<LedgerView>): Answer<LedgerView> {
  assert.ok(ledger.ok && ledger.value.kind === "settled");
  const spare = Array.from({ length: 200 }, (_, i) => i + 2);
  return ok({ ...ledger.value, spare });
}

export const empty: Contents = {};
export const worker = { role: "worker" as const };
export const others2 = { members: [member(2)] };
export const twoMembers = founded({ members: [member(1), member(2)] });
export const known = ok([instance(1), instance(2)]);
export const gone2 = ok([instance(1), instance(2, { state: "terminated", address: null })]);
