/**
 * What must never be: each change that could break a property is judged as it happens. It shares no
 * code with `decide`, and knows the whole world as it is.
 */
import { isThere } from "./engine.ts";
import {
  isSomebody,
  latest,
  type Listed,
  type Machine,
  managersOf,
  type Property,
  type Swarm,
  type Version,
  votersOf,
  type World,
} from "./world.ts";
import type { CallOf } from "../../src/calls.ts";
import type { FoundingRecord } from "../../src/founding.ts";

/** Somebody entered a swarm. */
export function judgeJoin(world: World, machine: Machine, swarm: Swarm, manager: boolean): void {
  if (!swarm.isFounded) {
    broken(
      world,
      "nobody-in-an-unfounded-swarm",
      `${machine.instance} joined ${nameOf(swarm)}, which nobody has founded`,
    );
  }
  // An attempt in the background is from before it was told, or is given up.
  const cameLate = machine.place.kind === "member" && machine.place.cameLate;
  if (machine.isGoing && !cameLate) {
    const what = `${machine.instance} is told to go, and joined ${nameOf(swarm)}`;
    broken(world, "only-who-is-gone-or-leaves", what);
  }
  if (manager) judgeMembers(world);
}

/** A record was written that counts. */
export function judgeRecord(world: World, { record }: Version): void {
  const founded = world.swarms.find((swarm) => swarm.fingerprint === record.fingerprint);
  if (founded !== undefined) founded.isFounded = founded.isShown = true;
  const live = world.swarms.filter((swarm) => swarm.isShown && isLive(world, swarm));
  if (live.length > 1) {
    const what = `${live.map(nameOf).join(" and ")} are both live, and founded or there before`;
    broken(world, "one-founded-swarm", what);
  }
  world.strays = world.strays.filter((i) => !isListedIn(record, world.machines[i]!));
  judgeMembers(world);
}

/**
 * Whoever votes in the founded swarm and lives, or holds a manager's certificate of it, is in the record,
 * unless it came from before the tool.
 */
export function judgeMembers(world: World): void {
  const version = world.versions.findLast(({ counts }) => counts);
  if (version === undefined) return;
  const swarm = world.swarms.find((s) => s.fingerprint === version.record.fingerprint);
  if (swarm === undefined || swarm.isOld) return;
  const voters = managersOf(world, swarm);
  for (const machine of world.machines) {
    const { place, index, power } = machine;
    const isManager = voters.includes(index) ||
      (place.kind === "member" && place.swarm === swarm.fingerprint && place.manager);
    if (!isManager || power === "terminated" || world.strays.includes(index)) continue;
    if (!isListedIn(version.record, machine)) {
      broken(
        world,
        "members-are-recorded",
        `${machine.instance} is a manager of the founded swarm and not in its record`,
      );
    }
  }
}

/** Versions of the record are deleted: never one that the record stands on, nor the one that it follows. */
export function judgeTrim(world: World, numbers: number[]): void {
  const head = world.versions.findLast(({ counts }) => counts);
  const needed = world.versions.map(({ number }) => number)
    .filter((number) => head !== undefined && number >= head.follows && numbers.includes(number));
  if (needed.length === 0) return;
  broken(
    world,
    "one-founded-swarm",
    `version ${needed[0]} is deleted, and ${head?.number} is read by it`,
  );
}

/**
 * Something was lost that may have shown a swarm: of one that nothing shows any more, no record and nobody
 * else, others can't know. `wasMissed`: somebody was not heard who answers.
 */
export function judgeLoss(world: World, wasMissed = false): void {
  if (world.versions.length > 0) return;
  const isDeaf = wasMissed || world.machines.some(({ isCut, power }) => isCut && power === "up");
  for (const swarm of world.swarms) {
    if (!swarm.isShown || isMarked(world, swarm)) continue;
    if (!isDeaf && managersOf(world, swarm).some((i) => isToBeFound(world, world.machines[i]!))) {
      continue;
    }
    swarm.isShown = false;
  }
}

/** Tokens of it are shown, or the store has a mark of it. */
function isMarked({ store, marks, machines }: World, { fingerprint }: Swarm): boolean {
  if (store === "s3") return marks.some((one) => one.fingerprint === fingerprint && !one.over);
  return machines.some(({ power, managerTag }) =>
    power !== "terminated" && managerTag.every(({ value }) => value?.fingerprint === fingerprint)
  );
}

/** Whether every read of EC2 shows this manager, and it answers. */
function isToBeFound({ nowMs }: World, machine: Machine): boolean {
  const { role, power, isCut, ailment, ec2, readyMs } = machine;
  return role === "manager" && power === "up" && !isCut && readyMs <= nowMs &&
    (ailment === null || ailment === "mute") &&
    ec2.length === 1 && latest(ec2) === "running";
}

