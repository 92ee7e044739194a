/** What a run comes to, and what is printed of it: one JSON object, or text for people. */
import assert from "node:assert/strict";
import { jsonOf, pageOf } from "../../../src/report/print.ts";
import { failureOf, type Report, reportOf } from "../../../src/report/report.ts";
import type { ActionKind } from "../../../src/actions.ts";
import type { Config, Decision, End, Memory } from "../../../src/state.ts";
import { RULES } from "../../../src/rules.ts";
import {
  config,
  fault,
  founded,
  fp,
  managerOf,
  member,
  observation,
  ok,
  outside,
  workerOf,
} from "../../support/observations.ts";

const METERS = { elapsedMs: 2_345, awsCalls: 5, phases: { engine: 40, ledger: 120 } };
const DONE: End = {
  kind: "end",
  exit: 0,
  afterMs: 0,
  rule: "in-order",
  because: "all is well",
  warnings: [],
  findings: [],
};

Deno.test("a result is named by what the run did last: init, join, found, or nothing", () => {
  const rows: { did: ActionKind[]; want: string }[] = [
    { did: ["init", "found", "publish"], want: "initialized" },
    { did: ["register", "join", "publish"], want: "joined" },
    { did: ["init", "register", "leave", "join"], want: "joined" },
    { did: ["join", "leave", "init", "replace"], want: "initialized" },
    { did: ["found", "publish"], want: "adopted" },
    { did: ["replace"], want: "adopted" },
    { did: ["publish"], want: "unchanged" },
    { did: [], want: "unchanged" },
  ];
  for (const { did, want } of rows) assert.equal(done({ did }).result, want, did.join());
});

Deno.test("a leave has left once it has left or withdrawn, whoever is told; else nothing has changed", () => {
  const rows: { did: ActionKind[]; want: string }[] = [
    { did: ["drain", "mark", "demote", "leave", "withdraw"], want: "left" },
    { did: ["announce", "leave", "announce"], want: "left" },
    // Killed after it had left, and run again.
    { did: ["withdraw"], want: "left" },
    { did: ["announce"], want: "unchanged" },
    { did: [], want: "unchanged" },
  ];
  for (const { did, want } of rows) assert.equal(left({ did }).result, want, did.join());
  assert.equal(left({ did: ["leave"] }, { exit: 3, rule: "tasks-running" }).result, "failed");
  assert.equal(left({ did: [] }, {}, { dryRun: true }).result, "planned");
});

Deno.test("a leave says what it was, and what it did not do and why", () => {
  assert.equal(
    pageOf(left({ did: ["leave", "withdraw"] })),
    `Left: this node was a manager of the swarm "default", which goes on without it.
instance    i-1
managers    10.0.0.2
took        2.3s, 5 calls of AWS
`,
  );
  const because = "nobody says that this machine goes";
  assert.match(
    pageOf(left({ did: [] }, { rule: "not-going", because })),
    /^Unchanged: nobody says that this machine goes\.\ninstance {4}i-1\n/,
  );
});

Deno.test("who was reaped is named", () => {
  const report = done({ did: ["demote", "remove"], reaped: ["node-2", "node-3"] });
  assert.deepEqual(JSON.parse(jsonOf(report)).reaped, ["node-2", "node-3"]);
  assert.match(pageOf(report), /^reaped {6}node-2, node-3$/m);
});

Deno.test("--json prints one object with what scripts rely on", () => {
  const json = JSON.parse(jsonOf(done({ did: ["register", "join"] })));
  assert.deepEqual(json, {
    result: "joined",
    cluster: "default",
    store: "tags",
    role: "manager",
    instance: "i-1",
    nodeId: "node-1",
    fingerprint: fp("a"),
    managers: ["10.0.0.1"],
    reaped: [],
    pools: null,
    warnings: [],
    elapsedMs: 2_345,
    awsCalls: 5,
    phases: { engine: 40, ledger: 120 },
  });
});

Deno.test("a worker's managers are those of the record", () => {
  const seen = observation({
    memory: { did: ["join"] },
    facts: { engine: ok(workerOf("a")), ledger: founded() },
  });
  const report = reportOf({ decision: DONE, observation: seen, meters: METERS });
  assert.equal(report.role, "worker");
  assert.deepEqual(report.managers, ["10.0.0.1"]);
});

Deno.test("text says the same to people, in a few lines", () => {
  assert.equal(
    pageOf(done({ did: ["init", "found"] })),
    `Initialized: this node founded the swarm "default" and is a manager of it.
instance    i-1
node        node-1
swarm       ${fp("a")}
managers    10.0.0.1
took        2.3s, 5 calls of AWS
`,
  );
});

Deno.test("a failure is an object under --json, and leaves stdout empty in text", () => {
  const decision: Decision = { ...DONE, exit: 3, rule: "no-swarm-yet" };
  const report = reportOf({ decision, observation: observation(), meters: METERS });
  assert.equal(report.exit, 3);
  const { result, exit, rule, because, mend } = JSON.parse(jsonOf(report));
  assert.deepEqual({ result, exit, rule, because, mend }, {
    result: "failed",
    exit: 3,
    rule: "no-swarm-yet",
    because: "all is well",
    mend: RULES["no-swarm-yet"].mend,
  });
  assert.equal(pageOf(report), "");
});

Deno.test("a run that could not begin reports the same way", () => {
  const report = failureOf({
    exit: 6,
    rule: "node-lock",
    because: "no such folder",
    config,
    meters: METERS,
  });
  const json = JSON.parse(jsonOf(report));
  assert.equal(json.result, "failed");
  assert.equal(json.rule, "node-lock");
  assert.equal(json.exit, 6);
  assert.equal(json.cluster, "default");
  assert.equal(json.store, "tags");
});

Deno.test("a command line that was wrong is of no cluster", () => {
  const failure = { exit: 2, rule: "usage", because: "", config: null, meters: METERS } as const;
  assert.equal(failureOf(failure).cluster, null);
  assert.equal(failureOf(failure).store, null);
});

Deno.test("no token is printed, not even one that a fault brought along", () => {
  const token = `SWMTKN-1-${fp("a")}-${"b".repeat(25)}`;
  const seen = observation({
    config: { dryRun: true },
    facts: { engine: fault("refused", `it said ${token}`) },
  });
  const decision: Decision = { ...DONE, because: token, warnings: [token] };
  const report = reportOf({ decision, observation: seen, meters: METERS });
  for (const text of [jsonOf(report), pageOf(report)]) assert.ok(!text.includes("b".repeat(25)));
});

/** A leave of a manager that is in no swarm any more. */
function left(
  memory: Partial<Memory>,
  end: Partial<End> = {},
  settings: Partial<Config> = {},
): Report {
  const seen = observation({
    config: { goal: "leave", ...settings },
    memory,
    facts: { engine: ok(outside), ledger: founded({ members: [member(2)] }) },
  });
  const decision: Decision = { ...DONE, rule: "out", because: "i-1 has left", ...end };
  return reportOf({ decision, observation: seen, meters: METERS });
}

function done(memory: Partial<Memory>): Report {
  const seen = observation({ memory, facts: { engine: ok(managerOf("a")), ledger: founded() } });
  return reportOf({ decision: DONE, observation: seen, meters: METERS });
}
