/** The world's shelves keep the contract that the emulated AWS keeps. */
import { shows } from "./aws.ts";
import { truthBut } from "./check/view.ts";
import { enact } from "./enact.ts";
import { createWorld, type World } from "./world.ts";
import { shelfContract, type ShelfNode, type ShelfWorld } from "../contracts/shelf.ts";
import type { Call } from "../../src/calls.ts";
import type { Answer } from "../../src/state.ts";
import type { Shown } from "../../src/shown.ts";

function inWorld(store: World["store"]): ShelfWorld {
  const world = createWorld(store, ["manager", "manager", "manager"]);
  for (const machine of world.machines) shows(world, machine, "running");
  const losing = new Set<number>();

  function perform<T>(n: number, call: Call): Promise<Answer<T>> {
    const isLost = call.kind !== "tokens" && losing.delete(n);
    const choice = truthBut({ trouble: () => isLost ? "lost-answer" : null });
    return Promise.resolve(enact(world, world.machines[n - 1]!, call, choice) as Answer<T>);
  }

  return {
    node: (n): ShelfNode => ({
      read: (fingerprint, want) => perform<Shown[]>(n, { kind: "tokens", fingerprint, want }),
      publish: (manager, worker) => perform<null>(n, { kind: "publish", manager, worker }),
      retract: () => perform<null>(n, { kind: "retract" }),
      mark: (swarm, secret) => ({ fingerprint: swarm, digest: `${swarm}-${secret}` }),
    }),
    tokensBy: store === "s3" ? "swarm" : "instance",
    loseAnswer: (n) => void losing.add(n),
    close: () => Promise.resolve(),
  };
}

shelfContract("in the world's tags", () => inWorld("tags"));
shelfContract("in the world's S3", () => inWorld("s3"));
