/**
 * End to end: the compiled binary, real Docker Engines, and an AWS that others wrote.
 *
 * `deno run -A tests/e2e/main.ts [--only REGEX] [--store tags|s3] [--engines oldest|newest|mixed]
 * [--once] [--fail-fast] [--list] [--binary FILE]`, as root. `--once`: each case once, on one of its
 * stores and one of the Engines, in turn. `ENGINE=/path/dockerd`: on this Engine alone.
 */
import { enter, isInside, missing } from "./machine.ts";
import { type Case, fleetsOf, play } from "./suite.ts";
import { badInput } from "./suites/bad_input.ts";
import { boards } from "./suites/boards.ts";
import { crashing } from "./suites/crashing.ts";
import { engines } from "./suites/engines.ts";
import { forming } from "./suites/forming.ts";
import { leaving } from "./suites/leaving.ts";
import { ledgers } from "./suites/ledgers.ts";
import { living } from "./suites/living.ts";
import { type Fleet, fleetOf, FLEETS, isChoice, programs } from "./programs.ts";
import { machines } from "./suites/machines.ts";
import { outliving } from "./suites/outliving.ts";
import { permissions } from "./suites/permissions.ts";
import { removed } from "./suites/removed.ts";
import { replacing } from "./suites/replacing.ts";
import { shelves } from "./suites/shelves.ts";
import { stale } from "./suites/stale.ts";
import { staying } from "./suites/staying.ts";
import { unseen } from "./suites/unseen.ts";
import { upgrading } from "./suites/upgrading.ts";
import { type Store, Vpc } from "./vpc.ts";

const MACHINES = 8;

async function main(args: string[]): Promise<number> {
  const cases: Case[] = [
    ...[...forming, ...crashing, ...living, ...replacing, ...stale],
    ...[
      ...permissions,
      ...badInput,
      ...ledgers,
      ...shelves,
      ...boards,
      ...engines,
      ...upgrading,
      ...unseen,
      ...outliving,
      ...leaving,
      ...staying,
      ...removed,
      ...machines,
    ],
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
    return await everywhere(args);
  }
  const pattern = valueOf(args, "--only");
  const [store, fleet] = [storeIn(args), fleetIn(args)];
  if (store === null || fleet === null) {
    throw new TypeError("inside, a store and a fleet are named");
  }
  const all = await programs();
  const alone = isChoice(all) ? null : fleet;
  const chosen = args.includes("--once")
    ? cases.map((one, index) => onceInTurn(one, index, alone))
    : cases;
  const vpc = await Vpc.start(MACHINES, valueOf(args, "--binary"), fleetOf(all, fleet));
  const counts = await play(vpc, chosen, {
    store,
    fleet,
    only: pattern === null ? null : new RegExp(pattern),
    failFast: args.includes("--fail-fast"),
  }, say);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

/**
 * The case on one of its stores and Engines, and once. More cases are for S3 alone, so of the others
 * tags get more. `alone`: the one fleet that is played.
 */
function onceInTurn({ times: _, ...one }: Case, index: number, alone: Fleet | null): Case {
  const fleets = alone === null
    ? [fleetsOf(one)[index % fleetsOf(one).length] ?? "oldest"]
    : fleetsOf(one);
  const stores: Store[] = [index % 5 < 2 ? "s3" : "tags"];
  return { ...one, stores: one.stores?.length === 1 ? one.stores : stores, fleets };
}

/** Where the cases are played: one VPC for each store and fleet. */
interface Ground {
  store: Store;
  fleet: Fleet;
}

/** All grounds side by side: most cases wait most of the time. The mixed fleets have few, and come last. */
async function everywhere(args: string[]): Promise<number> {
  const startMs = performance.now();
  const all = await programs();
  say(`Engines: ${all.map(({ version }) => version).join(", ")}`);
  const counts = { passed: 0, failed: 0 };
  // An Engine of one's own is the newest: some cases are for that alone.
  const isOwn = Deno.env.get("ENGINE") !== undefined;
  const asked = fleetIn(args) ?? (isOwn ? "newest" : null);
  if (!isChoice(all) && asked === null) {
    say("  There is no newer Engine beside the installed one: tools/engines.sh fetches some");
    // All of it was asked for.
    if (!args.includes("--once")) counts.failed++;
  }
  const fleets = asked !== null ? [asked] : isChoice(all) ? FLEETS : FLEETS.slice(0, 1);
  const store = storeIn(args);
  const grounds = fleets.flatMap((fleet) =>
    (store === null ? STORES : [store]).map((store): Ground => ({ store, fleet }))
  );
  for (const isLast of [false, true]) {
    const now = grounds.filter(({ fleet }) => (fleet === "mixed") === isLast);
    await Promise.all(now.map((ground) => playOn(ground, args, counts)));
  }
  say(`  took ${Math.round((performance.now() - startMs) / 1000)} s`);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

async function playOn(
  { store, fleet }: Ground,
  args: string[],
  counts: { passed: number; failed: number },
): Promise<void> {
  let summed = false;
  const own = [...args, "--store", store, "--engines", fleet];
  const code = await enter(import.meta.filename ?? "", own, (line) => {
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(line) ?? [];
    if (passed === undefined) return say(line);
    summed = true;
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  });
  if (summed) return;
  say(`  FAILED the tests on ${store} with the ${fleet} Engine ended early, with exit ${code}`);
  counts.failed++;
}

const STORES: readonly Store[] = ["tags", "s3"];

function storeIn(args: string[]): Store | null {
  return oneOf(STORES, "--store", valueOf(args, "--store"));
}

function fleetIn(args: string[]): Fleet | null {
  return oneOf(FLEETS, "--engines", valueOf(args, "--engines"));
}

function oneOf<T extends string>(all: readonly T[], flag: string, value: string | null): T | null {
  const found = all.find((one) => one === value) ?? null;
  if (value !== null && found === null) throw new TypeError(`${flag} ${value}: ${all.join(", ")}`);
  return found;
}

function valueOf(args: string[], flag: string): string | null {
  return args.includes(flag) ? args[args.indexOf(flag) + 1] ?? null : null;
}

function say(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

Deno.exit(await main(Deno.args));
