/** One machine of the VPC: namespaces, an Engine, an instance, and runs of swarm-join on it. */
import type { Aws, Launched, Member } from "./aws.ts";
import { Engine } from "./engine.ts";
import type { ImdsInstance } from "../emulators/imds.ts";
import type { MetadataService } from "./imds.ts";
import { output, sh, until } from "./machine.ts";
import { type Run, type Running, type RunOptions, Runs } from "./runs.ts";

export const HUB_ADDRESS = "10.77.0.1";
/** The VPC, as `aws_control.py` makes it. */
const NETWORK = "10.77.0.0/16";
export const METADATA_ADDRESS = "169.254.169.254";
export const AWS_PORT = 4566;

export const TUNNEL = "wg0";
const OTHER_NETWORK = "203.0.113.0/24";

export interface Launch {
  role: string | null;
  policies: unknown[];
  tags?: Record<string, string>;
  address?: string;
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
  readonly #runs: Runs;

  private constructor(
    readonly slot: number,
    readonly holder: number,
    readonly aws: Aws,
    readonly imds: MetadataService,
  ) {
    this.engine = new Engine(slot, holder);
    this.address = addressOf(slot);
    this.name = `n${slot}`;
    this.#runs = new Runs(this.#namespaces);
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
    this.#becomes(made);
  }

  /** The instance that a group has launched boots on this machine. */
  async adopt(name: string, { instance, profile }: Member): Promise<void> {
    this.name = name;
    const parameters = { name, instance, profile, address: this.address };
    this.#becomes(await this.aws.ask<Launched>("adopt", parameters));
    this.metadata.lifecycle = "InService";
  }

  #becomes(made: Launched): void {
    this.instance = made.instance;
    const { account, region, vpc, subnet } = this.aws;
    const mac = `02:00:0a:4d:00:${this.slot.toString(16).padStart(2, "0")}`;
    this.imds.nodes.set(this.address, {
      node: this.name,
      instance: made.instance,
      account,
      region,
      partition: "aws",
      address: this.address,
      interfaces: [{ mac, addresses: [this.address], vpc, subnet, vpcRanges: [NETWORK] }],
      role: { name: "swarm-join", credentials: made.credentials },
      tags: null,
      lifecycle: null,
      v1: false,
    });
  }

  /** Auto Scaling, or a spot notice, says that this machine goes; null: that it stays after all. */
  tellToGo(by: "auto-scaling" | "spot" | null): void {
    this.metadata.lifecycle = by === "auto-scaling" ? "Terminated" : null;
    this.metadata.spot = by === "spot" ? "terminate" : null;
  }

  /** Whether there is an instance on it that was not terminated. */
  get alive(): boolean {
    return this.imds.nodes.has(this.address);
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

  /** EC2 says that it goes; it runs on for a while. */
  async shutDown(): Promise<void> {
    await this.aws.ask("state", { instance: this.instance, to: "shutting-down" });
  }

  async #lose(state: string): Promise<void> {
    await this.unplug();
    await this.engine.lose();
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
  run(args: string[] = [], options: RunOptions = {}): Promise<Run> {
    return this.start(args, options).ended;
  }

  /** The same, for who does not wait for its end. */
  start(args: string[], options: RunOptions = {}): Running {
    const env = {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      DOCKER_HOST: `unix://${this.engine.socket}`,
      AWS_ENDPOINT_URL: `http://${HUB_ADDRESS}:${AWS_PORT}`,
      SWARM_JOIN_LOCK_FILE: `${this.engine.dir}.lock`,
      SWARM_JOIN_LOG_LEVEL: "debug",
      ...options.env,
    };
    const all = [options.verb ?? "join", ...this.args, ...args];
    return this.#runs.start(this.name, all, { ...options, env });
  }

  /** Kills what a failed test has left running. */
  endRuns(): Promise<void> {
    return this.#runs.end();
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
