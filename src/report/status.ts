/**
 * What `status` prints: how the swarm stands, as the record, the Engine and EC2 tell it. `decide/standing.ts`
 * has what it comes to; this is the picture.
 */
import { findingLines, mended } from "./findings.ts";
import type { Report } from "./report.ts";
import { rows, tookText } from "./rows.ts";
import { instanceOf, isMe, isReached, isSameSwarm } from "../decide/members.ts";
import {
  nodeOf,
  type Quorum,
  quorumOf,
  shownOf,
  type ShownTokens,
  type Standing,
  standingOf,
  tokensOf,
  VERDICT_EXITS,
  zoneOf,
} from "../decide/standing.ts";
import type {
  Engine,
  Finding,
  Instance,
  Observation,
  Role,
  SwarmNode,
  SwarmView,
} from "../state.ts";
import type { FoundingRecord, Member } from "../founding.ts";

/** A manager of the record. Null: not known from here. */
interface MemberRow {
  instance: string | null;
  zone: string | null;
  ec2: Instance["state"] | null;
  address: string;
  answers: boolean | null;
  nodeId: string | null;
  state: SwarmNode["state"] | null;
  desired: Role | null;
  observed: Role | null;
  voter: boolean | null;
  reachable: boolean | null;
  leaving: boolean;
}

interface NodeRow extends Omit<SwarmNode, "version" | "createdMs" | "labels" | "voter"> {
  instance: string | null;
  zone: string | null;
  ec2: Instance["state"] | null;
  voter: boolean;
  /** Null: it has no vote. */
  reachable: boolean | null;
  leader: boolean;
}

/** A node that is dead, and what takes it out. */
interface Ghost extends Pick<NodeRow, "nodeId" | "instance" | "address" | "voter"> {
  because: string;
  mend: string;
}

/** Null: what only a manager with quorum knows, and the members where the record can't be read. */
export interface Status extends Standing {
  members: MemberRow[] | null;
  voters: Quorum | null;
  nodes: NodeRow[] | null;
  ghosts: Ghost[] | null;
  tokens: ShownTokens | null;
}

/** The same survey as `status` tells it, with the exit code that its verdict has. What saw nothing stays as it is. */
export function asStatus(report: Report): Report {
  const { plan, findings } = report;
  if (plan === null || findings === null) return report;
  const { observation: o } = plan;
  const { facts } = o;
  const engine = facts.engine?.ok ? facts.engine.value : null;
  const ledger = facts.ledger?.ok ? facts.ledger.value : null;
  const record = ledger?.kind === "settled" ? ledger.record : null;
  const swarm = engine?.swarm ?? null;
  const standing = standingOf(o, findings);
  const nodes = swarm?.nodes.map((node) => nodeRow(o, node)) ?? null;
  const status: Status = {
    ...standing,
    members: ledger?.kind === "settled" ? membersOf(o, record, engine) : null,
    voters: quorumOf(o),
    nodes,
    ghosts: nodes === null ? null : ghostsOf(nodes, findings),
    tokens: tokensOf(o),
  };
  return { ...report, exit: VERDICT_EXITS[standing.verdict], status };
}

function membersOf(
  o: Observation,
  record: FoundingRecord | null,
  engine: Engine | null,
): MemberRow[] {
  // The nodes of another swarm are nobody's of this record.
  const swarm = record !== null && engine !== null && isSameSwarm(record, engine)
    ? engine.swarm
    : null;
  return record?.members.map((member) => memberRow(o, member, swarm)) ?? [];
}

function memberRow(o: Observation, member: Member, swarm: SwarmView | null): MemberRow {
  const { memory: { identity: me }, facts: { probe, engine } } = o;
  const { instance, address, leaving } = member;
  const node = swarm === null ? null : nodeOf(o, member, swarm);
  const shown = shownOf(o, instance, address);
  const isOwn = me !== null && isMe(member, me);
  const own = isOwn && engine?.ok ? engine.value.nodeId || null : null;
  return {
    instance,
    zone: node === null
      ? isOwn ? me.placement.zone : shown?.placement?.zone ?? null
      : zoneOf(o, node),
    ec2: shown?.state ?? null,
    address,
    answers: isOwn || !probe?.ok ? null : probe.value.includes(address),
    nodeId: node?.nodeId ?? own,
    state: node?.state ?? null,
    desired: node?.desired ?? null,
    observed: node?.observed ?? null,
    voter: swarm === null ? null : (node?.voter ?? null) !== null,
    reachable: node?.voter ? isReached(node) : null,
    leaving,
  };
}

function nodeRow(o: Observation, node: SwarmNode): NodeRow {
  const { version: _version, createdMs: _createdMs, labels: _labels, voter, ...rest } = node;
  const address = voter?.address ?? node.address;
  const instance = instanceOf(node);
  return {
    ...rest,
    address,
    instance,
    zone: zoneOf(o, node),
    ec2: shownOf(o, instance, address)?.state ?? null,
    voter: voter !== null,
    reachable: voter === null ? null : isReached(node),
    leader: voter?.leader ?? false,
  };
}

