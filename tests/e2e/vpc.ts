/**
 * A VPC of real Engines: the hub with its bridge, moto behind it, and a pool of machines which each
 * test gets fresh instances on.
 */
import { Aws, type Member } from "./aws.ts";
import { startContainerd, type SwarmNode } from "./engine.ts";
import { MetadataService } from "./imds.ts";
import { placeOf } from "./membership.ts";
import { pause, sh, until } from "./machine.ts";
import { AWS_PORT, HUB_ADDRESS, METADATA_ADDRESS, Node } from "./node.ts";
import { policiesOf } from "./policies.ts";
import type { Program } from "./programs.ts";
import { takeBinary } from "./runs.ts";
import { forgetTasks } from "./tasks.ts";

export type Store = "tags" | "s3";

/** What `Vpc.verdict` found. `swarms`: how many distinct swarms the nodes are in. */
export interface Verdict {
  swarms: number;
  fingerprints: string[];
  /** Names of the nodes that are active managers, or workers, in any swarm. */
  managers: string[];
  workers: string[];
  /** What speaks against there being one healthy swarm of them all. */
  faults: string[];
}

export class Vpc {
  store: Store = "tags";
  /** The nodes that the present test has launched, by name. */
  readonly nodes = new Map<string, Node>();

  private constructor(
    readonly aws: Aws,
    readonly imds: MetadataService,
    readonly pool: Node[],
    /** The Engines of its machines, in turn. */
    readonly engines: Program[],
  ) {}

  static async start(slots: number, binary: string | null, engines: Program[]): Promise<Vpc> {
    await takeBinary(binary);
    await sh("ip", "link", "add", "hub", "type", "bridge");
    await sh("ip", "addr", "add", `${HUB_ADDRESS}/24`, "dev", "hub");
    await sh("ip", "addr", "add", `${METADATA_ADDRESS}/32`, "dev", "hub");
    await sh("ip", "link", "set", "hub", "up");
    const [aws] = await Promise.all([Aws.start(HUB_ADDRESS, AWS_PORT), startContainerd()]);
    const imds = new MetadataService(METADATA_ADDRESS, 80);
    const pool: Node[] = [];
    for (let slot = 1; slot <= slots; slot++) pool.push(await Node.make(slot, aws, imds));
    const vpc = new Vpc(aws, imds, pool, engines);
    await Promise.all(pool.map((node) => {
      node.engine.program = vpc.#programOf(node);
      return node.engine.start();
    }));
    return vpc;
  }

