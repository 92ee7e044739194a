/** S3 as the SDK describes it: its protocol, where a bucket is, and the operations that the tool calls. */
import {
  errorTypeRegistries,
  GetObject$,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  PutObject$,
  type PutObjectCommandInput,
  type PutObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { isVirtualHostableS3Bucket, partition } from "@aws-sdk/core/client";
import { AwsRestXmlProtocol } from "@aws-sdk/core/protocols";
import type { Handler } from "./call.ts";
import type { Credentials } from "./credentials.ts";
import { createSdkClient, operationOf, type SdkClient } from "./sdk.ts";

interface S3ClientOptions {
  region: string;
  /** By S3's rules for names of general purpose buckets. */
  bucket: string;
  /** Null: AWS's own. */
  endpoint: string | null;
  credentials: Credentials;
  handler: Handler;
}

export const getObject = operationOf<GetObjectCommandInput, GetObjectCommandOutput>(GetObject$);
export const putObject = operationOf<PutObjectCommandInput, PutObjectCommandOutput>(PutObject$);

export function createS3Client({ bucket, endpoint, ...options }: S3ClientOptions): SdkClient {
  return createSdkClient({
    ...options,
    service: "s3",
    // Others' S3 is rarely set up with a host name for each bucket.
    endpoint: endpoint === null
      ? bucketEndpoint(bucket, options.region)
      : `${endpoint.replace(/\/+$/, "")}/${bucket}`,
    protocol: new AwsRestXmlProtocol({
      defaultNamespace: "com.amazonaws.s3",
      xmlNamespace: "http://s3.amazonaws.com/doc/2006-03-01/",
      errorTypeRegistries,
    }),
  });
}

/** Where a bucket is: at a host name of its own, but for names with dots, which no certificate covers. */
function bucketEndpoint(bucket: string, region: string): string {
  const host = `s3.${region}.${partition(region).dnsSuffix}`;
  return isVirtualHostableS3Bucket(bucket, false)
    ? `https://${bucket}.${host}`
    : `https://${host}/${bucket}`;
}
