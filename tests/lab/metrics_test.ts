/** The file of metrics in the lab: the compiled program may write it, and it tells what a node that keeps sees. */
import assert from "node:assert/strict";
import type { Lab, LabNode } from "./lab.ts";
import { labTest, nodeNamed, withLab } from "./with_lab.ts";

const MOST_MS = 120_000;

/** Waits until this holds, as long as a busy machine may take. */
async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; !isSo(); waitedMs += 50) {
    assert.ok(waitedMs < MOST_MS, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Keeps node 1 while the test goes on. */
async function keeping(
  fileOf: (lab: Lab) => string,
  test: (node: LabNode, path: string) => Promise<void>,
): Promise<void> {
  await withLab({ store: "tags", managers: 1, workers: 0 }, async (lab) => {
    const node = nodeNamed(lab, "manager-1");
    const path = fileOf(lab);
    const args = ["keep", "--interval", "5s", "--metrics-file", path, "--log-format", "json"];
    const process = lab.start(node, args);
    await test(node, path).finally(async () => {
      process.kill();
      await process.ended;
    });
  });
}

labTest(
  "a node that keeps shows that it is a member, by which runs, and goes on showing it",
  async () => {
    await keeping((lab) => `${lab.directory}/m.prom`, async (_, path) => {
      const shows = (line: RegExp): boolean => line.test(textOf(path));
      await until(() => shows(/^swarm_join_member 1$/m), "a member");
      await until(
        () => shows(/^swarm_join_runs_total\{goal="join",result="initialized"\} 1$/m),
        "a run",
      );
      const text = textOf(path);
      for (
        const line of [
          /^swarm_join_info\{version="[\d.]+",cluster="default",store="tags",role="manager"\} 1$/m,
          /^swarm_join_quorum 1$/m,
          /^swarm_join_voters 1$/m,
          /^swarm_join_voters_reachable 1$/m,
          /^swarm_join_nodes\{state="ready"\} 1$/m,
          /^swarm_join_last_run_exit_code\{goal="join"\} 0$/m,
          /^swarm_join_going 0$/m,
        ]
      ) assert.match(text, line);
      const lookedAt = (): string =>
        /^swarm_join_last_look_timestamp_seconds (\S+)$/m.exec(textOf(path))?.[1] ?? "";
      const before = lookedAt();
      await until(() => lookedAt() !== "" && lookedAt() !== before, "another look");
    });
  },
);

labTest(
  "a file of metrics that can't be written is said, and keeps nothing from going on",
  async () => {
    await keeping((lab) => `${lab.directory}/none/m.prom`, async (node) => {
      const { state } = node.engine;
      await until(
        () => node.lastLine?.message.includes("its directory does not exist") ?? false,
        "a word",
      );
      await until(() => state.membership !== null, "a member");
    });
  },
);
