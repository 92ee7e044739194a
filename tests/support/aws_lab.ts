/** The AWS edges of nodes 1, 2, … of one VPC, against the emulated AWS on loopback. */
import assert from "node:assert/strict";
import { type Aws as AwsEdges, createAws } from "../../src/node/stores.ts";
import { createCredentials } from "../../src/aws/credentials.ts";
import type { Answer, Config, Fault, S3Store } from "../../src/state.ts";
import { Vault } from "../../src/tokens/vault.ts";
import { Aws } from "../emulators/aws.ts";
import type { Ec2Instance } from "../emulators/ec2_state.ts";
import type { Reply } from "../emulators/http.ts";
import { Wire } from "../emulators/wire.ts";
import { config, identity, s3 } from "./observations.ts";
import { placement } from "../world/node.ts";
import { serveRaw } from "./raw_server.ts";

export const BUCKET = "swarm-records";
export const S3: S3Store = { ...s3, bucket: BUCKET, prefix: "team/a" };

/** `sent`: requests counted by the edges themselves. */
export interface LabNode extends AwsEdges {
  vault: Vault;
  sent: () => number;
}

export interface AwsLab {
  wire: Wire;
  aws: Aws;
  endpoint: string;
  node(
    n: number,
    change?: Partial<Config>,
    where?: { endpoint?: string; deadlineMs?: number },
  ): LabNode;
  put(n: number, change?: Partial<Ec2Instance>): Ec2Instance;
  /** What is in the bucket, by key. */
  objects(): Bucket["objects"];
  putObject(key: string, body: string | Uint8Array): void;
}

type Bucket = NonNullable<ReturnType<Aws["s3"]["buckets"]["get"]>>;

/** Runs `test` in a lab of its own. The client that `fetch` keeps outlives a test, hence no sanitizers. */
export function labTest(name: string, test: (lab: AwsLab) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const { lab, close } = openLab();
      try {
        await test(lab);
      } finally {
        await close();
      }
    },
  });
}

export function openLab(): { lab: AwsLab; close: () => Promise<void> } {
  const { account, region, vpc } = identity();
  const wire = new Wire();
  const aws = new Aws(wire, { account, region });
  const endpoint = aws.serve("127.0.0.1");
  aws.s3.addBucket({ name: BUCKET, region, owner: account, listAllowed: true });
  const lab: AwsLab = {
    wire,
    aws,
    endpoint,
    node: (n, change = {}, where = {}): LabNode => {
      const vault = new Vault();
      let sent = 0;
      const at = where.endpoint ?? endpoint;
      const edges = createAws({
        config: { ...config, ...change },
        identity: identity(n),
        vault,
        credentials: staticCredentials(aws.credentialsFor(`i-${n}`, "managers")),
        endpoints: { ec2: at, s3: at, autoScaling: at },
        variant: { fips: false, dualstack: false },
        onCall: () => sent++,
        deadlineMs: where.deadlineMs ?? 5_000,
      });
      return { ...edges, vault, sent: () => sent };
    },
    put: (n, change = {}): Ec2Instance => {
      const instance: Ec2Instance = {
        id: `i-${n}`,
        account,
        vpc,
        subnet: "subnet-1",
        address: `10.0.0.${n}`,
        state: "running",
        launchedMs: Date.now(),
        placement,
        tags: new Map([["Role", "manager"]]),
        ...change,
      };
      aws.ec2.put(instance);
      return instance;
    },
    objects: () => aws.s3.buckets.get(BUCKET)!.objects,
    putObject: (key, body) => {
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      aws.s3.put(aws.s3.buckets.get(BUCKET)!, key, bytes, { ifAbsent: false, ifMatch: null });
    },
  };
  return { lab, close: () => aws.close() };
}

/** Points a node at a server that answers as `reply` says. */
export async function against(
  lab: AwsLab,
  change: Partial<Config>,
  reply: () => Reply,
  test: (node: LabNode) => Promise<void>,
): Promise<void> {
  await using server = serveRaw(reply);
  await test(lab.node(1, change, { endpoint: `http://127.0.0.1:${server.port}` }));
}

/** What was answered; fails on a fault. */
export async function valueOf<T>(answer: Promise<Answer<T>>): Promise<T> {
  const given = await answer;
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}

/** The fault that was answered, with nothing beside it. */
export async function faultOf(answer: Promise<{ ok: boolean; fault?: Fault }>): Promise<Fault> {
  const { ok, fault, ...rest } = await answer;
  assert.ok(!ok && fault !== undefined, "it was answered");
  assert.deepEqual(rest, {});
  return fault;
}

/** Credentials that are given, as in the environment. */
export function staticCredentials(
  { accessKeyId, secretAccessKey, sessionToken }: {
    accessKeyId: string;
    secretAccessKey: string;
    sessionToken: string;
  },
): ReturnType<typeof createCredentials> {
  const env = new Map([
    ["AWS_ACCESS_KEY_ID", accessKeyId],
    ["AWS_SECRET_ACCESS_KEY", secretAccessKey],
    ["AWS_SESSION_TOKEN", sessionToken],
  ]);
  return createCredentials({
    env: (name) => env.get(name),
    imds: { get: () => Promise.reject(new Error("not reached")) },
    signal: new AbortController().signal,
    nowMs: () => performance.now(),
  });
}

/** A join token of the swarm whose fingerprint is 50 times `letter`. */
export function token(letter: string, secret = "0"): string {
  return `SWMTKN-1-${letter.repeat(50)}-${secret.repeat(25)}`;
}
