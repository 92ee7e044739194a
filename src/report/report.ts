/**
 * What a run prints on stdout at its end: text for people, or one JSON object. It holds no secret.
 */
import { plain, scrub } from "./log.ts";
import { durationText } from "../cli/values.ts";
import type {
  Action,
  Answer,
  Decision,
  Engine,
  FailExit,
  Fault,
  FoundingRecord,
  Identity,
  Memory,
  Observation,
  Permission,
  Role,
  Shown,
} from "../state.ts";

/** What the run cost. `phases`: milliseconds by kind of call; calls of one step run side by side. */
export interface Meters {
  elapsedMs: number;
  awsCalls: number;
  phases: Readonly<Record<string, number>>;
}

type Result = "initialized" | "joined" | "adopted" | "unchanged" | "planned" | "failed";

export interface Report extends Meters {
  result: Result;
  /** The process's exit code. */
  exit: 0 | FailExit;
  rule: string;
  because: string;
  warnings: readonly string[];
  cluster: string | null;
  role: Role | null;
  instance: string | null;
  nodeId: string | null;
  fingerprint: string | null;
  /** The addresses of the swarm's managers. */
  managers: readonly string[];
  /** Of a dry run: what a run would do first, and what that stands on. */
  plan: Plan | null;
}

interface Plan {
  action: Action;
  observation: Observation;
  /** What AWS says about the permissions that this role needs. Null: not asked. */
  permissions: Answer<Permission[]> | null;
}

/** What a run came to, from its last decision and what that was decided on. */
export function reportOf(
  { decision, observation, permissions, meters }: {
    decision: Decision;
    observation: Observation;
    permissions: Answer<Permission[]> | null;
    meters: Meters;
  },
): Report {
  const { action, rule, because, warnings } = decision;
  const { config } = observation;
  const engine = valueOf(observation.facts.engine);
  const record = recordOf(observation);
  return {
    ...meters,
    result: action.kind === "fail"
      ? "failed"
      : config.dryRun
      ? "planned"
      : resultOf(observation.memory),
    exit: action.kind === "fail" ? action.exit : 0,
    rule,
    because,
    warnings,
    cluster: config.cluster,
    role: roleOf(observation, engine),
    instance: identityOf(observation)?.instance ?? null,
    nodeId: engine?.nodeId === "" ? null : engine?.nodeId ?? null,
    fingerprint: engine?.fingerprint ?? null,
    managers: engine?.swarm?.managers.map(({ address }) => address) ??
      record?.members.map(({ address }) => address) ?? [],
    plan: config.dryRun ? { action, observation, permissions } : null,
  };
}

/** The report of a run that ended before it could decide anything. */
export function failureOf(
  { exit, rule, because, cluster, meters }: {
    exit: FailExit;
    rule: string;
    because: string;
    cluster: string | null;
    meters: Meters;
  },
): Report {
  return {
    ...meters,
    result: "failed",
    exit,
    rule,
    because,
    warnings: [],
    cluster,
    role: null,
    instance: null,
    nodeId: null,
    fingerprint: null,
    managers: [],
    plan: null,
  };
}

/** One JSON object in one line. */
export function jsonOf(report: Report): string {
  const { plan, exit, result, rule, because, ...rest } = report;
  const failed = result === "failed";
  return scrub(JSON.stringify({
    result,
    ...(failed ? { exit, rule, because } : {}),
    ...rest,
    ...(plan === null ? {} : planJson(report, plan)),
  })) + "\n";
}

/** The same for people. A failure is in the log, so that stdout stays empty. */
export function textOf(report: Report): string {
  const lines = report.plan !== null
    ? planLines(report, report.plan)
    : report.exit === 0
    ? resultLines(report)
    : [];
  return lines.map((line) => `${plain(line)}\n`).join("");
}

function resultLines(report: Report): string[] {
  return [
    headline(report),
    ...rows([
      ["instance", report.instance ?? "unknown"],
      ["node", report.nodeId ?? "unknown"],
      ["swarm", report.fingerprint ?? "unknown"],
      ["managers", report.managers.join(", ")],
      ["took", `${tookText(report.elapsedMs)}, ${report.awsCalls} calls of AWS`],
    ]),
  ];
}

