/** The goal `survey`: all that stands in a node's way at once, and nothing is changed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Answers, answersTo } from "./arbitrary.ts";
import type { AnyAnswer, LookKind } from "../../../src/calls.ts";
import { type Rule, RULES } from "../../../src/rules.ts";
import { after, at, begin, callsOf, decide } from "../../../src/run.ts";
import type { NeededPermission } from "../../../src/shown.ts";
import type { Config, Decision, End, Finding } from "../../../src/state.ts";
import {
  config,
  fault,
  foundingMark,
  identity,
  instance,
  lifecycle,
  managerOf,
  managersAt,
  member,
  NOW_MS,
  ok,
  outside,
  record,
  s3,
  shown,
  spread,
  workerOf,
} from "../../support/observations.ts";

/** More looks than any survey needs. */
const LOOKS_MAX = 10;

interface Course {
  decision: Exclude<Decision, { kind: "look" }>;
  /** What was looked at, in order. */
  looked: LookKind[];
}

/** Looks until something else is decided, where each kind of look is always answered the same. */
function courseOf(answers: Answers, change: Partial<Config>): Course {
  const looked: LookKind[] = [];
  let o = begin({ ...config, dryRun: true, ...change }, "run");
  for (let looks = 0; looks <= LOOKS_MAX; looks++) {
    o = at(o, looks, 0);
    const decision = decide(o);
    if (decision.kind !== "look") return { decision, looked };
    looked.push(...decision.calls.map(({ kind }) => kind));
    const given = callsOf(decision).map(({ kind }) => answers[kind as LookKind] as AnyAnswer);
    o = after(o, decision, given, looks);
  }
  assert.fail(`still looks, after ${looked.join()}`);
}

function surveyed(change: Partial<Answers> = {}, settings: Partial<Config> = {}): End {
  const { decision } = courseOf({ ...HEALTHY, ...change }, { goal: "survey", ...settings });
  assert.ok(decision.kind === "end", decision.kind);
  assert.equal(decision.rule, "surveyed");
  return decision;
}

function objectOf(record_: ReturnType<typeof record> | null): Answers["ledger"] {
  return ok({ kind: "object", record: record_, etag: record_ && "e", serverMs: NOW_MS });
}

/** A manager of a founded swarm, with two others that answer, and all in order. */
const HEALTHY: Answers = {
  identity: ok(identity()),
  lifecycle: ok(lifecycle(null)),
  self: ok(instance(1)),
  engine: ok(managerOf("a", { nodes: spread(1, 2, 3) })),
  contents: ok({}),
  interfaces: ok([]),
  ledger: objectOf(record({ members: [member(1), member(2), member(3)] })),
  tokens: ok([shown(1, "a"), shown(2, "a"), shown(3, "a")]),
  instances: ok([instance(1), instance(2), instance(3)]),
  probe: ok(["10.0.0.2", "10.0.0.3"]),
  neighbours: ok([]),
  words: ok([]),
  marks: ok([]),
  permissions: ok([{ action: "ec2:CreateTags", verdict: "allowed", verb: "join" }]),
  hook: ok(null),
  unit: ok(null),
};
const DENIED_TOKENS = fault("denied", "allow s3:GetObject");
const NOBODY_FOUNDED: Partial<Answers> = {
  engine: ok(outside),
  ledger: objectOf(null),
  tokens: ok([]),
};

Deno.test("survey: where all is in order nothing is found, exit 0", () => {
  const { exit, findings, because } = surveyed();
  assert.deepEqual([exit, findings, because], [0, [], "nothing stops this node"]);
});

Deno.test("survey: it looks at all that may stand in the way, each once", () => {
  const { looked } = courseOf(HEALTHY, { goal: "survey" });
  assert.deepEqual(looked.toSorted(), [
    "engine",
    "identity",
    "instances",
    "ledger",
    "lifecycle",
    "neighbours",
    "permissions",
    "probe",
    "self",
    "tokens",
    "unit",
  ]);
});

Deno.test("survey: where roles are not told by tags, or on a worker, nobody asks which machines are of the cluster", () => {
  const { looked } = courseOf(HEALTHY, { goal: "survey", role: "manager" });
  assert.ok(!looked.includes("neighbours"));
  const onWorker = courseOf({ ...HEALTHY, engine: ok(workerOf("a")) }, { goal: "survey" });
  assert.ok(!onWorker.looked.includes("neighbours"));
});

const UNIT = "/etc/systemd/system/swarm-join.service";

