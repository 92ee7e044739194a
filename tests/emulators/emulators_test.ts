/** The emulators against the clients that others wrote, and against what AWS and the Engine document. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  RecordLifecycleActionHeartbeatCommand,
} from "@aws-sdk/client-auto-scaling";
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Aws } from "./aws.ts";
import type { Ec2Instance } from "./ec2_state.ts";
import { ENGINE_29, EngineServer } from "./engine.ts";
import { certificateEnded, EngineState } from "./engine_state.ts";
import { fingerprintOf, TEXTS } from "./engine_swarm.ts";
import { serveHttp } from "./http.ts";
import { claimNetwork } from "./loopback.ts";
import { imdsHandler, type ImdsInstance } from "./imds.ts";
import type { Credentials } from "./sigv4.ts";
import { draw, Wire } from "./wire.ts";

const REGION = "eu-central-1";
const ACCOUNT = "123456789012";

interface Cloud {
  wire: Wire;
  aws: Aws;
  endpoint: string;
  ec2: EC2Client;
  s3: S3Client;
  scaling: AutoScalingClient;
  credentials: Credentials;
}

async function inCloud(test: (cloud: Cloud) => Promise<void>): Promise<void> {
  const wire = new Wire();
  const aws = new Aws(wire, { account: ACCOUNT, region: REGION });
  const endpoint = aws.serve("127.0.0.1");
  const credentials = aws.credentialsFor("i-1", "managers");
  const common = { region: REGION, endpoint, credentials, maxAttempts: 1 };
  const ec2 = new EC2Client({ ...common, requestHandler: throughFetch });
  const s3 = new S3Client({ ...common, requestHandler: throughFetch, forcePathStyle: true });
  const scaling = new AutoScalingClient({ ...common, requestHandler: throughFetch });
  try {
    await test({ wire, aws, endpoint, ec2, s3, scaling, credentials });
  } finally {
    ec2.destroy();
    s3.destroy();
    scaling.destroy();
    await aws.close();
  }
}

function cloudTest(name: string, test: (cloud: Cloud) => Promise<void>): void {
  Deno.test({ name, fn: () => inCloud(test) });
}

interface SdkRequest {
  protocol: string;
  hostname: string;
  port?: number;
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body?: BodyInit;
}

/** The SDK over `fetch`: its own transport does not notice a connection that ends unanswered. */
const throughFetch = {
  async handle(request: SdkRequest): Promise<{ response: object }> {
    const query = new URLSearchParams(request.query).toString();
    const url = `${request.protocol}//${request.hostname}:${request.port}${request.path}`;
    const response = await fetch(query === "" ? url : `${url}?${query}`, {
      method: request.method,
      headers: request.headers,
      redirect: "manual",
      ...(request.method === "GET" ? {} : { body: request.body ?? "" }),
    });
    const body = new Uint8Array(await response.arrayBuffer());
    const headers = Object.fromEntries(response.headers);
    const stream = new ReadableStream({
      start(controller): void {
        controller.enqueue(body);
        controller.close();
      },
    });
    return { response: { statusCode: response.status, headers, body: stream } };
  },
  updateHttpClientConfig(): void {},
  httpHandlerConfigs: () => ({}),
};

function instanceOf(over: Partial<Ec2Instance> = {}): Ec2Instance {
  return {
    id: "i-1",
    account: ACCOUNT,
    vpc: "vpc-1",
    subnet: "subnet-1",
    address: "10.0.0.1",
    state: "running",
    launchedMs: 0,
    tags: new Map(),
    ...over,
  };
}

async function refusal(promise: Promise<unknown>): Promise<{ name: string; status: number }> {
  try {
    await promise;
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return { name, status: $metadata?.httpStatusCode ?? 0 };
  }
  throw new Error("it was not refused");
}

function base64(text: string): string {
  return btoa(text);
}

cloudTest(
  "Auto Scaling holds an instance by the hooks of its state, until all are completed",
  async ({ scaling, aws }) => {
    const hooks = (["launching", "terminating"] as const).flatMap((transition) =>
      ["a<b", "c"].map((name) => ({
        name: `${name} ${transition}`,
        transition,
        heartbeatMs: 30_000,
      }))
    );
    aws.autoScaling.addGroup("managers", hooks);
    aws.autoScaling.put("i-1", "managers", "Terminating");
    const stateOf = async (): Promise<string | undefined> => {
      const asked = new DescribeAutoScalingInstancesCommand({ InstanceIds: ["i-1", "i-2"] });
      const { AutoScalingInstances } = await scaling.send(asked);
      assert.equal(AutoScalingInstances?.length, 1);
      return AutoScalingInstances?.[0]?.LifecycleState;
    };
    const group = { AutoScalingGroupName: "managers" };
    const { LifecycleHooks } = await scaling.send(new DescribeLifecycleHooksCommand(group));
    assert.deepEqual(
      LifecycleHooks?.map((
        one,
      ) => [one.LifecycleHookName, one.HeartbeatTimeout, one.GlobalTimeout]),
      hooks.map(({ name }) => [name, 30, 3_000]),
    );
    const named = (
      name: string,
    ): typeof group & { LifecycleHookName: string; InstanceId: string } => ({
      ...group,
      LifecycleHookName: name,
      InstanceId: "i-1",
    });
    const complete = (name: string): Promise<unknown> =>
      scaling.send(
        new CompleteLifecycleActionCommand({ ...named(name), LifecycleActionResult: "CONTINUE" }),
      );
    const declined = { name: "ValidationError", status: 400 };
    assert.deepEqual(await refusal(complete("c terminating")), declined);
    aws.autoScaling.put("i-1", "managers", "Terminating:Wait");
    assert.deepEqual(await refusal(complete("c launching")), declined);
    await scaling.send(new RecordLifecycleActionHeartbeatCommand(named("c terminating")));
    await complete("c terminating");
    assert.equal(await stateOf(), "Terminating:Wait");
    assert.deepEqual(await refusal(complete("c terminating")), declined);
    await complete("a<b terminating");
    assert.equal(await stateOf(), "Terminating:Proceed");
  },
);

