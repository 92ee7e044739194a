/** Both ledgers in moto keep the contract that they keep in the emulated AWS; and what stands beside them. */
import assert from "node:assert/strict";
import {
  type LedgerNode,
  type LedgerRule,
  ledgerRules,
  type LedgerWorld,
} from "../../contracts/ledger.ts";
import { fp } from "../../support/observations.ts";
import { edgesOf } from "../edges.ts";
import type { Case } from "../suite.ts";
import type { Vpc } from "../vpc.ts";

const NODES = 5;

export const ledgers: Case[] = ledgerRules.map(({ promise, test }: LedgerRule): Case => ({
  name: `a ledger: ${promise}`,
  managers: NODES,
  workers: 0,
  async run(vpc): Promise<void> {
    let opened = 0;
    await test(() => realLedger(vpc, `ledger-${++opened}`));
  },
}));

ledgers.push(
  {
    name: "a ledger's store knows conditions, and keeps the marks of foundings",
    managers: 2,
    workers: 0,
    stores: ["s3"],
    async run(vpc): Promise<void> {
      const [one, two] = vpc.all.map((node) => edgesOf(vpc, node.metadata, "blue"));
      assert.ok(one?.marks && two?.marks);
      for (const { ledger } of [one, two]) {
        assert.deepEqual(await ledger.tryConditions(), { ok: true, value: null });
      }
      assert.deepEqual(await two.marks.read(), { ok: true, value: [] });
      await one.marks.write({ fingerprint: fp("a"), clusterId: "ida" }, [{
        fingerprint: fp("b"),
        clusterId: "idb",
      }]);
      const read = await two.marks.read();
      assert.ok(read.ok, JSON.stringify(read));
      const marks = read.value.map((
        { fingerprint, cluster, over },
      ) => [fingerprint, cluster, over]);
      assert.deepEqual(marks.sort(), [[fp("a"), "blue", false], [fp("b"), "blue", true]]);
      for (const { ageMs } of read.value) assert.ok(ageMs < 120_000, `${ageMs}`);
    },
  },
  {
    name: "a ledger's neighbours are the managers that run, wherever their address stands",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, m2, m3] = vpc.all;
      assert.ok(m1 && m2 && m3);
      await m3.stop();
      const { neighbours, instances } = edgesOf(vpc, m1.metadata, "default");
      const found = await neighbours(["manager"]);
      assert.ok(found.ok, JSON.stringify(found));
      const { instance, address } = m2.metadata;
      const both = [m1.metadata, m2.metadata].map((one) => [one.instance, one.address]);
      const seen = found.value.map((one) => [one.instance, one.address]);
      assert.deepEqual(seen.sort(), both.sort());
      const byAddress = await instances([], [address, "10.77.0.250", "fd00::250"]);
      assert.ok(byAddress.ok, JSON.stringify(byAddress));
      assert.deepEqual(byAddress.value.map((one) => one.instance), [instance]);
    },
  },
);

/** Each cluster has a ledger of its own: that of a new one is empty. */
function realLedger(vpc: Vpc, cluster: string): LedgerWorld {
  const nodes = vpc.all.map((node) => edgesOf(vpc, node.metadata, cluster).ledger);
  const action = "CreateLaunchTemplate|CreateLaunchTemplateVersion|PutObject";
  return {
    node(n): LedgerNode {
      const node = nodes[n - 1];
      if (node === undefined) throw new Error(`no node ${n}`);
      return node;
    },
    async loseAnswer(n): Promise<void> {
      const effect = { kind: "reset" } as const;
      // EC2's, or the record's: that a store knows conditions is tried before.
      const path = "^/$|record\\.json$";
      await vpc.aws.rule({ node: `m${n}`, action, path, phase: "after", effect, times: 1 });
    },
    lag: vpc.store === "s3"
      ? null
      : (n, writes) => vpc.aws.ask("behind", { node: `m${n}`, writes }),
    close: () => Promise.resolve(),
  };
}
