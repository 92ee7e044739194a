/**
 * What a run remembers: only what could not be observed again, because reads may be older than what
 * this run has already seen or done.
 */
import { actOf } from "./actions.ts";
import type { Act, AnyAnswer, LookKind, Told } from "./calls.ts";
import { counts } from "./ledger/versions.ts";
import type { Engine, Fault, FaultKind, Instance, Memory, Waiting } from "./state.ts";
import type { FoundingRecord, LedgerRead } from "./founding.ts";

export function newMemory(runId: string): Memory {
  return {
    runId,
    identity: null,
    lifecycle: null,
    self: null,
    did: [],
    missing: [],
    written: [],
    confirmed: null,
    isProven: false,
    withdrew: false,
    mayForce: false,
    forced: null,
    unknown: null,
    published: null,
    said: null,
    hook: null,
    hookMs: 0,
    told: [],
    kept: [],
    refused: [],
    reaped: [],
    pools: null,
    attested: null,
    asked: { instances: null, probe: null },
    terminated: [],
    failures: [],
    wasMember: false,
    attemptMs: null,
    startingMs: null,
    fault: null,
    steady: null,
    waits: 0,
    refusals: 0,
  };
}

/** What stays of a look, and its answer as this run takes it. */
export function remembered(
  memory: Memory,
  told: Told<Exclude<LookKind, "ledger">>,
  nowMs: number,
): { memory: Memory; answer: AnyAnswer } {
  const { answer } = told;
  if (!told.answer.ok) {
    if (told.kind === "hook") return { memory: { ...memory, hookMs: nowMs }, answer };
    const unknown = { attemptMs: null, startingMs: null };
    return { memory: told.kind === "engine" ? { ...memory, ...unknown } : memory, answer };
  }
  switch (told.kind) {
    case "identity":
      return { memory: { ...memory, identity: told.answer.value }, answer };
    case "lifecycle":
      return { memory: { ...memory, lifecycle: told.answer.value }, answer };
    case "self":
      return { memory: { ...memory, self: told.answer.value ?? memory.self }, answer };
    case "engine": {
      const { state, nodeId } = told.answer.value;
      const isAttempt = state === "pending" && nodeId === "";
      const attemptMs = isAttempt ? memory.attemptMs ?? nowMs : null;
      const value = asItIs(told.answer.value);
      const isDown = nodeId !== "" && (value.state === "pending" || value.state === "error");
      const startingMs = isDown ? memory.startingMs ?? nowMs : null;
      const wasMember = memory.wasMember || nodeId !== "";
      const after = { ...memory, wasMember, attemptMs, startingMs, isProven: false };
      return { memory: after, answer: { ok: true, value } };
    }
    case "instances": {
      const { instances, terminated } = revised(memory, told.call.ids, told.answer.value);
      const { ids, addresses } = told.call;
      const asked = {
        ...memory.asked,
        instances: { ids: ids.toSorted(), addresses: addresses.toSorted() },
      };
      return { memory: { ...memory, asked, terminated }, answer: { ok: true, value: instances } };
    }
    case "hook": {
      const hook = told.answer.value;
      // A machine of a warm pool is launched twice, and held by the same hooks each time.
      const isSame = hook?.state === memory.hook?.state;
      const said = { hook, hookMs: nowMs, told: isSame ? memory.told : [] };
      return { memory: { ...memory, ...said }, answer };
    }
    case "probe": {
      const asked = { ...memory.asked, probe: told.call.addresses.toSorted() };
      return { memory: { ...memory, asked }, answer };
    }
    default:
      return { memory, answer };
  }
}

/** moby says `error` of a well node after any restart of its swarm component, until it restarts itself. */
export function asItIs(engine: Engine): Engine {
  const { state, nodeId, error, trouble, manager } = engine;
  const isMute = error === "" || (manager && trouble === "no-quorum");
  const isWell = state === "error" && isMute && nodeId !== "";
  return isWell ? { ...engine, state: "active" } : engine;
}

/** An act went well. `self`: this node's id, where it is known. */
export function acted(memory: Memory, act: Act, self = ""): Memory {
  if (act.kind === "complete" || act.kind === "heartbeat") return informed(memory, act, null);
  const after: Memory = {
    ...memory,
    steady: null,
    waits: 0,
    refusals: 0,
    did: [...memory.did, actOf(act)],
    reaped: reapedBy(memory, act, self),
  };
  switch (act.kind) {
    case "publish":
      return { ...after, published: `${act.manager.digest} ${act.worker.digest}` };
    case "retract":
      return { ...after, published: "" };
    case "init":
      return { ...after, pools: act.pools };
    case "leave":
      return { ...after, wasMember: false };
    case "announce":
      return {
        ...after,
        said: act.word === null ? "nothing" : act.word.leaves ? "leaves" : "stays",
      };
    case "attest":
      return { ...after, attested: act.fingerprint };
    case "write":
      return { ...after, withdrew: act.as === "withdraw" };
    default:
      return after;
  }
}

