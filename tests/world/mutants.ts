/**
 * Planted defects, each one line of change to the sources that ship, each to be caught by the model
 * checker or the simulator: a check that can't fail proves nothing.
 *
 * A mutant is a copy of `src` with one text replaced by another, which must be there exactly once.
 */
import { conditionsOf } from "./simulate/conditions.ts";
import { fleetOf } from "./simulate/fleets.ts";
import { explore, type Plan } from "./check/explore.ts";
import { hooked, idle, keeping, leaving, plan } from "./check/plans.ts";
import { simulate } from "./simulate/simulate.ts";
import type { Code } from "./program.ts";
import type { Property } from "./world.ts";

export interface Mutant {
  name: string;
  file: string;
  find: string;
  put: string;
  /** The world, or the histories, that it is looked for in first. */
  first: PlanName | Dice;
}

/** Random histories: of machines that stay what they were launched as, or of groups. */
type Dice = "sim" | "gentle";

type PlanName =
  | "tags"
  | "s3"
  | "tags-foreign"
  | "s3-dead"
  | "tags-dead"
  | "tags-3"
  | "s3-3"
  | "tags-2-faults"
  | "s3-2-faults"
  | "tags-late"
  | "s3-old"
  | "s3-mixed"
  | "s3-hidden"
  | "s3-lost"
  | "s3-lost-worker"
  | "s3-removed"
  | "s3-mute"
  | "s3-young"
  | "tags-young"
  | "s3-leave"
  | "s3-leave-two"
  | "s3-leave-worker"
  | "s3-stay"
  | "s3-ghost"
  | "s3-wiped"
  | "s3-bereft"
  | "s3-rotated"
  | "s3-recover"
  | "s3-hooks"
  | "tags-recover";

export interface Caught {
  by: "checker" | "simulator";
  /** States, or seeds, that it took. */
  took: number;
  property: Property;
  what: string;
}

const PLANS: Record<PlanName, Plan> = {
  "tags": plan("tags", 2, 1, "nothing", 1),
  "s3": plan("s3", 2, 1, "nothing", 1),
  "tags-foreign": plan("tags", 2, 0, "foreign", 1),
  "s3-dead": plan("s3", 2, 0, "dead", 1, 1),
  "tags-dead": plan("tags", 2, 0, "dead", 1, 1),
  "tags-3": plan("tags", 3, 0, "nothing", 1),
  "s3-3": plan("s3", 3, 0, "nothing", 1),
  "tags-2-faults": plan("tags", 2, 0, "nothing", 2),
  "s3-2-faults": plan("s3", 2, 0, "nothing", 2),
  "tags-late": plan("tags", 2, 0, "late", 0),
  "s3-old": plan("s3", 2, 0, "old-swarm", 0),
  "s3-mixed": plan("s3", 2, 0, "mixed", 1, 1),
  "s3-hidden": plan("s3", 2, 0, "hidden", 0, 1),
  "s3-lost": plan("s3", 2, 0, "founded", 2, 0, ["lost"]),
  "s3-lost-worker": plan("s3", 1, 1, "founded", 2, 0, ["lost"]),
  "s3-removed": plan("s3", 1, 1, "founded", 2, 0, ["removed"]),
  "s3-mute": plan("s3", 2, 0, "founded", 1, 0, ["mute"]),
  "s3-young": idle(leaving("s3", 3, 0, "young", 1, {}), 2),
  "tags-young": idle(leaving("tags", 3, 0, "young", 1, {}), 1),
  "s3-leave": leaving("s3", 3, 0, "formed", 1, { go: 1 }, ["late"]),
  "s3-leave-two": leaving("s3", 3, 0, "formed", 0, { go: 2 }),
  "s3-leave-worker": leaving("s3", 2, 1, "formed", 1, { go: 1, stay: 1 }, ["leader"]),
  "s3-stay": leaving("s3", 3, 0, "formed", 0, { go: 1, stay: 1 }),
  "s3-ghost": leaving("s3", 3, 0, "ghost", 1, {}),
  "s3-wiped": leaving("s3", 3, 0, "formed", 1, {}, ["wiped"]),
  "s3-bereft": keeping(leaving("s3", 2, 0, "bereft", 0, {})),
  "s3-rotated": keeping(leaving("s3", 2, 0, "formed", 1, {}, ["rotated"])),
  "s3-hooks": hooked(keeping(leaving("s3", 1, 1, "formed", 0, { go: 1 }))),
  "s3-recover": keeping(leaving("s3", 2, 0, "formed", 2, { recover: 1 })),
  "tags-recover": idle(leaving("tags", 2, 0, "young", 1, { recover: 1 })),
};
const STATES_MAX = 60_000;
const FIRST_STATES_MAX = 400_000;
const SEEDS_MAX = 6_000;
const LIVES_MAX = 200;

