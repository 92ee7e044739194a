/** What `status` prints: a page for a person at night, and the JSON that scripts rely on. */
import assert from "node:assert/strict";
import { decide } from "../../../src/decide/decide.ts";
import { jsonOf, pageOf } from "../../../src/report/print.ts";
import { failureOf, type Report, reportOf } from "../../../src/report/report.ts";
import { asStatus } from "../../../src/report/status.ts";
import { RULES } from "../../../src/rules.ts";
import type { Config, Facts } from "../../../src/state.ts";
import {
  config,
  fault,
  founded,
  fp,
  instance,
  managerNode,
  managerOf,
  mark,
  member,
  observation,
  ok,
  outside,
  shown,
  spread,
  unfounded,
  workerNode,
  workerOf,
} from "../../support/observations.ts";

const METERS = { elapsedMs: 2_345, awsCalls: 5, phases: { engine: 40 } };

/** What a survey on node 1, one of three managers, comes to. */
function statusOf(facts: Facts, change: Partial<Config> = {}): Report {
  const seen = observation({
    config: { goal: "survey", dryRun: true, ...change },
    facts: {
      engine: ok(managerOf("a", { nodes: spread(1, 2, 3) })),
      ledger: founded({ members: [member(1), member(2), member(3)] }),
      tokens: ok([1, 2, 3].map((n) => shown(n, "a"))),
      instances: ok([1, 2, 3].map((n) => instance(n))),
      probe: ok(["10.0.0.2", "10.0.0.3"]),
      ...facts,
    },
  });
  return asStatus(reportOf({ decision: decide(seen), observation: seen, meters: METERS }));
}

/** The second manager leaves, the third is dead, and there is a worker. */
const TROUBLED: Facts = {
  engine: ok(managerOf("a", {
    nodes: [
      ...spread(1),
      ...spread(2).map((node) => ({
        ...node,
        desired: "worker" as const,
        availability: "drain" as const,
      })),
      managerNode(3, {
        state: "down",
        voter: { address: "10.0.0.3", reachable: false, leader: false },
      }),
      workerNode(4),
    ],
  })),
  ledger: founded({ members: [member(1), member(2, { leaving: true })] }),
  tokens: ok([shown(1, "a"), shown(2, "a", { worker: mark("a", "old") })]),
  instances: ok([
    instance(1),
    instance(2),
    instance(3, { state: "terminated", address: null, placement: null }),
  ]),
  probe: ok(["10.0.0.2"]),
};

function json(report: Report): Record<string, unknown> {
  return JSON.parse(jsonOf(report));
}

Deno.test("a status is a page: the verdict and why, who there is, what it can lose, what to do", () => {
  const mend = (rule: keyof typeof RULES, node = "NODE"): string =>
    RULES[rule].mend.replaceAll("NODE", node);
  assert.equal(
    pageOf(statusOf(TROUBLED)),
    `DEGRADED: 2 of 3 managers are reached, and 2 are needed: none may be lost; see demotion-standing, ghost-voter, member-leaving, tokens-stale
I am        i-1, manager, node node-1
Cluster     default, in the store tags
Swarm       ${fp("a")}

INSTANCE  ZONE        EC2         ADDRESS   NODE    STATE  ROLE                  VOTE     SAYS
i-1       eu-west-1a  running     10.0.0.1  node-1  ready  manager               leader
i-2       eu-west-1b  running     10.0.0.2  node-2  ready  manager, told worker  reached  drain, leaves
i-3       eu-west-1a  terminated  10.0.0.3  node-3  down   manager               SILENT   dead
i-4       eu-west-1a  -           10.0.0.4  node-4  ready  worker                none

Zones       eu-west-1a: 2, can't be lost; eu-west-1b: 1, can't be lost
Tokens      shown as they are by i-1; others are shown by i-2
warning     [demotion-standing] the node node-2 (i-2, 10.0.0.2, running) was told to be a worker, and still votes
            ${mend("demotion-standing", "node-2")}
warning     [ghost-voter] the node node-3 (i-3, 10.0.0.3, terminated) is dead, and still votes: i-3 is terminated
            ${mend("ghost-voter", "node-3")}
warning     [member-leaving] i-2 (10.0.0.2, running) has said that it leaves, and is there
            ${mend("member-leaving")}
warning     [tokens-stale] tokens that are not the swarm's are shown by i-2
            ${mend("tokens-stale")}
note        [next] a join would demote (demote-dead-voter): the manager node-3: i-3 is terminated
note        [zone-decides] 2 of 3 managers are in eu-west-1a: with that zone the quorum is lost
            ${mend("zone-decides")}
Took        2.3s, 5 calls of AWS; nothing was changed
`,
  );
});

