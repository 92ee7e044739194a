/**
 * A manager that leaves: drained, marked in the record, demoted, and then as any worker. The mark comes
 * before anything that counts, and makes leaves follow each other. Until it is demoted it goes on with a
 * manager's work: else two that leave beside a dead voter wait for each other.
 */
import { isGoingByGroup } from "../hooks.ts";
import { proofOf, reap } from "../nodes/dead.ts";
import { workerLeaves } from "./worker.ts";
import { ownNode } from "../nodes/labels.ts";
import { undoLeave } from "../nodes/tend.ts";
import {
  isMe,
  isSameSwarm,
  LEFT_LABEL,
  leftLabels,
  marked,
  registered,
  votersOf,
} from "../members.ts";
import { addressesOf, answering, instances, probeOf, stop } from "../needs.ts";
import { CONFLICT_MS, heldMs, isRushed } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, fail, look, wait } from "../verdict.ts";
import { brief, membersText } from "../words.ts";
import { gone, isConfirmed, writeRecord } from "../writes.ts";
import type { Decision, SwarmNode, SwarmView } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

export function managerLeaves(s: Scene): Decision {
  const { o, engine, record } = s;
  const { swarm } = engine;
  if (swarm === null) return unreadable(s);
  if (record === null || !isSameSwarm(record, engine)) {
    return fail(
      5,
      "leave-unfounded",
      "this manager's swarm is not the founded one: nobody would be left in its place",
      s.traits.readsMayBeOld ? CONFLICT_MS : 0,
    );
  }
  const node = ownNode(s, swarm);
  if (node === null) return wait(o, "not-shown", "the swarm does not list this node");
  if (node.voter === null) return demoted(s);
  return lastOne(s, record, swarm) ?? reap(s, record, swarm) ??
    goingOut(s, record, swarm, node);
}

/** Its vote was taken, and its Engine waits for a worker's certificate; or its swarm has no quorum. */
function unreadable(s: Scene): Decision {
  const { o, me, record, engine } = s;
  const isMarked = record?.members.some((member) => isMe(member, me) && member.leaving) ?? false;
  // Who votes no more has no manager that could say so.
  return isMarked && engine.trouble !== "no-quorum"
    ? demoted(s)
    : wait(o, "quorum-lost", "this manager's swarm has no quorum: it can't be demoted");
}

function demoted(s: Scene): Decision {
  const { o, engine } = s;
  // Its manager has stopped, or its Engine refuses: where nobody is left to renew its certificate, it goes as a worker.
  const isAlone = engine.swarm === null && heldMs(o, "demotion-pending") >= CERTIFICATE_MS;
  if (isAlone) return workerLeaves(s);
  const because = "it was demoted, and its Engine has no worker's certificate yet";
  return { ...wait(o, "demotion-pending", because), keeps: "others" };
}

/** Twice what an Engine takes to find its new certificate. */
const CERTIFICATE_MS = 60_000;

/** The last manager of a swarm takes back what it has begun, and stays. */
function lastOne(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {
  if (votersOf(swarm).length > 1) return null;
  const undone = undoLeave(s, swarm);
  if (undone !== null) return undone;
  const because = `it is the last manager of the founded swarm ${brief(record)}`;
  if (record.members.some((member) => isMe(member, s.me) && member.leaving)) {
    const write = { as: "register", rule: "undo-leave", because } as const;
    return writeRecord(s, write, (w) => registered(record, { ...w, leaving: false }));
  }
  const held = isGoingByGroup(s.o)
    ? "; Auto Scaling's hook, if there is one, is not completed"
    : "";
  return fail(5, "last-manager", because + held);
}

function goingOut(
  s: Scene,
  record: FoundingRecord,
  swarm: SwarmView,
  node: SwarmNode,
): Decision {
  const { o, me } = s;
  const { nodeId, version, availability } = node;
  const turn = turnOf(s, record, swarm);
  const isRefused = o.memory.kept.includes(nodeId);
  if (node.labels[LEFT_LABEL] === undefined && turn.heirs.length > 0 && !isRefused) {
    const labels = leftLabels(me.instance, availability);
    const change = { availability: "drain" as const, labels };
    return act(
      { kind: "update", as: "drain", nodeId, version, change },
      "drain-leaving",
      `${me.instance} leaves: what runs here moves elsewhere`,
    );
  }
  if (turn.why !== null) return wait(o, "leave-turn", turn.why);
  const isMarked = record.members.some((member) => isMe(member, me) && member.leaving);
  // The mark is also what confirms the record, for somebody without a label to be taken for dead.
  if (!isMarked || !isConfirmed(s, record) || proofOf(s, record, swarm) !== null) {
    const write = {
      as: "mark",
      rule: "mark-leaving",
      because: `${me.instance} leaves the founded swarm ${brief(record)}`,
    } as const;
    return writeRecord(s, write, (w) => marked(record, w));
  }
  // Who has died since this round began still looks well to the swarm, which would let this one go then.
  if (o.memory.isProven) stop(look({ kind: "engine" }, probeOf(s) ?? false));
  return demoteSelf(s, turn.heirs.length, node, swarm);
}

/** Who goes on as a manager, for now at least, and why it is not this one's turn; null: it is. */
function turnOf(
  s: Scene,
  record: FoundingRecord,
  swarm: SwarmView,
): { heirs: SwarmNode[]; why: string | null } {
  const { me, o } = s;
  const known = instances(s, record.members);
  // Who votes no more counts no more, however long its tasks take.
  const votes = addressesOf(votersOf(swarm));
  const own = record.members.findIndex((member) => isMe(member, me) && member.leaving);
  // Marks are in the order in which they were set: of two that begin anew the first goes first.
  const before = own === -1 ? record.members : record.members.slice(0, own);
  const leavers = before.filter((one) =>
    one.leaving && !isMe(one, me) && votes.includes(one.address) && !gone(s, one, known)
  );
  const answered = answering(s);
  const heirs = swarm.nodes.filter(({ nodeId, voter, state, desired }) =>
    voter?.reachable === true && state === "ready" && desired === "manager" &&
    nodeId !== s.engine.nodeId && answered.includes(voter.address)
  );
  const why = leavers.length === 0 || isRushed(o)
    ? null
    : `others leave at this moment: ${membersText(leavers, known)}`;
  return { heirs, why };
}

function demoteSelf(s: Scene, heirs: number, node: SwarmNode, swarm: SwarmView): Decision {
  const { o, me } = s;
  const { nodeId, version, desired, observed } = node;
  const left = votersOf(swarm).length - 1;
  const needed = Math.floor(left / 2) + 1;
  if (heirs < needed) {
    return wait(
      o,
      "leave-quorum",
      `of the ${left} other managers ${heirs} answer, and ${needed} are needed for a quorum`,
    );
  }
  if (o.memory.kept.includes(nodeId)) {
    return wait(o, "leave-quorum", "the swarm has refused to demote this manager now");
  }
  if (desired === "worker") return demoted(s);
  return observed === "worker" ? demoted(s) : act(
    { kind: "update", as: "demote", nodeId, version, change: { role: "worker" } },
    "demote-itself",
    `${me.instance} leaves, and ${heirs} of the ${left} other managers answer`,
  );
}
