/** What the CloudFormation template makes, in moto, and what is wrong with it by the docs and by `deploy/iam`. */
import assert from "node:assert/strict";
import { ROOT, tool } from "./tools.ts";

export interface Spec {
  region: string;
  template: string;
  parameters: Record<string, string>;
}

interface Rule {
  IpProtocol: string;
  FromPort: number;
  ReferencedGroupInfo?: { GroupId: string };
}

interface Hook {
  LifecycleHookName: string;
  LifecycleTransition: string;
  HeartbeatTimeout: number;
  DefaultResult: string;
}

interface Group {
  MinSize: number;
  MaxSize: number;
  DesiredCapacity: number;
  VPCZoneIdentifier: string;
  InstanceMaintenancePolicy?: unknown;
  LifecycleHookSpecificationList?: { LifecycleHookName: string }[];
}

export interface Kind {
  group: Group;
  waitsFor: string[];
  hooks: Hook[];
  template: {
    ImageId: string;
    InstanceType: string;
    UserData: string;
    KeyName?: string;
    MetadataOptions: unknown;
    SecurityGroupIds: string[];
    BlockDeviceMappings?: { DeviceName: string; Ebs: { Encrypted: boolean; VolumeSize: number } }[];
  };
  role: {
    trusts: { Statement: { Principal: { Service: string } }[] };
    policies: Record<string, { Statement: { Action: string[]; Resource: string }[] }>;
    attached: string[];
    boundary: string | null;
  };
  instances: { Tags: { Key: string; Value: string }[] }[];
}

export interface Made {
  error?: string;
  region: string;
  /** A security group that it did not make. */
  other: string;
  subnets: string[];
  outputs: Record<string, string>;
  ingress: Rule[];
  manager: Kind;
  worker: Kind;
  bucket: {
    name: string;
    versioning: string;
    expiry: unknown[];
    encryption: Record<string, string>;
    public: Record<string, boolean>;
    kept: string[];
  } | null;
}

export async function make(specs: Spec[]): Promise<Made[]> {
  const input = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(input, JSON.stringify(specs));
    return JSON.parse(await tool("python", "-B", `${ROOT}tests/artefacts/stack.py`, input));
  } finally {
    await Deno.remove(input);
  }
}

/** Each thing that is not as it must be, in words. None: all is. */
export function faultsOf(made: Made, parameters: Record<string, string>): string[] {
  if (made.error !== undefined) return [made.error];
  const faults: string[] = [];
  const check = (what: string, found: unknown, want: unknown): void => {
    try {
      assert.deepEqual(found, want);
    } catch {
      faults.push(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(want)}`);
    }
  };
  const group = made.outputs.SecurityGroupId;
  const open = made.ingress.map((rule) =>
    `${rule.IpProtocol} ${rule.FromPort} from ${rule.ReferencedGroupInfo?.GroupId ?? "anywhere"}`
  );
  check("ports", open.sort(), portsInDocs().map((port) => `${port} from ${group}`).sort());
  for (const kind of ["manager", "worker"] as const) {
    for (const [what, found, want] of partsOf(made, kind, parameters)) {
      check(`the ${kind}s' ${what}`, found, want);
    }
  }
  if (parameters.Store === "s3" && parameters.CreateBucket !== "false") {
    check("the bucket's versioning", made.bucket?.versioning, "Enabled");
    check("the bucket's expiry", made.bucket?.expiry, []);
    check("the bucket when the stack goes", made.bucket?.kept, ["Retain", "Retain"]);
    check("who may see the bucket", Object.values(made.bucket?.public ?? {}), Array(4).fill(true));
  } else check("bucket", made.bucket, null);
  return faults;
}

