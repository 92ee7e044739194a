/** `src/swarm/` against a Unix socket on which an Engine answers well, badly, or something else does. */
import assert from "node:assert/strict";
import {
  fingerprintOf,
  type NodeCertificate,
  parseNodeCertificate,
} from "../../../src/swarm/certificates.ts";
import type { Answer, Config, Contents, Engine, TokenMark } from "../../../src/state.ts";
import { createEngine } from "../../../src/swarm/engine.ts";
import { Vault } from "../../../src/tokens/vault.ts";
import { outside } from "../../world/node.ts";
import { asNobody } from "../../support/nobody.ts";
import {
  configOf,
  faultOf,
  FINGERPRINT,
  FRESH_SPEC,
  info,
  manager,
  MANAGER_PEM,
  MANAGER_SWARM,
  MANAGER_TOKEN,
  never,
  NODE_ID,
  nodeJson,
  ROOT_PEM,
  type Routes,
  same,
  tokenOf,
  valueOf,
  withEngine,
  WORKER_PEM,
  WORKER_TOKEN,
} from "../../support/engine_bench.ts";
import type { Reply } from "../../emulators/http.ts";
import {
  answer,
  chunked,
  CUT,
  json,
  raw,
  type RawServer,
  serveRaw,
  serveResets,
  SILENCE,
} from "../../support/raw_server.ts";

Deno.test("a manager with quorum tells its whole swarm", async () => {
  await withEngine(same, async ({ engine, vault }) => {
    const { swarm, ...value } = valueOf(await engine.look(never));
    assert.deepEqual(
      value,
      {
        state: "active",
        nodeId: NODE_ID,
        address: "10.0.0.7",
        peers: ["10.0.0.7", "10.0.0.8"],
        api: 41,
        error: "",
        trouble: null,
        refuses: "",
        fingerprint: FINGERPRINT,
        clusterId: "oytpfm48q6up9cqh5xdkcivwo",
        manager: true,
      } satisfies Omit<Engine, "swarm">,
    );
    assert.ok(swarm !== null);
    const { nodes, ...rest } = swarm;
    assert.deepEqual(rest, {
      clusterId: "oytpfm48q6up9cqh5xdkcivwo",
      managerToken: vault.keep(MANAGER_TOKEN) as TokenMark,
      workerToken: vault.keep(WORKER_TOKEN) as TokenMark,
    });
    assert.deepEqual(nodes.map(({ nodeId }) => nodeId), [NODE_ID]);
    assert.doesNotMatch(JSON.stringify({ value, swarm }), /SWMTKN|mmmmm|wwwww/);
  });
});

Deno.test("the same is read when the Engine answers in chunks", async () => {
  const change = (routes: Routes, directory: string): Routes => ({
    ...routes,
    "GET /_ping": chunked(200, "OK", "Api-Version: 1.41\r\n"),
    "GET /v1.41/info": chunked(
      200,
      JSON.stringify({ DockerRootDir: directory, Swarm: MANAGER_SWARM }),
    ),
    "GET /v1.41/nodes": chunked(200, JSON.stringify([nodeJson(NODE_ID)])),
  });
  await withEngine(change, async ({ engine }) => {
    assert.equal(valueOf(await engine.look(never)).swarm?.nodes.length, 1);
  });
});

Deno.test("a setting with which an Engine refuses swarm mode is known before it is asked for it", async () => {
  const rows: [Record<string, unknown>, RegExp][] = [
    [{ LiveRestoreEnabled: true }, /live-restore.*daemon\.json/],
    [{ FirewallBackend: { Driver: "nftables" } }, /nftables.*daemon\.json/],
    [{ FirewallBackend: { Driver: "iptables+firewalld" } }, /^$/],
    [{ LiveRestoreEnabled: false }, /^$/],
  ];
  for (const [settings, says] of rows) {
    const routes = (all: Routes, directory: string): Routes => ({
      ...all,
      "GET /v1.41/info": json(200, {
        DockerRootDir: directory,
        Swarm: { LocalNodeState: "inactive" },
        ...settings,
      }),
    });
    await withEngine(routes, async ({ engine }) => {
      assert.match(valueOf(await engine.look(never)).refuses, says);
    });
  }
});

Deno.test("an Engine in no swarm says so, whatever an old file says", async () => {
  await withEngine(info({ LocalNodeState: "inactive" }), async ({ engine }) => {
    assert.deepEqual(valueOf(await engine.look(never)), outside);
  });
});

Deno.test("an Engine whose swarm could not be started anew is a member of it, whatever it says", async () => {
  await withEngine(info({ LocalNodeState: "inactive" }), async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.state, value.nodeId, value.manager, value.fingerprint], [
      "error",
      NODE_ID,
      true,
      FINGERPRINT,
    ]);
    assert.match(value.error, /restart Docker/);
  }, { node: MANAGER_PEM });
});

Deno.test("a worker knows its swarm by the root CA's file", async () => {
  const swarm = { LocalNodeState: "active", NodeID: NODE_ID, NodeAddr: "10.0.0.7" };
  await withEngine(info(swarm), async ({ engine, server }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.fingerprint, value.manager, value.swarm], [FINGERPRINT, false, null]);
    assert.deepEqual(server.requests.map(({ path }) => path), ["/_ping", "/v1.41/info"]);
  }, { node: WORKER_PEM });
});

Deno.test("a manager without a leader has no swarm to tell of, and is not asked twice", async () => {
  const words = "rpc error: code = Unknown desc = The swarm does not have a leader.";
  await withEngine(info({ ...MANAGER_SWARM, Error: words }), async ({ engine, server }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.manager, value.swarm, value.error], [true, null, words]);
    assert.equal(value.fingerprint, FINGERPRINT);
    assert.equal(server.requests.length, 2);
  });
});

