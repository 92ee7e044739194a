/** Real Engines keep the contract that the emulator and the simulated world keep. */
import { type EngineNode, engineRules, type EngineWorld } from "../../contracts/engine.ts";
import { config } from "../../world/node.ts";
import type { Case } from "../suite.ts";
import type { Vpc } from "../vpc.ts";
import { makeVolume, promoteRoughly, removeNode, serve } from "./living.ts";
import { probe } from "../../../src/swarm/probe.ts";
import { createEngine } from "../../../src/swarm/engine.ts";
import { Vault } from "../../../src/tokens/vault.ts";

const never = new AbortController().signal;

/** The store plays no part in it: once is enough. */
export const engines: Case[] = engineRules.map(({ promise, test }): Case => ({
  name: `an Engine: ${promise}`,
  managers: 4,
  workers: 0,
  stores: ["s3"],
  fleets: ["oldest", "newest", "mixed"],
  run: (vpc) => test(realEngines(vpc)),
}));

function realEngines(vpc: Vpc): EngineWorld {
  const vault = new Vault();
  const nodeOf = (n: number) => vpc.node(`m${n}`);
  return {
    node: (n): EngineNode => {
      const { address, engine } = nodeOf(n);
      const copies = `${engine.dir}.copies`;
      const client = createEngine({ path: engine.socket, vault, copies });
      return {
        address,
        engine: () => client.look(never),
        contents: (manager) => client.contents(manager, never),
        init: () => client.init(config, address, [], never),
        join: (where, token) => client.join(config, where, token, address, never),
        leave: (force, onlyEmpty = false) => client.leave(force, onlyEmpty, never),
        update: (id, version, change) => client.update(id, version, change, never),
        remove: (id) => client.remove(id, never),
        stop: (graceMs) => client.stop(graceMs, never),
        probe: (addresses) => probe(addresses, never),
        force: () => client.force(address, never),
      };
    },
    restart: async (n) => {
      await nodeOf(n).engine.kill();
      await nodeOf(n).engine.start();
    },
    stop: async (n) => {
      await nodeOf(n).engine.kill();
      await nodeOf(n).unplug();
    },
    cut: (n) => nodeOf(n).blackhole(true),
    heal: (n) => nodeOf(n).blackhole(false),
    hand: {
      remove: (n, by) => removeNode(nodeOf(by), nodeOf(n)),
      promoteRoughly: (n, by) => promoteRoughly(nodeOf(n), nodeOf(by)),
      shut: (n) => nodeOf(n).open(false),
      serve: async (by) => {
        const { engine } = nodeOf(by);
        const ids = (await engine.nodes()).filter(({ Spec }) => Spec.Role === "worker")
          .map(({ ID }) => ID);
        const members = await Promise.all(vpc.all.map(async (node) => {
          return ids.includes((await node.engine.info()).Swarm.NodeID) ? [node] : [];
        }));
        await serve(nodeOf(by), members.flat(), "node.role==worker");
      },
      makeVolume: (n) => makeVolume(nodeOf(n)),
    },
    close: () => Promise.resolve(),
  };
}
