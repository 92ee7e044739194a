/**
 * Writes the tables of rules in the docs, from `src/rules.ts`: `make docs`. A test compares them.
 */
import { PLACES, type Rule, RULES } from "../src/rules.ts";

const RULE_NAMES = Object.keys(RULES) as Rule[];

/** A document with each of its tables of rules, between `<!-- rules NAME -->` marks, as it should be. */
export function withTables(text: string, tableOf: (name: string) => string[]): string {
  return text.replace(
    /(<!-- rules ([\w-]+) -->\n)[^]*?(<!-- \/rules -->)/g,
    (_, begin: string, name: string, end: string) =>
      `${begin}\n${tableOf(name).join("\n")}\n\n${end}`,
  );
}

/** docs/protocol.md: the rules of a place. */
function tableOfPlace(place: string): string[] {
  const rows = RULE_NAMES.flatMap((rule) =>
    RULES[rule].cases.filter(([where]) => where === place)
      .map(([, when, does]) => `| \`${rule}\` | ${when} | ${does} |`)
  );
  return ["| Rule | When | What it does |", "|---|---|---|", ...rows];
}

/** docs/operations.md: the rules that a run can end by with an exit code, and what to do. */
function tableOfExit(code: string): string[] {
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

export const DOCUMENTS = [
  { path: "docs/protocol.md", tableOf: tableOfPlace, names: Object.keys(PLACES) },
  { path: "docs/operations.md", tableOf: tableOfExit, names: ["2", "3", "4", "5", "6"] },
];

if (import.meta.main) {
  for (const { path, tableOf } of DOCUMENTS) {
    const file = new URL(`../${path}`, import.meta.url);
    Deno.writeTextFileSync(file, withTables(Deno.readTextFileSync(file), tableOf));
  }
}
