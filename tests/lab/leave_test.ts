/** Leaves in the lab: who is told to go and who is not, who may not, and what is left behind in AWS. */
import assert from "node:assert/strict";
import { Lab, type LabNode } from "./lab.ts";
import { joined, labTest, nodeNamed, withLab, writesSince } from "./with_lab.ts";

const STORES = ["tags", "s3"] as const;
const TIME = ["--timeout", "60s"];

/** A manager and a worker of one swarm. */
async function withTwo(
  store: typeof STORES[number],
  test: (lab: Lab, manager: LabNode, worker: LabNode) => Promise<void>,
): Promise<void> {
  await withLab({ store, managers: 1, workers: 1 }, async (lab) => {
    const [manager, worker] = [nodeNamed(lab, "manager-1"), nodeNamed(lab, "worker-1")];
    await joined(lab, manager);
    await joined(lab, worker);
    await test(lab, manager, worker);
  });
}

for (const store of STORES) {
  labTest(`${store}: a worker on which nothing runs leaves, and takes its word back`, async () => {
    await withTwo(store, async (lab, _, worker) => {
      const result = await lab.run(worker, ["leave", "--json", ...TIME]);
      assert.equal(result.exit, 0, result.stderr);
      assert.equal(result.report?.result, "left");
      assert.equal(result.report?.role, "worker");
      assert.equal(worker.engine.state.membership, null);
      assert.deepEqual(wordsIn(lab), []);
      const since = lab.wire.calls.length;
      const again = await lab.run(worker, ["leave", "--json", ...TIME]);
      assert.deepEqual([again.exit, again.report?.result], [0, "unchanged"], again.stderr);
      assert.deepEqual(writesSince(lab, since, [worker]), []);
    });
  });

  labTest(
    `${store}: a plan of a leave says what is first, and what AWS allows, and changes nothing`,
    async () => {
      await withTwo(store, async (lab, _, worker) => {
        const [since, before] = [lab.wire.calls.length, lab.snapshot()];
        for (const args of [["plan", "leave", "--json"], ["leave", "--dry-run", "--json"]]) {
          const { exit, report, stderr } = await lab.run(worker, args);
          assert.equal(exit, 0, stderr);
          assert.equal(report?.result, "planned");
          const { action, rule } = report?.decision as { action: string; rule: string };
          assert.deepEqual([action, rule], ["announce", "announce-leave"]);
          const permissions = report?.permissions as { action: string; verb: string }[];
          assert.deepEqual(
            permissions.map(({ action, verb }) => `${verb} ${action}`),
            store === "tags"
              ? ["leave ec2:CreateTags", "leave ec2:DeleteTags"]
              : ["leave s3:PutObject", "leave s3:DeleteObject"],
          );
        }
        worker.imds.lifecycle = "InService";
        const inGroup = await lab.run(worker, ["plan", "leave", "--json"]);
        const asked = inGroup.report?.permissions as { action: string; verdict: string }[];
        assert.deepEqual(asked.slice(2).map(({ action, verdict }) => `${action} ${verdict}`), [
          "autoscaling:CompleteLifecycleAction unknown",
          "autoscaling:RecordLifecycleActionHeartbeat unknown",
        ]);
        assert.deepEqual(lab.snapshot(), before);
        assert.deepEqual(writesSince(lab, since, [worker]), []);
      });
    },
  );

  labTest(`${store}: the last manager stays, exit 5, and nothing is changed`, async () => {
    await withTwo(store, async (lab, manager) => {
      const before = lab.snapshot();
      const { exit, report } = await lab.run(manager, ["leave", "--json", ...TIME]);
      assert.deepEqual([exit, report?.rule], [5, "last-manager"]);
      assert.deepEqual(lab.snapshot(), before);
    });
  });
}

const TELLING: { what: string; tell: (lab: Lab, node: LabNode) => void; leaves: boolean }[] = [
  { what: "nobody", tell: () => {}, leaves: false },
  {
    what: "Auto Scaling",
    tell: (_, { imds }) => void (imds.lifecycle = "Terminated"),
    leaves: true,
  },
  { what: "a spot notice", tell: (_, { imds }) => void (imds.spot = "terminate"), leaves: true },
  {
    what: "EC2",
    tell: (lab, { instance }) => lab.aws.ec2.setState(instance, "shutting-down"),
    leaves: true,
  },
  {
    what: "a spot notice of a stop",
    tell: (_, { imds }) => void (imds.spot = "stop"),
    leaves: false,
  },
  {
    what: "Auto Scaling, into a warm pool",
    tell: (_, { imds }) => void (imds.lifecycle = "Warmed:Stopped"),
    leaves: true,
  },
  {
    what: "Auto Scaling, into service",
    tell: (_, { imds }) => void (imds.lifecycle = "InService"),
    leaves: false,
  },
  {
    what: "EC2, of a stop",
    tell: (lab, { instance }) => lab.aws.ec2.setState(instance, "stopping"),
    leaves: false,
  },
];

