/**
 * The algorithms of other tools, written for the same world: the same machines, Engine, delays and
 * faults, judged alike. Each keeps its own store and pace, and gets what helps it: a right address, a
 * join with a deadline, its own best configuration, a restart when it fails.
 *
 * What each does is in the comment above it, from its published sources.
 */
import { viewOf } from "../engine.ts";
import { removeNode, update } from "../nodes.ts";
import type { Program } from "../program.ts";
import type { Errand } from "../simulate/history.ts";
import {
  foundedSwarm,
  type Listed,
  type Machine,
  machineNamed,
  nodeOf,
  recordNow,
  type Swarm,
  votersOf,
  type World,
} from "../world.ts";
import { ACCOUNT, REGION, VPC } from "../node.ts";
import type { AnyAnswer, Call, NodeChange, Values } from "../../../src/calls.ts";
import type { Answer, Decision, Instance, TokenMark } from "../../../src/state.ts";
import type { Shown } from "../../../src/shown.ts";
import type { FoundingRecord } from "../../../src/founding.ts";

export const PEERS = ["NAIVE", "TRJ", "D4A", "GAR", "JAI", "DEV"] as const;
export type Peer = typeof PEERS[number];

/** What a peer keeps outside EC2: a table, a bucket or two secrets, strongly consistent. */
export interface Shelf {
  lock: string | null;
  primary: { address: string; manager: TokenMark; worker: TokenMark } | null;
  managers: { address: string; manager: TokenMark; worker: TokenMark }[];
  /** A queue of nodes that have left, by id. */
  left: string[];
}

export function createShelf(): Shelf {
  return { lock: null, primary: null, managers: [], left: [] };
}

/** A call, or a rest. */
type Step = Call | { kind: "sleep"; ms: number };
type Script = Generator<Step, boolean, AnyAnswer>;

/** How often those that look after their swarm do so, and for how long there is something to do then. */
export const TENDS: Partial<Record<Peer, { everyMs: number; forMs: number }>> = {
  // Crons of four and five minutes, in the order of their files.
  D4A: { everyMs: 300_000, forMs: 3_600_000 },
  JAI: { everyMs: 2_000, forMs: 300_000 },
};

/** Whether it does something about a machine that is told to go. */
export function leaves(peer: Peer): boolean {
  return LIVES[peer] !== undefined;
}

/** A run of a peer on a machine, as a program that the simulator drives; null: it does nothing of the kind. */
export function peerOf(
  peer: Peer,
  errand: Errand,
  world: World,
  machine: Machine,
  shelf: Shelf,
  dice: () => number,
): Program | null {
  const node = new Node(world, machine, shelf, dice);
  const begin = errand === "join" ? SCRIPTS[peer] : LIVES[peer]?.[errand];
  if (begin === undefined || (peer === "JAI" && errand === "tend" && shelf.left.length === 0)) {
    return null;
  }
  const script = begin(node);
  let answer: AnyAnswer = { ok: true, value: null };
  return {
    decide: (): Decision => {
      const { done, value } = script.next(answer);
      return done === true ? ending(value) : decisionOf(value);
    },
    absorb: (answers) => {
      answer = answers[0] ?? answer;
    },
  };
}

function decisionOf(step: Step): Decision {
  const reason = { rule: "next", because: "its script goes on" } as const;
  switch (step.kind) {
    case "sleep":
      return { kind: "wait", ms: step.ms, exit: 3, keeps: "nothing", ...reason };
    case "permissions":
    case "tokens":
    case "instances":
      return { kind: "look", calls: [step] };
    case "init":
    case "join":
    case "publish":
    case "leave":
    case "update":
    case "remove":
      return { kind: "act", call: step, ...reason };
    default:
      throw new Error(`no script makes the call ${step.kind}`);
  }
}

function ending(isDone: boolean): Decision {
  return {
    kind: "end",
    exit: isDone ? 0 : 3,
    afterMs: 0,
    rule: isDone ? "in-order" : "joins-failed",
    because: "its script ended",
    warnings: [],
    findings: [],
  };
}

