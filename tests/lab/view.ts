/** Shows a lab to people: redrawn in place on a terminal, line by line elsewhere. */
import type { Lab, LabNode } from "./lab.ts";
import type { Verdict } from "./verdict.ts";

const REDRAW_MS = 100;
const CLEAR_BELOW = "\x1b[0J";

export interface View {
  /** Something has changed. */
  update(): void;
  /** What happens next. */
  say(text: string): void;
  /** The last state; nothing is drawn after it. */
  end(): void;
}

/** Draws all nodes again and again, at most ten times a second. */
export function liveView(lab: Lab, write: (text: string) => void, columns: () => number): View {
  let drawn = 0;
  let said = "";
  let ended = false;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const draw = (): void => {
    timer = null;
    const width = Math.max(40, columns());
    const lines = lab.nodes.map((node) => clip(liveLine(node), width));
    if (said !== "") lines.push(clip(said, width));
    write((drawn > 0 ? `\x1b[${drawn}A` : "") + `${CLEAR_BELOW}${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  return {
    update(): void {
      if (!ended) timer ??= setTimeout(draw, REDRAW_MS);
    },
    say(text): void {
      said = text;
      this.update();
    },
    end(): void {
      ended = true;
      if (timer !== null) clearTimeout(timer);
      draw();
    },
  };
}

/** Says each new thing once. */
export function plainView(lab: Lab, write: (text: string) => void): View {
  const said = new Map<string, string>();
  const beganMs = Date.now();
  const update = (): void => {
    for (const node of lab.nodes) {
      const line = liveLine(node);
      if (said.get(node.name) === line) continue;
      said.set(node.name, line);
      write(`${sinceText(beganMs)}  ${line}\n`);
    }
  };
  const say = (text: string): void => write(`${sinceText(beganMs)}  ${text}\n`);
  return { update, say, end: update };
}

function sinceText(beganMs: number): string {
  return `${((Date.now() - beganMs) / 1_000).toFixed(1).padStart(5)} s`;
}

/** How long it took the swarm to form, and to have all its managers replaced; null: they were not. */
export interface Took {
  formedMs: number;
  replacedMs: number | null;
}

/** The end: every node, and the swarm they are in. `again`: the command that does the same. */
export function summary(lab: Lab, verdict: Verdict, took: Took, again: string): string {
  const rows = lab.nodes.map((node) => {
    const result = node.results.at(-1);
    return [
      node.name,
      node.address,
      resultOf(node),
      node.terminated ? "" : shown(node.engine.state.membership?.nodeId ?? ""),
      node.terminated ? "" : seconds(result?.elapsedMs ?? 0),
      `${callsOf(lab, node)}`,
    ];
  });
  const table = columnsOf([
    ["NODE", "ADDRESS", "RESULT", "SWARM NODE", "TOOK", "AWS CALLS"],
    ...rows,
  ]);
  const calls = lab.nodes.map((node) => callsOf(lab, node));
  const mean = calls.reduce((sum, count) => sum + count, 0) / Math.max(1, calls.length);
  const isWell = verdict.problems.length === 0;
  const end = isWell
    ? `One swarm, ${members(verdict)}, in ${seconds(took.formedMs)}; ` +
      `${mean.toFixed(1)} AWS calls a node.\n` +
      (took.replacedMs === null
        ? ""
        : `Its managers were replaced since, each in turn, in ${
          seconds(took.replacedMs)
        }: it is the same swarm.\n`) +
      `Fingerprint ${verdict.swarm?.fingerprint}\n`
    : verdict.problems.map((problem) => `WRONG: ${problem}\n`).join("") +
      `Again with: ${again}\n`;
  return `\n${table}\n${end}`;
}

/** The same as data. */
export function summaryJson(
  lab: Lab,
  verdict: Verdict,
  took: Took,
  seed: number,
): Record<string, unknown> {
  return {
    ok: verdict.problems.length === 0,
    problems: verdict.problems,
    fingerprint: verdict.swarm?.fingerprint ?? null,
    elapsedMs: took.formedMs,
    replacedMs: took.replacedMs,
    seed,
    store: lab.options.store,
    nodes: lab.nodes.map((node) => ({
      name: node.name,
      role: node.role,
      address: node.address,
      terminated: node.terminated,
      exit: node.results.at(-1)?.exit ?? null,
      result: node.results.at(-1)?.report?.result ?? null,
      elapsedMs: node.results.at(-1)?.elapsedMs ?? null,
      runs: node.results.length,
      awsCalls: callsOf(lab, node),
    })),
  };
}

function resultOf({ terminated, results }: LabNode): string {
  const result = `${results.at(-1)?.report?.result ?? "nothing"}`;
  if (!terminated) return result;
  return result === "left" ? "left, terminated" : "terminated";
}

function members(verdict: Verdict): string {
  const count = (role: string): number =>
    verdict.swarm?.nodes.filter((node) =>
      node.role === role && node.engine.membership?.nodeId === node.id
    ).length ?? 0;
  const managers = count("manager");
  const workers = count("worker");
  return `${managers} manager${managers === 1 ? "" : "s"} and ${workers} worker${
    workers === 1 ? "" : "s"
  }`;
}

function callsOf(lab: Lab, node: LabNode): number {
  return lab.wire.total({ node: node.instance, services: ["ec2", "s3", "autoscaling"] });
}

function liveLine(node: LabNode): string {
  return `${node.name.padEnd(10)} ${node.role.padEnd(8)} ${stateOf(node)}`;
}

function stateOf(node: LabNode): string {
  const { results, lastLine } = node;
  if (node.terminated) return "terminated";
  const ended = results.at(-1);
  const said = lastLine === null ? "starting" : lastLine.message;
  if (ended === undefined || results.length < node.starts) {
    return `${(lastLine?.action ?? "").padEnd(9)} ${said}`;
  }
  if (ended.exit === null) return "killed";
  if (ended.report?.result === "left") return "has left the swarm";
  if (ended.exit === 0) return `in the swarm (${ended.report?.result})`;
  return `failed with ${ended.exit}: ${said}`;
}

function columnsOf(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()}\n`
  ).join("");
}

function clip(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

function shown(nodeId: string): string {
  return nodeId.slice(0, 12);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
