/** S3 as the SDK describes it: its protocol, where a bucket is, and the operations that the tool calls. */
import {
  DeleteObject$,
  type DeleteObjectCommandInput,
  type DeleteObjectCommandOutput,
  errorTypeRegistries,
  GetObject$,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  ListObjectsV2$,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObject$,
  type PutObjectCommandInput,
  type PutObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { AwsRestXmlProtocol } from "@aws-sdk/core/protocols";
import type { Handler } from "./call.ts";
import type { Credentials } from "./credentials.ts";
import { createSdkClient, operationOf, type SdkClient } from "./sdk.ts";
import { bucketPlace, type Variant } from "./sdk_places.ts";

interface S3ClientOptions {
  region: string;
  /** By S3's rules for names of general purpose buckets; or an access point, by its alias or its ARN. */
  bucket: string;
  /** Null: AWS's own, in this variant. */
  endpoint: string | null;
  variant: Variant;
  credentials: Credentials;
  handler: Handler;
}

export const deleteObject = operationOf<DeleteObjectCommandInput, DeleteObjectCommandOutput>(
  DeleteObject$,
);
export const getObject = operationOf<GetObjectCommandInput, GetObjectCommandOutput>(GetObject$);
export const listObjects = operationOf<ListObjectsV2CommandInput, ListObjectsV2CommandOutput>(
  ListObjectsV2$,
);
export const putObject = operationOf<PutObjectCommandInput, PutObjectCommandOutput>(PutObject$);

export function createS3Client(
  { bucket, endpoint, variant, ...options }: S3ClientOptions,
): SdkClient {
  return createSdkClient({
    ...options,
    service: "s3",
    endpoint: () => bucketPlace(bucket, options.region, variant, endpoint),
    protocol: new AwsRestXmlProtocol({
      defaultNamespace: "com.amazonaws.s3",
      xmlNamespace: "http://s3.amazonaws.com/doc/2006-03-01/",
      errorTypeRegistries,
    }),
  });
}