export const MUTANTS: Mutant[] = [
  {
    name: "a swarm is not founded after init",
    file: "decide/join/manager.ts",
    find: "if (record === null) return unfounded(s, engine.swarm);",
    put: `if (record === null) return done("in-order", "");`,
    first: "tags",
  },
  {
    name: "init after a failed join",
    file: "decide/join/candidate.ts",
    find: `return wait(o, "joins-failed",`,
    put: `return act({ kind: "init", advertiseAddr: s.me.address, pools: [] }, "joins-failed",`,
    first: "s3",
  },
  {
    name: "the record is put without a condition",
    file: "decide/writes.ts",
    find: `return act({ kind: "write", as, record, at }, rule, because);`,
    put:
      `return act({ kind: "write", as, record, at: { kind: "object", etag: "*" } }, rule, because);`,
    first: "s3",
  },
  {
    name: "a write without an answer is taken for one that was not made",
    file: "memory.ts",
    find: "confirmed: null, isProven: false, unknown: act.record.nonce }",
    put: "unknown: null }",
    first: "tags-2-faults",
  },
  {
    name: "a write that was refused (412) is taken for one that counts",
    file: "run.ts",
    find: `  if (result.kind === "lost") {`,
    put: `  if (result.kind === "lost") {
    const { record, at } = call;
    const value: LedgerView = { kind: "settled", record, at, serverMs: 0 };
    return {
      ...o,
      memory: acted(o.memory, call),
      facts: { ...o.facts, ledger: { ok: true, value } },
    };
  }
  if (result.kind === "lost") {`,
    first: "s3",
  },
  {
    name: "a concurrent write (409) is taken for one that counts",
    file: "run.ts",
    find: "  if (!told.answer.ok) return anew(",
    put: `  if (!told.answer.ok && told.answer.fault.kind === "busy" && told.kind === "write") {
    const at = { kind: "object" as const, etag: told.call.record.nonce };
    return written(o, told.call, { kind: "done", at });
  }
  if (!told.answer.ok) return anew(`,
    first: "s3",
  },
  {
    name: "terminated managers are candidates",
    file: "decide/join/outside.ts",
    find: "const living = peers.filter((member) => !gone(s, member, known));",
    put: "const living = peers;",
    first: "s3-dead",
  },
  {
    name: "stopped counts as terminated",
    file: "decide/members.ts",
    find: `return known.state === "terminated";`,
    put: `return known.state === "terminated" || known.state === "stopped";`,
    first: "sim",
  },
  {
    name: "leaves a swarm that has services",
    file: "decide/join/manager.ts",
    find: `if (inventory !== "") return`,
    put: "if (inventory === null) return",
    first: "sim",
  },
  {
    name: "takes over by the clock alone",
    file: "decide/members.ts",
    find: "if (known !== undefined) return known",
    put:
      "if (known !== undefined && evidence.serverMs - member.sinceMs <= FORGOTTEN_MS) return known",
    first: "s3-dead",
  },
  {
    name: "joins before it registers",
    file: "decide/join/outside.ts",
    find: "  if (!isConfirmed(s, record)) {\n    // Who was let in",
    put: "  if (record === null) {\n    // Who was let in",
    first: "s3",
  },
  {
    name: "joins on an unconfirmed read",
    file: "decide/join/outside.ts",
    find: "  if (!isConfirmed(s, record)) {\n    // Who was let in",
    put: "  if (!record.members.some((one) => isMe(one, me))) {\n    // Who was let in",
    first: "tags-2-faults",
  },
  {
    name: "leaves its swarm on an unconfirmed read",
    file: "decide/join/manager.ts",
    find: "if (!isConfirmed(s, record)) return register(",
    put: "if (!isListed(record, s.me, s.address)) return register(",
    first: "tags-2-faults",
  },
  {
    name: "a gap in the log is ignored",
    file: "ledger/versions.ts",
    find: "if (missing.length > 0 || entries.length === 0)",
    put: "if (entries.length === 0)",
    first: "tags-3",
  },
  {
    name: "withdraws while an attempt is pending",
    file: "decide/obstacles.ts",
    find: `  if (engine.state !== "pending") return null;`,
    put: `  if (engine.state === "pending") engine.state = "inactive";
  if (engine.state !== "pending") return null;`,
    first: "s3-2-faults",
  },
  {
    name: "tokens from before a rotation stay published",
    file: "decide/join/manager.ts",
    find: "own?.manager?.digest === manager.digest && own.worker?.digest === worker.digest",
    put: "own?.manager?.fingerprint === manager.fingerprint && own.worker !== null",
    first: "s3-rotated",
  },
  {
    name: "a denied read of the record (403) is taken for none",
    file: "run.ts",
    find: "  if (!answer.ok) return { ...o, facts: { ...o.facts, ledger: answer } };",
    put: `  if (!answer.ok && answer.fault.kind === "denied") {
    answer = { ok: true, value: { kind: "object", record: null, etag: null, serverMs: 0 } };
  }
  if (!answer.ok) return { ...o, facts: { ...o.facts, ledger: answer } };`,
    first: "s3",
  },
  {
    name: "a pending attempt is left by force",
    file: "decide/obstacles.ts",
    find: `  return act(leave, "attempt-failed", because);`,
    put: `  return act({ ...leave, force: true }, "attempt-failed", because);`,
    first: "s3",
  },
  {
    name: "one dead manager is enough to replace a swarm",
    file: "decide/writes.ts",
    find: "others(record, s.me).every(",
    put: "others(record, s.me).some(",
    first: "s3-3",
  },
  {
    name: "a registration drops the other members",
    file: "decide/members.ts",
    find: "const members = others(record, w.me).filter((member) => !isGone(member, w));",
    put: "const members: Member[] = [];",
    first: "s3",
  },
  {
    name: "the last write to the log counts, not the first on its place",
    file: "ledger/versions.ts",
    find: "else if (entry.number > base && entry.follows === base) return entry;",
    put: "else if (entry.number > base && entry.follows === base) head = entry;",
    first: "tags",
  },
  {
    name: "a node that is listed starts another swarm without withdrawing",
    file: "decide/join/outside.ts",
    find: `    return isMember
      ? lookAgain(s) ?? withdraw(s, record, because)
      : unseen(`,
    put: "    return unseen(",
    first: "s3-3",
  },
  {
    name: "a member that EC2 has forgotten is gone though it answers",
    file: "decide/members.ts",
    find: "return !evidence.answering.includes(member.address) ||",
    put: "return evidence.answering.length >= 0 ||",
    first: "s3-hidden",
  },
  {
    name: "a member known by its address only is gone after an hour",
    file: "decide/members.ts",
    find: `  if (known !== undefined) return known.state === "terminated";`,
    put: `  if (member.instance === null) return evidence.serverMs - member.sinceMs > FORGOTTEN_MS;
  if (known !== undefined) return known.state === "terminated";`,
    first: "s3-mixed",
  },
  {
    name: "a refresh drops a member known by its address only that the swarm lists",
    file: "decide/members.ts",
    find: "!votersOf(swarm).some((one) => one.address === address)))",
    put: "votersOf(swarm).length >= 0))",
    first: "s3-mixed",
  },
  {
    name: "init without a look at who answers",
    file: "decide/join/outside.ts",
    find: "return found.length === 0 ? null : wait(",
    put: "return found.length >= 0 ? null : wait(",
    first: "s3-old",
  },
  {
    name: "init without a look at the marks",
    file: "decide/join/signs.ts",
    find: ".filter(({ cluster, over }) => cluster === o.config.cluster && !over)",
    put: ".filter(({ cluster }) => cluster !== o.config.cluster)",
    first: "s3-lost",
  },
  {
    name: "a founding is not marked",
    file: "decide/join/manager.ts",
    find: "if (!traits.marksFoundings || o.memory.attested === fingerprint) return null;",
    put: "if (!traits.marksFoundings || o.memory.attested !== undefined) return null;",
    first: "s3",
  },
  {
    name: "of two that have swarms of their own each waits for the other",
    file: "decide/join/signs.ts",
    find: "mine === undefined || runningMs > mine.runningMs ||",
    put: "mine === undefined || runningMs >= 0 ||",
    first: "tags-late",
  },
  {
    name: "a removed worker stays",
    file: "decide/join/worker.ts",
    find: "return isWell ? removed(s, because)",
    put: "return isWell && o.nowMs < 0 ? removed(s, because)",
    first: "s3-removed",
  },
  {
    name: "a worker that does not come up leaves though no manager answers",
    file: "decide/join/worker.ts",
    find: "answering(s).length * 2 > living.length",
    put: "answering(s).length >= 0",
    first: "s3-removed",
  },
  {
    name: "a worker that does not come up leaves as soon as managers answer",
    file: "decide/join/worker.ts",
    find: `if (heldMs(o, "node-removed") < STARTING_MS) {`,
    put: `if (o.nowMs < 0) {`,
    first: "sim",
  },
  {
    name: "a worker is done in a swarm of which nothing is left",
    file: "decide/join/worker.ts",
    find: `if (answering(s).length > 0) return done("in-order", \`\${because}, and`,
    put: `if (answering(s).length >= 0) return done("in-order", \`\${because}, and`,
    first: "s3-lost-worker",
  },
  {
    name: "an Engine that errs without words is in error",
    file: "memory.ts",
    find: `const isWell = state === "error" && isMute`,
    put: `const isWell = state === "active" && isMute`,
    first: "s3-mute",
  },
  {
    name: "a data root that is not mounted yet is taken for an empty one",
    file: "decide/join/outside.ts",
    find: `if (isOwnDoing || heldMs(o, "swarm-missing") >= MOUNT_MS) return null;`,
    put: `if (isOwnDoing || o.nowMs >= 0) return null;`,
    first: "sim",
  },
  {
    name: "who is down is dead",
    file: "decide/nodes/dead.ts",
    find: "  const known = need(s.o, instancesLook(s));\n  if (isMistaken",
    put: `  if (s.o.nowMs >= 0) return dead("it is down");
  const known = need(s.o, instancesLook(s));
  if (isMistaken`,
    first: "s3-young",
  },
  {
    name: "who is stopped is dead",
    file: "decide/nodes/dead.ts",
    find: `shown.state === "terminated" || shown.state === "shutting-down"`,
    put: `shown.state === "terminated" || shown.state === "stopped"`,
    first: "s3-young",
  },
  {
    name: "whom EC2 does not show is dead",
    file: "decide/nodes/dead.ts",
    find: `  return isForgotten(member, { me, instances: known, serverMs: s.ledger.serverMs })
    ?`,
    put: `  return isForgotten(member, { me, instances: known, serverMs: s.ledger.serverMs }) ||
      shown === undefined
    ?`,
    first: "s3-young",
  },
  {
    name: "who has no label is dead without a write that confirms the record",
    file: "decide/nodes/dead.ts",
    find: "return o.memory.isProven ? dead(why)",
    put: "return known.length >= 0 ? dead(why)",
    first: "tags-young",
  },
  {
    name: "who has no label is dead though it is listed",
    file: "decide/nodes/dead.ts",
    find: "if (isHeld || isListed || !isYoung",
    put: "if (isHeld || (isListed && !isYoung) || !isYoung",
    first: "s3-young",
  },
  {
    name: "a node is removed before its vote is taken",
    file: "decide/nodes/dead.ts",
    find: `  for (const node of open.filter((one) => one.voter === null || isStowaway(one))) {
    const why = overOf(s, record, node);
    if (why === null) continue;`,
    put: `  for (const node of open.filter(({ desired }) => desired === "worker")) {
    const why = deathOf(s, record, node)?.why;
    if (why === undefined) continue;`,
    first: "s3-ghost",
  },
  {
    name: "the dead are not demoted",
    file: "decide/nodes/dead.ts",
    find: `  if (desired === "worker") return null;
  const who`,
    put: `  if (desired !== null) return null;
  const who`,
    first: "s3-ghost",
  },
  {
    name: "what a machine was before its Engine was wiped stays",
    file: "decide/nodes/dead.ts",
    find: `  if (instance === me.instance) return dead(\`this machine was \${node.nodeId} before\`);
  if (isAnotherNow(s, node, instance)) return dead(`,
    put: `  if (isAnotherNow(s, node, instance) && s.o.nowMs < 0) return dead(`,
    first: "s3-wiped",
  },
  {
    name: "managers leave side by side",
    file: "decide/leave/manager.ts",
    find: "const why = leavers.length === 0 || isRushed(o)",
    put: "const why = leavers.length >= 0 || isRushed(o)",
    first: "s3-leave-two",
  },
  {
    name: "a manager leaves as its swarm sees the others, and asks none of them",
    file: "decide/leave/manager.ts",
    find: "nodeId !== s.engine.nodeId && answered.includes(voter.address)",
    put: "nodeId !== s.engine.nodeId && answered.length >= 0",
    first: "s3-leave",
  },
  {
    name: "a manager leaves by force",
    file: "decide/leave/manager.ts",
    find: `{ kind: "update", as: "demote", nodeId, version, change: { role: "worker" } },`,
    put: `{ kind: "leave", force: true, onlyEmpty: version < 0 },`,
    first: "s3-leave",
  },
  {
    name: "a manager that leaves withdraws before it is none",
    file: "decide/leave/manager.ts",
    find: "return writeRecord(s, write, (w) => marked(record, w));",
    put: `return writeRecord(s, write, (w) => ({
      ...marked(record, w),
      members: record.members.filter((one) => !isMe(one, me)),
    }));`,
    first: "s3-leave",
  },
  {
    name: "who was told to go joins",
    file: "decide/obstacles.ts",
    find: "if (me === null || !(isEnding || isToldToGo(o))) return null;",
    put: "if (me === null || isEnding || !isToldToGo(o) || o.nowMs >= 0) return null;",
    first: "s3-leave",
  },
  {
    name: "a worker is drained that has said nothing",
    file: "decide/nodes/tend.ts",
    find: "const word = words.find((one) => one.nodeId === node.nodeId);",
    put: `const word = words.find((one) => one.nodeId === node.nodeId) ??
      { nodeId: node.nodeId, leaves: true, instance: instanceOf(node)! };`,
    first: "s3-leave-worker",
  },
  {
    name: "a worker that stays is set to work, whatever somebody had set",
    file: "decide/nodes/tend.ts",
    find: `return AVAILABILITIES.find((one) => one === labels[LEFT_LABEL]) ?? "active";`,
    put: `return AVAILABILITIES.find((one) => one === labels[""]) ?? "active";`,
    first: "s3-leave-worker",
  },
  {
    name: "a worker leaves with tasks on it",
    file: "decide/leave/worker.ts",
    find: `if (tasks !== "" && !isStopped) return emptied(s, tasks);`,
    put: `if (tasks !== "" && !isStopped) {
      const call = { kind: "leave", force: false, onlyEmpty: false } as const;
      return act(call, "leave-swarm", emptied(s, tasks).kind);
    }`,
    first: "s3-leave-worker",
  },
  {
    name: "a node that is only off in the middle of its leave is removed",
    file: "decide/nodes/dead.ts",
    find: "  if (isListed) return false;\n",
    put: "  if (isListed || !isListed) return true;\n",
    first: "s3-leave-worker",
  },
  {
    name: "who stays keeps its mark",
    file: "decide/join/manager.ts",
    find: "if (record.members.some((member) => isMe(member, me) && member.leaving)) {",
    put:
      `if (record.cluster === "" && record.members.some((member) => isMe(member, me) && member.leaving)) {`,
    first: "s3-stay",
  },
  {
    name: "who stays lets its demotion stand",
    file: "decide/nodes/tend.ts",
    find: `const role = desired === "worker" ? { role: "manager" as const } : {};`,
    put: `const role = desired === null ? { role: "manager" as const } : {};`,
    first: "s3-stay",
  },
  {
    name: "only who has just come in takes the dead out",
    file: "decide/nodes/dead.ts",
    find: "  const { kept } = s.o.memory;\n  const open",
    put: `  const { kept, did } = s.o.memory;
  if (!did.includes("join")) return null;
  const open`,
    first: "s3-bereft",
  },
  {
    name: "whoever is asked to end leaves, whatever the machine does",
    file: "decide/leave/leave.ts",
    find: "const staying = o.config.ifTerminating ? stays(o) : null;",
    put: "const staying = o.nowMs < 0 ? stays(o) : null;",
    first: "s3-rotated",
  },
  {
    name: "a hook is completed before the node is out",
    file: "decide/leave/leave.ts",
    find: "  return engine.manager ? managerLeaves(s) : workerLeaves(s);",
    put: `  if (!engine.manager && o.memory.told.length === 0) return out(s);
  return engine.manager ? managerLeaves(s) : workerLeaves(s);`,
    first: "s3-hooks",
  },
  {
    name: "who is out tells Auto Scaling nothing",
    file: "decide/leave/out.ts",
    find: `return isGoingByGroup(o) ? completed(o, "terminating", end) : end;`,
    put: "return end;",
    first: "gentle",
  },
  {
    name: "a keeper that is told to go stays",
    file: "decide/watch.ts",
    find: `test(target ?? "") ? "Auto Scaling" : null;`,
    put: `test(String(target === "")) ? "Auto Scaling" : null;`,
    first: "gentle",
  },
  {
    name: "a recovery without a write of the record for it",
    file: "decide/recover.ts",
    find: "return lives(s, record) ?? confirm(s, record);",
    put: `return lives(s, record) ?? (s.address === ""
    ? confirm(s, record)
    : act({ kind: "force", advertiseAddr: s.address }, "force-new-cluster", ""));`,
    first: "tags-recover",
  },
  {
    name: "a recovery leaves behind who is stopped",
    file: "decide/recover.ts",
    find: "const living = others(record, me).filter((member) => !gone(s, member, known));",
    put: `const living = others(record, me).filter((member) =>
    !gone(s, member, known) &&
    known.find(({ instance }) => instance === member.instance)?.state !== "stopped"
  );`,
    first: "s3-recover",
  },
];

