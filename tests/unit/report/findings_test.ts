/** A doctor's page: every finding with what a person can do, the worst first, as text and as JSON. */
import assert from "node:assert/strict";
import { jsonOf, pageOf } from "../../../src/report/print.ts";
import { type Report, reportOf } from "../../../src/report/report.ts";
import { RULES } from "../../../src/rules.ts";
import type { Finding } from "../../../src/state.ts";
import { fp, observation } from "../../support/observations.ts";

const METERS = { elapsedMs: 2_345, awsCalls: 5, phases: { engine: 40, ledger: 120 } };
const NOTE: Finding = { rule: "next", severity: "note", because: "a join would init" };
const WARNING: Finding = { rule: "member-silent", severity: "warning", because: "i-2 is silent" };
const ERROR: Finding = { rule: "engine-locked", severity: "error", because: "it is locked" };
const OTHER: Finding = { rule: "role-unknown", severity: "error", because: "it has no tag" };

function doctor(...findings: Finding[]): Report {
  const exit = findings.includes(ERROR) ? 5 : 0;
  return reportOf({
    decision: {
      kind: "end",
      exit,
      afterMs: 0,
      rule: "surveyed",
      because: "this is the sum",
      warnings: [],
      findings,
    },
    observation: observation({ config: { goal: "survey", dryRun: true } }),
    meters: METERS,
  });
}

Deno.test("a doctor says what it found, how to mend it, and the worst first", () => {
  assert.equal(
    pageOf(doctor(NOTE, WARNING, ERROR, OTHER)),
    `I am        i-1, manager, of the cluster "default" in the store tags
error       [engine-locked] it is locked
            ${RULES["engine-locked"].mend}
error       [role-unknown] it has no tag
            ${RULES["role-unknown"].mend}
warning     [member-silent] i-2 is silent
            ${RULES["member-silent"].mend}
note        [next] a join would init
In all      this is the sum
Took        2.3s, 5 calls of AWS; nothing was changed
`,
  );
});

Deno.test("a doctor that found nothing says so", () => {
  assert.equal(
    pageOf(doctor()),
    `I am        i-1, manager, of the cluster "default" in the store tags
In all      this is the sum
Took        2.3s, 5 calls of AWS; nothing was changed
`,
  );
});

Deno.test("a doctor's JSON is its findings, and who it asked for; the exit code is the process's", () => {
  const report = doctor(NOTE, ERROR);
  assert.equal(report.exit, 5);
  const { observation, ...rest } = JSON.parse(jsonOf(report));
  assert.deepEqual(observation.config, report.plan?.observation.config);
  assert.deepEqual(rest, {
    findings: [
      { ...ERROR, mend: RULES["engine-locked"].mend },
      { ...NOTE, mend: "" },
    ],
    cluster: "default",
    store: "tags",
    role: "manager",
    instance: "i-1",
    ...METERS,
  });
});

Deno.test("a doctor's text is a page also where it found errors, and prints no token", () => {
  const token = `SWMTKN-1-${fp("a")}-${"b".repeat(25)}`;
  const report = doctor({ ...WARNING, because: `it said ${token}` });
  for (const text of [pageOf(report), jsonOf(report)]) {
    assert.ok(text.includes("[redacted]"));
    assert.ok(!text.includes("b".repeat(25)));
  }
  assert.notEqual(pageOf(doctor(ERROR)), "");
});
