/**
 * The AWS of one run: the configured store, and what EC2 knows of instances. The SDK's clients are
 * loaded when the first call needs them, and only those.
 */
import type { Caller } from "../aws/call.ts";
import type { Credentials } from "../aws/credentials.ts";
import type { Ec2Api } from "../aws/ec2.ts";
import { createInstances, type ReadInstances } from "../aws/instances.ts";
import { createS3Store } from "../ledger/object.ts";
import type { S3Api } from "../aws/s3.ts";
import type { Store } from "../ledger/ledger.ts";
import { createTagsStore } from "../ledger/template.ts";
import type { Config, Identity } from "../state.ts";
import type { Vault } from "../tokens/vault.ts";

export interface AwsOptions {
  config: Config;
  identity: Identity;
  vault: Vault;
  credentials: Credentials;
  /** Null: AWS's own. */
  endpoints: { ec2: string | null; s3: string | null };
  /** Told of each request that is really sent to AWS. */
  onCall: () => void;
  /** For one request; `DEADLINE_MS` is a good one. */
  deadlineMs: number;
}

export interface Aws {
  store: Store;
  instances: ReadInstances;
}

export const DEADLINE_MS = 10_000;

export function createAws(options: AwsOptions): Aws {
  const { config, identity, vault, credentials, endpoints, onCall, deadlineMs } = options;
  const caller: Caller = { region: identity.region, credentials, onCall, deadlineMs };
  const ec2 = once(async (): Promise<Ec2Api> => {
    const { createEc2Api } = await import("../aws/ec2.ts");
    return createEc2Api(caller, endpoints.ec2);
  });
  const { store } = config;
  if (store.kind === "tags") {
    return {
      store: createTagsStore({ config, identity, vault, ec2 }),
      instances: createInstances({ config, identity, ec2 }),
    };
  }
  const s3 = once(async (): Promise<S3Api> => {
    const { createS3Api } = await import("../aws/s3.ts");
    const { bucket, kmsKey } = store;
    return createS3Api(caller, {
      bucket,
      kmsKey,
      account: identity.account,
      endpoint: endpoints.s3,
    });
  });
  return {
    store: createS3Store({ config, vault, s3 }),
    instances: createInstances({ config, identity, ec2 }),
  };
}

/** Begins to load what a store's calls need: the first of them then finds it there. */
export function preload({ kind }: Config["store"]): void {
  void import("../aws/ec2.ts");
  if (kind === "s3") void import("../aws/s3.ts");
}

/** The endpoints that the ecosystem's variables name. */
export function endpointsOf(env: (name: string) => string | undefined): AwsOptions["endpoints"] {
  const of = (service: string): string | null =>
    env(`AWS_ENDPOINT_URL_${service}`) || env("AWS_ENDPOINT_URL") || null;
  return { ec2: of("EC2"), s3: of("S3") };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => made ??= make();
}
