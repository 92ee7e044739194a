/** Both ledgers in moto keep the contract that they keep in the emulated AWS. */
import type { ImdsInstance } from "../../emulators/imds.ts";
import { type LedgerRule, ledgerRules, type LedgerWorld } from "../../contracts/ledger.ts";
import { config, identity } from "../../support/observations.ts";
import { staticCredentials } from "../../support/aws_lab.ts";
import type { Case } from "../suite.ts";
import type { Vpc } from "../vpc.ts";
import { createAws, DEADLINE_MS } from "../../../src/node/stores.ts";
import type { Store as Ledger } from "../../../src/ledger/ledger.ts";
import { Vault } from "../../../src/tokens/vault.ts";

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
  const nodes = vpc.all.map((node) => ledgerOf(vpc, node.metadata, cluster));
  const action = "CreateLaunchTemplate|CreateLaunchTemplateVersion|PutObject";
  return {
    node(n): Ledger {
      const node = nodes[n - 1];
      if (node === undefined) throw new Error(`no node ${n}`);
      return node;
    },
    async loseAnswer(n): Promise<void> {
      const effect = { kind: "reset" } as const;
      await vpc.aws.rule({ node: `m${n}`, action, phase: "after", effect, times: 1 });
    },
    lag: vpc.store === "s3"
      ? null
      : (n, writes) => vpc.aws.ask("behind", { node: `m${n}`, writes }),
    close: () => Promise.resolve(),
  };
}

function ledgerOf(vpc: Vpc, { instance, address, role }: ImdsInstance, cluster: string): Ledger {
  if (role === null) throw new Error(`${instance} has no role`);
  const { endpoint } = vpc.aws;
  return createAws({
    config: {
      ...config,
      cluster,
      ...(vpc.store === "s3"
        ? { store: { kind: "s3", bucket: "swarms", prefix: "prod", kmsKey: null } }
        : {}),
    },
    identity: { ...identity(), instance, address, addresses: [address], vpc: vpc.aws.vpc },
    vault: new Vault(),
    credentials: staticCredentials(role.credentials),
    endpoints: { ec2: endpoint, s3: endpoint },
    onCall: () => {},
    deadlineMs: DEADLINE_MS,
  }).store;
}
