/**
 * The Docker Engines at hand: the installed one, and those below `.toolchain/engines`, which
 * `tools/engines.sh` fetches or a person links (`NAME` a daemon, or `NAME/usr/sbin/dockerd`).
 * `ENGINE=/path/dockerd` puts one in the place of them all.
 */
import { output } from "./machine.ts";

export interface Program {
  path: string;
  /** `28.5.2+dfsg4`, or what a build of one's own calls itself. */
  version: string;
}

/** Which of the Engines the machines of a VPC have: all the same one, or all of them in turn. */
export type Fleet = "oldest" | "newest" | "mixed";
export const FLEETS: readonly Fleet[] = ["oldest", "newest", "mixed"];

/** Oldest first. */
export async function programs(): Promise<Program[]> {
  const asked = Deno.env.get("ENGINE");
  const paths = asked === undefined ? ["dockerd", ...await fetched()] : [asked];
  const found = await Promise.all(paths.map(async (path): Promise<Program> => {
    return { path, version: await versionOf(path) };
  }));
  return found.sort((a, b) => compare(a.version, b.version));
}

/** The daemons of a fleet, for its machines in turn. */
export function fleetOf(all: Program[], fleet: Fleet): Program[] {
  if (fleet === "mixed") return all;
  return fleet === "oldest" ? all.slice(0, 1) : all.slice(-1);
}

/** Whether there are two versions, so that the newest is not the oldest. */
export function isChoice(all: Program[]): boolean {
  return new Set(all.map(({ version }) => version)).size > 1;
}

/** Those whose overlay networks go over IPv6, as of Engine 25 (moby 33564a0c03) they do. */
export async function ipv6Programs(): Promise<Program[]> {
  return (await programs()).filter(({ version }) => (numbers(version)[0] ?? 0) >= 25);
}

async function fetched(): Promise<string[]> {
  const home = new URL("../../.toolchain/engines", import.meta.url).pathname;
  const paths: string[] = [];
  for (const { name } of await entries(home)) {
    for (const path of [`${home}/${name}/usr/sbin/dockerd`, `${home}/${name}`]) {
      if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) paths.push(path);
    }
  }
  return paths;
}

async function entries(directory: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(directory));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function versionOf(path: string): Promise<string> {
  const { code, stdout, stderr } = await output(path, ["--version"]);
  const version = /version ([^,\s]+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} --version: exit ${code}: ${stdout}${stderr}`);
  return version;
}

/** By numbers; what has none is of today. */
function compare(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((value, i) => value !== right[i]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

function numbers(version: string): number[] {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  return parts ?? [Infinity, Infinity, Infinity];
}
