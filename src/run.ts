/**
 * The loop: observe, decide, perform, repeat, until the decision is `done` or `fail`.
 *
 * A state machine over plain data: `next` says which calls to make, `absorb` takes their answers. It
 * knows no clock and no outside, so that a node, the simulator and the model checker all drive this
 * very code. Nothing is remembered that could be observed again, so a crash at any point is only
 * another run.
 */
import { decide } from "./decide/decide.ts";
import { confirmedBy, membershipIn, newMemory, recognised, revised, steadyOf } from "./memory.ts";
import { viewOf } from "./ledger/versions.ts";
import type { AnyAnswer, Call, CallKind, Perform, Values } from "./calls.ts";
import type {
  Action,
  Answer,
  Config,
  Contents,
  Decision,
  Facts,
  Fault,
  FaultKind,
  Instance,
  LedgerRead,
  LedgerView,
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

interface Ending {
  decision: Decision;
  state: RunState;
}

/** What a run needs of its machine. `nowMs`: since the run began, on a clock that never goes back. */
interface Machine {
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
  return { config, memory: newMemory(runId), facts: {}, doing: null, plan: [], missing: [] };
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
  const memory = decision.action.kind === "wait"
    ? { ...state.memory, steady: steadyOf(state.memory, decision, decision.action, nowMs) }
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

function instancesSeen(
  state: RunState,
  { ids }: Call & { kind: "instances" },
  answer: Answer<Instance[]>,
): RunState {
  const { memory, facts } = state;
  if (!answer.ok) return { ...state, facts: { ...facts, instances: answer } };
  const { instances, terminated } = revised(memory, ids, answer.value);
  return {
    ...state,
    facts: { ...facts, instances: { ok: true, value: instances } },
    memory: { ...memory, terminated },
  };
}

function ledgerSeen(state: RunState, answer: Answer<LedgerRead>): RunState {
  const { facts } = state;
  if (!answer.ok) return { ...state, facts: { ...facts, ledger: answer } };
  const memory = recognised(state.memory, answer.value);
  const view = viewOf(answer.value, memory.written);
  // Who answers was asked of the record before.
  const { answering: _, ...rest } = facts;
  return {
    ...state,
    facts: { ...rest, ledger: { ok: true, value: view } },
    memory: view.kind === "settled"
      ? { ...memory, confirmed: confirmedBy(answer.value, memory) }
      : memory,
    missing: view.kind === "unsettled" ? view.missing : [],
  };
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
  if (!answer.ok) return failed(state, action, call, answer, nowMs);
  if (call.kind === "contents" && total(answer.value as Contents) > 0) {
    return round(state, state.memory);
  }
  const plan = state.plan.slice(1);
  if (plan.length > 0) return { ...state, plan };
  const { memory } = state;
  if (action.kind === "wait") {
    const after = { ...memory, fault: null, waits: memory.waits + 1 };
    return state.doing?.rule === "throttled" && memory.fault === null
      ? goOn(state, answered(state.facts), after)
      : round(state, after);
  }
  const after: Memory = { ...memory, steady: null, waits: 0, did: [...memory.did, action.kind] };
  if (call.kind === "write") {
    return written(state, after, call, answer.value as Values["write"]);
  }
  if (call.kind === "init" || call.kind === "join" || call.kind === "leave") {
    return goOn(state, lasting(state.facts, call.kind), after);
  }
  if (call.kind === "publish") {
    const published = `${call.manager.digest} ${call.worker.digest}`;
    return goOn(state, state.facts, { ...after, published });
  }
  return round(state, after);
}

/** The next look at the Engine says whether it did; the result then tells what the run has done. */
const MAY_HAVE_HAPPENED: readonly FaultKind[] = ["timeout", "unreachable", "pending", "busy"];

function failed(
  state: RunState,
  doing: Action,
  call: Call,
  { fault }: AnyAnswer & { ok: false },
  nowMs: number,
): RunState {
  const { memory } = state;
  // A write whose answer is lost may count, or not: what it would undo is not certain any more.
  if (call.kind === "write") {
    return round(state, { ...memory, fault, confirmed: null, unknown: call.record.nonce });
  }
  const did = MAY_HAVE_HAPPENED.includes(fault.kind) ? [...memory.did, doing.kind] : memory.did;
  if (call.kind !== "join") return round(state, { ...memory, did, fault });
  // The next look at the Engine says what became of it; the reason decides whom to try next.
  const failure = {
    address: call.address,
    digest: call.token.digest,
    kind: fault.kind,
    atMs: nowMs,
  };
  return round(state, { ...memory, did, failures: [...memory.failures, failure].slice(-50) });
}

/** What was written is what the ledger holds now: it need not be read again to go on. */
function written(
  state: RunState,
  memory: Memory,
  { record, at }: Call & { kind: "write" },
  result: Values["write"],
): RunState {
  if (result.kind === "lost") {
    const fault: Fault = { kind: "busy", message: "another node wrote the record first" };
    return round(state, { ...state.memory, fault });
  }
  const follows = at.kind === "log" ? at.head : 0;
  if (result.kind === "appended") {
    const { template, number } = result;
    const entry = { template, number, record, follows };
    return round(state, { ...memory, written: [...memory.written, entry], unknown: null });
  }
  const entries = result.at.kind === "log"
    ? [{ template: result.at.template, number: result.at.head, record, follows }]
    : [];
  const before = state.facts.ledger?.ok ? state.facts.ledger.value : null;
  const serverMs = before?.kind === "settled" ? before.serverMs : 0;
  const ledger: LedgerView = { kind: "settled", record, at: result.at, serverMs };
  return goOn(state, { ...state.facts, ledger: { ok: true, value: ledger } }, {
    ...memory,
    written: [...memory.written, ...entries],
    confirmed: membershipIn(record, memory),
    unknown: null,
  });
}

/** The round goes on: what was done has changed nothing of what else was seen in it. */
function goOn(state: RunState, facts: Facts, memory: Memory): RunState {
  return { ...state, memory, facts, doing: null, plan: [] };
}

/**
 * What was seen before this node's Engine changed and holds after it: nothing of others has changed by
 * that, what is read again may be older, and a write compares.
 */
function lasting({ ledger, tokens, answering }: Facts, changed: CallKind): Facts {
  return {
    ...(ledger?.ok && { ledger }),
    // Those of the manager that this node gives way to may be shown only now.
    ...(tokens?.ok && changed !== "leave" && { tokens }),
    ...(answering?.ok && changed === "join" && { answering }),
  };
}

/** Only what was refused is looked at again: EC2 gives too little to ask for all of it anew. */
function answered(facts: Facts): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact.ok));
}

/** A new round: nothing that was seen before counts any more. */
function round(state: RunState, memory: Memory): RunState {
  return { ...state, memory, facts: {}, doing: null, plan: [] };
}

function total(contents: Contents): number {
  return Object.values(contents).reduce((sum, count) => sum + count, 0);
}
