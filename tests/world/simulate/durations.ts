/** How long calls take in virtual time, and how they read in a timeline. */
import type { Dice } from "./dice.ts";
import { actionOf } from "../../../src/actions.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import type { Acting, End, Waiting } from "../../../src/state.ts";

/** How long a call takes, ms: of an Engine as measured, of AWS as usual. */
export function durationOf(call: Call, answer: AnyAnswer, dice: Dice): number {
  switch (call.kind) {
    case "lifecycle":
    case "engine":
    case "contents":
    case "identity":
      return 3;
    case "probe":
      return !answer.ok || (answer.value as string[]).length < call.addresses.length ? 1_000 : 2;
    case "init":
      return dice.between(200, 700);
    case "join":
      if (answer.ok) return dice.between(200, 1_000);
      return answer.fault.kind === "pending" ? 20_000 : 10_000;
    case "leave":
      return dice.between(100, 1_000);
    default:
      return answer.ok || answer.fault.kind !== "timeout" ? dice.between(20, 250) : 10_000;
  }
}

/** An answer as a line of a timeline. */
export function brief(call: Call, answer: AnyAnswer): string {
  if (!answer.ok) return `${answer.fault.kind}: ${answer.fault.message}`;
  const text = JSON.stringify(answer.value);
  return text.length > 400
    ? `${text.slice(0, 400)}…`
    : text + (call.kind === "join" ? ` (${call.address})` : "");
}

export function told(decision: Acting | Waiting | End): string {
  return `${actionOf(decision)} (${decision.rule}): ${decision.because}`;
}
