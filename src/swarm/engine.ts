/**
 * The local Docker Engine: a client of the few calls of its API that make a node a member.
 *
 * Reads look at the Engine once and report what it says; writes answer null or a fault, and whoever
 * wants to know what became of one looks again. Nothing is retried. Join tokens go from the Engine
 * into the vault and from the vault into a request's body, and nowhere else.
 *
 * Source: Docker Engine API reference, versions 1.41 to 1.56.
 */
import { readCertificates } from "./certificates.ts";
import { EngineApi } from "./api.ts";
import { contentsOf } from "./contents.ts";
import {
  daemonSetting,
  engineFault,
  isNoSwarm,
  JOINING,
  notUnderstood,
  objectOf,
  troubleOf,
} from "./faults.ts";
import { readNodes, removeNode, stopTasks, updateNode } from "./nodes.ts";
import { startAnew } from "./recovery.ts";
import { quote } from "../http.ts";
import { isObject } from "../json.ts";
import { hostOf, isIpv6, withPort } from "../addresses.ts";
import type { LeaveResult, NodeChange } from "../calls.ts";
import { ENGINE_STATES } from "../state.ts";
import type { Answer, Config, Contents, Engine, SwarmView, TokenMark } from "../state.ts";
import type { Vault } from "../tokens/vault.ts";

/** Each call ends at its own deadline, or as a `timeout` when the signal aborts. */
export interface EngineClient {
  look(signal: AbortSignal): Promise<Answer<Engine>>;
  /** What would be lost here; on a worker only `tasks` can be known. */
  contents(manager: boolean, signal: AbortSignal): Promise<Answer<Contents>>;
  init(
    config: Config,
    advertiseAddr: string,
    pools: string[],
    signal: AbortSignal,
  ): Promise<Answer<null>>;
  /** `address`: of one manager, without a port. A `pending` fault: the Engine goes on by itself. */
  join(
    config: Config,
    address: string,
    token: TokenMark,
    advertiseAddr: string,
    signal: AbortSignal,
  ): Promise<Answer<null>>;
  /** Changes a node, if it still has this version. */
  update(
    nodeId: string,
    version: number,
    change: NodeChange,
    signal: AbortSignal,
  ): Promise<Answer<null>>;
  /** Stops the containers of this node's tasks, with so much time for each. */
  stop(graceMs: number, signal: AbortSignal): Promise<Answer<null>>;
  /** Takes a node out of the swarm's list, without force: one that lives is refused. */
  remove(nodeId: string, signal: AbortSignal): Promise<Answer<null>>;
  /** Also well when the node is in no swarm. `onlyEmpty`: looks just before, and leaves if nothing would be lost. */
  leave(force: boolean, onlyEmpty: boolean, signal: AbortSignal): Promise<Answer<LeaveResult>>;
  /** Makes this manager the whole of its swarm, as it was when it was looked at; gives where what it was is kept. */
  force(advertiseAddr: string, signal: AbortSignal): Promise<Answer<string>>;
}

/** `copies`: where what a swarm was is kept, if not where it always is. */
export function createEngine(
  { path, vault, copies }: { path: string; vault: Vault; copies?: string },
): EngineClient {
  const api = new EngineApi(path);
  /** An Engine without a leader takes long to say where it is. */
  let dataRoot: string | null = null;
  const looked = (where: string): void => {
    dataRoot = where;
  };
  return {
    look: (signal) => lookAt(api, { vault, looked }, signal),
    contents: (manager, signal) => contentsOf(api, manager, signal),
    init: (config, advertiseAddr, pools, signal) => {
      const intent = `init a swarm at ${advertiseAddr}`;
      const request = initRequest(config, advertiseAddr, pools);
      return api.write(intent, "/swarm/init", request, INIT_MS, signal);
    },
    join: (config, address, mark, advertiseAddr, signal) => {
      const intent = `${JOINING}${address}`;
      const token = vault.take(mark);
      if (token === null) {
        const message = `Cannot ${intent}: its join token was not read in this run`;
        return Promise.resolve({ ok: false, fault: { kind: "not-found", message } });
      }
      const request = {
        ...placeOf(config, advertiseAddr),
        RemoteAddrs: [withPort(address)],
        JoinToken: token.reveal(),
      };
      return api.write(intent, "/swarm/join", request, JOIN_MS, signal);
    },
    update: (nodeId, version, change, signal) => updateNode(api, nodeId, version, change, signal),
    remove: (nodeId, signal) => removeNode(api, nodeId, signal),
    stop: (graceMs, signal) => stopTasks(api, graceMs, signal),
    leave: (force, onlyEmpty, signal) => leaveSwarm(api, force, onlyEmpty, signal),
    force: (advertiseAddr, signal) => {
      if (dataRoot === null) throw new Error("an Engine is started anew before it was looked at");
      const kept = copies === undefined ? {} : { copies };
      return startAnew(api, { dataRoot, advertiseAddr, ...kept }, signal);
    },
  };
}

