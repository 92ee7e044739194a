/** One machine of the VPC: namespaces, an Engine, an instance, and runs of swarm-join on it. */
import type { Aws, Launched } from "./aws.ts";
import { Engine } from "./engine.ts";
import type { ImdsInstance } from "../emulators/imds.ts";
import type { MetadataService } from "./imds.ts";
import { type Ended, output, sh, STATE_DIR, until } from "./machine.ts";

export const HUB_ADDRESS = "10.77.0.1";
export const METADATA_ADDRESS = "169.254.169.254";
export const AWS_PORT = 4566;

/** A copy, so that a build during the tests does not change what is tested. */
const BINARY = `${STATE_DIR}/swarm-join`;
export const TUNNEL = "wg0";
const OTHER_NETWORK = "203.0.113.0/24";
/** A run that takes longer hangs: on a busy machine all of them take several times as long as usual. */
const LIMIT_MS = 900_000;
const TOKEN = /SWMTKN-\d-[0-9a-z]{50}-[0-9a-z]{25}/;

/** Everything that any run printed, for the search for tokens at the end. */
export const transcript: { name: string; text: string }[] = [];
/** Where a token was seen that must not be: in an argument or an environment. */
export const exposures: string[] = [];

export interface RunOptions {
  env?: Record<string, string>;
  /** Kills the process when this resolves. */
  killAt?: Promise<unknown>;
  /** The process is killed, and the test fails, after this long. */
  limitMs?: number;
}

export interface Run extends Ended {
  elapsedMs: number;
  killed: boolean;
  // deno-lint-ignore no-explicit-any
  json: any;
}

export interface Launch {
  role: string | null;
  policies: unknown[];
  tags?: Record<string, string>;
  address?: string;
}

/** Takes the binary that is tested: the one that `make` built, or another. */
export async function takeBinary(path: string | null): Promise<void> {
  const built = new URL("../../dist/swarm-join", import.meta.url).pathname;
  await Deno.mkdir(STATE_DIR, { recursive: true });
  await Deno.copyFile(path ?? built, BINARY);
  await Deno.chmod(BINARY, 0o755);
}

export class Node {
  name: string;
  address: string;
  instance = "";
  /** Its packets reach nobody. */
  cut = false;
  /** What every run on it gets: the store and such. */
  args: string[] = [];
  readonly engine: Engine;
  #runs = new Set<Deno.ChildProcess>();

  private constructor(
    readonly slot: number,
    readonly holder: number,
    readonly aws: Aws,
    readonly imds: MetadataService,
  ) {
    this.engine = new Engine(slot, holder);
    this.address = addressOf(slot);
    this.name = `n${slot}`;
  }

