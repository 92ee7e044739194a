/**
 * Of what a run saw in this round counts what comes of it: runs that remember the same are one if they
 * look at nothing more and, whatever the clock says, do the same, and the same again after each act that
 * goes well. After one that does not, the round is over, and nothing that was seen counts any more.
 */
import { decisionsOf, nameOf, timeless } from "../timeless.ts";
import type { Code } from "../../program.ts";
import type { Act, AnyAnswer } from "../../../../src/calls.ts";
import type { Decision, Memory, Observation } from "../../../../src/state.ts";

/** Names what a run knows: equal names, no difference in what it does. */
export function consequencesOf(code: Code, o: Observation): string {
  const { memory, facts } = o;
  if (Object.keys(facts).length === 0) return JSON.stringify(memory);
  const decisions = decisionsOf(code, o);
  if (decisions.some(({ kind }) => kind === "look")) return JSON.stringify([memory, facts]);
  return JSON.stringify([
    lastingOf(memory),
    decisions.map((decision) => consequenceOf(code, o, decision)),
  ]);
}

/** What a run remembers beside what is of its facts: of whom they were asked, and since when they hold. */
export function lastingOf(memory: Memory): Memory {
  return { ...memory, asked: { instances: null, probe: null }, isProven: false };
}

/** What comes of one decision, beside what the run remembers. */
export function consequenceOf(code: Code, o: Observation, decision: Decision): string {
  if (decision.kind !== "act") return nameOf(decision);
  const { call } = decision;
  const then = timeless(code.after(o, decision, [wellAnswered(call)], 0));
  return `${nameOf(decision)} ${JSON.stringify(call)} ${consequencesOf(code, then)}`;
}

function wellAnswered({ kind }: Act): AnyAnswer {
  const at = { kind: "object" as const, etag: "" };
  if (kind === "write") return { ok: true, value: { kind: "done", at } };
  return { ok: true, value: kind === "leave" ? { kind: "left" } : null };
}
