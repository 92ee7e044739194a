/** (f), (g), (h), (i), (j): what a swarm meets while it lives. */
import assert from "node:assert/strict";
import type { SwarmNode } from "../engine.ts";
import { loadImage } from "../image.ts";
import { until } from "../machine.ts";
import type { Node } from "../node.ts";
import { type Joinable, swarmOf } from "../observed.ts";
import * as tasks from "../tasks.ts";
import {
  allDone,
  AMPLE,
  type Case,
  changesNothing,
  form,
  lastLines,
  plans,
  recordIn,
  tended,
  together,
  tokensPublished,
} from "../suite.ts";

/** Changes the swarm's own settings by one of its managers. */
export async function updateSwarm(
  node: Node,
  query: string,
  change: (spec: Joinable["Spec"]) => void = () => {},
): Promise<void> {
  await until("a change of the swarm", 60_000, async () => {
    const { Version, Spec } = await swarmOf(node);
    change(Spec);
    const path = `/swarm/update?version=${Version.Index}${query}`;
    const { status, text } = await node.engine.request("POST", path, Spec);
    // An Engine has changed something else meanwhile.
    if (text.includes("out of sequence")) return false;
    assert.equal(status, 200, text);
    return true;
  });
}

/** Makes these managers a swarm by hand, as before the tool; `at`: where each is, if not at its own address. */
export async function byHand(
  first: Node,
  rest: Node[] = [],
  at: (node: Node) => string = ({ address }) => address,
): Promise<void> {
  const listen = { ListenAddr: "0.0.0.0:2377" };
  await first.engine.call("POST", "/swarm/init", { ...listen, AdvertiseAddr: at(first) });
  for (const node of rest) await joinByHand(node, first, "Manager", at);
}

/** Joins by hand. */
export async function joinByHand(
  node: Node,
  through: Node,
  role: "Manager" | "Worker",
  at: (node: Node) => string = ({ address }) => address,
): Promise<void> {
  const { JoinTokens } = await swarmOf(through);
  const { status, text } = await node.engine.request("POST", "/swarm/join", {
    ListenAddr: "0.0.0.0:2377",
    AdvertiseAddr: at(node),
    RemoteAddrs: [`${at(through)}:2377`],
    JoinToken: JoinTokens[role],
  });
  assert.ok(status === 200 || text.includes("continue in the background"), text);
  await until(`${node.name} in the swarm`, 300_000, async () => {
    return (await node.engine.info()).Swarm.LocalNodeState === "active";
  });
}

/** Takes a node out of the list, by hand on another one, as a person does who thinks that it is dead. */
export async function removeNode(by: Node, node: Node): Promise<void> {
  const id = (await node.engine.info()).Swarm.NodeID;
  await by.engine.call("DELETE", `/nodes/${id}?force=1`);
}

/**
 * Makes the worker a manager while nobody reaches its port, which is opened then: its swarm component
 * fails, and is started again by the Engine itself.
 */
export async function promoteRoughly(node: Node, by: Node): Promise<void> {
  const swarm = async () => (await node.engine.info()).Swarm;
  await node.open(false);
  await changeNode(by, (await swarm()).NodeID, { Role: "manager" });
  await until("the Engine's words", 120_000, async () => (await swarm()).Error !== "", 250);
  await node.open(true);
  await until(`${node.name} a manager`, 120_000, async () => {
    const { ControlAvailable, Error } = await swarm();
    return ControlAvailable && Error === "";
  }, 250);
}

/** Makes a cluster volume, whose driver nobody has; gives whether the Engine knows such. */
export async function makeVolume({ engine }: Node): Promise<boolean> {
  const { ApiVersion } = await engine.call<{ ApiVersion: string }>("GET", "/version");
  if (Number(ApiVersion.split(".")[1]) < 42) return false;
  await engine.call("POST", "/volumes/create", {
    Name: "held",
    Driver: "csi.example",
    ClusterVolumeSpec: { AccessMode: { Scope: "single", Sharing: "none", MountVolume: {} } },
  });
  return true;
}

