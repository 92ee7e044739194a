/** What a swarm holds, as a person reads it: an open list, so any name has to come out right. */
import assert from "node:assert/strict";
import { inventoryOf } from "../../../src/decide/words.ts";
import type { Contents } from "../../../src/state.ts";

const ROWS: [Contents, string][] = [
  [{}, ""],
  [{ services: 0, tasks: 0 }, ""],
  [{ services: 1, tasks: 2 }, "1 service, 2 tasks"],
  [{ "cluster volumes": 1, "changed settings": 3 }, "1 cluster volume, 3 changed settings"],
  [{ "kinds of objects of Docker API 1.57": 1 }, "1 kind of objects of Docker API 1.57"],
];

for (const [contents, text] of ROWS) {
  Deno.test(`${JSON.stringify(contents)} is "${text}"`, () => {
    assert.equal(inventoryOf(contents), text);
  });
}
