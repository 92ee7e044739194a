/** Marks of foundings, against the emulated S3: where they are, and what is made of those that are found. */
import assert from "node:assert/strict";
import type { SwarmName } from "../../../src/calls.ts";
import { labTest, S3, valueOf } from "../../support/aws_lab.ts";
import { fp } from "../../support/observations.ts";

const store = { store: S3 };

function name(letter: string): SwarmName {
  return { fingerprint: fp(letter), clusterId: `id${letter}` };
}

labTest("marks: where nothing was founded there are none; with tags none are kept", async (lab) => {
  assert.deepEqual(await valueOf(lab.node(1, store).marks!.read()), []);
  assert.equal(lab.node(1).marks, null);
});

labTest(
  "marks: a founding's stays, and says whose it is, how old, and whether it is over",
  async (lab) => {
    let nowMs = Date.UTC(2026, 0, 1);
    lab.aws.s3.now = () => nowMs;
    lab.aws.clockAheadMs = nowMs - Date.now();
    const { marks } = lab.node(1, store);
    await valueOf(marks!.write(name("a"), []));
    nowMs += 60_000;
    await valueOf(marks!.write(name("b"), [name("a"), name("b"), name("c")]));
    nowMs += 5_000;
    assert.deepEqual([...lab.objects().keys()].sort(), [
      `team/a/founded/default/${fp("a")}.ida`,
      `team/a/founded/default/${fp("a")}.ida.over`,
      `team/a/founded/default/${fp("b")}.idb`,
      `team/a/founded/default/${fp("c")}.idc.over`,
    ]);
    const read = await valueOf(lab.node(2, store).marks!.read());
    assert.deepEqual(read.toSorted((a, b) => a.fingerprint < b.fingerprint ? -1 : 1), [
      { cluster: "default", ...name("a"), over: true, ageMs: 65_000 },
      { cluster: "default", ...name("b"), over: false, ageMs: 5_000 },
      { cluster: "default", ...name("c"), over: true, ageMs: 5_000 },
    ]);
    // A CA that was rotated back: what is written later holds.
    nowMs += 60_000;
    await valueOf(marks!.write(name("a"), [name("b")]));
    const over = (await valueOf(marks!.read())).map((mark) => [mark.fingerprint, mark.over]);
    assert.deepEqual(Object.fromEntries(over), {
      [fp("a")]: false,
      [fp("b")]: true,
      [fp("c")]: true,
    });
  },
);

labTest(
  "marks: those of all clusters below the prefix are read, by the names that they have",
  async (lab) => {
    const names = ["blue", "..", "a/b", "ü %", "founded", "tokens"];
    for (const cluster of names) {
      await valueOf(lab.node(1, { ...store, cluster }).marks!.write(name("a"), []));
    }
    const other = { store: { ...S3, prefix: "team/b" } };
    await valueOf(lab.node(1, other).marks!.write(name("b"), []));
    const read = await valueOf(lab.node(2, store).marks!.read());
    assert.deepEqual(read.map(({ cluster }) => cluster).sort(), names.toSorted());
  },
);

labTest("marks: what else lies there is none, a cluster of that name too", async (lab) => {
  const { vault, shelf } = lab.node(1, { ...store, cluster: "founded" });
  const token = vault.keep(`SWMTKN-1-${fp("a")}-${"0".repeat(25)}`)!;
  await valueOf(shelf.publish(token, token));
  for (
    const key of [
      "record.json",
      "README",
      "blue/x",
      `blue/${fp("A")}.id`,
      `blue/${fp("a")}`,
      `a/b/${fp("a")}.id`,
      "%/x",
    ]
  ) {
    lab.putObject(`team/a/founded/${key}`, "");
  }
  assert.deepEqual(await valueOf(lab.node(1, store).marks!.read()), []);
  lab.putObject(`team/a/founded/100%/${fp("a")}.ida`, "");
  assert.deepEqual((await valueOf(lab.node(1, store).marks!.read())).map((one) => one.cluster), [
    "100%",
  ]);
});

labTest("marks: a list of many pages is read whole", async (lab) => {
  lab.aws.s3.pageSize = 2;
  const all = [..."abcde"];
  const one = lab.node(1, store);
  for (const letter of all) await valueOf(one.marks!.write(name(letter), []));
  const before = one.sent();
  const read = await valueOf(one.marks!.read());
  assert.deepEqual(read.map(({ fingerprint }) => fingerprint), all.map(fp));
  assert.equal(one.sent() - before, 3);
});
