/** Values of flags: what is read is what was meant. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { durationMs, pool, Unfit } from "../../../src/cli/values.ts";
import { durationText } from "../../../src/report/duration.ts";

Deno.test("a duration's text is read back as the same duration", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 86_400_000 }), (ms) => {
    assert.equal(durationMs(durationText(ms)), ms);
  }));
  assert.equal(durationText(5_400_000), "1h30m");
  assert.equal(durationText(90_500), "1m30.5s");
});

Deno.test("a pool begins where its network does", () => {
  assert.equal(pool("10.20.0.0/16"), "10.20.0.0/16");
  assert.throws(() => pool("10.0.0.1/24"), Unfit);
});
