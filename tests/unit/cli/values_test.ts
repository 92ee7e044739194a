/** Values of flags: what is read is what was meant. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { durationMs, pool, poolsOverlap, Unfit } from "../../../src/cli/values.ts";
import { durationText } from "../../../src/report/duration.ts";

Deno.test("a duration's text is read back as the same duration", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 86_400_000 }), (ms) => {
    assert.equal(durationMs(durationText(ms)), ms);
  }));
  assert.equal(durationText(5_400_000), "1h30m");
  assert.equal(durationText(90_500), "1m30.5s");
});

Deno.test("two pools overlap exactly if one begins inside the other", () => {
  const network = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 8, max: 24 }))
    .map(([second, bits]) => {
      const block = bits >= 16 ? second : second - second % (2 ** (16 - bits));
      return `10.${block}.0.0/${bits}`;
    });
  fc.assert(fc.property(network, network, (a, b) => {
    assert.equal(pool(a), a);
    assert.equal(poolsOverlap(a, b), poolsOverlap(b, a));
    assert.ok(poolsOverlap(a, a));
  }));
  assert.throws(() => pool("10.0.0.1/24"), Unfit);
});
