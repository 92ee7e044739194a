/** The calls of S3 over whole edges: buckets, keys, troubles on the way, codes, clocks, and answers that are none. */
import assert from "node:assert/strict";
import type { Answer, Fault, S3Store } from "../../../src/state.ts";
import type { Trouble } from "../../emulators/wire.ts";
import {
  against,
  BUCKET,
  faultOf,
  type LabNode,
  labTest,
  S3,
  token,
  valueOf,
} from "../../support/aws_lab.ts";
import { fp, record } from "../../support/observations.ts";
import { type Reply } from "../../emulators/http.ts";
import { answer, raw, s3Answer } from "../../support/raw_server.ts";

const store = { store: S3 };
const RECORD_KEY = "team/a/default/record.json";

labTest(
  "S3: with a key, objects are encrypted with it; without one, as the bucket says",
  async (lab) => {
    const kmsKey = "alias/swarm";
    const one = lab.node(1, { store: { ...S3, sse: "aws:kms", kmsKey } });
    await valueOf(one.ledger.write(record(), { kind: "none" }));
    assert.deepEqual(lab.objects().get(RECORD_KEY)?.headers, {
      "content-type": "application/json",
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": kmsKey,
    });
    const mark = one.vault.keep(token("a"))!;
    await valueOf(lab.node(2, store).ledger.read([]));
    await valueOf(one.shelf.publish(mark, mark));
  },
);

labTest(
  "S3: a bucket whose policy wants an encryption header takes each write with one",
  async (lab) => {
    lab.aws.s3.buckets.get(BUCKET)!.wantsEncryption = true;
    const writes = async (sse: S3Store["sse"]): Promise<(Fault | null)[]> => {
      const { ledger, shelf, marks, board, vault } = lab.node(1, { store: { ...S3, sse } });
      const mark = vault.keep(token("a"))!;
      const all: (() => Promise<Answer<unknown>>)[] = [
        () => ledger.tryConditions(),
        () => ledger.write(record(), { kind: "none" }),
        () => shelf.publish(mark, mark),
        () =>
          marks!.write({ fingerprint: fp("a"), clusterId: "ida" }, [{
            fingerprint: fp("b"),
            clusterId: "idb",
          }]),
        () => board.write({ nodeId: "n", leaves: true }),
      ];
      const faults: (Fault | null)[] = [];
      for (const write of all) {
        const answer = await write();
        faults.push(answer.ok ? null : answer.fault);
      }
      return faults;
    };
    for (const refused of await writes(null)) {
      assert.equal(refused?.kind, "denied");
      assert.equal(refused?.permission, "s3:PutObject");
      assert.match(
        refused?.message ?? "",
        /change the policy of the bucket.*--s3-sse AES256 or aws:kms/,
      );
      assert.doesNotMatch(refused?.message ?? "", /; allow s3:PutObject/);
    }
    assert.equal(lab.objects().size, 0);
    for (const sse of ["AES256", "aws:kms"] as const) {
      assert.deepEqual(await writes(sse), [null, null, null, null, null]);
      for (const [key, { headers }] of lab.objects()) {
        assert.equal(headers["x-amz-server-side-encryption"], sse, key);
        assert.equal(headers["x-amz-server-side-encryption-aws-kms-key-id"], undefined);
      }
      assert.equal(lab.objects().size, 7);
      lab.objects().clear();
    }
  },
);

labTest("S3: each object has the tags that were asked for", async (lab) => {
  const tags = [{ key: "Cost centre", value: "a&b=ü" }, { key: "Team", value: "" }];
  await valueOf(lab.node(1, { ...store, tags }).ledger.write(record(), { kind: "none" }));
  for (const { headers } of lab.objects().values()) {
    assert.equal(headers["x-amz-tagging"], "Cost%20centre=a%26b%3D%C3%BC&Team=");
  }
});

labTest("S3: a bucket of another account is used where that account is named", async (lab) => {
  const bucketOwner = "999999999999";
  const { region } = lab.aws;
  lab.aws.s3.addBucket({ name: "theirs", region, owner: bucketOwner, listAllowed: true });
  const theirs = { ...S3, bucket: "theirs" };
  const own = await faultOf(lab.node(1, { store: theirs }).ledger.read([]));
  assert.match(own.message, /or name its account with --s3-bucket-owner/);
  await valueOf(lab.node(1, { store: { ...theirs, bucketOwner } }).ledger.read([]));
  const wrong = { ...S3, bucketOwner };
  assert.equal((await faultOf(lab.node(1, { store: wrong }).ledger.read([]))).kind, "denied");
});

labTest(
  "S3: an access point of another region is refused, before anything is asked",
  async (lab) => {
    const bucket = "arn:aws:s3:us-east-1:123456789012:accesspoint/swarms";
    const one = lab.node(1, { store: { ...S3, bucket } });
    const fault = await faultOf(one.ledger.read([]));
    assert.equal(fault.kind, "unusable");
    assert.match(fault.message, /^Cannot read .*: the access point swarms is in us-east-1/);
    assert.equal(one.sent(), 0);
  },
);

