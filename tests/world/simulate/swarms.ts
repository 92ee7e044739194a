/** What swarms do by themselves in virtual time: carry out what nodes were told, elect leaders, move tasks. */
import type { Dice } from "./dice.ts";
import { hasQuorum, isThere } from "../engine.ts";
import type { Event } from "./history.ts";
import { type Doing, doingsOf, happens } from "../nodes.ts";
import { type Listed, type Swarm, swarmNamed, votersOf, type World } from "../world.ts";

/**
 * How long that takes. The leader takes a member out of raft at once, or looks again every five seconds; the
 * renewal of a certificate backs off until it names the role; tasks are stopped with their time to end.
 */
const TAKES_MS: Record<Doing["kind"], readonly [number, number]> = {
  unseat: [100, 5_000],
  settle: [2_000, 20_000],
  stowaway: [0, 1_000],
  move: [1_000, 40_000],
};
const PLACE_MS = [5_000, 60_000] as const;
/** A new leader knows of no node before it has heard of it, or has waited for so long. */
const UNSURE_MS = [13_000, 33_000] as const;

export class Swarms {
  /** What is under way already. */
  readonly #coming = new Set<string>();
  readonly #leaders = new Map<string, string>();

  constructor(
    readonly world: World,
    readonly dice: Dice,
    /** How often a demoted manager does not get its certificate in time. */
    readonly stowawayRate: number,
    readonly add: (inMs: number, event: Event) => void,
  ) {}

  /** Something has changed. */
  stir(): void {
    for (const swarm of this.world.swarms) this.#elect(swarm);
    for (const doing of doingsOf(this.world)) {
      const key = keyOf(doing);
      if (this.#coming.has(key)) continue;
      this.#coming.add(key);
      const isStowaway = doing.kind === "stowaway";
      if (isStowaway && !this.dice.chance(this.stowawayRate)) continue;
      const [low, high] = TAKES_MS[doing.kind];
      this.add(this.dice.between(low, high), { kind: "does", doing });
    }
    for (const swarm of this.world.swarms) if (swarm.services > 0) this.#place(swarm);
  }

  /** A service of this swarm begins: a task runs on each of its nodes. */
  serve(swarm: Swarm): void {
    swarm.services = 1;
    for (const node of swarm.nodes) {
      if (isThere(this.world, swarm, node)) this.world.machines[node.machine]!.isBusy = true;
    }
  }

  /** A task starts where one should run. */
  placed(name: string, id: string): void {
    this.#coming.delete(`place ${id}`);
    const swarm = swarmNamed(this.world, name);
    const node = swarm.nodes.find((one) => one.id === id);
    if (node !== undefined && this.#lacks(swarm, node)) {
      this.world.machines[node.machine]!.isBusy = true;
    }
  }

  #place(swarm: Swarm): void {
    for (const node of swarm.nodes) {
      const key = `place ${node.id}`;
      if (!this.#lacks(swarm, node) || this.#coming.has(key)) continue;
      this.#coming.add(key);
      const [low, high] = PLACE_MS;
      const inMs = this.dice.between(low, high);
      this.add(inMs, { kind: "placed", swarm: swarm.fingerprint, node: node.id });
    }
  }

  #lacks(swarm: Swarm, node: Listed): boolean {
    return node.availability === "active" && node.isListed &&
      isThere(this.world, swarm, node) && hasQuorum(this.world, swarm) &&
      !this.world.machines[node.machine]!.isBusy;
  }

  /** What was under way happens, if it still can. */
  does(doing: Doing): void {
    const key = keyOf(doing);
    this.#coming.delete(key);
    if (doingsOf(this.world).some((one) => keyOf(one) === key)) happens(this.world, doing);
    this.stir();
  }

  /** All that is under way happens. */
  settle(): void {
    for (;;) {
      const doing = doingsOf(this.world).find(({ kind }) => kind !== "stowaway");
      if (doing === undefined) return;
      happens(this.world, doing);
    }
  }

  sure(swarm: string): void {
    swarmNamed(this.world, swarm).isUnsure = false;
  }

  /** A leader that is not there is followed by another one, which knows of nobody yet. */
  #elect(swarm: Swarm): void {
    const { world, dice } = this;
    const there = votersOf(swarm).filter((node) => isThere(world, swarm, node));
    const leader = this.#leaders.get(swarm.fingerprint);
    if (there.some(({ id }) => id === leader)) return;
    if (there.length === 0) return;
    this.#leaders.set(swarm.fingerprint, dice.pick(there).id);
    if (leader === undefined) return;
    swarm.isUnsure = true;
    const [low, high] = UNSURE_MS;
    this.add(dice.between(low, high), { kind: "sure", swarm: swarm.fingerprint });
  }
}

function keyOf({ kind, swarm, node }: Doing): string {
  return `${kind} ${swarm} ${node}`;
}
