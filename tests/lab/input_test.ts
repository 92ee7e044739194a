/** Bad input against the real binary: a clear message, the right exit code, and nothing changed. */
import assert from "node:assert/strict";
import { type Case, GROUPS } from "./input_cases.ts";
import type { RunResult } from "./process.ts";
import { manyLabs, nodeNamed, withLab, writesSince } from "./with_lab.ts";

/** Everything that is worth waiting for is given up after this long: what is wrong stays wrong. */
const TIMEOUT = "4s";

const AT_ONCE = 4;

for (const [group, cases] of Object.entries(GROUPS)) {
  const nameOf = ({ name, exit }: Case): string => `${name}: exit ${exit}, and nothing changed`;
  manyLabs(`bad input: ${group}`, cases, AT_ONCE, nameOf, refuses);
}

async function refuses(one: Case): Promise<void> {
  await withLab(one.lab ?? {}, async (lab) => {
    const node = nodeNamed(lab, one.who ?? "manager-1");
    await one.prepare?.(lab, node);
    const since = lab.wire.calls.length;
    const before = lab.snapshot();
    const args = ["join", "--json", "--timeout", TIMEOUT, ...one.args ?? []];
    const result = await lab.run(node, args, one.env?.(node) ?? {});
    assert.equal(result.exit, one.exit, told(result));
    assert.match(lastWords(result), one.says, told(result));
    assert.deepEqual(lab.snapshot(), before, told(result));
    // A write that AWS denied was asked for, and is no change.
    const isRefused = one.says.source.includes("Create") || one.says.source.includes("Put");
    if (!isRefused) assert.deepEqual(writesSince(lab, since, [node]), [], told(result));
  });
}

/** The reason that it gives at its end. */
function lastWords(result: RunResult): string {
  return `${result.report?.because}\n${result.report?.warnings}`;
}

function told(result: RunResult): string {
  return `\nexit ${result.exit}\n${result.stderr}${result.stdout}`;
}
