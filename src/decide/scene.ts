/**
 * The scene that a goal's rules start from: who I am, what my Engine says, and which record the ledger
 * holds. What is not known yet is looked at, the near before the far: while a node waits for its own
 * Engine it asks AWS nothing.
 */
import { addressOf, isWarmed, type Obstacle } from "./obstacles.ts";
import { faulted } from "./faults.ts";
import { ifKnown, need, stop, together } from "./needs.ts";
import { needsTags, roleAsked, roleOf } from "./role.ts";
import { look } from "./verdict.ts";
import { STORES, type StoreTraits } from "../stores.ts";
import type { Look } from "../calls.ts";
import type { Engine, Identity, Observation, Role } from "../state.ts";
import type { FoundingRecord, LedgerView } from "../founding.ts";

/** Everything that the rules start from. */
export interface Scene {
  o: Observation;
  me: Identity;
  /** The address that other nodes reach this one at. */
  address: string;
  /** The role that was asked for. */
  role: Role;
  engine: Engine;
  record: FoundingRecord | null;
  ledger: LedgerView & { kind: "settled" };
  /** How the store behaves; no rule asks for its name. */
  traits: StoreTraits;
}

/** What stops a goal: `near` before AWS is asked anything, `far` after. */
export interface Obstacles {
  near: readonly Obstacle[];
  far: readonly Obstacle[];
}

/** The scene; stops with what must be looked at, waited for or mended first. */
export function sceneOf(o: Observation, { near, far }: Obstacles): Scene {
  if (o.memory.fault !== null) stop(faulted(o, o.memory.fault));
  together(o, ...nearLooks(o));
  stopAt(o, near);
  together(o, ...farLooks(o));
  stopAt(o, far);
  // Only in an observation that somebody changed: a run remembers who it is as soon as it knows.
  const me = o.memory.identity ?? stop(look({ kind: "identity" }));
  const engine = need(o, { kind: "engine" });
  const ledger = need(o, ledgerLook(o));
  const role = roleAsked(o);
  if (role === null || ledger.kind !== "settled") {
    throw new Error("a goal must be stopped by a node without role or ledger");
  }
  return setOf({ o, me, role, engine, ledger });
}

/** The same as it was seen, whatever stands in the way; null: too little was. */
export function seenScene(o: Observation): Scene | null {
  const { memory: { identity: me }, facts } = o;
  const engine = facts.engine?.ok ? facts.engine.value : null;
  const ledger = facts.ledger?.ok ? facts.ledger.value : null;
  if (me === null || engine === null || ledger?.kind !== "settled") return null;
  return ifKnown(() => setOf({ o, me, role: roleOf(o) ?? "worker", engine, ledger }));
}

function setOf(seen: Pick<Scene, "o" | "me" | "role" | "engine" | "ledger">): Scene {
  const { o, me, engine, ledger } = seen;
  return {
    ...seen,
    address: addressOf(o, me, engine),
    record: ledger.record,
    traits: STORES[o.config.store.kind],
  };
}

function stopAt(o: Observation, obstacles: readonly Obstacle[]): void {
  for (const obstacle of obstacles) {
    const decision = obstacle(o);
    if (decision !== null) stop(decision);
  }
}

/** What this machine says: its Engine each time, its metadata until they can't change any more. */
export function nearLooks({ memory, facts }: Observation): (Look | false)[] {
  const lifecycle = memory.lifecycle?.target ?? null;
  // A machine of a warm pool gets interfaces and tags when it enters service.
  const mayChange = lifecycle !== null && isWarmed(lifecycle);
  // Who has waited may have been told to go meanwhile; it costs AWS nothing.
  const hasWaited = memory.waits > 0 && facts.engine === undefined;
  return [
    (memory.identity === null || mayChange) && { kind: "identity" },
    (memory.lifecycle === null || mayChange || hasWaited) && { kind: "lifecycle" },
    { kind: "engine" },
  ];
}

/** What AWS says, as far as the first rules need it. */
export function farLooks(o: Observation): (Look | false)[] {
  const { tokensBy } = STORES[o.config.store.kind];
  const engine = o.facts.engine?.ok ? o.facts.engine.value : null;
  const isOutside = engine?.state === "inactive" && roleAsked(o) === "manager";
  // Beside the record they cost no time. Later rounds of a manager need none, as a rule.
  const isBeside = tokensBy === "instance" && o.facts.ledger === undefined;
  const isFirst = o.memory.did.length === 0 && o.memory.waits === 0;
  const isManager = engine?.state === "active" && engine.manager && isFirst;
  return [
    ledgerLook(o),
    needsTags(o) && { kind: "self" },
    isBeside && (isOutside || isManager) &&
    { kind: "tokens", fingerprint: "", want: ["manager", "worker"] },
  ];
}

/** The record, with what the last read of the log lacked. */
export function ledgerLook({ memory }: Observation): Look & { kind: "ledger" } {
  return { kind: "ledger", missing: memory.missing };
}
