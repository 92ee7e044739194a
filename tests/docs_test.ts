/** What people read says what the program does, in its tables and fields, and its links lead somewhere. */
import assert from "node:assert/strict";
import { DOCUMENTS, MADE, withTables } from "../tools/docs.ts";
import { parse } from "../src/cli/parse.ts";
import { decide } from "../src/decide/decide.ts";
import { jsonOf } from "../src/report/print.ts";
import { failureOf, type Report, reportOf } from "../src/report/report.ts";
import { METRICS } from "../src/report/metrics.ts";
import { asStatus } from "../src/report/status.ts";
import { observation } from "./support/observations.ts";
import type { Goal } from "../src/state.ts";

const ROOT = new URL("../", import.meta.url);

const PAGES = [
  ...["README.md", "CHANGELOG.md"],
  ...[...Deno.readDirSync(new URL("docs/", ROOT))].map(({ name }) => `docs/${name}`),
];

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

Deno.test("a command that people read is one that the command line takes", () => {
  const commands = PAGES.flatMap((page) => commandsIn(read(page)).map((argv) => ({ page, argv })));
  assert.ok(commands.length > 50, String(commands.length));
  for (const { page, argv } of commands) {
    const parsed = parse(argv, { env: {}, readFile: () => ({ kind: "missing" }) });
    // Values may stand for those of the reader's own.
    const wrong = parsed.kind === "usage" && /unknown|unexpected|has no/.test(parsed.message);
    assert.ok(!wrong, `${page}: swarm-join ${argv.join(" ")}`);
  }
});

Deno.test("the quickstart gives the template and the module what they take", () => {
  const page = read("docs/quickstart.md");
  const [, parameters = ""] = read("deploy/cloudformation/swarm.yaml")
    .split(/^(?:Parameters|Rules):$/m);
  const [, overrides = ""] = /--parameter-overrides ([^]*?)\n {4}aws /.exec(page) ?? [];
  const given = [...overrides.matchAll(/\b([A-Z]\w+)=/g)].map(([, name]) => name);
  assert.ok(given.includes("VpcId"), overrides);
  for (const name of given) assert.match(parameters, new RegExp(`^  ${name}:$`, "m"));

  const inputs = read("deploy/terraform/variables.tf");
  const [, module = ""] = /^ {4}module "swarm" \{\n([^]*?)^ {4}\}/m.exec(page) ?? [];
  const named = [...module.matchAll(/^ {6}(\w+) +=/gm)].map(([, name]) => name)
    .filter((name) => name !== "source");
  assert.ok(named.includes("program"), module);
  for (const name of named) assert.match(inputs, new RegExp(`^variable "${name}" `, "m"));
});

Deno.test("what people read links to files that are there", () => {
  for (const name of PAGES) {
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

/** The arguments of each swarm-join that stands at the beginning of a piece of code, up to what a shell would end it by. */
function commandsIn(page: string): string[][] {
  return page.split("\n").flatMap((line) => {
    const codes = line.startsWith("    ")
      ? [line.trim()]
      : [...line.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
    return codes.flatMap((code) => {
      const [, rest] = /^(?:\$ )?(?:sudo )?swarm-join((?: +[^\s#>|;&)]+)*)(?:\s|$)/.exec(code) ??
        [];
      return rest === undefined ? [] : [rest.split(" ").filter((word) => /^[^[]/.test(word))];
    });
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
