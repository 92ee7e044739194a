/** Which managers answer: TCP connections to the swarm's port, opened and closed at once. */
import { SWARM_PORT } from "../addresses.ts";
import type { Answer } from "../state.ts";
import { within } from "../time.ts";

const DEADLINE_MS = 2_000;
/** A process has few file descriptors; one that could not be opened would look like no answer. */
const AT_ONCE = 200;

/**
 * Gives those of the addresses that accept a connection, in the order in which they were asked for.
 * Refused, reset, dropped and unroutable are all the same: no answer. Many are asked side by side. A
 * `timeout` when the signal aborts: then nobody had the time to answer.
 */
export async function probe(addresses: string[], signal: AbortSignal): Promise<Answer<string[]>> {
  const answers: boolean[] = [];
  for (let at = 0; at < addresses.length && !signal.aborted; at += AT_ONCE) {
    const some = addresses.slice(at, at + AT_ONCE);
    answers.push(...await Promise.all(some.map((address) => accepts(address, signal))));
  }
  if (signal.aborted) {
    const message = `Cannot ask ${addresses.join(", ")} for a manager: the time is over`;
    return { ok: false, fault: { kind: "timeout", message } };
  }
  return { ok: true, value: addresses.filter((_, index) => answers[index]) };
}

async function accepts(hostname: string, signal: AbortSignal): Promise<boolean> {
  try {
    const reached = within(DEADLINE_MS, signal);
    using _connection = await Deno.connect({ hostname, port: SWARM_PORT, signal: reached });
    return true;
  } catch {
    return false;
  }
}
