/**
 * Waiting, in one place: for a while, for a piece of work, or until a deadline. A signal ends each of
 * them early, and none of them leaves a listener behind.
 */

/** Waits this long, or until the signal aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await orEnded(promise, signal);
  clearTimeout(timer);
}

/** What the work comes to, or "ended" once the signal aborts: the work then goes on, and nobody hears of it. */
export async function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T | "ended"> {
  const { promise: ended, resolve } = Promise.withResolvers<"ended">();
  const end = (): void => resolve("ended");
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** Aborts after this long, or when the signal does. */
export function within(ms: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}
