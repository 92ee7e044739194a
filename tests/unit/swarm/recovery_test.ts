/** A swarm that is started anew: what is sent, what is kept of before, and that nothing is sent where it can't be kept. */
import assert from "node:assert/strict";
import { json } from "../../support/raw_server.ts";
import {
  faultOf,
  info,
  MANAGER_SWARM,
  never,
  type Routes,
  valueOf,
  withEngine,
} from "../../support/engine_bench.ts";
import { createEngine, type EngineClient } from "../../../src/swarm/engine.ts";

const FORCE = "POST /v1.41/swarm/init";
const STARTED = {
  LocalAddr: "10.0.0.7",
  RemoteAddr: "10.0.0.9:2377",
  ListenAddr: "10.0.0.7:2400",
  AdvertiseAddr: "10.0.0.7:2399",
  DataPathAddr: "eth1",
  DefaultAddressPool: null,
  SubnetSize: 0,
  DataPathPort: 0,
};

interface Lost {
  engine: EngineClient;
  /** The data root's folder of the swarm, and where copies go. */
  folder: string;
  copies: string;
  sent: unknown[];
}

/** A manager without a leader, that was looked at; `state`: how it was started. */
async function withLost(
  { state = JSON.stringify(STARTED), answer = json(200, "node") }: {
    state?: string | null;
    answer?: Routes[string];
  },
  test: (lost: Lost) => Promise<void>,
): Promise<void> {
  const sent: unknown[] = [];
  const leaderless = { ...MANAGER_SWARM, Error: "The swarm does not have a leader." };
  await withEngine(
    (routes, directory) => ({
      ...info(leaderless)(routes, directory),
      [FORCE]: (request) => {
        sent.push(JSON.parse(new TextDecoder().decode(request.body)));
        return typeof answer === "function" ? answer(request) : answer;
      },
    }),
    async ({ directory, socket, vault }) => {
      const folder = `${directory}/swarm`;
      Deno.mkdirSync(`${folder}/raft/wal`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/raft/wal/0.wal`, "entries");
      Deno.writeTextFileSync(`${folder}/certificates/swarm-node.key`, "key", { mode: 0o600 });
      if (state !== null) Deno.writeTextFileSync(`${folder}/docker-state.json`, state);
      const copies = `${directory}/copies`;
      const engine = createEngine({ path: socket, vault, copies });
      valueOf(await engine.look(never));
      await test({ engine, folder, copies, sent });
    },
  );
}

function listing(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("anew: with the addresses that the node was started with, and no settings of the swarm's", async () => {
  await withLost({}, async ({ engine, sent }) => {
    valueOf(await engine.force("10.0.0.7", never));
    assert.deepEqual(sent, [{
      ListenAddr: "10.0.0.7:2400",
      AdvertiseAddr: "10.0.0.7:2399",
      DataPathAddr: "eth1",
      ForceNewCluster: true,
    }]);
  });
});

Deno.test("anew: a node that was told no address to advertise goes by the one that it has", async () => {
  const state = JSON.stringify({ ...STARTED, AdvertiseAddr: "", DataPathAddr: "" });
  await withLost({ state }, async ({ engine, sent }) => {
    valueOf(await engine.force("10.0.0.7", never));
    assert.deepEqual(sent, [{
      ListenAddr: "10.0.0.7:2400",
      AdvertiseAddr: "10.0.0.7:2377",
      ForceNewCluster: true,
    }]);
  });
});

Deno.test("anew: all that the Engine has of the swarm is copied first, for root alone", async () => {
  await withLost({}, async ({ engine, copies }) => {
    const copy = valueOf(await engine.force("10.0.0.7", never));
    assert.match(copy, new RegExp(`^${copies}/swarm-\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\dZ$`));
    assert.deepEqual(listing(copies), [copy.slice(copies.length + 1)]);
    assert.deepEqual(listing(copy), ["certificates", "docker-state.json", "raft"]);
    assert.equal(Deno.readTextFileSync(`${copy}/raft/wal/0.wal`), "entries");
    assert.equal(Deno.readTextFileSync(`${copy}/certificates/swarm-node.key`), "key");
    for (const folder of [copies, copy, `${copy}/raft`, `${copy}/certificates`]) {
      assert.equal((Deno.statSync(folder).mode ?? 0) & 0o777, 0o700, folder);
    }
    const key = Deno.statSync(`${copy}/certificates/swarm-node.key`);
    assert.equal((key.mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("anew: what can't be copied is not started anew", async () => {
  await withLost({}, async ({ engine, copies, sent }) => {
    Deno.writeTextFileSync(copies, "a file, where the folder is to be");
    const { kind, message } = faultOf(await engine.force("10.0.0.7", never));
    assert.equal(kind, "unusable");
    assert.match(
      message,
      /^Cannot copy .*\/swarm to .*\/copies\/swarm-.*, and nothing was changed: /,
    );
    assert.deepEqual(sent, []);
  });
});

Deno.test("anew: a half of a copy is taken away again", async () => {
  await withLost({}, async ({ engine, folder, copies, sent }) => {
    // As where the disk is full: what is read is there, and can't be written.
    Deno.mkdirSync(`${folder}/raft/full`);
    Deno.writeTextFileSync(`${folder}/raft/full/1.snap`, "entries", { mode: 0o600 });
    const copyFile = Deno.copyFile;
    Deno.copyFile = (from, to) =>
      String(from).endsWith(".snap")
        ? Promise.reject(new Error("No space left on device"))
        : copyFile(from, to);
    try {
      assert.match(faultOf(await engine.force("10.0.0.7", never)).message, /No space left/);
    } finally {
      Deno.copyFile = copyFile;
    }
    assert.deepEqual([listing(copies), sent], [[], []]);
  });
});

Deno.test("anew: a swarm with autolock is refused, for Docker would stop it only", async () => {
  await withLost({}, async ({ engine, folder, copies, sent }) => {
    const key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nkek-version: 11\n";
    Deno.writeTextFileSync(`${folder}/certificates/swarm-node.key`, key);
    const { kind, message } = faultOf(await engine.force("10.0.0.7", never));
    assert.equal(kind, "unusable");
    assert.match(
      message,
      /^Cannot start the swarm anew, and nothing was changed: it has autolock on/,
    );
    assert.deepEqual(sent, []);
    assert.throws(() => Deno.statSync(copies), Deno.errors.NotFound);
  });
});

for (
  const [what, state] of [
    ["without it", null],
    ["of something else", "{}"],
    ["of no JSON", "ListenAddr"],
  ] as const
) {
  Deno.test(`anew: the file that says how the node was started, ${what}: nothing is sent, nor copied`, async () => {
    await withLost({ state }, async ({ engine, folder, copies, sent }) => {
      const { kind, message } = faultOf(await engine.force("10.0.0.7", never));
      assert.equal(kind, "unusable");
      assert.ok(message.includes(`${folder}/docker-state.json, and nothing was changed`), message);
      assert.deepEqual(sent, []);
      assert.throws(() => Deno.statSync(copies), Deno.errors.NotFound);
    });
  });
}

Deno.test("anew: the Engine's refusal says where the copy is", async () => {
  const answer = json(503, { message: "This node is not a swarm manager." });
  await withLost({ answer }, async ({ engine, copies }) => {
    const { kind, message } = faultOf(await engine.force("10.0.0.7", never));
    assert.equal(kind, "unreachable");
    const copy = `${copies}/${listing(copies)[0]}`;
    assert.ok(message.includes("not a swarm manager"), message);
    assert.ok(message.endsWith(`; what it was before is in ${copy}`), message);
  });
});
