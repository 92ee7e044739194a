/**
 * Writes the tables in the docs, of rules from `src/rules.ts`, of the command line from `src/cli`; and of the
 * latter the man page and the completions. `make docs`. A test compares them.
 */
import { EXITS, FLAGS, OBSERVATION_FLAG, VARIABLES } from "../src/cli/flags.ts";
import { usageOf } from "../src/cli/help.ts";
import { VERBS, verbUsage } from "../src/cli/verbs.ts";
import { METRICS } from "../src/report/metrics.ts";
import { bashCompletion, fishCompletion, zshCompletion } from "./completions.ts";
import { manual } from "./manual.ts";
import { PLACES, type Rule, RULES } from "../src/rules.ts";

const RULE_NAMES = Object.keys(RULES) as Rule[];

/** A document with each of its tables, between marks that name it, as it should be. */
export function withTables(text: string, tableOf: (name: string) => string[]): string {
  return text.replace(
    /(<!-- (?:rules ([\w-]+)|(verbs|flags|variables|exits|metrics)) -->\n)[^]*?(<!-- \/(?:rules|\3) -->)/g,
    (_, begin: string, rules: string | undefined, name: string | undefined, end: string) =>
      `${begin}\n${tableOf(rules ?? name ?? "").join("\n")}\n\n${end}`,
  );
}

/** docs/reference.md: what `--help` prints too, and the metrics. */
function tableOfReference(name: string): string[] {
  const table = (head: string[], rows: string[][]): string[] => [
    `| ${head.join(" | ")} |`.replace("|  |", "| |"),
    `|${"---|".repeat(head.length)}`,
    ...rows.map((cells) => `| ${cells.join(" | ")} |`),
  ];
  switch (name) {
    case "verbs":
      return table(
        ["Verb", "", "Way", "Prints"],
        VERBS.map((verb) => [`\`${verbUsage(verb)}\``, verb.help, verb.way, verb.prints]),
      );
    case "flags":
      return table(
        ["Flag", "Default", ""],
        [...FLAGS, OBSERVATION_FLAG].map((flag) => [
          `\`${usageOf(flag)}\``,
          flag.initial === null ? "" : `\`${flag.initial}\``,
          flag.help,
        ]),
      );
    case "variables":
      return table(
        ["Variable", ""],
        VARIABLES.map(({ name, help }) => [`\`${name}\``, help]),
      );
    case "exits":
      return table(["Exit code", ""], EXITS.map(({ code, help }) => [String(code), help]));
    case "metrics":
      return table(
        ["Metric", "Type", "Labels", ""],
        Object.entries(METRICS).map((
          [name, { type, labels, help }],
        ) => [`\`${name}\``, type, labels, help]),
      );
    default:
      throw new Error(`no table is called ${name}`);
  }
}

/** docs/protocol.md: the rules of a place. */
function tableOfPlace(place: string): string[] {
  const rows = RULE_NAMES.flatMap((rule) =>
    RULES[rule].cases.filter(([where]) => where === place)
      .map(([, when, does]) => `| \`${rule}\` | ${when} | ${does} |`)
  );
  return ["| Rule | When | What it does |", "|---|---|---|", ...rows];
}

/** docs/operations.md: the rules that a run can end by with an exit code, and what to do; or what a survey finds. */
function tableOfExit(code: string): string[] {
  if (code === "survey") return tableOfFindings();
  const ends = RULE_NAMES.filter((rule) => RULES[rule].exits.some((exit) => String(exit) === code));
  if (code !== "3") {
    const rows = ends.map((rule) => `| \`${rule}\` | ${RULES[rule].mend} |`);
    return ["| Rule | What to do |", "|---|---|", ...rows];
  }
  // Rules that wait for the same thing share a row.
  const alike = new Map<string, string[]>();
  for (const rule of ends) {
    const row: { waitsFor?: string; mend: string } = RULES[rule];
    const said = `${row.waitsFor} | ${row.mend}`;
    alike.set(said, [...alike.get(said) ?? [], `\`${rule}\``]);
  }
  const rows = [...alike].map(([said, rules]) => `| ${rules.join(", ")} | ${said} |`);
  return ["| Rule | It waits for | What to do |", "|---|---|---|", ...rows];
}

/** docs/operations.md: what a survey alone finds. */
function tableOfFindings(): string[] {
  const found = RULE_NAMES.filter((rule) =>
    RULES[rule].exits.length === 0 && RULES[rule].mend !== ""
  );
  const rows = found.flatMap((rule) =>
    RULES[rule].cases.filter(([where]) => where === "survey")
      .map(([, when]) => `| \`${rule}\` | ${when} | ${RULES[rule].mend} |`)
  );
  return ["| Finding | When | What to do |", "|---|---|---|", ...rows];
}

export const DOCUMENTS = [
  {
    path: "docs/reference.md",
    tableOf: tableOfReference,
    names: ["verbs", "flags", "variables", "exits", "metrics"],
  },
  { path: "docs/protocol.md", tableOf: tableOfPlace, names: Object.keys(PLACES) },
  { path: "docs/operations.md", tableOf: tableOfExit, names: ["2", "3", "4", "5", "6", "survey"] },
];

/** What is made whole: what packages put beside the program. */
export const MADE = [
  { path: "deploy/man/swarm-join.8", text: manual },
  { path: "deploy/completions/swarm-join.bash", text: bashCompletion },
  { path: "deploy/completions/_swarm-join", text: zshCompletion },
  { path: "deploy/completions/swarm-join.fish", text: fishCompletion },
];

if (import.meta.main) {
  for (const { path, text } of MADE) {
    const file = new URL(`../${path}`, import.meta.url);
    Deno.mkdirSync(new URL(".", file), { recursive: true });
    Deno.writeTextFileSync(file, text());
  }
  for (const { path, tableOf } of DOCUMENTS) {
    const file = new URL(`../${path}`, import.meta.url);
    Deno.writeTextFileSync(file, withTables(Deno.readTextFileSync(file), tableOf));
  }
}
