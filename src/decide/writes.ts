/** The compare-and-sets of the record, and who in it is gone. */
import { type Author, isForgotten, isGone, isListed, others, registered } from "./members.ts";
import { answering, instances, need, stop, unknownManagers } from "./needs.ts";
import { LATE_MS } from "./patience.ts";
import type { Scene } from "./scene.ts";
import { act, fail } from "./verdict.ts";
import type { WriteKind } from "../calls.ts";
import type { Rule } from "../rules.ts";
import type { Decision, Instance } from "../state.ts";
import type { FoundingRecord, Member } from "../founding.ts";

/** A compare-and-set of the record: needs to know who is gone, and who is where the Engine knows managers. */
export function writeRecord(
  s: Scene,
  { as, rule, because }: { as: WriteKind; rule: Rule; because: string },
  recordOf: (w: Author) => FoundingRecord,
): Decision {
  const { o, me, address, ledger } = s;
  const members = s.record?.members ?? [];
  const needsInstances = unknownManagers(s).length > 0 ||
    members.some(({ instance }) => instance !== me.instance);
  const { serverMs, at } = ledger;
  const known = needsInstances ? instances(s, members) : [];
  const isDoubtful = members.some((one) => isForgotten(one, { me, instances: known, serverMs }));
  provenEc2(s);
  const record = recordOf({
    me,
    instances: known,
    answering: isDoubtful ? answering(s) : [],
    serverMs,
    cluster: o.config.cluster,
    runId: o.memory.runId,
    address,
    at,
    leaving: o.config.goal === "leave",
  });
  return act({ kind: "write", as, record, at }, rule, because);
}

/** Whether a write of this run has confirmed that this record lists this node: what can't be taken back stands on that. */
export function isConfirmed({ o, me, address }: Scene, record: FoundingRecord): boolean {
  return o.memory.confirmed === record.fingerprint && isListed(record, me, address);
}

export function register(s: Scene, record: FoundingRecord, rule: Rule, because: string): Decision {
  return writeRecord(s, { as: "register", rule, because }, (w) => registered(record, w));
}

/** Nothing is written where somebody has set an endpoint, or keys, that show other instances than this one. */
export function provenEc2({ o, me }: Scene): void {
  const { ec2Endpoint, givenKeys } = o.config;
  const isOwn = ec2Endpoint === null && !givenKeys;
  if (isOwn || o.memory.self !== null || need(o, { kind: "self" }) !== null) return;
  const what = givenKeys
    ? "the account that AWS_ACCESS_KEY_ID belongs to"
    : `the EC2 at ${ec2Endpoint}, which AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_EC2 names,`;
  stop(fail(
    2,
    "setting-unusable",
    `${what} does not show ${me.instance}: it is another one, or of another region`,
    LATE_MS,
  ));
}

export function gone(s: Scene, member: Member, known: Instance[]): boolean {
  const evidence = { me: s.me, instances: known, serverMs: s.ledger.serverMs };
  return isGone(member, {
    ...evidence,
    answering: isForgotten(member, evidence) ? answering(s) : [],
  });
}

/** Whether nobody but this node, which is not in that swarm, could be in it or on the way into it. */
export function allGone(s: Scene, record: FoundingRecord, known: Instance[]): boolean {
  return others(record, s.me).every((member) => gone(s, member, known));
}
