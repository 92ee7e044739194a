/** The tags store and the reads of instances, against the emulated EC2 and against servers that misbehave. */
import assert from "node:assert/strict";
import type { Config, Fault } from "../../../src/state.ts";
import { templateName } from "../../../src/ledger/template.ts";
import { fp, identity, record } from "../../support/observations.ts";
import { type AwsLab, type LabNode, labTest, token } from "../../support/aws_lab.ts";
import type { Trouble } from "../../emulators/wire.ts";
import { type Reply } from "../../emulators/http.ts";
import { answer, raw, serveRaw } from "../../support/raw_server.ts";

const tags = (entries: Record<string, string>): Map<string, string> =>
  new Map(Object.entries({ Role: "manager", ...entries }));

labTest(
  "tags: a manager's tokens are published on its own instance only, and read by all",
  async (lab) => {
    for (const n of [1, 2]) lab.put(n);
    const one = lab.node(1);
    const manager = one.vault.keep(token("a", "1"))!;
    const worker = one.vault.keep(token("a", "2"))!;
    assert.deepEqual(await one.store.publish(manager, worker), { ok: true, value: null });
    assert.equal(lab.aws.ec2.get("i-1")?.tags.get("ManagerToken"), token("a", "1"));
    assert.equal(lab.aws.ec2.get("i-1")?.tags.get("Role"), "manager");
    assert.equal(lab.aws.ec2.get("i-2")?.tags.size, 1);
    const two = lab.node(2);
    const shown = await valueOf(two.store.tokens(fp("a"), ["manager", "worker"]));
    assert.deepEqual(shown, [{ by: "i-1", state: "running", manager, worker, malformed: [] }]);
    assert.equal(two.vault.take(manager)?.reveal(), token("a", "1"));
  },
);

labTest("tags: retracting takes both tokens away, and nothing else", async (lab) => {
  lab.put(1, { tags: tags({ ManagerToken: token("a"), WorkerToken: token("a"), Name: "x" }) });
  await valueOf(lab.node(1).store.retract());
  assert.deepEqual([...lab.aws.ec2.get("i-1")?.tags.keys() ?? []], ["Role", "Name"]);
});

labTest("tags: retracting where there is nothing is fine", async (lab) => {
  lab.put(1);
  assert.deepEqual(await lab.node(1).store.retract(), { ok: true, value: null });
});

labTest("tags: odd, empty and foreign tags are named, and break nothing", async (lab) => {
  lab.put(1, { tags: tags({ ManagerToken: "", WorkerToken: token("a", "2") }) });
  lab.put(2, { tags: tags({ ManagerToken: "<b>&amp;</b>", WorkerToken: "*" }) });
  lab.put(3, { tags: new Map() });
  lab.put(4, { tags: tags({ ManagerToken: token("b") }), vpc: "vpc-2" });
  lab.put(5, { tags: tags({ ManagerToken: token("c") }), state: "terminated" });
  lab.put(6, { tags: tags({ ManagerToken: token("d") }), state: "stopped" });
  const shown = await valueOf(lab.node(1).store.tokens(fp("a"), ["manager"]));
  assert.deepEqual(shown.map((s) => [s.by, s.state, s.manager?.fingerprint, s.malformed]), [
    ["i-1", "running", undefined, ["ManagerToken"]],
    ["i-2", "running", undefined, ["ManagerToken", "WorkerToken"]],
    ["i-6", "stopped", fp("d"), []],
  ]);
});

labTest("tags: with a cluster tag, only that cluster's instances are looked at", async (lab) => {
  const change: Partial<Config> = { cluster: "blue*", clusterTag: "Cluster" };
  lab.put(1, { tags: tags({ Cluster: "blue*", ManagerToken: token("a") }) });
  lab.put(2, { tags: tags({ Cluster: "blue-2", ManagerToken: token("b") }) });
  const shown = await valueOf(lab.node(1, change).store.tokens("", []));
  assert.deepEqual(shown.map(({ by }) => by), ["i-1"]);
  const read = await valueOf(lab.node(1, change).instances(["i-1"], []));
  assert.deepEqual([read[0]?.roleTag, read[0]?.clusterTag], ["manager", "blue*"]);
});

