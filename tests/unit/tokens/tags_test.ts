/** The shelf in tags, against the emulated EC2: whose tags it writes, and what it makes of those it reads. */
import assert from "node:assert/strict";
import type { Config } from "../../../src/state.ts";
import { faultOf, labTest, token, valueOf } from "../../support/aws_lab.ts";
import { fp } from "../../support/observations.ts";

const tags = (entries: Record<string, string>): Map<string, string> =>
  new Map(Object.entries({ Role: "manager", ...entries }));

labTest(
  "tags: a manager's tokens are published on its own instance only, and read by all",
  async (lab) => {
    for (const n of [1, 2]) lab.put(n);
    const one = lab.node(1);
    const manager = one.vault.keep(token("a", "1"))!;
    const worker = one.vault.keep(token("a", "2"))!;
    assert.deepEqual(await one.shelf.publish(manager, worker), { ok: true, value: null });
    assert.equal(lab.aws.ec2.get("i-1")?.tags.get("ManagerToken"), token("a", "1"));
    assert.equal(lab.aws.ec2.get("i-1")?.tags.get("Role"), "manager");
    assert.equal(lab.aws.ec2.get("i-2")?.tags.size, 1);
    const two = lab.node(2);
    const shown = await valueOf(two.shelf.read(fp("a"), ["manager", "worker"]));
    const shownBy1 = {
      by: "i-1",
      addresses: ["10.0.0.1"],
      state: "running",
      cluster: "default",
      manager,
      worker,
    };
    assert.deepEqual(shown, [{ ...shownBy1, malformed: [] }]);
    assert.equal(two.vault.take(manager)?.reveal(), token("a", "1"));
  },
);

labTest(
  "tags: whose swarm it is stands beside the tokens, for whoever looks for another",
  async (lab) => {
    lab.put(1);
    lab.put(2, { tags: tags({ ManagerToken: token("b") }) });
    // It shows no token.
    lab.put(3, { tags: tags({ SwarmCluster: "green" }) });
    const one = lab.node(1, { cluster: "blue" });
    const mark = one.vault.keep(token("a"))!;
    await valueOf(one.shelf.publish(mark, mark));
    const shown = await valueOf(lab.node(2).shelf.read("", []));
    assert.deepEqual(shown.map(({ by, cluster }) => [by, cluster]), [["i-1", "blue"], [
      "i-2",
      null,
    ]]);
  },
);

labTest("tags: retracting takes the tokens and the cluster away, and nothing else", async (lab) => {
  const own = { ManagerToken: token("a"), WorkerToken: token("a"), SwarmCluster: "default" };
  lab.put(1, { tags: tags({ ...own, Name: "x" }) });
  await valueOf(lab.node(1).shelf.retract());
  assert.deepEqual([...lab.aws.ec2.get("i-1")?.tags.keys() ?? []], ["Role", "Name"]);
});

labTest("tags: odd, empty and foreign tags are named, and break nothing", async (lab) => {
  lab.put(1, { tags: tags({ ManagerToken: "", WorkerToken: token("a", "2") }) });
  lab.put(2, { tags: tags({ ManagerToken: "<b>&amp;</b>", WorkerToken: "*" }) });
  lab.put(3, { tags: new Map() });
  lab.put(4, { tags: tags({ ManagerToken: token("b") }), vpc: "vpc-2" });
  lab.put(5, { tags: tags({ ManagerToken: token("c") }), state: "terminated" });
  lab.put(6, { tags: tags({ ManagerToken: token("d") }), state: "stopped" });
  const shown = await valueOf(lab.node(1).shelf.read(fp("a"), ["manager"]));
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
  const shown = await valueOf(lab.node(1, change).shelf.read("", []));
  assert.deepEqual(shown.map(({ by }) => by), ["i-1"]);
});

labTest("tags: an instance that EC2 does not know yet is not found", async (lab) => {
  const one = lab.node(1);
  const mark = one.vault.keep(token("a"))!;
  assert.equal((await faultOf(one.shelf.publish(mark, mark))).kind, "not-found");
});

labTest(
  "tags: a manager's writes are asked for without being done, a worker has none",
  async (lab) => {
    lab.put(1);
    lab.wire.trouble = ({ action }) => action.startsWith("DeleteTags") ? { kind: "denied" } : null;
    const { shelf } = lab.node(1);
    const before = JSON.stringify(lab.aws.ec2.snapshot());
    assert.deepEqual(await shelf.permissions("manager"), [
      { action: "ec2:CreateTags", verdict: "allowed" },
      { action: "ec2:DeleteTags", verdict: "denied" },
    ]);
    assert.equal(JSON.stringify(lab.aws.ec2.snapshot()), before);
    assert.deepEqual(await shelf.permissions("worker"), []);
  },
);
