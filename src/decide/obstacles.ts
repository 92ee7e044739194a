/**
 * What can stand in a node's way, each by itself, whatever else does: null where it does not, or can't
 * be told from what was looked at. A goal names those that stop it; a survey tells all of them.
 */
import { engineFaulted, faulted, metadataFaulted } from "./faults.ts";
import { completed } from "./hooks.ts";
import { questionOf } from "./members.ts";
import { need } from "./needs.ts";
import {
  ATTEMPT_MS,
  CONFLICT_MS,
  LATE_MS,
  startedMs,
  STARTING_MS,
  STRANGE_MS,
} from "./patience.ts";
import { needsTags, roleAsked, roleOf, roleText } from "./role.ts";
import { act, fail, wait } from "./verdict.ts";
import { hostOf, isIp } from "../addresses.ts";
import type { Answer, Decision, Engine, Fault, Identity, Observation } from "../state.ts";

export type Obstacle = (o: Observation) => Decision | null;

/** IMDS does not say who this instance is, or where Auto Scaling wants it. */
export function noMetadata({ memory, facts }: Observation): Decision | null {
  const fault = memory.identity === null ? faultIn(facts.identity) : null;
  const unsaid = fault ?? (memory.lifecycle === null ? faultIn(facts.lifecycle) : null);
  return unsaid === null ? null : metadataFaulted(unsaid);
}

/** Whether Auto Scaling, or a spot notice, says that this machine goes. */
export function isToldToGo({ memory: { lifecycle } }: Observation): boolean {
  return lifecycle?.target === "Terminated" || lifecycle?.spot === "terminate";
}

/** Who is told to go joins nothing. */
export function going(o: Observation): Decision | null {
  const me = o.memory.identity;
  // What EC2 says of it is taken where it was asked anyway.
  const isEnding = o.memory.self?.state === "shutting-down";
  if (me === null || !(isEnding || isToldToGo(o))) return null;
  const by = isEnding
    ? "EC2"
    : o.memory.lifecycle?.spot === "terminate"
    ? "a spot notice"
    : "Auto Scaling";
  return fail(3, "going", `${by} says that ${me.instance} goes: it joins no swarm`);
}

/** A machine of a warm pool is not in service, and may be stopped at any moment. */
export function warmPool(o: Observation): Decision | null {
  const { identity } = o.memory;
  const lifecycle = o.memory.lifecycle?.target ?? null;
  if (identity === null || lifecycle === null || !isWarmed(lifecycle)) return null;
  const because =
    `${identity.instance} is in a warm pool (${lifecycle}): it joins when it enters service`;
  const rest = wait(o, "warm-pool", because);
  // A launching hook holds it on its way into the pool too: until its Engine is there, as the pool may stop it then.
  const mayBeHeld = /^Warmed:Pending/.test(o.memory.hook?.state ?? "Warmed:Pending");
  const isReady = o.config.hook === "launching" && engineOf(o) !== null;
  return isReady && mayBeHeld ? completed(o, "launching", rest) : rest;
}

/** Whether that may still change by itself, so that it is asked for again. */
export function isWarmed(lifecycle: string): boolean {
  return lifecycle.startsWith("Warmed:");
}

export function engineDown({ facts }: Observation): Decision | null {
  const fault = faultIn(facts.engine);
  return fault === null ? null : engineFaulted(fault);
}

export function engineLocked(o: Observation): Decision | null {
  if (engineOf(o)?.state !== "locked") return null;
  const because =
    "the Engine's swarm is locked: run `docker swarm unlock` with its key, then swarm-join again";
  return fail(5, "engine-locked", because);
}

/** A swarm's Engine it can't be: known before anything is written for it. */
export function engineRefuses(o: Observation): Decision | null {
  const engine = engineOf(o);
  if (engine === null || engine.refuses === "") return null;
  return fail(2, "setting-unusable", `this Docker Engine refuses swarm mode: ${engine.refuses}`);
}

/** Another region's record and tokens are those of another swarm. */
export function regionElsewhere({ config, memory }: Observation): Decision | null {
  const me = memory.identity;
  if (me === null || config.region === null || config.region === me.region) return null;
  return fail(
    2,
    "setting-unusable",
    `AWS_REGION is "${config.region}", and ${me.instance} runs in ${me.region}: the swarm of its VPC is there. Unset AWS_REGION`,
  );
}

/**
 * The Engine is a node at an address that neither this instance, nor a machine's interface, nor the
 * person knows. Whose it is, the record can tell (`addressElsewhere`).
 */