Deno.test("a manager whose Engine is not ready to speak for it is one by its certificate", async () => {
  const swarm = { LocalNodeState: "active", NodeID: NODE_ID, NodeAddr: "10.0.0.7" };
  await withEngine(info(swarm), async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.manager, value.swarm], [true, null]);
  }, { node: MANAGER_PEM });
});

Deno.test("a member whose swarm component is down is known by its certificate", async () => {
  const swarm = { LocalNodeState: "error", Error: "Swarm certificates have expired." };
  await withEngine(info(swarm), async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.state, value.nodeId, value.manager], ["error", NODE_ID, true]);
    assert.deepEqual([value.error, value.trouble], ["Swarm certificates have expired.", "expired"]);
  }, { node: MANAGER_PEM });
});

Deno.test("an attempt that never became a member has no node id", async () => {
  await withEngine(info({ LocalNodeState: "pending" }), async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.state, value.nodeId, value.fingerprint], ["pending", "", null]);
  }, { root: null });
});

Deno.test("a locked swarm is told as locked", async () => {
  const swarm = { LocalNodeState: "locked", Error: "Swarm is encrypted and needs to be unlocked" };
  await withEngine(info(swarm), async ({ engine }) => {
    assert.equal(valueOf(await engine.look(never)).state, "locked");
  });
});

Deno.test("during a rotation of the CA the tokens are right, and the file is behind", async () => {
  const fresh = "0".repeat(49) + "z";
  const change = (routes: Routes): Routes => ({
    ...routes,
    "GET /v1.41/swarm": json(200, {
      ID: "c",
      JoinTokens: { Manager: tokenOf(fresh, "m"), Worker: tokenOf(fresh, "w") },
    }),
  });
  await withEngine(change, async ({ engine }) => {
    assert.equal(valueOf(await engine.look(never)).fingerprint, fresh);
  });
});

Deno.test("a fingerprint is what a real Engine put into its tokens", () => {
  assert.equal(fingerprintOf(new TextEncoder().encode(ROOT_PEM)), FINGERPRINT);
});

Deno.test("a fingerprint has 50 characters, and all of a bundle counts", () => {
  const print = (text: string): string => fingerprintOf(new TextEncoder().encode(text));
  for (const text of ["", "a", ROOT_PEM]) assert.match(print(text), /^[0-9a-z]{50}$/);
  assert.notEqual(print(ROOT_PEM), print(ROOT_PEM + ROOT_PEM));
});

Deno.test("a node's certificate tells its id, its cluster's and its role", () => {
  const parse = (text: string): NodeCertificate =>
    parseNodeCertificate(new TextEncoder().encode(text));
  const clusterId = "oytpfm48q6up9cqh5xdkcivwo";
  assert.deepEqual(parse(MANAGER_PEM), { nodeId: NODE_ID, clusterId, manager: true });
  assert.deepEqual(parse(WORKER_PEM), { nodeId: NODE_ID, clusterId, manager: false });
  for (const text of [ROOT_PEM, "", "<html>"]) {
    assert.deepEqual(parse(text), { nodeId: "unknown", clusterId: null, manager: false });
  }
});

Deno.test("a member whose certificate is damaged is a member", async () => {
  const swarm = { LocalNodeState: "error", Error: "error while loading TLS certificate" };
  await withEngine(info(swarm), async ({ engine }) => {
    assert.equal(valueOf(await engine.look(never)).nodeId, "unknown");
  }, { node: "" });
});

Deno.test("a root CA's file that holds something else is malformed", async () => {
  for (const root of ["", "<html>", "x".repeat(1_000_000)]) {
    await withEngine(same, async ({ engine }) => {
      const fault = faultOf(await engine.look(never));
      assert.equal(fault.kind, "malformed");
      assert.match(fault.message, /swarm-root-ca\.crt/);
    }, { root });
  }
});

const EXPIRED =
  "error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: " +
  "certificate (1 - r9uz9oaevldhgu73ut810x2fw) not valid after Tue, 01 Apr 2025 00:00:00 UTC, and it is " +
  "currently Thu, 26 Nov 2026 17:57:01 UTC: x509: certificate has expired or is not yet valid: ";