labTest("tags: a log of many pages is read whole, as are many instances", async (lab) => {
  for (let n = 1; n <= 230; n++) {
    lab.put(n, { address: `10.0.${n >> 7}.${n & 127}`, tags: tags({ ManagerToken: token("a") }) });
  }
  const one = lab.node(1);
  const made = await valueOf(one.store.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.ok(made.kind === "done" && made.at.kind === "log");
  for (let last = 1; last < 210; last++) {
    const at = { kind: "log" as const, template: made.at.template, head: last, last };
    await valueOf(one.store.write(record({ nonce: `n-${last + 1}` }), at));
  }
  const log = await valueOf(one.store.ledger([]));
  assert.ok(log.kind === "log");
  assert.deepEqual(log.entries.map(({ number }) => number), range(210));
  assert.equal((await valueOf(one.store.tokens("", []))).length, 230);
  const ids = range(230).map((n) => `i-${n}`);
  assert.equal((await valueOf(one.instances([...ids, "i-0unknown"], []))).length, 230);
});

labTest("tags: versions that are asked for by name are added to what is shown", async (lab) => {
  const one = lab.node(1);
  const made = await valueOf(one.store.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.ok(made.kind === "done" && made.at.kind === "log");
  const { template } = made.at;
  for (const last of [1, 2]) {
    const at = { kind: "log" as const, template, head: last, last };
    await valueOf(one.store.write(record({ nonce: `n-${last + 1}` }), at));
  }
  let reads = 0;
  lab.aws.ec2.lagMs = ({ item }) => item === `${template}/2` && reads++ === 0 ? 60_000 : 0;
  assert.deepEqual(numbers(await valueOf(one.store.ledger([]))), [1, 3]);
  reads = 0;
  assert.deepEqual(numbers(await valueOf(one.store.ledger([2]))), [1, 2, 3]);
  lab.aws.ec2.lagMs = () => 0;
  assert.deepEqual(numbers(await valueOf(one.store.ledger([2, 7]))), [1, 2, 3]);
});

labTest("tags: what is no record in the log is an entry without one", async (lab) => {
  const one = lab.node(1);
  const name = templateName(identity().vpc, "default");
  const caller = { node: "i-9", arn: "arn:aws:iam::1:user/x" };
  const base64 = (text: string): string => new TextEncoder().encode(text).toBase64();
  const version = (text: string | null): { description: string; userData: string | null } => ({
    description: "",
    userData: text === null ? null : base64(text),
  });
  lab.aws.ec2.createLaunchTemplate(caller, name, version("#!/bin/sh"), null);
  const newer = JSON.stringify({ tool: "swarm-join", format: 99 });
  for (const text of [newer, '{"tool":"swarm-join","format":1,"fol']) {
    lab.aws.ec2.createLaunchTemplateVersion(caller, { id: null, name }, version(text), null);
  }
  lab.aws.ec2.templates[0]?.versions.push({
    number: 4,
    createdMs: 0,
    description: "",
    userData: "%%%",
    createdBy: "",
  });
  const log = await valueOf(one.store.ledger([]));
  assert.ok(log.kind === "log");
  assert.deepEqual(
    log.entries.map(({ number, record, newer }) => [number, record, newer]),
    [[1, null, false], [2, null, true], [3, null, false], [4, null, false]],
  );
});

labTest("tags: the template says what it is, and holds no secret", async (lab) => {
  await valueOf(lab.node(1).store.write(record({ nonce: "n-1" }), { kind: "none" }));
  const [template] = lab.aws.ec2.templates;
  assert.equal(template?.name, "swarm-join-vpc-1-default");
  assert.match(template?.versions[0]?.description ?? "", /swarm-join's record .* no image/);
});

Deno.test("tags: every cluster's template has a name that EC2 takes, and of its own", () => {
  const names = ["default", "a b", "ü", "x".repeat(300), "x".repeat(301), "", "(a)/b"].map((c) =>
    templateName("vpc-0123456789abcdef0", c)
  );
  for (const name of names) assert.match(name, /^[A-Za-z0-9().\-/_]{3,128}$/);
  assert.equal(new Set(names).size, names.length);
});

labTest(
  "tags: a record that is too big for user data is refused, and nothing is sent",
  async (lab) => {
    const one = lab.node(1);
    const members = range(300).map((n) => ({
      instance: `i-0123456789abcdef${n}`,
      address: "10.0.0.1",
      sinceMs: 1_800_000_000_000,
    }));
    const fault = await faultOf(one.store.write(record({ members }), { kind: "none" }));
    assert.equal(fault.kind, "refused");
    assert.match(fault.message, /\d+ bytes/);
    assert.equal(one.sent(), 0);
  },
);

labTest(
  "instances: by id in any state, by address only the living of this VPC, unknown ones not",
  async (lab) => {
    lab.put(1);
    lab.put(2, { state: "terminated", address: "", vpc: "", subnet: "" });
    lab.put(3, { state: "shutting-down" });
    lab.put(4, { vpc: "vpc-2", address: "10.0.0.5" });
    lab.put(6, { tags: new Map() });
    const read = await valueOf(
      lab.node(1).instances(["i-1", "i-2", "i-7"], [
        "10.0.0.1",
        "10.0.0.3",
        "10.0.0.5",
        "10.0.0.6",
      ]),
    );
    assert.deepEqual(read.map((i) => [i.instance, i.state, i.address, i.roleTag]), [
      ["i-1", "running", "10.0.0.1", "manager"],
      ["i-2", "terminated", null, "manager"],
      ["i-3", "shutting-down", "10.0.0.3", "manager"],
      ["i-6", "running", "10.0.0.6", null],
    ]);
  },
);

labTest("instances: asking for nothing asks nobody", async (lab) => {
  const one = lab.node(1);
  assert.deepEqual(await one.instances([], []), { ok: true, value: [] });
  assert.equal(one.sent(), 0);
});

labTest(
  "permissions: a manager's writes are asked for without being done, a worker has none",
  async (lab) => {
    lab.put(1);
    lab.wire.trouble = ({ action }) => action.startsWith("DeleteTags") ? { kind: "denied" } : null;
    const before = JSON.stringify(lab.aws.ec2.snapshot());
    const asked = await valueOf(lab.node(1).store.permissions("manager"));
    assert.deepEqual(asked.map(({ action, verdict }) => `${action} ${verdict}`).sort(), [
      "ec2:CreateLaunchTemplate allowed",
      "ec2:CreateLaunchTemplateVersion allowed",
      "ec2:CreateTags allowed",
      "ec2:DeleteTags denied",
    ]);
    assert.equal(JSON.stringify(lab.aws.ec2.snapshot()), before);
    assert.deepEqual(await lab.node(1).store.permissions("worker"), { ok: true, value: [] });
  },
);

/** What each trouble is to the one who asked. */
const FAULTS: { trouble: Trouble; kind: Fault["kind"]; says: RegExp }[] = [
  { trouble: { kind: "reset" }, kind: "unreachable", says: /^Cannot .*: no connection to / },
  { trouble: { kind: "silence" }, kind: "timeout", says: /no answer within 0\.3 s/ },
  { trouble: { kind: "html" }, kind: "malformed", says: /is the endpoint right/ },
  { trouble: { kind: "huge" }, kind: "malformed", says: /longer than \d+ bytes/ },
  { trouble: { kind: "throttled" }, kind: "throttled", says: /RequestLimitExceeded/ },
  { trouble: { kind: "denied" }, kind: "denied", says: /; allow ec2:/ },
];
const ACTIONS: [string, (node: LabNode) => Promise<{ ok: boolean; fault?: Fault }>][] = [
  ["ec2:DescribeLaunchTemplateVersions", ({ store }) => store.ledger([])],
  ["ec2:CreateLaunchTemplate", ({ store }) => store.write(record(), { kind: "none" })],
  [
    "ec2:CreateLaunchTemplateVersion",
    ({ store }) => store.write(record(), { kind: "log", template: "lt-1", head: 1, last: 1 }),
  ],
  ["ec2:DescribeInstances", ({ store }) => store.tokens("", [])],
  ["ec2:DescribeInstances", ({ instances }) => instances(["i-1"], [])],
  ["ec2:CreateTags", ({ store, vault }) => {
    const mark = vault.keep(token("a"))!;
    return store.publish(mark, mark);
  }],
  ["ec2:DeleteTags", ({ store }) => store.retract()],
];

for (const { trouble, kind, says } of FAULTS) {
  labTest(
    `tags: every call that meets "${trouble.kind}" answers ${kind}, after one request`,
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

labTest("tags: nobody at the endpoint is unreachable", async (lab) => {
  const fault = await faultOf(
    lab.node(1, {}, { endpoint: "http://127.0.0.1:9" }).store.ledger([]),
  );
  assert.deepEqual(fault, {
    kind: "unreachable",
    message: 'Cannot read the versions of the launch template "swarm-join-vpc-1-default": no ' +
      "connection to http://127.0.0.1:9/: client error (Connect): tcp connect error: Connection refused",
  });
});

labTest("tags: an instance that EC2 does not know yet is missing", async (lab) => {
  const one = lab.node(1);
  const mark = one.vault.keep(token("a"))!;
  assert.equal((await faultOf(one.store.publish(mark, mark))).kind, "missing");
});

labTest(
  "tags: a clock that is hours wrong is corrected by the server's, with one more request",
  async (lab) => {
    for (const aheadMs of [3 * 3_600_000, -3 * 3_600_000]) {
      lab.aws.clockAheadMs = aheadMs;
      const one = lab.node(1);
      const log = await valueOf(one.store.ledger([]));
      assert.ok(Math.abs(log.serverMs - (Date.now() + aheadMs)) < 60_000);
      assert.equal(one.sent(), 2);
      await valueOf(one.store.ledger([]));
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
  ["InvalidParameterValue", 400, "refused", /InvalidParameterValue: it is wrong/],
  ["OptInRequired", 401, "denied", /./],
];

for (const [code, status, kind, says] of CODES) {
  labTest(`EC2's ${code} is ${kind}`, async (lab) => {
    const xml =
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code>` +
      `<Message>it is wrong. Encoded authorization failure message: ${"x".repeat(900)}</Message>` +
      "</Error></Errors><RequestID>r</RequestID></Response>";
    await against(lab, () => answer(status, xml), async (node) => {
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
  await against(lab, () => answer(403, xml), async (node) => {
    const fault = await faultOf(node.store.write(record(), { kind: "none" }));
    assert.equal(fault.permission, "ec2:CreateTags");
  });
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
];

for (const [what, reply, kind] of BROKEN) {
  labTest(`tags: ${what} is ${kind}, never an empty list`, async (lab) => {
    await against(lab, () => reply, async (node) => {
      const ask = what.includes("date") ? node.store.ledger([]) : node.instances(["i-1"], []);
      assert.equal((await faultOf(ask)).kind, kind);
    });
  });
}

/** Points a node at a server that answers as `reply` says. */
async function against(
  lab: AwsLab,
  reply: () => Reply,
  test: (node: LabNode) => Promise<void>,
): Promise<void> {
  await using server = serveRaw(reply);
  await test(lab.node(1, {}, { endpoint: `http://127.0.0.1:${server.port}` }));
}

function whole(inner: string): string {
  return `<DescribeLaunchTemplateVersionsResponse>${inner}</DescribeLaunchTemplateVersionsResponse>`;
}

function numbers(read: { kind: string; entries?: { number: number }[] }): number[] {
  return read.entries?.map(({ number }) => number) ?? [];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
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
