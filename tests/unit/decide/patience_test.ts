/** How long a run waits, how long a bad sign must hold, and what is said at the deadline. */
import assert from "node:assert/strict";
import { decide } from "../../../src/decide/decide.ts";
import { backoffMs, CONFLICT_MS, retryMs, STRANGE_MS } from "../../../src/decide/patience.ts";
import type { Rule } from "../../../src/rules.ts";
import { decided, held, known, table, twoMembers, worker } from "./table.ts";
import { fault, managerOf, managersAt, observation, ok } from "../../support/observations.ts";

const LATE = { nowMs: 600_000 };
const DECLINED = { ledger: fault("declined") };

table("patience", [
  {
    name: "a bad sign that has not held for long enough is looked at again",
    state: observation({ memory: held("aws-refused", STRANGE_MS - 1), facts: DECLINED }),
    want: ["wait", "aws-refused"],
  },
  {
    name: "a bad sign that has held is believed",
    state: observation({ memory: held("aws-refused", STRANGE_MS), facts: DECLINED }),
    want: ["fail", "aws-refused"],
    exit: 5,
  },
  {
    name: "another bad sign has held for nothing yet",
    state: observation({ memory: held("engine-error", 10 * STRANGE_MS), facts: DECLINED }),
    want: ["wait", "aws-refused"],
  },
  {
    name: "what a boot brings late is waited for, however long it takes",
    state: observation({
      memory: { steady: { rule: "engine-unavailable", because: "", exit: 6, sinceMs: 0 } },
      nowMs: 599_999,
      facts: { engine: fault("no-socket") },
    }),
    want: ["wait", "engine-unavailable"],
  },
  {
    name: "at the deadline the join that failed last is said, not the look that was cut",
    state: observation({
      ...LATE,
      memory: {
        failures: [{
          address: "10.0.0.2",
          digest: "a-m",
          kind: "unreachable",
          message: "the swarm does not have a leader",
          atMs: 5_000,
        }],
      },
      facts: { ledger: twoMembers, probe: fault("timeout") },
    }),
    want: ["fail", "joins-failed"],
    because: "does not have a leader",
    exit: 3,
  },
  {
    name: "at the deadline a bad sign is believed, however short it has held",
    state: observation({ ...LATE, facts: { engine: fault("no-socket") } }),
    want: ["fail", "engine-unavailable"],
    exit: 6,
  },
  {
    name: "at the deadline an act comes too late, and what was waited for is said",
    state: observation({
      ...LATE,
      memory: {
        steady: { rule: "permission-missing", because: "allow ec2:X", exit: 4, sinceMs: 1_000 },
      },
    }),
    want: ["fail", "permission-missing"],
    because: "allow ec2:X",
    exit: 4,
  },
  {
    name: "at the deadline an act that nothing was waited for says what it would have been",
    state: observation(LATE),
    want: ["fail", "first-manager"],
    exit: 3,
  },
  {
    name: "at the deadline nothing more is looked at, if something was waited for",
    state: { ...observation({ ...LATE, memory: held("members-silent", 5_000) }), facts: {} },
    want: ["fail", "members-silent"],
    because: "as before",
    exit: 3,
  },
]);

Deno.test("decide: patience: a dry run says what would come in the end, without waiting for it", () => {
  const decision = decided(observation({
    config: { dryRun: true },
    facts: {
      engine: ok(managerOf("b", { nodes: managersAt(1, 2) })),
      ledger: twoMembers,
      instances: known,
      permissions: ok([]),
    },
  }));
  assert.ok(decision.kind === "end");
  assert.deepEqual([decision.exit, decision.afterMs], [5, CONFLICT_MS]);
});

Deno.test("decide: patience: a dry run has no deadline: it looks once", () => {
  const late = observation({ ...LATE, config: { dryRun: true }, memory: held("throttled", 1) });
  assert.equal(decide({ ...late, facts: {} }).kind, "look");
});

Deno.test("decide: patience: no wait is longer than what is left of the run", () => {
  for (let waits = 0; waits < 20; waits++) {
    for (const dice of [0, 0.5, 0.999999]) {
      const decision = decided(
        observation({ config: worker, memory: { waits }, nowMs: 599_990, dice }),
      );
      assert.ok(decision.kind === "wait");
      assert.ok(decision.ms >= 0 && decision.ms <= 10);
    }
  }
});

Deno.test("decide: patience: waits grow up to a bound, shorter for the local Engine, longer for a herd", () => {
  const longest = (rule: Rule, role: "manager" | "worker", waits: number): number =>
    backoffMs(
      observation({
        config: { role },
        memory: rule === "throttled" ? { waits: 50, refusals: waits } : { waits },
        dice: 0.999999,
      }),
      rule,
    );
  const growth = [0, 1, 2, 3, 4, 5, 50].map((waits) => longest("members-silent", "manager", waits));
  assert.deepEqual(growth, [1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  assert.equal(longest("engine-starting", "manager", 50), 2_000);
  assert.equal(longest("write-lost", "manager", 0), 250);
  assert.equal(longest("throttled", "manager", 50), 4_000);
  const throttled = [0, 1, 2, 50].map((waits) => longest("throttled", "worker", waits));
  assert.deepEqual(throttled, [3_000, 12_000, 80_000, 240_000]);
});

Deno.test("decide: patience: who is let in by nobody tries further and further apart", () => {
  const after = (kind: "one-way" | "unreachable" | "pending", tries: number): number => {
    const last = { address: "10.0.0.2", digest: "a-m", message: "", atMs: 0, kind };
    const { memory } = observation({ memory: { failures: Array(tries).fill(last) } });
    return retryMs(memory, last);
  };
  const tries = [1, 2, 3, 4, 20];
  assert.deepEqual(
    tries.map((n) => after("one-way", n)),
    [30_000, 60_000, 120_000, 240_000, 300_000],
  );
  assert.deepEqual(
    tries.map((n) => after("unreachable", n)),
    [15_000, 15_000, 30_000, 60_000, 120_000],
  );
  assert.equal(after("pending", 1), 30_000);
});
