/** What the lab's tests share: a lab for one test, and what must hold after every run. */
import assert from "node:assert/strict";
import { Lab, type LabNode, type LabOptions } from "./lab.ts";
import type { RunResult } from "./process.ts";

export const BINARY = new URL("../../dist/swarm-join", import.meta.url).pathname;

/** Runs `test` in a lab of its own, and looks for secrets in all that was seen of it. */
export async function withLab(
  options: Partial<LabOptions>,
  test: (lab: Lab) => Promise<void>,
): Promise<void> {
  const lab = new Lab({ binary: BINARY, store: "tags", managers: 1, workers: 0, ...options });
  try {
    await test(lab);
    assert.deepEqual(lab.leaks(), []);
  } finally {
    await lab.close();
  }
}

/** A lab's test. Timers of emulated Engines may outlive it, hence no sanitizers. */
export function labTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

/** Joins, and expects it to work; a busy machine takes many times as long as a quick one. */
export async function joined(lab: Lab, node: LabNode, seconds = 120): Promise<RunResult> {
  const result = await lab.run(node, ["join", "--json", "--timeout", `${seconds}s`]);
  assert.equal(result.exit, 0, result.stderr);
  return result;
}

/** Calls that could change something, of these nodes, since call number `since`. */
export function writesSince(lab: Lab, since: number, nodes: LabNode[]): string[] {
  const names = new Set(nodes.map((node) => node.instance));
  return lab.wire.calls.slice(since)
    .filter((call) => call.write && names.has(call.node))
    .map((call) => `${call.service} ${call.action}`);
}

export function nodeNamed(lab: Lab, name: string): LabNode {
  const node = lab.nodes.find((one) => one.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

/** A test of many labs, `atOnce` at a time: they mostly wait. Each step is one of `cases`. */
export function manyLabs<Case>(
  name: string,
  cases: Case[],
  atOnce: number,
  nameOf: (one: Case) => string,
  run: (one: Case) => Promise<void>,
): void {
  const unchecked = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  Deno.test({
    name,
    ...unchecked,
    async fn(t): Promise<void> {
      const waiting = [...cases];
      const work = async (): Promise<void> => {
        for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
          const current = one;
          await t.step({ name: nameOf(current), ...unchecked, fn: () => run(current) });
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
    },
  });
}