const SCRIPTS: Record<Peer, (node: Node) => Script> = {
  /** The first manager of the VPC with a token: join it; none: init, then tag oneself. Workers only join. */
  *NAIVE(node): Script {
    const found = yield* node.find();
    if (found !== null) return yield* node.joinOnce(found);
    if (!node.isManager) return false;
    return yield* node.initAndTag();
  },

  /** Index 0 inits at once, index i looks 10·i times first; when the one join fails, it inits. */
  *TRJ(node): Script {
    let found = yield* node.find();
    const tries = node.isManager ? 10 * node.index : 100;
    for (let i = 0; found === null && i < tries; i++) {
      yield node.sleep(5_000 + node.dice() * 10_000);
      found = yield* node.find();
    }
    if (!node.isManager) return found !== null && (yield* node.joinOnce(found));
    if (found === null) return yield* node.initAndTag();
    if (yield* node.joinOnce(found)) return yield* node.tag();
    return yield* node.initAndTag();
  },

  /** DynamoDB: the primary's row is put if absent, without an owner or an end; then init, or join it (generation b: six times, leaving what is pending). */
  *D4A(node): Script {
    if (node.isIn()) return true;
    if (node.isManager && node.shelf.lock === null) {
      yield node.row();
      // The put is atomic: only the first finds it absent.
      if (node.shelf.lock === null) {
        node.shelf.lock = node.machine.address;
        yield { kind: "init", advertiseAddr: node.machine.address, pools: [] };
        if (!node.isIn()) return false;
        yield node.row();
        return node.putPrimary();
      }
    }
    for (let i = 0; i < 5 && node.shelf.primary === null; i++) {
      yield node.row();
      if (node.shelf.primary === null) yield node.sleep(60_000);
    }
    for (let i = 0; i < 6; i++) {
      yield node.row();
      const { primary } = node.shelf;
      if (primary !== null && (yield* node.joinOnce(primary))) return true;
      yield node.sleep(60_000);
      yield { kind: "leave", force: false, onlyEmpty: false };
    }
    return false;
  },

  /** The oldest running manager, computed once, inits and puts two secrets; all others wait for these. */
  *GAR(node): Script {
    if (node.isIn()) return true;
    const first = yield* node.oldestManager();
    if (node.isManager && first === node.machine.instance && node.shelf.primary === null) {
      yield { kind: "init", advertiseAddr: node.machine.address, pools: [] };
      if (!node.isIn()) return false;
      yield node.row();
      return node.putPrimary();
    }
    for (;;) {
      yield node.row();
      const { primary } = node.shelf;
      const there = first === null ? null : machineNamed(node.world, first)?.address ?? null;
      if (primary !== null && there !== null) {
        return yield* node.joinOnce({ ...primary, address: there });
      }
      yield node.sleep(10_000);
    }
  },

  /** S3 without conditions: no lock object, so put one, wait 5 s, and whoever reads its own inits. */
  *JAI(node): Script {
    if (node.isIn()) return true;
    yield node.row();
    if (node.isManager && node.shelf.lock === null) {
      yield node.row();
      node.shelf.lock = node.machine.instance;
      yield node.sleep(5_000);
      yield node.row();
      if (node.shelf.lock === node.machine.instance) {
        yield { kind: "init", advertiseAddr: node.machine.address, pools: [] };
        if (!node.isIn()) return false;
        yield node.row();
        return node.putPrimary();
      }
    }
    for (;;) {
      yield node.row();
      const [first] = node.shelf.managers;
      if (first !== undefined && (yield* node.joinOnce(first))) {
        yield node.row();
        return !node.isManager || node.putPrimary();
      }
      yield node.sleep(5_000);
    }
  },

  /** Rows of managers, never deleted; none: init after up to 5 s, and put one's own without a condition. */
  *DEV(node): Script {
    yield node.sleep(node.dice() * 5_000);
    yield node.row();
    const { managers } = node.shelf;
    if (managers.some(({ address }) => address === node.machine.address)) return true;
    if (managers.length === 0 && node.isManager) {
      yield { kind: "init", advertiseAddr: node.machine.address, pools: [] };
      if (!node.isIn()) return false;
      yield node.row();
      return node.putPrimary();
    }
    if (managers.length === 0) {
      yield node.sleep(3_000);
      yield node.row();
    }
    const [first] = node.shelf.managers;
    if (first === undefined || !(yield* node.joinOnce(first))) return false;
    yield node.row();
    return !node.isManager || node.putPrimary();
  },
};

