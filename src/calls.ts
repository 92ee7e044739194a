/**
 * The calls that a run makes, as data: what each takes and answers, and what holds for it. The edges
 * perform them on a node; the simulator and the model checker answer them from a world of their own.
 * Nothing else touches the outside.
 *
 * No call retries and none throws for an operating fault: it answers one. Each has a deadline.
 */
import type {
  Answer,
  Availability,
  Contents,
  Engine,
  Identity,
  Instance,
  Role,
  TokenMark,
  Word,
} from "./state.ts";
import type {
  Hook,
  Interface,
  Lifecycle,
  Mark,
  NeededPermission,
  Neighbour,
  Shown,
} from "./shown.ts";
import type { FoundingRecord, LedgerRead, LedgerView, Position, WriteResult } from "./founding.ts";

/** Reads, with what each takes and gives. They change nothing, and may be made side by side. */
interface Looks {
  identity: [takes: Nothing, gives: Identity];
  /** Where Auto Scaling wants this instance to be. */
  lifecycle: [takes: Nothing, gives: Lifecycle];
  /** This instance, as EC2 shows it; null: not (yet). */
  self: [takes: Nothing, gives: Instance | null];
  engine: [takes: Nothing, gives: Engine];
  /** On a worker only its tasks are counted. */
  contents: [takes: { manager: boolean }, gives: Contents];
  /** The addresses of this machine's network interfaces, as the kernel has them. */
  interfaces: [takes: Nothing, gives: Interface[]];
  /** `missing`: versions of the log that an earlier read of this run lacked; read by name too. */
  ledger: [takes: { missing: number[] }, gives: LedgerRead];
  /** The tokens that are shown: kept by instance, by all of the VPC that are not terminated; kept by swarm, those of `fingerprint`, only of the roles in `want`. */
  tokens: [takes: { fingerprint: string; want: Role[] }, gives: Shown[]];
  /** By id, whatever their state; and by address those of this VPC that are not terminated. Unknown ones are left out. */
  instances: [takes: { ids: string[]; addresses: string[] }, gives: Instance[]];
  /** Which of these accept a TCP connection on the swarm's port (2377). */
  probe: [takes: { addresses: string[] }, gives: string[]];
  /** The running instances of this VPC (and cluster) that are tagged with one of these roles, this one too; all of them, where roles are not told by tags. */
  neighbours: [takes: { roles: Role[] }, gives: Neighbour[]];
  /** What workers have said to the managers: that one, or all that said something. */
  words: [takes: { instance: string | null }, gives: (Word & { instance: string })[]];
  /** Which swarms were founded below the store's prefix, for whichever cluster. */
  marks: [takes: Nothing, gives: Mark[]];
  /** Asks which of the writes that this role may need are allowed (EC2's DryRun); `inGroup`: of an Auto Scaling group, those to it too. Writes nothing. */
  permissions: [takes: { role: Role; inGroup: boolean }, gives: NeededPermission[]];
  /** Where this instance is in its Auto Scaling group, and the group's hooks; null: it is in none. */
  hook: [takes: Nothing, gives: Hook | null];
  /** The unit that runs this program here; null: there is none. */
  unit: [takes: Nothing, gives: Unit | null];
}

