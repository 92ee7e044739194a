/**
 * The goal `leave`: to be in no swarm, with nobody and nothing the worse for it. Each step shows in the
 * swarm, in the record or on the Engine, so that a run that was lost at any point is gone on with.
 */
import { heartbeat, isGoingByGroup } from "../hooks.ts";
import { managerLeaves } from "./manager.ts";
import { out } from "./out.ts";
import { workerLeaves } from "./worker.ts";
import {
  addressElsewhere,
  attemptUnderWay,
  engineDown,
  engineLocked,
  engineStarting,
  isToldToGo,
  isWarmed,
  noMetadata,
  noRecord,
  noRole,
  recordElsewhere,
  regionElsewhere,
  startingText,
} from "../obstacles.ts";
import { decided, softly, together } from "../needs.ts";
import { isLate, startedMs, STARTING_MS } from "../patience.ts";
import { type Obstacles, type Scene, sceneOf } from "../scene.ts";
import { act, done, wait } from "../verdict.ts";
import type { Rule } from "../../rules.ts";
import type { Decision, Observation } from "../../state.ts";

/** What stops a leave, in this order. */
const STOPPING: Obstacles = {
  near: [
    noMetadata,
    regionElsewhere,
    engineDown,
    engineLocked,
    attemptUnderWay,
    engineStarting,
  ],
  far: [cutOff, addressElsewhere, noRole, noRecord, recordElsewhere],
};

export function leave(o: Observation): Decision {
  const staying = o.config.ifTerminating ? stays(o) : null;
  if (staying !== null) return staying;
  const decision = decided(() => leaves(o));
  const mayPass = decision.kind === "wait" && !NOT_PUT_OFF.includes(decision.rule);
  return mayPass && isGoingByGroup(o) && o.memory.identity !== null
    ? heartbeat(o) ?? decision
    : decision;
}

/**
 * What could not be completed; and an Engine that is not up, which is often why the group takes the machine away.
 * As what takes a person does, it may stay so: heartbeats could hold the machine for two days, and as long as it
 * is not terminated nobody takes its vote out.
 */
const NOT_PUT_OFF: readonly Rule[] = ["hook-pending", "engine-starting"];

function leaves(o: Observation): Decision {
  const s = sceneOf(o, STOPPING);
  const { engine } = s;
  if (engine.state === "inactive") return out(s);
  if (engine.state === "pending" || engine.state === "error") return neverUp(s);
  return engine.manager ? managerLeaves(s) : workerLeaves(s);
}

/** Only Auto Scaling, a spot notice or EC2's own word make it leave: what says nothing, or can't be asked, does not. */
function stays(o: Observation): Decision | null {
  const { identity, lifecycle, did } = o.memory;
  // What was begun is gone on with.
  if (did.length > 0 || o.memory.self?.state === "shutting-down") return null;
  together(
    o,
    identity === null && { kind: "identity" },
    lifecycle === null && { kind: "lifecycle" },
  );
  // Into a warm pool: it is stopped there, for as long as the pool keeps it.
  if (isToldToGo(o) || isWarmed(lifecycle?.target ?? "")) return null;
  const self = identity === null ? null : softly(o, { kind: "self" });
  if (self?.state === "shutting-down") return null;
  const because = "nobody says that this machine goes: not Auto Scaling, no spot notice, not EC2";
  return done("not-going", because);
}

/** A worker whose record can't be read for half of its time goes all the same: only a manager needs it. */
function cutOff(o: Observation): Decision | null {
  const { engine, ledger } = o.facts;
  const me = o.memory.identity;
  const isWorker = engine?.ok && engine.value.state === "active" && !engine.value.manager;
  const isRead = ledger?.ok === true && ledger.value.kind === "settled";
  if (me === null || !isWorker || ledger === undefined || isRead || !isLate(o)) return null;
  return workerLeaves({ o, me, engine: engine.value, record: null });
}

/** A worker that is not up after a minute runs nothing that its swarm knows of. */
function neverUp({ o, engine }: Scene): Decision {
  const because = startingText(engine);
  return engine.manager || startedMs(o) < STARTING_MS
    ? wait(o, "engine-starting", because)
    : act({ kind: "leave", force: false, onlyEmpty: false }, "leave-swarm", because);
}