/** What there is of a kind, and what there should be. */
function partsOf(
  made: Made,
  kind: "manager" | "worker",
  parameters: Record<string, string>,
): [string, unknown, unknown][] {
  const { group, hooks, template, role, instances, waitsFor } = made[kind];
  const wantHooks = hooksInDocs();
  const count = kind === "manager" ? 3 : 2;
  const tags = instances.map(({ Tags }) =>
    ["Role", "Cluster"].map((key) => Tags.find(({ Key }) => Key === key)?.Value)
  );
  const names = group.LifecycleHookSpecificationList?.map((hook) => hook.LifecycleHookName) ?? [];
  return [
    ["policy", role.policies["swarm-join"], policyInFile(kind, made, parameters)],
    ["trust", role.trusts.Statement.map(({ Principal }) => Principal.Service), [
      made.region.startsWith("cn-") ? "ec2.amazonaws.com.cn" : "ec2.amazonaws.com",
    ]],
    [
      "hooks",
      hooks.map((hook) => [hook.LifecycleTransition, hook.HeartbeatTimeout, hook.DefaultResult])
        .sort(),
      wantHooks,
    ],
    ["hooks of the first machines", names.sort(), [
      "swarm-join-launching",
      "swarm-join-terminating",
    ]],
    ["metadata", template.MetadataOptions, {
      HttpTokens: "required",
      HttpPutResponseHopLimit: 1,
      HttpEndpoint: "enabled",
      InstanceMetadataTags: "disabled",
    }],
    ["security group", template.SecurityGroupIds[0], made.outputs.SecurityGroupId],
    ["subnets", group.VPCZoneIdentifier, made.subnets.join(",")],
    ["sizes", [group.MinSize, group.DesiredCapacity, group.MaxSize], [
      ...kind === "manager" ? [3, 3, 4] : [2, 2, Number(parameters.WorkerMaxCount ?? 10)],
    ]],
    ["way of being replaced", group.InstanceMaintenancePolicy, {
      MinHealthyPercentage: 100,
      MaxHealthyPercentage: 110,
    }],
    ["tags", tags, Array(count).fill([kind, "swarm"])],
    ["ports before machines", waitsFor.length, portsInDocs().length],
    ["user data", new TextDecoder().decode(decoded(template.UserData)), userData(made, parameters)],
  ];
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

export function userDataOf(kind: Kind): string {
  return new TextDecoder().decode(decoded(kind.template.UserData));
}

/** What its machines should run at their first boot. */
function userData(made: Made, parameters: Record<string, string>): string {
  const bucket = parameters.BucketName ?? made.bucket?.name;
  const settings = [
    "SWARM_JOIN_CLUSTER=swarm",
    "SWARM_JOIN_CLUSTER_TAG=Cluster",
    ...parameters.Store === "s3" ? [`SWARM_JOIN_STORE=s3://${bucket}/swarms`] : [],
    ...parameters.KmsKeyArn ? [`SWARM_JOIN_S3_KMS_KEY=${parameters.KmsKeyArn}`] : [],
    ...parameters.Settings?.split(" ") ?? [],
  ];
  const script = read("deploy/user-data.sh");
  const fourLines = [
    `FROM=${parameters.ProgramFrom}`,
    `PROGRAM_SHA256_X86_64=${parameters.ProgramSha256X8664 ?? ""}`,
    `PROGRAM_SHA256_AARCH64=${parameters.ProgramSha256Aarch64 ?? ""}`,
    `UNIT_SHA256=${parameters.UnitSha256}`,
  ];
  return [
    "#!/bin/sh",
    "set -eu",
    `export AWS_DEFAULT_REGION=${made.region}`,
    parameters.UserDataBefore ?? "",
    "cat > /etc/swarm-join.env <<'ENV'",
    ...settings,
    "ENV",
    ...parameters.InstallDocker === "false" ? [] : [read("deploy/install-docker.sh").trimEnd()],
    ...parameters.ProgramFrom
      ? [...fourLines, script.slice(script.indexOf("fail() {")).trimEnd()]
      : ["systemctl enable --now --no-block swarm-join.service"],
    "",
  ].join("\n");
}

/** A policy of `deploy/iam`, with what its capitals stand for in this stack. */
function policyInFile(
  kind: "manager" | "worker",
  made: Made,
  parameters: Record<string, string>,
): unknown {
  const partition = made.region.startsWith("cn-")
    ? "aws-cn"
    : made.region.startsWith("us-gov-")
    ? "aws-us-gov"
    : "aws";
  const groupName = made.outputs[kind === "manager" ? "ManagerGroupName" : "WorkerGroupName"] ?? "";
  return JSON.parse(
    read(`deploy/iam/${kind}-${parameters.Store ?? "tags"}.json`)
      .replaceAll("arn:aws:", `arn:${partition}:`)
      .replace("autoScalingGroupName/*", `autoScalingGroupName/${groupName.replace(/[^-]+$/, "*")}`)
      .replaceAll("REGION", made.region).replaceAll("ACCOUNT", "123456789012")
      .replaceAll("BUCKET", parameters.BucketName ?? made.bucket?.name ?? "").replaceAll(
        "PREFIX",
        "swarms",
      ),
  );
}

/** The ports of docs/operations.md, between the nodes: `tcp 2377`; a protocol without ports has -1. */
export function portsInDocs(): string[] {
  const part = partOf("## What nodes must reach", "## ");
  const ports = new Set<string>();
  for (const [, , port = ""] of part.matchAll(/^\| ([^|]+) \| ([^|]+) \|/gm)) {
    for (const [, protocols = "", number] of port.matchAll(/\b((?:TCP|UDP)(?: and UDP)?) (\d+)/g)) {
      for (const protocol of protocols.split(" and ")) {
        ports.add(`${protocol.toLowerCase()} ${number}`);
      }
    }
    for (const [, number] of port.matchAll(/IP protocol (\d+)/g)) ports.add(`${number} -1`);
  }
  return [...ports];
}

/** The hooks of docs/operations.md: the transition, the time in seconds, what comes of it after that. */
export function hooksInDocs(): [string, number, string][] {
  const part = partOf("### Lifecycle hooks", "### ");
  const found = part.matchAll(
    /--heartbeat-timeout (\d+) --default-result (\w+) \\\n +--lifecycle-transition (\S+)/g,
  );
  return [...found].map(([, time, result = "", transition = ""]): [string, number, string] => [
    transition,
    Number(time),
    result,
  ]).sort();
}

function partOf(heading: string, next: string): string {
  const docs = read("docs/operations.md");
  const begin = docs.indexOf(`\n${heading}\n`) + heading.length + 2;
  return docs.slice(begin, docs.indexOf(`\n${next}`, begin));
}

export function read(path: string): string {
  return Deno.readTextFileSync(ROOT + path);
}
