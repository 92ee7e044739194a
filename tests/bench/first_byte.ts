/** (a) From the start of the process to its first byte to IMDS, warm. */
import { type Contestant, environmentOf } from "./contestants.ts";
import { measure, shuffled } from "./measure.ts";
import { BENCH_DIR } from "./tools.ts";
import type { Results } from "./results.ts";

/** Runs before those that count: files come into memory. */
const WARMUPS = 3;

export async function measureFirstByte(
  contestants: readonly Contestant[],
  rounds: number,
  results: Results,
): Promise<void> {
  for (let round = -WARMUPS; round < rounds; round++) {
    for (const one of shuffled(contestants)) {
      const measured = await measure(one.join ?? one.plan, {
        env: environmentOf(one, {
          // Nothing listens there: what is asked side by side with IMDS is refused at once.
          DOCKER_HOST: `unix://${BENCH_DIR}/none.sock`,
          SWARM_JOIN_LOCK_FILE: "/tmp/swarm-join-bench.lock",
        }),
        listen: one.asksImds,
      });
      const { firstByteMs, wallMs } = measured;
      if (round >= 0) results.add(one.name, "firstByteMs", one.asksImds ? firstByteMs : wallMs);
    }
  }
}
