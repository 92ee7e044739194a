/**
 * What a manager does: found its swarm, keep the record and its tokens true, give way to the founded
 * swarm, join it, or start it.
 */
import { advertised, candidateOf, joinBy } from "./candidate.ts";
import { conflict } from "./conflict.ts";
import {
  founding,
  isListed,
  isMe,
  isSameSwarm,
  others,
  questionOf,
  reached,
  refreshed,
  registered,
  unlisted,
  withdrawn,
} from "../members.ts";
import {
  addressesOf,
  instances,
  need,
  showing,
  shownAlive,
  stop,
  together,
  tokens,
} from "../needs.ts";
import { CONFLICT_MS } from "../patience.ts";
import { ledgerLook, type Scene } from "../scene.ts";
import { act, done, fail, look, wait } from "../verdict.ts";
import { brief, inventoryOf, membersText, names } from "../words.ts";
import { allGone, gone, writeRecord } from "../writes.ts";
import type { Rule } from "../../rules.ts";
import type { Decision, FoundingRecord, Shown, SwarmView } from "../../state.ts";

export function managerInSwarm(s: Scene): Decision {
  const { engine, record } = s;
  if (engine.swarm === null) return withoutQuorum(s);
  if (record === null) return unfounded(s, engine.swarm);
  if (isSameSwarm(record, engine)) return inFounded(s, record, engine.swarm);
  return inAnother(s, record, engine.swarm);
}

/** It can neither read its swarm nor change it; whoever is missing has to come back. */
function withoutQuorum(s: Scene): Decision {
  const { o, me, record, engine } = s;
  if (record === null || !isSameSwarm(record, engine)) {
    const other = record === null ? "no swarm is founded" : `the founded swarm is ${brief(record)}`;
    return wait(o, "quorum-lost", `this manager's swarm has no quorum, and ${other}`);
  }
  return wait(
    o,
    "quorum-lost",
    `this manager's swarm has no quorum; its other managers are ${
      membersText(others(record, me), instances(s, record.members, []))
    }`,
  );
}

function unfounded(s: Scene, swarm: SwarmView): Decision {
  const foreign = showing(s).filter((shown) => !shows(shown, swarm.managerToken.fingerprint));
  if (foreign.length > 0) {
    const because = `no swarm is founded, and ${names(foreign)} shows tokens of another one`;
    return lossOf(s, swarm, because) ??
      wait(s.o, "swarm-unfounded", runThere(because, foreign));
  }
  const because = "no swarm is founded yet: this one becomes it";
  return foundWith(s, swarm, "found", "found-swarm", because);
}

