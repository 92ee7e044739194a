/** The same failure under simpler conditions: fewer mishaps, fewer nodes, less of everything. */
import type { Conditions } from "./conditions.ts";
import type { Code } from "../program.ts";
import { simulate } from "./simulate.ts";

export function shrink(code: Code, conditions: Conditions): Conditions {
  let smallest = conditions;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const simpler of simplerThan(smallest)) {
      if (simulate(code, simpler).broken.length === 0) continue;
      smallest = simpler;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

function simplerThan(c: Conditions): Conditions[] {
  const zero = (key: "launchMs" | "staleMs" | "troubleRate" | "backgroundRate" | "pauseRate") =>
    c[key] === 0 ? [] : [{ ...c, [key]: 0 }];
  const half = c.mishaps.length >> 1;
  const halves = half < 8 ? [] : [c.mishaps.slice(0, half), c.mishaps.slice(half)];
  return [
    ...halves.map((mishaps) => ({ ...c, mishaps })),
    ...c.mishaps.map((_, i) => ({ ...c, mishaps: c.mishaps.filter((_, j) => j !== i) })),
    ...zero("troubleRate"),
    ...zero("pauseRate"),
    ...zero("backgroundRate"),
    ...zero("staleMs"),
    ...zero("launchMs"),
    ...(c.nodes > c.managers ? [{ ...c, nodes: c.nodes - 1 }] : []),
  ];
}