Deno.test("survey: a unit that keeps, and has the time to leave, is as it should be; what is no unit of this program says nothing", () => {
  for (
    const unit of [
      { path: UNIT, runs: "keep" as const, stopMs: 120_000 },
      { path: UNIT, runs: "other" as const, stopMs: 1_000 },
      null,
    ]
  ) assert.deepEqual(surveyed({ unit: ok(unit) }).findings, []);
});

interface Breakage {
  what: string;
  change: Partial<Answers>;
  settings?: Partial<Config>;
  want: [Finding["severity"], Rule];
  because?: string;
}

const BREAKAGES: Breakage[] = [
  {
    what: "a unit that joins only",
    change: { unit: ok({ path: UNIT, runs: "join", stopMs: 10_000 }) },
    want: ["note", "unit-joins-only"],
    because: UNIT,
  },
  {
    what: "a unit that kills keep before it has left",
    change: { unit: ok({ path: UNIT, runs: "keep", stopMs: 100_000 }) },
    want: ["warning", "unit-stops-early"],
    because: "gives keep 100 s to end: its leave, when the machine goes, may take 100 s",
  },
  {
    what: "a unit that keeps, and is stopped as all are",
    change: { unit: ok({ path: UNIT, runs: "keep", stopMs: null }) },
    want: ["warning", "unit-stops-early"],
    because: "gives keep 90 s to end, as systemd gives all",
  },
  {
    what: "a unit that can't be read",
    change: { unit: fault("unusable", "Cannot read the unit") },
    want: ["note", "setting-unusable"],
    because: "Cannot read the unit",
  },
  {
    what: "no instance metadata",
    change: { identity: fault("no-metadata", "IMDS is turned off") },
    want: ["error", "imds-unavailable"],
    because: "IMDS is turned off",
  },
  {
    what: "metadata that do not tell of the Auto Scaling group",
    change: { lifecycle: fault("timeout", "no answer in time") },
    want: ["error", "imds-unavailable"],
    because: "no answer in time",
  },
  {
    what: "a warm pool",
    change: { lifecycle: ok(lifecycle("Warmed:Stopped")) },
    want: ["warning", "warm-pool"],
    because: "Warmed:Stopped",
  },
  {
    what: "a machine that is told to go, which nobody has to mend",
    change: { lifecycle: ok(lifecycle("Terminated")) },
    want: ["warning", "going"],
    because: "Auto Scaling says that i-1 goes",
  },
  {
    what: "no Engine",
    change: { engine: fault("no-socket", "no /var/run/docker.sock") },
    want: ["error", "engine-unavailable"],
    because: "docker.sock",
  },
  {
    what: "an Engine that is denied",
    change: { engine: fault("denied", "run as root") },
    want: ["error", "permission-missing"],
    because: "run as root",
  },
  {
    what: "a locked Engine",
    change: { engine: ok({ ...outside, state: "locked", nodeId: "node-1" }) },
    want: ["error", "engine-locked"],
  },
  {
    what: "a cloned disk",
    change: { engine: ok({ ...managerOf("a"), address: "10.0.0.2" }) },
    want: ["error", "cloned-disk"],
    because: "i-2 (running) is that node",
  },
  {
    what: "an address that nobody knows",
    change: { engine: ok({ ...managerOf("a"), address: "10.9.9.9" }) },
    want: ["error", "address-unknown"],
    because: "10.9.9.9",
  },
  {
    what: "a member in error",
    change: { engine: ok({ ...outside, state: "error", nodeId: "n", error: "cert expired" }) },
    want: ["error", "engine-error"],
    because: "cert expired",
  },
  {
    what: "an attempt to join that is under way",
    change: { engine: ok({ ...outside, state: "pending" }) },
    want: ["warning", "attempt-pending"],
  },
  {
    what: "an attempt to join that failed",
    change: { engine: ok({ ...outside, state: "error", error: "no route" }) },
    want: ["warning", "attempt-failed"],
    because: "no route",
  },
  {
    what: "a member that starts up",
    change: {
      engine: ok({ ...managerOf("a"), state: "pending", manager: false, swarm: null }),
    },
    want: ["warning", "engine-starting"],
  },
  {
    what: "a role tag that is not there",
    change: { self: ok(instance(1, { roleTag: null })) },
    want: ["error", "role-unknown"],
    because: "has no such tag",
  },
  {
    what: "an instance that EC2 does not show",
    change: { self: ok(null) },
    want: ["warning", "not-shown"],
    because: "EC2 does not show i-1 yet",
  },
  {
    what: "another cluster's instance",
    change: { self: ok(instance(1, { clusterTag: "green" })) },
    settings: { clusterTag: "Cluster" },
    want: ["error", "cluster-tag-unknown"],
    because: 'has "green"',
  },
  {
    what: "an instance without a role for AWS",
    change: { ledger: fault("no-role", "this instance has no IAM role") },
    want: ["error", "credentials-missing"],
    because: "no IAM role",
  },
  ...(["ledger", "self", "tokens"] as const).map((what): Breakage => ({
    what: `a denied read of the ${what}`,
    change: { [what]: fault("denied", `allow reading the ${what}`) },
    want: ["error", "permission-missing"],
    because: `allow reading the ${what}`,
  })),
  {
    what: "a denied read of the instances, that a join in order does without",
    change: { instances: fault("denied", "allow ec2:DescribeInstances") },
    want: ["note", "permission-missing"],
    because: "allow ec2:DescribeInstances",
  },
  {
    what: "a write that AWS would deny",
    change: {
      permissions: ok([
        { action: "ec2:CreateTags", verdict: "denied", verb: "join" },
        { action: "ec2:CreateLaunchTemplate", verdict: "unknown", verb: "join" },
      ]),
    },
    want: ["error", "permission-missing"],
    because: "ec2:CreateTags is denied: a run that needs it ends with exit 4",
  },
  {
    what: "a write that AWS would deny, and that only a leave needs",
    change: {
      permissions: ok([{ action: "ec2:CreateTags", verdict: "denied", verb: "leave" }]),
    },
    want: ["warning", "permission-missing"],
    because: "ec2:CreateTags is denied: a leave can't say so to the managers",
  },
  {
    what: "AWS that asks to slow down",
    change: { tokens: fault("throttled", "too many requests") },
    want: ["warning", "throttled"],
  },
  {
    what: "AWS that can't be reached",
    change: { ledger: fault("unreachable", "no route to EC2") },
    want: ["error", "unreachable"],
    because: "no route to EC2",
  },
  {
    what: "a bucket that does not exist",
    change: { ledger: fault("unusable", "no such bucket") },
    want: ["error", "setting-unusable"],
  },
  {
    what: "a record of a later version",
    change: {
      ledger: ok({
        kind: "object",
        record: null,
        etag: "e",
        unreadable: "format 9",
        serverMs: NOW_MS,
      }),
    },
    want: ["error", "record-unreadable"],
    because: "format 9",
  },
  {
    what: "a log with a gap",
    change: {
      ledger: ok({
        kind: "log",
        template: "lt-1",
        entries: [
          { number: 1, follows: 0, record: record(), newer: false },
          { number: 3, follows: 1, record: record(), newer: false },
        ],
        serverMs: NOW_MS,
      }),
    },
    want: ["error", "ledger-unsettled"],
    because: "version 2",
  },
  {
    what: "a record of another VPC",
    change: { ledger: objectOf(record({ vpc: "vpc-0", members: [member(2)] })) },
    want: ["error", "record-elsewhere"],
    because: "vpc-0",
  },
  {
    what: "a member that does not answer",
    change: { probe: ok([]), instances: ok([instance(1), instance(2, { state: "stopped" })]) },
    want: ["warning", "member-silent"],
    because: "i-2 (10.0.0.2, stopped)",
  },
  {
    what: "a member that is gone",
    change: { probe: ok([]), instances: ok([instance(1), instance(2, { state: "terminated" })]) },
    want: ["note", "member-gone"],
    because: "i-2",
  },
  {
    what: "a swarm without quorum",
    change: { engine: ok({ ...managerOf("a"), swarm: null }) },
    want: ["warning", "quorum-lost"],
  },
  {
    what: "two swarms, of which one would be lost",
    change: { engine: ok(managerOf("b", { nodes: managersAt(1, 2) })) },
    want: ["error", "swarm-conflict"],
  },
  {
    what: "a service in a swarm that would give way",
    change: {
      engine: ok(managerOf("b")),
      contents: ok({ services: 1 }),
    },
    want: ["error", "swarm-conflict"],
    because: "1 service",
  },
  {
    what: "a worker without a swarm to join",
    change: NOBODY_FOUNDED,
    settings: { role: "worker" },
    want: ["warning", "no-swarm-yet"],
  },
  {
    what: "a worker in the founded swarm, none of whose managers answers",
    change: { engine: ok(workerOf("a")), probe: ok([]) },
    settings: { role: "worker" },
    want: ["warning", "managers-silent"],
  },
  {
    what: "a token that nobody shows",
    change: { engine: ok(outside), tokens: ok([]) },
    settings: { role: "worker" },
    want: ["warning", "token-missing"],
  },
  {
    what: "a node with old tokens whose data root may not be there yet",
    change: { ...NOBODY_FOUNDED, tokens: ok([shown(1, "z")]) },
    want: ["warning", "swarm-missing"],
  },
  {
    what: "a node in the other role than asked for",
    change: {},
    settings: { role: "worker" },
    want: ["warning", "in-order"],
    because: "was asked to be a worker",
  },
];

