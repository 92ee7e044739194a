/** SHA256SUMS, in the form that `sha256sum --check` reads. */
import { join } from "node:path";

const SUMS = "SHA256SUMS";

/** Writes the sums of the files of a folder whose names match, in the order of their names. */
export async function checksums(folder: string, names = /./): Promise<void> {
  const lines: string[] = [];
  for (const name of filesOf(folder)) {
    if (names.test(name)) lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  }
  await Deno.writeTextFile(join(folder, SUMS), lines.join(""));
}

/** What of a folder does not fit its sums, in words: each file has one, and each sum its file. */
export async function unfit(folder: string): Promise<string[]> {
  const wrong: string[] = [];
  const files = new Set(filesOf(folder));
  const lines = (await Deno.readTextFile(join(folder, SUMS))).trimEnd().split("\n");
  for (const line of lines) {
    const [, sum, name = ""] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (!files.delete(name)) wrong.push(`${SUMS} has a line without a file: ${line}`);
    else if (await sha256(join(folder, name)) !== sum) wrong.push(`${name} has another sum`);
  }
  for (const name of files) wrong.push(`${name} has no sum in ${SUMS}`);
  return wrong;
}

export async function sha256(path: string): Promise<string> {
  return await sha256Of(await Deno.readFile(path));
}

export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The names of a folder's files, but of the sums themselves and their signature. */
function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => name)
    .filter((name) => name !== SUMS && name !== `${SUMS}.minisig`).sort();
}
