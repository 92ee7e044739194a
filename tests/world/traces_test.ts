/** Histories that once broke a property, kept as the simulator or the checker told them. */
import assert from "node:assert/strict";
import { after, at, callsOf, decide } from "../../src/run.ts";
import type { AnyAnswer, Call } from "../../src/calls.ts";
import type { Acting, Observation, Waiting } from "../../src/state.ts";
import type { LogEntry } from "../../src/founding.ts";
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

type Script = Partial<Record<Call["kind"], AnyAnswer>>;

/** Where a run begins that knows who it is. */
function startOf(change: Partial<Observation["memory"]> = {}): Observation {
  return { config, memory: { ...memory, ...change }, facts: {}, nowMs: 1_000, dice: 0 };
}

/** Plays a run against answers by the call's kind, until it does something or waits. */
function toAction(
  start: Observation,
  script: Script,
): { decision: Acting | Waiting; o: Observation } {
  let o = at(start, 1_000, 0);
  for (let steps = 0; steps < 20; steps++) {
    const decision = decide(o);
    if (decision.kind === "end") throw new Error(`ended: ${decision.because}`);
    if (decision.kind !== "look") return { decision, o };
    o = after(o, decision, callsOf(decision).map((call) => script[call.kind] ?? ok(null)), 1_000);
  }
  throw new Error("no action");
}

/** Which act was decided on; "" for a wait. */
function actOf({ decision }: { decision: Acting | Waiting }): string {
  return decision.kind === "act" ? decision.call.kind : "";
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
  const start = startOf({
    confirmed: fp("a"),
    written: [{ template: "lt-1", number: 2, record: entries[1]!.record!, follows: 1 }],
  });
  const script: Script = {
    engine: ok(managerOf("b")),
    ledger: ok({ kind: "log", template: "lt-1", entries, serverMs: NOW_MS }),
    contents: ok({}),
    neighbours: ok([]),
    tokens: ok([]),
  };
  const dead = [instance(2, { state: "terminated", address: null })];
  const replacing = toAction(start, { ...script, instances: ok(dead) });
  assert.equal(actOf(replacing), "write");
  const unsure = after(replacing.o, replacing.decision, [fault("timeout")], 1_000);
  const waited = toAction(unsure, {});
  assert.equal(waited.decision.kind, "wait");
  const awake = after(waited.o, waited.decision, [], 1_000);
  // EC2 shows the log as it was before the replacement, and the dead manager as if it lived.
  const then = toAction(awake, { ...script, instances: ok([instance(2)]) });
  assert.equal(actOf(then), "write", "it writes before it leaves what it may have founded");
});

Deno.test("trace: a read from before does not revive a terminated member", () => {
  const start = startOf();
  const entries: LogEntry[] = [
    { number: 1, follows: 0, record: record({ members: [member(2)] }), newer: false },
  ];
  const script: Script = {
    ledger: ok({ kind: "log", template: "lt-1", entries, serverMs: NOW_MS }),
    contents: ok({}),
    neighbours: ok([]),
    tokens: ok([]),
    probe: ok([]),
  };
  const dead = ok([instance(1), instance(2, { state: "terminated", address: null })]);
  const initing = toAction(start, { ...script, engine: ok(outside), instances: dead });
  assert.equal(actOf(initing), "init");
  const inited = after(initing.o, initing.decision, [ok(null)], 1_000);
  // Once it went on for ever: it yielded to the dead swarm, left its own, and initialised anew.
  const older = ok([instance(1), instance(2)]);
  const then = toAction(inited, { ...script, engine: ok(managerOf("b")), instances: older });
  const { decision } = then;
  assert.ok(decision.kind === "act" && decision.call.kind === "write");
  assert.equal(decision.call.record.fingerprint, fp("b"));
});

Deno.test("trace: a write whose answer was lost, and that the log showed, is not forgotten again", () => {
  const own = record({ members: [member(2), member(1)], nonce: "run-2" });
  const entries: LogEntry[] = [
    { number: 1, follows: 0, record: record({ members: [member(2)] }), newer: false },
    { number: 2, follows: 1, record: own, newer: false },
  ];
  const start = startOf({ unknown: "run-2" });
  const log = (shown: LogEntry[]): AnyAnswer =>
    ok({
      kind: "log",
      template: shown.length === 0 ? null : "lt-1",
      entries: shown,
      serverMs: NOW_MS,
    });
  const look = { kind: "look" as const, calls: [{ kind: "ledger" as const, missing: [] }] };
  const shown = after(start, look, [log(entries)], 1_000);
  assert.equal(shown.memory.confirmed, fp("a"));
  // A read from before any record: nothing is initialised on it.
  const older = after(shown, look, [log([])], 1_000);
  assert.deepEqual(older.facts.ledger, ok({ kind: "unsettled", missing: [1] }));
});

Deno.test("trace: a manager that was terminated since the Engine was looked at is not listed again", () => {
  const start = startOf();
  // When the Engine said this, manager 2 was there. It is terminated, and manager 3 has registered without it.
  const script: Script = {
    engine: ok(managerOf("a", { nodes: managersAt(1, 2) })),
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
  assert.equal(actOf(listing), "write");
});
