/** What stdout carries at a run's end: text for people, or one JSON object. It holds no secret. */
import { doctorJson, doctorLines } from "./findings.ts";
import { plain, scrub } from "./log.ts";
import { planJson, planLines } from "./plan.ts";
import type { Report } from "./report.ts";
import { rows, tookText } from "./rows.ts";
import { statusJson, statusLines } from "./status.ts";
import { RULES } from "../rules.ts";

/** One JSON object in one line. */
export function jsonOf(report: Report): string {
  const { plan, findings, status, exit, result, rule, because, ...rest } = report;
  const { mend } = RULES[rule];
  const object = status !== null
    ? statusJson(report, status)
    : findings !== null
    ? doctorJson(report, findings)
    : {
      result,
      ...(result === "failed" ? { exit, rule, because, mend } : {}),
      ...rest,
      ...(plan === null ? {} : planJson(report, plan)),
    };
  return scrub(JSON.stringify(object)) + "\n";
}

/** The same for people. A failure is in the log, so that stdout stays empty. */
export function pageOf(report: Report): string {
  return linesOf(report).map((line) => `${plain(line)}\n`).join("");
}

function linesOf(report: Report): string[] {
  if (report.status !== null) return statusLines(report, report.status);
  if (report.findings !== null) return doctorLines(report, report.findings);
  if (report.plan !== null) return planLines(report, report.plan);
  return report.exit === 0 ? resultLines(report) : [];
}

function resultLines(report: Report): string[] {
  return [
    headline(report),
    ...rows([
      ["instance", report.instance ?? "unknown"],
      ["node", report.nodeId ?? ""],
      ["swarm", report.fingerprint ?? ""],
      ["managers", report.managers.join(", ")],
      ["reaped", report.reaped.join(", ")],
      ["took", tookText(report)],
    ]),
  ];
}

function headline({ result, role, cluster, rule, because }: Report): string {
  switch (result) {
    case "initialized":
      return `Initialized: this node founded the swarm "${cluster}" and is a manager of it.`;
    case "joined":
      return `Joined: this node is a ${role} of the swarm "${cluster}".`;
    case "adopted":
      return `Adopted: this node's swarm is now the founded swarm "${cluster}".`;
    case "left":
      return `Left: this node was a ${role} of the swarm "${cluster}", which goes on without it.`;
    case "stopped":
      return `Stopped: this node stays ${
        role === null ? "what it is" : `a ${role}`
      } of the swarm "${cluster}", and nobody keeps it.`;
    case "recovered":
      return `Recovered: this node is a manager of the swarm "${cluster}", which has a quorum again.`;
    case "unchanged":
      return rule === "in-order"
        ? `Unchanged: this node is a ${role} of the swarm "${cluster}".`
        : `Unchanged: ${because}.`;
    case "planned":
    case "failed":
      return "";
    default:
      return result satisfies never;
  }
}
