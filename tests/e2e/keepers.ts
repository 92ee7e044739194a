/** Nodes that keep: what they say, what they ask of AWS, and what their processes take. */
import assert from "node:assert/strict";
import type { AwsCall } from "./aws.ts";
import { pause, until } from "./machine.ts";
import { managersOf } from "./membership.ts";
import type { Node } from "./node.ts";
import type { Run, Running } from "./runs.ts";
import { AMPLE, lastLines } from "./suite.ts";
import type { Vpc } from "./vpc.ts";

/** How the leader looks who leaves, in each store. */
const WORDS = { tags: "DescribeInstances", s3: "ListObjects" };
/** Ticks of a processor's time, in a second. */
const TICKS = 100;

export class Keepers {
  readonly #vpc: Vpc;
  readonly #interval: string;
  readonly #running = new Map<Node, Running>();

  /** `interval`: as `--interval` has it. */
  constructor(vpc: Vpc, interval: string) {
    this.#vpc = vpc;
    this.#interval = interval;
  }

  start(nodes: Node[]): void {
    for (const node of nodes) {
      const args = ["--json", "--interval", this.#interval, ...AMPLE];
      this.#running.set(node, node.start(args, { verb: "keep" }));
    }
  }

  of(node: Node): Running {
    const found = this.#running.get(node);
    assert.ok(found, `nothing keeps on ${node.name}`);
    return found;
  }

  /** They form one swarm of all nodes, each of which is known by its instance. */
  async formed(): Promise<void> {
    await this.#vpc.oneSwarm();
    await until("a name for each node", 300_000, async () => {
      const [some] = managersOf(this.#vpc);
      const nodes = await some?.engine.nodes().catch(() => null);
      return nodes?.every(({ Spec }) => Spec.Labels["swarm-join.instance"] !== undefined);
    }, 250);
  }

  /** What was asked to end does so, and stays a member. */
  async stop(nodes: Node[]): Promise<void> {
    for (const node of nodes) this.of(node).stop();
    for (const node of nodes) {
      const run = await this.ended(node);
      assert.equal(run.json?.result, "stopped", lastLines(run.stderr));
    }
  }

  /** Its end, and that it was a good one. */
  async ended(node: Node): Promise<Run> {
    const run = await this.of(node).ended;
    this.#running.delete(node);
    assert.equal(run.code, 0, `exit ${run.code}: ${lastLines(run.stderr)}`);
    return run;
  }

  /** It gets no chance to say anything. */
  async kill(node: Node): Promise<void> {
    await node.endRuns();
    this.#running.delete(node);
  }

  /**
   * Waits until for so long no run was begun on any of them, and nothing but the leader's looks for words was
   * sent to AWS. Gives these, and since when.
   */
  async atRest(ms: number, patienceMs: number): Promise<Rest> {
    let since = { atMs: 0, busy: "nothing was seen", cpu: new Map<Node, number>() };
    await until("rest", patienceMs, async () => {
      const calls = await this.#vpc.aws.calls();
      const said = [...this.#running.values()].map(({ log }) => log().length);
      const busy = `${said} ${calls.filter((call) => !this.#isWords(call)).length}`;
      if (busy !== since.busy) since = { atMs: Date.now(), busy, cpu: await this.#cpu() };
      return Date.now() - since.atMs >= ms;
    }, 250).catch((error) => {
      throw new Error(`${error.message}; last: ${this.#lastWords()}`);
    });
    const asked = (await this.#vpc.aws.calls()).filter(({ atMs }) => atMs > since.atMs);
    const cpu = await this.#cpu();
    const shares = [...cpu].map(([node, ticks]) => {
      const share = (ticks - (since.cpu.get(node) ?? 0)) / TICKS /
        ((Date.now() - since.atMs) / 1_000);
      return `${node.name} ${(100 * share).toFixed(2)} %`;
    });
    return { sinceMs: since.atMs, asked, cpu: shares.join(", ") };
  }

  #isWords({ node, action, status }: AwsCall): boolean {
    const known = [...this.#running.keys()].filter(({ name }) => !name.startsWith("w"));
    // Null: not answered yet.
    const isWell = status === null || status === 200;
    return action === WORDS[this.#vpc.store] && isWell && known.some(({ name }) => name === node);
  }

  #lastWords(): string {
    return [...this.#running].map(([node, { log }]) => `${node.name}: ${lastLines(log(), 3)}`).join(
      "\n",
    );
  }

  async #cpu(): Promise<Map<Node, number>> {
    const all = [...this.#running].map(async ([node, { pid }]): Promise<[Node, number]> => {
      // What follows the command's name, which may hold anything: utime and stime are the 14th and 15th field.
      const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).replace(/^.*\) /, "").split(
        " ",
      );
      return [node, Number(fields[11]) + Number(fields[12])];
    });
    return new Map(await Promise.all(all));
  }
}

interface Rest {
  sinceMs: number;
  asked: AwsCall[];
  /** Of one processor, by node. */
  cpu: string;
}

/** What a process has in memory, in kB. */
export async function residentOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

/** Notes each time that a node is seen drained or as one that left, until the function that it gives is called. */
export function watchSpecs(vpc: Vpc): () => Promise<string[]> {
  let over = false;
  const seen = new Set<string>();
  const watching = (async () => {
    while (!over) {
      for (const { engine } of managersOf(vpc)) {
        const nodes = await engine.nodes().catch(() => []);
        for (const { Spec, Description } of nodes) {
          const isLeft = Spec.Labels["swarm-join.left"] !== undefined;
          if (Spec.Availability !== "active" || isLeft) seen.add(Description.Hostname);
        }
      }
      await pause(250);
    }
  })();
  return async () => {
    over = true;
    await watching;
    return [...seen];
  };
}
