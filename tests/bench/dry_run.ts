/**
 * (b) A whole dry run on a node of a VPC with moto, with (d) its peak memory, (e) what it reads from the
 * disk, and (f) its AWS calls. The VPC has no swarm yet, so each plans to init.
 */
import { type Contestant, environmentOf } from "./contestants.ts";
import { measure, type Measured, shuffled } from "./measure.ts";
import type { Results } from "./results.ts";
import { insideOf, placesOf, type World } from "./world.ts";

const WARMUPS = 1;

export async function measureDryRun(
  contestants: readonly Contestant[],
  world: World,
  rounds: number,
  results: Results,
): Promise<void> {
  await world.fresh("tags");
  for (let round = -WARMUPS; round < rounds; round++) {
    for (const one of shuffled(contestants)) {
      const { measured, calls, firstAwsMs } = await dryRun(one, world, false);
      if (round < 0) continue;
      results.add(one.name, "dryRunMs", measured.wallMs);
      results.add(one.name, "peakBytes", measured.peakBytes);
      if (one.join === null) continue;
      results.add(one.name, "dryRunCalls", calls);
      if (firstAwsMs !== null) results.add(one.name, "firstAwsMs", firstAwsMs);
    }
  }
}

/** Each with none of its own files in memory, from a disk of the bench's own. */
export async function measureCold(
  contestants: readonly Contestant[],
  world: World,
  rounds: number,
  results: Results,
): Promise<void> {
  await world.fresh("tags");
  for (let round = 0; round < rounds; round++) {
    for (const one of shuffled(contestants)) {
      const { measured } = await dryRun(one, world, true);
      results.add(one.name, "readBytes", measured.readBytes);
    }
  }
}

async function dryRun(
  one: Contestant,
  { vpc, node }: World,
  cold: boolean,
): Promise<{ measured: Measured; calls: number; firstAwsMs: number | null }> {
  const before = (await vpc.aws.calls()).length;
  const measured = await measure(one.plan, {
    env: environmentOf(one, placesOf(node)),
    inside: insideOf(node),
    ...(cold ? { evict: one.files } : {}),
  });
  if (one.join !== null && !/\binit\b/.test(measured.stdout)) {
    throw new Error(`${one.name} does not plan to init: ${measured.stdout}${measured.stderr}`);
  }
  const calls = (await vpc.aws.calls()).slice(before);
  const [first] = calls;
  const firstAwsMs = first ? first.atMs - measured.startWallMs : null;
  return { measured, calls: calls.length, firstAwsMs };
}
