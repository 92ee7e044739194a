/**
 * The loop: observe, decide, perform, repeat, until the decision is an end.
 *
 * A run's state is the observation that is decided on, and one decision is one call (or several looks
 * side by side): `decide` says what to do, `after` what is known then. Neither knows a clock or the
 * outside, so that a node, the simulator and the model checker all drive this very code. Nothing is
 * remembered that could be observed again, so a crash at any point is only another run.
 */
import {
  type Act,
  type ActKind,
  type AnyAnswer,
  type Call,
  type CallKind,
  CALLS,
  type LookKind,
  LOOKS,
  type Perform,
  type Told,
} from "./calls.ts";
import { decide } from "./decide/decide.ts";
import { viewOf } from "./ledger/versions.ts";
import {
  acted,
  confirmedBy,
  failed,
  listed,
  membershipIn,
  newMemory,
  recognised,
  remembered,
  steadyOf,
} from "./memory.ts";
import type {
  Answer,
  Config,
  Decision,
  Facts,
  Fault,
  Memory,
  Observation,
  Waiting,
} from "./state.ts";
import type { LedgerRead, LedgerView, WriteResult } from "./founding.ts";

export { decide };

/** What a run needs of its machine. `nowMs`: since the run began, on a clock that never goes back. */
interface Machine {
  perform: Perform;
  sleep: (ms: number) => Promise<void>;
  nowMs: () => number;
  dice: () => number;
  /** Told each decision, and what it stands on, before it is carried out. */
  onDecision: (decision: Decision, o: Observation) => void;
}

/** How a run came to its end. */
interface Ending {
  decision: Decision;
  observation: Observation;
}

/** Runs until the goal is reached or the reason why not is known; a dry run until something is to be done. */
export async function run(start: Observation, machine: Machine): Promise<Ending> {
  for (let o = start;;) {
    o = at(o, machine.nowMs(), machine.dice());
    const decision = decide(o);
    machine.onDecision(decision, o);
    if (decision.kind === "end" || (o.config.dryRun && decision.kind !== "look")) {
      return { decision, observation: o };
    }
    if (decision.kind === "wait") await machine.sleep(decision.ms);
    const answers = await Promise.all(callsOf(decision).map(machine.perform));
    o = after(o, decision, answers, machine.nowMs());
  }
}

/** `runId`: drawn once per run, at most 40 characters of `a-z0-9`; it names this run's writes. */
export function begin(config: Config, runId: string): Observation {
  return { config, memory: newMemory(runId), facts: {}, nowMs: 0, dice: 0 };
}

/** The same at another time. */
export function at(o: Observation, nowMs: number, dice: number): Observation {
  return { ...o, nowMs, dice };
}

/** The calls that carry a decision out; they may be made side by side. */
export function callsOf(decision: Decision): Call[] {
  if (decision.kind === "look") return decision.calls;
  return decision.kind === "act" ? [decision.call] : [];
}

/** What a run knows after its decision was carried out. `answers`: to its calls, in their order. */
export function after(
  o: Observation,
  decision: Decision,
  answers: AnyAnswer[],
  nowMs: number,
): Observation {
  const so = { ...o, memory: { ...o.memory, mayForce: false } };
  switch (decision.kind) {
    case "look":
      return decision.calls.reduce((so, call, i) => looked(so, told(call, answers[i]), nowMs), so);
    case "act":
      return performed(so, told(decision.call, answers[0]), nowMs);
    case "wait":
      return waited(so, decision);
    case "end":
      return o;
    default:
      return decision satisfies never;
  }
}

function told<C extends Call>(call: C, answer: AnyAnswer | undefined): Told<C["kind"]> {
  if (answer === undefined) throw new Error(`"${call.kind}" was given no answer`);
  // Which answer belongs to which call is what `perform` promises.
  return { kind: call.kind, call, answer } as unknown as Told<C["kind"]>;
}

/** A fact was looked at. */
function looked(o: Observation, told: Told<LookKind>, nowMs: number): Observation {
  if (told.kind === "ledger") return ledgerLooked(o, told.answer);
  const { memory, answer } = remembered(o.memory, told, nowMs);
  return { ...o, memory, facts: { ...kept(o.facts, told.kind), [told.kind]: answer } };
}

