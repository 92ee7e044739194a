/** The log: one line per decision, in the form that the reader needs, and never a token. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Live } from "../../../src/report/live.ts";
import { formatOf, Log, type LogOptions, plain, scrub, waitText } from "../../../src/report/log.ts";
import { record } from "../../support/observations.ts";
import { RULES } from "../../../src/rules.ts";
import type { Acting, End, Waiting } from "../../../src/state.ts";

const FINGERPRINT = "3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl";
const TOKEN = `SWMTKN-1-${FINGERPRINT}-1awxwuwd3z9j1z3puu7rcgdbx`;
const SILENT = {
  rule: "members-silent",
  because: "no manager of the founded swarm answers",
} as const;
const WAIT: Waiting = { ...SILENT, kind: "wait", ms: 1_500, exit: 3, keeps: "nothing" };
const INIT: Acting = {
  kind: "act",
  call: { kind: "init", advertiseAddr: "10.0.0.1", pools: [] },
  rule: "first-manager",
  because: "no swarm is founded",
};

function endOf(exit: End["exit"], warnings: string[] = []): End {
  return { ...SILENT, kind: "end", exit, afterMs: 0, warnings, findings: [] };
}

Deno.test("text for a terminal says how long the run has lasted, what is done, by which rule and why", () => {
  const { log, lines } = logOf({});
  log.decision(INIT);
  assert.deepEqual(lines(), ["   2.5s  init [first-manager] no swarm is founded"]);
});

Deno.test("text for a file says when", () => {
  const { log, lines } = logOf({ dated: true });
  log.info("hello");
  assert.deepEqual(lines(), ["2026-01-02T03:04:05.000Z  hello"]);
});

Deno.test("a journal gets one JSON object a line", () => {
  const { log, lines } = logOf({ format: "json" });
  log.decision(WAIT);
  assert.deepEqual(JSON.parse(lines()[0] ?? ""), {
    time: "2026-01-02T03:04:05.000Z",
    level: "info",
    action: "wait",
    rule: "members-silent",
    waitMs: 1_500,
    message: WAIT.because,
    elapsedMs: 2_500,
  });
});

Deno.test("a failure names its exit code and says what to do, and a warning is said once", () => {
  const { log, lines } = logOf({});
  const warnings = ["no swarm is founded"];
  log.decision(endOf(3, warnings));
  log.decision(endOf(0, warnings));
  assert.deepEqual(lines(), [
    "   2.5s  warn: [members-silent] no swarm is founded",
    "   2.5s  error: fail [members-silent] no manager of the founded swarm answers exit=3",
    `         ${RULES["members-silent"].mend}`,
    "   2.5s  done [members-silent] no manager of the founded swarm answers",
  ]);
});

Deno.test("a journal's failure has what to do as a field of its own, and a good end has none", () => {
  const { log, lines } = logOf({ format: "json" });
  log.decision(endOf(3));
  log.decision(endOf(0));
  const [failure, done] = lines().map((line) => JSON.parse(line));
  assert.deepEqual(failure, {
    time: "2026-01-02T03:04:05.000Z",
    level: "error",
    action: "fail",
    rule: "members-silent",
    exit: 3,
    mend: RULES["members-silent"].mend,
    message: SILENT.because,
    elapsedMs: 2_500,
  });
  assert.ok(!("mend" in done) && !("exit" in done));
});

Deno.test("a join names the address that it asks, a write what it is for", () => {
  const { log, lines } = logOf({});
  const token = { fingerprint: FINGERPRINT, digest: "0123456789abcdef" };
  const join: Acting["call"] = { kind: "join", address: "10.0.0.2", token, advertiseAddr: "eth0" };
  log.decision({ ...INIT, call: join, rule: "join-swarm" });
  const write = { kind: "write", as: "withdraw", record: record(), at: { kind: "none" } } as const;
  log.decision({ ...INIT, call: write, rule: "withdraw-member" });
  assert.deepEqual(lines(), [
    "   2.5s  join [join-swarm] no swarm is founded address=10.0.0.2",
    "   2.5s  withdraw [withdraw-member] no swarm is founded",
  ]);
});

Deno.test("a wait that repeats is said again after a minute, or at once when its reason changes", () => {
  let nowMs = 0;
  const { log, lines } = logOf({ nowMs: () => nowMs });
  for (nowMs = 0; nowMs <= 130_000; nowMs += 10_000) log.decision(WAIT);
  assert.equal(lines().length, 3);
  log.decision({ ...WAIT, because: "i-1 (10.0.0.5, stopped) does not answer" });
  assert.equal(lines().length, 4);
});

Deno.test("the level decides what is said", () => {
  const counts = (["error", "warn", "info", "debug"] as const).map((level) => {
    const { log, lines } = logOf({ level });
    log.error("a");
    log.warn("b");
    log.info("c");
    log.debug("d");
    return lines().length;
  });
  assert.deepEqual(counts, [1, 2, 3, 4]);
});

Deno.test("auto is JSON under systemd, text on a terminal, and text where neither is", () => {
  const rows = [
    { asked: "auto", isTerminal: false, isJournal: true, want: "json" },
    { asked: "auto", isTerminal: true, isJournal: true, want: "text" },
    { asked: "auto", isTerminal: false, isJournal: false, want: "text" },
    { asked: "text", isTerminal: false, isJournal: true, want: "text" },
    { asked: "json", isTerminal: true, isJournal: false, want: "json" },
  ] as const;
  for (const { asked, want, ...stderr } of rows) assert.equal(formatOf(asked, stderr), want);
});

Deno.test("the live line says what for, how long, and until when", () => {
  const deadlineWall = new Date(2026, 0, 2, 21, 3, 10);
  const text = waitText({
    what: "no manager answers",
    sinceMs: 1_000,
    nowMs: 73_400,
    deadlineMs: 600_000,
    deadlineWall,
  });
  assert.equal(text, "waiting 1m12s, at most until 21:03:10 (8m46s): no manager answers");
});

Deno.test("the live line fits the terminal, and is gone before anything else is written", async () => {
  let out = "";
  const live = new Live({ write: (text) => out += text, columns: () => 20 });
  live.start(() => "waiting for something that takes long");
  await new Promise((resolve) => setTimeout(resolve, 700));
  live.stop();
  assert.equal(out, "\r\x1b[Kwaiting for someth…\r\x1b[K");
});

Deno.test("the live line shows nothing while there is nothing to wait for, and takes back what it showed", async () => {
  let out = "";
  const live = new Live({ write: (text) => out += text, columns: () => 20 });
  const texts = ["", "waiting", ""];
  const drawn = Promise.withResolvers<void>();
  live.start(() => {
    const text = texts.shift();
    if (texts.length === 0) drawn.resolve();
    return text ?? "";
  });
  await drawn.promise;
  assert.equal(out, "\r\x1b[Kwaiting\r\x1b[K");
  live.stop();
  assert.equal(out, "\r\x1b[Kwaiting\r\x1b[K");
});

Deno.test("a run first says which cluster it is for, and where that is looked for", () => {
  const about = { version: "1.2.3", cluster: "blue", store: "s3://b/p" };
  const text = logOf({});
  text.log.begin(about);
  assert.deepEqual(text.lines(), ['   2.5s  swarm-join 1.2.3: cluster "blue", store s3://b/p']);
  const json = logOf({ format: "json" });
  json.log.begin(about);
  const { message, level, version, cluster, store } = JSON.parse(json.lines()[0] ?? "");
  assert.deepEqual({ version, cluster, store }, about);
  assert.deepEqual([level, message], ["info", 'swarm-join 1.2.3: cluster "blue", store s3://b/p']);
});

Deno.test("a token is scrubbed wherever it stands, in every form of the log", () => {
  for (const format of ["text", "json"] as const) {
    const { log, lines } = logOf({ format, level: "debug" });
    log.info(`the Engine says "${TOKEN}"`, { value: TOKEN, [TOKEN]: 1 });
    log.decision({ ...endOf(0), because: `it is ${TOKEN}`, warnings: [TOKEN] });
    assert.equal(lines().length, 3);
    for (const line of lines()) {
      assert.ok(!line.includes("1awxwuwd3z9j1z3puu7rcgdbx"), line);
      assert.ok(line.includes("[redacted]"), line);
    }
  }
});

Deno.test("scrub takes out tokens and unlock keys, and leaves fingerprints and ids", () => {
  assert.equal(scrub(`a ${TOKEN} b`), "a [redacted] b");
  assert.equal(scrub(TOKEN.replace("-1-", "-2-1-")), "[redacted]");
  assert.equal(scrub(`${FINGERPRINT}-1awxwuwd3z9j1z3puu7rcgdbx`), "[redacted]");
  assert.equal(scrub("SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8"), "[redacted]");
  const harmless = `swarm ${FINGERPRINT}, node 9z8y7x6w5v4u3t2s1r0q9p8o7, i-0123456789abcdef0`;
  assert.equal(scrub(harmless), harmless);
});

Deno.test("no text around a token brings it through", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (before, after) => {
    assert.ok(!plain(`${before}${TOKEN}${after}`).includes("1awxwuwd3z9j1z3puu7rcgdbx"));
    assert.ok(!scrub(JSON.stringify({ [before]: TOKEN })).includes("1awxwuwd3z9j1z3puu7rcgdbx"));
  }));
});

Deno.test("a line stays one line and moves no cursor, whatever others put into it", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(plain(text), /[\x00-\x1f\x7f-\x9f]/);
  }));
  assert.equal(plain("one\n  two\x1b[2J"), "one two?[2J");
});

function logOf(options: Partial<LogOptions>): { log: Log; lines: () => string[] } {
  let out = "";
  const log = new Log({
    format: "text",
    level: "info",
    dated: false,
    write: (text) => out += text,
    wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    nowMs: () => 2_500,
    ...options,
  });
  return { log, lines: () => out.split("\n").slice(0, -1) };
}
