/**
 * Auto Scaling's Query protocol, as far as lifecycle hooks go: groups, the instances in them, and the hooks
 * that hold these.
 *
 * Source: the Amazon EC2 Auto Scaling API Reference, version 2011-01-01.
 */
import type { Exchange, Reply } from "./http.ts";
import { escape } from "./ec2.ts";
import type { Refusals, Wire } from "./wire.ts";
import type { LifecycleHook } from "../../src/shown.ts";

const XMLNS = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
const WRITES = ["CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"];
const INSTANCES_MAX = 50;

/** A caller whose signature was accepted. */
export interface AutoScalingCaller {
  node: string;
  arn: string;
}

export class AutoScalingError extends Error {
  constructor(readonly code: string, message: string, readonly status = 400) {
    super(message);
  }
}

interface Member {
  group: string;
  state: string;
  /** The hooks of this state that are not completed yet. */
  open: Set<string>;
}

export class AutoScalingState {
  readonly #hooks = new Map<string, LifecycleHook[]>();
  readonly #members = new Map<string, Member>();

  addGroup(group: string, hooks: LifecycleHook[]): void {
    this.#hooks.set(group, hooks);
  }

  /** Puts an instance into a group, or into another state there. Hooks hold it in `…:Wait`, until all are completed. */
  put(instance: string, group: string, state: string): void {
    const transition = state.includes("Pending") ? "launching" : "terminating";
    const holding = this.hooksOf(group).filter((hook) => hook.transition === transition);
    const open = state.endsWith(":Wait") ? holding.map(({ name }) => name) : [];
    this.#members.set(instance, { group, state, open: new Set(open) });
  }

  hooksOf(group: string): LifecycleHook[] {
    const hooks = this.#hooks.get(group);
    if (hooks === undefined) {
      throw new AutoScalingError("ValidationError", "Group name not found - null");
    }
    return hooks;
  }

  memberOf(instance: string): Member | undefined {
    return this.#members.get(instance);
  }

  /** A hook that holds this instance at this moment. */
  holding(instance: string, group: string, hook: string): Member {
    const member = this.#members.get(instance);
    if (member === undefined || member.group !== group || !member.open.has(hook)) {
      throw new AutoScalingError(
        "ValidationError",
        `No active Lifecycle Action found with instance ID ${instance}`,
      );
    }
    return member;
  }

  complete(instance: string, group: string, hook: string): void {
    const member = this.holding(instance, group, hook);
    member.open.delete(hook);
    if (member.open.size === 0) member.state = member.state.replace(/Wait$/, "Proceed");
  }
}

/** Answers one request. `callerOf`: who signed it, or an error of AWS's own. */
export function autoScalingHandler(
  state: AutoScalingState,
  wire: Wire,
  callerOf: (exchange: Exchange) => AutoScalingCaller | AutoScalingError,
): (exchange: Exchange) => Promise<Reply> {
  return async (exchange) => {
    const form = new URLSearchParams(new TextDecoder().decode(exchange.body));
    const action = form.get("Action") ?? "";
    const caller = callerOf(exchange);
    const node = caller instanceof AutoScalingError ? "" : caller.node;
    const noted = { service: "autoscaling" as const, node, action, write: WRITES.includes(action) };
    return await wire.handle(noted, refusalsFor(action, caller), () => {
      try {
        if (caller instanceof AutoScalingError) throw caller;
        const result = `<${action}Result>${perform(state, action, form)}</${action}Result>`;
        return xml(
          200,
          `<${action}Response xmlns="${XMLNS}">${result}<ResponseMetadata>${requestId()}` +
            `</ResponseMetadata></${action}Response>`,
        );
      } catch (error) {
        if (error instanceof AutoScalingError) return errorReply(error);
        throw error;
      }
    });
  };
}

function refusalsFor(action: string, caller: AutoScalingCaller | AutoScalingError): Refusals {
  const arn = caller instanceof AutoScalingError
    ? "arn:aws:iam::000000000000:user/nobody"
    : caller.arn;
  const denial = `User: ${arn} is not authorized to perform: autoscaling:${action} because no ` +
    `identity-based policy allows the autoscaling:${action} action`;
  return {
    throttled: () => errorReply(new AutoScalingError("Throttling", "Rate exceeded")),
    denied: () => errorReply(new AutoScalingError("AccessDenied", denial, 403)),
  };
}

function perform(state: AutoScalingState, action: string, form: URLSearchParams): string {
  const [instance, group, hook] = ["InstanceId", "AutoScalingGroupName", "LifecycleHookName"].map(
    (name) => form.get(name) ?? "",
  ) as [string, string, string];
  switch (action) {
    case "DescribeAutoScalingInstances": {
      const ids = [...form].flatMap(([key, value]) =>
        /^InstanceIds\.member\.\d+$/.test(key) ? [value] : []
      );
      if (ids.length > INSTANCES_MAX) {
        throw new AutoScalingError("ValidationError", "Member must have length less than 50");
      }
      const found = ids.map((id) => instanceXml(state, id)).join("");
      return `<AutoScalingInstances>${found}</AutoScalingInstances>`;
    }
    case "DescribeLifecycleHooks":
      return `<LifecycleHooks>${
        state.hooksOf(group).map((one) => hookXml(group, one)).join("")
      }</LifecycleHooks>`;
    case "CompleteLifecycleAction": {
      const result = form.get("LifecycleActionResult");
      if (result !== "CONTINUE" && result !== "ABANDON") {
        throw new AutoScalingError(
          "ValidationError",
          `Lifecycle Action Result ${result} is not valid`,
        );
      }
      state.complete(instance, group, hook);
      return "";
    }
    case "RecordLifecycleActionHeartbeat":
      state.holding(instance, group, hook);
      return "";
    default:
      throw new AutoScalingError("InvalidAction", `Could not find operation ${action}`);
  }
}

/** An id that is in no group is left out, and no error. */
function instanceXml(state: AutoScalingState, id: string): string {
  const member = state.memberOf(id);
  return member === undefined
    ? ""
    : `<member><InstanceId>${id}</InstanceId><AutoScalingGroupName>${
      escape(member.group)
    }</AutoScalingGroupName><AvailabilityZone>eu-central-1a</AvailabilityZone>` +
      `<LifecycleState>${member.state}</LifecycleState><HealthStatus>HEALTHY</HealthStatus>` +
      "<ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>";
}

function hookXml(group: string, { name, transition, heartbeatMs }: LifecycleHook): string {
  const seconds = heartbeatMs / 1_000;
  return `<member><LifecycleHookName>${escape(name)}</LifecycleHookName><AutoScalingGroupName>${
    escape(group)
  }</AutoScalingGroupName><LifecycleTransition>autoscaling:EC2_INSTANCE_${transition.toUpperCase()}</LifecycleTransition><GlobalTimeout>${
    Math.min(100 * seconds, 172_800)
  }</GlobalTimeout><HeartbeatTimeout>${seconds}</HeartbeatTimeout>` +
    "<DefaultResult>ABANDON</DefaultResult></member>";
}

function errorReply({ code, message, status }: AutoScalingError): Reply {
  return xml(
    status,
    `<ErrorResponse xmlns="${XMLNS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${
      escape(message)
    }</Message></Error>${requestId()}</ErrorResponse>`,
  );
}

function xml(status: number, body: string): Reply {
  return {
    kind: "reply",
    status,
    headers: { "content-type": "text/xml", date: new Date().toUTCString() },
    body: `${body}\n`,
  };
}

function requestId(): string {
  return `<RequestId>${crypto.randomUUID()}</RequestId>`;
}
