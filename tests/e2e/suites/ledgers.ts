/** Both ledgers in moto keep the contract that they keep in the emulated AWS. */
import {
  type LedgerNode,
  type LedgerRule,
  ledgerRules,
  type LedgerWorld,
} from "../../contracts/ledger.ts";
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
