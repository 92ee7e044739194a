/**
 * How the swarm stands, in one word: from what a survey has looked at and found. And what that word stands
 * on: who votes and is reached, zone by zone, and who shows the tokens that joiners need.
 */
import { instanceOf, isGone, isMe, isReached, isSameSwarm, others } from "./members.ts";
import { seenAt } from "./needs.ts";
import { brief } from "./words.ts";
import { STORES } from "../stores.ts";
import type { Engine, Finding, Instance, Observation, SwarmNode, SwarmView } from "../state.ts";
import type { FoundingRecord, LedgerView, Member } from "../founding.ts";

/** Each verdict's exit code. `lost`: it takes a person, or machines that come back. `none`: there is no swarm yet. */
export const VERDICT_EXITS = { ok: 0, degraded: 3, lost: 5, none: 3 } as const;

export interface Standing {
  verdict: keyof typeof VERDICT_EXITS;
  because: string;
}

/** Who votes. `canLose`: how many more may go, or whether all of a zone may, with the quorum kept for certain. */
export interface Quorum {
  total: number;
  reachable: number;
  needed: number;
  canLose: number;
  zones: { zone: string | null; voters: number; canLose: boolean }[];
}

/** Who shows the swarm's tokens as they are now, who others, and which managers that are reached none. */
export interface ShownTokens {
  current: string[];
  stale: string[];
  missing: string[];
}

export function standingOf(o: Observation, findings: readonly Finding[]): Standing {
  const engine = engineOf(o);
  const record = recordOf(o);
  if (ledgerOf(o) !== null && record === null && engine?.state === "inactive") {
    return { verdict: "none", because: "no swarm is founded, and this node is in none" };
  }
  const lost = lossOf(o);
  if (lost !== null) return { verdict: "lost", because: lost };
  const rules = [...new Set(findings.filter(isBad).map(({ rule }) => rule))];
  const doubts = [
    ...(engine?.state === "inactive" ? ["this node is in no swarm"] : []),
    ...(rules.length > 0 ? [`see ${rules.join(", ")}`] : []),
  ];
  const because = [howText(o), ...doubts].join("; ");
  return { verdict: doubts.length > 0 ? "degraded" : "ok", because };
}

/** Warnings that are this node's alone: a join would be done all the same. */
const OWN_WARNINGS: readonly Finding["rule"][] = [
  "in-order",
  "permission-missing",
  "unit-stops-early",
  "hook-missing",
  "hook-short",
];

function isBad({ severity, rule }: Finding): boolean {
  return severity === "error" || (severity === "warning" && !OWN_WARNINGS.includes(rule));
}

/** Why the swarm is lost, for now or for good; null: it is not, as far as can be told from here. */
function lossOf(o: Observation): string | null {
  const engine = engineOf(o);
  const quorum = quorumOf(o);
  if (quorum !== null && quorum.reachable < quorum.needed) {
    return `${reachedText(quorum)}: nothing in this swarm can be changed until more come back`;
  }
  const record = recordOf(o);
  const isIn = record !== null && engine !== null && engine.swarm !== null &&
    isSameSwarm(record, engine);
  return record !== null && !isIn && isDeserted(o, record)
    ? `every manager of the founded swarm ${brief(record)} is gone`
    : null;
}

/** Whether nobody but this node could still be a manager of that swarm. */
function isDeserted(o: Observation, record: FoundingRecord): boolean {
  const { memory: { identity: me }, facts: { probe, instances } } = o;
  const engine = engineOf(o);
  const ledger = ledgerOf(o);
  if (me === null || engine === null || ledger === null) return false;
  const isListed = record.members.some((member) => isMe(member, me));
  if (engine.state !== "inactive" && isListed && isSameSwarm(record, engine)) return false;
  const left = others(record, me);
  if (left.length === 0) return true;
  if (!instances?.ok || !probe?.ok) return false;
  const evidence = {
    me,
    instances: instances.value,
    answering: probe.value,
    serverMs: ledger.serverMs,
  };
  return left.every((member) => isGone(member, evidence));
}

/** Who votes in this manager's swarm; null: it is none, or can't tell. */
export function quorumOf(o: Observation): Quorum | null {
  const engine = engineOf(o);
  if (engine?.manager !== true) return null;
  if (engine.swarm === null) return leaderlessOf(o, engine);
  const voters = engine.swarm.nodes.filter(({ voter }) => voter !== null);
  const there = voters.filter(isReached);
  const counted = countOf(voters.length, there.length);
  const unplaced = there.filter((node) => zoneOf(o, node) === null).length;
  const zones = [...new Set(voters.map((node) => zoneOf(o, node)))];
  return {
    ...counted,
    zones: zones.map((zone) => {
      const isIn = (node: SwarmNode): boolean => zoneOf(o, node) === zone;
      // Who is nobody knows where may be there too.
      const lost = there.filter(isIn).length + (zone === null ? 0 : unplaced);
      const canLose = there.length - lost >= counted.needed;
      return { zone, voters: voters.filter(isIn).length, canLose };
    }),
  };
}

