/**
 * End to end without IPv4: the compiled binary and real Engines in namespaces that have IPv6 addresses
 * only, IMDS at its IPv6 address, nothing in the environment that says so. The AWS is the lab's, since
 * what it is asked does not depend on how it is reached.
 *
 * `deno run -A tests/e2e/ipv6.ts`, as root: on each Engine at hand that can (`programs.ts`).
 */
import assert from "node:assert/strict";
import { Aws, ec2Id } from "../emulators/aws.ts";
import { serveHttp } from "../emulators/http.ts";
import { imdsHandler, type ImdsInstance } from "../emulators/imds.ts";
import { Wire } from "../emulators/wire.ts";
import { Engine, startContainerd } from "./engine.ts";
import { enter, isInside, missing, output, sh, STATE_DIR, until } from "./machine.ts";
import { ipv6Programs, type Program } from "./programs.ts";

const HUB = "fd00:77::99";
const IMDS = "fd00:ec2::254";
const [ACCOUNT, REGION] = ["123456789012", "eu-central-1"];
const BINARY = new URL("../../dist/swarm-join", import.meta.url).pathname;

interface Machine {
  address: string;
  holder: number;
  engine: Engine;
}

/** One AWS and the machines in it, of which none has an IPv4 address. */
class Ipv6Vpc {
  readonly #aws = new Aws(new Wire(), { account: ACCOUNT, region: REGION });
  readonly #instances = new Map<string, ImdsInstance>();
  readonly #ids = { vpc: ec2Id("vpc"), subnet: ec2Id("subnet") };
  readonly #endpoint: string;

  private constructor() {
    this.#endpoint = this.#aws.serve(HUB).replace(HUB, `[${HUB}]`);
    const whoAsks = ({ peer }: { peer: Deno.NetAddr | null }): ImdsInstance | null =>
      this.#instances.get(peer?.hostname ?? "") ?? null;
    serveHttp(Deno.listen({ hostname: IMDS, port: 80 }), imdsHandler(new Wire(), whoAsks));
  }

  static async start(): Promise<Ipv6Vpc> {
    await Deno.mkdir(STATE_DIR, { recursive: true });
    await sh("ip", "link", "add", "hub", "type", "bridge");
    for (const address of [`${HUB}/64`, `${IMDS}/128`]) {
      await sh("ip", "addr", "add", address, "dev", "hub", "nodad");
    }
    await sh("ip", "link", "set", "hub", "up");
    await startContainerd();
    return new Ipv6Vpc();
  }

