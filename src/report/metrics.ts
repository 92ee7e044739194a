/**
 * What `--metrics-file` shows: how a node that keeps is doing, in the text that Prometheus reads. Names and
 * units are by its conventions; what is not known has no line. It holds no secret, and no words of others.
 */
import { isReached } from "../decide/members.ts";
import type { Report } from "./report.ts";
import { NODE_STATES } from "../state.ts";
import type { Engine, Goal, Role } from "../state.ts";

/** What a keeper knows of itself. Times are the wall clock's, in ms since 1970; counts begin when it starts. */
export interface Kept {
  version: string;
  cluster: string;
  store: string;
  startedAtMs: number;
  /** When it last looked at its Engine; null: not yet. */
  lookedAtMs: number | null;
  /** As it saw its Engine last; null: not yet, or it did not answer. */
  engine: Engine | null;
  /** What this node is to be; null: not known yet. */
  role: Role | null;
  /** Whether this machine is told to go. */
  isGoing: boolean;
  /** The last run of each goal. */
  lastRuns: Ended[];
  runs: { goal: Goal; result: Report["result"]; count: number }[];
  /** Dead nodes that its runs have demoted or removed. */
  reaped: number;
  awsCalls: number;
}

/** How a run ended. `succeededAtMs`: when the last one of its goal did with exit code 0; null: none has. */
interface Ended extends Pick<Report, "result" | "rule" | "exit"> {
  goal: Goal;
  atMs: number;
  succeededAtMs: number | null;
}

/** What is known when a keeper starts. */
export function newKept(
  known: Pick<Kept, "version" | "cluster" | "store" | "startedAtMs">,
): Kept {
  return {
    ...known,
    lookedAtMs: null,
    engine: null,
    role: null,
    isGoing: false,
    lastRuns: [],
    runs: [],
    reaped: 0,
    awsCalls: 0,
  };
}

/** The same after a run of this goal. What it asked of AWS is counted with it. */
export function afterRun(kept: Kept, goal: Goal, report: Report, atMs: number): Kept {
  const { result, rule, exit, role, reaped, awsCalls } = report;
  const isIts = (one: { goal: Goal; result: Report["result"] }): boolean =>
    one.goal === goal && one.result === result;
  const last = kept.lastRuns.find((one) => one.goal === goal);
  const succeededAtMs = exit === 0 ? atMs : last?.succeededAtMs ?? null;
  return {
    ...kept,
    role: role ?? kept.role,
    lastRuns: [
      ...kept.lastRuns.filter((one) => one !== last),
      { goal, result, rule, exit, atMs, succeededAtMs },
    ],
    runs: [
      ...kept.runs.filter((one) => !isIts(one)),
      { goal, result, count: (kept.runs.find(isIts)?.count ?? 0) + 1 },
    ],
    reaped: kept.reaped + reaped.length,
    awsCalls: kept.awsCalls + awsCalls,
  };
}

/** A line of a metric: its labels, if it has any, and its value. */
type Sample = [labels: { [name: string]: string }, value: number];

interface Metric {
  type: "gauge" | "counter";
  /** What it is, and of whom, if not of every node. */
  help: string;
  /** Its labels, for who reads the reference. */
  labels: string;
  of: (kept: Kept) => Sample[];
}