/** Writes, with what each takes and gives: one at a time. */
interface Acts {
  /** A compare-and-set of the record. */
  write: [takes: { as: WriteKind; record: FoundingRecord; at: Position }, gives: WriteResult];
  publish: [takes: { manager: TokenMark; worker: TokenMark }, gives: null];
  /** Marks that this swarm is founded, and that those are no more. */
  attest: [takes: SwarmName & { over: SwarmName[] }, gives: null];
  /** Takes this instance's own tokens out of its tags. */
  retract: [takes: Nothing, gives: null];
  /** `pools`: networks for overlays, in CIDR notation; none: the Engine's own. */
  init: [takes: { advertiseAddr: string; pools: string[] }, gives: null];
  join: [takes: { address: string; token: TokenMark; advertiseAddr: string }, gives: null];
  /** Changes what a node is told to be, unless it has changed since it was seen with this version. */
  update: [
    takes: { as: UpdateKind; nodeId: string; version: number; change: NodeChange },
    gives: null,
  ];
  /** Tells the managers what this worker means to do; null: takes that back. */
  announce: [takes: { word: Word | null }, gives: null];
  /** Stops what runs of the swarm's tasks here; each container has so long to end by itself. */
  stop: [takes: { graceMs: number }, gives: null];
  /** Takes a node out of the swarm's list that is down and no voter. */
  remove: [takes: { nodeId: string }, gives: null];
  /** `force`: a manager alone in its swarm can't leave otherwise. `onlyEmpty`: it looks just before, and does not if something would be lost. */
  leave: [takes: { force: boolean; onlyEmpty: boolean }, gives: LeaveResult];
  /** Makes this manager the only one of its swarm, from its own raft (`--force-new-cluster`). Gives where what it was is kept. */
  force: [takes: { advertiseAddr: string }, gives: string];
  /** Tells Auto Scaling that this instance may go on, as far as this hook is concerned. */
  complete: [takes: HookName, gives: null];
  /** Has the time of this hook begin anew. */
  heartbeat: [takes: HookName, gives: null];
  /** Deletes old versions of the launch template that the record is in. */
  trim: [takes: { template: string; numbers: number[] }, gives: null];
}

type Nothing = Record<never, never>;

/** A lifecycle hook of this instance's Auto Scaling group. */
interface HookName {
  group: string;
  hook: string;
}

/** What a swarm is known by: a rotation of its CA leaves the id, a `--force-new-cluster` the fingerprint. */
export type SwarmName = Pick<FoundingRecord, "fingerprint" | "clusterId">;

/** What a write of the record is for. */
export const WRITE_KINDS = [
  "found",
  "register",
  "refresh",
  "replace",
  "mark",
  "withdraw",
  "recover",
] as const;
export type WriteKind = typeof WRITE_KINDS[number];

/** What a change of a node is for. */
export const UPDATE_KINDS = ["label", "demote", "promote", "drain", "undrain"] as const;
export type UpdateKind = typeof UPDATE_KINDS[number];

/** What is to be different; a label that is null is taken away. */
export interface NodeChange {
  role?: Role;
  availability?: Availability;
  labels?: Record<string, string | null>;
}

/**
 * A unit of systemd, as its files say it. `runs`: the verb of this program, or something else. `stopMs`: how long
 * systemd lets it end; null: as long as it lets all.
 */
export interface Unit {
  path: string;
  runs: typeof UNIT_RUNS[number];
  stopMs: number | null;
}
export const UNIT_RUNS = ["keep", "join", "other"] as const;

/** `holds`: it did not leave, for this would have been lost. */
export type LeaveResult = { kind: "left" } | { kind: "holds"; contents: Contents };

interface Calls extends Looks, Acts {}
export type LookKind = keyof Looks;
export type ActKind = keyof Acts;
export type CallKind = keyof Calls;

/** The call of a kind. */
export type CallOf<K extends CallKind> = { kind: K } & Calls[K][0];
export type Look = { [K in LookKind]: CallOf<K> }[LookKind];
export type Act = { [K in ActKind]: CallOf<K> }[ActKind];
export type Call = Look | Act;

/** What each call answers with. */
export type Values = { [K in CallKind]: Calls[K][1] };

/** What a fact is: what its look answered, and of the ledger what `ledger/versions.ts` made of that. */
export type Seen = Omit<Pick<Values, LookKind>, "ledger"> & { ledger: LedgerView };

/** The answer to any call; the kind of the call says which. */
export type AnyAnswer = Answer<Values[CallKind]>;

/** A call of one of these kinds and its answer, as the pair that they are. */
export type Told<Kind extends CallKind> = {
  [K in Kind]: { kind: K; call: CallOf<K>; answer: Answer<Values[K]> };
}[Kind];

/** Performs a call on the outside. The only seam between the loop and the machine. */
export type Perform = (call: Call) => Promise<AnyAnswer>;

