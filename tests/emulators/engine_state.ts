/**
 * Docker Engines, as state without a wire: who is a member of which swarm, and as what; what a join or a
 * leave comes to, in the Engine's own words.
 *
 * The texts and shapes are those of Engine 20.10.24, taken from a running one.
 */
import { certificatePem } from "./certificate.ts";
import {
  EngineError,
  isLive,
  type SwarmNode,
  type SwarmRole,
  SwarmState,
  TEXTS,
} from "./engine_swarm.ts";
import { BASE36, randomText } from "./wire.ts";

/** What an Engine says that finds its node's certificate ended when it starts, as 20.10 and 29 do. */
export function certificateEnded(nodeId: string): string {
  return `error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: ` +
    `certificate (1 - ${nodeId}) not valid after Tue, 01 Apr 2025 00:00:00 UTC, and it is currently ` +
    "Thu, 26 Nov 2026 17:57:01 UTC: x509: certificate has expired or is not yet valid: ";
}

export interface JoinRequest {
  remote: string;
  token: string;
  advertise: string;
  availability: "active" | "pause" | "drain";
}

/**
 * What a join comes to.
 *
 * - `joined`
 * - `failed`: `atOnce`, or when the Engine gives up (ten seconds)
 * - `hangs`: no answer from there; the Engine goes on in the background
 */
export type JoinOutcome =
  | { kind: "joined" }
  | { kind: "failed"; error: EngineError; atOnce: boolean }
  | { kind: "hangs"; caPem: string | null };

/** Finds the Engine at an address. Null: no machine there at all. */
export type EngineNetwork = (address: string) => EngineState | null;

/** `drained` and `stopped`: with their time to end; `killed`: by a leave, without. */
export type TaskEnd = "drained" | "stopped" | "killed";

export class EngineState {
  /** The instance's name in the lab. */
  readonly node: string;
  readonly address: string;
  /** Whether the daemon runs. */
  running = true;
  /** Whether packets reach it: without, callers hang instead of being refused. */
  reachable = true;
  /** `role`: that of its certificate. */
  membership:
    | {
      swarm: SwarmState;
      nodeId: string;
      address: string;
      role: SwarmRole;
      certificatePem: string;
    }
    | null = null;
  /** A join under way, in the foreground or behind. `caPem`: it got as far as the root CA. */
  attempt: { caPem: string | null } | null = null;
  /** The component's failure, while the daemon runs. */
  failure: string | null = null;
  locked = false;
  /** Whether it says `error`, without a word, and works: as after any restart of its swarm component. */
  isWordless = false;
  /** Whether its certificate ends while the daemon is off. */
  isCertificateEnded = false;
  /** Whether the others can't connect to its swarm port, though it can to theirs. */
  isShut = false;
  /** Whether it has been removed from its swarm, and found that out: a daemon that runs on does not. */
  isShutOut = false;
  /** Names of running containers that are tasks of services. */
  readonly tasks: string[] = [];
  /** How the tasks that ran here ended: in order, or killed. */
  readonly ends: { name: string; how: TaskEnd }[] = [];
  /** Called after every change of what a file or a listener shows. */
  changed: () => void = () => {};

  constructor(node: string, address: string) {
    this.node = node;
    this.address = address;
  }

  get status(): "inactive" | "pending" | "active" | "error" | "locked" {
    if (this.locked) return "locked";
    if (this.failure !== null) return "error";
    if (this.attempt !== null || this.isShutOut) return "pending";
    return this.membership === null ? "inactive" : "active";
  }

  get self(): SwarmNode | null {
    const { swarm, nodeId } = this.membership ?? {};
    return swarm?.nodes.find((node) => node.id === nodeId) ?? null;
  }

  /** Whether its manager runs. One that was cut off, or removed, has not heard that it is none any more. */
  get isManager(): boolean {
    if (this.membership?.role !== "manager") return false;
    if (this.status !== "active" && !this.isShutOut) return false;
    return this.self === null || this.self.inRaft || !this.reachable;
  }

