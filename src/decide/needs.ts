/**
 * The facts that rules ask for. A rule asks where it needs one and reads on as if it had it: where the
 * fact was not looked at yet, or is a fault, deciding stops with what that means.
 */
import { faulted } from "./faults.ts";
import { instanceOf, isSameSwarm, others, questionOf, reached } from "./members.ts";
import type { Scene } from "./scene.ts";
import { look } from "./verdict.ts";
import type { CallOf, Look, LookKind, Seen } from "../calls.ts";
import type { Answer, Decision, Engine, Instance, Observation, Role, SwarmNode } from "../state.ts";
import type { Shown } from "../shown.ts";
import type { Member } from "../founding.ts";

/** Ends deciding early. No error, and nothing but `decided` catches it. */
class Stop {
  constructor(readonly decision: Decision) {}
}

/** What rules decide, where they may stop early. */
export function decided(rules: () => Decision): Decision {
  try {
    return rules();
  } catch (stop) {
    if (stop instanceof Stop) return stop.decision;
    throw stop;
  }
}

/** Decides so, here and now. */
export function stop(decision: Decision): never {
  throw new Stop(decision);
}

/** What these rules come to; null: a fact that they ask for is not known. */
export function ifKnown<T>(rules: () => T): T | null {
  try {
    return rules();
  } catch (stop) {
    if (stop instanceof Stop) return null;
    throw stop;
  }
}

/** The fact that this look gives. */
export function need<K extends LookKind>(o: Observation, call: CallOf<K>): Seen[K] {
  const fact = o.facts[call.kind] as Answer<Seen[K]> | undefined;
  if (fact === undefined || !isKnown(o, call as Look)) stop(look(widened(o, call as Look)));
  return fact.ok ? fact.value : stop(faulted(o, fact.fault));
}

/** Whether what this look would give is known: it was made, and asked of all of these. */
export function isKnown({ facts, memory: { asked } }: Observation, call: Look): boolean {
  if (facts[call.kind]?.ok !== true) return facts[call.kind] !== undefined;
  const covers = (all: string[] | undefined, some: string[]): boolean =>
    all === undefined || some.every((one) => all.includes(one));
  if (call.kind === "instances") {
    return covers(asked.instances?.ids, call.ids) &&
      covers(asked.instances?.addresses, call.addresses);
  }
  return call.kind !== "probe" || covers(asked.probe ?? undefined, call.addresses);
}

/** The same, asked also of those that it was asked of before: each rule then finds its own in the answer. */
function widened({ facts, memory: { asked } }: Observation, call: Look): Look {
  if (facts[call.kind] === undefined) return call;
  const both = (some: string[], more: string[] = []): string[] => [...new Set([...some, ...more])];
  if (call.kind === "instances") {
    const { ids, addresses } = asked.instances ?? {};
    return { ...call, ids: both(call.ids, ids), addresses: both(call.addresses, addresses) };
  }
  return call.kind === "probe"
    ? { ...call, addresses: both(call.addresses, asked.probe ?? []) }
    : call;
}

/** Of these looks, those that were not made yet are made first, side by side. */
export function together(o: Observation, ...calls: (Look | false)[]): void {
  const unseen = calls.filter((call) => call !== false && !isKnown(o, call)) as Look[];
  if (unseen.length > 0) stop(look(...unseen.map((call) => widened(o, call))));
}

/** What EC2 shows of these members, this node, and whoever is where its Engine knows managers. */
export function instances(s: Scene, members: Member[]): Instance[] {
  const isAsked = s.o.facts.instances?.ok === true || unknownManagers(s).length > 0;
  return (isAsked ? null : shownAlive(s, members)) ?? need(s.o, instancesLook(s));
}

/** The fact that this look gives, where the run goes on without it: null for one that can't be had. */
export function softly<K extends LookKind>(o: Observation, call: CallOf<K>): Seen[K] | null {
  const fact = o.facts[call.kind] as Answer<Seen[K]> | undefined;
  if (fact === undefined) stop(look(call as Look));
  return fact.ok ? fact.value : null;
}

/** The one question to EC2 in a round: a fact answers all that ask for it. */
export function instancesLook(s: Scene): CallOf<"instances"> {
  const { me, record, ledger } = s;
  const { ids, addresses } = questionOf(
    record?.members ?? [],
    me,
    unknownManagers(s),
    ledger.serverMs,
  );
  const unnamed = [...nameless(s), ...unnamedDown(s)];
  return {
    kind: "instances",
    ids: [...new Set([...ids, ...suspects(s).flatMap((node) => instanceOf(node) ?? [])])],
    addresses: [
      ...new Set([...addresses, ...[...unnamed, ...suspects(s)].map(seenAt)]),
    ].filter((address) => address !== ""),
  };
}

