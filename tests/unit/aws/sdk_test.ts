/**
 * What is sent to AWS is what the SDK's own clients send, in every partition: the same place, body and
 * headers, but for those that only say who asks.
 */
import assert from "node:assert/strict";
import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingInstancesCommand,
} from "@aws-sdk/client-auto-scaling";
import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { Handler, SdkRequest } from "../../../src/aws/call.ts";
import type { Credentials } from "../../../src/aws/credentials.ts";
import {
  completeLifecycleAction,
  createAutoScalingClient,
  describeAutoScalingInstances,
} from "../../../src/aws/sdk_autoscaling.ts";
import { createEc2Client, describeInstances } from "../../../src/aws/sdk_ec2.ts";
import { createS3Client, getObject, listObjects, putObject } from "../../../src/aws/sdk_s3.ts";

const REGIONS = [
  ...["us-east-1", "eu-central-1", "me-south-1", "cn-north-1", "cn-northwest-1"],
  ...["us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"],
  ...["us-isof-south-1", "xx-new-9"],
];
const BUCKETS = ["swarm-records", "swarm.records", "123", "192-168-0-1"];
const SECRETS = { accessKeyId: "AKIA", secretAccessKey: "secret", sessionToken: "session" };
const OPTIONS = { requestTimeout: 1, seen: { dateMs: null } };
/** Else it adds a checksum of nothing to a read, and asks for one of the answer. */
const S3_OPTIONS = {
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
} as const;
const ec2Input = { Filters: [{ Name: "vpc-id", Values: ["vpc-1", "a\\*b ü"] }], MaxResults: 100 };
const completion = {
  ...{ AutoScalingGroupName: "a b/ü+(1)", LifecycleHookName: "leave", InstanceId: "i-1" },
  LifecycleActionResult: "CONTINUE",
};
const getInput = { Bucket: "", Key: "a b/ü+(1)/record.json", ExpectedBucketOwner: "123456789012" };
const putInput = {
  ...getInput,
  Body: "{}",
  ContentType: "application/json",
  IfNoneMatch: "*",
  ServerSideEncryption: "aws:kms" as const,
  Tagging: "Team=a%20b&Cost=1",
};
const listInput = { Prefix: "a b/ü+(1)/", ContinuationToken: "1/+=", ExpectedBucketOwner: "1" };

for (const region of REGIONS) {
  for (const endpoint of [null, "http://127.0.0.1:4566"]) {
    const variant = { fips: false, dualstack: false };
    const own = { region, endpoint, variant, credentials: credentials() };
    const theirs = (requestHandler: unknown): Record<string, unknown> => ({
      ...{ region, credentials: SECRETS, requestHandler, maxAttempts: 1 },
      ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    });

    Deno.test(`EC2 of ${region} is asked as the SDK asks it at ${endpoint ?? "AWS"}`, async () => {
      const ours = await sent((handler) =>
        createEc2Client({ ...own, handler }).send(describeInstances(ec2Input), OPTIONS)
      );
      const sdk = await sent((handler) =>
        new EC2Client(theirs(handler)).send(new DescribeInstancesCommand(ec2Input))
      );
      assert.deepEqual(ours, sdk);
    });

    Deno.test(`Auto Scaling of ${region} is asked as the SDK asks it at ${endpoint ?? "AWS"}`, async () => {
      const ours = (handler: Handler): ReturnType<typeof createAutoScalingClient> =>
        createAutoScalingClient({ ...own, handler });
      const client = (handler: Handler): AutoScalingClient =>
        new AutoScalingClient(theirs(handler));
      const list = { InstanceIds: ["i-1"] };
      assert.deepEqual(
        await sent((handler) => ours(handler).send(describeAutoScalingInstances(list), OPTIONS)),
        await sent((handler) =>
          client(handler).send(new DescribeAutoScalingInstancesCommand(list))
        ),
      );
      assert.deepEqual(
        await sent((handler) => ours(handler).send(completeLifecycleAction(completion), OPTIONS)),
        await sent((handler) =>
          client(handler).send(new CompleteLifecycleActionCommand(completion))
        ),
      );
    });

    Deno.test(`S3 of ${region} is asked as the SDK asks it at ${endpoint ?? "AWS"}`, async () => {
      for (const Bucket of BUCKETS) {
        const client = (handler: Handler): ReturnType<typeof createS3Client> =>
          createS3Client({ ...own, bucket: Bucket, handler });
        const get = { ...getInput, Bucket };
        assert.deepEqual(
          await sent((handler) => client(handler).send(getObject(get), OPTIONS)),
          await sent((handler) =>
            new S3Client({ ...theirs(handler), ...S3_OPTIONS }).send(new GetObjectCommand(get))
          ),
        );
        const put = { ...putInput, Bucket, ChecksumSHA256: "x" };
        assert.deepEqual(
          await sent((handler) => client(handler).send(putObject(put), OPTIONS)),
          await sent((handler) =>
            new S3Client({ ...theirs(handler), ...S3_OPTIONS }).send(new PutObjectCommand(put))
          ),
        );
        const list = { ...listInput, Bucket };
        assert.deepEqual(
          await sent((handler) => client(handler).send(listObjects(list), OPTIONS)),
          await sent((handler) =>
            new S3Client({ ...theirs(handler), ...S3_OPTIONS }).send(new ListObjectsV2Command(list))
          ),
        );
      }
    });
  }
}

