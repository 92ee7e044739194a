/** The S3 store, against the emulated S3 and against servers that misbehave. */
import assert from "node:assert/strict";
import type { Config, Fault } from "../../../src/state.ts";
import { fp, record } from "../../support/observations.ts";
import { type AwsLab, BUCKET, type LabNode, labTest, S3, token } from "../../support/aws_lab.ts";
import type { Trouble } from "../../emulators/wire.ts";
import { type Reply } from "../../emulators/http.ts";
import { answer, raw, serveRaw } from "../../support/raw_server.ts";

const store = { store: S3 };
const RECORD_KEY = "team/a/default/record.json";

labTest("S3: the record and the tokens are where the docs say", async (lab) => {
  const one = lab.node(1, store);
  await valueOf(one.store.write(record({ nonce: "n-1" }), { kind: "none" }));
  const manager = one.vault.keep(token("a", "1"))!;
  const worker = one.vault.keep(token("a", "2"))!;
  await valueOf(one.store.publish(manager, worker));
  assert.deepEqual([...objects(lab).keys()].sort(), [
    RECORD_KEY,
    `team/a/default/tokens/${fp("a")}/manager`,
    `team/a/default/tokens/${fp("a")}/worker`,
  ]);
  assert.doesNotMatch(textAt(lab, RECORD_KEY), /SWMTKN/);
  const two = lab.node(2, store);
  const shown = await valueOf(two.store.tokens(fp("a"), ["manager", "worker"]));
  assert.deepEqual([shown[0]?.manager, shown[0]?.worker], [manager, worker]);
  assert.equal(two.vault.take(worker)?.reveal(), token("a", "2"));
});

labTest("S3: a prefix is not needed", async (lab) => {
  const bare = { store: { ...S3, prefix: "" } } as Partial<Config>;
  await valueOf(lab.node(1, bare).store.write(record(), { kind: "none" }));
  assert.deepEqual([...objects(lab).keys()], ["default/record.json"]);
});

labTest("S3: a worker reads two objects, and its own token only", async (lab) => {
  const one = lab.node(1, store);
  const mark = one.vault.keep(token("a"))!;
  await valueOf(one.store.publish(mark, mark));
  const two = lab.node(2, store);
  await valueOf(two.store.ledger([]));
  const shown = await valueOf(two.store.tokens(fp("a"), ["worker"]));
  assert.deepEqual([shown[0]?.manager, shown[0]?.worker], [null, mark]);
  assert.equal(two.sent(), 2);
  assert.deepEqual(lab.wire.calls.slice(-1).map(({ action }) => action), ["GetObject worker"]);
});

labTest("S3: no tokens are nothing shown, and odd ones are named", async (lab) => {
  const one = lab.node(1, store);
  assert.deepEqual(await valueOf(one.store.tokens(fp("a"), ["manager", "worker"])), []);
  put(lab, `team/a/default/tokens/${fp("a")}/manager`, "");
  put(lab, `team/a/default/tokens/${fp("a")}/worker`, token("b"));
  const [shown] = await valueOf(one.store.tokens(fp("a"), ["manager", "worker"]));
  const folder = `s3://${BUCKET}/team/a/default/tokens/${fp("a")}`;
  assert.deepEqual([shown?.manager, shown?.worker, shown?.malformed], [null, null, [
    `${folder}/manager`,
    `${folder}/worker`,
  ]]);
});

labTest(
  "S3: with a key, objects are encrypted with it; without one, as the bucket says",
  async (lab) => {
    const kmsKey = "alias/swarm";
    const one = lab.node(1, { store: { ...S3, kmsKey } as Config["store"] });
    await valueOf(one.store.write(record(), { kind: "none" }));
    assert.deepEqual(objects(lab).get(RECORD_KEY)?.headers, {
      "content-type": "application/json",
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": kmsKey,
    });
    const mark = one.vault.keep(token("a"))!;
    await valueOf(lab.node(2, store).store.ledger([]));
    await valueOf(one.store.publish(mark, mark));
  },
);

labTest(
  "S3: a write whose answer was lost, and that is repeated, is done and not lost",
  async (lab) => {
    const one = lab.node(1, store);
    lab.wire.trouble = ({ write, nth }) => write && nth === 1 ? { kind: "lost" } : null;
    assert.equal((await faultOf(one.store.write(record(), { kind: "none" }))).kind, "unreachable");
    assert.equal((await valueOf(one.store.write(record(), { kind: "none" }))).kind, "done");
  },
);

labTest("S3: a write on a record that was deleted since has lost", async (lab) => {
  const one = lab.node(1, store);
  const at = { kind: "object" as const, etag: '"0123"' };
  assert.equal((await valueOf(one.store.write(record(), at))).kind, "lost");
});

