/** The ledger in a launch template, against the emulated EC2: what it writes, and what it makes of a log. */
import assert from "node:assert/strict";
import { templateName } from "../../../src/ledger/template.ts";
import { faultOf, labTest, valueOf } from "../../support/aws_lab.ts";
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
    const before = ["ec2:CreateLaunchTemplate allowed", "ec2:CreateLaunchTemplateVersion unasked"];
    // Of a template that does not exist AWS would say what its policies say of any.
    assert.deepEqual(await asked(), before);
    assert.equal(lab.aws.ec2.templates.length, 0);
    await valueOf(ledger.write(record(), { kind: "none" }));
    assert.deepEqual(await asked(), [before[0], "ec2:CreateLaunchTemplateVersion denied"]);
    lab.wire.trouble = () => null;
    assert.deepEqual(await asked(), [before[0], "ec2:CreateLaunchTemplateVersion allowed"]);
    assert.deepEqual(lab.aws.ec2.templates.map(({ versions }) => versions.length), [1]);
    lab.wire.trouble = ({ action }) => action.startsWith("Describe") ? { kind: "denied" } : null;
    assert.deepEqual(await asked(), [before[0], "ec2:CreateLaunchTemplateVersion unknown"]);
    assert.deepEqual(await ledger.permissions("worker"), []);
  },
);

function numbers(read: { kind: string; entries?: { number: number }[] }): number[] {
  return read.entries?.map(({ number }) => number) ?? [];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