function isAtStrangeAddress(o: Observation): boolean {
  const engine = engineOf(o);
  const me = o.memory.identity;
  if (engine === null || me === null || !isNode(engine) || engine.address === "") return false;
  const { address } = engine;
  const mine = [me.address, ...me.addresses, ...me.publicAddresses, askedHost(o)];
  return !mine.includes(address) &&
    !need(o, { kind: "interfaces" }).some((one) => one.address === address);
}

/** Its disk was cloned or restored from another node, or the address is one that only the network knows. */
export function addressElsewhere(o: Observation): Decision | null {
  if (!isAtStrangeAddress(o)) return null;
  const engine = engineOf(o)!;
  const me = o.memory.identity!;
  const view = o.facts.ledger?.ok ? o.facts.ledger.value : null;
  const record = view?.kind === "settled" ? view.record : null;
  const owner = record?.members.find(({ instance, address }) =>
    address === engine.address && instance !== null && instance !== me.instance
  );
  const state = owner === undefined || owner.instance === null
    ? null
    : need(o, { kind: "instances", ids: [me.instance, owner.instance], addresses: [] })
      .find(({ instance }) => instance === owner.instance)?.state ?? "not shown";
  const has =
    `the Engine is a swarm node with the address ${engine.address}, and this machine has ${
      me.addresses.join(", ")
    }`;
  if (state !== null && state !== "terminated") {
    return fail(
      5,
      "cloned-disk",
      `${has}: ${
        owner!.instance
      } (${state}) is that node, and this one's disk was cloned from it. ${leaveAdvice(engine)}`,
      STRANGE_MS,
    );
  }
  const was = state === null ? "" : ` ${owner!.instance}, which is terminated, was that node.`;
  return fail(
    5,
    "address-unknown",
    `${has}.${was} Either its disk was cloned or restored from another node: ${
      leaveAdvice(engine)
    }. Or the address is its own and only the network knows it (a tunnel, a load balancer): say so with --advertise-addr ${engine.address}`,
    STRANGE_MS,
  );
}

/** How a copy of a node gets out; never by force where others, or what runs there, would lose by it. */
function leaveAdvice({ manager, swarm }: Engine): string {
  if (!manager) return "if it is a copy, `docker swarm leave` here, and run swarm-join again";
  return swarm?.nodes.length === 1
    ? `if it is a copy, ${EMPTIED}; if that swarm lives nowhere else, it is kept by \`docker swarm init --force-new-cluster --advertise-addr\` with its new address`
    : `its swarm has other nodes, so that nobody should leave it by force: if it is a copy, ${EMPTIED}`;
}

const EMPTIED =
  "stop Docker here, empty its data root (its volumes and images go with it), and run swarm-join again";

export function engineInError(o: Observation): Decision | null {
  const engine = engineOf(o);
  if (engine?.state !== "error" || !isNode(engine) || isComingUp(engine)) return null;
  const because = `the Engine is a member (${engine.nodeId}) and in error: ${engine.error}`;
  return fail(5, "engine-error", because, STRANGE_MS);
}

/**
 * A member whose Engine is not up yet: nobody else is asked anything. After a while its swarm may say
 * why (`join/worker.ts`).
 */
export function engineStarting(o: Observation): Decision | null {
  const engine = engineOf(o);
  if (engine === null || !isComingUp(engine) || isAtStrangeAddress(o)) return null;
  if (o.config.dryRun || startedMs(o) >= STARTING_MS) return null;
  return wait(o, "engine-starting", startingText(engine));
}

/** A member that is not up yet; or a worker whose certificate ran out while it was off, which never will be. */
function isComingUp({ state, nodeId, manager, trouble }: Engine): boolean {
  if (nodeId === "") return false;
  return state === "pending" || (state === "error" && !manager && trouble === "expired");
}

export function startingText({ nodeId, error }: Engine): string {
  return `the Engine is a member (${nodeId}) and not up yet${error === "" ? "" : `: ${error}`}`;
}

/** An attempt to join that has failed, or takes too long, is given up: never by force, it may have come well. */
export function attemptUnderWay(o: Observation): Decision | null {
  const engine = engineOf(o);
  if (engine === null || isNode(engine)) return null;
  const leave = { kind: "leave" as const, force: false, onlyEmpty: false };
  if (engine.state === "error") {
    return act(leave, "attempt-failed", `an attempt to join failed: ${engine.error}`);
  }
  if (engine.state !== "pending") return null;
  const forMs = o.nowMs - (o.memory.attemptMs ?? o.nowMs);
  if (forMs < ATTEMPT_MS) {
    return wait(o, "attempt-pending", "the Engine is still trying to join, in the background");
  }
  const because = `an attempt to join has been pending for ${Math.round(forMs / 1000)} s`;
  return act(leave, "attempt-failed", because);
}

