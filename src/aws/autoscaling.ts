/**
 * What Auto Scaling says of an instance of one of its groups, and what it is told of the group's lifecycle
 * hooks. Loaded only when a call is made: no other run needs it.
 *
 * Hooks are told by the instance's id, which needs no token and so no queue (API reference,
 * "CompleteLifecycleAction"). It takes that only while the instance is in `Pending:Wait`,
 * `Terminating:Wait` or their like, and answers a `ValidationError` before and after.
 */
import {
  call,
  type Caller,
  createHandler,
  faultAlone,
  type Outcome,
  queryComplaint,
} from "./call.ts";
import type { SdkCall, SdkClient } from "./sdk.ts";
import type { Variant } from "./sdk_places.ts";
import {
  completeLifecycleAction,
  createAutoScalingClient,
  describeAutoScalingInstances,
  describeLifecycleHooks,
  type DescribeLifecycleHooksAnswer,
  recordLifecycleActionHeartbeat,
} from "./sdk_autoscaling.ts";
import type { Hook, LifecycleHook, Permission } from "../shown.ts";
import type { Answer } from "../state.ts";

/** A group has at most 50 hooks. */
const ANSWER_BYTES_MAX = 1_000_000;

/** Hooks of other transitions are nobody's business here. */
const SAID = new Map<string, LifecycleHook["transition"]>([
  ["autoscaling:EC2_INSTANCE_LAUNCHING", "launching"],
  ["autoscaling:EC2_INSTANCE_TERMINATING", "terminating"],
]);

/** Calls are made one by one: none is retried. */
export class AutoScalingApi {
  readonly #caller: Caller;
  readonly #client: SdkClient;

  /** `endpoint` null: AWS's own, in this variant. */
  constructor(caller: Caller, endpoint: string | null, variant: Variant) {
    const { region, credentials } = caller;
    const handler = createHandler(caller, {
      bytesMax: ANSWER_BYTES_MAX,
      complaint: queryComplaint("Auto Scaling"),
      streamed: false,
    });
    this.#caller = caller;
    this.#client = createAutoScalingClient({ region, credentials, handler, endpoint, variant });
  }

  /** Where this instance is in the life that its group gives it, and the group's hooks; null: in no group. */
  async hook(instance: string): Promise<Answer<Hook | null>> {
    const doing = `ask Auto Scaling about ${instance}`;
    const asked = describeAutoScalingInstances({ InstanceIds: [instance] });
    const found = await this.#ask(doing, asked);
    if (!found.ok) return faultAlone(found);
    if (found.value.AutoScalingInstances === undefined) return lacking(doing, "the instances");
    const own = found.value.AutoScalingInstances.find((one) => one.InstanceId === instance);
    if (own === undefined) return { ok: true, value: null };
    const { AutoScalingGroupName: group, LifecycleState: state } = own;
    if (group === undefined || state === undefined) return lacking(doing, "its group or state");
    const reading = `read the lifecycle hooks of the group ${group}`;
    const listed = await this.#ask(
      reading,
      describeLifecycleHooks({ AutoScalingGroupName: group }),
    );
    if (!listed.ok) return faultAlone(listed);
    const hooks = hooksOf(listed.value);
    return hooks === null
      ? lacking(reading, "the hooks, or a name, transition or timeout of one")
      : { ok: true, value: { group, state, hooks } };
  }

  /** The instance goes on, as far as this hook is concerned. */
  async complete(instance: string, group: string, hook: string): Promise<Answer<null>> {
    const doing = `complete the lifecycle hook "${hook}" of ${group} for ${instance}`;
    const answer = await this.#ask(
      doing,
      completeLifecycleAction({
        ...named(instance, group, hook),
        LifecycleActionResult: "CONTINUE",
      }),
    );
    return answer.ok ? { ok: true, value: null } : faultAlone(answer);
  }

  /** The hook's time begins anew. */
  async heartbeat(instance: string, group: string, hook: string): Promise<Answer<null>> {
    const doing = `send a heartbeat to the lifecycle hook "${hook}" of ${group} for ${instance}`;
    const answer = await this.#ask(
      doing,
      recordLifecycleActionHeartbeat(named(instance, group, hook)),
    );
    return answer.ok ? { ok: true, value: null } : faultAlone(answer);
  }

  /** What a leave may need: Auto Scaling has no way to ask whether it would be allowed. */
  permissions(): Permission[] {
    return ["CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"]
      .map((name) => ({ action: `autoscaling:${name}`, verdict: "unknown" }));
  }

  #ask<Output>(doing: string, operation: SdkCall<Output>): Promise<Outcome<Output>> {
    const action = `autoscaling:${operation.schema[2]}`;
    const attempt = { action, doing, region: this.#caller.region };
    return call(this.#caller, attempt, (options) => this.#client.send(operation, options));
  }
}

function named(InstanceId: string, AutoScalingGroupName: string, LifecycleHookName: string): {
  InstanceId: string;
  AutoScalingGroupName: string;
  LifecycleHookName: string;
} {
  return { InstanceId, AutoScalingGroupName, LifecycleHookName };
}

/** Null: something is missing. */
function hooksOf({ LifecycleHooks }: DescribeLifecycleHooksAnswer): LifecycleHook[] | null {
  if (LifecycleHooks === undefined) return null;
  const hooks: LifecycleHook[] = [];
  for (const { LifecycleHookName, LifecycleTransition, HeartbeatTimeout } of LifecycleHooks) {
    const [name, said, seconds] = [LifecycleHookName, LifecycleTransition, HeartbeatTimeout];
    if (name === undefined || said === undefined || seconds === undefined) return null;
    const transition = SAID.get(said);
    if (transition !== undefined) hooks.push({ name, transition, heartbeatMs: seconds * 1_000 });
  }
  return hooks;
}

function lacking(doing: string, what: string): Answer<never> {
  const message = `Cannot ${doing}: the answer lacks ${what}`;
  return { ok: false, fault: { kind: "malformed", message } };
}
