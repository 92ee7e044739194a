/**
 * A VPC on loopback: an address, an Engine, a metadata service and a directory for each node, and an
 * AWS for all. Needs no AWS, no Docker and no root.
 */
import { Aws, ec2Id } from "../emulators/aws.ts";
import { EngineServer, type EngineTimes } from "../emulators/engine.ts";
import { EngineState } from "../emulators/engine_state.ts";
import type { SwarmRole, SwarmState } from "../emulators/engine_swarm.ts";
import { type HttpServer, serveHttp } from "../emulators/http.ts";
import { imdsHandler, type ImdsInstance } from "../emulators/imds.ts";
import { claimNetwork, type LoopbackNetwork } from "../emulators/loopback.ts";
import { Wire } from "../emulators/wire.ts";
import { type LogLine, NodeProcess, type RunResult } from "./process.ts";

export type StoreKind = "tags" | "s3";

export interface LabOptions {
  binary: string;
  store: StoreKind;
  managers: number;
  workers: number;
  times?: Partial<EngineTimes>;
  /** How far AWS's clock is ahead of the nodes'. */
  clockAheadMs?: number;
  /** Below what its folder is; else where temporary files are, which a unit with a /tmp of its own can't see. */
  below?: string;
}

/** Like a real Engine's, with its waits five times shorter. */
export const LAB_TIMES: EngineTimes = {
  init: 400,
  joinManager: 500,
  joinWorker: 120,
  joinFails: 2_000,
  joinHangs: 4_000,
  noLeader: 4_000,
  noticed: 2_800,
  demoted: 100,
  settled: 600,
};

export const ACCOUNT = "123456789012";
export const REGION = "eu-central-1";
export const BUCKET = "swarm-lab";
export const PREFIX = "team/a";

export interface LabNode {
  /** `manager-1`, `worker-2`, … */
  name: string;
  role: SwarmRole;
  address: string;
  /** The instance's id, which is also its name in the journal. */
  instance: string;
  directory: string;
  imds: ImdsInstance;
  imdsEndpoint: string;
  engine: EngineServer;
  /** The run under way, or the last one. */
  process: NodeProcess | null;
  results: RunResult[];
  /** How many runs were started on it. */
  starts: number;
  lastLine: LogLine | null;
  /** Its instance was terminated: it never comes back. */
  terminated: boolean;
}

export class Lab {
  readonly wire = new Wire();
  readonly aws = new Aws(this.wire, { account: ACCOUNT, region: REGION });
  readonly vpc = ec2Id("vpc");
  readonly nodes: LabNode[] = [];
  readonly options: LabOptions;
  readonly directory: string;
  /** Called after each line of any node's log, and after each end of a run. */
  onChange: () => void = () => {};
  /** Called when an Engine has become a member, before it answers. */
  onMember: (node: LabNode, how: "init" | "join") => Promise<void> | void = () => {};
  readonly #network: LoopbackNetwork;
  /** Where its AWS is. */
  readonly endpoint: string;
  readonly #metadata: HttpServer[] = [];
  readonly #subnet = ec2Id("subnet");
  readonly #seen = new Set<string>();
  readonly #swarms = new Set<SwarmState>();

