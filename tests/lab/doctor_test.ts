/** The doctor on the real binary: whatever a join would stop at it finds, and all of it at once. */
import assert from "node:assert/strict";
import { BAD_INPUT, type BadInput, MANAGERS, WORKERS } from "../cases/bad_input.ts";
import { at, bedOf } from "./bed.ts";
import type { Lab, LabNode } from "./lab.ts";
import { joined, labTest, manyLabs, nodeNamed, withLab, writesSince } from "./with_lab.ts";

interface Finding {
  rule: string;
  severity: "error" | "warning" | "note";
  because: string;
  mend: string;
}

const AT_ONCE = 8;

/** S3 has no way to ask what may be written. */
const UNASKABLE = /s3:PutObject/;

for (const [group, cases] of Object.entries(BAD_INPUT)) {
  const onStores = cases.filter(({ name }) => !UNASKABLE.test(name))
    .flatMap((one) => one.stores.map((store) => ({ ...one, stores: [store] })));
  const nameOf = ({ name, stores }: BadInput): string => `${stores}, ${name}`;
  manyLabs(`the doctor finds: ${group}`, onStores, AT_ONCE, nameOf, finds);
}

async function finds(one: BadInput): Promise<void> {
  const { stores: [store = "tags"] } = one;
  await withLab({ store, managers: MANAGERS, workers: WORKERS }, async (lab) => {
    const node = at(lab, one.who);
    await one.given?.(bedOf(lab));
    const before = lab.snapshot();
    const { exit, findings, told } = await doctor(lab, node, one.env);
    const found = findings.filter(({ because }) => one.says.test(because));
    assert.ok(found.length > 0, `none says ${one.says}${told}`);
    for (const { mend } of found) assert.notEqual(mend, "", told);
    // What a run would only wait for may pass, but for what did not answer at all.
    const isPassing = found.every(({ rule }) => one.exit === 3 && rule !== "unreachable");
    const severity = isPassing ? "warning" : "error";
    assert.ok(found.some((finding) => finding.severity === severity), told);
    const isError = findings.some((finding) => finding.severity === "error");
    assert.equal(exit, isError ? 5 : 0, told);
    assert.deepEqual(lab.snapshot(), before, told);
  });
}

/** Runs the doctor, which may change nothing. */
async function doctor(
  lab: Lab,
  node: LabNode,
  env?: Record<string, string>,
): Promise<{ exit: number | null; findings: Finding[]; told: string }> {
  const since = lab.wire.calls.length;
  const result = await lab.run(node, ["doctor", "--json", "--timeout", "30s"], env);
  const told = `\nexit ${result.exit}\n${result.stderr}${result.stdout}`;
  assert.deepEqual(writesSince(lab, since, [node]), [], told);
  const findings = (result.report as { findings?: Finding[] } | null)?.findings;
  assert.ok(findings !== undefined, told);
  return { exit: result.exit, findings, told };
}

for (const store of ["tags", "s3"] as const) {
  labTest(`${store}: the doctor has nothing to say of nodes that are members`, async () => {
    await withLab({ store, managers: 1, workers: 1 }, async (lab) => {
      for (const node of lab.nodes) await joined(lab, node);
      // It labels the worker.
      await joined(lab, nodeNamed(lab, "manager-1"));
      for (const node of lab.nodes) {
        const { exit, findings, told } = await doctor(lab, node);
        assert.deepEqual([exit, findings], [0, []], told);
      }
    });
  });

  labTest(`${store}: the doctor says what a join would do, and that this is no error`, async () => {
    await withLab({ store, managers: 1, workers: 0 }, async (lab) => {
      const { exit, findings, told } = await doctor(lab, nodeNamed(lab, "manager-1"));
      assert.deepEqual([exit, findings.map(({ severity }) => severity)], [0, ["note"]], told);
      assert.match(findings[0]?.because ?? "", /a join would init/);
    });
  });

  labTest(`${store}: the doctor finds several things at once, the worst first`, async () => {
    await withLab({ store, managers: 3, workers: 0 }, async (lab) => {
      const bed = bedOf(lab);
      await bed.join("m1", "m2");
      await bed.stopInstance("m1");
      await bed.tag("m3", { Role: "queen" });
      await bed.stopEngine("m3");
      const { exit, findings, told } = await doctor(lab, nodeNamed(lab, "manager-3"));
      assert.equal(exit, 5, told);
      const rules = findings.map(({ rule }) => rule);
      assert.deepEqual(rules, ["engine-unavailable", "role-unknown", "member-silent"], told);
    });
  });
}

labTest("the doctor as text: each finding with what to do", async () => {
  await withLab({ managers: 1, workers: 0 }, async (lab) => {
    await bedOf(lab).stopEngine("m1");
    const { exit, stdout } = await lab.run(nodeNamed(lab, "manager-1"), ["doctor"]);
    assert.equal(exit, 5);
    assert.match(stdout, /^I am +i-\w+, manager, of the cluster "default" in the store tags$/m);
    assert.match(stdout, /^error +\[engine-unavailable\] .*\n +Docker is not installed/m);
    assert.match(stdout, /nothing was changed$/m);
  });
});

labTest(
  "the doctor in an Auto Scaling group: no hook, one that is too short, and none to be seen",
  async () => {
    await withLab({ managers: 1, workers: 0 }, async (lab) => {
      const [node] = lab.nodes as [LabNode];
      await joined(lab, node);
      node.imds.lifecycle = "InService";
      const { autoScaling } = lab.aws;
      const found = async (): Promise<string[]> => {
        const { exit, findings, told } = await doctor(lab, node);
        assert.equal(exit, 0, told);
        return findings.map(({ severity, rule }) => `${severity} ${rule}`);
      };
      autoScaling.addGroup("managers", []);
      autoScaling.put(node.instance, "managers", "InService");
      assert.deepEqual(await found(), ["warning hook-missing"]);
      const hook = { name: "leave", transition: "terminating" as const, heartbeatMs: 60_000 };
      autoScaling.addGroup("managers", [hook]);
      assert.deepEqual(await found(), ["warning hook-short"]);
      autoScaling.addGroup("managers", [{ ...hook, heartbeatMs: 900_000 }]);
      assert.deepEqual(await found(), []);
      lab.wire.trouble = ({ service }) => service === "autoscaling" ? { kind: "denied" } : null;
      assert.deepEqual(await found(), ["warning permission-missing"]);
    });
  },
);
