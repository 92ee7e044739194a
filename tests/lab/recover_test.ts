/** A lost quorum in the lab: who may not recover it, what a plan says, and a swarm that goes on with all that was in it. */
import assert from "node:assert/strict";
import { bedOf } from "./bed.ts";
import type { Lab, LabNode } from "./lab.ts";
import type { RunResult } from "./process.ts";
import { joined, labTest, nodeNamed, withLab, writesSince } from "./with_lab.ts";

const TIME = ["--json", "--timeout", "120s"];

/** The last manager of three is left, with a worker. Copies go to where only root may write. */
function lostTest(
  name: string,
  store: "tags" | "s3",
  test: (lab: Lab, last: LabNode, worker: LabNode) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: Deno.uid() !== 0,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      withLab({ store, managers: 3, workers: 1 }, async (lab) => {
        for (const node of lab.nodes) await joined(lab, node);
        // A worker has its label of a manager's run.
        await joined(lab, nodeNamed(lab, "manager-1"));
        await test(lab, nodeNamed(lab, "manager-1"), nodeNamed(lab, "worker-1"));
      }),
  });
}

function recover(lab: Lab, node: LabNode, ...args: string[]): Promise<RunResult> {
  return lab.run(node, ["recover", ...TIME, ...args]);
}

for (const store of ["tags", "s3"] as const) {
  lostTest(
    `${store}: two of three are terminated: status names the command, a plan changes nothing, --yes recovers`,
    store,
    async (lab, last, worker) => {
      const swarm = last.engine.state.managed();
      swarm.services.push("web");
      const ids = [last, worker].map(({ engine }) => engine.state.membership?.nodeId);
      for (const name of ["manager-2", "manager-3"]) await lab.terminate(nodeNamed(lab, name));

      const status = await lab.run(last, ["status", "--json"]);
      assert.deepEqual([status.exit, status.report?.verdict], [5, "lost"], status.stderr);
      assert.match(status.stdout, /`swarm-join recover`/);

      const [since, before] = [lab.wire.calls.length, lab.snapshot()];
      const plan = await recover(lab, last);
      assert.deepEqual([plan.exit, plan.report?.result], [0, "planned"], plan.stderr);
      const { action, rule } = plan.report?.decision as { action: string; rule: string };
      assert.deepEqual([action, rule], ["recover", "confirm-recovery"]);
      assert.deepEqual(writesSince(lab, since, [last]), []);
      assert.deepEqual(lab.snapshot(), before);

      const done = await recover(lab, last, "--yes");
      assert.deepEqual([done.exit, done.report?.result], [0, "recovered"], done.stderr);
      assert.equal(done.report?.role, "manager");
      const copy = copyIn(done);
      try {
        assert.match(Deno.readTextFileSync(`${copy}/raft/wal`), new RegExp(ids[0] ?? "-"));
      } finally {
        Deno.removeSync(copy, { recursive: true });
      }
      assert.equal(forcesSince(lab, since), 1);
      assert.deepEqual(swarm.voters.map(({ id }) => id), [ids[0]]);
      assert.deepEqual(swarm.nodes.map(({ id }) => id).toSorted(), ids.toSorted());
      assert.deepEqual(swarm.services, ["web"]);

      const fresh = lab.addNode("manager-4", "manager");
      await joined(lab, fresh);
      assert.equal(swarm.voters.length, 2);
      assert.equal(worker.engine.state.membership?.nodeId, ids[1]);
      const again = await recover(lab, last, "--yes");
      assert.deepEqual([again.exit, again.report?.result], [0, "unchanged"], again.stderr);
    },
  );

  lostTest(
    `${store}: one of the two is merely stopped: exit 5, by name, and nothing is changed`,
    store,
    async (lab, last) => {
      const stopped = nodeNamed(lab, "manager-3");
      await lab.terminate(nodeNamed(lab, "manager-2"));
      await bedOf(lab).stopInstance("m3");
      const [since, before] = [lab.wire.calls.length, lab.snapshot()];
      for (const args of [[], ["--yes"]]) {
        const { exit, report, stderr } = await recover(lab, last, ...args);
        assert.deepEqual([exit, report?.result, report?.rule], [5, "failed", "members-living"]);
        assert.match(String(report?.because), new RegExp(`${stopped.instance} .*stopped`), stderr);
      }
      assert.deepEqual(writesSince(lab, since, [last]), []);
      assert.deepEqual(lab.snapshot(), before);
    },
  );
}

lostTest(
  "a joiner on its way in takes itself out of the record, and comes in after the recovery",
  "tags",
  async (lab, last) => {
    for (const name of ["manager-2", "manager-3"]) await lab.terminate(nodeNamed(lab, name));
    const fresh = lab.addNode("manager-4", "manager");
    const joining = lab.run(fresh, ["join", "--json", "--timeout", "300s"]);
    const done = await lab.run(last, ["recover", "--json", "--timeout", "300s", "--yes"]);
    assert.deepEqual([done.exit, done.report?.result], [0, "recovered"], done.stderr);
    Deno.removeSync(copyIn(done), { recursive: true });
    const { exit, stderr } = await joining;
    assert.equal(exit, 0, stderr);
    const { voters } = last.engine.state.managed();
    assert.deepEqual(
      voters.map(({ engine }) => engine.node).sort(),
      [last.instance, fresh.instance].sort(),
    );
  },
);

for (
  const [what, kind, result] of [
    ["its answer is lost: what has come of it counts", "lost", "recovered"],
    ["it is not heard: the run says so, and tries no second time", "reset", "failed"],
  ] as const
) {
  lostTest(`an Engine is told to start its swarm anew, and ${what}`, "tags", async (lab, last) => {
    for (const name of ["manager-2", "manager-3"]) await lab.terminate(nodeNamed(lab, name));
    const since = lab.wire.calls.length;
    lab.wire.trouble = ({ action }) => action === "POST /swarm/init" ? { kind } : null;
    const done = await recover(lab, last, "--yes");
    assert.equal(done.report?.result, result, done.stderr);
    if (result === "failed") {
      assert.deepEqual([done.exit, done.report?.rule], [5, "recovery-failed"], done.stderr);
    }
    Deno.removeSync(copyIn(done), { recursive: true });
    assert.equal(forcesSince(lab, since), 1);
  });
}

labTest("a worker, and a manager in no swarm, have nothing to recover", async () => {
  await withLab({ managers: 1, workers: 1 }, async (lab) => {
    const [manager, worker] = [nodeNamed(lab, "manager-1"), nodeNamed(lab, "worker-1")];
    const early = await recover(lab, manager, "--yes");
    assert.deepEqual([early.exit, early.report?.rule], [5, "recover-elsewhere"], early.stderr);
    await joined(lab, manager);
    await joined(lab, worker);
    const before = lab.snapshot();
    const { exit, report, stderr } = await recover(lab, worker, "--yes");
    assert.deepEqual([exit, report?.rule], [5, "recover-elsewhere"], stderr);
    const well = await recover(lab, manager, "--yes");
    assert.deepEqual([well.exit, well.report?.result], [0, "unchanged"], well.stderr);
    assert.deepEqual(lab.snapshot(), before);
  });
});

function forcesSince(lab: Lab, since: number): number {
  return lab.wire.calls.slice(since).filter(({ action }) => action === "POST /swarm/init").length;
}

/** Where what it was before was copied to, as it says. */
function copyIn({ stdout }: RunResult): string {
  const [copy] = /\/var\/lib\/swarm-join\/swarm-[\dTZ-]+/.exec(stdout) ?? [];
  assert.ok(copy, stdout);
  return copy;
}
