/** What people, logs and tests call a decision: an act by what it is for, a wait, an end. */
import {
  type Act,
  type ActKind,
  ACTS,
  UPDATE_KINDS,
  type UpdateKind,
  WRITE_KINDS,
  type WriteKind,
} from "./calls.ts";
import type { Acting, End, Waiting } from "./state.ts";

/** The names that scripts may rely on. */
export type ActionKind =
  | Exclude<ActKind, "write" | "update">
  | WriteKind
  | UpdateKind
  | "wait"
  | "done"
  | "fail";

const ACT_KINDS = Object.keys(ACTS) as ActKind[];
export const ACTION_KINDS: readonly ActionKind[] = [
  ...ACT_KINDS.filter((kind) => kind !== "write" && kind !== "update"),
  ...WRITE_KINDS,
  ...UPDATE_KINDS,
  "wait",
  "done",
  "fail",
];

/** What a decision is called. */
export function actionOf(decision: Acting | Waiting | End): ActionKind {
  if (decision.kind === "act") return actOf(decision.call);
  if (decision.kind === "wait") return "wait";
  return decision.exit === 0 ? "done" : "fail";
}

/** What an act is called: a write of the record, and a change of a node, by what it is for. */
export function actOf(act: Act): ActionKind {
  return act.kind === "write" || act.kind === "update" ? act.as : act.kind;
}
