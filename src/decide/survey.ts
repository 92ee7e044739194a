/**
 * The goal `survey`: everything at once that stands in this node's way, or may, where a join would stop
 * at the first. It looks at all that a join would look at, then at what else can be told; it changes
 * nothing, so that it is asked what AWS allows as every dry run is (`decide.ts`).
 */
import { join, OBSTACLES } from "./join/join.ts";
import { faulted } from "./faults.ts";
import { hooksFound, isInGroup } from "./hooks.ts";
import { isGone, LEFT_LABEL, others, questionOf } from "./members.ts";
import { decided, instancesLook, isKnown, probeOf, together } from "./needs.ts";
import { foundedOf, nodesFound } from "./nodes/found.ts";
import { LATE_MS } from "./patience.ts";
import { roleOf } from "./role.ts";
import { farLooks, nearLooks, seenScene } from "./scene.ts";
import { nodeOf } from "./standing.ts";
import { membersText } from "./words.ts";
import { actionOf } from "../actions.ts";
import { PERMISSION_VERBS } from "../shown.ts";
import type { Look } from "../calls.ts";
import type { Decision, Finding, Observation } from "../state.ts";
import type { FoundingRecord, LedgerView } from "../founding.ts";

export function survey(o: Observation): Decision {
  together(o, ...nearLooks(o), { kind: "unit" });
  if (o.memory.identity !== null) {
    together(o, ...farLooks(o));
    together(o, ...machineLooks(o));
    together(o, ...memberLooks(o), isInGroup(o) && { kind: "hook" });
  }
  const next = decided(() => join(o));
  if (next.kind === "look" && next.calls.every((call) => !isKnown(o, call))) {
    return next;
  }
  const obstacles = obstaclesOf(o);
  const scene = seenScene(o);
  const nodes = scene === null ? [] : nodesFound(scene);
  const findings = unique([
    ...obstacles,
    ...(obstacles.some(({ rule }) => next.kind !== "look" && rule === next.rule)
      ? []
      : nextOf(next)),
    ...faultsOf(o, obstacles.length > 0 ? null : withoutOf(next)),
    ...deniedOf(o),
    ...hooksFound(o),
    ...nodes,
    ...membersOf(o, nodes),
    ...unitOf(o),
  ]);
  const count = (one: Finding["severity"]): number =>
    findings.filter(({ severity }) => severity === one).length;
  const [errors, warnings] = [count("error"), count("warning")];
  return {
    kind: "end",
    exit: errors > 0 ? 5 : 0,
    afterMs: 0,
    rule: "surveyed",
    because: errors > 0
      ? `${errors} of ${findings.length} findings stop this node`
      : warnings > 0
      ? `nothing stops this node for certain, and ${warnings} of ${findings.length} findings ${
        warnings === 1 ? "is a warning" : "are warnings"
      }`
      : `nothing stops this node${untoldOf(o)}`,
    warnings: [],
    findings,
  };
}

/** Which machines have a role, where that is told by tags: a manager can say which of them its swarm lacks. */
function machineLooks(o: Observation): Look[] {
  const scene = seenScene(o);
  return scene !== null && foundedOf(scene) !== null && o.config.role === "auto"
    ? [{ kind: "neighbours", roles: ["manager", "worker"] }]
    : [];
}

/** Who of the record's members, and of the managers that it lacks, lives and answers; and which tokens are shown. */
function memberLooks(o: Observation): (Look | false)[] {
  const record = recordOf(o);
  const me = o.memory.identity;
  if (record === null || me === null) return [];
  const engine = o.facts.engine?.ok ? o.facts.engine.value : null;
  const swarm = engine?.swarm ?? null;
  // After a rotation of the CA the record names the swarm as it was before.
  const { fingerprint } = swarm?.managerToken ?? record;
  const isManager = roleOf(o) === "manager";
  const needsToken = isManager || engine?.state === "inactive";
  const scene = seenScene(o);
  const hasLeavers = swarm?.nodes.some(({ labels }) => labels[LEFT_LABEL] !== undefined) ?? false;
  return [
    probeOf({ o, me, engine, record }) ?? false,
    scene === null
      ? { kind: "instances", ...questionOf(record.members, me, [], settledOf(o)?.serverMs ?? 0) }
      : instancesLook(scene),
    hasLeavers && { kind: "words", instance: null },
    // Only a manager may read the managers'.
    needsToken &&
    { kind: "tokens", fingerprint, want: isManager ? ["manager", "worker"] : ["worker"] },
  ];
}

/** What would stop a join, each by itself. */
function obstaclesOf(o: Observation): Finding[] {
  return [...OBSTACLES.near, ...OBSTACLES.far].flatMap((obstacle) => {
    const decision = decided(() => obstacle(o) ?? NONE);
    return decision === NONE ? [] : findingOf(decision);
  });
}

const NONE: Decision = { kind: "look", calls: [] };

/** What could not be looked at, in one order whichever was answered first. Those that an obstacle speaks of say the same. */
function faultsOf(o: Observation, severity: Finding["severity"] | null): Finding[] {
  const {
    identity: _,
    lifecycle: _lifecycle,
    engine: _engine,
    ledger: _ledger,
    hook: _hook,
    ...rest
  } = o.facts;
  return Object.entries(rest).sort(([a], [b]) => a < b ? -1 : 1).flatMap(([kind, fact]) =>
    fact.ok ? [] : findingOf(faulted(o, fact.fault)).map((one) => ({
      ...one,
      // A join does not need to know how it is run.
      severity: kind === "unit" ? "note" : severity ?? one.severity,
    }))
  );
}

