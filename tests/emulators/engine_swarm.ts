/**
 * A swarm as its managers keep it: its nodes, what each is told to be and what it is, who votes in raft, and
 * what the swarm does about that by itself, in time. The words are those of Engine 20.10 to 28.
 */
import { createHash } from "node:crypto";
import { certificatePem } from "./certificate.ts";
import type { EngineState } from "./engine_state.ts";
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
  outOfSequence: "rpc error: code = Unknown desc = update out of sequence",
  lastManager:
    "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm",
  noVoter: "rpc error: code = NotFound desc = can't find manager in raft memberlist",
  quorumLoss:
    "rpc error: code = FailedPrecondition desc = can't remove member from the raft: this would result in " +
    "a loss of quorum",
  oneWay:
    "manager stopped: can't initialize raft node: rpc error: code = Unknown desc = could not connect to " +
    "prospective new cluster member using its advertised address: rpc error: code = DeadlineExceeded " +
    "desc = context deadline exceeded",
} as const;

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

/** How long a swarm takes for what it does by itself, in ms. */
export interface SwarmTimes {
  /** Until a dead node is down; a fifth of it, until a dead manager is unreachable. */
  noticed: number;
  /** Until raft lets go of a manager that was demoted, and again until it is listed as a worker. */
  demoted: number;
  /** Until a node has the certificate of what it is, until it is ready again, and until a task starts elsewhere. */
  settled: number;
}

/** A node as its swarm lists it: a ghost, once its Engine is a member no more. */
export interface SwarmNode {
  id: string;
  engine: EngineState;
  address: string;
  /** What it is told to be. */
  role: SwarmRole;
  /** What it is: it gets to what it is told later. */
  observed: SwarmRole;
  availability: "active" | "pause" | "drain";
  /** Whether it counts in raft. A manager whose join failed is listed without. */
  inRaft: boolean;
  labels: Record<string, string>;
  version: number;
  createdMs: number;
  state: "ready" | "down" | "unknown";
  /** Whether the leader thinks that its seat in raft answers. */
  isReached: boolean;
  /** Since when its Engine is not heard, is heard again, and is on its way to what it is told to be; null: not. */
  lostMs: number | null;
  backMs: number | null;
  stepMs: number | null;
}

/** What an update sends: the whole of a node's specification. */
export interface NodeSpec {
  Role: SwarmRole;
  Availability: SwarmNode["availability"];
  Labels: Record<string, string> | null;
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
  /** Tasks that run nowhere, and since when. */
  readonly waiting: { name: string; sinceMs: number }[] = [];
  #leader: SwarmNode | null = null;

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

  get voters(): SwarmNode[] {
    return this.nodes.filter((node) => node.inRaft);
  }

  get hasQuorum(): boolean {
    return this.voters.filter(isLive).length * 2 > this.voters.length;
  }

  get leader(): SwarmNode | null {
    if (!this.hasQuorum) return null;
    const isLeader = this.#leader !== null && this.#leader.inRaft && isLive(this.#leader);
    return isLeader ? this.#leader : this.voters.find(isLive) ?? null;
  }

  // What people and managers do

  find(nodeId: string): SwarmNode {
    const node = this.nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new EngineError(404, `node ${nodeId} not found`);
    return node;
  }

  /** As `docker node update`: what is accepted is carried out later, when quorum allows it. */
  update(nodeId: string, version: number, spec: NodeSpec): void {
    const node = this.find(nodeId);
    if (version !== node.version) throw new EngineError(500, TEXTS.outOfSequence);
    if (node.role === "manager" && spec.Role === "worker") this.#mayDemote(node);
    node.role = spec.Role;
    // It is listed as a manager at once, and becomes one later.
    if (spec.Role === "manager") node.observed = "manager";
    node.availability = spec.Availability;
    node.labels = spec.Labels ?? {};
    node.stepMs = null;
    node.version += 1;
  }

  #mayDemote(node: SwarmNode): void {
    const managers = this.nodes.filter(({ observed }) => observed === "manager");
    if (managers.length === 1 && managers[0] === node) {
      throw new EngineError(400, TEXTS.lastManager);
    }
    if (!node.inRaft) throw new EngineError(404, TEXTS.noVoter);
    if (!this.#canLose(node)) throw new EngineError(400, TEXTS.quorumLoss);
  }

