/** The bench's arithmetic; its times are nobody's to assert. */
import assert from "node:assert/strict";
import { type Contestant, FLOOR, PYTHON, TAGS } from "./contestants.ts";
import { tableOf } from "./report.ts";
import { Results } from "./results.ts";
import { summarize } from "./stats.ts";
import { targetsOf } from "./targets.ts";

Deno.test("a summary has the median and the quartiles, in any order", () => {
  assert.deepEqual(summarize([5, 1, 3, 2, 4]), { median: 3, low: 2, high: 4, count: 5 });
  assert.deepEqual(summarize([7]), { median: 7, low: 7, high: 7, count: 1 });
  assert.equal(summarize([1, 2]).median, 1.5);
  assert.throws(() => summarize([]));
});

Deno.test("a target is judged by medians, and only where both sides were measured", () => {
  const results = new Results();
  for (const ms of [50, 60, 1000]) results.add(TAGS, "firstByteMs", ms);
  results.add(FLOOR, "firstByteMs", 40);
  results.add(TAGS, "dryRunMs", 300);
  results.add(PYTHON, "dryRunMs", 1000);
  results.add(TAGS, "workerOverheadMs", 400);
  assert.deepEqual(targetsOf(results).map(({ text, met }) => ({ text, met })), [
    { text: "1.50 ×", met: true },
    { text: "0.30 ×", met: false },
    { text: "400 ms", met: false },
  ]);
});

Deno.test("a table has a column for each that was measured, and a row for each metric", () => {
  const results = new Results();
  results.add(FLOOR, "peakBytes", 46_400_000);
  results.add(FLOOR, "peakBytes", 46_400_000);
  const contestants = [FLOOR, TAGS].map((name): Contestant => ({
    ...{ name, join: null, plan: [], store: "tags", path: [], files: [], asksImds: false },
  }));
  assert.equal(
    tableOf(contestants, results),
    [
      "|                                  | empty program |",
      "| -------------------------------- | ------------- |",
      "| (d) peak memory of a dry run, MB | 46.4          |",
    ].join("\n"),
  );
});
