/**
 * The AWS of one run: the ledger and the shelf of the configured store, what EC2 knows of instances, and Auto Scaling. The SDK's clients are
 * loaded when the first call needs them, and only those.
 */
import type { AutoScalingApi } from "../aws/autoscaling.ts";
import type { Caller } from "../aws/call.ts";
import type { Credentials } from "../aws/credentials.ts";
import type { Ec2Api } from "../aws/ec2.ts";
import {
  createInstances,
  createNeighbours,
  type ReadInstances,
  type ReadNeighbours,
} from "../aws/instances.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { createMarks, type Marks } from "../ledger/marks.ts";
import { createObjectLedger } from "../ledger/object.ts";
import { createTemplateLedger } from "../ledger/template.ts";
import type { S3Api } from "../aws/s3.ts";
import type { Variant } from "../aws/sdk_places.ts";
import type { Config, Identity } from "../state.ts";
import { createObjectShelf } from "../tokens/objects.ts";
import { type Board, createObjectBoard, createTagBoard } from "../tokens/board.ts";
import type { Shelf } from "../tokens/shelf.ts";
import { createTagShelf } from "../tokens/tags.ts";
import type { Vault } from "../tokens/vault.ts";
import type { WayTo } from "./ways.ts";

interface AwsOptions {
  config: Config;
  identity: Identity;
  vault: Vault;
  credentials: Credentials;
  /** Null: AWS's own, in this variant. */
  endpoints: { ec2: string | null; s3: string | null; autoScaling: string | null };
  variant: Variant;
  wayTo?: WayTo;
  /** Told of each request that is really sent to AWS. */
  onCall: () => void;
  /** For one request; `AWS_DEADLINE_MS` is a good one. */
  deadlineMs: number;
}

/** `marks` null: the store needs none, for its members show their tokens. */
export interface Aws {
  ledger: Ledger;
  shelf: Shelf;
  marks: Marks | null;
  instances: ReadInstances;
  neighbours: ReadNeighbours;
  board: Board;
  autoScaling: () => Promise<AutoScalingApi>;
}

export const AWS_DEADLINE_MS = 10_000;

export function createAws(options: AwsOptions): Aws {
  const { config, identity, vault, credentials, endpoints, variant, wayTo } = options;
  const { store, cluster, tags } = config;
  const { region, vpc, account, instance } = identity;
  const caller: Caller = {
    region,
    credentials,
    onCall: options.onCall,
    deadlineMs: options.deadlineMs,
    ...(wayTo === undefined ? {} : { wayTo }),
  };
  const ec2 = once(async (): Promise<Ec2Api> => {
    const { Ec2Api } = await import("../aws/ec2.ts");
    return new Ec2Api(caller, endpoints.ec2, variant);
  });
  const known = {
    instances: createInstances({ config, identity, ec2 }),
    neighbours: createNeighbours({ config, identity, ec2 }),
    autoScaling: once(async (): Promise<AutoScalingApi> => {
      const { AutoScalingApi } = await import("../aws/autoscaling.ts");
      return new AutoScalingApi(caller, endpoints.autoScaling, variant);
    }),
  };
  if (store.kind === "tags") {
    return {
      ...known,
      ledger: createTemplateLedger({ vpc, cluster, tags, ec2 }),
      shelf: createTagShelf({ config, identity, vault, ec2 }),
      marks: null,
      board: createTagBoard({ config, identity, ec2 }),
    };
  }
  const s3 = once(async (): Promise<S3Api> => {
    const { S3Api } = await import("../aws/s3.ts");
    return new S3Api(caller, { store, account, tags, endpoint: endpoints.s3, variant });
  });
  return {
    ...known,
    ledger: createObjectLedger({ cluster, s3 }),
    shelf: createObjectShelf({ cluster, vault, s3 }),
    marks: createMarks({ cluster, instance, s3 }),
    board: createObjectBoard({ cluster, instance, s3 }),
  };
}

/** Begins to load what a store's calls need: the first of them then finds it there. */
export function preload({ kind }: Config["store"]): void {
  void import("../aws/ec2.ts");
  if (kind === "s3") void import("../aws/s3.ts");
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => made ??= make();
}
