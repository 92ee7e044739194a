/**
 * EC2 and S3. EC2's writes are atomic and in order, its reads may be old, each value by itself; S3 is
 * strongly consistent, and refuses a conditional write that comes late.
 */
import { judgeRecord } from "./judge.ts";
import type { Choice } from "./enact.ts";
import { config } from "./node.ts";
import {
  type History,
  latest,
  type Machine,
  machineNamed,
  recordNow,
  type Version,
  type World,
} from "./world.ts";
import type {
  FoundingRecord,
  Instance,
  InstanceState,
  LedgerRead,
  Mark,
  Neighbour,
  Position,
  Role,
  Shown,
  TokenMark,
  WriteResult,
} from "../../src/state.ts";

export const TEMPLATE = "lt-1";
/** What S3 takes for a write without a condition; only a mutant does that. */
const ANY = "*";

/** EC2's history of a machine's state goes on. */
export function shows(world: World, machine: Machine, state: InstanceState | null): void {
  machine.ec2 = after(world, machine.ec2, state);
}

function after<T>(world: World, history: History<T>, value: T): History<T> {
  return [...history, { value, atMs: world.nowMs }];
}

/** An hour later EC2 has forgotten who was terminated, and shows whoever was there before. */
export function forget(machine: Machine): void {
  const state = latest(machine.ec2);
  if (state === "terminated") {
    machine.ec2 = [...machine.ec2.slice(-1), { value: null, atMs: machine.ec2.at(-1)!.atMs }];
  } else if (state !== null) {
    const launched = machine.ec2.findIndex(({ value }) => value !== null);
    machine.ec2 = machine.ec2.slice(launched);
  }
}

export function readLedger(world: World, missing: number[], choice: Choice): LedgerRead {
  const serverMs = world.nowMs;
  if (world.store === "s3") {
    const seen = choice.object(world.versions);
    const version = seen === 0 ? null : world.versions[seen - 1]!;
    return {
      kind: "object",
      record: version?.record ?? null,
      etag: version === null ? null : `etag-${version.number}`,
      serverMs,
    };
  }
  const seen = choice.log(world.versions, missing);
  return {
    kind: "log",
    template: seen.length === 0 ? null : TEMPLATE,
    entries: seen.map(({ number, follows, record }) => ({ number, follows, record, newer: false })),
    serverMs,
  };
}

export function write(
  world: World,
  record: FoundingRecord,
  at: Position,
  choice: Choice,
): WriteResult {
  const repeated = world.versions.find((version) => version.record.nonce === record.nonce);
  if (world.store === "s3") {
    const etag = world.versions.length === 0 ? null : `etag-${world.versions.length}`;
    const wanted = at.kind === "object" ? at.etag : null;
    if (wanted !== etag && wanted !== ANY) return { kind: "lost" };
    append(world, record, world.versions.length, true);
    return { kind: "done", at: { kind: "object", etag: `etag-${world.versions.length}` } };
  }
  if (at.kind !== "log") {
    if (world.versions.length > 0) {
      return repeated?.number === 1 && choice.isRepeated()
        ? { kind: "done", at: { kind: "log", template: TEMPLATE, head: 1, last: 1 } }
        : { kind: "lost" };
    }
    append(world, record, 0, true);
    return { kind: "done", at: { kind: "log", template: TEMPLATE, head: 1, last: 1 } };
  }
  if (repeated !== undefined && choice.isRepeated()) return numbered(repeated.number, at.last);
  const isNext = (recordNow(world)?.number ?? 0) === at.head;
  append(world, record, at.head, isNext);
  return numbered(world.versions.length, at.last);
}

/** `last`: the highest number that the writer had seen. */
function numbered(number: number, last: number): WriteResult {
  if (number !== last + 1) return { kind: "appended", template: TEMPLATE, number };
  return { kind: "done", at: { kind: "log", template: TEMPLATE, head: number, last: number } };
}

function append(world: World, record: FoundingRecord, follows: number, counts: boolean): void {
  const number = world.versions.length + 1;
  const version: Version = { number, follows, record, atMs: world.nowMs, counts };
  world.versions = [...world.versions, version];
  if (counts) judgeRecord(world, version);
}

