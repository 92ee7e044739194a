/**
 * Starts a swarm anew from what its last manager has of it, which is copied aside first.
 *
 * Source: moby `daemon/cluster/swarm.go` (`Init`), `noderunner.go` (`docker-state.json`: the addresses that
 * the node was started with); swarmkit `manager/manager.go` (pools, the data path's port and all settings
 * stay those of the swarm as long as no pools are given), `node/node.go` (the key to what is in the raft
 * folder is in the node's own, below `certificates`: so that all of `swarm` is copied). With autolock that key
 * is encrypted, and `Init` starts the node anew without what unlocks it: it stops, and stays in no swarm until
 * the Engine is restarted (tried on 20.10).
 */
import type { EngineApi } from "./api.ts";
import { withPort } from "../addresses.ts";
import { isObject, parseJson } from "../json.ts";
import type { Answer, Fault } from "../state.ts";

/** Where copies are kept; beside the lock's, the only folder that the program may write to. */
export const COPIES = "/var/lib/swarm-join";

/** An Engine waits for the new swarm's leader without an end. */
const FORCE_MS = 60_000;

/** Gives where the copy is. `advertiseAddr`: for a node that was never told one. */
export async function startAnew(
  api: EngineApi,
  { dataRoot, advertiseAddr, copies = COPIES }: {
    dataRoot: string;
    advertiseAddr: string;
    copies?: string;
  },
  signal: AbortSignal,
): Promise<Answer<string>> {
  const folder = `${dataRoot.replace(/\/+$/, "")}/swarm`;
  const place = await placeIn(folder, advertiseAddr);
  if (!place.ok) return place;
  const locked = await lockedIn(folder);
  if (locked !== null) return locked;
  const copy = await copyAside(folder, copies);
  if (!copy.ok) return copy;
  const request = { ...place.value, ForceNewCluster: true };
  const intent = "start the swarm anew";
  const answer = await api.write(intent, "/swarm/init", request, FORCE_MS, signal);
  if (answer.ok) return { ok: true, value: copy.value };
  const message = `${answer.fault.message}; what it was before is in ${copy.value}`;
  return { ok: false, fault: { ...answer.fault, message } };
}

/** The addresses that this node was started with: with others its Engine would stop, and not start again. */
async function placeIn(
  folder: string,
  advertiseAddr: string,
): Promise<Answer<Record<string, string>>> {
  const path = `${folder}/docker-state.json`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    return unable(`read ${path}`, error);
  }
  const state = parseJson(text);
  const of = (key: string): string => {
    const value = isObject(state) ? state[key] : undefined;
    return typeof value === "string" ? value : "";
  };
  if (of("ListenAddr") === "") {
    return unable(`use ${path}`, new Error("it does not say what this node listens on"));
  }
  const dataPathAddr = of("DataPathAddr");
  return {
    ok: true,
    value: {
      ListenAddr: of("ListenAddr"),
      AdvertiseAddr: of("AdvertiseAddr") || withPort(advertiseAddr),
      ...(dataPathAddr === "" ? {} : { DataPathAddr: dataPathAddr }),
    },
  };
}

/** Null: nothing has to unlock this node's key. */
async function lockedIn(folder: string): Promise<{ ok: false; fault: Fault } | null> {
  const path = `${folder}/certificates/swarm-node.key`;
  try {
    const isLocked = (await Deno.readTextFile(path)).includes("ENCRYPTED");
    if (!isLocked) return null;
  } catch (error) {
    return unable(`read ${path}`, error);
  }
  const why = "it has autolock on, and Docker can't start such a swarm anew, locked or not";
  return unable("start the swarm anew", new Error(why));
}

/** Only root can read it: the swarm's secrets are in it. */
async function copyAside(folder: string, copies: string): Promise<Answer<string>> {
  const date = new Date().toISOString().replace(/\.\d+Z$/, "Z").replaceAll(":", "-");
  const target = `${copies}/swarm-${date}`;
  try {
    await Deno.mkdir(copies, { recursive: true, mode: 0o700 });
    await copyFolder(folder, `${target}.part`);
    await Deno.rename(`${target}.part`, target);
    return { ok: true, value: target };
  } catch (error) {
    await Deno.remove(`${target}.part`, { recursive: true }).catch(() => {});
    return unable(`copy ${folder} to ${target}`, error);
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

function unable(intent: string, error: unknown): { ok: false; fault: Fault } {
  if (!(error instanceof Error)) throw error;
  const advice = error instanceof Deno.errors.PermissionDenied ? "; run as root" : "";
  const message = `Cannot ${intent}, and nothing was changed: ${error.message}${advice}`;
  return { ok: false, fault: { kind: "unusable", message } };
}
