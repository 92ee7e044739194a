/**
 * The swarm's nodes, as a manager's Engine lists and changes them; and what runs of its tasks here.
 *
 * Source: Docker Engine API reference; swarmkit `manager/controlapi/node.go`; tried on Engines 20.10 to 28.
 */
import { type EngineApi, filters } from "./api.ts";
import { engineFault, notUnderstood, objectOf } from "./faults.ts";
import { hostOf } from "../addresses.ts";
import type { NodeChange } from "../calls.ts";
import { isObject } from "../json.ts";
import { AVAILABILITIES, NODE_STATES, ROLES } from "../state.ts";
import type { Answer, Role, SwarmNode } from "../state.ts";

/** The labels of this tool: other people's are theirs. */
export const LABEL_PREFIX = "swarm-join.";

/**
 * All nodes. What a node is told to be is in its specification; what it is only a list's filter shows. That
 * list is read first, so that a node that loses its vote in between looks like a manager without one, and
 * never like a worker that votes.
 */
export async function readNodes(
  api: EngineApi,
  signal: AbortSignal,
): Promise<Answer<SwarmNode[]>> {
  const intent = "list the swarm's nodes";
  const byRole = `/nodes?filters=${filters({ role: ["manager"] })}`;
  const managers = await api.list(intent, byRole, signal);
  if (!managers.ok) return managers;
  const all = await api.list(intent, "/nodes", signal);
  if (!all.ok) return all;
  const ids = new Set(managers.value.map(({ ID }) => ID));
  const nodes: SwarmNode[] = [];
  for (const one of all.value) {
    const node = nodeListed(one, ids.has(one["ID"]) ? "manager" : "worker");
    // What is not said of a node is no fact about it: somebody may be taken out for it.
    if (node === null) return { ok: false, fault: notUnderstood(intent, JSON.stringify(one)) };
    nodes.push(node);
  }
  return { ok: true, value: nodes };
}

/** Null: this is no node. */
function nodeListed(node: Record<string, unknown>, observed: Role): SwarmNode | null {
  const [spec, status, version] = [node["Spec"], node["Status"], node["Version"]];
  if (!isObject(spec) || !isObject(status) || !isObject(version)) return null;
  const nodeId = textOf(node["ID"]);
  const desired = ROLES.find((role) => role === spec["Role"]);
  const availability = AVAILABILITIES.find((one) => one === spec["Availability"]);
  const createdMs = Date.parse(textOf(node["CreatedAt"]));
  const index = version["Index"];
  const isWhole = nodeId !== "" && Number.isFinite(createdMs) && typeof index === "number";
  if (!isWhole || desired === undefined || availability === undefined) return null;
  const address = hostOf(textOf(status["Addr"]));
  return {
    nodeId,
    version: index,
    createdMs,
    desired,
    observed,
    voter: voterOf(node["ManagerStatus"], address),
    state: NODE_STATES.find((one) => one === status["State"]) ?? "unknown",
    address,
    availability,
    labels: Object.fromEntries(ownLabels(spec["Labels"])),
  };
}

function ownLabels(labels: unknown): [string, string][] {
  return Object.entries(isObject(labels) ? labels : {}).flatMap(([name, value]) =>
    name.startsWith(LABEL_PREFIX) && typeof value === "string" ? [[name, value]] : []
  );
}

function voterOf(raft: unknown, seen: string): SwarmNode["voter"] {
  if (!isObject(raft)) return null;
  const address = hostOf(textOf(raft["Addr"]));
  return {
    // A leader that was never told its address shows the one that it listens on.
    address: address === "" || address === "0.0.0.0" || address === "::" ? seen : address,
    reachable: raft["Reachability"] === "reachable",
    leader: raft["Leader"] === true,
  };
}

/**
 * Sends the whole specification, as the Engine wants it, with the change in it. The version is a fence: what
 * somebody else has changed since the node was looked at is not undone, and nothing is done on an old look.
 */
export async function updateNode(
  api: EngineApi,
  nodeId: string,
  version: number,
  change: NodeChange,
  signal: AbortSignal,
): Promise<Answer<null>> {
  const intent = `change the node ${nodeId}`;
  const path = `/nodes/${encodeURIComponent(nodeId)}`;
  const read = await api.read(intent, path, signal);
  if (!read.ok) return read;
  const node = objectOf(intent, read.value);
  if (!node.ok) return node;
  const { Spec: spec, Version: now } = node.value;
  if (!isObject(spec) || !isObject(now)) {
    return { ok: false, fault: notUnderstood(intent, read.value) };
  }
  if (now["Index"] !== version) {
    const message = `Cannot ${intent}: it has changed since it was looked at`;
    return { ok: false, fault: { kind: "busy", message } };
  }
  const update = `${path}/update?version=${version}`;
  return await api.write(intent, update, specWith(spec, change), UPDATE_MS, signal);
}

/** A leader that has just taken a dead manager out of raft holds up what comes next for four seconds. */
const UPDATE_MS = 20_000;

function specWith(
  spec: Record<string, unknown>,
  { role, availability, labels = {} }: NodeChange,
): Record<string, unknown> {
  const before = isObject(spec["Labels"]) ? spec["Labels"] : {};
  const after = Object.entries({ ...before, ...labels }).filter(([, value]) => value !== null);
  return {
    ...spec,
    Labels: Object.fromEntries(after),
    ...(role === undefined ? {} : { Role: role }),
    ...(availability === undefined ? {} : { Availability: availability }),
  };
}

/** A node that is not there any more needs no removal. */
export async function removeNode(
  api: EngineApi,
  nodeId: string,
  signal: AbortSignal,
): Promise<Answer<null>> {
  const intent = `remove the node ${nodeId}`;
  const path = `/nodes/${encodeURIComponent(nodeId)}`;
  const answer = await api.call(intent, "DELETE", path, signal, { deadlineMs: UPDATE_MS });
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  const isOver = (status >= 200 && status < 300) || status === 404;
  return isOver
    ? { ok: true, value: null }
    : { ok: false, fault: engineFault(intent, status, body) };
}

/**
 * All side by side. A task's container does not carry its service's grace period, and the Engine's own is
 * ten seconds: so the time is always said.
 */
export async function stopTasks(
  api: EngineApi,
  graceMs: number,
  signal: AbortSignal,
): Promise<Answer<null>> {
  const intent = "stop the swarm's tasks here";
  const list = await api.list(
    intent,
    `/containers/json?filters=${filters({ label: ["com.docker.swarm.task.id"] })}`,
    signal,
  );
  if (!list.ok) return list;
  const seconds = Math.ceil(graceMs / 1000);
  const answers = await Promise.all(list.value.map(async ({ Id }): Promise<Answer<null>> => {
    const path = `/containers/${encodeURIComponent(textOf(Id))}/stop?t=${seconds}`;
    const answer = await api.call(intent, "POST", path, signal, { deadlineMs: graceMs + STOP_MS });
    if (!answer.ok) return answer;
    const { status, body } = answer.value;
    // It has ended by itself, or is not there any more.
    const isOver = (status >= 200 && status < 300) || status === 304 || status === 404;
    return isOver
      ? { ok: true, value: null }
      : { ok: false, fault: engineFault(intent, status, body) };
  }));
  return answers.find(({ ok }) => !ok) ?? { ok: true, value: null };
}

/** What the Engine needs beside a container's own time. */
const STOP_MS = 15_000;

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
