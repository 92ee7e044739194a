/** What a worker does: join, and follow the founded swarm when its own was replaced. It never writes. */
import { conflict } from "./conflict.ts";
import { candidateOf, joinBy } from "./candidate.ts";
import { isMe, isSameSwarm, others } from "../members.ts";
import { answering, instances, need, probeOf, softly, together } from "../needs.ts";
import { startingText } from "../obstacles.ts";
import { CONFLICT_MS, heldMs, LATE_MS, startedMs, STARTING_MS } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, done, fail, wait } from "../verdict.ts";
import { brief, inventoryOf, membersText } from "../words.ts";
import { gone } from "../writes.ts";
import type { Decision } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

export function workerInSwarm(s: Scene): Decision {
  const { o, engine, record } = s;
  const { fingerprint } = engine;
  if (record === null) {
    const because = "a worker of a swarm that nobody has founded";
    if (answering(s).length > 0) return done("in-order", `${because}, and a manager of it answers`);
    const who = engine.peers.join(", ");
    return wait(o, "managers-silent", `${because}, and none of its managers answers: ${who}`);
  }
  if (fingerprint === null) {
    return fail(
      6,
      "engine-unavailable",
      "the Engine is in a swarm, and its root CA certificate can't be read",
      LATE_MS,
    );
  }
  if (!isSameSwarm(record, engine)) return afterReplacement(s, record, fingerprint);
  const undone = stayAfterAll(s, record);
  if (undone !== null) return undone;
  if (answering(s).length > 0) {
    return done("in-order", `a worker of the founded swarm ${brief(record)}`);
  }
  return withoutManagers(s, record) ?? wait(
    o,
    "managers-silent",
    `a worker of the founded swarm ${brief(record)}, none of whose managers answers: ${
      membersText(record.members, [])
    }`,
  );
}

/**
 * A leave that was begun here and not carried through: this machine stays. A worker says so, and a manager
 * takes the drain back. Who was a manager can't promote itself: it goes out, and comes back as one.
 */
function stayAfterAll(s: Scene, record: FoundingRecord): Decision | null {
  const { o, me, role, engine: { nodeId } } = s;
  const isMarked = record.members.some((member) => isMe(member, me) && member.leaving);
  if (isMarked && role === "manager") {
    if (answering(s).length === 0) return null;
    const tasks = tasksHere(s);
    if (tasks !== "") {
      const because = `${me.instance} was demoted to leave, and stays; here run ${tasks} yet`;
      return wait(o, "tasks-running", because);
    }
    return act(
      { kind: "leave", force: false, onlyEmpty: true },
      "undo-leave",
      `${me.instance} was demoted to leave, and stays: it joins anew as a manager`,
    );
  }
  // A node that is new has said nothing.
  if (["stays", "unheard"].includes(o.memory.said ?? "") || o.memory.did.includes("join")) {
    return null;
  }
  const words = softly(o, { kind: "words", instance: me.instance }) ?? [];
  if (!words.some((word) => word.nodeId === nodeId && word.leaves)) return null;
  return act(
    { kind: "announce", word: { nodeId, leaves: false } },
    "undo-leave",
    `${me.instance} has said that it leaves, and stays`,
  );
}

/**
 * The record lists this node as a manager, which somebody has demoted. As long as it does, nobody replaces
 * the swarm; and if all that the record lists are such, the swarm has no manager, and never will have.
 */
export function withoutManagers(s: Scene, record: FoundingRecord): Decision | null {
  const { o, me, role } = s;
  if (role !== "manager" || !record.members.some((member) => isMe(member, me))) return null;
  const known = instances(s, record.members);
  const living = others(record, me).filter((member) => !gone(s, member, known));
  const mayComeBack = living.some(({ instance }) =>
    known.find((one) => one.instance === instance)?.state !== "running"
  );
  if (mayComeBack) return null;
  const because = `this node, which the record lists, was a manager of the founded swarm ${
    brief(record)
  }, and no manager of it answers`;
  if (heldMs(o, "managers-lost") < CONFLICT_MS) return wait(o, "managers-lost", because);
  const tasks = tasksHere(s);
  if (tasks !== "" && !o.config.abandonTasks) {
    return fail(
      5,
      "managers-lost",
      `${because}; here run ${tasks}: stop them, or give --abandon-tasks, and run swarm-join again`,
    );
  }
  const call = { kind: "leave", force: false, onlyEmpty: tasks === "" } as const;
  return act(call, "managers-lost", `${because}: it leaves`);
}

