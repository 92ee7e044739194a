/**
 * EC2 and S3. EC2's writes are atomic and in order, its reads may be old, each value by itself; S3 is
 * strongly consistent, and refuses a conditional write that comes late.
 */
import { fault } from "./engine.ts";
import { isListedIn, judgeLoss, judgeRecord, judgeTrim } from "./judge.ts";
import type { Choice } from "./enact.ts";
import { config, placement } from "./node.ts";
import {
  type History,
  latest,
  type Machine,
  machineNamed,
  recordNow,
  swarmNamed,
  type Version,
  type World,
} from "./world.ts";
import type { Answer, Instance, InstanceState, Role, TokenMark, Word } from "../../src/state.ts";
import type { Mark, Neighbour, Shown } from "../../src/shown.ts";
import type { FoundingRecord, LedgerRead, Position, WriteResult } from "../../src/founding.ts";

/** What S3 takes for a write without a condition; only a mutant does that. */
const ANY = "*";

/** EC2's history of a machine's state goes on. */
export function shows(world: World, machine: Machine, state: InstanceState | null): void {
  if (machine.isOutside) return;
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

/**
 * Whether the record can be lost now: while nobody writes it, or is on the way into its swarm or from
 * another one.
 */
export function isLosable(world: World): boolean {
  const { record } = recordNow(world) ?? {};
  if (record === undefined || world.inFlight.length > 0) return false;
  return world.machines.every((machine) => {
    const { place, power } = machine;
    if (power === "terminated") return true;
    return place.kind === "member"
      ? place.swarm === record.fingerprint || !place.manager
      : !isListedIn(record, machine);
  });
}

/**
 * The record is deleted, by hand or by a rule by age, with S3 `alsoMarks`: long after all that was written
 * is shown.
 */
export function lose(world: World, alsoMarks: boolean): void {
  const { record } = recordNow(world) ?? {};
  world.strays = world.machines.flatMap((machine) =>
    world.strays.includes(machine.index) ||
      (record !== undefined && isListedIn(record, machine))
      ? machine.index
      : []
  );
  world.former = world.store === "tags" ? world.versions : [];
  world.versions = [];
  world.settled = 0;
  world.lostMs = world.nowMs;
  if (alsoMarks) world.marks = [];
  for (const machine of world.machines) {
    machine.ec2 = machine.ec2.slice(-1);
    machine.managerTag = machine.managerTag.slice(-1);
    machine.workerTag = machine.workerTag.slice(-1);
  }
  judgeLoss(world);
}

export function readLedger(world: World, missing: number[], choice: Choice): LedgerRead {
  const serverMs = world.nowMs;
  if (world.store === "s3") {
    const seen = choice.object(world.versions);
    const version = seen === 0 ? null : world.versions[seen - 1]!;
    return {
      kind: "object",
      record: version?.record ?? null,
      etag: version === null ? null : etagOf(world, version.number),
      serverMs,
    };
  }
  const isFormer = world.former.length > 0 && choice.isFormer();
  const settled = isFormer ? 0 : world.settled;
  const seen = choice.log(isFormer ? world.former : world.versions, missing, settled);
  const made = world.versions.length === 0 ? world.templates : world.templates - 1;
  return {
    kind: "log",
    template: seen.length === 0 ? null : `lt-${isFormer ? made : world.templates}`,
    entries: seen.map(({ number, follows, record, atMs }) => ({
      number,
      follows,
      record,
      newer: false,
      // The first version stays the default one.
      ...(number === 1 ? {} : { madeMs: atMs }),
    })),
    serverMs,
  };
}

export function write(
  world: World,
  record: FoundingRecord,
  at: Position,
  choice: Choice,
): Answer<WriteResult> {
  const repeated = world.versions.find((version) => version.record.nonce === record.nonce);
  if (world.store === "s3") {
    const { length } = world.versions;
    const etag = length === 0 ? null : etagOf(world, length);
    const wanted = at.kind === "object" ? at.etag : null;
    if (wanted !== etag && wanted !== ANY) return ok({ kind: "lost" });
    append(world, record, length, true);
    return ok({ kind: "done", at: { kind: "object", etag: etagOf(world, length + 1) } });
  }
  if (at.kind !== "log") {
    if (world.versions.length > 0) {
      return repeated?.number === 1 && choice.isRepeated()
        ? numbered(world, 1, 0)
        : ok({ kind: "lost" });
    }
    append(world, record, 0, true);
    return numbered(world, 1, 0);
  }
  if (world.versions.length === 0 || at.template !== `lt-${world.templates}`) {
    return fault("not-found", `${at.template} does not exist`);
  }
  if (repeated !== undefined && choice.isRepeated()) {
    return numbered(world, repeated.number, at.last);
  }
  const isNext = (recordNow(world)?.number ?? 0) === at.head;
  append(world, record, at.head, isNext);
  return numbered(world, world.versions.at(-1)!.number, at.last);
}

/** Nobody needs them, whatever of the log anybody has seen. */
export function trim(world: World, template: string, numbers: number[]): Answer<null> {
  if (world.versions.length === 0 || template !== `lt-${world.templates}`) {
    return fault("not-found", `${template} does not exist`);
  }
  judgeTrim(world, numbers);
  const isGone = ({ number }: Version): boolean => number > 1 && numbers.includes(number);
  world.settled -= world.versions.slice(0, world.settled).filter(isGone).length;
  world.versions = world.versions.filter((version) => !isGone(version));
  return { ok: true, value: null };
}

function ok(value: WriteResult): Answer<WriteResult> {
  return { ok: true, value };
}

/** Of an object that was lost and made again, each version has another one. */
function etagOf({ templates }: World, number: number): string {
  return `etag-${templates}.${number}`;
}

/** `last`: the highest number that the writer had seen. */
function numbered({ templates }: World, number: number, last: number): Answer<WriteResult> {
  const template = `lt-${templates}`;
  return ok(
    number !== last + 1
      ? { kind: "appended", template, number }
      : { kind: "done", at: { kind: "log", template, head: number, last: number } },
  );
}

function append(world: World, record: FoundingRecord, follows: number, counts: boolean): void {
  if (world.versions.length === 0) world.templates++;
  const number = (world.versions.at(-1)?.number ?? 0) + 1;
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
      addresses: [],
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
    const { instance: by, address } = machine;
    return [{ by, addresses: [address], state, cluster, manager, worker, malformed: [] }];
  });
}

