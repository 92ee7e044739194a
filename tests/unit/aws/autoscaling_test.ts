/** What Auto Scaling says of an instance and its hooks, and what it takes, against the emulated one. */
import assert from "node:assert/strict";
import type { Fault } from "../../../src/state.ts";
import type { Trouble } from "../../emulators/wire.ts";
import {
  against,
  type AwsLab,
  faultOf,
  type LabNode,
  labTest,
  valueOf,
} from "../../support/aws_lab.ts";
import { answer } from "../../support/raw_server.ts";
import type { AutoScalingApi } from "../../../src/aws/autoscaling.ts";
import type { Hook, LifecycleHook } from "../../../src/shown.ts";

const HOOKS: LifecycleHook[] = [
  { name: "launch", transition: "launching", heartbeatMs: 300_000 },
  { name: "leave & log", transition: "terminating", heartbeatMs: 30_000 },
];

function inGroup(lab: AwsLab, state: string): void {
  lab.aws.autoScaling.addGroup("managers", HOOKS);
  lab.aws.autoScaling.put("i-1", "managers", state);
}

async function apiOf(lab: AwsLab, n = 1): Promise<AutoScalingApi> {
  return await lab.node(n).autoScaling();
}

labTest("Auto Scaling: the group, the state there, and the group's hooks", async (lab) => {
  inGroup(lab, "Terminating:Wait");
  const api = await apiOf(lab);
  assert.deepEqual(await valueOf<Hook | null>(api.hook("i-1")), {
    group: "managers",
    state: "Terminating:Wait",
    hooks: HOOKS,
  });
});

labTest("Auto Scaling: who is in no group costs one request", async (lab) => {
  inGroup(lab, "InService");
  const node = lab.node(2);
  assert.equal(await valueOf((await node.autoScaling()).hook("i-2")), null);
  assert.equal(node.sent(), 1);
});

labTest(
  "Auto Scaling: a hook is told by its name, and holds the instance no longer",
  async (lab) => {
    inGroup(lab, "Terminating:Wait");
    const api = await apiOf(lab);
    assert.equal(await valueOf(api.heartbeat("i-1", "managers", "leave & log")), null);
    assert.equal(await valueOf(api.complete("i-1", "managers", "leave & log")), null);
    assert.equal((await valueOf(api.hook("i-1")))?.state, "Terminating:Proceed");
    const writes = lab.wire.calls.filter(({ write }) => write).map(({ action }) => action);
    assert.deepEqual(writes, ["RecordLifecycleActionHeartbeat", "CompleteLifecycleAction"]);
  },
);

labTest("Auto Scaling: what comes too early or too late is declined, in its words", async (lab) => {
  inGroup(lab, "Terminating");
  const api = await apiOf(lab);
  for (
    const ask of [
      api.complete("i-1", "managers", "launch"),
      api.heartbeat("i-1", "managers", "launch"),
    ]
  ) {
    const fault = await faultOf(ask);
    assert.equal(fault.kind, "declined");
    assert.match(
      fault.message,
      /"launch" of managers for i-1: ValidationError: No active Lifecycle Action/,
    );
  }
});

/** What each trouble is to the one who asked. */
const FAULTS: { trouble: Trouble; kind: Fault["kind"]; says: RegExp }[] = [
  { trouble: { kind: "reset" }, kind: "unreachable", says: /no connection to / },
  { trouble: { kind: "silence" }, kind: "timeout", says: /no answer within 0\.3 s/ },
  {
    trouble: { kind: "html" },
    kind: "malformed",
    says: /not Auto Scaling's, or cut short; is the/,
  },
  { trouble: { kind: "huge" }, kind: "malformed", says: /longer than \d+ bytes/ },
  { trouble: { kind: "throttled" }, kind: "throttled", says: /Throttling/ },
  { trouble: { kind: "denied" }, kind: "denied", says: /; allow autoscaling:/ },
];
const ACTIONS: [string, (api: AutoScalingApi) => Promise<{ ok: boolean; fault?: Fault }>][] = [
  ["autoscaling:DescribeAutoScalingInstances", (api) => api.hook("i-1")],
  ["autoscaling:CompleteLifecycleAction", (api) => api.complete("i-1", "managers", "launch")],
  [
    "autoscaling:RecordLifecycleActionHeartbeat",
    (api) => api.heartbeat("i-1", "managers", "launch"),
  ],
];

