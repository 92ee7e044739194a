/**
 * The goal `recover`: a quorum again, where all other managers are gone for good. The Engine can make one
 * manager the whole of its swarm (`--force-new-cluster`): beside another one that lives, or comes back, that
 * makes two. Who is left of raft nobody can read then, and the survivor's own list is old just when it
 * counts; but everybody alive who votes is in the record. So it is written once more for this very purpose,
 * which proves that the newest was read, and then is good for one attempt, whatever becomes of that:
 * who is let in afterwards may never be left behind by a second one.
 */
import { managerInSwarm } from "./join/manager.ts";
import { confirming, isSameSwarm, others, reached, votersOf } from "./members.ts";
import { answering, instancesLook, need } from "./needs.ts";
import {
  addressElsewhere,
  engineDown,
  engineInError,
  engineLocked,
  noMetadata,
  noRecord,
  noRole,
  recordElsewhere,
  regionElsewhere,
  startingText,
} from "./obstacles.ts";
import { CONFLICT_MS, heldMs, STARTING_MS } from "./patience.ts";
import { type Obstacles, type Scene, sceneOf } from "./scene.ts";
import { act, done, fail, wait } from "./verdict.ts";
import { brief, membersText } from "./words.ts";
import { gone, writeRecord } from "./writes.ts";
import { rangesOverlap } from "../addresses.ts";
import type { Decision, Instance, Observation, SwarmView } from "../state.ts";
import type { FoundingRecord, Member } from "../founding.ts";

/** What stops a recovery, in this order. */
const STOPPING: Obstacles = {
  near: [noMetadata, regionElsewhere, engineDown, engineLocked, attempted, engineInError, notHere],
  far: [addressElsewhere, noRole, noRecord, recordElsewhere],
};

export function recover(o: Observation): Decision {
  const s = sceneOf(o, STOPPING);
  const { engine, record } = s;
  if (engine.swarm !== null) return recovered(s, engine.swarm);
  if (record === null || !isSameSwarm(record, engine)) {
    const because = record === null
      ? "no swarm is founded: nobody knows who else may be a manager of this one"
      : `the founded swarm is ${brief(record)}, and this manager is in another one`;
    return fail(5, "recover-elsewhere", because, s.traits.readsMayBeOld ? CONFLICT_MS : 0);
  }
  if (o.memory.mayForce) {
    return act(
      { kind: "force", advertiseAddr: s.address },
      "force-new-cluster",
      `all other managers of the founded swarm ${
        brief(record)
      } are gone, as the record shows that was just written`,
    );
  }
  return lives(s, record) ?? confirm(s, record);
}

/** What became of the attempt: its Engine says it, and may take a moment. */
function attempted({ facts, memory: { forced, did } }: Observation): Decision | null {
  const engine = facts.engine?.ok ? facts.engine.value : null;
  if (forced === null || engine === null || engine.swarm !== null) return null;
  const says = engine.error === "" ? engine.state : engine.error;
  return fail(
    5,
    "recovery-failed",
    `the Engine has not started its swarm anew: it says "${says}"; ${forced}`,
    did.includes("force") ? STARTING_MS : 0,
  );
}

/** Whether there is nothing to recover here, or nobody who could. */
function notHere(o: Observation): Decision | null {
  const engine = o.facts.engine?.ok ? o.facts.engine.value : null;
  if (engine === null || o.memory.forced !== null) return null;
  if (engine.swarm !== null) {
    const voters = votersOf(engine.swarm).length;
    const there = reached(engine.swarm).length;
    if (there * 2 > voters) return done("quorum-held", "this manager's swarm has a quorum");
    // Its leader takes seconds to see that it leads nobody any more.
    const because =
      `of ${voters} managers ${there} are reached, and its Engine shows a leader still`;
    return wait(o, "quorum-lost", because);
  }
  if (engine.nodeId === "" || !engine.manager) {
    const what = engine.nodeId === "" ? "is in no swarm" : "is a worker of its swarm";
    return fail(5, "recover-elsewhere", `this node ${what}`);
  }
  if (engine.trouble === "no-quorum") return null;
  return engine.state === "active"
    ? wait(o, "unreachable", `this manager's swarm can't be read: ${engine.error}`)
    : wait(o, "engine-starting", startingText(engine));
}

