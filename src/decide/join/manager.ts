/** What a manager in a swarm does: found it, keep the record and its tokens true, or give way to the founded one. */
import { conflict } from "./conflict.ts";
import {
  clusterElsewhere,
  foundings,
  olderStrangers,
  runThere,
  signsOf,
  signsText,
  strangersText,
} from "./signs.ts";
import {
  founding,
  isListed,
  isMe,
  isSameSwarm,
  others,
  outdated,
  refreshed,
  unlisted,
  votersOf,
} from "../members.ts";
import { goingOf } from "../nodes/dead.ts";
import { tend, undoLeave } from "../nodes/tend.ts";
import { addressesOf, answering, instances, need, probeOf, stop, tokens } from "../needs.ts";
import { CONFLICT_MS } from "../patience.ts";
import { trim } from "../trim.ts";
import { ledgerLook, type Scene } from "../scene.ts";
import { act, done, fail, look, wait } from "../verdict.ts";
import { brief, inventoryOf, membersText } from "../words.ts";
import { allGone, isConfirmed, register, writeRecord } from "../writes.ts";
import { withoutManagers } from "./worker.ts";
import type { Rule } from "../../rules.ts";
import { ENGINE_API_MAX } from "../../state.ts";
import type { Decision, SwarmView } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

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
  if (engine.trouble !== null && engine.trouble !== "no-quorum") {
    return wait(o, "unreachable", `this manager's swarm can't be read: ${engine.error}`);
  }
  // Its Engine's list is that of raft; the record may have dropped who is dead, and raft has not.
  const voters = engine.peers.length === 0
    ? ""
    : `; its Engine knows the managers at ${engine.peers.join(", ")}`;
  const because = `this manager's swarm has no quorum${voters}`;
  if (record === null || !isSameSwarm(record, engine)) {
    const other = record === null ? "no swarm is founded" : `the founded swarm is ${brief(record)}`;
    return wait(o, "quorum-lost", `${because}; ${other}`);
  }
  // Demoted, it has no manager any more that could complain; its worker's certificate would come of the others.
  const isMute = engine.trouble === null && engine.error === "";
  const isLetGo = isMute && answering(s).length === 0;
  const lost = isLetGo ? withoutManagers(s, record) : null;
  if (lost !== null) return lost;
  const who = membersText(others(record, me), instances(s, record.members));
  return wait(o, "quorum-lost", `${because}; of the record's others are left ${who}`);
}

function unfounded(s: Scene, swarm: SwarmView): Decision {
  const { fingerprint } = swarm.managerToken;
  const elsewhere = ofElsewhere(s, fingerprint);
  if (elsewhere !== null) return elsewhere;
  // Its own of before a rotation of the CA may still be shown: by its managers, or under its id.
  const managers = addressesOf(votersOf(swarm));
  const foreign = signsOf(s).filter((sign) =>
    sign.fingerprint !== fingerprint && sign.clusterId !== swarm.clusterId &&
    !sign.addresses.some((address) => managers.includes(address))
  );
  if (foreign.length > 0) {
    const because = `no swarm is founded, and ${signsText(foreign)}`;
    return lossOf(s, swarm, because) ?? wait(s.o, "swarm-unfounded", runThere(because, foreign));
  }
  const because = "no swarm is founded yet";
  return givesWay(s, swarm, because) ??
    foundWith(s, swarm, "found", "found-swarm", `${because}: this one becomes it`);
}

/** An empty swarm of this node alone waits for an older manager that is in another one, which the record may have lost. */
function givesWay(s: Scene, swarm: SwarmView, because: string): Decision | null {
  const older = olderStrangers(s);
  if (older.length === 0 || lossOf(s, swarm, because) !== null) return null;
  return wait(s.o, "swarm-unfounded", strangersText(s, because, older));
}

/** A swarm that was founded for another cluster is neither founded for this one nor left for it. */
function ofElsewhere(s: Scene, fingerprint: string): Decision | null {
  const elsewhere = clusterElsewhere(s, fingerprint);
  if (elsewhere === null) return null;
  return fail(
    5,
    "swarm-conflict",
    `this node's swarm was founded for cluster "${elsewhere}", and this run is for cluster "${s.o.config.cluster}": run it with --cluster ${elsewhere}`,
    s.traits.readsMayBeOld ? CONFLICT_MS : 0,
  );
}

