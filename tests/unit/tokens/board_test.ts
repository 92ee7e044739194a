/** Both boards against the emulated AWS: where a word lies, whose is read, and what is none. */
import assert from "node:assert/strict";
import { faultOf, labTest, S3, valueOf } from "../../support/aws_lab.ts";

const store = { store: S3 };
const FOLDER = "team/a/default/leaving";
const leaving = { nodeId: "node1", leaves: true };

labTest("board: in tags a word stands on the own instance, beside its other tags", async (lab) => {
  for (const n of [1, 2]) lab.put(n);
  const { board } = lab.node(1);
  const said = (): string | undefined => lab.aws.ec2.get("i-1")?.tags.get("SwarmLeaving");
  await valueOf(board.write(leaving));
  assert.equal(said(), "leaving node1");
  await valueOf(board.write({ nodeId: "node1", leaves: false }));
  assert.equal(said(), "staying node1");
  await valueOf(board.write(null));
  for (const n of [1, 2]) {
    assert.deepEqual([...lab.aws.ec2.get(`i-${n}`)!.tags.keys()], ["Role"]);
  }
});

labTest("board: in tags all words are one call, of this VPC's living instances", async (lab) => {
  const says = (word: string): { tags: Map<string, string> } => ({
    tags: new Map([["Role", "worker"], ["SwarmLeaving", word]]),
  });
  lab.put(1, says("leaving node1"));
  lab.put(2, { ...says("staying node2"), state: "stopping" });
  lab.put(3, { ...says("leaving node3"), vpc: "vpc-2" });
  lab.put(4, { ...says("leaving node4"), state: "terminated" });
  lab.put(5);
  const { board, sent } = lab.node(9);
  assert.deepEqual(await valueOf(board.read(null)), [
    { instance: "i-1", nodeId: "node1", leaves: true },
    { instance: "i-2", nodeId: "node2", leaves: false },
  ]);
  assert.equal(sent(), 1);
});

labTest("board: in tags with a cluster's tag, only that cluster's words are read", async (lab) => {
  const says = (cluster: string): { tags: Map<string, string> } => ({
    tags: new Map([["Cluster", cluster], ["SwarmLeaving", "leaving node1"]]),
  });
  lab.put(1, says("blue*"));
  lab.put(2, says("blue-2"));
  const { board } = lab.node(1, { cluster: "blue*", clusterTag: "Cluster" });
  assert.deepEqual((await valueOf(board.read(null))).map(({ instance }) => instance), ["i-1"]);
});

for (
  const text of ["", "leaving", "leaving ", "Leaving node1", "leaving node1 now", " leaving node1"]
) {
  labTest(`board: a tag that says "${text}" says nothing`, async (lab) => {
    lab.put(1, { tags: new Map([["SwarmLeaving", text]]) });
    lab.put(2, { tags: new Map([["SwarmLeaving", "leaving node2"]]) });
    const { board } = lab.node(1);
    assert.deepEqual(await valueOf(board.read("i-1")), []);
    assert.deepEqual((await valueOf(board.read(null))).map(({ nodeId }) => nodeId), ["node2"]);
  });
}

labTest("board: in S3 a word is an object of its own instance's", async (lab) => {
  const { board } = lab.node(1, store);
  await valueOf(board.write(leaving));
  const [[key, { body, headers }] = ["", { body: new Uint8Array(), headers: {} }]] = [
    ...lab.objects(),
  ];
  assert.equal(key, `${FOLDER}/i-1`);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), {
    tool: "swarm-join",
    cluster: "default",
    instance: "i-1",
    nodeId: "node1",
    leaves: true,
  });
  assert.deepEqual(headers, { "content-type": "application/json" });
  await valueOf(board.write(null));
  assert.equal(lab.objects().size, 0);
});

labTest("board: in S3 clusters of one prefix have boards of their own", async (lab) => {
  await valueOf(lab.node(1, { ...store, cluster: "blue" }).board.write(leaving));
  assert.deepEqual(await valueOf(lab.node(2, store).board.read(null)), []);
  assert.deepEqual(await valueOf(lab.node(2, store).board.read("i-1")), []);
});

