/**
 * Which of the swarm's nodes are dead for certain, and what is done about them: a dead voter is demoted, a
 * node without a vote is removed. Down, unreachable and unseen are not death: EC2's word on the instance is,
 * or this node's own, of nodes that this very machine has been.
 */
import { rangesOverlap } from "../../addresses.ts";
import { instanceOf, isForgotten, LEFT_LABEL } from "../members.ts";
import { answering, instances, instancesLook, need, seenAt, softly } from "../needs.ts";
import { heldMs, isLate } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, wait } from "../verdict.ts";
import { gone } from "../writes.ts";
import type { Decision, Instance, SwarmNode, SwarmView } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

/** `proof`: that would have to be confirmed first, by a write of the record. */
type Death = { kind: "dead"; why: string } | { kind: "proof"; why: string };

/** Why this node is dead; null: it lives, or nobody can tell. */
export function deathOf(s: Scene, record: FoundingRecord, node: SwarmNode): Death | null {
  const { engine, me } = s;
  if (node.state !== "down" || node.nodeId === engine.nodeId) return null;
  const instance = instanceOf(node);
  if (instance === null) return unlabelled(s, record, node);
  if (instance === me.instance) return dead(`this machine was ${node.nodeId} before`);
  if (isAnotherNow(s, node, instance)) return dead(`${instance} is another node now`);
  const known = need(s.o, instancesLook(s));
  if (isMistaken(node, instance, known)) return null;
  const shown = known.find((one) => one.instance === instance);
  if (shown !== undefined) {
    // From `shutting-down` nobody comes back, and its Engine is off already.
    const isOver = shown.state === "terminated" || shown.state === "shutting-down";
    return isOver ? dead(`${instance} is ${shown.state}`) : null;
  }
  const member = { instance, address: node.address, sinceMs: node.createdMs, leaving: false };
  return isForgotten(member, { me, instances: known, serverMs: s.ledger.serverMs })
    ? dead(`EC2 knows ${instance} no more`)
    : null;
}

/** A machine whose Engine was wiped, or that went and came back, is a newer node that is well. */
function isAnotherNow({ engine }: Scene, node: SwarmNode, instance: string): boolean {
  return engine.swarm?.nodes.some((other) =>
    other.nodeId !== node.nodeId && instanceOf(other) === instance && other.state === "ready" &&
    other.createdMs > node.createdMs
  ) ?? false;
}

/** Whether another machine, which may have been this node all along, has its address: an old read may have named the wrong one. */
function isMistaken(node: SwarmNode, instance: string, known: Instance[]): boolean {
  const address = seenAt(node);
  return known.some((one) =>
    one.address === address && one.instance !== instance && one.state !== "terminated" &&
    one.launchMs !== null && one.launchMs < node.createdMs
  );
}

/**
 * A node that died before it was labelled. Everybody alive who votes is in the record: so one is dead at
 * whose address nobody answers, EC2 shows no machine that could be it, and the record, as a write has just
 * confirmed it, lists nobody who lives. Of plain workers nobody can tell.
 */
function unlabelled(s: Scene, record: FoundingRecord, node: SwarmNode): Death | null {
  const { me, o } = s;
  if (node.desired === "worker") return null;
  const address = seenAt(node);
  if (address === "") return null;
  if (address === s.address) return dead("it has this machine's address, and is another node");
  const isInVpc = me.vpcRanges?.some((range) =>
    rangesOverlap(`${address}/${bits(address)}`, range)
  );
  if (isInVpc !== true) return null;
  const known = need(o, instancesLook(s));
  // Only the machine that has its address now can tell: it may be this very one, stopped and started.
  const isHeld = known.some((one) => one.address === address && one.state !== "terminated");
  const isListed = record.members.some((member) =>
    member.address === address && !gone(s, member, known)
  );
  // Who was in the swarm before anybody in the record may never have been listed.
  const isYoung = record.members.some(({ sinceMs }) => sinceMs <= node.createdMs);
  if (isHeld || isListed || !isYoung || answering(s).includes(address)) return null;
  const why = `EC2 shows no machine at ${address}, where ${node.nodeId} was`;
  return o.memory.isProven ? dead(why) : { kind: "proof", why };
}

