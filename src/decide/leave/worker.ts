/** A worker that leaves, or a manager that was demoted for it: it says so, waits until nothing runs here, and goes. */
import { isMe } from "../members.ts";
import { need, softly } from "../needs.ts";
import { isLate, leftMs } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, wait } from "../verdict.ts";
import { inventoryOf } from "../words.ts";
import type { Decision } from "../../state.ts";

type Leaver = Pick<Scene, "o" | "me" | "engine" | "record">;

export function workerLeaves(s: Leaver): Decision {
  const { o } = s;
  const said = sayIt(s);
  if (said !== null) return said;
  const tasks = inventoryOf(need(o, { kind: "contents", manager: false }));
  // What the swarm has started since is given no time by a leave, as by nothing else.
  const isStopped = o.memory.did.includes("stop");
  if (tasks !== "" && !isStopped) return emptied(s, tasks);
  return act(
    { kind: "leave", force: false, onlyEmpty: !isStopped },
    "leave-swarm",
    tasks === "" ? "no task runs here" : `what ran here was stopped, and here run ${tasks} since`,
  );
}

/** A manager's word was its mark in the record. */
function sayIt({ o, me, engine, record }: Leaver): Decision | null {
  const isMarked = record?.members.some((member) => isMe(member, me) && member.leaving) ?? false;
  if (isMarked || o.memory.said === "leaves" || o.memory.said === "unheard") return null;
  const words = softly(o, { kind: "words", instance: me.instance }) ?? [];
  const { nodeId } = engine;
  if (words.some((word) => word.nodeId === nodeId && word.leaves)) return null;
  return act(
    { kind: "announce", word: { nodeId, leaves: true } },
    "announce-leave",
    `${me.instance} leaves: a manager drains it first`,
  );
}

/**
 * Managers move what runs here elsewhere; where none has done so for half of the time, it is stopped in
 * time. A leave would kill it at once; and a container does not say what time its service gives it.
 */
function emptied({ o }: Leaver, tasks: string): Decision {
  const because = `here run ${tasks}`;
  if (!isLate(o)) return { ...wait(o, "tasks-running", because), keeps: "others" };
  const graceMs = Math.max(STOP_MIN_MS, leftMs(o) - STOP_BEFORE_MS);
  return act({ kind: "stop", graceMs }, "stop-tasks", `${because}, and no manager has moved them`);
}

const STOP_MIN_MS = 5_000;
/** What a leave itself, and what is written after it, may take. */
const STOP_BEFORE_MS = 25_000;
