/** The ledger in S3, against the emulated S3: where the record is, and what is none. */
import assert from "node:assert/strict";
import type { Config, Fault } from "../../../src/state.ts";
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
  "S3: a record that is truncated, of a later tool, or no record at all is not used",
  async (lab) => {
    const cases: [string, Fault["kind"], RegExp][] = [
      ['{"tool":"swarm-join","format":1,"fol', "malformed", /not JSON/],
      ['{"tool":"swarm-join","format":99}', "newer", /later version of swarm-join/],
      ["<html></html>", "malformed", /not JSON/],
      ["", "malformed", /not JSON/],
      ["x".repeat(10 * 1024 * 1024), "malformed", /longer than/],
    ];
    for (const [text, kind, says] of cases) {
      lab.putObject(RECORD_KEY, text);
      const fault = await faultOf(lab.node(1, store).ledger.read([]));
      assert.equal(fault.kind, kind, fault.message);
      assert.match(fault.message, says);
      assert.match(fault.message, /s3:\/\/swarm-records\/team\/a\/default\/record\.json/);
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
