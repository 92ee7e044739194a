/**
 * What a ledger promises, as one suite for all of them: create if absent, compare and set, and that
 * neither lost answers nor old reads make a write count twice or a lost one count.
 *
 * A file that has a ledger to test calls `ledgerContract` with a way to open one.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { counts, viewOf } from "../../src/ledger/versions.ts";
import type { Answer, Memory } from "../../src/state.ts";
import type { FoundingRecord, LedgerView, Position, WriteResult } from "../../src/founding.ts";
import { record } from "../support/observations.ts";

/** One node's access to the ledger, as the edges give it. */
export type LedgerNode = Pick<Ledger, "read" | "write" | "trim">;

export interface LedgerWorld {
  node(n: number): LedgerNode;
  /** The next write of node n is performed, and its answer is lost. */
  loseAnswer(n: number): void | Promise<void>;
  /** How old the reads of node n are, from now on: the newest `writes` writes do not show. Null: can't be. */
  lag: ((n: number, writes: number) => void | Promise<void>) | null;
  close(): Promise<void>;
}

/** Gives a world whose ledger is empty. */
export type OpenLedger = () => LedgerWorld | Promise<LedgerWorld>;

export interface LedgerRule {
  promise: string;
  test: (open: OpenLedger) => Promise<void>;
}

export function ledgerContract(name: string, open: OpenLedger): void {
  for (const { promise, test } of ledgerRules) {
    Deno.test({
      name: `ledger ${name}: ${promise}`,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => test(open),
    });
  }
}

export const ledgerRules: LedgerRule[] = [];

function rule(promise: string, test: (world: LedgerWorld) => Promise<void>): void {
  ledgerRules.push({ promise, test: (open) => within(open, test) });
}

rule("an empty one reads as none", async (world) => {
  const view = await settled(world.node(1));
  assert.deepEqual([view.record, view.at], [null, { kind: "none" }]);
});

rule(
  "of two that create, one is done and both read it; the other lost, or looks again",
  async (world) => {
    const answers = await Promise.all(
      [1, 2].map((n) => world.node(n).write(named(`n-${n}`), { kind: "none" })),
    );
    const told = answers.map((answer) => answer.ok ? answer.value.kind : answer.fault.kind);
    assert.ok(
      told.includes("done") && (told.includes("lost") || told.includes("busy")),
      `${told}`,
    );
    const winner = told[0] === "done" ? "n-1" : "n-2";
    for (const n of [1, 2]) assert.equal((await settled(world.node(n))).record?.nonce, winner);
  },
);

rule("what was written is read as it was", async (world) => {
  const written = record({
    nonce: "n-1",
    members: [{ instance: null, address: "10.0.0.9", sinceMs: 5, leaving: true }],
    rotated: ["b".repeat(50)],
    replaced: ["c".repeat(50)],
    cluster: 'odd "name" <&> ✓',
  });
  await must(world.node(1).write(written, { kind: "none" }));
  assert.deepEqual((await settled(world.node(2))).record, written);
});

rule("of many that write on one position, exactly one counts", async (world) => {
  await must(world.node(1).write(named("n-0"), { kind: "none" }));
  const { at } = await settled(world.node(1));
  const nonces = [1, 2, 3, 4, 5].map((n) => `n-${n}`);
  const results = await Promise.all(
    nonces.map((nonce, i) => world.node(i + 1).write(named(nonce, "n-0"), at)),
  );
  const done = nonces.filter((_, i) => wasDone(results[i]));
  assert.ok(done.length <= 1, `${done} are done`);
  const { record: now } = await settled(world.node(1));
  if (done.length === 1) assert.equal(now?.nonce, done[0]);
  else assert.ok(now !== null && ["n-0", ...nonces].includes(now.nonce));
});

rule("a write on a position that is no longer the last does not count", async (world) => {
  await must(world.node(1).write(named("n-0"), { kind: "none" }));
  const { at } = await settled(world.node(1));
  assert.equal((await must(world.node(2).write(named("n-1", "n-0"), at))).kind, "done");
  assert.notEqual((await must(world.node(1).write(named("n-2", "n-0"), at))).kind, "done");
  assert.equal((await settled(world.node(3))).record?.nonce, "n-1");
});

rule("the next position is good to write on", async (world) => {
  await must(world.node(1).write(named("n-0"), { kind: "none" }));
  for (const [n, before] of [[1, 0], [2, 1], [3, 2]]) {
    const { at } = await settled(world.node(n ?? 0));
    const result = await must(world.node(n ?? 0).write(named(`n-${n}`, `n-${before}`), at));
    assert.equal(result.kind, "done");
  }
  assert.equal((await settled(world.node(4))).record?.nonce, "n-3");
});

for (const first of [true, false]) {
  const which = first ? "that creates" : "that follows";
  rule(
    `a write ${which} and whose answer was lost counts, and does not count twice`,
    async (world) => {
      if (!first) await must(world.node(1).write(named("n-0"), { kind: "none" }));
      const { at } = await settled(world.node(1));
      await world.loseAnswer(1);
      const mine = named("n-1", first ? "" : "n-0");
      assert.equal((await world.node(1).write(mine, at)).ok, false);
      await world.node(1).write(mine, at);
      const view = await settled(world.node(2));
      assert.equal(view.record?.nonce, "n-1");
      assert.equal(
        (await must(world.node(2).write(named("n-2", "n-1"), view.at))).kind,
        "done",
      );
    },
  );
}