for (const endpoint of [null, "https://s3.example:9000/sub"]) {
  Deno.test(`S3 at an access point is asked as the SDK asks it at ${endpoint ?? "AWS"}`, async () => {
    const region = "eu-central-1";
    const Bucket = `arn:aws:s3:${region}:999999999999:accesspoint/swarms`;
    const get = { ...getInput, Bucket };
    const variant = { fips: false, dualstack: endpoint === null };
    const own = { region, endpoint, variant, credentials: credentials(), bucket: Bucket };
    const theirs = (requestHandler: unknown): Record<string, unknown> => ({
      ...{ region, credentials: SECRETS, requestHandler, maxAttempts: 1, ...S3_OPTIONS },
      ...(endpoint === null ? { useDualstackEndpoint: true } : { endpoint }),
    });
    assert.deepEqual(
      await sent((handler) => createS3Client({ ...own, handler }).send(getObject(get), OPTIONS)),
      await sent((handler) => new S3Client(theirs(handler)).send(new GetObjectCommand(get))),
    );
  });
}

type Sent = Omit<SdkRequest, "headers"> & { headers: [string, string][]; scope: string };

/** The request that is handed to the handler. */
async function sent(send: (handler: Handler) => Promise<unknown>): Promise<Sent> {
  const seen: SdkRequest[] = [];
  const handler: Handler = {
    handle: (request) => {
      seen.push(request);
      return Promise.reject(new Error("it is only looked at"));
    },
  };
  await assert.rejects(send(handler), /only looked at/);
  const [request] = seen;
  assert.ok(request);
  const { protocol, hostname, port, method, path, query = {}, headers, body } = request;
  const kept = Object.entries(headers).filter(([name]) => !NOT_COMPARED.test(name)).sort();
  // Its day aside: which service, and which region.
  const scope = /Credential=AKIA\/\d{8}\/([^,]+)/.exec(headers["authorization"] ?? "")?.[1] ?? "";
  const text = body === undefined ? "" : String(body);
  return {
    protocol,
    hostname,
    port: Number(port ?? 0),
    method,
    path,
    query,
    headers: kept,
    body: text,
    scope,
  };
}

/** Who asks, how often, when; and what `fetch` says by itself. */
const NOT_COMPARED =
  /^(amz-sdk-.*|user-agent|x-amz-user-agent|x-amz-date|authorization|content-length)$/;

function credentials(): Credentials {
  return { get: () => Promise.resolve({ ok: true, value: SECRETS }), forget: () => {} };
}