/**
 * Of a manager whose swarm has no leader: nobody can read then who votes. Its Engine's list of managers is
 * raft's, seconds old; who of them is there, only a connection tells.
 */
function leaderlessOf({ facts: { probe } }: Observation, engine: Engine): Quorum | null {
  // One that was just demoted says nothing of a leader.
  if (engine.trouble !== "no-quorum") return null;
  const others = engine.peers.filter((address) => address !== engine.address);
  if (others.length > 0 && !probe?.ok) return null;
  const answering = probe?.ok ? probe.value : [];
  const there = others.filter((address) => answering.includes(address)).length;
  return { ...countOf(others.length + 1, there + 1), zones: [] };
}

function countOf(total: number, reachable: number): Omit<Quorum, "zones"> {
  const needed = Math.floor(total / 2) + 1;
  return { total, reachable, needed, canLose: Math.max(0, reachable - needed) };
}

/** The zone that this node is in, by its label or by EC2; null: neither says. */
export function zoneOf(o: Observation, node: SwarmNode): string | null {
  const label = node.labels["swarm-join.zone"];
  return label ?? shownOf(o, instanceOf(node), seenAt(node))
    ?.placement?.zone ??
    null;
}

/** What EC2 shows of this instance; of a null one, of the one that lives at this address. */
export function shownOf(o: Observation, instance: string | null, address: string): Instance | null {
  const { instances } = o.facts;
  const known = instances?.ok ? instances.value : [];
  return known.find((one) =>
    instance === null ? one.address === address : one.instance === instance
  ) ?? null;
}

/** The member's node: of several by the same label that which lives, or is the newest. Null: none that is known. */
export function nodeOf(o: Observation, member: Member, { nodes }: SwarmView): SwarmNode | null {
  const me = o.memory.identity;
  const own = me !== null && isMe(member, me)
    ? nodes.find(({ nodeId }) => nodeId === engineOf(o)?.nodeId)
    : undefined;
  if (own !== undefined) return own;
  const rank = ({ state, createdMs }: SwarmNode): number => state === "down" ? -1 : createdMs;
  const isIts = (node: SwarmNode): boolean => {
    const instance = instanceOf(node);
    return instance === null
      ? [node.voter?.address, node.address].includes(member.address)
      : instance === member.instance;
  };
  return nodes.filter(isIts).toSorted((a, b) => rank(b) - rank(a))[0] ?? null;
}

/** Who shows which tokens; null: only a manager with quorum knows what they are. */
export function tokensOf(o: Observation): ShownTokens | null {
  const { config, facts: { tokens } } = o;
  const swarm = engineOf(o)?.swarm ?? null;
  if (swarm === null || !tokens?.ok) return null;
  const shown = tokens.value.filter(({ cluster }) =>
    cluster === null || cluster === config.cluster
  );
  const isCurrent = ({ manager, worker }: typeof shown[number]): boolean =>
    manager?.digest === swarm.managerToken.digest && worker?.digest === swarm.workerToken.digest;
  const current = shown.filter(isCurrent).map(({ by }) => by);
  const stale = shown.filter((one) => !isCurrent(one)).map(({ by }) => by);
  const all = [...current, ...stale];
  const isBySwarm = STORES[config.store.kind].tokensBy === "swarm";
  const missing = isBySwarm
    ? (all.length > 0 ? [] : ["the store"])
    : (recordOf(o)?.members ?? []).flatMap((member) => {
      const node = nodeOf(o, member, swarm);
      return node !== null && isReached(node) && member.instance !== null &&
          !all.includes(member.instance)
        ? member.instance
        : [];
    });
  return { current, stale, missing };
}

function howText(o: Observation): string {
  const quorum = quorumOf(o);
  if (quorum !== null) {
    const { canLose } = quorum;
    if (engineOf(o)?.swarm === null) {
      return `this manager sees no leader of its swarm, though ${reachedText(quorum)}`;
    }
    return `${reachedText(quorum)}: ${canLose === 0 ? "none" : canLose} may be lost`;
  }
  const { memory: { identity: me }, facts: { probe } } = o;
  const record = recordOf(o);
  if (record === null || me === null) return "nobody knows who its managers are";
  const members = others(record, me);
  if (!probe?.ok) {
    return `who of the record's ${members.length} other managers answers is not known`;
  }
  const there = members.filter(({ address }) => probe.value.includes(address)).length;
  return `${there} of the record's ${members.length} other managers answer here`;
}

function reachedText({ total, reachable, needed }: Quorum): string {
  const beOf = (count: number): string => count === 1 ? "is" : "are";
  return `${reachable} of ${total} managers ${beOf(reachable)} reached, and ${needed} ${
    beOf(needed)
  } needed`;
}

function engineOf({ facts }: Observation): Engine | null {
  return facts.engine?.ok ? facts.engine.value : null;
}

function ledgerOf({ facts }: Observation): LedgerView & { kind: "settled" } | null {
  const view = facts.ledger?.ok ? facts.ledger.value : null;
  return view?.kind === "settled" ? view : null;
}

function recordOf(o: Observation): FoundingRecord | null {
  return ledgerOf(o)?.record ?? null;
}