cloudTest(
  "Auto Scaling refuses in its own words, and who did not sign",
  async ({ scaling, wire, endpoint }) => {
    const ask = (client: AutoScalingClient): Promise<unknown> =>
      client.send(new DescribeAutoScalingInstancesCommand({}));
    for (
      const [kind, name, status] of [["throttled", "Throttling", 400], [
        "denied",
        "AccessDenied",
        403,
      ]] as const
    ) {
      wire.trouble = () => ({ kind });
      assert.deepEqual(await refusal(ask(scaling)), { name, status });
    }
    wire.trouble = () => null;
    const stranger = new AutoScalingClient({
      region: REGION,
      endpoint,
      maxAttempts: 1,
      requestHandler: throughFetch,
      credentials: { accessKeyId: "AKIA", secretAccessKey: "b" },
    });
    assert.deepEqual(await refusal(ask(stranger)), { name: "InvalidClientTokenId", status: 403 });
    stranger.destroy();
  },
);

cloudTest("EC2 lists instances by filters, in pages, with their tags", async ({ ec2, aws }) => {
  for (let i = 1; i <= 12; i++) {
    aws.ec2.put(instanceOf({
      id: `i-${i}`,
      address: `10.0.0.${i}`,
      vpc: i === 12 ? "vpc-2" : "vpc-1",
      launchedMs: 60_000,
      placement: {
        zone: "eu-central-1b",
        type: "m7i.large",
        lifecycle: i === 4 ? "spot" : "on-demand",
      },
      tags: new Map([["Role", i % 2 === 0 ? "manager" : "worker"], ["a<b", "c&d"]]),
    }));
  }
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const page = await ec2.send(
      new DescribeInstancesCommand({
        Filters: [{ Name: "vpc-id", Values: ["vpc-1"] }, { Name: "tag:Role", Values: ["man*"] }],
        MaxResults: 5,
        ...(token === undefined ? {} : { NextToken: token }),
      }),
    );
    for (const instance of (page.Reservations ?? []).flatMap((one) => one.Instances ?? [])) {
      seen.push(instance.InstanceId ?? "");
      assert.equal(instance.State?.Name, "running");
      assert.equal(instance.Tags?.find((tag) => tag.Key === "a<b")?.Value, "c&d");
      assert.equal(instance.LaunchTime?.getTime(), 60_000);
      assert.equal(instance.Placement?.AvailabilityZone, "eu-central-1b");
      const isSpot = instance.InstanceId === "i-4";
      assert.equal(instance.InstanceType, "m7i.large");
      assert.equal(instance.InstanceLifecycle, isSpot ? "spot" : undefined);
    }
    token = page.NextToken;
  } while (token !== undefined);
  assert.deepEqual(seen, ["i-2", "i-4", "i-6", "i-8", "i-10"]);
});

cloudTest(
  "a terminated instance loses its place and is found by its id for an hour",
  async (cloud) => {
    const { ec2, aws } = cloud;
    aws.ec2.put(instanceOf());
    aws.ec2.setState("i-1", "terminated");
    const inVpc = await ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: "vpc-id", Values: ["vpc-1"] }] }),
    );
    assert.deepEqual(inVpc.Reservations ?? [], []);
    const byId = new DescribeInstancesCommand({
      Filters: [{ Name: "instance-id", Values: ["i-1"] }],
    });
    const found = (await ec2.send(byId)).Reservations?.[0]?.Instances?.[0];
    assert.equal(found?.State?.Name, "terminated");
    assert.equal(found?.PrivateIpAddress, undefined);
    aws.clockAheadMs = 61 * 60_000;
    aws.ec2.rememberedMs = 3_600_000;
    assert.equal(aws.ec2.describeInstances("i-1", [], []).length, 0);
  },
);

