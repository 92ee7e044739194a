/** Whole VPCs of real processes, started at once, with faults: one swarm, and a second run changes nothing. */
import assert from "node:assert/strict";
import type { FaultName } from "./faults.ts";
import { formSwarm } from "./form.ts";
import type { Lab, StoreKind } from "./lab.ts";
import { manyLabs, withLab, writesSince } from "./with_lab.ts";

interface Case {
  name: string;
  faults: FaultName[];
  seed: number;
}

/** Of `dying-founder`, seeds for each moment and each fate. */
const CASES: Case[] = [
  { name: "no faults", faults: [], seed: 1 },
  { name: "old reads", faults: ["stale"], seed: 1 },
  { name: "throttling", faults: ["throttle"], seed: 1 },
  { name: "a slow founder", faults: ["slow-founder"], seed: 1 },
  { name: "a founder killed after init that comes back", faults: ["dying-founder"], seed: 9 },
  { name: "a founder killed after init that is gone", faults: ["dying-founder"], seed: 19 },
  { name: "a founder killed after founding that comes back", faults: ["dying-founder"], seed: 6 },
  { name: "a founder killed after founding that is gone", faults: ["dying-founder"], seed: 3 },
  { name: "a manager killed after registering, back", faults: ["dying-founder"], seed: 2 },
  { name: "a manager killed after joining, back", faults: ["dying-founder"], seed: 16 },
  { name: "lost answers", faults: ["lost-answers"], seed: 1 },
  { name: "resets", faults: ["resets"], seed: 1 },
  {
    name: "old reads, lost answers and a dying founder",
    faults: ["stale", "lost-answers", "dying-founder"],
    seed: 7,
  },
];

const BOTH = CASES.flatMap((one) => (["tags", "s3"] as const).map((store) => ({ ...one, store })));

manyLabs(
  "all nodes become one swarm, and a second run changes nothing",
  BOTH,
  4,
  ({ name, store }) => `${store}, with ${name}`,
  ({ store, faults, seed }) => forms(store, faults, seed),
);

async function forms(store: StoreKind, faults: FaultName[], seed: number): Promise<void> {
  await withLab({ store, managers: 3, workers: 2 }, async (lab) => {
    const verdict = await formSwarm(lab, { faults, seed, faultsMs: 6_000, timeoutSeconds: 90 });
    assert.deepEqual(verdict.problems, [], `${store}, seed ${seed}`);
    if (faults.includes("dying-founder")) {
      const died = lab.nodes.filter((node) => node.results.some((result) => result.exit === null));
      assert.equal(died.length, 1, "the fault did not strike");
    }
    await secondRunChangesNothing(lab);
  });
}

async function secondRunChangesNothing(lab: Lab): Promise<void> {
  lab.wire.trouble = () => null;
  lab.aws.ec2.lagMs = () => 0;
  const living = lab.nodes.filter((node) => !node.terminated);
  // Who came after the last manager's run has no labels yet.
  for (const node of living.filter(({ role }) => role === "manager")) {
    await lab.run(node, ["join", "--json", "--timeout", "30s"]);
  }
  const since = lab.wire.calls.length;
  const before = lab.snapshot();
  const results = await Promise.all(
    living.map((node) => lab.run(node, ["join", "--json", "--timeout", "30s"])),
  );
  for (const result of results) {
    assert.equal(result.exit, 0, result.stderr);
    assert.equal(result.report?.result, "unchanged");
  }
  assert.deepEqual(writesSince(lab, since, living), []);
  assert.deepEqual(lab.snapshot(), before);
}
