/** Which version of the launch template counts, whatever a read shows of it. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { counts, headOf, missingNumbers, viewOf } from "../../../src/ledger/versions.ts";
import type { LedgerView, LogEntry } from "../../../src/founding.ts";
import { record } from "../../support/observations.ts";

/** An entry whose record is named by its number. */
function entry(number: number, follows: number): LogEntry {
  return { number, follows, record: record({ nonce: `n-${number}` }), newer: false };
}

function damaged(number: number): LogEntry {
  return { number, follows: 0, record: null, newer: false, why: `${number} is damaged` };
}

function view(entries: LogEntry[], written: Parameters<typeof viewOf>[1] = []): LedgerView {
  return viewOf({ kind: "log", template: "lt-1", entries, serverMs: 1 }, written);
}

function head(entries: LogEntry[]): number | undefined {
  return headOf(entries)?.number;
}

Deno.test("log: no template is no record", () => {
  const read = { kind: "log" as const, template: null, entries: [], serverMs: 1 };
  assert.deepEqual(viewOf(read, []), {
    kind: "settled",
    record: null,
    at: { kind: "none" },
    serverMs: 1,
  });
});

Deno.test("log: of two that follow the same, the first counts", () => {
  assert.equal(head([entry(1, 0), entry(2, 1), entry(3, 1)]), 2);
});

Deno.test("log: a chain's last counts, and the losers between do not", () => {
  const entries = [entry(1, 0), entry(2, 1), entry(3, 1), entry(4, 2), entry(5, 2)];
  assert.equal(head(entries), 4);
  assert.deepEqual([1, 2, 3, 4, 5].map((n) => counts(entries, n)), [
    true,
    true,
    false,
    true,
    false,
  ]);
});

Deno.test("log: a hole behind the last that is followed could count: it must be read", () => {
  assert.deepEqual(missingNumbers([entry(1, 0), entry(3, 1)]), [2]);
  assert.deepEqual(view([entry(1, 0), entry(3, 1)]), { kind: "unsettled", missing: [2] });
  assert.equal(head([entry(1, 0), entry(2, 1), entry(3, 1)]), 2);
});

Deno.test("log: what is missing before an entry that another follows was trimmed, and changes nothing", () => {
  const entries = [entry(7, 4), entry(8, 7)];
  assert.deepEqual(missingNumbers(entries), []);
  assert.equal(head(entries), 8);
});

Deno.test("log: the entry that is followed must itself be read when it is the head", () => {
  assert.deepEqual(missingNumbers([entry(1, 0), entry(5, 3)]), [3, 4]);
});

Deno.test("log: a version that somebody else made counts for nothing, and hides nothing", () => {
  assert.equal(head([entry(1, 0), damaged(2), entry(3, 1)]), 3);
  assert.equal(view([entry(1, 0), damaged(2)]).kind, "settled");
});

Deno.test("log: only damaged versions, or one of a later tool, can't be read, and it says why", () => {
  const all = view([damaged(1), damaged(2)]);
  assert.ok(all.kind === "unreadable");
  assert.match(all.why, /^version 2 of the launch template: 2 is damaged$/);
  const newer = view([entry(1, 0), { ...damaged(2), newer: true }, entry(3, 1)]);
  assert.ok(newer.kind === "unreadable");
  assert.match(newer.why, /^version 2 .*: 2 is damaged$/);
});

Deno.test("an object that can't be read is no absent record", () => {
  const read = { kind: "object" as const, record: null, etag: '"e"', serverMs: 1 };
  assert.deepEqual(viewOf({ ...read, unreadable: "it is odd" }, []), {
    kind: "unreadable",
    why: "it is odd",
  });
});

Deno.test("log: a read older than this run's own write is read as if it had it", () => {
  const own = { template: "lt-1", number: 2, follows: 1, record: record({ nonce: "own" }) };
  const settled = view([entry(1, 0)], [own]);
  assert.ok(settled.kind === "settled");
  assert.equal(settled.record?.nonce, "own");
  assert.deepEqual(settled.at, { kind: "log", template: "lt-1", head: 2, last: 2 });
  assert.equal(
    viewOf({ kind: "log", template: null, entries: [], serverMs: 1 }, [own]).kind,
    "unsettled",
  );
});

Deno.test("log: an own write behind unread ones is judged only when they were read", () => {
  const own = { template: "lt-1", number: 3, follows: 1, record: record({ nonce: "own" }) };
  assert.deepEqual(view([entry(1, 0)], [own]), { kind: "unsettled", missing: [2] });
  const lost = view([entry(1, 0), entry(2, 1)], [own]);
  assert.ok(lost.kind === "settled");
  assert.equal(lost.record?.nonce, "n-2");
  const won = view([entry(1, 0), damaged(2)], [own]);
  assert.ok(won.kind === "settled");
  assert.equal(won.record?.nonce, "own");
});

