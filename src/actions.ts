/** What people, logs and tests call a decision: an act by what it is for, a wait, an end. */
import { type Act, WRITE_KINDS } from "./calls.ts";
import type { Acting, End, Waiting } from "./state.ts";

/** The names that scripts may rely on. */
export const ACTION_KINDS = [
  "retract",
  "init",
  ...WRITE_KINDS,
  "join",
  "publish",
  "leave",
  "wait",
  "done",
  "fail",
] as const;
export type ActionKind = typeof ACTION_KINDS[number];

/** What a decision is called. */
export function actionOf(decision: Acting | Waiting | End): ActionKind {
  switch (decision.kind) {
    case "act":
      return actOf(decision.call);
    case "wait":
      return "wait";
    case "end":
      return decision.exit === 0 ? "done" : "fail";
    default:
      return decision satisfies never;
  }
}

/** What an act is called: a write of the record by what it is for. */
export function actOf(act: Act): ActionKind {
  return act.kind === "write" ? act.as : act.kind;
}