Deno.test("a status where all is well, on a manager", () => {
  assert.equal(
    pageOf(statusOf({})),
    `OK: 3 of 3 managers are reached, and 2 are needed: 1 may be lost
I am        i-1, manager, node node-1
Cluster     default, in the store tags
Swarm       ${fp("a")}

INSTANCE  ZONE        EC2      ADDRESS   NODE    STATE  ROLE     VOTE     SAYS
i-1       eu-west-1a  running  10.0.0.1  node-1  ready  manager  leader
i-2       eu-west-1b  running  10.0.0.2  node-2  ready  manager  reached
i-3       eu-west-1c  running  10.0.0.3  node-3  ready  manager  reached

Zones       eu-west-1a: 1, may be lost; eu-west-1b: 1, may be lost; eu-west-1c: 1, may be lost
Tokens      shown as they are by i-1, i-2, i-3
Took        2.3s, 5 calls of AWS; nothing was changed
`,
  );
});

Deno.test("a status on a worker: who answers and its own node; the rest is not known", () => {
  const worker = { ...workerOf("a"), nodeId: "node-4", address: "10.0.0.1" };
  const report = statusOf(
    {
      engine: ok(worker),
      ledger: founded({ members: [member(2), member(3)] }),
      probe: ok(["10.0.0.3"]),
    },
    { role: "worker" },
  );
  assert.equal(
    pageOf(report),
    `DEGRADED: 1 of the record's 2 other managers answer here; see member-silent
I am        i-1, worker, node node-4
Cluster     default, in the store tags
Swarm       ${fp("a")}

INSTANCE  ZONE        EC2      ADDRESS   NODE  STATE  ROLE  VOTE  SAYS
i-2       eu-west-1a  running  10.0.0.2  -     -      -     -     no answer
i-3       eu-west-1a  running  10.0.0.3  -     -      -     -

warning     [member-silent] i-2 (10.0.0.2, running) does not answer
            ${RULES["member-silent"].mend}
Took        2.3s, 5 calls of AWS; nothing was changed
`,
  );
  const { voters, nodes, ghosts, tokens, nodeId, role, members } = json(report);
  assert.deepEqual([voters, nodes, ghosts, tokens], [null, null, null, null]);
  assert.deepEqual([nodeId, role], ["node-4", "worker"]);
  assert.deepEqual((members as object[])[0], {
    instance: "i-2",
    zone: "eu-west-1a",
    ec2: "running",
    address: "10.0.0.2",
    answers: false,
    nodeId: null,
    state: null,
    desired: null,
    observed: null,
    voter: null,
    reachable: null,
    leaving: false,
  });
});

Deno.test("a status where there is no swarm", () => {
  const report = statusOf({ engine: ok(outside), ledger: unfounded, tokens: ok([]) });
  assert.match(
    pageOf(report),
    /^NONE: no swarm is founded, and this node is in none\nI am {8}i-1, manager, in no swarm\nCluster .*\n\nnote {8}\[next\] a join would init/,
  );
  assert.deepEqual(json(report)["members"], []);
});

