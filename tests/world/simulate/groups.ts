/**
 * Auto Scaling in virtual time: a group for each role, over some zones, keeps as many machines as it is told
 * to. It knows nothing of swarms: a machine counts from when it has booted, and whom it terminates goes.
 */
import { forget, shows } from "../aws.ts";
import type { GroupPlan, Mishap } from "./conditions.ts";
import type { Dice } from "./dice.ts";
import type { Event, Node } from "./history.ts";
import type { World } from "../world.ts";
import type { Role } from "../../../src/state.ts";

/**
 * - `look`: a group looks whether it has as many machines as it should, and as they should be
 * - `told`: a machine finds out that it is told to go; `taken`: its time is over
 * - `terminated`, `forgotten`: as EC2 shows it
 * - `missed`: its group finds out that a machine of its is gone, or does not answer
 * - `spread`: a group that a lost zone has left lopsided replaces who is too many in one
 */
export type GroupEvent =
  | { kind: "look"; role: Role }
  | { kind: "told"; node: Node }
  | { kind: "taken"; node: Node }
  | { kind: "terminated"; node: Node }
  | { kind: "forgotten"; node: Node }
  | { kind: "missed"; node: Node }
  | { kind: "zone-back"; zone: number }
  | { kind: "spread"; role: Role }
  | { kind: "shrink"; role: Role; by: number };

/** What groups can do in a history. */
export interface Hands {
  readonly world: World;
  readonly dice: Dice;
  readonly nowMs: () => number;
  add(inMs: number, event: Event): void;
  /** A new machine, which boots. */
  launch(role: Role, zone: number, address: string | null): Node;
  start(node: Node): void;
  /** It is about to be gone for good. */
  goes(node: Node): void;
  tell(node: Node, what: string): void;
}

/** EC2 forgets who was terminated after about an hour. */
const FORGET_MS = 62 * 60_000;
const SPOT_NOTICE_MS = 120_000;
const SPREAD_MS = 30 * 60_000;
/** A machine asks its metadata every few seconds whether it goes. */
const ASK_MS = 10_000;

interface Group {
  role: Role;
  wanted: number;
  /** Those that an instance refresh has yet to replace. */
  outdated: Node[];
}

export class Groups {
  readonly #plan: GroupPlan;
  readonly #hands: Hands;
  readonly #groups: Group[];
  readonly #lost = new Set<number>();
  #nodes: Node[] = [];
  /** Addresses that nobody has any more, by zone. */
  readonly #free: string[][];

