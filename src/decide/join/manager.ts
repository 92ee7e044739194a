/**
 * What a manager does: found its swarm, keep the record and its tokens true, give way to the founded
 * swarm, join it, or start it.
 */
import {
  addressesOf,
  ask,
  brief,
  conflict,
  inventoryOf,
  names,
  showing,
  shownAlive,
  shows,
  tokens,
} from "../needs.ts";
import { candidateOf, isSilent, join } from "./candidate.ts";
import {
  describe,
  founding,
  isListed,
  isMe,
  isSameSwarm,
  others,
  questionOf,
  refreshed,
  registered,
  unlisted,
  withdrawn,
} from "../members.ts";
import { CONFLICT_MS } from "../patience.ts";
import { faulted, type Scene } from "../scene.ts";
import { act, fail, look, type Verdict, wait } from "../verdict.ts";
import { allGone, gone, writing } from "../writes.ts";
import type { FoundingRecord, Rule, Shown, SwarmView } from "../../state.ts";

export function managerInSwarm(s: Scene): Verdict {
  const { engine, record } = s;
  if (engine.swarm === null) return withoutQuorum(s);
  if (record === null) return unfounded(s, engine.swarm);
  if (isSameSwarm(record, engine)) {
    return inFounded(s, record, engine.swarm);
  }
  return inAnother(s, record, engine.swarm);
}

/** It can neither read its swarm nor change it; whoever is missing has to come back. */
function withoutQuorum(s: Scene): Verdict {
  const { o, me, record, engine } = s;
  if (record === null || !isSameSwarm(record, engine)) {
    const other = record === null ? "no swarm is founded" : `the founded swarm is ${brief(record)}`;
    return wait(o, "quorum-lost", `this manager's swarm has no quorum, and ${other}`);
  }
  const instances = ask(s, record.members, []);
  if (!Array.isArray(instances)) return instances;
  return wait(
    o,
    "quorum-lost",
    `this manager's swarm has no quorum; its other managers are ${
      describe(others(record, me), instances)
    }`,
  );
}

function unfounded(s: Scene, swarm: SwarmView): Verdict {
  const rivals = showing(s);
  if (!Array.isArray(rivals)) return rivals;
  const foreign = rivals.filter((shown) => !shows(shown, swarm.managerToken.fingerprint));
  if (foreign.length > 0) {
    const because = `no swarm is founded, and ${names(foreign)} shows tokens of another one`;
    return ifEmpty(
      s,
      swarm,
      because,
      () => wait(s.o, "swarm-unfounded", runThere(because, foreign)),
    );
  }
  return foundWith(
    s,
    swarm,
    "found",
    "found-swarm",
    "no swarm is founded yet: this one becomes it",
  );
}

/** In the founded swarm: list itself, show its tokens, keep the record true. */
function inFounded(s: Scene, record: FoundingRecord, swarm: SwarmView): Verdict {
  const { me, address } = s;
  if (!isListed(record, me, address)) {
    return writing(
      s,
      record,
      [],
      "register",
      "register-member",
      `${me.instance} is a manager of the founded swarm, and not in its record`,
      (w) => registered(record, w),
    );
  }
  const publishing = publish(s, swarm, "asks");
  if (publishing !== null) return publishing;
  const missing = present(s, record, unlisted(record, swarm));
  if (!Array.isArray(missing)) return missing;
  if (missing.length > 0 || record.fingerprint !== swarm.managerToken.fingerprint) {
    const because = missing.length > 0
      ? `the record lacks the managers at ${missing.join(", ")}`
      : "the swarm's CA was rotated";
    return writing(
      s,
      record,
      missing,
      "refresh",
      "refresh-record",
      because,
      (w) => refreshed(record, swarm, missing, w),
    );
  }
  return act({ kind: "done" }, "in-order", `a manager of the founded swarm ${brief(record)}`);
}

/**
 * Which of the managers that the record lacks are there. What the Engine said may be older than the record,
 * from which whoever was terminated in between has been dropped: so they are asked after both.
 */
function present(s: Scene, record: FoundingRecord, unlisted: string[]): string[] | Verdict {
  if (unlisted.length === 0) return [];
  const { answering } = s.o.facts;
  if (answering === undefined) return look({ kind: "probe", addresses: unlisted });
  if (!answering.ok) return faulted(s.o, answering.fault);
  // A manager probes before it joins: who joined beside it may have registered since it read the record.
  const hasJoined = addressesOf(record.members).some((one) => answering.value.includes(one));
  if (hasJoined) return look({ kind: "ledger", missing: [] });
  return unlisted.filter((address) => answering.value.includes(address));
}

function inAnother(s: Scene, record: FoundingRecord, swarm: SwarmView): Verdict {
  const { o, me } = s;
  const instances = ask(s, record.members, []);
  if (!Array.isArray(instances)) return instances;
  if (allGone(s, record, instances)) {
    return foundWith(
      s,
      swarm,
      "replace",
      "replace-dead-swarm",
      `every manager of the founded swarm ${brief(record)} is gone`,
    );
  }
  const because = `the founded swarm is ${brief(record)}, and this manager is in ${
    swarm.managerToken.fingerprint.slice(0, 8)
  }…`;
  return ifEmpty(s, swarm, because, () => {
    if (o.memory.confirmed !== record.fingerprint || !isListed(record, me, s.address)) {
      return writing(
        s,
        record,
        [],
        "register",
        "yield-to-founded",
        because,
        (w) => registered(record, w),
      );
    }
    return act(
      { kind: "leave", force: true, onlyEmpty: true },
      "yield-to-founded",
      `${because} alone, with nothing in it`,
    );
  });
}

