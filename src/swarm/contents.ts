/**
 * What would be lost if this node left its swarm: an open list, as each Engine has more that can be lost.
 * What can't be counted is not taken for nothing.
 *
 * Source: Docker Engine API reference; swarmkit `manager/manager.go` (the settings of a fresh swarm), moby
 * `daemon/server/router/volume` (cluster volumes).
 */
import { type EngineApi, filters } from "./api.ts";
import { notUnderstood } from "./faults.ts";
import { quote } from "../http.ts";
import { isObject } from "../json.ts";
import { LABEL_PREFIX } from "./nodes.ts";
import type { Answer, Contents } from "../state.ts";

export function contentsOf(
  api: EngineApi,
  manager: boolean,
  signal: AbortSignal,
): Promise<Answer<Contents>> {
  return manager ? managerContents(api, signal) : workerContents(api, signal);
}

/** A worker sees no tasks, but it runs their containers. */
async function workerContents(api: EngineApi, signal: AbortSignal): Promise<Answer<Contents>> {
  const path = `/containers/json?all=1&filters=${filters({ label: ["com.docker.swarm.task.id"] })}`;
  const list = await api.list("count the swarm's tasks here", path, signal);
  if (!list.ok) return list;
  const live = list.value.filter(({ State }) => State !== "exited" && State !== "dead");
  return { ok: true, value: onlyPositive({ tasks: live.length }) };
}

type Item = Record<string, unknown>;

/** What a manager lists, where, how many of it an item stands for, and how many an empty swarm has. */
const LISTED: { what: string; path: string; count?: (item: Item) => number; own?: number }[] = [
  { what: "services", path: "/services" },
  { what: "secrets", path: "/secrets" },
  { what: "configs", path: "/configs" },
  // Every swarm has one network of its own; one of another name was made by somebody.
  {
    what: "networks",
    path: `/networks?filters=${filters({ scope: ["swarm"] })}`,
    count: ({ Ingress, Name }) => Ingress === true && Name === "ingress" ? 0 : 1,
  },
  { what: "tasks", path: `/tasks?filters=${filters({ "desired-state": ["running"] })}` },
  { what: "other nodes", path: "/nodes", own: 1 },
  {
    what: "node labels",
    path: "/nodes",
    count: ({ Spec }) => isObject(Spec) ? changes(foreign(Spec["Labels"]), {}) : 0,
  },
];

/** The labels that a person has set: this tool's own are nothing that would be lost. */
function foreign(labels: unknown): unknown {
  if (!isObject(labels)) return labels;
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => !key.startsWith(LABEL_PREFIX)),
  );
}

async function managerContents(api: EngineApi, signal: AbortSignal): Promise<Answer<Contents>> {
  const version = await api.offered(signal);
  if (!version.ok) return version;
  const counts = await Promise.all([
    ...LISTED.map(async ({ what, path, count = () => 1, own = 0 }): Promise<Answer<Contents>> => {
      const list = await api.list(`count the swarm's ${what}`, path, signal);
      if (!list.ok) return list;
      const all = list.value.reduce((sum, it) => sum + count(it), 0);
      return { ok: true, value: { [what]: all - own } };
    }),
    version.value < CLUSTER_VOLUMES_VERSION ? NOTHING : clusterVolumes(api, signal),
    changedSettings(api, signal),
  ]);
  const value: Contents = {};
  for (const count of counts) {
    if (!count.ok) return count;
    Object.assign(value, count.value);
  }
  return { ok: true, value: onlyPositive(value) };
}

/** The API of Engine 23, the first with volumes in the swarm's store. */
const CLUSTER_VOLUMES_VERSION = 42;
const NOTHING: Answer<Contents> = { ok: true, value: {} };

/** The Engine lists them with its own volumes, and says only as a warning that it could not. */
async function clusterVolumes(api: EngineApi, signal: AbortSignal): Promise<Answer<Contents>> {
  const intent = "count the swarm's cluster volumes";
  const answer = await api.readObject(intent, "/volumes", signal);
  if (!answer.ok) return answer;
  const volumes = answer.value["Volumes"] ?? [];
  const warnings = answer.value["Warnings"] ?? [];
  if (!Array.isArray(volumes) || !Array.isArray(warnings)) {
    return { ok: false, fault: notUnderstood(intent, JSON.stringify(answer.value)) };
  }
  // "list DRIVER: …" is of one of its own volume drivers.
  const serious = warnings.find((it) => !/^list /.test(String(it)));
  if (serious !== undefined) {
    const message = `Cannot ${intent}: the Engine warns "${quote(String(serious))}"`;
    return { ok: false, fault: { kind: "unreachable", message } };
  }
  const count = volumes.filter((it) => isObject(it) && isObject(it["ClusterVolume"])).length;
  return { ok: true, value: { "cluster volumes": count } };
}

async function changedSettings(api: EngineApi, signal: AbortSignal): Promise<Answer<Contents>> {
  const intent = "compare the swarm's settings with those of a fresh one";
  const swarm = await api.readObject(intent, "/swarm", signal);
  if (!swarm.ok) return swarm;
  const { Spec: spec } = swarm.value;
  // Only this is quoted: the join tokens are beside it.
  if (!isObject(spec)) return { ok: false, fault: notUnderstood(intent, `Spec: ${spec}`) };
  return { ok: true, value: { "changed settings": changes(spec, FRESH) } };
}

/** The ticks are the daemon's own configuration (`swarm-raft-…-tick`), which another swarm takes as well. */
const FRESH = {
  Name: "default",
  Orchestration: { TaskHistoryRetentionLimit: 5 },
  Raft: {
    SnapshotInterval: 10_000,
    LogEntriesForSlowFollowers: 500,
    ElectionTick: null,
    HeartbeatTick: null,
  },
  Dispatcher: { HeartbeatPeriod: 5_000_000_000 },
  CAConfig: { NodeCertExpiry: 90 * 24 * 3_600_000_000_000 },
};

/** In how many values this differs from what is expected. What is not expected at all has to be empty; null: anything will do. */
function changes(value: unknown, expected: unknown): number {
  if (expected === null) return 0;
  if (isObject(value)) {
    const known = isObject(expected) ? expected : {};
    return Object.entries(value).reduce((sum, [key, one]) => sum + changes(one, known[key]), 0);
  }
  const isEmpty = value === undefined || value === null || value === false || value === 0 ||
    value === "" || (Array.isArray(value) && value.length === 0);
  return isEmpty || value === expected ? 0 : 1;
}

function onlyPositive(contents: Contents): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([, count]) => count > 0));
}
