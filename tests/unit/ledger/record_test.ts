/** The founding record's text: what is written is read back, and anything else is refused by name. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from "../../../src/ledger/record.ts";
import { fp, member, record } from "../../support/observations.ts";

const text = encodeRecord(record(), 3);

function changed(change: { [key: string]: unknown }): string {
  return JSON.stringify({ ...JSON.parse(text), ...change });
}

Deno.test("record: what was written is read back", () => {
  const full = record({
    members: [member(1), member(2, { instance: null, sinceMs: 5, leaving: true })],
    rotated: [fp("b")],
    replaced: [fp("c"), fp("d")],
  });
  assert.deepEqual(decodeRecord(encodeRecord(full, 7)), {
    kind: "record",
    record: full,
    follows: 7,
  });
});

Deno.test("record: keys of a later minor version are ignored", () => {
  assert.equal(decodeRecord(changed({ color: "blue" })).kind, "record");
});

Deno.test("record: a later format is refused as such", () => {
  const decoded = decodeRecord(changed({ format: 2, members: 0 }));
  assert.ok(decoded.kind === "newer");
  assert.match(decoded.why, /later version of swarm-join wrote it \(format 2\)/);
});

Deno.test("record: every truncation is refused, and none throws", () => {
  for (let length = 0; length < text.length; length++) {
    assert.equal(decodeRecord(text.slice(0, length)).kind, "malformed");
  }
});

const MISFITS: [string, { [key: string]: unknown }, RegExp][] = [
  ["another tool's JSON", { tool: "other" }, /"tool"/],
  ["no format", { format: undefined }, /"format" is undefined, not an integer from 1/],
  ["a format in words", { format: "1" }, /"format" is "1", not an integer from 1/],
  ["a format of 0", { format: 0 }, /"format" is 0, not an integer from 1/],
  ["half a format", { format: 1.5 }, /"format" is 1.5, not an integer from 1/],
  ["members that are no list", { members: {} }, /"members" is .*, not a list/],
  ["a member that is no object", { members: [1] }, /"members\[0\]" is .*, not an object/],
  [
    "a member's id that is no text",
    { members: [{ ...member(1), instance: 5 }] },
    /"members\[0\]\.instance" is .*, not a text/,
  ],
  [
    "a member without an address",
    { members: [{ instance: null, sinceMs: 1 }] },
    /"members\[0\]\.address" is missing/,
  ],
  [
    "a member whose address is empty",
    { members: [member(1), { ...member(2), address: "" }] },
    /"members\[1\]\.address" is "", not an address/,
  ],
  [
    "a member since never",
    { members: [{ ...member(1), sinceMs: "now" }] },
    /"members\[0\]\.sinceMs" is .*, not a count/,
  ],
  ["a short fingerprint", { fingerprint: "abc" }, /"fingerprint" is .*, not a fingerprint/],
  ["a replaced swarm without a name", { replaced: [""] }, /"replaced\[0\]"/],
  ["no nonce", { nonce: null }, /"nonce"/],
  ["a negative number to follow", { follows: -1 }, /"follows"/],
];

for (const [name, change, why] of MISFITS) {
  Deno.test(`record: ${name} is refused, and the reason names it`, () => {
    const decoded = decodeRecord(changed(change));
    assert.ok(decoded.kind === "malformed");
    assert.match(decoded.why, why);
  });
}

Deno.test("record: a text that is too long is refused unread", () => {
  assert.equal(decodeRecord(" ".repeat(RECORD_BYTES_MAX) + text).kind, "malformed");
});

Deno.test("record: no text makes it throw (property)", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => {
    assert.notEqual(decodeRecord(any).kind, "record");
  }));
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(JSON.parse(text))), (value, key) => {
      decodeRecord(changed({ [key]: value }));
    }),
  );
});
