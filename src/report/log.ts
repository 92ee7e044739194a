/**
 * What a run says while it runs, on stderr: one line per decision.
 *
 * Text for people, JSON lines for a journal. No join token ever gets here; should a defect bring one,
 * `scrub` takes it out as a last defence.
 */
import { durationText } from "./duration.ts";
import { LOG_LEVELS, type LogFormat, type LogLevel } from "../settings.ts";
import { type ActionKind, actionOf } from "../actions.ts";
import { RULES } from "../rules.ts";
import type { Acting, End, Waiting } from "../state.ts";

export interface LogOptions {
  format: "text" | "json";
  level: LogLevel;
  /** Text lines begin with the date and time, not with the seconds of the run. */
  dated: boolean;
  write: (text: string) => void;
  /** The wall clock, in ms since 1970. */
  wallMs: () => number;
  /** Milliseconds since the run began. */
  nowMs: () => number;
}

type Fields = Readonly<Record<string, string | number | boolean | null>>;

/** A wait that repeats the one before is said again only after this long. */
const REPEAT_MS = 60_000;

export class Log {
  readonly #options: LogOptions;
  readonly #warned = new Set<string>();
  #done = "";
  #last: { text: string; atMs: number } | null = null;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** What is done next, by which rule and why; at a bad end also what a person can do. */
  decision(decision: Acting | Waiting | End): void {
    const { rule, because } = decision;
    const action = actionOf(decision);
    if (decision.kind === "end") {
      for (const warning of decision.warnings) this.#warnOnce(warning, rule);
    }
    const fields: Record<string, string | number> = { action, rule };
    if (decision.kind === "wait") fields["waitMs"] = decision.ms;
    if (decision.kind === "act" && decision.call.kind === "join") {
      fields["address"] = decision.call.address;
    }
    if (decision.kind === "end" && decision.exit !== 0) {
      fields["exit"] = decision.exit;
      fields["mend"] = RULES[rule].mend;
    }
    this.say(this.#levelOf(action, `${rule} ${because}`), because, fields);
  }

  /** Whatever else a run does: which cluster it is for, and where it looks for it. */
  begin({ version, cluster, store }: { version: string; cluster: string; store: string }): void {
    const message = `swarm-join ${version}: cluster "${cluster}", store ${store}`;
    const { format } = this.#options;
    this.say("info", message, format === "json" ? { version, cluster, store } : {});
  }

  error(message: string, fields: Fields = {}): void {
    this.say("error", message, fields);
  }

  warn(message: string, fields: Fields = {}): void {
    this.say("warn", message, fields);
  }

  info(message: string, fields: Fields = {}): void {
    this.say("info", message, fields);
  }

  debug(message: string, fields: Fields = {}): void {
    this.say("debug", message, fields);
  }

  say(level: LogLevel, message: string, fields: Fields): void {
    const { format, level: most, write } = this.#options;
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(most)) return;
    const line = format === "json"
      ? this.#json(level, message, fields)
      : this.#text(level, message, fields);
    write(`${line}\n`);
  }

  #warnOnce(warning: string, rule: string): void {
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.warn(warning, { rule });
  }

  #levelOf(action: ActionKind, text: string): LogLevel {
    const nowMs = this.#options.nowMs();
    const last = this.#last;
    this.#last = null;
    // Who keeps comes to the same end again and again.
    const isKnown = action === "done" && this.#done === text;
    this.#done = action === "done" ? text : "";
    if (isKnown) return "debug";
    if (action === "fail") return "error";
    if (action !== "wait") return "info";
    const repeats = last !== null && last.text === text && nowMs - last.atMs < REPEAT_MS;
    this.#last = repeats ? last : { text, atMs: nowMs };
    return repeats ? "debug" : "info";
  }

  #json(level: LogLevel, message: string, fields: Fields): string {
    const { wallMs, nowMs } = this.#options;
    const time = new Date(wallMs()).toISOString();
    const elapsedMs = Math.round(nowMs());
    return scrub(JSON.stringify({ time, level, ...fields, message, elapsedMs }));
  }

  #text(level: LogLevel, message: string, fields: Fields): string {
    const { dated, wallMs, nowMs } = this.#options;
    const when = dated
      ? new Date(wallMs()).toISOString()
      : `${(nowMs() / 1_000).toFixed(1)}s`.padStart(7);
    const { action, rule, mend, ...others } = fields;
    const head = [action, typeof rule === "string" ? `[${rule}]` : rule]
      .filter((it) => it !== undefined).join(" ");
    const tail = Object.entries(others).filter(([key]) => key !== "waitMs")
      .map(([key, value]) => ` ${key}=${value}`).join("");
    const mark = level === "error" || level === "warn" ? `${level}: ` : "";
    const line = plain(`${when}  ${mark}${head === "" ? "" : `${head} `}${message}${tail}`);
    return mend ? `${line}\n${plain(`${" ".repeat(when.length)}  ${mend}`)}` : line;
  }
}

/** How stderr talks when nobody said: text on a terminal, JSON lines under systemd, else plain text. */
export function formatOf(
  asked: LogFormat,
  stderr: { isTerminal: boolean; isJournal: boolean },
): "text" | "json" {
  if (asked !== "auto") return asked;
  return stderr.isJournal && !stderr.isTerminal ? "json" : "text";
}

/** What a terminal shows while a run waits: what for, how long already, and until when at most. */
export function waitText(
  wait: { what: string; sinceMs: number; nowMs: number; deadlineMs: number; deadlineWall: Date },
): string {
  const { what, sinceMs, nowMs, deadlineMs, deadlineWall } = wait;
  const seconds = (ms: number): string =>
    ms < 1_000 ? "0s" : durationText(Math.floor(ms / 1_000) * 1_000);
  const clock = deadlineWall.toTimeString().slice(0, 8);
  return plain(
    `waiting ${seconds(nowMs - sinceMs)}, at most until ${clock} (${
      seconds(deadlineMs - nowMs)
    }): ${what}`,
  );
}

/** The text without anything that looks like a join token or an unlock key. */
export function scrub(text: string): string {
  return text
    .replace(/SWM(?:TKN|KEY)-[0-9A-Za-z_+/=-]+/gi, "[redacted]")
    .replace(/(?<![0-9a-z])[0-9a-z]{50}-[0-9a-z]{20,}/gi, "[redacted]");
}

/** One line of text that can't move a terminal's cursor, and without tokens. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return scrub(text.replace(/\s*[\r\n]+\s*/g, " ").replace(/[\x00-\x1f\x7f-\x9f]/g, "?"));
}
