/** The swarm's nodes, as a manager's Engine lists and changes them; and what runs of its tasks here. */
import { type EngineApi, filters } from "./api.ts";
import { engineFault, objectOf } from "./faults.ts";
import { hostOf } from "../addresses.ts";
import type { NodeChange } from "../calls.ts";
import { isObject } from "../json.ts";
import { AVAILABILITIES, NODE_STATES } from "../state.ts";
import type { Answer, Fault, Role, SwarmNode } from "../state.ts";

/** The labels of this tool: other people's are theirs. */
export const LABEL_PREFIX = "swarm-join.";

/**
 * All nodes. What a node is only a filter shows; that list is read first, so that a node that loses its
 * vote in between is seen as a manager without one, and never as a worker that votes.
 */
export async function readNodes(
  api: EngineApi,
  signal: AbortSignal,
): Promise<Answer<SwarmNode[]>> {
  const intent = "list the swarm's nodes";
  const managers = await api.list(
    intent,
    `/nodes?filters=${filters({ role: ["manager"] })}`,
    signal,
  );
  if (!managers.ok) return managers;
  const all = await api.list(intent, "/nodes", signal);
  if (!all.ok) return all;
  const ids = managers.value.map((node) => textOf(node["ID"]));
  return {
    ok: true,
    value: all.value.map((node) =>
      nodeOf(node, ids.includes(textOf(node["ID"])) ? "manager" : "worker")
    ),
  };
}

function nodeOf(node: Record<string, unknown>, observed: Role): SwarmNode {
  const [spec, status, version] = [node["Spec"], node["Status"], node["Version"]].map(partOf) as [
    Record<string, unknown>,
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const labels = Object.entries(partOf(spec["Labels"])).filter((label): label is [string, string] =>
    label[0].startsWith(LABEL_PREFIX) && typeof label[1] === "string"
  );
  const address = hostOf(textOf(status["Addr"]));
  const availability = AVAILABILITIES.find((one) => one === spec["Availability"]) ?? "active";
  return {
    nodeId: textOf(node["ID"]),
    version: typeof version["Index"] === "number" ? version["Index"] : 0,
    createdMs: Date.parse(textOf(node["CreatedAt"])) || 0,
    desired: spec["Role"] === "manager" ? "manager" : "worker",
    observed,
    voter: voterOf(node["ManagerStatus"], address),
    state: NODE_STATES.find((one) => one === status["State"]) ?? "unknown",
    address,
    availability,
    labels: Object.fromEntries(labels),
  };
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

/** Sends the whole specification with the change in it, under the version at which it was seen. */
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
  if (partOf(node.value["Version"])["Index"] !== version) {
    return { ok: false, fault: changed(nodeId) };
  }
  const spec = partOf(node.value["Spec"]);
  const { role, availability, labels = {} } = change;
  const labelled = Object.entries({ ...partOf(spec["Labels"]), ...labels })
    .filter(([, value]) => value !== null);
  const body = {
    ...spec,
    Labels: Object.fromEntries(labelled),
    ...(role === undefined ? {} : { Role: role }),
    ...(availability === undefined ? {} : { Availability: availability }),
  };
  const answer = await api.call(intent, "POST", `${path}/update?version=${version}`, signal, {
    body,
  });
  if (!answer.ok) return answer;
  const { status, body: words } = answer.value;
  if (status >= 200 && status < 300) return { ok: true, value: null };
  return {
    ok: false,
    fault: words.includes("update out of sequence")
      ? changed(nodeId)
      : engineFault(intent, status, words),
  };
}

function changed(nodeId: string): Fault {
  return { kind: "busy", message: `the node ${nodeId} has changed meanwhile` };
}

/** A node that is not there any more, or came back to life, needs no removal. */
export async function removeNode(
  api: EngineApi,
  nodeId: string,
  signal: AbortSignal,
): Promise<Answer<null>> {
  const intent = `remove the node ${nodeId}`;
  const path = `/nodes/${encodeURIComponent(nodeId)}`;
  const answer = await api.call(intent, "DELETE", path, signal, {});
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  const isOver = (status >= 200 && status < 300) || status === 404;
  return isOver
    ? { ok: true, value: null }
    : { ok: false, fault: engineFault(intent, status, body) };
}

/** Each has its time at once with the others. */
export async function stopTasks(
  api: EngineApi,
  graceMs: number,
  signal: AbortSignal,
): Promise<Answer<null>> {
  const intent = "stop the tasks here";
  const list = await api.list(
    intent,
    `/containers/json?filters=${filters({ label: ["com.docker.swarm.task.id"] })}`,
    signal,
  );
  if (!list.ok) return list;
  const seconds = Math.ceil(graceMs / 1000);
  const stopped = await Promise.all(list.value.map(async (container) => {
    const path = `/containers/${encodeURIComponent(textOf(container["Id"]))}/stop?t=${seconds}`;
    const answer = await api.call(intent, "POST", path, signal, { deadlineMs: graceMs + STOP_MS });
    if (!answer.ok) return answer;
    const { status, body } = answer.value;
    const isOver = (status >= 200 && status < 400) || status === 404;
    return isOver ? null : { ok: false as const, fault: engineFault(intent, status, body) };
  }));
  return stopped.find((answer) => answer !== null) ?? { ok: true, value: null };
}

/** What the Engine needs beside a container's own time. */
const STOP_MS = 15_000;

function partOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
