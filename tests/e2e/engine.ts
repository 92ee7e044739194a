/** One real Docker Engine: its daemon in a node's namespaces, and its API over its unix socket. */
import { X509Certificate } from "node:crypto";
import http from "node:http";
import { output, sh, STATE_DIR, until } from "./machine.ts";

export interface Info {
  Name: string;
  ServerVersion: string;
  DockerRootDir: string;
  Swarm: {
    NodeID: string;
    NodeAddr: string;
    LocalNodeState: string;
    ControlAvailable: boolean;
    Error: string;
    Cluster?: { ID: string };
  };
}

export interface SwarmNode {
  ID: string;
  Version: { Index: number };
  Description: { Hostname: string };
  CreatedAt: string;
  Spec: { Role: string; Availability: string; Labels: Record<string, string> };
  Status: { State: string; Addr: string };
  ManagerStatus?: { Leader?: boolean; Reachability: string; Addr: string };
}

export interface Answered {
  status: number;
  text: string;
}

export interface Membership {
  /** The ids of the cluster and of the node. */
  swarm: string;
  node: string;
  manager: boolean;
}

/** The containerd that all Engines share. */
export const CONTAINERD = `${STATE_DIR}/containerd.sock`;

export async function startContainerd(): Promise<void> {
  const home = `${STATE_DIR}/containerd`;
  await Deno.mkdir(home, { recursive: true });
  const config = [
    "version = 2",
    `root = "${home}/root"`,
    `state = "${home}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", ' +
    '"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", ' +
    '"io.containerd.snapshotter.v1.aufs"]',
    "[grpc]",
    `address = "${CONTAINERD}"`,
    "[debug]",
    'level = "error"',
  ].join("\n");
  await Deno.writeTextFile(`${home}/config.toml`, config);
  spawnLogged("containerd", ["--config", `${home}/config.toml`], `${home}/log`);
  await until("containerd's socket", 60_000, () => exists(CONTAINERD));
}

export class Engine {
  /** The daemon's program. Another one can be started on what this one leaves: an upgrade. */
  program = "dockerd";
  /** What is in its `daemon.json` when it starts. */
  settings: Record<string, unknown> = {};
  readonly dir: string;
  readonly socket: string;
  #daemon: Deno.ChildProcess | null = null;

  /** `holder`: the id of a process in the node's namespaces. */
  constructor(readonly slot: number, readonly holder: number) {
    this.dir = `${STATE_DIR}/n${slot}`;
    this.socket = `${this.dir}/docker.sock`;
  }

  get dataRoot(): string {
    return `${this.dir}/data`;
  }

  get altered(): boolean {
    return Object.keys(this.settings).length > 0;
  }

  get running(): boolean {
    return this.#daemon !== null;
  }

  async start(): Promise<void> {
    if (this.#daemon) return;
    await Deno.mkdir(this.dir, { recursive: true });
    await Deno.writeTextFile(`${this.dir}/daemon.json`, JSON.stringify(this.settings));
    this.#daemon = spawnLogged("nsenter", [
      ...[`--net=/proc/${this.holder}/ns/net`, `--uts=/proc/${this.holder}/ns/uts`, this.program],
      ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"],
      ...["--data-root", this.dataRoot, "--exec-root", `${this.dir}/exec`],
      ...["--pidfile", `${this.dir}/pid`, "--config-file", `${this.dir}/daemon.json`],
      ...["-H", `unix://${this.socket}`, "--containerd", CONTAINERD, "--log-level", "warn"],
      ...[
        "--containerd-namespace",
        `n${this.slot}`,
        "--containerd-plugins-namespace",
        `p${this.slot}`,
      ],
    ], `${this.dir}/log`);
    await until(`Engine ${this.slot}`, 300_000, async () => {
      if (this.#daemon === null) throw new Error(`Engine ${this.slot} was killed while starting`);
      const answered = await this.request("GET", "/info").catch(() => null);
      // A node that was in a swarm is loading it for some moments.
      return answered?.status === 200;
    });
  }

  /** The daemon dies at once, as on a machine that lost its power. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon) return;
    this.#daemon = null;
    try {
      daemon.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await daemon.status;
    await Deno.remove(`${this.dir}/pid`).catch(() => {});
    await Deno.remove(this.socket).catch(() => {});
  }

  /** The machine has no power any more: what ran in containers is gone with the daemon. */
  async lose(): Promise<void> {
    await this.kill();
    await endTasks(`n${this.slot}`);
  }

  /** The daemon ends in order, as a service that is stopped or upgraded. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon) return;
    this.#daemon = null;
    daemon.kill("SIGTERM");
    await daemon.status;
  }

  /** All state is gone, as on a new disk. The daemon must be dead. */
  async wipe(): Promise<void> {
    await this.lose();
    const bridge = ["ip", "link", "del", "docker_gwbridge"];
    await output("nsenter", [`--net=/proc/${this.holder}/ns/net`, ...bridge]);
    let failure = "";
    await until(`an empty disk of Engine ${this.slot}`, 30_000, async () => {
      for (const mount of await mountsBelow(this.dir)) await output("umount", ["-l", mount]);
      const removed = await output("rm", ["-rf", "--one-file-system", this.dir]);
      failure = removed.stderr;
      return removed.code === 0;
    }).catch((error) => {
      throw new Error(`${error.message}: ${failure}`);
    });
  }

  /** In the Engine's own version of the API. `body`: bytes as they are, anything else as JSON. */
  request(method: string, path: string, body?: unknown): Promise<Answered> {
    const isRaw = body instanceof Uint8Array;
    const text = body === undefined || isRaw ? "" : JSON.stringify(body);
    const data = isRaw ? body : new TextEncoder().encode(text);
    return new Promise((resolve, reject) => {
      const request = http.request({
        socketPath: this.socket,
        method,
        path,
        headers: {
          Host: "docker",
          "Content-Type": isRaw ? "application/x-tar" : "application/json",
          "Content-Length": data.length,
        },
        agent: false,
        timeout: 60_000,
      }, (answer) => {
        const parts: string[] = [];
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => parts.push(part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: parts.join("") }));
        answer.on("error", reject);
      });
      request.on("error", reject);
      request.on("timeout", () => request.destroy(new Error(`${method} ${path}: no answer`)));
      request.end(data);
    });
  }

  /** The answer's JSON; throws when it is not a success. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.request(method, path, body);
    if (status >= 300) throw new Error(`Engine ${this.slot}: ${method} ${path}: ${status} ${text}`);
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  info(): Promise<Info> {
    return this.call<Info>("GET", "/info");
  }

  nodes(): Promise<SwarmNode[]> {
    return this.call<SwarmNode[]>("GET", "/nodes");
  }

  /** The fingerprint of the swarm's root CA: base 36 of the SHA-256 of its file. Null in no swarm. */
  async fingerprint(): Promise<string | null> {
    const file = `${this.dataRoot}/swarm/certificates/swarm-root-ca.crt`;
    const bytes = await Deno.readFile(file).catch(() => null);
    if (bytes === null) return null;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const number = digest.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    return number.toString(36).padStart(50, "0");
  }

  /** Who it is in its swarm, by what it has on its disk: also of a daemon that is dead. */
  async membership(): Promise<Membership | null> {
    const file = `${this.dataRoot}/swarm/certificates/swarm-node.crt`;
    const bytes = await Deno.readFile(file).catch(() => null);
    if (bytes === null) return null;
    const { subject } = new X509Certificate(bytes);
    const parts = new Map(subject.split("\n").map((line) => line.split("=") as [string, string]));
    const part = (name: string): string => parts.get(name) ?? "";
    return { swarm: part("O"), node: part("CN"), manager: part("OU") === "swarm-manager" };
  }

  /** The last lines of the daemon's log. */
  async log(lines = 40): Promise<string> {
    const text = await Deno.readTextFile(`${this.dir}/log`).catch(() => "");
    return text.split("\n").slice(-lines).join("\n");
  }
}

async function endTasks(namespace: string): Promise<void> {
  const ctr = ["--address", CONTAINERD, "--namespace", namespace];
  const listed = await output("ctr", [...ctr, "tasks", "ls", "-q"]);
  for (const task of listed.stdout.split("\n").filter(Boolean)) {
    await output("ctr", [...ctr, "tasks", "rm", "--force", task]);
    await output("ctr", [...ctr, "containers", "rm", task]);
  }
}

async function mountsBelow(dir: string): Promise<string[]> {
  const mounts = (await sh("cat", "/proc/self/mounts")).split("\n").map((line) =>
    line.split(" ")[1]
  );
  return mounts.filter((at): at is string => at?.startsWith(`${dir}/`) ?? false).reverse();
}

/** A process whose output goes to a file. */
export function spawnLogged(command: string, args: string[], log: string): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh", log, command, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
