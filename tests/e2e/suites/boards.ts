/** Both boards in moto keep the contract that they keep in the emulated AWS, under the policies that are shipped. */
import assert from "node:assert/strict";
import {
  type BoardNode,
  type BoardRule,
  boardRules,
  type BoardWorld,
} from "../../contracts/board.ts";
import type { ImdsInstance } from "../../emulators/imds.ts";
import { token } from "../../support/aws_lab.ts";
import type { Answer } from "../../../src/state.ts";
import { edgesOf } from "../edges.ts";
import type { Case } from "../suite.ts";
import type { Vpc } from "../vpc.ts";

export const boards: Case[] = boardRules.map(({ promise, test }: BoardRule): Case => ({
  name: `a board: ${promise}`,
  managers: 1,
  workers: 2,
  run: (vpc) => test(() => realBoard(vpc)),
}));

boards.push({
  name: "a worker's policy lets it say a word of its own, and write nothing else",
  managers: 1,
  workers: 2,
  async run(vpc): Promise<void> {
    const [w1, w2] = vpc.some("w1", "w2");
    assert.ok(w1 && w2);
    const as = (metadata: ImdsInstance) => edgesOf(vpc, metadata, "default");
    const word = { nodeId: "node1", leaves: true };
    assert.deepEqual(await as(w1.metadata).board.write(word), { ok: true, value: null });
    // With S3 a policy can't tell one worker's object from another's: a manager believes the node's label.
    if (vpc.store === "tags") {
      const other = as({ ...w1.metadata, instance: w2.instance });
      await isDenied(other.board.write(word));
      await isDenied(other.board.write(null));
    }
    const { shelf, vault } = as(w1.metadata);
    const mark = vault.keep(token("a", "b"));
    assert.ok(mark);
    await isDenied(shelf.publish(mark, mark));
  },
});

async function isDenied(answering: Promise<Answer<null>>): Promise<void> {
  const answer = await answering;
  assert.equal(answer.ok ? "done" : answer.fault.kind, "denied");
}

/** Its nodes 1 and 2 are workers, who say something; 3 is a manager, who reads. */
function realBoard(vpc: Vpc): BoardWorld {
  const all = vpc.some("w1", "w2", "m1");
  const nodes = all.map(({ metadata, instance }): BoardNode => ({
    ...edgesOf(vpc, metadata, "default").board,
    instance,
  }));
  return {
    node: (n) => nodes[n - 1]!,
    async loseAnswer(n): Promise<void> {
      const effect = { kind: "reset" } as const;
      const action = "CreateTags|DeleteTags|PutObject|DeleteObject";
      await vpc.aws.rule({ node: `w${n}`, action, phase: "after", effect, times: 1 });
    },
    close: () => Promise.resolve(),
  };
}
