/**
 * `make sim`: plays random histories of large worlds. `--seed N` replays one as a timeline, `--seeds N`
 * plays so many; `--nodes N` fixes the size.
 */
import { parseArgs } from "node:util";
import { conditionsOf } from "./conditions.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulate.ts";
import type { Code } from "./program.ts";
import * as run from "../../src/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    seeds: { type: "string", default: "100000" },
    nodes: { type: "string" },
    quiet: { type: "boolean", default: false },
    brief: { type: "boolean", default: false },
  },
});
const code: Code = run;
const size = values.nodes === undefined ? {} : { nodes: Number(values.nodes) };

if (values.seed !== undefined) replay(Number(values.seed));
else playAll(Number(values.from), Number(values.seeds));

function replay(seed: number): void {
  const conditions = conditionsOf(seed, size);
  print(JSON.stringify(conditions));
  const history = simulate(code, conditions, {
    tell: (atMs, who, what) =>
      print(`${(atMs / 1000).toFixed(3).padStart(9)} ${who.padEnd(6)} ${what}`),
  });
  for (const { property, what } of history.broken) print(`BROKEN ${property}: ${what}`);
}

function playAll(from: number, count: number): void {
  const startMs = performance.now();
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const conditions = conditionsOf(seed, size);
    const { broken } = simulate(code, conditions);
    if (broken.length === 0) continue;
    failed++;
    if (failed > 10) continue;
    const { property, what } = broken[0]!;
    print(`seed ${seed}: ${property}: ${what}`);
    if (!values.brief) print(`  shrunk: ${JSON.stringify(shrink(code, conditions))}`);
    print(`  replay: make sim ARGS="--seed ${seed}${size.nodes ? ` --nodes ${size.nodes}` : ""}"`);
  }
  const seconds = (performance.now() - startMs) / 1000;
  print(
    `${count} histories in ${seconds.toFixed(1)} s (${
      Math.round(count / seconds)
    } a second), ${failed} failed`,
  );
  print(`${count - failed} passed, ${failed} failed`);
  if (failed > 0) Deno.exit(1);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
