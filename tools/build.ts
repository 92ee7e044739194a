/**
 * Builds `dist/swarm-join`: bundles the program, and compiles the bundle with Deno's runtime.
 *
 *   deno run -A tools/build.ts [--arch x86_64|aarch64] [--release] [--entry FILE --output FILE]
 *
 * `--release` forbids a recovered runtime: only Deno's own download, or the one in DENORT_BIN.
 * `--entry` and `--output` build another program the same way (the bench's empty one).
 */
import { bundle } from "./bundle.ts";
import { METRICS_FOLDERS } from "../src/settings.ts";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

/**
 * What the program may do. It has no subprocess, no foreign code, and no questions to anybody.
 *
 * - net: any manager on any address, and endpoints that the operator names
 * - read: the Engine's data root may be anywhere (its root CA's certificate is read), and so may the files
 *   that settings are in, or name
 * - write: the lock file, that of metrics, a copy of what a lost swarm was; and Deno wants it for a unix
 *   socket to connect to
 * - sys: the addresses of the machine's network interfaces
 * - env: all of it, as its names can't be listed with less, and a misspelt setting is to be refused; the
 *   program reads it once and gives the permission back
 */
const permissions = [
  "--no-prompt",
  // Deno's default would let a program load code from a few hosts.
  "--deny-import",
  "--allow-net",
  "--allow-read",
  `--allow-write=${
    ["/run", "/var/run", "/tmp", "/var/lib/swarm-join", ...METRICS_FOLDERS].join(",")
  }`,
  "--allow-sys=networkInterfaces",
  "--allow-env",
];

/**
 * Nothing here runs often enough to be worth compiling to machine code: without that, a run takes a
 * tenth less processor time and an eighth less memory, and needs no memory that is both written and
 * executed, which systemd can then forbid it. A heap that V8 lets grow for speed's sake has, after
 * sixty runs of a manager that keeps, half as much again as an empty program, and goes on growing; one
 * that it keeps small has a third, takes no more time, and stays so. A code cache would be written to
 * /tmp by the program's first run, and a node boots once.
 */
const runtimeFlags = ["--v8-flags=--jitless,--optimize-for-size", "--no-code-cache"];

async function main(): Promise<void> {
  const { arch, release, entry, output } = options(Deno.args);
  const staged = await Deno.makeTempDir({ prefix: "swarm-join-build-" });
  try {
    const made = await bundle(entry, staged);
    await Deno.mkdir(dirname(output), { recursive: true });
    // Beside its place and renamed: who runs the old one meanwhile is not disturbed.
    const fresh = `${output}.${Deno.pid}`;
    await compile({ folder: staged, entry: made.entry, output: fresh, arch, release });
    await Deno.rename(fresh, output);
    if (dirname(output) === dist) await checksums(dist);
    const size = (await Deno.stat(output)).size;
    print(`${output}: ${megabytes(size)} MB, of which the bundle is ${kilobytes(made.bytes)} kB`);
  } finally {
    await Deno.remove(staged, { recursive: true });
  }
}

interface Options {
  arch: string;
  release: boolean;
  entry: string;
  output: string;
}

function options(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      arch: { type: "string", default: Deno.build.arch },
      release: { type: "boolean", default: false },
      entry: { type: "string", default: join(root, "main.ts") },
      output: { type: "string" },
    },
  });
  const { arch, release, entry } = values;
  if (arch !== "x86_64" && arch !== "aarch64") fail(`ARCH is x86_64 or aarch64, not "${arch}"`);
  const name = arch === Deno.build.arch ? "swarm-join" : `swarm-join-${arch}`;
  const output = resolve(values.output ?? join(dist, name));
  return { arch, release, entry: resolve(entry), output };
}

interface Compilation {
  folder: string;
  entry: string;
  output: string;
  arch: string;
  release: boolean;
}

/** Compiles in a folder away from the project, so that none of its other files are embedded. */
async function compile(what: Compilation): Promise<void> {
  const given = what.release ? Deno.env.get("DENORT_BIN") : await denort("given", what.arch);
  const first = await denoCompile(what, given);
  if (first.ok) return;
  const foreign = what.arch !== Deno.build.arch;
  if (given || what.release || foreign || !/Setting up base binary/.test(first.said)) {
    const hint = foreign
      ? `\nTo build for ${what.arch}, deno must be able to download its runtime for it, or DENORT_BIN name one.`
      : what.release && !given
      ? "\nA release is built with the runtime that deno downloads, or that DENORT_BIN names."
      : "";
    fail(`deno compile failed:\n${first.said}${hint}`);
  }
  print("build: deno could not download its runtime; recovering it");
  const second = await denoCompile(what, await denort("denort", what.arch));
  if (!second.ok) fail(`deno compile failed:\n${second.said}`);
}

async function denoCompile(
  { folder, entry, output, arch }: Compilation,
  runtime: string | undefined,
): Promise<{ ok: boolean; said: string }> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    cwd: folder,
    args: ["compile", "--no-config", "--no-check", ...runtimeFlags, ...permissions]
      .concat("--target", `${arch}-unknown-linux-gnu`, "--output", output, basename(entry)),
    env: { NO_COLOR: "1", ...(runtime ? { DENORT_BIN: runtime } : {}) },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const [said = ""] = new TextDecoder().decode(stderr).split("\nStack backtrace:");
  return { ok: success, said: said.trim() };
}

/** The runtime's path as tools/toolchain.sh finds it; undefined: deno is to download its own. */
async function denort(how: "given" | "denort", arch: string): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command(join(root, "tools/toolchain.sh"), {
    args: [how, arch],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) fail("no runtime to compile with (see above)");
  return new TextDecoder().decode(stdout).trim() || undefined;
}

/** Writes SHA256SUMS, in the form that `sha256sum --check` reads, over all programs in `folder`. */
async function checksums(folder: string): Promise<void> {
  const lines: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !/^swarm-join(-\w+)?$/.test(name)) continue;
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(join(folder, name)));
    lines.push(`${new Uint8Array(digest).toHex()}  ${name}\n`);
  }
  await Deno.writeTextFile(join(folder, "SHA256SUMS"), lines.sort().join(""));
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function kilobytes(bytes: number): string {
  return (bytes / 1e3).toFixed(1);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function fail(message: string): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`build: ${message}\n`));
  Deno.exit(1);
}

await main();
