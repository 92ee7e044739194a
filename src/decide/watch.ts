/**
 * What `keep` does between runs: when it looks, what makes it run again, when it leaves, when it ends. Pure, as
 * `decide` is for a run. A worker at rest asks nothing of AWS, a manager little: what changes shows in its
 * Engine first, and only that of the raft leader is to see who leaves, or is dead, within seconds.
 */
import { instanceOf } from "./members.ts";
import { isOpen } from "./nodes/tend.ts";
import type { Look, Told } from "../calls.ts";
import { asItIs } from "../memory.ts";
import type { Answer, Engine, Facts, SwarmNode } from "../state.ts";

/** All that it knows: plain data. Times are in ms since it began. */
export interface Watch {
  intervalMs: number;
  timeoutMs: number;
  nowMs: number;
  /** Drawn anew for each run and each look: in [0, 1). */
  dice: number;
  /** Somebody asked it to end. */
  isStopped: boolean;
  /** What was seen last, and when. */
  facts: Pick<Facts, Watched>;
  seenMs: { [K in Watched]?: number };
  /** Looks in a row in which none of a worker's managers answered. */
  silent: number;
  /** Who in its swarm is down, out of reach, or without a label. */
  ailing: string[];
  /** When the last of them began to be; null: nobody is. */
  ailingMs: number | null;
  last: Ran | null;
  /** Runs in a row that failed. */
  failures: number;
  /** Whether a launching hook may wait for this node. */
  isLaunching: boolean;
}

/** What it looks at itself. */
export type Watched = "lifecycle" | "engine" | "probe" | "words";

/** A run, as it is begun. */
export interface Errand {
  goal: "join" | "leave";
  /** It has a hook completed once the node is in. */
  isLaunching: boolean;
  timeoutMs: number;
}

/** How a run ended. `picture`: of its Engine, as its last decision saw it; null: it saw none. */
interface Ran {
  errand: Errand;
  end: "reached" | "failed" | "cut";
  /** What a leave found: in no swarm any more (`hook-pending`: and its hook does not hold it yet), or why it stays. */
  outcome: typeof OUTCOMES[number] | null;
  /** Drawn for it: nodes that were started together do not run together for ever. */
  dice: number;
  atMs: number;
  picture: string | null;
  /** Whether it was begun since it was asked to end. */
  isLast: boolean;
}

const OUTCOMES = ["out", "hook-pending", "not-going", "last-manager"] as const;

export type Step =
  | { kind: "look"; calls: (Look & { kind: Watched })[] }
  | { kind: "run"; errand: Errand; because: string }
  | { kind: "rest"; ms: number }
  | { kind: "end"; result: "left" | "stopped" };

/** IMDS costs nobody else anything, and a spot notice gives two minutes. */
const LIFECYCLE_MS = 5_000;
/** The leader alone looks who leaves. */
const WORDS_MS = 10_000;
/** When a manager looks at AWS whatever its Engine shows: each time costs it four to six requests. */
const RECHECK_MS = 30 * 60_000;
/** The same of a worker, whose swarm may have been replaced at the very addresses of its managers. */
const WORKER_RECHECK_MS = 6 * 60 * 60_000;
/** So often who ails is looked for at least. */
const AILING_MAX_MS = 10 * 60_000;
/** When a run that failed is begun again: at first, and at most. */
const RETRY_MS = 10_000;
const RETRY_MAX_MS = 5 * 60_000;
/** A spot notice gives two minutes: with 30 s to spare, and what it takes to hear of it. */
const SPOT_MS = 80_000;
/** What a shutdown gives (`TimeoutStopSec` of the unit is longer). */
const STOP_MS = 100_000;
/** For so long who ails is looked for at each interval; later ever more rarely. */
const AILING_MS = 15 * 60_000;

/** `intervalMs`: between two looks at its own Engine. `timeoutMs`: of each run. */
export function newWatch(given: Pick<Watch, "intervalMs" | "timeoutMs">): Watch {
  return {
    ...given,
    nowMs: 0,
    dice: 0,
    isStopped: false,
    facts: {},
    seenMs: {},
    silent: 0,
    ailing: [],
    ailingMs: null,
    last: null,
    failures: 0,
    isLaunching: true,
  };
}

/** What is next. */
export function watch(w: Watch): Step {
  if (w.isStopped) return stopping(w);
  const due = dueLooks(w);
  if (due.length > 0) return { kind: "look", calls: due };
  const going = goingBy(w);
  if (going !== null) return leaving(w, going);
  const { timeoutMs, isLaunching } = w;
  if (isPutAway(w)) {
    const errand = { goal: "leave", isLaunching: false, timeoutMs } as const;
    return {
      kind: "run",
      errand,
      because: "Auto Scaling takes this machine back into a warm pool",
    };
  }
  const because = reasonToRun(w);
  if (because === null) return { kind: "rest", ms: untilDue(w) };
  return { kind: "run", errand: { goal: "join", isLaunching, timeoutMs }, because };
}

