/**
 * A server for one test, on loopback or on a Unix socket, that answers with exactly the bytes, or the
 * silence, that the test wants, and remembers what it was asked.
 */
import { type Exchange, type Reply, serveHttp } from "../emulators/http.ts";

export type RawHandler = (request: Exchange, index: number) => Reply;

export interface RawServer {
  requests: Exchange[];
  port: number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const CUT: Reply = { kind: "cut" };
export const SILENCE: Reply = { kind: "silence" };

/** `open`: the connection stays so afterwards. */
export function raw(bytes: string | Uint8Array, after: "closed" | "open" = "closed"): Reply {
  return { kind: "bytes", bytes, open: after === "open" };
}

/** No header but these: a date would be one that AWS is believed. */
export function answer(status: number, body: string, headers: Record<string, string> = {}): Reply {
  const length = new TextEncoder().encode(body).length;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return raw(`HTTP/1.1 ${status} X\r\nContent-Length: ${length}\r\n${lines}\r\n${body}`);
}

/** The same, named as S3 names each of its answers. */
export function s3Answer(status: number, body: string, date = new Date(0)): Reply {
  return answer(status, body, { "x-amz-request-id": "4442587FB7D0A2F9", Date: date.toUTCString() });
}

export function json(status: number, value: unknown): Reply {
  return answer(status, JSON.stringify(value), { "Content-Type": "application/json" });
}

/** The same answer in chunks of a few bytes. */
export function chunked(status: number, body: string, headers = ""): Reply {
  const bytes = new TextEncoder().encode(body);
  let text = `HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`;
  for (let at = 0; at < bytes.length; at += 7) {
    const part = bytes.subarray(at, at + 7);
    text += `${part.length.toString(16)};x=y\r\n${new TextDecoder().decode(part)}\r\n`;
  }
  return raw(`${text}0\r\nX-Trailer: 1\r\n\r\n`);
}

/** A Unix socket, or an address; on any free port of 127.0.0.1 when nothing is said. */
type Place = { path: string } | { hostname?: string; port?: number };

export function serveRaw(handler: RawHandler, place: Place = {}): RawServer {
  const requests: Exchange[] = [];
  const { addr, close } = serveHttp(
    listen(place),
    (request) => handler(request, requests.push(request) - 1),
  );
  const port = addr.transport === "tcp" ? addr.port : 0;
  return { requests, port, close, [Symbol.asyncDispose]: close };
}

/** Accepts connections and closes each with its request unread, which resets it. */
export function serveResets(place: Place = {}): { port: number; close(): void } {
  const listener = listen(place);
  (async () => {
    for await (const connection of listener) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      connection.close();
    }
  })();
  return {
    port: listener.addr.transport === "tcp" ? listener.addr.port : 0,
    close: () => listener.close(),
  };
}

/** A port of 127.0.0.1 that nothing listens on. */
export function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

function listen(place: Place): Deno.Listener<Deno.Conn> {
  if ("path" in place) return Deno.listen({ transport: "unix", path: place.path });
  return Deno.listen({ hostname: place.hostname ?? "127.0.0.1", port: place.port ?? 0 });
}