for (const { what, change, settings, want, because = "" } of BREAKAGES) {
  Deno.test(`survey: it finds ${what}`, () => {
    const [severity, rule] = want;
    const { exit, findings } = surveyed(change, settings);
    const found = findings.filter((one) => one.rule === rule && one.because.includes(because));
    assert.deepEqual(found.map((one) => one.severity), [severity], JSON.stringify(findings));
    assert.equal(exit, severity === "error" ? 5 : 0, JSON.stringify(findings));
  });
}

Deno.test("survey: it finds everything at once, each thing once", () => {
  const { exit, findings, because } = surveyed({
    lifecycle: ok(lifecycle("Warmed:Stopped")),
    engine: ok({ ...outside, state: "locked", nodeId: "node-1" }),
    self: ok(instance(1, { roleTag: null })),
    ledger: fault("denied", "allow ec2:DescribeLaunchTemplateVersions"),
  });
  assert.equal(exit, 5);
  assert.deepEqual(findings.map(({ severity, rule }) => [severity, rule]), [
    ["warning", "warm-pool"],
    ["error", "engine-locked"],
    ["error", "role-unknown"],
    ["error", "permission-missing"],
  ]);
  assert.equal(because, "3 of 4 findings stop this node");
});

Deno.test("survey: without an Engine it goes on to what AWS shows and allows", () => {
  const { findings } = surveyed({
    engine: fault("no-socket"),
    permissions: ok([{ action: "ec2:CreateTags", verdict: "denied", verb: "join" }]),
    probe: ok(["10.0.0.3"]),
  });
  assert.deepEqual(findings.map(({ rule }) => rule), [
    "engine-unavailable",
    "permission-missing",
    "member-silent",
  ]);
});

