/**
 * Builds `dist/swarm-join`: bundles the program, and compiles the bundle with Deno's runtime. Beside it
 * go the licences of what is in it, a list of that, and the SHA-256 of each. The same sources and
 * toolchain give the same bytes, in any folder and at any time.
 *
 *   deno run -A tools/build.ts [--arch x86_64|aarch64] [--release] [--entry FILE --output FILE]
 *
 * `--arch` names the program after the machine that it is for: `dist/swarm-join-aarch64`.
 * `--release` forbids a recovered runtime: only Deno's own download, or the one in DENORT_BIN.
 * `--entry` and `--output` build another program the same way (the bench's empty one).
 */
import { type Bundle, bundle } from "./bundle.ts";
import { checksums } from "./checksums.ts";
import { componentsOf, notices, sbom } from "./components.ts";
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

/** The kinds of machine that a program can be for, as ELF numbers them. */
const MACHINES: Record<string, number> = { x86_64: 62, aarch64: 183 };

async function main(): Promise<void> {
  const { arch, release, entry, output } = options(Deno.args);
  const staged = await Deno.makeTempDir({ prefix: "swarm-join-build-" });
  try {
    const made = await bundle(entry, staged);
    // `deno compile` puts into the program when each file was written.
    for (const file of made.files) await Deno.utime(file, 0, 0);
    await Deno.mkdir(dirname(output), { recursive: true });
    // Beside its place and renamed: who runs the old one meanwhile is not disturbed.
    const fresh = `${output}.${Deno.pid}`;
    await compile({ folder: staged, entry: made.entry, output: fresh, arch, release });
    await Deno.rename(fresh, output);
    if (dirname(output) === dist) await describe(made);
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
      arch: { type: "string" },
      release: { type: "boolean", default: false },
      entry: { type: "string", default: join(root, "main.ts") },
      output: { type: "string" },
    },
  });
  const { arch = Deno.build.arch, release, entry } = values;
  if (!Object.hasOwn(MACHINES, arch)) fail(`ARCH is x86_64 or aarch64, not "${arch}"`);
  const name = values.arch === undefined ? "swarm-join" : `swarm-join-${arch}`;
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
  const { arch, release, output } = what;
  const given = release ? Deno.env.get("DENORT_BIN") : await denort("given", arch);
  const first = await denoCompile(what, given);
  if (!first.ok) {
    if (given || release || !/Setting up base binary/.test(first.said)) {
      const hint = release && !given
        ? "\nA release is built with the runtime that deno downloads, or that DENORT_BIN names."
        : "";
      fail(`deno compile failed for ${arch}:\n${first.said}${hint}`);
    }
    print("build: deno could not download its runtime; recovering it");
    const second = await denoCompile(what, await denort("denort", arch));
    if (!second.ok) fail(`deno compile failed for ${arch}:\n${second.said}`);
  }
  if (await machineOf(output) !== MACHINES[arch]) {
    await Deno.remove(output);
    fail(`${given} is not a runtime for ${arch}: let DENORT_BIN name one that is`);
  }
}

/** The number that an ELF file's header has for its kind of machine (`e_machine`). */
async function machineOf(path: string): Promise<number> {
  using file = await Deno.open(path);
  const header = new Uint8Array(20);
  await file.read(header);
  return new DataView(header.buffer).getUint16(18, true);
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

/** Writes what is in the program, by which licences, and the sum of each file. */
async function describe({ inputs }: Bundle): Promise<void> {
  const components = await componentsOf(inputs.map(([path]) => path));
  await Deno.writeTextFile(join(dist, "THIRD-PARTY-NOTICES"), notices(components));
  await Deno.writeTextFile(join(dist, "swarm-join.cdx.json"), sbom(components));
  await checksums(dist, /^(swarm-join(-\w+|\.cdx\.json)?|THIRD-PARTY-NOTICES)$/);
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
