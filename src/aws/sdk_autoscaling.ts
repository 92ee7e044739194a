/** Auto Scaling as the SDK describes it: its protocol, where it is, and the operations that the tool calls. */
import {
  type AutoScalingInstancesType,
  CompleteLifecycleAction$,
  type CompleteLifecycleActionType,
  DescribeAutoScalingInstances$,
  type DescribeAutoScalingInstancesType,
  DescribeLifecycleHooks$,
  type DescribeLifecycleHooksAnswer,
  type DescribeLifecycleHooksType,
  errorTypeRegistries,
  RecordLifecycleActionHeartbeat$,
  type RecordLifecycleActionHeartbeatType,
} from "@aws-sdk/client-auto-scaling";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";
import type { Handler } from "./call.ts";
import type { Credentials } from "./credentials.ts";
import { createSdkClient, operationOf, type SdkClient } from "./sdk.ts";
import { servicePlace, type Variant } from "./sdk_places.ts";

export type { DescribeLifecycleHooksAnswer } from "@aws-sdk/client-auto-scaling";

interface AutoScalingClientOptions {
  region: string;
  /** Null: AWS's own, in this variant. */
  endpoint: string | null;
  variant: Variant;
  credentials: Credentials;
  handler: Handler;
}

export const completeLifecycleAction = operationOf<CompleteLifecycleActionType, object>(
  CompleteLifecycleAction$,
);
export const describeAutoScalingInstances = operationOf<
  DescribeAutoScalingInstancesType,
  AutoScalingInstancesType
>(DescribeAutoScalingInstances$);
export const describeLifecycleHooks = operationOf<
  DescribeLifecycleHooksType,
  DescribeLifecycleHooksAnswer
>(DescribeLifecycleHooks$);
export const recordLifecycleActionHeartbeat = operationOf<
  RecordLifecycleActionHeartbeatType,
  object
>(RecordLifecycleActionHeartbeat$);

const API_VERSION = "2011-01-01";

export function createAutoScalingClient(
  { endpoint, variant, ...options }: AutoScalingClientOptions,
): SdkClient {
  return createSdkClient({
    ...options,
    service: "autoscaling",
    endpoint: () => endpoint ?? servicePlace("autoscaling", options.region, variant),
    protocol: new AwsQueryProtocol({
      defaultNamespace: "com.amazonaws.autoscaling",
      xmlNamespace: `http://autoscaling.amazonaws.com/doc/${API_VERSION}/`,
      version: API_VERSION,
      errorTypeRegistries,
    }),
  });
}
