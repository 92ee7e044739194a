/** The tests' side of `aws.py`: starts it, steers it, and reads what nodes did. */
import type { Credentials } from "../emulators/sigv4.ts";
import { spawnLogged } from "./engine.ts";
import { python, STATE_DIR, until } from "./machine.ts";

export interface AwsCall {
  atMs: number;
  node: string;
  service: string;
  action: string;
  path: string;
  read: boolean;
  status: number | null;
}

export type Effect =
  | { kind: "hold" }
  | { kind: "delay"; ms: number }
  | { kind: "reset" }
  | { kind: "error"; status: number; code: string; message?: string }
  | { kind: "body"; text: string; repeat?: number; type?: string; status?: string };

export interface RuleSpec {
  /** The node's name; left out: all nodes. */
  node?: string;
  /** A regular expression on the action's whole name: `Describe.*`, `PutObject`. */
  action?: string;
  /** A regular expression to be found in the path (S3). */
  path?: string;
  /** Before it is performed (default), or after, when only the answer is still to be sent. */
  phase?: "before" | "after";
  effect: Effect;
  /** How many calls it takes; left out: all. */
  times?: number;
  /** Lets so many matching calls pass first. */
  skip?: number;
  /** Of each of the rest to be taken; left out: 1. */
  chance?: number;
}

export interface Dump {
  tags: Record<string, Record<string, string>>;
  states: Record<string, string>;
  templates: Record<string, { number: number; data: string; description: string }[]>;
  objects: Record<string, string>;
}

export interface Launched {
  instance: string;
  credentials: Credentials;
}

/** An instance of an Auto Scaling group, and what it has to boot with. */
export interface Member {
  instance: string;
  tags: Record<string, string>;
  userData: string;
  /** The name of its instance profile. */
  profile: string;
}

/** A rule that was set; `hold` rules let a test wait for the call and decide what becomes of it. */
export class Rule {
  constructor(readonly aws: Aws, readonly id: string) {}

  async hits(): Promise<number> {
    return (await this.aws.ask<{ hits: number }>("hits", { id: this.id })).hits;
  }

  async reached(ms = 300_000): Promise<void> {
    await until(
      `a call that rule ${this.id} waits for`,
      ms,
      async () => (await this.hits()) > 0,
      20,
    );
  }

  /** Removes it. A held call is performed, or its connection reset. */
  async release(perform = false): Promise<void> {
    await this.aws.ask("release", { id: this.id, perform });
  }
}

export class Aws {
  vpc = "";
  subnet = "";
  account = "";
  region = "";
  #rules = 0;

  private constructor(readonly endpoint: string) {}

  static async start(hostname: string, port: number): Promise<Aws> {
    const script = new URL("aws.py", import.meta.url).pathname;
    const found = await python();
    if (found === null) throw new Error("no Python with moto");
    spawnLogged(found, ["-B", script, hostname, `${port}`], `${STATE_DIR}/aws.log`);
    return await Aws.at(`http://${hostname}:${port}`);
  }

  /** One that was started, as soon as it answers. */
  static async at(endpoint: string): Promise<Aws> {
    const aws = new Aws(endpoint);
    await until("moto", 120_000, () => aws.ask("calls").then(() => true, () => false));
    const begun = await aws.ask<Record<string, string>>("begin", { endpoint: aws.endpoint });
    return Object.assign(aws, begun);
  }

  async ask<T>(operation: string, parameters: Record<string, unknown> = {}): Promise<T> {
    const answer = await fetch(`${this.endpoint}/_e2e/${operation}`, {
      method: "POST",
      body: JSON.stringify(parameters),
    });
    const result = await answer.json();
    if (!answer.ok) throw new Error(`aws.py: ${JSON.stringify(result)}`);
    return result as T;
  }

  async rule(spec: RuleSpec): Promise<Rule> {
    const id = `r${++this.#rules}`;
    await this.ask("rule", { id, ...spec });
    return new Rule(this, id);
  }

  calls(): Promise<AwsCall[]> {
    return this.ask<AwsCall[]>("calls");
  }

  dump(): Promise<Dump> {
    return this.ask<Dump>("dump");
  }
}
