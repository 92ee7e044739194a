/** All that a node may be answered in a state of the world, or just the truth. */
import { type Choice, enact, type Trouble } from "../enact.ts";
import { answers as answersTruly, contentsOf, lookAt } from "../engine.ts";
import { ALWAYS_NEW_MS } from "../starts.ts";
import { type History, latest, type Machine, machineAt, nodeOf, type World } from "../world.ts";
import type { AnyAnswer, Look } from "../../../src/calls.ts";
import type { Engine, Fault } from "../../../src/state.ts";

/** Takes every way through a sequence of choices in turn. */
class Paths {
  #ways: number[] = [];
  #sizes: number[] = [];
  #at = 0;

  take(size: number): number {
    const way = this.#ways[this.#at] ?? 0;
    this.#ways[this.#at] = way;
    this.#sizes[this.#at] = size;
    this.#at++;
    return way;
  }

  /** Goes to the next way; false: all were taken. */
  advance(): boolean {
    this.#ways.length = this.#at;
    this.#sizes.length = this.#at;
    this.#at = 0;
    while (this.#ways.length > 0) {
      const last = this.#ways.length - 1;
      this.#ways[last]!++;
      if (this.#ways[last]! < this.#sizes[last]!) return true;
      this.#ways.pop();
      this.#sizes.pop();
    }
    return false;
  }
}

/** What is true now. */
export const TRUTH: Choice = {
  trouble: () => null,
  state: latest,
  word: latest,
  tagged: ({ ec2, managerTag, workerTag }) => ({
    state: latest(ec2),
    manager: latest(managerTag),
    worker: latest(workerTag),
  }),
  log: (versions) => versions,
  object: (versions) => versions.length,
  course: () => "direct",
  isRepeated: () => true,
  isFormer: () => false,
  ageMs: (atMs) => atMs === 0 ? LONG_MS : 0,
};

/** Longer than anything has to last. */
const LONG_MS = 100 * 24 * 3_600_000;

/** As the truth, with one thing otherwise. */
export function truthBut(change: Partial<Choice>): Choice {
  return { ...TRUTH, ...change };
}

export function troubled(trouble: Trouble): Choice {
  return truthBut({ trouble: () => trouble });
}

/** How old a node's reads of what is never old may be: as old as its last act. */
export interface Horizon {
  /** Reads of the S3 object show at least so many versions. */
  floor: number;
  /** What there was to see since then, but what there is now. */
  seen: Glimpse[];
}

/** What its Engine said; and who answered, while there was no record: then it counts that nobody does. */
export interface Glimpse {
  engine: Engine;
  answering: string[] | null;
}

export function glimpseOf(world: World, machine: Machine): Glimpse {
  const isBare = world.versions.length === 0;
  const addresses = isBare ? world.machines.map(({ address }) => address) : [];
  const answering = addresses.filter((one) => answersTruly(world, machine, one));
  return { engine: lookAt(world, machine), answering: isBare ? answering : null };
}

/**
 * An answer that a read may have. `cost`: whether it is a fault; `blind`: it says nothing of who is where;
 * `deaf`: it lacks somebody who answers.
 */
export interface Seeing {
  answer: AnyAnswer;
  cost: number;
  blind: boolean;
  deaf: boolean;
  /** Where that read leaves the node's horizon. */
  then: Horizon;
}

const FAULTS: Fault["kind"][] = ["denied", "timeout", "throttled"];
const REMOTE: readonly Look["kind"][] = [
  "ledger",
  "tokens",
  "instances",
  "probe",
  "neighbours",
  "words",
  "marks",
];

/** All that a read may answer. `faults`: and what may go wrong with it. */
export function seeings(
  world: World,
  machine: Machine,
  call: Look,
  horizon: Horizon,
  faults: boolean,
): Seeing[] {
  const all = answersOf(world, machine, call, horizon);
  if (!faults || !REMOTE.includes(call.kind)) return all;
  const wrong = call.kind === "probe" ? wrongProbes(world, machine, call.addresses) : [];
  return [
    ...all,
    ...wrong.map(({ answer, deaf }) => ({ answer, cost: 1, blind: false, deaf, then: horizon })),
    ...FAULTS.map((kind) => ({
      answer: { ok: false as const, fault: { kind, message: "" } },
      cost: 1,
      blind: call.kind !== "probe",
      deaf: false,
      then: horizon,
    })),
  ];
}

function answersOf(world: World, machine: Machine, call: Look, horizon: Horizon): Seeing[] {
  const { floor, seen } = horizon;
  const sure = (answer: AnyAnswer, then = horizon): Seeing => ({
    answer,
    cost: 0,
    blind: false,
    deaf: false,
    then,
  });
  if (call.kind === "engine") {
    return unlike(
      [...seen, { engine: lookAt(world, machine) }].map(({ engine: value }, k) =>
        sure({ ok: true, value }, { floor, seen: seen.slice(k) })
      ),
    );
  }
  if (call.kind === "probe") {
    const before = seen.flatMap(({ answering }, k) => {
      if (answering === null) return [];
      const value = call.addresses.filter((one) => answering.includes(one));
      return sure({ ok: true, value }, { floor, seen: seen.slice(k) });
    });
    return unlike([...before, sure(enact(world, machine, call, TRUTH), { floor, seen: [] })]);
  }
  if (call.kind === "ledger" && world.store === "s3") {
    // Of an object that was lost since, its versions are nothing to go by.
    const least = Math.min(floor, world.versions.length);
    return Array.from({ length: world.versions.length - least + 1 }, (_, k) => {
      const choice = truthBut({ object: () => least + k });
      return sure(enact(world, machine, call, choice), { floor: least + k, seen });
    });
  }
  const found = new Map<string, AnyAnswer>();
  const paths = new Paths();
  const choice = anything(paths);
  do {
    const answer = enact(world, machine, call, choice);
    found.set(JSON.stringify(answer), answer);
  } while (paths.advance());
  return [...found.values()].map((answer) => sure(answer));
}

/** Each answer once, as early as it may come: later ones are still to be had then. */
function unlike(seeings: Seeing[]): Seeing[] {
  const first = new Map<string, Seeing>();
  for (const one of seeings) {
    const name = JSON.stringify(one.answer);
    if (!first.has(name)) first.set(name, one);
  }
  return [...first.values()];
}

/**
 * EC2 shows any older value, each by itself, and any beginning of the log, with one version missing or none.
 * What is not from long ago may have become so.
 */
function anything(paths: Paths): Choice {
  const any = <T>(history: History<T>): T =>
    history[history.length === 1 ? 0 : paths.take(history.length)]!.value;
  return {
    ...TRUTH,
    state: any,
    word: any,
    tagged: ({ ec2, managerTag, workerTag }) => {
      const state = any(ec2);
      if (managerTag.length !== workerTag.length) {
        return { state, manager: any(managerTag), worker: any(workerTag) };
      }
      // Both are written by one call, and no rule needs both: they are seen together.
      const age = managerTag.length === 1 ? 0 : paths.take(managerTag.length);
      return { state, manager: managerTag[age]!.value, worker: workerTag[age]!.value };
    },
    isFormer: () => paths.take(2) === 1,
    ageMs: (atMs) => {
      if (atMs === 0 || atMs === ALWAYS_NEW_MS) return atMs === 0 ? LONG_MS : 0;
      return paths.take(2) === 1 ? LONG_MS : 0;
    },
    log: (versions, _missing, settled) => {
      const shown = versions.slice(0, settled + paths.take(versions.length - settled + 1));
      if (shown.length < 2) return shown;
      const gap = settled + paths.take(shown.length - settled);
      return gap >= shown.length - 1 ? shown : shown.filter((_, i) => i !== gap);
    },
  };
}

/** A probe with one answer that is not true: a connection was lost, or was there a moment ago. */
function wrongProbes(
  world: World,
  machine: Machine,
  addresses: string[],
): { answer: AnyAnswer; deaf: boolean }[] {
  const truly = addresses.filter((one) => answersTruly(world, machine, one));
  return addresses.flatMap((address) => {
    if (!truly.includes(address) && !isManagerAt(world, address)) return [];
    const value = addresses.filter((one) => truly.includes(one) !== (one === address));
    return [{ answer: { ok: true as const, value }, deaf: truly.includes(address) }];
  });
}

function isManagerAt(world: World, address: string): boolean {
  const machine = machineAt(world, address);
  return machine !== undefined && nodeOf(world, machine)?.votes === true;
}

/** All that a node can see of the world, as a text: equal texts, equal answers to all that it may ask. */
export function sightOf(world: World, machine: Machine): string {
  const { versions, templates, former, objects, marks, tagged, nowMs } = world;
  const others = world.machines.map(({ address, ec2, managerTag, workerTag, launchedMs }) => [
    ec2,
    managerTag,
    workerTag,
    launchedMs,
    answersTruly(world, machine, address),
    isManagerAt(world, address),
  ]);
  const { place } = machine;
  const isManager = place.kind === "member" && place.manager;
  const words = world.machines.map(({ word }) => word);
  const own = [
    lookAt(world, machine),
    contentsOf(world, machine, isManager),
    machine.isGoing,
    machine.isReleased,
    words,
  ];
  const aws = [versions, templates, former, objects, marks, tagged, nowMs];
  return JSON.stringify([machine.index, aws, others, own]);
}