/** Nodes that are down, and voters that can't be reached, or that the record does not list (any more). */
function suspects({ engine, record }: Scene): SwarmNode[] {
  return (engine.swarm?.nodes ?? []).filter((node) => {
    if (node.state === "down" || node.voter === null) return node.state === "down";
    return !node.voter.reachable ||
      !(record?.members.some(({ instance }) => instance === instanceOf(node)) ?? false);
  }).filter((node) => instanceOf(node) !== null);
}

/**
 * The other nodes that are ready and have no label yet. Who comes while this run labels others is the next
 * run's: EC2 is asked once, however many come.
 */
export function nameless({ engine, o }: Scene): SwarmNode[] {
  const { instances } = o.memory.asked;
  const isAsked = o.facts.instances?.ok === true && instances !== null;
  if (o.memory.did.filter((kind) => kind === "label").length >= LABELS_MAX) return [];
  return (engine.swarm?.nodes ?? []).filter((node) =>
    node.nodeId !== engine.nodeId && node.state === "ready" && seenAt(node) !== "" &&
    instanceOf(node) === null && !o.memory.kept.includes(node.nodeId) &&
    (!isAsked || instances.addresses.includes(seenAt(node)))
  );
}

/** In one run: others label too, and the next run goes on. */
const LABELS_MAX = 20;

/** Managers that are down and have no label: whether they are dead, only their address can tell. */
function unnamedDown({ engine }: { engine: Engine | null }): SwarmNode[] {
  return (engine?.swarm?.nodes ?? []).filter((node) =>
    node.state === "down" && instanceOf(node) === null && seenAt(node) !== "" &&
    (node.voter !== null || node.desired === "manager")
  );
}

/** Where its peers, or its managers, see it. */
export function seenAt({ voter, address }: SwarmNode): string {
  return voter?.address ?? address;
}

/** Where this node's Engine reaches managers that the record does not list. */
export function unknownManagers({ engine, record, address }: Scene): string[] {
  const listed = record?.members.map((member) => member.address) ?? [];
  const known = engine.swarm === null ? [] : reached(engine.swarm);
  return known.filter((one) => one !== address && !listed.includes(one));
}

/** The members besides this node, when the read of their tags has shown that none of them is terminated. */
export function shownAlive({ o, me, traits }: Scene, members: Member[]): Instance[] | null {
  const { tokens } = o.facts;
  if (traits.tokensBy === "swarm" || !tokens?.ok) return null;
  const living: Instance[] = [];
  for (const { instance, address } of members) {
    if (instance === me.instance) continue;
    const state = tokens.value.find(({ by }) => by === instance)?.state ?? "terminated";
    if (instance === null || state === "terminated" || o.memory.terminated.includes(instance)) {
      return null;
    }
    living.push({
      instance,
      state,
      address,
      roleTag: null,
      clusterTag: null,
      launchMs: null,
      placement: null,
      labelTags: {},
    });
  }
  return living;
}

export function tokens({ o }: Scene, fingerprint: string, want: Role[]): Shown[] {
  return need(o, { kind: "tokens", fingerprint, want });
}

/**
 * The addresses that accept connections on the swarm's port, of all that this node's rules ask about: a
 * fact is asked for once.
 */
export function answering(s: Scene): string[] {
  const probe = probeOf(s);
  return probe === null ? [] : need(s.o, probe);
}

/** Asks who answers of the record's other members and of the managers that this node's Engine knows; null: of nobody. */
export function probeOf(
  { o, me, engine, record }: Pick<Scene, "o" | "me" | "record"> & { engine: Engine | null },
): CallOf<"probe"> | null {
  const { neighbours } = o.facts;
  const addresses = new Set(
    record === null ? engine?.peers : addressesOf(others(record, me)),
  );
  // In the founded swarm nobody asks whether there is another one.
  const isIn = record !== null && engine !== null && isSameSwarm(record, engine);
  for (const { address } of neighbours?.ok && !isIn ? neighbours.value : []) addresses.add(address);
  const swarm = engine?.swarm ?? null;
  for (const address of swarm === null ? [] : reached(swarm)) addresses.add(address);
  for (const node of unnamedDown({ engine })) addresses.add(seenAt(node));
  // A manager whose swarm has no leader is told by nobody who is left of those that vote.
  for (const address of engine?.manager && swarm === null ? engine.peers : []) {
    addresses.add(address);
  }
  for (const own of [engine?.address ?? "", me.address, ...me.addresses]) addresses.delete(own);
  return addresses.size === 0 ? null : { kind: "probe", addresses: [...addresses] };
}

export function addressesOf(members: readonly { address: string }[]): string[] {
  return [...new Set(members.map(({ address }) => address))];
}
