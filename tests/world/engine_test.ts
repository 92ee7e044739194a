/** The world's Engines keep the contract that the lab's emulator keeps. */
import { enact } from "./enact.ts";
import { daemonRestarts, hear } from "./engine.ts";
import { doingsOf, happens } from "./nodes.ts";
import { TRUTH } from "./check/view.ts";
import { createWorld } from "./world.ts";
import { engineContract, type EngineNode, type EngineWorld } from "../contracts/engine.ts";
import type { Call } from "../../src/calls.ts";
import type { Answer } from "../../src/state.ts";

engineContract("in the world", (): EngineWorld => {
  const world = createWorld("tags", ["manager", "manager", "manager", "manager"]);
  for (const machine of world.machines) machine.power = "up";
  const machineOf = (n: number) => world.machines[n - 1]!;

  function perform<T>(n: number, call: Call): Promise<Answer<T>> {
    const answer = enact(world, machineOf(n), call, TRUTH) as Answer<T>;
    pass();
    return Promise.resolve(answer);
  }

  /** All that comes by itself has come, as the checker has it after each step. */
  function pass(): void {
    for (const machine of world.machines) Object.assign(machine, hear(world, machine));
    const doing = doingsOf(world).find(({ kind }) => kind !== "stowaway");
    if (doing === undefined) return;
    happens(world, doing);
    pass();
  }

  function cut(n: number, isCut: boolean): Promise<void> {
    machineOf(n).isCut = isCut;
    pass();
    return Promise.resolve();
  }

  return {
    node: (n): EngineNode => {
      const { address } = machineOf(n);
      return {
        address,
        engine: () => perform(n, { kind: "engine" }),
        contents: (manager) => perform(n, { kind: "contents", manager }),
        init: () => perform(n, { kind: "init", advertiseAddr: address, pools: [] }),
        join: (where, token) =>
          perform(n, { kind: "join", address: where, token, advertiseAddr: address }),
        leave: (force) => perform(n, { kind: "leave", force, onlyEmpty: false }),
        update: (nodeId, version, change) =>
          perform(n, { kind: "update", as: "label", nodeId, version, change }),
        remove: (nodeId) => perform(n, { kind: "remove", nodeId }),
        stop: (graceMs) => perform(n, { kind: "stop", graceMs }),
        probe: (addresses) => perform(n, { kind: "probe", addresses }),
        force: () => perform(n, { kind: "force", advertiseAddr: address }),
      };
    },
    restart: (n) => Promise.resolve(daemonRestarts(machineOf(n))),
    stop: (n) => {
      machineOf(n).power = "down";
      return Promise.resolve();
    },
    cut: (n) => cut(n, true),
    heal: (n) => cut(n, false),
    close: () => Promise.resolve(),
  };
}, { hands: false });
