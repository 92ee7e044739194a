/** What `--metrics-file` shows: well-formed for Prometheus, true to what was seen, silent on what was not. */
import assert from "node:assert/strict";
import { afterRun, type Kept, METRICS, metricsOf, newKept } from "../../../src/report/metrics.ts";
import { failureOf, type Report } from "../../../src/report/report.ts";
import type { Engine } from "../../../src/state.ts";
import {
  managerNode,
  managerOf,
  NOW_MS,
  workerNode,
  workerOf,
} from "../../support/observations.ts";

const NEW = newKept({
  version: "1.2.3",
  cluster: "default",
  store: "tags",
  startedAtMs: NOW_MS,
});

function report(change: Partial<Report>): Report {
  const meters = { elapsedMs: 1, awsCalls: 0, phases: {} };
  const why = { exit: 3 as const, rule: "unreachable" as const, because: "" };
  return { ...failureOf({ ...why, config: null, meters }), ...change };
}

/** Two of three voters are reached, one is down; two workers, of whom one is unknown. */
const SWARM = managerOf("a", {
  nodes: [
    managerNode(1),
    managerNode(2),
    managerNode(3, { state: "down" }),
    workerNode(4),
    workerNode(5, { state: "unknown" }),
  ],
});

/** The values of a text by its metric and labels. */
function valuesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

function shows(kept: Kept, want: { [line: string]: number }): void {
  const values = valuesOf(metricsOf(kept));
  for (const [line, value] of Object.entries(want)) assert.equal(values.get(line), value, line);
}

function lacks(kept: Kept, metric: string): void {
  const lines = [...valuesOf(metricsOf(kept)).keys()];
  assert.deepEqual(lines.filter((line) => line.split("{")[0] === metric), []);
}

Deno.test("names and types are by Prometheus' conventions", () => {
  for (const [name, { type, labels, of }] of Object.entries(METRICS)) {
    assert.match(name, /^swarm_join_[a-z_]+$/);
    assert.equal(type === "counter", name.endsWith("_total"), name);
    assert.ok(!/_(?:ms|millis\w*|count|bucket|sum)$/.test(name), name);
    const kept = afterRun(
      { ...NEW, lookedAtMs: NOW_MS, engine: SWARM },
      "join",
      report({}),
      NOW_MS,
    );
    for (const [shown] of of(kept)) {
      assert.equal(Object.keys(shown).join(", "), labels, name);
    }
  }
});

Deno.test("each metric is one block: its help, its type, its lines, and a newline at the end", () => {
  const kept = afterRun(
    { ...NEW, lookedAtMs: NOW_MS, engine: SWARM },
    "join",
    report({ exit: 0, result: "joined", rule: "in-order", role: "manager" }),
    NOW_MS,
  );
  const label = String.raw`[a-z]+="(?:[^"\\\n]|\\["\\n])*"`;
  const block = new RegExp(
    String
      .raw`^# HELP (\w+) [^\n]+\n# TYPE \1 (?:gauge|counter)\n(?:\1(?:\{${label}(?:,${label})*\})? \d+(?:\.\d+)?\n)+`,
  );
  const seen: string[] = [];
  for (let rest = metricsOf(kept); rest !== "";) {
    const [whole = "", name = ""] = block.exec(rest) ?? [];
    assert.notEqual(whole, "", rest);
    seen.push(name);
    rest = rest.slice(whole.length);
  }
  assert.deepEqual(seen, Object.keys(METRICS));
});

Deno.test("a label's value may hold anything", () => {
  const text = metricsOf({ ...NEW, store: 's3://a"b\\c\nd' });
  assert.ok(text.includes(String.raw`store="s3://a\"b\\c\nd"`), text);
});

Deno.test("at its start it shows what it is, and nothing that nobody has looked at", () => {
  shows(NEW, {
    'swarm_join_info{version="1.2.3",cluster="default",store="tags",role=""}': 1,
    swarm_join_start_time_seconds: NOW_MS / 1_000,
    swarm_join_going: 0,
    swarm_join_aws_calls_total: 0,
    swarm_join_nodes_reaped_total: 0,
  });
  assert.equal(valuesOf(metricsOf(NEW)).size, 5);
});

