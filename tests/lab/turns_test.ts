/**
 * A run met by trouble at each of its requests in turn: reset at any, its answer lost at any write, the
 * process killed at any write. Run again where it was killed, it always ends in the one swarm.
 */
import assert from "node:assert/strict";
import type { EngineTimes } from "../emulators/engine.ts";
import { isLive } from "../emulators/engine_swarm.ts";
import type { SwarmRole } from "../emulators/engine_swarm.ts";
import type { Trouble, WireCall } from "../emulators/wire.ts";
import type { Lab, LabNode, StoreKind } from "./lab.ts";
import { joined, manyLabs, nodeNamed, withLab } from "./with_lab.ts";

type Blow = "reset" | "lost" | "killed";

const QUICK: EngineTimes = {
  init: 20,
  joinManager: 20,
  joinWorker: 20,
  joinFails: 100,
  joinHangs: 500,
  noLeader: 100,
  noticed: 100,
  demoted: 20,
  settled: 20,
};

const AT_ONCE = 6;
/** More requests than any of these runs makes; reaching it is a failure. */
const REQUESTS_MAX = 120;

const CASES = (["tags", "s3"] as const).flatMap((store) => [
  ...(["reset", "lost", "killed"] as const).flatMap((blow) => {
    const struck = `${words(blow)} each ${blow === "reset" ? "request" : "write"} in turn`;
    return [
      {
        name: `${store}: a founder ${struck} founds one swarm`,
        play: () => inTurn((k) => foundWith(store, blow, k)),
      },
      {
        name: `${store}: a manager ${struck} joins`,
        play: () => withFounded(store, (lab) => inTurn((k) => joinWith(lab, "manager", blow, k))),
      },
    ];
  }),
  {
    name: `${store}: a worker reset at each request in turn joins`,
    play: () => withFounded(store, (lab) => inTurn((k) => joinWith(lab, "worker", "reset", k))),
  },
]);

manyLabs("trouble at each request in turn", CASES, 3, ({ name }) => name, ({ play }) => play());

function words(blow: Blow): string {
  return { reset: "reset at", lost: "that loses the answer of", killed: "killed at" }[blow];
}

/** Runs `strike(k)` for k = 1, 2, … until one finds no request left to strike. */
async function inTurn(strike: (k: number) => Promise<boolean>): Promise<void> {
  let next = 1;
  let isOver = false;
  let struck = 0;
  const work = async (): Promise<void> => {
    while (!isOver) {
      const k = next++;
      assert.ok(k < REQUESTS_MAX, "there is no end of requests");
      if (await strike(k)) struck++;
      else isOver = true;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.ok(struck >= 2, `only ${struck} requests were struck`);
}

async function foundWith(store: StoreKind, blow: Blow, k: number): Promise<boolean> {
  let hasStruck = false;
  await withLab({ store, managers: 1, times: QUICK }, async (lab) => {
    const node = nodeNamed(lab, "manager-1");
    hasStruck = await runWith(lab, node, blow, k);
  });
  return hasStruck;
}

async function withFounded(store: StoreKind, test: (lab: Lab) => Promise<void>): Promise<void> {
  await withLab({ store, managers: 1, times: QUICK }, async (lab) => {
    await joined(lab, nodeNamed(lab, "manager-1"));
    await test(lab);
    const swarms = new Set(lab.nodes.map((node) => node.engine.state.membership?.swarm));
    assert.equal(swarms.size, 1);
  });
}

async function joinWith(lab: Lab, role: SwarmRole, blow: Blow, k: number): Promise<boolean> {
  const node = lab.addNode(`${role}-${blow}-${k}`, role);
  const hasStruck = await runWith(lab, node, blow, k);
  assert.equal(node.engine.state.self?.role, role);
  return hasStruck;
}

/** Whether there was a k-th request to strike. */
async function runWith(lab: Lab, node: LabNode, blow: Blow, k: number): Promise<boolean> {
  const others = lab.wire.trouble;
  let seen = 0;
  let struck: WireCall | null = null;
  lab.wire.trouble = (call): Trouble | null => {
    if (call.node !== node.instance) return others(call);
    if (struck !== null || (blow !== "reset" && !call.write)) return null;
    if (++seen !== k) return null;
    struck = call;
    if (blow === "killed") setTimeout(() => node.process?.kill(), 0);
    return { kind: blow === "reset" ? "reset" : "lost" };
  };
  let result = await lab.run(node, ["join", "--json", "--timeout", "60s"]);
  if (result.exit === null) result = await joined(lab, node, 60);
  const what = struck === null ? "nothing" : JSON.stringify(struck);
  const told = `request ${k}, ${what}\nexit ${result.exit}\n${result.stderr}${result.stdout}`;
  assert.equal(result.exit, 0, told);
  const { self, membership } = node.engine.state;
  assert.ok(self !== null && isLive(self), told);
  assert.equal(result.report?.fingerprint, membership?.swarm.fingerprint, told);
  return struck !== null;
}
