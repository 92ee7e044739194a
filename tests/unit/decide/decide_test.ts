/** What holds for every decision, whatever was observed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { observations } from "./arbitrary.ts";
import { decide } from "../../../src/decide/decide.ts";
import { founded, identity, lifecycle, managerOf } from "../../support/observations.ts";
import { RULES } from "../../../src/rules.ts";
import type { Decision, Observation } from "../../../src/state.ts";

/** More than fast-check's hundred: these are quick, and the cases many. */
const RUNS = { numRuns: 3_000 };

function everywhere(holds: (decision: Decision, o: Observation) => void): void {
  fc.assert(fc.property(observations, (o) => holds(decide(o), o)), RUNS);
}

Deno.test("decide: it decides the same again, throws nothing, and changes nothing that it was given", () => {
  everywhere((decision, o) => {
    const before = structuredClone(o);
    assert.deepEqual(decide(o), decision);
    assert.deepEqual(structuredClone(o), before);
  });
});

Deno.test("decide: a look asks for what is not known yet, or for the record again, and nothing twice", () => {
  everywhere((decision, { config, facts }) => {
    if (decision.kind !== "look") return;
    const kinds = decision.calls.map(({ kind }) => kind);
    assert.ok(kinds.length > 0);
    assert.equal(new Set(kinds).size, kinds.length, kinds.join());
    // Of others than before EC2 and the network are asked again; and before it demotes itself, all.
    const again = ["ledger", "instances", "probe", ...(config.goal === "leave" ? ["engine"] : [])];
    for (const kind of kinds) assert.ok(again.includes(kind) || facts[kind] === undefined, kind);
  });
});

Deno.test("decide: AWS is asked nothing while the node's own Engine was not heard", () => {
  everywhere((decision, { config, facts }) => {
    const isJoin = config.goal === "join" && !config.dryRun;
    if (decision.kind !== "look" || !isJoin || facts.engine?.ok) return;
    // On its way into a warm pool a machine joins nothing, and Auto Scaling may hold it.
    const near = ["identity", "lifecycle", "engine", ...(config.hook === null ? [] : ["hook"])];
    for (const { kind } of decision.calls) assert.ok(near.includes(kind), kind);
  });
});

Deno.test("decide: a run ends by a rule with an exit that the rule names, and a reason", () => {
  everywhere((decision) => {
    if (decision.kind === "look") return;
    assert.ok(decision.because !== "");
    if (decision.kind === "act") return;
    const { exit } = decision;
    const exits: readonly number[] = RULES[decision.rule].exits;
    assert.ok(exit === 0 || exits.includes(exit), `${decision.rule}: ${exit}`);
  });
});

Deno.test("decide: after the deadline nothing is done and nothing is waited for any more", () => {
  everywhere((decision, { config, nowMs }) => {
    if (config.dryRun || nowMs < config.timeoutMs) return;
    assert.ok(decision.kind === "look" || decision.kind === "end", decision.kind);
  });
});

Deno.test("decide: what can't be taken back stands on a record, or on there being none", () => {
  everywhere((decision, { config, facts }) => {
    if (decision.kind !== "act" || decision.rule === "attempt-failed") return;
    // Late, a worker that goes does so without a record; and Auto Scaling holds whom it likes.
    const bare = ["announce", "stop", "leave", "heartbeat"];
    if (config.goal === "leave" && bare.includes(decision.call.kind)) return;
    if (config.hook === "launching" && decision.call.kind === "complete") return;
    assert.ok(facts.ledger?.ok && facts.ledger.value.kind === "settled", decision.rule);
    if (decision.call.kind !== "leave") return;
    assert.ok(decision.call.onlyEmpty);
    assert.ok(facts.ledger.value.record !== null);
  });
});

Deno.test("decide: a worker writes nothing", () => {
  everywhere((decision, { config, facts }) => {
    const engine = facts.engine?.ok ? facts.engine.value : null;
    if (decision.kind !== "act" || config.role !== "worker" || engine?.manager) return;
    const own = config.goal === "leave"
      ? ["leave", "announce", "stop", "complete", "heartbeat"]
      : ["join", "leave", "announce", "complete"];
    assert.ok(own.includes(decision.call.kind), decision.call.kind);
  });
});

Deno.test("decide: a swarm is started anew only where it is asked for, right after its write, and once", () => {
  let times = 0;
  const holds = (o: Observation): void => {
    const decision = decide(o);
    if (decision.kind !== "act" || decision.call.kind !== "force") return;
    times++;
    const { config, memory, facts } = o;
    assert.ok(config.goal === "recover" && memory.mayForce && memory.forced === null);
    assert.ok(facts.engine?.ok && facts.engine.value.trouble === "no-quorum");
  };
  // Of what is drawn hardly anything is a manager of a lost swarm that knows all that it needs to.
  const engine = { ...managerOf("a"), swarm: null, trouble: "no-quorum" } as const;
  const lost = ({ config, memory, facts, ...o }: Observation): Observation => ({
    ...o,
    config: { ...config, role: "manager", clusterTag: null },
    memory: { ...memory, identity: identity(1), lifecycle: lifecycle(null), fault: null },
    facts: { ...facts, engine: { ok: true, value: engine }, ledger: founded() },
  });
  fc.assert(fc.property(observations, (o) => [o, lost(o)].forEach(holds)), RUNS);
  assert.ok(times > 0, "it never came to that");
});

Deno.test("decide: Auto Scaling is told that a machine may go only when that is out", () => {
  const hooks = [{ name: "leave", transition: "terminating" as const, heartbeatMs: 60_000 }];
  const hook = { ok: true as const, value: { group: "g", state: "Terminating:Wait", hooks } };
  let told = 0;
  const held = observations.map((o): Observation => ({
    ...o,
    config: { ...o.config, goal: "leave", dryRun: false },
    memory: {
      ...o.memory,
      ...{ lifecycle: { target: "Terminated", spot: null }, said: "nothing", fault: null },
    },
    facts: { ...o.facts, hook },
    nowMs: 10_000,
  }));
  const holds = (o: Observation): void => {
    const decision = decide(o);
    if (decision.kind !== "act" || decision.call.kind !== "complete") return;
    told++;
    const { engine, ledger } = o.facts;
    assert.ok(engine?.ok && engine.value.state === "inactive");
    assert.ok(ledger?.ok && ledger.value.kind === "settled");
    const members = ledger.value.record?.members ?? [];
    assert.ok(members.every(({ instance }) => instance !== o.memory.identity?.instance));
  };
  fc.assert(fc.property(held, holds), { numRuns: 4_000 });
  assert.ok(told > 0, "nobody was");
});

Deno.test("decide: a survey never acts", () => {
  everywhere((decision, { config }) => {
    if (config.goal === "survey") assert.notEqual(decision.kind, "act");
  });
});
