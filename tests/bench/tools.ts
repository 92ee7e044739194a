/**
 * What the bench needs beside the project: the floor's programs, built with the project's own
 * toolchain, and boto3 and the AWS CLI in virtual environments of their own, all in `.toolchain/bench`.
 */
import { output, sh } from "../e2e/machine.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Where the bench keeps what it made. On a disk: what is read from it is measured. */
export const BENCH_DIR = `${ROOT}.toolchain/bench`;

const BOTO3 = "boto3==1.44.8";
const AWSCLI = "awscli==1.46.3";

/** Paths of what is measured, and of what it is made of. */
export interface Tools {
  swarmJoin: string;
  empty: string;
  connect: string;
  python: string;
  /** The folder with `aws`. */
  cli: string;
}

/** Makes what is missing. Needs a registry the first time only. */
export async function prepare(say: (line: string) => void): Promise<Tools> {
  await Deno.mkdir(BENCH_DIR, { recursive: true });
  const [python, cli] = [`${BENCH_DIR}/boto3/bin/python`, `${BENCH_DIR}/awscli/bin`];
  await environment("boto3", BOTO3, say);
  await environment("awscli", AWSCLI, say);
  await floor("empty", say);
  await floor("connect", say);
  // A copy: nobody builds it anew, or has it in memory, while it is measured.
  await Deno.copyFile(`${ROOT}dist/swarm-join`, `${BENCH_DIR}/swarm-join`);
  return {
    swarmJoin: `${BENCH_DIR}/swarm-join`,
    empty: `${BENCH_DIR}/empty`,
    connect: `${BENCH_DIR}/connect`,
    python,
    cli,
  };
}

async function environment(
  name: string,
  requirement: string,
  say: (line: string) => void,
): Promise<void> {
  const [, version] = requirement.split("==");
  const venv = `${BENCH_DIR}/${name}`;
  const check = `import importlib.metadata as m; assert m.version("${name}") == "${version}"`;
  if (await runs(`${venv}/bin/python`, "-c", check)) return;
  say(`installing ${requirement}`);
  await sh("python3", "-m", "venv", "--clear", venv);
  await sh(`${venv}/bin/pip`, "install", "--quiet", "--disable-pip-version-check", requirement);
}

async function floor(name: string, say: (line: string) => void): Promise<void> {
  const entry = new URL(`programs/${name}.ts`, import.meta.url).pathname;
  const built = `${BENCH_DIR}/${name}`;
  const isNew = await newer(built, entry, `${ROOT}tools/build.ts`, `${ROOT}tools/bundle.ts`);
  if (isNew) return;
  say(`building ${name}`);
  const build = ["run", "-A", `${ROOT}tools/build.ts`, "--entry", entry, "--output", built];
  await sh(Deno.execPath(), ...build);
}

async function newer(built: string, ...sources: string[]): Promise<boolean> {
  const time = async (path: string): Promise<number> =>
    (await Deno.stat(path).catch(() => null))?.mtime?.getTime() ?? 0;
  const builtAt = await time(built);
  const times = await Promise.all(sources.map(time));
  return times.every((sourceAt) => builtAt > sourceAt);
}

async function runs(command: string, ...args: string[]): Promise<boolean> {
  return await output(command, args).then(({ code }) => code === 0, () => false);
}

/** Bytes of all files that these name: files, and folders with all below them. */
export async function bytesOnDisk(paths: readonly string[]): Promise<number> {
  const found = await sh("du", "--apparent-size", "-Lsbc", ...paths);
  return Number(found.trim().split("\n").at(-1)?.split("\t")[0]);
}

/** The machine and what ran on it, as name and value. */
export async function versions(tools: Tools, engine: string | null): Promise<[string, string][]> {
  const first = async (command: string, ...args: string[]): Promise<string> => {
    const { stdout, stderr } = await output(command, args);
    return `${stdout}${stderr}`.trim().split("\n")[0] ?? "";
  };
  const field = async (file: string, name: string): Promise<string> => {
    const text = await Deno.readTextFile(file);
    return new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(text)?.[1] ?? "?";
  };
  const system = async (): Promise<string> =>
    /^PRETTY_NAME="(.*)"$/m.exec(await Deno.readTextFile("/etc/os-release"))?.[1] ?? "?";
  const memoryKb = Number((await field("/proc/meminfo", "MemTotal")).split(" ")[0]);
  const python = `import platform, boto3, botocore; print(
    f"Python {platform.python_version()}, boto3 {boto3.__version__}, botocore {botocore.__version__}")`;
  const rows: [string, string][] = [
    [
      "processor",
      `${await field("/proc/cpuinfo", "model name")}, ${navigator.hardwareConcurrency} cores`,
    ],
    ["memory", `${(memoryKb / 2 ** 20).toFixed(0)} GiB`],
    ["system", await system()],
    ["kernel", `Linux ${Deno.osRelease()}, ${Deno.build.arch}`],
    ["swarm-join", `${await first(tools.swarmJoin, "--version")}, Deno ${Deno.version.deno}`],
    ["Python", await first(tools.python, "-c", python)],
    ["AWS CLI", await first(`${tools.cli}/aws`, "--version")],
  ];
  if (engine !== null) rows.push(["Docker Engine", engine]);
  return rows;
}
