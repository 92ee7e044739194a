/** What machines are like: addresses of their own, volumes, settings of the Engine, and what comes late. */
import assert from "node:assert/strict";
import { pause } from "../machine.ts";
import { type Node, TUNNEL } from "../node.ts";
import { policiesOf } from "../policies.ts";
import {
  allDone,
  AMPLE,
  type Case,
  changesNothing,
  endsWith,
  form,
  recordIn,
  tended,
  together,
} from "../suite.ts";
import type { Vpc } from "../vpc.ts";
import { byHand, makeVolume } from "./living.ts";

/** Longer than a boot was ever given before: a minute. */
const LATE_MS = 75_000;

export const machines: Case[] = [
  {
    name: "managers that advertise a tunnel's interface found, join, and are well on the next run",
    managers: 2,
    workers: 1,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      const addresses = await Promise.all(vpc.all.map((node) => node.addTunnel()));
      for (const node of vpc.all) {
        await node.routeTo(vpc.all);
        node.args = [...node.args, "--advertise-addr", TUNNEL];
      }
      await formAt(vpc, addresses.slice(0, 2));
    },
  },
  {
    name: "managers that advertise an Elastic IP found, join, and are well on the next run",
    managers: 2,
    workers: 1,
    stores: ["s3"],
    async run(vpc): Promise<void> {
      const addresses = await Promise.all(vpc.all.map((node) => node.addElastic()));
      for (const [i, node] of vpc.all.entries()) {
        await node.routeTo(vpc.all);
        node.args = [...node.args, "--advertise-addr", addresses[i] ?? ""];
      }
      await formAt(vpc, addresses.slice(0, 2));
    },
  },
  {
    name:
      "a swarm older than the tool that advertises a tunnel's addresses is adopted, not taken for a clone",
    managers: 2,
    workers: 0,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      const addresses = new Map<Node, string>();
      for (const node of vpc.all) addresses.set(node, await node.addTunnel());
      for (const node of vpc.all) await node.routeTo(vpc.all);
      await byHand(m1, [m2], (node) => addresses.get(node) ?? "");
      assert.deepEqual(allDone([await m1.run(["--json", ...AMPLE])]), ["adopted"]);
      allDone(await together([m1, m2]));
      const { members } = recordIn(await vpc.aws.dump());
      assert.deepEqual(
        members.map(({ instance }: { instance: string }) => instance).sort(),
        [m1.instance, m2.instance].sort(),
      );
    },
  },
  {
    name: "a swarm of one that holds a cluster volume is not left: exit 5, and the volume is there",
    managers: 2,
    workers: 0,
    fleets: ["newest"],
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await form(vpc, [m1]);
      await byHand(m2);
      assert.ok(await makeVolume(m2));
      await endsWith(vpc, m2, { code: 5, says: /volume/, seconds: 60 });
      const { Volumes } = await m2.engine.call<{ Volumes: { Name: string }[] }>("GET", "/volumes");
      assert.ok(Volumes.some(({ Name }) => Name === "held"));
    },
  },
  {
    name:
      "an Engine with live-restore can't be in a swarm: the run ends at once, in the Engine's words",
    managers: 1,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, w1] = vpc.all;
      assert.ok(m1 && w1);
      await form(vpc, [m1]);
      await w1.engine.kill();
      w1.engine.settings = { "live-restore": true };
      await w1.engine.start();
      const run = await changesNothing(vpc, () => w1.run(["--json", "--timeout", "300s"]));
      assert.ok(run.code === 2 || run.code === 6, `exit ${run.code}`);
      assert.match(`${run.stdout}${run.stderr}`, /live-restore/);
    },
  },
  {
    name:
      "Docker, the role tag and the policies come late in a boot, one after the other: all are waited for",
    managers: 1,
    workers: 1,
    stores: ["tags"],
    fleets: ["newest"],
    async run(vpc): Promise<void> {
      await Promise.all(vpc.all.map(async (node) => {
        await node.engine.kill();
        await node.tag({ Role: null });
        await node.permit([]);
      }));
      const running = together(vpc.all);
      await pause(LATE_MS);
      await Promise.all(vpc.all.map(({ engine }) => engine.start()));
      await pause(5_000);
      await vpc.node("m1").tag({ Role: "manager" });
      await vpc.node("w1").tag({ Role: "worker" });
      await pause(5_000);
      await vpc.node("m1").permit(await policiesOf("tags", "manager"));
      await vpc.node("w1").permit(await policiesOf("tags", "worker"));
      assert.deepEqual(allDone(await running), ["initialized", "joined"]);
      await vpc.oneSwarm();
    },
  },
];

/** They become one swarm whose managers are listed at these addresses, and a second run changes nothing. */
async function formAt(vpc: Vpc, managers: string[]): Promise<void> {
  allDone(await together(vpc.all));
  const prints = await Promise.all(vpc.all.map(({ engine }) => engine.fingerprint()));
  assert.equal(new Set(prints).size, 1);
  const { members } = recordIn(await vpc.aws.dump());
  const listed = members.map(({ address }: { address: string }) => address).sort();
  assert.deepEqual(listed, managers.sort());
  await tended(vpc.all);
  const again = await changesNothing(vpc, () => together(vpc.all));
  assert.deepEqual([...new Set(allDone(again))], ["unchanged"]);
}
