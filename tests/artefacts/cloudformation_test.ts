/** The CloudFormation template: by the linters of its ecosystem, and by the stacks that it makes in moto. */
import assert from "node:assert/strict";
import { output } from "../e2e/machine.ts";
import { filled, linesOf, SETTINGS, withMachine } from "./boot.ts";
import { faultsOf, hooksInDocs, type Made, make, portsInDocs, read, userDataOf } from "./stacks.ts";
import { judged, pathOf, ROOT, tool } from "./tools.ts";

const PATH = "deploy/cloudformation/swarm.yaml";
const TEMPLATE = read(PATH);

const KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-1111-2222-3333-444455556666";
const PROGRAM = {
  ProgramFrom: "s3://my-bucket/releases",
  ProgramSha256X8664: "1".repeat(64),
  ProgramSha256Aarch64: "3".repeat(64),
  UnitSha256: "2".repeat(64),
};

const SMALLEST = {};
const IN_S3 = { Store: "s3" };
const PRODUCTION = {
  ...PROGRAM,
  Store: "s3",
  KmsKeyArn: KEY,
  InstallDocker: "false",
  Settings: "SWARM_JOIN_TAGS=Team=web,keep=yes SWARM_JOIN_TIMEOUT=20m",
  UserDataBefore: "echo first",
  AdditionalSecurityGroupIds: "OTHER,OTHER",
  AmiId: "ami-0a1b2c3d4e5f60718",
  KeyName: "ops",
  RootVolumeSize: "40",
  WorkerMaxCount: "20",
  Architecture: "arm64",
  BucketName: "a-bucket-of-ours",
  ManagerRolePolicyArns: "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
  PermissionsBoundary: "arn:aws:iam::123456789012:policy/boundary",
};
const BUCKET_OF_OTHERS = {
  ...IN_S3,
  BucketName: "my-bucket",
  CreateBucket: "false",
  ...PROGRAM,
  ProgramFrom: "https://example.com/0.1.0",
};

type Parameters = Record<string, string>;

const STACKS: [region: string, parameters: Parameters][] = [
  ["eu-west-1", SMALLEST],
  ["eu-west-1", PRODUCTION],
  ["us-gov-west-1", IN_S3],
  ["cn-north-1", SMALLEST],
  ["cn-north-1", BUCKET_OF_OTHERS],
];

/** What somebody might do to the template, and by what it is found. */
interface Mutant {
  name: string;
  /** The first that is so is replaced, after the first place that reads `at`. */
  at?: string;
  from: string | RegExp;
  to?: string;
  parameters?: Parameters;
  found: RegExp;
}

const OF_GROUP = (kind: string): string => `  ${kind}Group:\n`;
const OF_TEMPLATE = (kind: string): string => `  ${kind}LaunchTemplate:\n`;

