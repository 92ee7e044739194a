/** Terraform with the AWS provider that is on this machine, an AWS of moto's, and copies of the module that may be changed. */
import { Aws } from "../e2e/aws.ts";
import { type Ended, output, sh } from "../e2e/machine.ts";
import { type Json, pathOf, ROOT } from "./tools.ts";

export interface Resource {
  address: string;
  type: string;
  name: string;
  index?: string | number;
  values: Record<string, Json>;
}

interface Values {
  root_module?: ModuleValues;
}

interface ModuleValues {
  address?: string;
  resources?: Resource[];
  child_modules?: ModuleValues[];
}

/** A change of the text of a file below `deploy/`. */
export interface Edit {
  file: string;
  from: string | RegExp;
  to: string;
}

export class Terraform {
  readonly #env: Record<string, string>;

  /** `folder`: of its own, and gone afterwards. `aws`: what it talks to; null: nobody. */
  constructor(readonly folder: string, aws: { endpoint: string; admin: Admin } | null) {
    this.#env = {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: folder,
      TF_CLI_CONFIG_FILE: `${folder}/terraformrc`,
      TF_IN_AUTOMATION: "1",
      CHECKPOINT_DISABLE: "1",
      AWS_REGION: "eu-west-1",
      AWS_EC2_METADATA_DISABLED: "true",
      ...(aws === null ? {} : {
        AWS_ENDPOINT_URL: aws.endpoint,
        AWS_ACCESS_KEY_ID: aws.admin.accessKeyId,
        AWS_SECRET_ACCESS_KEY: aws.admin.secretAccessKey,
      }),
    };
    const mirror = `filesystem_mirror {\n    path = "${pathOf("aws-provider")}"\n  }`;
    Deno.writeTextFileSync(
      `${folder}/terraformrc`,
      `provider_installation {\n  ${mirror}\n}\ndisable_checkpoint = true\n`,
    );
  }

  /** `deploy/` under that name, changed like this; throws if a change finds nothing to change. */
  async copy(name: string, edits: Edit[] = []): Promise<void> {
    await sh("cp", "-r", `${ROOT}deploy`, `${this.folder}/${name}`);
    for (const { file, from, to } of edits) {
      const path = `${this.folder}/${name}/${file}`;
      const text = await Deno.readTextFile(path);
      const changed = text.replace(from, to);
      if (changed === text) throw new Error(`${file} has no ${from}`);
      await Deno.writeTextFile(path, changed);
    }
  }

  /** A configuration of these lines, that can be run. */
  async root(name: string, lines: string[]): Promise<void> {
    await Deno.mkdir(`${this.folder}/${name}`);
    // moto has no buckets as hosts.
    const provider =
      'provider "aws" {\n  s3_use_path_style = true\n  skip_metadata_api_check = true\n}';
    await Deno.writeTextFile(`${this.folder}/${name}/main.tf`, [provider, ...lines, ""].join("\n"));
    await this.run(name, "init");
  }

  /** What a command said; throws with all of that when it fails. */
  async run(where: string, command: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(where, command, ...args);
    if (code !== 0) {
      throw new Error(`terraform ${command} in ${where}: exit ${code}\n${stdout}${stderr}`);
    }
    return stdout;
  }

  async attempt(where: string, command: string, ...args: string[]): Promise<Ended> {
    const flags = ["init", "plan", "apply", "destroy"].includes(command) ? ["-input=false"] : [];
    const color = ["fmt", "show"].includes(command) ? [] : ["-no-color"];
    return await output("env", [
      "--ignore-environment",
      ...Object.entries(this.#env).map(([key, value]) => `${key}=${value}`),
      pathOf("terraform") ?? "terraform",
      `-chdir=${this.folder}/${where}`,
      command,
      ...flags,
      ...color,
      ...args,
    ]);
  }

  /** Whether a plan has something to do, in its words; null: it has not. */
  async difference(where: string): Promise<string | null> {
    const { code, stdout, stderr } = await this.attempt(where, "plan", "-detailed-exitcode");
    if (code !== 0 && code !== 2) throw new Error(`terraform plan: exit ${code}\n${stderr}`);
    return code === 0 ? null : stdout;
  }

  /** What it would do. */
  async plan(where: string): Promise<Json> {
    await this.run(where, "plan", "-out=plan");
    return JSON.parse(await this.run(where, "show", "-json", "plan"));
  }

  /** What is there, as far as it knows. */
  async state(where: string): Promise<Values> {
    return JSON.parse(await this.run(where, "show", "-json")).values;
  }
}

export interface Admin {
  accessKeyId: string;
  secretAccessKey: string;
}

export async function withTerraform(use: (terraform: Terraform) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-terraform-" });
  try {
    await use(new Terraform(folder, null));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The same beside an AWS. */
export async function withAws(
  use: (terraform: Terraform, aws: Aws) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-terraform-" });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const server = new Deno.Command(pathOf("python") ?? "python", {
    args: ["-B", `${ROOT}tests/e2e/aws.py`, "127.0.0.1", `${port}`],
    // Policies of AWS's own.
    env: { MOTO_IAM_LOAD_MANAGED_POLICIES: "true" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const aws = await Aws.at(`http://127.0.0.1:${port}`);
    const admin = await aws.ask<Admin>("admin");
    await use(new Terraform(folder, { endpoint: aws.endpoint, admin }), aws);
  } finally {
    server.kill("SIGKILL");
    await server.status;
    await Deno.remove(folder, { recursive: true });
  }
}

/** All resources in a module and those that it uses. */
export function resourcesIn({ root_module }: Values, module: string): Resource[] {
  const all = (of: ModuleValues): ModuleValues[] => [of, ...(of.child_modules ?? []).flatMap(all)];
  return all(root_module ?? {})
    .filter(({ address }) => address === module || address?.startsWith(`${module}.`))
    .flatMap(({ resources }) => resources ?? []);
}
