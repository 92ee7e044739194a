/** What a run came to, as data: what is printed of it is in `print.ts`. It holds no secret. */
import { type ActionKind, actionOf } from "../actions.ts";
import { roleOf } from "../decide/role.ts";
import { storeText } from "./rows.ts";
import type { Status } from "./status.ts";
import type { Rule } from "../rules.ts";
import type { Config, Decision, FailExit, Finding, Goal, Observation, Role } from "../state.ts";

/** What the run cost. `phases`: milliseconds by kind of call; calls of one step run side by side. */
export interface Meters {
  elapsedMs: number;
  awsCalls: number;
  phases: Readonly<Record<string, number>>;
}

type Result =
  | "initialized"
  | "joined"
  | "adopted"
  | "left"
  | "stopped"
  | "recovered"
  | "unchanged"
  | "planned"
  | "failed";

export interface Report extends Meters {
  result: Result;
  /** The process's exit code. */
  exit: 0 | FailExit;
  rule: Rule;
  because: string;
  warnings: readonly string[];
  cluster: string | null;
  store: string | null;
  role: Role | null;
  instance: string | null;
  nodeId: string | null;
  fingerprint: string | null;
  /** The addresses of the swarm's managers. */
  managers: readonly string[];
  /** The ids of the dead nodes that this run has demoted or removed. */
  reaped: readonly string[];
  /** The pools of a swarm that this run started; empty: the Engine's own; null: it started none. */
  pools: readonly string[] | null;
  /** Of a dry run, and of a doctor: what it came to, and what that stands on. */
  plan: Plan | null;
  /** Of a doctor: what it found. */
  findings: readonly Finding[] | null;
  /** Of a status: its picture. */
  status: Status | null;
}

/** A decision that a run came to, and what it stands on. */
export interface Plan {
  decision: Exclude<Decision, { kind: "look" }>;
  observation: Observation;
}

/** What a run came to, from its last decision and what that was decided on. */
export function reportOf(
  { decision, observation, meters }: {
    decision: Decision;
    observation: Observation;
    meters: Meters;
  },
): Report {
  if (decision.kind === "look") throw new Error("a run does not end with a look");
  const { config, facts, memory } = observation;
  const { rule, because } = decision;
  const isSurvey = config.goal === "survey";
  const action = actionOf(decision);
  const engine = facts.engine?.ok ? facts.engine.value : null;
  const view = facts.ledger?.ok ? facts.ledger.value : null;
  const record = view?.kind === "settled" ? view.record : null;
  return {
    ...meters,
    result: action === "fail" && !isSurvey
      ? "failed"
      : config.dryRun
      ? "planned"
      : resultOf(config.goal, memory.did),
    exit: decision.kind === "end" ? decision.exit : 0,
    rule,
    because,
    warnings: decision.kind === "end" ? decision.warnings : [],
    cluster: config.cluster,
    store: storeText(config.store),
    role: roleOf(observation),
    instance: memory.identity?.instance ?? null,
    nodeId: engine?.nodeId === "" ? null : engine?.nodeId ?? null,
    fingerprint: engine?.fingerprint ?? null,
    managers: engine?.swarm?.nodes.flatMap(({ voter }) => voter?.address ?? []) ??
      record?.members.map(({ address }) => address) ?? [],
    reaped: memory.reaped,
    pools: memory.pools,
    plan: config.dryRun ? { decision, observation } : null,
    findings: isSurvey && decision.kind === "end" ? decision.findings : null,
    status: null,
  };
}

/** The report of a run that ended before it could decide anything. `config` null: not even that was read. */
export function failureOf(
  { config, meters, ...why }: Pick<Report, "exit" | "rule" | "because"> & {
    config: Config | null;
    meters: Meters;
  },
): Report {
  return {
    ...meters,
    ...why,
    result: "failed",
    warnings: [],
    cluster: config?.cluster ?? null,
    store: config === null ? null : storeText(config.store),
    role: null,
    instance: null,
    nodeId: null,
    fingerprint: null,
    managers: [],
    reaped: [],
    pools: null,
    plan: null,
    findings: null,
    status: null,
  };
}

function resultOf(goal: Goal, did: readonly ActionKind[]): Result {
  // Who was killed between the two has left by the first.
  if (goal === "leave") {
    return did.includes("leave") || did.includes("withdraw") ? "left" : "unchanged";
  }
  if (goal === "recover") return did.includes("force") ? "recovered" : "unchanged";
  // The last of these counts: a swarm of one's own may have been left for the founded one.
  const last = did.findLast((kind) => kind === "init" || kind === "join");
  if (last !== undefined) return last === "init" ? "initialized" : "joined";
  return did.includes("found") || did.includes("replace") ? "adopted" : "unchanged";
}
