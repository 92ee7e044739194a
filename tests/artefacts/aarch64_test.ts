/**
 * The program for the other kind of machine, started by qemu: it decides in the lab what this machine's does. An
 * emulated start takes seconds, so there are two.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { output, sh } from "../e2e/machine.ts";
import { BINARY, withLab } from "../lab/with_lab.ts";
import { judged, pathOf, ROOT } from "./tools.ts";

judged(
  "the program for aarch64 shows its help, and plans in the lab as this one",
  ["aarch64"],
  async () => {
    await sh("make", "--silent", "-C", ROOT, "dist/swarm-join-aarch64");
    const qemu = pathOf("aarch64") ?? "";
    const emulated = await Deno.makeTempFile();
    try {
      const start = `exec ${qemu} -L ${dirname(qemu)} ${ROOT}dist/swarm-join-aarch64 "$@"`;
      await Deno.writeTextFile(emulated, `#!/bin/sh\n${start}\n`);
      await Deno.chmod(emulated, 0o755);
      await Promise.all([showsHelp(emulated), plansAlike(emulated)]);
    } finally {
      await Deno.remove(emulated);
    }
  },
);

/** Of which the first line is the version. */
async function showsHelp(emulated: string): Promise<void> {
  const [theirs, ours] = await Promise.all(
    [emulated, BINARY].map((path) => output(path, ["--help"])),
  );
  assert.deepEqual(theirs, ours);
}

/** A dry run, on a worker of a swarm that this machine's program founded. */
async function plansAlike(emulated: string): Promise<void> {
  await withLab({ workers: 1 }, async (lab) => {
    const [manager, worker] = lab.nodes;
    assert.ok(manager !== undefined && worker !== undefined);
    assert.equal((await lab.run(manager, ["join"])).exit, 0);
    const args = ["join", "--dry-run", "--json", "--timeout", "5m"];
    const plans: unknown[] = [];
    for (const binary of [BINARY, emulated]) {
      lab.options.binary = binary;
      const { exit, report, stderr } = await lab.run(worker, args);
      assert.equal(exit, 0, stderr);
      const { result, decision } = report ?? {};
      plans.push({ result, decision });
    }
    assert.deepEqual(plans[1], plans[0]);
    assert.match(JSON.stringify(plans[0]), /"result":"planned","decision":\{"action":"join"/);
  });
}
