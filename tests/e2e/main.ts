/**
 * End to end: the compiled binary, real Docker Engines, and an AWS that others wrote.
 *
 * `deno run -A tests/e2e/main.ts [--only REGEX] [--fail-fast] [--list] [--binary FILE]`, as root.
 */
import { enter, isInside, missing } from "./machine.ts";
import { type Case, play } from "./suite.ts";
import { badInput } from "./suites/bad_input.ts";
import { crashing } from "./suites/crashing.ts";
import { forming } from "./suites/forming.ts";
import { living } from "./suites/living.ts";
import { permissions } from "./suites/permissions.ts";
import { replacing } from "./suites/replacing.ts";
import { stale } from "./suites/stale.ts";
import { Vpc } from "./vpc.ts";

const MACHINES = 8;

async function main(args: string[]): Promise<number> {
  const cases: Case[] = [
    ...[...forming, ...crashing, ...living, ...replacing, ...stale],
    ...[...permissions, ...badInput],
  ];
  if (args.includes("--list")) {
    say(cases.map(({ name }) => name).join("\n"));
    return 0;
  }
  if (!isInside()) {
    const lacks = await missing();
    if (lacks.length === 0) return await enter(import.meta.filename ?? "", args);
    say(`The end-to-end tests need ${lacks.join(", ")}`);
    return 2;
  }
  const valueOf = (flag: string): string | null =>
    args.includes(flag) ? args[args.indexOf(flag) + 1] ?? null : null;
  const pattern = valueOf("--only");
  const only = pattern === null ? null : new RegExp(pattern);
  const vpc = await Vpc.start(MACHINES, valueOf("--binary"));
  const startMs = performance.now();
  const counts = await play(vpc, cases, { only, failFast: args.includes("--fail-fast") }, say);
  say(`  took ${Math.round((performance.now() - startMs) / 1000)} s`);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

function say(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

Deno.exit(await main(Deno.args));
