/** The ledger in a launch template, against the emulated EC2: what it writes, and what it makes of a log. */
import assert from "node:assert/strict";
import { encodeRecord } from "../../../src/ledger/record.ts";
import { templateName } from "../../../src/ledger/template.ts";
import { viewOf } from "../../../src/ledger/versions.ts";
import type { LedgerView } from "../../../src/founding.ts";
import { type AwsLab, faultOf, labTest, valueOf } from "../../support/aws_lab.ts";
import { identity, record } from "../../support/observations.ts";

labTest("template: versions that are asked for by name are added to what is shown", async (lab) => {
  const one = lab.node(1);
  const made = await valueOf(one.ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.ok(made.kind === "done" && made.at.kind === "log");
  const { template } = made.at;
  for (const last of [1, 2]) {
    const at = { kind: "log" as const, template, head: last, last };
    await valueOf(one.ledger.write(record({ nonce: `n-${last + 1}` }), at));
  }
  let reads = 0;
  lab.aws.ec2.lagMs = ({ item }) => item === `${template}/2` && reads++ === 0 ? 60_000 : 0;
  assert.deepEqual(numbers(await valueOf(one.ledger.read([]))), [1, 3]);
  reads = 0;
  assert.deepEqual(numbers(await valueOf(one.ledger.read([2]))), [1, 2, 3]);
  lab.aws.ec2.lagMs = () => 0;
  assert.deepEqual(numbers(await valueOf(one.ledger.read([2, 7]))), [1, 2, 3]);
});

labTest("template: what is no record in the log is an entry without one", async (lab) => {
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
    deletedMs: null,
    description: "",
    userData: "%%%",
    createdBy: "",
  });
  const log = await valueOf(one.ledger.read([]));
  assert.ok(log.kind === "log");
  assert.deepEqual(
    log.entries.map(({ number, record, newer }) => [number, record, newer]),
    [[1, null, false], [2, null, true], [3, null, false], [4, null, false]],
  );
  const whys = log.entries.map(({ why }) => why ?? "");
  for (const [i, why] of [/not JSON/, /later version/, /not JSON/, /no text/].entries()) {
    assert.match(whys[i] ?? "", why);
  }
});

