/** Who is measured: what starts each, and which of the machine's files are its own. */
import { BENCH_DIR, type Tools } from "./tools.ts";
import type { Store } from "../e2e/vpc.ts";
import { output, sh } from "../e2e/machine.ts";

export interface Contestant {
  /** As the report calls it. */
  name: string;
  /** The command that makes this node a member. Null: a floor, that only starts. */
  join: string[] | null;
  /** The command that says what it would do; or all that a floor does. */
  plan: string[];
  store: Store;
  /** Folders that its commands are found in first. */
  path: string[];
  /** Files and folders that it is made of: those that an image would have to carry for it. */
  files: string[];
  /** Sends something to IMDS. */
  asksImds: boolean;
}

export const FLOOR = "empty program";
export const FLOOR_CONNECT = "one byte to IMDS";
export const TAGS = "swarm-join (tags)";
export const S3 = "swarm-join (s3)";
export const PYTHON = "Python, boto3";
export const BASH = "bash, AWS CLI";

const SYSTEM_PATH = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export async function contestantsOf(tools: Tools): Promise<Contestant[]> {
  const program = (name: string): string => new URL(`programs/${name}`, import.meta.url).pathname;
  const python = [tools.python, program("seed.py")];
  const bash = ["bash", program("seed.sh")];
  const s3 = ["--store", "s3://swarms/prod"];
  const interpreter = await libraryOf(tools.python);
  const floor = { join: null, store: "tags", path: [] } as const;
  const ours = { path: [], files: [tools.swarmJoin], asksImds: true };
  return [
    { ...floor, path: [], name: FLOOR, plan: [tools.empty], files: [tools.empty], asksImds: false },
    {
      ...floor,
      path: [],
      name: FLOOR_CONNECT,
      plan: [tools.connect],
      files: [tools.connect],
      asksImds: true,
    },
    {
      ...ours,
      name: TAGS,
      join: [tools.swarmJoin, "join", "--json"],
      plan: [tools.swarmJoin, "plan", "--json"],
      store: "tags",
    },
    {
      ...ours,
      name: S3,
      join: [tools.swarmJoin, "join", "--json", ...s3],
      plan: [tools.swarmJoin, "plan", "--json", ...s3],
      store: "s3",
    },
    {
      name: PYTHON,
      join: python,
      plan: [...python, "--dry-run"],
      store: "tags",
      path: [],
      files: [...await packagesOf("boto3"), ...interpreter],
      asksImds: true,
    },
    {
      name: BASH,
      join: bash,
      plan: [...bash, "--dry-run"],
      store: "tags",
      path: [tools.cli],
      files: [
        ...[...await packagesOf("awscli"), `${tools.cli}/aws`],
        ...["/usr/bin/docker", "/usr/bin/curl", "/usr/bin/jq", "/usr/bin/bash", ...interpreter],
      ],
      asksImds: true,
    },
  ];
}

/** The environment of a run: where the VPC of this machine is. */
export function environmentOf(
  { path }: Contestant,
  places: Record<string, string>,
): Record<string, string> {
  return { PATH: [...path, ...SYSTEM_PATH].join(":"), HOME: "/root", LANG: "C.UTF-8", ...places };
}

/** What was installed into a virtual environment of the bench, without what installed it. */
async function packagesOf(venv: string): Promise<string[]> {
  const lib = `${BENCH_DIR}/${venv}/lib`;
  const found = await sh("find", lib, "-path", "*/site-packages/*", "-prune", "-print");
  return found.trim().split("\n").filter((path) => !/\/(pip|setuptools)\b[^/]*$/.test(path));
}

/** The interpreter and its standard library, without what was installed into it. */
async function libraryOf(python: string): Promise<string[]> {
  const code = `import os, sys, sysconfig
home = sysconfig.get_path("stdlib")
print(os.path.realpath(sys.executable))
library = os.path.join(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDLIBRARY") or "")
if library.endswith(".so") and os.path.isfile(library): print(os.path.realpath(library))
unused = ("site-packages", "dist-packages", "test", "idlelib", "tkinter", "lib2to3", "ensurepip")
for name in sorted(os.listdir(home)):
    if name not in unused and not name.startswith("config-"): print(os.path.join(home, name))`;
  return (await output(python, ["-c", code])).stdout.trim().split("\n");
}
