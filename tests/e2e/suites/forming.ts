/** (a), (b), (m): a swarm forms from nothing, and a second run changes nothing. */
import assert from "node:assert/strict";
import {
  allDone,
  type Case,
  changesNothing,
  form,
  plans,
  recordIn,
  together,
  tokensPublished,
} from "../suite.ts";
import { byHand, updateSwarm } from "./living.ts";

export const forming: Case[] = [
  {
    name: "the verdict of these tests sees a split",
    managers: 2,
    workers: 0,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await byHand(m1);
      await byHand(m2);
      const { swarms, faults } = await vpc.verdict();
      assert.equal(swarms, 2);
      assert.ok(faults.length > 0);
    },
  },
  {
    name: "the comparison of these tests sees what a dry run must not change",
    managers: 3,
    workers: 1,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      const [m1, m2, m3, w1] = vpc.all;
      assert.ok(m1 && m2 && m3 && w1);
      await form(vpc, [m1, m2, w1]);
      const effect = { kind: "error", status: 503, code: "RequestLimitExceeded" } as const;
      await vpc.aws.rule({ node: "m2", action: "CreateTags", effect });
      const planted: [string, () => Promise<unknown>][] = [
        ["an init", () => byHand(m3)],
        ["new tokens", () => updateSwarm(m1, "&rotateWorkerToken=true")],
        [
          "a setting",
          () => updateSwarm(m1, "", (spec) => spec.Orchestration.TaskHistoryRetentionLimit = 3),
        ],
        ["a departure", () => w1.engine.call("POST", "/swarm/leave")],
        ["a tag", () => m1.tag({ ManagerToken: "another" })],
        ["a write that AWS refuses", () => m2.run(["--timeout", "6s"])],
      ];
      for (const [what, act] of planted) {
        const seen = changesNothing(vpc, act, 1_000);
        await assert.rejects(seen, /an Engine changed|AWS changed|a write was sent/, what);
      }
    },
  },
  {
    name: "(a) three managers and two workers start at the same moment",
    managers: 3,
    workers: 2,
    times: 3,
    async run(vpc): Promise<void> {
      const results = await form(vpc);
      const verdict = await vpc.oneSwarm();
      assert.deepEqual(verdict.managers, ["m1", "m2", "m3"]);
      assert.deepEqual(verdict.workers, ["w1", "w2"]);
      assert.equal(results.filter((r) => r === "initialized").length, 1, results.join());
      assert.equal(results.filter((r) => r === "joined").length, 4, results.join());
      await tokensPublished(vpc, vpc.some("m1", "m2", "m3"));
      const record = recordIn(await vpc.aws.dump());
      const members = record.members.map((m: { instance: string }) => m.instance).sort();
      assert.deepEqual(members, vpc.some("m1", "m2", "m3").map((n) => n.instance).sort());
    },
  },
  {
    name: "(b) a second run of every node changes nothing and writes nothing",
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      await plans(vpc, vpc.node("m1"), "init");
      await plans(vpc, vpc.node("w1"), "wait");
      await form(vpc);
      for (const node of vpc.all) await plans(vpc, node, "done");
      const runs = await changesNothing(vpc, () => together(vpc.all));
      assert.deepEqual([...new Set(allDone(runs))], ["unchanged"]);
    },
  },
  {
    name: "(m) of two runs at once on one node, one does it and the other finds it done",
    managers: 1,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, w1] = vpc.all;
      assert.ok(m1 && w1);
      await plans(vpc, m1, "init");
      const founders = allDone(await together([m1, m1]));
      assert.deepEqual(founders.sort(), ["initialized", "unchanged"]);
      const joiners = allDone(await together([w1, w1]));
      assert.deepEqual(joiners.sort(), ["joined", "unchanged"]);
      await vpc.oneSwarm();
    },
  },
  {
    name: "two clusters in one VPC keep apart, and each forms one swarm",
    managers: 0,
    workers: 0,
    async run(vpc): Promise<void> {
      const clusters = await Promise.all(["blue", "green"].map(async (cluster) => {
        const tags = { Cluster: cluster };
        const nodes = [
          await vpc.launch(`${cluster}-m1`, "manager", { tags }),
          await vpc.launch(`${cluster}-m2`, "manager", { tags }),
          await vpc.launch(`${cluster}-w1`, "worker", { tags }),
        ];
        for (const node of nodes) {
          node.args = [...node.args, "--cluster", cluster, "--cluster-tag", "Cluster"];
        }
        return nodes;
      }));
      allDone(await together(clusters.flat()));
      const verdicts = await Promise.all(clusters.map((nodes) => vpc.oneSwarm(nodes)));
      assert.equal(new Set(verdicts.flatMap(({ fingerprints }) => fingerprints)).size, 2);
    },
  },
];
