/** This program's own AWS edges of a node in the VPC, without the program around them. */
import type { ImdsInstance } from "../emulators/imds.ts";
import { staticCredentials } from "../support/aws_lab.ts";
import { config, identity, s3 } from "../support/observations.ts";
import type { Vpc } from "./vpc.ts";
import { type Aws, AWS_DEADLINE_MS, createAws } from "../../src/node/stores.ts";
import { Vault } from "../../src/tokens/vault.ts";

export function edgesOf(
  vpc: Vpc,
  { instance, address, role }: ImdsInstance,
  cluster: string,
): Aws & { vault: Vault } {
  if (role === null) throw new Error(`${instance} has no role`);
  const { endpoint } = vpc.aws;
  const vault = new Vault();
  const aws = createAws({
    config: {
      ...config,
      cluster,
      ...(vpc.store === "s3" ? { store: { ...s3, bucket: "swarms", prefix: "prod" } } : {}),
    },
    identity: { ...identity(), instance, address, addresses: [address], vpc: vpc.aws.vpc },
    vault,
    credentials: staticCredentials(role.credentials),
    endpoints: { ec2: endpoint, s3: endpoint, autoScaling: endpoint },
    variant: { fips: false, dualstack: false },
    onCall: () => {},
    deadlineMs: AWS_DEADLINE_MS,
  });
  return { ...aws, vault };
}