  constructor(plan: GroupPlan, nodes: Node[], hands: Hands) {
    this.#plan = plan;
    this.#hands = hands;
    this.#free = Array.from({ length: plan.zones }, () => []);
    this.#groups = (["manager", "worker"] as const).map((role) => ({
      role,
      wanted: nodes.filter(({ machine }) => machine.role === role).length,
      outdated: [],
    }));
    for (const node of nodes) {
      node.zone = this.#zoneFor(node.machine.role);
      this.#nodes.push(node);
    }
  }

  /** What befalls a group, a machine of one, or a zone; it is drawn before anybody knows who there is. */
  befall({ kind, node: drawn, forMs }: Mishap): void {
    const group = this.#groups[drawn % 2]!;
    const there = this.#counted(group.role).filter(({ machine }) => machine.power === "up");
    const node = there[(drawn >> 1) % there.length];
    switch (kind) {
      case "refresh":
        group.outdated = this.#counted(group.role);
        return this.#look(group);
      case "scale": {
        const by = 1 + (drawn >> 1) % 2;
        group.wanted += by;
        this.#hands.add(forMs, { kind: "shrink", role: group.role, by });
        return this.#look(group);
      }
      case "spot":
        if (node === undefined) return;
        node.machine.isSpot = true;
        this.#hold(node, SPOT_NOTICE_MS);
        return;
      case "reclaim":
        if (node !== undefined) this.#take(node);
        return;
      case "zone":
        return this.#lose(drawn % this.#plan.zones, forMs);
      default:
        throw new Error(`${kind} is nothing that befalls groups`);
    }
  }

  happen(event: GroupEvent): void {
    switch (event.kind) {
      case "look":
        return this.#look(this.#group(event.role));
      case "told":
        return this.#hands.start(event.node);
      case "taken": {
        const { leavesByMs, machine } = event.node;
        // Its hook may have been told that it takes longer.
        const isLater = leavesByMs !== null && leavesByMs > this.#hands.nowMs();
        return isLater && !machine.isReleased ? undefined : this.#take(event.node);
      }
      case "terminated":
        return this.#terminated(event.node);
      case "forgotten":
        return this.#forgotten(event.node);
      case "missed":
        return this.#missed(event.node);
      case "zone-back":
        return this.#zoneBack(event.zone);
      case "spread":
        return this.#spread(this.#group(event.role));
      case "shrink":
        this.#group(event.role).wanted -= event.by;
        return this.#look(this.#group(event.role));
      default:
        return event satisfies never;
    }
  }

  /** Its hook is told that it takes longer. */
  isHeldOn(node: Node): void {
    const { hookMs } = this.#plan;
    node.leavesByMs = this.#hands.nowMs() + hookMs;
    this.#hands.add(hookMs, { kind: "taken", node });
  }

  /** It has left: whoever holds it lets it go. */
  hasLeft(node: Node): void {
    node.machine.isReleased = true;
    this.#hands.add(this.#hands.dice.between(500, 3_000), { kind: "taken", node });
  }

  wanted(role: Role): number {
    return this.#group(role).wanted;
  }

  #group(role: Role): Group {
    return this.#groups.find((group) => group.role === role)!;
  }

  #counted(role: Role): Node[] {
    return this.#nodes.filter(({ machine, isCounted }) => isCounted && machine.role === role);
  }

  /** Launches who lacks, terminates who is too many, and goes on with a refresh, one machine at a time. */
  #look(group: Group): void {
    const { role, wanted } = group;
    const { launchesFirst, warmupMs } = this.#plan;
    const nowMs = this.#hands.nowMs();
    const there = this.#counted(role);
    group.outdated = group.outdated.filter((node) => there.includes(node));
    const extra = launchesFirst && group.outdated.length > 0 ? 1 : 0;
    for (let i = there.length; i < wanted + extra; i++) this.#launch(role);
    if (there.length > wanted + extra) {
      this.#terminate(group, this.#goesFirst(there));
      return this.#look(group);
    }
    const warmMs = Math.max(0, ...this.#counted(role).map(({ bornMs }) => bornMs + warmupMs));
    if (group.outdated.length === 0) return;
    if (warmMs > nowMs) return this.#hands.add(warmMs - nowMs, { kind: "look", role });
    this.#terminate(group, this.#goesFirst(group.outdated));
  }

  /** Of these the oldest in the zone with the most machines. */
  #goesFirst(nodes: Node[]): Node {
    const there = this.#counted(nodes[0]!.machine.role);
    const inZone = (zone: number): number => there.filter((node) => node.zone === zone).length;
    return nodes.toSorted((a, b) => inZone(b.zone) - inZone(a.zone) || a.bornMs - b.bornMs)[0]!;
  }

  #terminate({ role }: Group, node: Node): void {
    node.isCounted = false;
    this.#hold(node, this.#plan.hookMs);
    this.#hands.add(this.#hands.dice.between(0, 30_000), { kind: "look", role });
  }

  /** It is told to go, and has so long to leave. */
  #hold(node: Node, forMs: number): void {
    this.#hands.tell(node, `*** is told to go, and has ${Math.round(forMs / 1000)} s`);
    node.machine.isGoing = true;
    if (forMs === 0) return this.#take(node);
    node.toldMs = this.#hands.nowMs();
    node.leavesByMs = node.toldMs + forMs;
    this.#hands.add(this.#hands.dice.between(0, ASK_MS), { kind: "told", node });
    this.#hands.add(forMs, { kind: "taken", node });
  }

  #take(node: Node): void {
    const { machine } = node;
    if (machine.power === "terminated") return;
    const { world, dice } = this.#hands;
    this.#hands.tell(node, "*** is terminated");
    this.#hands.goes(node);
    machine.power = "terminated";
    node.program = null;
    node.ending = null;
    shows(world, machine, "shutting-down");
    const downMs = dice.between(2_000, this.#plan.shutdownMs);
    this.#hands.add(downMs, { kind: "terminated", node });
    if (node.isCounted) {
      this.#hands.add(dice.between(5_000, this.#plan.noticeMs), { kind: "missed", node });
    }
  }

  #terminated(node: Node): void {
    const { machine, zone } = node;
    shows(this.#hands.world, machine, "terminated");
    this.#free[zone]!.push(machine.address);
    this.#hands.add(FORGET_MS, { kind: "forgotten", node });
  }

  #forgotten(node: Node): void {
    const { world } = this.#hands;
    const { machine } = node;
    forget(machine);
    machine.ec2 = machine.ec2.slice(-1);
    world.tagged = world.tagged.filter((index) => index !== machine.index);
    this.#nodes = this.#nodes.filter((one) => one !== node);
  }

  /** Whoever does not answer is replaced, held or not. */
  #missed(node: Node): void {
    const { machine, isCounted } = node;
    if (!isCounted || machine.power === "up") return;
    const group = this.#group(machine.role);
    if (machine.power !== "terminated") return this.#terminate(group, node);
    node.isCounted = false;
    this.#look(group);
  }

  /** All its machines are off at once; those that nobody has terminated come back. */
  #lose(zone: number, forMs: number): void {
    const { dice } = this.#hands;
    this.#lost.add(zone);
    this.#hands.add(forMs, { kind: "zone-back", zone });
    for (const node of this.#nodes) {
      if (node.zone !== zone || node.machine.power !== "up") continue;
      this.#hands.tell(node, "*** is off, as all in its zone");
      node.machine.power = "down";
      node.program = null;
      this.#hands.add(forMs + dice.between(0, 60_000), { kind: "up", node, isBare: false });
      this.#hands.add(60_000 + dice.between(0, this.#plan.noticeMs), { kind: "missed", node });
    }
  }

  #zoneBack(zone: number): void {
    this.#lost.delete(zone);
    for (const { role } of this.#groups) this.#hands.add(SPREAD_MS, { kind: "spread", role });
  }

  #spread(group: Group): void {
    const there = this.#counted(group.role);
    const sizes = Array.from(
      { length: this.#plan.zones },
      (_, zone) => there.filter((node) => node.zone === zone).length,
    );
    if (Math.max(...sizes) - Math.min(...sizes) < 2) return;
    this.#hands.add(SPREAD_MS, { kind: "spread", role: group.role });
    if (group.outdated.length > 0) return;
    group.outdated = [this.#goesFirst(there)];
    this.#look(group);
  }

  #launch(role: Role): void {
    const zone = this.#zoneFor(role);
    const address = this.#plan.reusesAddresses ? this.#free[zone]!.pop() ?? null : null;
    this.#nodes.push(this.#hands.launch(role, zone, address));
  }

  /** The zone with the fewest of its machines, without those that are to be replaced. */
  #zoneFor(role: Role): number {
    const { outdated } = this.#group(role);
    const counted = this.#counted(role).filter((node) => !outdated.includes(node));
    const zones = Array.from({ length: this.#plan.zones }, (_, zone) => ({
      zone,
      size: counted.filter((node) => node.zone === zone).length +
        (this.#lost.has(zone) ? counted.length + 1 : 0),
    }));
    return zones.toSorted((a, b) => a.size - b.size)[0]!.zone;
  }
}