/** The rules that tell of the dead. */
const GHOSTS: readonly Finding["rule"][] = ["ghost-voter", "ghost-node"];

function ghostsOf(nodes: NodeRow[], findings: readonly Finding[]): Ghost[] {
  return mended(findings.filter(({ rule }) => GHOSTS.includes(rule))).flatMap((ghost) => {
    const node = nodes.find(({ nodeId }) => nodeId === ghost.nodeId);
    if (node === undefined) return [];
    const { nodeId, instance, address, voter } = node;
    const { because, mend } = ghost;
    return { nodeId, instance, address, voter, because, mend };
  });
}

/** The whole JSON of a status. */
export function statusJson(report: Report, status: Status): object {
  const { cluster, store, role, instance, nodeId, fingerprint, elapsedMs, awsCalls, phases } =
    report;
  return {
    ...status,
    findings: mended(report.findings ?? []).map(({ nodeId: _, ...finding }) => finding),
    cluster,
    store,
    role,
    instance,
    nodeId,
    fingerprint,
    elapsedMs,
    awsCalls,
    phases,
  };
}

export function statusLines(report: Report, status: Status): string[] {
  const { verdict, because, members, nodes, voters, ghosts, tokens } = status;
  const node = report.nodeId === null ? "in no swarm" : `node ${report.nodeId}`;
  const who = `${report.instance ?? "unknown"}, ${report.role ?? "of no known role"}, ${node}`;
  return [
    `${verdict.toUpperCase()}: ${because}`,
    ...rows([
      ["I am", who],
      ["Cluster", `${report.cluster}, in the store ${report.store}`],
      ["Swarm", report.fingerprint ?? ""],
    ]),
    "",
    ...tableOf(members ?? [], nodes ?? [], ghosts ?? []),
    ...rows([
      ["Zones", voters === null ? "" : zonesText(voters)],
      ["Tokens", tokens === null ? "" : tokensText(tokens)],
    ]),
    ...findingLines(report.findings ?? []),
    ...rows([["Took", `${tookText(report)}; nothing was changed`]]),
  ];
}

const HEAD = ["INSTANCE", "ZONE", "EC2", "ADDRESS", "NODE", "STATE", "ROLE", "VOTE", "SAYS"];

/** The record's members, then the other nodes, each in a line; what is not known is `-`. */
function tableOf(members: MemberRow[], nodes: NodeRow[], ghosts: Ghost[]): string[] {
  const listed = members.map(({ nodeId }) => nodeId);
  const saysOf = ({ nodeId, availability }: NodeRow): string[] => [
    ...(ghosts.some((ghost) => ghost.nodeId === nodeId) ? ["dead"] : []),
    ...(availability === "active" ? [] : [availability]),
  ];
  const lines = [
    ...members.map((member) => {
      const node = nodes.find(({ nodeId }) => nodeId === member.nodeId);
      const says = [
        ...(node === undefined ? [] : saysOf(node)),
        ...(member.leaving ? ["leaves"] : []),
        ...(member.answers === false ? ["no answer"] : []),
      ];
      return [...placeCells(member), ...nodeCells(member, node), says.join(", ")];
    }),
    ...nodes.filter(({ nodeId }) => !listed.includes(nodeId)).map((node) => [
      ...placeCells(node),
      ...nodeCells(node, node),
      saysOf(node).join(", "),
    ]),
  ];
  if (lines.length === 0) return [];
  return [...aligned([HEAD, ...lines]), ""];
}

function placeCells(
  { instance, zone, ec2, address }: Pick<MemberRow, "instance" | "zone" | "ec2" | "address">,
): string[] {
  return [instance ?? "-", zone ?? "-", ec2 ?? "-", address || "-"];
}

function nodeCells(
  { nodeId, state, desired, observed, voter, reachable }: Pick<
    MemberRow,
    "nodeId" | "state" | "desired" | "observed" | "voter" | "reachable"
  >,
  node: NodeRow | undefined,
): string[] {
  const role = observed === desired ? observed : `${observed}, told ${desired}`;
  const vote = voter === null
    ? "-"
    : !voter
    ? "none"
    : node?.leader
    ? "leader"
    : reachable
    ? "reached"
    : "SILENT";
  return [nodeId ?? "-", state ?? "-", role ?? "-", vote];
}

/** Columns as wide as their widest cell. */
function aligned(lines: string[][]): string[] {
  const widths = HEAD.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines.map((line) =>
    line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  );
}

function zonesText({ zones }: Quorum): string {
  return zones.map(({ zone, voters, canLose }) =>
    `${zone ?? "not known where"}: ${voters}, ${canLose ? "may be lost" : "can't be lost"}`
  ).join("; ");
}

function tokensText({ current, stale, missing }: ShownTokens): string {
  return [
    ...(current.length === 0 ? ["shown as they are by nobody"] : [
      `shown as they are by ${current.join(", ")}`,
    ]),
    ...(stale.length === 0 ? [] : [`others are shown by ${stale.join(", ")}`]),
    ...(missing.length === 0 ? [] : [`none by ${missing.join(", ")}`]),
  ].join("; ");
}
