/**
 * The founding record's members: who is listed, who is gone, and the record that each write makes of
 * the one that was read.
 */
import type { Availability, Engine, Identity, Instance, SwarmNode, SwarmView } from "../state.ts";
import type { FoundingRecord, Member, Position } from "../founding.ts";

/** EC2 forgets a terminated instance after about an hour; a younger entry may just not be shown yet. */
const FORGOTTEN_MS = 60 * 60 * 1000;
/** Enough to recognise a worker's dead swarm, and small enough for a launch template's user data. */
const FINGERPRINTS_MAX = 30;

/** What a member's fate is judged by: who asks, what EC2 shows, who answers, and the ledger's server's clock. */
interface Evidence {
  me: Identity;
  instances: Instance[];
  answering: string[];
  serverMs: number;
}

/** Whether this entry is this node: by its id, or by its own first address where only that is known; others may have been another node's. */
export function isMe({ instance, address }: Member, me: Identity): boolean {
  return instance === null ? address === me.address : instance === me.instance;
}

/** The members other than this node. */
export function others(record: FoundingRecord, me: Identity): Member[] {
  return record.members.filter((member) => !isMe(member, me));
}

/** Whether this node is listed, at this address. */
export function isListed(record: FoundingRecord, me: Identity, address: string): boolean {
  return record.members.some((member) =>
    member.instance === me.instance && member.address === address
  );
}

/**
 * Whether a member is gone for good: EC2 says `terminated` of its instance; or EC2 seems to have forgotten
 * it and it does not answer. Stopped, unreachable or unseen is not gone; nor is, ever, who is known by
 * its address only: EC2 could not show that one.
 */
export function isGone(member: Member, evidence: Evidence): boolean {
  const known = evidence.instances.find(({ instance }) => instance === member.instance);
  if (known !== undefined) return known.state === "terminated";
  if (!isForgotten(member, evidence)) return false;
  // Whoever has its address now, as EC2 gives it to others again, answers for itself.
  return !evidence.answering.includes(member.address) ||
    holderOf(member.address, evidence.instances) !== null;
}

/** Whether EC2 knows this instance and no longer knows that one, an hour after it was listed. */
export function isForgotten(
  member: Member,
  { me, instances, serverMs }: Omit<Evidence, "answering">,
): boolean {
  const isKnown = (id: string): boolean => instances.some(({ instance }) => instance === id);
  return member.instance !== null && !isKnown(member.instance) && isKnown(me.instance) &&
    serverMs - member.sinceMs > FORGOTTEN_MS;
}

/** Whether the Engine is in the record's swarm: by its fingerprint, also from before a rotation, or its id. */
export function isSameSwarm(record: FoundingRecord, { fingerprint, clusterId }: Engine): boolean {
  return record.clusterId === clusterId || record.fingerprint === fingerprint ||
    (fingerprint !== null && record.rotated.includes(fingerprint));
}

/** What a manager puts into a record: itself, and its swarm as its Engine shows it. */
export interface Author extends Evidence {
  cluster: string;
  runId: string;
  /** The address that other nodes reach this one at. */
  address: string;
  at: Position;
  /** This node has said that it leaves. */
  leaving: boolean;
}

export const INSTANCE_LABEL = "swarm-join.instance";
/** The node says, or has said, that it leaves: the availability that it had before. */
export const LEFT_LABEL = "swarm-join.left";

/** What a node is called that leaves: whose it is has to be known of it when it is out. */
export function leftLabels(instance: string, before: Availability): Record<string, string> {
  return { [INSTANCE_LABEL]: instance, [LEFT_LABEL]: before };
}

/** The instance whose node this is; null: it has no label yet. */
export function instanceOf({ labels }: SwarmNode): string | null {
  return labels[INSTANCE_LABEL] ?? null;
}

/** A record that makes `swarm` the founded one, after `previous`, if there was one. */
export function founding(
  previous: FoundingRecord | null,
  swarm: SwarmView,
  w: Author,
): FoundingRecord {
  const blank: FoundingRecord = {
    cluster: w.cluster,
    account: w.me.account,
    region: w.me.region,
    vpc: w.me.vpc,
    fingerprint: swarm.managerToken.fingerprint,
    clusterId: swarm.clusterId,
    members: [self(w)],
    rotated: [],
    replaced: previous === null
      ? []
      : newest([...previous.replaced, ...previous.rotated, previous.fingerprint]),
    writer: w.me.instance,
    nonce: "",
  };
  return signed({ ...blank, members: withManagers(blank.members, reached(swarm), w) }, w);
}

/** The record with this node as a member, listed anew. */
export function registered(record: FoundingRecord, w: Author): FoundingRecord {
  return signed({ ...record, members: [...remaining(record, w), self(w)] }, w);
}

/** The record with this node as before, and nobody who is gone. */
export function confirming(record: FoundingRecord, w: Author): FoundingRecord {
  return signed({ ...record, members: [...remaining(record, w), asBefore(record, w)] }, w);
}

/** This node's entry, since when it has been: of those who came after it all were listed. */
function asBefore(record: FoundingRecord, w: Author): Member {
  const own = record.members.find((one) => isMe(one, w.me) && one.address === w.address);
  return { ...self(w), ...(own === undefined ? {} : { sinceMs: own.sinceMs }) };
}

/** The record in which this node leaves: it stands where it stood, for the order of marks is the order of leaves. */
export function marked(record: FoundingRecord, w: Author): FoundingRecord {
  const isMarked = record.members.some((member) => isMe(member, w.me) && member.leaving);
  if (!isMarked) return registered(record, w);
  const living = remaining(record, w);
  const members = record.members.flatMap((member) =>
    isMe(member, w.me) ? [self(w)] : living.filter((one) => isSame(one, member))
  );
  return signed({ ...record, members }, w);
}

