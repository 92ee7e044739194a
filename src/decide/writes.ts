/** The compare-and-sets of the record, and who in it is gone. */
import { type Author, isGone, others } from "./members.ts";
import { instances } from "./needs.ts";
import type { Scene } from "./scene.ts";
import { act } from "./verdict.ts";
import type { WriteKind } from "../calls.ts";
import type { Rule } from "../rules.ts";
import type { Decision, FoundingRecord, Instance, Member } from "../state.ts";

/** A compare-and-set of the record: needs to know who is gone, and who is at `addresses`. */
export function writeRecord(
  s: Scene,
  { as, rule, because }: { as: WriteKind; rule: Rule; because: string },
  addresses: string[],
  recordOf: (w: Author) => FoundingRecord,
): Decision {
  const { o, me, address, ledger } = s;
  const members = s.record?.members ?? [];
  const strangers = addresses.filter((a) => a !== address && !members.some((m) => m.address === a));
  const needsInstances = strangers.length > 0 ||
    members.some(({ instance }) => instance !== me.instance);
  const { serverMs, at } = ledger;
  const record = recordOf({
    me,
    instances: needsInstances ? instances(s, members, strangers) : [],
    serverMs,
    cluster: o.config.cluster,
    runId: o.memory.runId,
    address,
    at,
  });
  return act({ kind: "write", as, record, at }, rule, because);
}

export function gone({ me, ledger }: Scene, member: Member, known: Instance[]): boolean {
  return isGone(member, { me, instances: known, serverMs: ledger.serverMs });
}

/** Whether nobody but this node, which is not in that swarm, could be in it or on the way into it. */
export function allGone(s: Scene, record: FoundingRecord, known: Instance[]): boolean {
  return others(record, s.me).every((member) => gone(s, member, known));
}
