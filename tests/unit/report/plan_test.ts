/** A dry run's page: who I am, what I see, what I would do and why, what I may and may not. */
import assert from "node:assert/strict";
import type { Act } from "../../../src/calls.ts";
import { decide } from "../../../src/decide/decide.ts";
import { jsonOf, pageOf } from "../../../src/report/print.ts";
import { reportOf } from "../../../src/report/report.ts";
import type { Contents, Decision, Observation } from "../../../src/state.ts";
import type { NeededPermission } from "../../../src/shown.ts";
import {
  fault,
  founded,
  fp,
  instance,
  lifecycle,
  managerNode,
  managerOf,
  observation,
  ok,
  record,
  shown,
  workerNode,
  workerOf,
} from "../../support/observations.ts";

const METERS = { elapsedMs: 2_345, awsCalls: 5, phases: { engine: 40, ledger: 120 } };

Deno.test("a dry run says who I am, what I see, what I would do and why, and what is denied", () => {
  const seen = observation({
    config: { dryRun: true },
    facts: {
      ledger: founded(),
      tokens: ok([shown(2, "a"), { ...shown(3, "a"), manager: null, malformed: ["ManagerToken"] }]),
      instances: ok([instance(2), instance(3, { state: "stopped" })]),
      probe: ok(["10.0.0.2"]),
      permissions: ok<NeededPermission[]>([
        { action: "ec2:CreateTags", verdict: "denied", verb: "join" },
        { action: "ec2:CreateLaunchTemplate", verdict: "allowed", verb: "join" },
        { action: "ec2:CreateLaunchTemplateVersion", verdict: "unasked", verb: "join" },
        { action: "ec2:DeleteTags", verdict: "denied", verb: "leave" },
      ]),
    },
  });
  const decision: Decision = {
    kind: "act",
    call: {
      kind: "join",
      address: "10.0.0.2",
      token: { fingerprint: fp("a"), digest: "0123456789abcdef" },
      advertiseAddr: "10.0.0.1",
    },
    rule: "join-swarm",
    because: "the manager at 10.0.0.2 answers",
  };
  const report = reportOf({ decision, observation: seen, meters: METERS });
  assert.equal(report.exit, 0);
  const text = pageOf(report);
  for (
    const line of [
      "Cluster     default, in the store tags",
      "I am        i-1 at 10.0.0.1, manager, in vpc-1, eu-west-1, account 123456789012",
      "Engine      inactive, in no swarm",
      `Record      swarm ${fp("a")} is founded, with i-1 (10.0.0.1) (the launch template)`,
      "Tokens      i-2 (running) has the managers' token, the workers' token; i-3 (running) has the workers' token, no token in ManagerToken",
      "Instances   i-2 running at 10.0.0.2; i-3 stopped at 10.0.0.3",
      "Answering   10.0.0.2",
      `Decision    join the swarm ${fp("a")} through 10.0.0.2`,
      "Rule        join-swarm",
      "Because     the manager at 10.0.0.2 answers",
      "Permissions ec2:CreateTags denied, ec2:CreateLaunchTemplate allowed, ec2:CreateLaunchTemplateVersion not asked (there is no template yet), ec2:DeleteTags denied (to leave)",
      "Denied      ec2:CreateTags: a run that needs it ends with exit 4",
      "Denied      ec2:DeleteTags: a leave can't say so to the managers, who drain this node then",
      "Took        2.3s, 5 calls of AWS; nothing was changed",
    ]
  ) assert.ok(text.split("\n").includes(line), `${line}\nis not in\n${text}`);
  const json = JSON.parse(jsonOf(report));
  assert.equal(json.result, "planned");
  assert.equal(json.decision.action, "join");
  assert.equal(json.decision.rule, "join-swarm");
  assert.equal(json.decision.details.address, "10.0.0.2");
  assert.equal(json.decision.because, "the manager at 10.0.0.2 answers");
  assert.deepEqual(json.permissions.map(({ verdict }: NeededPermission) => verdict), [
    "denied",
    "allowed",
    "unasked",
    "denied",
  ]);
  assert.deepEqual(json.observation, JSON.parse(JSON.stringify(seen)));
});

Deno.test("a dry run that ends in a failure has its exit code, its decision and its observation", () => {
  const seen = observation({
    config: { dryRun: true },
    facts: { engine: fault("no-socket", "no socket"), permissions: ok([]) },
  });
  const decision = decide(seen);
  const report = reportOf({ decision, observation: seen, meters: METERS });
  assert.equal(report.exit, 6);
  const json = JSON.parse(jsonOf(report));
  assert.equal(json.result, "failed");
  assert.equal(json.decision.action, "fail");
  assert.ok("observation" in json);
  assert.match(pageOf(report), /^Decision {4}fail with exit 6$/m);
});