export interface Sought {
  caught: Caught | null;
  states: number;
  seeds: number;
}

/** The world that a mutant is looked for in first, or any. */
export function firstWorldOf({ first }: Mutant): Plan {
  return PLANS[isByDice(first) ? "tags" : first];
}

/** Looks for a mutant in one place after the other; `only`: in the first. */
export async function seek(mutant: Mutant, source: string, only = false): Promise<Sought> {
  const code = await planted(mutant, source);
  const sought: Sought = { caught: null, states: 0, seeds: 0 };
  const { first } = mutant;
  if (isByDice(first) && (soughtByDice(code, sought, first) || only)) return sought;
  const names = Object.keys(PLANS) as PlanName[];
  names.sort((a, b) => Number(b === mutant.first) - Number(a === mutant.first));
  for (const name of names) {
    const most = name === mutant.first ? FIRST_STATES_MAX : STATES_MAX;
    const limits = { states: most, ms: 300_000 };
    const { states, violation } = explore(code, PLANS[name], limits);
    sought.states += states;
    if (violation === null && only) return sought;
    if (violation === null) continue;
    const { property, what } = violation;
    sought.caught = { by: "checker", took: sought.states, property, what };
    return sought;
  }
  if (!isByDice(first)) soughtByDice(code, sought, "sim");
  return sought;
}

