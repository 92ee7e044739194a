/**
 * The loop: observe, decide, perform, repeat, until the decision is `done` or `fail`.
 *
 * A state machine over plain data: `next` says which calls to make, `absorb` takes their answers. It
 * knows no clock and no outside, so that a node, the simulator and the model checker all drive this
 * very code. Nothing is remembered that could be observed again, so a crash at any point is only
 * another run.
 */
import { decide } from "./decide.ts";
import { counts, viewOf } from "./tokens/log.ts";
import type { AnyAnswer, Call, Perform, Values } from "./effects.ts";
import type {
  Action,
  Answer,
  Config,
  Contents,
  Decision,
  Facts,
  FoundingRecord,
  Instance,
  LedgerRead,
  Memory,
  Observation,
} from "./state.ts";

export interface RunState {
  config: Config;
  memory: Memory;
  facts: Facts;
  /** The decision being performed, and the calls that are left of it. */
  doing: Decision | null;
  plan: Call[];
  /** Versions of the log that the last read lacked. */
  missing: number[];
}

export type Step =
  | { kind: "calls"; calls: Call[]; state: RunState; decision: Decision | null }
  | { kind: "end"; decision: Decision; state: RunState };

export interface Ending {
  decision: Decision;
  state: RunState;
}

/** What a run needs of its machine. `nowMs`: since the run began, on a clock that never goes back. */
export interface Machine {
  perform: Perform;
  nowMs: () => number;
  dice: () => number;
  /** Told each step before it is performed. */
  onStep: (step: Step, observation: Observation) => void;
}

/** Runs until the node is a member or the reason why not is known. */
export async function run(start: RunState, machine: Machine): Promise<Ending> {
  let state = start;
  for (;;) {
    const nowMs = machine.nowMs();
    const dice = machine.dice();
    const step = next(state, nowMs, dice);
    machine.onStep(step, observationOf(step.state, nowMs, dice));
    if (step.kind === "end") return step;
    const answers = await Promise.all(step.calls.map((call) => machine.perform(call)));
    state = absorb(step.state, step.calls, answers, machine.nowMs());
  }
}