/** What those do after joining that have a life after it. */
const LIVES: Partial<Record<Peer, Record<"leave" | "tend", (node: Node) => Script>>> = {
  D4A: {
    /**
     * `watcher.sh`: a cron of a minute takes the hook's message off the queue; a primary that leads waits three
     * minutes for the others to go first, and names another one; demoted, 30 s later its id is queued.
     */
    *leave(node): Script {
      yield node.sleep(1_000 + node.dice() * 69_000);
      yield node.row();
      let isLast = false;
      if (node.isManager) {
        const { shelf, machine: { address } } = node;
        yield node.row();
        if (shelf.primary?.address === address) {
          if (node.isLeader()) yield node.sleep(180_000);
          const heir = node.heir();
          const marks = marksOf(node.world, node.machine);
          isLast = heir === null || marks === null;
          shelf.primary = isLast ? null : { address: heir!, ...marks! };
          if (isLast) shelf.lock = null;
          yield node.row();
        }
        if (!isLast) yield* node.change(node.self(), "demote", { role: "worker" });
        yield node.sleep(30_000);
      }
      const self = node.self();
      yield node.row();
      if (self !== null) node.shelf.left.push(self.id);
      return true;
    },

    /** `cleanup.sh` removes who is queued, with force; `bouncer.sh` managers that are unreachable and of which EC2 shows nobody at their address; `refresh.sh` names the leader as the primary. */
    *tend(node): Script {
      const { shelf } = node;
      yield node.row();
      shelf.left = shelf.left.filter((id) => !node.removes(id));
      if (!node.isLeader()) return true;
      for (const voter of node.unreachable()) {
        const { address } = node.world.machines[voter.machine]!;
        const answer = (yield { kind: "instances", ids: [], addresses: [address] }) as Answer<
          Instance[]
        >;
        if (!answer.ok || answer.value.some(({ state }) => state !== "terminated")) continue;
        yield* node.change(voter, "demote", { role: "worker" });
        yield { kind: "remove", nodeId: voter.id };
      }
      const marks = marksOf(node.world, node.machine);
      if (marks !== null) shelf.primary = { address: node.machine.address, ...marks };
      return true;
    },
  },

  JAI: {
    /** Drained (50 s), a manager demotes itself (15 s), takes its key away, leaves with force; its id is queued. A worker is drained by a manager. */
    *leave(node): Script {
      yield node.sleep(node.dice() * 5_000);
      yield node.row();
      const self = node.listedHere();
      if (self === null) return true;
      yield* node.change(self, "drain", { availability: "drain" });
      yield node.sleep(50_000);
      if (self.desired === "manager") {
        yield* node.change(self, "demote", { role: "worker" });
        yield node.sleep(15_000);
        yield node.row();
        const { shelf, machine: { address } } = node;
        shelf.managers = shelf.managers.filter((one) => one.address !== address);
        yield { kind: "leave", force: true, onlyEmpty: false };
      }
      yield node.row();
      node.shelf.left.push(self.id);
      return true;
    },

    /** Any manager removes who is queued, with force. */
    *tend(node): Script {
      yield node.row();
      node.shelf.left = node.shelf.left.filter((id) => !node.removes(id));
      return true;
    },
  },
};

interface Target {
  address: string;
  manager: TokenMark;
  worker: TokenMark;
}

/** What the scripts share: a machine, its calls, and its tool's store. */
class Node {
  readonly isManager: boolean;
  readonly index: number;

  constructor(
    readonly world: World,
    readonly machine: Machine,
    readonly shelf: Shelf,
    readonly dice: () => number,
  ) {
    this.isManager = machine.role === "manager";
    this.index =
      world.machines.filter(({ role, index }) => role === machine.role && index < machine.index)
        .length;
  }

  sleep(ms: number): Step {
    return { kind: "sleep", ms };
  }

  /** A request to the tool's own store: one AWS call, as quick as S3's; what it does is done at once. */
  row(): Call {
    return { kind: "permissions", role: this.machine.role, inGroup: false };
  }

  isIn(): boolean {
    return this.machine.place.kind === "member";
  }