labTest("template: the template says what it is, and holds no secret", async (lab) => {
  await valueOf(lab.node(1).ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
  const [template] = lab.aws.ec2.templates;
  assert.equal(template?.name, "swarm-join-vpc-1-default");
  assert.match(template?.versions[0]?.description ?? "", /swarm-join's record .* no image/);
  assert.deepEqual([...template?.tags ?? []], [["swarm-join", "founding-record"]]);
});

labTest(
  "template: it has the tags that were asked for, and wants IMDSv2 in each version",
  async (lab) => {
    const tags = [{ key: "Team", value: "a b" }, { key: "Cost", value: "" }];
    const { ledger } = lab.node(1, { tags });
    const made = await valueOf(ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
    assert.ok(made.kind === "done");
    await valueOf(ledger.write(record({ nonce: "n-2" }), made.at));
    const [template] = lab.aws.ec2.templates;
    assert.deepEqual(
      [...template?.tags ?? []],
      [["swarm-join", "founding-record"], ["Team", "a b"], ["Cost", ""]],
    );
    assert.deepEqual(template?.versions.map(({ httpTokens }) => httpTokens), [
      "required",
      "required",
    ]);
  },
);

labTest("template: EC2 needs no trial of its conditions", async (lab) => {
  const one = lab.node(1);
  assert.deepEqual(await one.ledger.tryConditions(), { ok: true, value: null });
  assert.equal(one.sent(), 0);
});

Deno.test("template: every cluster's template has a name that EC2 takes, and of its own", () => {
  const names = ["default", "a b", "ü", "x".repeat(300), "x".repeat(301), "", "(a)/b"].map((c) =>
    templateName("vpc-0123456789abcdef0", c)
  );
  for (const name of names) assert.match(name, /^[A-Za-z0-9().\-/_]{3,128}$/);
  assert.equal(new Set(names).size, names.length);
});

labTest(
  "template: a record that is too big for user data is declined, and nothing is sent",
  async (lab) => {
    const one = lab.node(1);
    const members = range(300).map((n) => ({
      instance: `i-0123456789abcdef${n}`,
      address: "10.0.0.1",
      sinceMs: 1_800_000_000_000,
      leaving: false,
    }));
    const fault = await faultOf(one.ledger.write(record({ members }), { kind: "none" }));
    assert.equal(fault.kind, "declined");
    assert.match(fault.message, /\d+ bytes/);
    assert.equal(one.sent(), 0);
  },
);

labTest(
  "template: a manager's writes are asked for without being done, a worker has none",
  async (lab) => {
    lab.wire.trouble = ({ action }) =>
      action.startsWith("CreateLaunchTemplateVersion") ? { kind: "denied" } : null;
    const { ledger } = lab.node(1);
    const asked = async (): Promise<string[]> =>
      (await ledger.permissions("manager")).map(({ action, verdict }) => `${action} ${verdict}`);
    const saying = (version: string, trim: string): string[] => [
      "ec2:CreateLaunchTemplate allowed",
      `ec2:CreateLaunchTemplateVersion ${version}`,
      `ec2:DeleteLaunchTemplateVersions ${trim}`,
    ];
    // Of a template that does not exist AWS would say what its policies say of any.
    assert.deepEqual(await asked(), saying("unasked", "unasked"));
    assert.equal(lab.aws.ec2.templates.length, 0);
    await valueOf(ledger.write(record(), { kind: "none" }));
    assert.deepEqual(await asked(), saying("denied", "allowed"));
    lab.wire.trouble = ({ action }) => action.startsWith("Delete") ? { kind: "denied" } : null;
    assert.deepEqual(await asked(), saying("allowed", "denied"));
    assert.deepEqual(lab.aws.ec2.templates.map(({ versions }) => versions.length), [1]);
    lab.wire.trouble = ({ action }) => action.startsWith("Describe") ? { kind: "denied" } : null;
    assert.deepEqual(await asked(), saying("unknown", "unknown"));
    assert.deepEqual(await ledger.permissions("worker"), []);
  },
);

/** A log of so many versions, one a minute, each written on the one before. */
async function longLog(lab: AwsLab, count: number): Promise<{ template: string }> {
  let nowMs = Date.now() - count * 60_000;
  lab.aws.ec2.now = () => nowMs;
  const { ledger } = lab.node(1);
  const made = await valueOf(ledger.write(record({ nonce: "n-1" }), { kind: "none" }));
  assert.ok(made.kind === "done" && made.at.kind === "log");
  const { template } = made.at;
  const caller = { node: "i-1", arn: "arn:aws:iam::1:user/x" };
  for (let number = 2; number <= count; number++) {
    nowMs += 60_000;
    const text = encodeRecord(record({ nonce: `n-${number}` }), number - 1);
    const userData = new TextEncoder().encode(text).toBase64();
    lab.aws.ec2.createLaunchTemplateVersion(
      caller,
      { id: template, name: null },
      { description: "", userData },
      null,
    );
  }
  return { template };
}

async function viewBy(lab: AwsLab, n: number): Promise<LedgerView & { kind: "settled" }> {
  const view = viewOf(await valueOf(lab.node(n).ledger.read([])), []);
  assert.ok(view.kind === "settled", JSON.stringify(view));
  return view;
}

labTest(
  "template: of a long log what is old can go, a call's worth at once, and is not there any more",
  async (lab) => {
    const { template } = await longLog(lab, 330);
    const before = await viewBy(lab, 1);
    // Version 329 is followed; 50 before it stay, and those of the last hour; the first one is the default.
    assert.deepEqual(before.spare, range(200).map((n) => n + 1));
    await valueOf(lab.node(2).ledger.trim(template, before.spare ?? []));
    const read = await valueOf(lab.node(1).ledger.read([]));
    assert.deepEqual(numbers(read), [1, ...range(129).map((n) => n + 201)]);
    const { spare: _, ...rest } = before;
    assert.deepEqual(await viewBy(lab, 1), rest);
    // Another manager does the same a moment later.
    await valueOf(lab.node(3).ledger.trim(template, before.spare ?? []));
  },
);

for (const order of ["newest first, as EC2 does", "oldest first"]) {
  labTest(
    `template: versions that vanish while a read follows its pages, ${order}, fool nobody`,
    async (lab) => {
      const { template } = await longLog(lab, 620);
      const describe = lab.aws.ec2.describeLaunchTemplateVersions.bind(lab.aws.ec2);
      if (order === "oldest first") {
        lab.aws.ec2.describeLaunchTemplateVersions = (...given): ReturnType<typeof describe> => {
          const shown = describe(...given);
          return { ...shown, versions: shown.versions.toReversed() };
        };
      }
      const { spare = [] } = await viewBy(lab, 2);
      assert.equal(spare.length, 200);
      let pages = 0;
      lab.wire.onCall = ({ action }): void => {
        // Between its first page and its second.
        if (action !== "DescribeLaunchTemplateVersions" || ++pages !== 2) return;
        lab.aws.ec2.deleteLaunchTemplateVersions({ id: template, name: null }, spare.map(String));
      };
      const view = viewOf(await valueOf(lab.node(1).ledger.read([])), []);
      assert.ok(pages > 2, "it had pages");
      lab.wire.onCall = (): void => {};
      // What it says, if it says something, was the record once; and the next read says what is.
      if (view.kind === "settled") {
        assert.ok(view.at.kind === "log");
        assert.equal(view.record?.nonce, `n-${view.at.head}`);
      }
      assert.equal((await viewBy(lab, 1)).record?.nonce, "n-620");
    },
  );
}

labTest(
  "template: what EC2 does not delete is said, with its words, and the rest is deleted",
  async (lab) => {
    const { template } = await longLog(lab, 5);
    const { ledger } = lab.node(1);
    const fault = await faultOf(ledger.trim(template, [1, 2, 9]));
    assert.equal(fault.kind, "declined");
    assert.match(
      fault.message,
      /^Cannot delete old versions of the launch template lt-\w+: 1 of 3 stay; of version 1 EC2 says unexpectedError: The default version/,
    );
    assert.deepEqual(numbers(await valueOf(ledger.read([]))), [1, 3, 4, 5]);
    assert.equal((await faultOf(ledger.trim("lt-0123", [2]))).kind, "not-found");
    lab.wire.trouble = ({ action }) => action.startsWith("Delete") ? { kind: "denied" } : null;
    const denied = await faultOf(ledger.trim(template, [3]));
    assert.deepEqual([denied.kind, denied.permission], [
      "denied",
      "ec2:DeleteLaunchTemplateVersions",
    ]);
  },
);

function numbers(read: { kind: string; entries?: { number: number }[] }): number[] {
  return read.entries?.map(({ number }) => number) ?? [];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