/** `runId`: drawn once per run, at most 40 characters of `a-z0-9`; it names this run's writes. */
export function begin(config: Config, runId: string): RunState {
  const memory: Memory = {
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
  return { config, memory, facts: {}, doing: null, plan: [], missing: [] };
}

export function observationOf(state: RunState, nowMs: number, dice: number): Observation {
  return { config: state.config, memory: state.memory, facts: state.facts, nowMs, dice };
}

/** The next calls, which may be made side by side; or the end. */
export function next(state: RunState, nowMs: number, dice: number): Step {
  const [call] = state.plan;
  if (call !== undefined) return { kind: "calls", calls: [call], state, decision: null };
  const decision = decide(observationOf(state, nowMs, dice));
  if ("calls" in decision) {
    const calls = decision.calls.map((c) =>
      c.kind === "ledger" ? { ...c, missing: state.missing } : c
    );
    return { kind: "calls", calls, state, decision: null };
  }
  const { kind } = decision.action;
  if (state.config.dryRun || kind === "done" || kind === "fail") {
    return { kind: "end", decision, state };
  }
  const plan = callsOf(decision.action, state);
  const memory = kind === "wait"
    ? { ...state.memory, steady: steadyOf(state.memory, decision, nowMs) }
    : state.memory;
  return {
    kind: "calls",
    calls: plan.slice(0, 1),
    state: { ...state, memory, plan, doing: decision },
    decision,
  };
}

/** The state after these calls were answered, in their order. */
export function absorb(
  state: RunState,
  calls: Call[],
  answers: AnyAnswer[],
  nowMs: number,
): RunState {
  if (state.doing !== null) {
    return performed(state, state.doing.action, calls[0], answers[0], nowMs);
  }
  let after = state;
  calls.forEach((call, i) => {
    const answer = answers[i];
    if (answer !== undefined) after = seen(after, call, answer, nowMs);
  });
  return after;
}

function callsOf(action: Action, { config, memory }: RunState): Call[] {
  const advertiseAddr = config.advertiseAddr ?? memory.identity?.address ?? "";
  switch (action.kind) {
    case "init":
      return [...(action.retract ? [{ kind: "retract" as const }] : []), {
        kind: "init",
        advertiseAddr,
      }];
    case "found":
    case "register":
    case "refresh":
    case "replace":
    case "withdraw":
      return [{ kind: "write", record: action.record, at: action.at }];
    case "join":
      return [{ kind: "join", address: action.address, token: action.token, advertiseAddr }];
    case "publish":
      return [{ kind: "publish", manager: action.manager, worker: action.worker }];
    case "leave":
      return [
        ...(action.onlyEmpty ? [{ kind: "contents" as const, manager: action.force }] : []),
        { kind: "leave", force: action.force },
      ];
    case "wait":
      return [{ kind: "sleep", ms: action.ms }];
    case "done":
    case "fail":
      return [];
    default:
      return action satisfies never;
  }
}

function steadyOf(memory: Memory, { rule }: Decision, nowMs: number): Memory["steady"] {
  return memory.steady?.rule === rule ? memory.steady : { rule, sinceMs: nowMs };
}

/** A fact was looked at. */
function seen(state: RunState, call: Call, answer: AnyAnswer, nowMs: number): RunState {
  const { memory, facts } = state;
  switch (call.kind) {
    case "identity": {
      const identity = answer as Answer<Values["identity"]>;
      const isFixed = identity.ok && !identity.value.lifecycle?.startsWith("Warmed:");
      return {
        ...state,
        facts: { ...facts, identity },
        memory: isFixed ? { ...memory, identity: identity.value } : memory,
      };
    }
    case "self": {
      const self = answer as Answer<Values["self"]>;
      const isFixed = self.ok && self.value !== null && self.value.roleTag !== null;
      return {
        ...state,
        facts: { ...facts, self },
        memory: isFixed ? { ...memory, self: self.value } : memory,
      };
    }
    case "engine": {
      const engine = answer as Answer<Values["engine"]>;
      const isAttempt = engine.ok && engine.value.state === "pending" && engine.value.nodeId === "";
      const attemptMs = isAttempt ? memory.attemptMs ?? nowMs : null;
      return { ...state, facts: { ...facts, engine }, memory: { ...memory, attemptMs } };
    }
    case "ledger":
      return ledgerSeen(state, answer as Answer<LedgerRead>);
    case "tokens":
      return { ...state, facts: { ...facts, tokens: answer as Answer<Values["tokens"]> } };
    case "instances":
      return instancesSeen(state, call, answer as Answer<Instance[]>);
    case "probe":
      return { ...state, facts: { ...facts, answering: answer as Answer<Values["probe"]> } };
    case "contents":
      return { ...state, facts: { ...facts, contents: answer as Answer<Contents> } };
    default:
      throw new Error(`${call.kind} is no fact to look at`);
  }
}

/** What EC2 once showed as terminated stays so: an older read does not revive it. */
function instancesSeen(
  state: RunState,
  { ids }: Call & { kind: "instances" },
  answer: Answer<Instance[]>,
): RunState {
  const { memory, facts } = state;
  if (!answer.ok) return { ...state, facts: { ...facts, instances: answer } };
  const shown = answer.value;
  const isNews = ({ state, instance }: Instance): boolean =>
    state === "terminated" && !memory.terminated.includes(instance);
  const terminated = [
    ...memory.terminated,
    ...shown.filter(isNews).map(({ instance }) => instance),
  ];
  const value = [
    ...shown.filter(({ instance }) => !terminated.includes(instance)),
    ...terminated.filter((id) => ids.includes(id)).map(terminatedInstance),
  ];
  return {
    ...state,
    facts: { ...facts, instances: { ok: true, value } },
    memory: { ...memory, terminated },
  };
}

function terminatedInstance(instance: string): Instance {
  return { instance, state: "terminated", address: null, roleTag: null, clusterTag: null };
}

function ledgerSeen(state: RunState, answer: Answer<LedgerRead>): RunState {
  const { facts } = state;
  if (!answer.ok) return { ...state, facts: { ...facts, ledger: answer } };
  const memory = recognised(state.memory, answer.value);
  const view = viewOf(answer.value, memory.written);
  const confirmed = view.kind === "settled" ? confirmedBy(answer.value, memory) : memory.confirmed;
  return {
    ...state,
    facts: { ...facts, ledger: { ok: true, value: view } },
    memory: { ...memory, confirmed },
    missing: view.kind === "unsettled" ? view.missing : [],
  };
}

/** A write whose answer was lost is known once the ledger shows it. */
function recognised(memory: Memory, read: LedgerRead): Memory {
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
function confirmedBy(read: LedgerRead, memory: Memory): string | null {
  const own = memory.written.at(-1);
  if (memory.unknown !== null || own === undefined || read.kind === "object") {
    return memory.confirmed;
  }
  return counts(read.entries, own.number) ? membershipIn(own.record, memory) : memory.confirmed;
}

/** The fingerprint of the swarm that this record lists this node in; null when it does not. */
function membershipIn(record: FoundingRecord, { identity }: Memory): string | null {
  return record.members.some(({ instance }) => instance === identity?.instance)
    ? record.fingerprint
    : null;
}

/** A call of the current action was made. */
function performed(
  state: RunState,
  action: Action,
  call: Call | undefined,
  answer: AnyAnswer | undefined,
  nowMs: number,
): RunState {
  if (call === undefined || answer === undefined) {
    throw new Error("An action was performed without a call");
  }
  if (!answer.ok) return failed(state, call, answer, nowMs);
  if (call.kind === "contents" && total(answer.value as Contents) > 0) {
    return round(state, state.memory);
  }
  const plan = state.plan.slice(1);
  if (plan.length > 0) return { ...state, plan };
  const { memory } = state;
  if (action.kind === "wait") {
    return round(state, { ...memory, fault: null, waits: memory.waits + 1 });
  }
  const after: Memory = { ...memory, steady: null, waits: 0 };
  if (call.kind === "write") {
    return round(state, written(after, action, call, answer.value as Values["write"]));
  }
  const did = [...memory.did, action.kind];
  if (call.kind === "publish") {
    return round(state, {
      ...after,
      did,
      published: `${call.manager.digest} ${call.worker.digest}`,
    });
  }
  return round(state, { ...after, did });
}

function failed(
  state: RunState,
  call: Call,
  { fault }: AnyAnswer & { ok: false },
  nowMs: number,
): RunState {
  const { memory } = state;
  // A write whose answer is lost may count, or not: what it would undo is not certain any more.
  if (call.kind === "write") {
    return round(state, { ...memory, fault, confirmed: null, unknown: call.record.nonce });
  }
  if (call.kind !== "join") return round(state, { ...memory, fault });
  // The next look at the Engine says what became of it; the reason decides whom to try next.
  const failure = {
    address: call.address,
    digest: call.token.digest,
    kind: fault.kind,
    atMs: nowMs,
  };
  return round(state, { ...memory, failures: [...memory.failures, failure].slice(-50) });
}

function written(
  memory: Memory,
  action: Action,
  { record, at }: Call & { kind: "write" },
  result: Values["write"],
): Memory {
  if (result.kind === "lost") {
    return { ...memory, fault: { kind: "busy", message: "another node wrote the record first" } };
  }
  const did = [...memory.did, action.kind];
  const entry = result.template === null ? [] : [{
    template: result.template,
    number: result.number,
    record,
    follows: at.kind === "log" ? at.head : 0,
  }];
  const confirmed = result.kind === "done" ? membershipIn(record, memory) : memory.confirmed;
  return { ...memory, did, written: [...memory.written, ...entry], confirmed, unknown: null };
}

/** A new round: nothing that was seen before counts any more. */
function round(state: RunState, memory: Memory): RunState {
  return { ...state, memory, facts: {}, doing: null, plan: [] };
}

function total(contents: Contents): number {
  return Object.values(contents).reduce((sum, count) => sum + count, 0);
}
