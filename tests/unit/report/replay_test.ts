/** What an operator's observation comes back to: the same decision, or why it can't be read. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decide } from "../../../src/decide/decide.ts";
import { readObservation } from "../../../src/report/observation.ts";
import { jsonOf } from "../../../src/report/print.ts";
import { replay } from "../../../src/report/replay.ts";
import { reportOf } from "../../../src/report/report.ts";
import type { Observation } from "../../../src/state.ts";
import {
  fault,
  founded,
  identity,
  lifecycle,
  managerOf,
  observation,
  ok,
  s3,
  shown,
} from "../../support/observations.ts";

const METERS = { elapsedMs: 2_345, awsCalls: 5, phases: { engine: 40, ledger: 120 } };

const SEEN: Observation[] = [
  observation(),
  observation({
    facts: { ledger: founded(), engine: ok(managerOf("a")), tokens: ok([shown(1, "a")]) },
  }),
  observation({ facts: { ledger: ok({ kind: "unsettled", missing: [3, 4] }) } }),
  observation({ facts: { engine: fault("denied", "no"), identity: ok(identity(2)) } }),
  observation({
    config: {
      store: { ...s3, prefix: "" },
      defaultAddrPool: ["x"],
    },
    memory: {
      did: ["init"],
      failures: [{ address: "10.0.0.2", digest: "a", kind: "rejected", message: "no", atMs: 5 }],
      steady: { rule: "members-silent", because: "nobody answers", exit: 3, sinceMs: 3 },
      fault: { kind: "denied", message: "m", permission: "ec2:CreateTags" },
    },
  }),
  // What a doctor saw.
  observation({
    config: { goal: "survey" },
    facts: {
      identity: ok(identity()),
      lifecycle: ok(lifecycle(null)),
      self: fault("denied", "no"),
      engine: ok(managerOf("a")),
      ledger: founded(),
      tokens: ok([]),
      instances: fault("unreachable", "no route"),
    },
  }),
];

Deno.test("what a dry run printed decides the same again, wherever it is read", () => {
  for (const seen of SEEN.map((o) => ({ ...o, config: { ...o.config, dryRun: true } }))) {
    const decision = decide(seen);
    assert.ok(decision.kind !== "look", JSON.stringify(decision));
    const report = reportOf({ decision, observation: seen, meters: METERS });
    for (const text of [jsonOf(report), JSON.stringify(seen)]) {
      const replayed = replay(text);
      assert.ok(replayed.kind === "report", replayed.kind === "unfit" ? replayed.why : "");
      assert.equal(replayed.report.rule, report.rule);
      assert.equal(replayed.report.because, report.because);
      assert.deepEqual(replayed.report.plan?.decision, decision);
      assert.deepEqual(replayed.report.findings, report.findings);
    }
  }
});

Deno.test("an observation that lacks an answer is refused, and says which", () => {
  const { engine: _, ...facts } = observation().facts;
  const replayed = replay(JSON.stringify({ ...observation(), facts }));
  assert.deepEqual(replayed, {
    kind: "unfit",
    why: "it holds no answer to what this version would look at next (engine)",
  });
});

Deno.test("a file that is something else is refused by the first thing that is wrong with it", () => {
  const rows: [string, RegExp][] = [
    ["", /it is not JSON/],
    ["<html>", /it is not JSON/],
    ["[]", /"observation.config" is missing/],
    ["5", /"observation" is 5, not an object/],
    ["{}", /"observation.config" is missing/],
    ['{"result":"joined"}', /"observation.config" is missing/],
    [changed((o) => o.config.timeoutMs = -1), /"observation.config.timeoutMs" is -1, not a number/],
    [changed((o) => o.dice = 1), /"observation.dice" is 1, not less than 1/],
    [changed((o) => o.memory.did = ["dance"]), /"observation.memory.did\[0\]" is "dance", not one/],
    [changed((o) => o.facts.engine = { ok: true }), /"observation.facts.engine.value" is missing/],
    [changed((o) => o.facts.tokens = { ok: true, value: 5 }), /tokens.value" is 5, not a list/],
    [changed((o) => o.facts.ledger = { ok: true, value: { kind: "x" } }), /ledger.value.kind" is/],
    [changed((o) => o.facts.instances = { ok: false }), /instances.fault" is undefined|is missing/],
  ];
  for (const [text, why] of rows) {
    const read = readObservation(text);
    assert.equal(read.ok, false, text.slice(0, 80));
    assert.match(read.ok ? "" : read.why, why);
  }
});

Deno.test("whatever the file holds, reading it and deciding on it does not throw", () => {
  fc.assert(fc.property(fc.string(), (text) => void replay(text)));
  fc.assert(fc.property(fc.json(), (text) => void replay(text)));
  const paths = pathsOf(SEEN[4]);
  fc.assert(fc.property(
    fc.constantFrom(...SEEN),
    fc.constantFrom(...paths),
    fc.oneof(fc.jsonValue(), fc.constant(undefined)),
    (seen, path, value) => {
      const copy = structuredClone(seen);
      put(copy, path, value);
      replay(JSON.stringify(copy));
    },
  ));
});

// deno-lint-ignore no-explicit-any
function changed(change: (o: any) => void): string {
  const copy = structuredClone(observation());
  change(copy);
  return JSON.stringify({ observation: copy });
}

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
    .filter(({ length }) => length > 0);
}

function put(target: unknown, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (typeof target !== "object" || target === null) return;
  const inner = target as { [key: string]: unknown };
  if (rest.length === 0) inner[key] = value;
  else put(inner[key], rest, value);
}
