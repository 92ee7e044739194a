/** The table of rules: each is used, each that a run can end badly by says what a person can do. */
import assert from "node:assert/strict";
import { PLACES, RULES } from "../../src/rules.ts";

const ROOT = new URL("../../", import.meta.url);

/** A row as each is, whatever stands in it. */
interface Row {
  cases: readonly (readonly [place: string, when: string, does: string])[];
  exits: readonly number[];
  waitsFor?: string;
  mend: string;
}

const ROWS: [string, Row][] = Object.entries(RULES);

Deno.test("rules: each is used where decisions are made, and nowhere is another one", () => {
  const sources = ["main.ts", ...filesUnder("src/decide/"), ...filesUnder("src/node/")];
  const text = sources.map((path) => Deno.readTextFileSync(new URL(path, ROOT))).join("\n");
  for (const [rule] of ROWS) assert.ok(text.includes(`"${rule}"`), `nobody decides by ${rule}`);
});

Deno.test("rules: each is named in a way that scripts can rely on, and says when and what", () => {
  for (const [rule, { cases }] of ROWS) {
    assert.match(rule, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(cases.length > 0, rule);
    for (const [place, when, does] of cases) {
      assert.ok(place in PLACES && when !== "" && does !== "", rule);
    }
  }
});

Deno.test("rules: a rule is tried in each place once", () => {
  for (const [rule, { cases }] of ROWS) {
    const places = cases.map(([place]) => place);
    assert.equal(new Set(places).size, places.length, rule);
  }
});

Deno.test("rules: whatever a run can end badly by says what a person can do", () => {
  for (const [rule, { exits, mend }] of ROWS) {
    if (exits.length > 0) assert.notEqual(mend, "", rule);
  }
});

Deno.test("rules: whatever a run can time out by says what it waited for, and nothing else does", () => {
  for (const [rule, { exits, waitsFor }] of ROWS) {
    assert.equal(exits.includes(3), waitsFor !== undefined, rule);
    assert.notEqual(waitsFor, "", rule);
  }
});

Deno.test("rules: exit codes are named in order, each once", () => {
  for (const [rule, { exits }] of ROWS) {
    assert.deepEqual([...exits], [...new Set(exits)].sort(), rule);
  }
});

Deno.test("rules: no row has what a table of Markdown can't hold in a cell", () => {
  for (const [rule, row] of ROWS) {
    assert.doesNotMatch(JSON.stringify(row), /\||\\n/, rule);
  }
});

function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesUnder(`${folder}${name}/`) : [`${folder}${name}`]
  );
}
