/** Waiting: it ends with the work, with the time, or with the signal, and leaves nothing behind. */
import assert from "node:assert/strict";
import { orEnded, sleep, within } from "../../src/time.ts";

const FOREVER_MS = 3_600_000;
const never = new AbortController().signal;

Deno.test("a wait is as long as it should be", async () => {
  const order: string[] = [];
  await Promise.all([
    sleep(40, never).then(() => order.push("long")),
    sleep(1, never).then(() => order.push("short")),
  ]);
  assert.deepEqual(order, ["short", "long"]);
});

Deno.test("a signal ends a wait under way, and one not begun, and no timer is left", async () => {
  const caller = new AbortController();
  const wait = sleep(FOREVER_MS, caller.signal);
  caller.abort();
  await wait;
  await sleep(FOREVER_MS, caller.signal);
});

Deno.test("work that ends in time is what it comes to, also when that is a failure", async () => {
  assert.equal(await orEnded(Promise.resolve(5), never), 5);
  await assert.rejects(orEnded(Promise.reject(new Error("a defect")), never), /a defect/);
});

Deno.test("work that does not end, ends for who waits when the signal aborts", async () => {
  const caller = new AbortController();
  const waited = orEnded(new Promise(() => {}), caller.signal);
  caller.abort();
  assert.equal(await waited, "ended");
  assert.equal(await orEnded(new Promise(() => {}), caller.signal), "ended");
});

Deno.test("work that fails after it was given up disturbs nobody", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  assert.equal(await orEnded(promise, AbortSignal.abort()), "ended");
  reject(new Error("too late"));
  await sleep(0, never);
});

Deno.test("many waits on one signal leave no listener on it", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>): void => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>): void => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  await Promise.all([1, 2, 3].map(() => sleep(0, signal)));
  assert.equal(listeners, 0);
});

Deno.test("a deadline passes by itself, or with the signal", async () => {
  assert.equal(await orEnded(new Promise(() => {}), within(1, never)), "ended");
  const caller = new AbortController();
  const signal = within(FOREVER_MS, caller.signal);
  assert.ok(!signal.aborted);
  caller.abort();
  assert.ok(signal.aborted);
});
