/**
 * End to end: the compiled binary, real Docker Engines, and an AWS that others wrote.
 *
 * `deno run -A tests/e2e/main.ts [--only REGEX] [--store tags|s3] [--once] [--fail-fast]
 * [--list] [--binary FILE]`, as root. `--once`: each case once, on one of its stores, in turn.
 */
import { enter, isInside, missing } from "./machine.ts";
import { type Case, play } from "./suite.ts";
import { badInput } from "./suites/bad_input.ts";
import { crashing } from "./suites/crashing.ts";
import { engines } from "./suites/engines.ts";
import { forming } from "./suites/forming.ts";
import { ledgers } from "./suites/ledgers.ts";
import { living } from "./suites/living.ts";
import { permissions } from "./suites/permissions.ts";
import { replacing } from "./suites/replacing.ts";
import { shelves } from "./suites/shelves.ts";
import { stale } from "./suites/stale.ts";
import { Vpc } from "./vpc.ts";

const MACHINES = 8;

async function main(args: string[]): Promise<number> {
  const cases: Case[] = [
    ...[...forming, ...crashing, ...living, ...replacing, ...stale],
    ...[...permissions, ...badInput, ...ledgers, ...shelves, ...engines],
  ];
  if (args.includes("--list")) {
    say(cases.map(({ name }) => name).join("\n"));
    return 0;
  }
  if (!isInside()) {
    const lacks = await missing();
    if (lacks.length > 0) {
      say(`The end-to-end tests need ${lacks.join(", ")}`);
      return 2;
    }
    return await both(args);
  }
  const pattern = valueOf(args, "--only");
  const store = valueOf(args, "--store");
  if (store !== "tags" && store !== "s3") throw new TypeError(`--store ${store}: tags or s3`);
  const chosen = args.includes("--once") ? cases.map(onceInTurn) : cases;
  const vpc = await Vpc.start(MACHINES, valueOf(args, "--binary"));
  const counts = await play(vpc, chosen, {
    store,
    only: pattern === null ? null : new RegExp(pattern),
    failFast: args.includes("--fail-fast"),
  }, say);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

/** The case on one of its stores, and once. */
function onceInTurn({ times: _, ...one }: Case, index: number): Case {
  const { stores = ["tags", "s3"] } = one;
  return { ...one, stores: stores.filter((_, at) => at === index % stores.length) };
}

/** One VPC for each store, side by side: most cases wait most of the time. */
async function both(args: string[]): Promise<number> {
  const startMs = performance.now();
  const asked = valueOf(args, "--store");
  const counts = { passed: 0, failed: 0 };
  const played = (asked === null ? ["tags", "s3"] : [asked]).map(async (store) => {
    let summed = false;
    const own = asked === null ? [...args, "--store", store] : args;
    const code = await enter(import.meta.filename ?? "", own, (line) => {
      const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(line) ?? [];
      if (passed === undefined) return say(line);
      summed = true;
      counts.passed += Number(passed);
      counts.failed += Number(failed);
    });
    if (summed) return;
    say(`  FAILED the tests of the store ${store} ended early, with exit ${code}`);
    counts.failed++;
  });
  await Promise.all(played);
  say(`  took ${Math.round((performance.now() - startMs) / 1000)} s`);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

function valueOf(args: string[], flag: string): string | null {
  return args.includes(flag) ? args[args.indexOf(flag) + 1] ?? null : null;
}

function say(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

Deno.exit(await main(Deno.args));