/** In the founded swarm: list itself, show its tokens, keep the record true. */
function inFounded(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision {
  const { me, address } = s;
  if (!isListed(record, me, address)) {
    const because = `${me.instance} is a manager of the founded swarm, and not in its record`;
    return register(s, record, "register-member", because);
  }
  const undone = undoLeave(s, swarm);
  if (undone !== null) return undone;
  if (record.members.some((member) => isMe(member, me) && member.leaving)) {
    return register(s, record, "undo-leave", `${me.instance} stays, and the record says it leaves`);
  }
  const publishing = publish(s, swarm, "asks");
  if (publishing !== null) return publishing;
  const missing = present(s, unlisted(record, swarm));
  const because = missing.length > 0
    ? `the record lacks the managers at ${missing.join(", ")}`
    : record.fingerprint !== swarm.managerToken.fingerprint
    ? "the swarm's CA was rotated"
    : unnamed(s, record, swarm);
  if (because !== null) {
    const write = { as: "refresh", rule: "refresh-record", because } as const;
    return writeRecord(s, write, (w) => refreshed(record, swarm, missing, w));
  }
  return attest(s, record) ?? tend(s, record, swarm) ?? trim(s) ??
    done(
      "in-order",
      `a manager of the founded swarm ${brief(record)}`,
      goingOf(s, record, swarm).map((one) =>
        `the manager ${one} is not out of the swarm yet: run swarm-join again once its instance is terminated`
      ),
    );
}

/** What is known by now of members that were listed by their address only; null: nothing new. */
function unnamed(s: Scene, record: FoundingRecord, swarm: SwarmView): string | null {
  const { me, ledger: { serverMs } } = s;
  if (others(record, me).every(({ instance }) => instance !== null)) return null;
  const known = instances(s, record.members);
  const members = outdated(record, swarm, { me, instances: known, serverMs });
  if (members.length === 0) return null;
  return `EC2 or the swarm now says more of ${addressesOf(members).join(", ")}`;
}

/** Marks a founding where nothing else would outlive the record, and again before a store's rule by age could take the mark. */
function attest(s: Scene, record: FoundingRecord): Decision | null {
  const { o, traits } = s;
  const { fingerprint, clusterId, replaced, rotated } = record;
  if (!traits.marksFoundings || o.memory.attested === fingerprint) return null;
  const marks = foundings(s).filter(({ cluster }) => cluster === o.config.cluster);
  const own = marks.find((mark) => mark.fingerprint === fingerprint);
  const over = marks
    .filter((mark) => !mark.over && [...replaced, ...rotated].includes(mark.fingerprint))
    .map((mark) => ({ fingerprint: mark.fingerprint, clusterId: mark.clusterId }));
  if (own !== undefined && own.ageMs < MARK_MS && over.length === 0) return null;
  const state = own === undefined ? "not marked yet" : "to be marked anew";
  const because = `the founding of ${brief(record)} is ${state}`;
  return act({ kind: "attest", fingerprint, clusterId, over }, "attest-founding", because);
}

/** A store's rule by age counts whole days. */
const MARK_MS = 12 * 3_600_000;

/**
 * Which of the managers that the record lacks are there. What the Engine said may be older than the record,
 * from which whoever was terminated in between has been dropped, and into which who joined beside this
 * node has come: so both are asked anew.
 */
function present(s: Scene, unlisted: string[]): string[] {
  if (unlisted.length === 0) return [];
  const probe = probeOf(s);
  if (s.o.facts.probe === undefined && probe !== null) stop(look(ledgerLook(s.o), probe));
  const answered = answering(s);
  return unlisted.filter((address) => answered.includes(address));
}

function inAnother(s: Scene, record: FoundingRecord, swarm: SwarmView): Decision {
  const elsewhere = ofElsewhere(s, swarm.managerToken.fingerprint);
  if (elsewhere !== null) return elsewhere;
  const known = instances(s, record.members);
  if (allGone(s, record, known)) {
    const because = `every manager of the founded swarm ${brief(record)} is gone`;
    return givesWay(s, swarm, because) ??
      foundWith(s, swarm, "replace", "replace-dead-swarm", because);
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
  const { nodes } = swarm;
  // A list that this node is not in has not said that it is alone.
  if (nodes.length !== 1 || nodes[0]?.nodeId !== s.engine.nodeId) {
    return conflict(s, `${because} with ${nodes.length} nodes`);
  }
  const inventory = inventoryOf(need(s.o, { kind: "contents", manager: true }));
  if (inventory !== "") return conflict(s, `${because}, which has ${inventory}`);
  // Nobody has put anything into a swarm that this very run has started.
  const { api } = s.engine;
  const isKnown = api <= ENGINE_API_MAX || s.o.memory.did.includes("init");
  return isKnown ? null : conflict(
    s,
    `${because}, which may have what Docker API 1.${api} has and this version of swarm-join can't count`,
  );
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
    writeRecord(s, { as, rule, because }, (w) => founding(s.record, swarm, w));
}

/** Null when both tokens are shown as they are now. `knows`: nobody has to look whether they are. */
function publish(s: Scene, swarm: SwarmView, how: "asks" | "knows"): Decision | null {
  const { o, me, traits } = s;
  const { managerToken: manager, workerToken: worker } = swarm;
  if (o.memory.published === `${manager.digest} ${worker.digest}`) return null;
  const isKnown = how === "knows" && o.facts.tokens === undefined;
  const shown = isKnown ? [] : tokens(s, manager.fingerprint, ["manager", "worker"]);
  const own = traits.tokensBy === "swarm" ? shown[0] : shown.find(({ by }) => by === me.instance);
  const isOurs = traits.tokensBy === "swarm" || own?.cluster === o.config.cluster;
  const isShown = own?.manager?.digest === manager.digest && own.worker?.digest === worker.digest;
  if (isShown && isOurs) return null;
  const state = own === undefined || (own.manager === null && own.worker === null)
    ? "not shown"
    : "not those that are shown";
  return act(
    { kind: "publish", manager, worker },
    "publish-tokens",
    `the swarm's tokens are ${state}`,
  );
}
