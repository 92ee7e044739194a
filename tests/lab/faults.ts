/** The faults that a lab can be run with. What happens when is drawn from the seed. */
import { draw, type Trouble, type TroubleMaker, type WireCall } from "../emulators/wire.ts";
import type { Lab, LabNode } from "./lab.ts";

export const FAULTS = {
  stale: "reads of EC2 are up to eight seconds old, item by item",
  throttle: "AWS refuses many calls as too many",
  "slow-founder": "the first manager to init takes long for everything",
  "dying-founder": "a manager's process is killed at the worst moment; its instance may end, too",
  "lost-answers": "calls are performed, and the answer never arrives",
  resets: "connections end before anything was performed",
} as const;

export type FaultName = keyof typeof FAULTS;

/** What a run of the lab has to do beside starting the nodes. */
export interface Plan {
  /** Waits for what is under way: a killed node has been started again, or is gone. */
  settled(): Promise<void>;
}

const STALE_MS_MAX = 8_000;

export interface ArmOptions {
  faults: FaultName[];
  seed: number;
  /** How long there are faults, ms: then every node must get through. */
  faultsMs?: number;
}

/** Arms the lab with faults. `restart` starts a node again as it was started first. */
export function arm(lab: Lab, options: ArmOptions, restart: (node: LabNode) => void): Plan {
  const { faults, seed, faultsMs = 15_000 } = options;
  // From the first call on: on a busy machine processes take seconds to start.
  let beganMs: number | null = null;
  const isOver = (): boolean => beganMs !== null && Date.now() - beganMs > faultsMs;
  const makers: TroubleMaker[] = [];
  const death = new Death(lab, seed, restart);
  for (const fault of faults) {
    switch (fault) {
      case "stale":
        lab.aws.ec2.lagMs = ({ node, item }) =>
          isOver() ? 0 : draw(seed, "stale", node, item, Math.floor(Date.now() / 2_000)) ** 2 *
            STALE_MS_MAX;
        break;
      case "throttle":
        // A worker waits for minutes when it is refused after other waits: only its first call of a kind.
        makers.push((call) => {
          const isSpared = call.nth > 1 && lab.nodeOf(call.node)?.role === "worker";
          return isAws(call) && !isSpared && chance(seed, call, 0.4) ? { kind: "throttled" } : null;
        });
        break;
      case "slow-founder":
        makers.push(slowFounder(seed));
        break;
      case "dying-founder":
        lab.onMember = (node, how) => death.onMember(node, how);
        break;
      case "lost-answers":
        makers.push((call) =>
          (isAws(call) || call.write) && chance(seed, call, 0.3) ? { kind: "lost" } : null
        );
        break;
      case "resets":
        makers.push((call) => chance(seed, call, 0.25) ? { kind: "reset" } : null);
        break;
      default:
        fault satisfies never;
    }
  }
  lab.wire.trouble = (call) => {
    beganMs ??= Date.now();
    // It strikes once, whenever its moment comes.
    const end = faults.includes("dying-founder") ? death.trouble(call) : null;
    if (end !== null || isOver()) return end;
    for (const maker of makers) {
      const trouble = maker(call);
      if (trouble !== null) return trouble;
    }
    return null;
  };
  return { settled: () => death.settled() };
}

function isAws(call: WireCall): boolean {
  return call.service === "ec2" || call.service === "s3";
}

/** The same call of the same node has the same luck in every run with this seed. */
function chance(seed: number, call: WireCall, probability: number): boolean {
  const { service, node, action, nth } = call;
  return draw(seed, service, node, action, nth) < probability;
}

function slowFounder(seed: number): TroubleMaker {
  let founder: string | null = null;
  return (call): Trouble | null => {
    if (call.action === "POST /swarm/init") founder ??= call.node;
    if (call.node !== founder || !call.write) return null;
    return { kind: "late", ms: 1_000 + draw(seed, "slow", call.action, call.nth) * 3_000 };
  };
}

/** Kills one manager's process once, at a moment that the seed chooses. */
class Death {
  readonly #lab: Lab;
  readonly #seed: number;
  readonly #restart: (node: LabNode) => void;
  readonly #moment: "init" | "founding" | "register" | "join";
  #victim: LabNode | null = null;
  #fate: Promise<void> = Promise.resolve();

  constructor(lab: Lab, seed: number, restart: (node: LabNode) => void) {
    this.#lab = lab;
    this.#seed = seed;
    this.#restart = restart;
    const moments = ["init", "founding", "register", "join"] as const;
    this.#moment = moments[Math.floor(draw(seed, "moment") * moments.length)]!;
  }

  onMember(node: LabNode, how: "init" | "join"): void {
    if (how === this.#moment && node.role === "manager") this.#kill(node);
  }

  /** The write is performed, and its answer finds nobody. */
  trouble(call: WireCall): Trouble | null {
    const isRecord = call.action === "PutObject record.json";
    const isFounding = call.action === "CreateLaunchTemplate" || isRecord;
    // With S3 the first write of the record is the founder's.
    const isRegistering = call.action === "CreateLaunchTemplateVersion" ||
      (isRecord && this.#lab.wire.calls.filter((past) => past.action === call.action).length > 1);
    const isDue = this.#moment === "founding" ? isFounding : isRegistering;
    const node = this.#lab.nodeOf(call.node);
    if (!isDue || !["founding", "register"].includes(this.#moment)) return null;
    if (this.#victim !== null || node?.role !== "manager") return null;
    this.#kill(node);
    return { kind: "lost" };
  }

  async settled(): Promise<void> {
    await this.#fate;
  }

  #kill(node: LabNode): void {
    if (this.#victim !== null) return;
    this.#victim = node;
    // What it was doing is performed first: this is about what it leaves behind.
    this.#fate = new Promise((resolve) => setTimeout(resolve, 1)).then(async () => {
      node.process?.kill();
      await node.process?.ended;
      // A second manager that joined and ends would take the quorum with it, which nobody can mend.
      if (this.#moment !== "join" && draw(this.#seed, "fate") < 0.5) {
        await this.#lab.terminate(node);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 500 + draw(this.#seed, "pause") * 4_000));
      this.#restart(node);
    });
  }
}
