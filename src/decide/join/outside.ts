/** What a manager in no swarm does: join the founded one, or start it where nothing shows that there is one. */
import { advertised, candidateOf, joinBy, unfit } from "./candidate.ts";
import { poolsFor } from "./pools.ts";
import {
  neighboursLook,
  runThere,
  type Sign,
  signsOf,
  signsText,
  strangers,
  strangersText,
} from "./signs.ts";
import { isMe, others, withdrawn } from "../members.ts";
import { instances, instancesLook, need, probeOf, shownAlive, together } from "../needs.ts";
import { CONFLICT_MS, heldMs } from "../patience.ts";
import { type Scene } from "../scene.ts";
import { trim } from "../trim.ts";
import { act, fail, wait } from "../verdict.ts";
import { brief, membersText } from "../words.ts";
import { gone, isConfirmed, provenEc2, register, writeRecord } from "../writes.ts";
import type { CallOf } from "../../calls.ts";
import type { Rule } from "../../rules.ts";
import type { Decision } from "../../state.ts";
import type { FoundingRecord } from "../../founding.ts";

export function managerOutside(s: Scene): Decision {
  const { o, me, record } = s;
  if (record === null) return firstManager(s);
  const peers = others(record, me);
  lookAtMembers(s, record);
  const known = instances(s, record.members);
  const living = peers.filter((member) => !gone(s, member, known));
  const isMember = record.members.some((member) => isMe(member, me));
  if (living.length === 0) {
    const because = `every manager of the founded swarm ${brief(record)} is gone`;
    // Whoever still saw this node listed would take the swarm that it starts for the dead one.
    return isMember
      ? lookAgain(s) ?? withdraw(s, record, because)
      : unseen(s, because) ?? init(s, "members-gone", because);
  }
  const candidate = candidateOf(s, record, living, "manager");
  if (candidate === null) {
    const who = membersText(living, known);
    const because = `no manager of the founded swarm answers, and not all are gone: ${who}`;
    return isMember
      ? lookAgain(s) ?? withdraw(s, record, because)
      : wait(o, "members-silent", because);
  }
  if (candidate.kind !== "candidate") {
    // A swarm without a quorum lets nobody in, and can't be recovered while somebody who lives is listed.
    const isKeptOut = candidate.kind === "wait" && candidate.rule === "joins-failed";
    return isKeptOut && isMember ? withdraw(s, record, candidate.because) : candidate;
  }
  const unable = unfit(s);
  if (unable !== null) return unable;
  if (!isConfirmed(s, record)) {
    // Who was let in by nobody gives others the time to see that it is out.
    if (o.memory.withdrew) return wait(o, "joins-failed", `${me.instance} has just withdrawn`);
    const because = `${me.instance} is about to join the founded swarm ${brief(record)}`;
    // Where nobody lets it in, its tries alone fill the log in days, and there is no manager to trim it.
    return trim(s) ?? register(s, record, "register-member", because);
  }
  return joinBy(s, candidate, record);
}

/** Who of the members lives and answers, and which tokens are shown: side by side. */
function lookAtMembers(s: Scene, record: FoundingRecord): void {
  const { o, traits } = s;
  // Kept by instance, tokens show who of the members lives, as a rule.
  const mayBeShown = traits.tokensBy === "instance" && o.facts.tokens === undefined;
  together(
    o,
    probeOf(s) ?? false,
    !mayBeShown && shownAlive(s, record.members) === null && instancesLook(s),
    // Both, because after its join it sees to it that both are shown.
    { kind: "tokens", fingerprint: record.fingerprint, want: ["manager", "worker"] },
  );
}

/** Only from outside, with no attempt under way. */
function withdraw(s: Scene, record: FoundingRecord, because: string): Decision {
  const write = { as: "withdraw", rule: "withdraw-member", because } as const;
  return writeRecord(s, write, (w) => withdrawn(record, w));
}

/**
 * No record: it may be lost, or the swarm may be older than it. Whatever shows a swarm is looked at before
 * one is started.
 */
function firstManager(s: Scene): Decision {
  const { o, traits } = s;
  together(
    o,
    neighboursLook(s),
    traits.marksFoundings && { kind: "marks" },
    traits.tokensBy === "instance" && TOKENS_OF_ALL,
  );
  const signs = signsOf(s);
  if (signs.length > 0) return ofAnother(s, signs);
  const because = "no swarm is founded, and no other instance shows one";
  return unseen(s, because) ?? (showsOwn(s) ? lookAgain(s) : null) ??
    init(s, "first-manager", because);
}

/**
 * A manager that answers is in a swarm, which the record may have lost, or never had: whoever is in none
 * starts none beside it. It founds it, registers with it, or says why it can't.
 */
function unseen(s: Scene, because: string): Decision | null {
  const found = strangers(s);
  return found.length === 0 ? null : wait(s.o, "swarm-unfounded", strangersText(s, because, found));
}

const TOKENS_OF_ALL: CallOf<"tokens"> = {
  kind: "tokens",
  fingerprint: "",
  want: ["manager", "worker"],
};

/** Something shows a swarm that nobody has founded here. */
function ofAnother(s: Scene, signs: Sign[]): Decision {
  const because = `no swarm is founded, and ${signsText(signs)}`;
  const swarms = new Set(signs.map(({ fingerprint }) => fingerprint));
  if (swarms.size > 1) {
    return fail(
      5,
      "swarm-conflict",
      `${because}: find out which swarm lives, and remove what shows the others`,
      CONFLICT_MS,
    );
  }
  // Nobody waits for a node that shows tokens and is in no swarm, or all could wait for each other.
  if (showsOwn(s)) {
    return lookAgain(s) ??
      act({ kind: "retract" }, "swarm-unfounded", `${because}; this node shows tokens from before`);
  }
  return wait(s.o, "swarm-unfounded", runThere(because, signs));
}

/**
 * This node was in a swarm, and its Engine is in none: the data root may not be mounted yet. Null once that
 * has held for a while, or where this run itself has changed it.
 */
export function lookAgain({ o }: Scene): Decision | null {
  const { did, wasMember } = o.memory;
  const isOwnDoing = did.length > 0 && !wasMember;
  if (isOwnDoing || heldMs(o, "swarm-missing") >= MOUNT_MS) return null;
  return wait(
    o,
    "swarm-missing",
    "this node was in a swarm, and its Engine is in none: if its data root is not there yet, it is looked at again",
  );
}

const MOUNT_MS = 30_000;

/** Only ever this node's own swarm, which nobody can be in before it is founded. Tokens from before are taken away first. */
function init(s: Scene, rule: Rule, because: string): Decision {
  const { o, me, traits } = s;
  // A read of the tokens that failed is no sign that none are shown.
  if (traits.tokensBy === "instance" || o.facts.tokens?.ok === false) need(o, TOKENS_OF_ALL);
  provenEc2(s);
  if (showsOwn(s)) {
    return act({ kind: "retract" }, rule, `${because}; it shows tokens from before`);
  }
  const unable = unfit(s);
  if (unable !== null) return unable;
  const pools = poolsFor(o.config, me);
  if (pools.kind === "none") return fail(2, "setting-unusable", pools.why);
  const call = { kind: "init", advertiseAddr: advertised(s), pools: pools.pools } as const;
  return act(call, rule, because + pools.said);
}

/** Whether this node, which is in no swarm, shows tokens of one. */
function showsOwn({ o, me, traits }: Scene): boolean {
  const { tokens } = o.facts;
  return traits.tokensBy === "instance" && o.memory.published !== "" && tokens?.ok === true &&
    tokens.value.some(({ by }) => by === me.instance);
}
