/**
 * A node as it is before anything has happened, in the simulated world and in the tests' observations:
 * what it was told, who it is, and its Engine in no swarm.
 */
import type { Config, Engine, Identity, S3Store } from "../../src/state.ts";
import type { Placement } from "../../src/shown.ts";

export const ACCOUNT = "123456789012";
export const REGION = "eu-west-1";
export const VPC = "vpc-1";

export const config: Config = {
  goal: "join",
  cluster: "default",
  store: { kind: "tags" },
  role: "auto",
  roleTag: "Role",
  managerTokenTag: "ManagerToken",
  workerTokenTag: "WorkerToken",
  clusterTag: null,
  tags: [],
  advertiseAddr: null,
  listenAddr: null,
  dataPathAddr: null,
  dataPathPort: null,
  defaultAddrPool: [],
  availability: null,
  abandonTasks: false,
  labelTags: [],
  ifTerminating: false,
  hook: null,
  region: null,
  givenKeys: false,
  ec2Endpoint: null,
  timeoutMs: 600_000,
  dryRun: false,
};

export const s3: S3Store = {
  kind: "s3",
  bucket: "b",
  prefix: "p",
  sse: null,
  kmsKey: null,
  bucketOwner: null,
};

export const placement: Placement = {
  zone: "eu-west-1a",
  type: "m7i.large",
  lifecycle: "on-demand",
};

export function identityOf({ instance, address }: { instance: string; address: string }): Identity {
  return {
    instance,
    account: ACCOUNT,
    region: REGION,
    partition: "aws",
    vpc: VPC,
    address,
    addresses: [address],
    publicAddresses: [],
    vpcRanges: ["10.0.0.0/16"],
    roleTag: null,
    placement,
  };
}

export const outside: Engine = {
  state: "inactive",
  nodeId: "",
  address: "",
  peers: [],
  api: 41,
  error: "",
  trouble: null,
  refuses: "",
  fingerprint: null,
  clusterId: null,
  manager: false,
  swarm: null,
};
