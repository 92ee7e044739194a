/** What EC2 knows of instances, against the emulated EC2. */
import assert from "node:assert/strict";
import { against, faultOf, labTest, valueOf } from "../../support/aws_lab.ts";
import { answer } from "../../support/raw_server.ts";

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

labTest(
  "instances: when it was first launched, what it is, and the tags that its node is labelled with",
  async (lab) => {
    const launchedMs = Date.UTC(2026, 10, 26, 8, 20);
    const placement = { zone: "eu-west-1c", type: "c7g.medium", lifecycle: "spot" };
    const tags = new Map([["Role", "worker"], ["Team", ""], ["Name", "web 1"], ["Secret", "x"]]);
    lab.put(1, { launchedMs, placement, tags });
    lab.put(2, { launchedMs, firstLaunchedMs: launchedMs - 3_600_000 });
    const labelTags = ["Name", "Team", "Cost"];
    const read = await valueOf(lab.node(1, { labelTags }).instances(["i-1", "i-2"], []));
    assert.deepEqual(
      read.map(({ launchMs, placement, labelTags }) => ({ launchMs, placement, labelTags })),
      [
        { launchMs: launchedMs, placement, labelTags: { Team: "", Name: "web 1" } },
        {
          launchMs: launchedMs - 3_600_000,
          placement: { zone: "eu-west-1a", type: "m7i.large", lifecycle: "on-demand" },
          labelTags: {},
        },
      ],
    );
  },
);

labTest("instances: what EC2 does not say of one is null", async (lab) => {
  const attached = (item: string): string =>
    `<launchTime>2026-11-26T08:20:00.000Z</launchTime><networkInterfaceSet><item>${item}</item></networkInterfaceSet>`;
  for (
    const half of [
      "",
      attached(""),
      attached("<attachment><deviceIndex>0</deviceIndex></attachment>"),
      attached(
        "<attachment><deviceIndex>1</deviceIndex><attachTime>2026-11-26T08:20:00.000Z</attachTime></attachment>",
      ),
      "<instanceType>m7i.large</instanceType>",
      "<placement><availabilityZone>eu-west-1a</availabilityZone></placement>",
    ]
  ) {
    const xml = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>" +
      "<instanceId>i-2</instanceId><instanceState><name>terminated</name></instanceState>" +
      `${half}</item></instancesSet></item></reservationSet></DescribeInstancesResponse>`;
    await against(
      lab,
      {},
      () => answer(200, xml, { Date: new Date().toUTCString() }),
      async (node) => {
        const [read] = await valueOf(node.instances(["i-2"], []));
        assert.deepEqual([read?.launchMs, read?.placement, read?.address], [null, null, null]);
      },
    );
  }
});

labTest("instances: asking for nothing asks nobody", async (lab) => {
  const one = lab.node(1);
  assert.deepEqual(await one.instances([], []), { ok: true, value: [] });
  assert.equal(one.sent(), 0);
});

labTest(
  "instances: an address that is not the first of its instance is found, of either version",
  async (lab) => {
    lab.put(1, { others: ["10.0.1.1", "fd00::1"] });
    lab.put(2, { address: "", others: ["fd00::2"] });
    lab.put(3, { vpc: "vpc-2", others: ["10.0.1.3", "fd00::3"] });
    const one = lab.node(9);
    const asked = ["10.0.1.1", "fd00:0:0::1", "fd00::2", "10.0.1.3", "fd00::3", "10.0.1.9"];
    const read = await valueOf(one.instances(["i-2"], asked));
    // An address stands as it was asked for.
    assert.deepEqual(read.map((i) => [i.instance, i.address]), [
      ["i-2", "fd00::2"],
      ["i-1", "10.0.1.1"],
      ["i-1", "fd00:0:0::1"],
    ]);
    assert.equal(one.sent(), 4);
  },
);

labTest(
  "neighbours: the managers of this VPC and cluster that run, where, and since when",
  async (lab) => {
    const launchedMs = Date.now() - 600_000;
    const as = (role: string, cluster: string): Map<string, string> =>
      new Map([["Role", role], ["Cluster", cluster]]);
    for (let n = 1; n <= 120; n++) lab.put(n, { launchedMs, tags: as("manager", "blue") });
    lab.put(121, { launchedMs, address: "", others: ["fd00::7"], tags: as("manager", "blue") });
    lab.put(131, { tags: as("worker", "blue") });
    lab.put(132, { tags: as("manager", "green") });
    lab.put(133, { tags: as("manager", "blue"), vpc: "vpc-2" });
    lab.put(134, { tags: as("manager", "blue"), state: "stopped" });
    lab.put(135, { tags: new Map([["Cluster", "blue"]]) });
    const change = { cluster: "blue", clusterTag: "Cluster" };
    const read = await valueOf(lab.node(1, change).neighbours(["manager"]));
    assert.deepEqual(
      read.map(({ instance, address }) => `${instance} ${address}`),
      [...range(1, 120).map((n) => `i-${n} 10.0.0.${n}`), "i-121 fd00::7"],
    );
    for (const { runningMs } of read) assert.ok(Math.abs(runningMs - 600_000) < 60_000);
    // Where a flag says which role a node has, each may be a manager.
    const all = await valueOf(lab.node(1, { ...change, role: "manager" }).neighbours(["manager"]));
    assert.ok(all.some((one) => one.instance === "i-131"));
    // Without a cluster's tag all are of this one.
    assert.ok(
      (await valueOf(lab.node(1).neighbours(["manager"]))).some((one) => one.instance === "i-132"),
    );
  },
);

labTest("neighbours: one whose launch EC2 does not show is no young one", async (lab) => {
  const xml = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>" +
    "<instanceId>i-2</instanceId><instanceState><name>running</name></instanceState>" +
    "<privateIpAddress>10.0.0.2</privateIpAddress></item></instancesSet></item></reservationSet>" +
    "</DescribeInstancesResponse>";
  await against(lab, {}, () => answer(200, xml), async (node) => {
    const fault = await faultOf(node.neighbours(["manager"]));
    assert.equal(fault.kind, "malformed");
    assert.match(fault.message, /does not say where i-2 is, or since when/);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
