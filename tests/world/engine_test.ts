/** The world's Engines keep the contract that the lab's emulator keeps. */
import { enact } from "./enact.ts";
import { daemonRestarts, hear } from "./engine.ts";
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
    // As the checker has it after each step.
    for (const machine of world.machines) Object.assign(machine, hear(world, machine));
    return Promise.resolve(answer);
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
        probe: (addresses) => perform(n, { kind: "probe", addresses }),
      };
    },
    restart: (n) => Promise.resolve(daemonRestarts(machineOf(n))),
    stop: (n) => {
      machineOf(n).power = "down";
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}, { hands: false });
