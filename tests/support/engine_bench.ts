/** An Engine's socket on which tests answer as they like: a manager of a swarm, in a data root of its own. */
import assert from "node:assert/strict";
import type { Answer, Config, Fault } from "../../src/state.ts";
import { createEngine, type EngineClient } from "../../src/swarm/engine.ts";
import { Vault } from "../../src/tokens/vault.ts";
import { config as plain } from "../world/node.ts";
import type { Exchange, Reply } from "../emulators/http.ts";
import { answer, json, type RawHandler, type RawServer, serveRaw } from "./raw_server.ts";

export const never = new AbortController().signal;

/** The root CA of a real Engine's swarm, and certificates with the subjects of a node's. */
export const ROOT_PEM = `-----BEGIN CERTIFICATE-----
MIIBajCCARCgAwIBAgIUQqJjkeqStDcMv4eFoKGHF79g8l8wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAxMIc3dhcm0tY2EwHhcNMjYxMTI0MjEwMTAwWhcNNDYxMTE5MjEw
MTAwWjATMREwDwYDVQQDEwhzd2FybS1jYTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABDRcYYKNPaIN4LeE+NDzqQdXCC6w80fHZeswbTxy/QFqKXTjrcXJ6imHpAky
eFH5GBur2uxoDo1TNhtYyd3GntKjQjBAMA4GA1UdDwEB/wQEAwIBBjAPBgNVHRMB
Af8EBTADAQH/MB0GA1UdDgQWBBQUIrkmJuUbZSf3OkucacXoyt+kvjAKBggqhkjO
PQQDAgNIADBFAiEAnXrysal4+aUqjG+fMcKIRGPfBp90GhFGCktdH+9SxRUCIHeL
+QI2Cyq7zHtCM8fY0qGGmOLBL4Oz/s09T90GFfed
-----END CERTIFICATE-----
`;
export const MANAGER_PEM = `-----BEGIN CERTIFICATE-----
MIICFzCCAb2gAwIBAgIUCmtyZKc4jv5P7i6sL6VtyuNb/eUwCgYIKoZIzj0EAwIw
YDEiMCAGA1UECgwZb3l0cGZtNDhxNnVwOWNxaDV4ZGtjaXZ3bzEWMBQGA1UECwwN
c3dhcm0tbWFuYWdlcjEiMCAGA1UEAwwZeDM1c3VjMm5hY2x4c256YjllejM2NWMy
MzAgFw0yNjExMjQyMTA1NDZaGA8yMTI2MTAzMTIxMDU0NlowYDEiMCAGA1UECgwZ
b3l0cGZtNDhxNnVwOWNxaDV4ZGtjaXZ3bzEWMBQGA1UECwwNc3dhcm0tbWFuYWdl
cjEiMCAGA1UEAwwZeDM1c3VjMm5hY2x4c256YjllejM2NWMyMzBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABEOUUHk7WzS2Gd9dcEH5EEdBUUdpHFQ5iwL2WKjBcSs/
05su/8kJiuLvjcrW9NE3u9IL0rNWoBlpANGOs7FTaVCjUzBRMB0GA1UdDgQWBBT6
zb/1LGv0ADwnlIr7ijof8LMbLzAfBgNVHSMEGDAWgBT6zb/1LGv0ADwnlIr7ijof
8LMbLzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIA0+zYgRoYkU
OZ/7UKKYZFMA0F11x4FGSDRwz+uMB26SAiEAh/s1l2VerE3TuTdkTij75jSnG1Pj
kvUhThdsnhqN1oU=
-----END CERTIFICATE-----
`;
export const WORKER_PEM = `-----BEGIN CERTIFICATE-----
MIICFDCCAbugAwIBAgIUcfDk5VfcRyA81uvA97OG77DCwbEwCgYIKoZIzj0EAwIw
XzEiMCAGA1UECgwZb3l0cGZtNDhxNnVwOWNxaDV4ZGtjaXZ3bzEVMBMGA1UECwwM
c3dhcm0td29ya2VyMSIwIAYDVQQDDBl4MzVzdWMybmFjbHhzbnpiOWV6MzY1YzIz
MCAXDTI2MTEyNDIxMDU0NloYDzIxMjYxMDMxMjEwNTQ2WjBfMSIwIAYDVQQKDBlv
eXRwZm00OHE2dXA5Y3FoNXhka2NpdndvMRUwEwYDVQQLDAxzd2FybS13b3JrZXIx
IjAgBgNVBAMMGXgzNXN1YzJuYWNseHNuemI5ZXozNjVjMjMwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATJXgXzA+ceYl/nYOpFj+cTn9XP/OnTvCSwkSJmKiY1cTtq
2fckv+9HOErg5/CK0AZTnNxd3qo0uLKLCtOCuGhAo1MwUTAdBgNVHQ4EFgQUFnFc
5Qd9imUnhKsSci04p7Qui9IwHwYDVR0jBBgwFoAUFnFc5Qd9imUnhKsSci04p7Qu
i9IwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBZ0p4wYqbYWMmo
kIL7Lr4vCrVBRxmAm0JpoykqORBULgIgUy0xGyGEcZVZu3SVZGzKg5rPbzVxbDFP
mJ7F1UxKCbM=
-----END CERTIFICATE-----
`;

/** What that Engine put into its join tokens. */
export const FINGERPRINT = "1dtayrs3emwznxlqsmpkr1yqipqodwuu1kivpnqcy6rsor3qyv";
export const MANAGER_TOKEN = tokenOf(FINGERPRINT, "m");
export const WORKER_TOKEN = tokenOf(FINGERPRINT, "w");

