/** What a read can't show is there all the same: members outside EC2, a lost record, another cluster's. */
import assert from "node:assert/strict";
import {
  allDone,
  AMPLE,
  type Case,
  changesNothing,
  ended,
  endsWith,
  form,
  plans,
  recordIn,
  together,
} from "../suite.ts";
import type { Vpc } from "../vpc.ts";
import { byHand } from "./living.ts";

/** In which EC2 forgets a terminated instance, and more. */
const TWO_HOURS_S = 7_200;

export const unseen: Case[] = [
  {
    name: "managers outside EC2 that answer are a living swarm, however old their entries are",
    managers: 1,
    workers: 0,
    async run(vpc): Promise<void> {
      const [m1] = vpc.all;
      const [x1, x2] = [vpc.outsider("x1"), vpc.outsider("x2")];
      assert.ok(m1);
      await byHand(x1, [x2, m1]);
      const before = await x1.engine.fingerprint();
      assert.deepEqual(allDone([await m1.run(["--json", ...AMPLE])]), ["adopted"]);
      await vpc.aws.ask("clock", { offset: TWO_HOURS_S });
      await m1.terminate();
      const m2 = await vpc.launch("m2", "manager");
      await plans(vpc, m2, "wait", "register", "join");
      // With tags the tokens went with the instance that showed them: then it can't join, and waits.
      const run = await m2.run(["--json", "--timeout", vpc.store === "s3" ? "600s" : "20s"]);
      ended(run, vpc.store === "s3" ? 0 : 3);
      assert.equal(recordIn(await vpc.aws.dump()).fingerprint, before, "the living swarm's record");
      const { swarms } = await vpc.verdict([x1, x2, ...(vpc.store === "s3" ? [m2] : [])]);
      assert.equal(swarms, 1);
      if (vpc.store === "tags") assert.equal(await m2.engine.fingerprint(), null);
    },
  },
  {
    name: "an address-only manager that is silent is waited for, and never taken for gone",
    managers: 1,
    workers: 0,
    stores: ["s3"],
    async run(vpc): Promise<void> {
      const [m1] = vpc.all;
      const x1 = vpc.outsider("x1");
      assert.ok(m1);
      await byHand(x1, [m1]);
      allDone([await m1.run(["--json", ...AMPLE])]);
      await vpc.aws.ask("clock", { offset: TWO_HOURS_S });
      await Promise.all([m1.terminate(), x1.unplug()]);
      const m2 = await vpc.launch("m2", "manager");
      await endsWith(vpc, m2, {
        code: 3,
        says: new RegExp(x1.address.replaceAll(".", "\\.")),
        seconds: 6,
      });
      await x1.plug();
    },
  },
  ...["the record alone", "all that was written of it"].map((what): Case => ({
    name: `the record is lost (${what}): no second swarm, and its own manager founds it again`,
    managers: 1,
    workers: 1,
    stores: ["s3"],
    async run(vpc): Promise<void> {
      const [m1, w1] = vpc.all;
      assert.ok(m1 && w1);
      await form(vpc);
      const before = await m1.engine.fingerprint();
      await vpc.aws.ask("clock", { offset: TWO_HOURS_S });
      await vpc.aws.ask("remove", { key: what === "the record alone" ? await recordKey(vpc) : "" });
      const m2 = await vpc.launch("m2", "manager");
      await plans(vpc, m2, "wait");
      const run = await endsWith(vpc, m2, { code: 3, says: /swarm-unfounded/, seconds: 8 });
      assert.match(`${run.stdout}${run.stderr}`, /run swarm-join/);
      assert.deepEqual(allDone([await m1.run(["--json", ...AMPLE])]), ["adopted"]);
      assert.deepEqual(allDone(await together([m2])), ["joined"]);
      const { fingerprints } = await vpc.oneSwarm();
      assert.deepEqual(fingerprints, [before]);
    },
  })),
  {
    name: "a swarm older than the tool beside a new manager, with S3: not a second swarm",
    managers: 2,
    workers: 0,
    stores: ["s3"],
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await byHand(m1);
      await vpc.aws.ask("clock", { offset: TWO_HOURS_S });
      await endsWith(vpc, m2, { code: 3, says: /swarm-unfounded/, seconds: 8 });
      allDone([await m1.run(["--json", ...AMPLE])]);
      await form(vpc);
    },
  },
  {
    name: "a command by hand with other settings does not adopt a cluster's swarm for another one",
    managers: 1,
    workers: 0,
    async run(vpc): Promise<void> {
      const [m1] = vpc.all;
      assert.ok(m1);
      await m1.tag({ Cluster: "blue" });
      const blue = ["--cluster", "blue", "--cluster-tag", "Cluster"];
      assert.deepEqual(allDone([await m1.run(["--json", ...blue, ...AMPLE])]), ["initialized"]);
      const before = await vpc.aws.dump();
      const run = await changesNothing(vpc, () => m1.run(["--json", "--timeout", "10s"]));
      assert.ok(run.code === 5 || run.code === 3, `exit ${run.code}: ${run.stderr}`);
      assert.match(`${run.stdout}${run.stderr}`, /blue/);
      assert.deepEqual(await vpc.aws.dump(), before);

      const file = `${m1.engine.dir}.env`;
      await Deno.writeTextFile(file, "SWARM_JOIN_CLUSTER=blue\nSWARM_JOIN_CLUSTER_TAG=Cluster\n");
      const again = await m1.run(["--json", "--config", file, ...AMPLE]);
      assert.deepEqual(allDone([again]), ["unchanged"]);
      assert.match(again.stderr, /blue/);
    },
  },
];

/** As a pattern: where the record of the cluster is. */
async function recordKey(vpc: Vpc): Promise<string> {
  const { objects } = await vpc.aws.dump();
  const [key] = Object.entries(objects).find(([, text]) => text.includes('"members"')) ?? [];
  assert.ok(key);
  return `^${key.replaceAll(".", "\\.")}$`;
}