  /** Makes the namespaces and the link to the hub. */
  static async make(slot: number, aws: Aws, imds: MetadataService): Promise<Node> {
    const holder = new Deno.Command("unshare", {
      args: ["--net", "--uts", "sh", "-c", `hostname ${hostnameOf(slot)} && exec sleep infinity`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const own = await sh("readlink", "/proc/self/ns/net");
    await until(`namespace of node ${slot}`, 30_000, async () => {
      const link = await output("readlink", [`/proc/${holder.pid}/ns/net`]);
      const comm = await output("cat", [`/proc/${holder.pid}/comm`]);
      return link.code === 0 && link.stdout !== own && comm.stdout.trim() === "sleep";
    });
    const node = new Node(slot, holder.pid, aws, imds);
    const peer = ["peer", "name", "eth0", "netns", `${holder.pid}`];
    await sh("ip", "link", "add", `v${slot}`, "type", "veth", ...peer);
    await sh("ip", "link", "set", `v${slot}`, "master", "hub", "up");
    await node.inside("ip", "link", "set", "lo", "up");
    await node.inside("ip", "addr", "add", `${node.address}/24`, "dev", "eth0");
    await node.plug();
    return node;
  }

  get hostname(): string {
    return hostnameOf(this.slot);
  }

  inside(command: string, ...args: string[]): Promise<string> {
    return sh("nsenter", ...this.#namespaces, command, ...args);
  }

  get #namespaces(): string[] {
    return [`--net=/proc/${this.holder}/ns/net`, `--uts=/proc/${this.holder}/ns/uts`];
  }

  /** A new instance on this machine. The role's tag and policies come with it. */
  async launch(name: string, launch: Launch): Promise<void> {
    this.name = name;
    const tags = {
      Name: name,
      ...(launch.role === null ? {} : { Role: launch.role }),
      ...launch.tags,
    };
    const made = await this.aws.ask<Launched>("launch", {
      name,
      address: this.address,
      tags,
      policies: launch.policies,
    });
    this.instance = made.instance;
    const { account, region, vpc, subnet } = this.aws;
    const mac = `02:00:0a:4d:00:${this.slot.toString(16).padStart(2, "0")}`;
    this.imds.nodes.set(this.address, {
      node: name,
      instance: made.instance,
      account,
      region,
      partition: "aws",
      address: this.address,
      interfaces: [{ mac, addresses: [this.address], vpc, subnet }],
      role: { name: "swarm-join", credentials: made.credentials },
      tags: null,
      lifecycle: null,
      v1: false,
    });
  }

  get metadata(): ImdsInstance {
    const found = this.imds.nodes.get(this.address);
    if (!found) throw new Error(`${this.name} has no instance`);
    return found;
  }

  /** Gives the instance's role other policies, and new credentials of it. */
  async permit(policies: unknown[]): Promise<void> {
    const parameters = { name: this.name, instance: this.instance, policies };
    const credentials = await this.aws.ask<Launched["credentials"]>("role", parameters);
    this.metadata.role = { name: "swarm-join", credentials };
  }

  async tags(): Promise<Record<string, string>> {
    return await this.aws.ask("tags", { instance: this.instance });
  }

  async tag(tags: Record<string, string | null>): Promise<void> {
    await this.aws.ask("tag", { instance: this.instance, tags });
  }

  // What happens to machines

  /** The machine dies and EC2 says so: for good. */
  async terminate(): Promise<void> {
    await this.#lose("terminated");
    this.imds.nodes.delete(this.address);
  }

  async stop(): Promise<void> {
    await this.#lose("stopped");
  }

  async #lose(state: string): Promise<void> {
    await this.unplug();
    await this.engine.kill();
    await this.aws.ask("state", { instance: this.instance, to: state });
  }

  /** After `stop`: the same instance and disk come up again. */
  async boot(): Promise<void> {
    await this.plug();
    await this.aws.ask("state", { instance: this.instance, to: "running" });
    await this.engine.start();
  }

  /** The Engine's state is gone; the instance is the same. */
  async wipe(): Promise<void> {
    await this.engine.wipe();
    await this.engine.start();
  }

  async unplug(): Promise<void> {
    this.cut = true;
    await sh("ip", "link", "set", `v${this.slot}`, "down");
  }

  async plug(): Promise<void> {
    this.cut = false;
    await sh("ip", "link", "set", `v${this.slot}`, "up");
    await this.inside("ip", "link", "set", "eth0", "up");
    await output("nsenter", [
      ...this.#namespaces,
      "ip",
      "route",
      "replace",
      "default",
      "via",
      HUB_ADDRESS,
    ]);
  }

  /** As it was made: whatever a test did to its network is undone. */
  async restoreNetwork(): Promise<void> {
    await this.blackhole(false);
    const ip = (...args: string[]) => output("nsenter", [...this.#namespaces, "ip", ...args]);
    await ip("link", "del", TUNNEL);
    for (const table of ["main", "local"]) {
      await ip("route", "flush", "table", table, "root", OTHER_NETWORK);
    }
    await this.plug();
  }

  /** Makes an interface of its own with an address that no instance has: a tunnel's. */
  async addTunnel(): Promise<string> {
    const address = otherAddressOf(this.slot);
    await this.inside("ip", "link", "add", TUNNEL, "type", "bridge");
    await this.inside("ip", "addr", "add", `${address}/32`, "dev", TUNNEL);
    await this.inside("ip", "link", "set", TUNNEL, "up");
    return address;
  }

  async removeTunnel(): Promise<void> {
    await this.inside("ip", "link", "del", TUNNEL);
  }

  /** Makes it answer at an address that no interface has, as AWS maps an Elastic IP to an instance. */
  async addElastic(): Promise<string> {
    const address = otherAddressOf(this.slot);
    await this.inside("ip", "route", "add", "local", address, "dev", "lo");
    for (const one of this.metadata.interfaces) one.publicAddresses = [address];
    return address;
  }

  /** How to get to the other nodes' addresses of these kinds. */
  async routeTo(others: Node[]): Promise<void> {
    for (const { slot, address } of others.filter((other) => other !== this)) {
      await this.inside("ip", "route", "replace", otherAddressOf(slot), "via", address);
    }
  }

  /** Whether the others reach its swarm port. */
  async open(on: boolean): Promise<void> {
    await this.inside("iptables", "-w", "-F", "INPUT");
    const port = ["-p", "tcp", "--dport", "2377", "-j", "DROP"];
    if (!on) await this.inside("iptables", "-w", "-A", "INPUT", "!", "-i", "lo", ...port);
  }

  /** Packets from and to other nodes vanish without a word. */
  async blackhole(on: boolean): Promise<void> {
    this.cut = on;
    for (const [chain, side] of [["INPUT", "-s"], ["OUTPUT", "-d"]] as const) {
      await this.inside("iptables", "-w", "-F", chain);
      if (!on) continue;
      await this.inside("iptables", "-w", "-A", chain, side, HUB_ADDRESS, "-j", "ACCEPT");
      await this.inside("iptables", "-w", "-A", chain, side, "10.77.0.0/24", "-j", "DROP");
    }
  }

  // Runs of swarm-join

  /** Runs swarm-join on this node with the store's arguments and these. */
  async run(args: string[] = [], options: RunOptions = {}): Promise<Run> {
    const env = {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      DOCKER_HOST: `unix://${this.engine.socket}`,
      AWS_ENDPOINT_URL: `http://${HUB_ADDRESS}:${AWS_PORT}`,
      SWARM_JOIN_LOCK_FILE: `${this.engine.dir}.lock`,
      SWARM_JOIN_LOG_LEVEL: "debug",
      ...options.env,
    };
    const all = ["join", ...this.args, ...args];
    const startMs = performance.now();
    const child = new Deno.Command("nsenter", {
      args: [...this.#namespaces, BINARY, ...all],
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#runs.add(child);
    let killed = false;
    let over = false;
    const kill = (): void => {
      if (!over) {
        killed = true;
        child.kill("SIGKILL");
      }
    };
    options.killAt?.then(kill, () => {});
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      kill();
    }, options.limitMs ?? LIMIT_MS);
    const watch = setTimeout(() => void expose(child.pid, this.name), 150);
    const text = new TextDecoder();
    const done = await child.output();
    over = true;
    this.#runs.delete(child);
    clearTimeout(limit);
    clearTimeout(watch);
    const [stdout, stderr] = [text.decode(done.stdout), text.decode(done.stderr)];
    const name = `${this.name}: swarm-join ${all.join(" ")}`;
    transcript.push({ name, text: `${stdout}\n${stderr}` });
    if (late) throw new Error(`${name}: still running at its limit\n${stderr}`);
    const elapsedMs = Math.round(performance.now() - startMs);
    return { code: done.code, stdout, stderr, elapsedMs, killed, json: parse(stdout) };
  }

  /** Kills what a failed test has left running. */
  async endRuns(): Promise<void> {
    const left = [...this.#runs];
    for (const child of left) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await Promise.all(left.map((child) => child.status));
  }

  /** Says in JSON what it would do, and does nothing. */
  plan(args: string[] = [], options: RunOptions = {}): Promise<Run> {
    return this.run(["--dry-run", "--json", ...args], options);
  }
}

/** An address of the network that stands for all that no instance has. */
function otherAddressOf(slot: number): string {
  return `203.0.113.${10 + slot}`;
}

export function addressOf(slot: number): string {
  return `10.77.0.${10 + slot}`;
}

function hostnameOf(slot: number): string {
  return `ip-${addressOf(slot).replaceAll(".", "-")}`;
}

/** Notes a token in the arguments or the environment of a process. */
async function expose(pid: number, name: string): Promise<void> {
  for (const file of ["cmdline", "environ"]) {
    const text = await Deno.readTextFile(`/proc/${pid}/${file}`).catch(() => "");
    if (TOKEN.test(text)) exposures.push(`${file} of a run on ${name}`);
  }
}

function parse(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return null;
  }
}
