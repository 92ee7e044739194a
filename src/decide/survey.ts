/**
 * The goal `survey`: everything at once that stands in this node's way, or may, where a join would stop
 * at the first. It looks at all that a join would look at, and at who answers; it changes nothing, so
 * that it is asked what AWS allows as every dry run is (`decide.ts`).
 */
import { join, OBSTACLES } from "./join/join.ts";
import { faulted } from "./faults.ts";
import { isGone, others, questionOf } from "./members.ts";
import { addressesOf, decided, together } from "./needs.ts";
import { roleAsked } from "./role.ts";
import { farLooks, nearLooks } from "./scene.ts";
import { membersText } from "./words.ts";
import { actionOf } from "../actions.ts";
import type { Look } from "../calls.ts";
import type { Decision, Finding, FoundingRecord, Observation, Role } from "../state.ts";

export function survey(o: Observation): Decision {
  together(o, ...nearLooks(o));
  const me = o.memory.identity;
  if (me !== null) {
    together(o, ...farLooks(o));
    together(o, ...memberLooks(o));
  }
  const next = decided(() => join({ ...o, memory: { ...o.memory, fault: null } }));
  const isNews = (call: Look): boolean => o.facts[call.kind] === undefined;
  if (next.kind === "look" && next.calls.every(isNews)) return next;
  const findings = unique([
    ...obstaclesOf(o),
    ...faultsOf(o),
    ...deniedOf(o),
    ...membersOf(o),
    ...nextOf(next),
  ]);
  const errors = findings.filter(({ severity }) => severity === "error").length;
  return {
    kind: "end",
    exit: errors > 0 ? 5 : 0,
    afterMs: 0,
    rule: "surveyed",
    because: errors > 0
      ? `${errors} of ${findings.length} findings stop this node`
      : "nothing stops this node",
    warnings: [],
    findings,
  };
}

/** Who of the record's members lives and answers, and which tokens are shown. */
function memberLooks(o: Observation): (Look | false)[] {
  const record = recordOf(o);
  const me = o.memory.identity;
  if (record === null || me === null) return [];
  // Only a manager may read the managers'.
  const want: Role[] = roleAsked(o) === "manager" ? ["manager", "worker"] : ["worker"];
  const addresses = addressesOf(others(record, me));
  // After a rotation of the CA the record names the swarm as it was before.
  const swarm = o.facts.engine?.ok ? o.facts.engine.value.swarm : null;
  const { fingerprint } = swarm?.managerToken ?? record;
  return [
    addresses.length > 0 && { kind: "probe", addresses },
    { kind: "instances", ...questionOf(record.members, me, []) },
    { kind: "tokens", fingerprint, want },
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

/** What could not be looked at. Those that an obstacle speaks of say the same. */
function faultsOf(o: Observation): Finding[] {
  const { identity: _, lifecycle: _lifecycle, engine: _engine, ledger: _ledger, ...rest } = o.facts;
  return Object.values(rest).flatMap((fact) => fact.ok ? [] : findingOf(faulted(o, fact.fault)));
}

function deniedOf({ facts }: Observation): Finding[] {
  const permissions = facts.permissions?.ok ? facts.permissions.value : [];
  return permissions.filter(({ verdict }) => verdict === "denied").map(({ action }) => ({
    rule: "permission-missing",
    severity: "error",
    because: `${action} is denied: a run that needs it ends with exit 4`,
  }));
}

/** The record's other members that are gone, or do not answer. */
function membersOf(o: Observation): Finding[] {
  const { facts, memory: { identity: me } } = o;
  const record = recordOf(o);
  const view = facts.ledger?.ok && facts.ledger.value.kind === "settled"
    ? facts.ledger.value
    : null;
  if (record === null || me === null || view === null || !facts.probe?.ok || !facts.instances?.ok) {
    return [];
  }
  const [answering, known] = [facts.probe.value, facts.instances.value];
  const evidence = { me, instances: known, serverMs: view.serverMs };
  return others(record, me).flatMap((member): Finding[] => {
    if (answering.includes(member.address)) return [];
    const who = membersText([member], known);
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
    case "wait":
      return [{ rule: decision.rule, severity: "warning", because: decision.because }];
    case "end": {
      const { rule, because, exit, warnings } = decision;
      const said: Finding[] = exit === 0 ? [] : [{ rule, severity: "error", because }];
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

function recordOf({ facts }: Observation): FoundingRecord | null {
  const view = facts.ledger?.ok ? facts.ledger.value : null;
  return view?.kind === "settled" ? view.record : null;
}