const MUTANTS: Mutant[] = [
  ...(["manager", "worker"] as const).flatMap((kind) =>
    (["tags", "s3"] as const).map((store): Mutant => ({
      name: `the ${kind}s' policy for ${store} has an action less`,
      at: `# deploy/iam/${kind}-${store}.json`,
      from: '"autoscaling:CompleteLifecycleAction",',
      parameters: { Store: store },
      found: new RegExp(`^the ${kind}s' policy: `),
    }))
  ),
  {
    name: "a policy has a condition less",
    at: "# deploy/iam/worker-tags.json",
    from: /"ForAnyValue:StringEquals":\{"aws:TagKeys":"SwarmLeaving"\}/,
    to: '"Bool":{"aws:SecureTransport":"true"}',
    found: /^the workers' policy: /,
  },
  ...["Joining", "GossipByTcp", "GossipByUdp", "Overlays", "EncryptedOverlays"].map((
    rule,
  ): Mutant => ({
    name: `there is no rule ${rule}`,
    from: new RegExp(`^  ${rule}:\n(?:    .*\n)+|^      - ${rule}\n`, "gm"),
    found: /^ports: /,
  })),
  {
    name: "a port is open to all",
    at: "  Joining:\n",
    from: "SourceSecurityGroupId: !GetAtt SecurityGroup.GroupId",
    to: "CidrIp: 0.0.0.0/0",
    found: /^ports: .*tcp 2377 from anywhere/,
  },
  {
    name: "machines come before a port is open",
    at: OF_GROUP("Manager"),
    from: "      - Overlays\n",
    found: /^the managers' ports before machines: /,
  },
  ...["Manager", "Worker"].flatMap((kind) =>
    ["launching", "terminating"].map((hook): Mutant => ({
      name: `the group of ${kind}s has no ${hook} hook`,
      at: OF_GROUP(kind),
      from: new RegExp(`        - LifecycleHookName: swarm-join-${hook}\n(?:          .*\n)+`),
      found: new RegExp(`^the ${kind.toLowerCase()}s' hooks: `),
    }))
  ),
  {
    name: "a leave has hardly any time",
    at: OF_GROUP("Manager"),
    from: /HeartbeatTimeout: 900\n( +)DefaultResult: CONTINUE/,
    to: "HeartbeatTimeout: 30\n$1DefaultResult: CONTINUE",
    found: /^the managers' hooks: /,
  },
  {
    name: "who does not join is in service",
    at: OF_GROUP("Worker"),
    from: "DefaultResult: ABANDON",
    to: "DefaultResult: CONTINUE",
    found: /^the workers' hooks: /,
  },
  {
    name: "metadata answer without a session",
    at: OF_TEMPLATE("Worker"),
    from: "HttpTokens: required",
    to: "HttpTokens: optional",
    found: /^the workers' metadata: /,
  },
  {
    name: "containers reach the metadata",
    at: OF_TEMPLATE("Manager"),
    from: "HttpPutResponseHopLimit: 1",
    to: "HttpPutResponseHopLimit: 2",
    found: /^the managers' metadata: /,
  },
  {
    name: "a manager is terminated before another is launched",
    at: OF_GROUP("Manager"),
    from: "{ MinHealthyPercentage: 100, MaxHealthyPercentage: 110 }",
    to: "{ MinHealthyPercentage: 66, MaxHealthyPercentage: 100 }",
    found: /^the managers' way of being replaced: /,
  },
  {
    name: "machines are not tagged with their role",
    at: OF_GROUP("Worker"),
    from: "{ Key: Role, Value: worker, PropagateAtLaunch: true }",
    to: "{ Key: Role, Value: worker, PropagateAtLaunch: false }",
    found: /^the workers' tags: /,
  },
  {
    name: "managers have the workers' role",
    at: OF_TEMPLATE("Manager"),
    from: "ManagerProfile.Arn",
    to: "WorkerProfile.Arn",
    found: /^the managers' policy: /,
  },
  {
    name: "a sum is not looked at",
    from: "sha256sum --check --status - ||",
    to: "cat ||",
    parameters: PROGRAM,
    found: /^the managers' user data: /,
  },
  ...([
    ["has no versions", "Status: Enabled", "Status: Suspended", /^the bucket's versioning: /],
    [
      "goes with the stack",
      "DeletionPolicy: Retain",
      "DeletionPolicy: Delete",
      /when the stack goes: /,
    ],
    [
      "forgets",
      "    Properties:\n",
      "    Properties:\n      LifecycleConfiguration:\n" +
      "        Rules: [{ Status: Enabled, ExpirationInDays: 30 }]\n",
      /^the bucket's expiry: /,
    ],
    [
      "may be shown to all",
      "BlockPublicPolicy: true",
      "BlockPublicPolicy: false",
      /may see the bucket: /,
    ],
  ] as const).map(([what, from, to, found]): Mutant => ({
    name: `the bucket ${what}`,
    at: "  Bucket:\n",
    from,
    to,
    parameters: IN_S3,
    found,
  })),
];

/** All stacks at once, as Python and moto take seconds to begin: those that are right, then the mutants'. */
let made: Promise<Made[]> | null = null;
function stacks(): Promise<Made[]> {
  return made ??= make([
    ...STACKS.map(([region, parameters]) => ({ region, parameters, template: TEMPLATE })),
    ...MUTANTS.map((mutant) => ({
      region: "eu-west-1",
      parameters: mutant.parameters ?? {},
      template: mutated(mutant),
    })),
  ]);
}

function mutated({ name, at = "", from, to = "" }: Mutant): string {
  const begin = TEMPLATE.indexOf(at);
  assert.ok(begin >= 0, `${name}: the template has no ${at}`);
  const rest = TEMPLATE.slice(begin).replace(from, to);
  assert.notEqual(TEMPLATE.slice(begin), rest, `${name}: nothing is changed`);
  return TEMPLATE.slice(0, begin) + rest;
}

async function stackOf(parameters: Parameters, region = "eu-west-1"): Promise<Made> {
  const at = STACKS.findIndex(([where, given]) => where === region && given === parameters);
  const stack = (await stacks())[at];
  assert.ok(stack !== undefined && stack.error === undefined, stack?.error);
  return stack;
}

judged(
  "a stack is what docs/operations.md and deploy/iam say, in each partition",
  ["python"],
  async (t) => {
    assert.deepEqual(portsInDocs(), ["tcp 2377", "tcp 7946", "udp 7946", "udp 4789", "50 -1"]);
    assert.equal(hooksInDocs().length, 2);
    for (const [i, [region, parameters]] of STACKS.entries()) {
      const said = Object.entries(parameters).map(([key, value]) => `${key}=${value}`).join(" ");
      await t.step(`${region} ${said}`.slice(0, 80), async () => {
        const stack = (await stacks())[i];
        assert.ok(stack !== undefined);
        assert.deepEqual(faultsOf(stack, parameters), []);
      });
    }
  },
);

judged("what is taken from the template is missed", ["python"], async (t) => {
  for (const [i, mutant] of MUTANTS.entries()) {
    await t.step(mutant.name, async () => {
      const stack = (await stacks())[STACKS.length + i];
      assert.ok(stack !== undefined && stack.error === undefined, stack?.error);
      const faults = faultsOf(stack, mutant.parameters ?? {});
      assert.ok(faults.some((fault) => mutant.found.test(fault)), faults.join("\n"));
    });
  }
});

judged("in production the parameters arrive where they belong", ["python"], async () => {
  const { manager, worker, bucket, other } = await stackOf(PRODUCTION);
  for (const { role, template } of [manager, worker]) {
    assert.deepEqual(
      role.policies["swarm-join-key"]?.Statement.map(({ Action, Resource }) => [Action, Resource]),
      [
        [["kms:Decrypt", "kms:GenerateDataKey"], KEY],
      ],
    );
    assert.deepEqual(
      role.policies["swarm-join-program"]?.Statement.map((
        { Action, Resource },
      ) => [Action, Resource]),
      [["s3:GetObject", "arn:aws:s3:::my-bucket/releases/swarm-join*"]],
    );
    assert.equal(Object.keys(role.policies).length, 3);
    assert.equal(role.boundary, PRODUCTION.PermissionsBoundary);
    assert.equal(template.ImageId, PRODUCTION.AmiId);
    assert.equal(template.InstanceType, "t4g.medium");
    assert.equal(template.KeyName, "ops");
    assert.deepEqual(template.SecurityGroupIds.slice(1), [other, other]);
    assert.deepEqual(template.BlockDeviceMappings, [
      { DeviceName: "/dev/xvda", Ebs: { Encrypted: true, VolumeSize: 40, VolumeType: "gp3" } },
    ]);
  }
  assert.deepEqual(manager.role.attached, [PRODUCTION.ManagerRolePolicyArns]);
  assert.deepEqual(worker.role.attached, []);
  assert.equal(bucket?.name, PRODUCTION.BucketName);
  assert.deepEqual(bucket.encryption, { SSEAlgorithm: "aws:kms", KMSMasterKeyID: KEY });
});

judged("without them a stack has no more than it needs", ["python"], async () => {
  const { manager, worker, outputs } = await stackOf(SMALLEST);
  for (const { role, template } of [manager, worker]) {
    assert.deepEqual(Object.keys(role.policies), ["swarm-join"]);
    assert.deepEqual([role.attached, role.boundary], [[], null]);
    assert.match(template.ImageId, /al2023-ami-kernel-default-x86_64\}\}$/);
    assert.equal(template.InstanceType, "t3.medium");
    assert.equal(template.SecurityGroupIds.length, 1);
    assert.deepEqual([template.KeyName, template.BlockDeviceMappings], [undefined, undefined]);
  }
  assert.deepEqual(Object.keys(outputs).sort(), [
    "ManagerGroupName",
    "ManagerLaunchTemplateId",
    "ManagerRoleName",
    "SecurityGroupId",
    "WorkerGroupName",
    "WorkerLaunchTemplateId",
    "WorkerRoleName",
  ]);
  const { bucket, outputs: inS3 } = await stackOf(IN_S3, "us-gov-west-1");
  assert.equal(bucket?.encryption.SSEAlgorithm, "AES256");
  assert.equal(inS3.BucketName, bucket?.name);
});

