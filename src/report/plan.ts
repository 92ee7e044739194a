/** A dry run's page: who I am, what I see, what I would do and why, what I may and may not. */
import type { Plan, Report } from "./report.ts";
import { rows, storeText, tookText } from "./rows.ts";
import { actionOf } from "../actions.ts";
import { planOf } from "../calls.ts";
import { RULES } from "../rules.ts";
import type {
  Answer,
  Contents,
  Engine,
  Fault,
  Instance,
  Observation,
  Role,
  Word,
} from "../state.ts";
import { PERMISSION_VERBS } from "../shown.ts";
import type { NeededPermission, Permission, Shown } from "../shown.ts";

/** What a plan adds to a report's JSON. */
export function planJson(report: Report, { decision, observation }: Plan): object {
  const { rule, because, warnings } = report;
  const action = actionOf(decision);
  const { permissions } = observation.facts;
  return {
    decision: { action, rule, because, warnings, details: detailsOf(decision) },
    permissions: permissions?.ok ? permissions.value : [],
    observation,
  };
}

function detailsOf(decision: Plan["decision"]): object {
  switch (decision.kind) {
    case "act": {
      const { kind: _, ...details } = decision.call;
      return details;
    }
    case "wait":
      return { ms: decision.ms, exit: decision.exit };
    case "end":
      return decision.exit === 0 ? {} : { exit: decision.exit, afterMs: decision.afterMs };
    default:
      return decision satisfies never;
  }
}

export function planLines(report: Report, { decision, observation }: Plan): string[] {
  const { facts } = observation;
  const inSwarm = facts.engine?.ok === true && facts.engine.value.state === "active";
  return rows([
    ["Cluster", `${report.cluster}, in the store ${report.store}`],
    ["I am", identityText(observation, report.role)],
    ["Engine", factText(facts.engine, engineText)],
    ["Record", recordText(observation)],
    [
      "Tokens",
      factText(facts.tokens, (list) => list.map(shownText).join("; ") || "none are shown"),
    ],
    ["Instances", factText(facts.instances, (list) => list.map(instanceText).join("; ") || "none")],
    ["Answering", factText(facts.probe, (list) => list.join(", ") || "none")],
    ["Contents", factText(facts.contents, contentsText)],
    ["Words", factText(facts.words, (list) => list.map(wordText).join("; "))],
    ["Decision", decisionText(decision, inSwarm)],
    ["Rule", report.rule],
    ["Because", report.because],
    ["To do", decision.kind === "end" && decision.exit !== 0 ? RULES[report.rule].mend : ""],
    ...report.warnings.map((warning): [string, string] => ["Warning", warning]),
    ["Permissions", permissionsText(facts.permissions)],
    ...deniedRows(facts.permissions),
    ["Took", `${tookText(report)}; nothing was changed`],
  ]);
}

function identityText({ memory, facts }: Observation, role: Role | null): string {
  const { identity: me, lifecycle } = memory;
  if (me === null) {
    return facts.identity?.ok === false ? faultText(facts.identity.fault) : "not looked at";
  }
  const state = lifecycle?.target ?? null;
  const group = state === null ? "" : `, ${state} in its Auto Scaling group`;
  const spot = lifecycle?.spot ?? null;
  const notice = spot === null ? "" : `, to ${spot} by a spot notice`;
  return `${me.instance} at ${me.address}, ${role ?? "of no known role"}, in ${me.vpc}, ` +
    `${me.region}, account ${me.account}${group}${notice}`;
}

function engineText(
  { state, nodeId, manager, fingerprint, address, error, swarm }: Engine,
): string {
  const name = fingerprint === null ? "" : ` of swarm ${fingerprint}`;
  const node = nodeId === "" ? "" : `, node ${nodeId} at ${address}`;
  const size = swarm === null
    ? ""
    : `, managers ${
      swarm.nodes.filter(({ voter }) => voter !== null).length
    } of ${swarm.nodes.length} nodes`;
  const where = nodeId === "" ? ", in no swarm" : `, ${manager ? "manager" : "worker"}${name}`;
  return `${state}${where}${node}${size}${error === "" ? "" : `; it says: ${error}`}`;
}

function recordText({ facts, config }: Observation): string {
  const store = config.store.kind === "tags" ? "the launch template" : storeText(config.store);
  return factText(facts.ledger, (view) => {
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

function instanceText({ instance, state, address }: Instance): string {
  return `${instance} ${state}${address === null ? "" : ` at ${address}`}`;
}

function wordText({ instance, nodeId, leaves }: Word & { instance: string }): string {
  return `${instance} says that the node ${nodeId} ${leaves ? "leaves" : "stays"}`;
}

function contentsText(contents: Contents): string {
  return Object.entries(contents).map(([what, count]) => `${count} ${what}`).join(", ") ||
    "nothing";
}

/** The first thing that a run would do, and what follows if nothing else happens meanwhile. */
function decisionText(decision: Plan["decision"], inSwarm: boolean): string {
  if (decision.kind === "act") return planOf(decision.call, inSwarm);
  if (decision.kind === "wait") return "wait";
  return decision.exit === 0 ? "done" : `fail with exit ${decision.exit}`;
}

const VERDICT_TEXTS: { readonly [V in Permission["verdict"]]: string } = {
  allowed: "allowed",
  denied: "denied",
  unknown: "unknown",
  unasked: "not asked (there is no template yet)",
};

function permissionsText(permissions: Answer<NeededPermission[]> | undefined): string {
  if (permissions === undefined) return "not asked for";
  const textOf = ({ action, verdict, verb }: NeededPermission): string =>
    `${action} ${VERDICT_TEXTS[verdict]}${verb === "join" ? "" : ` (to ${verb})`}`;
  return factText(permissions, (list) => list.map(textOf).join(", ") || "none needed");
}

function deniedRows(permissions: Answer<NeededPermission[]> | undefined): [string, string][] {
  const asked = permissions?.ok ? permissions.value : [];
  return asked.filter(({ verdict }) => verdict === "denied").map(({ action, verb }) => [
    "Denied",
    `${action}: ${PERMISSION_VERBS[verb]}`,
  ]);
}

/** A fact for people; nothing when it was not looked at. */
function factText<T>(answer: Answer<T> | undefined, text: (value: T) => string): string {
  if (answer === undefined) return "";
  return answer.ok ? text(answer.value) : faultText(answer.fault);
}

function faultText({ message }: Fault): string {
  return message;
}