/** A worker comes along when its swarm was replaced and it runs nothing; else a person has to choose. */
function afterReplacement(s: Scene, record: FoundingRecord, fingerprint: string): Decision {
  const because = `this worker is in ${brief({ fingerprint })}, and the founded swarm is ${
    brief(record)
  }`;
  if (!record.replaced.includes(fingerprint)) return conflict(s, because);
  const { abandonTasks } = s.o.config;
  const tasks = tasksHere(s);
  if (tasks !== "" && !abandonTasks) {
    return conflict(
      s,
      `${because}, which replaced it; here run ${tasks}, which --abandon-tasks would give up`,
    );
  }
  return act(
    { kind: "leave", force: false, onlyEmpty: !abandonTasks },
    "swarm-replaced",
    `${because}, which replaced it; here run${tasks === "" ? "s no task" : ` ${tasks}`}`,
  );
}

/** What would be lost if this worker left: "" is nothing. */
function tasksHere({ o }: Scene): string {
  return inventoryOf(need(o, { kind: "contents", manager: false }));
}

export function workerOutside(s: Scene): Decision {
  const { o, record } = s;
  if (record === null) {
    return wait(
      o,
      "no-swarm-yet",
      "no swarm is founded yet: a worker waits for a manager to do it",
    );
  }
  together(
    o,
    probeOf(s) ?? false,
    { kind: "tokens", fingerprint: record.fingerprint, want: ["worker"] },
  );
  const candidate = candidateOf(s, record, record.members, "worker");
  if (candidate === null) {
    return wait(
      o,
      "managers-silent",
      `no manager of the founded swarm answers: ${membersText(record.members, [])}`,
    );
  }
  return candidate.kind === "candidate" ? joinBy(s, candidate, record) : candidate;
}

/**
 * The Engine is a member that does not come up. A worker of a replaced swarm need not wait for it; nor one
 * whose swarm is well and would let it in if it still knew it: it was removed, or its certificate ran out.
 * Docker says `pending` with a node id for ever then (swarmkit `ca/auth.go`, "was removed from swarm").
 */
export function starting(s: Scene): Decision {
  const { o, me, engine, record } = s;
  const { fingerprint, manager } = engine;
  const because = startingText(engine);
  const hasHeld = startedMs(o) >= STARTING_MS;
  if (manager || record === null || fingerprint === null || !hasHeld) {
    return wait(o, "engine-starting", because);
  }
  if (!isSameSwarm(record, engine)) return afterReplacement(s, record, fingerprint);
  // A minority that answers may be without a leader, and so let nobody in.
  const known = s.traits.tokensBy === "instance" ? instances(s, record.members) : [];
  // Nor does this node count, which was a manager when the record was written.
  const living = others(record, me).filter((member) => !gone(s, member, known));
  const isWell = answering(s).length * 2 > living.length;
  return isWell ? removed(s, because) : wait(o, "engine-starting", because);
}

/** Managers that have just come back answer before they let anybody in: so they must have answered for a while. */
function removed(s: Scene, because: string): Decision {
  const { o } = s;
  const { abandonTasks } = o.config;
  const why = (was: string): string =>
    `${because}, while its swarm's managers answer: ${was} removed from it, or its certificate ran out`;
  if (heldMs(o, "node-removed") < STARTING_MS) {
    return wait(o, "node-removed", why("it may have been"));
  }
  const tasks = tasksHere(s);
  if (tasks !== "" && !abandonTasks) {
    return fail(
      5,
      "node-removed",
      `${
        why("it was")
      }; here run ${tasks}: stop them, or give --abandon-tasks, and run swarm-join again`,
    );
  }
  const call = { kind: "leave", force: false, onlyEmpty: !abandonTasks } as const;
  return act(call, "node-removed", `${why("it was")}; it joins anew`);
}