Deno.test("survey: without an identity there is nobody to ask AWS for", () => {
  const { decision, looked } = courseOf({ ...HEALTHY, identity: fault("no-metadata") }, {
    goal: "survey",
  });
  assert.deepEqual(looked, ["identity", "lifecycle", "engine", "unit"]);
  assert.ok(decision.kind === "end" && decision.exit === 5);
});

const NEXT: { who: string; change: Partial<Answers>; says: RegExp }[] = [
  {
    who: "the first manager",
    change: NOBODY_FOUNDED,
    says: /^a join would init \(first-manager\): no swarm is founded/,
  },
  {
    who: "a manager outside",
    change: { engine: ok(outside) },
    says: /^a join would register \(register-member\): i-1 is about to join/,
  },
  {
    who: "a manager whose CA was rotated",
    change: {
      engine: ok(managerOf("b", { clusterId: "cluster-a", nodes: spread(1, 2, 3) })),
      tokens: ok([shown(1, "b"), shown(2, "b"), shown(3, "b")]),
    },
    says: /^a join would refresh \(refresh-record\): the swarm's CA was rotated/,
  },
];

for (const { who, change, says } of NEXT) {
  Deno.test(`survey: it says what a join of ${who} would do next, and that stops nothing`, () => {
    const { exit, findings } = surveyed(change);
    assert.equal(exit, 0);
    assert.deepEqual(findings.map(({ severity, rule }) => [severity, rule]), [["note", "next"]]);
    assert.match(findings[0]?.because ?? "", says);
  });
}

/** The settings that a survey may be asked for with. */
const settings = fc.record({
  role: fc.constantFrom<Config["role"]>("auto", "manager", "worker"),
  store: fc.constantFrom(config.store, s3),
  clusterTag: fc.constantFrom(null, "Cluster"),
});

