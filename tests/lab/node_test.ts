/** Single nodes of the lab: plans that change nothing, two runs at once, a wrong clock, a lab that can fail. */
import assert from "node:assert/strict";
import { Lab } from "./lab.ts";
import { parseLabArgs } from "./options.ts";
import { judge } from "./verdict.ts";
import { joined, labTest, nodeNamed, withLab, writesSince } from "./with_lab.ts";

for (const store of ["tags", "s3"] as const) {
  const plans = [
    { name: "nothing is there", who: "manager-1", founded: false, action: "init" },
    { name: "a worker finds nothing", who: "worker-1", founded: false, action: "wait" },
    { name: "a swarm is founded", who: "manager-2", founded: true, action: "register" },
    { name: "a worker finds a swarm", who: "worker-1", founded: true, action: "join" },
    { name: "all is done", who: "manager-1", founded: true, action: "done" },
  ];
  for (const { name, who, founded, action } of plans) {
    labTest(`${store}: when ${name}, the plan is ${action}, and nothing is changed`, async () => {
      await withLab({ store, managers: 2, workers: 1 }, async (lab) => {
        if (founded) await joined(lab, nodeNamed(lab, "manager-1"));
        const node = nodeNamed(lab, who);
        const since = lab.wire.calls.length;
        const before = lab.snapshot();
        const result = await lab.run(node, ["plan", "--json"]);
        assert.equal(result.exit, 0, result.stderr);
        const decision = result.report?.decision as { action: string; rule: string };
        assert.equal(decision.action, action, result.stdout);
        assert.deepEqual(lab.snapshot(), before);
        assert.deepEqual(writesSince(lab, since, [node]), []);
      });
    });
  }

  for (const hours of [-48, -1, 1, 48]) {
    labTest(`${store}: a clock that is ${hours} hours off AWS's hinders nobody`, async () => {
      await withLab({ store, managers: 2, clockAheadMs: hours * 3_600_000 }, async (lab) => {
        await joined(lab, nodeNamed(lab, "manager-1"));
        await joined(lab, nodeNamed(lab, "manager-2"));
        assert.equal(new Set(lab.nodes.map((node) => node.engine.state.membership?.swarm)).size, 1);
      });
    });
  }
}

labTest(
  "a store that ignores the conditions of writes is refused before a swarm is inited",
  async () => {
    await withLab({ store: "s3", managers: 1 }, async (lab) => {
      lab.aws.s3.ignores = "If-None-Match";
      const node = nodeNamed(lab, "manager-1");
      const { exit, report } = await lab.run(node, ["join", "--json"]);
      assert.equal(exit, 2);
      assert.match(String(report?.because), /ignores the condition If-None-Match: \*/);
      assert.equal(lab.wire.count({}).get("POST /swarm/init"), undefined);
      assert.equal(node.engine.state.membership, null);
    });
  },
);

labTest("of two runs at once on one node, one does it and the other finds it done", async () => {
  await withLab({ managers: 1 }, async (lab) => {
    const node = nodeNamed(lab, "manager-1");
    const results = await Promise.all([joined(lab, node), joined(lab, node)]);
    const said = results.map((result) => result.report?.result).toSorted();
    assert.deepEqual(said, ["initialized", "unchanged"]);
    assert.equal(lab.wire.count({}).get("POST /swarm/init"), 1);
  });
});

labTest(
  "a rotated token is published by a manager's second run, and a joiner takes it",
  async () => {
    await withLab({ managers: 1, workers: 1 }, async (lab) => {
      const manager = nodeNamed(lab, "manager-1");
      await joined(lab, manager);
      manager.engine.state.membership?.swarm.rotateTokens();
      const joining = lab.run(nodeNamed(lab, "worker-1"), ["join", "--json", "--timeout", "60s"]);
      await joined(lab, manager);
      assert.equal((await joining).exit, 0, (await joining).stderr);
    });
  },
);

labTest("a rotated CA is refreshed in the record, and conflicts with nothing", async () => {
  await withLab({ managers: 2, workers: 1 }, async (lab) => {
    for (const node of lab.nodes) await joined(lab, node);
    lab.nodes[0]?.engine.state.membership?.swarm.rotateCa();
    for (const node of lab.nodes) await joined(lab, node);
    const since = lab.wire.calls.length;
    for (const node of lab.nodes) {
      assert.equal((await joined(lab, node)).report?.result, "unchanged");
    }
    assert.deepEqual(writesSince(lab, since, lab.nodes), []);
    assert.deepEqual(judge(lab).problems, []);
  });
});