judged(
  "the user data of a stack are a script, and do what they say",
  ["python", "debian", "root"],
  async () => {
    const written = userDataOf((await stackOf(PRODUCTION)).manager);
    assert.ok(written.length < 16_384, "EC2 takes 16 KB");
    const lines = await linesOf(PRODUCTION.ProgramFrom);
    await withMachine(async (machine) => {
      machine.stubAws();
      const { code, stdout, stderr } = await machine.run(filled(written, lines));
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /^first\n/);
      await machine.isInstalled();
      const settings = await machine.read(SETTINGS) ?? "";
      assert.match(
        settings,
        /\nSWARM_JOIN_STORE=s3:\/\/a-bucket-of-ours\/swarms\nSWARM_JOIN_S3_KMS_KEY=arn:\S+\n/,
      );
      assert.match(settings, /\nSWARM_JOIN_TAGS=Team=web,keep=yes\nSWARM_JOIN_TIMEOUT=20m\n$/);
    });
  },
);

judged("the program takes the settings of a stack", ["python"], async () => {
  const [settings = ""] =
    /(?<=<<'ENV'\n)[^]*?(?=ENV\n)/.exec(userDataOf((await stackOf(PRODUCTION)).worker)) ?? [];
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, settings);
  const args = ["run", "-A", "--no-check", `${ROOT}main.ts`, "settings", "--config", file];
  const { code, stdout, stderr } = await output(Deno.execPath(), args);
  await Deno.remove(file);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Team=web,keep=yes/);
  assert.match(stdout, /key\/0a1b2c3d/);
});

