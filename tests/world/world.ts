/**
 * The world that swarm-join runs in, as plain data: instances, EC2, S3, Engines and their swarms.
 *
 * It knows no chance and no clock of its own. Whoever drives it (the simulator with dice, the model
 * checker with every choice in turn) moves `nowMs` and answers each `Choice`. `enact.ts` has what calls
 * do, `engine.ts` the Engine, `aws.ts` the ledgers and EC2, `judge.ts` what must never be.
 */
import { placement } from "./node.ts";
import type { Call } from "../../src/calls.ts";
import type { Availability, InstanceState, Role, TokenMark, Word } from "../../src/state.ts";
import type { FoundingRecord } from "../../src/founding.ts";

/** A value and when it became so (ms, by AWS's clock). */
export interface Stamped<T> {
  value: T;
  atMs: number;
}

/** The newest last; never empty. A read may see any of them. */
export type History<T> = Stamped<T>[];

/**
 * Where an Engine is.
 *
 * - `attempt`: it goes on joining in the background. `swarm`: the one that would take it; null: nobody
 *   ever will. `through`: the machine that it asks
 * - `failed`: an attempt ended in `LocalNodeState: error` without a node id
 * - `member`: `node` is its id there; `manager`: whose certificate it holds, which follows what its swarm
 *   has it be; `cameLate` by an attempt in the background, which its node may not know yet
 * - `removed`: a node that its swarm has removed (`docker node rm`), or whose certificate has `expired`.
 *   Its Engine does not know before it restarts, and is never up again then. One that still held a manager's
 *   certificate, as it had not heard of its demotion, waits for a leader for ever
 */
export type Place =
  | { kind: "outside" }
  | { kind: "attempt"; swarm: string | null; through: number | null; manager: boolean }
  | { kind: "failed" }
  | { kind: "member"; swarm: string; node: string; manager: boolean; cameLate: boolean }
  | {
    kind: "removed";
    swarm: string;
    node: string;
    manager: boolean;
    says: "active" | "pending" | "expired";
  };

/**
 * What is wrong with an Engine that is a member.
 *
 * - `mute`: it says `error` without words, and is well, until it restarts
 * - `loud`: it says why, and its swarm's component is down until it restarts
 * - `unheard`: a worker that has restarted and reached no manager since: it is not up yet
 * - `bare`: it was started before its data root was mounted: it is in no swarm until that is there
 */
export type Ailment = "mute" | "loud" | "unheard" | "bare";

export interface Machine {
  index: number;
  role: Role;
  instance: string;
  address: string;
  /** `unborn`: not launched yet. `down`: the machine is off, stopped or booting. */
  power: "unborn" | "up" | "down" | "terminated";
  /** No other machine can be reached, nor reaches it. */
  isCut: boolean;
  /** From when on its Engine has its swarm's component up (ms). */
  readyMs: number;
  place: Place;
  ailment: Ailment | null;
  /** The managers that a worker's Engine has heard of: all, while it reaches them. Of a manager only while no leader reaches it. */
  heard: number[];
  /** Since when a manager's port answers a worker that is `unheard` (ms); null: none does. */
  knocksMs: number | null;
  /** A manager outside the VPC, founded by hand: EC2 never shows it, and no tool runs there. */
  isOutside: boolean;
  /** It is off or cut off since a moment: its swarm does not know yet. */
  isUnnoticed: boolean;
  /** It is told to go: by Auto Scaling, or by a spot notice. */
  isGoing: boolean;
  isSpot: boolean;
  /** Auto Scaling was told that it may go on: the hook that held it is completed. */
  isReleased: boolean;
  /** A task of its swarm's services runs here. */
  isBusy: boolean;
  /** How many nodes it has been, of whichever swarm: counted round and round. */
  lives: number;
  /** What it says to the managers. */
  word: History<Word | null>;
  /** When it was last started (ms, by AWS's clock; in the checker only which came first). */
  launchedMs: number;
  /** When it was started for the first time (ms; in the checker only whether after the nodes that were there). */
  bornMs: number;
  /** As EC2 shows it; null: not shown, not yet or not any more. */
  ec2: History<InstanceState | null>;
  managerTag: History<TokenMark | null>;
  workerTag: History<TokenMark | null>;
}

/** A node as the swarm's store and its raft have it. What is seen of it comes of its machine (`engine.ts`). */
export interface Listed {
  id: string;
  /** The machine whose Engine is this node, or was it. */
  machine: number;
  /** False: it was removed, and its vote has outlived it. */
  isListed: boolean;
  desired: Role;
  observed: Role;
  /** It is a member of the raft. */
  votes: boolean;
  availability: Availability;
  labels: Record<string, string>;
  createdMs: number;
}

