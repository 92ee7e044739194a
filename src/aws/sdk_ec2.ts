/** EC2 as the SDK describes it: its protocol, where it is, and the operations that the tool calls. */
import {
  CreateLaunchTemplate$,
  type CreateLaunchTemplateRequest,
  type CreateLaunchTemplateResult,
  CreateLaunchTemplateVersion$,
  type CreateLaunchTemplateVersionRequest,
  type CreateLaunchTemplateVersionResult,
  CreateTags$,
  type CreateTagsRequest,
  DeleteLaunchTemplateVersions$,
  type DeleteLaunchTemplateVersionsRequest,
  type DeleteLaunchTemplateVersionsResult,
  DeleteTags$,
  type DeleteTagsRequest,
  DescribeInstances$,
  type DescribeInstancesRequest,
  type DescribeInstancesResult,
  DescribeLaunchTemplateVersions$,
  type DescribeLaunchTemplateVersionsRequest,
  type DescribeLaunchTemplateVersionsResult,
  errorTypeRegistries,
} from "@aws-sdk/client-ec2";
import { AwsEc2QueryProtocol } from "@aws-sdk/core/protocols";
import type { Handler } from "./call.ts";
import type { Credentials } from "./credentials.ts";
import { createSdkClient, operationOf, type SdkClient } from "./sdk.ts";
import { servicePlace, type Variant } from "./sdk_places.ts";

export type {
  DescribeInstancesResult,
  DescribeLaunchTemplateVersionsResult,
  Filter,
  RequestLaunchTemplateData,
  Reservation,
} from "@aws-sdk/client-ec2";

interface Ec2ClientOptions {
  region: string;
  /** Null: AWS's own, in this variant. */
  endpoint: string | null;
  variant: Variant;
  credentials: Credentials;
  handler: Handler;
}

export const createLaunchTemplate = operationOf<
  CreateLaunchTemplateRequest,
  CreateLaunchTemplateResult
>(CreateLaunchTemplate$);
export const createLaunchTemplateVersion = operationOf<
  CreateLaunchTemplateVersionRequest,
  CreateLaunchTemplateVersionResult
>(CreateLaunchTemplateVersion$);
export const createTags = operationOf<CreateTagsRequest, object>(CreateTags$);
export const deleteLaunchTemplateVersions = operationOf<
  DeleteLaunchTemplateVersionsRequest,
  DeleteLaunchTemplateVersionsResult
>(DeleteLaunchTemplateVersions$);
export const deleteTags = operationOf<DeleteTagsRequest, object>(DeleteTags$);
export const describeInstances = operationOf<DescribeInstancesRequest, DescribeInstancesResult>(
  DescribeInstances$,
);
export const describeLaunchTemplateVersions = operationOf<
  DescribeLaunchTemplateVersionsRequest,
  DescribeLaunchTemplateVersionsResult
>(DescribeLaunchTemplateVersions$);

const API_VERSION = "2016-11-15";

export function createEc2Client(
  { endpoint, variant, ...options }: Ec2ClientOptions,
): SdkClient {
  return createSdkClient({
    ...options,
    service: "ec2",
    endpoint: () => endpoint ?? servicePlace("ec2", options.region, variant),
    protocol: new AwsEc2QueryProtocol({
      defaultNamespace: "com.amazonaws.ec2",
      xmlNamespace: `http://ec2.amazonaws.com/doc/${API_VERSION}`,
      version: API_VERSION,
      errorTypeRegistries,
    }),
  });
}
