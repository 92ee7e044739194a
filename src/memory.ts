/**
 * What a run remembers: only what could not be observed again, because reads may be older than what
 * this run has already seen or done.
 */
import { counts } from "./ledger/versions.ts";
import type { Action, Decision, FoundingRecord, Instance, LedgerRead, Memory } from "./state.ts";

export function newMemory(runId: string): Memory {
  return {
    runId,
    identity: null,
    self: null,
    did: [],
    written: [],
    confirmed: null,
    unknown: null,
    published: null,
    terminated: [],
    failures: [],
    attemptMs: null,
    fault: null,
    steady: null,
    waits: 0,
  };
}

/** What EC2 once showed as terminated stays so: an older read does not revive it. */
export function revised(
  memory: Memory,
  ids: string[],
  shown: Instance[],
): { instances: Instance[]; terminated: string[] } {
  const isNews = ({ state, instance }: Instance): boolean =>
    state === "terminated" && !memory.terminated.includes(instance);
  const terminated = [
    ...memory.terminated,
    ...shown.filter(isNews).map(({ instance }) => instance),
  ];
  const instances = [
    ...shown.filter(({ instance }) => !terminated.includes(instance)),
    ...terminated.filter((id) => ids.includes(id)).map(terminatedInstance),
  ];
  return { instances, terminated };
}

function terminatedInstance(instance: string): Instance {
  return { instance, state: "terminated", address: null, roleTag: null, clusterTag: null };
}

/** A write whose answer was lost is known once the ledger shows it. */
export function recognised(memory: Memory, read: LedgerRead): Memory {
  if (memory.unknown === null) return memory;
  if (read.kind === "object") {
    if (read.record?.nonce !== memory.unknown) return memory;
    return { ...memory, unknown: null, confirmed: membershipIn(read.record, memory) };
  }
  const entry = read.entries.find(({ record }) => record?.nonce === memory.unknown);
  if (read.template === null || entry === undefined || entry.record === null) return memory;
  const { number, record, follows } = entry;
  const own = { template: read.template, number, record, follows };
  return { ...memory, unknown: null, written: [...memory.written, own] };
}

/**
 * A write of this run that was not judged when it was answered, and counts after all. While it is not
 * known what became of the last one, those before it say nothing: it may have undone them.
 */
export function confirmedBy(read: LedgerRead, memory: Memory): string | null {
  const own = memory.written.at(-1);
  if (memory.unknown !== null || own === undefined || read.kind === "object") {
    return memory.confirmed;
  }
  return counts(read.entries, own.number) ? membershipIn(own.record, memory) : memory.confirmed;
}

/** The fingerprint of the swarm that this record lists this node in; null when it does not. */
export function membershipIn(record: FoundingRecord, { identity }: Memory): string | null {
  return record.members.some(({ instance }) => instance === identity?.instance)
    ? record.fingerprint
    : null;
}

/** Since when this rule has kept the run waiting. */
export function steadyOf(
  memory: Memory,
  { rule, because }: Decision,
  { exit }: Action & { kind: "wait" },
  nowMs: number,
): Memory["steady"] {
  const sinceMs = memory.steady?.rule === rule ? memory.steady.sinceMs : nowMs;
  return { rule, because, exit, sinceMs };
}
