/**
 * A run without time. Durations are taken out of what it remembers, and a clock that may say anything
 * stands for all of them: what must have held for long may be found to have held.
 */
import type { Code } from "../program.ts";
import { at } from "../../../src/run.ts";
import type { Rule } from "../../../src/rules.ts";
import type { Decision, Memory, Observation } from "../../../src/state.ts";

/** Before anything has lasted; after an attempt or a failed join is over; after any patience is. */
const CLOCKS_MS = [1_000, 20_000, 400_000] as const;
/** So long before its end the time of one that leaves is nearly over, and it waits for nobody any more. */
const RUSHED_MS = 40_000;
const LATE_MS = 400_000;
/** Any of up to three: a small world has no more managers. */
const DICE = [0, 0.34, 0.67] as const;

/** The run without what is only time, only words, or could be asked again before anything else is. */
export function timeless(o: Observation): Observation {
  const { memory, facts } = o;
  const knows = Object.keys(facts).length > 0;
  return {
    ...o,
    nowMs: 0,
    dice: 0,
    memory: {
      ...memory,
      identity: knows ? memory.identity : null,
      lifecycle: knows ? memory.lifecycle : null,
      self: knows ? memory.self : null,
      // Whoever was a member, or may have been, waits for what has held before it acts; here it may have held at once.
      did: [],
      wasMember: false,
      missing: [],
      // A look at its Engine, which comes before all else, takes that back.
      isProven: facts.engine !== undefined && memory.isProven,
      asked: {
        instances: facts.instances === undefined ? null : memory.asked.instances,
        probe: facts.probe === undefined ? null : memory.asked.probe,
      },
      terminated: [...memory.terminated].sort(),
      failures: failuresOf(memory),
      kept: [...memory.kept].sort(),
      refused: [...memory.refused].sort(),
      reaped: [],
      attemptMs: memory.attemptMs === null ? null : 0,
      startingMs: memory.startingMs === null ? null : 0,
      forced: memory.forced === null ? null : "",
      fault: memory.fault === null ? null : { ...memory.fault, message: "" },
      steady: heldOf(memory),
      pools: null,
      waits: 0,
    },
  };
}

/** What a run does something about once it has held. */
const ACTED_ON: readonly Rule[] = [
  "node-removed",
  "swarm-missing",
  "managers-lost",
  "voter-going",
  "demotion-pending",
];

/** That such a rule has kept the run waiting, for a time that the clock says. */
function heldOf({ steady }: Memory): Memory["steady"] {
  if (steady === null || !ACTED_ON.includes(steady.rule)) return null;
  return { ...steady, because: "", sinceMs: 0 };
}

function failuresOf({ failures }: Memory): Memory["failures"] {
  const unique = new Map(
    failures.map((
      one,
    ) => [`${one.address} ${one.digest} ${one.kind}`, { ...one, message: "", atMs: 0 }]),
  );
  return [...unique].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one);
}

/**
 * All that may be decided, whatever the clock and the dice say, each once. `mayHold`: what is seen now may
 * have been seen for long; not what only one look shows that went wrong.
 */
export function decisionsOf(code: Code, o: Observation, mayHold = true): Decision[] {
  const found = new Map<string, Decision>();
  const add = (o: Observation, nowMs: number, dice: number): Decision => {
    const decision = code.decide(at(o, nowMs, dice));
    const key = decision.kind === "look" || decision.kind === "act"
      ? JSON.stringify(decision)
      : nameOf(decision);
    if (!found.has(key)) found.set(key, decision);
    return decision;
  };
  const { failures, attemptMs, startingMs, steady } = o.memory;
  const depends = failures.length > 0 ||
    [attemptMs, startingMs, steady].some((since) => since !== null);
  const { goal, timeoutMs } = o.config;
  const isBounded = goal === "leave" && timeoutMs < Number.MAX_SAFE_INTEGER;
  const clocks = [
    ...(depends || isBounded ? CLOCKS_MS : [LATE_MS]),
    ...(isBounded ? [timeoutMs - RUSHED_MS] : []),
  ];
  for (const clockMs of clocks) {
    const decision = add(o, clockMs, 0);
    if (decision.kind === "act" && decision.call.kind === "join") {
      for (const dice of DICE) add(o, clockMs, dice);
    } else if (decision.kind === "wait" && mayHold) {
      const { rule, exit } = decision;
      const steady = { rule, because: "", exit, sinceMs: 0 };
      add({ ...o, memory: { ...o.memory, steady } }, LATE_MS, 0);
    }
  }
  return [...found.values()];
}

/** After a fault a run first waits, which nobody sees. */
export function settled(code: Code, o: Observation): Observation {
  let so = timeless(o);
  for (let waits = 0; so.memory.fault !== null && waits < 3; waits++) {
    const decision = code.decide(at(so, CLOCKS_MS[0], 0));
    if (decision.kind !== "wait") break;
    so = timeless(code.after(so, decision, [], 0));
  }
  return so;
}

/** A decision by its rule and what is done, without the details. */
export function nameOf(decision: Decision): string {
  switch (decision.kind) {
    case "look":
      return `look ${decision.calls.map(({ kind }) => kind).join()}`;
    case "act":
      return `${decision.rule} ${decision.call.kind}`;
    case "wait":
      return `${decision.rule} wait`;
    case "end":
      return `${decision.rule} end ${decision.exit}`;
    default:
      return decision satisfies never;
  }
}

export function tell(decision: Decision): string {
  return decision.kind === "look" ? "looks" : `${nameOf(decision)}: ${decision.because}`;
}