/** Rule 4's condition: a swarm of this node alone in which nothing would be lost; else it is a conflict. */
function ifEmpty(s: Scene, swarm: SwarmView, because: string, then: () => Verdict): Verdict {
  const { o } = s;
  if (swarm.nodes > 1) return conflict(s, `${because} with ${swarm.nodes} nodes`);
  const { contents } = o.facts;
  if (contents === undefined) return look({ kind: "contents", manager: true });
  if (!contents.ok) return faulted(o, contents.fault);
  const inventory = inventoryOf(contents.value);
  return inventory === "" ? then() : conflict(s, `${because}, which has ${inventory}`);
}

/**
 * Founds or replaces. With S3 the tokens are written before the record names them; a swarm that was never
 * founded has none there, or the same ones.
 */
function foundWith(
  s: Scene,
  swarm: SwarmView,
  kind: "found" | "replace",
  rule: Rule,
  because: string,
): Verdict {
  if (s.o.config.store.kind === "s3") {
    const publishing = publish(s, swarm, "knows");
    if (publishing !== null) return publishing;
  }
  const reachable = swarm.managers.filter(({ reachable }) => reachable).map(({ address }) =>
    address
  );
  return writing(s, s.record, reachable, kind, rule, because, (w) => founding(s.record, swarm, w));
}

/** Null when both tokens are shown as they are now. `knows`: nobody has to look whether they are. */
function publish(s: Scene, swarm: SwarmView, how: "asks" | "knows"): Verdict | null {
  const { o, me } = s;
  const { managerToken: manager, workerToken: worker } = swarm;
  if (o.memory.published === `${manager.digest} ${worker.digest}`) return null;
  const isKnown = how === "knows" && o.facts.tokens === undefined;
  const shown = isKnown ? [] : tokens(s, manager.fingerprint, ["manager", "worker"]);
  if (!Array.isArray(shown)) return shown;
  const own = o.config.store.kind === "s3" ? shown[0] : shown.find(({ by }) => by === me.instance);
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

export function managerOutside(s: Scene): Verdict {
  const { o, me, record } = s;
  if (record === null) return firstManager(s);
  const peers = others(record, me);
  // With tags these show who of the members lives, as a rule.
  const mayBeShown = o.config.store.kind === "tags" && o.facts.tokens === undefined;
  const missing = look(
    o.facts.answering === undefined && peers.length > 0 &&
      { kind: "probe", addresses: addressesOf(peers) },
    o.facts.instances === undefined && !mayBeShown && shownAlive(s, record.members) === null &&
      { kind: "instances", ...questionOf(record.members, me, []) },
    // Both, because after its join it sees to it that both are shown.
    o.facts.tokens === undefined &&
      { kind: "tokens", fingerprint: record.fingerprint, want: ["manager", "worker"] },
  );
  if (missing.calls.length > 0) return missing;
  const instances = ask(s, record.members, []);
  if (!Array.isArray(instances)) return instances;
  const living = peers.filter((member) => !gone(s, member, instances));
  const isMember = record.members.some((member) => isMe(member, me));
  if (living.length === 0) {
    const because = `every manager of the founded swarm ${brief(record)} is gone`;
    // Whoever still saw this node listed would take the swarm that it starts for the dead one.
    return isMember ? withdraw(s, record, because) : init(s, "members-gone", because);
  }
  const candidate = candidateOf(s, record, living, "manager");
  if (isSilent(candidate)) {
    if (isMember) {
      return withdraw(
        s,
        record,
        `no manager of the founded swarm answers: ${describe(living, instances)}`,
      );
    }
    return wait(
      o,
      "members-silent",
      `no manager of the founded swarm answers, and not all are gone: ${
        describe(living, instances)
      }`,
    );
  }
  if ("calls" in candidate || "action" in candidate) return candidate;
  if (o.memory.confirmed !== record.fingerprint || !isListed(record, me, s.address)) {
    return writing(
      s,
      record,
      [],
      "register",
      "register-member",
      `${me.instance} is about to join the founded swarm ${brief(record)}`,
      (w) => registered(record, w),
    );
  }
  return join(candidate, record);
}

/** Only from outside, with no attempt under way. */
function withdraw(s: Scene, record: FoundingRecord, because: string): Verdict {
  return writing(
    s,
    record,
    [],
    "withdraw",
    "withdraw-member",
    because,
    (w) => withdrawn(record, w),
  );
}

function firstManager(s: Scene): Verdict {
  const rivals = showing(s);
  if (!Array.isArray(rivals)) return rivals;
  if (rivals.length === 0) {
    return init(
      s,
      "first-manager",
      "no swarm is founded, and no other instance shows tokens of one",
    );
  }
  const because = runThere(`no swarm is founded, and ${names(rivals)} shows tokens of one`, rivals);
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
  return wait(s.o, "swarm-unfounded", because);
}

/** Only ever this node's own swarm, which nobody can be in before it is founded. */
function init(s: Scene, rule: Rule, because: string): Verdict {
  const { o, me } = s;
  const { config, facts } = o;
  if (facts.tokens?.ok === false) return faulted(o, facts.tokens.fault);
  if (config.store.kind === "s3") return act({ kind: "init", retract: false }, rule, because);
  const shown = tokens(s, "", ["manager", "worker"]);
  if (!Array.isArray(shown)) return shown;
  const own = shown.some(({ by }) => by === me.instance);
  return act({ kind: "init", retract: own }, rule, because);
}

function runThere(because: string, shown: Shown[]): string {
  return `${because}: run swarm-join once on ${names(shown)}, which founds it`;
}