/** The Engine gives up a join after 20 s, goes on in the background, and says so. */
const JOIN_MS = 30_000;
const INIT_MS = 60_000;
const LEAVE_MS = 60_000;
/** On a manager without quorum `/info` asks its swarm in vain for 20 s, older Engines twice. */
const INFO_MS = 45_000;

async function lookAt(
  api: EngineApi,
  { vault, looked }: { vault: Vault; looked: (dataRoot: string) => void },
  signal: AbortSignal,
): Promise<Answer<Engine>> {
  const intent = "ask the Docker Engine about its swarm";
  const answer = await api.read(intent, "/info", signal, { deadlineMs: INFO_MS });
  if (!answer.ok) return answer;
  const info = objectOf(intent, answer.value);
  if (!info.ok) return info;
  const offered = await api.offered(signal);
  if (!offered.ok) return offered;
  const { DockerRootDir: dataRoot, Swarm: swarm } = info.value;
  if (!isObject(swarm) || typeof dataRoot !== "string" || !isState(swarm["LocalNodeState"])) {
    return { ok: false, fault: notUnderstood(intent, answer.value) };
  }
  looked(dataRoot);
  const state = swarm["LocalNodeState"];
  if (state === "inactive") {
    const outside = inactive(offered.value, textOf(swarm["Error"]));
    const value = { ...outside, refuses: refusalOf(info.value) };
    return { ok: true, value: { ...value, ...await leftOver(dataRoot) } };
  }
  const controls = swarm["ControlAvailable"] === true;
  const words = textOf(swarm["Error"]);
  // A manager that can't ask its swarm says so here; asking it again would only take as long again.
  const [certificates, view] = await Promise.all([
    readCertificates(dataRoot),
    controls && words === "" ? swarmView(api, vault, signal) : null,
  ]);
  if (!certificates.ok) return certificates;
  const { fingerprint, node } = certificates.value;
  const isRead = view === null || view.ok;
  return {
    ok: true,
    value: {
      state,
      // The Engine forgets who it is while its swarm component is down, and would then let a member
      // leave without force, as if it had never been one.
      nodeId: textOf(swarm["NodeID"]) || (node?.nodeId ?? ""),
      address: hostOf(textOf(swarm["NodeAddr"])),
      peers: peersOf(swarm["RemoteManagers"]),
      api: offered.value,
      error: isRead ? quote(words) : view.fault.message,
      refuses: "",
      trouble: isRead ? troubleOf(words) : troubleOf(view.fault.message) ?? view.fault.kind,
      // During a rotation of the CA the tokens are right before the file is.
      fingerprint: view?.ok ? view.value.managerToken.fingerprint : fingerprint,
      clusterId: view?.ok ? view.value.clusterId : node?.clusterId ?? null,
      manager: controls || (node?.manager ?? false),
      swarm: view?.ok ? view.value : null,
    },
  };
}

/**
 * Who it is all the same: a swarm that could not be started anew stays on the disk, and the Engine says that it
 * is in none until it starts again. Whoever leaves a swarm has no certificate any more.
 */
async function leftOver(dataRoot: string): Promise<Partial<Engine>> {
  const certificates = await readCertificates(dataRoot);
  const node = certificates.ok ? certificates.value.node : null;
  if (!certificates.ok || node === null) return {};
  const { nodeId, clusterId, manager } = node;
  return {
    state: "error",
    error: "it runs no swarm, and has one on its disk: restart Docker",
    nodeId,
    clusterId,
    manager,
    fingerprint: certificates.value.fingerprint,
  };
}