/** How grave it is for a join that came this far to know no more; null: as each fault is by itself. */
function withoutOf(next: Decision): Finding["severity"] | null {
  if (next.kind === "act") return "warning";
  return next.kind === "end" && next.exit === 0 ? "note" : null;
}

/** What AWS does not say about a join's writes: no permission, and no lack of one. */
function untoldOf({ facts }: Observation): string {
  const permissions = facts.permissions?.ok ? facts.permissions.value : [];
  const actions = permissions.flatMap(({ action, verdict, verb }) =>
    verdict === "unknown" && verb === "join" ? action : []
  );
  return actions.length === 0 ? "" : `; AWS does not say whether it allows ${actions.join(", ")}`;
}

function deniedOf({ facts }: Observation): Finding[] {
  const permissions = facts.permissions?.ok ? facts.permissions.value : [];
  return permissions.filter(({ verdict }) => verdict === "denied").map(({ action, verb }) => ({
    rule: "permission-missing",
    severity: verb === "join" ? "error" : "warning",
    because: `${action} is denied: ${PERMISSION_VERBS[verb]}`,
  }));
}

/** How systemd runs this program here. */
function unitOf({ facts: { unit } }: Observation): Finding[] {
  if (!unit?.ok || unit.value === null) return [];
  const { path, runs, stopMs } = unit.value;
  if (runs === "join") {
    const because = `${path} runs a join only: between two boots nobody looks after this node`;
    return [{ rule: "unit-joins-only", severity: "note", because }];
  }
  const given = stopMs ?? SYSTEMD_STOP_MS;
  if (runs !== "keep" || given > LEAVE_MS) return [];
  const because = `${path} gives keep ${given / 1000} s to end${
    stopMs === null ? ", as systemd gives all" : ""
  }: its leave, when the machine goes, may take ${LEAVE_MS / 1000} s`;
  return [{ rule: "unit-stops-early", severity: "warning", because }];
}

/** `DefaultTimeoutStopSec` of systemd, where nobody has set another. */
const SYSTEMD_STOP_MS = 90_000;
/** How long a leave takes at most, when the machine is shut down. */
const LEAVE_MS = 100_000;

/** What says of a manager that it does not answer, and more. */
const OF_DEAD_NODES: readonly Finding["rule"][] = ["ghost-voter", "ghost-node", "voter-silent"];

/** The record's other members that are gone, or do not answer; but for those whose nodes were told of. */
function membersOf(o: Observation, nodes: readonly Finding[]): Finding[] {
  const { facts: { probe, instances, engine }, memory: { identity: me } } = o;
  const swarm = engine?.ok ? engine.value.swarm : null;
  const told = nodes.flatMap(({ rule, nodeId }) =>
    OF_DEAD_NODES.includes(rule) ? nodeId ?? [] : []
  );
  const view = settledOf(o);
  if (view === null || view.record === null || me === null || !probe?.ok || !instances?.ok) {
    return [];
  }
  const evidence = {
    me,
    instances: instances.value,
    answering: probe.value,
    serverMs: view.serverMs,
  };
  return others(view.record, me).flatMap((member): Finding[] => {
    if (probe.value.includes(member.address)) return [];
    const node = swarm === null ? null : nodeOf(o, member, swarm);
    if (node !== null && told.includes(node.nodeId)) return [];
    const who = membersText([member], instances.value);
    return isGone(member, evidence)
      ? [{ rule: "member-gone", severity: "note", because: `${who} is gone for good` }]
      : [{ rule: "member-silent", severity: "warning", because: `${who} does not answer` }];
  });
}

/** What a join would do now, if it would do something. */
function nextOf(next: Decision): Finding[] {
  if (next.kind !== "act") return findingOf(next);
  const because = `a join would ${actionOf(next)} (${next.rule}): ${next.because}`;
  return [{ rule: "next", severity: "note", because }];
}

function findingOf(decision: Decision): Finding[] {
  switch (decision.kind) {
    case "look":
      return [];
    case "act":
      return [{ rule: decision.rule, severity: "warning", because: decision.because }];
    case "wait": {
      const { rule, because } = decision;
      // Whoever asks does not want to hear that it may pass.
      return [{ rule, severity: rule === "unreachable" ? "error" : "warning", because }];
    }
    case "end": {
      const { rule, because, exit, afterMs, warnings } = decision;
      const held = afterMs === LATE_MS
        ? " (a run waits for it until --timeout)"
        : afterMs > 0
        ? ` (a run believes it once it holds for ${afterMs / 1000} s)`
        : "";
      // By itself an exit 3 takes nobody.
      const severity = exit === 3 ? "warning" : "error";
      const said: Finding[] = exit === 0 ? [] : [{ rule, severity, because: because + held }];
      return [
        ...said,
        ...warnings.map((because): Finding => ({ rule, severity: "warning", because })),
      ];
    }
    default:
      return decision satisfies never;
  }
}

function unique(findings: Finding[]): Finding[] {
  return findings.filter(({ rule, because }, i) =>
    findings.findIndex((one) => one.rule === rule && one.because === because) === i
  );
}

function recordOf(o: Observation): FoundingRecord | null {
  return settledOf(o)?.record ?? null;
}

function settledOf({ facts }: Observation): LedgerView & { kind: "settled" } | null {
  const view = facts.ledger?.ok ? facts.ledger.value : null;
  return view?.kind === "settled" ? view : null;
}
