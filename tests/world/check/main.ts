/**
 * `make prove`: the model checker over its worlds, the simulator over random histories and herds, then
 * the mutants. Prints states, depth, time and the verdict of each property; a violation is told as the
 * shortest story that leads to it.
 *
 * `--minutes N`: as long as the worlds take at most, on `--jobs N` threads; what one does not need is left
 * to those after it. `--seeds N`: so many histories. `--small`: only those of two machines that are searched soon.
 * `--world NAME`: only that world. `--no-mutants`: without these.
 */
import { parseArgs } from "node:util";
import { conditionsOf } from "../simulate/conditions.ts";
import type { Limits, Plan, Report } from "./explore.ts";
import { fleetOf, FLEETS, type Span } from "../simulate/fleets.ts";
import { HERDS, runHerd } from "../simulate/herd.ts";
import { type Mutant, MUTANTS, type Sought } from "../mutants.ts";
import { isSmall, PLANS, secondsOf } from "./plans.ts";
import { simulate } from "../simulate/simulate.ts";
import { PROPERTIES } from "../world.ts";
import * as run from "../../../src/run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "8" },
    jobs: { type: "string", default: String(Math.min(2, navigator.hardwareConcurrency)) },
    seeds: { type: "string", default: "50000" },
    small: { type: "boolean", default: false },
    world: { type: "string" },
    mutants: { type: "boolean", default: true },
  },
  allowNegative: true,
});

/** More than there is time for: a bound on memory. */
const STATES_MAX = 20_000_000;

const startMs = performance.now();
const reports = await proveAll(Number(values.minutes) * 60_000);
// On threads of their own, while histories are played here.
const planting = values.mutants ? plantAll(Number(values.jobs)) : Promise.resolve([]);
const failed = values.world === undefined ? playAll(Number(values.seeds)) : 0;
const herds = values.world === undefined ? driveHerds() : [];
const planted = await planting;
Deno.exit(conclude());

/** Each world on one of the threads, with its share of the time that is left. */
async function proveAll(budgetMs: number): Promise<Report[]> {
  const plans = PLANS.filter((plan) =>
    values.world === undefined ? !values.small || isSmall(plan) : plan.name === values.world
  );
  const jobs = Math.min(plans.length, Number(values.jobs));
  const reports: Report[] = [];
  let taken = 0;
  print(
    `${"world".padEnd(28)} ${"states".padStart(10)} ${"steps".padStart(11)} ${
      "depth".padStart(5)
    } ${"time".padStart(7)}`,
  );
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./checker_worker.ts", import.meta.url), { type: "module" });
    for (let plan = plans[taken]; plan !== undefined; plan = plans[taken]) {
      const left = budgetMs - (performance.now() - startMs);
      const shares = plans.slice(taken).map(secondsOf);
      const all = shares.reduce((sum, share) => sum + share, 0);
      const ms = Math.max(1_000, left * Math.min(1, jobs * secondsOf(plan) / all));
      taken++;
      const report = await search(worker, plan, { states: STATES_MAX, ms });
      reports.push(report);
      tell(report);
    }
    worker.terminate();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return reports;
}

function search(worker: Worker, plan: Plan, limits: Limits): Promise<Report> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Report>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`${plan.name}: ${event.message}`));
    };
    worker.postMessage({ plan, limits });
  });
}

function tell(report: Report): void {
  const { plan, states, steps, depth, ms, violation } = report;
  print(
    `${plan.name.padEnd(28)} ${grouped(states).padStart(10)} ${grouped(steps).padStart(11)} ${
      String(depth).padStart(5)
    } ${(ms / 1000).toFixed(1).padStart(6)}s ${violation === null ? extentOf(report) : "VIOLATED"}`,
  );
  if (violation === null) return;
  print(`\n  ${violation.property}: ${violation.what}`);
  for (const [at, told] of violation.story.entries()) {
    print(`  ${String(at + 1).padStart(3)} ${told}`);
  }
  print(`  again: make prove ARGS="--no-mutants --world '${plan.name}'"\n`);
}

/** What of its world a search has gone through. */
function extentOf({ plan, wholeFaults, depth, cutShort }: Report): string {
  const inits = cutShort > 0 ? ", at most three inits and two withdrawals a machine" : "";
  if (wholeFaults === plan.faults) return `whole${inits}`;
  const far = depth === 0 ? "begun" : `to depth ${depth - 1}`;
  const next = `${wholeFaults + 1} faults ${far}`;
  return wholeFaults < 0 ? next + inits : `whole with ${wholeFaults}, ${next}${inits}`;
}