  /** Whether its swarm has a leader, for all that it hears of it. */
  get hasLeader(): boolean {
    const { self } = this;
    if (self === null || this.membership === null || !self.inRaft) return false;
    const { swarm } = this.membership;
    return this.reachable ? swarm.hasQuorum : swarm.voters.length === 1;
  }

  /** The root CA's file, as it lies in the data root. */
  get caPem(): string | null {
    return this.membership?.swarm.caPem ?? this.attempt?.caPem ?? null;
  }

  /** The daemon starts: a join that was under way is lost, as the Engine loses its token. */
  boot(): void {
    this.running = true;
    this.attempt = null;
    this.isWordless = false;
    if (this.membership === null) return;
    if (this.isCertificateEnded) this.failure = certificateEnded(this.membership.nodeId);
    this.isShutOut = this.self === null;
  }

  init(advertise: string, availability: SwarmNode["availability"], nowMs: number): SwarmState {
    this.mustBeFree();
    const swarm = new SwarmState(nowMs);
    this.#enter(swarm, "manager", advertise, availability);
    return swarm;
  }

  /** Its swarm, anew from what this manager has of it; a removed one goes by what it has, too. */
  startAnew(): void {
    if (!this.isManager || this.membership === null) throw new EngineError(503, TEXTS.notManager);
    const { swarm, nodeId, address } = this.membership;
    const self = this.self ?? { ...this.#nodeOf("manager", address, "active"), id: nodeId };
    this.isShutOut = false;
    swarm.startAnew(self);
    this.changed();
  }

  /** What joining would come to now. Performs nothing but the join itself, when it succeeds. */
  tryJoin(request: JoinRequest, network: EngineNetwork): JoinOutcome {
    const parts = /^SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})$/.exec(request.token);
    if (parts === null) {
      return failed(new EngineError(500, TEXTS.malformedToken), true);
    }
    const remote = network(hostOf(request.remote));
    if (remote === null || !remote.reachable || !this.reachable) {
      return { kind: "hangs", caPem: null };
    }
    if (!remote.running || !remote.isManager || remote.membership === null) {
      return failed(
        new EngineError(
          503,
          'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while ' +
            `dialing dial tcp ${request.remote}: connect: connection refused"`,
        ),
      );
    }
    const swarm = remote.membership.swarm;
    if (parts[1] !== swarm.fingerprint) {
      const expected = hexOf(parts[1] ?? "");
      return failed(
        new EngineError(500, `remote CA does not match fingerprint. Expected: ${expected}`),
      );
    }
    if (!remote.hasLeader) return { kind: "hangs", caPem: swarm.caPem };
    const role = (["manager", "worker"] as const).find((one) =>
      swarm.tokenSecrets[one] === parts[2]
    );
    if (role === undefined) return failed(new EngineError(400, TEXTS.rejected));
    this.attempt = null;
    if (role === "manager" && this.isShut) {
      swarm.nodes.push({
        ...this.#nodeOf(role, request.advertise, request.availability),
        inRaft: false,
      });
      return failed(new EngineError(500, TEXTS.oneWay), true);
    }
    this.#enter(swarm, role, request.advertise, request.availability);
    return { kind: "joined" };
  }

  leave(force: boolean): void {
    if (this.status === "inactive") throw new EngineError(503, TEXTS.noSwarm);
    if (this.locked && !force) throw new EngineError(503, TEXTS.leaveLocked);
    if (this.isManager && !force) throw new EngineError(503, this.#refusalToLeave());
    this.wipe();
  }

  /** As after `leave`, or after the data root was lost: its node stays in its swarm as a ghost. */
  wipe(): void {
    this.endTasks("killed", Date.now());
    this.membership = null;
    this.attempt = null;
    this.failure = null;
    this.locked = false;
    this.isWordless = false;
    this.isCertificateEnded = false;
    this.isShutOut = false;
    this.changed();
  }

  /** The certificate of what it is from now on. */
  certify(role: SwarmRole): void {
    if (this.membership === null) return;
    const { swarm, nodeId } = this.membership;
    const subject = { organization: swarm.id, unit: `swarm-${role}`, name: nodeId };
    Object.assign(this.membership, { role, certificatePem: certificatePem(subject) });
    this.changed();
  }

  /** Its tasks end, or one of them: the swarm starts them again, here too, unless this node is drained. */
  endTasks(how: TaskEnd, nowMs: number, only?: string): void {
    for (const name of only === undefined ? [...this.tasks] : [only]) {
      this.tasks.splice(this.tasks.indexOf(name), 1);
      this.ends.push({ name, how });
      this.membership?.swarm.waiting.push({ name, sinceMs: nowMs });
    }
  }

  mustBeFree(): void {
    if (this.status !== "inactive") throw new EngineError(503, TEXTS.alreadyMember);
  }

  /** The swarm, as only a manager with quorum may see it. */
  managed(): SwarmState {
    if (this.locked) throw new EngineError(503, TEXTS.locked);
    if (this.membership === null || (this.status !== "active" && !this.isShutOut)) {
      throw new EngineError(503, TEXTS.notManager);
    }
    if (!this.isManager) throw new EngineError(503, TEXTS.isWorker);
    if (!this.hasLeader) throw new EngineError(500, TEXTS.noLeader);
    return this.membership.swarm;
  }

  /** Everything there is, in plain data, to compare before with after. */
  snapshot(): object {
    const swarm = this.membership?.swarm;
    return {
      address: this.address,
      status: this.status,
      nodeId: this.membership?.nodeId ?? "",
      swarm: swarm?.id ?? "",
      ca: this.caPem,
      tasks: [...this.tasks],
      nodes:
        swarm?.nodes.map((node) =>
          `${node.id} ${node.role} ${node.address} ${node.availability}`
        ) ?? [],
      labels: swarm?.nodes.map(({ labels }) => labels) ?? [],
      holds: [swarm?.services, swarm?.secrets, swarm?.configs, swarm?.networks],
    };
  }

  #nodeOf(
    role: SwarmRole,
    advertise: string,
    availability: SwarmNode["availability"],
  ): SwarmNode {
    return {
      id: randomText(25, BASE36),
      engine: this,
      address: hostOf(advertise) || this.address,
      role,
      observed: role,
      availability,
      inRaft: role === "manager",
      labels: {},
      version: 10,
      createdMs: Date.now(),
      state: "ready",
      isReached: true,
      lostMs: null,
      backMs: null,
      stepMs: null,
    };
  }

  #enter(
    swarm: SwarmState,
    role: SwarmRole,
    advertise: string,
    availability: SwarmNode["availability"],
  ): void {
    const node = this.#nodeOf(role, advertise, availability);
    swarm.nodes.push(node);
    this.membership = { swarm, nodeId: node.id, address: node.address, role, certificatePem: "" };
    this.certify(role);
  }

  #refusalToLeave(): string {
    const participating =
      "You are attempting to leave the swarm on a node that is participating as a manager. ";
    const reinitialize =
      "The only way to restore a swarm that has lost consensus is to reinitialize it with " +
      "`--force-new-cluster`. Use `--force` to suppress this message.";
    const swarm = this.membership?.swarm;
    if (swarm === undefined || !this.hasLeader) return participating + reinitialize;
    const total = swarm.voters.length;
    const live = swarm.voters.filter(isLive).length;
    if (total === 1) {
      return participating +
        "Removing the last manager erases all current state of the swarm. Use `--force` to ignore " +
        "this message. ";
    }
    if ((live - 1) * 2 > total) return participating + reinitialize;
    return `${participating}Removing this node leaves ${live - 1} managers out of ${total}. ` +
      `Without a Raft quorum your swarm will be inaccessible. ${reinitialize}`;
  }
}

/** The address without its port. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}

function failed(error: EngineError, atOnce = false): JoinOutcome {
  return { kind: "failed", error, atOnce };
}

function hexOf(base36: string): string {
  const value = [...base36].reduce((sum, digit) => sum * 36n + BigInt(parseInt(digit, 36)), 0n);
  return value.toString(16).padStart(64, "0");
}
