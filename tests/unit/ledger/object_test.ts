/** The ledger in S3, against the emulated S3: where the record is, and what is none. */
import assert from "node:assert/strict";
import { encodeRecord } from "../../../src/ledger/record.ts";
import { viewOf } from "../../../src/ledger/versions.ts";
import type { Answer, Config } from "../../../src/state.ts";
import { faultOf, labTest, S3, valueOf } from "../../support/aws_lab.ts";
import { record } from "../../support/observations.ts";

const store = { store: S3 };
const RECORD_KEY = "team/a/default/record.json";

labTest("S3: the record is where the docs say, and holds no secret", async (lab) => {
  await valueOf(lab.node(1, store).ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.deepEqual([...lab.objects().keys()], ["team/a/default/conditions", RECORD_KEY]);
  assert.doesNotMatch(new TextDecoder().decode(lab.objects().get(RECORD_KEY)?.body), /SWMTKN/);
});

labTest("S3: a prefix is not needed", async (lab) => {
  const bare = { store: { ...S3, prefix: "" } } as Partial<Config>;
  await valueOf(lab.node(1, bare).ledger.write(record(), { kind: "none" }));
  assert.deepEqual([...lab.objects().keys()], ["default/conditions", "default/record.json"]);
});

labTest(
  "S3: a write whose answer was lost, and that is repeated, is done and not lost",
  async (lab) => {
    const one = lab.node(1, store);
    lab.wire.trouble = ({ action, nth }) =>
      action === "PutObject record.json" && nth === 1 ? { kind: "lost" } : null;
    assert.equal((await faultOf(one.ledger.write(record(), { kind: "none" }))).kind, "unreachable");
    assert.equal((await valueOf(one.ledger.write(record(), { kind: "none" }))).kind, "done");
  },
);

labTest("S3: a cluster whose name is no part of a path has a record of its own", async (lab) => {
  for (const cluster of ["..", ".", "a/b", "%2E"]) {
    const one = lab.node(1, { ...store, cluster });
    await valueOf(one.ledger.write(record({ cluster }), { kind: "none" }));
    const read = await valueOf(one.ledger.read([]));
    assert.ok(read.kind === "object" && read.record?.cluster === cluster);
  }
  assert.deepEqual([...lab.objects().keys()].filter((key) => key.endsWith(".json")), [
    "team/a/%2E%2E/record.json",
    "team/a/%2E/record.json",
    "team/a/a%2Fb/record.json",
    "team/a/%252E/record.json",
  ]);
});

for (const ignores of ["If-None-Match", "If-Match"] as const) {
  labTest(
    `S3: a store that ignores ${ignores} is refused before anything is founded`,
    async (lab) => {
      lab.aws.s3.ignores = ignores;
      const one = lab.node(1, store);
      const write = (): Promise<Answer<unknown>> => one.ledger.write(record(), { kind: "none" });
      for (const ask of [() => one.ledger.tryConditions(), write]) {
        const fault = await faultOf(ask());
        assert.equal(fault.kind, "unusable");
        assert.match(
          fault.message,
          new RegExp(`^Cannot use s3://swarm-records/team/a/default as the `),
        );
        assert.match(fault.message, new RegExp(`http://127.*ignores the condition ${ignores}\\b`));
      }
      assert.ok(!lab.objects().has(RECORD_KEY));
      // Whoever comes later finds it out as well.
      assert.equal((await faultOf(lab.node(2, store).ledger.tryConditions())).kind, "unusable");
    },
  );
}

labTest(
  "S3: conditions are tried once a run, and again only after a fault that says nothing",
  async (lab) => {
    const one = lab.node(1, store);
    lab.wire.trouble = ({ node, sequence }) =>
      node === "i-1" && sequence === 1 ? { kind: "throttled" } : null;
    assert.equal((await faultOf(one.ledger.tryConditions())).kind, "throttled");
    await valueOf(one.ledger.tryConditions());
    const { sent } = one;
    assert.equal(sent(), 4);
    await valueOf(one.ledger.tryConditions());
    await valueOf(one.ledger.write(record(), { kind: "none" }));
    assert.equal(sent(), 5);
    // The object is there from before: one request less.
    const two = lab.node(2, store);
    await valueOf(two.ledger.tryConditions());
    assert.equal(two.sent(), 2);
  },
);

labTest(
  "S3: who is in another's way while trying conditions has found out nothing, and tries again",
  async (lab) => {
    const nodes = [1, 2, 3, 4, 5].map((n) => lab.node(n, store));
    const all = await Promise.all(nodes.map(({ ledger }) => ledger.tryConditions()));
    const told = all.map((one) => one.ok ? "ok" : one.fault.kind);
    assert.ok(told.includes("busy"), `${told}`);
    for (const { ledger } of nodes) await valueOf(ledger.tryConditions());
  },
);

labTest("S3: a write on a record that was deleted since has lost", async (lab) => {
  const one = lab.node(1, store);
  const at = { kind: "object" as const, etag: '"0123"' };
  assert.equal((await valueOf(one.ledger.write(record(), at))).kind, "lost");
});

labTest(
  "S3: an object that is truncated, of a later tool, or no record at all is there, and can't be read",
  async (lab) => {
    const good = encodeRecord(record(), 0);
    const cases: [string | Uint8Array, RegExp][] = [
      ['{"tool":"swarm-join","format":1,"fol', /not JSON/],
      ['{"tool":"swarm-join","format":99}', /a later version of swarm-join .*99.*: install/],
      ["<!DOCTYPE html><html></html>", /not JSON/],
      ["", /not JSON/],
      [new Uint8Array([0xff, 0xfe]), /no text/],
      // However long it is: what is read of it is never taken for the whole.
      [good + " ".repeat(10 * 1024 * 1024), /characters, more than/],
    ];
    for (const [body, says] of cases) {
      lab.putObject(RECORD_KEY, body);
      const view = viewOf(await valueOf(lab.node(1, store).ledger.read([])), []);
      assert.ok(view.kind === "unreadable", JSON.stringify(view));
      assert.match(view.why, says);
      assert.match(view.why, /^s3:\/\/swarm-records\/team\/a\/default\/record\.json: /);
      // And no write takes its place.
      const write = lab.node(1, store).ledger.write(record(), { kind: "none" });
      assert.deepEqual(await valueOf(write), { kind: "lost" });
    }
  },
);

labTest("S3: what a manager may write can't be asked, and a worker writes nothing", async (lab) => {
  const { ledger, sent } = lab.node(1, store);
  const asked = await ledger.permissions("manager");
  assert.deepEqual(asked, [{ action: "s3:PutObject", verdict: "unknown", verb: "join" }]);
  assert.deepEqual(await ledger.permissions("worker"), []);
  assert.equal(sent(), 0);
});