/** Random histories of large worlds, and of swarms that live long; answers how many broke a property. */
function playAll(count: number): number {
  print("");
  return playSome(count, null) +
    FLEETS.reduce(
      (failed, { span, share }) => failed + playSome(Math.ceil(count * share), span),
      0,
    );
}

function playSome(count: number, span: Span | null): number {
  const beganMs = performance.now();
  let failed = 0;
  let died = 0;
  for (let seed = 1; seed <= count; seed++) {
    const conditions = span === null ? conditionsOf(seed) : fleetOf(span, seed);
    const { broken: [broken], diedMs } = simulate(run, conditions);
    if (diedMs !== null) died++;
    if (broken === undefined) continue;
    failed++;
    if (failed > 5) continue;
    print(`  seed ${seed}: ${broken.property}: ${broken.what}`);
    print(`  again: make sim SEED=${seed}${span === null ? "" : ` SPAN=${span}`}`);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  const what = span === null ? "histories" : `${span} histories of Auto Scaling groups`;
  const lost = span === null ? "" : `, ${grouped(count - died)} swarms alive at the end`;
  print(`${grouped(count)} ${what} in ${seconds.toFixed(0)} s, ${failed} with a violation${lost}`);
  return failed;
}

/** Whether each herd came together within its bound. */
function driveHerds(): boolean[] {
  print(
    "\nherd           whole    limit  AWS calls a node   (request buckets as EC2 documents them)",
  );
  return HERDS.map(({ store, nodes, wholeMsMax, callsMax }) => {
    const { wholeMs, callsPerNode, failed } = runHerd(run, store, nodes, 1);
    const isWell = failed === 0 && wholeMs <= wholeMsMax && callsPerNode <= callsMax;
    print(
      `${store.padEnd(5)}${grouped(nodes).padStart(7)}${(wholeMs / 1000).toFixed(1).padStart(7)} s${
        String(wholeMsMax / 1000).padStart(7)
      } s${callsPerNode.toFixed(2).padStart(10)} of ${callsMax}${isWell ? "" : "   MISSED"}`,
    );
    return isWell;
  });
}

/** Whether each mutant was caught. */
async function plantAll(jobs: number): Promise<boolean[]> {
  const all = await Promise.all(
    Array.from(
      { length: jobs },
      (_, k) => plantSome(MUTANTS.flatMap((_, i) => i % jobs === k ? i : [])),
    ),
  );
  return all.flat();
}

function plantSome(numbers: number[]): Promise<boolean[]> {
  const caught: boolean[] = [];
  const worker = new Worker(new URL("./mutant_worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ number: number; sought: Sought }>) => {
      const { number, sought } = data;
      caught.push(sought.caught !== null);
      print(plantedText(MUTANTS[number]!, sought));
      if (caught.length < numbers.length) return;
      worker.terminate();
      resolve(caught);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`mutants: ${event.message}`));
    };
    worker.postMessage(numbers);
  });
}

function plantedText({ name }: Mutant, { caught: by, states, seeds }: Sought): string {
  if (by === null) {
    return `  MISSED ${name}: in ${grouped(states)} states and ${grouped(seeds)} seeds`;
  }
  const took = `${grouped(by.took)} ${by.by === "checker" ? "states" : "seeds"}`;
  return `  caught mutant "${name}": by the ${by.by}, ${took} (${by.property})`;
}

function conclude(): number {
  const violations = reports.filter(({ violation }) => violation !== null);
  print("");
  for (const property of PROPERTIES) {
    const broken = violations.filter(({ violation }) => violation?.property === property).length;
    print(`${property.padEnd(32)} ${broken === 0 ? "holds" : `BROKEN in ${broken} worlds`}`);
  }
  const states = reports.reduce((sum, report) => sum + report.states, 0);
  const healed = Math.max(0, ...reports.map(({ healCycles }) => healCycles));
  const found = planted.filter(Boolean).length;
  const missed = planted.length - found;
  const slow = herds.filter((isWell) => !isWell).length;
  const bad = violations.length + missed + slow + (failed > 0 ? 1 : 0);
  print(
    `from every state all was well within ${healed + 1} rounds of all nodes once faults stopped`,
  );
  print(`${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  print(
    `${
      reports.length - violations.length + found + herds.filter(Boolean).length
    } passed, ${bad} failed`,
  );
  const mutants = values.mutants ? `, mutants caught ${found} of ${planted.length}` : "";
  print(`${grouped(states)} states, ${violations.length} violations${mutants}`);
  return bad === 0 ? 0 : 1;
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
