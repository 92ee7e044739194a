/** The emulated Engines, behind the real edges, keep the contract of all Engines. */
import { ENGINE_20, ENGINE_29, type EngineRelease, EngineServer } from "../emulators/engine.ts";
import { EngineState } from "../emulators/engine_state.ts";
import { claimNetwork } from "../emulators/loopback.ts";
import { Wire } from "../emulators/wire.ts";
import { engineContract, type EngineNode, type EngineWorld } from "./engine.ts";
import { config } from "../world/node.ts";
import { probe } from "../../src/swarm/probe.ts";
import { createEngine } from "../../src/swarm/engine.ts";
import { Vault } from "../../src/tokens/vault.ts";

const never = new AbortController().signal;

/** A thousand times as quick as real ones. */
const TIMES = {
  init: 1,
  joinManager: 1,
  joinWorker: 1,
  joinFails: 10,
  joinHangs: 20,
  noLeader: 20,
  noticed: 50,
  demoted: 5,
  settled: 10,
};

for (const release of [ENGINE_20, ENGINE_29]) {
  const name = `in the emulator of ${release.name}`;
  engineContract(name, () => openEmulator(release), { hands: true });
}

async function openEmulator(release: EngineRelease): Promise<EngineWorld> {
  const network = claimNetwork();
  const directory = await Deno.makeTempDir({ prefix: "swarm-join-engines-" });
  const wire = new Wire();
  const vault = new Vault();
  const servers: EngineServer[] = [1, 2, 3, 4].map((n) => {
    const state = new EngineState(`i-${n}`, network.address(n));
    const server = new EngineServer(state, {
      socket: `${directory}/${n}.sock`,
      dataRoot: `${directory}/${n}`,
      times: TIMES,
      network: (where) => servers.find((one) => one.state.address === where)?.state ?? null,
      wire,
    });
    server.release = release;
    server.start();
    return server;
  });
  const serverOf = (n: number): EngineServer => servers[n - 1]!;
  const reach = (n: number, isReachable: boolean): Promise<void> => {
    serverOf(n).state.reachable = isReachable;
    serverOf(n).state.changed();
    return Promise.resolve();
  };
  const idOf = (n: number): string => serverOf(n).state.membership?.nodeId ?? "";

  return {
    node: (n): EngineNode => {
      const { address } = serverOf(n).state;
      const copies = `${directory}/copies-${n}`;
      const engine = createEngine({ path: `${directory}/${n}.sock`, vault, copies });
      return {
        address,
        engine: () => engine.look(never),
        contents: (manager) => engine.contents(manager, never),
        init: () => engine.init(config, address, [], never),
        join: (where, token) => engine.join(config, where, token, address, never),
        leave: (force, onlyEmpty = false) => engine.leave(force, onlyEmpty, never),
        update: (id, version, change) => engine.update(id, version, change, never),
        remove: (id) => engine.remove(id, never),
        stop: (graceMs) => engine.stop(graceMs, never),
        probe: (addresses) => probe(addresses, never),
        force: () => engine.force(address, never),
      };
    },
    restart: async (n) => {
      await serverOf(n).stop();
      serverOf(n).start();
    },
    stop: async (n) => {
      const server = serverOf(n);
      server.state.reachable = false;
      await server.stop();
    },
    cut: (n) => reach(n, false),
    heal: (n) => reach(n, true),
    hand: {
      remove: (n, by) => Promise.resolve(serverOf(by).state.managed().remove(idOf(n))),
      promoteRoughly: (n, by) => {
        const node = serverOf(by).state.managed().find(idOf(n));
        Object.assign(node, { role: "manager", observed: "manager", inRaft: true });
        serverOf(n).state.isWordless = true;
        serverOf(n).state.certify("manager");
        return Promise.resolve();
      },
      shut: (n) => {
        serverOf(n).state.isShut = true;
        return Promise.resolve();
      },
      serve: (by) => {
        const workers = serverOf(by).state.managed().nodes.filter(({ role }) => role === "worker");
        for (const { engine } of workers) engine.tasks.push(`web.${engine.node}`);
        return Promise.resolve();
      },
      makeVolume: (n) => {
        const isKnown = release === ENGINE_29;
        if (isKnown) serverOf(n).state.managed().volumes.push("held");
        return Promise.resolve(isKnown);
      },
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
      network.release();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