Deno.test("what is done next is said in words, with what follows if nothing else happens", () => {
  const token = { fingerprint: fp("a"), digest: "d" };
  const write = { kind: "write", record: record(), at: { kind: "none" } } as const;
  const advertiseAddr = "10.0.0.1";
  const rows: [Act, string][] = [
    [{ kind: "retract" }, "take old tokens out of its tags; then look again"],
    [
      { kind: "init", advertiseAddr, pools: [] },
      "init a swarm; then found it and publish its tokens",
    ],
    [{ ...write, as: "found" }, "found: write a record with i-1; then publish its tokens"],
    [{ ...write, as: "register" }, "register: write a record with i-1; then join"],
    [{ ...write, as: "withdraw" }, "withdraw: write a record with i-1"],
    [{ kind: "publish", manager: token, worker: token }, "publish"],
    [{ kind: "leave", force: true, onlyEmpty: true }, "leave its own swarm; then join"],
    [{ kind: "leave", force: false, onlyEmpty: false }, "leave; then look again"],
  ];
  for (const [call, words] of rows) {
    const decision = { kind: "act", call, rule: "in-order", because: "" } as Decision;
    assert.equal(decisionLine(observation(), decision), words);
  }
  const inSwarm = observation({ facts: { engine: ok(managerOf("a")) } });
  const register = { ...write, as: "register" } as const;
  const decision: Decision = { kind: "act", call: register, rule: "register-member", because: "" };
  assert.equal(decisionLine(inSwarm, decision), "register: write a record with i-1");
});

Deno.test("a dry run of a done node warns of what is no obstacle, and plans nothing", () => {
  const seen = observation({
    config: { dryRun: true, role: "worker" },
    facts: {
      engine: ok({ ...workerOf("a"), peers: ["10.0.0.2"] }),
      probe: ok(["10.0.0.2"]),
      permissions: ok([]),
    },
  });
  const text = pageOf(reportOf({ decision: decide(seen), observation: seen, meters: METERS }));
  assert.match(text, /^Decision {4}done$/m);
  assert.match(text, /^Warning {5}no swarm is founded: run swarm-join on a manager/m);
  assert.match(text, /^Permissions none needed$/m);
});

Deno.test("what could not be seen says why, and what was not looked at says nothing", () => {
  const seen = observation({
    config: { dryRun: true },
    facts: {
      ledger: fault("unreachable", "no route to EC2"),
      permissions: fault("timeout", "no answer"),
    },
  });
  const { contents: _, ...facts } = seen.facts;
  const o = { ...seen, facts };
  const text = pageOf(reportOf({ decision: decide(o), observation: o, meters: METERS }));
  assert.match(text, /^Record {6}no route to EC2$/m);
  assert.match(text, /^Permissions no answer$/m);
  assert.match(text, /^Decision {4}wait$/m);
  assert.doesNotMatch(text, /^Contents/m);
});

Deno.test("what a swarm holds is named, and how many nodes it has", () => {
  const page = (contents: Contents): string => {
    const engine = ok(managerOf("a", { nodes: [managerNode(1), workerNode(2)] }));
    const o = observation({ config: { dryRun: true }, facts: { engine, contents: ok(contents) } });
    return pageOf(reportOf({ decision: decide(o), observation: o, meters: METERS }));
  };
  assert.match(
    page({ services: 1, "cluster volumes": 2 }),
    /^Contents +1 services, 2 cluster volumes$/m,
  );
  assert.match(page({}), /^Contents +nothing$/m);
  assert.match(page({}), /managers 1 of 2 nodes/);
});

Deno.test("an instance in an Auto Scaling group is said to be where that wants it", () => {
  const seen = observation({
    config: { dryRun: true },
    memory: { lifecycle: lifecycle("InService") },
    facts: { permissions: ok([]) },
  });
  const text = pageOf(reportOf({ decision: decide(seen), observation: seen, meters: METERS }));
  assert.match(text, /^I am {8}i-1 at .*, InService in its Auto Scaling group$/m);
});

Deno.test("what a spot notice says of an instance is said, and what others have said to the managers", () => {
  const seen = observation({
    config: { dryRun: true },
    memory: { lifecycle: lifecycle(null, "terminate") },
    facts: {
      permissions: ok([]),
      words: ok([
        { instance: "i-2", nodeId: "node-2", leaves: true },
        { instance: "i-3", nodeId: "node-3", leaves: false },
      ]),
    },
  });
  const text = pageOf(reportOf({ decision: decide(seen), observation: seen, meters: METERS }));
  assert.match(text, /^I am {8}i-1 at .*, to terminate by a spot notice$/m);
  assert.match(
    text,
    /^Words {7}i-2 says that the node node-2 leaves; i-3 says that the node node-3 stays$/m,
  );
});

Deno.test("the details of a plan are those of its call, its wait or its failure", () => {
  const detailsOf = (decision: Decision): unknown =>
    JSON.parse(jsonOf(reportOf({
      decision,
      observation: observation({ config: { dryRun: true } }),
      meters: METERS,
    }))).decision.details;
  const reason = { rule: "in-order", because: "" } as const;
  const call: Act = { kind: "leave", force: true, onlyEmpty: true };
  assert.deepEqual(detailsOf({ kind: "act", call, ...reason }), { force: true, onlyEmpty: true });
  const wait = { kind: "wait", ms: 5, exit: 3, keeps: "nothing", ...reason } as const;
  assert.deepEqual(detailsOf(wait), { ms: 5, exit: 3 });
  const end = { kind: "end" as const, afterMs: 9, warnings: [], findings: [], ...reason };
  assert.deepEqual(detailsOf({ ...end, exit: 5 }), { exit: 5, afterMs: 9 });
  assert.deepEqual(detailsOf({ ...end, exit: 0 }), {});
});

/** What stands behind "Decision". */
function decisionLine(seen: Observation, decision: Decision): string | undefined {
  const o = { ...seen, config: { ...seen.config, dryRun: true } };
  const text = pageOf(reportOf({ decision, observation: o, meters: METERS }));
  return /^Decision {4}(.*)$/m.exec(text)?.[1];
}
