/** What Terraform makes of the module's smallest example: its instances' tags, roles, user data and hooks form a swarm, and live through an instance refresh. */
import assert from "node:assert/strict";
import { pathOf } from "../../artefacts/tools.ts";
import { type Admin, Terraform } from "../../artefacts/terraform.ts";
import type { Member } from "../aws.ts";
import { firstBoot, Release } from "../first_boot.ts";
import { Keepers } from "../keepers.ts";
import { STATE_DIR, until } from "../machine.ts";
import { consistsOf, listed, managersOf } from "../membership.ts";
import type { Node } from "../node.ts";
import { type Case, lastLines } from "../suite.ts";
import type { Vpc } from "../vpc.ts";
import { held, stateOf } from "./hooks.ts";

/** What this machine lacks for them. */
export const deploysWithout = (["terraform", "aws-provider"] as const)
  .filter((tool) => pathOf(tool) === null);

const all: Case[] = [
  {
    name:
      "what terraform apply made forms a swarm, which an instance refresh of both groups leaves",
    managers: 0,
    workers: 0,
    // One that applies it is enough: policies and hooks are tried on all mixes.
    stores: ["tags"],
    fleets: ["oldest"],
    async run(vpc, note): Promise<void> {
      const release = new Release();
      const folder = `${STATE_DIR}/terraform`;
      await Deno.mkdir(folder);
      const admin = await vpc.aws.ask<Admin>("admin");
      const terraform = new Terraform(folder, { endpoint: vpc.aws.endpoint, admin });
      try {
        await deploys(vpc, terraform, release, note);
      } finally {
        await release.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  },
];

export const deployed: Case[] = deploysWithout.length === 0 ? all : [];

async function deploys(
  vpc: Vpc,
  terraform: Terraform,
  release: Release,
  note: (text: string) => void,
): Promise<void> {
  await apply(vpc, terraform, release);
  const keepers = new Keepers(vpc, "30s");
  const groups = { m: "swarm-managers", w: "swarm-workers" };
  for (const [letter, group] of Object.entries(groups)) {
    const members = await vpc.aws.ask<Member[]>("members", { group });
    for (const [i, member] of members.entries()) await arrives(vpc, `${letter}${i + 1}`, member);
  }
  assert.deepEqual(vpc.all.map(({ name }) => name), ["m1", "m2", "m3", "w1", "w2"]);
  keepers.start(vpc.all);
  await keepers.formed();
  for (const node of vpc.all) await entersService(vpc, node);
  const { fingerprints: [first] } = await vpc.oneSwarm();
  const begunMs = Date.now();
  await replace(vpc, keepers, groups.m, vpc.some("m1", "m2", "m3"), ["m4", "m5", "m6"]);
  await replace(vpc, keepers, groups.w, vpc.some("w1", "w2"), ["w3", "w4"]);
  note(`replaced in ${Math.round((Date.now() - begunMs) / 1_000)} s`);
  const { fingerprints } = await vpc.oneSwarm();
  assert.deepEqual(fingerprints, [first], "it is the same swarm");
  await until("those that were replaced to be out of its list", 300_000, async () => {
    return (await listed(managersOf(vpc))).length === vpc.all.length;
  }, 500);
  await consistsOf(vpc.some("m4", "m5", "m6"), vpc.some("w3", "w4"));
  const denied = (await vpc.aws.calls()).filter(({ status }) => status === 403);
  assert.deepEqual(denied, [], "its roles' policies are enough");
  assert.equal(await terraform.difference("live"), null, "what swarm-join wrote is no difference");
  await keepers.stop(vpc.all);
  await terraform.run("live", "destroy", "-auto-approve");
  const { templates } = await vpc.aws.dump();
  assert.deepEqual(Object.keys(templates), [`swarm-join-${vpc.aws.vpc}-swarm`]);
}

async function apply(vpc: Vpc, terraform: Terraform, release: Release): Promise<void> {
  await terraform.copy("deploy");
  await terraform.root("live", [
    'module "smallest" {',
    '  source = "../deploy/terraform/examples/smallest"',
    `  vpc_id = "${vpc.aws.vpc}"`,
    `  subnet_ids = ["${vpc.aws.subnet}"]`,
    "  program = {",
    `    from = "${release.url}"`,
    `    sha256 = { x86_64 = "${await release.sumOf("swarm-join-x86_64")}"`,
    `      aarch64 = "${await release.sumOf("swarm-join-aarch64")}" }`,
    `    unit_sha256 = "${await release.sumOf("swarm-join.service")}"`,
    "  }",
    "}",
  ]);
  await terraform.run("live", "apply", "-auto-approve");
}

/** A machine for an instance that its group has launched, and the launching hook holds; it has booted. */
async function arrives(vpc: Vpc, name: string, member: Member): Promise<Node> {
  const node = await vpc.adopt(name, member);
  await vpc.aws.ask("move", { instance: node.instance, to: "Pending:Wait" });
  await firstBoot(node, member.userData);
  return node;
}

/** It has completed the launching hook, once it is in, so its group counts it. */
async function entersService(vpc: Vpc, node: Node): Promise<void> {
  await until(`${node.name} to be let into service`, 300_000, async () => {
    return await stateOf(vpc, node) === "Pending:Proceed";
  }, 250);
  await vpc.aws.ask("move", { instance: node.instance, to: "InService" });
}

/** As an instance refresh does it, that launches before it terminates: each by a new one, one after the other. */
async function replace(
  vpc: Vpc,
  keepers: Keepers,
  group: string,
  old: Node[],
  names: string[],
): Promise<void> {
  for (const [i, node] of old.entries()) {
    const instance = await vpc.aws.ask<string>("grow", { group });
    const members = await vpc.aws.ask<Member[]>("members", { group });
    const member = members.find((one) => one.instance === instance);
    const name = names[i];
    assert.ok(member !== undefined && name !== undefined);
    const next = await arrives(vpc, name, member);
    keepers.start([next]);
    await entersService(vpc, next);
    await held(vpc, node, "Terminating:Wait");
    const run = await keepers.ended(node);
    assert.equal(run.json?.result, "left", lastLines(run.stderr));
    assert.equal(await stateOf(vpc, node), "Terminating:Proceed");
    await vpc.aws.ask("let_go", { instance: node.instance });
    await vpc.retire(node);
  }
}
