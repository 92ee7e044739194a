/**
 * A small HTTP/1.1 server over a listener of any kind, for the emulators. It exists because faults
 * need what a library hides: an answer that is performed and never sent, a connection that ends in
 * the middle of a request, a server that hears and says nothing.
 */

export interface Exchange {
  method: string;
  /** Decoded path without the query. */
  path: string;
  /** Path and query as sent. */
  target: string;
  query: URLSearchParams;
  headers: Headers;
  body: Uint8Array;
  /** The other end; null on a unix socket. */
  peer: Deno.NetAddr | null;
  /** The address that was called; null on a unix socket. */
  local: Deno.NetAddr | null;
}

export type Reply =
  | { kind: "reply"; status: number; headers?: Record<string, string>; body?: string | Uint8Array }
  /** Exactly these, and the connection ends, or stays open with nothing more to come. */
  | { kind: "bytes"; bytes: string | Uint8Array; open?: boolean }
  /** The connection ends without an answer. */
  | { kind: "cut" }
  /** Nothing is ever answered, until the other side gives up or the server closes. */
  | { kind: "silence" };

export type Handler = (exchange: Exchange) => Promise<Reply> | Reply;

export interface HttpServer {
  readonly addr: Deno.Addr;
  /** Stops listening, ends every connection, and waits until the last handler is through. */
  close(): Promise<void>;
}

const HEAD_BYTES_MAX = 65_536;
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Serves `handler` on `listener` until closed. A handler that throws answers 500 with its words. */
export function serveHttp(listener: Deno.Listener, handler: Handler): HttpServer {
  const connections = new Set<Deno.Conn>();
  const closed = Promise.withResolvers<null>();
  const loops = new Set<Promise<void>>();

  const accept = async (): Promise<void> => {
    for await (const connection of listener) {
      connections.add(connection);
      const loop = converse(connection, handler, closed.promise).catch(() => {}).finally(() => {
        connections.delete(connection);
        loops.delete(loop);
        end(connection);
      });
      loops.add(loop);
    }
  };
  const accepting = accept().catch(() => {});

  return {
    addr: listener.addr,
    async close(): Promise<void> {
      closed.resolve(null);
      end(listener);
      for (const connection of connections) end(connection);
      await accepting;
      await Promise.all(loops);
    },
  };
}

/** An answer in JSON, as most of the emulators give. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return {
    kind: "reply",
    status,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(value),
  };
}

/** Waits `ms`, or less when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0 || signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

async function converse(
  connection: Deno.Conn,
  handler: Handler,
  closed: Promise<null>,
): Promise<void> {
  const stream = new ByteStream(connection);
  for (;;) {
    const head = await stream.head();
    if (head === null) return;
    const exchange = parseHead(head, connection);
    if (exchange === null) {
      await send(connection, { kind: "reply", status: 400, body: "Bad Request" }, false);
      return;
    }
    if (exchange.headers.get("expect")?.toLowerCase() === "100-continue") {
      await writeAll(connection, encode("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    exchange.body = await readBody(stream, exchange.headers);
    const reply = await Promise.race([answer(handler, exchange), closed]);
    if (reply === null || reply.kind === "cut") return;
    if (reply.kind === "bytes") await writeAll(connection, bytesOf(reply.bytes));
    if (reply.kind === "silence" || (reply.kind === "bytes" && reply.open)) {
      await Promise.race([stream.ended(), closed]);
    }
    if (reply.kind !== "reply") return;
    await send(connection, reply, exchange.method === "HEAD");
    if (exchange.headers.get("connection")?.toLowerCase() === "close") return;
  }
}

async function answer(handler: Handler, exchange: Exchange): Promise<Reply> {
  try {
    return await handler(exchange);
  } catch (error) {
    return { kind: "reply", status: 500, body: `emulator: ${error}` };
  }
}

function parseHead(head: string, connection: Deno.Conn): Exchange | null {
  const [first = "", ...lines] = head.split("\r\n");
  const [method, named, version] = first.split(" ");
  if (!method || !named || version !== "HTTP/1.1") return null;
  // A client that takes the socket for a proxy names the whole URL.
  const target = named.replace(/^http:\/\/[^/]*/, "");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const [rawPath = "/", rawQuery = ""] = target.split("?", 2);
  return {
    method,
    path: decodeURIComponent(rawPath),
    target,
    query: new URLSearchParams(rawQuery),
    headers,
    body: new Uint8Array(),
    peer: netAddr(connection.remoteAddr),
    local: netAddr(connection.localAddr),
  };
}

