/** All that a node may be answered in a state of the world, or just the truth. */
import { type Choice, enact, type Trouble } from "../enact.ts";
import { answers as answersTruly, lookAt } from "../engine.ts";
import type { View } from "./outcomes.ts";
import {
  type History,
  latest,
  type Machine,
  machineAt,
  type Version,
  type World,
} from "../world.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import type { Engine, InstanceState, TokenMark } from "../../../src/state.ts";

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
  tagged: ({ ec2, managerTag, workerTag }) => ({
    state: latest(ec2),
    manager: latest(managerTag),
    worker: latest(workerTag),
  }),
  log: (versions) => versions,
  object: (versions) => versions.length,
  course: () => "direct",
  isRepeated: () => true,
};

/** As the truth, with one thing otherwise. */
export function truthBut(change: Partial<Choice>): Choice {
  return { ...TRUTH, ...change };
}

export function troubled(trouble: Trouble): Choice {
  return truthBut({ trouble: () => trouble });
}

/**
 * `floor`: with S3, what is older than so many versions was overwritten before the node's last act; `seen`:
 * what its Engine has said since; `known`: answers of views that differ by the record alone.
 */
export function wholeView(
  world: World,
  machine: Machine,
  floor: number,
  seen: Engine[],
  faults: boolean,
  stopsAtWaits: boolean,
  known: Map<string, AnyAnswer[]>,
): View {
  return {
    faults,
    stopsAtWaits,
    engine: [...seen, lookAt(world, machine)].map((value) => ({ ok: true, value })),
    isIdle: (call) =>
      call.kind === "publish" &&
      isPublished(world, machine, `${call.manager.digest} ${call.worker.digest}`),
    wrongAnswers: (call) =>
      call.kind === "probe" ? wrongProbes(world, machine, call.addresses) : [],
    answers: (call) => {
      if (call.kind === "ledger") return allAnswers(world, machine, call, floor);
      const key = JSON.stringify(call);
      let answers = known.get(key);
      if (answers === undefined) {
        known.set(key, answers = allAnswers(world, machine, call, floor));
      }
      return answers;
    },
  };
}

/** Whether the tokens with these digests are shown by this machine, or by the ledger. */
export function isPublished(
  { objects, store }: World,
  machine: Machine,
  published: string,
): boolean {
  const named = (manager?: TokenMark | null, worker?: TokenMark | null): boolean =>
    `${manager?.digest} ${worker?.digest}` === published;
  return store === "tags"
    ? named(latest(machine.managerTag), latest(machine.workerTag))
    : objects.some(({ manager, worker }) => named(manager, worker));
}

/** Whether others can change what this machine's Engine says: only a manager's tells of others, and alone in a swarm that nobody may join there are none. */
export function isSeenByOthers(world: World, { place }: Machine): boolean {
  if (place.kind === "attempt") return true;
  return place.kind === "member" && place.manager &&
    (world.swarms.find(({ fingerprint }) => fingerprint === place.swarm)?.isFounded ?? true);
}

function allAnswers(world: World, machine: Machine, call: Call, floor: number): AnyAnswer[] {
  if (call.kind === "probe") return probes(world, machine, call.addresses);
  const found = new Map<string, AnyAnswer>();
  const paths = new Paths();
  const choice = anything(paths, floor);
  do {
    const answer = enact(world, machine, call, choice);
    found.set(JSON.stringify(answer), answer);
  } while (paths.advance());
  return [...found.values()];
}

function anything(paths: Paths, floor: number): Choice {
  const any = <T>(history: History<T>): T =>
    history.length === 1 ? history[0]!.value : history[paths.take(history.length)]!.value;
  // Whether one runs or is stopped is the same to a run (`assumptions_test.ts`).
  const anyState = (history: History<InstanceState | null>): InstanceState | null => {
    const state = any(history);
    return state === "stopped" ? "running" : state;
  };
  return {
    ...TRUTH,
    state: anyState,
    tagged: ({ ec2, managerTag, workerTag }) => {
      const state = anyState(ec2);
      if (managerTag.length !== workerTag.length) {
        return { state, manager: any(managerTag), worker: any(workerTag) };
      }
      // Both are written by one call, and no rule needs both: they are seen together.
      const age = managerTag.length === 1 ? 0 : paths.take(managerTag.length);
      return { state, manager: managerTag[age]!.value, worker: workerTag[age]!.value };
    },
    log: (versions) => {
      const shown: Version[] = versions.slice(0, paths.take(versions.length + 1));
      if (shown.length < 2) return shown;
      // Without a gap, or with one.
      const gap = paths.take(shown.length);
      return gap === shown.length - 1 ? shown : shown.filter((_, i) => i !== gap);
    },
    object: (versions) => {
      const low = Math.min(floor, versions.length);
      return low + paths.take(versions.length - low + 1);
    },
  };
}

/** The truth; a connection that was lost, or was there a moment ago, is a fault of `wrongAnswers`. */
function probes(world: World, machine: Machine, addresses: string[]): AnyAnswer[] {
  return [{ ok: true, value: addresses.filter((one) => answersTruly(world, machine, one)) }];
}

/** A probe with one answer that is not true now. */
export function wrongProbes(world: World, machine: Machine, addresses: string[]): AnyAnswer[] {
  const truly = addresses.filter((one) => answersTruly(world, machine, one));
  return addresses.flatMap((address) => {
    if (truly.includes(address)) {
      return [{ ok: true as const, value: truly.filter((one) => one !== address) }];
    }
    const { place } = machineAt(world, address) ?? {};
    if (place?.kind !== "member" || !place.manager) return [];
    return [{
      ok: true as const,
      value: addresses.filter((one) => one === address || truly.includes(one)),
    }];
  });
}