/** Nobody says what this node is to be, or it is of another cluster. */
export function noRole(o: Observation): Decision | null {
  const { config, memory, facts } = o;
  const me = memory.identity;
  if (me === null) return null;
  const fault = faultIn(facts.self);
  if (needsTags(o) && fault !== null) return faulted(o, fault);
  const { clusterTag } = config;
  if (needsTags(o) && memory.self === null && facts.self?.ok) {
    return wait(o, "not-shown", `EC2 does not show ${me.instance} yet, nor its tags`);
  }
  const shown = memory.self?.clusterTag ?? null;
  if (clusterTag !== null && shown !== config.cluster) {
    return fail(
      2,
      "cluster-tag-unknown",
      `${me.instance} must have the tag "${clusterTag}" with the value "${config.cluster}", and ${
        hasOf(shown)
      }`,
      LATE_MS,
    );
  }
  if (roleAsked(o) !== null) return null;
  return fail(
    2,
    "role-unknown",
    `${me.instance} must have the tag "${config.roleTag}" with the value "manager" or "worker", and ${
      hasOf(roleText(o))
    }; or give --role`,
    LATE_MS,
  );
}

/** The ledger says nothing that could be believed. */
export function noRecord(o: Observation): Decision | null {
  const { ledger } = o.facts;
  if (ledger === undefined) return null;
  if (!ledger.ok) return faulted(o, ledger.fault);
  const view = ledger.value;
  switch (view.kind) {
    case "settled":
      return null;
    case "unsettled":
      return fail(
        5,
        "ledger-unsettled",
        `version ${
          view.missing.join(", ")
        } of the launch template is not shown: a read that is old, or it was deleted by hand`,
        CONFLICT_MS,
      );
    case "unreadable": {
      const because = `the founding record can't be read: ${view.why}`;
      return fail(5, "record-unreadable", because, STRANGE_MS);
    }
    default:
      return view satisfies never;
  }
}

/** A record of another place counts for nothing once all its members are terminated, and is a conflict before. */
export function recordElsewhere(o: Observation): Decision | null {
  const me = o.memory.identity;
  const view = o.facts.ledger?.ok ? o.facts.ledger.value : null;
  if (me === null || view?.kind !== "settled" || view.record === null) return null;
  const { account, region, vpc, cluster, members } = view.record;
  const isHere = account === me.account && region === me.region && vpc === me.vpc &&
    cluster === o.config.cluster;
  if (isHere) return null;
  if (roleOf(o) === "manager") {
    const known = need(o, { kind: "instances", ...questionOf(members, me, [], view.serverMs) });
    const isTerminated = members.every(({ instance }) =>
      known.some((i) => i.instance === instance && i.state === "terminated")
    );
    if (isTerminated) return null;
  }
  return fail(
    5,
    "record-elsewhere",
    `the ledger's record is of cluster "${cluster}" in ${vpc} (account ${account}, ${region}), and this instance is of cluster "${o.config.cluster}" in ${me.vpc} (account ${me.account}, ${me.region}): give each its own --store, or --cluster with --cluster-tag`,
    STRANGE_MS,
  );
}

function faultIn(answer: Answer<unknown> | undefined): Fault | null {
  return answer?.ok === false ? answer.fault : null;
}

function engineOf({ facts }: Observation): Engine | null {
  return facts.engine?.ok ? facts.engine.value : null;
}

/** Whether the Engine is a node of a swarm, up or not. */
function isNode({ nodeId, state }: Engine): boolean {
  return nodeId !== "" || state === "active";
}

function hasOf(tag: string | null): string {
  return tag === null ? "has no such tag" : `has "${tag}"`;
}

/** In a swarm the Engine's own word; before, what was asked for, or the instance's address. */
export function addressOf(o: Observation, me: Identity, engine: Engine): string {
  if (engine.address !== "") return engine.address;
  const asked = askedHost(o);
  if (asked === null || isIp(asked)) return asked ?? me.address;
  const interfaces = need(o, { kind: "interfaces" });
  return interfaces.find(({ name }) => name === asked)?.address ?? me.address;
}

/** What the person wants to be advertised, without a port: an address, or an interface's name. */
function askedHost({ config }: Observation): string | null {
  return config.advertiseAddr === null ? null : hostOf(config.advertiseAddr);
}
