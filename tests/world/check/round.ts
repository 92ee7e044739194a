/**
 * One round of a run: it looks at all that it wants to see, each look answered in every way that there
 * is, and then acts, waits or ends. All its looks are made just before that, in one step with it:
 * whatever EC2 could have shown earlier it can still show then, and what is never old (S3, its own
 * Engine) is let be as old as the run's last act.
 */
import type { Code } from "../program.ts";
import { Intern } from "./intern.ts";
import { decisionsOf, timeless } from "./timeless.ts";
import type { Horizon, Seeing } from "./view.ts";
import type { AnyAnswer, Look } from "../../../src/calls.ts";
import type { Acting, Decision, End, Observation, Waiting } from "../../../src/state.ts";

/**
 * What a round comes to. `cost`: whether a look went wrong; `blind`: one that says who is where; `deaf`: who
 * answers was not heard.
 */
export interface Outcome {
  decision: Acting | Waiting | End;
  before: Observation;
  cost: number;
  blind: boolean;
  deaf: boolean;
  horizon: Horizon;
  /** What the run knows after each answer to its act, as far as that was worked out. */
  answered: Map<string, Observation>;
}

interface Place {
  o: Observation;
  cost: number;
  blind: boolean;
  deaf: boolean;
  horizon: Horizon;
}

/** How a round is played. */
export interface Rules {
  /** All that a look may be answered. */
  see: (call: Look, horizon: Horizon, faults: boolean) => Seeing[];
  faults: boolean;
  /** Names what comes of a decision, with what the run remembers: of equal ones one is enough. */
  consequenceOf: (o: Observation, decision: Decision) => string;
}

/** Every way that a round may go, each once. */
export function roundsOf(code: Code, start: Place, rules: Rules): Outcome[] {
  const outcomes = new Map<string, Outcome>();
  const visited = new Set<string>();
  const decided = (place: Place, decision: Outcome["decision"]): void => {
    const { o, cost, blind, deaf, horizon } = place;
    // After an act, and at the end, it is nothing how old the reads before may have been.
    const { floor, seen } = decision.kind === "wait" ? horizon : { floor: 0, seen: [] };
    const key = `${cost} ${blind} ${deaf} ${floor} ${seen.length} ${
      rules.consequenceOf(o, decision)
    }`;
    if (outcomes.has(key)) return;
    const answered = new Map();
    outcomes.set(key, { decision, before: o, cost, blind, deaf, horizon, answered });
  };
  const go = (place: Place): void => {
    const { o, cost, blind, deaf, horizon } = place;
    const here = keyOf(place);
    if (visited.has(here)) return;
    visited.add(here);
    for (const decision of decisionsOf(code, o, cost === 0)) {
      if (decision.kind !== "look") {
        decided(place, decision);
        continue;
      }
      const mayFail = rules.faults && cost === 0;
      const seen = decision.calls.map((call) => rules.see(call, horizon, mayFail));
      for (const looked of combined(seen, horizon)) {
        if (cost + looked.cost > 1) continue;
        go({
          o: timeless(code.after(o, decision, looked.answers, 0)),
          cost: cost + looked.cost,
          blind: blind || looked.blind,
          deaf: deaf || looked.deaf,
          horizon: looked.horizon,
        });
      }
    }
  };
  go(start);
  return [...outcomes.values()];
}

interface Looked {
  answers: AnyAnswer[];
  cost: number;
  blind: boolean;
  deaf: boolean;
  horizon: Horizon;
}

/** One answer of each, in every combination. */
function combined(seen: Seeing[][], horizon: Horizon): Looked[] {
  let all: Looked[] = [{ answers: [], cost: 0, blind: false, deaf: false, horizon }];
  for (const seeings of seen) {
    all = all.flatMap((so) =>
      seeings.filter(({ cost }) => so.cost + cost <= 1).map((
        { answer, cost, blind, deaf, then },
      ) => ({
        answers: [...so.answers, answer],
        cost: so.cost + cost,
        blind: so.blind || blind,
        deaf: so.deaf || deaf,
        // Each look moves one of the two.
        horizon: {
          floor: Math.max(so.horizon.floor, then.floor),
          seen: then.seen.length < so.horizon.seen.length ? then.seen : so.horizon.seen,
        },
      }))
    );
  }
  return all;
}

const texts = new Intern<null>();
const ids = new WeakMap<object, number>();

/** A number for a value that is not changed any more: equal for values that say the same. */
function idOf(value: object): number {
  let id = ids.get(value);
  if (id === undefined) ids.set(value, id = texts.id(JSON.stringify(value), () => null));
  return id;
}

function keyOf(
  { o: { memory, facts }, cost, blind, deaf, horizon: { floor, seen } }: Place,
): string {
  const known = Object.entries(facts).map(([name, fact]) => `${name}${idOf(fact)}`);
  return `${cost} ${blind} ${deaf} ${floor} ${seen.length} ${
    JSON.stringify(memory)
  } ${known.join()}`;
}
