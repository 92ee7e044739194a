/** A swarm whose managers are replaced one after the other, by death and by leave, is the one that it was. */
import assert from "node:assert/strict";
import { isLive } from "../emulators/engine_swarm.ts";
import { formSwarm } from "./form.ts";
import type { StoreKind } from "./lab.ts";
import { replaceManagers } from "./replace.ts";
import { manyLabs, withLab } from "./with_lab.ts";

const CASES: { store: StoreKind; managers: number }[] = [
  { store: "tags", managers: 3 },
  { store: "s3", managers: 3 },
  { store: "tags", managers: 1 },
];

manyLabs(
  "every manager is replaced, and the swarm is the same one",
  CASES,
  3,
  ({ store, managers }) => `${store}, ${managers} of them`,
  ({ store, managers }) => replaces(store, managers),
);

async function replaces(store: StoreKind, managers: number): Promise<void> {
  await withLab({ store, managers, workers: 1 }, async (lab) => {
    const formed = await formSwarm(lab, { faults: [], seed: 1, timeoutSeconds: 120 });
    const { swarm } = formed;
    assert.ok(swarm !== null && formed.problems.length === 0, formed.problems.join("; "));
    const old = lab.nodes.filter(({ role }) => role === "manager");
    const verdict = await replaceManagers(lab, swarm, { timeoutSeconds: 300 });
    assert.deepEqual(verdict.problems, []);
    assert.equal(verdict.swarm, swarm);
    assert.ok(old.every(({ terminated }) => terminated));
    const living = lab.nodes.filter(({ terminated }) => !terminated);
    assert.equal(living.length, managers + 1);
    const listed = swarm.nodes.map(({ id }) => id);
    assert.ok(living.every(({ engine }) => listed.includes(engine.state.membership?.nodeId ?? "")));
    // Who has left is removed by the next run of a manager.
    const others = swarm.nodes.filter((node) => !isLive(node));
    for (const { inRaft, labels } of others) {
      assert.ok(!inRaft && labels["swarm-join.left"] !== undefined);
    }
  });
}