/** What `/info` says in each state, from running Engines (20.10.24 and one of API 1.56 say the same). */
const TROUBLES: { state: string; swarm: Record<string, unknown>; trouble: string | null }[] = [
  {
    state: "that its swarm component was restarted, which is none",
    swarm: { LocalNodeState: "error", NodeID: NODE_ID, Error: "" },
    trouble: null,
  },
  {
    state: "that it was removed, of which it says nothing",
    swarm: { LocalNodeState: "pending", NodeID: NODE_ID, Error: "" },
    trouble: null,
  },
  {
    state: "that its certificate ended while it was off",
    swarm: { LocalNodeState: "error", Error: EXPIRED },
    trouble: "expired",
  },
  {
    state: "the same, below a data root with a long path",
    swarm: { LocalNodeState: "error", Error: EXPIRED.replace("/var/lib", `/${"x".repeat(300)}`) },
    trouble: "expired",
  },
  {
    state: "the same, in the words of older Engines",
    swarm: {
      LocalNodeState: "error",
      Error: "Swarm certificates have expired. To replace them, leave the swarm and join again.",
    },
    trouble: "expired",
  },
  {
    state: "that its certificate is not valid yet, so that its clock is behind",
    swarm: { LocalNodeState: "error", Error: EXPIRED.replace("valid after", "valid before") },
    trouble: "clock",
  },
  {
    state: "that the others can't reach it back",
    swarm: {
      LocalNodeState: "error",
      Error: "could not connect to prospective new cluster member using its advertised address",
    },
    trouble: "one-way",
  },
  {
    state: "that its swarm has no leader",
    swarm: {
      LocalNodeState: "active",
      ControlAvailable: true,
      Error: "The swarm does not have a leader.",
    },
    trouble: "no-quorum",
  },
  {
    state: "that its swarm did not answer in time, which is not the same",
    swarm: {
      LocalNodeState: "active",
      ControlAvailable: true,
      Error: "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    },
    trouble: "unreachable",
  },
  {
    state: "that it was a manager until just now",
    swarm: {
      LocalNodeState: "active",
      ControlAvailable: true,
      Error: "rpc error: code = Canceled desc = grpc: the client connection is closing",
    },
    trouble: "unreachable",
  },
  {
    state: "something that nobody has seen",
    swarm: { LocalNodeState: "error", Error: "manager stopped: sphere not found" },
    trouble: null,
  },
];

for (const { state, swarm, trouble } of TROUBLES) {
  Deno.test(`an Engine says ${state}`, async () => {
    await withEngine(info(swarm), async ({ engine }) => {
      const value = valueOf(await engine.look(never));
      assert.equal(value.trouble, trouble);
      assert.ok(value.error.startsWith(String(swarm["Error"] ?? "").slice(0, 100)));
      assert.equal(value.swarm, null);
    });
  });
}

for (
  const [path, words, trouble] of [
    ["/nodes", "rpc error: code = Unknown desc = The swarm does not have a leader.", "no-quorum"],
    ["/swarm", "raft: no elected cluster leader", "no-quorum"],
    [
      "/nodes",
      "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
      "unreachable",
    ],
    ["/swarm", "This node is not a swarm manager.", "unreachable"],
    ["/swarm", "authorization denied by plugin opa", "denied"],
  ] as const
) {
  Deno.test(`a swarm that can't be read for "${words.slice(0, 50)}" is ${trouble}`, async () => {
    const change = (routes: Routes): Routes => ({
      ...routes,
      [`GET /v1.41${path}`]: json(trouble === "denied" ? 403 : 503, { message: words }),
    });
    await withEngine(change, async ({ engine }) => {
      const value = valueOf(await engine.look(never));
      assert.deepEqual([value.swarm, value.trouble], [null, trouble]);
      assert.ok(value.error.includes(words));
    });
  });
}

Deno.test("a manager that says error without a word tells its whole swarm like any other", async () => {
  await withEngine(info({ ...MANAGER_SWARM, LocalNodeState: "error" }), async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.state, value.error, value.trouble], ["error", "", null]);
    assert.deepEqual([value.manager, value.swarm?.nodes.length], [true, 1]);
  });
});

Deno.test("addresses of IPv6 are read in one spelling, without brackets and port", async () => {
  const swarm = {
    ...MANAGER_SWARM,
    NodeAddr: "FD00:0::7",
    RemoteManagers: [{ Addr: "[fd00::7]:2377" }, { Addr: "[FD00::0:8]:2377" }, { Addr: "" }, null],
  };
  const nodes = [nodeJson(NODE_ID, {
    Status: { State: "ready", Addr: "fd00::0007" },
    ManagerStatus: { Leader: true, Reachability: "reachable", Addr: "[::]:2377" },
  })];
  const change = (routes: Routes, directory: string): Routes => ({
    ...info(swarm)(routes, directory),
    "GET /v1.41/nodes": json(200, nodes),
  });
  await withEngine(change, async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.deepEqual([value.address, value.peers], ["fd00::7", ["fd00::7", "fd00::8"]]);
    const [node] = value.swarm?.nodes ?? [];
    assert.deepEqual([node?.address, node?.voter?.address], ["fd00::7", "fd00::7"]);
  });
});

const STARVED: Record<string, Reply> = {
  "/swarm": json(503, { message: "This node is not a swarm manager." }),
  "/nodes": json(500, { message: "rpc error: code = DeadlineExceeded" }),
};

for (const [path, reply] of Object.entries(STARVED)) {
  Deno.test(`a manager whose ${path} fails has no swarm to tell of, and says why`, async () => {
    const change = (routes: Routes): Routes => ({ ...routes, [`GET /v1.41${path}`]: reply });
    await withEngine(change, async ({ engine }) => {
      const value = valueOf(await engine.look(never));
      assert.deepEqual([value.manager, value.swarm], [true, null]);
      assert.match(value.error, /not a swarm manager|DeadlineExceeded/);
      assert.equal(value.fingerprint, FINGERPRINT);
    });
  });
}

Deno.test("join tokens of a form that is not known are not passed on", async () => {
  const odd = { ID: "c", JoinTokens: { Manager: "SWMTKN-9-secret", Worker: WORKER_TOKEN } };
  const change = (routes: Routes): Routes => ({ ...routes, "GET /v1.41/swarm": json(200, odd) });
  await withEngine(change, async ({ engine }) => {
    const value = valueOf(await engine.look(never));
    assert.equal(value.swarm, null);
    assert.doesNotMatch(value.error, /SWMTKN|secret|wwwww/);
  });
});

// Versions and what answers instead of an Engine ----------------------------------------------------

Deno.test("the newest version that both sides know is spoken, and asked for once", async () => {
  for (const [offered, spoken] of [["1.41", "1.41"], ["1.52", "1.52"], ["1.99", "1.56"]] as const) {
    const change = (_: Routes, directory: string): Routes => ({
      "GET /_ping": answer(200, "OK", { "Api-Version": offered }),
      [`GET /v${spoken}/info`]: json(200, {
        DockerRootDir: directory,
        Swarm: { LocalNodeState: "inactive" },
      }),
    });
    await withEngine(change, async ({ engine, server }) => {
      valueOf(await engine.look(never));
      valueOf(await engine.look(never));
      assert.equal(server.requests.filter(({ path }) => path === "/_ping").length, 1);
    });
  }
});