  /** The first swarm's nodes, as whoever manages it sees them. */
  #swarm(): Swarm | null {
    const { place } = this.machine;
    return place.kind === "member" ? swarmAt(this.world, place.swarm) ?? null : null;
  }

  /** Its own node, listed or not any more. */
  self(): Listed | null {
    return nodeOf(this.world, this.machine) ?? null;
  }

  /** The first node that is listed with its address. */
  listedHere(): Listed | null {
    const { machines } = this.world;
    return this.#swarm()?.nodes.find(({ machine, isListed }) =>
      isListed && machines[machine]!.address === this.machine.address
    ) ?? null;
  }

  #reachable(): Listed[] {
    const swarm = this.#swarm();
    if (swarm === null) return [];
    return votersOf(swarm).filter((node) =>
      viewOf(this.world, swarm, node, this.machine).voter?.reachable === true
    );
  }

  unreachable(): Listed[] {
    const swarm = this.#swarm();
    const reachable = this.#reachable();
    return swarm === null
      ? []
      : votersOf(swarm).filter((node) => node.isListed && !reachable.includes(node));
  }

  isLeader(): boolean {
    return this.#reachable()[0]?.machine === this.machine.index;
  }

  /** The leader; another one that is reachable, if that is this one. */
  heir(): string | null {
    const [heir] = this.#reachable().filter(({ machine }) => machine !== this.machine.index);
    return heir === undefined ? null : this.world.machines[heir.machine]!.address;
  }

  /** As `docker node update`: of a node as it is at that moment, by a manager. */
  *change(
    node: Listed | null,
    as: "demote" | "drain",
    change: NodeChange,
  ): Generator<Step, void, AnyAnswer> {
    const swarm = this.#swarm();
    const now = swarm?.nodes.find(({ id }) => id === node?.id);
    if (swarm === null || now === undefined) return;
    const { version } = viewOf(this.world, swarm, now, this.machine);
    const call: Call = { kind: "update", as, nodeId: now.id, version, change };
    if (this.isManager) yield call;
    else {
      // Another one attends to a worker.
      const [by] = this.#reachable();
      const manager = by === undefined ? undefined : this.world.machines[by.machine];
      if (manager !== undefined) {
        const { version } = viewOf(this.world, swarm, now, manager);
        update(this.world, manager, { ...call, version });
      }
      yield this.row();
    }
  }

  /** As `docker node rm --force`. */
  removes(nodeId: string): boolean {
    return removeNode(this.world, this.machine, nodeId, true).ok;
  }

  /** A manager whose tags show tokens, as EC2 shows it. */
  *find(): Generator<Step, Target | null, AnyAnswer> {
    const answer = (yield {
      kind: "tokens",
      fingerprint: "",
      want: ["manager", "worker"],
    }) as Answer<Shown[]>;
    if (!answer.ok) return null;
    for (const { by, state, manager, worker } of answer.value) {
      const address = machineNamed(this.world, by)?.address;
      if (state !== "running" || address === undefined || manager === null || worker === null) {
        continue;
      }
      return { address, manager, worker };
    }
    return null;
  }

  *joinOnce({ address, manager, worker }: Target): Generator<Step, boolean, AnyAnswer> {
    if (this.isIn()) return true;
    const token = this.isManager ? manager : worker;
    const answer = yield {
      kind: "join",
      address,
      token,
      advertiseAddr: this.machine.address,
    };
    return answer.ok;
  }

  *initAndTag(): Script {
    if (!this.isIn()) yield { kind: "init", advertiseAddr: this.machine.address, pools: [] };
    if (!this.isIn()) return false;
    claim(this.world, this.machine);
    return yield* this.tag();
  }

  *tag(): Script {
    const marks = marksOf(this.world, this.machine);
    if (marks === null) return true;
    const answer = yield { kind: "publish", ...marks };
    return answer.ok;
  }

  putPrimary(): boolean {
    const marks = marksOf(this.world, this.machine);
    if (marks === null) return true;
    const row = { address: this.machine.address, ...marks };
    this.shelf.primary ??= row;
    this.shelf.managers.push(row);
    claim(this.world, this.machine);
    return true;
  }

  *oldestManager(): Generator<Step, string | null, AnyAnswer> {
    const ids = this.world.machines.filter(({ role }) => role === "manager").map(({ instance }) =>
      instance
    );
    const answer = (yield { kind: "instances", ids, addresses: [] }) as Answer<
      Values["instances"]
    >;
    if (!answer.ok) return null;
    const running = answer.value.filter(({ state }) => state === "running");
    const launchMs = (id: string): number =>
      machineNamed(this.world, id)?.ec2.find(({ value }) => value !== null)?.atMs ?? 0;
    running.sort((a, b) => launchMs(a.instance) - launchMs(b.instance));
    return running[0]?.instance ?? null;
  }
}

function marksOf(
  world: World,
  { place }: Machine,
): { manager: TokenMark; worker: TokenMark } | null {
  const swarm = place.kind === "member" && place.manager ? swarmAt(world, place.swarm) : undefined;
  if (swarm === undefined) return null;
  const mark = (role: string): TokenMark => ({
    fingerprint: swarm.fingerprint,
    digest: `${role}-token-${swarm.secret}-of-${swarm.fingerprint}`,
  });
  return { manager: mark("manager"), worker: mark("worker") };
}

function swarmAt(world: World, name: string): Swarm | undefined {
  return world.swarms.find(({ fingerprint }) => fingerprint === name);
}

/** For the judge: a peer's swarm counts from when others can find it; the first is the cluster's. */
function claim(world: World, machine: Machine): void {
  const swarm = machine.place.kind === "member" ? swarmAt(world, machine.place.swarm) : undefined;
  if (swarm === undefined) return;
  swarm.isFounded = true;
  swarm.isOld = true;
  if (recordNow(world) !== null && foundedSwarm(world) !== null) return;
  const record: FoundingRecord = {
    cluster: "default",
    account: ACCOUNT,
    region: REGION,
    vpc: VPC,
    fingerprint: swarm.fingerprint,
    clusterId: swarm.clusterId,
    members: [],
    rotated: [],
    replaced: [],
    writer: machine.instance,
    nonce: "peer",
  };
  world.versions = [{ number: 1, follows: 0, record, atMs: world.nowMs, counts: true }];
}