function isSame(a: Member, b: Member): boolean {
  return a.address === b.address && a.sinceMs === b.sinceMs &&
    (a.instance === b.instance || b.instance === null);
}

/** The record without this node. */
export function withdrawn(record: FoundingRecord, w: Author): FoundingRecord {
  return signed({ ...record, members: remaining(record, w) }, w);
}

/**
 * Members that are known by their address only, and no longer are: EC2 shows which instance has it, or
 * the swarm does not list it, an hour after the record did.
 */
export function outdated(
  record: FoundingRecord,
  swarm: SwarmView,
  { me, instances, serverMs }: Omit<Evidence, "answering">,
): Member[] {
  return others(record, me).filter(({ instance, address, sinceMs }) =>
    instance === null &&
    (holderOf(address, instances) !== null ||
      (serverMs - sinceMs > FORGOTTEN_MS &&
        !votersOf(swarm).some((one) => one.address === address)))
  );
}

/**
 * The record as the swarm is now: its fingerprint after a CA rotation, its managers at `missing` too, and
 * nobody whom only an address stands for that the swarm does not list.
 */
export function refreshed(
  record: FoundingRecord,
  swarm: SwarmView,
  missing: string[],
  w: Author,
): FoundingRecord {
  const fingerprint = swarm.managerToken.fingerprint;
  const rotated = record.fingerprint === fingerprint
    ? record.rotated
    : newest([...record.rotated.filter((old) => old !== fingerprint), record.fingerprint]);
  const dropped = outdated(record, swarm, w)
    .map(({ address }) => address)
    .filter((address) => holderOf(address, w.instances) === null);
  const kept = remaining(record, w).filter(({ address }) => !dropped.includes(address));
  const members = withManagers([...kept, asBefore(record, w)], missing, w);
  return signed({ ...record, fingerprint, clusterId: swarm.clusterId, rotated, members }, w);
}

/** The swarm's reachable managers that the record lacks: older than the tool, or promoted by hand. */
export function unlisted(record: FoundingRecord, swarm: SwarmView): string[] {
  return reached(swarm).filter((address) =>
    !record.members.some((member) => member.address === address)
  );
}

/**
 * The addresses of the managers that its Engine can reach. One that is down is not there: an address in use
 * again makes a dead voter look as if it could be reached.
 */
export function reached({ nodes }: SwarmView): string[] {
  return nodes.flatMap((node) => isReached(node) ? node.voter?.address ?? [] : []);
}

export function isReached({ state, voter }: SwarmNode): boolean {
  return voter?.reachable === true && state !== "down";
}

/** Who has a vote in raft, each with its node's id. */
export function votersOf(
  { nodes }: SwarmView,
): (NonNullable<SwarmNode["voter"]> & { nodeId: string })[] {
  return nodes.flatMap(({ nodeId, voter }) => voter === null ? [] : { ...voter, nodeId });
}

/** The ids and addresses to ask EC2 for before a record can be judged or written. */
export function questionOf(
  members: Member[],
  me: Identity,
  addresses: string[],
  serverMs: number,
): { ids: string[]; addresses: string[] } {
  const ids = members.flatMap(({ instance }) => instance === null ? [] : [instance]);
  // Of one that EC2 may have forgotten it has to be known who has its address now.
  const unnamed = members.filter(({ instance, sinceMs }) =>
    instance === null || (instance !== me.instance && serverMs - sinceMs > FORGOTTEN_MS)
  );
  return {
    ids: [...new Set([me.instance, ...ids])],
    addresses: [...new Set([...unnamed.map(({ address }) => address), ...addresses])],
  };
}

function self(w: Author): Member {
  return { instance: w.me.instance, address: w.address, sinceMs: w.serverMs, leaving: w.leaving };
}

/** All but this node and those that are gone, each by the instance that EC2 shows at its address. */
function remaining(record: FoundingRecord, w: Author): Member[] {
  const members = others(record, w.me).filter((member) => !isGone(member, w));
  return members.flatMap((member) => {
    if (member.instance !== null) return member;
    const instance = holderOf(member.address, w.instances);
    const isNamed = member.address === w.address ||
      members.some((one) => one.instance !== null && one.address === member.address);
    return isNamed ? [] : { ...member, instance };
  });
}

/** The living instance that has this address; null: EC2 shows none. */
function holderOf(address: string, instances: Instance[]): string | null {
  const holder = instances.find((one) => one.address === address && one.state !== "terminated");
  return holder?.instance ?? null;
}

/** The members, and whoever is at these addresses besides. */
function withManagers(members: Member[], addresses: string[], w: Author): Member[] {
  const missing = addresses.filter((address) =>
    !members.some((member) => member.address === address)
  );
  return [
    ...members,
    ...missing.map((address) => ({
      instance: holderOf(address, w.instances),
      address,
      sinceMs: w.serverMs,
      leaving: false,
    })),
  ];
}

function newest(fingerprints: string[]): string[] {
  return [...new Set(fingerprints)].slice(-FINGERPRINTS_MAX);
}

/** A nonce that is the same when this run means the same at the same place: a repeated write is one. */
function signed(record: FoundingRecord, w: Author): FoundingRecord {
  const unsigned = { ...record, writer: w.me.instance, nonce: "" };
  const nonce = `${w.runId}-${hash(JSON.stringify([unsigned, w.at]))}`;
  return { ...unsigned, nonce };
}

/** FNV-1a over UTF-16 units, twice with different offsets: 64 bits, for telling a run's own writes apart. */
function hash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x01000193);
  }
  return (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0");
}
