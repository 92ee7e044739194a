/** `make run`: a VPC on loopback, whose nodes become one swarm before your eyes, which outlives its managers. */
import { formSwarm } from "./form.ts";
import { Lab } from "./lab.ts";
import { HELP, type LabArgs, parseLabArgs } from "./options.ts";
import { killAll } from "./process.ts";
import { replaceManagers } from "./replace.ts";
import { liveView, plainView, summary, summaryJson, type View } from "./view.ts";

const BINARY = new URL("../../dist/swarm-join", import.meta.url).pathname;

async function main(): Promise<number> {
  const args = parseLabArgs(Deno.args);
  if (args === "help") {
    write(HELP);
    return 0;
  }
  if ("wrong" in args) {
    say(`${args.wrong}\nTry --help.\n`);
    return 2;
  }
  if (!exists(BINARY)) {
    say(`${BINARY} is not there: build it with make\n`);
    return 2;
  }
  const lab = new Lab({
    binary: BINARY,
    store: args.store,
    managers: args.managers,
    workers: args.workers,
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killAll();
      remove(lab.directory);
      Deno.exit(130);
    });
  }
  const beganMs = Date.now();
  const view = viewOf(lab, args);
  (args.json ? say : write)(
    `${args.managers} managers and ${args.workers} worker${
      args.workers === 1 ? "" : "s"
    }, store ${args.store}, ` +
      `faults ${args.faults.join(", ") || "none"}, seed ${args.seed}\n\n`,
  );
  let verdict = await formSwarm(lab, { ...args, onChange: view.update });
  const formedMs = Date.now() - beganMs;
  const { swarm } = verdict;
  const isReplaced = !args.onlyForm && swarm !== null && verdict.problems.length === 0;
  if (isReplaced) verdict = await replaceManagers(lab, swarm, { ...args, onTurn: view.say });
  view.end();
  const took = { formedMs, replacedMs: isReplaced ? Date.now() - beganMs - formedMs : null };
  if (args.verbose) { for (const node of lab.nodes) say(transcript(node)); }
  write(
    args.json
      ? `${JSON.stringify(summaryJson(lab, verdict, took, args.seed))}\n`
      : summary(lab, verdict, took, againWith(args)),
  );
  await lab.close(args.keep);
  if (args.keep) say(`The nodes' files are in ${lab.directory}\n`);
  return verdict.problems.length === 0 ? 0 : 1;
}

function viewOf(lab: Lab, { json, managers, onlyForm }: LabArgs): View {
  const to = json ? say : write;
  const isTerminal = json ? Deno.stderr.isTerminal() : Deno.stdout.isTerminal();
  // What does not fit on the screen can't be redrawn.
  const lines = lab.nodes.length + (onlyForm ? 0 : managers) + 3;
  const fits = isTerminal && size().rows > lines;
  return fits ? liveView(lab, to, () => size().columns) : plainView(lab, to);
}

/** The command that draws the same faults again. */
function againWith(args: LabArgs): string {
  const faults = args.faults.map((fault) => ` --fault ${fault}`).join("");
  return `make run ARGS="--store ${args.store} --managers ${args.managers} --workers ${args.workers}` +
    `${faults}${args.onlyForm ? " --only form" : ""} --seed ${args.seed} --verbose"`;
}

function transcript(node: Lab["nodes"][number]): string {
  return node.results.map((result, i) =>
    `--- ${node.name}, run ${i + 1}, exit ${
      result.exit ?? "killed"
    }\n${result.stderr}${result.stdout}\n`
  ).join("");
}

function size(): { columns: number; rows: number } {
  try {
    return Deno.consoleSize();
  } catch {
    return { columns: 100, rows: 30 };
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function remove(directory: string): void {
  try {
    Deno.removeSync(directory, { recursive: true });
  } catch {
    // Another signal was faster.
  }
}

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

globalThis.addEventListener("unload", killAll);
Deno.exit(await main());