function headline({ result, role, cluster }: Report): string {
  switch (result) {
    case "initialized":
      return `Initialized: this node founded the swarm "${cluster}" and is a manager of it.`;
    case "joined":
      return `Joined: this node is a ${role} of the swarm "${cluster}".`;
    case "adopted":
      return `Adopted: this node's swarm is now the founded swarm "${cluster}".`;
    case "unchanged":
      return `Unchanged: this node is a ${role} of the swarm "${cluster}".`;
    case "planned":
    case "failed":
      return "";
    default:
      return result satisfies never;
  }
}

function resultOf({ did }: Memory): Result {
  // The last of these counts: a swarm of one's own may have been left for the founded one.
  const last = did.findLast((kind) => kind === "init" || kind === "join");
  if (last !== undefined) return last === "init" ? "initialized" : "joined";
  return did.includes("found") || did.includes("replace") ? "adopted" : "unchanged";
}

function planJson(report: Report, { action, observation, permissions }: Plan): object {
  const { rule, because, warnings } = report;
  const { kind, ...details } = action;
  return {
    decision: { action: kind, rule, because, warnings, details },
    permissions: permissions?.ok ? permissions.value : [],
    observation,
  };
}

/** Who I am, what I see, what I would do and why, what I may and may not. */
function planLines(report: Report, { action, observation, permissions }: Plan): string[] {
  const { facts } = observation;
  return rows([
    ["I am", identityText(observation, report.role)],
    ["Engine", seen(facts.engine, engineText)],
    ["Record", recordText(observation)],
    ["Tokens", seen(facts.tokens, (list) => list.map(shownText).join("; ") || "none are shown")],
    ["Instances", seen(facts.instances, (list) => list.map(instanceText).join("; ") || "none")],
    ["Answering", seen(facts.answering, (list) => list.join(", ") || "none")],
    ["Contents", seen(facts.contents, (it) => entries(it, " "))],
    ["Decision", actionText(action, valueOf(facts.engine)?.state === "active")],
    ["Rule", report.rule],
    ["Because", report.because],
    ...report.warnings.map((warning): [string, string] => ["Warning", warning]),
    ["Permissions", permissionsText(permissions)],
    ...deniedRows(permissions),
    ["Took", `${tookText(report.elapsedMs)}, ${report.awsCalls} calls of AWS; nothing was changed`],
  ]);
}

function rows(pairs: readonly (readonly [string, string])[]): string[] {
  return pairs.filter(([, text]) => text !== "").map(([name, text]) => `${name.padEnd(12)}${text}`);
}

function identityText(observation: Observation, role: Role | null): string {
  const me = identityOf(observation);
  if (me === null) {
    const answer = observation.facts.identity;
    return answer?.ok === false ? faultText(answer.fault) : "not looked at";
  }
  const lifecycle = me.lifecycle === null ? "" : `, ${me.lifecycle} in its Auto Scaling group`;
  return `${me.instance} at ${me.address}, ${role ?? "of no known role"}, in ${me.vpc}, ` +
    `${me.region}, account ${me.account}${lifecycle}`;
}

function engineText(
  { state, nodeId, manager, fingerprint, address, error, swarm }: Engine,
): string {
  const name = fingerprint === null ? "" : ` of swarm ${fingerprint}`;
  const node = nodeId === "" ? "" : `, node ${nodeId} at ${address}`;
  const size = swarm === null ? "" : `, managers ${swarm.managers.length} of ${swarm.nodes} nodes`;
  const where = nodeId === "" ? ", in no swarm" : `, ${manager ? "manager" : "worker"}${name}`;
  return `${state}${where}${node}${size}${error === "" ? "" : `; it says: ${error}`}`;
}