/** What a run waits for is the same after Auto Scaling was told something, or was not: also a courtesy. */
function informed(
  memory: Memory,
  act: Act & { kind: "complete" | "heartbeat" },
  fault: Fault | null,
): Memory {
  const told = [...memory.told, { act: act.kind, hook: act.hook, fault }];
  return fault === null ? { ...memory, told, did: [...memory.did, act.kind] } : { ...memory, told };
}

/** A manager that demotes itself leaves, and is not reaped. */
function reapedBy({ reaped }: Memory, act: Act, self: string): string[] {
  const isReaping = act.kind === "remove" || (act.kind === "update" && act.as === "demote");
  if (!isReaping || act.nodeId === self || reaped.includes(act.nodeId)) return reaped;
  return [...reaped, act.nodeId];
}

/** The next look at the Engine says whether it did; the result then tells what the run has done. */
const MAY_HAVE_HAPPENED: readonly FaultKind[] = ["timeout", "unreachable", "pending", "busy"];
/** A join that fails by these fails by whomever it is tried. */
const OF_THIS_MACHINE: readonly FaultKind[] = ["unusable", "denied", "clock", "no-socket"];
const FAILURES_MAX = 50;

/** An act did not go well, or nobody knows whether it did. */
export function failed(memory: Memory, act: Act, fault: Fault, nowMs: number): Memory {
  // A write whose answer is lost may count, or not: what it would undo is not certain any more.
  if (act.kind === "write") {
    return { ...memory, fault, confirmed: null, isProven: false, unknown: act.record.nonce };
  }
  // The swarm's own guard, or a node that has come back: others are seen to first, and it again later.
  const isKept = act.kind === "remove" || (act.kind === "update" &&
    (act.as === "label" || fault.kind === "refused" || fault.kind === "not-found"));
  // Tried once in a run: part of it may have been done, and the next run goes on.
  if (act.kind === "trim") return { ...memory, did: [...memory.did, actOf(act)] };
  // A word is a courtesy: who can't say it goes on without.
  if (act.kind === "announce") return { ...memory, said: "unheard" };
  if (act.kind === "complete" || act.kind === "heartbeat") return informed(memory, act, fault);
  if (isKept) {
    const { nodeId } = act;
    return { ...memory, kept: [...memory.kept, nodeId], refused: [...memory.refused, nodeId] };
  }
  const did = MAY_HAVE_HAPPENED.includes(fault.kind) ? [...memory.did, actOf(act)] : memory.did;
  // There is one attempt in a run: what has come of it, the Engine says.
  if (act.kind === "force") return { ...memory, did, forced: fault.message };
  if (act.kind !== "join" || OF_THIS_MACHINE.includes(fault.kind)) return { ...memory, did, fault };
  // The next look at the Engine says what became of it; the reason decides whom to try next.
  const { address, token: { digest } } = act;
  const { kind, message } = fault;
  const failure = { address, digest, kind, message, atMs: nowMs };
  return { ...memory, did, failures: [...memory.failures, failure].slice(-FAILURES_MAX) };
}

/** What EC2 once showed as terminated stays so: an older read does not revive it. */
function revised(
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
  return {
    instance,
    state: "terminated",
    address: null,
    roleTag: null,
    clusterTag: null,
    launchMs: null,
    placement: null,
    labelTags: {},
  };
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

/** What a read of the record says of this node's past: who is listed before its run has done anything was in that swarm, or on its way. */
export function listed(memory: Memory, record: FoundingRecord | null): Memory {
  const isListed = record !== null && membershipIn(record, memory) !== null;
  return memory.did.length === 0 && isListed ? { ...memory, wasMember: true } : memory;
}

/** The fingerprint of the swarm that this record lists this node in; null when it does not. */
export function membershipIn(record: FoundingRecord, { identity }: Memory): string | null {
  return record.members.some(({ instance }) => instance === identity?.instance)
    ? record.fingerprint
    : null;
}

/** Since when this rule has kept the run waiting. `nowMs`: when it began to wait. */
export function steadyOf(
  memory: Memory,
  { rule, because, exit }: Waiting,
  nowMs: number,
): Memory["steady"] {
  const sinceMs = memory.steady?.rule === rule ? memory.steady.sinceMs : nowMs;
  return { rule, because, exit, sinceMs };
}