/** Whether a run that is under way is not worth its end any more: another one is, or the same in less time. */
export function isOvertaken(w: Watch, { goal, timeoutMs }: Errand): boolean {
  const by = goingBy(w);
  const now = w.isStopped ? LAST_ERRAND : by === null ? null : leaveFor(w, by);
  return now !== null && (goal !== now.goal || timeoutMs > now.timeoutMs);
}

const LAST_ERRAND: Errand = { goal: "leave", isLaunching: false, timeoutMs: STOP_MS };

/** Asked to end, it asks whether the machine goes for good, as the unit is stopped at a reboot too. */
function stopping({ last }: Watch): Step {
  if (last?.isLast) {
    const isOut = last.outcome === "out" || last.outcome === "hook-pending";
    return { kind: "end", result: isOut ? "left" : "stopped" };
  }
  return { kind: "run", errand: LAST_ERRAND, because: "it was asked to end" };
}

/** Who says that this machine goes for good; null: nobody, or nobody can be asked. */
function goingBy({ facts: { lifecycle } }: Watch): "Auto Scaling" | "a spot notice" | null {
  if (!lifecycle?.ok) return null;
  const { target, spot } = lifecycle.value;
  if (spot === "terminate") return "a spot notice";
  // Also out of a warm pool, in which it may still run.
  return /^(?:Warmed:)?Terminated$/.test(target ?? "") ? "Auto Scaling" : null;
}

/** Whether a member goes back into a warm pool: out of service, it must not vote. It joins when it comes out. */
function isPutAway({ facts: { lifecycle }, last }: Watch): boolean {
  const target = lifecycle?.ok ? lifecycle.value.target ?? "" : "";
  return target.startsWith("Warmed:") && last?.errand.goal === "join" && last.end === "reached";
}

/** Whether this machine is told to go, as far as is known. */
export function isToGo(w: Watch): boolean {
  return goingBy(w) !== null;
}

function leaving(w: Watch, by: "Auto Scaling" | "a spot notice"): Step {
  const { last } = w;
  if (last?.errand.goal === "leave" && last.end === "reached" && last.outcome === "out") {
    return { kind: "end", result: "left" };
  }
  const waitMs = last?.errand.goal === "leave" ? againMs(w) : 0;
  const leftMs = (last?.atMs ?? 0) + waitMs - w.nowMs;
  if (leftMs > 0) return { kind: "rest", ms: Math.min(leftMs, untilDue(w)) };
  return { kind: "run", errand: leaveFor(w, by), because: `${by} says that this machine goes` };
}

function leaveFor({ timeoutMs }: Watch, by: "Auto Scaling" | "a spot notice"): Errand {
  const mostMs = by === "a spot notice" ? Math.min(SPOT_MS, timeoutMs) : timeoutMs;
  return { goal: "leave", isLaunching: false, timeoutMs: mostMs };
}

/** Why a run is begun now; null: nothing asks for one. */
function reasonToRun(w: Watch): string | null {
  const { last, facts: { engine }, nowMs } = w;
  if (last === null) return "it begins";
  if (last.errand.goal === "leave") return "it stays";
  if (last.end === "cut") return "its last run was cut";
  const sinceMs = nowMs - last.atMs;
  if (last.end === "failed") return sinceMs >= againMs(w) ? "its last run failed" : null;
  // Whatever it shows: a run that can do nothing about that is not begun again without an end.
  if (engine === undefined || sinceMs < RETRY_MS) return null;
  if (pictureOf(engine) !== last.picture) return "its Engine shows another picture";
  const isManager = engine.ok && engine.value.manager;
  const isLong = (ms: number): boolean => sinceMs >= ms * (1 + 0.2 * last.dice);
  if (!isManager) {
    if (w.silent >= 2) return "none of its managers answers";
    return isLong(WORKER_RECHECK_MS) ? "its last run was long ago" : null;
  }
  if (w.ailingMs !== null && sinceMs >= ailingEveryMs(w)) return "a node of its swarm ails";
  if (wordsOpen(w)) return "a node says that it leaves, or stays";
  return isLong(RECHECK_MS) ? "its last run was long ago" : null;
}

/** Each failure in a row doubles it. The last manager holds on, and looks again. */
function againMs({ failures, last, intervalMs }: Watch): number {
  if (last?.outcome === "last-manager") return Math.max(intervalMs, RETRY_MS);
  return Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(10, Math.max(0, failures - 1)));
}

/** The leader looks at each interval at first, the other managers now and then: it may be who can't. */
function ailingEveryMs({ ailingMs, nowMs, intervalMs, facts: { engine } }: Watch): number {
  const forMs = nowMs - (ailingMs ?? nowMs);
  const everyMs = Math.min(AILING_MAX_MS, Math.max(intervalMs, (forMs - AILING_MS) / 8));
  return engine?.ok && isLeader(engine.value) ? everyMs : Math.min(AILING_MAX_MS, 4 * everyMs);
}

/** Whether a word asks for what its node does not show. */
function wordsOpen({ facts: { words, engine } }: Watch): boolean {
  if (!words?.ok || !engine?.ok) return false;
  const ready = engine.value.swarm?.nodes.filter(({ state }) => state === "ready") ?? [];
  return words.value.some((word) => ready.some((node) => isOpen(node, word)));
}