labTest(
  "S3: no object is 404 with s3:ListBucket, and a denial that says so without",
  async (lab) => {
    const one = lab.node(1, store);
    const read = await valueOf(one.ledger.read([]));
    assert.ok(read.kind === "object" && read.record === null && read.etag === null);
    const bucket = lab.aws.s3.buckets.get(BUCKET)!;
    bucket.listAllowed = false;
    const fault = await faultOf(one.ledger.read([]));
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
      // It may come: what makes the instance may make the bucket beside it.
      ["nowhere", "not-found", /s3:\/\/nowhere\/.*NoSuchBucket.*; create it in eu-west-1, or name/],
      ["far", "unusable", /in us-east-1, not in eu-west-1/],
      ["theirs", "denied", new RegExp(`must belong to the account ${account}`)],
    ];
    for (const [bucket, kind, says] of cases) {
      const one = lab.node(1, { store: { ...S3, bucket } });
      for (const ask of [one.ledger.read([]), one.ledger.write(record(), { kind: "none" })]) {
        const fault = await faultOf(ask);
        assert.equal(fault.kind, kind, fault.message);
        assert.match(fault.message, says);
      }
    }
  },
);

const FAULTS: { trouble: Trouble; kind: Fault["kind"]; says: RegExp }[] = [
  { trouble: { kind: "reset" }, kind: "unreachable", says: /no connection to / },
  { trouble: { kind: "silence" }, kind: "timeout", says: /no answer within 0\.3 s/ },
  { trouble: { kind: "html" }, kind: "malformed", says: /not S3's; .* a proxy in front of it/ },
  { trouble: { kind: "huge" }, kind: "malformed", says: /not S3's; .* a proxy in front of it/ },
  { trouble: { kind: "throttled" }, kind: "throttled", says: /SlowDown/ },
  { trouble: { kind: "denied" }, kind: "denied", says: /; allow s3:/ },
];
const ACTIONS: [string, (node: LabNode) => Promise<{ ok: boolean; fault?: Fault }>][] = [
  ["s3:GetObject", (node) => node.ledger.read([])],
  ["s3:GetObject", (node) => node.shelf.read(fp("a"), ["worker"])],
  ["s3:PutObject", (node) => node.ledger.write(record(), { kind: "none" })],
  ["s3:PutObject", (node) => node.ledger.tryConditions()],
  ["s3:ListBucket", (node) => node.marks!.read()],
  ["s3:GetObject", (node) => node.board.read("i-1")],
  ["s3:ListBucket", (node) => node.board.read(null)],
  ["s3:PutObject", (node) => node.board.write({ nodeId: "n", leaves: true })],
  ["s3:DeleteObject", (node) => node.board.write(null)],
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

labTest("S3: what is not S3's has deleted nothing", async (lab) => {
  const replies: [Reply, Fault["kind"]][] = [
    [answer(200, "<html>Sign in</html>"), "malformed"],
    [answer(204, ""), "malformed"],
    [answer(502, "<html>Bad Gateway</html>"), "unreachable"],
    [s3Answer(404, ""), "not-found"],
  ];
  for (const [reply, kind] of replies) {
    await against(lab, store, () => reply, async (node) => {
      assert.equal((await faultOf(node.board.write(null))).kind, kind);
    });
  }
  await against(lab, store, () => s3Answer(204, ""), async (node) => {
    await valueOf(node.board.write(null));
  });
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
  ["NoSuchBucket", 404, "not-found", /create it in eu-west-1/],
  ["NoSuchAccessPoint", 404, "not-found", /create it in eu-west-1/],
  ["InvalidBucketName", 400, "unusable", /name another bucket/],
  ["NotImplemented", 501, "unusable", /take another/],
  ["InvalidObjectState", 403, "declined", /restore it/],
  ["EntityTooLarge", 400, "declined", /./],
];

for (const [code, status, kind, says] of CODES) {
  labTest(`S3's ${code} is ${kind}`, async (lab) => {
    const xml =
      `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>it is so</Message></Error>`;
    await against(lab, store, () => s3Answer(status, xml), async (node) => {
      const fault = await faultOf(node.ledger.write(record(), { kind: "none" }));
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
  await against(lab, store, () => s3Answer(403, xml), async (node) => {
    const fault = await faultOf(node.ledger.write(record(), { kind: "none" }));
    assert.equal(fault.permission, "kms:GenerateDataKey");
  });
});

labTest("S3: a denial that no policy of the role can mend says whose policy it is", async (lab) => {
  const cases: [string, RegExp][] = [
    [
      "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/p",
      /that is a Deny, which nothing that allows s3:GetObject overrules: whoever administers the organization/,
    ],
    ["with an explicit deny in a permissions boundary", /whoever set the boundary of the role/],
    ["with an explicit deny in an identity-based policy", /take the Deny out of the role's/],
    [
      "because no permissions boundary allows the s3:GetObject action",
      /it takes more than a policy/,
    ],
    ["because no VPC endpoint policy allows the s3:GetObject action", /policy of the VPC endpoint/],
    [
      "because no identity-based policy allows the s3:GetObject action",
      /; allow s3:GetObject \(and/,
    ],
    ["", /; allow s3:GetObject \(and/],
  ];
  for (const [why, says] of cases) {
    const xml =
      "<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::1:x is not authorized to " +
      `perform: s3:GetObject on resource: "arn:aws:s3:::b/k" ${why}</Message></Error>`;
    await against(lab, store, () => s3Answer(403, xml), async (node) => {
      const fault = await faultOf(node.ledger.read([]));
      assert.deepEqual([fault.kind, fault.permission], ["denied", "s3:GetObject"]);
      assert.match(fault.message, says);
      if (!says.source.startsWith("; allow")) assert.doesNotMatch(fault.message, /; allow/);
    });
  }
});

/** A list is never taken for an empty one. */
const LISTS: [string, Reply][] = [
  ["nothing", s3Answer(200, "")],
  ["a page of a proxy", s3Answer(200, "<html>Sign in</html>")],
  ["half a list", s3Answer(200, "<ListBucketResult><IsTruncated>false</IsTruncated>")],
  ["a list that goes on, and not where", s3Answer(200, listXml("<IsTruncated>true</IsTruncated>"))],
  ["a list that does not say whether it goes on", s3Answer(200, listXml(""))],
  [
    "a list that never ends",
    s3Answer(
      200,
      listXml("<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>"),
    ),
  ],
  [
    "a list of something else",
    s3Answer(
      200,
      listXml(
        "<IsTruncated>false</IsTruncated><Contents><Key>other/founded/x</Key>" +
          "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
      ),
    ),
  ],
  [
    "a list in nobody's name",
    answer(200, listXml("<IsTruncated>false</IsTruncated>"), { Date: new Date(0).toUTCString() }),
  ],
];

for (const [what, reply] of LISTS) {
  labTest(`S3: ${what} is malformed, never no mark`, async (lab) => {
    await against(lab, store, () => reply, async (node) => {
      assert.equal((await faultOf(node.marks!.read())).kind, "malformed");
    });
  });
}

function listXml(inner: string): string {
  return `<?xml version="1.0"?><ListBucketResult>${inner}</ListBucketResult>`;
}

const GONE = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
const BROKEN: [string, Reply, Fault["kind"]][] = [
  ["a denial without a body", s3Answer(403, ""), "denied"],
  ["a 404 without a body", s3Answer(404, ""), "not-found"],
  ["a 404 of a proxy", answer(404, "<html>Not Found</html>"), "malformed"],
  ["a 404 of a proxy, without a word", answer(404, ""), "malformed"],
  ["a 404 in XML that is not S3's", answer(404, GONE), "malformed"],
  ["a 404 in S3's name, and in HTML", s3Answer(404, "<html>Not Found</html>"), "malformed"],
  ["a 404 that is cut short", s3Answer(404, GONE.slice(0, -3)), "malformed"],
  ["a 404 without a code", s3Answer(404, "<Error><Message>no</Message></Error>"), "malformed"],
  ["a denial of a proxy", answer(403, "<html>Forbidden</html>"), "malformed"],
  ["an error page of a proxy", answer(502, "<html>Bad Gateway</html>"), "unreachable"],
  ["an answer without an ETag", s3Answer(200, "{}"), "malformed"],
  ["an answer in nobody's name", answer(200, "{}", { ETag: '"e"' }), "malformed"],
  [
    "a connection that ends inside the body",
    raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
    "unreachable",
  ],
];

for (const [what, reply, kind] of BROKEN) {
  labTest(`S3: ${what} is ${kind}, never an absent record`, async (lab) => {
    await against(lab, store, () => reply, async (node) => {
      assert.equal((await faultOf(node.ledger.read([]))).kind, kind);
    });
  });
}

labTest("S3: a clock that is hours wrong is corrected by the server's", async (lab) => {
  lab.aws.clockAheadMs = 3 * 3_600_000;
  const xml = "<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>";
  const date = new Date(Date.now() + lab.aws.clockAheadMs);
  let requests = 0;
  const reply = (): Reply =>
    ++requests === 1
      ? s3Answer(403, xml, date)
      : s3Answer(404, xml.replace("RequestTimeTooSkewed", "NoSuchKey"), date);
  await against(lab, store, reply, async (node) => {
    const read = await valueOf(node.ledger.read([]));
    assert.ok(read.kind === "object" && read.record === null);
    assert.equal(requests, 2);
  });
});