Deno.test("a manager shows who votes, and its nodes by state", () => {
  shows({ ...NEW, lookedAtMs: NOW_MS + 1_250, engine: SWARM, isGoing: true }, {
    swarm_join_last_look_timestamp_seconds: NOW_MS / 1_000 + 1.25,
    swarm_join_member: 1,
    swarm_join_going: 1,
    swarm_join_quorum: 1,
    swarm_join_voters: 3,
    swarm_join_voters_reachable: 2,
    swarm_join_voters_needed: 2,
    'swarm_join_nodes{state="ready"}': 3,
    'swarm_join_nodes{state="down"}': 1,
    'swarm_join_nodes{state="unknown"}': 1,
    'swarm_join_nodes{state="disconnected"}': 0,
  });
});

Deno.test("a worker shows that it is a member, and nothing that only managers know", () => {
  const kept = { ...NEW, lookedAtMs: NOW_MS, engine: workerOf("a") };
  shows(kept, { swarm_join_member: 1 });
  for (const [name, { help }] of Object.entries(METRICS)) {
    if (help.startsWith("of a manager")) lacks(kept, name);
  }
});

Deno.test("a manager without a leader has no quorum, and does not know who votes", () => {
  const engine: Engine = { ...managerOf("a"), swarm: null, trouble: "no-quorum" };
  const kept = { ...NEW, lookedAtMs: NOW_MS, engine };
  shows(kept, { swarm_join_member: 1, swarm_join_quorum: 0 });
  for (const name of ["swarm_join_voters", "swarm_join_nodes"]) lacks(kept, name);
  // What could not be read for another reason says nothing of the quorum.
  lacks({ ...kept, engine: { ...engine, trouble: "timeout" } }, "swarm_join_quorum");
});

for (
  const [what, engine] of [
    ["in no swarm", { ...workerOf("a"), state: "inactive", nodeId: "" }],
    ["on its way into one", { ...workerOf("a"), state: "pending" }],
    ["silent", null],
  ] as const
) {
  Deno.test(`an Engine that is ${what} is no member`, () => {
    shows({ ...NEW, lookedAtMs: NOW_MS, engine }, { swarm_join_member: 0 });
  });
}

Deno.test("runs are counted by goal and result, and of each goal the last one is told", () => {
  const runs: [Parameters<typeof afterRun>[1], Partial<Report>][] = [
    ["join", { exit: 0, result: "joined", rule: "in-order", role: "manager", awsCalls: 9 }],
    ["join", { exit: 0, result: "unchanged", rule: "in-order", role: "manager", reaped: ["n7"] }],
    ["join", { exit: 0, result: "unchanged", rule: "in-order", role: "manager", awsCalls: 4 }],
    ["join", { exit: 4, result: "failed", rule: "permission-missing", role: null }],
    ["leave", { exit: 3, result: "failed", rule: "unreachable" }],
  ];
  const kept = runs.reduce(
    (so, [goal, change], i) => afterRun(so, goal, report(change), NOW_MS + i * 1_000),
    NEW,
  );
  const at = NOW_MS / 1_000;
  shows(kept, {
    // A run that failed early does not know its role: what was known stays.
    'swarm_join_info{version="1.2.3",cluster="default",store="tags",role="manager"}': 1,
    'swarm_join_runs_total{goal="join",result="joined"}': 1,
    'swarm_join_runs_total{goal="join",result="unchanged"}': 2,
    'swarm_join_runs_total{goal="join",result="failed"}': 1,
    'swarm_join_runs_total{goal="leave",result="failed"}': 1,
    'swarm_join_last_run_timestamp_seconds{goal="join"}': at + 3,
    'swarm_join_last_success_timestamp_seconds{goal="join"}': at + 2,
    'swarm_join_last_run_exit_code{goal="join"}': 4,
    'swarm_join_last_run_exit_code{goal="leave"}': 3,
    'swarm_join_last_run_info{goal="join",result="failed",rule="permission-missing"}': 1,
    swarm_join_nodes_reaped_total: 1,
    swarm_join_aws_calls_total: 13,
  });
  const values = valuesOf(metricsOf(kept));
  assert.ok(!values.has('swarm_join_last_success_timestamp_seconds{goal="leave"}'));
  const infos = [...values.keys()].filter((line) => line.startsWith("swarm_join_last_run_info"));
  assert.equal(infos.length, 2, "one a goal");
});
