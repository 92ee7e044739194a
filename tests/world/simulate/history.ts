/** What a simulated history is made of, and what comes of it. */
import type { GroupEvent } from "./groups.ts";
import type { Keeper } from "./keepers.ts";
import type { Mishap } from "./conditions.ts";
import type { Doing } from "../nodes.ts";
import type { Program } from "../program.ts";
import type { Broken, Machine, World } from "../world.ts";
import type { AnyAnswer } from "../../../src/calls.ts";
import type { End } from "../../../src/state.ts";

export interface History {
  broken: Broken[];
  /** Ms until the last run that ended as done. */
  wholeMs: number;
  /** Ms until the last machine that is a member became one. */
  joinedMs: number;
  /** AWS requests, of all nodes. */
  awsCalls: number;
  throttled: number;
  nodes: number;
  /** When the swarm that the history is of had lost its quorum for good (ms); null: it lives. */
  diedMs: number | null;
  world: World;
}

/** A run on a machine, and what it waits for. */
export interface Node {
  machine: Machine;
  program: Program | null;
  /** What its last run is, or was, for. */
  errand: Errand;
  startedMs: number;
  /** Counts runs; an event of an earlier run is void. */
  run: number;
  /** To the calls of its last decision; null: it has yet to decide. */
  answers: AnyAnswer[] | null;
  /** Whether it does not stand still: what it saw last would be another Engine's. */
  isSteady: boolean;
  ending: End | null;
  doneMs: number;
  /** Its Engine's place when it was last looked at, and since when it is there. */
  place: Machine["place"];
  joinedMs: number;
  /** Of an Auto Scaling group: its availability zone, and since when it counts as booted there (ms). */
  zone: number;
  bornMs: number;
  /** Whether its group counts on it. */
  isCounted: boolean;
  /** It is told to go, and will be taken then (ms): until then it leaves. Null: it stays. */
  leavesByMs: number | null;
  toldMs: number;
  /** It has stopped what ran here; its swarm may start something since. */
  hasStopped: boolean;
  /** When its tool tends to the swarm again. */
  tendsMs: number;
  /** Null: each run is by itself. */
  keeper: Keeper | null;
}

export type Event =
  | { kind: "wake"; node: Node; run: number }
  | { kind: "start"; node: Node }
  | { kind: "mishap"; mishap: Mishap }
  | { kind: "up"; node: Node; isBare: boolean }
  | { kind: "mounted"; node: Node }
  | { kind: "heard"; node: Node }
  | { kind: "join"; node: Node }
  | { kind: "uncut"; node: Node }
  | { kind: "land" }
  | { kind: "does"; doing: Doing }
  | { kind: "sure"; swarm: string }
  | { kind: "placed"; swarm: string; node: string }
  | { kind: "tend"; node: Node; atMs: number }
  | { kind: "keep"; node: Node; atMs: number }
  | { kind: "off"; node: Node; mishap: Mishap }
  | GroupEvent
  | { kind: "heal" };

export type Tell = (atMs: number, who: string, what: string) => void;

/** What a run on a machine is for. `tend`: what other tools do from time to time. */
export type Errand = "join" | "leave" | "tend";

/** Makes the program that runs on a machine; null: it does nothing of the kind. */
export type Spawn = (
  world: World,
  machine: Machine,
  errand: Errand,
  run: { id: string; timeoutMs: number },
) => Program | null;

/** How often something is run on each manager, and for how long after something has changed. */
export interface Tends {
  everyMs: number;
  forMs: number;
}

export interface Setting {
  /** The production loop when left out. */
  spawn?: Spawn;
  /** Whether machines that are told to go do something about it; true when left out. */
  leaves?: boolean;
  /** When other tools tend to their swarm; the production loop has `keep`. */
  tends?: Tends;
  tell?: Tell;
  /** Plays on when a property is broken, and judges nothing at the end. */
  isUnjudged?: boolean;
}

export function nodeOf(machine: Machine): Node {
  return {
    machine,
    program: null,
    errand: "join",
    startedMs: 0,
    run: 0,
    answers: null,
    isSteady: false,
    ending: null,
    doneMs: 0,
    place: machine.place,
    joinedMs: 0,
    zone: 0,
    bornMs: 0,
    isCounted: true,
    leavesByMs: null,
    toldMs: 0,
    hasStopped: false,
    tendsMs: 0,
    keeper: null,
  };
}
