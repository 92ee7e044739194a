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
    findings: mended(findings).map(({ nodeId: _, ...finding }) => finding),
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
    ...findingLines(findings),
    ...rows([
      ["In all", report.because],
      ["Took", `${tookText(report)}; nothing was changed`],
    ]),
  ];
}

/** Each finding for people, the worst first. */
export function findingLines(findings: readonly Finding[]): string[] {
  return mended(findings).flatMap(({ severity, rule, because, mend }) => [
    `${severity.padEnd(12)}[${rule}] ${because}`,
    ...(mend === "" ? [] : [`${" ".repeat(12)}${mend}`]),
  ]);
}

/** Each with what to do about it, the worst first; commands that are about its node name it. */
export function mended(findings: readonly Finding[]): (Finding & { mend: string })[] {
  const sorted = SEVERITIES.flatMap((one) => findings.filter(({ severity }) => severity === one));
  return sorted.map((finding) => {
    const { mend } = RULES[finding.rule];
    return { ...finding, mend: mend.replaceAll("NODE", finding.nodeId ?? "NODE") };
  });
}
