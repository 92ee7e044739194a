/** `src/swarm/nodes.ts`: how a manager's Engine lists and changes nodes, in the words of real ones. */
import assert from "node:assert/strict";
import type { SwarmNode } from "../../../src/state.ts";
import type { EngineClient } from "../../../src/swarm/engine.ts";
import type { Exchange, Reply } from "../../emulators/http.ts";
import {
  faultOf,
  never,
  NODE_ID,
  nodeJson,
  type Routes,
  valueOf,
  withEngine,
} from "../../support/engine_bench.ts";
import { answer, CUT, json, type RawServer } from "../../support/raw_server.ts";

// The list ------------------------------------------------------------------------------------------

/** The leader, a manager that died, and a worker. */
const NODES = [
  nodeJson(NODE_ID, {
    ManagerStatus: { Leader: true, Reachability: "reachable", Addr: "0.0.0.0:2377" },
  }),
  nodeJson("second", {
    Status: { State: "down", Message: "heartbeat failure", Addr: "10.0.0.8" },
    ManagerStatus: { Reachability: "unreachable", Addr: "10.0.0.8:2377" },
  }),
  nodeJson("third", { Spec: { Role: "worker", Availability: "active", Labels: {} } }),
];

/** What is listed: of the role's filter, and of all. */
function listing(managers: unknown, all: unknown): (routes: Routes) => Routes {
  return (routes) => ({
    ...routes,
    "GET /v1.41/nodes": ({ target }) => json(200, target.includes("filters") ? managers : all),
  });
}

async function nodesOf(engine: EngineClient): Promise<SwarmNode[]> {
  const { swarm, error } = valueOf(await engine.look(never));
  assert.ok(swarm !== null, error);
  return swarm.nodes;
}

Deno.test("a node is told with all that its swarm says of it", async () => {
  const spec = {
    Role: "worker",
    Availability: "drain",
    Labels: { "swarm-join.instance": "i-1", "swarm-join.left": "active", disk: "ssd" },
  };
  const node = nodeJson("second", {
    Version: { Index: 4711 },
    Spec: spec,
    Status: { State: "down", Message: "heartbeat failure", Addr: "10.0.0.8" },
    ManagerStatus: { Reachability: "unreachable", Addr: "10.0.0.8:2377" },
  });
  await withEngine(listing([node], [node]), async ({ engine }) => {
    assert.deepEqual(
      await nodesOf(engine),
      [{
        nodeId: "second",
        version: 4711,
        createdMs: Date.UTC(2026, 10, 26, 17, 45, 58, 630),
        desired: "worker",
        observed: "manager",
        voter: { address: "10.0.0.8", reachable: false, leader: false },
        state: "down",
        address: "10.0.0.8",
        availability: "drain",
        labels: { "swarm-join.instance": "i-1", "swarm-join.left": "active" },
      }] satisfies SwarmNode[],
    );
  });
});

Deno.test("the leader is told, at the address where it is seen when it shows the one that it listens on", async () => {
  await withEngine(listing(NODES.slice(0, 2), NODES), async ({ engine }) => {
    const [leader, other, worker] = await nodesOf(engine);
    assert.deepEqual(leader?.voter, { address: "10.0.0.7", reachable: true, leader: true });
    assert.deepEqual(other?.voter, { address: "10.0.0.8", reachable: false, leader: false });
    assert.deepEqual([worker?.voter, worker?.observed], [null, "worker"]);
  });
});

Deno.test("what a node is only the filter shows, and that list is read first", async () => {
  const stowaway = nodeJson("s", {
    Spec: { Role: "worker", Availability: "active" },
    ManagerStatus: { Reachability: "reachable", Addr: "10.0.0.8:2377" },
  });
  // Let in, but never in raft; its Engine never spoke to a dispatcher, so that it has no address.
  const half = nodeJson("h", { Status: { State: "unknown" } });
  await withEngine(listing([half], [stowaway, half]), async ({ engine, server }) => {
    const roles = (await nodesOf(engine)).map((
      { nodeId, desired, observed, voter, address },
    ) => [nodeId, desired, observed, voter !== null, address]);
    assert.deepEqual(roles, [
      ["s", "worker", "worker", true, "10.0.0.7"],
      ["h", "manager", "manager", false, ""],
    ]);
    const lists = server.requests.filter(({ path }) => path.endsWith("/nodes"));
    assert.deepEqual(lists.map(({ target }) => decodeURIComponent(target)), [
      '/v1.41/nodes?filters={"role":["manager"]}',
      "/v1.41/nodes",
    ]);
  });
});

