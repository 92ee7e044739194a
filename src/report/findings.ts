/** What a doctor says: every finding with what a person can do about it, the worst first. */
import type { Report } from "./report.ts";
import { rows, tookText } from "./rows.ts";
import { RULES } from "../rules.ts";
import type { Finding } from "../state.ts";

const SEVERITIES: readonly Finding["severity"][] = ["error", "warning", "note"];

/** The whole JSON of a doctor. */
export function doctorJson(report: Report, findings: readonly Finding[]): object {
  const { cluster, store, role, instance, elapsedMs, awsCalls, phases, plan } = report;
  return {
    findings: sorted(findings).map((finding) => ({ ...finding, mend: mendOf(finding) })),
    cluster,
    store,
    role,
    instance,
    elapsedMs,
    awsCalls,
    phases,
    observation: plan?.observation ?? null,
  };
}

export function doctorLines(report: Report, findings: readonly Finding[]): string[] {
  const who = `${report.instance ?? "unknown"}, ${report.role ?? "of no known role"}`;
  return [
    ...rows([["I am", `${who}, of the cluster "${report.cluster}" in the store ${report.store}`]]),
    ...sorted(findings).flatMap((finding) => [
      `${finding.severity.padEnd(12)}[${finding.rule}] ${finding.because}`,
      ...(mendOf(finding) === "" ? [] : [`${" ".repeat(12)}${mendOf(finding)}`]),
    ]),
    ...rows([
      ["In all", report.because],
      ["Took", `${tookText(report)}; nothing was changed`],
    ]),
  ];
}

function sorted(findings: readonly Finding[]): Finding[] {
  return SEVERITIES.flatMap((one) => findings.filter(({ severity }) => severity === one));
}

function mendOf({ rule }: Finding): string {
  return RULES[rule].mend;
}