/** In the founded swarm: list itself, show its tokens, keep the record true. */
function inFounded(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision {
  const { me, address } = s;
  if (!isListed(record, me, address)) {
    const because = `${me.instance} is a manager of the founded swarm, and not in its record`;
    return register(s, record, "register-member", because);
  }
  const publishing = publish(s, swarm, "asks");
  if (publishing !== null) return publishing;
  const missing = present(s, record, unlisted(record, swarm));
  if (missing.length > 0 || record.fingerprint !== swarm.managerToken.fingerprint) {
    const because = missing.length > 0
      ? `the record lacks the managers at ${missing.join(", ")}`
      : "the swarm's CA was rotated";
    const write = { as: "refresh", rule: "refresh-record", because } as const;
    return writeRecord(s, write, missing, (w) => refreshed(record, swarm, missing, w));
  }
  return done("in-order", `a manager of the founded swarm ${brief(record)}`);
}

/**
 * Which of the managers that the record lacks are there. What the Engine said may be older than the record,
 * from which whoever was terminated in between has been dropped: so they are asked after both.
 */
function present({ o }: Scene, record: FoundingRecord, unlisted: string[]): string[] {
  if (unlisted.length === 0) return [];
  const answering = need(o, { kind: "probe", addresses: unlisted });
  // A manager probes before it joins: who joined beside it may have registered since it read the record.
  const hasJoined = addressesOf(record.members).some((one) => answering.includes(one));
  if (hasJoined) stop(look(ledgerLook(o)));
  return unlisted.filter((address) => answering.includes(address));
}

function inAnother(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision {
  const known = instances(s, record.members, []);
  if (allGone(s, record, known)) {
    const because = `every manager of the founded swarm ${brief(record)} is gone`;
    return foundWith(s, swarm, "replace", "replace-dead-swarm", because);
  }
  const because = `the founded swarm is ${brief(record)}, and this manager is in ${
    brief(swarm.managerToken)
  }`;
  const loss = lossOf(s, swarm, because);
  if (loss !== null) return loss;
  if (!isConfirmed(s, record)) return register(s, record, "yield-to-founded", because);
  return act(
    { kind: "leave", force: true, onlyEmpty: true },
    "yield-to-founded",
    `${because} alone, with nothing in it`,
  );
}

/** Rule 4's condition: null for a swarm of this node alone in which nothing would be lost; else a conflict. */
function lossOf(s: Scene, swarm: SwarmView, because: string): Decision | null {
  // An Engine that does not say how many there are has not said that this one is alone.
  const nodes = swarm.nodes === null ? "an unknown number of" : swarm.nodes;
  if (nodes !== 1) return conflict(s, `${because} with ${nodes} nodes`);
  const inventory = inventoryOf(need(s.o, { kind: "contents", manager: true }));
  return inventory === "" ? null : conflict(s, `${because}, which has ${inventory}`);
}

/**
 * Founds or replaces. Kept by swarm, tokens are written before the record names them; a swarm that was never
 * founded has none there, or the same ones.
 */
function foundWith(
  s: Scene,
  swarm: SwarmView,
  as: "found" | "replace",
  rule: Rule,
  because: string,
): Decision {
  const publishing = s.traits.tokensBy === "swarm" ? publish(s, swarm, "knows") : null;
  return publishing ??
    writeRecord(s, { as, rule, because }, reached(swarm), (w) => founding(s.record, swarm, w));
}

/** Null when both tokens are shown as they are now. `knows`: nobody has to look whether they are. */
function publish(s: Scene, swarm: SwarmView, how: "asks" | "knows"): Decision | null {
  const { o, me, traits } = s;
  const { managerToken: manager, workerToken: worker } = swarm;
  if (o.memory.published === `${manager.digest} ${worker.digest}`) return null;
  const isKnown = how === "knows" && o.facts.tokens === undefined;
  const shown = isKnown ? [] : tokens(s, manager.fingerprint, ["manager", "worker"]);
  const own = traits.tokensBy === "swarm" ? shown[0] : shown.find(({ by }) => by === me.instance);
  if (own?.manager?.digest === manager.digest && own.worker?.digest === worker.digest) return null;
  const state = own === undefined || (own.manager === null && own.worker === null)
    ? "not shown"
    : "not those that are shown";
  return act(
    { kind: "publish", manager, worker },
    "publish-tokens",
    `the swarm's tokens are ${state}`,
  );
}

export function managerOutside(s: Scene): Decision {
  const { o, me, record } = s;
  if (record === null) return firstManager(s);
  const peers = others(record, me);
  lookAtMembers(s, record);
  const known = instances(s, record.members, []);
  const living = peers.filter((member) => !gone(s, member, known));
  const isMember = record.members.some((member) => isMe(member, me));
  if (living.length === 0) {
    const because = `every manager of the founded swarm ${brief(record)} is gone`;
    // Whoever still saw this node listed would take the swarm that it starts for the dead one.
    return isMember ? withdraw(s, record, because) : init(s, "members-gone", because);
  }
  const candidate = candidateOf(s, record, living, "manager");
  if (candidate === null) {
    const who = membersText(living, known);
    return isMember ? withdraw(s, record, `no manager of the founded swarm answers: ${who}`) : wait(
      o,
      "members-silent",
      `no manager of the founded swarm answers, and not all are gone: ${who}`,
    );
  }
  if (candidate.kind !== "candidate") return candidate;
  if (!isConfirmed(s, record)) {
    const because = `${me.instance} is about to join the founded swarm ${brief(record)}`;
    return register(s, record, "register-member", because);
  }
  return joinBy(s, candidate, record);
}

/** Who of the members lives and answers, and which tokens are shown: side by side. */
function lookAtMembers(s: Scene, record: FoundingRecord): void {
  const { o, me, traits } = s;
  const peers = others(record, me);
  // Kept by instance, tokens show who of the members lives, as a rule.
  const mayBeShown = traits.tokensBy === "instance" && o.facts.tokens === undefined;
  together(
    o,
    peers.length > 0 && { kind: "probe", addresses: addressesOf(peers) },
    !mayBeShown && shownAlive(s, record.members) === null &&
      { kind: "instances", ...questionOf(record.members, me, []) },
    // Both, because after its join it sees to it that both are shown.
    { kind: "tokens", fingerprint: record.fingerprint, want: ["manager", "worker"] },
  );
}

/** Whether a write of this run has confirmed that this record lists this node: what can't be taken back stands on that. */
function isConfirmed({ o, me, address }: Scene, record: FoundingRecord): boolean {
  return o.memory.confirmed === record.fingerprint && isListed(record, me, address);
}

function register(s: Scene, record: FoundingRecord, rule: Rule, because: string): Decision {
  return writeRecord(s, { as: "register", rule, because }, [], (w) => registered(record, w));
}

/** Only from outside, with no attempt under way. */
function withdraw(s: Scene, record: FoundingRecord, because: string): Decision {
  const write = { as: "withdraw", rule: "withdraw-member", because } as const;
  return writeRecord(s, write, [], (w) => withdrawn(record, w));
}

function firstManager(s: Scene): Decision {
  const rivals = showing(s);
  if (rivals.length === 0) {
    const because = "no swarm is founded, and no other instance shows tokens of one";
    return init(s, "first-manager", because);
  }
  const swarms = new Set(
    rivals.flatMap(({ manager, worker }) => manager?.fingerprint ?? worker?.fingerprint ?? []),
  );
  if (swarms.size > 1) {
    return fail(
      5,
      "swarm-conflict",
      `no swarm is founded, and tokens of ${swarms.size} swarms are shown, by ${
        names(rivals)
      }: remove those of all but one`,
      CONFLICT_MS,
    );
  }
  const because = `no swarm is founded, and ${names(rivals)} shows tokens of one`;
  return wait(s.o, "swarm-unfounded", runThere(because, rivals));
}

/** Only ever this node's own swarm, which nobody can be in before it is founded. Tokens from before are taken away first. */
function init(s: Scene, rule: Rule, because: string): Decision {
  const { o, me, traits } = s;
  const isByInstance = traits.tokensBy === "instance";
  // A read of the tokens that failed is no sign that none are shown.
  const shown = isByInstance || o.facts.tokens?.ok === false
    ? tokens(s, "", ["manager", "worker"])
    : [];
  if (isByInstance && o.memory.published !== "" && shown.some(({ by }) => by === me.instance)) {
    return act({ kind: "retract" }, rule, `${because}; it shows tokens from before`);
  }
  return act(
    { kind: "init", advertiseAddr: advertised(s), pools: o.config.defaultAddrPool },
    rule,
    because,
  );
}

/** Whether all that this one shows is of that swarm. */
function shows({ manager, worker }: Shown, fingerprint: string): boolean {
  return [manager, worker].every((mark) => mark === null || mark.fingerprint === fingerprint);
}

function runThere(because: string, shown: Shown[]): string {
  return `${because}: run swarm-join once on ${names(shown)}, which founds it`;
}
