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
  let last = 0;
  for (const { number } of entries) {
    seen.add(number);
    if (number > last) last = number;
  }
  const missing: number[] = [];
  for (let number = Math.max(baseOf(entries), 1); number <= last; number++) {
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
  const spare = spareOf(entries, read.serverMs);
  return {
    kind: "settled",
    record: head.record,
    at,
    serverMs: read.serverMs,
    ...(spare.length < TRIMMED_AT_ONCE ? {} : { spare: spare.slice(0, TRIMMED_AT_ONCE) }),
  };
}

/** EC2 deletes so many versions in one call at most. */
const TRIMMED_AT_ONCE = 200;
/** What an old read may show as the end of the log. */
const KEPT = 50;
const KEPT_MS = 3_600_000;

/**
 * The versions that nobody needs, of a log that is settled, oldest first. Whatever part of the log a read
 * shows, it says nothing unless it has all from the highest number on that one of its own follows. So what is
 * below the highest that this read shows is needed by reads only that are older than this one; without it they
 * say nothing, and are made again. For their sake the last of it, and what is young, is kept.
 */
function spareOf(entries: LogEntry[], serverMs: number): number[] {
  const base = baseOf(entries);
  return entries.filter(({ number }) => number < base).slice(0, -KEPT)
    .filter(({ madeMs }) => madeMs !== undefined && serverMs - madeMs > KEPT_MS)
    .map(({ number }) => number);
}

function unreadable({ number, why = "it is no record" }: LogEntry): LedgerView {
  return { kind: "unreadable", why: `version ${number} of the launch template: ${why}` };
}

/** The entry that counts last, of a log without gaps behind the last one that another follows. */
export function headOf(entries: LogEntry[]): LogEntry | null {
  const base = baseOf(entries);
  let head: LogEntry | null = null;
  for (const entry of entries) {
    if (entry.record === null) continue;
    if (entry.number === base) head = entry;
    else if (entry.number > base && entry.follows === base) return entry;
  }
  return head;
}

/** The last number that another entry follows, which has counted; 0: there is none. */
function baseOf(entries: LogEntry[]): number {
  let base = 0;
  for (const { record, follows } of entries) {
    if (record !== null && follows > base) base = follows;
  }
  return base;
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
