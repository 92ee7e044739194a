/** What a simulated history is made of, and what comes of it. */
import type { Mishap } from "./conditions.ts";
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
  world: World;
}

/** A run on a machine, and what it waits for. */
export interface Node {
  machine: Machine;
  program: Program | null;
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
  | { kind: "heal" };

export type Tell = (atMs: number, who: string, what: string) => void;

export interface Setting {
  /** Makes the program that runs on a machine; the production loop when left out. */
  spawn?: (world: World, machine: Machine, runId: string) => Program;
  tell?: Tell;
  /** Plays on when a property is broken, and judges nothing at the end. */
  isUnjudged?: boolean;
}

export function nodeOf(machine: Machine): Node {
  return {
    machine,
    program: null,
    startedMs: 0,
    run: 0,
    answers: null,
    isSteady: false,
    ending: null,
    doneMs: 0,
    place: machine.place,
    joinedMs: 0,
  };
}