Deno.test("log: an own write to a template that is gone says nothing of the one in its place", () => {
  const own = { template: "lt-0", number: 9, follows: 8, record: record({ nonce: "own" }) };
  const settled = view([entry(1, 0)], [own]);
  assert.ok(settled.kind === "settled");
  assert.equal(settled.record?.nonce, "n-1");
});

const HOUR_MS = 3_600_000;

/** A log whose entries each follow the one before, one a minute; the first is the default version. */
function longLog(count: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    ...entry(i + 1, i),
    ...(i === 0 ? {} : { madeMs: i * 60_000 }),
  }));
}

/** The versions that may go at this time. */
function spareAt(entries: LogEntry[], serverMs: number): number[] | undefined {
  const seen = viewOf({ kind: "log", template: "lt-1", entries, serverMs }, []);
  assert.ok(seen.kind === "settled");
  return seen.spare;
}

Deno.test("log: what may go is old, no default version, and 50 before what the last one follows", () => {
  const late = 1_000 * HOUR_MS;
  const first = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 2);
  // 253 is the head, and follows 252: 202 to 251 stay, and 2 to 201 are as many as one call deletes.
  assert.deepEqual(spareAt(longLog(252), late), undefined);
  assert.deepEqual(spareAt(longLog(253), late), first(200));
  assert.deepEqual(spareAt(longLog(900), late), first(200));
  // The youngest of these, version 201, is an hour and a moment old.
  assert.deepEqual(spareAt(longLog(253), 200 * 60_000 + HOUR_MS), undefined);
  assert.deepEqual(spareAt(longLog(253), 200 * 60_000 + HOUR_MS + 1), first(200));
  // Somebody has made another one the default.
  const other = longLog(254).map(({ madeMs = 0, ...rest }) =>
    rest.number === 7 ? rest : { ...rest, madeMs }
  );
  assert.deepEqual(spareAt(other, late), [1, ...first(200)].filter((n) => n !== 7).slice(0, 200));
});

Deno.test("log: losers and damaged versions go as the others do, and only before what is followed", () => {
  const late = 1_000 * HOUR_MS;
  const entries = longLog(253).map((one) =>
    one.number === 5
      ? { ...damaged(5), madeMs: 1 }
      : one.number === 6
      ? { ...one, follows: 4 }
      : one
  );
  assert.ok(spareAt(entries, late)?.includes(5));
  // Many that follow the same one: nothing behind it may go, however long the log is.
  const herd = [...longLog(3), ...longLog(900).slice(3).map((one) => ({ ...one, follows: 3 }))];
  assert.deepEqual(spareAt(herd, late), undefined);
});

Deno.test("log: a log that can't be judged is not trimmed", () => {
  const late = 1_000 * HOUR_MS;
  const unsettled = longLog(900).filter(({ number }) => number !== 899);
  const read = { kind: "log" as const, template: "lt-1", serverMs: late };
  assert.equal(viewOf({ ...read, entries: unsettled }, []).kind, "unsettled");
  const newer = [...longLog(900), { ...damaged(901), newer: true }];
  assert.equal(viewOf({ ...read, entries: newer }, []).kind, "unreadable");
});

Deno.test("log: whatever part of a log is read, what it settles on was the head once (property)", () => {
  // Writers read any prefix, settle, and follow its head: a history that EC2 could have numbered.
  const history = fc.array(fc.nat({ max: 5 }), { maxLength: 12 }).map((lags) => {
    const entries = [entry(1, 0)];
    for (const lag of lags) {
      const seen = entries.slice(0, Math.max(1, entries.length - lag));
      entries.push(entry(entries.length + 1, headOf(seen)?.number ?? 0));
    }
    return entries;
  });
  const part = fc.array(fc.boolean(), { minLength: 13, maxLength: 13 });
  // Somebody has deleted what was before the last that was followed, when it looked: all of that, or some.
  const trimmed = fc.record({ looked: fc.nat({ max: 12 }), kept: part });
  fc.assert(fc.property(history, part, trimmed, (entries, shown, { looked, kept }) => {
    const heads = entries.map((_, i) => head(entries.slice(0, i + 1)));
    const base = Math.max(0, ...entries.slice(0, looked).map(({ follows }) => follows));
    const left = entries.filter(({ number }, i) => kept[i] || number >= base);
    const now = view(left);
    assert.ok(now.kind === "settled" && now.at.kind === "log" && now.at.head === heads.at(-1));
    const read = left.filter(({ number }) => shown[number - 1]);
    if (read.length === 0) return;
    const seen = view(read);
    if (seen.kind === "settled" && seen.at.kind === "log") assert.ok(heads.includes(seen.at.head));
  }));
});
