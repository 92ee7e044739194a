/** (e), (k): all managers of a swarm are gone. */
import assert from "node:assert/strict";
import { type Case, ended, endsWith, form, plans, recordIn, together } from "../suite.ts";
import { containers, serve } from "./living.ts";

export const replacing: Case[] = [
  {
    name:
      "(e) all managers terminated, three new ones: the record is replaced, idle workers come along",
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      const [m1, m2, m3, idle, busy] = vpc.all;
      assert.ok(m1 && m2 && m3 && idle && busy);
      await form(vpc);
      const before = await m1.engine.fingerprint();
      const held = await serve(m1, [busy], `node.hostname==${busy.hostname}`);
      await Promise.all([m1, m2, m3].map((node) => node.terminate()));
      const fresh = await Promise.all(
        ["n1", "n2", "n3"].map((name) => vpc.launch(name, "manager")),
      );
      const [n1] = fresh;
      assert.ok(n1);
      await plans(vpc, n1, "init");
      await plans(vpc, idle, "wait");
      const runs = await together([...fresh, idle]);
      for (const run of runs) ended(run, 0);
      const { fingerprints } = await vpc.oneSwarm([...fresh, idle]);
      assert.notEqual(fingerprints[0], before);
      assert.deepEqual(recordIn(await vpc.aws.dump()).replaced, [before]);

      await plans(vpc, busy, "fail");
      await endsWith(vpc, busy, { code: 5, says: /1 task/, seconds: 6 });
      assert.deepEqual(await containers(busy), held);
      assert.equal(await busy.engine.fingerprint(), before);
    },
  },
  {
    name:
      "(k) members that EC2 has forgotten: waited for in a young record, replaced in an old one",
    managers: 2,
    workers: 0,
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await form(vpc, [m1]);
      const before = await m1.engine.fingerprint();
      await m1.terminate();
      await vpc.aws.ask("forget", { instance: m1.instance });
      await plans(vpc, m2, "wait");
      await endsWith(vpc, m2, { code: 3, says: new RegExp(m1.instance), seconds: 6 });
      await vpc.aws.ask("clock", { offset: 3_700 });
      await plans(vpc, m2, "init");
      await form(vpc, [m2]);
      await plans(vpc, m2, "done");
      assert.deepEqual(recordIn(await vpc.aws.dump()).replaced, [before]);
    },
  },
];