/** What holds for every call of a kind. */
interface CallRow {
  /** What a run waits for while the call is under way, for a person: "still waiting for …". */
  waitedFor: string;
  /** How long it may go on when the run's time is over, in ms: a read of AWS may not, a write may come to its end. */
  graceMs: number;
  /**
   * Which facts hold on after it was answered well. What was seen of others before this node's Engine
   * changed holds, as nothing of others has changed by that: what is read again may be older, and a write
   * compares. After an act that failed none does.
   */
  keeps: "all" | readonly LookKind[];
  /** Whether it may be made again when its answer was lost: at once, or only after a look at what became of it. */
  again: "safe" | "look";
}

/** An act's row also has what a plan says of it. `inSwarm`: whether this node is in one. */
interface ActRow<K extends ActKind> extends CallRow {
  plan: (act: CallOf<K>, inSwarm: boolean) => string;
}

/** The Engine alone takes 20 s to say that a join goes on, or that its swarm has no leader. */
const ENGINE_GRACE_MS = 25_000;
const WRITE_GRACE_MS = 10_000;

// deno-fmt-ignore: as it says
const ALL_BUT_PROBE: readonly LookKind[] = ["identity", "lifecycle", "self", "engine", "contents", "interfaces", "ledger", "tokens", "instances", "neighbours", "words", "marks", "permissions", "hook", "unit"];

/** Every look. */
export const LOOKS: { readonly [K in LookKind]: CallRow } = {
  identity: lookRow("the instance metadata"),
  lifecycle: lookRow("the instance metadata to say where Auto Scaling wants this instance"),
  self: lookRow("EC2 to show this instance"),
  engine: lookRow("the Docker Engine", ENGINE_GRACE_MS),
  contents: lookRow("the Docker Engine to count what is in its swarm", ENGINE_GRACE_MS),
  interfaces: lookRow("the addresses of this machine's interfaces"),
  // Who answers was asked of the record before.
  ledger: {
    ...lookRow("the founding record"),
    // Of whom EC2 was asked, and who answers, was asked of the record before.
    keeps: ALL_BUT_PROBE.filter((kind) => kind !== "instances"),
  },
  tokens: lookRow("the tokens that are shown"),
  instances: lookRow("EC2 to show the members"),
  probe: lookRow("the managers to answer"),
  // Who answers was asked of fewer before.
  neighbours: { ...lookRow("EC2 to show the other managers"), keeps: ALL_BUT_PROBE },
  words: lookRow("what leaving workers have said"),
  marks: lookRow("the marks of foundings"),
  permissions: lookRow("AWS to say what is allowed"),
  hook: lookRow("the Auto Scaling group to say what it does with this instance"),
  unit: lookRow("the files of this program's unit"),
};

function lookRow(waitedFor: string, graceMs = 0): CallRow {
  return { waitedFor, graceMs, keeps: "all", again: "safe" };
}

// deno-fmt-ignore: all but "engine" and "contents"
const ALL_BUT_ENGINE: readonly LookKind[] = ["identity", "lifecycle", "self", "interfaces", "ledger", "tokens", "instances", "probe", "neighbours", "words", "marks", "permissions", "hook", "unit"];

// deno-fmt-ignore: as it says
const ALL_BUT_WORDS: readonly LookKind[] = ["identity", "lifecycle", "self", "engine", "contents", "interfaces", "ledger", "tokens", "instances", "probe", "neighbours", "marks", "permissions", "hook", "unit"];

// By an old word two managers would drain a worker and take it back in turn.
const OF_OTHERS = ALL_BUT_ENGINE.filter((kind) => kind !== "words");