/** By then every read shows it. */
const SHOWN_MS = 5 * 60_000;

/** Its data root comes back in a moment: what it does now, it does as if it had never been a member. */
export function judgeBare(world: World, machine: Machine, does: string): void {
  const { instance, managerTag } = machine;
  // Who is neither listed nor shows tokens can't know that it was in a swarm.
  const surelyMs = world.nowMs - SHOWN_MS;
  const isListed = world.versions.some(({ counts, atMs, record }) =>
    counts && atMs <= surelyMs && isListedIn(record, machine)
  );
  const isShown = world.store === "tags" && managerTag.some(({ atMs }) => atMs <= surelyMs) &&
    managerTag.every(({ value }) => value !== null);
  if (!isListed && !isShown) return;
  broken(world, "nothing-lost-by-leaving", `${instance} ${does} before its data root is mounted`);
}

/** How long managers have to answer whom they do not let in. */
const SHUT_OUT_MS = 60_000;

/** A member is about to leave. */
export function judgeLeave(
  world: World,
  machine: Machine,
  swarm: Swarm,
  manager: boolean,
  founded: Swarm | null,
  hasQuorum: boolean,
): void {
  const lose = (why: string): void =>
    broken(world, "nothing-lost-by-leaving", `${machine.instance} leaves ${nameOf(swarm)}: ${why}`);
  // A worker gives up an attempt to join, which succeeds at this moment: it was given nothing to do yet.
  if (!manager && machine.place.kind === "member" && machine.place.cameLate) return;
  // A worker that has restarted is let in by nobody before there is a leader, as if it had been removed.
  const isShutOut = !hasQuorum || world.nowMs - (machine.knocksMs ?? world.nowMs) > SHUT_OUT_MS;
  if (machine.ailment === "unheard" && isShutOut) return;
  if (swarm === founded && !mayLeave(world, machine, manager)) lose("it is the founded swarm");
  if (manager && swarm.services > 0) lose("it has services");
  if (machine.isBusy && !(machine.isGoing && world.hasDeadlines)) lose("a task of it runs here");
  const others = swarm.nodes.filter((node) =>
    node.machine !== machine.index && (node.votes || isSomebody(world, swarm, node))
  );
  if (manager && others.length > 0) {
    lose("it is not alone in it");
    broken(world, "quorum-kept", `${machine.instance} leaves ${nameOf(swarm)} with others in it`);
  }
  if (
    manager &&
    world.machines.some(({ place }) =>
      place.kind === "attempt" && place.through === machine.index &&
      place.swarm === swarm.fingerprint
    )
  ) lose("another machine is joining through it");
}

/**
 * Whether it may leave the founded swarm: told to go, or one that was demoted and is a manager's for the
 * record, which leaves to come back as one. Never who manages it.
 */
function mayLeave(world: World, machine: Machine, manager: boolean): boolean {
  if (manager) return false;
  const version = world.versions.findLast(({ counts }) => counts);
  return machine.isGoing || (version !== undefined && isListedIn(version.record, machine));
}

/** A manager is about to change what a node is told to be. */
export function judgeChange(
  world: World,
  by: Machine,
  swarm: Swarm,
  node: Listed,
  { as, change }: CallOf<"update">,
): void {
  const isOwn = by.place.kind === "member" && by.place.node === node.id;
  const says = (what: string): void =>
    broken(world, "only-who-is-gone-or-leaves", `${by.instance} ${as}s ${node.id}, ${what}`);
  const isDemotion = node.desired === "manager" && change.role === "worker";
  if (isDemotion && isAlive(world, swarm, node)) {
    if (!isOwn || !by.isGoing) says("which lives, and has not said that it leaves");
    judgeQuorum(world, by, swarm, node);
  }
  if (isAlive(world, swarm, node) && !isOwn && change.role === "manager" && !node.votes) {
    says("which has not asked for it");
  }
  const isUndrain = change.availability !== undefined && change.availability !== "drain";
  if (isUndrain && node.labels[LEFT] !== change.availability) {
    says(`to be ${change.availability}, which it was not`);
  }
  if (change.availability === "drain" && isAlive(world, swarm, node)) {
    const hasSaid = isOwn ? by.isGoing : world.machines[node.machine]!.word
      .some(({ value }) => value?.nodeId === node.id && value.leaves);
    if (!hasSaid) says("which has not said that it leaves");
  }
  const named = world.machines.find(({ instance }) => instance === change.labels?.[INSTANCE]);
  const machine = world.machines[node.machine]!;
  // A read that is older than the node may show who had its address before: what is dead is told from who lives there then.
  const isFormer = named?.power === "terminated" && named.address === machine.address;
  if (named !== undefined && named !== machine && !isFormer) says(`and calls it ${named.instance}`);
}