judged("cfn-lint finds nothing, in any partition", ["cfn-lint"], async () => {
  const regions = ["--regions", "us-east-1", "us-gov-west-1", "cn-north-1"];
  assert.equal(await tool("cfn-lint", ...regions, "--template", ROOT + PATH), "");
  const broken = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(broken, TEMPLATE.replace("HttpTokens: required", "HttpToken: required"));
  const { code, stdout } = await output(pathOf("cfn-lint") ?? "", [
    ...regions,
    "--template",
    broken,
  ]);
  await Deno.remove(broken);
  assert.notEqual(code, 0);
  assert.match(stdout, /^E3002 .*HttpToken/m);
});

/** Prints what AWS's own validator finds with these parameters: of each template, a line for each finding. */
const VALIDATE = `
import json, sys
from cloudformation_validate import RegoEngine, Severity, ValidateConfig
config = ValidateConfig(severity_level=Severity.WARN, parameter_overrides=json.loads(sys.argv[1]))
for template in sys.argv[2:]:
    for found in RegoEngine().validate_template(template, config).diagnostics:
        print(template, found.severity.name, found.rule_id, found.message)
`;

judged("cloudformation-validate finds nothing", ["python"], async () => {
  const broken = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(broken, TEMPLATE.replace("HttpTokens: required", "HttpToken: required"));
  // It does not ask for conditions, so it would take what is left empty for a policy.
  const given = JSON.stringify({
    ManagerRolePolicyArns: PRODUCTION.ManagerRolePolicyArns,
    WorkerRolePolicyArns: PRODUCTION.ManagerRolePolicyArns,
    PermissionsBoundary: PRODUCTION.PermissionsBoundary,
  });
  const found = await tool("python", "-B", "-c", VALIDATE, given, ROOT + PATH, broken);
  await Deno.remove(broken);
  const lines = found.trimEnd().split("\n");
  assert.deepEqual(lines.filter((line) => !line.startsWith(broken)), []);
  assert.match(lines.join("\n"), /HttpToken\b/);
});

Deno.test("no parameter but the VPC makes another security group of the one that nodes are in", () => {
  const properties = /\n {2}SecurityGroup:\n[^]*?\n\n/.exec(TEMPLATE)?.[0] ?? "";
  // What AWS's reference of AWS::EC2::SecurityGroup says "Update requires: Replacement" of.
  const replacing = [...properties.matchAll(/^ {6}(GroupDescription|GroupName|VpcId): (.*)$/gm)];
  assert.deepEqual(
    replacing.map(([, key, value]) => [key, /[!$]/.test(value ?? "") ? value : ""]),
    [
      ["GroupDescription", ""],
      ["VpcId", "!Ref VpcId"],
    ],
  );
});

Deno.test("the template is small enough to be given as a text", () => {
  assert.ok(new TextEncoder().encode(TEMPLATE).length < 51_200);
});
