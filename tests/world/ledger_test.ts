/** The world's ledgers keep the contract that the emulated AWS keeps. */
import { enact } from "./enact.ts";
import { truthBut } from "./check/view.ts";
import { createWorld, type World } from "./world.ts";
import { ledgerContract, type LedgerNode, type LedgerWorld } from "../contracts/ledger.ts";
import type { Call } from "../../src/calls.ts";
import type { Answer } from "../../src/state.ts";
import type { LedgerRead, WriteResult } from "../../src/founding.ts";

function inWorld(store: World["store"]): LedgerWorld {
  const world = createWorld(store, ["manager", "manager", "manager", "manager", "manager"]);
  const losing = new Set<number>();
  const lags = new Map<number, number>();

  function perform<T>(n: number, call: Call): Promise<Answer<T>> {
    const machine = world.machines[n - 1]!;
    const isLost = call.kind === "write" && losing.delete(n);
    const lag = lags.get(n) ?? 0;
    const choice = truthBut({
      trouble: () => isLost ? "lost-answer" : null,
      log: (versions) => versions.slice(0, Math.max(0, versions.length - lag)),
    });
    return Promise.resolve(enact(world, machine, call, choice) as Answer<T>);
  }

  return {
    node: (n): LedgerNode => ({
      read: (missing) => perform<LedgerRead>(n, { kind: "ledger", missing }),
      trim: (template, numbers) => perform<null>(n, { kind: "trim", template, numbers }),
      write: (record, at) => perform<WriteResult>(n, { kind: "write", as: "found", record, at }),
    }),
    loseAnswer: (n) => void losing.add(n),
    lag: store === "s3" ? null : (n, writes) => void lags.set(n, writes),
    close: () => Promise.resolve(),
  };
}

ledgerContract("in the world's template", () => inWorld("tags"));
ledgerContract("in the world's S3", () => inWorld("s3"));