const INSTANCE = "swarm-join.instance";
const LEFT = "swarm-join.left";

/**
 * A living manager is about to be told that it is none: of the others those who are there are a quorum, and
 * nobody else is on the way out, unless it is in a hurry.
 */
function judgeQuorum(world: World, by: Machine, swarm: Swarm, { id }: Listed): void {
  const others = votersOf(swarm).filter((one) => one.id !== id);
  const stay = others.filter((one) =>
    isThere(world, swarm, one) && (one.desired === "manager" || world.hasDeadlines)
  );
  if (stay.length * 2 > others.length) return;
  const what = `${by.instance} demotes ${id}: of the ${others.length} others ${stay.length} stay`;
  broken(world, "quorum-kept", what);
}

/** A manager is about to take a node out of the list, and may. */
export function judgeRemoval(world: World, by: Machine, swarm: Swarm, node: Listed): void {
  const { word, isGoing } = world.machines[node.machine]!;
  const said = latest(word);
  const hasSaid = isGoing || (said?.nodeId === node.id && said.leaves);
  const what = `${by.instance} removes ${node.id}`;
  if (isAlive(world, swarm, node) && !hasSaid) {
    broken(world, "only-who-is-gone-or-leaves", `${what}, which lives`);
  }
  // Of a stowaway the vote goes with its node: nothing else takes it away.
  const isStowaway = node.desired === "worker" && node.observed === "worker";
  if (node.votes && !isStowaway) broken(world, "no-vote-without-its-node", `${what}, which votes`);
}

/** A manager is about to make itself the whole of its swarm: nobody else may be left who votes, or may again. */
export function judgeForce(world: World, by: Machine, swarm: Swarm): void {
  const left = votersOf(swarm).filter((node) =>
    node.machine !== by.index && isAlive(world, swarm, node)
  );
  for (const { id } of left) {
    broken(
      world,
      "nobody-left-behind",
      `${by.instance} starts ${nameOf(swarm)} anew without ${id}, which votes and is not gone`,
    );
  }
}

/** A machine tells Auto Scaling that it may terminate it: it is in no swarm, and in no record, any more. */
export function judgeHook(world: World, machine: Machine): void {
  const { instance, place } = machine;
  const version = world.versions.findLast(({ counts }) => counts);
  const isListed = version !== undefined && isListedIn(version.record, machine);
  if (place.kind === "outside" && !isListed) return;
  const what = place.kind === "outside" ? "the record lists it" : "is not out";
  broken(world, "who-goes-gets-out", `${instance} lets Auto Scaling terminate it, and ${what}`);
}

/** Whether an Engine is this node, or may be again. */
function isAlive(world: World, swarm: Swarm, node: Listed): boolean {
  return isSomebody(world, swarm, node) && world.machines[node.machine]!.power !== "terminated";
}

/** Whether nobody will ever be this node again. */
export function isDead(world: World, swarm: Swarm, node: Listed): boolean {
  return !isAlive(world, swarm, node);
}

/** A run has ended as done. Workers may go by an older record, and say so when there is none. */
export function judgeDone(world: World, machine: Machine): void {
  const { instance, place } = machine;
  const record = world.versions.findLast(({ counts }) => counts)?.record;
  if (
    world.store === "s3" && place.kind === "member" && place.manager &&
    place.swarm === record?.fingerprint &&
    !world.marks.some(({ fingerprint }) => fingerprint === place.swarm)
  ) {
    const what = `${instance} is done, and nothing would outlive the record of ${place.swarm}`;
    broken(world, "done-is-in-the-founded-swarm", what);
  }
  // Who is told to go is where it should be.
  if (machine.isGoing && place.kind !== "member") return;
  // A worker that was removed can't know it before its Engine restarts.
  const swarm = place.kind === "member" || (place.kind === "removed" && place.says === "active")
    ? world.swarms.find(({ fingerprint }) => fingerprint === place.swarm)
    : undefined;
  if (swarm === undefined) {
    broken(world, "done-is-in-the-founded-swarm", `${instance} is done and in no swarm`);
  } else if (!swarm.isFounded && !swarm.isOld) {
    broken(
      world,
      "done-is-in-the-founded-swarm",
      `${instance} is done in ${nameOf(swarm)}, which nobody has founded`,
    );
  }
}

export function isListedIn(
  { members }: Pick<FoundingRecord, "members">,
  { instance, address }: Machine,
): boolean {
  return members.some((one) =>
    one.instance === instance || (one.instance === null && one.address === address)
  );
}

export function broken(world: World, property: Property, what: string): void {
  world.broken.push({ property, what });
}

function isLive(world: World, swarm: Swarm): boolean {
  return managersOf(world, swarm).some((index) => world.machines[index]!.power !== "terminated");
}

function nameOf(swarm: Swarm): string {
  return swarm.fingerprint;
}
