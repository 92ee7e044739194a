/**
 * What a survey finds on the nodes of this manager's swarm: the dead and those that may be, votes that are
 * not as they should be, and what a leave has left behind. It says as much as a run would act on, and
 * beyond that what only a person can mend.
 */
import { deathOf, overOf } from "./dead.ts";
import { machineOf } from "./labels.ts";
import { instanceOf, isReached, isSameSwarm, LEFT_LABEL } from "../members.ts";
import { ifKnown, nameless, seenAt } from "../needs.ts";
import type { Scene } from "../scene.ts";
import { quorumOf, shownOf, tokensOf } from "../standing.ts";
import { membersText } from "../words.ts";
import { gone } from "../writes.ts";
import type { Rule } from "../../rules.ts";
import type { Finding, SwarmNode, SwarmView } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

/** The founded swarm and its record, where this node is a manager of it that can read it. */
export function foundedOf(
  { record, engine }: Scene,
): { record: FoundingRecord; swarm: SwarmView } | null {
  const { swarm } = engine;
  return record === null || swarm === null || !isSameSwarm(record, engine)
    ? null
    : { record, swarm };
}

export function nodesFound(s: Scene): Finding[] {
  const founded = foundedOf(s);
  if (founded === null) return [];
  const { record, swarm } = founded;
  return [
    ...swarm.nodes.flatMap((node) => [
      ...stateOf(s, record, node),
      ...drainLeft(s, record, node),
    ]),
    ...leftOver(s, swarm),
    ...leavers(s, record),
    ...staleTokens(s),
    ...spread(s),
    ...unnamed(s),
    ...outsiders(s, swarm),
  ];
}

/** What is wrong with a node and its vote: at most one thing. */
function stateOf(s: Scene, record: FoundingRecord, node: SwarmNode): Finding[] {
  const { voter, desired, observed, state } = node;
  const of = (
    rule: Rule,
    because: string,
    severity: Finding["severity"] = "warning",
  ): Finding[] => [
    { rule, severity, because: `${nodeText(s, node)} ${because}`, nodeId: node.nodeId },
  ];
  const death = ifKnown(() => deathOf(s, record, node)?.why ?? overOf(s, record, node));
  if (voter === null) {
    if (death !== null) return of("ghost-node", `has no vote, and is gone: ${death}`, "note");
    if (desired === "manager") {
      return of("vote-missing", `was let in as a manager, has no vote, and is ${state}`);
    }
    const isDown = state === "down" || state === "disconnected";
    return isDown ? of("node-down", `is ${state}, and not dead for certain`) : [];
  }
  const told = desired === "worker" ? "; it was told to be a worker" : "";
  if (death !== null) return of("ghost-voter", `is dead, and still votes: ${death}${told}`);
  if (told !== "" && observed === "worker") {
    return of("stowaway", "is listed as a worker, and votes");
  }
  if (told !== "") return of("demotion-standing", "was told to be a worker, and still votes");
  if (isReached(node)) return [];
  const how = voter.reachable ? "" : " and not reached";
  return of("voter-silent", `votes, is ${state}${how}, and is not dead for certain`);
}

/** A node that is up, drained by a leave that nobody goes on with. */
function drainLeft(s: Scene, record: FoundingRecord, node: SwarmNode): Finding[] {
  const { words } = s.o.facts;
  const isLeft = node.labels[LEFT_LABEL] !== undefined;
  if (!isLeft || node.state !== "ready" || !words?.ok) return [];
  const instance = instanceOf(node);
  const isSaid = words.value.some((word) => word.nodeId === node.nodeId && word.leaves) ||
    record.members.some((member) => member.leaving && member.instance === instance);
  return isSaid ? [] : [{
    rule: "drain-left-over",
    severity: "warning",
    because: `${nodeText(s, node)} is ready, and was drained by a leave that nobody goes on with`,
    nodeId: node.nodeId,
  }];
}

/** Managers that the Engine knows of and the list does not: its cache is the only place where such a vote shows. */
function leftOver({ engine }: Scene, { nodes }: SwarmView): Finding[] {
  const listed = nodes.map(({ voter }) => voter?.address);
  const odd = engine.peers.filter((one) => one !== engine.address && !listed.includes(one));
  return odd.map((address) => ({
    rule: "vote-left-over",
    severity: "warning",
    because: `its Engine knows a manager at ${address}, and no node that votes is listed there`,
  }));
}