function ledgerLooked(o: Observation, answer: Answer<LedgerRead>): Observation {
  if (!answer.ok) return { ...o, facts: { ...o.facts, ledger: answer } };
  const memory = recognised(o.memory, answer.value);
  const view = viewOf(answer.value, memory.written);
  return {
    ...o,
    memory: view.kind === "settled"
      ? {
        ...listed(memory, view.record),
        confirmed: confirmedBy(answer.value, memory),
        missing: [],
      }
      : { ...memory, missing: view.kind === "unsettled" ? view.missing : [] },
    facts: { ...kept(o.facts, "ledger"), ledger: { ok: true, value: view } },
  };
}

/** The act of a decision was made, or perhaps not. */
function performed(o: Observation, told: Told<ActKind>, nowMs: number): Observation {
  if (!told.answer.ok) return anew(o, failed(o.memory, told.call, told.answer.fault, nowMs));
  if (told.kind === "write") return written(o, told.call, told.answer.value);
  if (told.kind === "leave" && told.answer.value.kind === "holds") return anew(o, o.memory);
  const self = o.facts.engine?.ok ? o.facts.engine.value.nodeId : "";
  const memory = acted(o.memory, told.call, self);
  const forced = told.kind === "force" ? `what it was before is in ${told.answer.value}` : null;
  return {
    ...o,
    memory: { ...memory, forced: forced ?? memory.forced },
    facts: kept(o.facts, told.kind),
  };
}

/** What was written is what the ledger holds now: it need not be read again to go on. */
function written(o: Observation, call: Act & { kind: "write" }, result: WriteResult): Observation {
  if (result.kind === "lost") {
    const fault: Fault = { kind: "busy", message: "another node wrote the record first" };
    return anew(o, { ...o.memory, fault });
  }
  const { record, at } = call;
  const follows = at.kind === "log" ? at.head : 0;
  const memory = { ...acted(o.memory, call), unknown: null };
  if (result.kind === "appended") {
    const { template, number } = result;
    return anew(o, {
      ...memory,
      written: [...memory.written, { template, number, record, follows }],
    });
  }
  const entries = result.at.kind === "log"
    ? [{ template: result.at.template, number: result.at.head, record, follows }]
    : [];
  const before = o.facts.ledger?.ok ? o.facts.ledger.value : null;
  const serverMs = before?.kind === "settled" ? before.serverMs : 0;
  const ledger: LedgerView = { kind: "settled", record, at: result.at, serverMs };
  return {
    ...o,
    memory: {
      ...memory,
      written: [...memory.written, ...entries],
      confirmed: membershipIn(record, memory),
      isProven: true,
      mayForce: call.as === "recover",
    },
    facts: { ...kept(o.facts, "write"), ledger: { ok: true, value: ledger } },
  };
}

function waited(o: Observation, wait: Waiting): Observation {
  const { memory, nowMs } = o;
  // Whether it is to be asked again, its own times say.
  const { hook: _, ...facts } = o.facts;
  const steady = steadyOf(memory, wait, nowMs);
  const refusals = wait.rule === "throttled" ? memory.refusals + 1 : 0;
  const waits = memory.waits + 1;
  const said = memory.said === "unheard" ? null : memory.said;
  const told = memory.told.filter(({ act, fault }) => act === "complete" && fault === null);
  const after = {
    ...memory,
    steady,
    fault: null,
    kept: [],
    said,
    told,
    waits,
    refusals,
    withdrew: false,
  };
  switch (wait.keeps) {
    case "answers":
      return { ...o, memory: after, facts: answered(facts) };
    case "others":
      return { ...o, memory: after, facts: ofOthers(answered(facts)) };
    case "nothing":
      return anew(o, after);
    default:
      return wait.keeps satisfies never;
  }
}

/** While a node waits for its own Engine it asks AWS nothing. */
function ofOthers({ engine: _, contents: _contents, probe: _probe, ...others }: Facts): Facts {
  return others;
}

/** A new round: nothing that was seen before counts any more. */
function anew(o: Observation, memory: Memory): Observation {
  return { ...o, memory, facts: {} };
}

/** What is still known after a call of this kind went well: `CALLS` says what. */
function kept(facts: Facts, kind: CallKind): Facts {
  const { keeps } = CALLS[kind];
  if (keeps === "all") return facts;
  return Object.fromEntries(
    Object.entries(facts).filter(([name, fact]) =>
      keeps.some((one) => one === name) && (fact.ok || kind in LOOKS)
    ),
  );
}

/** Only what was refused is looked at again: EC2 gives too little to ask for all of it anew. */
function answered(facts: Facts): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact.ok));
}