export interface Swarm {
  /** Its name in this world as well. */
  fingerprint: string;
  clusterId: string;
  /** The machine that initialised it. */
  founder: number;
  nodes: Listed[];
  /** Its leader has just changed: it knows of no other node whether it is there. */
  isUnsure: boolean;
  /** How often its tokens were rotated. */
  secret: number;
  services: number;
  /** Whether a record that counts has ever named it. */
  isFounded: boolean;
  /** Whether others can know of it: by a record, or by what shows it where there is none. */
  isShown: boolean;
  /** Whether it came from before the tool, with members that no tool registered. */
  isOld: boolean;
}

/** A version of the launch template, or of the S3 object. */
export interface Version {
  number: number;
  follows: number;
  record: FoundingRecord;
  atMs: number;
  /** Whether it counts: with S3 always. */
  counts: boolean;
}

export interface World {
  store: "tags" | "s3";
  /** AWS's clock. */
  nowMs: number;
  machines: Machine[];
  /** The machine that has another one's former address, by that. */
  moved: Record<string, number>;
  swarms: Swarm[];
  /** The launch template's versions, or the object's, oldest first; empty: there is none. */
  versions: Version[];
  /** How many of the first of them are from long ago: every read shows these. */
  settled: number;
  /** How many templates were made: one that was lost is another than the next. */
  templates: number;
  /** The versions of the template that was deleted, which EC2 may go on showing for a while. */
  former: Version[];
  /** When it was deleted (ms). */
  lostMs: number;
  /** The machines that it listed, until a record does again. */
  strays: number[];
  /** Writes that arrive after their node gave them up. */
  inFlight: (Call & { kind: "write" })[];
  /** The machines that ever carried a token in their tags. */
  tagged: number[];
  /** With S3: the tokens under each fingerprint. */
  objects: { fingerprint: string; manager: TokenMark; worker: TokenMark }[];
  /** With S3: the marks of foundings. */
  marks: { fingerprint: string; over: boolean; atMs: number }[];
  /** How often machines were told to go, and to stay after all; and somebody ran `recover` on one. */
  told: { go: number; stay: number; recover: number };
  /** Nodes have their labels at once, as if they had been set before anybody looked. */
  isLabelled: boolean;
  /** Runs may come to the end of their time, and then do what they would not do before. */
  hasDeadlines: boolean;
  /** So long Auto Scaling holds who is told to go (`Terminating:Wait`), or until that one says that it may go on; 0: it does not. */
  hookMs: number;
  /** What must never be and was. */
  broken: Broken[];
}

export interface Broken {
  property: Property;
  what: string;
}

export const PROPERTIES = [
  "one-founded-swarm",
  "nobody-in-an-unfounded-swarm",
  "members-are-recorded",
  "nothing-lost-by-leaving",
  "done-is-in-the-founded-swarm",
  "done-writes-nothing",
  "quorum-kept",
  "nobody-left-behind",
  "only-who-is-gone-or-leaves",
  "no-vote-without-its-node",
  "no-init-as-a-fallback",
  "no-token-outside",
  "everyone-ends-well",
  "swarm-outlives-its-machines",
  "who-goes-gets-out",
  "no-vote-of-the-dead",
  "services-run",
] as const;

export type Property = typeof PROPERTIES[number];

export const EPOCH_MS = 1_800_000_000_000;

export function createWorld(store: World["store"], roles: Role[]): World {
  return {
    store,
    nowMs: EPOCH_MS,
    machines: roles.map(machine),
    moved: {},
    swarms: [],
    versions: [],
    settled: 0,
    templates: 0,
    former: [],
    lostMs: 0,
    strays: [],
    inFlight: [],
    tagged: [],
    objects: [],
    marks: [],
    told: { go: 0, stay: 0, recover: 0 },
    isLabelled: false,
    hasDeadlines: true,
    hookMs: 0,
    broken: [],
  };
}

function machine(role: Role, index: number): Machine {
  return {
    index,
    role,
    instance: `i-${index}`,
    address: addressOf(index),
    power: "unborn",
    isCut: false,
    readyMs: 0,
    place: { kind: "outside" },
    ailment: null,
    heard: [],
    knocksMs: null,
    isOutside: false,
    isUnnoticed: false,
    isGoing: false,
    isSpot: false,
    isReleased: false,
    isBusy: false,
    lives: 0,
    word: [{ value: null, atMs: 0 }],
    launchedMs: 0,
    bornMs: 0,
    ec2: [{ value: null, atMs: 0 }],
    managerTag: [{ value: null, atMs: 0 }],
    workerTag: [{ value: null, atMs: 0 }],
  };
}

/** A machine that is launched later than the others. */
export function addMachine(world: World, role: Role): Machine {
  const added = machine(role, world.machines.length);
  world.machines.push(added);
  return added;
}

