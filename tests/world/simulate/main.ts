/**
 * `make sim`: plays random histories of large worlds. `make sim SEED=7` replays one as a timeline, with
 * `NODES=5` one of that size; `CONDITIONS='{…}'` replays a shrunk one. `ARGS="--seeds 1000000"` plays
 * so many. `SPAN=year` is of Auto Scaling groups, as `fleets.ts` tells their spans.
 */
import { parseArgs } from "node:util";
import { type Conditions, conditionsOf } from "./conditions.ts";
import { fleetOf, type Span, SPANS } from "./fleets.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulate.ts";
import type { Code } from "../program.ts";
import * as run from "../../../src/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    seeds: { type: "string", default: "100000" },
    nodes: { type: "string" },
    span: { type: "string" },
    brief: { type: "boolean", default: false },
  },
});
const code: Code = run;
// Make hands on what stands on its command line.
const seed = values.seed ?? Deno.env.get("SEED");
const nodes = values.nodes ?? Deno.env.get("NODES");
const shrunk = Deno.env.get("CONDITIONS");
const size = nodes === undefined ? {} : { nodes: Number(nodes) };
const span = spanOf(values.span ?? Deno.env.get("SPAN"));

if (shrunk !== undefined) replay(JSON.parse(shrunk) as Conditions);
else if (seed !== undefined) replay(drawn(Number(seed)));
else playAll(Number(values.from), Number(values.seeds));

function spanOf(name: string | undefined): Span | undefined {
  const span = SPANS.find((one) => one === name);
  if (span !== undefined || name === undefined) return span;
  print(`There is no span ${name}: it is one of ${SPANS.join(", ")}`);
  Deno.exit(2);
}

function drawn(seed: number): Conditions {
  return span === undefined ? conditionsOf(seed, size) : fleetOf(span, seed, size);
}

function replay(conditions: Conditions): void {
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
  let died = 0;
  for (let seed = from; seed < from + count; seed++) {
    const conditions = drawn(seed);
    const { broken, diedMs } = simulate(code, conditions);
    if (diedMs !== null) died++;
    if (broken.length === 0) continue;
    failed++;
    if (failed > 10) continue;
    const { property, what } = broken[0]!;
    print(`seed ${seed}: ${property}: ${what}`);
    const how = [
      ...(span === undefined ? [] : [`SPAN=${span}`]),
      ...(nodes === undefined ? [] : [`NODES=${nodes}`]),
    ];
    print(`  again: make sim ${[`SEED=${seed}`, ...how].join(" ")}`);
    if (values.brief) continue;
    print(`  shrunk: make sim CONDITIONS='${JSON.stringify(shrink(code, conditions))}'`);
  }
  const seconds = (performance.now() - startMs) / 1000;
  print(
    `${count} histories in ${seconds.toFixed(1)} s (${
      Math.round(count / seconds)
    } a second), ${failed} failed, ${died} swarms died`,
  );
  print(`${count - failed} passed, ${failed} failed`);
  if (failed > 0) Deno.exit(1);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
