/** Lifecycle hooks in the lab: a leave that Auto Scaling waits for tells it so, once, when it is out, whatever that meets. */
import assert from "node:assert/strict";
import type { Trouble } from "../emulators/wire.ts";
import type { Lab, LabNode } from "./lab.ts";
import type { RunResult } from "./process.ts";
import { until } from "../e2e/machine.ts";
import { joined, labTest, nodeNamed, withLab } from "./with_lab.ts";

const GROUP = "swarm";
const HEARTBEAT_MS = 300_000;

/** Auto Scaling takes this node out of service, and holds it by a hook once it is in this state. */
function told(lab: Lab, { instance, imds }: LabNode, state: string): void {
  inGroup(lab, instance, state);
  imds.lifecycle = "Terminated";
}

function inGroup(lab: Lab, instance: string, state: string): void {
  lab.aws.autoScaling.addGroup(GROUP, [
    { name: "launch", transition: "launching", heartbeatMs: HEARTBEAT_MS },
    { name: "leave", transition: "terminating", heartbeatMs: HEARTBEAT_MS },
  ]);
  lab.aws.autoScaling.put(instance, GROUP, state);
}

function stateOf(lab: Lab, { instance }: LabNode): string | undefined {
  return lab.aws.autoScaling.memberOf(instance)?.state;
}

function leave(lab: Lab, node: LabNode): Promise<RunResult> {
  return lab.run(node, ["leave", "--if-terminating", "--json", "--timeout", "90s"]);
}

/** Where this node was, each time that it said that it may go. */
function completions(lab: Lab, node: LabNode): boolean[] {
  const wasOut: boolean[] = [];
  const { onCall } = lab.wire;
  lab.wire.onCall = (call) => {
    onCall(call);
    if (call.action === "CompleteLifecycleAction" && call.node === node.instance) {
      wasOut.push(node.engine.state.membership === null);
    }
  };
  return wasOut;
}

/** A manager and a worker of one swarm; the worker is the one that goes. */
async function withGoing(
  state: string,
  test: (lab: Lab, worker: LabNode, wasOut: boolean[]) => Promise<void>,
): Promise<void> {
  await withLab({ managers: 1, workers: 1 }, async (lab) => {
    for (const node of lab.nodes) await joined(lab, node);
    const worker = nodeNamed(lab, "worker-1");
    told(lab, worker, state);
    await test(lab, worker, completions(lab, worker));
  });
}

for (const store of ["tags", "s3"] as const) {
  labTest(
    `${store}: a manager that Auto Scaling holds completes its hook, once, when it is out`,
    async () => {
      await withLab({ store, managers: 3 }, async (lab) => {
        for (const node of lab.nodes) await joined(lab, node);
        const node = nodeNamed(lab, "manager-3");
        told(lab, node, "Terminating:Wait");
        const wasOut = completions(lab, node);
        const { exit, report, stderr } = await leave(lab, node);
        assert.deepEqual([exit, report?.result, report?.warnings], [0, "left", []], stderr);
        assert.deepEqual(wasOut, [true]);
        assert.equal(stateOf(lab, node), "Terminating:Proceed");
        // With tags a manager in no swarm first looks for it for half a minute.
        if (store === "tags") return;
        const again = await leave(lab, node);
        assert.deepEqual([again.exit, again.report?.result], [0, "unchanged"], again.stderr);
        assert.deepEqual(wasOut, [true]);
      });
    },
  );
}

labTest("a worker is out before its hook holds it: waits for that, and completes it", async () => {
  await withGoing("Terminating", async (lab, worker, wasOut) => {
    const { onCall } = lab.wire;
    lab.wire.onCall = (call) => {
      onCall(call);
      // Load balancers have let go of it.
      if (call.action === "DescribeLifecycleHooks" && call.nth === 2) {
        told(lab, worker, "Terminating:Wait");
      }
    };
    const { exit, report, stderr } = await leave(lab, worker);
    assert.deepEqual([exit, report?.result, report?.warnings], [0, "left", []], stderr);
    assert.match(stderr, /hook-pending/);
    assert.deepEqual(wasOut, [true]);
  });
});

labTest("a machine that was out already completes the hook that holds it", async () => {
  await withLab({ managers: 1, workers: 1 }, async (lab) => {
    const worker = nodeNamed(lab, "worker-1");
    told(lab, worker, "Terminating:Wait");
    const wasOut = completions(lab, worker);
    const { exit, stderr } = await leave(lab, worker);
    assert.equal(exit, 0, stderr);
    assert.deepEqual(wasOut, [true]);
  });
});

/** As Auto Scaling answers what comes before its hook holds the instance. */
const TOO_EARLY: Trouble = {
  kind: "reply",
  reply: {
    kind: "reply",
    status: 400,
    body: "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>" +
      "<Message>No active Lifecycle Action found</Message></Error></ErrorResponse>",
  },
};
const PASSING: { what: string; trouble: Trouble }[] = [
  { what: "refused, as it came too early", trouble: TOO_EARLY },
  { what: "throttled", trouble: { kind: "throttled" } },
  { what: "cut off", trouble: { kind: "reset" } },
];

