/** What each call does in the world and answers: the same calls as on a node. */
import {
  announce,
  attest,
  instanceOf,
  publish,
  readInstances,
  readLedger,
  readMarks,
  readNeighbours,
  readTokens,
  readWords,
  retract,
  trim,
  write,
} from "./aws.ts";
import {
  answers,
  contentsOf,
  fault,
  force,
  init,
  join,
  type JoinCourse,
  leave,
  lookAt,
} from "./engine.ts";
import { judgeBare, judgeHook } from "./judge.ts";
import { config, identityOf, s3 } from "./node.ts";
import { removeNode, update } from "./nodes.ts";
import type { History, Machine, Version, World } from "./world.ts";
import type { AnyAnswer, Call, Values } from "../../src/calls.ts";
import type { Hook, Lifecycle } from "../../src/shown.ts";
import type { Config, InstanceState, TokenMark, Word } from "../../src/state.ts";

/** What may go wrong with one call, besides what the world's state makes of it. */
export type Trouble = "lost-request" | "lost-answer" | "late" | "throttled" | "denied" | "busy";

/** What is left open by the world: drawn by the simulator, tried in turn by the model checker. */
export interface Choice {
  trouble(call: Call): Trouble | null;
  state(history: History<InstanceState | null>): InstanceState | null;
  word(history: History<Word | null>): Word | null;
  tagged(machine: Machine): {
    state: InstanceState | null;
    manager: TokenMark | null;
    worker: TokenMark | null;
  };
  /** The versions of the log that a read shows, in order. `missing`: those asked for by number too; `settled`: how many any read shows. */
  log(versions: Version[], missing: number[], settled: number): Version[];
  /** How many of the object's versions were written when a read of it happened. */
  object(versions: Version[]): number;
  course(): JoinCourse;
  /** Whether EC2 still knows a client token that it has seen. */
  isRepeated(): boolean;
  /** Whether EC2 still shows the launch template that was deleted. */
  isFormer(): boolean;
  /** How long ago that was (ms, by AWS's clock). */
  ageMs(atMs: number): number;
}

export function configOf(world: World, machine: Machine, change: Partial<Config> = {}): Config {
  return {
    ...config,
    ...(world.store === "s3" ? { store: s3 } : {}),
    role: machine.role,
    goal: machine.isGoing ? "leave" : "join",
    ...(world.hasDeadlines ? {} : { timeoutMs: Number.MAX_SAFE_INTEGER }),
    ...change,
  };
}

/** Performs a call of this machine's run on the world, now. */
export function enact(world: World, machine: Machine, call: Call, choice: Choice): AnyAnswer {
  const trouble = choice.trouble(call);
  switch (trouble) {
    case null:
      return outcome(world, machine, call, choice);
    case "lost-answer":
      outcome(world, machine, call, choice);
      return fault("timeout", `no answer to ${call.kind}`);
    case "late":
      if (call.kind === "write") world.inFlight = [...world.inFlight, call];
      return fault("timeout", `no answer to ${call.kind}`);
    case "lost-request":
      return fault("unreachable", `${call.kind} went nowhere`);
    default:
      return fault(trouble, `${call.kind}: ${trouble}`);
  }
}

/** A write that nobody waits for any more arrives. */
export function land(world: World, choice: Choice): void {
  const [call, ...rest] = world.inFlight;
  world.inFlight = rest;
  if (call !== undefined) write(world, call.record, call.at, choice);
}

function outcome(world: World, machine: Machine, call: Call, choice: Choice): AnyAnswer {
  switch (call.kind) {
    case "identity":
      return ok(identityOf(machine));
    case "lifecycle":
      return ok(lifecycleOf(machine));
    case "self":
      return ok(instanceOf(machine, choice));
    case "engine":
      return ok(lookAt(world, machine));
    case "contents":
      return ok(contentsOf(world, machine, call.manager));
    case "interfaces":
      return ok([{ name: "ens5", address: machine.address }]);
    case "ledger":
      return ok(readLedger(world, call.missing, choice));
    case "tokens":
      return ok(readTokens(world, call.fingerprint, call.want, choice));
    case "instances":
      return ok(readInstances(world, call.ids, call.addresses, choice));
    case "probe":
      return ok(call.addresses.filter((address) => answers(world, machine, address)));
    case "neighbours":
      return ok(readNeighbours(world, call.roles, choice));
    case "words":
      return ok(readWords(world, call.instance, choice));
    case "marks":
      return ok(readMarks(world, choice));
    case "permissions":
      return ok([]);
    case "unit":
      return ok(null);
    case "write":
      if (call.as === "withdraw" && machine.ailment === "bare") {
        judgeBare(world, machine, "withdraws");
      }
      return write(world, call.record, call.at, choice);
    case "publish":
      publish(world, machine, call.manager, call.worker);
      return ok(null);
    case "attest":
      attest(world, call.fingerprint, call.over.map((one) => one.fingerprint));
      return ok(null);
    case "retract":
      retract(world, machine);
      return ok(null);
    case "trim":
      return trim(world, call.template, call.numbers);
    case "init":
      return init(world, machine);
    case "join":
      return join(world, machine, call.address, call.token, choice.course());
    case "update":
      return update(world, machine, call);
    case "remove":
      return removeNode(world, machine, call.nodeId);
    case "announce":
      announce(world, machine, call.word);
      return ok(null);
    case "stop":
      machine.isBusy = false;
      return ok(null);
    case "leave":
      return left(world, machine, call);
    case "force":
      return force(world, machine);
    case "hook":
      return ok(hookOf(world, machine));
    case "complete":
      return complete(world, machine);
    case "heartbeat":
      return isHeld(world, machine) ? ok(null) : NOT_HELD;
    default:
      return call satisfies never;
  }
}

function lifecycleOf({ isGoing, isSpot }: Machine): Lifecycle {
  if (isGoing && isSpot) return { target: null, spot: "terminate" };
  return { target: isGoing ? "Terminated" : "InService", spot: null };
}

/** The edge looks just before whether something would be lost. */
function left(
  world: World,
  machine: Machine,
  { force, onlyEmpty }: Call & { kind: "leave" },
): AnyAnswer {
  const contents = contentsOf(world, machine, force);
  if (onlyEmpty && Object.values(contents).some((count) => count > 0)) {
    return ok({ kind: "holds", contents });
  }
  const answer = leave(world, machine, force);
  return answer.ok ? ok({ kind: "left" }) : answer;
}

const NOT_HELD = fault("declined", "No active Lifecycle Action found");

/** Whether Auto Scaling waits for this machine to say that it may go on. */
function isHeld(world: World, { isGoing, isSpot, isReleased }: Machine): boolean {
  return world.hookMs > 0 && isGoing && !isSpot && !isReleased;
}

/** Only who learns of its group from the metadata asks, so it is in one; without `hookMs` that has no hook. */
function hookOf(world: World, machine: Machine): Hook {
  const { hookMs: heartbeatMs } = world;
  const { isGoing } = machine;
  const state = isHeld(world, machine)
    ? "Terminating:Wait"
    : isGoing
    ? "Terminating:Proceed"
    : "InService";
  const hook = { name: "leave", transition: "terminating" as const, heartbeatMs };
  return { group: `${machine.role}s`, state, hooks: heartbeatMs > 0 ? [hook] : [] };
}

function complete(world: World, machine: Machine): AnyAnswer {
  if (!isHeld(world, machine)) return NOT_HELD;
  judgeHook(world, machine);
  machine.isReleased = true;
  return ok(null);
}

function ok(value: Values[keyof Values]): AnyAnswer {
  return { ok: true, value };
}