  #programOf({ slot }: Node): string {
    return this.engines[(slot - 1) % this.engines.length]?.path ?? "dockerd";
  }

  /** Fresh instances on empty Engines: `m1`, `m2`, … and `w1`, `w2`, …; nothing else is left. */
  async reset(store: Store, managers: number, workers: number): Promise<void> {
    this.store = store;
    await Promise.all(this.pool.map((node) => node.endRuns()));
    // All are asked before one is touched: with the first gone, a swarm may have no quorum to answer.
    const empty = await Promise.all(this.pool.map((node) => node.engine.running && isEmpty(node)));
    await Promise.all(this.pool.map((node, i) => this.#clear(node, empty[i] === true)));
    await this.aws.ask("reset");
    this.imds.nodes.clear();
    this.imds.wire.calls.length = 0;
    this.imds.wire.trouble = () => null;
    this.nodes.clear();
    this.pool.sort((a, b) => a.slot - b.slot);
    await forgetTasks();
    for (let i = 1; i <= managers; i++) await this.launch(`m${i}`, "manager");
    for (let i = 1; i <= workers; i++) await this.launch(`w${i}`, "worker");
    await this.aws.ask("settle");
  }

  async #clear(node: Node, empty: boolean): Promise<void> {
    await node.restoreNetwork();
    const program = this.#programOf(node);
    const { engine } = node;
    if (!empty || engine.program !== program || engine.altered) await engine.wipe();
    Object.assign(engine, { program, settings: {} });
    await node.engine.start();
  }

  /** The instance is terminated, if it is not yet, and its machine free for another one, which gets its address. */
  async retire(node: Node): Promise<void> {
    if (node.alive) await node.terminate();
    this.nodes.delete(node.name);
    await this.#clear(node, false);
    // The next one is launched elsewhere, unless it asks for this address.
    this.pool.push(...this.pool.splice(this.pool.indexOf(node), 1));
  }

  /** Launches an instance of that name on a machine that has none; `address`: of which one. */
  async launch(
    name: string,
    role: "manager" | "worker",
    { tags = {}, address }: { tags?: Record<string, string>; address?: string } = {},
  ): Promise<Node> {
    const node = this.#free(address);
    this.nodes.set(name, node);
    node.args = this.store === "tags" ? [] : ["--store", "s3://swarms/prod"];
    await node.launch(name, { role, policies: await policiesOf(this.store, role), tags });
    return node;
  }

  /** The instance that a group has launched, on a machine that has none. */
  async adopt(name: string, member: Member): Promise<Node> {
    const node = this.#free();
    this.nodes.set(name, node);
    node.args = [];
    await node.adopt(name, member);
    return node;
  }

  /** A machine of that name on which no instance of EC2's is: on premises, or of another account. */
  outsider(name: string): Node {
    const node = this.#free();
    this.nodes.set(name, node);
    node.name = name;
    node.instance = "";
    return node;
  }

  #free(address?: string): Node {
    const free = this.pool.filter((one) => ![...this.nodes.values()].includes(one));
    const node = free.find((one) => address === undefined || one.address === address);
    if (!node) throw new Error(`the pool has no machine left${address ? ` at ${address}` : ""}`);
    return node;
  }

  node(name: string): Node {
    const found = this.nodes.get(name);
    if (!found) throw new Error(`no node ${name}`);
    return found;
  }

  some(...names: string[]): Node[] {
    return names.map((name) => this.node(name));
  }

  get all(): Node[] {
    return [...this.nodes.values()];
  }

  /**
   * Whether these nodes are one healthy swarm. The cluster's id alone misses a split, so it compares
   * the root CAs, the leaders, and what each manager counts as ready.
   */
  async verdict(nodes: Node[] = this.all): Promise<Verdict> {
    const found: Verdict = { swarms: 0, fingerprints: [], managers: [], workers: [], faults: [] };
    const views = await Promise.all(nodes.map((node) => view(node)));
    found.fingerprints = [...new Set(views.flatMap((v) => v.fingerprint ? [v.fingerprint] : []))];
    found.swarms = found.fingerprints.length;
    for (const { node, state, manager, fingerprint } of views) {
      if (state !== "active") found.faults.push(`${node.name}: its Engine is ${state}`);
      else (manager ? found.managers : found.workers).push(node.name);
      if (state === "active" && fingerprint === null) found.faults.push(`${node.name}: no root CA`);
    }
    if (found.swarms > 1) {
      found.faults.push(`${found.swarms} swarms: ${found.fingerprints.join(", ")}`);
    }
    const ready = nodes.map((n) => n.address).sort().join(" ");
    const leaders = new Set<string>();
    for (const { node, list } of views.filter((v) => v.manager)) {
      if (list === null) {
        found.faults.push(`${node.name}: can't list its nodes`);
        continue;
      }
      const seen = list.filter((n) => n.Status.State === "ready").map(placeOf).sort().join(" ");
      if (seen !== ready) found.faults.push(`${node.name}: counts as ready ${seen}, not ${ready}`);
      for (const other of list.filter((n) => n.ManagerStatus)) {
        if (other.ManagerStatus?.Leader) leaders.add(other.ID);
      }
    }
    if (leaders.size !== 1) found.faults.push(`${leaders.size} leaders`);
    return found;
  }

  /** Waits until the Engines have caught up with each other and the verdict has no fault. */
  async oneSwarm(nodes: Node[] = this.all, ms = 300_000): Promise<Verdict> {
    let last: Verdict | null = null;
    const settled = await until("one swarm", ms, async () => {
      last = await this.verdict(nodes).catch((error) => unseen(String(error)));
      return last.faults.length === 0 ? last : null;
    }, 250).catch(() => null);
    if (settled) return settled;
    throw new Error(`not one swarm: ${JSON.stringify(last, null, 2)}`);
  }
}

/** Whether the Engine is in no swarm and holds nothing. A new disk is quicker than leaving in order. */
async function isEmpty(node: Node): Promise<boolean> {
  const engine = node.engine;
  const info = await Promise.race([engine.info(), pause(2_000)]).catch(() => null);
  if (info?.Swarm.LocalNodeState !== "inactive") return false;
  return (await engine.call<unknown[]>("GET", "/containers/json?all=true")).length === 0;
}

function unseen(why: string): Verdict {
  return { swarms: 0, fingerprints: [], managers: [], workers: [], faults: [why] };
}

interface View {
  node: Node;
  state: string;
  manager: boolean;
  fingerprint: string | null;
  list: SwarmNode[] | null;
}

async function view(node: Node): Promise<View> {
  const { Swarm } = await node.engine.info();
  const manager = Swarm.ControlAvailable;
  const list = manager ? await node.engine.nodes().catch(() => null) : null;
  const fingerprint = await node.engine.fingerprint();
  return { node, state: Swarm.LocalNodeState, manager, fingerprint, list };
}