export function publish(
  world: World,
  machine: Machine,
  manager: TokenMark,
  worker: TokenMark,
): void {
  if (world.store === "s3") {
    const { fingerprint } = manager;
    world.objects = [
      ...world.objects.filter((object) => object.fingerprint !== fingerprint),
      { fingerprint, manager, worker },
    ];
    return;
  }
  tag(world, machine, manager, worker);
}

export function retract(world: World, machine: Machine): void {
  tag(world, machine, null, null);
}

function tag(
  world: World,
  machine: Machine,
  manager: TokenMark | null,
  worker: TokenMark | null,
): void {
  if (!world.tagged.includes(machine.index)) world.tagged = [...world.tagged, machine.index];
  if (latest(machine.managerTag)?.digest !== manager?.digest) {
    machine.managerTag = after(world, machine.managerTag, manager);
  }
  if (latest(machine.workerTag)?.digest !== worker?.digest) {
    machine.workerTag = after(world, machine.workerTag, worker);
  }
}

/** The server leaves out who is terminated, as far as that read knows. */
export function readTokens(
  world: World,
  fingerprint: string,
  want: Role[],
  choice: Choice,
): Shown[] {
  if (world.store === "s3") {
    const object = world.objects.find((one) => one.fingerprint === fingerprint);
    return [{
      by: "s3",
      state: "running",
      cluster: null,
      manager: want.includes("manager") ? object?.manager ?? null : null,
      worker: want.includes("worker") ? object?.worker ?? null : null,
      malformed: [],
    }];
  }
  return world.tagged.flatMap((index) => {
    const machine = world.machines[index]!;
    const { state, manager, worker } = choice.tagged(machine);
    if (state === null || state === "terminated" || (manager === null && worker === null)) {
      return [];
    }
    const { cluster } = config;
    return [{ by: machine.instance, state, cluster, manager, worker, malformed: [] }];
  });
}

/** The other managers that EC2 shows as running, each with the time since it first did. */
export function readNeighbours(world: World, me: Machine, choice: Choice): Neighbour[] {
  return world.machines.flatMap((machine) => {
    if (machine === me || machine.role !== "manager") return [];
    if (choice.state(machine.ec2) !== "running") return [];
    const launched = machine.ec2.find(({ value }) => value !== null);
    const runningMs = world.nowMs - (launched?.atMs ?? world.nowMs);
    return [{ instance: machine.instance, address: machine.address, runningMs }];
  });
}

export function readMarks({ marks, nowMs }: World): Mark[] {
  return marks.map(({ fingerprint, over, atMs }) => ({
    cluster: "default",
    fingerprint,
    over,
    ageMs: nowMs - atMs,
  }));
}

export function attest(world: World, fingerprint: string, over: string[]): void {
  const atMs = world.nowMs;
  const others = world.marks.filter((mark) => mark.fingerprint !== fingerprint);
  world.marks = [
    ...others.map((mark) => over.includes(mark.fingerprint) ? { ...mark, over: true } : mark),
    { fingerprint, over: false, atMs },
  ];
}

export function readInstances(
  world: World,
  ids: string[],
  addresses: string[],
  choice: Choice,
): Instance[] {
  const found = new Map<string, Instance>();
  for (const id of ids) {
    const machine = machineNamed(world, id);
    const instance = machine === undefined ? null : instanceOf(machine, choice);
    if (instance !== null) found.set(instance.instance, instance);
  }
  if (addresses.length > 0) {
    for (const machine of world.machines) {
      if (!addresses.includes(machine.address) || found.has(machine.instance)) continue;
      const instance = instanceOf(machine, choice);
      if (instance !== null && instance.state !== "terminated") {
        found.set(instance.instance, instance);
      }
    }
  }
  return [...found.values()];
}

export function instanceOf(machine: Machine, choice: Choice): Instance | null {
  const state = choice.state(machine.ec2);
  if (state === null) return null;
  return {
    instance: machine.instance,
    state,
    address: state === "terminated" ? null : machine.address,
    roleTag: machine.role,
    clusterTag: null,
  };
}
