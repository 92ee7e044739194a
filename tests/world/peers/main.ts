/**
 * `make compare`: swarm-join and the algorithms of other tools in the same histories. Prints the tables
 * and writes docs/comparison.md. `--seeds N`: so many histories of hours; `--lives N`: so many of a month.
 */
import { parseArgs } from "node:util";
import { type Conditions, conditionsOf } from "../simulate/conditions.ts";
import { createDice } from "../simulate/dice.ts";
import { fleetOf, type Span } from "../simulate/fleets.ts";
import type { History } from "../simulate/history.ts";
import { createShelf, leaves, type Peer, peerOf, PEERS, TENDS } from "./peers.ts";
import { simulate } from "../simulate/simulate.ts";
import { foundedSwarm, isSomebody, managersOf, votersOf, type World } from "../world.ts";
import * as run from "../../../src/run.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    lives: { type: "string", default: "20" },
    write: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const SEEDS = Number(values.seeds);
const LIVES = Number(values.lives);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const HEAD = [
  "",
  "two swarms",
  "somebody left outside",
  "whole, median",
  "whole, worst",
  "AWS calls a node",
];
const LIFE_HEAD = [
  "",
  "lives to the end",
  "the others died after",
  "dead voters in the end",
  "left outside in the end",
  "AWS calls a node",
];

type Tool = Peer | "swarm-join, tags" | "swarm-join, S3";
const TOOLS: Tool[] = ["swarm-join, tags", "swarm-join, S3", ...PEERS];

/** What a history came to. */
interface Score {
  isForked: boolean;
  stuck: number;
  wholeMs: number | null;
  callsPerNode: number;
}

interface Setting {
  title: string;
  what: string;
  change: Partial<Conditions>;
}

const CALM: Partial<Conditions> = {
  troubleRate: 0,
  backgroundRate: 0,
  pauseRate: 0,
  mishaps: [],
  healMs: null,
};

const SETTINGS: Setting[] = [
  {
    title: "Calm",
    what:
      "six instances (three managers) are launched within a second; EC2's reads are up to 5 s old",
    change: { ...CALM, launchMs: 1_000, staleMs: 5_000 },
  },
  {
    title: "Stale",
    what: "as before, launched within ten seconds, and EC2's reads are up to 2 min old",
    change: { ...CALM, launchMs: 10_000, staleMs: 120_000 },
  },
  {
    title: "Rough",
    what: "as drawn from each seed: crashes between an effect and its answer, reboots, stops, " +
      "terminations, partitions, lost answers, pauses, rotated tokens, replacements, hours that pass",
    change: {},
  },
];

/** All whose machines leave have a hook, and the time for it. */
const HOOK_MS = 15 * 60_000;

/** Of the short ones so many more are played. */
const MORE = 10;

const LIFETIMES: { title: string; what: string; span: Span; count: number }[] = [
  {
    title: "A month of deployments",
    what:
      "each day both groups are replaced by an instance refresh, one machine after the other, " +
      "and nothing else happens",
    span: "deploys",
    count: LIVES,
  },
  {
    title: "A month of everything",
    what:
      "the same, and on one day of five a spot machine is taken (with two minutes' notice, or " +
      "without a word), a group is larger for a while, or a zone is lost",
    span: "month",
    count: LIVES,
  },
  {
    title: "A bad day",
    what:
      "up to eight of all these within hours, a minute to an hour apart: refreshes that hardly wait, " +
      "zones that are lost, and reboots, partitions, lost answers and stale reads besides",
    span: "rough",
    count: LIVES * MORE,
  },
];

const pages = SETTINGS.map(({ title, what, change }) =>
  sectionOf(title, what, tableOf(HEAD, TOOLS.map((tool) => rowOf(tool, change))))
);
const lives = LIFETIMES.map(({ title, what, span, count }) =>
  sectionOf(title, what, tableOf(LIFE_HEAD, TOOLS.map((tool) => lifeOf(tool, span, count))))
);
if (values.write) {
  const file = new URL("../../../docs/comparison.md", import.meta.url);
  await Deno.mkdir(new URL(".", file), { recursive: true });
  await Deno.writeTextFile(file, pageOf(pages, lives));
}

/** Printed, and as a part of the page. */
function sectionOf(title: string, what: string, table: string): string {
  print(`${title}: ${what}\n\n${table}\n`);
  return `### ${title}\n\n${what.slice(0, 1).toUpperCase()}${what.slice(1)}.\n\n${table}\n`;
}

