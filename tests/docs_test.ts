/** What people read says what the program does, in its tables and fields, and its links lead somewhere. */
import assert from "node:assert/strict";
import { DOCUMENTS, MADE, withTables } from "../tools/docs.ts";
import { decide } from "../src/decide/decide.ts";
import { jsonOf } from "../src/report/print.ts";
import { failureOf, type Report, reportOf } from "../src/report/report.ts";
import { METRICS } from "../src/report/metrics.ts";
import { asStatus } from "../src/report/status.ts";
import { observation } from "./support/observations.ts";
import type { Goal } from "../src/state.ts";

const ROOT = new URL("../", import.meta.url);

Deno.test("the reference has every field that --json prints, and says when", () => {
  const meters = { elapsedMs: 1, awsCalls: 0, phases: {} };
  const failure = failureOf({ exit: 3, rule: "stopped", because: "", config: null, meters });
  const reportIf = (dryRun: boolean, goal: Goal = "join"): Report => {
    const seen = observation({ config: { dryRun, goal } });
    return reportOf({ decision: decide(seen), observation: seen, meters });
  };
  const keysOf = (report: Report): string[] => Object.keys(JSON.parse(jsonOf(report))).sort();
  const rows = tableIn(read("docs/reference.md"), "json");
  const fieldsOf = (when: string): string[] =>
    rows.filter((row) => row[1] === "always" || row[1] === when)
      .map(([field = ""]) => field.replaceAll("`", "")).sort();
  assert.deepEqual(fieldsOf("always"), keysOf(reportIf(false)));
  assert.deepEqual(fieldsOf("failed"), keysOf(failure));
  assert.deepEqual(fieldsOf("dry run"), keysOf(reportIf(true)));
  const [doctor = ""] = /`doctor` prints .*/.exec(read("docs/reference.md")) ?? [];
  const survey = reportIf(true, "survey");
  for (const key of keysOf(survey)) assert.ok(doctor.includes(`\`${key}\``), key);
  const [status = ""] = /`status` prints[^]*?`settings` prints/.exec(read("docs/reference.md")) ??
    [];
  for (const key of keysOf(asStatus(survey))) assert.ok(status.includes(`\`${key}\``), key);
});

Deno.test("the alert rules ask for metrics that there are", () => {
  const [, section = ""] = read("docs/reference.md").split("\n## Metrics\n");
  const rules = section.split("\n").filter((line) => /^ {6}expr: /.test(line));
  assert.equal(rules.length, 2);
  for (const rule of rules) {
    const names = rule.match(/\bswarm_join_\w+/g) ?? [];
    assert.ok(names.length > 1, rule);
    for (const name of names) assert.ok(name in METRICS, `${name} in ${rule}`);
  }
});

Deno.test("the README fits in a hundred lines", () => {
  assert.ok(read("README.md").split("\n").length <= 101);
});

Deno.test("what people read links to files that are there", () => {
  const pages = [...Deno.readDirSync(new URL("docs/", ROOT))].map(({ name }) => `docs/${name}`);
  for (const name of ["README.md", "CHANGELOG.md", ...pages]) {
    for (const [, target = ""] of read(name).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      const file = new URL(target, new URL(name, ROOT));
      assert.ok(Deno.statSync(file), `${name}: ${target}`);
    }
  }
});

for (const { path, tableOf, names } of DOCUMENTS) {
  Deno.test(`the tables in ${path} are what the code says`, () => {
    const text = read(path);
    const marks = text.matchAll(/<!-- (?:rules )?([\w-]+) -->/g).map(([, name]) => name).toArray();
    for (const name of names) assert.ok(marks.includes(name), name);
    assert.equal(text, withTables(text, tableOf), "make docs writes them");
  });
}

for (const { path, text } of MADE) {
  Deno.test(`${path} is what the code says`, () => {
    assert.equal(read(path), text(), "make docs writes it");
  });
}

/** The rows of the table between two marks, without its head. */
function tableIn(text: string, mark: string): string[][] {
  const [, inner = ""] = text.split(new RegExp(`<!-- /?${mark} -->`));
  const rows = inner.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}
