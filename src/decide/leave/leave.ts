/**
 * The goal `leave`: to be in no swarm, with nobody and nothing the worse for it. Each step shows in the
 * swarm, in the record or on the Engine, so that a run that was lost at any point is gone on with.
 */
import { managerLeaves } from "./manager.ts";
import { out } from "./out.ts";
import { workerLeaves } from "./worker.ts";
import {
  addressElsewhere,
  attemptUnderWay,
  engineDown,
  engineInError,
  engineLocked,
  engineStarting,
  isToldToGo,
  noMetadata,
  noRecord,
  noRole,
  recordElsewhere,
  regionElsewhere,
  startingText,
} from "../obstacles.ts";
import { need } from "../needs.ts";
import { startedMs, STARTING_MS } from "../patience.ts";
import { type Obstacles, type Scene, sceneOf } from "../scene.ts";
import { act, done, wait } from "../verdict.ts";
import type { Decision, Observation } from "../../state.ts";

/** What stops a leave, in this order. */
const OBSTACLES: Obstacles = {
  near: [
    noMetadata,
    regionElsewhere,
    engineDown,
    engineLocked,
    engineInError,
    attemptUnderWay,
    engineStarting,
  ],
  far: [addressElsewhere, noRole, noRecord, recordElsewhere],
};

export function leave(o: Observation): Decision {
  const s = sceneOf(o, OBSTACLES);
  const staying = stays(s);
  if (staying !== null) return staying;
  const { engine } = s;
  if (engine.state === "inactive") return out(s);
  if (engine.state === "pending" || engine.state === "error") return neverUp(s);
  return engine.manager ? managerLeaves(s) : workerLeaves(s);
}

/** Only Auto Scaling, a spot notice or EC2's own word make a leave that waits to be told: silence does not. */
function stays({ o }: Scene): Decision | null {
  if (!o.config.ifTerminating || isToldToGo(o)) return null;
  const self = need(o, { kind: "self" });
  if (self?.state === "shutting-down") return null;
  return done(
    "not-going",
    "nobody says that this machine goes: not Auto Scaling, no spot notice, not EC2",
  );
}

/** A worker that is not up after a minute runs nothing that its swarm knows of. */
function neverUp({ o, engine }: Scene): Decision {
  const because = startingText(engine);
  return engine.manager || startedMs(o) < STARTING_MS
    ? wait(o, "engine-starting", because)
    : act({ kind: "leave", force: false, onlyEmpty: false }, "leave-swarm", because);
}
