/**
 * One random history of a large world under virtual time. Everything is drawn from the seed; the
 * production loop runs on each machine.
 */
import { forget, isLosable, lose, shows } from "../aws.ts";
import { Agenda } from "./agenda.ts";
import { Buckets, requestsOf } from "./buckets.ts";
import type { Conditions, GroupPlan, Mishap } from "./conditions.ts";
import { createDice, type Dice } from "./dice.ts";
import { brief, durationOf, told } from "./durations.ts";
import { judgeEnds, judgeFleet } from "./ends.ts";
import { configOf, enact, land } from "../enact.ts";
import { canFinish, daemonRestarts, finish, hasQuorum, hear, isThere } from "../engine.ts";
import { Groups } from "./groups.ts";
import { Keepers } from "./keepers.ts";
import { type Code, type Program, programOf, type Watching } from "../program.ts";
import { judgeSecondRun } from "../second_run.ts";
import { createSight } from "./sight.ts";
import { worldOf } from "../starts.ts";
import {
  addMachine,
  EPOCH_MS,
  foundedSwarm,
  latest,
  type Machine,
  managersOf,
  recordNow,
  swarmNamed,
  takeAddress,
  votersOf,
  type World,
} from "../world.ts";
import {
  type Errand,
  type Event,
  type History,
  type Node,
  nodeOf,
  type Setting,
  type Spawn,
  type Tell,
  type Tends,
} from "./history.ts";
import { befall, isOfAll, isOfGroups, isOfOne } from "./mishaps.ts";
import { isExcused, isInFounded } from "../excuses.ts";
import { broken, judgeDone, judgeLoss } from "../judge.ts";
import { Swarms } from "./swarms.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import * as watching from "../../../src/decide/watch.ts";
import { callsOf } from "../../../src/run.ts";
import type { End, Role } from "../../../src/state.ts";

/** How long after the healing everyone must have ended, besides the run's own deadline. */
const BOUND_MS = 900_000;
const RESTART_MS = 30_000;
const BOOT_MS = 20_000;
/** A worker's agent tries its managers again after at most that long. */
const HEAR_MS = 10_000;
/** A data root that is mounted late is so by then. */
const MOUNT_MS = 20_000;
const RUNS_MAX = 50;
/** Long enough for EC2 to forget who was terminated. */
const HOUR_MS = 65 * 60_000;

/** What changes who is reached, and is seldom. */
const CHANGING: readonly Event["kind"][] = [
  "mishap",
  "up",
  "uncut",
  "mounted",
  "heal",
  "does",
  "look",
  "shrink",
  "spread",
  "taken",
  "missed",
];

/** What gives a swarm something to do. */
const STIRRING: readonly Call["kind"][] = ["update", "remove", "leave"];
const LEAVE_AGAIN_MS = 10_000;
/** What a shutdown takes before the machine is off. */
const STOP_MS = [1_000, 60_000] as const;
/** So much of a machine's time is left to what comes after its leave. */
const LEAVE_SPARE_MS = 5_000;
/** So near its end a machine leaves whatever runs there. */
const TASKS_MS = 25_000;
/** In such a time a machine can leave, whatever it is. */
const AMPLE_MS = 4 * 60_000;
/** So long keepers are looked at after something has changed; those that see something to do are longer. */
const KEPT_MS = 5 * 60_000;
/** When all is quiet somebody runs swarm-join once more. */
const ONCE_MORE_MS = 15 * 60_000;

export function simulate(code: Code, conditions: Conditions, setting: Setting = {}): History {
  return new Simulation(code, conditions, setting).play();
}

