/**
 * Docker Engines and the swarms they make, as state without a wire or a clock: who is a member, who
 * has quorum, what a join or a leave comes to, in the Engine's own words.
 *
 * The texts and shapes are those of Engine 20.10.24, taken from a running one.
 */
import { createHash } from "node:crypto";
import { certificatePem } from "./certificate.ts";
import { BASE36, randomText } from "./wire.ts";

export type SwarmRole = "manager" | "worker";

export const TEXTS = {
  alreadyMember: 'This node is already part of a swarm. Use "docker swarm leave" to leave this ' +
    "swarm and join another one.",
  noSwarm: "This node is not part of a swarm",
  notManager:
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect ' +
    "this node to swarm and try again.",
  isWorker:
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster " +
    "state. Please run this command on a manager node or promote the current node to a manager.",
  joinTimeout:
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the " +
    'background. Use the "docker info" command to see the current swarm status of your node.',
  locked: "Swarm is encrypted and needs to be unlocked before it can be used. Please use " +
    '"docker swarm unlock" to unlock it.',
  leaveLocked: "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore " +
    "this message.",
  noLeader:
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too " +
    "few managers are online. Make sure more than half of the managers are online.",
  rejected:
    "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster",
  malformedToken: "invalid join token",
  oneWay:
    "manager stopped: can't initialize raft node: rpc error: code = Unknown desc = could not connect to " +
    "prospective new cluster member using its advertised address: rpc error: code = DeadlineExceeded " +
    "desc = context deadline exceeded",
} as const;

/** What an Engine says that finds its node's certificate ended when it starts, as 20.10 and 29 do. */
export function certificateEnded(nodeId: string): string {
  return `error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: ` +
    `certificate (1 - ${nodeId}) not valid after Tue, 01 Apr 2025 00:00:00 UTC, and it is currently ` +
    "Thu, 26 Nov 2026 17:57:01 UTC: x509: certificate has expired or is not yet valid: ";
}

/** The settings of a swarm that nobody has changed: the same from 20.10 to 29. */
const FRESH_SPEC = {
  Name: "default",
  Labels: {},
  Orchestration: { TaskHistoryRetentionLimit: 5 },
  Raft: {
    SnapshotInterval: 10_000,
    KeepOldSnapshots: 0,
    LogEntriesForSlowFollowers: 500,
    ElectionTick: 10,
    HeartbeatTick: 1,
  },
  Dispatcher: { HeartbeatPeriod: 5_000_000_000 },
  CAConfig: { NodeCertExpiry: 7_776_000_000_000_000 },
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: false },
};

/** An error in the Engine's words. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A node as its swarm lists it: a ghost, once its Engine is a member no more. */
export interface SwarmNode {
  id: string;
  engine: EngineState;
  address: string;
  role: SwarmRole;
  availability: "active" | "pause" | "drain";
  /** Whether it counts in raft. A manager whose join failed is listed without. */
  inRaft: boolean;
}

/** A swarm, shared by the Engines that are in it. */
export class SwarmState {
  readonly id = randomText(25, BASE36);
  readonly createdMs: number;
  caPem: string;
  readonly tokenSecrets: Record<SwarmRole, string>;
  readonly nodes: SwarmNode[] = [];
  /** Names of what people put into it. */
  readonly services: string[] = [];
  readonly secrets: string[] = [];
  readonly configs: string[] = [];
  readonly networks: string[] = [];
  readonly volumes: string[] = [];
  spec: Record<string, unknown> = FRESH_SPEC;
  /** Every token that this swarm ever had. */
  readonly tokensEver = new Set<string>();

  constructor(nowMs: number) {
    this.createdMs = nowMs;
    this.caPem = certificatePem({ name: "swarm-ca" });
    this.tokenSecrets = { manager: newTokenSecret(), worker: newTokenSecret() };
    this.#noteTokens();
  }

  /** Base 36 of the SHA-256 of the root CA's PEM file, 50 characters. */
  get fingerprint(): string {
    return fingerprintOf(this.caPem);
  }

  token(role: SwarmRole): string {
    return `SWMTKN-1-${this.fingerprint}-${this.tokenSecrets[role]}`;
  }

  rotateTokens(): void {
    this.tokenSecrets.manager = newTokenSecret();
    this.tokenSecrets.worker = newTokenSecret();
    this.#noteTokens();
  }