labTest("S3: two writes at once are one done, and one busy or lost", async (lab) => {
  const answers = await Promise.all(
    [1, 2].map((n) =>
      lab.node(n, store).store.write(record({ nonce: `n-${n}` }), { kind: "none" })
    ),
  );
  const told = answers.map((a) => a.ok ? a.value.kind : a.fault.kind).sort();
  assert.ok(told.join() === "busy,done" || told.join() === "done,lost", told.join());
});

labTest(
  "S3: no object is 404 with s3:ListBucket, and a denial that says so without",
  async (lab) => {
    const one = lab.node(1, store);
    const read = await valueOf(one.store.ledger([]));
    assert.ok(read.kind === "object" && read.record === null && read.etag === null);
    const bucket = lab.aws.s3.buckets.get(BUCKET)!;
    bucket.listAllowed = false;
    const fault = await faultOf(one.store.ledger([]));
    assert.deepEqual([fault.kind, fault.permission], ["denied", "s3:GetObject"]);
    assert.match(fault.message, /s3:ListBucket/);
  },
);

labTest(
  "S3: a bucket that is missing, elsewhere or of another account is named as such",
  async (lab) => {
    const { account } = lab.aws;
    lab.aws.s3.addBucket({ name: "far", region: "us-east-1", owner: account, listAllowed: true });
    const region = lab.aws.region;
    lab.aws.s3.addBucket({ name: "theirs", region, owner: "999999999999", listAllowed: true });
    const cases: [string, Fault["kind"], RegExp][] = [
      ["nowhere", "unusable", /NoSuchBucket/],
      ["far", "unusable", /in us-east-1, not in eu-west-1/],
      ["theirs", "denied", new RegExp(`must belong to the account ${account}`)],
    ];
    for (const [bucket, kind, says] of cases) {
      const one = lab.node(1, { store: { ...S3, bucket } as Config["store"] });
      for (const ask of [one.store.ledger([]), one.store.write(record(), { kind: "none" })]) {
        const fault = await faultOf(ask);
        assert.equal(fault.kind, kind, fault.message);
        assert.match(fault.message, says);
      }
    }
  },
);

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
      put(lab, RECORD_KEY, text);
      const fault = await faultOf(lab.node(1, store).store.ledger([]));
      assert.equal(fault.kind, kind, fault.message);
      assert.match(fault.message, says);
      assert.match(fault.message, /s3:\/\/swarm-records\/team\/a\/default\/record\.json/);
    }
  },
);

labTest("S3: nothing is retracted, and what may be written can't be asked", async (lab) => {
  const one = lab.node(1, store);
  assert.deepEqual(await one.store.retract(), { ok: true, value: null });
  assert.deepEqual(await valueOf(one.store.permissions("manager")), [
    { action: "s3:PutObject", verdict: "unknown" },
  ]);
  assert.equal(one.sent(), 0);
});

const FAULTS: { trouble: Trouble; kind: Fault["kind"]; says: RegExp }[] = [
  { trouble: { kind: "reset" }, kind: "unreachable", says: /no connection to / },
  { trouble: { kind: "silence" }, kind: "timeout", says: /no answer within 0\.3 s/ },
  { trouble: { kind: "huge" }, kind: "malformed", says: /longer than \d+ bytes/ },
  { trouble: { kind: "throttled" }, kind: "throttled", says: /SlowDown/ },
  { trouble: { kind: "denied" }, kind: "denied", says: /; allow s3:/ },
];
const ACTIONS: [string, (node: LabNode) => Promise<{ ok: boolean; fault?: Fault }>][] = [
  ["s3:GetObject", (node) => node.store.ledger([])],
  ["s3:GetObject", (node) => node.store.tokens(fp("a"), ["worker"])],
  ["s3:PutObject", (node) => node.store.write(record(), { kind: "none" })],
];

for (const { trouble, kind, says } of FAULTS) {
  labTest(
    `S3: every call that meets "${trouble.kind}" answers ${kind}, after one request`,
    async (lab) => {
      lab.wire.trouble = () => trouble;
      for (const [action, ask] of ACTIONS) {
        const node = lab.node(1, store, { deadlineMs: trouble.kind === "silence" ? 300 : 5_000 });
        const fault = await faultOf(ask(node));
        assert.equal(fault.kind, kind, fault.message);
        assert.match(fault.message, says);
        assert.match(fault.message, /^Cannot [a-z]/);
        assert.equal(fault.permission, kind === "denied" ? action : undefined);
        assert.doesNotMatch(JSON.stringify(fault), /SWMTKN|IQoJ/);
        assert.equal(node.sent(), 1);
      }
    },
  );
}

labTest("S3: HTML instead of the record is no record", async (lab) => {
  lab.wire.trouble = () => ({ kind: "html" });
  assert.equal((await faultOf(lab.node(1, store).store.ledger([]))).kind, "malformed");
});