for (const { what, tell, leaves } of TELLING) {
  labTest(
    `--if-terminating: a worker that is told to go by ${what} ${leaves ? "leaves" : "stays"}`,
    async () => {
      await withTwo("tags", async (lab, _, worker) => {
        tell(lab, worker);
        const before = lab.snapshot();
        const result = await lab.run(worker, [
          "leave",
          "--if-terminating",
          "--json",
          ...TIME,
        ]);
        assert.equal(result.exit, 0, result.stderr);
        assert.equal(result.report?.result, leaves ? "left" : "unchanged");
        assert.equal(worker.engine.state.membership === null, leaves);
        if (!leaves) assert.deepEqual(lab.snapshot(), before);
      });
    },
  );
}

for (const store of STORES) {
  labTest(
    `${store}: a manager leaves, and nothing says any more that it was one`,
    async () => {
      await withLab({ store, managers: 3 }, async (lab) => {
        for (const node of lab.nodes) await joined(lab, node);
        const [one, two, three] = lab.nodes as [LabNode, LabNode, LabNode];
        const swarm = one.engine.state.membership?.swarm;
        const { exit, report, stderr } = await lab.run(three, ["leave", "--json", ...TIME]);
        assert.deepEqual([exit, report?.result], [0, "left"], stderr);
        assert.deepEqual([report?.role, report?.reaped], ["manager", []]);
        assert.deepEqual(report?.managers, [one.address, two.address]);
        assert.equal(three.engine.state.membership, null);
        const tags = lab.aws.ec2.get(three.instance)?.tags;
        assert.deepEqual([...tags?.keys() ?? []], ["Name", "Role"]);
        const again = await joined(lab, one);
        assert.deepEqual(again.report?.managers, [one.address, two.address]);
        assert.equal(two.engine.state.membership?.swarm, swarm);
      });
    },
  );

  labTest(`${store}: a terminated manager is reaped by the next run, which names it`, async () => {
    await withLab({ store, managers: 3 }, async (lab) => {
      for (const node of lab.nodes) await joined(lab, node);
      const [one, two, three] = lab.nodes as [LabNode, LabNode, LabNode];
      const dead = three.engine.state.membership?.nodeId;
      await lab.terminate(three);
      const { report } = await joined(lab, one);
      assert.deepEqual(report?.reaped, [dead]);
      assert.deepEqual(report?.managers, [one.address, two.address]);
      assert.deepEqual((await joined(lab, two)).report?.reaped, []);
    });
  });
}

labTest("nodes have the labels of their instances, and of the tags that are named", async () => {
  await withLab({ managers: 1, workers: 1 }, async (lab) => {
    const [manager, worker] = [nodeNamed(lab, "manager-1"), nodeNamed(lab, "worker-1")];
    manager.imds.placement = { zone: "eu-central-1b", type: "m7i.large", lifecycle: "spot" };
    await joined(lab, manager);
    await joined(lab, worker);
    const { exit, stderr } = await lab.run(manager, ["join", "--label-tags", "Name,Team", ...TIME]);
    assert.equal(exit, 0, stderr);
    const labelsOf = (node: LabNode): unknown =>
      manager.engine.state.membership?.swarm.nodes
        .find(({ id }) => id === node.engine.state.membership?.nodeId)?.labels;
    const label = (name: string, value: string): [string, string] => [`swarm-join.${name}`, value];
    const labels = (...all: [string, string][]): unknown => Object.fromEntries(all);
    assert.deepEqual(
      labelsOf(manager),
      labels(
        label("instance", manager.instance),
        label("zone", "eu-central-1b"),
        label("type", "m7i.large"),
        label("lifecycle", "spot"),
        label("tag.Name", "manager-1"),
      ),
    );
    assert.deepEqual(
      labelsOf(worker),
      labels(
        label("instance", worker.instance),
        label("zone", "eu-central-1a"),
        label("type", "t3.small"),
        label("lifecycle", "on-demand"),
        label("tag.Name", "worker-1"),
      ),
    );
  });
});

/** What is said in tags and objects. */
function wordsIn(lab: Lab): string[] {
  const tags = lab.aws.ec2.instances().flatMap(({ tags }) => tags.get("SwarmLeaving") ?? []);
  const keys = [...lab.aws.s3.buckets.values()].flatMap(({ objects }) => [...objects.keys()]);
  return [...tags, ...keys.filter((key) => key.includes("/leaving/"))];
}