/** The machines of these roles that EC2 shows as running, each with the time since it was launched. */
export function readNeighbours(world: World, roles: Role[], choice: Choice): Neighbour[] {
  return world.machines.flatMap((machine) => {
    if (!roles.includes(machine.role)) return [];
    if (choice.state(machine.ec2) !== "running") return [];
    const { instance, address, launchedMs } = machine;
    return [{ instance, address, runningMs: world.nowMs - launchedMs }];
  });
}

export function readMarks(world: World, choice: Choice): Mark[] {
  return world.marks.map(({ fingerprint, over, atMs }) => ({
    cluster: config.cluster,
    fingerprint,
    clusterId: swarmNamed(world, fingerprint).clusterId,
    over,
    ageMs: choice.ageMs(atMs),
  }));
}

/** With S3 an object of each that says something, which is never old; else its own tag. */
export function readWords(
  { store, machines }: World,
  instance: string | null,
  choice: Choice,
): (Word & { instance: string })[] {
  return machines.flatMap((machine) => {
    if (instance !== null && machine.instance !== instance) return [];
    if (store === "tags" && choice.state(machine.ec2) === null) return [];
    const word = store === "s3" ? latest(machine.word) : choice.word(machine.word);
    return word === null ? [] : { ...word, instance: machine.instance };
  });
}

export function announce(world: World, machine: Machine, word: Word | null): void {
  machine.word = after(world, machine.word, word);
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
    launchMs: machine.bornMs,
    placement,
    labelTags: {},
  };
}
