/** `status` on the real binary: its page, its JSON and its exit codes, on whoever asks. It changes nothing. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { bedOf } from "./bed.ts";
import type { Lab, LabNode } from "./lab.ts";
import { joined, labTest, nodeNamed, withLab, writesSince } from "./with_lab.ts";

/** An Engine is missed within seconds. */
const LOOKS_MAX = 240;
const LOOK_MS = 250;

/** What is read of it here. */
interface Status {
  verdict: string;
  because: string;
  members: { instance: string; answers: boolean | null; voter: boolean | null; ec2: string }[];
  voters: { total: number; reachable: number; needed: number; canLose: number } | null;
  nodes: { instance: string | null }[] | null;
  ghosts: { instance: string; mend: string }[] | null;
  tokens: { current: string[]; stale: string[]; missing: string[] } | null;
  findings: { rule: string }[];
}

/** Asks how the swarm stands, which may change nothing. */
async function statusOn(lab: Lab, node: LabNode, exit: number): Promise<Status> {
  const since = lab.wire.calls.length;
  const result = await lab.run(node, ["status", "--json", "--timeout", "30s"]);
  const told = `\n${result.stderr}${result.stdout}`;
  assert.equal(result.exit, exit, told);
  assert.deepEqual(writesSince(lab, since, [node]), [], told);
  return result.report as unknown as Status;
}

for (const store of ["tags", "s3"] as const) {
  labTest(
    `${store}: status from before there is a swarm until one of its managers is dead`,
    async () => {
      await withLab({ store, managers: 3, workers: 1 }, async (lab) => {
        const [m1, m2, m3, w1] = lab.nodes;
        assert.ok(m1 && m2 && m3 && w1);
        assert.equal((await statusOn(lab, m1, 3)).verdict, "none");

        for (const node of [...lab.nodes, m1]) await joined(lab, node);
        const well = await statusOn(lab, m2, 0);
        assert.equal(well.verdict, "ok");
        const { total, reachable, needed, canLose } = well.voters ?? {};
        assert.deepEqual([total, reachable, needed, canLose], [3, 3, 2, 1]);
        assert.deepEqual(well.nodes?.length, 4);
        assert.deepEqual(well.ghosts, []);
        assert.deepEqual([well.tokens?.stale, well.tokens?.missing], [[], []]);

        const far = await statusOn(lab, w1, 0);
        assert.deepEqual([far.voters, far.nodes, far.ghosts, far.tokens], [null, null, null, null]);
        assert.deepEqual(far.members.map(({ answers }) => answers), [true, true, true]);

        await lab.terminate(m3);
        // Until the swarm misses its heartbeats it is a manager that goes.
        let bad = await statusOn(lab, m1, 3);
        for (let looks = 0; bad.ghosts?.length === 0 && looks < LOOKS_MAX; looks++) {
          await sleep(LOOK_MS);
          bad = await statusOn(lab, m1, 3);
        }
        assert.equal(bad.verdict, "degraded");
        assert.deepEqual(bad.ghosts?.map(({ instance }) => instance), [m3.instance]);
        assert.match(bad.ghosts?.[0]?.mend ?? "", /`docker node demote \w{25}`/);
        assert.equal(
          bad.members.find(({ instance }) => instance === m3.instance)?.ec2,
          "terminated",
        );
      });
    },
  );
}

labTest("status of a manager whose swarm has lost its quorum: exit 5", async () => {
  await withLab({ managers: 2, workers: 0 }, async (lab) => {
    for (const node of lab.nodes) await joined(lab, node);
    await bedOf(lab).stopInstance("m2");
    const { verdict, because } = await statusOn(lab, nodeNamed(lab, "manager-1"), 5);
    assert.equal(verdict, "lost", because);
  });
});

labTest("status as text: the verdict and why comes first, then everybody in a line", async () => {
  await withLab({ managers: 1, workers: 0 }, async (lab) => {
    const node = nodeNamed(lab, "manager-1");
    await joined(lab, node);
    const { exit, stdout } = await lab.run(node, ["status"]);
    assert.equal(exit, 0);
    assert.match(stdout, /^OK: 1 of 1 managers is reached, and 1 is needed: none may be lost\n/);
    assert.match(
      stdout,
      new RegExp(`^${node.instance} .* running .* ready +manager +leader$`, "m"),
    );
    assert.match(stdout, /nothing was changed\n$/);
  });
});