/** Makes the manager a worker, by hand on another one, and waits until it is no voter. */
export async function demote(by: Node, node: Node): Promise<void> {
  const id = (await node.engine.info()).Swarm.NodeID;
  await changeNode(by, id, { Role: "worker" });
  await until(`${node.name} without a vote`, 120_000, async () => {
    const list = await by.engine.nodes().catch(() => null);
    return list?.find(({ ID }) => ID === id)?.ManagerStatus === undefined && list !== null;
  }, 250);
}

/** Changes a node's own settings by one of its swarm's managers. */
export async function changeNode(
  by: Node,
  id: string,
  change: Partial<SwarmNode["Spec"]>,
): Promise<void> {
  await until(`a change of the node ${id}`, 60_000, async () => {
    const node = (await by.engine.nodes()).find(({ ID }) => ID === id);
    assert.ok(node, `no node ${id}`);
    const path = `/nodes/${id}/update?version=${node.Version.Index}`;
    const { status, text } = await by.engine.request("POST", path, { ...node.Spec, ...change });
    if (text.includes("out of sequence")) return false;
    assert.equal(status, 200, text);
    return true;
  });
}

/** Runs a real service on these nodes' swarm and waits for its tasks. Gives their containers. */
export async function serve(manager: Node, nodes: Node[], constraint?: string): Promise<string[]> {
  for (const node of nodes) await loadImage(node.engine);
  // deno-lint-ignore no-explicit-any
  const spec = tasks.service("held", nodes.length) as any;
  spec.TaskTemplate.ContainerSpec.StopSignal = "SIGKILL";
  if (constraint) spec.TaskTemplate.Placement = { Constraints: [constraint] };
  else spec.TaskTemplate.Placement = { MaxReplicas: 1 };
  await manager.engine.call("POST", "/services/create", spec);
  return await until("the service's tasks", 300_000, async () => {
    const ids = await Promise.all(nodes.map(containers));
    return ids.every((list) => list.length > 0) ? ids.flat() : null;
  });
}

export async function containers(node: Node): Promise<string[]> {
  return (await tasks.containers(node.engine)).map(({ Id }) => Id);
}

