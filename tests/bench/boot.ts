/**
 * (c) From the start of the tool to a node that is a member, with its tokens published: a first manager
 * (init), a second one, and a worker. Beside them the Engine alone, asked for the same by its plain API.
 */
import assert from "node:assert/strict";
import type { Node } from "../e2e/node.ts";
import type { Joinable } from "../e2e/observed.ts";
import { tokensPublished } from "../e2e/suite.ts";
import { type Contestant, environmentOf } from "./contestants.ts";
import { measure, type Measured, shuffled } from "./measure.ts";
import { type Boot, BOOTS, ENGINE, type Results } from "./results.ts";
import { insideOf, placesOf, type World } from "./world.ts";

export async function measureBoot(
  contestants: readonly Contestant[],
  world: World,
  rounds: number,
  results: Results,
): Promise<void> {
  const members = contestants.filter(({ join }) => join !== null);
  for (let round = 0; round < rounds; round++) {
    for (const one of shuffled([...members, null])) {
      await world.fresh(one?.store ?? "tags");
      if (one === null) await bootAlone(world, results);
      else await boot(one, world, results);
    }
  }
}

async function boot(one: Contestant, { vpc }: World, results: Results): Promise<void> {
  const nodes: Record<Boot, Node> = {
    init: vpc.node("m1"),
    manager: vpc.node("m2"),
    worker: vpc.node("w1"),
  };
  for (const kind of BOOTS) {
    const node = nodes[kind];
    const before = (await vpc.aws.calls()).length;
    const measured = await measure(one.join ?? [], {
      env: environmentOf(one, placesOf(node)),
      inside: insideOf(node),
    });
    const calls = (await vpc.aws.calls()).length - before;
    const { Swarm } = await node.engine.info();
    assert.equal(Swarm.LocalNodeState, "active", `${one.name}: ${measured.stderr}`);
    assert.equal(Swarm.ControlAvailable, kind !== "worker");
    results.add(one.name, `${kind}Ms`, measured.wallMs);
    results.add(one.name, `${kind}Calls`, calls);
    addPhases(one, kind, measured, results);
  }
  await tokensPublished(vpc, [nodes.init, nodes.manager]);
}

/** swarm-join says itself how long each kind of call took; those side by side overlap. */
function addPhases(one: Contestant, kind: Boot, measured: Measured, results: Results): void {
  if (!measured.stdout.startsWith("{")) return;
  const { phases, elapsedMs } = JSON.parse(measured.stdout) as {
    phases: Record<string, number>;
    elapsedMs: number;
  };
  const own = phases[kind === "init" ? "init" : "join"] ?? 0;
  results.add(one.name, `${kind}OverheadMs`, measured.wallMs - own);
  results.add(one.name, `${kind} start and end`, measured.wallMs - elapsedMs);
  for (const [name, ms] of Object.entries(phases)) results.add(one.name, `${kind} ${name}`, ms);
}

async function bootAlone({ vpc }: World, results: Results): Promise<void> {
  const [first, second, worker] = vpc.some("m1", "m2", "w1");
  assert.ok(first && second && worker);
  const timed = async (kind: Boot, act: () => Promise<unknown>): Promise<void> => {
    const startMs = performance.now();
    await act();
    results.add(ENGINE, `${kind}Ms`, performance.now() - startMs);
  };
  const common = (node: Node): Record<string, string> => ({
    ListenAddr: "0.0.0.0:2377",
    AdvertiseAddr: node.address,
  });
  await timed("init", () => first.engine.call("POST", "/swarm/init", common(first)));
  const { JoinTokens } = await first.engine.call<Joinable>("GET", "/swarm");
  const join = (node: Node, JoinToken: string): Promise<unknown> => {
    const where = { RemoteAddrs: [`${first.address}:2377`], JoinToken };
    return node.engine.call("POST", "/swarm/join", { ...common(node), ...where });
  };
  await timed("manager", () => join(second, JoinTokens.Manager));
  await timed("worker", () => join(worker, JoinTokens.Worker));
}