/** A setting with which the Engine would refuse to init or to join (moby `daemon/cluster`, `config_linux.go`). */
function refusalOf({ LiveRestoreEnabled, FirewallBackend }: Record<string, unknown>): string {
  if (LiveRestoreEnabled === true) {
    return `live-restore is on: ${daemonSetting('"live-restore": false')}`;
  }
  const backend = isObject(FirewallBackend) ? textOf(FirewallBackend["Driver"]) : "";
  return backend.startsWith("nftables")
    ? `its firewall is nftables: ${daemonSetting('"firewall-backend": "iptables"')}`
    : "";
}

function inactive(api: number, words: string): Engine {
  return {
    state: "inactive",
    nodeId: "",
    address: "",
    peers: [],
    api,
    error: quote(words),
    trouble: troubleOf(words),
    refuses: "",
    fingerprint: null,
    clusterId: null,
    manager: false,
    swarm: null,
  };
}

async function swarmView(
  api: EngineApi,
  vault: Vault,
  signal: AbortSignal,
): Promise<Answer<SwarmView>> {
  const intent = "read the swarm's join tokens";
  const [swarm, nodes] = await Promise.all([
    api.read(intent, "/swarm", signal),
    readNodes(api, signal),
  ]);
  if (!swarm.ok) return swarm;
  if (!nodes.ok) return nodes;
  const object = objectOf(intent, swarm.value);
  if (!object.ok) return object;
  const { ID: clusterId, JoinTokens: tokens } = object.value;
  const managerToken = isObject(tokens) ? vault.keep(textOf(tokens["Manager"])) : null;
  const workerToken = isObject(tokens) ? vault.keep(textOf(tokens["Worker"])) : null;
  if (typeof clusterId !== "string" || managerToken === null || workerToken === null) {
    return { ok: false, fault: notUnderstood(intent, swarm.value) };
  }
  return {
    ok: true,
    value: { clusterId, managerToken, workerToken, nodes: nodes.value },
  };
}

async function leaveSwarm(
  api: EngineApi,
  force: boolean,
  onlyEmpty: boolean,
  signal: AbortSignal,
): Promise<Answer<LeaveResult>> {
  const held = onlyEmpty ? await contentsOf(api, force, signal) : null;
  if (held?.ok === false) return held;
  if (held !== null && Object.keys(held.value).length > 0) {
    return { ok: true, value: { kind: "holds", contents: held.value } };
  }
  const intent = "leave the swarm";
  const path = `/swarm/leave?force=${force ? "1" : "0"}`;
  const answer = await api.call(intent, "POST", path, signal, { deadlineMs: LEAVE_MS });
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  const isOut = (status >= 200 && status < 300) || isNoSwarm(body);
  return isOut
    ? { ok: true, value: { kind: "left" } }
    : { ok: false, fault: engineFault(intent, status, body) };
}

function initRequest(
  config: Config,
  advertiseAddr: string,
  pools: string[],
): Record<string, unknown> {
  const { dataPathPort } = config;
  return {
    ...placeOf(config, advertiseAddr),
    ...(dataPathPort === null ? {} : { DataPathPort: dataPathPort }),
    ...(pools.length === 0 ? {} : { DefaultAddrPool: pools, SubnetSize: subnetSizeOf(pools) }),
  };
}

/** What init and join have in common. */
function placeOf(config: Config, advertiseAddr: string): Record<string, unknown> {
  const { dataPathAddr, availability } = config;
  const everywhere = isIpv6(hostOf(advertiseAddr)) ? "::" : "0.0.0.0";
  return {
    ListenAddr: withPort(config.listenAddr ?? everywhere),
    AdvertiseAddr: withPort(advertiseAddr),
    ...(dataPathAddr === null ? {} : { DataPathAddr: dataPathAddr }),
    ...(availability === null ? {} : { Availability: availability }),
  };
}

/** The Engine's default for a network's prefix length, or the pool's own where that is longer. */
function subnetSizeOf(pools: string[]): number {
  return Math.max(24, ...pools.map((pool) => Number(pool.split("/")[1] ?? 24)));
}

/** Of the managers that `/info` names. */
function peersOf(remotes: unknown): string[] {
  const list: unknown[] = Array.isArray(remotes) ? remotes : [];
  const addresses = list.map((one) => isObject(one) ? hostOf(textOf(one["Addr"])) : "");
  return [...new Set(addresses)].filter((address) => address !== "");
}

function isState(value: unknown): value is Engine["state"] {
  return ENGINE_STATES.some((state) => state === value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