labTest(
  "a swarm older than the tool is adopted untouched, but for labels on its nodes",
  async () => {
    await withLab({ managers: 3, workers: 1 }, async (lab) => {
      const [first, ...others] = lab.nodes;
      assert.ok(first);
      const swarm = first.engine.state.init(first.address, "active", Date.now());
      swarm.services.push("web");
      for (const node of others) {
        const request = {
          remote: `${first.address}:2377`,
          token: swarm.token(node.role),
          advertise: node.address,
          availability: "active" as const,
        };
        node.engine.state.tryJoin(request, () => first.engine.state);
      }
      const untouched = (): object[] =>
        lab.nodes.map(({ engine }) => ({ ...engine.state.snapshot(), labels: [] }));
      const before = untouched();
      assert.equal((await joined(lab, first)).report?.result, "adopted");
      await Promise.all(others.map((node) => joined(lab, node)));
      assert.deepEqual(untouched(), before);
      const instances = swarm.nodes.map(({ labels }) => labels["swarm-join.instance"]);
      assert.deepEqual(instances, lab.nodes.map(({ instance }) => instance));
      assert.deepEqual(judge(lab).problems, []);
    });
  },
);

labTest(
  "after all managers are gone new ones replace the swarm, and an idle worker follows",
  async () => {
    await withLab({ managers: 2, workers: 2 }, async (lab) => {
      for (const node of lab.nodes) await joined(lab, node);
      const [one, two, idle, busy] = lab.nodes as [
        Lab["nodes"][0],
        Lab["nodes"][0],
        Lab["nodes"][0],
        Lab["nodes"][0],
      ];
      busy.engine.state.tasks.push("web.1");
      await lab.terminate(one);
      await lab.terminate(two);
      const young = lab.addNode("manager-3", "manager");
      await joined(lab, young);
      await joined(lab, idle);
      const swarm = young.engine.state.membership?.swarm;
      assert.equal(idle.engine.state.membership?.swarm, swarm);
      const before = busy.engine.state.snapshot();
      const refused = await lab.run(busy, ["join", "--json", "--timeout", "5s"]);
      assert.equal(refused.exit, 5, refused.stderr);
      assert.match(`${refused.report?.because}`, /1 task/);
      assert.deepEqual(busy.engine.state.snapshot(), before);
    });
  },
);

Deno.test("the lab notices two swarms, nodes that failed, and secrets that show", async () => {
  const directory = await Deno.makeTempDir();
  const stub = `${directory}/stub`;
  await Deno.writeTextFile(stub, '#!/bin/sh\necho "$LEAK" >&2\nexit 3\n', { mode: 0o755 });
  const lab = new Lab({ binary: stub, store: "tags", managers: 2, workers: 0 });
  try {
    for (const node of lab.nodes) node.engine.state.init(node.address, "active", Date.now());
    const [node] = lab.nodes;
    assert.ok(node);
    const token = node.engine.state.membership?.swarm.token("worker") ?? "";
    await lab.run(node, [], { LEAK: token });
    const { problems } = judge(lab);
    assert.ok(problems.some((problem) => /there are 2 swarms/.test(problem)));
    assert.ok(problems.some((problem) => /manager-1 ended with 3/.test(problem)));
    assert.ok(problems.some((problem) => /leaked: a join token/.test(problem)));
  } finally {
    await lab.close();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the lab's options are checked by name", () => {
  const wrong = (...args: string[]): string => {
    const parsed = parseLabArgs(args);
    return typeof parsed === "object" && "wrong" in parsed ? parsed.wrong : "";
  };
  assert.match(wrong("--store", "disk"), /--store is "tags" or "s3"/);
  assert.match(wrong("--managers", "0"), /--managers is a whole number from 1 to 9/);
  assert.match(wrong("--fault", "rain"), /no fault "rain"; there are stale/);
  assert.match(wrong("--only", "rain"), /--only is "form", not "rain"/);
  assert.match(wrong("--rain"), /rain/);
  assert.equal(parseLabArgs(["--help"]), "help");
});
