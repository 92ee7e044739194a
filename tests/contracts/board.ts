/**
 * What a board promises, as one suite for all of them: what a worker has said last is what managers read,
 * until it takes that back.
 *
 * A file that has a board to test calls `boardContract` with a way to open one.
 */
import assert from "node:assert/strict";
import type { Answer, Word } from "../../src/state.ts";
import type { Board } from "../../src/tokens/board.ts";

/** One node's access to the board, as the edges give it. */
export interface BoardNode extends Pick<Board, "read" | "write"> {
  instance: string;
}

export interface BoardWorld {
  node(n: number): BoardNode;
  /** The next write of node n is performed, and its answer is lost. */
  loseAnswer(n: number): void | Promise<void>;
  close(): Promise<void>;
}

/** Gives a world whose board is empty. */
export type OpenBoard = () => BoardWorld | Promise<BoardWorld>;

export interface BoardRule {
  promise: string;
  test: (open: OpenBoard) => Promise<void>;
}

export function boardContract(name: string, open: OpenBoard): void {
  for (const { promise, test } of boardRules) {
    Deno.test({
      name: `board ${name}: ${promise}`,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => test(open),
    });
  }
}

export const boardRules: BoardRule[] = [];

function rule(promise: string, test: (world: BoardWorld) => Promise<void>): void {
  boardRules.push({
    promise,
    test: async (open) => {
      const world = await open();
      try {
        await test(world);
      } finally {
        await world.close();
      }
    },
  });
}

const leaving = (nodeId: string): Word => ({ nodeId, leaves: true });
const staying = (nodeId: string): Word => ({ nodeId, leaves: false });

rule("where nobody has said anything, nothing is read", async (world) => {
  assert.deepEqual(await all(world, 1), []);
  assert.deepEqual(await of(world, 1, 1), []);
});

rule("all words are read by whoever asks, each with who has said it", async (world) => {
  await say(world, 1, leaving("node1"));
  await say(world, 2, staying("node2"));
  const [one, two] = [world.node(1).instance, world.node(2).instance];
  assert.deepEqual(
    await all(world, 3),
    [
      { ...leaving("node1"), instance: one },
      { ...staying("node2"), instance: two },
    ].sort(byInstance),
  );
});

rule("of one instance its own word alone is read", async (world) => {
  await say(world, 1, leaving("node1"));
  await say(world, 2, leaving("node2"));
  assert.deepEqual(await of(world, 1, 1), [
    { ...leaving("node1"), instance: world.node(1).instance },
  ]);
  assert.deepEqual(await of(world, 3, 3), []);
});

rule("what is said last counts: of another node, or the opposite", async (world) => {
  for (const word of [leaving("node1"), staying("node1"), leaving("node9"), leaving("node9")]) {
    await say(world, 1, word);
    assert.deepEqual(await of(world, 1, 1), [{ ...word, instance: world.node(1).instance }]);
  }
});

rule("who takes its word back leaves those of others, and may do so twice", async (world) => {
  await say(world, 1, leaving("node1"));
  await say(world, 2, leaving("node2"));
  for (let times = 0; times < 2; times++) {
    await say(world, 1, null);
    assert.deepEqual(await all(world, 3), [
      { ...leaving("node2"), instance: world.node(2).instance },
    ]);
  }
});

rule("a word whose answer was lost is said, and may be said again", async (world) => {
  await world.loseAnswer(1);
  assert.equal((await world.node(1).write(leaving("node1"))).ok, false);
  const said = [{ ...leaving("node1"), instance: world.node(1).instance }];
  assert.deepEqual(await all(world, 2), said);
  await say(world, 1, leaving("node1"));
  assert.deepEqual(await all(world, 2), said);
});

rule("a word that is taken back is so, also where the answer was lost", async (world) => {
  await say(world, 1, leaving("node1"));
  await world.loseAnswer(1);
  assert.equal((await world.node(1).write(null)).ok, false);
  assert.deepEqual(await all(world, 2), []);
});

type Said = Word & { instance: string };

async function say(world: BoardWorld, n: number, word: Word | null): Promise<void> {
  await must(world.node(n).write(word));
}

async function all(world: BoardWorld, n: number): Promise<Said[]> {
  return (await must(world.node(n).read(null))).sort(byInstance);
}

/** What node `reader` reads of node n. */
async function of(world: BoardWorld, reader: number, n: number): Promise<Said[]> {
  return await must(world.node(reader).read(world.node(n).instance));
}

function byInstance(a: Said, b: Said): number {
  return a.instance < b.instance ? -1 : 1;
}

async function must<T>(answer: Promise<Answer<T>>): Promise<T> {
  const given = await answer;
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}