cloudTest("reads are old by as much as asked, item by item", async ({ ec2, aws }) => {
  aws.ec2.put(instanceOf({ id: "i-1" }));
  aws.ec2.put(instanceOf({ id: "i-2" }));
  aws.ec2.lagMs = (read) => read.item === "i-2" ? 60_000 : 0;
  const page = await ec2.send(new DescribeInstancesCommand({}));
  const ids = page.Reservations?.flatMap((one) => one.Instances ?? []).map((one) => one.InstanceId);
  assert.deepEqual(ids, ["i-1"]);
});

cloudTest(
  "launch templates: unique names, versions in order, gaps where reads are old",
  async (cloud) => {
    const { ec2, aws } = cloud;
    const create = new CreateLaunchTemplateCommand({
      LaunchTemplateName: "swarm",
      VersionDescription: "first",
      LaunchTemplateData: { UserData: base64("1") },
    });
    const made = await ec2.send(create);
    const id = made.LaunchTemplate?.LaunchTemplateId ?? "";
    assert.match(id, /^lt-0[0-9a-f]{16}$/);
    assert.match(made.LaunchTemplate?.CreatedBy ?? "", /assumed-role\/managers\/i-1$/);
    assert.deepEqual(await refusal(ec2.send(create)), {
      name: "InvalidLaunchTemplateName.AlreadyExistsException",
      status: 400,
    });
    for (const data of ["2", "3"]) {
      const version = new CreateLaunchTemplateVersionCommand({
        LaunchTemplateId: id,
        ClientToken: `token-${data}`,
        LaunchTemplateData: { UserData: base64(data) },
      });
      const first = (await ec2.send(version)).LaunchTemplateVersion?.VersionNumber;
      const again = (await ec2.send(version)).LaunchTemplateVersion?.VersionNumber;
      assert.equal(first, Number(data));
      assert.equal(again, first, "a client token names one version");
    }
    aws.ec2.lagMs = (read) => read.item.endsWith("/2") ? 60_000 : 0;
    const all = await ec2.send(
      new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: "swarm", MaxResults: 200 }),
    );
    assert.deepEqual(
      all.LaunchTemplateVersions?.map((
        one,
      ) => [one.VersionNumber, one.LaunchTemplateData?.UserData]),
      [[3, base64("3")], [1, base64("1")]],
    );
    const missing = new DescribeLaunchTemplateVersionsCommand({
      LaunchTemplateName: "swarm",
      Versions: ["2"],
    });
    assert.equal(
      (await refusal(ec2.send(missing))).name,
      "InvalidLaunchTemplateId.VersionNotFound",
    );
    const absent = new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: "other" });
    assert.equal(
      (await refusal(ec2.send(absent))).name,
      "InvalidLaunchTemplateName.NotFoundException",
    );
  },
);

cloudTest(
  "a launch template without data, or with user data that is not base 64, is refused",
  async (cloud) => {
    const { ec2 } = cloud;
    const none = new CreateLaunchTemplateCommand({
      LaunchTemplateName: "x1x",
      LaunchTemplateData: {},
    });
    assert.equal((await refusal(ec2.send(none))).name, "MissingParameter");
    const plain = new CreateLaunchTemplateCommand({
      LaunchTemplateName: "x1x",
      LaunchTemplateData: { UserData: "{}" },
    });
    assert.equal((await refusal(ec2.send(plain))).name, "InvalidUserData.Malformed");
  },
);

cloudTest("throttling, denial, dry runs and wrong signatures are told apart", async (cloud) => {
  const { ec2, aws, wire, endpoint, credentials } = cloud;
  aws.ec2.put(instanceOf());
  const tag = { Resources: ["i-1"], Tags: [{ Key: "k", Value: "v" }] };
  const dry = await refusal(ec2.send(new CreateTagsCommand({ ...tag, DryRun: true })));
  assert.deepEqual(dry, { name: "DryRunOperation", status: 412 });
  assert.equal(aws.ec2.get("i-1")?.tags.size, 0);
  wire.trouble = () => ({ kind: "throttled" });
  assert.deepEqual(await refusal(ec2.send(new CreateTagsCommand(tag))), {
    name: "RequestLimitExceeded",
    status: 503,
  });
  wire.trouble = () => ({ kind: "denied" });
  assert.deepEqual(await refusal(ec2.send(new CreateTagsCommand({ ...tag, DryRun: true }))), {
    name: "UnauthorizedOperation",
    status: 403,
  });
  wire.trouble = () => null;
  const forged = new EC2Client({
    region: REGION,
    endpoint,
    credentials: { ...credentials, secretAccessKey: "wrong" },
    requestHandler: throughFetch,
    maxAttempts: 1,
  });
  assert.deepEqual(await refusal(forged.send(new CreateTagsCommand(tag))), {
    name: "AuthFailure",
    status: 401,
  });
  forged.destroy();
  aws.clockAheadMs = -20 * 60_000;
  assert.equal((await refusal(ec2.send(new CreateTagsCommand(tag)))).name, "RequestExpired");
});

