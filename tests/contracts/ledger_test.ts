/** Both ledgers against the emulated AWS. */
import { ledgerContract, type LedgerWorld } from "./ledger.ts";
import { openLab, S3 } from "../support/aws_lab.ts";
import type { Config } from "../../src/state.ts";

function emulated(change: Partial<Config>): LedgerWorld {
  const { lab, close } = openLab();
  const losing = new Set<string>();
  const lags = new Map<string, number>();
  // The record's; that a store knows conditions is tried before.
  lab.wire.trouble = ({ node, write, action }) =>
    write && action !== "PutObject conditions" && losing.delete(node) ? { kind: "lost" } : null;
  // Time goes on by one with each write, so that reads can be old by so many writes.
  const started = Date.now();
  let writes = 0;
  lab.wire.onCall = ({ write }) => {
    if (write) writes += 1;
  };
  lab.aws.ec2.now = () => started + writes * 1000;
  lab.aws.ec2.lagMs = ({ node }) => (lags.get(node) ?? 0) * 1000;
  const nodes = new Map([1, 2, 3, 4, 5].map((n) => [n, lab.node(n, change)]));
  return {
    node(n): ReturnType<LedgerWorld["node"]> {
      const node = nodes.get(n);
      if (node === undefined) throw new Error(`no node ${n}`);
      return node.ledger;
    },
    loseAnswer: (n): void => void losing.add(`i-${n}`),
    lag: change.store?.kind === "s3" ? null : (n, count): void => void lags.set(`i-${n}`, count),
    close,
  };
}

ledgerContract("in a launch template", () => emulated({}));
ledgerContract("in S3", () => emulated({ store: S3 }));