for (const { trouble, kind, says } of FAULTS) {
  labTest(
    `Auto Scaling: a call that meets "${trouble.kind}" answers ${kind}, after one request`,
    async (lab) => {
      inGroup(lab, "Pending:Wait");
      lab.wire.trouble = () => trouble;
      for (const [action, ask] of ACTIONS) {
        const node = lab.node(1, {}, { deadlineMs: trouble.kind === "silence" ? 300 : 5_000 });
        const fault = await faultOf(ask(await node.autoScaling()));
        assert.equal(fault.kind, kind, fault.message);
        assert.match(fault.message, says);
        assert.match(fault.message, /^Cannot [a-z]/);
        assert.equal(fault.permission, kind === "denied" ? action : undefined);
        assert.equal(node.sent(), 1);
      }
    },
  );
}

labTest(
  "Auto Scaling: who may see the instance and not the hooks is told which is missing",
  async (lab) => {
    inGroup(lab, "Terminating:Wait");
    lab.wire.trouble = ({ action }) =>
      action === "DescribeLifecycleHooks" ? { kind: "denied" } : null;
    const fault = await faultOf((await apiOf(lab)).hook("i-1"));
    assert.equal(fault.permission, "autoscaling:DescribeLifecycleHooks");
  },
);

/** An answer as Auto Scaling's, with this in it. */
function result(action: string, xml: string): string {
  return `<${action}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">` +
    `<${action}Result>${xml}</${action}Result></${action}Response>`;
}

const OWN = "<InstanceId>i-1</InstanceId>";
const INSTANCE = `${OWN}<AutoScalingGroupName>g</AutoScalingGroupName>` +
  "<LifecycleState>InService</LifecycleState>";

function instances(member: string): string {
  const list = `<AutoScalingInstances><member>${member}</member></AutoScalingInstances>`;
  return result("DescribeAutoScalingInstances", list);
}

/** Asks an Auto Scaling that shows the instance so, and these hooks. */
async function asked(
  lab: AwsLab,
  instance: string,
  hooks: string,
  test: (node: LabNode) => Promise<void>,
): Promise<void> {
  const replies = [instances(instance), result("DescribeLifecycleHooks", hooks)];
  await against(lab, {}, () => answer(200, replies.shift() ?? ""), test);
}

const LACKING: { what: string; instance: string; hooks: string }[] = [
  { what: "the instance's state", instance: OWN, hooks: "<LifecycleHooks/>" },
  { what: "the hooks", instance: INSTANCE, hooks: "" },
  {
    what: "a hook's timeout",
    instance: INSTANCE,
    hooks: "<LifecycleHooks><member><LifecycleHookName>a</LifecycleHookName><LifecycleTransition>" +
      "autoscaling:EC2_INSTANCE_TERMINATING</LifecycleTransition></member></LifecycleHooks>",
  },
];

for (const { what, instance, hooks } of LACKING) {
  labTest(`Auto Scaling: an answer without ${what} says nothing`, async (lab) => {
    await asked(lab, instance, hooks, async (node) => {
      const fault = await faultOf((await node.autoScaling()).hook("i-1"));
      assert.equal(fault.kind, "malformed");
      assert.match(fault.message, /the answer lacks/);
    });
  });
}

labTest("Auto Scaling: a hook of another transition is nobody's here", async (lab) => {
  const hooks = "<LifecycleHooks><member><LifecycleHookName>a</LifecycleHookName>" +
    "<LifecycleTransition>autoscaling:EC2_INSTANCE_RESTING</LifecycleTransition>" +
    "<HeartbeatTimeout>30</HeartbeatTimeout></member></LifecycleHooks>";
  await asked(lab, INSTANCE, hooks, async (node) => {
    const hook = await valueOf((await node.autoScaling()).hook("i-1"));
    assert.deepEqual(hook, { group: "g", state: "InService", hooks: [] });
  });
});
