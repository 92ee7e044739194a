/** Thousands of looks, compressed: a node that keeps has no more in use after hours than it had at first. */
import assert from "node:assert/strict";
import { labTest, withLab } from "./with_lab.ts";

/** Between two times that its memory is measured, the first of which finds what its first run has left. */
const LOOKS = 700;
const TIMES = 4;
/** Beside what the runtime itself moves about. */
const GROWTH_BYTES_MAX = 600_000;
/** A rotation makes it run, and publish. */
const CALLS_PER_ROTATION = 400;

interface Soaked {
  result: string;
  runs: number;
  looks: number;
  /** Bytes in use, at each of the times. */
  used: number[];
}

for (const store of ["tags", "s3"] as const) {
  const all = LOOKS * TIMES;
  labTest(`${store}: a manager that keeps for ${all} looks needs no more memory`, async () => {
    await withLab({ store, binary: Deno.execPath() }, async (lab) => {
      const [node] = lab.nodes;
      assert.ok(node);
      let calls = 0;
      lab.wire.onCall = () => {
        if (++calls % CALLS_PER_ROTATION !== 0) return;
        node.engine.state.membership?.swarm.rotateTokens();
        // The journal is of no use here, and would grow.
        lab.wire.calls.length = 0;
      };
      const program = new URL("soaking.ts", import.meta.url).pathname;
      const args = ["run", "-A", "--v8-flags=--expose-gc", program, "keep", "--interval", "5s"];
      const { exit, report, stderr } = await lab.run(node, args, {
        ...ownOf(Deno.env.toObject()),
        SOAK_LOOKS: `${LOOKS}`,
        SOAK_TIMES: `${TIMES}`,
      });
      const { result, looks, runs, used } = report as unknown as Soaked;
      assert.deepEqual([exit, result], [0, "stopped"], stderr);
      assert.ok(looks >= all && runs >= 10, JSON.stringify(report));
      const [, first, , last] = used;
      assert.ok(first && last);
      assert.ok(last - first < GROWTH_BYTES_MAX, JSON.stringify(report));
    });
  });
}

/** What Deno needs to find its modules. */
function ownOf(env: Record<string, string>): Record<string, string> {
  const isNeeded = (name: string): boolean => /^(?:HOME|XDG_CACHE_HOME|DENO_DIR)$/.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => isNeeded(name)));
}