function bits(address: string): number {
  return address.includes(":") ? 128 : 32;
}

function dead(why: string): Death {
  return { kind: "dead", why };
}

/** Why the record has to be confirmed before somebody without a label is taken for dead; null: it need not be. */
export function proofOf(s: Scene, record: FoundingRecord, swarm: SwarmView): string | null {
  const { refused } = s.o.memory;
  for (const node of swarm.nodes.filter(({ nodeId }) => !refused.includes(nodeId))) {
    const death = deathOf(s, record, node);
    if (death?.kind === "proof") return death.why;
  }
  return null;
}

/** The next step against the dead: one voter at a time, then those that have no vote any more. */
export function reap(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {
  const { kept } = s.o.memory;
  const open = swarm.nodes.filter(({ nodeId }) => !kept.includes(nodeId));
  for (const node of open.filter(({ voter }) => voter !== null)) {
    const death = deathOf(s, record, node);
    if (death?.kind !== "dead") continue;
    const decision = demote(node, death.why);
    if (decision !== null) return decision;
  }
  for (const node of open.filter((one) => one.voter === null || isStowaway(one))) {
    const why = overOf(s, record, node);
    if (why === null) continue;
    return act(
      { kind: "remove", nodeId: node.nodeId },
      "remove-dead-node",
      `${node.nodeId}: ${why}`,
    );
  }
  return null;
}

/**
 * Listed as a worker, and votes: its certificate came too late, and its manager had joined raft again. The
 * swarm removes such a node when it is down, and its vote with it; promoted, one that lives panics (tried
 * on 20.10 and 28.5).
 */
function isStowaway({ voter, desired, observed }: SwarmNode): boolean {
  return voter !== null && desired === "worker" && observed === "worker";
}

/** Null: it was told before, and goes when the swarm's quorum allows. */
function demote(node: SwarmNode, why: string): Decision | null {
  const { nodeId, version, desired, observed, labels, availability } = node;
  if (desired === "worker") return null;
  const who = `the manager ${nodeId}: ${why}`;
  if (observed === "worker") return null;
  // Whoever sees it next knows what became of it without a proof.
  const left = labels[LEFT_LABEL] ?? availability;
  return act(
    {
      kind: "update",
      as: "demote",
      nodeId,
      version,
      change: { role: "worker", labels: { [LEFT_LABEL]: left } },
    },
    "demote-dead-voter",
    who,
  );
}

/** Why a node without a vote may be taken out of the list; null: it may not. */
export function overOf(s: Scene, record: FoundingRecord, node: SwarmNode): string | null {
  const { state, desired, observed } = node;
  if (state !== "down" || node.nodeId === s.engine.nodeId) return null;
  if (desired === "worker" && observed === "manager") return null;
  const death = deathOf(s, record, node);
  if (death?.kind === "dead") return death.why;
  return desired === "worker" && hasLeft(s, record, node) ? "it has left" : null;
}

/**
 * Whether a node that said that it leaves has left. One that is only off in the middle of it comes back: a
 * manager has its entry in the record until it is out, a worker its word. (A removed node could not come
 * back as what it was.) Where reads may be old, what they don't show may be there: then it stays listed
 * until it is dead.
 */
function hasLeft({ o, traits }: Scene, record: FoundingRecord, node: SwarmNode): boolean {
  if (node.labels[LEFT_LABEL] === undefined) return false;
  const instance = instanceOf(node);
  // Whoever leaves has both labels: this one was demoted because it was proven dead.
  if (instance === null) return true;
  if (traits.readsMayBeOld) return false;
  const isListed = record.members.some((member) => member.instance === instance);
  if (isListed) return false;
  const words = softly(o, { kind: "words", instance: null });
  return words !== null && !words.some(({ nodeId }) => nodeId === node.nodeId);
}

/** How long a run waits for a machine to be gone, so that the next one that goes finds no dead voter. */
const GOING_MS = 5 * 60_000;

/** Waits for those to be reaped, for a time. */
export function awaitGoing(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision | null {
  const going = goingOf(s, record, swarm);
  const isLong = heldMs(s.o, "voter-going") >= GOING_MS || isLate(s.o);
  if (going.length === 0 || isLong) return null;
  return wait(
    s.o,
    "voter-going",
    `a manager that goes, or does not answer, is still listed: ${going.join(", ")}`,
  );
}

/**
 * Who is on the way out: a voter whose instance is shutting down; or is terminated, and the swarm has not
 * noticed, or not carried out what it was told; and who has lost its vote for that a moment ago.
 */
export function goingOf(s: Scene, record: FoundingRecord, swarm: SwarmView): string[] {
  return [...votersGoing(s, record, swarm), ...votelessGoing(s, record, swarm)];
}

/** The swarm writes what a node is some seconds after it took the vote away: only then is it removed. */
function votelessGoing(s: Scene, record: FoundingRecord, { nodes }: SwarmView): string[] {
  return nodes.filter((node) =>
    node.voter === null && node.state === "down" && node.desired === "worker" &&
    node.observed === "manager" &&
    (node.labels[LEFT_LABEL] !== undefined || deathOf(s, record, node) !== null)
  ).map((node) => `${instanceOf(node) ?? node.nodeId}, which was just demoted`);
}

function votersGoing(s: Scene, record: FoundingRecord, swarm: SwarmView): string[] {
  const { me, engine } = s;
  const voters = swarm.nodes.filter(({ nodeId, voter }) =>
    voter !== null && nodeId !== engine.nodeId
  );
  if (voters.length === 0) return [];
  // Whoever is labelled and listed no more was dropped as gone, while the swarm may not have noticed yet.
  const named = voters.map((node) => ({ ...MEMBER, instance: instanceOf(node) }))
    .filter(({ instance }) => instance !== null);
  const known = instances(s, [...record.members, ...named]);
  return voters.flatMap((node) => {
    const address = node.voter?.address ?? "";
    const instance = instanceOf(node) ??
      record.members.find((member) => member.address === address)?.instance ?? null;
    if (instance === me.instance) return [`${node.nodeId}, which this machine was before`];
    const state = stateOf(instance, known);
    const isGoing = isSilent(s, node) || state === "shutting-down" || state === "terminated" ||
      (node.state === "down" && node.labels[LEFT_LABEL] !== undefined) ||
      deathOf(s, record, node) !== null;
    return isGoing ? [`${instance ?? node.nodeId} (${address}, ${state})`] : [];
  });
}

/**
 * Whether a voter that this run has found, coming in, does not answer its swarm, whatever EC2 says: it boots,
 * or EC2 has yet to show that it goes. It is often the one that this node replaces.
 */
function isSilent({ o, record }: Scene, node: SwarmNode): boolean {
  const isSoon = heldMs(o, "voter-going") < SILENT_MS;
  if (!isSoon || !o.memory.did.includes("join")) return false;
  if (node.state === "down" || !node.voter?.reachable) return true;
  // Everybody alive who votes is listed: one that died before it had a label looks well for some seconds yet.
  return instanceOf(node) === null &&
    !record?.members.some(({ address }) => address === node.voter?.address);
}

const SILENT_MS = 2 * 60_000;

const MEMBER = { address: "", sinceMs: 0, leaving: false };

function stateOf(instance: string | null, known: Instance[]): Instance["state"] | "not shown" {
  return known.find((one) => one.instance === instance)?.state ?? "not shown";
}
