/**
 * The Docker Engine's API on a unix socket over `EngineState`, with the Engine's timing, the root
 * CA's file in the data root, and the swarm port open while this node is an active manager.
 */
import { type EngineNetwork, type EngineState, hostOf, type JoinRequest } from "./engine_state.ts";
import {
  EngineError,
  type NodeSpec,
  type SwarmNode,
  type SwarmTimes,
  TEXTS,
} from "./engine_swarm.ts";
import {
  containers,
  inspection,
  named,
  networks,
  nodeJson,
  nodes,
  SWARM_PORT,
  swarmInfo,
  tasks,
  volumes,
} from "./engine_views.ts";
import { type Exchange, type HttpServer, json, pause, type Reply, serveHttp } from "./http.ts";
import type { Wire } from "./wire.ts";

/** What an Engine says of itself: its release, and the API versions that it speaks. */
export interface EngineRelease {
  name: string;
  api: string;
  apiMin: string;
}

export const ENGINE_20: EngineRelease = { name: "20.10.24", api: "1.41", apiMin: "1.12" };
export const ENGINE_29: EngineRelease = { name: "29.0.0", api: "1.52", apiMin: "1.44" };

/** How long things take, in ms. */
export interface EngineTimes extends SwarmTimes {
  init: number;
  joinManager: number;
  joinWorker: number;
  /** Until the Engine gives up on a refused connection or a rejected token. */
  joinFails: number;
  /** Until a join that hangs goes on in the background. */
  joinHangs: number;
  /** How long `/info` tries to reach a leader. */
  noLeader: number;
}

/** As measured on Engine 20.10; of what a swarm does by itself the shorter ones. */
export const ENGINE_TIMES: EngineTimes = {
  init: 400,
  joinManager: 500,
  joinWorker: 100,
  joinFails: 10_000,
  joinHangs: 20_000,
  noLeader: 20_000,
  noticed: 14_000,
  demoted: 500,
  settled: 3_000,
};

export interface EngineOptions {
  socket: string;
  dataRoot: string;
  times: EngineTimes;
  network: EngineNetwork;
  wire: Wire;
  /** Called when an init or a join has succeeded, before it is answered. */
  onMember?: (engine: EngineState, how: "init" | "join") => Promise<void> | void;
}