function recordText({ facts, config }: Observation): string {
  const store = config.store.kind === "tags"
    ? "the launch template"
    : `s3://${config.store.bucket}/${config.store.prefix}`;
  return seen(facts.ledger, (view) => {
    if (view.kind === "unsettled") {
      return `${store} shows gaps (${view.missing.join(", ")}): the read is old`;
    }
    if (view.kind === "unreadable") return `${store} holds what is no record: ${view.why}`;
    if (view.record === null) return `no swarm is founded (${store})`;
    const { fingerprint, members } = view.record;
    const who = members.map(({ instance, address }) => `${instance ?? "unknown"} (${address})`);
    return `swarm ${fingerprint} is founded, with ${who.join(", ") || "no members"} (${store})`;
  });
}

function shownText({ by, state, manager, worker, malformed }: Shown): string {
  const what = [
    ...(manager === null ? [] : ["the managers' token"]),
    ...(worker === null ? [] : ["the workers' token"]),
    ...malformed.map((key) => `no token in ${key}`),
  ];
  return `${by} (${state}) has ${what.join(", ") || "none"}`;
}

function instanceText(
  { instance, state, address }: { instance: string; state: string; address: string | null },
): string {
  return `${instance} ${state}${address === null ? "" : ` at ${address}`}`;
}

/** The first thing that a run would do, and what follows if nothing else happens meanwhile. */
function actionText(action: Action, inSwarm: boolean): string {
  switch (action.kind) {
    case "init":
      return `${action.retract ? "take old tokens out of its tags, " : ""}` +
        "init a swarm; then found it and publish its tokens";
    case "join":
      return `join the swarm ${action.token.fingerprint} by ${action.address}`;
    case "leave":
      return action.force ? "leave its own swarm; then join" : "leave; then look again";
    case "found":
    case "replace":
      return `${action.kind}: ${recordOfText(action.record)}; then publish its tokens`;
    case "register":
      return `register: ${recordOfText(action.record)}${inSwarm ? "" : "; then join"}`;
    case "refresh":
    case "withdraw":
      return `${action.kind}: ${recordOfText(action.record)}`;
    case "fail":
      return `fail with exit ${action.exit}`;
    case "publish":
    case "wait":
    case "done":
      return action.kind;
    default:
      return action satisfies never;
  }
}

function recordOfText({ members }: FoundingRecord): string {
  const names = members.map(({ instance, address }) => instance ?? address).join(", ");
  return `write a record with ${names || "no members"}`;
}

function permissionsText(permissions: Answer<Permission[]> | null): string {
  if (permissions === null) return "not asked for";
  return seen(
    permissions,
    (list) => list.map(({ action, verdict }) => `${action} ${verdict}`).join(", ") || "none needed",
  );
}

function deniedRows(permissions: Answer<Permission[]> | null): [string, string][] {
  const denied = valueOf(permissions ?? undefined)?.filter(({ verdict }) => verdict === "denied");
  return (denied ?? []).map((
    { action },
  ) => ["Denied", `${action}: a run that needs it ends with exit 4`]);
}

function roleOf({ config, memory, facts }: Observation, engine: Engine | null): Role | null {
  if (engine !== null && engine.state === "active") return engine.manager ? "manager" : "worker";
  if (config.role !== "auto") return config.role;
  const self = memory.self ?? valueOf(facts.self);
  const tag = memory.identity?.roleTag ?? self?.roleTag;
  return tag === "manager" || tag === "worker" ? tag : null;
}

function identityOf({ memory, facts }: Observation): Identity | null {
  return memory.identity ?? valueOf(facts.identity);
}

function recordOf({ facts }: Observation): FoundingRecord | null {
  const view = valueOf(facts.ledger);
  return view?.kind === "settled" ? view.record : null;
}

function valueOf<T>(answer: Answer<T> | undefined): T | null {
  return answer?.ok ? answer.value : null;
}

/** A fact for people; nothing when it was not looked at. */
function seen<T>(answer: Answer<T> | undefined, text: (value: T) => string): string {
  if (answer === undefined) return "";
  return answer.ok ? text(answer.value) : faultText(answer.fault);
}

function faultText({ kind, message }: Fault): string {
  return `${kind}: ${message}`;
}

function entries(record: object, between: string): string {
  return Object.entries(record).map(([key, value]) => `${value}${between}${key}`).join(", ");
}

function tookText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)}ms` : durationText(Math.round(ms / 100) * 100);
}
