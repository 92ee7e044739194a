/** The calls of EC2 over whole edges: pages, troubles on the way, codes, clocks, and answers that are none. */
import assert from "node:assert/strict";
import type { Fault } from "../../../src/state.ts";
import type { Reply } from "../../emulators/http.ts";
import type { Trouble } from "../../emulators/wire.ts";
import { against, faultOf, type LabNode, labTest, token, valueOf } from "../../support/aws_lab.ts";
import { record } from "../../support/observations.ts";
import { answer, raw } from "../../support/raw_server.ts";

labTest("EC2: a log of many pages is read whole, as are many instances", async (lab) => {
  for (let n = 1; n <= 230; n++) {
    lab.put(n, {
      address: `10.0.${n >> 7}.${n & 127}`,
      tags: new Map([["ManagerToken", token("a")]]),
    });
  }
  const one = lab.node(1);
  const made = await valueOf(one.ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.ok(made.kind === "done" && made.at.kind === "log");
  for (let last = 1; last < 210; last++) {
    const at = { kind: "log" as const, template: made.at.template, head: last, last };
    await valueOf(one.ledger.write(record({ nonce: `n-${last + 1}` }), at));
  }
  const log = await valueOf(one.ledger.read([]));
  assert.ok(log.kind === "log");
  assert.deepEqual(log.entries.map(({ number }) => number), range(210));
  assert.equal((await valueOf(one.shelf.read("", []))).length, 230);
  const ids = range(230).map((n) => `i-${n}`);
  assert.equal((await valueOf(one.instances([...ids, "i-0unknown"], []))).length, 230);
});

/** What each trouble is to the one who asked. */
const FAULTS: { trouble: Trouble; kind: Fault["kind"]; says: RegExp }[] = [
  { trouble: { kind: "reset" }, kind: "unreachable", says: /^Cannot .*: no connection to / },
  { trouble: { kind: "silence" }, kind: "timeout", says: /no answer within 0\.3 s/ },
  { trouble: { kind: "html" }, kind: "malformed", says: /is the endpoint right, or a proxy in/ },
  { trouble: { kind: "huge" }, kind: "malformed", says: /longer than \d+ bytes/ },
  { trouble: { kind: "throttled" }, kind: "throttled", says: /RequestLimitExceeded/ },
  { trouble: { kind: "denied" }, kind: "denied", says: /; allow ec2:/ },
];
const ACTIONS: [string, (node: LabNode) => Promise<{ ok: boolean; fault?: Fault }>][] = [
  ["ec2:DescribeLaunchTemplateVersions", ({ ledger }) => ledger.read([])],
  ["ec2:CreateLaunchTemplate", ({ ledger }) => ledger.write(record(), { kind: "none" })],
  [
    "ec2:CreateLaunchTemplateVersion",
    ({ ledger }) => ledger.write(record(), { kind: "log", template: "lt-1", head: 1, last: 1 }),
  ],
  ["ec2:DescribeInstances", ({ shelf }) => shelf.read("", [])],
  ["ec2:DescribeInstances", ({ instances }) => instances(["i-1"], [])],
  ["ec2:CreateTags", ({ shelf, vault }) => {
    const mark = vault.keep(token("a"))!;
    return shelf.publish(mark, mark);
  }],
  ["ec2:DeleteTags", ({ shelf }) => shelf.retract()],
  ["ec2:DescribeInstances", ({ board }) => board.read("i-1")],
  ["ec2:DescribeInstances", ({ board }) => board.read(null)],
  ["ec2:CreateTags", ({ board }) => board.write({ nodeId: "n", leaves: true })],
  ["ec2:DeleteTags", ({ board }) => board.write(null)],
];

for (const { trouble, kind, says } of FAULTS) {
  labTest(
    `EC2: every call that meets "${trouble.kind}" answers ${kind}, after one request`,
    async (lab) => {
      lab.wire.trouble = () => trouble;
      for (const [action, ask] of ACTIONS) {
        const node = lab.node(1, {}, { deadlineMs: trouble.kind === "silence" ? 300 : 5_000 });
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

labTest("EC2: nobody at the endpoint is unreachable", async (lab) => {
  const fault = await faultOf(
    lab.node(1, {}, { endpoint: "http://127.0.0.1:9" }).ledger.read([]),
  );
  assert.deepEqual(fault, {
    kind: "unreachable",
    message: 'Cannot read the versions of the launch template "swarm-join-vpc-1-default": no ' +
      "connection to http://127.0.0.1:9/: client error (Connect): tcp connect error: Connection refused",
  });
});

labTest(
  "EC2: a clock that is hours wrong is corrected by the server's, with one more request",
  async (lab) => {
    for (const aheadMs of [3 * 3_600_000, -3 * 3_600_000]) {
      lab.aws.clockAheadMs = aheadMs;
      const one = lab.node(1);
      const log = await valueOf(one.ledger.read([]));
      assert.ok(Math.abs(log.serverMs - (Date.now() + aheadMs)) < 60_000);
      assert.equal(one.sent(), 2);
      await valueOf(one.ledger.read([]));
      assert.equal(one.sent(), 3);
    }
  },
);

/** Codes that EC2 answers, and what they are to the loop. */
const CODES: [string, number, Fault["kind"], RegExp][] = [
  ["RequestLimitExceeded", 503, "throttled", /./],
  ["Unavailable", 503, "throttled", /./],
  ["InternalError", 500, "unreachable", /./],
  ["UnauthorizedOperation", 403, "denied", /allow ec2:DescribeInstances$/],
  ["AuthFailure", 401, "denied", /credentials/],
  ["ExpiredToken", 400, "denied", /expired/],
  ["RequestExpired", 400, "denied", /clock/],
  ["InvalidParameterValue", 400, "declined", /InvalidParameterValue: it is wrong/],
  ["InvalidInstanceID.NotFound", 400, "not-found", /./],
  ["OptInRequired", 401, "denied", /./],
  ["InvalidLaunchTemplateId.NotFound", 400, "not-found", /./],
  ["TagLimitExceeded", 400, "declined", /50 tags.*--store s3:/],
  ["TagPolicyViolation", 400, "declined", /tag policy of the organization/],
  ["LaunchTemplateVersionLimitExceeded", 400, "declined", /Service Quotas/],
  ["IdempotentParameterMismatch", 400, "declined", /run it again/],
];

for (const [code, status, kind, says] of CODES) {
  labTest(`EC2's ${code} is ${kind}`, async (lab) => {
    const xml =
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code>` +
      `<Message>it is wrong. Encoded authorization failure message: ${"x".repeat(900)}</Message>` +
      "</Error></Errors><RequestID>r</RequestID></Response>";
    await against(lab, {}, () => answer(status, xml), async (node) => {
      const fault = await faultOf(node.instances(["i-1"], []));
      assert.equal(fault.kind, kind, fault.message);
      assert.match(fault.message, says);
      assert.doesNotMatch(fault.message, /xxxx|Encoded/);
    });
  });
}

labTest("EC2's word for the missing action wins over the one that was called", async (lab) => {
  const message =
    "You are not authorized to perform this operation. User: arn:aws:sts::1:x is not " +
    "authorized to perform: ec2:CreateTags on resource: arn:aws:ec2:::launch-template/* because of x";
  const xml = "<Response><Errors><Error><Code>UnauthorizedOperation</Code>" +
    `<Message>${message}</Message></Error></Errors></Response>`;
  await against(lab, {}, () => answer(403, xml), async (node) => {
    const fault = await faultOf(node.ledger.write(record(), { kind: "none" }));
    assert.equal(fault.permission, "ec2:CreateTags");
  });
});

labTest("EC2: a page that names itself as the next one has no end", async (lab) => {
  const again = "<nextToken>again</nextToken>";
  for (
    const [action, set, ask] of [
      ["DescribeInstances", "reservationSet", (one: LabNode) => one.instances(["i-1"], [])],
      [
        "DescribeLaunchTemplateVersions",
        "launchTemplateVersionSet",
        (one: LabNode) => one.ledger.read([]),
      ],
    ] as const
  ) {
    const reply = dated(`<${action}Response><${set}/>${again}</${action}Response>`);
    await against(lab, {}, () => reply, async (node) => {
      assert.match((await faultOf(ask(node))).message, /pages do not end/);
      assert.equal(node.sent(), 2);
    });
  }
});

/** What EC2 would say, with something left out: what is not understood is not nothing. */
const LACKING: [string, string, RegExp][] = [
  [
    "no set of instances",
    "<DescribeInstancesResponse><requestId>r</requestId></DescribeInstancesResponse>",
    /lacks the reservations/,
  ],
  [
    "an instance without an id",
    instanceXml("<instanceState><name>running</name></instanceState>"),
    /lacks an instance's id/,
  ],
  [
    "an instance without a state",
    instanceXml("<instanceId>i-1</instanceId>"),
    /lacks an instance's id or state/,
  ],
  ["no set of versions", whole("<requestId>r</requestId>"), /lacks the versions/],
  [
    "a version without a number",
    versionsXml("<launchTemplateId>lt-1</launchTemplateId>"),
    /lacks a version's template or number/,
  ],
  [
    "versions of two templates",
    versionsXml(
      "<launchTemplateId>lt-1</launchTemplateId><versionNumber>2</versionNumber>",
      "<launchTemplateId>lt-2</launchTemplateId><versionNumber>1</versionNumber>",
    ),
    /lacks one and the same template/,
  ],
];

for (const [what, body, says] of LACKING) {
  labTest(`EC2: an answer with ${what} is malformed, never an empty list`, async (lab) => {
    await against(lab, {}, () => dated(body), async (node) => {
      const ofLog = body.startsWith("<DescribeLaunch");
      const ask = ofLog ? node.ledger.read([]) : node.instances(["i-1"], []);
      const fault = await faultOf(ask);
      assert.equal(fault.kind, "malformed");
      assert.match(fault.message, says);
    });
  });
}

labTest("EC2: tags that it says it has not written or deleted are not", async (lab) => {
  for (const action of ["CreateTags", "DeleteTags"]) {
    const reply = dated(`<${action}Response><return>false</return></${action}Response>`);
    await against(lab, {}, () => reply, async ({ shelf, vault }) => {
      const mark = vault.keep(token("a"))!;
      const ask = action === "CreateTags" ? shelf.publish(mark, mark) : shelf.retract();
      assert.equal((await faultOf(ask)).kind, "malformed");
    });
  }
});

const CUT = "<DescribeInstancesResponse><reservationSet><item>";
const BROKEN: [string, Reply, Fault["kind"]][] = [
  ["an answer that is cut short inside", answer(200, CUT), "malformed"],
  ["an answer without a date", answer(200, whole("<reservationSet/>")), "malformed"],
  ["an empty answer", answer(200, ""), "malformed"],
  ["an error page of a proxy", answer(502, "<html>Bad Gateway</html>"), "unreachable"],
  [
    "a connection that ends inside the body",
    raw(`HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n${CUT}`),
    "unreachable",
  ],
  ["a redirect", answer(302, "", { Location: "http://127.0.0.1:9/" }), "malformed"],
  ["a 404 of a proxy", answer(404, "<html>Not Found</html>"), "malformed"],
  ["a 400 without a word", answer(400, ""), "malformed"],
  ["an error of S3", answer(404, "<Error><Code>NoSuchBucket</Code></Error>"), "malformed"],
  ["an error without a code", answer(400, "<Response><Errors/></Response>"), "malformed"],
  [
    "an error that is cut short",
    answer(400, "<Response><Errors><Error><Code>A</Code>"),
    "malformed",
  ],
];

for (const [what, reply, kind] of BROKEN) {
  labTest(`EC2: ${what} is ${kind}, never an empty list`, async (lab) => {
    await against(lab, {}, () => reply, async (node) => {
      const ask = what.includes("date") ? node.ledger.read([]) : node.instances(["i-1"], []);
      assert.equal((await faultOf(ask)).kind, kind);
    });
  });
}

function dated(body: string): Reply {
  return answer(200, body, { Date: new Date(0).toUTCString() });
}

function instanceXml(inner: string): string {
  return `<DescribeInstancesResponse><reservationSet><item><instancesSet><item>${inner}</item>` +
    "</instancesSet></item></reservationSet></DescribeInstancesResponse>";
}

function versionsXml(...items: string[]): string {
  const inner = items.map((one) => `<item>${one}</item>`).join("");
  return whole(`<launchTemplateVersionSet>${inner}</launchTemplateVersionSet>`);
}

function whole(inner: string): string {
  return `<DescribeLaunchTemplateVersionsResponse>${inner}</DescribeLaunchTemplateVersionsResponse>`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