export function tokenOf(fingerprint: string, secret: string): string {
  return `SWMTKN-1-${fingerprint}-${secret.repeat(25)}`;
}

export const NODE_ID = "x35suc2naclxsnzb9ez365c23";

export const MANAGER_SWARM = {
  NodeID: NODE_ID,
  NodeAddr: "10.0.0.7",
  LocalNodeState: "active",
  ControlAvailable: true,
  Error: "",
  RemoteManagers: [
    { NodeID: NODE_ID, Addr: "10.0.0.7:2377" },
    { NodeID: "second", Addr: "10.0.0.8:2377" },
  ],
  Nodes: 1,
  Managers: 1,
  Cluster: { ID: "oytpfm48q6up9cqh5xdkcivwo" },
};

/** As Engine 20.10 shows it of a swarm that nobody has changed. */
export const FRESH_SPEC = {
  Name: "default",
  Labels: {},
  Orchestration: { TaskHistoryRetentionLimit: 5 },
  Raft: {
    SnapshotInterval: 10_000,
    KeepOldSnapshots: 0,
    LogEntriesForSlowFollowers: 500,
    ElectionTick: 10,
    HeartbeatTick: 1,
  },
  Dispatcher: { HeartbeatPeriod: 5_000_000_000 },
  CAConfig: { NodeCertExpiry: 7_776_000_000_000_000 },
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: false },
};

/** The only node. */
const LEADER = nodeJson(NODE_ID, {
  ManagerStatus: { Leader: true, Reachability: "reachable", Addr: "0.0.0.0:2377" },
});

/** A node as `GET /nodes` has it, without what nobody looks at: a manager's. */
export function nodeJson(id: string, change: Record<string, unknown> = {}): unknown {
  return {
    ID: id,
    Version: { Index: 9 },
    CreatedAt: "2026-11-26T17:45:58.630776783Z",
    UpdatedAt: "2026-11-26T17:45:58.679689358Z",
    Spec: { Labels: {}, Role: "manager", Availability: "active" },
    Description: { Hostname: `ip-${id}` },
    Status: { State: "ready", Addr: "10.0.0.7" },
    ...change,
  };
}

export type Routes = Record<string, Reply | ((request: Exchange) => Reply)>;

/** An Engine that speaks API 1.41 and is the only manager of its swarm, in `dataRoot`. */
export function manager(dataRoot: string): Routes {
  return {
    "GET /_ping": answer(200, "OK", { "Api-Version": "1.41" }),
    "GET /v1.41/info": json(200, { DockerRootDir: dataRoot, Swarm: MANAGER_SWARM }),
    "GET /v1.41/swarm": json(200, {
      ID: "oytpfm48q6up9cqh5xdkcivwo",
      Spec: FRESH_SPEC,
      JoinTokens: { Manager: MANAGER_TOKEN, Worker: WORKER_TOKEN },
    }),
    "GET /v1.41/nodes": json(200, [LEADER]),
    "GET /v1.41/services": json(200, []),
    "GET /v1.41/secrets": json(200, []),
    "GET /v1.41/configs": json(200, []),
    "GET /v1.41/networks": json(200, [{ Name: "ingress", Ingress: true, Scope: "swarm" }]),
    "GET /v1.41/tasks": json(200, []),
    "GET /v1.41/containers/json": json(200, []),
    "POST /v1.41/swarm/init": json(200, NODE_ID),
    "POST /v1.41/swarm/join": answer(200, ""),
    "POST /v1.41/swarm/leave": answer(200, ""),
  };
}

function routed(routes: Routes): RawHandler {
  return (request) => {
    const route = routes[`${request.method} ${request.path}`];
    if (route === undefined) return json(404, { message: "page not found" });
    return typeof route === "function" ? route(request) : route;
  };
}

interface Bench {
  directory: string;
  socket: string;
  vault: Vault;
  engine: EngineClient;
  server: RawServer;
}

/** One Engine with its data root, for the time of a test. */
export async function withEngine(
  change: (routes: Routes, directory: string) => Routes,
  test: (bench: Bench) => Promise<void>,
  files: { root?: string | null; node?: string } = {},
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  const certificates = `${directory}/swarm/certificates`;
  Deno.mkdirSync(certificates, { recursive: true });
  const { root = ROOT_PEM, node } = files;
  if (root !== null) Deno.writeTextFileSync(`${certificates}/swarm-root-ca.crt`, root);
  if (node !== undefined) Deno.writeTextFileSync(`${certificates}/swarm-node.crt`, node);
  const socket = `${directory}/docker.sock`;
  const server = serveRaw(routed(change(manager(directory), directory)), { path: socket });
  const vault = new Vault();
  try {
    await test({ directory, socket, vault, engine: createEngine({ path: socket, vault }), server });
  } finally {
    await server.close();
    Deno.removeSync(directory, { recursive: true });
  }
}

export function valueOf<T>(result: Answer<T>): T {
  assert.ok(result.ok, result.ok ? "" : result.fault.message);
  return result.value;
}

export function faultOf(result: Answer<unknown>): Fault {
  assert.ok(!result.ok, "answered");
  return result.fault;
}

export function configOf(change: Partial<Config>): Config {
  return { ...plain, ...change };
}

export const same = (routes: Routes): Routes => routes;

export function info(
  swarm: Record<string, unknown>,
): (routes: Routes, directory: string) => Routes {
  return (routes, directory) => ({
    ...routes,
    "GET /v1.41/info": json(200, {
      DockerRootDir: directory,
      Swarm: { NodeID: "", NodeAddr: "", ControlAvailable: false, Error: "", ...swarm },
    }),
  });
}
