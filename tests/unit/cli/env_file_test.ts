/** The settings' file: what its lines mean, and which are refused without showing what is in them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseEnvFile } from "../../../src/cli/env_file.ts";

const MEANT: [line: string, values: Record<string, string>][] = [
  ["", {}],
  ["# A=1", {}],
  ["; A=1", {}],
  ["   # A=1", {}],
  ["A=1", { A: "1" }],
  ["A=1\r", { A: "1" }],
  ["  A = 1  ", { A: "1" }],
  ["export A=1", { A: "1" }],
  ["A=", { A: "" }],
  ['A=""', { A: "" }],
  ["A=a b", { A: "a b" }],
  ["A=b=c,d=e", { A: "b=c,d=e" }],
  ["A=s3://b/#1", { A: "s3://b/#1" }],
  ["A=$B", { A: "$B" }],
  ["A='a # \"b\" \\'", { A: 'a # "b" \\' }],
  ["A=\"a # 'b'\"", { A: "a # 'b'" }],
  ['A="\\"\\\\\\$\\`"', { A: '"\\$`' }],
  ['A="\\\\n"', { A: "\\n" }],
  ["A=1\nB=2\nA=3", { A: "3", B: "2" }],
];

for (const [line, values] of MEANT) {
  Deno.test(`the file's ${JSON.stringify(line)} means ${JSON.stringify(values)}`, () => {
    const file = parseEnvFile(line);
    assert.ok(file.ok, file.ok ? "" : file.why);
    assert.deepEqual(Object.fromEntries(file.values), values);
  });
}

const REFUSED: [line: string, why: RegExp][] = [
  ["swordfish", /^not KEY=VALUE$/],
  ["1A=swordfish", /^not KEY=VALUE$/],
  ["A B=swordfish", /^not KEY=VALUE$/],
  ["=swordfish", /^not KEY=VALUE$/],
  ["A=swordfish # or so", /^the value of A has a comment behind it: give it a line$/],
  ["A=sword'fish'", /^the value of A has a quote or a backslash in it/],
  ["A=swordfish\\", /^the value of A has a quote or a backslash in it/],
  ['A="swordfish', /^the value of A has no quote at its end, in the same line$/],
  ['A="swordfish\\"', /has no quote at its end/],
  ["A='swordfish", /has no quote at its end/],
  ['A="sword"fish', /^the value of A has something behind its quotes$/],
  ['A="sword\\nfish"', /^the value of A has a backslash before something else/],
];

for (const [line, why] of REFUSED) {
  Deno.test(`the file's ${JSON.stringify(line)} is refused, with its line and not its value`, () => {
    const file = parseEnvFile(`# first\nB=1\n${line}\n`);
    assert.ok(!file.ok);
    assert.equal(file.line, 3);
    assert.match(file.why, why);
    assert.doesNotMatch(file.why, /sword/);
  });
}

Deno.test("any value in single quotes is itself, and in double quotes with its escapes", () => {
  const value = fc.string().filter((text) => !/[\n\r]/.test(text));
  fc.assert(fc.property(value, (text) => {
    const double = text.replace(/["\\$`]/g, "\\$&");
    const lines = [`A="${double}"`, ...(text.includes("'") ? [] : [`A='${text}'`])];
    for (const line of lines) {
      const file = parseEnvFile(line);
      assert.ok(file.ok);
      assert.equal(file.values.get("A"), text);
    }
  }));
});