cloudTest(
  "a lost answer was performed, a reset one was not, and both are counted",
  async (cloud) => {
    const { ec2, aws, wire } = cloud;
    aws.ec2.put(instanceOf());
    const tag = (value: string): CreateTagsCommand =>
      new CreateTagsCommand({ Resources: ["i-1"], Tags: [{ Key: "k", Value: value }] });
    wire.trouble = () => ({ kind: "lost" });
    await refusal(ec2.send(tag("lost")));
    assert.equal(aws.ec2.get("i-1")?.tags.get("k"), "lost");
    wire.trouble = () => ({ kind: "reset" });
    await refusal(ec2.send(tag("reset")));
    assert.equal(aws.ec2.get("i-1")?.tags.get("k"), "lost");
    assert.equal(wire.count({ node: "i-1", write: true }).get("CreateTags"), 2);
  },
);

cloudTest(
  "S3's conditional writes: 412 when it is there, 412 when it changed, 409 when under way",
  async (cloud) => {
    const { s3, aws } = cloud;
    const bucket = aws.s3.addBucket({
      name: "b",
      region: REGION,
      owner: ACCOUNT,
      listAllowed: true,
    });
    const put = (body: string, over: object): PutObjectCommand =>
      new PutObjectCommand({ Bucket: "b", Key: "a/record.json", Body: body, ...over });
    const first = await s3.send(put("1", { IfNoneMatch: "*" }));
    const second = refusal(s3.send(put("2", { IfNoneMatch: "*" })));
    assert.deepEqual(await second, { name: "PreconditionFailed", status: 412 });
    const changed = await s3.send(put("3", { IfMatch: first.ETag }));
    const stale = refusal(s3.send(put("4", { IfMatch: first.ETag })));
    assert.deepEqual(await stale, { name: "PreconditionFailed", status: 412 });
    const finish = aws.s3.begin(bucket, "a/record.json", { ifAbsent: false, ifMatch: null });
    const conflict = refusal(s3.send(put("5", { IfMatch: changed.ETag })));
    assert.deepEqual(await conflict, { name: "ConditionalRequestConflict", status: 409 });
    finish();
    const got = await s3.send(new GetObjectCommand({ Bucket: "b", Key: "a/record.json" }));
    assert.equal(await got.Body?.transformToString(), "3");
    assert.equal(got.ETag, changed.ETag);
  },
);

cloudTest(
  "S3 lists what is below a prefix, in order and in pages, to whom it may",
  async (cloud) => {
    const { s3, aws } = cloud;
    const options = { name: "b", region: REGION, owner: ACCOUNT };
    const bucket = aws.s3.addBucket({ ...options, listAllowed: true });
    for (const key of ["a/3", "a/1", "b/1", "a/2"]) {
      aws.s3.put(bucket, key, new Uint8Array(), { ifAbsent: false, ifMatch: null });
    }
    aws.s3.pageSize = 2;
    const list = { Bucket: "b", Prefix: "a/" };
    const first = await s3.send(new ListObjectsV2Command(list));
    assert.deepEqual(first.Contents?.map(({ Key }) => Key), ["a/1", "a/2"]);
    assert.ok(first.IsTruncated && first.Contents?.[0]?.LastModified instanceof Date);
    const next = { ...list, ContinuationToken: first.NextContinuationToken };
    const second = await s3.send(new ListObjectsV2Command(next));
    assert.deepEqual(second.Contents?.map(({ Key }) => Key), ["a/3"]);
    assert.equal(second.IsTruncated, false);
    bucket.listAllowed = false;
    assert.equal((await refusal(s3.send(new ListObjectsV2Command(list)))).name, "AccessDenied");
  },
);

cloudTest("S3 deletes an object, and says the same where there is none", async ({ s3, aws }) => {
  const options = { name: "b", region: REGION, owner: ACCOUNT, listAllowed: true };
  const bucket = aws.s3.addBucket(options);
  for (const key of ["a/1", "a/2"]) {
    aws.s3.put(bucket, key, new Uint8Array(), { ifAbsent: false, ifMatch: null });
  }
  for (let times = 0; times < 2; times++) {
    const { $metadata } = await s3.send(new DeleteObjectCommand({ Bucket: "b", Key: "a/1" }));
    assert.equal($metadata.httpStatusCode, 204);
    assert.deepEqual([...bucket.objects.keys()], ["a/2"]);
  }
});

cloudTest(
  "S3's bucket policy and its imitations: no header, no write; no condition counts",
  async (cloud) => {
    const { s3, aws } = cloud;
    const options = { name: "b", region: REGION, owner: ACCOUNT, listAllowed: true };
    aws.s3.addBucket({ ...options, wantsEncryption: true });
    const put = (over: object): PutObjectCommand =>
      new PutObjectCommand({ Bucket: "b", Key: "k", Body: "1", ...over });
    const sse = { ServerSideEncryption: "AES256" };
    assert.deepEqual(await refusal(s3.send(put({}))), { name: "AccessDenied", status: 403 });
    await s3.send(put(sse));
    aws.s3.ignores = "If-None-Match";
    await s3.send(put({ ...sse, IfNoneMatch: "*" }));
    assert.equal((await refusal(s3.send(put({ ...sse, IfMatch: '"x"' })))).status, 412);
    aws.s3.ignores = "If-Match";
    await s3.send(put({ ...sse, IfMatch: '"x"' }));
    assert.equal((await refusal(s3.send(put({ ...sse, IfNoneMatch: "*" })))).status, 412);
  },
);

