/**
 * What a run prints on stdout at its end: text for people, or one JSON object. It holds no secret.
 */
import { doctorJson, doctorLines } from "./findings.ts";
import { plain, scrub } from "./log.ts";
import { durationText } from "./duration.ts";
import { planJson, planLines } from "./plan.ts";
import { type ActionKind, actionOf } from "../actions.ts";
import { roleOf } from "../decide/role.ts";
import { type Rule, RULES } from "../rules.ts";
import type { Config, Decision, FailExit, Finding, Observation, Role } from "../state.ts";

/** What the run cost. `phases`: milliseconds by kind of call; calls of one step run side by side. */
export interface Meters {
  elapsedMs: number;
  awsCalls: number;
  phases: Readonly<Record<string, number>>;
}

export type Result = "initialized" | "joined" | "adopted" | "unchanged" | "planned" | "failed";

export interface Report extends Meters {
  result: Result;
  /** The process's exit code. */
  exit: 0 | FailExit;
  rule: Rule;
  because: string;
  warnings: readonly string[];
  cluster: string | null;
  role: Role | null;
  instance: string | null;
  nodeId: string | null;
  fingerprint: string | null;
  /** The addresses of the swarm's managers. */
  managers: readonly string[];
  /** Of a dry run: what a run would do first, and what that stands on. */
  plan: Plan | null;
  /** Of a doctor: what it found. */
  findings: readonly Finding[] | null;
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
      : resultOf(memory.did),
    exit: decision.kind === "end" ? decision.exit : 0,
    rule,
    because,
    warnings: decision.kind === "end" ? decision.warnings : [],
    cluster: config.cluster,
    role: roleOf(observation),
    instance: memory.identity?.instance ?? null,
    nodeId: engine?.nodeId === "" ? null : engine?.nodeId ?? null,
    fingerprint: engine?.fingerprint ?? null,
    managers: engine?.swarm?.managers.map(({ address }) => address) ??
      record?.members.map(({ address }) => address) ?? [],
    plan: config.dryRun && !isSurvey ? { decision, observation } : null,
    findings: isSurvey && decision.kind === "end" ? decision.findings : null,
  };
}

/** The report of a run that ended before it could decide anything. `config` null: not even that was read. */
export function failureOf(
  { exit, rule, because, config, meters }: {
    exit: Report["exit"];
    rule: Rule;
    because: string;
    config: Config | null;
    meters: Meters;
  },
): Report {
  return {
    ...meters,
    result: "failed",
    exit,
    rule,
    because,
    warnings: [],
    cluster: config?.cluster ?? null,
    role: null,
    instance: null,
    nodeId: null,
    fingerprint: null,
    managers: [],
    plan: null,
    findings: null,
  };
}

/** One JSON object in one line. */
export function jsonOf(report: Report): string {
  const { plan, findings, exit, result, rule, because, ...rest } = report;
  const { mend } = RULES[rule];
  const object = findings !== null ? doctorJson(report, findings) : {
    result,
    ...(result === "failed" ? { exit, rule, because, mend } : {}),
    ...rest,
    ...(plan === null ? {} : planJson(report, plan)),
  };
  return scrub(JSON.stringify(object)) + "\n";
}

/** The same for people. A failure is in the log, so that stdout stays empty. */
export function textOf(report: Report): string {
  return linesOf(report).map((line) => `${plain(line)}\n`).join("");
}

function linesOf(report: Report): string[] {
  if (report.findings !== null) return doctorLines(report, report.findings);
  if (report.plan !== null) return planLines(report, report.plan);
  return report.exit === 0 ? resultLines(report) : [];
}

function resultLines(report: Report): string[] {
  return [
    headline(report),
    ...rows([
      ["instance", report.instance ?? "unknown"],
      ["node", report.nodeId ?? "unknown"],
      ["swarm", report.fingerprint ?? "unknown"],
      ["managers", report.managers.join(", ")],
      ["took", tookText(report)],
    ]),
  ];
}

function headline({ result, role, cluster }: Report): string {
  switch (result) {
    case "initialized":
      return `Initialized: this node founded the swarm "${cluster}" and is a manager of it.`;
    case "joined":
      return `Joined: this node is a ${role} of the swarm "${cluster}".`;
    case "adopted":
      return `Adopted: this node's swarm is now the founded swarm "${cluster}".`;
    case "unchanged":
      return `Unchanged: this node is a ${role} of the swarm "${cluster}".`;
    case "planned":
    case "failed":
      return "";
    default:
      return result satisfies never;
  }
}

function resultOf(did: readonly ActionKind[]): Result {
  // The last of these counts: a swarm of one's own may have been left for the founded one.
  const last = did.findLast((kind) => kind === "init" || kind === "join");
  if (last !== undefined) return last === "init" ? "initialized" : "joined";
  return did.includes("found") || did.includes("replace") ? "adopted" : "unchanged";
}

/** Two columns; without those that have nothing to say. */
export function rows(pairs: readonly (readonly [string, string])[]): string[] {
  return pairs.filter(([, text]) => text !== "").map(([name, text]) => `${name.padEnd(12)}${text}`);
}

/** What a run took, for people. */
export function tookText({ elapsedMs, awsCalls }: Meters): string {
  const time = elapsedMs < 1_000
    ? `${Math.round(elapsedMs)}ms`
    : durationText(Math.round(elapsedMs / 100) * 100);
  return `${time}, ${awsCalls} calls of AWS`;
}
