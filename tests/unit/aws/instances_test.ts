/** What EC2 knows of instances, against the emulated EC2. */
import assert from "node:assert/strict";
import { labTest, valueOf } from "../../support/aws_lab.ts";

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

labTest("instances: the role's and the cluster's tag are read by their keys", async (lab) => {
  lab.put(1, { tags: new Map([["Role", "manager"], ["Cluster", "blue*"]]) });
  const [read] = await valueOf(lab.node(1, { clusterTag: "Cluster" }).instances(["i-1"], []));
  assert.deepEqual([read?.roleTag, read?.clusterTag], ["manager", "blue*"]);
});

labTest("instances: asking for nothing asks nobody", async (lab) => {
  const one = lab.node(1);
  assert.deepEqual(await one.instances([], []), { ok: true, value: [] });
  assert.equal(one.sent(), 0);
});