for (
  const [word, state] of [["ready", "ready"], ["disconnected", "disconnected"], ["lost", "unknown"]]
) {
  Deno.test(`a node that is "${word}" is ${state}`, async () => {
    const node = nodeJson("n", { Status: { State: word, Addr: "10.0.0.9" } });
    await withEngine(listing([], [node]), async ({ engine }) => {
      assert.equal((await nodesOf(engine))[0]?.state, state);
    });
  });
}

const NO_NODES: { name: string; change: Record<string, unknown> }[] = [
  { name: "without an id", change: { ID: "" } },
  { name: "without a version", change: { Version: {} } },
  { name: "of nobody knows when", change: { CreatedAt: "yesterday" } },
  { name: "without a specification", change: { Spec: null } },
  { name: "of no role", change: { Spec: { Availability: "active" } } },
  {
    name: "of an unknown availability",
    change: { Spec: { Role: "worker", Availability: "half" } },
  },
  { name: "without a status", change: { Status: undefined } },
];

for (const { name, change } of NO_NODES) {
  Deno.test(`a list with a node ${name} tells nothing`, async () => {
    const all = [...NODES, nodeJson("odd", change)];
    await withEngine(listing([], all), async ({ engine }) => {
      const { swarm, trouble, error } = valueOf(await engine.look(never));
      assert.deepEqual([swarm, trouble], [null, "malformed"]);
      assert.match(error, /^Cannot list the swarm's nodes: /);
    });
  });
}

Deno.test("either list that fails leaves no half of the swarm", async () => {
  const lost = json(500, {
    message: "rpc error: code = Unknown desc = The swarm does not have a leader.",
  });
  for (const isFirst of [true, false]) {
    const change = (routes: Routes): Routes => ({
      ...routes,
      "GET /v1.41/nodes": ({ target }) =>
        target.includes("filters") === isFirst ? lost : json(200, NODES),
    });
    await withEngine(change, async ({ engine }) => {
      const { swarm, trouble } = valueOf(await engine.look(never));
      assert.deepEqual([swarm, trouble], [null, "no-quorum"]);
    });
  }
});

// Changes -------------------------------------------------------------------------------------------

const SECOND = nodeJson("second", {
  Version: { Index: 17 },
  Spec: {
    Name: "by hand",
    Labels: { disk: "ssd", "swarm-join.left": "pause" },
    Role: "manager",
    Availability: "drain",
  },
});

/** What is answered to the update of the node "second". */
function updating(reply: Reply, node: unknown = SECOND): (routes: Routes) => Routes {
  return (routes) => ({
    ...routes,
    "GET /v1.41/nodes/second": json(200, node),
    "POST /v1.41/nodes/second/update": reply,
  });
}

function updates({ requests }: RawServer): { target: string; body: unknown }[] {
  return requests.filter(({ method }) => method === "POST").map(({ target, body }: Exchange) => ({
    target,
    body: JSON.parse(new TextDecoder().decode(body)),
  }));
}

Deno.test("a change sends the whole specification with that change in it, for the version that was seen", async () => {
  await withEngine(updating(answer(200, "")), async ({ engine, server }) => {
    assert.equal(valueOf(await engine.update("second", 17, { role: "worker" }, never)), null);
    const labels = { "swarm-join.left": null, "swarm-join.zone": "eu-west-1a" };
    const undo = { availability: "pause" as const, labels };
    assert.equal(valueOf(await engine.update("second", 17, undo, never)), null);
    const target = "/v1.41/nodes/second/update?version=17";
    const both = { disk: "ssd", "swarm-join.left": "pause" };
    const body = { Name: "by hand", Labels: both, Role: "worker", Availability: "drain" };
    const after = { disk: "ssd", "swarm-join.zone": "eu-west-1a" };
    assert.deepEqual(updates(server), [
      { target, body },
      { target, body: { ...body, Labels: after, Role: "manager", Availability: "pause" } },
    ]);
  });
});

Deno.test("a node without labels gets its first ones", async () => {
  const bare = nodeJson("second", {
    Spec: { Role: "worker", Availability: "active", Labels: null },
  });
  await withEngine(updating(answer(200, ""), bare), async ({ engine, server }) => {
    const labels = { "swarm-join.instance": "i-1", "swarm-join.left": null };
    assert.equal(valueOf(await engine.update("second", 9, { labels }, never)), null);
    const body = {
      Role: "worker",
      Availability: "active",
      Labels: { "swarm-join.instance": "i-1" },
    };
    assert.deepEqual(updates(server).map((one) => one.body), [body]);
  });
});

Deno.test("a node that has changed since it was looked at is not touched", async () => {
  await withEngine(updating(answer(200, "")), async ({ engine, server }) => {
    const { kind, message } = faultOf(await engine.update("second", 16, { role: "worker" }, never));
    assert.equal(kind, "busy");
    assert.match(message, /^Cannot change the node second: it has changed/);
    assert.deepEqual(updates(server), []);
  });
});

const RPC = "rpc error: code = ";
const REFUSALS: { status: number; words: string; kind: string }[] = [
  { status: 500, words: `${RPC}Unknown desc = update out of sequence`, kind: "busy" },
  {
    status: 400,
    words: `${RPC}FailedPrecondition desc = attempting to demote the last manager of the swarm`,
    kind: "refused",
  },
  {
    status: 400,
    words:
      `${RPC}FailedPrecondition desc = can't remove member from the raft: this would result in a loss of quorum`,
    kind: "refused",
  },
  {
    status: 404,
    words: `${RPC}NotFound desc = can't find manager in raft memberlist`,
    kind: "refused",
  },
  { status: 404, words: "node second not found", kind: "not-found" },
  {
    status: 500,
    words: `${RPC}Unknown desc = raft: failed to process the request: node lost leader status`,
    kind: "unreachable",
  },
  {
    status: 500,
    words: `${RPC}DeadlineExceeded desc = context deadline exceeded`,
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
    words: `${RPC}Canceled desc = grpc: the client connection is closing`,
    kind: "unreachable",
  },
  {
    status: 503,
    words:
      "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state.",
    kind: "unreachable",
  },
  { status: 403, words: "authorization denied by plugin", kind: "denied" },
];

for (const { status, words, kind } of REFUSALS) {
  Deno.test(`a change that is answered "${words.slice(0, 90)}" is ${kind}`, async () => {
    const reply = json(status, { message: words });
    await withEngine(updating(reply), async ({ engine }) => {
      const fault = faultOf(await engine.update("second", 17, { role: "worker" }, never));
      assert.equal(fault.kind, kind);
      assert.match(fault.message, /^Cannot change the node second: /);
      assert.ok(fault.message.includes(words), "the Engine's own words are kept");
    });
  });
}

Deno.test("a node that can't be read is not changed", async () => {
  const rows: [Reply, string][] = [
    [json(404, { message: "node second not found" }), "not-found"],
    [answer(200, "<html>"), "malformed"],
    [json(200, { ID: "second", Version: { Index: 17 } }), "malformed"],
    [json(200, { ID: "second", Spec: {} }), "malformed"],
  ];
  for (const [reply, kind] of rows) {
    const change = (routes: Routes): Routes => ({
      ...updating(answer(200, ""))(routes),
      "GET /v1.41/nodes/second": reply,
    });
    await withEngine(change, async ({ engine, server }) => {
      const fault = faultOf(await engine.update("second", 17, { role: "worker" }, never));
      assert.equal(fault.kind, kind);
      assert.deepEqual(updates(server), []);
    });
  }
});

Deno.test("a change whose answer is lost may have been made", async () => {
  await withEngine(updating(CUT), async ({ engine }) => {
    const fault = faultOf(await engine.update("second", 17, { role: "worker" }, never));
    assert.equal(fault.kind, "unreachable");
  });
});

Deno.test("a node's id is not taken for more of the path", async () => {
  await withEngine((all) => all, async ({ engine, server }) => {
    await engine.remove("../swarm?force=1", never);
    await engine.update("a/b", 1, {}, never);
    const paths = server.requests.map(({ target }) => target).filter((one) => one !== "/_ping");
    assert.deepEqual(paths, ["/v1.41/nodes/..%2Fswarm%3Fforce%3D1", "/v1.41/nodes/a%2Fb"]);
  });
});

// Removal -------------------------------------------------------------------------------------------

Deno.test("a dead node is removed without force, and one that is there no more is", async () => {
  const routes = (all: Routes): Routes => ({
    ...all,
    "DELETE /v1.41/nodes/second": answer(200, ""),
    "DELETE /v1.41/nodes/gone": json(404, { message: "node gone not found" }),
  });
  await withEngine(routes, async ({ engine, server }) => {
    assert.equal(valueOf(await engine.remove("second", never)), null);
    assert.equal(valueOf(await engine.remove("gone", never)), null);
    const targets = server.requests.filter(({ method }) => method === "DELETE");
    assert.ok(targets.every(({ target }) => !target.includes("force")));
  });
});

const KEPT = [
  `node ${NODE_ID} is not down and can't be removed`,
  `node ${NODE_ID} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
];

for (const words of KEPT) {
  Deno.test(`a removal is refused: "${words.slice(30, 80)}"`, async () => {
    const message = `${RPC}FailedPrecondition desc = ${words}`;
    const routes = (all: Routes): Routes => ({
      ...all,
      [`DELETE /v1.41/nodes/${NODE_ID}`]: json(400, { message }),
    });
    await withEngine(routes, async ({ engine }) => {
      const fault = faultOf(await engine.remove(NODE_ID, never));
      assert.equal(fault.kind, "refused");
      assert.ok(fault.message.includes(words));
    });
  });
}

// What runs here ------------------------------------------------------------------------------------

/** An Engine with these containers, and what it answers when they are told to stop. */
function running(stops: Record<string, Reply>): (routes: Routes) => Routes {
  const containers = Object.keys(stops).map((Id) => ({ Id, State: "running" }));
  return (routes) => ({
    ...routes,
    "GET /v1.41/containers/json": json(200, containers),
    ...Object.fromEntries(
      Object.entries(stops).map(([id, reply]) => [`POST /v1.41/containers/${id}/stop`, reply]),
    ),
  });
}

Deno.test("the swarm's tasks here are stopped, and each is told its time", async () => {
  const stops = {
    a: answer(204, ""),
    b: answer(304, ""),
    c: json(404, { message: "No such container" }),
  };
  await withEngine(running(stops), async ({ engine, server }) => {
    assert.equal(valueOf(await engine.stop(29_500, never)), null);
    const [, list, ...rest] = server.requests.map(({ target }) => decodeURIComponent(target));
    assert.equal(list, '/v1.41/containers/json?filters={"label":["com.docker.swarm.task.id"]}');
    const stop = (id: string): string => `/v1.41/containers/${id}/stop?t=30`;
    assert.deepEqual(rest.toSorted(), ["a", "b", "c"].map(stop));
  });
});

Deno.test("a task that can't be stopped keeps no other from it", async () => {
  const stops = { a: json(500, { message: "cannot stop container: a" }), b: answer(204, "") };
  await withEngine(running(stops), async ({ engine, server }) => {
    const { kind, message } = faultOf(await engine.stop(10_000, never));
    assert.deepEqual([kind, /cannot stop container: a/.test(message)], ["refused", true]);
    assert.equal(server.requests.filter(({ method }) => method === "POST").length, 2);
  });
});

Deno.test("where nothing of the swarm runs, nothing is stopped; what can't be listed is not nothing", async () => {
  await withEngine(running({}), async ({ engine, server }) => {
    assert.equal(valueOf(await engine.stop(10_000, never)), null);
    assert.equal(server.requests.filter(({ method }) => method === "POST").length, 0);
  });
  const broken = (all: Routes): Routes => ({
    ...all,
    "GET /v1.41/containers/json": answer(200, "{}"),
  });
  await withEngine(broken, async ({ engine }) => {
    assert.equal(faultOf(await engine.stop(10_000, never)).kind, "malformed");
  });
});
