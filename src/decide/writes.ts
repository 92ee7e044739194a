/** The compare-and-sets of the record, and who in it is gone. */
import { ask } from "./needs.ts";
import { isGone, others, type Writing } from "./members.ts";
import type { Scene } from "./scene.ts";
import { act, type Verdict } from "./verdict.ts";
import type { FoundingRecord, Instance, Member, Rule } from "../state.ts";

/** A compare-and-set of the record: needs to know who is gone, and who is at `addresses`. */
export function writing(
  s: Scene,
  previous: FoundingRecord | null,
  addresses: string[],
  kind: "found" | "register" | "refresh" | "replace" | "withdraw",
  rule: Rule,
  because: string,
  recordOf: (w: Writing) => FoundingRecord,
): Verdict {
  const { o, me, address, ledger } = s;
  const members = previous?.members ?? [];
  const strangers = addresses.filter((a) => a !== address && !members.some((m) => m.address === a));
  const needsInstances = strangers.length > 0 ||
    members.some(({ instance }) => instance !== me.instance);
  const instances = needsInstances ? ask(s, members, strangers) : [];
  if (!Array.isArray(instances)) return instances;
  const { serverMs, at } = ledger;
  const record = recordOf({
    me,
    instances,
    serverMs,
    cluster: o.config.cluster,
    runId: o.memory.runId,
    address,
    at,
  });
  return act({ kind, record, at }, rule, because);
}

export function gone({ me, ledger }: Scene, member: Member, instances: Instance[]): boolean {
  return isGone(member, { me, instances, serverMs: ledger.serverMs });
}

/** Whether nobody but this node, which is not in that swarm, could be in it or on the way into it. */
export function allGone(s: Scene, record: FoundingRecord, instances: Instance[]): boolean {
  return others(record, s.me).every((member) => gone(s, member, instances));
}
