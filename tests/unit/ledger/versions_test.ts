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
  fc.assert(fc.property(history, part, (entries, shown) => {
    const heads = entries.map((_, i) => head(entries.slice(0, i + 1)));
    const read = entries.filter((_, i) => shown[i]);
    if (read.length === 0) return;
    const seen = view(read);
    if (seen.kind === "settled" && seen.at.kind === "log") assert.ok(heads.includes(seen.at.head));
  }));
});