export const living: Case[] = [
  {
    name: "(f) joiners pass over a manager whose Engine is dead, and over one that is black-holed",
    managers: 4,
    workers: 3,
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.some("m1", "m2");
      assert.ok(m1 && m2);
      await form(vpc, vpc.some("m1", "m2", "m3"));
      await m1.engine.kill();
      await plans(vpc, vpc.node("m4"), "register");
      allDone(await together(vpc.some("m4", "w1")));
      await plans(vpc, vpc.node("m4"), "done");
      await m1.engine.start();
      await vpc.oneSwarm(vpc.some("m1", "m2", "m3", "m4", "w1"));
      await plans(vpc, m1, "done");
      await m2.blackhole(true);
      await plans(vpc, vpc.node("w2"), "join");
      allDone(await together(vpc.some("w2", "w3")));
      // Until it notices that nobody hears it, it sees nothing wrong.
      await plans(vpc, m2, "wait", "done");
      await m2.blackhole(false);
      await vpc.oneSwarm();
      await plans(vpc, m2, "done");
    },
  },
  {
    name: "(g) tokens rotated behind its back: published anew, and read anew by a joiner",
    managers: 2,
    workers: 2,
    async run(vpc): Promise<void> {
      const [m1, m2, w1, w2] = vpc.all;
      assert.ok(m1 && m2 && w1 && w2);
      await form(vpc, [m1, m2, w1]);
      await updateSwarm(m1, "&rotateManagerToken=true&rotateWorkerToken=true");
      await plans(vpc, m1, "publish");
      const joining = w2.run(["--json", ...AMPLE]);
      await until(
        "a rejected token",
        300_000,
        async () => (await w2.engine.info()).Swarm.LocalNodeState === "pending",
      );
      allDone(await together([m1, m2]));
      allDone([await joining]);
      await tokensPublished(vpc, [m1, m2]);
      await vpc.oneSwarm();
    },
  },
  {
    name: "(g) the CA rotated: the record is refreshed, and nothing conflicts",
    managers: 2,
    workers: 2,
    async run(vpc): Promise<void> {
      const [m1, m2, w1, w2] = vpc.all;
      assert.ok(m1 && m2 && w1 && w2);
      await form(vpc, [m1, m2, w1]);
      const before = await m1.engine.fingerprint();
      await updateSwarm(
        m1,
        "",
        (spec) => spec.CAConfig.ForceRotate = (spec.CAConfig.ForceRotate ?? 0) + 1,
      );
      const rotated = await until("the rotation", 300_000, async () => {
        const prints = await Promise.all([m1, m2, w1].map((n) => n.engine.fingerprint()));
        const { JoinTokens } = await swarmOf(m1);
        const [print] = prints;
        const done = print && print !== before && prints.every((p) => p === print);
        return done && JoinTokens.Worker.includes(print) ? print : null;
      }, 250);
      await plans(vpc, m1, "publish", "refresh");
      allDone(await together([m1, m2, w1, w2]));
      await vpc.oneSwarm();
      const record = recordIn(await vpc.aws.dump());
      assert.equal(record.fingerprint, rotated);
      assert.deepEqual(record.rotated, [before]);
      await tokensPublished(vpc, [m1, m2]);
      await tended(vpc.all);
      const again = await changesNothing(vpc, () => together(vpc.all));
      assert.deepEqual([...new Set(allDone(again))], ["unchanged"]);
    },
  },
  {
    name: "(h) a swarm of three managers with a running service is adopted untouched",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      const managers = [m1, m2, m3];
      await byHand(m1, [m2, m3]);
      await vpc.oneSwarm(managers);
      const held = await serve(m1, managers);
      const before = (await m1.engine.info()).Swarm.Cluster?.ID;
      await plans(vpc, m1, "found", "publish");
      const first = await m1.run(["--json", ...AMPLE]);
      assert.deepEqual(allDone([first]), ["adopted"]);
      assert.equal(recordIn(await vpc.aws.dump()).members.length, 3);
      const all = allDone(await together([...managers, w1]));
      assert.equal(all.at(-1), "joined");
      assert.ok(all.slice(0, 3).every((result) => result === "unchanged"), all.join());
      await vpc.oneSwarm([...managers, w1]);
      assert.equal((await m1.engine.info()).Swarm.Cluster?.ID, before);
      assert.deepEqual((await Promise.all(managers.map(containers))).flat(), held);
      await tokensPublished(vpc, managers);
    },
  },
  {
    name:
      "(i) a manager whose swarm's only other member is stopped waits, and joins when it is back",
    managers: 2,
    workers: 0,
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await form(vpc, [m1]);
      await m1.stop();
      await plans(vpc, m2, "wait");
      await m1.boot();
      await form(vpc, [m1, m2]);
    },
  },
  {
    name: "(j) one manager's Engine is wiped: it comes back into its swarm",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      await form(vpc);
      const [m1] = vpc.all;
      assert.ok(m1);
      const before = await m1.engine.fingerprint();
      await m1.wipe();
      await plans(vpc, m1, "join", "register");
      assert.deepEqual(allDone([await m1.run(["--json", ...AMPLE])]), ["joined"]);
      const verdict = await vpc.oneSwarm();
      assert.deepEqual(verdict.fingerprints, [before]);
    },
  },
  {
    name: "(j) all managers' Engines are wiped: one new swarm",
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      await form(vpc);
      const before = await vpc.node("m1").engine.fingerprint();
      for (const name of ["m1", "m2", "m3"]) await vpc.node(name).wipe();
      await plans(vpc, vpc.node("m1"), "withdraw", "wait");
      const runs = await together(vpc.all);
      allDone(runs);
      const { fingerprints } = await vpc.oneSwarm();
      assert.notEqual(fingerprints[0], before, lastLines(runs[0]?.stderr ?? ""));
    },
  },
];
