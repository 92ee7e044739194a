/** What a run prints at its end, and what an operator's observation comes back to. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decide } from "../../../src/decide/decide.ts";
import { readObservation } from "../../../src/report/observation.ts";
import { replay } from "../../../src/report/replay.ts";
import { failureOf, jsonOf, type Report, reportOf, textOf } from "../../../src/report/report.ts";
import type { ActionKind, Decision, Observation, Permission } from "../../../src/state.ts";
import {
  fault,
  founded,
  fp,
  identity,
  instance,
  managerOf,
  observation,
  ok,
  shown,
  workerOf,
} from "../../support/observations.ts";

const METERS = { elapsedMs: 2_345, awsCalls: 5, phases: { engine: 40, ledger: 120 } };
const DONE: Decision = {
  action: { kind: "done" },
  rule: "in-order",
  because: "all is well",
  warnings: [],
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

Deno.test("--json prints one object with what scripts rely on", () => {
  const json = JSON.parse(jsonOf(done({ did: ["register", "join"] })));
  assert.deepEqual(json, {
    result: "joined",
    cluster: "default",
    role: "manager",
    instance: "i-1",
    nodeId: "node-1",
    fingerprint: fp("a"),
    managers: ["10.0.0.1"],
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
  const report = reportOf({ decision: DONE, observation: seen, permissions: null, meters: METERS });
  assert.equal(report.role, "worker");
  assert.deepEqual(report.managers, ["10.0.0.1"]);
});

Deno.test("text says the same to people, in a few lines", () => {
  assert.equal(
    textOf(done({ did: ["init", "found"] })),
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
  const decision: Decision = {
    ...DONE,
    action: { kind: "fail", exit: 3, afterMs: 0 },
    rule: "no-swarm-yet",
  };
  const report = reportOf({
    decision,
    observation: observation(),
    permissions: null,
    meters: METERS,
  });
  assert.equal(report.exit, 3);
  const { result, exit, rule, because } = JSON.parse(jsonOf(report));
  assert.deepEqual({ result, exit, rule, because }, {
    result: "failed",
    exit: 3,
    rule: "no-swarm-yet",
    because: "all is well",
  });
  assert.equal(textOf(report), "");
});

Deno.test("a run that could not begin reports the same way", () => {
  const report = failureOf({
    exit: 6,
    rule: "node-lock",
    because: "no such folder",
    cluster: "default",
    meters: METERS,
  });
  const json = JSON.parse(jsonOf(report));
  assert.equal(json.result, "failed");
  assert.equal(json.rule, "node-lock");
  assert.equal(json.exit, 6);
});

Deno.test("a dry run says who I am, what I see, what I would do and why, and what is denied", () => {
  const seen = observation({
    config: { dryRun: true },
    facts: {
      ledger: founded(),
      tokens: ok([shown(2, "a"), { ...shown(3, "a"), manager: null, malformed: ["ManagerToken"] }]),
      instances: ok([instance(2), instance(3, { state: "stopped" })]),
      answering: ok(["10.0.0.2"]),
    },
  });
  const decision: Decision = {
    action: {
      kind: "join",
      address: "10.0.0.2",
      token: { fingerprint: fp("a"), digest: "0123456789abcdef" },
    },
    rule: "join-swarm",
    because: "the manager at 10.0.0.2 answers",
    warnings: ["beware"],
  };
  const permissions = ok<Permission[]>([
    { action: "ec2:CreateTags", verdict: "denied" },
    { action: "ec2:CreateLaunchTemplateVersion", verdict: "allowed" },
  ]);
  const report = reportOf({ decision, observation: seen, permissions, meters: METERS });
  assert.equal(report.exit, 0);
  const text = textOf(report);
  for (
    const line of [
      "I am        i-1 at 10.0.0.1, manager, in vpc-1, eu-west-1, account 123456789012",
      "Engine      inactive, in no swarm",
      `Record      swarm ${fp("a")} is founded, with i-1 (10.0.0.1) (the launch template)`,
      "Tokens      i-2 (running) has the managers' token, the workers' token; i-3 (running) has the workers' token, no token in ManagerToken",
      "Instances   i-2 running at 10.0.0.2; i-3 stopped at 10.0.0.3",
      "Answering   10.0.0.2",
      `Decision    join the swarm ${fp("a")} by 10.0.0.2`,
      "Rule        join-swarm",
      "Because     the manager at 10.0.0.2 answers",
      "Warning     beware",
      "Permissions ec2:CreateTags denied, ec2:CreateLaunchTemplateVersion allowed",
      "Denied      ec2:CreateTags: a run that needs it ends with exit 4",
      "Took        2.3s, 5 calls of AWS; nothing was changed",
    ]
  ) assert.ok(text.split("\n").includes(line), `${line}\nis not in\n${text}`);
  const json = JSON.parse(jsonOf(report));
  assert.equal(json.result, "planned");
  assert.equal(json.decision.action, "join");
  assert.equal(json.decision.rule, "join-swarm");
  assert.equal(json.decision.details.address, "10.0.0.2");
  assert.deepEqual(json.observation, JSON.parse(JSON.stringify(seen)));
});

Deno.test("a dry run that ends in a failure has its exit code, its decision and its observation", () => {
  const seen = observation({
    config: { dryRun: true },
    facts: { engine: fault("missing", "no socket") },
  });
  const decision = decide(seen);
  assert.ok("action" in decision);
  const report = reportOf({ decision, observation: seen, permissions: null, meters: METERS });
  assert.equal(report.exit, 6);
  const json = JSON.parse(jsonOf(report));
  assert.equal(json.result, "failed");
  assert.equal(json.decision.action, "fail");
  assert.ok("observation" in json);
  assert.match(textOf(report), /^Decision {4}fail with exit 6$/m);
});

const SEEN: Observation[] = [
  observation(),
  observation({
    facts: { ledger: founded(), engine: ok(managerOf("a")), tokens: ok([shown(1, "a")]) },
  }),
  observation({ facts: { ledger: ok({ kind: "unsettled", missing: [3, 4] }) } }),
  observation({ facts: { engine: fault("denied", "no"), identity: ok(identity(2)) } }),
  observation({
    config: {
      store: { kind: "s3", bucket: "b", prefix: "", kmsKey: null },
      defaultAddrPool: ["x"],
    },
    memory: {
      did: ["init"],
      failures: [{ address: "10.0.0.2", digest: "a", kind: "rejected", atMs: 5 }],
      steady: { rule: "members-silent", because: "nobody answers", exit: 3, sinceMs: 3 },
      fault: { kind: "denied", message: "m", permission: "ec2:CreateTags" },
    },
  }),
];

Deno.test("what a dry run printed decides the same again, wherever it is read", () => {
  for (const seen of SEEN.map((o) => ({ ...o, config: { ...o.config, dryRun: true } }))) {
    const decision = decide(seen);
    if ("calls" in decision) continue;
    const report = reportOf({ decision, observation: seen, permissions: null, meters: METERS });
    for (const text of [jsonOf(report), JSON.stringify(seen)]) {
      const replayed = replay(text);
      assert.ok(replayed.kind === "report", replayed.kind === "unfit" ? replayed.why : "");
      assert.equal(replayed.report.rule, report.rule);
      assert.equal(replayed.report.because, report.because);
      assert.deepEqual(replayed.report.plan?.action, decision.action);
    }
  }
});

Deno.test("an observation that lacks an answer is refused, and says which", () => {
  const { engine: _, ...facts } = observation().facts;
  const replayed = replay(JSON.stringify({ ...observation(), facts }));
  assert.deepEqual(replayed, {
    kind: "unfit",
    why: "it holds no answer to what this version would look at next (engine)",
  });
});

Deno.test("a file that is something else is refused by the first thing that is wrong with it", () => {
  const rows: [string, RegExp][] = [
    ["", /it is not JSON/],
    ["<html>", /it is not JSON/],
    ["[]", /"observation" is \[\], not an object/],
    ["{}", /"observation.config" is missing/],
    ['{"result":"joined"}', /"observation.config" is missing/],
    [changed((o) => o.config.timeoutMs = -1), /"observation.config.timeoutMs" is -1, not a number/],
    [changed((o) => o.dice = 1), /"observation.dice" is 1, not less than 1/],
    [changed((o) => o.memory.did = ["dance"]), /"observation.memory.did\[0\]" is "dance", not one/],
    [changed((o) => o.facts.engine = { ok: true }), /"observation.facts.engine.value" is missing/],
    [changed((o) => o.facts.tokens = { ok: true, value: 5 }), /tokens.value" is 5, not a list/],
    [changed((o) => o.facts.ledger = { ok: true, value: { kind: "x" } }), /ledger.value.kind" is/],
    [changed((o) => o.facts.instances = { ok: false }), /instances.fault" is undefined|is missing/],
  ];
  for (const [text, why] of rows) {
    const read = readObservation(text);
    assert.equal(read.ok, false, text.slice(0, 80));
    assert.match(read.ok ? "" : read.why, why);
  }
});

Deno.test("whatever the file holds, reading it and deciding on it does not throw", () => {
  fc.assert(fc.property(fc.string(), (text) => void replay(text)));
  fc.assert(fc.property(fc.json(), (text) => void replay(text)));
  const paths = pathsOf(SEEN[4]);
  fc.assert(fc.property(
    fc.constantFrom(...SEEN),
    fc.constantFrom(...paths),
    fc.oneof(fc.jsonValue(), fc.constant(undefined)),
    (seen, path, value) => {
      const copy = structuredClone(seen);
      put(copy, path, value);
      replay(JSON.stringify(copy));
    },
  ));
});

Deno.test("no token is printed, not even one that a fault brought along", () => {
  const token = `SWMTKN-1-${fp("a")}-${"b".repeat(25)}`;
  const seen = observation({
    config: { dryRun: true },
    facts: { engine: fault("refused", `it said ${token}`) },
  });
  const decision: Decision = { ...DONE, because: token, warnings: [token] };
  const report = reportOf({ decision, observation: seen, permissions: null, meters: METERS });
  for (const text of [jsonOf(report), textOf(report)]) assert.ok(!text.includes("b".repeat(25)));
});

function done(memory: { did: ActionKind[] }): Report {
  const seen = observation({ memory, facts: { engine: ok(managerOf("a")), ledger: founded() } });
  return reportOf({ decision: DONE, observation: seen, permissions: null, meters: METERS });
}

// deno-lint-ignore no-explicit-any
function changed(change: (o: any) => void): string {
  const copy = structuredClone(observation());
  change(copy);
  return JSON.stringify({ observation: copy });
}

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
    .filter(({ length }) => length > 0);
}

function put(target: unknown, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (typeof target !== "object" || target === null) return;
  const inner = target as { [key: string]: unknown };
  if (rest.length === 0) inner[key] = value;
  else put(inner[key], rest, value);
}
