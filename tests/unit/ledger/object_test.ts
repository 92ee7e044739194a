/** The ledger in S3, against the emulated S3: where the record is, and what is none. */
import assert from "node:assert/strict";
import { encodeRecord } from "../../../src/ledger/record.ts";
import { viewOf } from "../../../src/ledger/versions.ts";
import type { Config } from "../../../src/state.ts";
import { faultOf, labTest, S3, valueOf } from "../../support/aws_lab.ts";
import { record } from "../../support/observations.ts";

const store = { store: S3 };
const RECORD_KEY = "team/a/default/record.json";

labTest("S3: the record is where the docs say, and holds no secret", async (lab) => {
  await valueOf(lab.node(1, store).ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.deepEqual([...lab.objects().keys()], [RECORD_KEY]);
  assert.doesNotMatch(new TextDecoder().decode(lab.objects().get(RECORD_KEY)?.body), /SWMTKN/);
});

labTest("S3: a prefix is not needed", async (lab) => {
  const bare = { store: { ...S3, prefix: "" } } as Partial<Config>;
  await valueOf(lab.node(1, bare).ledger.write(record(), { kind: "none" }));
  assert.deepEqual([...lab.objects().keys()], ["default/record.json"]);
});

labTest(
  "S3: a write whose answer was lost, and that is repeated, is done and not lost",
  async (lab) => {
    const one = lab.node(1, store);
    lab.wire.trouble = ({ write, nth }) => write && nth === 1 ? { kind: "lost" } : null;
    assert.equal((await faultOf(one.ledger.write(record(), { kind: "none" }))).kind, "unreachable");
    assert.equal((await valueOf(one.ledger.write(record(), { kind: "none" }))).kind, "done");
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
  assert.deepEqual(asked, [{ action: "s3:PutObject", verdict: "unknown" }]);
  assert.deepEqual(await ledger.permissions("worker"), []);
  assert.equal(sent(), 0);
});