  async launch(slot: number, role: "manager" | "worker", program: string): Promise<Machine> {
    const address = `fd00:77::${slot}`;
    const holder = await this.#holder(slot);
    const inside = (...command: string[]): Promise<string> =>
      sh("nsenter", `--net=/proc/${holder}/ns/net`, ...command);
    const peer = ["peer", "name", "eth0", "netns", `${holder}`];
    await sh("ip", "link", "add", `v${slot}`, "type", "veth", ...peer);
    await sh("ip", "link", "set", `v${slot}`, "master", "hub", "up");
    for (const link of ["lo", "eth0"]) await inside("ip", "link", "set", link, "up");
    await inside("ip", "addr", "add", `${address}/64`, "dev", "eth0", "nodad");
    await inside("ip", "route", "add", "default", "via", HUB);
    const engine = new Engine(slot, holder);
    engine.program = program;
    await engine.start();
    const instance = ec2Id("i");
    this.#aws.ec2.put({
      id: instance,
      account: ACCOUNT,
      ...this.#ids,
      // The lab's EC2 knows instances by an IPv4 address: one that nobody has.
      address: `192.0.2.${slot}`,
      state: "running",
      launchedMs: Date.now(),
      tags: new Map([["Role", role]]),
    });
    this.#instances.set(address, {
      node: instance,
      instance,
      account: ACCOUNT,
      region: REGION,
      partition: "aws",
      address,
      interfaces: [{
        mac: `0a:00:00:00:00:${slot.toString(16).padStart(2, "0")}`,
        addresses: [],
        ipv6: [address],
        vpcRanges: ["fd00:77::/56"],
        ...this.#ids,
      }],
      role: { name: "swarm-join", credentials: this.#aws.credentialsFor(instance, "swarm-join") },
      tags: null,
      lifecycle: null,
      v1: false,
    });
    return { address, holder, engine };
  }

  async #holder(slot: number): Promise<number> {
    const { pid } = new Deno.Command("unshare", {
      args: ["--net", "--uts", "sh", "-c", `hostname n${slot} && exec sleep infinity`],
      stdin: "null",
    }).spawn();
    const own = await sh("readlink", "/proc/self/ns/net");
    await until(`namespace ${slot}`, 30_000, async () => {
      const [link, name] = [`/proc/${pid}/ns/net`, `/proc/${pid}/comm`];
      const isSleeping = (await output("cat", [name])).stdout.trim() === "sleep";
      return isSleeping && (await output("readlink", [link])).stdout !== own;
    });
    return pid;
  }

  /** Runs swarm-join there; gives its exit code and what it printed. */
  async run({ holder, engine }: Machine): Promise<{ code: number; said: string; result: unknown }> {
    const { code, stdout, stderr } = await output("nsenter", [
      ...[`--net=/proc/${holder}/ns/net`, "env", "-i", `DOCKER_HOST=unix://${engine.socket}`],
      ...[`AWS_ENDPOINT_URL=${this.#endpoint}`, BINARY, "--json", "--timeout", "300s"],
      ...["--lock-file", `/run/lock-${engine.slot}`],
    ]);
    return { code, said: stdout + stderr, result: code === 0 ? JSON.parse(stdout).result : null };
  }
}

/** Two managers and a worker that boot at the same moment become one swarm, whose addresses are IPv6. */
async function oneSwarm(program: string): Promise<void> {
  const vpc = await Ipv6Vpc.start();
  const machines = [
    await vpc.launch(1, "manager", program),
    await vpc.launch(2, "manager", program),
    await vpc.launch(3, "worker", program),
  ];
  const runs = await Promise.all(machines.map((machine) => vpc.run(machine)));
  for (const { code, said } of runs) assert.equal(code, 0, said);
  assert.deepEqual(runs.map(({ result }) => result).sort(), ["initialized", "joined", "joined"]);
  const [first] = machines as [Machine];
  const nodes = await until("all nodes ready", 60_000, async () => {
    const list = await first.engine.nodes();
    return list.length === 3 && list.every(({ Status }) => Status.State === "ready") && list;
  });
  const addresses = machines.map(({ address }) => address);
  assert.deepEqual(nodes.map(({ Status }) => Status.Addr).sort(), addresses);
  const managers = nodes.flatMap(({ ManagerStatus }) => ManagerStatus?.Addr ?? []).sort();
  assert.deepEqual(managers, addresses.slice(0, 2).map((address) => `[${address}]:2377`));
  for (const machine of machines) {
    const { code, said, result } = await vpc.run(machine);
    assert.deepEqual([code, result], [0, "unchanged"], said);
  }
}

async function main(): Promise<number> {
  const [program] = Deno.args;
  if (isInside()) {
    try {
      await oneSwarm(program ?? "dockerd");
      return 0;
    } catch (error) {
      say(error instanceof Error ? error.stack ?? error.message : String(error));
      return 1;
    }
  }
  const lacks = await missing();
  if (lacks.length > 0) {
    say(`The end-to-end tests need ${lacks.join(", ")}`);
    return 2;
  }
  const counts = { passed: 0, failed: 0 };
  for (const one of await ipv6Programs()) await play(one, counts);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

async function play(
  { path, version }: Program,
  counts: { passed: number; failed: number },
): Promise<void> {
  const code = await enter(import.meta.filename ?? "", [path], say);
  say(
    `  ${code === 0 ? "ok    " : "FAILED"} one swarm on IPv6 only, of Engines ${version}`,
  );
  if (code === 0) counts.passed++;
  else counts.failed++;
}

function say(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

Deno.exit(await main());