Deno.test("a status' JSON has what scripts may rely on, the verdict's exit code, and no observation", () => {
  const report = statusOf(TROUBLED);
  assert.equal(report.exit, 3);
  const { members, nodes, ghosts, findings, because, ...rest } = json(report);
  assert.deepEqual(rest, {
    verdict: "degraded",
    voters: {
      total: 3,
      reachable: 2,
      needed: 2,
      canLose: 0,
      zones: [
        { zone: "eu-west-1a", voters: 2, canLose: false },
        { zone: "eu-west-1b", voters: 1, canLose: false },
      ],
    },
    tokens: { current: ["i-1"], stale: ["i-2"], missing: [] },
    cluster: "default",
    store: "tags",
    role: "manager",
    instance: "i-1",
    nodeId: "node-1",
    fingerprint: fp("a"),
    ...METERS,
  });
  assert.match(String(because), /^2 of 3 managers are reached/);
  assert.deepEqual(members, [
    {
      instance: "i-1",
      zone: "eu-west-1a",
      ec2: "running",
      address: "10.0.0.1",
      answers: null,
      nodeId: "node-1",
      state: "ready",
      desired: "manager",
      observed: "manager",
      voter: true,
      reachable: true,
      leaving: false,
    },
    {
      instance: "i-2",
      zone: "eu-west-1b",
      ec2: "running",
      address: "10.0.0.2",
      answers: true,
      nodeId: "node-2",
      state: "ready",
      desired: "worker",
      observed: "manager",
      voter: true,
      reachable: true,
      leaving: true,
    },
  ]);
  assert.deepEqual((nodes as object[]).slice(2), [
    {
      nodeId: "node-3",
      instance: "i-3",
      zone: "eu-west-1a",
      ec2: "terminated",
      address: "10.0.0.3",
      state: "down",
      availability: "active",
      desired: "manager",
      observed: "manager",
      voter: true,
      reachable: false,
      leader: false,
    },
    {
      nodeId: "node-4",
      instance: "i-4",
      zone: "eu-west-1a",
      ec2: null,
      address: "10.0.0.4",
      state: "ready",
      availability: "active",
      desired: "worker",
      observed: "worker",
      voter: false,
      reachable: null,
      leader: false,
    },
  ]);
  assert.deepEqual(ghosts, [{
    nodeId: "node-3",
    instance: "i-3",
    address: "10.0.0.3",
    voter: true,
    because:
      "the node node-3 (i-3, 10.0.0.3, terminated) is dead, and still votes: i-3 is terminated",
    mend: RULES["ghost-voter"].mend.replaceAll("NODE", "node-3"),
  }]);
  const [first] = findings as object[];
  assert.deepEqual(Object.keys(first ?? {}), ["rule", "severity", "because", "mend"]);
});

Deno.test("a status' exit code is its verdict's, whatever a doctor would end with", () => {
  const alone = {
    engine: ok({
      ...managerOf("a"),
      swarm: null,
      trouble: "no-quorum" as const,
      peers: ["10.0.0.1", "10.0.0.2"],
    }),
  };
  assert.equal(statusOf({}).exit, 0);
  assert.equal(statusOf({ ...alone, probe: ok([]) }).exit, 5);
  const denied = { action: "ec2:CreateTags", verdict: "denied", verb: "join" } as const;
  assert.equal(statusOf({ permissions: ok([denied]) }).exit, 3);
  // How this node is run makes no swarm worse.
  const unit = { path: "/etc/systemd/system/swarm-join.service", runs: "keep", stopMs: 5 } as const;
  assert.equal(statusOf({ unit: ok(unit) }).exit, 0);
});

Deno.test("a status whose record can't be read shows no members, and says so", () => {
  const report = statusOf({ ledger: fault("denied", "allow ec2:DescribeLaunchTemplateVersions") });
  const { members, voters, verdict } = json(report);
  assert.deepEqual([members, verdict, report.exit], [null, "degraded", 3]);
  assert.notEqual(voters, null);
  assert.match(pageOf(report), /allow ec2:DescribeLaunchTemplateVersions/);
});

Deno.test("a status shows the nodes of another swarm as nobody's of the record", () => {
  const engine = ok(managerOf("b", { nodes: spread(1, 2) }));
  const { members, nodes } = json(statusOf({ engine }));
  assert.deepEqual(
    (members as { nodeId: string | null; voter: boolean | null }[]).map(({ voter }) => voter),
    [null, null, null],
  );
  assert.equal((nodes as object[]).length, 2);
});

Deno.test("a status that was stopped says what any run says, and prints no token", () => {
  const failure = failureOf({ exit: 3, rule: "stopped", because: "", config, meters: METERS });
  assert.deepEqual(asStatus(failure), failure);
  const token = `SWMTKN-1-${fp("a")}-${"b".repeat(25)}`;
  const report = statusOf({ ledger: fault("denied", `it said ${token}`) });
  for (const text of [pageOf(report), jsonOf(report)]) {
    assert.ok(text.includes("[redacted]"));
    assert.ok(!text.includes("b".repeat(25)));
  }
});
