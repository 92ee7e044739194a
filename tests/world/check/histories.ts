/** What EC2 may show of a machine, as the model checker tells it apart: which values, not when. */
import { type History, latest, type Machine } from "../world.ts";

function nameOfValue(value: unknown): string {
  return typeof value === "object" && value !== null
    ? (value as { digest: string }).digest
    : String(value);
}

export function historyKey(history: History<unknown>): string {
  return history.map(({ value }) => nameOfValue(value)).join();
}

/**
 * That a machine which is not stopped any more once was is not shown: `decide` takes it for running
 * (`assumptions_test.ts`).
 */
export function shownAsSet(history: Machine["ec2"]): Machine["ec2"] {
  const last = history.length - 1;
  return asSet(
    history.map((stamped, i) =>
      i < last && stamped.value === "stopped" ? { ...stamped, value: "running" } : stamped
    ),
  );
}

/** Any older value may be seen: their order and number are nothing; the newest stays last. */
export function asSet<T>(history: History<T>): History<T> {
  if (history.length === 1) return history;
  const values = new Map<string, T>();
  const newest = nameOfValue(latest(history));
  for (const { value } of history) {
    const name = nameOfValue(value);
    if (name !== newest) values.set(name, value);
  }
  return [
    ...[...values].sort(([a], [b]) => a < b ? -1 : 1).map(([, value]) => ({ value, atMs: 0 })),
    { value: latest(history), atMs: 0 },
  ];
}
