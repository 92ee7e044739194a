/** What people read says what the program does, in its tables and fields, and its links lead somewhere. */
import assert from "node:assert/strict";
import { DOCUMENTS, withTables } from "../tools/docs.ts";
import { EXITS, FLAGS, OBSERVATION_FLAG, VARIABLES } from "../src/cli/flags.ts";
import { usageOf } from "../src/cli/help.ts";
import { VERBS, verbUsage } from "../src/cli/verbs.ts";
import { decide } from "../src/decide/decide.ts";
import { jsonOf } from "../src/report/print.ts";
import { failureOf, type Report, reportOf } from "../src/report/report.ts";
import { observation } from "./support/observations.ts";
import type { Goal } from "../src/state.ts";

const ROOT = new URL("../", import.meta.url);

Deno.test("the reference's tables are what --help says", () => {
  const reference = read("docs/reference.md");
  const verbs = VERBS.map((verb) => [`\`${verbUsage(verb)}\``, verb.help, verb.way, verb.prints]);
  assert.deepEqual(tableIn(reference, "verbs"), verbs);
  const flags = [...FLAGS, OBSERVATION_FLAG].map((
    flag,
  ) => [`\`${usageOf(flag)}\``, flag.initial === null ? "" : `\`${flag.initial}\``, flag.help]);
  assert.deepEqual(tableIn(reference, "flags"), flags);
  const variables = VARIABLES.map(({ name, help }) => [`\`${name}\``, help]);
  assert.deepEqual(tableIn(reference, "variables"), variables);
  const exits = EXITS.map(({ code, help }) => [String(code), help]);
  assert.deepEqual(tableIn(reference, "exits"), exits);
});

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
  for (const key of keysOf(reportIf(true, "survey"))) assert.ok(doctor.includes(`\`${key}\``), key);
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
  Deno.test(`the rules in ${path} are those of src/rules.ts`, () => {
    const text = read(path);
    for (const name of names) assert.ok(text.includes(`<!-- rules ${name} -->`), name);
    assert.equal(text, withTables(text, tableOf), "make docs writes them");
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
