/**
 * `keep` in virtual time: `decide/watch.ts` as it ships, driven as `node/keep.ts` drives it. What is looked at
 * between runs answers at once; a machine at rest in a swarm in which nothing happens is not looked at.
 */
import type { Event, Node } from "./history.ts";
import type { Dice } from "./dice.ts";
import type { Watching } from "../program.ts";
import type { Errand, Watch, Watched } from "../../../src/decide/watch.ts";
import type { AnyAnswer, Call, Told } from "../../../src/calls.ts";
import type { End, Facts } from "../../../src/state.ts";

const INTERVAL_MS = 30_000;
/** Nothing changes what IMDS says but that the machine is told to go, which it then hears. */
const UNCHANGED = "lifecycle" satisfies Watched;

/** `keep` on one machine. `wakesMs`: when it looks again; null: once something happens. */
export interface Keeper {
  w: Watch;
  bornMs: number;
  wakesMs: number | null;
  /** The run that is under way. */
  errand: Errand | null;
}

/** What keepers can do in a history. */
export interface Hands {
  readonly dice: Dice;
  readonly nowMs: () => number;
  /** Whether anything has happened so lately that there may be something to do. */
  readonly isLively: () => boolean;
  readonly timeoutMs: number;
  add(inMs: number, event: Event): void;
  perform(node: Node, call: Call): AnyAnswer;
  run(node: Node, errand: Errand): void;
  /** It has ended: its machine is in no swarm any more, or somebody asked it to end. */
  ended(node: Node, result: "left" | "stopped"): void;
}

export class Keepers {
  constructor(readonly watching: Watching, readonly hands: Hands) {}

  /** Its unit is started. */
  begin(node: Node): void {
    const { timeoutMs, nowMs } = this.hands;
    const w = this.watching.newWatch({ intervalMs: INTERVAL_MS, timeoutMs });
    node.keeper = { w, bornMs: nowMs(), wakesMs: null, errand: null };
    this.#step(node, node.keeper);
  }

  wake(node: Node, atMs: number): void {
    const { keeper } = node;
    if (keeper === null || keeper.wakesMs !== atMs || node.machine.power !== "up") return;
    this.#step(node, keeper);
  }

  /** Something has happened in its swarm: it sees that when it looks next. */
  stir(node: Node): void {
    const { keeper } = node;
    if (keeper === null || keeper.errand !== null || keeper.wakesMs !== null) return;
    this.#wakeIn(node, keeper, this.hands.dice.between(0, INTERVAL_MS));
  }

  /** It hears that its machine is told to go, or is asked to end: a run that is under way may be cut for that. */
  hears(node: Node, isStopped = false): void {
    const { keeper } = node;
    if (keeper === null) return;
    keeper.w = { ...keeper.w, nowMs: this.#ageMs(keeper), isStopped };
    this.#look(node, keeper, { kind: UNCHANGED });
    const { errand } = keeper;
    if (errand === null) return this.#step(node, keeper);
    if (!this.watching.isOvertaken(keeper.w, errand)) return;
    node.program = null;
    this.#ran(node, keeper, errand, { end: "cut", rule: "stopped", engine: undefined });
  }

  /** Its run has come to its end. */
  over(node: Node, { exit, rule }: End, engine: Facts["engine"]): void {
    const { keeper } = node;
    if (keeper === null || keeper.errand === null) return;
    const end = exit === 0 ? "reached" : "failed";
    this.#ran(node, keeper, keeper.errand, { end, rule, engine });
  }

  #ran(
    node: Node,
    keeper: Keeper,
    errand: Errand,
    how: Parameters<Watching["ran"]>[2],
  ): void {
    keeper.errand = null;
    keeper.w = this.watching.ran({ ...keeper.w, nowMs: this.#ageMs(keeper) }, errand, how);
    this.#step(node, keeper);
  }

  #step(node: Node, keeper: Keeper): void {
    const { dice, ended, run } = this.hands;
    keeper.wakesMs = null;
    for (;;) {
      keeper.w = { ...keeper.w, nowMs: this.#ageMs(keeper) };
      const step = this.watching.watch(keeper.w);
      switch (step.kind) {
        case "look":
          keeper.w = { ...keeper.w, dice: dice.next() };
          for (const call of step.calls) this.#look(node, keeper, call);
          break;
        case "run":
          keeper.w = { ...keeper.w, dice: dice.next() };
          keeper.errand = step.errand;
          return run(node, step.errand);
        case "rest":
          return this.#rest(node, keeper, step.ms);
        case "end":
          node.keeper = null;
          return ended(node, step.result);
        default:
          return step satisfies never;
      }
    }
  }

  #look(node: Node, keeper: Keeper, call: Call & { kind: Watched }): void {
    const answer = this.hands.perform(node, call);
    // Which answer belongs to which call is what `enact` promises.
    keeper.w = this.watching.watched(keeper.w, { kind: call.kind, call, answer } as Told<Watched>);
  }

  /** Until it looks at anything but its metadata, or runs; for ever, where it would find all in order. */
  #rest(node: Node, keeper: Keeper, ms: number): void {
    const { w } = keeper;
    const isWell = w.last?.errand.goal === "join" && w.last.end === "reached" &&
      w.ailingMs === null;
    if (isWell && !this.hands.isLively()) return;
    let so: Watch = { ...w, nowMs: w.nowMs + ms };
    for (;;) {
      const step = this.watching.watch(so);
      if (step.kind === "rest") so = { ...so, nowMs: so.nowMs + step.ms };
      else if (step.kind === "look" && step.calls.every(({ kind }) => kind === UNCHANGED)) {
        const seenMs = { ...so.seenMs, [UNCHANGED]: so.nowMs };
        so = { ...so, seenMs, dice: this.hands.dice.next() };
      } else break;
    }
    keeper.w = { ...so, nowMs: w.nowMs };
    this.#wakeIn(node, keeper, so.nowMs - w.nowMs);
  }

  #wakeIn(node: Node, keeper: Keeper, inMs: number): void {
    const atMs = this.hands.nowMs() + inMs;
    keeper.wakesMs = atMs;
    this.hands.add(inMs, { kind: "keep", node, atMs });
  }

  #ageMs({ bornMs }: Keeper): number {
    return Math.floor(this.hands.nowMs() - bornMs);
  }
}