export function addressOf(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

/** The machine at an address, or the last that had it; undefined: nobody ever had. */
export function machineAt(world: World, address: string): Machine | undefined {
  const [, b, c, d] = address.split(".");
  const first = (Number(b) << 16) | (Number(c) << 8) | Number(d);
  return world.machines[world.moved[address] ?? first];
}

/** EC2 gives an address that nobody has any more to a new machine. */
export function takeAddress(world: World, machine: Machine, address: string): void {
  machine.address = address;
  world.moved[address] = machine.index;
}

export function machineNamed(world: World, instance: string): Machine | undefined {
  return world.machines[Number(instance.slice(2))];
}

/** Ids are used again after so many, if none of them is listed: whoever knew the node of then has long forgotten it. */
const LIVES = 4;

/** The machine's Engine becomes a new node of this swarm: what it was before stays listed. */
export function addNode(world: World, machine: Machine, swarm: Swarm, role: Role): Listed {
  const isTaken = (lives: number): boolean =>
    swarm.nodes.some(({ id }) => id === nodeIdOf(machine, lives));
  while (isTaken(machine.lives)) machine.lives++;
  const earlier = swarm.nodes.filter((node) => node.machine === machine.index);
  const node: Listed = {
    id: nodeIdOf(machine, machine.lives),
    machine: machine.index,
    isListed: true,
    desired: role,
    observed: role,
    votes: role === "manager",
    availability: "active",
    labels: world.isLabelled ? labelsOf(machine) : {},
    createdMs: Math.max(world.nowMs, ...earlier.map(({ createdMs }) => createdMs + 1)),
  };
  machine.lives = (machine.lives + 1) % LIVES;
  swarm.nodes = [...swarm.nodes, node];
  return node;
}

/** As the tool labels nodes. */
export function labelsOf({ instance }: Machine): Record<string, string> {
  const of = Object.entries({ instance, ...placement });
  return Object.fromEntries(of.map(([key, value]) => [`swarm-join.${key}`, value]));
}

function nodeIdOf({ index }: Machine, lives: number): string {
  return `node-${index}.${lives}`;
}

/** The node that a machine's Engine is; undefined: none, or its swarm lists it no more. */
export function nodeOf(world: World, { place }: Machine): Listed | undefined {
  if (place.kind !== "member") return undefined;
  return swarmNamed(world, place.swarm).nodes.find(({ id }) => id === place.node);
}

/** Whether a machine's Engine is this node, up or not, and may be again. */
export function isSomebody(world: World, swarm: Swarm, { machine, id }: Listed): boolean {
  const { place } = world.machines[machine]!;
  return place.kind === "member" && place.swarm === swarm.fingerprint && place.node === id;
}

export function votersOf(swarm: Swarm): Listed[] {
  return swarm.nodes.filter(({ votes }) => votes);
}

/** The machines that are members of its raft, up or not, also for ever. */
export function managersOf(world: World, swarm: Swarm): number[] {
  return votersOf(swarm).filter((node) => isSomebody(world, swarm, node))
    .map(({ machine }) => machine).sort((a, b) => a - b);
}

/** A node is changed: others may share what it was. */
export function changeNode(swarm: Swarm, id: string, change: Partial<Listed>): void {
  swarm.nodes = swarm.nodes.map((node) => node.id === id ? { ...node, ...change } : node);
}

/** The swarm that machine `founder` initialises next; named after it, and by how many it had before. */
export function addSwarm(world: World, founder: number): Swarm {
  const earlier = world.swarms.filter((swarm) => swarm.founder === founder).length;
  const name = `${founder}.${earlier}`;
  const swarm: Swarm = {
    fingerprint: `swarm-${name}`,
    clusterId: `cluster-${name}`,
    founder,
    nodes: [],
    isUnsure: false,
    secret: 0,
    services: 0,
    isFounded: false,
    isShown: false,
    isOld: false,
  };
  world.swarms.push(swarm);
  return swarm;
}

export function swarmNamed(world: World, fingerprint: string): Swarm {
  return world.swarms.find((swarm) => swarm.fingerprint === fingerprint)!;
}

export function markOf(swarm: Swarm, role: Role): TokenMark {
  return {
    fingerprint: swarm.fingerprint,
    digest: `${role}-token-${swarm.secret}-of-${swarm.fingerprint}`,
  };
}

export function latest<T>(history: History<T>): T {
  return history[history.length - 1]!.value;
}

/** The version that is the record now; null: there is none. */
export function recordNow(world: World): Version | null {
  for (let i = world.versions.length - 1; i >= 0; i--) {
    const version = world.versions[i]!;
    if (version.counts) return version;
  }
  return null;
}

/** The founded swarm; null: nobody founded one, or it is of nobody here. */
export function foundedSwarm(world: World): Swarm | null {
  const fingerprint = recordNow(world)?.record.fingerprint;
  return world.swarms.find((swarm) => swarm.fingerprint === fingerprint) ?? null;
}

/** Histories, records and versions are never changed in place, only replaced: clones share them. */
export function cloneWorld(world: World): World {
  return {
    ...world,
    machines: world.machines.map((m) => ({ ...m })),
    swarms: world.swarms.map((s) => ({ ...s })),
    broken: [...world.broken],
  };
}