  rotateCa(): void {
    this.caPem = certificatePem({ name: "swarm-ca" });
    this.#noteTokens();
    for (const node of this.nodes) if (isLive(node)) node.engine.changed();
  }

  get hasQuorum(): boolean {
    const managers = this.nodes.filter((node) => node.inRaft);
    return managers.filter(isLive).length * 2 > managers.length;
  }

  /** As `docker node rm`: its Engine is not told. */
  remove(nodeId: string): void {
    const index = this.nodes.findIndex((node) => node.id === nodeId);
    if (index >= 0) this.nodes.splice(index, 1);
  }

  get leader(): SwarmNode | null {
    return this.hasQuorum ? this.nodes.find((node) => node.inRaft && isLive(node)) ?? null : null;
  }

  #noteTokens(): void {
    this.tokensEver.add(this.token("manager"));
    this.tokensEver.add(this.token("worker"));
  }
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

export class EngineState {
  /** The instance's name in the lab. */
  readonly node: string;
  readonly address: string;
  /** Whether the daemon runs. */
  running = true;
  /** Whether packets reach it: without, callers hang instead of being refused. */
  reachable = true;
  membership:
    | { swarm: SwarmState; nodeId: string; address: string; certificatePem: string }
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

  get isManager(): boolean {
    return this.status === "active" && this.self?.role === "manager";
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
    if (!swarm.hasQuorum) return { kind: "hangs", caPem: swarm.caPem };
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
    this.membership = null;
    this.attempt = null;
    this.failure = null;
    this.locked = false;
    this.isWordless = false;
    this.isCertificateEnded = false;
    this.isShutOut = false;
    this.tasks.length = 0;
    this.changed();
  }

  mustBeFree(): void {
    if (this.status !== "inactive") throw new EngineError(503, TEXTS.alreadyMember);
  }

  /** The swarm, as only a manager with quorum may see it. */
  managed(): SwarmState {
    if (this.locked) throw new EngineError(503, TEXTS.locked);
    if (this.membership === null || this.status !== "active") {
      throw new EngineError(503, TEXTS.notManager);
    }
    if (!this.isManager) throw new EngineError(503, TEXTS.isWorker);
    if (!this.membership.swarm.hasQuorum) throw new EngineError(500, TEXTS.noLeader);
    return this.membership.swarm;
  }

  /** Everything there is, in plain data, to compare before with after. */
  snapshot(): unknown {
    const swarm = this.membership?.swarm;
    return {
      address: this.address,
      status: this.status,
      nodeId: this.membership?.nodeId ?? "",
      swarm: swarm?.id ?? "",
      ca: this.caPem,
      tasks: [...this.tasks],
      nodes: swarm?.nodes.map((node) => `${node.id} ${node.role} ${node.address}`) ?? [],
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
      availability,
      inRaft: role === "manager",
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
    const subject = { organization: swarm.id, unit: `swarm-${role}`, name: node.id };
    this.membership = {
      swarm,
      nodeId: node.id,
      address: node.address,
      certificatePem: certificatePem(subject),
    };
    this.changed();
  }

  #refusalToLeave(): string {
    const participating =
      "You are attempting to leave the swarm on a node that is participating as a manager. ";
    const reinitialize =
      "The only way to restore a swarm that has lost consensus is to reinitialize it with " +
      "`--force-new-cluster`. Use `--force` to suppress this message.";
    const swarm = this.membership?.swarm;
    if (swarm === undefined || !swarm.hasQuorum) return participating + reinitialize;
    const total = swarm.nodes.filter((node) => node.inRaft).length;
    const live = swarm.nodes.filter((node) => node.inRaft && isLive(node)).length;
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

/** Whether the Engine behind a listed node is that node still, and runs. */
export function isLive(node: SwarmNode): boolean {
  const { engine } = node;
  return engine.running && engine.reachable && engine.status === "active" &&
    engine.membership?.nodeId === node.id;
}

export function fingerprintOf(caPem: string): string {
  const digest = createHash("sha256").update(caPem).digest("hex");
  return BigInt(`0x${digest}`).toString(36).padStart(50, "0");
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

function newTokenSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return value.toString(36).padStart(25, "0");
}