/** Who may be a manager of this swarm still, or again; null: nobody. */
function lives(s: Scene, record: FoundingRecord): Decision | null {
  const { engine, me } = s;
  const listed = record.members.map(({ address }) => address);
  const own = [s.address, me.address, ...me.addresses];
  const unlisted = engine.peers.filter((one) => !listed.includes(one) && !own.includes(one));
  const question = instancesLook(s);
  const known = need(s.o, { ...question, addresses: [...question.addresses, ...unlisted] });
  const living = others(record, me).filter((member) => !gone(s, member, known));
  const strangers = unlisted.filter((address) => !isGoneFrom(s, address, known));
  if (living.length + strangers.length === 0) return null;
  const who = [
    ...(living.length === 0 ? [] : [`the record lists ${membersText(living, known)}`]),
    ...strangers.map((address) => strangerText(address, known)),
  ].join("; ");
  return fail(
    5,
    "members-living",
    `not all other managers of the founded swarm ${brief(record)} are gone: ${who}`,
    mayPass(living, known) && strangers.length === 0 ? PASSING_MS : 0,
  );
}

/** Who is on its way in is out of the record for half of the time by then, and its Engine is slow to look at. */
const PASSING_MS = 5 * 60_000;

/** Whether each may yet be gone, or take itself out of the record: who goes, and who has not come in. */
function mayPass(living: Member[], known: Instance[]): boolean {
  const passing: readonly Instance["state"][] = ["pending", "running", "shutting-down"];
  return living.every(({ instance }) =>
    known.some((one) => one.instance === instance && passing.includes(one.state))
  );
}

/** Whether nobody could be the manager that its Engine knows there: EC2 shows no machine, and nobody answers. */
function isGoneFrom(s: Scene, address: string, known: Instance[]): boolean {
  const bits = address.includes(":") ? 128 : 32;
  const isInVpc = s.me.vpcRanges?.some((range) => rangesOverlap(`${address}/${bits}`, range));
  return isInVpc === true && holder(address, known) === null &&
    !answering(s).includes(address);
}

function holder(address: string, known: Instance[]): Instance | null {
  return known.find((one) => one.address === address && one.state !== "terminated") ?? null;
}

function strangerText(address: string, known: Instance[]): string {
  const machine = holder(address, known);
  const who = machine === null ? "" : `, where ${machine.instance} (${machine.state}) is`;
  return `its Engine knows a manager at ${address}${who}, whom the record does not list`;
}

function confirm(s: Scene, record: FoundingRecord): Decision {
  const because = `all other managers of the founded swarm ${brief(record)} are gone`;
  const write = { as: "recover", rule: "confirm-recovery", because } as const;
  return writeRecord(s, write, (w) => confirming(record, w));
}

/** There is a leader again: what any manager then does, until those that are gone are out of the list. */
function recovered(s: Scene, swarm: SwarmView): Decision {
  const { o } = s;
  const decision = managerInSwarm(s);
  if (decision.kind !== "end" || decision.exit !== 0) return decision;
  const fading = swarm.nodes.filter(({ desired, voter, state }) =>
    desired === "manager" && voter === null && state !== "ready" && state !== "down"
  );
  if (fading.length > 0 && heldMs(o, "managers-fading") < FADING_MS) {
    const ids = fading.map(({ nodeId }) => nodeId).join(", ");
    return wait(o, "managers-fading", `managers that are gone are not down yet: ${ids}`);
  }
  const warnings = [
    ...decision.warnings,
    `${o.memory.forced}, with all its secrets: delete that once all is well`,
  ];
  return { ...decision, rule: "recovered", warnings };
}

/** A new leader takes half a minute to see that a node is down. */
const FADING_MS = 2 * 60_000;
