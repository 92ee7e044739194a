/** `keep` in the lab: the compiled program joins, stays, heals, and leaves when its machine is told to go. */
import assert from "node:assert/strict";
import type { Lab, LabNode } from "./lab.ts";
import type { NodeProcess } from "./process.ts";
import { joined, labTest, nodeNamed, withLab, writesSince } from "./with_lab.ts";
import { until } from "../e2e/machine.ts";

const STORES = ["tags", "s3"] as const;
const PATIENCE_MS = 120_000;
const KEEP = ["keep", "--json", "--interval", "5s", "--timeout", "60s"];

/** Keeps on this node, for the time of a test. */
function kept(lab: Lab, node: LabNode): NodeProcess {
  return lab.start(node, KEEP);
}

async function isMember(node: LabNode): Promise<void> {
  await until(`${node.name} in the swarm`, PATIENCE_MS, () => {
    return Promise.resolve(node.engine.state.membership !== null);
  }, 100);
}

/** Nothing was asked of AWS by it for so long. */
async function atRest(lab: Lab, node: LabNode, ms: number): Promise<void> {
  let [since, sinceMs] = [-1, Date.now()];
  await until(`${node.name} at rest`, PATIENCE_MS, () => {
    const calls = callsOf(lab, node).length;
    if (calls !== since) [since, sinceMs] = [calls, Date.now()];
    return Promise.resolve(Date.now() - sinceMs >= ms);
  }, 100);
}

/** All that EC2's tags and S3's objects say. */
function shownIn({ aws }: Lab): string {
  const bodies = [...aws.s3.buckets.values()].flatMap(({ objects }) =>
    [...objects.values()].map(({ body }) => new TextDecoder().decode(body))
  );
  const tags = aws.ec2.instances().flatMap(({ tags }) => [...tags.values()]);
  return [...bodies, ...tags].join("\n");
}

function callsOf(lab: Lab, { instance }: LabNode): string[] {
  return lab.wire.calls.filter(({ node, service }) =>
    node === instance && ["ec2", "s3"].includes(service)
  ).map(({ action }) => action);
}

for (const store of STORES) {
  labTest(`${store}: it joins, rests, and is a member still when it is stopped`, async () => {
    await withLab({ store, managers: 1, workers: 1 }, async (lab) => {
      const [manager, worker] = [nodeNamed(lab, "manager-1"), nodeNamed(lab, "worker-1")];
      await joined(lab, manager);
      const process = kept(lab, worker);
      await isMember(worker);
      await atRest(lab, worker, 12_000);
      const since = lab.wire.calls.length;
      process.stop();
      const { exit, report, stderr } = await process.ended;
      assert.deepEqual([exit, report?.result, report?.role], [0, "stopped", "worker"], stderr);
      assert.notEqual(worker.engine.state.membership, null);
      assert.deepEqual(writesSince(lab, since, [worker]), []);
    });
  });

  labTest(`${store}: told to go, a worker leaves, drained by the manager that keeps`, async () => {
    await withLab({ store, managers: 1, workers: 1 }, async (lab) => {
      const [manager, worker] = [nodeNamed(lab, "manager-1"), nodeNamed(lab, "worker-1")];
      const managers = kept(lab, manager);
      await isMember(manager);
      const process = kept(lab, worker);
      await isMember(worker);
      worker.imds.lifecycle = "Terminated";
      const { exit, report, stderr } = await process.ended;
      assert.deepEqual([exit, report?.result], [0, "left"], stderr);
      assert.equal(worker.engine.state.membership, null);
      managers.stop();
      assert.equal((await managers.ended).report?.result, "stopped");
    });
  });

  labTest(`${store}: managers that keep take out one that died, and nobody new came`, async () => {
    await withLab({ store, managers: 3, workers: 0 }, async (lab) => {
      const [m1, m2, m3] = lab.nodes;
      assert.ok(m1 && m2 && m3);
      await joined(lab, m1);
      for (const node of [m2, m3]) await joined(lab, node);
      const processes = [m1, m2].map((node) => kept(lab, node));
      const swarm = m1.engine.state.membership?.swarm;
      assert.ok(swarm);
      await lab.terminate(m3);
      await until("two voters, and no third node", PATIENCE_MS, () => {
        return Promise.resolve(swarm.voters.length === 2 && swarm.nodes.length === 2);
      }, 100);
      for (const process of processes) process.stop();
      for (const { ended } of processes) assert.equal((await ended).exit, 0);
    });
  });

  labTest(`${store}: rotated tokens are shown with no command typed`, async () => {
    await withLab({ store, managers: 2, workers: 0 }, async (lab) => {
      const [m1, m2] = lab.nodes;
      assert.ok(m1 && m2);
      await joined(lab, m1);
      await joined(lab, m2);
      const processes = [m1, m2].map((node) => kept(lab, node));
      const swarm = m1.engine.state.membership?.swarm;
      assert.ok(swarm);
      for (const node of [m1, m2]) await atRest(lab, node, 6_000);
      swarm.rotateTokens();
      await until("the new token", PATIENCE_MS, () => {
        return Promise.resolve(shownIn(lab).includes(swarm.token("manager")));
      }, 100);
      for (const process of processes) process.stop();
      for (const { ended } of processes) assert.equal((await ended).exit, 0);
    });
  });
}
