/** The record's log grows old in the lab: a manager's run deletes what nobody needs, and says so if it may not. */
import assert from "node:assert/strict";
import { encodeRecord } from "../../src/ledger/record.ts";
import type { Lab } from "./lab.ts";
import { joined, labTest, nodeNamed, withLab } from "./with_lab.ts";
import { record } from "../support/observations.ts";

const RUN = ["join", "--json", "--timeout", "60s"];

/** The log of the lab's swarm was written so many times before, long ago. */
function age(lab: Lab, count: number): void {
  const [template] = lab.aws.ec2.templates;
  const newest = template!.versions.pop()!;
  const first = { ...newest, createdMs: Date.now() - 24 * 3_600_000 };
  template!.versions = Array.from({ length: count - 1 }, (_, i) => {
    const text = encodeRecord(record({ nonce: `n-${i + 1}` }), i);
    return { ...first, number: i + 1, userData: new TextEncoder().encode(text).toBase64() };
  });
  const text = new TextDecoder().decode(Uint8Array.fromBase64(newest.userData!));
  const userData = new TextEncoder().encode(
    JSON.stringify({ ...JSON.parse(text), follows: count - 1 }),
  ).toBase64();
  template!.versions.push({ ...newest, number: count, userData });
  template!.nextNumber = count + 1;
}

/** The numbers of the versions that are there. */
function versionsOf(lab: Lab): number[] {
  const versions = lab.aws.ec2.templates[0]?.versions ?? [];
  return versions.filter(({ deletedMs }) => deletedMs === null).map(({ number }) => number);
}

labTest(
  "tags: of a long log a manager's run deletes what is old, once, and the next one finds all as it was",
  async () => {
    await withLab({ store: "tags", managers: 1, workers: 0 }, async (lab) => {
      const manager = nodeNamed(lab, "manager-1");
      await joined(lab, manager);
      age(lab, 300);
      const planned = await lab.run(manager, ["plan", "--json"]);
      const { action, rule } = planned.report?.decision as { action: string; rule: string };
      assert.deepEqual([action, rule], ["trim", "trim-log"], planned.stderr);
      assert.equal(versionsOf(lab).length, 300);
      for (const _ of [1, 2]) {
        const { exit, report, stderr } = await lab.run(manager, RUN);
        assert.deepEqual([exit, report?.result], [0, "unchanged"], stderr);
        assert.deepEqual(versionsOf(lab), [1, ...Array.from({ length: 99 }, (_, i) => i + 202)]);
      }
      const trims = lab.wire.calls.filter(({ action }) =>
        action === "DeleteLaunchTemplateVersions"
      );
      assert.equal(trims.length, 1);
    });
  },
);

labTest("tags: who may not delete old versions says so, and is done all the same", async () => {
  await withLab({ store: "tags", managers: 1, workers: 0 }, async (lab) => {
    const manager = nodeNamed(lab, "manager-1");
    await joined(lab, manager);
    age(lab, 300);
    lab.wire.trouble = ({ action }) =>
      action.startsWith("DeleteLaunchTemplateVersions") ? { kind: "denied" } : null;
    const { exit, report, stderr } = await lab.run(manager, RUN);
    assert.deepEqual([exit, report?.result], [0, "unchanged"], stderr);
    assert.match(stderr, /allow ec2:DeleteLaunchTemplateVersions[^\n]*: it goes on without/);
    assert.equal(versionsOf(lab).length, 300);
    const { report: found, stderr: said } = await lab.run(manager, ["doctor", "--json"]);
    const findings = found?.findings as { rule: string; severity: string; because: string }[];
    const denied = findings.find(({ rule }) => rule === "permission-missing");
    assert.equal(denied?.severity, "warning", said);
    assert.match(
      denied?.because ?? "",
      /^ec2:DeleteLaunchTemplateVersions is denied: old versions/,
    );
  });
});
