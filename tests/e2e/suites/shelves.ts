/** Both shelves in moto keep the contract that they keep in the emulated AWS. */
import {
  type ShelfNode,
  type ShelfRule,
  shelfRules,
  type ShelfWorld,
} from "../../contracts/shelf.ts";
import { token } from "../../support/aws_lab.ts";
import { edgesOf } from "../edges.ts";
import type { Case } from "../suite.ts";
import type { Vpc } from "../vpc.ts";

export const shelves: Case[] = shelfRules.map(({ promise, test }: ShelfRule): Case => ({
  name: `a shelf: ${promise}`,
  managers: 3,
  workers: 0,
  run: (vpc) => test(() => realShelf(vpc)),
}));

function realShelf(vpc: Vpc): ShelfWorld {
  const nodes = vpc.all.map(({ metadata }): ShelfNode => {
    const { shelf, vault } = edgesOf(vpc, metadata, "default");
    return { ...shelf, mark: (swarm, secret) => vault.keep(token(swarm, secret))! };
  });
  return {
    node: (n) => nodes[n - 1]!,
    tokensBy: vpc.store === "s3" ? "swarm" : "instance",
    async loseAnswer(n): Promise<void> {
      const effect = { kind: "reset" } as const;
      const action = "CreateTags|PutObject";
      await vpc.aws.rule({ node: `m${n}`, action, phase: "after", effect, times: 1 });
    },
    close: () => Promise.resolve(),
  };
}
