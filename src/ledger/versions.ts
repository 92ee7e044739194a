/**
 * Which version of the launch template is the record: the template's versions are a log that EC2
 * numbers in the order of creation, and that reads may show late and with gaps.
 *
 * An entry holds the number of the entry that it follows, and it counts only if that one was the last
 * that counted when EC2 numbered it. So of several that follow the same entry the first counts. Nobody
 * writes on a view with a gap, so an entry that another one follows has counted, whatever is missing
 * before it (versions may be trimmed). What is missing behind it could count, and decides nothing.
 */
import type { Memory } from "../state.ts";
import type { LedgerRead, LedgerView, LogEntry } from "../founding.ts";

/** The numbers that must be read by name before the log says anything, in order. */
export function missingNumbers(entries: LogEntry[]): number[] {
  const seen = new Set<number>();
  let base = 0;
  let last = 0;
  for (const entry of entries) {
    seen.add(entry.number);
    if (entry.number > last) last = entry.number;
    if (entry.record !== null && entry.follows > base) base = entry.follows;
  }
  const missing: number[] = [];
  for (let number = Math.max(base, 1); number <= last; number++) {
    if (!seen.has(number)) missing.push(number);
  }
  return missing;
}

/**
 * What a read of a ledger says. `written`: what this run appended itself; a read that lacks it is old,
 * and is read as if it had it.
 */
export function viewOf(read: LedgerRead, written: Memory["written"]): LedgerView {
  if (read.kind === "object") {
    if (read.unreadable !== undefined) return { kind: "unreadable", why: read.unreadable };
    const at = read.etag === null
      ? { kind: "none" as const }
      : { kind: "object" as const, etag: read.etag };
    return { kind: "settled", record: read.record, at, serverMs: read.serverMs };
  }
  const own = written.filter((w) => read.template === null || w.template === read.template);
  const template = read.template ?? own[0]?.template ?? null;
  if (template === null) {
    return { kind: "settled", record: null, at: { kind: "none" }, serverMs: read.serverMs };
  }
  const entries = merged(read.entries, own);
  const missing = missingNumbers(entries);
  if (missing.length > 0 || entries.length === 0) return { kind: "unsettled", missing };
  const newer = entries.find((entry) => entry.newer);
  if (newer !== undefined) return unreadable(newer);
  const head = headOf(entries);
  // No entry holds a record: the last one stands for all.
  if (head === null) return unreadable(entries.at(-1) as LogEntry);
  const last = entries[entries.length - 1]?.number ?? 0;
  const at = { kind: "log" as const, template, head: head.number, last };
  return { kind: "settled", record: head.record, at, serverMs: read.serverMs };
}

function unreadable({ number, why = "it is no record" }: LogEntry): LedgerView {
  return { kind: "unreadable", why: `version ${number} of the launch template: ${why}` };
}

/** The entry that counts last, of a log without gaps behind the last one that another follows. */
export function headOf(entries: LogEntry[]): LogEntry | null {
  let base = 0;
  for (const { record, follows } of entries) {
    if (record !== null && follows > base) base = follows;
  }
  let head: LogEntry | null = null;
  for (const entry of entries) {
    if (entry.record === null) continue;
    if (entry.number === base) head = entry;
    else if (entry.number > base && entry.follows === base) return entry;
  }
  return head;
}

/** Whether this entry counts, in a log that `headOf` can judge: it is the head, or another follows it. */
export function counts(entries: LogEntry[], number: number): boolean {
  return headOf(entries)?.number === number ||
    entries.some(({ record, follows }) => record !== null && follows === number);
}

function merged(entries: LogEntry[], own: Memory["written"]): LogEntry[] {
  const byNumber = new Map<number, LogEntry>();
  for (const entry of entries) byNumber.set(entry.number, entry);
  for (const { number, record, follows } of own) {
    if (!byNumber.has(number)) byNumber.set(number, { number, follows, record, newer: false });
  }
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}