export class EngineServer {
  readonly state: EngineState;
  readonly options: EngineOptions;
  /** What it says that it is. */
  release = ENGINE_20;
  /** The bodies of the last init and join, to look at what was asked. */
  lastInit: Record<string, unknown> | null = null;
  lastJoin: Record<string, unknown> | null = null;
  #server: HttpServer | null = null;
  #port: Deno.Listener | null = null;
  /** The Engine's control mutex: init, join and leave one after another. */
  #control: Promise<unknown> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(state: EngineState, options: EngineOptions) {
    this.state = state;
    this.options = options;
    state.changed = () => this.#sync();
  }

  /** Starts the daemon. */
  start(): void {
    Deno.mkdirSync(this.options.dataRoot, { recursive: true });
    remove(this.options.socket);
    const listener = Deno.listen({ transport: "unix", path: this.options.socket });
    this.#server = serveHttp(listener, (exchange) => this.#handle(exchange));
    this.state.boot();
    this.#sync();
  }

  /** Kills the daemon; what it has on its disk stays. */
  async stop(): Promise<void> {
    this.state.running = false;
    this.#sync();
    const server = this.#server;
    this.#server = null;
    await server?.close();
    remove(this.options.socket);
  }

  /** Stops for good. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await this.stop();
  }

  async #handle(exchange: Exchange): Promise<Reply> {
    const versioned = /^\/v(\d+\.\d+)(\/.*)$/.exec(exchange.path);
    const path = versioned?.[2] ?? exchange.path;
    return await this.options.wire.handle(
      {
        service: "engine",
        node: this.state.node,
        action: `${exchange.method} ${path}`,
        write: exchange.method !== "GET" && exchange.method !== "HEAD",
      },
      {
        throttled: () => message(503, "the Engine is busy"),
        denied: () => message(403, "authorization denied by plugin"),
      },
      async () => {
        const wrong = wrongVersion(versioned?.[1], this.release);
        if (wrong !== null) return message(400, wrong);
        this.state.membership?.swarm.advance(Date.now(), this.options.times);
        try {
          return this.#routeOne(exchange, path) ?? await this.#route(exchange, path);
        } catch (error) {
          if (error instanceof EngineError) return message(error.status, error.message);
          throw error;
        }
      },
    );
  }

  async #route(exchange: Exchange, path: string): Promise<Reply> {
    const { state } = this;
    switch (`${exchange.method} ${path}`) {
      case "GET /_ping":
      case "HEAD /_ping":
        return {
          kind: "reply",
          status: 200,
          headers: { ...about(this.release), "content-type": "text/plain; charset=utf-8" },
          body: exchange.method === "HEAD" ? "" : "OK",
        };
      case "GET /version":
        return reply({
          Version: this.release.name,
          ApiVersion: this.release.api,
          MinAPIVersion: this.release.apiMin,
          Os: "linux",
          Arch: "amd64",
        });
      case "GET /info":
        return await this.#info();
      case "GET /swarm":
        return reply(inspection(state.managed()));
      case "GET /nodes":
        return reply(nodes(state.managed(), exchange));
      case "GET /services":
        return reply(named(state.managed().services));
      case "GET /secrets":
        return reply(named(state.managed().secrets));
      case "GET /configs":
        return reply(named(state.managed().configs));
      case "GET /networks":
        return reply(networks(state, exchange));
      case "GET /volumes":
        return reply(volumes(state));
      case "GET /tasks":
        return reply(tasks(state.managed(), exchange));
      case "GET /containers/json":
        return reply(containers(state));
      case "POST /swarm/init":
        return await this.#serially(() => this.#init(body(exchange)));
      case "POST /swarm/join":
        return await this.#serially(() => this.#join(body(exchange)));
      case "POST /swarm/leave":
        return await this.#serially(() => {
          state.leave(["1", "true"].includes(exchange.query.get("force") ?? ""));
          return Promise.resolve(empty());
        });
      default:
        return message(404, "page not found");
    }
  }

  /** What is asked of one node or container. */
  #routeOne(exchange: Exchange, path: string): Reply | null {
    const { state } = this;
    const { method, query } = exchange;
    const [, kind, id = "", verb = ""] = /^\/(nodes|containers)\/([^/]+)(\/\w+)?$/.exec(path) ?? [];
    switch (`${method} ${kind}${verb}`) {
      case "GET nodes":
        return reply(nodeJson(state.managed(), state.managed().find(id)));
      case "DELETE nodes":
        state.managed().remove(id, ["1", "true"].includes(query.get("force") ?? ""));
        return empty();
      case "POST nodes/update":
        state.managed().update(id, Number(query.get("version")), specOf(exchange));
        return empty();
      case "POST containers/stop":
        if (!state.tasks.includes(id)) return message(404, `No such container: ${id}`);
        state.endTasks("stopped", Date.now(), id);
        return { kind: "reply", status: 204, headers: {}, body: "" };
      default:
        return null;
    }
  }

  async #info(): Promise<Reply> {
    const { state } = this;
    const isLost = state.isManager && !state.hasLeader;
    if (isLost) await pause(this.options.times.noLeader, this.#stopped.signal);
    return reply({
      ID: `LAB:${state.node}`,
      Containers: state.tasks.length,
      Name: `ip-${state.address.replaceAll(".", "-")}`,
      ServerVersion: this.release.name,
      OSType: "linux",
      DockerRootDir: this.options.dataRoot,
      Swarm: swarmInfo(state),
      Warnings: null,
    });
  }

  async #init(request: Record<string, unknown>): Promise<Reply> {
    this.lastInit = request;
    // In no swarm it is an init like any other.
    const isAnew = request.ForceNewCluster === true && this.state.membership !== null;
    if (!isAnew) this.state.mustBeFree();
    needListenAddr(request);
    await pause(this.options.times.init, this.#stopped.signal);
    if (!this.state.running) return { kind: "cut" };
    if (isAnew) {
      this.state.startAnew();
      return reply(this.state.membership?.nodeId);
    }
    this.state.init(string(request.AdvertiseAddr), availability(request), Date.now());
    await this.options.onMember?.(this.state, "init");
    return reply(this.state.membership?.nodeId);
  }

  async #join(request: Record<string, unknown>): Promise<Reply> {
    this.lastJoin = request;
    this.state.mustBeFree();
    needListenAddr(request);
    const remotes = Array.isArray(request.RemoteAddrs) ? request.RemoteAddrs : [];
    if (remotes.length === 0) {
      throw new EngineError(400, "at least 1 RemoteAddr is required to join");
    }
    const attempt: JoinRequest = {
      // The Engine takes a list, and tries only the first.
      remote: string(remotes[0]).includes(":") ? string(remotes[0]) : `${remotes[0]}:${SWARM_PORT}`,
      token: string(request.JoinToken),
      advertise: string(request.AdvertiseAddr),
      availability: availability(request),
    };
    const untilMs = Date.now() + this.options.times.joinHangs;
    this.state.attempt = { caPem: null };
    await pause(this.#joinMs(attempt), this.#stopped.signal);
    const outcome = await this.#attempt(attempt, untilMs);
    if (outcome === "hangs") {
      this.#goOn(attempt);
      throw new EngineError(503, TEXTS.joinTimeout);
    }
    await this.options.onMember?.(this.state, "join");
    return empty();
  }

  #joinMs(request: JoinRequest): number {
    const { times, network } = this.options;
    const swarm = network(hostOf(request.remote))?.membership?.swarm;
    return swarm?.token("manager") === request.token ? times.joinManager : times.joinWorker;
  }

  /** Tries until it succeeds, fails, or the time is over. A failure in time clears the state. */
  async #attempt(request: JoinRequest, untilMs: number): Promise<"joined" | "hangs"> {
    for (;;) {
      if (this.state.attempt === null) throw new EngineError(500, "context canceled");
      const outcome = this.state.tryJoin(request, this.options.network);
      if (outcome.kind === "joined") return "joined";
      if (outcome.kind === "failed") {
        if (!outcome.atOnce) await pause(this.options.times.joinFails, this.#stopped.signal);
        this.state.wipe();
        throw outcome.error;
      }
      this.state.attempt.caPem = outcome.caPem;
      this.state.changed();
      if (Date.now() >= untilMs || this.#stopped.signal.aborted) return "hangs";
      await pause(Math.min(100, untilMs - Date.now()), this.#stopped.signal);
    }
  }

  /** The attempt goes on behind; a failure there leaves the Engine in its error state. */
  #goOn(request: JoinRequest): void {
    const attempt = this.state.attempt;
    const again = async (): Promise<void> => {
      while (this.state.attempt === attempt && attempt !== null && !this.#stopped.signal.aborted) {
        await pause(200, this.#stopped.signal);
        if (this.state.attempt !== attempt || !this.state.running) return;
        const outcome = this.state.tryJoin(request, this.options.network);
        if (outcome.kind === "failed") {
          this.state.failure = outcome.error.message;
          return;
        }
      }
    };
    again();
  }

  async #serially(perform: () => Promise<Reply>): Promise<Reply> {
    const turn = this.#control.then(perform);
    this.#control = turn.catch(() => {});
    return await turn;
  }

  /** Makes the file and the port show what the state is. */
  #sync(): void {
    const folder = `${this.options.dataRoot}/swarm`;
    const directory = `${folder}/certificates`;
    const { state } = this;
    if (state.membership === null) remove(`${folder}/docker-state.json`);
    else {
      Deno.mkdirSync(`${folder}/raft`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/raft/wal`, `the raft of ${state.membership.nodeId}`);
      Deno.writeTextFileSync(`${folder}/docker-state.json`, startedWith(state.membership.address));
    }
    if (state.caPem === null) {
      remove(`${directory}/swarm-root-ca.crt`);
      remove(`${directory}/swarm-node.crt`);
    } else {
      Deno.mkdirSync(directory, { recursive: true });
      Deno.writeTextFileSync(`${directory}/swarm-root-ca.crt`, state.caPem);
      // Only who was admitted has a certificate of its own.
      if (state.membership !== null) {
        Deno.writeTextFileSync(`${directory}/swarm-node.key`, "a key that nothing has to unlock");
        Deno.writeTextFileSync(`${directory}/swarm-node.crt`, state.membership.certificatePem);
      }
    }
    const shouldListen = state.running && state.reachable && state.isManager;
    if (shouldListen && this.#port === null) {
      this.#port = Deno.listen({ hostname: state.address, port: SWARM_PORT });
      greet(this.#port);
    }
    if (!shouldListen && this.#port !== null) {
      this.#port.close();
      this.#port = null;
    }
  }
}

/** With which addresses the node was started, as the Engine keeps it for its next start. */
function startedWith(address: string): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return JSON.stringify({
    LocalAddr: address,
    RemoteAddr: "",
    ListenAddr: `0.0.0.0:${SWARM_PORT}`,
    AdvertiseAddr: `${host}:${SWARM_PORT}`,
    DataPathAddr: "",
    DefaultAddressPool: null,
    SubnetSize: 0,
    DataPathPort: 4789,
    JoinInProgress: false,
  });
}

function about({ name, api }: EngineRelease): Record<string, string> {
  return {
    "api-version": api,
    "docker-experimental": "false",
    ostype: "linux",
    server: `Docker/${name} (linux)`,
  };
}

function reply(value: unknown): Reply {
  return json(200, value);
}

function empty(): Reply {
  return { kind: "reply", status: 200, headers: {}, body: "" };
}

function message(status: number, text: string): Reply {
  return json(status, { message: text });
}

function wrongVersion(
  version: string | undefined,
  { api, apiMin }: EngineRelease,
): string | null {
  if (version === undefined) return null;
  const asked = Number(version.split(".")[1]);
  if (asked > Number(api.split(".")[1])) {
    return `client version ${version} is too new. Maximum supported API version is ${api}`;
  }
  if (asked < Number(apiMin.split(".")[1])) {
    return `client version ${version} is too old. Minimum supported API version is ` +
      `${apiMin}, please upgrade your client to a newer version`;
  }
  return null;
}

function body(exchange: Exchange): Record<string, unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(exchange.body));
  } catch {
    throw new EngineError(400, "invalid character in the request body");
  }
}

/** The whole of a node's specification, as an update has to send it. */
function specOf(exchange: Exchange): NodeSpec {
  const { Role, Availability, Labels } = body(exchange);
  if (Role !== "manager" && Role !== "worker") {
    throw new EngineError(400, `invalid Role: "${Role}"`);
  }
  return {
    Role,
    Availability: availability({ Availability }),
    Labels: (Labels ?? {}) as Record<string, string>,
  };
}

function needListenAddr(request: Record<string, unknown>): void {
  if (string(request.ListenAddr) === "") {
    throw new EngineError(400, 'invalid ListenAddr "": invalid empty address');
  }
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function availability(request: Record<string, unknown>): SwarmNode["availability"] {
  const asked = string(request.Availability);
  if (asked === "") return "active";
  if (asked === "active" || asked === "pause" || asked === "drain") return asked;
  throw new EngineError(400, `invalid Availability: "${asked}"`);
}

/** Takes every connection and ends it: enough to show that somebody is there. */
async function greet(listener: Deno.Listener): Promise<void> {
  try {
    for await (const connection of listener) connection.close();
  } catch {
    // The listener was closed.
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was not there.
  }
}
