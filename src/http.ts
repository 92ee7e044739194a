/**
 * One bounded HTTP/1.1 exchange over a fresh TCP or Unix connection: what IMDS and the Engine need.
 *
 * Not `fetch`: where `HTTP_PROXY` is set, it asks that proxy for 169.254.169.254, and it can be told
 * otherwise only together with a request line that none but a proxy is sent. The Engine could be asked
 * with it in the same time, but its errors are words, and a connection that it kept may be stale.
 */
import type { Answer, Fault, FaultKind } from "./state.ts";
import { orEnded, within } from "./time.ts";

export type Target =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; hostname: string; port: number };

interface Request {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  headers?: Record<string, string>;
  /** Sent as it is, with its length. */
  body?: string;
}

/** `headers`: names in lower case. `body`: decoded as UTF-8. */
export interface Reply {
  status: number;
  headers: Map<string, string>;
  body: string;
}

interface Bounds {
  /** For everything: connecting, sending, and the last byte of the answer. */
  deadlineMs: number;
  /** Of the body. */
  bytesMax: number;
  /** Ends the exchange early, as its deadline does. */
  signal: AbortSignal;
}

/**
 * Sends one request and reads the whole answer. Never throws for what the other side does; a fault's
 * message is a phrase that goes after a colon ("connection refused").
 */
export async function exchange(
  target: Target,
  request: Request,
  bounds: Bounds,
): Promise<Answer<Reply>> {
  const signal = within(bounds.deadlineMs, bounds.signal);
  try {
    signal.throwIfAborted();
    using connection = await connect(target, signal);
    signal.throwIfAborted();
    const reply = await orEnded(
      converse(connection, requestBytes(target, request), bounds.bytesMax),
      signal,
    );
    if (reply !== "ended") return { ok: true, value: reply };
  } catch (error) {
    if (!signal.aborted) return { ok: false, fault: connectionFault(error) };
  }
  const message = bounds.signal.aborted
    ? "there was no time left"
    : `no answer within ${bounds.deadlineMs / 1000} s`;
  return { ok: false, fault: { kind: "timeout", message } };
}

/** What the outside said, for a message: one line, short, and without any join token in it. */
export function quote(text: string, charactersMax = 400): string {
  const line = text.replace(/SWMTKN-[0-9A-Za-z-]*/g, "[redacted]").replace(/\s+/g, " ").trim();
  return line.length <= charactersMax ? line : `${line.slice(0, charactersMax)}…`;
}

const HEAD_BYTES_MAX = 64 * 1024;

/** An exchange that failed for a reason known here. */
class Broken extends Error {
  constructor(readonly kind: FaultKind, message: string) {
    super(message);
  }
}

function connect(target: Target, signal: AbortSignal): Promise<Deno.Conn> {
  return target.kind === "unix"
    ? Deno.connect({ transport: "unix", path: target.path })
    : Deno.connect({ hostname: target.hostname, port: target.port, signal });
}

function requestBytes(target: Target, request: Request): Uint8Array {
  const body = new TextEncoder().encode(request.body ?? "");
  const host = target.kind === "unix"
    ? "localhost"
    : target.hostname.includes(":")
    ? `[${target.hostname}]`
    : target.hostname;
  const head = [
    `${request.method} ${request.path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: close",
    ...Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  if (request.method !== "GET") head.push(`Content-Length: ${body.length}`);
  return joined([new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`), body]);
}

async function converse(
  connection: Deno.Conn,
  request: Uint8Array,
  bytesMax: number,
): Promise<Reply> {
  for (let sent = 0; sent < request.length;) {
    sent += await connection.write(request.subarray(sent));
  }
  return await readReply(new Inbox(connection), bytesMax);
}

async function readReply(inbox: Inbox, bytesMax: number): Promise<Reply> {
  for (;;) {
    const { status, headers } = await readHead(inbox);
    if (status >= 100 && status < 200) continue;
    const bytes = await readBody(inbox, status, headers, bytesMax);
    return { status, headers, body: new TextDecoder().decode(bytes) };
  }
}