for (const { what, trouble } of PASSING) {
  labTest(`the first word to Auto Scaling is ${what}: it says so, and tries again`, async () => {
    await withGoing("Terminating:Wait", async (lab, worker, wasOut) => {
      lab.wire.trouble = ({ action, nth }) =>
        action === "CompleteLifecycleAction" && nth === 1 ? trouble : null;
      const { exit, report, stderr } = await leave(lab, worker);
      assert.deepEqual([exit, report?.result, report?.warnings], [0, "left", []], stderr);
      assert.match(stderr, /Cannot complete the lifecycle hook .*it goes on without/);
      assert.deepEqual(wasOut, [true, true]);
      assert.equal(stateOf(lab, worker), "Terminating:Proceed");
    });
  });
}

labTest("the answer to its word to Auto Scaling is lost: it is not told twice", async () => {
  await withGoing("Terminating:Wait", async (lab, worker, wasOut) => {
    lab.wire.trouble = ({ action }) =>
      action === "CompleteLifecycleAction" ? { kind: "lost" } : null;
    const { exit, report, stderr } = await leave(lab, worker);
    assert.deepEqual([exit, report?.result, report?.warnings], [0, "left", []], stderr);
    assert.deepEqual(wasOut, [true]);
  });
});

for (const action of ["CompleteLifecycleAction", "DescribeAutoScalingInstances"]) {
  labTest(
    `without autoscaling:${action} it leaves all the same, and says what is missing`,
    async () => {
      await withGoing("Terminating:Wait", async (lab, worker, wasOut) => {
        lab.wire.trouble = (call) => call.action === action ? { kind: "denied" } : null;
        const { exit, report, stderr } = await leave(lab, worker);
        assert.deepEqual([exit, report?.result], [0, "left"], stderr);
        const warnings = report?.warnings as string[];
        assert.match(warnings.join(), new RegExp(`was not told: .*allow autoscaling:${action}$`));
        assert.equal(wasOut.length, action === "CompleteLifecycleAction" ? 1 : 0);
        assert.equal(stateOf(lab, worker), "Terminating:Wait");
      });
    },
  );
}

labTest("the last manager is held to the end of its hook, and says so", async () => {
  await withLab({ managers: 1 }, async (lab) => {
    const [node] = lab.nodes as [LabNode];
    await joined(lab, node);
    told(lab, node, "Terminating:Wait");
    const { exit, report, stderr } = await leave(lab, node);
    assert.deepEqual([exit, report?.rule], [5, "last-manager"], stderr);
    assert.match(stderr, /hook, if there is one, is not completed/);
    assert.equal(lab.wire.total({ services: ["autoscaling"] }), 0);
  });
});

labTest("a leave that waits for its tasks sends heartbeats", async () => {
  await withGoing("Terminating:Wait", async (lab, worker, wasOut) => {
    worker.engine.state.tasks.push("web.1");
    const { onCall } = lab.wire;
    lab.wire.onCall = (call) => {
      onCall(call);
      if (call.action === "RecordLifecycleActionHeartbeat") worker.engine.state.tasks.length = 0;
    };
    const { exit, report, stderr } = await leave(lab, worker);
    assert.deepEqual([exit, report?.result], [0, "left"], stderr);
    assert.match(stderr, /hook-heartbeat/);
    assert.deepEqual(wasOut, [true]);
  });
});

const KEEP = ["keep", "--json", "--interval", "5s", "--timeout", "60s"];
const PATIENCE_MS = 120_000;

async function comesTo(lab: Lab, node: LabNode, state: string): Promise<void> {
  await until(`${node.name} in ${state}`, PATIENCE_MS, () => {
    return Promise.resolve(stateOf(lab, node) === state);
  }, 100);
}

labTest(
  "under keep: held as it comes until it is a member, and as it goes until it is none",
  async () => {
    await withLab({ managers: 2 }, async (lab) => {
      const [one, two] = lab.nodes as [LabNode, LabNode];
      await joined(lab, one);
      inGroup(lab, two.instance, "Pending:Wait");
      two.imds.lifecycle = "InService";
      const wasOut = completions(lab, two);
      const process = lab.start(two, KEEP);
      await comesTo(lab, two, "Pending:Proceed");
      assert.deepEqual(wasOut, [false]);
      const { nodeId } = two.engine.state.membership!;
      assert.ok(one.engine.state.membership?.swarm.voters.some(({ id }) => id === nodeId));
      told(lab, two, "Terminating:Wait");
      const { exit, report, stderr } = await process.ended;
      assert.deepEqual([exit, report?.result], [0, "left"], stderr);
      assert.deepEqual(wasOut, [false, true]);
      assert.equal(stateOf(lab, two), "Terminating:Proceed");
    });
  },
);

labTest(
  "under keep, into a warm pool and out of it: held as long as it has to be, each time",
  async () => {
    await withLab({ managers: 1, workers: 1 }, async (lab) => {
      const worker = nodeNamed(lab, "worker-1");
      await joined(lab, nodeNamed(lab, "manager-1"));
      inGroup(lab, worker.instance, "Warmed:Pending:Wait");
      worker.imds.lifecycle = "Warmed:Running";
      const wasOut = completions(lab, worker);
      const process = lab.start(worker, KEEP);
      await comesTo(lab, worker, "Warmed:Pending:Proceed");
      inGroup(lab, worker.instance, "Pending:Wait");
      worker.imds.lifecycle = "InService";
      await comesTo(lab, worker, "Pending:Proceed");
      assert.deepEqual(wasOut, [true, false]);
      process.stop();
      assert.equal((await process.ended).report?.result, "stopped");
    });
  },
);