cloudTest(
  "S3 tells a missing key, a missing bucket, another region and a denial apart",
  async (cloud) => {
    const { s3, aws } = cloud;
    aws.s3.addBucket({ name: "open", region: REGION, owner: ACCOUNT, listAllowed: true });
    aws.s3.addBucket({ name: "shut", region: REGION, owner: ACCOUNT, listAllowed: false });
    aws.s3.addBucket({ name: "far", region: "us-east-1", owner: ACCOUNT, listAllowed: true });
    const get = (Bucket: string, over: object = {}): Promise<{ name: string; status: number }> =>
      refusal(s3.send(new GetObjectCommand({ Bucket, Key: "k", ...over })));
    assert.deepEqual(await get("open"), { name: "NoSuchKey", status: 404 });
    assert.deepEqual(await get("shut"), { name: "AccessDenied", status: 403 });
    assert.deepEqual(await get("none"), { name: "NoSuchBucket", status: 404 });
    assert.deepEqual(await get("far"), { name: "PermanentRedirect", status: 301 });
    assert.equal((await get("open", { ExpectedBucketOwner: "999999999999" })).status, 403);
  },
);

Deno.test("IMDSv2 wants a token, and a token wants a lifetime", async () => {
  const wire = new Wire();
  const asker: ImdsInstance = {
    node: "i-1",
    instance: "i-1",
    account: ACCOUNT,
    region: REGION,
    partition: "aws",
    address: "10.0.0.1",
    interfaces: [{
      mac: "0a:00:00:00:00:01",
      addresses: ["10.0.0.1", "10.0.0.9"],
      vpc: "vpc-1",
      subnet: "subnet-1",
    }],
    role: null,
    tags: null,
    lifecycle: null,
    v1: false,
  };
  const server = serveHttp(
    Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    imdsHandler(wire, () => asker),
  );
  const base = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/latest`;
  const ask = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
    const response = await fetch(`${base}/${path}`, init);
    return [response.status, await response.text()];
  };
  const ttl = "x-aws-ec2-metadata-token-ttl-seconds";
  try {
    assert.equal((await ask("meta-data/instance-id"))[0], 401);
    assert.equal((await ask("api/token", { method: "PUT" }))[0], 400);
    assert.equal((await ask("api/token", { method: "PUT", headers: { [ttl]: "99999" } }))[0], 400);
    const [, token] = await ask("api/token", { method: "PUT", headers: { [ttl]: "60" } });
    const headers = { "x-aws-ec2-metadata-token": token };
    const get = (path: string): Promise<[number, string]> => ask(path, { headers });
    assert.deepEqual(await get("meta-data/instance-id"), [200, "i-1"]);
    const macs = "meta-data/network/interfaces/macs/";
    assert.deepEqual(await get(macs), [200, "0a:00:00:00:00:01/"]);
    assert.deepEqual(await get(`${macs}0a:00:00:00:00:01/vpc-id`), [200, "vpc-1"]);
    assert.deepEqual(await get(`${macs}0a:00:00:00:00:01/local-ipv4s`), [
      200,
      "10.0.0.1\n10.0.0.9",
    ]);
    assert.equal((await get("meta-data/ipv6"))[0], 404);
    assert.equal((await get(`${macs}0a:00:00:00:00:01/ipv6s`))[0], 404);
    asker.address = "fd00::1";
    Object.assign(asker.interfaces[0]!, {
      addresses: [],
      ipv6: ["fd00::1"],
      vpcRanges: ["fd00::/56"],
    });
    assert.deepEqual(await get("meta-data/ipv6"), [200, "fd00::1"]);
    assert.equal((await get("meta-data/local-ipv4"))[0], 404);
    assert.equal((await get(`${macs}0a:00:00:00:00:01/local-ipv4s`))[0], 404);
    assert.deepEqual(await get(`${macs}0a:00:00:00:00:01/vpc-ipv6-cidr-blocks`), [
      200,
      "fd00::/56",
    ]);
    assert.equal((await get("meta-data/iam/security-credentials/"))[0], 404);
    assert.equal((await get("meta-data/tags/instance/Role"))[0], 404);
    asker.tags = new Map([["Role", "manager"]]);
    assert.deepEqual(await get("meta-data/tags/instance/Role"), [200, "manager"]);
    const document = "dynamic/instance-identity/document";
    assert.equal(JSON.parse((await get(document))[1]).region, REGION);
    assert.equal(JSON.parse((await get(document))[1]).availabilityZone, `${REGION}a`);
    assert.deepEqual(await get("meta-data/instance-life-cycle"), [200, "on-demand"]);
    asker.placement = { zone: `${REGION}b`, type: "m7i.large", lifecycle: "spot" };
    assert.equal(JSON.parse((await get(document))[1]).instanceType, "m7i.large");
    assert.deepEqual(await get("meta-data/placement/availability-zone"), [200, `${REGION}b`]);
    assert.deepEqual(await get("meta-data/instance-life-cycle"), [200, "spot"]);
    const [target, action] = ["autoscaling/target-lifecycle-state", "spot/instance-action"];
    for (const path of [target, action]) assert.equal((await get(`meta-data/${path}`))[0], 404);
    Object.assign(asker, { lifecycle: "Terminated", spot: "terminate" });
    assert.deepEqual(await get(`meta-data/${target}`), [200, "Terminated"]);
    assert.equal(JSON.parse((await get(`meta-data/${action}`))[1]).action, "terminate");
    assert.ok(Date.parse(JSON.parse((await get(`meta-data/${action}`))[1]).time) > Date.now());
    asker.spot = null;
    assert.equal((await get(`meta-data/${action}`))[0], 404);
    asker.v1 = true;
    assert.equal((await ask("meta-data/instance-id"))[0], 200);
    wire.trouble = () => ({ kind: "reset" });
    await assert.rejects(get("meta-data/instance-id"));
  } finally {
    await server.close();
  }
});

/** Engines with short times, each at an address of its own, and a client for them. */
async function withEngines(
  count: number,
  test: (
    engines: EngineServer[],
    ask: (n: number, method: string, path: string, body?: unknown) => Promise<[number, string]>,
  ) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  const network = claimNetwork();
  const states = Array.from(
    { length: count },
    (_, i) => new EngineState(`i-${i}`, network.address(i + 1)),
  );
  const engines = states.map((state, i) =>
    new EngineServer(state, {
      socket: `${root}/${i}.sock`,
      dataRoot: `${root}/${i}`,
      times: {
        init: 5,
        joinManager: 5,
        joinWorker: 5,
        joinFails: 20,
        joinHangs: 60,
        noLeader: 5,
        noticed: 50,
        demoted: 5,
        settled: 5,
      },
      network: (address) => states.find((one) => one.address === address) ?? null,
      wire: new Wire(),
    })
  );
  for (const engine of engines) engine.start();
  const clients = engines.map((_, i) =>
    Deno.createHttpClient({
      proxy: { transport: "unix", path: `${root}/${i}.sock` },
      // A connection that was kept is stale once the daemon has been started again.
      poolMaxIdlePerHost: 0,
    })
  );
  try {
    await test(engines, async (n, method, path, body) => {
      const response = await fetch(`http://engine/v1.41${path}`, {
        method,
        client: clients[n]!,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return [response.status, await response.text()];
    });
  } finally {
    for (const client of clients) client.close();
    for (const engine of engines) await engine.close();
    network.release();
    await Deno.remove(root, { recursive: true });
  }
}