function netAddr(addr: Deno.Addr): Deno.NetAddr | null {
  return addr.transport === "tcp" ? addr : null;
}

async function readBody(stream: ByteStream, headers: Headers): Promise<Uint8Array> {
  const body = headers.get("transfer-encoding")?.toLowerCase() === "chunked"
    ? await readChunks(stream)
    : await stream.bytes(Number(headers.get("content-length") ?? 0));
  return headers.get("content-encoding")?.includes("aws-chunked")
    ? await readChunks(new ByteStream(memoryReader(body)))
    : body;
}

/** Both HTTP's chunks and those of S3's `aws-chunked`, whose size line may carry a signature. */
async function readChunks(stream: ByteStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const size = parseInt((await stream.line()).split(";")[0] ?? "", 16);
    if (!Number.isFinite(size)) throw new Error("a chunk has no size");
    if (size === 0) break;
    parts.push(await stream.bytes(size));
    await stream.line();
  }
  while ((await stream.line()) !== "");
  return concat(parts);
}

async function send(
  connection: Deno.Conn,
  reply: Extract<Reply, { kind: "reply" }>,
  headOnly: boolean,
): Promise<void> {
  const body = bytesOf(reply.body ?? "");
  const headers: Record<string, string> = { date: new Date().toUTCString(), ...reply.headers };
  if (reply.status !== 204 && reply.status !== 304) headers["content-length"] ??= `${body.length}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = encode(`HTTP/1.1 ${reply.status} ${phrase(reply.status)}\r\n${lines}\r\n`);
  await writeAll(connection, headOnly ? head : concat([head, body]));
}

function phrase(status: number): string {
  const phrases: Record<number, string> = {
    200: "OK",
    204: "No Content",
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    500: "Internal Server Error",
    503: "Service Unavailable",
  };
  return phrases[status] ?? "Status";
}

interface Reader {
  read(into: Uint8Array): Promise<number | null>;
}

/** Bytes of a connection with a bound on each thing asked for. */
class ByteStream {
  #reader: Reader;
  #held = new Uint8Array();

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** The request's head without its last empty line; null when the connection ended before one. */
  async head(): Promise<string | null> {
    for (;;) {
      const text = decode(this.#held.subarray(0, HEAD_BYTES_MAX));
      const at = text.indexOf("\r\n\r\n");
      if (at >= 0) {
        this.#held = this.#held.subarray(encode(text.slice(0, at + 4)).length);
        return text.slice(0, at);
      }
      if (this.#held.length >= HEAD_BYTES_MAX || !(await this.#more())) return null;
    }
  }

  async line(): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf(10);
      if (at >= 0) {
        const line = decode(this.#held.subarray(0, at)).replace(/\r$/, "");
        this.#held = this.#held.subarray(at + 1);
        return line;
      }
      if (!(await this.#more())) throw new Error("the connection ended in a line");
    }
  }

  async bytes(count: number): Promise<Uint8Array> {
    if (count > BODY_BYTES_MAX) throw new Error(`a body of ${count} bytes`);
    while (this.#held.length < count) {
      if (!(await this.#more())) throw new Error("the connection ended in a body");
    }
    const bytes = this.#held.slice(0, count);
    this.#held = this.#held.subarray(count);
    return bytes;
  }

  /** Resolves when the other side closes. */
  async ended(): Promise<void> {
    while (await this.#more().catch(() => false));
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(16_384);
    const count = await this.#reader.read(buffer);
    if (count === null) return false;
    this.#held = concat([this.#held, buffer.subarray(0, count)]);
    return true;
  }
}

function memoryReader(bytes: Uint8Array): Reader {
  let at = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (at >= bytes.length) return Promise.resolve(null);
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
  };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function end(closable: { close(): void }): void {
  try {
    closable.close();
  } catch {
    // It was closed by the other side.
  }
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? encode(body) : body;
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