rule(
  "what nobody needs can be deleted, twice, and the record is the same for all",
  async (world) => {
    await must(world.node(1).write(named("n-0"), { kind: "none" }));
    const late = await settled(world.node(3));
    if (late.at.kind !== "log") return;
    const nonces = ["n-0"];
    for (const n of [1, 2, 3, 4]) {
      const { at } = await settled(world.node(1));
      await must(world.node(1).write(named(`n-${n}`, `n-${n - 1}`), at));
      nonces.push(`n-${n}`);
    }
    const before = await settled(world.node(2));
    for (const by of [1, 2]) await must(world.node(by).trim(late.at.template, [2, 3]));
    const after = await settled(world.node(2));
    assert.deepEqual([after.record, after.at], [before.record, before.at]);
    const read = await must(world.node(2).read([2, 3, 4]));
    assert.ok(read.kind === "log");
    assert.deepEqual(read.entries.map(({ number }) => number), [1, 4, 5]);
    // Whoever sees the log as it once was reads what was true once, or nothing that it could go by.
    for (const writes of [1, 2, 3, 4, 5, 6]) {
      await world.lag?.(4, writes);
      const view = viewOf(await must(world.node(4).read([])), []);
      if (view.kind === "settled" && view.record !== null) {
        assert.ok(nonces.includes(view.record.nonce));
      }
    }
    const result = await must(world.node(3).write(named("late", "n-0"), late.at));
    assert.notEqual(result.kind, "done");
    assert.equal((await settled(world.node(2))).record?.nonce, "n-4");
    const next = await settled(world.node(1));
    assert.equal((await must(world.node(1).write(named("n-5", "n-4"), next.at))).kind, "done");
  },
);

rule("a run reads its own writes, however old its reads are", async (world) => {
  if (world.lag === null) return;
  const written: Memory["written"] = [];
  await world.lag(1, 2);
  const created = named("n-1");
  const done = await must(world.node(1).write(created, { kind: "none" }));
  assert.equal(done.kind, "done");
  if (done.kind !== "done" || done.at.kind !== "log") return;
  const { template, head } = done.at;
  written.push({ template, number: head, record: created, follows: 0 });
  const read = await must(world.node(1).read([]));
  assert.equal(settledOf(viewOf(read, [])).record, null, "the read is old");
  assert.equal(settledOf(viewOf(read, written)).record?.nonce, "n-1");
});

ledgerRules.push({
  promise: "in any order of reads and writes, the counting writes make one chain",
  test: async (open) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
        await within(open, (world) => play(world, steps));
      }),
      { numRuns: 12 },
    );
  },
});

type Step = { kind: "read" | "write" | "lose"; node: number; lag: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("read", "write", "write", "lose"),
  node: fc.integer({ min: 1, max: 3 }),
  lag: fc.constantFrom(0, 0, 1, 3),
});

/** Plays the steps, then checks that who was told "done" is in the chain, and who lost is not. */
async function play(world: LedgerWorld, steps: Step[]): Promise<void> {
  const views = new Map<number, { nonce: string; at: Position }>();
  const before = new Map<string, string>();
  const told = new Map<string, WriteResult["kind"]>();
  for (const [i, { kind, node, lag }] of steps.entries()) {
    await world.lag?.(node, lag);
    if (kind === "read") {
      const read = await must(world.node(node).read([]));
      const view = viewOf(read, []);
      if (view.kind === "settled") {
        views.set(node, { nonce: view.record?.nonce ?? "", at: view.at });
      }
      continue;
    }
    const view = views.get(node) ?? { nonce: "", at: { kind: "none" as const } };
    const nonce = `n-${i}`;
    before.set(nonce, view.nonce);
    if (kind === "lose") await world.loseAnswer(node);
    const result = await world.node(node).write(named(nonce, view.nonce), view.at);
    if (result.ok) told.set(nonce, result.value.kind);
  }
  for (const node of [1, 2, 3, 4]) await world.lag?.(node, 0);
  const read = await must(world.node(4).read([]));
  const chain = new Set<string>();
  let at = settledOf(viewOf(read, [])).record?.nonce;
  for (; at !== undefined && at !== ""; at = before.get(at)) chain.add(at);
  for (const [nonce, kind] of told) {
    if (kind === "done") assert.ok(chain.has(nonce), `${nonce} was done, and is not in the chain`);
    if (kind === "lost") assert.ok(!chain.has(nonce), `${nonce} has lost, and is in the chain`);
  }
  if (read.kind !== "log") return;
  for (const entry of read.entries) {
    const nonce = entry.record?.nonce ?? "";
    assert.equal(counts(read.entries, entry.number), chain.has(nonce), `version ${entry.number}`);
  }
}

/** A record that says which one it was written on. */
function named(nonce: string, on = ""): FoundingRecord {
  return record({ nonce, clusterId: `after ${on}` });
}

async function within(
  open: OpenLedger,
  test: (world: LedgerWorld) => Promise<void>,
): Promise<void> {
  const world = await open();
  try {
    await test(world);
  } finally {
    await world.close();
  }
}

async function settled(ledger: LedgerNode): Promise<LedgerView & { kind: "settled" }> {
  return settledOf(viewOf(await must(ledger.read([])), []));
}

function settledOf(view: LedgerView): LedgerView & { kind: "settled" } {
  assert.ok(view.kind === "settled", JSON.stringify(view));
  return view;
}

async function must<T>(answer: Promise<Answer<T>>): Promise<T> {
  const given = await answer;
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}

function wasDone(answer: Answer<WriteResult> | undefined): boolean {
  return answer?.ok === true && answer.value.kind === "done";
}