class Simulation {
  readonly #c: Conditions;
  readonly #tell: Tell | null;
  readonly #spawn: Spawn;
  readonly #setting: Setting;
  readonly #dice: Dice;
  readonly #world: World;
  #nodes: Node[];
  readonly #swarms: Swarms;
  readonly #groups: Groups | null;
  readonly #agenda = new Agenda<Event>();
  readonly #buckets = new Buckets();
  readonly #sight;
  #now = 0;
  #isHealed = false;
  #awsCalls = 0;
  #throttled = 0;
  /** How far AWS's clock is ahead of what was played: hours that passed at once. */
  #skippedMs = 0;
  /** When tokens were last rotated: the person then runs swarm-join again on the managers. */
  #rotatedMs = -1;
  /** The fingerprint of the first swarm that was founded, and when it had lost its quorum for good. */
  #first: string | null = null;
  #diedMs: number | null = null;
  readonly #tends: Tends | null;
  readonly #keepers: Keepers | null;
  #tendsUntilMs = 0;

  constructor(code: Code, conditions: Conditions, setting: Setting) {
    this.#setting = setting;
    this.#c = conditions;
    this.#tell = setting.tell ?? null;
    this.#spawn = setting.spawn ?? ((world, machine, errand, { id, timeoutMs }) => {
      const goal = errand === "leave" ? "leave" : "join";
      const config = configOf(world, machine, { goal, timeoutMs, ifTerminating: goal === "leave" });
      return programOf(code, config, id);
    });
    this.#dice = createDice(conditions.seed ^ 0x5bd1e995);
    const roles = Array.from(
      { length: conditions.nodes },
      (_, i): Role => i < conditions.managers ? "manager" : "worker",
    );
    this.#world = worldOf(conditions.store, roles, conditions.start);
    this.#sight = createSight(this.#world, this.#dice, conditions);
    this.#nodes = this.#world.machines.map(nodeOf);
    const add = (inMs: number, event: Event): void => this.#agenda.add(this.#now + inMs, event);
    const stowawayRate = conditions.backgroundRate > 0 ? 0.1 : 0;
    this.#swarms = new Swarms(this.#world, this.#dice, stowawayRate, add);
    this.#tends = setting.tends ?? null;
    const keeps = setting.spawn === undefined && conditions.groups?.keeps === true;
    this.#keepers = keeps ? this.#keepersOf(code.watching ?? watching, add) : null;
    this.#world.hasDeadlines = conditions.groups !== null;
    this.#groups = conditions.groups === null ? null : this.#groupsOf(conditions.groups, add);
    this.#world.hookMs = keeps ? conditions.groups?.hookMs ?? 0 : 0;
  }

  #groupsOf(plan: GroupPlan, add: (inMs: number, event: Event) => void): Groups {
    const hookMs = this.#setting.leaves === false ? 0 : plan.hookMs;
    return new Groups({ ...plan, hookMs }, this.#nodes, {
      world: this.#world,
      dice: this.#dice,
      nowMs: () => this.#now,
      add,
      launch: (role, zone, address) => this.#launchIn(role, zone, address),
      start: (node) => this.#start(node),
      goes: (node) => this.#goes(node),
      tell: ({ machine }, what) => this.#tell?.(this.#now, machine.instance, what),
    });
  }

  #keepersOf(watching: Watching, add: (inMs: number, event: Event) => void): Keepers {
    return new Keepers(watching, {
      dice: this.#dice,
      nowMs: () => this.#now,
      isLively: () => this.#now < this.#tendsUntilMs,
      timeoutMs: this.#c.timeoutMs,
      add,
      perform: ({ machine }, call) => this.#perform(machine, call),
      run: (node, { goal, timeoutMs }) => this.#run(node, goal, timeoutMs),
      ended: (node, result) => {
        this.#tell?.(this.#now, node.machine.instance, `keep ends: ${result}`);
        // Auto Scaling waits to be told.
        const isHeld = this.#world.hookMs > 0 && !node.machine.isSpot;
        if (result === "left" && !isHeld) this.#groups?.hasLeft(node);
      },
    });
  }

  play(): History {
    const { launchMs, mishaps, healMs } = this.#c;
    for (const node of this.#nodes) {
      if (node.machine.power === "terminated" || node.machine.isOutside) continue;
      const bootedMs = this.#dice.between(0, launchMs);
      if (node.machine.power === "unborn") launch(node.machine, EPOCH_MS + bootedMs - BOOT_MS);
      node.bornMs = bootedMs;
      this.#agenda.add(bootedMs, { kind: "start", node });
    }
    for (const mishap of mishaps) this.#agenda.add(mishap.atMs, { kind: "mishap", mishap });
    if (healMs !== null) this.#agenda.add(healMs, { kind: "heal" });
    const endMs = (healMs ?? 0) + this.#c.timeoutMs + BOUND_MS;
    const pace = 1 + (this.#nodes.length >> 3);
    let events = 0;
    for (;;) {
      const entry = this.#agenda.take();
      if (entry === undefined) {
        // Nobody has anything left to do, unless somebody runs again.
        if (this.#isOver() || this.#agenda.isEmpty) break;
        continue;
      }
      if (entry.atMs > endMs) break;
      this.#now = entry.atMs;
      this.#world.nowMs = EPOCH_MS + this.#skippedMs + Math.floor(entry.atMs);
      const changes = CHANGING.includes(entry.what.kind);
      if (changes) this.#spread();
      this.#happen(entry.what);
      if (changes) this.#spread();
      if (changes && this.#isJudged) this.#judgeService();
      if (this.#world.broken.length > 0 && this.#isJudged) break;
      if (changes && this.#hasDied()) break;
      // Asking everyone at each event would take longer than all else in a herd.
      const mayEnd = this.#isHealed || healMs === null;
      if (mayEnd && events++ % pace === 0 && this.#isOver()) break;
    }
    this.#judge();
    return {
      broken: this.#world.broken,
      wholeMs: this.#nodes.reduce((most, { doneMs }) => Math.max(most, doneMs), 0),
      joinedMs: this.#nodes.reduce((most, node) => Math.max(most, node.joinedMs), 0),
      awsCalls: this.#awsCalls,
      throttled: this.#throttled,
      nodes: this.#nodes.length,
      diedMs: this.#diedMs,
      world: this.#world,
    };
  }

  get #isJudged(): boolean {
    return this.#setting.isUnjudged !== true;
  }

  #judge(): void {
    if (!this.#isJudged) return;
    if (this.#diedMs !== null) {
      if (this.#c.groups?.isGentle === true) {
        const what = `${this.#first} has lost its quorum for good`;
        broken(this.#world, "swarm-outlives-its-machines", what);
      }
      return;
    }
    if (this.#world.broken.length === 0) judgeEnds(this.#world, this.#nodes);
    if (this.#world.broken.length === 0 && this.#groups !== null) {
      this.#swarms.settle();
      judgeFleet(this.#world, this.#first, this.#groups.wanted("manager"));
    }
    if (this.#world.broken.length === 0) this.#judgeSecond();
  }

  /** Its service runs somewhere: where things come one after the other, it always has somewhere to go. */
  #judgeService(): void {
    const swarm = this.#c.groups?.isGentle === true ? foundedSwarm(this.#world) : null;
    if (swarm === null || swarm.services === 0 || !hasQuorum(this.#world, swarm)) return;
    const runs = swarm.nodes.some((node) =>
      isThere(this.#world, swarm, node) && this.#world.machines[node.machine]!.isBusy
    );
    if (!runs) broken(this.#world, "services-run", `no task of ${swarm.fingerprint} runs anywhere`);
  }

  /** Of a swarm in groups: whether it can never have a quorum again. */
  #hasDied(): boolean {
    if (this.#groups === null) return false;
    this.#first ??= foundedSwarm(this.#world)?.fingerprint ?? null;
    if (this.#first === null) return false;
    const swarm = swarmNamed(this.#world, this.#first);
    const voters = votersOf(swarm);
    const living = managersOf(this.#world, swarm).filter((i) =>
      this.#world.machines[i]!.power !== "terminated"
    );
    if (living.length * 2 > voters.length) return false;
    this.#diedMs = this.#now;
    return true;
  }

  #happen(event: Event): void {
    switch (event.kind) {
      case "wake":
        if (event.run === event.node.run && event.node.program !== null) this.#wake(event.node);
        return;
      case "start":
        return this.#start(event.node);
      case "mishap":
        return this.#mishap(event.mishap);
      case "up":
        return this.#up(event.node, event.isBare);
      case "heard":
        Object.assign(event.node.machine, hear(this.#world, event.node.machine));
        return;
      case "mounted":
        if (event.node.machine.ailment === "bare") event.node.machine.ailment = null;
        return;
      case "join":
        return this.#background(event.node);
      case "uncut":
        event.node.machine.isCut = false;
        return;
      case "land":
        return land(this.#world, this.#sight);
      case "does":
        this.#tell?.(this.#now, event.doing.node, `*** ${event.doing.kind}`);
        return this.#swarms.does(event.doing);
      case "sure":
        return this.#swarms.sure(event.swarm);
      case "placed":
        return this.#swarms.placed(event.swarm, event.node);
      case "keep":
        return this.#keepers?.wake(event.node, event.atMs);
      case "off":
        return this.#off(event.node, event.mishap);
      case "tend":
        return event.atMs === event.node.tendsMs ? this.#tend(event.node) : undefined;
      case "heal":
        return this.#heal();
      case "forgotten":
        this.#nodes = this.#nodes.filter((node) => node !== event.node);
        return this.#groups!.happen(event);
      default:
        return this.#groups!.happen(event);
    }
  }

  /** Workers hear of their managers; and of what nobody shows any more nobody can know. */
  #spread(): void {
    for (const node of this.#nodes) this.#hear(node);
    judgeLoss(this.#world);
    this.#swarms.stir();
    this.#tendSoon();
  }

  /** Tools that look after their swarm have something to do for a while; later they would find all in order. */
  #tendSoon(): void {
    const tends = this.#tends;
    if (this.#keepers !== null) {
      this.#tendsUntilMs = this.#now + KEPT_MS;
      for (const node of this.#nodes) this.#keepers.stir(node);
    }
    if (tends === null) return;
    if (this.#now >= this.#tendsUntilMs) {
      for (const node of this.#nodes) this.#tendLater(node, this.#dice.between(0, tends.everyMs));
    }
    this.#tendsUntilMs = this.#now + tends.forMs;
  }

  #tendLater(node: Node, inMs: number): void {
    if (node.machine.role !== "manager") return;
    node.tendsMs = this.#now + inMs;
    this.#agenda.add(node.tendsMs, { kind: "tend", node, atMs: node.tendsMs });
  }

  #tend(node: Node): void {
    const { machine, ending, program, leavesByMs } = node;
    if (machine.power !== "up" || leavesByMs !== null) return;
    if (program === null && ending?.exit === 0) this.#run(node, "tend", this.#c.timeoutMs);
    if (node.program === null || node.errand !== "tend") this.#tendAgain(node);
  }

  /** Some time after its last run has ended. */
  #tendAgain(node: Node): void {
    const { everyMs = 0 } = this.#tends ?? {};
    if (this.#now + everyMs < this.#tendsUntilMs) {
      this.#tendLater(node, this.#dice.between(1, 1.1) * everyMs);
    }
  }

  /** Who was not up yet tries again within seconds. */
  #hear(node: Node): void {
    const { machine } = node;
    const so = hear(this.#world, machine);
    if (machine.ailment !== "unheard" || so.ailment === "unheard") Object.assign(machine, so);
    else {
      this.#agenda.add(this.#now + this.#dice.between(0, HEAR_MS), { kind: "heard", node });
    }
  }

  #start(node: Node): void {
    const { machine } = node;
    if (machine.isOutside) return;
    if (machine.power === "unborn") machine.power = "up";
    if (machine.power !== "up") return;
    if (this.#keepers !== null) {
      // Told to go, it hears of it; else it boots, or its unit is started again.
      if (node.keeper !== null && machine.isGoing) return this.#keepers.hears(node);
      node.program = null;
      return this.#keepers.begin(node);
    }
    if (node.program !== null) return;
    const errand: Errand = node.leavesByMs === null ? "join" : "leave";
    const timeoutMs = node.leavesByMs === null
      ? this.#c.timeoutMs
      : Math.floor(node.leavesByMs - this.#now - LEAVE_SPARE_MS);
    if (timeoutMs < LEAVE_SPARE_MS || (errand === "leave" && this.#setting.leaves === false)) {
      return;
    }
    if (!this.#isHealed) node.ending = null;
    this.#run(node, errand, timeoutMs);
  }

  #run(node: Node, errand: Errand, timeoutMs: number): void {
    const { machine } = node;
    const run = { id: `r${machine.index}x${node.run + 1}`, timeoutMs };
    const program = this.#spawn(this.#world, machine, errand, run);
    if (program === null) return;
    node.run++;
    Object.assign(node, { program, errand, startedMs: this.#now, answers: null, isSteady: false });
    const what = `starts run ${node.run} as ${machine.role}, to ${errand}`;
    this.#tell?.(this.#now, machine.instance, what);
    this.#wake(node);
  }

  /** Takes the answers that came, and makes the next calls: their effect is now, their answers come later. */
  #wake(node: Node): void {
    const { machine, program } = node;
    if (program === null || machine.power !== "up") return;
    this.#hear(node);
    node.isSteady ||= machine.ailment === "bare" || machine.ailment === "unheard";
    const runMs = Math.floor(this.#now - node.startedMs);
    if (node.answers !== null) program.absorb(node.answers, runMs);
    const decision = program.decide(runMs, this.#dice.next());
    if (decision.kind === "end") return this.#end(node, decision);
    if (decision.kind !== "look") this.#tell?.(this.#now, machine.instance, told(decision));
    node.answers = [];
    let takesMs = decision.kind === "wait" ? decision.ms : 0;
    for (const call of callsOf(decision)) {
      if (call.kind === "leave" && this.#isJudged) this.#judgeTasks(node);
      if (call.kind === "stop") node.hasStopped = true;
      const answer = this.#perform(machine, call);
      node.answers.push(answer);
      if (call.kind === "complete" && answer.ok) this.#groups?.hasLeft(node);
      if (call.kind === "heartbeat" && answer.ok) this.#groups?.isHeldOn(node);
      takesMs = Math.max(takesMs, durationOf(call, answer, this.#dice));
      this.#tell?.(this.#now, machine.instance, `  ${call.kind} -> ${brief(call, answer)}`);
    }
    if (!this.#isHealed && !node.isSteady && this.#dice.chance(this.#c.pauseRate)) {
      takesMs += this.#dice.between(0, this.#c.pauseMs);
    }
    this.#notePlace(node);
    if (callsOf(decision).some(({ kind }) => STIRRING.includes(kind))) this.#swarms.stir();
    if (machine.place.kind === "attempt") {
      this.#agenda.add(this.#now + this.#dice.between(1_000, 40_000), { kind: "join", node });
    }
    this.#agenda.add(this.#now + takesMs, { kind: "wake", node, run: node.run });
  }

  #notePlace(node: Node): void {
    const { place } = node.machine;
    if (place === node.place) return;
    node.place = place;
    node.joinedMs = place.kind === "member" ? this.#now : 0;
  }

  #perform(machine: Machine, call: Call): AnyAnswer {
    const requests = requestsOf(call, this.#c.store);
    this.#awsCalls += requests.length;
    if (this.#c.isThrottled) {
      for (const request of requests) {
        if (request !== null && !this.#buckets.take(request, this.#now)) {
          this.#throttled++;
          const message = "RequestLimitExceeded";
          return { ok: false, fault: { kind: "throttled", message } };
        }
      }
    }
    const inFlight = this.#world.inFlight.length;
    const answer = enact(this.#world, machine, call, this.#sight);
    if (this.#world.inFlight.length > inFlight) {
      this.#agenda.add(this.#now + this.#dice.between(5_000, 60_000), { kind: "land" });
    }
    return answer;
  }

  #end(node: Node, decision: End): void {
    const { machine, errand, leavesByMs } = node;
    if (this.#keepers !== null) return this.#keptEnd(node, decision);
    node.program = null;
    this.#tell?.(this.#now, machine.instance, told(decision));
    this.#swarms.stir();
    if (errand !== "tend") node.ending = decision;
    if (errand === "leave" && decision.exit === 0) return this.#groups!.hasLeft(node);
    if (leavesByMs !== null) {
      const inMs = errand === "leave" ? LEAVE_AGAIN_MS : 0;
      this.#agenda.add(this.#now + inMs, { kind: "start", node });
    } else if (decision.exit === 0) {
      if (this.#groups !== null && this.#isJudged) this.#judgeDead(node);
      this.#tendAgain(node);
      if (errand === "tend") return;
      node.doneMs = this.#now;
      // What it saw was from before the record was lost: others say to run it there once more.
      const isLost = this.#isHealed && recordNow(this.#world) === null;
      if (isLost || node.startedMs <= this.#rotatedMs) this.#again(node);
      judgeDone(this.#world, machine);
    } else if (errand === "tend") this.#tendAgain(node);
    else if (!this.#isHealed || node.run < RUNS_MAX) {
      this.#agenda.add(this.#now + RESTART_MS, { kind: "start", node });
    }
  }

  /** A run of a keeper is over, which then sees to what is next. */
  #keptEnd(node: Node, decision: End): void {
    const { machine, errand, program } = node;
    const engine = program?.engine?.();
    node.program = null;
    this.#tell?.(this.#now, machine.instance, told(decision));
    this.#swarms.stir();
    if (errand === "join") node.ending = decision;
    if (errand === "join" && decision.exit === 0) {
      if (this.#isJudged) this.#judgeDead(node);
      node.doneMs = this.#now;
      judgeDone(this.#world, machine);
    }
    this.#keepers!.over(node, decision, engine);
  }

  #mishap(mishap: Mishap): void {
    const { kind } = mishap;
    if (this.#groups !== null) this.#serve();
    if (this.#groups !== null && isOfGroups(kind)) {
      this.#tell?.(this.#now, "", `*** ${kind}`);
      return this.#groups.befall(mishap);
    }
    // Which machines a group has by then nobody can know beforehand.
    const node =
      this.#nodes[this.#groups === null ? mishap.node : mishap.node % this.#nodes.length];
    if (node === undefined) return;
    const { machine } = node;
    if (!isOfAll(kind) && machine.power !== "up") return;
    this.#tell?.(this.#now, machine.instance, `*** ${kind}`);
    switch (kind) {
      case "rotate":
        return this.#rotate(machine);
      case "launch":
        return this.#launch(machine.role);
      case "hour":
        return this.#skipHour();
      case "lose":
      case "lose-all":
        if (isLosable(this.#world)) this.#lose(kind === "lose-all");
        return;
      case "refresh":
      case "scale":
      case "spot":
      case "reclaim":
      case "zone":
        return;
      case "reboot":
        if (node.keeper === null) return this.#off(node, mishap);
        this.#keepers!.hears(node, true);
        this.#agenda.add(this.#now + this.#dice.between(...STOP_MS), { kind: "off", node, mishap });
        return;
      default:
        return this.#off(node, mishap);
    }
  }

  #off(node: Node, { kind, forMs }: Mishap): void {
    if (node.machine.power !== "up" || !isOfOne(kind)) return;
    node.keeper = null;
    const then = befall(this.#world, node, kind);
    if (then !== null) this.#agenda.add(this.#now + forMs, then);
  }

  /** Before anything happens the swarm has something to do. */
  #serve(): void {
    const swarm = foundedSwarm(this.#world);
    if (swarm !== null && swarm.services === 0) this.#swarms.serve(swarm);
  }

  #rotate({ place }: Machine): void {
    const swarm = place.kind === "member" && place.manager
      ? swarmNamed(this.#world, place.swarm)
      : null;
    if (swarm?.isFounded !== true) return;
    swarm.secret++;
    this.#rotatedMs = this.#now;
    for (const i of managersOf(this.#world, swarm)) this.#again(this.#nodes[i]!);
  }

  /** Every run has ended by then; those that did not end well begin again. */
  #lose(alsoMarks: boolean): void {
    this.#skipHour();
    lose(this.#world, alsoMarks);
    for (const node of this.#nodes) {
      if (node.program === null) continue;
      node.program = null;
      this.#agenda.add(this.#now + this.#dice.between(0, RESTART_MS), { kind: "start", node });
    }
  }

  #skipHour(): void {
    this.#skippedMs += HOUR_MS;
    this.#world.nowMs += HOUR_MS;
    for (const each of this.#world.machines) forget(each);
  }

  /** A manager whose run saw tokens from before a rotation runs once more. */
  #again(node: Node): void {
    if (node.program !== null || node.machine.role !== "manager") return;
    node.ending = null;
    this.#agenda.add(this.#now + 20_000, { kind: "start", node });
  }

  #launch(role: Role): void {
    const machine = addMachine(this.#world, role);
    const node = nodeOf(machine);
    this.#nodes.push(node);
    launch(machine, this.#world.nowMs);
    this.#agenda.add(this.#now + BOOT_MS, { kind: "start", node });
  }

  /** In a zone of its own, perhaps with the address of one that has gone. */
  #launchIn(role: Role, zone: number, address: string | null): Node {
    const machine = addMachine(this.#world, role);
    if (address !== null) takeAddress(this.#world, machine, address);
    const bootMs = this.#dice.between(20_000, 90_000);
    const node = { ...nodeOf(machine), zone, bornMs: this.#now + bootMs };
    this.#nodes.push(node);
    launch(machine, this.#world.nowMs);
    this.#tell?.(this.#now, machine.instance, `*** is launched as ${role} at ${machine.address}`);
    this.#agenda.add(node.bornMs, { kind: "start", node });
    return node;
  }

  /** A manager that is done has told each voter to go that was known to be dead when it began. */
  #judgeDead({ machine, startedMs }: Node): void {
    const { place, instance } = machine;
    const swarm = place.kind === "member" && place.manager
      ? swarmNamed(this.#world, place.swarm)
      : null;
    const shownMs = EPOCH_MS + startedMs - this.#c.staleMs;
    for (const voter of swarm === null ? [] : votersOf(swarm)) {
      const { power, ec2, instance: dead } = this.#world.machines[voter.machine]!;
      const isKnown = power === "terminated" && ec2.at(-1)!.atMs <= shownMs &&
        latest(ec2) === "terminated" && voter.labels["swarm-join.instance"] === dead;
      if (!isKnown || voter.desired === "worker") continue;
      const what = `${instance} is done, and ${voter.id} of ${dead} votes, terminated long before`;
      broken(this.#world, "no-vote-of-the-dead", what);
    }
  }

  /** Whoever leaves has waited for its tasks, or has stopped them with their time to end, as long as it had time. */
  #judgeTasks({ machine, leavesByMs, hasStopped }: Node): void {
    if (leavesByMs === null || !machine.isBusy || hasStopped) return;
    const leftMs = leavesByMs - this.#now;
    if (leftMs < LEAVE_SPARE_MS + TASKS_MS) return;
    const what = `${machine.instance} leaves with a task, and has ${Math.floor(leftMs / 1000)} s`;
    broken(this.#world, "nothing-lost-by-leaving", what);
  }

  /** Whoever was told to go, and had the time, should not be in the swarm any more. */
  #goes({ machine, leavesByMs, toldMs, ending }: Node): void {
    if (leavesByMs === null || this.#c.groups?.isGentle !== true || !this.#isJudged) return;
    const { power, place, instance, readyMs, isReleased, isSpot } = machine;
    const hadMs = leavesByMs - Math.max(toldMs, readyMs - EPOCH_MS);
    if (
      power === "up" && place.kind === "outside" && this.#world.hookMs > 0 && !isReleased && !isSpot
    ) {
      const what = `${instance} is out, and its hook was held to its end`;
      return broken(this.#world, "who-goes-gets-out", what);
    }
    if (power !== "up" || place.kind === "outside" || hadMs < AMPLE_MS) return;
    const why = ending === null ? "" : `: ${ending.rule} (${ending.because})`;
    const what = `${instance} had ${Math.floor(hadMs / 1000)} s to leave, and is in${why}`;
    broken(this.#world, "who-goes-gets-out", what);
  }

  #up(node: Node, isBare: boolean): void {
    const { machine } = node;
    if (machine.power !== "down") return;
    machine.power = "up";
    // Its swarm has it start its tasks again.
    machine.isBusy = false;
    machine.readyMs = this.#world.nowMs + Math.floor(this.#dice.between(0, 5_000));
    daemonRestarts(machine);
    if (latest(machine.ec2) !== "running") {
      shows(this.#world, machine, "running");
      machine.launchedMs = this.#world.nowMs;
    }
    if (isBare && machine.place.kind === "member" && machine.place.manager) {
      machine.ailment = "bare";
      this.#agenda.add(this.#now + this.#dice.between(0, MOUNT_MS), { kind: "mounted", node });
    }
    this.#agenda.add(this.#now + this.#dice.between(0, 3_000), { kind: "start", node });
  }

  #background(node: Node): void {
    const { machine } = node;
    if (machine.place.kind !== "attempt" || machine.power !== "up") return;
    if (canFinish(this.#world, machine)) {
      this.#tell?.(this.#now, machine.instance, "*** its attempt to join ends well");
      finish(this.#world, machine, "member");
      this.#notePlace(node);
    } else if (this.#dice.chance(0.5)) {
      this.#tell?.(this.#now, machine.instance, "*** its attempt to join ends in error");
      finish(this.#world, machine, this.#dice.chance(0.5) ? "failed" : "outside");
    }
  }

  #heal(): void {
    this.#tell?.(this.#now, "", "*** all is healed");
    this.#isHealed = true;
    this.#sight.heal();
    if (this.#keepers !== null) return;
    if (this.#groups !== null) return this.#onceMore();
    for (const node of this.#nodes) {
      const { machine } = node;
      machine.isCut = false;
      node.ending = null;
      if (machine.ailment === "loud") daemonRestarts(machine);
      if (machine.power === "down") this.#up(node, false);
      else if (node.program === null) this.#start(node);
    }
  }

  /** Machines in groups have healed by themselves; of the last that went without a word a manager must hear. */
  #onceMore(): void {
    const able = this.#nodes.filter(({ machine, leavesByMs }) =>
      machine.role === "manager" && machine.power === "up" && leavesByMs === null
    );
    for (const node of able.slice(-1)) {
      node.ending = null;
      this.#agenda.add(this.#now + ONCE_MORE_MS, { kind: "start", node });
    }
  }

  /** Whether everyone has ended well; a worker that ended in a swarm that was replaced since runs again. */
  #isOver(): boolean {
    // Keepers have yet to find who died last.
    if (this.#keepers !== null) return false;
    let isOver = true;
    for (const node of this.#nodes) {
      const { machine, ending } = node;
      if (machine.power === "terminated" || machine.isOutside) continue;
      if (ending?.exit === 0) {
        if (isInFounded(this.#world, machine)) continue;
        if (isExcused(this.#world, machine, ending)) continue;
        if (machine.role === "worker" && node.run < RUNS_MAX) {
          node.ending = null;
          this.#agenda.add(this.#now + RESTART_MS, { kind: "start", node });
        }
      } else if (ending !== null && isExcused(this.#world, machine, ending)) continue;
      isOver = false;
    }
    return isOver;
  }

  #judgeSecond(): void {
    if (this.#groups !== null) return;
    const done = this.#nodes.filter(({ ending }) => ending?.exit === 0);
    // Whom a record listed that was lost is listed again once it is found.
    if (done.length === 0 || this.#world.strays.length > 0) return;
    const { machine } = this.#dice.pick(done);
    this.#world.nowMs += 10_000;
    const run = { id: "second", timeoutMs: this.#c.timeoutMs };
    const spawn = (): Program => this.#spawn(this.#world, machine, "join", run)!;
    judgeSecondRun(this.#world, machine, spawn, this.#sight);
  }
}

/** EC2 shows an instance while it boots. */
function launch(machine: Machine, atMs: number): void {
  machine.ec2 = [...machine.ec2, { value: "running", atMs: Math.floor(atMs) }];
  machine.launchedMs = machine.bornMs = Math.floor(atMs);
}
