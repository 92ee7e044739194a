/**
 * The program for the other kind of machine, started here by qemu: it runs, and does in the lab what this machine's
 * does. An emulated start takes seconds, so there are few.
 */
import assert from "node:assert/strict";
import { sh } from "../e2e/machine.ts";
import { BINARY, joined, labTest, withLab } from "../lab/with_lab.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PROGRAM = `${ROOT}dist/swarm-join-aarch64`;
const binary = Deno.makeTempFileSync();
Deno.writeTextFileSync(
  binary,
  `#!/bin/sh\nexec ${ROOT}.toolchain/aarch64/qemu -L ${ROOT}.toolchain/aarch64 ${PROGRAM} "$@"\n`,
);
Deno.chmodSync(binary, 0o755);
for (const b of [binary, BINARY]) {
  for (const v of ["plan", "join"]) {
    labTest("x " + v + b, async () => {
      await withLab({ binary: b }, async (lab) => {
        const r = await lab.run(lab.nodes[0]!, [v, "--json", "--timeout", "300s"]);
        console.log(r.exit, r.elapsedMs, r.stdout.slice(0, 600), r.stderr.slice(0, 500));
      });
    });
  }
}
