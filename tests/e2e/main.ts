/**
 * End to end: the compiled binary, real Docker Engines, and an AWS that others wrote.
 *
 * `deno run -A tests/e2e/main.ts [--only REGEX] [--store tags|s3] [--engines oldest|newest|mixed]
 * [--once] [--fail-fast] [--list] [--binary FILE]`, as root. `--once`: each case once, on one of its
 * stores and one of the Engines, in turn. `ENGINE=/path/dockerd`: on this Engine alone.
 */
import { enter, isInside, missing } from "./machine.ts";
import { type Case, chosen, fleetAcross, fleetsOf, type Ground, play } from "./suite.ts";
import { badInput } from "./suites/bad_input.ts";
import { boards } from "./suites/boards.ts";
import { crashing } from "./suites/crashing.ts";
import { deployed, deploysWithout } from "./suites/deployed.ts";
import { engines } from "./suites/engines.ts";
import { forming } from "./suites/forming.ts";
import { hooks } from "./suites/hooks.ts";
import { keeping } from "./suites/keeping.ts";
import { leaving } from "./suites/leaving.ts";
import { ledgers } from "./suites/ledgers.ts";
import { living } from "./suites/living.ts";
import { type Fleet, fleetOf, FLEETS, isChoice, programs } from "./programs.ts";
import { machines } from "./suites/machines.ts";
import { outliving } from "./suites/outliving.ts";
import { permissions } from "./suites/permissions.ts";
import { recovering } from "./suites/recovering.ts";
import { removed } from "./suites/removed.ts";
import { replacing } from "./suites/replacing.ts";
import { shelves } from "./suites/shelves.ts";
import { stale } from "./suites/stale.ts";
import { staying } from "./suites/staying.ts";
import { unseen } from "./suites/unseen.ts";
import { upgrading } from "./suites/upgrading.ts";
import { type Store, Vpc } from "./vpc.ts";

const MACHINES = 8;
/** How many grounds are played side by side: what two cores carry. */
const AT_ONCE = 9;

/** What is slow by its nature: a swarm takes its time to see who comes and goes. */
const waiting = [
  ...outliving,
  ...leaving,
  ...staying,
  ...recovering,
  ...removed,
  ...engines,
  ...hooks,
  ...keeping,
  ...deployed,
]
  .map((one): Case => ({ ...one, slow: true }));

/** Each of these on every mix of store and Engine: whatever else, a swarm forms. */
const everywhereAlike = [...forming, ...crashing];

/** The others on two of the four mixes, so that each meets both stores and both Engines. */
const inTurn = [
  ...[...living, ...replacing, ...stale],
  ...[...permissions, ...badInput, ...ledgers, ...shelves, ...boards, ...upgrading],
  ...[...unseen, ...machines, ...waiting],
].map((one, index): Case => {
  const isChosen = one.stores !== undefined || one.fleets !== undefined;
  const across = index % 2 === 0 ? "oldest" : "newest";
  return { ...one, ...(isChosen ? {} : { across }) };
});

const all: Case[] = [...everywhereAlike, ...inTurn];

async function main(args: string[]): Promise<number> {
  if (args.includes("--list")) {
    say(all.map(({ name }) => name).join("\n"));
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
  const [store, fleet] = [storeIn(args), fleetIn(args)];
  if (store === null || fleet === null) {
    throw new TypeError("inside, a store and a fleet are named");
  }
  const engines = await programs();
  const vpc = await Vpc.start(MACHINES, valueOf(args, "--binary"), fleetOf(engines, fleet));
  const counts = await play(vpc, casesIn(args, isChoice(engines) ? null : fleet), {
    store,
    fleet,
    slow: args.includes("--slow"),
    only: onlyIn(args),
    failFast: args.includes("--fail-fast"),
  }, say);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

/** All, or each once. `alone`: the one fleet that is played. */
function casesIn(args: string[], alone: Fleet | null): Case[] {
  return args.includes("--once") ? all.map((one, index) => onceInTurn(one, index, alone)) : all;
}

/**
 * The case on one of its stores and Engines, and once. More cases are for S3 alone, so of the others
 * tags get more.
 */
function onceInTurn(
  { times: _, across, ...one }: Case,
  index: number,
  alone: Fleet | null,
): Case {
  const only = one.stores?.length === 1 ? one.stores[0] : undefined;
  const store: Store = only ?? (index % 5 < 2 ? "s3" : "tags");
  const fleets = fleetsOf(one);
  const inTurn = across === undefined
    ? fleets[index % fleets.length] ?? "oldest"
    : fleetAcross(across, store);
  return { ...one, stores: [store], fleets: alone === null ? [inTurn] : fleets };
}

/** All grounds on which there is something to play, some side by side: most cases wait most of the time. */
async function everywhere(args: string[]): Promise<number> {
  const startMs = performance.now();
  const engines = await programs();
  say(`Engines: ${engines.map(({ version }) => version).join(", ")}`);
  const counts = { passed: 0, failed: 0 };
  // An Engine of one's own is the newest: some cases are for that alone.
  const isOwn = Deno.env.get("ENGINE") !== undefined;
  const asked = fleetIn(args) ?? (isOwn ? "newest" : null);
  if (!isChoice(engines) && asked === null) {
    say("  There is no newer Engine beside the installed one: tools/engines.sh fetches some");
    // All of it was asked for.
    if (!args.includes("--once")) counts.failed++;
  }
  if (deployed.length === 0) {
    say(`  What Terraform makes is left out: needs ${deploysWithout.join(", ")}`);
    if (!args.includes("--once")) counts.failed++;
  }
  const fleets = asked !== null ? [asked] : isChoice(engines) ? FLEETS : FLEETS.slice(0, 1);
  const store = storeIn(args);
  const grounds = fleets.flatMap((fleet) =>
    (store === null ? STORES : [store]).flatMap((store) =>
      [true, false].map((slow): Ground => ({ store, fleet, slow, only: onlyIn(args) }))
    )
  ).filter((ground) =>
    chosen(casesIn(args, isChoice(engines) ? null : ground.fleet), ground).length > 0
  );
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = grounds.shift(); next !== undefined; next = grounds.shift()) {
      await playOn(next, args, counts);
    }
  }));
  say(`  took ${Math.round((performance.now() - startMs) / 1000)} s`);
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

async function playOn(
  { store, fleet, slow }: Ground,
  args: string[],
  counts: { passed: number; failed: number },
): Promise<void> {
  let summed = false;
  const own = [...args, "--store", store, "--engines", fleet, ...(slow ? ["--slow"] : [])];
  const startMs = performance.now();
  const code = await enter(import.meta.filename ?? "", own, (line) => {
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(line) ?? [];
    if (passed === undefined) return say(line);
    summed = true;
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  });
  const seconds = Math.round((performance.now() - startMs) / 1000);
  say(`  over   ${store}, ${fleet}${slow ? ", slow ones" : ""}: ${seconds} s`);
  if (summed) return;
  say(`  FAILED the tests on ${store} with the ${fleet} Engine ended early, with exit ${code}`);
  counts.failed++;
}

const STORES: readonly Store[] = ["tags", "s3"];

function onlyIn(args: string[]): RegExp | null {
  const pattern = valueOf(args, "--only");
  return pattern === null ? null : new RegExp(pattern);
}

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
