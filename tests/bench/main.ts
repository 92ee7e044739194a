/**
 * `make bench`: swarm-join beside an empty program of the same runtime, and beside the first sketch's
 * algorithm in Python and in bash. Prints a table and writes docs/performance.md.
 *
 * `--rounds N`: of each part (else 20, 10, 5 and 3). `--only a,b`: these parts only, and nothing is
 * written. As root it runs in namespaces of its own, as the end-to-end tests do; nothing leaves the
 * machine.
 */
import { parseArgs } from "node:util";
import { enter, isInside, missing } from "../e2e/machine.ts";
import { measureBoot } from "./boot.ts";
import { contestantsOf } from "./contestants.ts";
import { measureCold, measureDryRun } from "./dry_run.ts";
import { measureFirstByte } from "./first_byte.ts";
import { moveToOwnDisk } from "./disk.ts";
import { documentOf, tableOf } from "./report.ts";
import { Results } from "./results.ts";
import { bytesOnDisk, prepare, versions } from "./tools.ts";
import { World } from "./world.ts";

const PARTS = ["a", "b", "c", "d", "e", "f"];
const DOCUMENT = new URL("../../docs/performance.md", import.meta.url).pathname;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string" }, only: { type: "string" } },
  });
  const only = values.only?.split(",") ?? PARTS;
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  const isUsable = rounds === null || (Number.isInteger(rounds) && rounds > 0);
  if (!isUsable || !only.every((part) => PARTS.includes(part))) {
    say(`usage: make bench ARGS="[--rounds N] [--only ${PARTS.join(",")}]"`);
    return 2;
  }
  const lacks = await missing();
  // The way to a registry is outside.
  const tools = await prepare(say);
  if (lacks.length === 0 && !isInside()) return await enter(import.meta.filename ?? "", args, say);

  const results = new Results();
  const contestants = await contestantsOf(tools);
  const startMs = performance.now();
  const loadBefore = Deno.loadavg()[0] ?? 0;
  if (only.includes("a")) {
    say("(a) start to the first byte to IMDS");
    await measureFirstByte(contestants, rounds ?? 20, results);
  }
  for (const { name, files } of contestants) {
    results.add(name, "diskBytes", await bytesOnDisk(files));
  }
  let engine: string | null = null;
  if (lacks.length > 0) {
    say(`(b), (c), (d), (f) and what (e) reads are left out: they need ${lacks.join(", ")}`);
  } else if (only.some((part) => part !== "a")) {
    const world = await World.start();
    engine = await world.engineVersion();
    if (only.some((part) => "bdf".includes(part))) {
      say("(b) dry runs");
      await measureDryRun(contestants, world, rounds ?? 10, results);
    }
    if (only.includes("c")) {
      say("(c) boot to member");
      await measureBoot(contestants, world, rounds ?? 5, results);
    }
    if (only.includes("e")) {
      say("(e) dry runs from disk");
      const why = await moveToOwnDisk(contestants.flatMap(({ files }) => files));
      if (why === null) await measureCold(contestants, world, Math.min(rounds ?? 3, 3), results);
      else say(`what (e) reads is left out: ${why}`);
    }
  }
  const seconds = Math.round((performance.now() - startMs) / 1000);
  say(tableOf(contestants, results));
  say(`took ${seconds} s`);
  if (values.only === undefined && lacks.length === 0) {
    const machine = await versions(tools, engine);
    // What else ran makes (c) worse before all: its Engines want both cores.
    machine.push(["load average before", loadBefore.toFixed(1)]);
    const command = ["make bench", ...(rounds === null ? [] : [`ARGS="--rounds ${rounds}"`])].join(
      " ",
    );
    await Deno.mkdir(new URL(".", `file://${DOCUMENT}`).pathname, { recursive: true });
    await Deno.writeTextFile(
      DOCUMENT,
      documentOf(contestants, results, { machine, command, seconds }),
    );
    say(`wrote ${DOCUMENT}`);
  }
  return 0;
}

function say(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

Deno.exit(await main(Deno.args));