function lifeOf(tool: Tool, span: Span, count: number): string[] {
  const histories = Array.from({ length: count }, (_, i) => {
    const conditions = fleetOf(span, i + 1, { managers: 3, nodes: 6 });
    const groups = { ...conditions.groups!, hookMs: HOOK_MS, keeps: true };
    return played(tool, { ...conditions, groups });
  });
  const alive = histories.filter(({ diedMs, world }) =>
    diedMs === null && foundedSwarm(world) !== null
  );
  const died = histories.flatMap(({ diedMs }) => diedMs ?? []).sort((a, b) => a - b);
  const calls = histories.map(({ awsCalls, world }) => awsCalls / world.machines.length);
  return [
    tool,
    `${alive.length} of ${count}`,
    died.length === 0 ? "" : age(died[died.length >> 1]!),
    mean(alive.map(ghostsOf)),
    mean(alive.map(outsideOf)),
    mean(calls),
  ];
}

function rowOf(tool: Tool, change: Partial<Conditions>): string[] {
  const scores = Array.from({ length: SEEDS }, (_, i) => play(tool, i + 1, change));
  const share = (is: (score: Score) => boolean): string =>
    `${(100 * scores.filter(is).length / SEEDS).toFixed(1)} %`;
  const times = scores.flatMap(({ wholeMs }) => wholeMs ?? []).sort((a, b) => a - b);
  const calls = scores.reduce((sum, { callsPerNode }) => sum + callsPerNode, 0) / SEEDS;
  return [
    tool,
    share(({ isForked }) => isForked),
    share(({ stuck }) => stuck > 0),
    seconds(times[times.length >> 1]),
    seconds(times.at(-1)),
    calls.toFixed(1),
  ];
}

function play(tool: Tool, seed: number, change: Partial<Conditions>): Score {
  const conditions = conditionsOf(seed, { nodes: 6, managers: 3, start: "nothing", ...change });
  const { world, joinedMs, awsCalls } = played(tool, conditions);
  return scoreOf(world, joinedMs, awsCalls);
}

function played(tool: Tool, conditions: Conditions): History {
  const store = tool === "swarm-join, S3" ? "s3" : "tags";
  const shelf = createShelf();
  const dice = createDice(conditions.seed + 77);
  const peer = PEERS.find((name) => name === tool);
  if (peer === undefined) return simulate(run, { ...conditions, store }, { isUnjudged: true });
  const tends = TENDS[peer];
  return simulate(run, { ...conditions, store }, {
    isUnjudged: true,
    leaves: leaves(peer),
    ...(tends === undefined ? {} : { tends }),
    spawn: (world, machine, errand) => peerOf(peer, errand, world, machine, shelf, dice.next),
  });
}

/** Forked: two swarms with a living manager that others can find or are in. Stuck: a living machine outside the largest. */
function scoreOf(world: World, wholeMs: number, awsCalls: number): Score {
  const living = world.machines.filter(({ power }) => power === "up" || power === "down");
  const sizes = world.swarms
    .filter((swarm) =>
      managersOf(world, swarm).some((i) => world.machines[i]!.power !== "terminated") &&
      (swarm.isFounded || swarm.nodes.length > 1)
    )
    .map(({ fingerprint }) =>
      living.filter(({ place }) => place.kind === "member" && place.swarm === fingerprint).length
    );
  const isForked = sizes.length > 1;
  const stuck = living.length - Math.max(0, ...sizes);
  return {
    isForked,
    stuck,
    wholeMs: isForked || stuck > 0 ? null : wholeMs,
    callsPerNode: awsCalls / world.machines.length,
  };
}

/** Of the swarm that was there first: votes of machines that are gone, or are another node by now. */
function ghostsOf({ world }: History): number {
  const swarm = foundedSwarm(world);
  return swarm === null
    ? 0
    : votersOf(swarm).filter((node) =>
      world.machines[node.machine]!.power === "terminated" || !isSomebody(world, swarm, node)
    ).length;
}

/** Living machines that are in no swarm, or in another one. */
function outsideOf({ world }: History): number {
  const swarm = foundedSwarm(world)?.fingerprint;
  return world.machines.filter(({ power, place, isGoing }) =>
    power === "up" && !isGoing && !(place.kind === "member" && place.swarm === swarm)
  ).length;
}

