/**
 * What a shelf promises, as one suite for all of them: tokens that one node publishes are those that
 * another reads, until other ones are published or, where they are kept by instance, are retracted.
 *
 * A file that has a shelf to test calls `shelfContract` with a way to open one.
 */
import assert from "node:assert/strict";
import type { Answer, Role, TokenMark } from "../../src/state.ts";
import type { Shown } from "../../src/shown.ts";
import type { Shelf } from "../../src/tokens/shelf.ts";

/** One node's access to the shelf, as the edges give it. */
export interface ShelfNode extends Pick<Shelf, "read" | "publish" | "retract"> {
  /** A token as this node's Engine would give it; `swarm` and `secret`: a letter or digit each. */
  mark(swarm: string, secret: string): TokenMark;
}

export interface ShelfWorld {
  node(n: number): ShelfNode;
  tokensBy: "instance" | "swarm";
  /** The next write of node n is performed, and its answer is lost. */
  loseAnswer(n: number): void | Promise<void>;
  close(): Promise<void>;
}

/** Gives a world whose shelf is empty. */
export type OpenShelf = () => ShelfWorld | Promise<ShelfWorld>;

export interface ShelfRule {
  promise: string;
  test: (open: OpenShelf) => Promise<void>;
}

export function shelfContract(name: string, open: OpenShelf): void {
  for (const { promise, test } of shelfRules) {
    Deno.test({
      name: `shelf ${name}: ${promise}`,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => test(open),
    });
  }
}

export const shelfRules: ShelfRule[] = [];

function rule(promise: string, test: (world: ShelfWorld) => Promise<void>): void {
  shelfRules.push({
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

const BOTH: Role[] = ["manager", "worker"];

rule("an empty one shows no token", async (world) => {
  const one = world.node(1);
  assert.deepEqual(await tokens(one, one.mark("a", "1"), BOTH), []);
});

rule("who looks reads the tokens that another has published", async (world) => {
  const [manager, worker] = await publish(world.node(1), "a", "1", "2");
  assert.deepEqual(await tokens(world.node(2), manager, BOTH), [manager, worker]);
});

rule("whatever a node may read, the token of its own role is in it", async (world) => {
  const [manager, worker] = await publish(world.node(1), "a", "1", "2");
  const seen = await Promise.all(BOTH.map((role) => tokens(world.node(2), manager, [role])));
  assert.ok(has(seen[0], manager) && has(seen[1], worker), JSON.stringify(seen));
});

rule("tokens that are published anew take the place of the old ones", async (world) => {
  await publish(world.node(1), "a", "1", "2");
  const [manager, worker] = await publish(world.node(1), "a", "3", "4");
  assert.deepEqual(await tokens(world.node(2), manager, BOTH), [manager, worker]);
});

rule("the tokens of two swarms are told apart", async (world) => {
  const [ofA] = await publish(world.node(1), "a", "1", "2");
  const [ofB, workerOfB] = await publish(world.node(2), "b", "3", "4");
  const seen = await tokens(world.node(3), ofB, BOTH);
  const its = seen.filter(({ fingerprint }) => fingerprint === ofB.fingerprint);
  assert.deepEqual(its, [ofB, workerOfB]);
  assert.ok(has(await tokens(world.node(3), ofA, BOTH), ofA));
});

rule("a publication whose answer was lost is there, and may be repeated", async (world) => {
  const one = world.node(1);
  const pair = [one.mark("a", "1"), one.mark("a", "2")] as const;
  await world.loseAnswer(1);
  assert.equal((await one.publish(...pair)).ok, false);
  await must(one.publish(...pair));
  assert.deepEqual(await tokens(world.node(2), pair[0], BOTH), [...pair]);
});

rule(
  "who retracts takes its own tokens away, and not those that its swarm keeps",
  async (world) => {
    const [manager, worker] = await publish(world.node(1), "a", "1", "2");
    await must(world.node(2).retract());
    assert.deepEqual(await tokens(world.node(2), manager, BOTH), [manager, worker]);
    await must(world.node(1).retract());
    const left = world.tokensBy === "instance" ? [] : [manager, worker];
    assert.deepEqual(await tokens(world.node(2), manager, BOTH), left);
  },
);

async function publish(
  node: ShelfNode,
  swarm: string,
  ...[manager, worker]: [string, string]
): Promise<[TokenMark, TokenMark]> {
  const pair: [TokenMark, TokenMark] = [node.mark(swarm, manager), node.mark(swarm, worker)];
  await must(node.publish(...pair));
  return pair;
}

/** All tokens that this node is shown, when it asks for those of a swarm. */
async function tokens(
  node: ShelfNode,
  { fingerprint }: TokenMark,
  want: Role[],
): Promise<TokenMark[]> {
  const shown: Shown[] = await must(node.read(fingerprint, want));
  return shown.flatMap(({ manager, worker, malformed }) => {
    assert.deepEqual(malformed, []);
    return [manager, worker].filter((mark) => mark !== null);
  });
}

function has(seen: TokenMark[] | undefined, { digest }: TokenMark): boolean {
  return seen?.some((mark) => mark.digest === digest) ?? false;
}

async function must<T>(answer: Promise<Answer<T>>): Promise<T> {
  const given = await answer;
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}
