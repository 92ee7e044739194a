/**
 * A server that answers with exactly the bytes, or the silence, that a test wants: on loopback or on a
 * Unix socket.
 */

export interface RawRequest {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

/** `text`: sent as it is. `hang`: keep the connection open afterwards. `reset`: close it unread. */
export type RawAnswer = { text: string | Uint8Array; hang?: boolean } | "reset" | "hang";

export type RawHandler = (request: RawRequest, index: number) => RawAnswer;

export interface RawServer {
  requests: RawRequest[];
  port: number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export function answer(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): RawAnswer {
  const length = new TextEncoder().encode(body).length;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return { text: `HTTP/1.1 ${status} X\r\nContent-Length: ${length}\r\n${lines}\r\n${body}` };
}

export function json(status: number, value: unknown): RawAnswer {
  return answer(status, JSON.stringify(value), { "Content-Type": "application/json" });
}

/** The same answer in chunks of a few bytes. */
export function chunked(status: number, body: string, headers = ""): RawAnswer {
  const bytes = new TextEncoder().encode(body);
  let text = `HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`;
  for (let at = 0; at < bytes.length; at += 7) {
    const part = bytes.subarray(at, at + 7);
    text += `${part.length.toString(16)};x=y\r\n${new TextDecoder().decode(part)}\r\n`;
  }
  return { text: `${text}0\r\nX-Trailer: 1\r\n\r\n` };
}

/** A Unix socket, or an address; on any free port of 127.0.0.1 when nothing is said. */
export type Place = { path: string } | { hostname?: string; port?: number };

export function serveRaw(handler: RawHandler, place: Place = {}): RawServer {
  const listener = listen(place);
  const open = new Set<Deno.Conn>();
  const requests: RawRequest[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.add(connection);
      handle(connection).catch(() => {}).finally(() => end(connection));
    }
  })();

  async function handle(connection: Deno.Conn): Promise<void> {
    const request = await readRequest(connection);
    const reply = handler(request, requests.push(request) - 1);
    if (reply === "reset") return;
    if (reply !== "hang") {
      const bytes = typeof reply.text === "string"
        ? new TextEncoder().encode(reply.text)
        : reply.text;
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
      if (reply.hang !== true) return;
    }
    await connection.read(new Uint8Array(1));
  }

  function end(connection: Deno.Conn): void {
    if (open.delete(connection)) connection.close();
  }

  async function close(): Promise<void> {
    listener.close();
    await accepting;
    for (const connection of [...open]) end(connection);
  }

  return {
    requests,
    port: listener.addr.transport === "tcp" ? listener.addr.port : 0,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readRequest(connection: Deno.Conn): Promise<RawRequest> {
  let text = "";
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("The request was cut short");
    text += new TextDecoder().decode(buffer.subarray(0, count));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const [first = "", ...lines] = text.slice(0, end).split("\r\n");
    const headers = new Headers(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
    }));
    const body = text.slice(end + 4);
    const length = new TextEncoder().encode(body).length;
    if (length < Number(headers.get("content-length") ?? 0)) continue;
    const [method = "", path = ""] = first.split(" ");
    return { method, path, headers, body };
  }
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