/** Codes that S3 answers, and what they are to the loop. */
const CODES: [string, number, Fault["kind"], RegExp][] = [
  ["SlowDown", 503, "throttled", /./],
  ["ServiceUnavailable", 503, "throttled", /./],
  ["InternalError", 500, "unreachable", /./],
  ["ConditionalRequestConflict", 409, "busy", /./],
  ["OperationAborted", 409, "busy", /./],
  ["RequestTimeTooSkewed", 403, "denied", /clock/],
  ["SignatureDoesNotMatch", 403, "denied", /clock/],
  ["ExpiredToken", 400, "denied", /expired/],
  ["InvalidAccessKeyId", 403, "denied", /credentials/],
  ["KMS.NotFoundException", 400, "unusable", /--s3-kms-key/],
  ["AuthorizationHeaderMalformed", 400, "unusable", /in another region, not in eu-west-1/],
  ["EntityTooLarge", 400, "refused", /./],
];

for (const [code, status, kind, says] of CODES) {
  labTest(`S3's ${code} is ${kind}`, async (lab) => {
    const xml =
      `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>it is so</Message></Error>`;
    await against(lab, () => answer(status, xml), async (node) => {
      const fault = await faultOf(node.store.write(record(), { kind: "none" }));
      assert.equal(fault.kind, kind, fault.message);
      assert.match(fault.message, says);
      assert.match(fault.message, new RegExp(`${code.replace(".", "\\.")}: it is so`));
    });
  });
}

labTest("S3: a denial of the key names the key's action", async (lab) => {
  const xml =
    "<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::1:x is not authorized to " +
    "perform: kms:GenerateDataKey on resource: arn:aws:kms:x</Message></Error>";
  await against(lab, () => answer(403, xml), async (node) => {
    const fault = await faultOf(node.store.write(record(), { kind: "none" }));
    assert.equal(fault.permission, "kms:GenerateDataKey");
  });
});

const BROKEN: [string, Reply, Fault["kind"]][] = [
  ["an error without a body", answer(403, ""), "denied"],
  ["an error page of a proxy", answer(502, "<html>Bad Gateway</html>"), "unreachable"],
  [
    "an answer without an ETag",
    answer(200, "{}", { Date: new Date(0).toUTCString() }),
    "malformed",
  ],
  [
    "a connection that ends inside the body",
    raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
    "unreachable",
  ],
];

for (const [what, reply, kind] of BROKEN) {
  labTest(`S3: ${what} is ${kind}, never an absent record`, async (lab) => {
    await against(lab, () => reply, async (node) => {
      assert.equal((await faultOf(node.store.ledger([]))).kind, kind);
    });
  });
}

labTest("S3: a clock that is hours wrong is corrected by the server's", async (lab) => {
  lab.aws.clockAheadMs = 3 * 3_600_000;
  const xml = "<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>";
  const date = new Date(Date.now() + lab.aws.clockAheadMs).toUTCString();
  let requests = 0;
  const reply = (): Reply =>
    ++requests === 1
      ? answer(403, xml, { Date: date })
      : answer(404, xml.replace("RequestTimeTooSkewed", "NoSuchKey"), { Date: date });
  await against(lab, reply, async (node) => {
    const read = await valueOf(node.store.ledger([]));
    assert.ok(read.kind === "object" && read.record === null);
    assert.equal(requests, 2);
  });
});

async function against(
  lab: AwsLab,
  reply: () => Reply,
  test: (node: LabNode) => Promise<void>,
): Promise<void> {
  await using server = serveRaw(reply);
  await test(lab.node(1, store, { endpoint: `http://127.0.0.1:${server.port}` }));
}

function objects(lab: AwsLab): NonNullable<ReturnType<typeof lab.aws.s3.buckets.get>>["objects"] {
  return lab.aws.s3.buckets.get(BUCKET)!.objects;
}

function put(lab: AwsLab, key: string, text: string): void {
  const bucket = lab.aws.s3.buckets.get(BUCKET)!;
  lab.aws.s3.put(bucket, key, new TextEncoder().encode(text), { ifAbsent: false, ifMatch: null });
}

function textAt(lab: AwsLab, key: string): string {
  return new TextDecoder().decode(objects(lab).get(key)?.body);
}

async function valueOf<T>(
  answer: Promise<{ ok: true; value: T } | { ok: false; fault: Fault }>,
): Promise<T> {
  const given = await answer;
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}

async function faultOf(answer: Promise<{ ok: boolean; fault?: Fault }>): Promise<Fault> {
  const { ok, fault, ...rest } = await answer;
  assert.ok(!ok && fault !== undefined, "it was answered");
  assert.deepEqual(rest, {});
  return fault;
}
