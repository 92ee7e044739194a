/** Histories that once broke a property, kept as the simulator or the checker told them. */
import assert from "node:assert/strict";
import { absorb, next, type RunState } from "../../src/run.ts";
import type { AnyAnswer, Call } from "../../src/calls.ts";
import type { LogEntry } from "../../src/state.ts";
import {
  config,
  fault,
  fp,
  instance,
  managerOf,
  managersAt,
  member,
  memory,
  NOW_MS,
  ok,
  outside,
  record,
  shown,
} from "../support/observations.ts";

/** Plays a run against answers by the call's kind, until an action's first call is to be made. */
function toAction(
  state: RunState,
  script: Partial<Record<Call["kind"], AnyAnswer>>,
): { calls: Call[]; state: RunState } {
  for (let steps = 0; steps < 20; steps++) {
    const step = next(state, 1_000, 0);
    if (step.kind === "end") throw new Error(`ended: ${step.decision.because}`);
    if (step.decision !== null) return step;
    const answers = step.calls.map((call) => script[call.kind] ?? ok(null));
    state = absorb(step.state, step.calls, answers, 1_000);
  }
  throw new Error("no action");
}

Deno.test("trace: after a replacing write without an answer, an older own write confirms nothing", () => {
  const entries: LogEntry[] = [
    { number: 1, follows: 0, record: record(), newer: false },
    {
      number: 2,
      follows: 1,
      record: record({ members: [member(2), member(1)], nonce: "run-1" }),
      newer: false,
    },
  ];
  const start: RunState = {
    config,
    memory: {
      ...memory,
      confirmed: fp("a"),
      written: [{ template: "lt-1", number: 2, record: entries[1]!.record!, follows: 1 }],
    },
    facts: {},
    doing: null,
    plan: [],
    missing: [],
  };
  const script: Partial<Record<Call["kind"], AnyAnswer>> = {
    engine: ok(managerOf("b")),
    ledger: ok({ kind: "log", template: "lt-1", entries, serverMs: NOW_MS }),
    contents: ok({ services: 0, secrets: 0, configs: 0, networks: 0, tasks: 0 }),
    tokens: ok([]),
  };
  const dead = [instance(2, { state: "terminated", address: null })];
  const replacing = toAction(start, { ...script, instances: ok(dead) });
  assert.equal(replacing.calls[0]?.kind, "write");
  const unsure = absorb(replacing.state, replacing.calls, [fault("timeout")], 1_000);
  const waited = toAction(unsure, {});
  assert.equal(waited.calls[0]?.kind, "sleep");
  const awake = absorb(waited.state, waited.calls, [ok(null)], 1_000);
  // EC2 shows the log as it was before the replacement, and the dead manager as if it lived.
  const then = toAction(awake, { ...script, instances: ok([instance(2)]) });
  assert.equal(then.calls[0]?.kind, "write", "it writes before it leaves what it may have founded");
});

Deno.test("trace: a read from before does not revive a terminated member", () => {
  const start: RunState = {
    config,
    memory,
    facts: {},
    doing: null,
    plan: [],
    missing: [],
  };
  const entries: LogEntry[] = [
    { number: 1, follows: 0, record: record({ members: [member(2)] }), newer: false },
  ];
  const script: Partial<Record<Call["kind"], AnyAnswer>> = {
    ledger: ok({ kind: "log", template: "lt-1", entries, serverMs: NOW_MS }),
    contents: ok({ services: 0, secrets: 0, configs: 0, networks: 0, tasks: 0 }),
    tokens: ok([]),
    probe: ok([]),
  };
  const dead = ok([instance(1), instance(2, { state: "terminated", address: null })]);
  const initing = toAction(start, { ...script, engine: ok(outside), instances: dead });
  assert.equal(initing.calls[0]?.kind, "init");
  const inited = absorb(initing.state, initing.calls, [ok(null)], 1_000);
  // Once it went on for ever: it yielded to the dead swarm, left its own, and initialised anew.
  const older = ok([instance(1), instance(2)]);
  const then = toAction(inited, { ...script, engine: ok(managerOf("b")), instances: older });
  const [call] = then.calls;
  assert.ok(call?.kind === "write");
  assert.equal(call.record.fingerprint, fp("b"));
});

Deno.test("trace: a write whose answer was lost, and that the log showed, is not forgotten again", () => {
  const own = record({ members: [member(2), member(1)], nonce: "run-2" });
  const entries: LogEntry[] = [
    { number: 1, follows: 0, record: record({ members: [member(2)] }), newer: false },
    { number: 2, follows: 1, record: own, newer: false },
  ];
  let state: RunState = {
    config,
    memory: { ...memory, unknown: "run-2" },
    facts: {},
    doing: null,
    plan: [],
    missing: [],
  };
  const log = (shown: LogEntry[]): AnyAnswer =>
    ok({
      kind: "log",
      template: shown.length === 0 ? null : "lt-1",
      entries: shown,
      serverMs: NOW_MS,
    });
  const calls: Call[] = [{ kind: "ledger", missing: [] }];
  state = absorb(state, calls, [log(entries)], 1_000);
  assert.equal(state.memory.confirmed, fp("a"));
  // A read from before any record: nothing is initialised on it.
  state = absorb(state, calls, [log([])], 1_000);
  assert.deepEqual(state.facts.ledger, ok({ kind: "unsettled", missing: [1] }));
});

Deno.test("trace: a manager that was terminated since the Engine was looked at is not listed again", () => {
  const start: RunState = { config, memory, facts: {}, doing: null, plan: [], missing: [] };
  // When the Engine said this, manager 2 was there. It is terminated, and manager 3 has registered without it.
  const script: Partial<Record<Call["kind"], AnyAnswer>> = {
    engine: ok(managerOf("a", { managers: managersAt(1, 2) })),
    ledger: ok({
      kind: "log",
      template: "lt-1",
      entries: [
        {
          number: 1,
          follows: 0,
          record: record({ members: [member(1), member(2)] }),
          newer: false,
        },
        {
          number: 2,
          follows: 1,
          record: record({ members: [member(1), member(3)] }),
          newer: false,
        },
      ],
      serverMs: NOW_MS,
    }),
    tokens: ok([shown(1, "a")]),
    instances: ok([instance(1), instance(3)]),
  };
  // Once it was listed by its address alone: nobody could say that it is gone, and the swarm could not be
  // replaced for an hour when manager 1 was terminated as well.
  assert.throws(() => toAction(start, { ...script, probe: ok([]) }), /ended: .*a manager of/);
  const listing = toAction(start, { ...script, probe: ok(["10.0.0.2"]) });
  assert.equal(listing.calls[0]?.kind, "write");
});
