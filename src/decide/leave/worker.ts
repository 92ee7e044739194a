/** A worker that leaves, or a manager that was demoted for it: it says so, waits until nothing runs here, and goes. */
import { isMe } from "../members.ts";
import { need, softly } from "../needs.ts";
import { isLast, isRushed, leftMs } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, wait } from "../verdict.ts";
import { inventoryOf } from "../words.ts";
import type { Decision } from "../../state.ts";

export function workerLeaves(s: Scene): Decision {
  const { o } = s;
  const said = sayIt(s);
  if (said !== null) return said;
  const tasks = inventoryOf(need(o, { kind: "contents", manager: false }));
  if (tasks !== "" && !isLast(o)) return emptied(s, tasks);
  return act(
    { kind: "leave", force: false, onlyEmpty: tasks === "" },
    "leave-swarm",
    tasks === "" ? "no task runs here" : `its time is over, and here run ${tasks}`,
  );
}

/** A manager's word was its mark in the record. */
function sayIt({ o, me, engine, record }: Scene): Decision | null {
  const isMarked = record?.members.some((member) => isMe(member, me) && member.leaving) ?? false;
  if (isMarked || o.memory.said === "leaves") return null;
  const words = softly(o, { kind: "words", instance: me.instance }) ?? [];
  const { nodeId } = engine;
  if (words.some((word) => word.nodeId === nodeId && word.leaves)) return null;
  return act(
    { kind: "announce", word: { nodeId, leaves: true } },
    "announce-leave",
    `${me.instance} leaves: a manager drains it first`,
  );
}

/** Managers move what runs here elsewhere; where none has done so for half of the time, it is stopped in time. */
function emptied({ o }: Scene, tasks: string): Decision {
  const because = `here run ${tasks}`;
  const isLate = leftMs(o) < o.config.timeoutMs / 2 || isRushed(o);
  if (!isLate || o.memory.did.includes("stop")) return wait(o, "tasks-running", because);
  const graceMs = Math.max(STOP_MIN_MS, leftMs(o) - STOP_BEFORE_MS);
  return act({ kind: "stop", graceMs }, "stop-tasks", `${because}, and no manager has moved them`);
}

const STOP_MIN_MS = 5_000;
/** What a leave itself, and what is written after it, may take. */
const STOP_BEFORE_MS = 25_000;