Deno.test("an Engine that is too old is told to be upgraded", async () => {
  const change = (): Routes => ({ "GET /_ping": answer(200, "OK", { "Api-Version": "1.40" }) });
  await withEngine(change, async ({ engine }) => {
    const fault = faultOf(await engine.look(never));
    assert.equal(fault.kind, "unusable");
    assert.match(fault.message, /1\.40.*upgrade Docker to 20\.10/);
  });
});

const HTML = "<!DOCTYPE html><title>Portal</title>";
const OTHERS: { name: string; reply: Reply; kind: string }[] = [
  { name: "HTML", reply: answer(200, HTML), kind: "malformed" },
  { name: "HTML with an error", reply: answer(502, HTML), kind: "refused" },
  {
    name: "a refusal of an authorization plugin",
    reply: json(403, { message: "authorization denied by plugin opa" }),
    kind: "denied",
  },
  { name: "bytes that are no HTTP", reply: raw("+OK ready\r\n"), kind: "malformed" },
  { name: "nothing", reply: raw(""), kind: "unreachable" },
];

for (const { name, reply, kind } of OTHERS) {
  Deno.test(`what answers the first request with ${name} is ${kind}`, async () => {
    await withEngine(() => ({ "GET /_ping": reply }), async ({ engine }) => {
      const fault = faultOf(await engine.look(never));
      assert.equal(fault.kind, kind);
      if (kind === "denied") assert.match(fault.permission ?? "", /Engine's API/);
    });
  });
}

const INFOS: { name: string; reply: Reply; kind: string }[] = [
  { name: "HTML", reply: answer(200, HTML, { "Content-Type": "text/html" }), kind: "malformed" },
  { name: "half of its JSON", reply: answer(200, '{"Swarm":{"Local'), kind: "malformed" },
  {
    name: "less than its length",
    reply: raw('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"Sw'),
    kind: "unreachable",
  },
  { name: "10 MB", reply: answer(200, "x".repeat(10_000_000)), kind: "malformed" },
  { name: "null", reply: answer(200, "null"), kind: "malformed" },
  { name: "no swarm", reply: json(200, { DockerRootDir: "/d" }), kind: "malformed" },
  {
    name: "no data root",
    reply: json(200, { Swarm: { LocalNodeState: "active" } }),
    kind: "malformed",
  },
  {
    name: "a state of its own",
    reply: json(200, { DockerRootDir: "/d", Swarm: { LocalNodeState: "dreaming" } }),
    kind: "malformed",
  },
  { name: "500", reply: json(500, { message: "out of memory" }), kind: "refused" },
];

for (const { name, reply, kind } of INFOS) {
  Deno.test(`an /info that answers ${name} is ${kind}`, async () => {
    const change = (routes: Routes): Routes => ({ ...routes, "GET /v1.41/info": reply });
    await withEngine(change, async ({ engine }) => {
      assert.equal(faultOf(await engine.look(never)).kind, kind);
    });
  });
}

Deno.test("a connection that is reset at any request of a look or a count is no defect", async () => {
  const names = Object.keys(manager("")).filter((name) => name.startsWith("GET"));
  for (const name of names) {
    await withEngine((routes) => ({ ...routes, [name]: CUT }), async ({ engine }) => {
      const looked = await engine.look(never);
      const counted = await engine.contents(!name.includes("containers"), never);
      const isTold = !looked.ok || looked.value.error !== "" || !counted.ok;
      assert.ok(isTold, name);
      if (!looked.ok) assert.equal(looked.fault.kind, "unreachable", name);
      if (!counted.ok) assert.equal(counted.fault.kind, "unreachable", name);
    });
  }
});

Deno.test("an Engine that hangs is cut when the caller's time is over", async () => {
  const stop = new AbortController();
  const change = (routes: Routes): Routes => ({
    ...routes,
    "GET /v1.41/info": () => {
      stop.abort();
      return SILENCE;
    },
  });
  await withEngine(change, async ({ engine }) => {
    assert.equal(faultOf(await engine.look(stop.signal)).kind, "timeout");
  });
});

Deno.test("a manager whose swarm hangs has nothing to tell when the caller's time is over", async () => {
  const stop = new AbortController();
  const change = (routes: Routes): Routes => ({
    ...routes,
    "GET /v1.41/nodes": () => {
      stop.abort();
      return SILENCE;
    },
  });
  await withEngine(change, async ({ engine }) => {
    assert.equal(valueOf(await engine.look(stop.signal)).swarm, null);
  });
});

Deno.test("no socket, no Engine behind it, and no right to it are told apart", async () => {
  const directory = Deno.makeTempDirSync();
  const look = (path: string): Promise<Answer<Engine>> =>
    createEngine({ path, vault: new Vault() }).look(never);
  const missing = faultOf(await look(`${directory}/none.sock`));
  assert.equal(missing.kind, "no-socket");
  assert.match(missing.message, /none\.sock.*is Docker installed and running/);

  const dead = `${directory}/dead.sock`;
  const listening = serveRaw(() => SILENCE, { path: `${directory}/live.sock` });
  Deno.linkSync(`${directory}/live.sock`, dead);
  await listening.close();
  const fault = faultOf(await look(dead));
  assert.equal(fault.kind, "unreachable");
  assert.match(fault.message, /is the Docker service running/);

  const resetting = serveResets({ path: `${directory}/reset.sock` });
  assert.equal(faultOf(await look(`${directory}/reset.sock`)).kind, "unreachable");
  resetting.close();
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("a user without a right to the socket is told what to allow", async () => {
  await withEngine(same, async ({ directory, socket }) => {
    Deno.chmodSync(directory, 0o755);
    Deno.chmodSync(socket, 0o600);
    const source = (name: string): string =>
      JSON.stringify(new URL(`../../../src/${name}`, import.meta.url).href);
    const report = await asNobody(`
      import { createEngine } from ${source("swarm/engine.ts")};
      import { Vault } from ${source("tokens/vault.ts")};
      const engine = createEngine({ path: ${JSON.stringify(socket)}, vault: new Vault() });
      console.log(JSON.stringify(await engine.look(new AbortController().signal)));`);
    const fault = faultOf(JSON.parse(report));
    assert.equal(fault.kind, "denied");
    assert.match(fault.message, /permission denied.*run as root/);
    assert.match(fault.permission ?? "", /Engine's API/);
  });
});

// Contents ------------------------------------------------------------------------------------------

Deno.test("an empty swarm has nothing to lose", async () => {
  await withEngine(same, async ({ engine }) => {
    assert.deepEqual(
      valueOf(await engine.contents(true, never)),
      {} satisfies Contents,
    );
  });
});

Deno.test("a manager counts what its swarm holds, without the network that every swarm has", async () => {
  const change = (routes: Routes): Routes => ({
    ...routes,
    "GET /v1.41/services": json(200, [{}, {}]),
    "GET /v1.41/secrets": json(200, [{}]),
    "GET /v1.41/configs": json(200, [{}, {}, {}]),
    "GET /v1.41/networks": json(200, [
      { Name: "ingress", Ingress: true },
      { Name: "app", Ingress: false },
      { Name: "my-ingress", Ingress: true },
    ]),
    "GET /v1.41/tasks": json(200, [{}, {}, {}, {}]),
  });
  await withEngine(change, async ({ engine, server }) => {
    assert.deepEqual(
      valueOf(await engine.contents(true, never)),
      { services: 2, secrets: 1, configs: 3, networks: 2, tasks: 4 } satisfies Contents,
    );
    const asked = server.requests.map(({ target }) => decodeURIComponent(target)).join(" ");
    assert.match(asked, /networks\?filters=\{"scope":\["swarm"\]\}/);
    assert.match(asked, /tasks\?filters=\{"desired-state":\["running"\]\}/);
  });
});

Deno.test("a worker counts the containers of tasks that have not ended", async () => {
  const states = ["running", "created", "paused", "exited", "dead"];
  const change = (routes: Routes): Routes => ({
    ...routes,
    "GET /v1.41/containers/json": json(200, states.map((State) => ({ State }))),
  });
  await withEngine(change, async ({ engine, server }) => {
    assert.equal(valueOf(await engine.contents(false, never)).tasks, 3);
    const asked = decodeURIComponent(server.requests.at(-1)?.target ?? "");
    assert.match(asked, /all=1&filters=\{"label":\["com\.docker\.swarm\.task\.id"\]\}/);
  });
});

Deno.test("a count that fails is never taken for nothing", async () => {
  for (
    const [what, named] of [
      ...["services", "secrets", "configs", "networks", "tasks"].map((it) => [it, it] as const),
      ["nodes", "other nodes"],
      ["swarm", "settings"],
    ] as const
  ) {
    for (
      const reply of [json(503, { message: "no leader" }), answer(200, "null"), answer(200, HTML)]
    ) {
      const change = (routes: Routes): Routes => ({ ...routes, [`GET /v1.41/${what}`]: reply });
      await withEngine(change, async ({ engine }) => {
        assert.match(faultOf(await engine.contents(true, never)).message, new RegExp(named));
      });
    }
  }
});

/** Of an Engine that speaks at most this API: the same answers, at that version. */
function speaking(minor: number, over: Routes = {}): (routes: Routes) => Routes {
  const version = Math.min(minor, 56);
  return (routes) =>
    Object.fromEntries(
      Object.entries({
        ...routes,
        "GET /_ping": answer(200, "OK", { "Api-Version": `1.${minor}` }),
        "GET /v1.41/volumes": json(200, { Volumes: [{ Name: "own" }], Warnings: null }),
        ...over,
      }).map(([route, reply]) => [route.replace("/v1.41/", `/v1.${version}/`), reply]),
    );
}

function volumesOf(answered: unknown): Routes {
  return { "GET /v1.41/volumes": json(200, answered) };
}

Deno.test("volumes in the swarm's store are counted, and the Engine's own are not", async () => {
  const shared = volumesOf({ Volumes: [{ Name: "own" }, { ClusterVolume: { ID: "a" } }] });
  const own = volumesOf({ Volumes: null, Warnings: ["list nfs: dial unix: connection refused"] });
  for (const minor of [42, 51, 56]) {
    await withEngine(speaking(minor, shared), async ({ engine }) => {
      assert.deepEqual(valueOf(await engine.contents(true, never)), { "cluster volumes": 1 });
    });
    await withEngine(speaking(minor, own), async ({ engine }) => {
      assert.deepEqual(valueOf(await engine.contents(true, never)), {});
    });
  }
});

Deno.test("volumes that could not be listed are not none, though the Engine answers 200", async () => {
  const words = "rpc error: code = Unknown desc = The swarm does not have a leader.";
  for (
    const [answered, says] of [
      [{ Volumes: [], Warnings: [words] }, words],
      [{ Volumes: {} }, "not what a Docker Engine answers"],
      [[], "not what a Docker Engine answers"],
    ] as const
  ) {
    await withEngine(speaking(45, volumesOf(answered)), async ({ engine }) => {
      const { message } = faultOf(await engine.contents(true, never));
      assert.match(message, /cluster volumes/);
      assert.ok(message.includes(says), message);
    });
  }
});

/** What somebody may have changed in a swarm's settings, and how much that is. */
const SETTINGS: [what: string, change: Record<string, unknown>, count: number][] = [
  ["nothing", {}, 0],
  ["a label", { Labels: { team: "a", stage: "b" } }, 2],
  ["autolock", { EncryptionConfig: { AutoLockManagers: true } }, 1],
  ["task history", { Orchestration: { TaskHistoryRetentionLimit: 0 } }, 0],
  ["task history of 10", { Orchestration: { TaskHistoryRetentionLimit: 10 } }, 1],
  ["the dispatcher", { Dispatcher: { HeartbeatPeriod: 10_000_000_000 } }, 1],
  ["an external CA", { CAConfig: { ExternalCAs: [{ Protocol: "cfssl", URL: "https://ca" }] } }, 1],
  ["the certificates' time", { CAConfig: { NodeCertExpiry: 3_600_000_000_000 } }, 1],
  ["a rotation of the CA", { CAConfig: { ForceRotate: 1 } }, 1],
  ["the log driver", { TaskDefaults: { LogDriver: { Name: "awslogs" } } }, 1],
  ["raft's snapshots", { Raft: { KeepOldSnapshots: 3, SnapshotInterval: 10_000 } }, 1],
  ["the daemon's own ticks", { Raft: { ElectionTick: 30, HeartbeatTick: 3 } }, 0],
  ["something of a later Engine, empty", { Later: { A: false, B: 0, C: "", D: [], E: null } }, 0],
  ["something of a later Engine", { Later: { A: { B: true } } }, 1],
];

for (const [what, change, count] of SETTINGS) {
  Deno.test(`a swarm with ${what} changed has ${count} changed settings`, async () => {
    const swarm = { ID: "c", Spec: { ...FRESH_SPEC, ...change } };
    const routes = (all: Routes): Routes => ({ ...all, "GET /v1.41/swarm": json(200, swarm) });
    await withEngine(routes, async ({ engine }) => {
      const { "changed settings": found = 0 } = valueOf(await engine.contents(true, never));
      assert.equal(found, count);
    });
  });
}

Deno.test("a swarm that shows no settings has not said that they are those of a fresh one", async () => {
  const swarm = { ID: "c", JoinTokens: { Manager: MANAGER_TOKEN, Worker: WORKER_TOKEN } };
  const routes = (all: Routes): Routes => ({ ...all, "GET /v1.41/swarm": json(200, swarm) });
  await withEngine(routes, async ({ engine }) => {
    const { kind, message } = faultOf(await engine.contents(true, never));
    assert.equal(kind, "malformed");
    assert.match(message, /settings/);
    assert.doesNotMatch(message, /SWMTKN|mmmmm|wwwww/);
  });
});

Deno.test("labels that somebody gave to a node are counted, and those of this tool are not", async () => {
  const labels = { disk: "ssd", "swarm-join.instance": "i-1", "swarm-join.zone": "eu-west-1a" };
  const nodes = [{ ID: NODE_ID, Spec: { Labels: labels } }, { ID: "x", Spec: {} }, {}];
  const routes = (all: Routes): Routes => ({ ...all, "GET /v1.41/nodes": json(200, nodes) });
  await withEngine(routes, async ({ engine }) => {
    const held = { "other nodes": 2, "node labels": 1 };
    assert.deepEqual(valueOf(await engine.contents(true, never)), held);
  });
});

// Writes --------------------------------------------------------------------------------------------

function bodyOf(server: RawServer): unknown {
  return JSON.parse(new TextDecoder().decode(server.requests.at(-1)?.body));
}

Deno.test("a swarm is initialized with what was asked for, and nothing else", async () => {
  await withEngine(same, async ({ engine, server }) => {
    valueOf(await engine.init(configOf({}), "10.0.0.7", [], never));
    assert.deepEqual(bodyOf(server), {
      ListenAddr: "0.0.0.0:2377",
      AdvertiseAddr: "10.0.0.7:2377",
    });
    const config: Config = configOf({
      listenAddr: "eth1",
      dataPathAddr: "10.9.0.7",
      dataPathPort: 7777,
      availability: "drain",
    });
    const pools = ["10.20.0.0/16", "10.30.0.0/26"];
    valueOf(await engine.init(config, "fd00::7", pools, never));
    assert.deepEqual(bodyOf(server), {
      ListenAddr: "eth1:2377",
      AdvertiseAddr: "[fd00::7]:2377",
      DataPathAddr: "10.9.0.7",
      DataPathPort: 7777,
      DefaultAddrPool: ["10.20.0.0/16", "10.30.0.0/26"],
      SubnetSize: 26,
      Availability: "drain",
    });
  });
});

Deno.test("a join names one manager and carries the token out of the vault", async () => {
  await withEngine(same, async ({ engine, vault, server }) => {
    const mark = vault.keep(WORKER_TOKEN) as TokenMark;
    const config = configOf({ availability: "pause", dataPathPort: 7777 });
    valueOf(await engine.join(config, "10.0.0.8", mark, "10.0.0.7", never));
    assert.deepEqual(bodyOf(server), {
      ListenAddr: "0.0.0.0:2377",
      AdvertiseAddr: "10.0.0.7:2377",
      Availability: "pause",
      RemoteAddrs: ["10.0.0.8:2377"],
      JoinToken: WORKER_TOKEN,
    });
    assert.ok(server.requests.every(({ target }) => !target.includes("SWMTKN")));
  });
});

Deno.test("a node with an IPv6 address listens on all of IPv6, and joins through brackets", async () => {
  await withEngine(same, async ({ engine, vault, server }) => {
    const mark = vault.keep(WORKER_TOKEN) as TokenMark;
    valueOf(await engine.join(configOf({}), "fd00::8", mark, "[FD00::7]", never));
    const joined = {
      ListenAddr: "[::]:2377",
      AdvertiseAddr: "[fd00::7]:2377",
      RemoteAddrs: ["[fd00::8]:2377"],
      JoinToken: WORKER_TOKEN,
    };
    assert.deepEqual(bodyOf(server), joined);
    valueOf(await engine.init(configOf({}), "fd00::7", [], never));
    const { ListenAddr, AdvertiseAddr } = joined;
    assert.deepEqual(bodyOf(server), { ListenAddr, AdvertiseAddr });
  });
});

Deno.test("a token that this run never read can't be joined with", async () => {
  await withEngine(same, async ({ engine, server }) => {
    const mark = { fingerprint: FINGERPRINT, digest: "0000000000000000" };
    const fault = faultOf(await engine.join(configOf({}), "10.0.0.8", mark, "10.0.0.7", never));
    assert.equal(fault.kind, "not-found");
    assert.equal(server.requests.length, 0);
  });
});

const RPC = "rpc error: code = ";
const REFUSALS: { status: number; words: string; kind: string; advice?: RegExp }[] = [
  {
    status: 400,
    words: `${RPC}InvalidArgument desc = A valid join token is necessary to join this cluster`,
    kind: "rejected",
  },
  { status: 500, words: "invalid join token", kind: "rejected" },
  {
    status: 500,
    words: "remote CA does not match fingerprint. Expected: 1ea81e26",
    kind: "foreign",
  },
  {
    status: 503,
    words:
      "Timeout was reached before node joined. The attempt to join the swarm will continue in the background.",
    kind: "pending",
  },
  {
    status: 503,
    words:
      'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
    kind: "busy",
  },
  {
    status: 503,
    words: "Swarm is encrypted and needs to be unlocked before it can be used.",
    kind: "refused",
  },
  {
    status: 503,
    words:
      `${RPC}Unavailable desc = connection error: desc = "transport: Error while dialing dial tcp 10.0.0.8:2377: connect: connection refused"`,
    kind: "unreachable",
  },
  {
    status: 500,
    words:
      `${RPC}Unknown desc = The swarm does not have a leader. It's possible that too few managers are online.`,
    kind: "unreachable",
  },
  {
    status: 500,
    words:
      `${RPC}Unknown desc = could not connect to prospective new cluster member using its advertised address: ${RPC}DeadlineExceeded`,
    kind: "one-way",
    advice: /TCP 2377.*security group/,
  },
  {
    status: 400,
    words:
      "advertise address must be a non-zero IP address or network interface (with optional port number)",
    kind: "unusable",
  },
  {
    status: 500,
    words: "--live-restore daemon configuration is incompatible with swarm mode",
    kind: "unusable",
    advice: /"live-restore": false.*restart Docker/,
  },
  {
    status: 500,
    words: "--firewall-backend=nftables is incompatible with swarm mode",
    kind: "unusable",
    advice: /"firewall-backend": "iptables".*restart Docker/,
  },
  { status: 500, words: "node is not FIPS-enabled but cluster requires FIPS", kind: "unusable" },
  {
    status: 500,
    words:
      "certificate (1 - x35suc2naclx) not valid before Sat, 01 Jan 2039 00:00:00 UTC, and it is " +
      "currently Thu, 26 Nov 2026 17:57:14 UTC: x509: certificate has expired or is not yet valid: ",
    kind: "clock",
    advice: /timedatectl/,
  },
  {
    status: 500,
    words:
      `${RPC}Unavailable desc = connection error: desc = "transport: authentication handshake ` +
      "failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: " +
      'current time 2026-11-26T17:57:14Z is before 2027-01-01T00:00:00Z"',
    kind: "clock",
  },
  {
    status: 500,
    words:
      `${RPC}Unavailable desc = connection error: desc = "remote error: tls: expired certificate"`,
    kind: "clock",
  },
  {
    status: 500,
    words:
      "failed to listen on remote API address: listen tcp 0.0.0.0:2377: bind: address already in use",
    kind: "refused",
    advice: /ss -ltnp/,
  },
  {
    status: 500,
    words:
      "could not find local IP address: dial udp 10.0.0.8:2377: connect: network is unreachable",
    kind: "unreachable",
  },
  {
    status: 500,
    words: "plugin opa failed with error: Post http://opa/AuthZPlugin.AuthZReq: EOF",
    kind: "denied",
    advice: /authorization plugin does not work/,
  },
  { status: 500, words: "subnet size is out of range: 30", kind: "unusable" },
  {
    status: 400,
    words:
      "client version 1.41 is too old. Minimum supported API version is 1.60, please upgrade your client",
    kind: "unusable",
  },
  { status: 403, words: "authorization denied by plugin", kind: "denied" },
  { status: 500, words: "something else", kind: "refused" },
];

for (const { status, words, kind, advice = /./ } of REFUSALS) {
  Deno.test(`"${words.slice(0, 60)}" is ${kind}`, async () => {
    const change = (routes: Routes): Routes => ({
      ...routes,
      "POST /v1.41/swarm/join": json(status, { message: words }),
    });
    await withEngine(change, async ({ engine, vault }) => {
      const mark = vault.keep(WORKER_TOKEN) as TokenMark;
      const fault = faultOf(await engine.join(configOf({}), "10.0.0.8", mark, "10.0.0.7", never));
      assert.equal(fault.kind, kind);
      assert.match(fault.message, /^Cannot join the swarm at 10\.0\.0\.8: /);
      assert.ok(fault.message.includes(`"${words.trim()}"`), "the Engine's own words are kept");
      assert.match(fault.message, advice);
    });
  });
}

Deno.test("an Engine that echoes a token does not get it into a message", async () => {
  const words = `cannot join with ${WORKER_TOKEN}: "${MANAGER_TOKEN}"`;
  const replies = [json(500, { message: words }), answer(500, words), answer(200, words)];
  for (const reply of replies) {
    const names = Object.keys(manager(""));
    const change = (routes: Routes): Routes =>
      Object.fromEntries(
        names.map((name) => [name, name.includes("_ping") ? routes[name] ?? reply : reply]),
      );
    await withEngine(change, async ({ engine, vault }) => {
      const mark = vault.keep(WORKER_TOKEN) as TokenMark;
      const said = JSON.stringify([
        await engine.look(never),
        await engine.contents(true, never),
        await engine.contents(false, never),
        await engine.init(configOf({}), "10.0.0.7", [], never),
        await engine.join(configOf({}), "10.0.0.8", mark, "10.0.0.7", never),
        await engine.leave(true, false, never),
        await engine.leave(true, true, never),
      ]);
      assert.doesNotMatch(said, /SWMTKN|wwwww|mmmmm/);
    });
  }
  await withEngine(info({ LocalNodeState: "error", Error: words }), async ({ engine }) => {
    assert.doesNotMatch(JSON.stringify(await engine.look(never)), /SWMTKN|wwwww|mmmmm/);
  });
});

Deno.test("leaving is forced only when told to be", async () => {
  await withEngine(same, async ({ engine, server }) => {
    valueOf(await engine.leave(false, false, never));
    assert.equal(server.requests.at(-1)?.target, "/v1.41/swarm/leave?force=0");
    valueOf(await engine.leave(true, false, never));
    assert.equal(server.requests.at(-1)?.target, "/v1.41/swarm/leave?force=1");
  });
});

Deno.test("a node that is in no swarm any more has left", async () => {
  const change = (routes: Routes): Routes => ({
    ...routes,
    "POST /v1.41/swarm/leave": json(503, { message: "This node is not part of a swarm" }),
  });
  await withEngine(change, async ({ engine }) => {
    assert.deepEqual(valueOf(await engine.leave(false, false, never)), { kind: "left" });
  });
});

for (
  const { place, force, holding, what } of [
    { place: "manager", force: true, holding: "GET /v1.41/secrets", what: "secrets" },
    { place: "worker", force: false, holding: "GET /v1.41/containers/json", what: "tasks" },
  ] as const
) {
  Deno.test(`a ${place} that leaves only an empty swarm looks just before, and says what it holds`, async () => {
    const change = (routes: Routes): Routes => ({
      ...routes,
      [holding]: json(200, [{ State: "running" }]),
    });
    const leaves = (server: RawServer): string[] =>
      server.requests.map(({ target }) => target).filter((one) => one.includes("/leave"));
    await withEngine(change, async ({ engine, server }) => {
      assert.deepEqual(valueOf(await engine.leave(force, true, never)), {
        kind: "holds",
        contents: { [what]: 1 },
      });
      assert.deepEqual(leaves(server), []);
    });
    await withEngine(same, async ({ engine, server }) => {
      assert.deepEqual(valueOf(await engine.leave(force, true, never)), { kind: "left" });
      assert.equal(leaves(server).length, 1);
      assert.match(server.requests.at(-1)?.target ?? "", /\/leave/);
    });
  });
}

Deno.test("what a swarm holds and can't be counted is not left", async () => {
  const change = (routes: Routes): Routes => ({
    ...routes,
    "GET /v1.41/services": json(503, { message: "no leader" }),
  });
  await withEngine(change, async ({ engine, server }) => {
    assert.match(
      faultOf(await engine.leave(true, true, never)).message,
      /count the swarm's services/,
    );
    assert.ok(server.requests.every(({ target }) => !target.includes("/leave")));
  });
});

Deno.test("whoever leaves whatever there is does not count first", async () => {
  await withEngine(same, async ({ engine, server }) => {
    valueOf(await engine.leave(true, false, never));
    assert.ok(server.requests.every(({ target }) => !target.includes("/services")));
  });
});

Deno.test("a manager that may not leave says why", async () => {
  const words =
    "You are attempting to leave the swarm on a node that is participating as a manager. " +
    "Removing the last manager erases all current state of the swarm.";
  const change = (routes: Routes): Routes => ({
    ...routes,
    "POST /v1.41/swarm/leave": json(503, { message: words }),
  });
  await withEngine(change, async ({ engine }) => {
    const fault = faultOf(await engine.leave(false, false, never));
    assert.equal(fault.kind, "refused");
    assert.match(fault.message, /erases all current state/);
  });
});

Deno.test("a write whose answer is lost may have happened", async () => {
  for (const path of ["init", "join", "leave"]) {
    const change = (routes: Routes): Routes => ({
      ...routes,
      [`POST /v1.41/swarm/${path}`]: CUT,
    });
    await withEngine(change, async ({ engine, vault }) => {
      const mark = vault.keep(WORKER_TOKEN) as TokenMark;
      const result = path === "init"
        ? await engine.init(configOf({}), "10.0.0.7", [], never)
        : path === "join"
        ? await engine.join(configOf({}), "10.0.0.8", mark, "10.0.0.7", never)
        : await engine.leave(true, false, never);
      assert.equal(faultOf(result).kind, "unreachable");
    });
  }
});