for (
  const text of [
    "",
    "leaving node1",
    "null",
    "[]",
    '{"leaves":true}',
    '{"nodeId":"node1"}',
    '{"nodeId":"","leaves":true}',
    '{"nodeId":5,"leaves":true}',
    '{"nodeId":"node1","leaves":"true"}',
    "\xff",
  ]
) {
  labTest(`board: an object that holds ${JSON.stringify(text)} says nothing`, async (lab) => {
    const { board } = lab.node(1, store);
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    lab.putObject(`${FOLDER}/i-1`, bytes);
    await valueOf(lab.node(2, store).board.write({ nodeId: "node2", leaves: true }));
    assert.deepEqual(await valueOf(board.read("i-1")), []);
    assert.deepEqual((await valueOf(board.read(null))).map(({ nodeId }) => nodeId), ["node2"]);
  });
}

labTest("board: in S3 what is no instance's is not read, nor more than the newest", async (lab) => {
  const { board } = lab.node(1, store);
  const word = (n: number): string => JSON.stringify({ nodeId: `node${n}`, leaves: true });
  for (const key of ["", "i-1/x", "README", "i-1.bak"]) lab.putObject(`${FOLDER}/${key}`, word(0));
  const startMs = Date.now() - 1_000_000;
  for (let n = 1; n <= 203; n++) {
    lab.aws.s3.now = () => startMs + n * 1_000;
    lab.putObject(`${FOLDER}/i-${n}`, word(n));
  }
  lab.aws.s3.now = Date.now;
  const read = await valueOf(board.read(null));
  assert.equal(read.length, 200);
  assert.ok(!read.some(({ instance }) => ["i-1", "i-2", "i-3"].includes(instance)));
  assert.deepEqual(read[0], { instance: "i-203", nodeId: "node203", leaves: true });
});

labTest("board: in S3 a word that is taken back while all are read is none", async (lab) => {
  for (const n of [1, 2]) await valueOf(lab.node(n, store).board.write(leaving));
  lab.wire.onCall = ({ action }) => {
    if (action === "GetObject i-1") lab.objects().delete(`${FOLDER}/i-1`);
  };
  const read = await valueOf(lab.node(3, store).board.read(null));
  assert.deepEqual(read.map(({ instance }) => instance), ["i-2"]);
});

for (const action of ["ListObjects", "GetObject i-1"]) {
  labTest(`board: in S3 a ${action} that fails is no board without words`, async (lab) => {
    for (const n of [1, 2]) await valueOf(lab.node(n, store).board.write(leaving));
    lab.wire.trouble = (call) => call.action === action ? { kind: "denied" } : null;
    assert.equal((await faultOf(lab.node(3, store).board.read(null))).kind, "denied");
  });
}

for (const change of [{}, store]) {
  const name = "store" in change ? "S3" : "tags";
  labTest(`board: in ${name} what is denied names the permission`, async (lab) => {
    lab.put(1);
    lab.wire.trouble = ({ write }) => write ? { kind: "denied" } : null;
    const { board } = lab.node(1, change);
    const said = await faultOf(board.write(leaving));
    const back = await faultOf(board.write(null));
    assert.deepEqual(
      [said.permission, back.permission],
      name === "S3" ? ["s3:PutObject", "s3:DeleteObject"] : ["ec2:CreateTags", "ec2:DeleteTags"],
    );
  });
}

labTest(
  "board: in tags its writes are asked for without being done, in S3 nobody can ask",
  async (lab) => {
    lab.put(1);
    lab.wire.trouble = ({ action }) => action.startsWith("CreateTags") ? { kind: "denied" } : null;
    const before = JSON.stringify(lab.aws.ec2.snapshot());
    assert.deepEqual(await lab.node(1).board.permissions("worker"), [
      { action: "ec2:CreateTags", verdict: "denied" },
      { action: "ec2:DeleteTags", verdict: "allowed" },
    ]);
    assert.equal(JSON.stringify(lab.aws.ec2.snapshot()), before);
    const asked = lab.wire.calls.length;
    assert.deepEqual(await lab.node(1, store).board.permissions("worker"), [
      { action: "s3:PutObject", verdict: "unknown" },
      { action: "s3:DeleteObject", verdict: "unknown" },
    ]);
    for (const change of [{}, store]) {
      assert.deepEqual(await lab.node(1, change).board.permissions("manager"), []);
    }
    assert.equal(lab.wire.calls.length, asked);
  },
);