function isByDice(first: Mutant["first"]): first is Dice {
  return first === "sim" || first === "gentle";
}

function soughtByDice(code: Code, sought: Sought, dice: Dice): boolean {
  for (let seed = 1; seed <= (dice === "sim" ? SEEDS_MAX : LIVES_MAX); seed++) {
    sought.seeds = seed;
    const conditions = dice === "sim" ? conditionsOf(seed) : fleetOf("gentle", seed);
    const [broken] = simulate(code, conditions).broken;
    if (broken === undefined) continue;
    sought.caught = { by: "simulator", took: seed, ...broken };
    return true;
  }
  return false;
}

/** The sources with this defect in them. */
export async function planted({ name, file, find, put }: Mutant, source: string): Promise<Code> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-mutant-" });
  try {
    await copy(source, folder);
    const path = `${folder}/${file}`;
    const text = await Deno.readTextFile(path);
    const found = text.split(find).length - 1;
    if (found !== 1) {
      throw new Error(`Cannot plant "${name}": its text is ${found} times in ${file}, not once`);
    }
    await Deno.writeTextFile(path, text.replace(find, () => put));
    const watching = await import(`file://${folder}/decide/watch.ts`);
    return { ...await import(`file://${folder}/run.ts`), watching };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory) {
      await Deno.mkdir(`${to}/${entry.name}`);
      await copy(`${from}/${entry.name}`, `${to}/${entry.name}`);
    } else {
      await Deno.copyFile(`${from}/${entry.name}`, `${to}/${entry.name}`);
    }
  }
}