function age(ms: number): string {
  return ms < DAY_MS ? `${(ms / HOUR_MS).toFixed(1)} h` : `${(ms / DAY_MS).toFixed(1)} days`;
}

function mean(numbers: number[]): string {
  if (numbers.length === 0) return "";
  return (numbers.reduce((sum, one) => sum + one, 0) / numbers.length).toFixed(1);
}

function tableOf(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(["---", ...head.slice(1).map(() => "--:")]), ...rows.map(line)].join(
    "\n",
  );
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "never" : `${(ms / 1000).toFixed(1)} s`;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function pageOf(tables: string[], lives: string[]): string {
  return `# The same histories, other tools

\`make compare\` plays ${SEEDS} histories (seeds 1 to ${SEEDS}) of six instances, three of them managers, for
each algorithm in each setting, and writes this page. The world is that of \`make sim\`: EC2 with stale
reads and request limits, Engines, machines that fail. In rough histories everything that can be
healed is after four minutes, and every machine boots once more. Each tool has 25 minutes then to bring
its swarm together.

- **two swarms**: histories that end with two swarms that both have a living manager. swarm-join's are those
  in which a bucket lost the record and every mark while all managers were silent; the others' stores
  lose nothing
- **somebody left outside**: histories that end with a living machine outside the largest swarm, also
  where nothing could help (a raft that has lost its quorum for good)
- **whole**: from the first launch until the last machine was a member, in histories without either

${tables.join("\n")}
## How long a swarm lives

${LIVES} histories of thirty days for each algorithm, and ten times as many of hours. Auto Scaling keeps three
managers and three workers over three zones, launches before it terminates or after, gives addresses out
again or not, and counts a new machine some minutes after its boot, as drawn from each seed. swarm-join runs
as \`keep\`. Of the others a new machine runs what its tool runs at a boot, and what its tool does from time to
time is done too. A machine that Auto Scaling terminates has 15 minutes to leave where its tool does that, and
is terminated at once where not; with a spot notice two minutes; and where nobody is asked, none.

- **lives to the end**: a swarm formed, and has, or can have again, a quorum on the last day. A raft that has
  lost half of its voters or more for good is dead, and the history ends
- **the others died after**: their median
- **dead voters**, **left outside**: of those that live, per swarm: votes that nobody casts any more, and living
  machines that are in no swarm or in another one

${lives.join("\n")}
## Who is who, and what is fair

The algorithms are written after the published sources; \`tests/world/peers/peers.ts\` has each in a dozen
lines or two. Each has its own delays, and what its authors leave to chance is decided in its favour: its
store is strongly consistent and never fails, a join has the right address and a deadline, a machine
that is in a swarm is left in peace, and a run that fails is started again after 30 s.

| | source | what decides who starts the swarm |
| --- | --- | --- |
| NAIVE | the idea that this tool began with | nobody shows a token |
| TRJ | trajano/terraform-docker-swarm-aws | manager 0 at once, manager i after 10·i looks at tags |
| D4A | Docker for AWS | a row in DynamoDB, put if absent |
| GAR | garutilorenzo/docker-swarm-aws-terraform-cluster | the oldest running manager, computed once |
| JAI | jairov4/swarm-sigterm-handler | an S3 object, put, and read again after 5 s |
| DEV | devbrosllc/aws-swarm-tools | no row in DynamoDB |

What they do better: D4A, JAI and DEV need one or two requests where EC2's tags need several, and TRJ's
first manager asks nobody before it starts. GAR and D4A never start a second swarm in calm weather.
D4A and JAI take machines out of the swarm when they are terminated, as this tool does. Of those that
went without a word JAI hears nothing; D4A looks for them every few minutes; this tool's managers ask EC2 as
soon as the swarm shows that one is down.

| | when a machine is told to go | when one has gone without a word |
| --- | --- | --- |
| swarm-join | drain, mark in the record, demote if the others are a quorum, wait for the worker's certificate and the tasks, leave; one manager after the other | a manager demotes and removes who is dead by EC2's word |
| D4A | demote, 30 s, a manager removes it with force; no drain, no leave. A leader that is the primary waits 3 min first | the leader's cron demotes and removes who is unreachable and of whom EC2 shows nobody at that address |
| JAI | drain, 50 s, demote, 15 s, leave with force; a manager removes it with force | nothing |
| the others | nothing | nothing |
`;
}
