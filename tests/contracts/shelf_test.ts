/** Both shelves against the emulated AWS. */
import { shelfContract, type ShelfNode, type ShelfWorld } from "./shelf.ts";
import { openLab, S3, token } from "../support/aws_lab.ts";
import type { Config } from "../../src/state.ts";

function emulated(tokensBy: ShelfWorld["tokensBy"], change: Partial<Config>): ShelfWorld {
  const { lab, close } = openLab();
  const losing = new Set<string>();
  lab.wire.trouble = ({ node, write }) => write && losing.delete(node) ? { kind: "lost" } : null;
  const nodes = new Map([1, 2, 3].map((n): [number, ShelfNode] => {
    lab.put(n);
    const { shelf, vault } = lab.node(n, change);
    return [n, { ...shelf, mark: (swarm, secret) => vault.keep(token(swarm, secret))! }];
  }));
  return {
    node: (n) => nodes.get(n)!,
    tokensBy,
    loseAnswer: (n) => void losing.add(`i-${n}`),
    close,
  };
}

shelfContract("in tags", () => emulated("instance", {}));
shelfContract("in S3", () => emulated("swarm", { store: S3 }));