/** Other members that are marked and not gone. */
function leavers(s: Scene, record: FoundingRecord): Finding[] {
  const { instances } = s.o.facts;
  const known = instances?.ok ? instances.value : [];
  const marked = record.members.filter((one) =>
    one.leaving && ifKnown(() => gone(s, one, known)) === false
  );
  return marked.map((member) => ({
    rule: "member-leaving",
    severity: "warning",
    because: `${membersText([member], known)} has said that it leaves, and is there`,
  }));
}

function staleTokens({ o }: Scene): Finding[] {
  const tokens = tokensOf(o);
  if (tokens === null) return [];
  const { stale, missing } = tokens;
  const said = [
    ...(stale.length === 0
      ? []
      : [`tokens that are not the swarm's are shown by ${stale.join(", ")}`]),
    ...(missing.length === 0 ? [] : [`no tokens are shown by ${missing.join(", ")}`]),
  ];
  return said.map((because) => ({ rule: "tokens-stale", severity: "warning", because }));
}

/** How the voters are spread: less well than as many could be. */
function spread({ o }: Scene): Finding[] {
  const quorum = quorumOf(o);
  if (quorum === null) return [];
  const { total, needed, zones } = quorum;
  const found: Finding[] = [];
  if (total % 2 === 0) {
    const stand = total - needed;
    const because = `${total} managers vote: they stand ${
      stand === 0 ? "no loss" : `${stand} lost`
    }, as ${total - 1} would`;
    found.push({ rule: "voters-even", severity: "note", because });
  }
  // Where fewer vote, the loss of any of them may take the quorum.
  const decides = total < 3
    ? []
    : zones.filter(({ zone, voters }) => zone !== null && total - voters < needed);
  for (const { zone, voters } of decides) {
    const because =
      `${voters} of ${total} managers are in ${zone}: with that zone the quorum is lost`;
    found.push({ rule: "zone-decides", severity: "note", because });
  }
  return found;
}

/** Nodes that are up, and that EC2 can't show for certain. */
function unnamed(s: Scene): Finding[] {
  const { instances } = s.o.facts;
  const lost = instances?.ok
    ? nameless(s).filter((node) => machineOf(node, instances.value) === null)
    : [];
  return lost.length === 0 ? [] : [{
    rule: "node-nameless",
    severity: "note",
    because: `nobody can tell which instances these nodes are: ${
      lost.map(({ nodeId, address }) => `${nodeId} (${address})`).join(", ")
    }`,
  }];
}

/**
 * Machines with a role that have long been up and are no node of the swarm. One that was removed while it ran
 * can't know it: its Engine goes on saying that all is well.
 */
function outsiders({ o }: Scene, { nodes }: SwarmView): Finding[] {
  const { neighbours } = o.facts;
  if (!neighbours?.ok) return [];
  const isIn = (instance: string): boolean =>
    neighbours.value.some((one) =>
      one.instance === instance &&
      (one.runningMs < BOOTING_MS ||
        nodes.some((node) =>
          instanceOf(node) === instance || [seenAt(node), node.address].includes(one.address)
        ))
    );
  const outside = [...new Set(neighbours.value.map(({ instance }) => instance))]
    .filter((instance) => !isIn(instance));
  return outside.map((instance) => ({
    rule: "machine-outside",
    severity: "note",
    because: `${instance} runs, has a role, and is no node of this swarm`,
  }));
}

/** A machine that boots is no node yet. */
const BOOTING_MS = 15 * 60_000;

/** `the node n1 (i-0a, 10.0.0.5, stopped)`. */
function nodeText({ o }: Scene, node: SwarmNode): string {
  const instance = instanceOf(node);
  const address = seenAt(node);
  const state = instance === null ? "" : shownOf(o, instance, address)?.state ?? "";
  const detail = [instance ?? "", address, state].filter((it) => it !== "");
  return `the node ${node.nodeId}${detail.length === 0 ? "" : ` (${detail.join(", ")})`}`;
}