  /** Whether the others are a quorum of the others, as far as the leader knows: what died just now counts. */
  #canLose(node: SwarmNode): boolean {
    const others = this.voters.filter((one) => one !== node);
    return others.filter((one) => one.isReached).length * 2 > others.length;
  }

  /** As `docker node rm`: its Engine is not told. */
  remove(nodeId: string, force = true): void {
    const node = this.find(nodeId);
    const desc = "rpc error: code = FailedPrecondition desc = node";
    if (node.role === "manager" && node.inRaft) {
      throw new EngineError(
        400,
        `${desc} ${nodeId} is a cluster manager and is a member of the raft cluster. ` +
          "It must be demoted to worker before removal",
      );
    }
    if (!force && node.state === "ready") {
      throw new EngineError(400, `${desc} ${nodeId} is not down and can't be removed`);
    }
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  /** As its manager starts it anew from its own raft: it alone votes, and has heard of nobody else yet. */
  startAnew(self: SwarmNode): void {
    if (!this.nodes.includes(self)) this.nodes.push(self);
    Object.assign(self, { role: "manager", observed: "manager", inRaft: true });
    for (const node of this.nodes.filter((one) => one !== self)) {
      node.lostMs = null;
      this.#set(node, { inRaft: false, state: "unknown" });
    }
    this.#leader = self;
  }

  // What it does by itself

  /** What has become of it by now. Called before anybody asks it anything. */
  advance(nowMs: number, times: SwarmTimes): void {
    for (const node of this.nodes) this.#hear(node, nowMs, times);
    this.#elect(nowMs);
    if (!this.hasQuorum) return;
    for (const node of this.nodes) {
      const step = this.#stepOf(node, times);
      if (step === null) {
        node.stepMs = null;
        continue;
      }
      node.stepMs ??= nowMs;
      if (nowMs - node.stepMs < step.ms) continue;
      node.stepMs = null;
      step.take();
    }
    this.#moveTasks(nowMs, times);
  }

  #hear(node: SwarmNode, nowMs: number, { noticed, settled }: SwarmTimes): void {
    if (isLive(node)) {
      node.lostMs = null;
      node.isReached = true;
      if (node.state === "ready") node.backMs = null;
      else if (nowMs - (node.backMs ??= nowMs) >= settled) this.#set(node, { state: "ready" });
      return;
    }
    node.backMs = null;
    node.lostMs ??= nowMs;
    const lostForMs = nowMs - node.lostMs;
    // Whoever is at its address by now answers there.
    node.isReached = lostForMs < noticed / 5 ||
      this.nodes.some((one) => one.address === node.address && isLive(one));
    const isDown = lostForMs >= (node.state === "unknown" ? 2 : 1) * noticed;
    if (isDown && node.state !== "down") this.#set(node, { state: "down" });
  }

  /** A new leader has heard from nobody yet. */
  #elect(nowMs: number): void {
    const before = this.#leader;
    this.#leader = this.leader;
    if (before === null || this.#leader === null || before === this.#leader) return;
    for (const node of this.nodes) {
      this.#set(node, { state: "unknown" });
      if (node.lostMs !== null) node.lostMs = nowMs;
    }
  }

  /** The next step from what a node is to what it is told to be; null: there is none, or not now. */
  #stepOf(
    node: SwarmNode,
    { demoted, settled }: SwarmTimes,
  ): { ms: number; take: () => void } | null {
    if (node.role === "worker" && node.observed === "manager") {
      // Checked again, and again, until quorum allows it.
      if (node.inRaft && !this.#canLose(node)) return null;
      const next = node.inRaft ? { inRaft: false } : { observed: "worker" as const };
      return { ms: demoted, take: () => this.#set(node, next) };
    }
    const { engine, observed } = node;
    const isSettled = engine.membership?.role === observed || !isLive(node);
    if (isSettled || (observed === "worker" && node.inRaft)) return null;
    return {
      ms: settled,
      take: () => {
        node.inRaft = observed === "manager" && !engine.isShut;
        engine.certify(observed);
      },
    };
  }

  #set(node: SwarmNode, change: Partial<SwarmNode>): void {
    Object.assign(node, change);
    node.version += 1;
    node.engine.changed();
  }

  /** Where a node is drained its tasks end, and start elsewhere; so do those that ended otherwise. */
  #moveTasks(nowMs: number, { settled }: SwarmTimes): void {
    for (const { engine } of this.nodes.filter(isDrained)) engine.endTasks("drained", nowMs);
    const free = this.nodes.filter((node) => node.availability === "active" && isLive(node));
    const workers = free.filter(({ role }) => role === "worker");
    const places = (workers.length > 0 ? workers : free).map(({ engine }) => engine)
      .sort((a, b) => a.tasks.length - b.tasks.length);
    const due = this.waiting.findIndex(({ sinceMs }) => nowMs - sinceMs >= settled);
    if (due < 0 || places[0] === undefined) return;
    places[0].tasks.push(...this.waiting.splice(due, 1).map(({ name }) => name));
  }

  #noteTokens(): void {
    this.tokensEver.add(this.token("manager"));
    this.tokensEver.add(this.token("worker"));
  }
}

/** Whether the Engine behind a listed node is that node still, and runs. */
export function isLive(node: SwarmNode): boolean {
  const { engine } = node;
  return engine.running && engine.reachable && engine.status === "active" &&
    engine.membership?.nodeId === node.id;
}

function isDrained(node: SwarmNode): boolean {
  return node.availability === "drain" && isLive(node);
}

export function fingerprintOf(caPem: string): string {
  const digest = createHash("sha256").update(caPem).digest("hex");
  return BigInt(`0x${digest}`).toString(36).padStart(50, "0");
}

function newTokenSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return value.toString(36).padStart(25, "0");
}