/** Every metric by its name. */
export const METRICS: { readonly [name: string]: Metric } = {
  swarm_join_info: {
    type: "gauge",
    help: "1; what runs here, and as what",
    labels: "version, cluster, store, role",
    of: ({ version, cluster, store, role }) => [
      [{ version, cluster, store, role: role ?? "" }, 1],
    ],
  },
  swarm_join_start_time_seconds: {
    type: "gauge",
    help: "when it started, in seconds since 1970",
    labels: "",
    of: ({ startedAtMs }) => always(seconds(startedAtMs)),
  },
  swarm_join_last_look_timestamp_seconds: {
    type: "gauge",
    help: "when it last looked at its Engine, in seconds since 1970",
    labels: "",
    of: ({ lookedAtMs }) => perhaps(lookedAtMs, seconds),
  },
  swarm_join_member: {
    type: "gauge",
    help: "1: its Engine says that it is a node of a swarm; 0: it is none, or the Engine is silent",
    labels: "",
    of: ({ lookedAtMs, engine }) => perhaps(lookedAtMs, () => bit(engine?.state === "active")),
  },
  swarm_join_going: {
    type: "gauge",
    help: "1: this machine is told to go, and this node leaves",
    labels: "",
    of: ({ isGoing }) => always(bit(isGoing)),
  },
  swarm_join_last_run_timestamp_seconds: {
    type: "gauge",
    help: "when the last run of a goal ended, in seconds since 1970",
    labels: "goal",
    of: ({ lastRuns }) => lastRuns.map(({ goal, atMs }) => [{ goal }, seconds(atMs)]),
  },
  swarm_join_last_success_timestamp_seconds: {
    type: "gauge",
    help: "when a run of a goal last ended with exit code 0, in seconds since 1970",
    labels: "goal",
    of: ({ lastRuns }) =>
      lastRuns.flatMap(({ goal, succeededAtMs }): Sample[] =>
        succeededAtMs === null ? [] : [[{ goal }, seconds(succeededAtMs)]]
      ),
  },
  swarm_join_last_run_exit_code: {
    type: "gauge",
    help: "the exit code that the last run of a goal would have had on its own",
    labels: "goal",
    of: ({ lastRuns }) => lastRuns.map(({ goal, exit }) => [{ goal }, exit]),
  },
  swarm_join_last_run_info: {
    type: "gauge",
    help: "1; what the last run of a goal came to, and by which rule",
    labels: "goal, result, rule",
    of: ({ lastRuns }) => lastRuns.map(({ goal, result, rule }) => [{ goal, result, rule }, 1]),
  },
  swarm_join_runs_total: {
    type: "counter",
    help: "runs that ended, by what they came to",
    labels: "goal, result",
    of: ({ runs }) => runs.map(({ goal, result, count }) => [{ goal, result }, count]),
  },
  swarm_join_nodes_reaped_total: {
    type: "counter",
    help: "dead nodes that its runs have demoted or removed",
    labels: "",
    of: ({ reaped }) => always(reaped),
  },
  swarm_join_aws_calls_total: {
    type: "counter",
    help: "requests sent to AWS",
    labels: "",
    of: ({ awsCalls }) => always(awsCalls),
  },
  swarm_join_quorum: {
    type: "gauge",
    help:
      "of a manager: 1: its swarm has a leader; 0: it has lost its quorum, or is without one now",
    labels: "",
    of: ({ engine }) => {
      if (engine?.manager !== true) return [];
      if (engine.swarm !== null) return always(1);
      return engine.trouble === "no-quorum" ? always(0) : [];
    },
  },
  swarm_join_voters: {
    type: "gauge",
    help: "of a manager: managers that vote in its swarm",
    labels: "",
    of: ({ engine }) => perhaps(electorateOf(engine), ({ total }) => total),
  },
  swarm_join_voters_reachable: {
    type: "gauge",
    help: "of a manager: those of them that are reached",
    labels: "",
    of: ({ engine }) => perhaps(electorateOf(engine), ({ reachable }) => reachable),
  },
  swarm_join_voters_needed: {
    type: "gauge",
    help: "of a manager: how many of them its swarm needs to go on",
    labels: "",
    of: ({ engine }) => perhaps(electorateOf(engine), ({ total }) => Math.floor(total / 2) + 1),
  },
  swarm_join_nodes: {
    type: "gauge",
    help: "of a manager: nodes of its swarm by their state",
    labels: "state",
    of: ({ engine }) => {
      const nodes = engine?.swarm?.nodes;
      if (nodes === undefined) return [];
      return NODE_STATES.map((state) => [
        { state },
        nodes.filter((node) => node.state === state).length,
      ]);
    },
  },
};

function always(value: number): Sample[] {
  return [[{}, value]];
}

function perhaps<T>(known: T | null, valueOf: (known: T) => number): Sample[] {
  return known === null ? [] : always(valueOf(known));
}

function bit(is: boolean): number {
  return is ? 1 : 0;
}

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}

function electorateOf(engine: Engine | null): { total: number; reachable: number } | null {
  const voters = engine?.swarm?.nodes.filter(({ voter }) => voter !== null);
  if (voters === undefined) return null;
  return { total: voters.length, reachable: voters.filter(isReached).length };
}

/** All that is known, in Prometheus' text format; node_exporter takes no times of their own beside values. */
export function metricsOf(kept: Kept): string {
  return Object.entries(METRICS).map(([name, { type, help, of }]) => {
    const lines = of(kept).map(([labels, value]) => `${name}${labelsText(labels)} ${value}\n`);
    if (lines.length === 0) return "";
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("");
}

function labelsText(labels: Sample[0]): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}
