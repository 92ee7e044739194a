/** How the simulated machines see the world: what is stale, lost or slow, drawn from the dice. */
import type { Conditions } from "./conditions.ts";
import type { Dice } from "./dice.ts";
import type { Choice, Trouble } from "../enact.ts";
import type { History, Version, World } from "../world.ts";
import type { Call } from "../../../src/calls.ts";

/** What is left of staleness once all is healed. */
const HEALED_STALE_MS = 1_000;
const READS: readonly Call["kind"][] = [
  "ledger",
  "tokens",
  "instances",
  "self",
  "probe",
  "neighbours",
  "marks",
];
const WRITES: readonly Call["kind"][] = ["write", "publish", "attest", "retract", "trim"];

export interface Sight extends Choice {
  heal(): void;
}

export function createSight(world: World, dice: Dice, conditions: Conditions): Sight {
  let { staleMs, troubleRate, backgroundRate } = conditions;
  let isHealed = false;

  function seen<T>(history: History<T>): T {
    const last = history[history.length - 1]!;
    if (history.length === 1) return last.value;
    const asOfMs = world.nowMs - dice.next() * staleMs;
    for (let i = history.length - 1; i > 0; i--) {
      if (history[i]!.atMs <= asOfMs) return history[i]!.value;
    }
    return history[0]!.value;
  }

  return {
    heal: () => {
      isHealed = true;
      staleMs = Math.min(staleMs, HEALED_STALE_MS);
      troubleRate = 0;
      backgroundRate = 0;
    },
    trouble: ({ kind }): Trouble | null => {
      if (!dice.chance(troubleRate)) return null;
      if (kind === "write" && dice.chance(0.2)) return "late";
      if (WRITES.includes(kind)) {
        return dice.pick<Trouble>(["lost-request", "lost-answer", "lost-answer", "throttled"]);
      }
      if (READS.includes(kind)) return dice.pick<Trouble>(["lost-request", "throttled", "denied"]);
      if (kind === "init" || kind === "join") return "lost-answer";
      return null;
    },
    state: seen,
    word: seen,
    tagged: (machine) => ({
      state: seen(machine.ec2),
      manager: seen(machine.managerTag),
      worker: seen(machine.workerTag),
    }),
    log: (versions, missing) => {
      if (versions.length === 0 || staleMs === 0) return versions;
      const shown: Version[] = [];
      for (const version of versions) {
        const isShown = version.atMs <= world.nowMs - dice.next() * staleMs ||
          (missing.includes(version.number) &&
            version.atMs <= world.nowMs - dice.next() * staleMs);
        if (isShown) shown.push(version);
      }
      return shown;
    },
    object: (versions) => versions.length,
    course: () => dice.chance(backgroundRate) ? "background" : "direct",
    isRepeated: () => true,
    isFormer: () => !isHealed && world.lostMs > world.nowMs - dice.next() * staleMs,
    ageMs: (atMs) => world.nowMs - atMs,
  };
}