/** Every act: a new one is an entry of `Acts`, a row here, its edge in `node/perform.ts`, and a case in the tests' world. */
export const ACTS: { readonly [K in ActKind]: ActRow<K> } = {
  write: {
    ...actRow("the founding record to be written", WRITE_GRACE_MS, "all", "look"),
    plan: ({ as, record }, inSwarm) => `${as}: ${recordText(record)}${thenText(as, inSwarm)}`,
  },
  // What was seen of this node's own tokens is not true any more, and `memory.published` says so.
  publish: {
    ...actRow("the tokens to be published", WRITE_GRACE_MS, "all", "safe"),
    plan: () => "publish",
  },
  attest: {
    ...actRow("the founding to be marked", WRITE_GRACE_MS, "all", "safe"),
    plan: () => "mark the founding, for the case that the record is lost",
  },
  retract: {
    ...actRow("old tokens to be removed", WRITE_GRACE_MS, "all", "safe"),
    plan: () => "take old tokens out of its tags; then look again",
  },
  init: {
    ...actRow("the Docker Engine to init a swarm", ENGINE_GRACE_MS, [
      "ledger",
      "tokens",
      "neighbours",
      "marks",
      "probe",
    ], "look"),
    plan: () => "init a swarm; then found it and publish its tokens",
  },
  join: {
    ...actRow("the Docker Engine to join", ENGINE_GRACE_MS, ["ledger", "tokens"], "look"),
    plan: ({ address, token }) => `join the swarm ${token.fingerprint} through ${address}`,
  },
  update: {
    ...actRow("the Docker Engine to change a node", WRITE_GRACE_MS, OF_OTHERS, "look"),
    plan: ({ as, nodeId }) => `${as} the node ${nodeId}`,
  },
  announce: {
    ...actRow("this worker's word to be shown", WRITE_GRACE_MS, ALL_BUT_WORDS, "safe"),
    plan: ({ word }) =>
      word === null
        ? "take back what it said to the managers"
        : `say to the managers that it ${word.leaves ? "leaves" : "stays"}`,
  },
  stop: {
    ...actRow(
      "the tasks here to end",
      ENGINE_GRACE_MS,
      ["identity", "lifecycle", "ledger"],
      "safe",
    ),
    plan: () => "stop the tasks that run here",
  },
  remove: {
    ...actRow("the dead node to be removed", WRITE_GRACE_MS, OF_OTHERS, "safe"),
    plan: ({ nodeId }) => `remove the dead node ${nodeId}`,
  },
  leave: {
    // The tokens of the manager that this node gives way to may be shown only now. It may look first.
    ...actRow("the Docker Engine to leave", 2 * ENGINE_GRACE_MS, ["ledger"], "look"),
    plan: ({ force }) => force ? "leave its own swarm; then join" : "leave; then look again",
  },
  force: {
    // What it was is copied first, however much that is.
    ...actRow("the Docker Engine to start its swarm anew", 4 * ENGINE_GRACE_MS, [], "look"),
    plan: () => "make this manager the only one of its swarm",
  },
  complete: {
    ...actRow("the Auto Scaling group to let this instance go on", WRITE_GRACE_MS, "all", "look"),
    plan: ({ group, hook }) => `complete the lifecycle hook ${hook} of ${group}`,
  },
  heartbeat: {
    ...actRow(
      "the Auto Scaling group to hold this instance for longer",
      WRITE_GRACE_MS,
      "all",
      "safe",
    ),
    plan: ({ group, hook }) => `send a heartbeat to the lifecycle hook ${hook} of ${group}`,
  },
  trim: {
    ...actRow("old versions of the record to be deleted", WRITE_GRACE_MS, "all", "safe"),
    plan: ({ template, numbers }) =>
      `delete ${numbers.length} old versions of the launch template ${template}`,
  },
};

function actRow(
  waitedFor: string,
  graceMs: number,
  keeps: CallRow["keeps"],
  again: CallRow["again"],
): CallRow {
  return { waitedFor, graceMs, keeps, again };
}

function recordText({ members }: FoundingRecord): string {
  const names = members.map(({ instance, address }) => instance ?? address).join(", ");
  return `write a record with ${names || "no members"}`;
}

function thenText(as: WriteKind, inSwarm: boolean): string {
  if (as === "found" || as === "replace") return "; then publish its tokens";
  if (as === "recover") return "; then make this manager the only one of its swarm (with --yes)";
  return as === "register" && !inSwarm ? "; then join" : "";
}

/** Every call. */
export const CALLS: { readonly [K in CallKind]: CallRow } = { ...LOOKS, ...ACTS };

/** What a plan says of an act. */
export function planOf<K extends ActKind>(act: CallOf<K>, inSwarm: boolean): string {
  return ACTS[act.kind].plan(act, inSwarm);
}
