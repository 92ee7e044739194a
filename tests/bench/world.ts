/** The machines that contestants run on: a VPC of real Engines, as the end-to-end tests make it. */
import type { Node } from "../e2e/node.ts";
import { AWS_PORT, HUB_ADDRESS } from "../e2e/node.ts";
import { policiesOf } from "../e2e/policies.ts";
import { fleetOf, programs } from "../e2e/programs.ts";
import { type Store, Vpc } from "../e2e/vpc.ts";

/** Two managers and a worker. */
const MACHINES = 3;

export class World {
  private constructor(readonly vpc: Vpc) {}

  static async start(): Promise<World> {
    return new World(await Vpc.start(MACHINES, null, fleetOf(await programs(), "oldest")));
  }

  /** The manager that boots first. */
  get node(): Node {
    return this.vpc.node("m1");
  }

  /** No swarm, no record, empty Engines: `m1`, `m2` and `w1` have just booted. */
  async fresh(store: Store): Promise<void> {
    // A node of several waits for the others when it leaves; a new disk is quicker.
    await Promise.all(this.vpc.pool.map(({ engine }) => engine.kill()));
    await this.vpc.reset(store, 2, 1);
    await this.node.permit([
      ...await policiesOf("tags", "manager"),
      ...await policiesOf("s3", "manager"),
    ]);
  }

  async engineVersion(): Promise<string> {
    const version = await this.vpc.pool[0]?.engine.call<Record<string, string>>("GET", "/version");
    return `${version?.["Version"]}, API ${version?.["ApiVersion"]}`;
  }
}

/** Where a program on this node finds its Engine, and AWS. IMDS is at its usual address. */
export function placesOf({ engine }: Node): Record<string, string> {
  return {
    DOCKER_HOST: `unix://${engine.socket}`,
    AWS_ENDPOINT_URL: `http://${HUB_ADDRESS}:${AWS_PORT}`,
    SWARM_JOIN_LOCK_FILE: `${engine.dir}.lock`,
  };
}

export function insideOf({ holder }: Node): string[] {
  return ["nsenter", `--net=/proc/${holder}/ns/net`, `--uts=/proc/${holder}/ns/uts`];
}