function dueLooks(w: Watch): (Look & { kind: Watched })[] {
  const { facts: { engine } } = w;
  const calls: (Look & { kind: Watched })[] = [];
  const isDue = (kind: Watched): boolean => dueMs(w, kind) <= w.nowMs;
  if (isDue("lifecycle")) calls.push({ kind: "lifecycle" });
  // Else another run is next, which looks at everything itself.
  const isAtRest = w.last?.errand.goal === "join" && w.last.end === "reached";
  if (!isAtRest || goingBy(w) !== null) return calls;
  if (isDue("engine")) calls.push({ kind: "engine" });
  if (!engine?.ok) return calls;
  const { manager, peers } = engine.value;
  if (!manager && peers.length > 0 && isDue("probe")) {
    calls.push({ kind: "probe", addresses: peers });
  }
  if (isLeader(engine.value) && isDue("words")) calls.push({ kind: "words", instance: null });
  return calls;
}

/** When it looks at this next, in ms since it began. */
function dueMs(w: Watch, kind: Watched): number {
  const seenMs = w.seenMs[kind];
  return seenMs === undefined ? 0 : seenMs + everyMs(w, kind);
}

function everyMs(w: Watch, kind: Watched): number {
  if (kind === "lifecycle") return LIFECYCLE_MS;
  return kind === "words" ? WORDS_MS : w.intervalMs * spread(w);
}

/** Nodes that were started together do not look together for ever. */
function spread({ dice }: Watch): number {
  return 0.8 + 0.4 * dice;
}

function untilDue(w: Watch): number {
  return Math.max(1, Math.ceil(dueMs(w, "lifecycle") - w.nowMs));
}

function isLeader({ nodeId, swarm }: Engine): boolean {
  return swarm?.nodes.some((node) => node.nodeId === nodeId && node.voter?.leader) ?? false;
}

/** Something was looked at. */
export function watched(w: Watch, told: Told<Watched>): Watch {
  const { kind } = told;
  const so: Watch = {
    ...w,
    facts: { ...w.facts, [kind]: taken(told) },
    seenMs: { ...w.seenMs, [kind]: w.nowMs },
  };
  if (kind === "probe") {
    const isSilent = so.facts.probe?.ok === true && so.facts.probe.value.length === 0;
    return { ...so, silent: isSilent ? w.silent + 1 : 0 };
  }
  const { engine } = so.facts;
  if (kind !== "engine" || !engine?.ok) return so;
  const ailing = engine.value.swarm?.nodes.filter(ails).map(({ nodeId }) => nodeId) ?? [];
  if (ailing.length === 0) return { ...so, ailing, ailingMs: null };
  const isNews = ailing.some((one) => !w.ailing.includes(one));
  return { ...so, ailing, ailingMs: isNews ? w.nowMs : w.ailingMs };
}

/** A run sees it so too: else each would find another picture than the one before. */
function taken(told: Told<Watched>): Told<Watched>["answer"] {
  if (told.kind !== "engine" || !told.answer.ok) return told.answer;
  return { ok: true, value: asItIs(told.answer.value) };
}

/** Whether a node may have to be reaped as soon as EC2 says so, or labelled as soon as it shows the machine. */
function ails(node: SwarmNode): boolean {
  const isNameless = node.state === "ready" && instanceOf(node) === null;
  return isNameless || node.state === "down" || node.voter?.reachable === false;
}

/** A run has ended. */
export function ran(
  w: Watch,
  errand: Errand,
  { end, rule, engine }: { end: Ran["end"]; rule: string; engine: Facts["engine"] },
): Watch {
  const outcome = OUTCOMES.find((one) => one === rule);
  const picture = engine === undefined ? null : pictureOf(engine);
  const last: Ran = {
    errand,
    end,
    outcome: outcome ?? null,
    atMs: w.nowMs,
    dice: w.dice,
    picture,
    isLast: errand === LAST_ERRAND,
  };
  return {
    ...w,
    last,
    failures: end === "failed" ? w.failures + 1 : 0,
    silent: 0,
    isLaunching: w.isLaunching && !(errand.goal === "join" && end === "reached"),
    // What was seen before the run is older than what it has done.
    facts: {
      ...(w.facts.lifecycle && outcome !== "not-going" ? { lifecycle: w.facts.lifecycle } : {}),
    },
    seenMs: outcome === "not-going" ? {} : { lifecycle: w.seenMs.lifecycle ?? w.nowMs },
  };
}

/** What of an Engine's answer is worth a run when it changes. */
export function pictureOf(engine: Answer<Engine>): string {
  if (!engine.ok) return engine.fault.kind;
  const { state, nodeId, fingerprint, manager, address, trouble, swarm } = engine.value;
  const nodes = swarm?.nodes.map((node) => [
    node.nodeId,
    node.desired,
    node.observed,
    node.voter === null ? null : node.voter.reachable,
    node.state === "down",
    node.availability,
    node.labels,
  ]);
  const tokens = swarm === null ? null : [swarm.managerToken.digest, swarm.workerToken.digest];
  return JSON.stringify([state, nodeId, fingerprint, manager, address, trouble, tokens, nodes]);
}