/** The body of an init or a join by `engine`. */
function addressed(engine: EngineServer, over: object = {}): object {
  const { address } = engine.state;
  return { ListenAddr: `${address}:2377`, AdvertiseAddr: address, ...over };
}

Deno.test("an Engine that inits shows its swarm, its root CA's file and its port", async () => {
  await withEngines(1, async (engines, ask) => {
    const [engine] = engines as [EngineServer];
    assert.equal(JSON.parse((await ask(0, "GET", "/info"))[1]).Swarm.LocalNodeState, "inactive");
    assert.equal((await ask(0, "POST", "/swarm/leave"))[0], 503);
    const [status, nodeId] = await ask(0, "POST", "/swarm/init", addressed(engines[0]!));
    assert.equal(status, 200);
    const info = JSON.parse((await ask(0, "GET", "/info"))[1]);
    assert.equal(info.Swarm.NodeID, JSON.parse(nodeId));
    assert.equal(info.Swarm.NodeAddr, engine.state.address);
    const { JoinTokens } = JSON.parse((await ask(0, "GET", "/swarm"))[1]);
    const pem = Deno.readTextFileSync(
      `${info.DockerRootDir}/swarm/certificates/swarm-root-ca.crt`,
    );
    const { subject } = new X509Certificate(
      Deno.readTextFileSync(`${info.DockerRootDir}/swarm/certificates/swarm-node.crt`),
    );
    assert.deepEqual(subject.split("\n").toSorted(), [
      `CN=${info.Swarm.NodeID}`,
      `O=${info.Swarm.Cluster.ID}`,
      "OU=swarm-manager",
    ]);
    assert.match(JoinTokens.Manager, /^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
    assert.equal(JoinTokens.Manager.split("-")[2], fingerprintOf(pem));
    (await Deno.connect({ hostname: engine.state.address, port: 2377 })).close();
    const again = await ask(0, "POST", "/swarm/init", addressed(engines[0]!));
    assert.deepEqual([again[0], JSON.parse(again[1]).message], [503, TEXTS.alreadyMember]);
    assert.match((await ask(0, "POST", "/swarm/leave"))[1], /Removing the last manager/);
    assert.equal((await ask(0, "POST", "/swarm/leave?force=true"))[0], 200);
    assert.equal(engine.state.status, "inactive");
    await assert.rejects(Deno.connect({ hostname: engine.state.address, port: 2377 }));
    assert.throws(() =>
      Deno.readTextFileSync(`${info.DockerRootDir}/swarm/certificates/swarm-root-ca.crt`)
    );
  });
});

Deno.test("joins: both roles, a wrong token, another swarm's, a closed port, nobody there", async () => {
  await withEngines(4, async (engines, ask) => {
    await ask(0, "POST", "/swarm/init", addressed(engines[0]!));
    const swarm = engines[0]?.state.membership?.swarm;
    assert.ok(swarm);
    const join = (n: number, token: string, remote: string): Promise<[number, string]> =>
      ask(
        n,
        "POST",
        "/swarm/join",
        addressed(engines[n]!, { JoinToken: token, RemoteAddrs: [remote] }),
      );
    const manager = swarm.token("manager");
    const at = (host: number): string =>
      `${engines[0]!.state.address.replace(/\d+$/, `${host}`)}:2377`;
    assert.equal((await join(1, manager, at(1)))[0], 200);
    assert.equal((await join(2, swarm.token("worker"), at(2)))[0], 200);
    const nodes = JSON.parse((await ask(1, "GET", "/nodes"))[1]);
    assert.deepEqual(
      nodes.map((node: { Spec: { Role: string } }) => node.Spec.Role),
      ["manager", "manager", "worker"],
    );
    assert.match((await ask(2, "GET", "/nodes"))[1], /Worker nodes can't be used/);
    const wrong = await join(3, `${manager.slice(0, -5)}aaaaa`, at(1));
    assert.deepEqual([wrong[0], JSON.parse(wrong[1]).message], [400, TEXTS.rejected]);
    const foreign = `SWMTKN-1-${"1".repeat(50)}-${manager.slice(-25)}`;
    assert.match((await join(3, foreign, at(1)))[1], /remote CA does not match/);
    assert.match((await join(3, "hello", at(1)))[1], /invalid join token/);
    assert.match((await join(3, manager, at(3)))[1], /connection refused/);
    const hung = await join(3, manager, at(99));
    assert.deepEqual([hung[0], JSON.parse(hung[1]).message], [503, TEXTS.joinTimeout]);
    assert.equal(JSON.parse((await ask(3, "GET", "/info"))[1]).Swarm.LocalNodeState, "pending");
    assert.equal((await ask(3, "POST", "/swarm/leave"))[0], 200);
  });
});

Deno.test("a manager without quorum has no leader, and a joiner through it hangs until there is one", async () => {
  await withEngines(3, async (engines, ask) => {
    await ask(0, "POST", "/swarm/init", addressed(engines[0]!));
    const token = engines[0]?.state.membership?.swarm.token("manager");
    const request = { JoinToken: token, RemoteAddrs: [`${engines[0]!.state.address}:2377`] };
    await ask(1, "POST", "/swarm/join", addressed(engines[1]!, request));
    await engines[1]?.stop();
    const nodes = await ask(0, "GET", "/nodes");
    assert.deepEqual([nodes[0], JSON.parse(nodes[1]).message], [500, TEXTS.noLeader]);
    assert.equal(JSON.parse((await ask(0, "GET", "/info"))[1]).Swarm.Cluster.ID, "");
    assert.equal((await ask(2, "POST", "/swarm/join", addressed(engines[2]!, request)))[0], 503);
    const statusOf = (n: number): string => engines[n]?.state.status ?? "";
    assert.equal(statusOf(2), "pending");
    engines[1]?.start();
    const untilMs = Date.now() + 5_000;
    while (statusOf(2) !== "active" && Date.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(statusOf(2), "active");
    assert.equal((await ask(0, "GET", "/nodes"))[0], 200);
  });
});

Deno.test("a draw depends on the seed and its name, and spreads evenly", () => {
  assert.equal(draw(7, "a", 1), draw(7, "a", 1));
  assert.notEqual(draw(7, "a", 1), draw(8, "a", 1));
  const low = Array.from({ length: 2_000 }, (_, i) => draw(1, "x", i)).filter((n) => n < 0.25);
  assert.ok(low.length > 400 && low.length < 600, `${low.length} of 2000`);
});

Deno.test("engine: each state that a member can get into shows as a real one does", async () => {
  await withEngines(2, async (engines, ask) => {
    const [one, two] = engines as [EngineServer, EngineServer];
    await ask(0, "POST", "/swarm/init", addressed(one));
    const { swarm } = one.state.membership!;
    const request = {
      JoinToken: swarm.token("worker"),
      RemoteAddrs: [`${one.state.address}:2377`],
    };
    const join = () => ask(1, "POST", "/swarm/join", addressed(two, request));
    const said = async (): Promise<unknown[]> => {
      const { Swarm: it } = JSON.parse((await ask(1, "GET", "/info"))[1]);
      return [it.LocalNodeState, it.NodeID, it.NodeAddr, it.Error, it.RemoteManagers?.length ?? 0];
    };
    const restart = async (): Promise<void> => {
      await two.stop();
      two.start();
    };
    await join();
    const { nodeId, address } = two.state.membership!;

    two.state.isWordless = true;
    assert.deepEqual(await said(), ["error", nodeId, address, "", 1]);
    await restart();
    assert.deepEqual(await said(), ["active", nodeId, address, "", 1]);

    swarm.remove(nodeId);
    assert.equal(JSON.parse((await ask(0, "GET", "/nodes"))[1]).length, 1);
    assert.deepEqual(await said(), ["active", nodeId, address, "", 1]);
    await restart();
    assert.deepEqual(await said(), ["pending", nodeId, address, "", 1]);
    assert.equal((await ask(1, "POST", "/swarm/leave?force=0"))[0], 200);
    assert.deepEqual(await said(), ["inactive", "", "", "", 0]);

    await join();
    const again = two.state.membership!.nodeId;
    two.state.isCertificateEnded = true;
    assert.deepEqual(await said(), ["active", again, address, "", 1]);
    await restart();
    assert.deepEqual(await said(), ["error", "", address, certificateEnded(again), 0]);
    assert.equal((await ask(1, "POST", "/swarm/leave?force=0"))[0], 200);
    await join();
    assert.equal((await said())[0], "active");
  });
});

Deno.test("engine: tasks end in order where they are drained or stopped, and a leave kills them", async () => {
  await withEngines(2, async (engines, ask) => {
    const [one, two] = engines as [EngineServer, EngineServer];
    await ask(0, "POST", "/swarm/init", addressed(one));
    const { swarm } = one.state.membership!;
    const request = {
      JoinToken: swarm.token("worker"),
      RemoteAddrs: [`${one.state.address}:2377`],
    };
    await ask(1, "POST", "/swarm/join", addressed(two, request));
    const { nodeId } = two.state.membership!;
    const update = async (Availability: string): Promise<void> => {
      const { version } = swarm.find(nodeId);
      const spec = { Role: "worker", Availability, Labels: {} };
      const path = `/nodes/${nodeId}/update?version=${version}`;
      assert.equal((await ask(0, "POST", path, spec))[0], 200);
    };
    two.state.tasks.push("a");
    await update("drain");
    assert.deepEqual(JSON.parse((await ask(1, "GET", "/containers/json"))[1]), []);
    await update("active");
    two.state.tasks.push("b", "c");
    assert.equal((await ask(1, "POST", "/containers/b/stop?t=10"))[0], 204);
    assert.equal((await ask(1, "POST", "/containers/b/stop?t=10"))[0], 404);
    await ask(1, "POST", "/swarm/leave");
    // What was started again ends a second time.
    const first = (task: string) => two.state.ends.find(({ name }) => name === task)?.how;
    assert.deepEqual(["a", "b", "c"].map(first), ["drained", "stopped", "killed"]);
  });
});

Deno.test("engine: a voter that is listed as a worker stays one, and goes with its node", async () => {
  await withEngines(3, async (engines, ask) => {
    await ask(0, "POST", "/swarm/init", addressed(engines[0]!));
    const { swarm } = engines[0]!.state.membership!;
    const request = {
      JoinToken: swarm.token("manager"),
      RemoteAddrs: [`${engines[0]!.state.address}:2377`],
    };
    for (const n of [1, 2]) {
      assert.equal((await ask(n, "POST", "/swarm/join", addressed(engines[n]!, request)))[0], 200);
    }
    const { nodeId } = engines[2]!.state.membership!;
    Object.assign(swarm.find(nodeId), { role: "worker", observed: "worker" });
    const voters = async (): Promise<number> =>
      JSON.parse((await ask(0, "GET", "/nodes"))[1])
        .filter((node: object) => "ManagerStatus" in node).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await voters(), 3);
    await engines[2]!.stop();
    const untilMs = Date.now() + 5_000;
    while ((await ask(0, "DELETE", `/nodes/${nodeId}`))[0] !== 200 && Date.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await voters(), 2);
  });
});

Deno.test("engine: a newer one says so, and lists the volumes of its swarm", async () => {
  await withEngines(1, async (engines, ask) => {
    const [engine] = engines as [EngineServer];
    engine.release = { ...ENGINE_29, apiMin: "1.41" };
    await ask(0, "POST", "/swarm/init", addressed(engine));
    engine.state.membership?.swarm.volumes.push("shared");
    const { Volumes } = JSON.parse((await ask(0, "GET", "/volumes"))[1]);
    assert.deepEqual(
      Volumes.map((it: { ClusterVolume?: object }) => it.ClusterVolume !== undefined),
      [
        false,
        true,
      ],
    );
    engine.release = ENGINE_29;
    const [status, body] = await ask(0, "GET", "/info");
    assert.equal(status, 400);
    assert.match(body, /1\.41 is too old\. Minimum supported API version is 1\.44/);
  });
});
