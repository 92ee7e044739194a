/** What a call that failed means to a run, wherever it comes from. */
import assert from "node:assert/strict";
import { engineFaulted, faulted, lockFaulted } from "../../../src/decide/faults.ts";
import { noRecord } from "../../../src/decide/obstacles.ts";
import { LATE_MS, STRANGE_MS } from "../../../src/decide/patience.ts";
import { type Rule, RULES } from "../../../src/rules.ts";
import { type Decision, type FailExit, FAULT_KINDS, type FaultKind } from "../../../src/state.ts";
import { decided, held, others2, type Row, table } from "./table.ts";
import { fault, founded, observation, ok, s3, unfounded } from "../../support/observations.ts";

/** At the deadline of a run. */
const LATE = { nowMs: 600_000 };

table("a fault", [
  {
    name: "a policy may come late: a denied call is waited for, however long it has held",
    state: observation({
      memory: { steady: { rule: "permission-missing", because: "", exit: 4, sinceMs: 0 } },
      nowMs: 599_999,
      facts: { ledger: fault("denied") },
    }),
    want: ["wait", "permission-missing"],
  },
  ...(["ledger", "tokens", "instances"] as const).map((what): Row => ({
    name: `a denied read of the ${what} is a denial, and no sign that nothing is there`,
    state: observation({
      ...LATE,
      facts: {
        ledger: what === "tokens" ? unfounded : founded(others2),
        [what]: fault("denied", "allow ec2:DescribeInstances"),
      },
    }),
    want: ["fail", "permission-missing"],
    because: "ec2:DescribeInstances",
    exit: 4,
  })),
  {
    name: "a denied write",
    state: observation({
      ...LATE,
      memory: { fault: { kind: "denied", message: "allow ec2:CreateTags" } },
    }),
    want: ["fail", "permission-missing"],
    because: "ec2:CreateTags",
    exit: 4,
  },
  ...(["throttled", "unreachable", "timeout", "malformed"] as const).map((kind): Row => ({
    name: `a read that was ${kind} is no sign that nothing is there: waits`,
    state: observation({ facts: { tokens: fault(kind) } }),
    want: ["wait", kind === "throttled" ? "throttled" : "unreachable"],
  })),
  {
    name: "AWS out of reach until the deadline: not yet",
    state: observation({ nowMs: 600_000, facts: { ledger: fault("unreachable") } }),
    want: ["fail", "unreachable"],
    exit: 3,
  },
  {
    name: "a bucket that does not exist",
    state: observation({ config: { store: s3 }, facts: { ledger: fault("unusable") } }),
    want: ["fail", "setting-unusable"],
    exit: 2,
  },
  {
    name: "somebody else wrote first: waits a moment and reads again",
    state: observation({ memory: { fault: { kind: "busy", message: "lost" } } }),
    want: ["wait", "write-lost"],
  },
  {
    name: "the Engine refuses what it is asked",
    state: observation({
      memory: {
        fault: { kind: "refused", message: "invalid address pool" },
        ...held("engine-refused", STRANGE_MS),
      },
    }),
    want: ["fail", "engine-refused"],
    because: "invalid address pool",
    exit: 5,
  },
  {
    name: "a record of a later version",
    state: observation({
      memory: held("record-unreadable", STRANGE_MS),
      facts: { ledger: ok({ kind: "unreadable", why: "a later version wrote it" }) },
    }),
    want: ["fail", "record-unreadable"],
    exit: 5,
  },
]);

/** By which rule; and with which exit once it has held for how long, or that it is waited out. */
const MEANINGS: { [K in FaultKind]: [Rule, "waits" | FailExit, number] } = {
  denied: ["permission-missing", 4, LATE_MS],
  throttled: ["throttled", "waits", 0],
  "no-metadata": ["imds-unavailable", 6, LATE_MS],
  "no-role": ["credentials-missing", 4, LATE_MS],
  "no-socket": ["engine-unavailable", 6, LATE_MS],
  "no-folder": ["node-lock", 6, 0],
  "not-found": ["not-shown", "waits", 0],
  unreachable: ["unreachable", "waits", 0],
  "one-way": ["engine-refused", 5, STRANGE_MS],
  timeout: ["unreachable", "waits", 0],
  malformed: ["unreachable", "waits", 0],
  unusable: ["setting-unusable", 2, 0],
  clock: ["clock-wrong", 6, LATE_MS],
  declined: ["aws-refused", 5, STRANGE_MS],
  refused: ["engine-refused", 5, STRANGE_MS],
  rejected: ["engine-refused", 5, STRANGE_MS],
  foreign: ["engine-refused", 5, STRANGE_MS],
  pending: ["engine-refused", 5, STRANGE_MS],
  busy: ["write-lost", "waits", 0],
};

for (const kind of FAULT_KINDS) {
  const [rule, exit, afterMs] = MEANINGS[kind];
  Deno.test(`decide: a fault: ${kind} is ${rule}, and its words are said`, () => {
    const decision = faulted(observation(), { kind, message: "these words" });
    assert.deepEqual(meaningOf(decision), [rule, exit, afterMs]);
    assert.ok(decision.kind !== "look");
    assert.equal(decision.because, "these words");
  });
}

Deno.test("decide: a fault: a run ends by its rule with an exit that the rule names", () => {
  for (const [rule, exit] of Object.values(MEANINGS)) {
    const exits: readonly number[] = RULES[rule].exits;
    assert.ok(exits.includes(exit === "waits" ? 3 : exit), rule);
  }
});

Deno.test("decide: a fault: of looks only those that were throttled are made again; an act is decided anew", () => {
  const look = decided(observation({ facts: { tokens: fault("throttled") } }));
  assert.ok(look.kind === "wait");
  assert.equal(look.keeps, "answers");
  const act = decided(observation({ memory: { fault: { kind: "throttled", message: "" } } }));
  assert.ok(act.kind === "wait");
  assert.equal(act.keeps, "nothing");
});

Deno.test("decide: a fault: an Engine that does not say how it is may be starting, unless it is denied", () => {
  for (const kind of FAULT_KINDS) {
    const want = kind === "denied" ? ["permission-missing", 4, 0] : [
      "engine-unavailable",
      6,
      LATE_MS,
    ];
    assert.deepEqual(meaningOf(engineFaulted({ kind, message: "" })), want, kind);
  }
});

Deno.test("decide: a fault: a ledger's answer that makes no sense says nothing of the record", () => {
  for (const kind of FAULT_KINDS) {
    const decision = noRecord(observation({ facts: { ledger: fault(kind) } }));
    assert.ok(decision !== null);
    assert.deepEqual(meaningOf(decision), MEANINGS[kind], kind);
  }
});

Deno.test("decide: a fault: a lock that another run holds is waited for, one that can't be had is not", () => {
  const rows = [["timeout", 3], ["denied", 4], ["no-folder", 6], ["unusable", 6]] as const;
  for (const [kind, exit] of rows) {
    assert.deepEqual(meaningOf(lockFaulted({ kind, message: "" })), ["node-lock", exit, 0]);
  }
});

function meaningOf(decision: Decision): unknown[] {
  assert.ok(decision.kind === "wait" || decision.kind === "end", decision.kind);
  return decision.kind === "wait"
    ? [decision.rule, "waits", 0]
    : [decision.rule, decision.exit, decision.afterMs];
}
