/** The Terraform module: judged by Terraform, and applied to an AWS of moto's. */
import assert from "node:assert/strict";
import { sh } from "../e2e/machine.ts";
import { sha256 } from "./boot.ts";
import { type Asked, faultsIn, settingsIn } from "./made.ts";
import { type Edit, resourcesIn, withAws, withTerraform } from "./terraform.ts";
import { judged, ROOT } from "./tools.ts";

const MODULE = `${ROOT}deploy/terraform`;
const SUMS = { x86_64: await sha256("x"), aarch64: await sha256("a"), unit: await sha256("u") };

const SMALLEST: Asked = {
  name: "swarm",
  store: "tags",
  managers: 3,
  workers: { min: 2, max: 2 },
  lines: linesOf("https://example.com/swarm-join/0.1.0"),
  settings: { SWARM_JOIN_CLUSTER: "swarm", SWARM_JOIN_CLUSTER_TAG: "Cluster" },
};

/** The network that a swarm is put into, known only when it is made, and the program. */
const GROUND = [
  'resource "aws_vpc" "this" {\n  cidr_block = "10.0.0.0/16"\n}',
  'resource "aws_subnet" "this" {',
  "  count             = 3",
  "  vpc_id            = aws_vpc.this.id",
  '  cidr_block        = "10.0.${count.index}.0/24"',
  '  availability_zone = "eu-west-1${["a", "b", "c"][count.index]}"',
  "}",
];

judged("Terraform finds the module formatted and valid, and its own tests pass", [
  "terraform",
  "aws-provider",
], () =>
  withTerraform(async (terraform) => {
    await terraform.copy("deploy");
    await terraform.run("deploy", "fmt", "-check", "-diff", "-recursive", "terraform");
    // The examples are applied below.
    for (const command of ["init", "validate", "test"]) {
      await terraform.run("deploy/terraform", command);
    }
  }));

judged("Terraform makes both examples' swarms, finds them as they are, and takes them away", [
  "terraform",
  "aws-provider",
  "python",
], (t) =>
  withAws(async (terraform, aws) => {
    await terraform.copy("deploy");
    await terraform.root("live", [
      ...GROUND,
      ...example("smallest", SMALLEST.lines),
      ...example("production", linesOf("s3://releases/swarm-join/0.1.0"), "force_destroy = true"),
    ]);
    await terraform.run("live", "apply", "-auto-approve");
    const state = await terraform.state("live");
    const production = resourcesIn(state, "module.production");

    await t.step("they are what swarm-join needs, and no more", () => {
      assert.deepEqual(faultsIn(resourcesIn(state, "module.smallest"), SMALLEST), []);
      const key = production.find(({ type }) => type === "aws_kms_key")?.values.arn;
      assert.match(key, /^arn:aws:kms:/);
      assert.deepEqual(faultsIn(production, productionOf(key)), []);
      const versioning = production.find(({ type }) => type === "aws_s3_bucket_versioning");
      assert.equal(versioning?.values.versioning_configuration[0].status, "Enabled");
      assert.ok(!production.some(({ type }) => type.startsWith("aws_s3_bucket_lifecycle")));
    });

    await t.step("swarm-join takes the settings that it gets", async () => {
      const template = production.find(({ type }) => type === "aws_launch_template");
      const file = `${terraform.folder}/swarm-join.env`;
      await Deno.writeTextFile(file, settingsIn(template?.values.user_data));
      const shown = await sh(`${ROOT}dist/swarm-join`, "settings", "--config", file);
      assert.match(shown, /^--store +s3:\/\/production-123456789012-eu-west-1\/swarms /m);
    });

    await t.step(
      "what swarm-join writes makes no difference, and is not in the state",
      async () => {
        const { states } = await aws.dump();
        assert.equal(Object.keys(states).length, 11, "the machines of both");
        const token = `SWMTKN-1-${"a".repeat(50)}-${"b".repeat(25)}`;
        for (const instance of Object.keys(states)) {
          const tags = { ManagerToken: token, WorkerToken: token, SwarmCluster: "swarm" };
          await aws.ask("tag", { instance, tags });
        }
        // It writes down what it has found.
        const said = await terraform.run("live", "apply", "-auto-approve");
        assert.match(said, /^No changes\. Your infrastructure matches the configuration\.$/m);
        const written = await Deno.readTextFile(`${terraform.folder}/live/terraform.tfstate`);
        assert.doesNotMatch(written, /SWMTKN/);
      },
    );

    await t.step("no later change replaces a group, its roles or its bucket", async () => {
      await terraform.copy("changed", [
        { file: "terraform/variables.tf", from: /= 900/g, to: "= 1200" },
        { file: "terraform/main.tf", from: "t3.medium", to: "t3.large" },
        { file: "user-data.sh", from: "set -eu\n", to: "set -eu\n# Another.\n" },
        { file: "iam/manager-tags.json", from: '"ec2:DescribeInstances", ', to: "" },
      ]);
      await Deno.rename(`${terraform.folder}/deploy`, `${terraform.folder}/before`);
      await Deno.rename(`${terraform.folder}/changed`, `${terraform.folder}/deploy`);
      const { resource_changes } = await terraform.plan("live");
      const changed = resource_changes.filter((one: Change) => one.change.actions[0] !== "no-op");
      assert.deepEqual(
        changed.filter((one: Change) => one.change.actions.join() !== "update"),
        [],
      );
      const types = new Set(changed.map(({ type }: Change) => type));
      for (const type of ["group", "lifecycle_hook"]) {
        assert.ok(types.has(`aws_autoscaling_${type}`));
      }
      assert.ok(types.has("aws_launch_template") && types.has("aws_iam_role_policy"));
    });

    await t.step("of what is destroyed nothing is left", async () => {
      await terraform.run("live", "destroy", "-auto-approve");
      const { states, templates } = await aws.dump();
      assert.deepEqual([...new Set(Object.values(states))], ["terminated"]);
      assert.deepEqual(templates, {});
      assert.deepEqual((await terraform.state("live"))?.root_module?.resources ?? [], []);
    });
  }));

