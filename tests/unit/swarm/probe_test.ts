/** `src/probe.ts` on loopback addresses: all of 127.0.0.0/8 is this machine. */
import assert from "node:assert/strict";
import { SWARM_PORT } from "../../../src/addresses.ts";
import { probe } from "../../../src/swarm/probe.ts";

const never = new AbortController().signal;

Deno.test("only those that accept a connection answer, in the order of the question", async () => {
  const accepting = ["127.78.1.1", "127.78.1.3"].map((hostname) =>
    Deno.listen({ hostname, port: SWARM_PORT })
  );
  const asked = ["127.78.1.3", "127.78.1.2", "127.78.1.1"];
  const result = await probe(asked, never);
  for (const listener of accepting) listener.close();
  assert.deepEqual(result, { ok: true, value: ["127.78.1.3", "127.78.1.1"] });
});

Deno.test("a manager that accepts and resets at once has answered", async () => {
  const listener = Deno.listen({ hostname: "127.78.2.1", port: SWARM_PORT });
  const accepted = listener.accept().then((connection) => connection.close());
  assert.deepEqual(await probe(["127.78.2.1"], never), { ok: true, value: ["127.78.2.1"] });
  await accepted;
  listener.close();
});

Deno.test("a manager with an IPv6 address answers", async () => {
  const listener = Deno.listen({ hostname: "::1", port: SWARM_PORT });
  const result = await probe(["::1", "fd00:78::1"], never);
  listener.close();
  assert.deepEqual(result, { ok: true, value: ["::1"] });
});

Deno.test("nobody is asked, and nobody answers", async () => {
  assert.deepEqual(await probe([], never), { ok: true, value: [] });
});

Deno.test("an address that drops packets does not answer, and does not keep the others", async () => {
  const filled = await fullListener("127.78.3.1");
  const listener = Deno.listen({ hostname: "127.78.3.2", port: SWARM_PORT });
  const result = await probe(["127.78.3.1", "127.78.3.2"], never);
  listener.close();
  filled.close();
  assert.deepEqual(result, { ok: true, value: ["127.78.3.2"] });
});

Deno.test("a probe ends when the caller's time is over, and does not say that nobody is there", async () => {
  const filled = await fullListener("127.78.4.1");
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 20);
  for (let i = 0; i < 2; i++) {
    const result = await probe(["127.78.4.1"], stop.signal);
    assert.equal(result.ok ? "answered" : result.fault.kind, "timeout");
  }
  filled.close();
});

/** A listener whose backlog is full: the kernel drops what comes next, as a firewall would. */
async function fullListener(hostname: string): Promise<{ close(): void }> {
  const listener = Deno.listen({ hostname, port: SWARM_PORT, tcpBacklog: 1 });
  const held: Deno.Conn[] = [];
  for (;;) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 100);
    try {
      held.push(await Deno.connect({ hostname, port: SWARM_PORT, signal: controller.signal }));
    } catch {
      break;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    close(): void {
      for (const connection of held) connection.close();
      listener.close();
    },
  };
}
