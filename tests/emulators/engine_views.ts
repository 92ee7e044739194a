/**
 * What the Engine's API shows of its state: the JSON of its answers, with the fields that a client
 * of swarms may look at.
 */
import type { EngineState } from "./engine_state.ts";
import { isLive, type SwarmNode, type SwarmState, TEXTS } from "./engine_swarm.ts";
import type { Exchange } from "./http.ts";

export const SWARM_PORT = 2377;

/** `/info`'s member `Swarm`. */
export function swarmInfo(state: EngineState): unknown {
  const { status, membership } = state;
  const isRunning = membership !== null && (status === "active" || state.isShutOut);
  if (!isRunning || state.failure !== null) {
    const error = status === "locked" ? TEXTS.locked : state.failure ?? "";
    return {
      NodeID: "",
      NodeAddr: membership?.address ?? "",
      LocalNodeState: status,
      ControlAvailable: false,
      Error: error,
      RemoteManagers: null,
    };
  }
  const { swarm } = membership;
  const common = {
    NodeID: membership.nodeId,
    NodeAddr: membership.address,
    LocalNodeState: state.isWordless ? "error" : status,
    ControlAvailable: state.isManager,
    Error: state.isManager && !state.hasLeader ? TEXTS.noLeader : "",
    RemoteManagers: swarm.voters.map((node) => ({
      NodeID: node.id,
      Addr: portOf(node.address),
    })),
  };
  if (!state.isManager) return common;
  // Without a leader the Engine shows a cluster with nothing in it.
  if (!state.hasLeader) return { ...common, Cluster: { ID: "", Version: {} } };
  return {
    ...common,
    Nodes: swarm.nodes.length,
    Managers: swarm.nodes.filter(({ observed }) => observed === "manager").length,
    Cluster: clusterJson(swarm),
  };
}

function portOf(address: string): string {
  return `${address.includes(":") ? `[${address}]` : address}:${SWARM_PORT}`;
}

function clusterJson(swarm: SwarmState): Record<string, unknown> {
  const created = new Date(swarm.createdMs).toISOString();
  return {
    ID: swarm.id,
    Version: { Index: 10 },
    CreatedAt: created,
    UpdatedAt: created,
    Spec: swarm.spec,
    TLSInfo: { TrustRoot: swarm.caPem },
    RootRotationInProgress: false,
    DefaultAddrPool: ["10.0.0.0/8"],
    SubnetSize: 24,
    DataPathPort: 4789,
  };
}

export function inspection(swarm: SwarmState): unknown {
  return {
    ...clusterJson(swarm),
    JoinTokens: { Worker: swarm.token("worker"), Manager: swarm.token("manager") },
  };
}

/** `/nodes`: the filter goes by what a node is, its specification by what it is told to be. */
export function nodes(swarm: SwarmState, exchange: Exchange): unknown {
  return swarm.nodes.filter((node) =>
    passes(exchange, "role", node.observed) && passes(exchange, "id", node.id)
  ).map((node) => nodeJson(swarm, node));
}

/** `/nodes/ID`. */
export function nodeJson(swarm: SwarmState, node: SwarmNode): unknown {
  const created = new Date(node.createdMs).toISOString();
  return {
    ID: node.id,
    Version: { Index: node.version },
    CreatedAt: created,
    UpdatedAt: created,
    Spec: { Labels: node.labels, Role: node.role, Availability: node.availability },
    Description: { Hostname: `ip-${node.address.replaceAll(".", "-")}` },
    Status: {
      State: node.state,
      ...(node.state === "down" ? { Message: "heartbeat failure" } : {}),
      Addr: node.address,
    },
    ...(node.inRaft
      ? {
        ManagerStatus: {
          ...(swarm.leader === node ? { Leader: true } : {}),
          Reachability: node.isReached ? "reachable" : "unreachable",
          Addr: portOf(node.address),
        },
      }
      : {}),
  };
}

export function named(names: string[]): unknown {
  return names.map((name) => ({ ID: name, Spec: { Name: name } }));
}

export function networks(state: EngineState, exchange: Exchange): unknown {
  const local = ["bridge", "host", "none", ...(state.membership ? ["docker_gwbridge"] : [])];
  const swarm = state.isManager ? state.membership?.swarm : undefined;
  return [
    ...local.map((name) => ({
      Name: name,
      Id: name,
      Scope: "local",
      Driver: name,
      Ingress: false,
    })),
    ...(swarm ? ["ingress", ...swarm.networks] : []).map((name) => ({
      Name: name,
      Id: name,
      Scope: "swarm",
      Driver: "overlay",
      Ingress: name === "ingress",
      Labels: {},
    })),
  ].filter((network) => passes(exchange, "scope", network.Scope));
}

/** Volumes in the swarm's store, which Engines from 23 on list with their own. */
export function volumes(state: EngineState): unknown {
  const swarm = state.isManager ? state.membership?.swarm : undefined;
  const shared = swarm?.volumes.map((name) => ({
    Name: name,
    Driver: "csi",
    Scope: "global",
    ClusterVolume: { ID: name, Spec: {} },
  }));
  return {
    Volumes: [{ Name: "own", Driver: "local", Scope: "local" }, ...shared ?? []],
    Warnings: null,
  };
}

export function tasks(swarm: SwarmState, exchange: Exchange): unknown {
  return swarm.nodes.filter(isLive).flatMap((node) =>
    node.engine.tasks.map((name) => ({
      ID: name,
      NodeID: node.id,
      DesiredState: "running",
      Status: { State: "running" },
    }))
  ).filter((task) =>
    passes(exchange, "node", task.NodeID) && passes(exchange, "desired-state", task.DesiredState)
  );
}

export function containers(state: EngineState): unknown {
  return state.tasks.map((name) => ({
    Id: name,
    Names: [`/${name}`],
    State: "running",
    Status: "Up 5 minutes",
    Labels: {
      "com.docker.swarm.node.id": state.membership?.nodeId ?? "",
      "com.docker.swarm.service.name": name.split(".")[0] ?? "",
      "com.docker.swarm.task": "",
      "com.docker.swarm.task.id": name,
    },
  }));
}

/** Whether `value` is among those that the query's `filters` ask for, or none is asked for. */
function passes(exchange: Exchange, name: string, value: string): boolean {
  const filters = JSON.parse(exchange.query.get("filters") ?? "{}");
  const wanted: string[] | Record<string, boolean> | undefined = filters[name];
  if (wanted === undefined) return true;
  return Array.isArray(wanted) ? wanted.includes(value) : wanted[value] === true;
}