async function readHead(inbox: Inbox): Promise<{ status: number; headers: Map<string, string> }> {
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(await inbox.line())?.[1];
  if (status === undefined) throw new Broken("malformed", "the answer is not HTTP");
  const headers = new Map<string, string>();
  let size = 0;
  for (;;) {
    const line = await inbox.line();
    if (line === "") return { status: Number(status), headers };
    size += line.length;
    const colon = line.indexOf(":");
    if (colon < 1 || size > HEAD_BYTES_MAX) {
      throw new Broken("malformed", "the answer's headers are not HTTP");
    }
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
}

async function readBody(
  inbox: Inbox,
  status: number,
  headers: Map<string, string>,
  bytesMax: number,
): Promise<Uint8Array> {
  if (status === 204 || status === 304) return new Uint8Array();
  if (/\bchunked\b/i.test(headers.get("transfer-encoding") ?? "")) {
    return await readChunks(inbox, bytesMax);
  }
  const length = headers.get("content-length");
  if (length === undefined) return await inbox.rest(bytesMax);
  if (!/^\d+$/.test(length)) throw new Broken("malformed", "the answer's length is no number");
  return await inbox.take(checked(Number(length), bytesMax));
}

async function readChunks(inbox: Inbox, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const size = /^([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(await inbox.line())?.[1];
    if (size === undefined) throw new Broken("malformed", "a chunk of the answer has no length");
    const length = parseInt(size, 16);
    total = checked(total + length, bytesMax);
    if (length === 0) {
      while (await inbox.line() !== "") { /* Trailers say nothing that is needed. */ }
      return joined(chunks);
    }
    chunks.push(await inbox.take(length));
    if (await inbox.line() !== "") {
      throw new Broken("malformed", "a chunk of the answer is longer than it says");
    }
  }
}

function checked(length: number, bytesMax: number): number {
  if (length > bytesMax) {
    throw new Broken("malformed", `the answer is longer than ${bytesMax} bytes`);
  }
  return length;
}

/** The bytes of all of them, one after the other. */
export function joined(chunks: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** What has arrived and was not consumed yet. */
class Inbox {
  #waiting: Uint8Array = new Uint8Array();
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(64 * 1024);

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    for (let from = 0;;) {
      const end = this.#waiting.indexOf(10, from);
      if (end >= 0) {
        const line = new TextDecoder().decode(this.#waiting.subarray(0, end));
        this.#waiting = this.#waiting.subarray(end + 1);
        return line.replace(/\r$/, "");
      }
      from = this.#waiting.length;
      if (from > HEAD_BYTES_MAX) throw new Broken("malformed", "the answer is not HTTP");
      const more = await this.#receive();
      if (more === null) throw cutShort();
      this.#waiting = joined([this.#waiting, more]);
    }
  }

  async take(length: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      const chunk = await this.#next();
      if (chunk === null) throw cutShort();
      chunks.push(chunk.subarray(0, missing));
      if (chunk.length > missing) this.#waiting = chunk.slice(missing);
      missing -= Math.min(missing, chunk.length);
    }
    return joined(chunks);
  }

  /** All that comes until the other side closes. */
  async rest(bytesMax: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      const chunk = await this.#next();
      if (chunk === null) return joined(chunks);
      total = checked(total + chunk.length, bytesMax);
      chunks.push(chunk);
    }
  }

  async #next(): Promise<Uint8Array | null> {
    if (this.#waiting.length === 0) return await this.#receive();
    const chunk = this.#waiting;
    this.#waiting = new Uint8Array();
    return chunk;
  }

  async #receive(): Promise<Uint8Array | null> {
    const count = await this.#connection.read(this.#buffer);
    return count === null ? null : this.#buffer.slice(0, count);
  }
}

function cutShort(): Broken {
  return new Broken("unreachable", "the connection closed before the answer was complete");
}

const { errors } = Deno;
const MEANINGS: [type: new (message?: string) => Error, FaultKind, message: string][] = [
  [errors.NotFound, "no-socket", "there is no such socket"],
  [errors.PermissionDenied, "denied", "permission denied"],
  [errors.NotCapable, "denied", "this program is not allowed to go there"],
  [errors.ConnectionRefused, "unreachable", "connection refused"],
  [errors.ConnectionReset, "unreachable", "connection reset"],
  [errors.BrokenPipe, "unreachable", "connection reset"],
  [errors.TimedOut, "timeout", "timed out"],
];

function connectionFault(error: unknown): Fault {
  if (error instanceof Broken) return { kind: error.kind, message: error.message };
  for (const [type, kind, message] of MEANINGS) {
    if (error instanceof type) return { kind, message };
  }
  if (error instanceof Error) {
    return { kind: "unreachable", message: quote(error.message.replace(/ \(os error \d+\)/, "")) };
  }
  throw error;
}
