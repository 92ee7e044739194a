/** Both boards against the emulated AWS. */
import { boardContract, type BoardNode, type BoardWorld } from "./board.ts";
import { openLab, S3 } from "../support/aws_lab.ts";
import type { Config } from "../../src/state.ts";

function emulated(change: Partial<Config>): BoardWorld {
  const { lab, close } = openLab();
  const losing = new Set<string>();
  lab.wire.trouble = ({ node, write }) => write && losing.delete(node) ? { kind: "lost" } : null;
  const nodes = new Map([1, 2, 3].map((n): [number, BoardNode] => {
    lab.put(n);
    return [n, { ...lab.node(n, change).board, instance: `i-${n}` }];
  }));
  return {
    node: (n) => nodes.get(n)!,
    loseAnswer: (n) => void losing.add(`i-${n}`),
    close,
  };
}

boardContract("in tags", () => emulated({}));
boardContract("in S3", () => emulated({ store: S3 }));
