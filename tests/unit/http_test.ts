/** `src/http.ts` against real sockets that answer well, badly and not at all. */
import assert from "node:assert/strict";
import { exchange, quote, type Reply, type Target } from "../../src/http.ts";
import type { Answer } from "../../src/state.ts";
import { type Reply as RawReply } from "../emulators/http.ts";
import {
  answer,
  chunked,
  closedPort,
  raw,
  serveRaw,
  serveResets,
  SILENCE,
} from "../support/raw_server.ts";

const never = new AbortController().signal;

function ask(
  port: number,
  options: { signal?: AbortSignal; deadlineMs?: number; bytesMax?: number } = {},
): Promise<Answer<Reply>> {
  const target: Target = { kind: "tcp", hostname: "127.0.0.1", port };
  const { signal = never, deadlineMs = 10_000, bytesMax = 1_000 } = options;
  return exchange(target, { method: "GET", path: "/x" }, { deadlineMs, bytesMax, signal });
}

async function answerTo(reply: RawReply): Promise<Answer<Reply>> {
  await using server = serveRaw(() => reply);
  return await ask(server.port);
}

function valueOf<T>(result: Answer<T>): T {
  assert.ok(result.ok, result.ok ? "" : result.fault.message);
  return result.value;
}

const GOOD: { name: string; reply: RawReply; status: number; body: string }[] = [
  { name: "a length", reply: answer(200, "héllo"), status: 200, body: "héllo" },
  { name: "an empty body", reply: answer(404, ""), status: 404, body: "" },
  {
    name: "chunks",
    reply: chunked(200, "one, two, three, four"),
    status: 200,
    body: "one, two, three, four",
  },
  { name: "no chunks", reply: chunked(200, ""), status: 200, body: "" },
  {
    name: "an end by closing",
    reply: raw("HTTP/1.0 200 OK\r\n\r\nuntil the end"),
    status: 200,
    body: "until the end",
  },
  {
    name: "bare newlines",
    reply: raw("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    status: 200,
    body: "ok",
  },
  {
    name: "no body",
    reply: raw("HTTP/1.1 204 No Content\r\n\r\n", "open"),
    status: 204,
    body: "",
  },
  {
    name: "an interim answer first",
    reply: raw(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "open",
    ),
    status: 200,
    body: "ok",
  },
  {
    name: "more than its length",
    reply: raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "open"),
    status: 200,
    body: "ok",
  },
];

for (const { name, reply, status, body } of GOOD) {
  Deno.test(`an answer with ${name} is read`, async () => {
    const value = valueOf(await answerTo(reply));
    assert.deepEqual([value.status, value.body], [status, body]);
  });
}

const BAD: { name: string; reply: RawReply; kind: string }[] = [
  { name: "bytes that are no HTTP", reply: raw("SSH-2.0-OpenSSH_9.2\r\n"), kind: "malformed" },
  { name: "an endless first line", reply: raw("x".repeat(200_000)), kind: "malformed" },
  {
    name: "endless headers",
    reply: raw(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}`),
    kind: "malformed",
  },
  {
    name: "a header without a colon",
    reply: raw("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"),
    kind: "malformed",
  },
  {
    name: "a length that is no number",
    reply: raw("HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n"),
    kind: "malformed",
  },
  {
    name: "a length over the bound",
    reply: raw("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"),
    kind: "malformed",
  },
  { name: "chunks over the bound", reply: chunked(200, "x".repeat(2_000)), kind: "malformed" },
  {
    name: "an open end over the bound",
    reply: raw(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(200_000)}`),
    kind: "malformed",
  },
  {
    name: "a chunk without a length",
    reply: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n"),
    kind: "malformed",
  },
  {
    name: "a chunk longer than it says",
    reply: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n"),
    kind: "malformed",
  },
  { name: "half a head", reply: raw("HTTP/1.1 200 OK\r\nContent-Le"), kind: "unreachable" },
  {
    name: "half a body",
    reply: raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    kind: "unreachable",
  },
  {
    name: "half a chunk",
    reply: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
    kind: "unreachable",
  },
  { name: "no bytes", reply: raw(""), kind: "unreachable" },
];

for (const { name, reply, kind } of BAD) {
  Deno.test(`an answer with ${name} is a fault`, async () => {
    const result = await answerTo(reply);
    assert.equal(result.ok ? "answered" : result.fault.kind, kind);
  });
}

Deno.test("a refused connection is unreachable", async () => {
  assert.deepEqual(await ask(closedPort()), {
    ok: false,
    fault: { kind: "unreachable", message: "connection refused" },
  });
});

Deno.test("a reset connection is unreachable", async () => {
  const server = serveResets();
  const result = await ask(server.port);
  server.close();
  assert.equal(result.ok ? "answered" : result.fault.kind, "unreachable");
});

Deno.test("silence ends at the deadline", async () => {
  await using server = serveRaw(() => SILENCE);
  assert.deepEqual(await ask(server.port, { deadlineMs: 50 }), {
    ok: false,
    fault: { kind: "timeout", message: "no answer within 0.05 s" },
  });
});

Deno.test("an answer that stops half way ends at the deadline", async () => {
  const text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
  await using server = serveRaw(() => raw(text, "open"));
  const result = await ask(server.port, { deadlineMs: 50 });
  assert.equal(result.ok ? "answered" : result.fault.kind, "timeout");
});

Deno.test("the caller's signal ends an exchange under way, and one not begun", async () => {
  const caller = new AbortController();
  await using server = serveRaw(() => {
    caller.abort();
    return SILENCE;
  });
  for (let i = 0; i < 2; i++) {
    const result = await ask(server.port, { signal: caller.signal });
    assert.equal(result.ok ? "answered" : result.fault.kind, "timeout");
  }
  assert.equal(server.requests.length, 1);
});

Deno.test("a body is sent with its length in bytes, and the host as it is written in a URL", async () => {
  await using server = serveRaw(() => answer(200, "ok"));
  const target: Target = { kind: "tcp", hostname: "127.0.0.1", port: server.port };
  const request = { method: "POST", path: "/a?b=c", headers: { "X-Y": "z" }, body: "ä" } as const;
  valueOf(await exchange(target, request, { deadlineMs: 10_000, bytesMax: 10, signal: never }));
  const [sent] = server.requests;
  assert.equal(`${sent?.method} ${sent?.target}`, "POST /a?b=c");
  assert.equal(sent?.headers.get("content-length"), "2");
  assert.equal(sent?.headers.get("host"), "127.0.0.1");
  assert.equal(sent?.headers.get("x-y"), "z");
});

Deno.test("what the outside said is quoted short, in one line, without a join token", () => {
  const token = `SWMTKN-1-${"a".repeat(50)}-${"b".repeat(25)}`;
  assert.equal(quote(`no\n  ${token}\there`), "no [redacted] here");
  assert.equal(quote("x".repeat(50), 10), `${"x".repeat(10)}…`);
  assert.doesNotMatch(quote(`${"x".repeat(395)}${token}`), /SWMTKN|aaaa/);
});
