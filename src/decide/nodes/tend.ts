/** What a manager does about the nodes of its swarm: label, reap, drain who leaves; and undo a leave of its own. */
import { awaitGoing, proofOf, reap } from "./dead.ts";
import { label, ownNode } from "./labels.ts";
import { instanceOf, LEFT_LABEL, leftLabels, refreshed } from "../members.ts";
import { softly } from "../needs.ts";
import type { Scene } from "../scene.ts";
import { act } from "../verdict.ts";
import { writeRecord } from "../writes.ts";
import { AVAILABILITIES } from "../../state.ts";
import type { Availability, Decision, SwarmNode, SwarmView, Word } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

/** Null: all nodes are as they should be, as far as can be told. */
export function tend(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {
  return label(s, swarm) ?? reap(s, record, swarm) ?? prove(s, record, swarm) ??
    heed(s, swarm) ?? awaitGoing(s, record, swarm);
}

/** Confirms the record, for somebody without a label to be taken for dead. */
function prove(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {
  const because = proofOf(s, record, swarm);
  if (because === null) return null;
  const write = { as: "refresh", rule: "refresh-record", because } as const;
  return writeRecord(s, write, (w) => refreshed(record, swarm, [], w));
}

/** Drains who says that it leaves, and takes that back for who says that it stays. Silence undoes nothing. */
function heed(s: Scene, { nodes }: SwarmView): Decision | null {
  const workers = nodes.filter(mayLeave);
  if (workers.length === 0) return null;
  const words = softly(s.o, { kind: "words", instance: null }) ?? [];
  for (const node of workers.filter(({ nodeId }) => !s.o.memory.kept.includes(nodeId))) {
    const word = words.find((one) => one.nodeId === node.nodeId);
    if (word !== undefined && isOpen(node, word)) return heeded(node, word);
  }
  return null;
}

function mayLeave({ voter, state, desired }: SwarmNode): boolean {
  return voter === null && state !== "down" && desired === "worker";
}

/** Whether this word is that of this node, which does not show yet that it was heeded. */
export function isOpen(node: SwarmNode, { nodeId, instance, leaves }: Heard): boolean {
  const isIts = nodeId === node.nodeId && [null, instance].includes(instanceOf(node));
  return isIts && mayLeave(node) && leaves === (node.labels[LEFT_LABEL] === undefined);
}

type Heard = Word & { instance: string };

function heeded(node: SwarmNode, { leaves, instance }: Heard): Decision {
  const { nodeId, version, availability } = node;
  const change = leaves
    ? { availability: "drain" as const, labels: leftLabels(instance, availability) }
    : { availability: before(node), labels: { [LEFT_LABEL]: null } };
  return act(
    { kind: "update", as: leaves ? "drain" : "undrain", nodeId, version, change },
    leaves ? "drain-leaving" : "undo-leave",
    `${instance} says that it ${leaves ? "leaves" : "stays after all"}`,
  );
}

/** What a manager's own leave, which was not carried through, has changed here: it stays after all. */
export function undoLeave(s: Scene, swarm: SwarmView): Decision | null {
  const node = ownNode(s, swarm);
  if (node === null || node.labels[LEFT_LABEL] === undefined) return null;
  if (s.o.memory.kept.includes(node.nodeId)) return null;
  const { nodeId, version, desired } = node;
  const role = desired === "worker" ? { role: "manager" as const } : {};
  const change = { ...role, availability: before(node), labels: { [LEFT_LABEL]: null } };
  return act(
    { kind: "update", as: desired === "worker" ? "promote" : "undrain", nodeId, version, change },
    "undo-leave",
    "a leave was begun here, and this machine stays",
  );
}

/** The availability that the tool's own drain took away. */
function before({ labels }: SwarmNode): Availability {
  return AVAILABILITIES.find((one) => one === labels[LEFT_LABEL]) ?? "active";
}