  constructor(options: LabOptions) {
    this.options = options;
    this.aws.clockAheadMs = options.clockAheadMs ?? 0;
    const { below } = options;
    this.directory = Deno.makeTempDirSync({
      prefix: "swarm-lab-",
      ...below === undefined ? {} : { dir: below },
    });
    this.#network = claimNetwork();
    this.endpoint = this.aws.serve(this.#network.address(250));
    this.aws.s3.addBucket({ name: BUCKET, region: REGION, owner: ACCOUNT, listAllowed: true });
    for (let i = 1; i <= options.managers; i++) this.addNode(`manager-${i}`, "manager");
    for (let i = 1; i <= options.workers; i++) this.addNode(`worker-${i}`, "worker");
  }

  /** Launches an instance: its Engine and its metadata are up, and nothing was started on it yet. */
  addNode(name: string, role: SwarmRole): LabNode {
    const number = this.nodes.length + 1;
    const address = this.#network.address(number);
    const instance = ec2Id("i");
    const directory = `${this.directory}/${name}`;
    Deno.mkdirSync(directory);
    const state = new EngineState(instance, address);
    const engine = new EngineServer(state, {
      socket: `${directory}/docker.sock`,
      dataRoot: `${directory}/docker`,
      times: { ...LAB_TIMES, ...this.options.times },
      network: (where) => this.nodes.find((node) => node.address === where)?.engine.state ?? null,
      wire: this.wire,
      onMember: async (member, how) => {
        if (member.membership !== null) this.#swarms.add(member.membership.swarm);
        await this.onMember(node, how);
      },
    });
    engine.start();
    const imds = this.#metadataOf(instance, address, number, role);
    const server = serveHttp(
      Deno.listen({ hostname: address, port: 0 }),
      imdsHandler(this.wire, () => imds),
    );
    this.#metadata.push(server);
    this.aws.ec2.put({
      id: instance,
      account: ACCOUNT,
      vpc: this.vpc,
      subnet: this.#subnet,
      address,
      state: "running",
      launchedMs: Date.now(),
      tags: new Map([["Name", name], ["Role", role]]),
    });
    const node: LabNode = {
      name,
      role,
      address,
      instance,
      directory,
      imds,
      imdsEndpoint: `http://${address}:${(server.addr as Deno.NetAddr).port}`,
      engine,
      process: null,
      results: [],
      starts: 0,
      lastLine: null,
      terminated: false,
    };
    this.nodes.push(node);
    return node;
  }

  /** Starts swarm-join on a node. Its arguments come after those that the lab needs. */
  start(node: LabNode, args: string[], env: Record<string, string> = {}): NodeProcess {
    const { store, binary } = this.options;
    const process = new NodeProcess({
      binary,
      args: [
        ...args,
        ...(store === "s3" ? ["--store", `s3://${BUCKET}/${PREFIX}`] : []),
        "--lock-file",
        `${node.directory}/lock`,
      ],
      env: {
        DOCKER_HOST: `unix://${node.directory}/docker.sock`,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: node.imdsEndpoint,
        AWS_ENDPOINT_URL: this.endpoint,
        ...env,
      },
      onLine: (line) => {
        node.lastLine = line;
        this.onChange();
      },
      onSeen: (text) => this.#seen.add(text),
    });
    node.process = process;
    node.starts++;
    process.ended.then((result) => {
      node.results.push(result);
      this.#seen.add(result.stdout);
      this.#seen.add(result.stderr);
      this.onChange();
    });
    return process;
  }

  /** Runs swarm-join on a node, to its end. */
  async run(node: LabNode, args: string[], env: Record<string, string> = {}): Promise<RunResult> {
    return await this.start(node, args, env).ended;
  }

  /** The instance ends for good, and its Engine and its process with it. */
  async terminate(node: LabNode): Promise<void> {
    node.terminated = true;
    node.process?.kill();
    this.aws.ec2.setState(node.instance, "terminated");
    await node.engine.stop();
  }

  nodeOf(instance: string): LabNode | null {
    return this.nodes.find((node) => node.instance === instance) ?? null;
  }

  /** Secrets that were seen where none may be: what each is, and where it showed. */
  leaks(): string[] {
    const leaked: string[] = [];
    for (const [secret, what] of this.#secrets()) {
      for (const text of this.#seen) {
        if (text.includes(secret)) leaked.push(`${what} in: ${text.slice(0, 80)}`);
      }
    }
    return leaked;
  }

  /** All state that a run could change, in plain data. */
  snapshot(): unknown {
    return {
      ec2: this.aws.ec2.snapshot(),
      s3: this.aws.s3.snapshot(),
      engines: this.nodes.map((node) => node.engine.state.snapshot()),
    };
  }

  /** Ends every process and server of this lab, and deletes its files unless `keep`. */
  async close(keep = false): Promise<void> {
    for (const node of this.nodes) node.process?.kill();
    await Promise.all(this.nodes.map((node) => node.process?.ended));
    await Promise.all(this.nodes.map((node) => node.engine.close()));
    await Promise.all(this.#metadata.map((server) => server.close()));
    await this.aws.close();
    this.#network.release();
    if (!keep) Deno.removeSync(this.directory, { recursive: true });
  }

  /** Only the secret part of a token counts: its middle names the swarm and is no secret. */
  #secrets(): [string, string][] {
    const swarms = new Set(this.#swarms);
    for (const node of this.nodes) {
      if (node.engine.state.membership !== null) swarms.add(node.engine.state.membership.swarm);
    }
    const tokens = [...swarms].flatMap((swarm) => [...swarm.tokensEver]);
    return [
      ...tokens.map((token): [string, string] => [token.slice(-25), "a join token"]),
      ...this.nodes.flatMap(({ imds }): [string, string][] =>
        imds.role === null ? [] : [
          [imds.role.credentials.secretAccessKey, "a secret access key"],
          [imds.role.credentials.sessionToken, "a session token"],
        ]
      ),
    ];
  }

  #metadataOf(
    instance: string,
    address: string,
    number: number,
    role: SwarmRole,
  ): ImdsInstance {
    const name = `swarm-${role}`;
    return {
      node: instance,
      instance,
      account: ACCOUNT,
      region: REGION,
      partition: "aws",
      address,
      interfaces: [{
        mac: `0a:00:00:00:00:${number.toString(16).padStart(2, "0")}`,
        addresses: [address],
        vpc: this.vpc,
        subnet: this.#subnet,
        vpcRanges: ["127.77.0.0/16"],
      }],
      role: { name, credentials: this.aws.credentialsFor(instance, name) },
      // With S3 a worker needs no EC2 at all, when the metadata may show tags.
      tags: this.options.store === "s3" ? new Map([["Role", role]]) : null,
      lifecycle: null,
      v1: false,
    };
  }
}