/** A copy of the module that lacks something, and what is said of it. */
const LACKS: [string, RegExp, ...Edit[]][] = [
  ["an action of the managers", /^policy of the manager: /, {
    file: "iam/manager-tags.json",
    from: '"ec2:DeleteTags"',
    to: '"ec2:CreateTags"',
  }],
  ["an action of the workers", /^policy of the worker: /, {
    file: "iam/worker-tags.json",
    from: '"autoscaling:CompleteLifecycleAction",',
    to: "",
  }],
  ["a port", /^ports: /, {
    file: "terraform/network.tf",
    from: /^ +gossip-udp +=.*\n/m,
    to: "",
  }],
  ["a hook of the first machines", /^hooks of the first \w+s: /, {
    file: "terraform/main.tf",
    from: /(dynamic "initial_lifecycle_hook" \{\n +for_each = )local\.hooks/,
    to: '$1{ for name, hook in local.hooks : name => hook if hook.result == "CONTINUE" }',
  }],
  ["a hook of the later ones", /^hooks of the (?!first)\w+s: /, {
    file: "terraform/main.tf",
    from: "setproduct(keys(local.kinds), keys(local.hooks))",
    to: 'setproduct(keys(local.kinds), ["swarm-join-launching"])',
  }],
  ["the launch before a termination", /^order of the \w+s: /, {
    file: "terraform/main.tf",
    from: "min_healthy_percentage = 100",
    to: "min_healthy_percentage = 90",
  }],
  ["the role's tag", /^role of the \w+s: /, {
    file: "terraform/main.tf",
    from: "{ Role = kind, ",
    to: "{ ",
  }],
  ["the hop limit", /^metadata of the \w+s: /, {
    file: "terraform/main.tf",
    from: "http_put_response_hop_limit = 1",
    to: "http_put_response_hop_limit = 2",
  }],
  ["a sum of the program", /^user data of the \w+s: /, {
    file: "terraform/user_data.tf",
    from: "UNIT_SHA256=${var.program.unit_sha256}",
    to: "UNIT_SHA256=",
  }],
];

judged("a module that lacks an action, a port, a hook or such is found out", [
  "terraform",
  "aws-provider",
  "python",
], () =>
  withAws(async (terraform) => {
    const lines = [...GROUND];
    for (const [index, [, , ...edits]] of LACKS.entries()) {
      await terraform.copy(`lacking${index}`, edits);
      lines.push(...moduleOf(`lacking${index}`, `../lacking${index}/terraform`, SMALLEST.lines));
    }
    await terraform.root("live", lines);
    const { planned_values } = await terraform.plan("live");
    for (const [index, [what, says]] of LACKS.entries()) {
      const faults = faultsIn(resourcesIn(planned_values, `module.lacking${index}`), SMALLEST);
      const isTold = faults.length > 0 && faults.every((fault) => says.test(fault));
      assert.ok(isTold, `without ${what}: ${faults.join("\n")}`);
    }
  }));

Deno.test("README.md of the module has its inputs and outputs as they are", () => {
  const readme = Deno.readTextFileSync(`${MODULE}/README.md`);
  for (const [file, kind] of [["variables.tf", "variable"], ["outputs.tf", "output"]] as const) {
    const rows = rowsOf(Deno.readTextFileSync(`${MODULE}/${file}`), kind);
    assert.ok(rows.length > 5);
    assert.ok(readme.includes(rows.join("\n")), `README.md should have\n${rows.join("\n")}`);
  }
});

interface Change {
  address: string;
  type: string;
  change: { actions: string[] };
}

/** What the example for production asks for. */
function productionOf(key: string): Asked {
  const bucket = "production-123456789012-eu-west-1";
  return {
    name: "production",
    store: "s3",
    extra: [
      {
        Sid: "FetchTheProgram",
        Effect: "Allow",
        Action: ["s3:GetObject"],
        Resource: "arn:aws:s3:::releases/swarm-join/0.1.0/*",
      },
      {
        Sid: "UseTheKeyOfTheStore",
        Effect: "Allow",
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: key,
      },
    ],
    managers: 3,
    workers: { min: 3, max: 12 },
    lines: linesOf("s3://releases/swarm-join/0.1.0"),
    settings: {
      SWARM_JOIN_CLUSTER: "production",
      SWARM_JOIN_CLUSTER_TAG: "Cluster",
      SWARM_JOIN_STORE: `s3://${bucket}/swarms`,
      SWARM_JOIN_S3_KMS_KEY: key,
      SWARM_JOIN_LABEL_TAGS: "Team,Environment",
      SWARM_JOIN_METRICS_FILE: "/var/lib/node_exporter/swarm-join.prom",
    },
  };
}

function linesOf(from: string): string[] {
  return [
    `FROM=${from}`,
    `PROGRAM_SHA256_X86_64=${SUMS.x86_64}`,
    `PROGRAM_SHA256_AARCH64=${SUMS.aarch64}`,
    `UNIT_SHA256=${SUMS.unit}`,
  ];
}

function example(name: string, lines: string[], ...more: string[]): string[] {
  return moduleOf(name, `../deploy/terraform/examples/${name}`, lines, ...more);
}

function moduleOf(name: string, source: string, lines: string[], ...more: string[]): string[] {
  const [from, x86_64, aarch64, unit] = lines.map((line) => line.slice(line.indexOf("=") + 1));
  return [
    `module "${name}" {`,
    `  source = "${source}"`,
    "  vpc_id = aws_vpc.this.id",
    "  subnet_ids = aws_subnet.this[*].id",
    "  program = {",
    `    from = "${from}"`,
    `    sha256 = { x86_64 = "${x86_64}", aarch64 = "${aarch64}" }`,
    `    unit_sha256 = "${unit}"`,
    "  }",
    ...more,
    "}",
  ];
}

/** The rows of a table: name, what it is, and of an input what holds without it. */
function rowsOf(text: string, kind: "variable" | "output"): string[] {
  return text.split(new RegExp(`^${kind} "`, "m")).slice(1).map((block) => {
    const name = block.slice(0, block.indexOf('"'));
    const description = JSON.parse(/^ {2}description = (".*")$/m.exec(block)?.[1] ?? "null");
    assert.ok(typeof description === "string", `${name} has a description`);
    if (kind === "output") return `| \`${name}\` | ${description} |`;
    const initial = /^ {2}default +=  *(.+)$/m.exec(block)?.[1];
    return `| \`${name}\` | ${description} | ${initial === undefined ? "" : `\`${initial}\``} |`;
  });
}