Deno.test("survey: whatever it is answered, it ends, looks at nothing twice, and never acts", () => {
  fc.assert(
    fc.property(answersTo, settings, (answers, change) => {
      const { decision, looked } = courseOf(answers, { goal: "survey", ...change });
      assert.ok(decision.kind === "end" && decision.rule === "surveyed");
      // Whoever else may be a manager is asked whether it answers once it is known who that is.
      const once = looked.filter((kind) => kind !== "probe" && kind !== "instances");
      assert.equal(new Set(once).size, once.length, looked.join());
      const errors = decision.findings.filter(({ severity }) => severity === "error");
      assert.equal(decision.exit, errors.length > 0 ? 5 : 0);
      const said = decision.findings.map(({ rule, because }) => `${rule} ${because}`);
      assert.equal(new Set(said).size, said.length, said.join("\n"));
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("survey: whatever stops a join, it finds", () => {
  fc.assert(
    fc.property(answersTo, settings, (answers, change) => {
      const { decision: stop } = courseOf(answers, { goal: "join", ...change });
      if (!RULES[stop.rule].cases.some(([place]) => place === "obstacle")) return;
      const { decision } = courseOf(answers, { goal: "survey", ...change });
      assert.ok(decision.kind === "end");
      const found = decision.findings.some(({ rule }) => rule === stop.rule);
      assert.ok(found, `${stop.rule} (${stop.because}) is not in ${JSON.stringify(decision)}`);
    }),
    { numRuns: 3_000 },
  );
});

/** Whom a survey asks whether they answer. */
function probedBy(change: Partial<Answers>): string[] {
  const asked: string[] = [];
  let o = begin({ ...config, dryRun: true, goal: "survey" }, "run");
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const decision = decide(o);
    if (decision.kind !== "look") break;
    asked.push(...decision.calls.flatMap((one) => one.kind === "probe" ? one.addresses : []));
    const answers: Answers = { ...HEALTHY, ...change };
    o = after(o, decision, decision.calls.map(({ kind }) => answers[kind] as AnyAnswer), looks);
  }
  return asked.toSorted();
}

Deno.test("survey: a manager without a leader asks all that its Engine knows whether they answer", () => {
  const peers = ["10.0.0.1", "10.0.0.2", "10.0.0.7"];
  const leaderless = { ...managerOf("a"), swarm: null, trouble: "no-quorum" as const, peers };
  assert.deepEqual(probedBy({ engine: ok(leaderless) }), ["10.0.0.2", "10.0.0.3", "10.0.0.7"]);
  assert.deepEqual(probedBy({ engine: ok({ ...workerOf("a"), peers }) }), ["10.0.0.2", "10.0.0.3"]);
});

Deno.test("survey: of the machines of the cluster it asks nobody whether they are managers", () => {
  const neighbours = ok([{ instance: "i-9", address: "10.0.0.9", runningMs: 1 }]);
  assert.deepEqual(probedBy({ neighbours }), ["10.0.0.2", "10.0.0.3"]);
});

Deno.test("survey: with S3 the tokens of a swarm whose CA was rotated are looked for by its new name", () => {
  const asked: string[] = [];
  let o = begin({ ...config, store: s3, dryRun: true, goal: "survey" }, "run");
  const engine = ok(managerOf("b", { clusterId: "cluster-a" }));
  const answers: Answers = { ...HEALTHY, engine, ledger: objectOf(record()) };
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const decision = decide(o);
    if (decision.kind !== "look") break;
    asked.push(...decision.calls.flatMap((one) => one.kind === "tokens" ? one.fingerprint : []));
    o = after(o, decision, decision.calls.map(({ kind }) => answers[kind] as AnyAnswer), looks);
  }
  assert.deepEqual(asked, ["b".repeat(50)]);
});

/** One member that publishes with S3, where a read that may not be asked for is denied. */
const S3: { what: string; change: Partial<Answers>; settings: Partial<Config>; want: string[] }[] =
  [
    {
      what: "a worker that was promoted, whose policy is a worker's",
      change: { engine: ok(managerOf("a")), ledger: objectOf(record()), tokens: DENIED_TOKENS },
      settings: { role: "worker" },
      want: ["error permission-missing"],
    },
    {
      what: "a worker whose tag says manager, whose policy is a worker's",
      change: { engine: ok(workerOf("a")), tokens: DENIED_TOKENS },
      settings: { role: "manager" },
      want: ["warning in-order"],
    },
    {
      what: "a worker by its setting, that may read no instances",
      change: { engine: ok(workerOf("a")), instances: fault("denied", "allow ec2:Describe") },
      settings: { role: "worker" },
      want: ["note permission-missing"],
    },
  ];

for (const { what, change, settings, want } of S3) {
  Deno.test(`survey: with S3, of ${what} it says as much as a join would`, () => {
    const { exit, findings } = surveyed(change, { store: s3, ...settings });
    const found = findings.map(({ severity, rule }) => `${severity} ${rule}`);
    assert.deepEqual(found.toSorted(), want.toSorted(), JSON.stringify(findings));
    assert.equal(exit, want.some((one) => one.startsWith("error")) ? 5 : 0);
    const { decision } = courseOf({ ...HEALTHY, ...change }, { store: s3, ...settings });
    assert.equal(decision.kind === "end" && decision.exit === 0, exit === 0, decision.rule);
  });
}

Deno.test("survey: with S3, a manager's both tokens are looked at as a join looks at them", () => {
  const change = {
    engine: ok(managerOf("a")),
    ledger: objectOf(record()),
    marks: ok([foundingMark("a")]),
  };
  const both = { ...shown(9, "a"), by: "s3" as const };
  const settings: Partial<Config> = { store: s3, goal: "survey", role: "worker" };
  const { decision } = courseOf({ ...HEALTHY, ...change, tokens: ok([both]) }, settings);
  assert.ok(decision.kind === "end");
  assert.deepEqual(decision.findings.map(({ rule }) => rule), ["in-order"]);
});

Deno.test("survey: a manager that the record lacks, and that answers, would be written into it", () => {
  const { findings } = surveyed({
    ledger: objectOf(record({ members: [member(1), member(2)] })),
  });
  assert.match(JSON.stringify(findings), /a join would refresh \(refresh-record\)/);
});

Deno.test("survey: where nothing of AWS answers it does not say that nothing stops this node", () => {
  const no = fault("unreachable", "no route to EC2");
  const { exit, because } = surveyed({
    engine: ok(outside),
    ledger: no,
    self: no,
    tokens: no,
    instances: no,
    probe: ok([]),
  });
  assert.deepEqual([exit, because], [5, "1 of 1 findings stop this node"]);
});

Deno.test("survey: who of the listed members answers is asked also where the record lacks another manager", () => {
  const answering = ["10.0.0.2", "10.0.0.3"];
  let o = begin({ ...config, dryRun: true, goal: "survey" }, "run");
  const answers: Answers = {
    ...HEALTHY,
    ledger: objectOf(record({ members: [member(1), member(2)] })),
  };
  for (let looks = 0;; looks++) {
    const decision = decide(o);
    if (decision.kind !== "look") {
      assert.ok(decision.kind === "end");
      assert.ok(!decision.findings.some(({ rule }) => rule === "member-silent"));
      assert.match(JSON.stringify(decision.findings), /refresh-record/);
      return;
    }
    const given = decision.calls.map((call): AnyAnswer =>
      call.kind === "probe"
        ? ok(answering.filter((one) => call.addresses.includes(one)))
        : answers[call.kind] as AnyAnswer
    );
    o = after(o, decision, given, looks);
  }
});

Deno.test("survey: a fault weighs by itself while a join waits: denied is an error, throttled a warning", () => {
  const waiting = { engine: ok(outside), probe: ok([]) };
  const silent = surveyed({ ...waiting, tokens: fault("denied", "allow it") }, { role: "worker" });
  assert.equal(silent.exit, 5, JSON.stringify(silent.findings));
  const warm = surveyed({ lifecycle: ok(lifecycle("Warmed:Stopped")), tokens: fault("throttled") });
  assert.deepEqual(warm.findings.map(({ severity, rule }) => [severity, rule]), [
    ["warning", "warm-pool"],
    ["warning", "throttled"],
  ]);
  assert.equal(warm.exit, 0);
});

Deno.test("survey: an attempt that is given up is said once", () => {
  const { findings } = surveyed({ engine: ok({ ...outside, state: "error", error: "no route" }) });
  const said = findings.filter(({ because }) => because.includes("no route"));
  assert.deepEqual(said.map(({ rule }) => rule), ["attempt-failed"]);
});

Deno.test("survey: where AWS does not say what it allows, neither does it", () => {
  const permissions = ok<NeededPermission[]>([
    { action: "s3:PutObject", verdict: "unknown", verb: "join" },
    { action: "s3:DeleteObject", verdict: "unknown", verb: "leave" },
  ]);
  const { because } = surveyed({ permissions });
  assert.equal(
    because,
    "nothing stops this node; AWS does not say whether it allows s3:PutObject",
  );
});
