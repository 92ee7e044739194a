/** The shelf in S3, against the emulated S3: where each token is, and who reads which. */
import assert from "node:assert/strict";
import { BUCKET, labTest, S3, token, valueOf } from "../../support/aws_lab.ts";
import { fp } from "../../support/observations.ts";

const store = { store: S3 };
const FOLDER = `team/a/default/tokens/${fp("a")}`;

labTest("S3: each token is where the docs say", async (lab) => {
  const one = lab.node(1, store);
  const manager = one.vault.keep(token("a", "1"))!;
  const worker = one.vault.keep(token("a", "2"))!;
  await valueOf(one.shelf.publish(manager, worker));
  assert.deepEqual([...lab.objects().keys()].sort(), [`${FOLDER}/manager`, `${FOLDER}/worker`]);
  const two = lab.node(2, store);
  const shown = await valueOf(two.shelf.read(fp("a"), ["manager", "worker"]));
  assert.deepEqual(shown, [{
    by: `s3://${BUCKET}/${FOLDER}`,
    state: "running",
    addresses: [],
    cluster: null,
    manager,
    worker,
    malformed: [],
  }]);
  assert.equal(two.vault.take(worker)?.reveal(), token("a", "2"));
});

labTest("S3: a worker reads its own token only", async (lab) => {
  const one = lab.node(1, store);
  const mark = one.vault.keep(token("a"))!;
  await valueOf(one.shelf.publish(mark, mark));
  const two = lab.node(2, store);
  const shown = await valueOf(two.shelf.read(fp("a"), ["worker"]));
  assert.deepEqual([shown[0]?.manager, shown[0]?.worker], [null, mark]);
  assert.equal(two.sent(), 1);
  assert.deepEqual(lab.wire.calls.slice(-1).map(({ action }) => action), ["GetObject worker"]);
});

labTest("S3: no tokens are nothing shown, and odd ones are named", async (lab) => {
  const one = lab.node(1, store);
  assert.deepEqual(await valueOf(one.shelf.read(fp("a"), ["manager", "worker"])), []);
  lab.putObject(`${FOLDER}/manager`, "");
  lab.putObject(`${FOLDER}/worker`, token("b"));
  const [shown] = await valueOf(one.shelf.read(fp("a"), ["manager", "worker"]));
  const folder = `s3://${BUCKET}/team/a/default/tokens/${fp("a")}`;
  assert.deepEqual([shown?.manager, shown?.worker, shown?.malformed], [null, null, [
    `${folder}/manager`,
    `${folder}/worker`,
  ]]);
});

labTest(
  "S3: nothing is retracted, and no writes are named that the ledger has not",
  async (lab) => {
    const { shelf, sent } = lab.node(1, store);
    assert.deepEqual(await shelf.retract(), { ok: true, value: null });
    assert.deepEqual(await shelf.permissions("manager"), []);
    assert.equal(sent(), 0);
  },
);
