/** SHA256SUMS, in the form that `sha256sum --check` reads. */
import { join } from "node:path";

const SUMS = "SHA256SUMS";

/** Writes the sums of the files of a folder whose names match, in the order of their names. */
export async function checksums(folder: string, names = /./): Promise<void> {
  const lines: string[] = [];
  for (const name of await filesOf(folder)) {
    if (names.test(name)) lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  }
  await Deno.writeTextFile(join(folder, SUMS), lines.join(""));
}

export async function sha256(path: string): Promise<string> {
  return sha256Of(await Deno.readFile(path));
}

export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The names of a folder's files, but of the sums themselves and their signature. */
async function filesOf(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && !name.startsWith(SUMS)) names.push(name);
  }
  return names.sort();
}
