/**
 * What stands in the way before a node can decide anything, and the scene once nothing does: who I am,
 * what my Engine says, and which record the ledger holds.
 */
import { ATTEMPT_MS, BOOT_MS, CONFLICT_MS, DENIED_MS } from "./patience.ts";
import { act, fail, look, type Verdict, wait } from "./verdict.ts";
import { questionOf } from "./members.ts";
import type {
  Answer,
  Decision,
  Engine,
  Fault,
  FoundingRecord,
  Identity,
  LedgerView,
  Observation,
  Role,
} from "../state.ts";

/** Everything that the rules start from. */
export interface Scene {
  o: Observation;
  me: Identity;
  /** The address that other nodes reach this one at. */
  address: string;
  /** The role that was asked for. */
  role: Role;
  engine: Engine;
  record: FoundingRecord | null;
  ledger: Settled;
}

type Settled = LedgerView & { kind: "settled" };

/** The scene, or what must be looked at, waited for or mended first. */
export function sceneOf(o: Observation): Scene | Verdict {
  const { config, memory, facts } = o;
  if (memory.fault !== null) return faulted(o, memory.fault);

  if (facts.engine === undefined) {
    return look(memory.identity === null && { kind: "identity" }, { kind: "engine" });
  }
  const me = memory.identity ?? (facts.identity?.ok ? facts.identity.value : null);
  if (me === null) return noIdentity(facts.identity);
  if (me.lifecycle?.startsWith("Warmed:")) {
    return wait(
      o,
      "warm-pool",
      `${me.instance} is in a warm pool (${me.lifecycle}): it joins when it enters service`,
    );
  }
  if (!facts.engine.ok) return noEngine(facts.engine.fault);
  const engine = facts.engine.value;
  const obstacle = engineObstacle(o, me, engine);
  if (obstacle !== null) return obstacle;

  const asksForSelf = needsSelf(o, me) && memory.self === null;
  if (facts.ledger === undefined) {
    const isOutside = engine.state === "inactive" && knownRole(o, me) === "manager";
    const isManager = engine.state === "active" && engine.manager && isFirstLook(o);
    const asksForTokens = config.store.kind === "tags" && facts.tokens === undefined &&
      (isOutside || isManager);
    return look(
      { kind: "ledger", missing: [] },
      asksForSelf && { kind: "self" },
      asksForTokens && { kind: "tokens", fingerprint: "", want: ["manager", "worker"] },
    );
  }
  const role = roleOf(o, me);
  if (typeof role !== "string") return role;
  const ledger = ledgerOf(o, facts.ledger);
  if ("action" in ledger) return ledger;
  const scene: Scene = {
    o,
    me,
    address: addressOf(o, me, engine),
    role,
    engine,
    record: ledger.record,
    ledger,
  };
  return elsewhere(scene) ?? scene;
}

export function isScene(scene: Scene | Verdict): scene is Scene {
  return "engine" in scene;
}

/** A fault of any look or action, as a decision: this is where each kind of fault gets its meaning. */
export function faulted(o: Observation, fault: Fault): Decision {
  switch (fault.kind) {
    case "denied":
      return fail(4, "permission-missing", fault.message, DENIED_MS);
    case "missing":
      return fail(4, "permission-missing", fault.message, BOOT_MS);
    case "unusable":
      return fail(2, "setting-unusable", fault.message);
    case "newer":
      return fail(5, "record-unreadable", fault.message, DENIED_MS);
    case "throttled":
      return wait(o, "throttled", fault.message);
    case "busy":
      return wait(o, "write-lost", fault.message);
    case "refused":
    case "rejected":
    case "foreign":
    case "pending":
      return fail(5, "engine-refused", fault.message, BOOT_MS);
    case "unreachable":
    case "timeout":
    case "malformed":
      return wait(o, "unreachable", fault.message);
    default:
      return fault.kind satisfies never;
  }
}

function noIdentity(answer: Answer<Identity> | undefined): Decision {
  const message = answer === undefined || answer.ok
    ? "IMDS gave no identity"
    : answer.fault.message;
  return fail(6, "imds-unavailable", message, BOOT_MS);
}

function noEngine(fault: Fault): Decision {
  if (fault.kind === "denied") return fail(4, "permission-missing", fault.message);
  return fail(6, "engine-unavailable", fault.message, BOOT_MS);
}

function engineObstacle(o: Observation, me: Identity, engine: Engine): Decision | null {
  if (engine.state === "locked") {
    return fail(
      5,
      "engine-locked",
      "the Engine's swarm is locked: run `docker swarm unlock` with its key, then swarm-join again",
    );
  }
  const inSwarm = engine.nodeId !== "" || engine.state === "active";
  if (inSwarm && isOfAnotherMachine(o, me, engine)) {
    return fail(
      5,
      "cloned-disk",
      `the Engine is a swarm node with the address ${engine.address}, and this instance has ${
        me.addresses.join(", ")
      }: its disk was cloned from another node. Run \`docker swarm leave --force\` here, and before making an AMI leave the swarm and empty Docker's data root`,
    );
  }
  if (engine.state === "error" && inSwarm) {
    return fail(
      5,
      "engine-error",
      `the Engine is a member (${engine.nodeId}) and in error: ${engine.error}`,
      BOOT_MS,
    );
  }
  if (engine.state === "error") {
    return act(
      { kind: "leave", force: false, onlyEmpty: false },
      "attempt-failed",
      `an attempt to join failed: ${engine.error}`,
    );
  }
  if (engine.state === "pending" && !inSwarm) {
    const since = o.memory.attemptMs ?? o.nowMs;
    if (o.nowMs - since < ATTEMPT_MS) {
      return wait(o, "attempt-pending", "the Engine is still trying to join, in the background");
    }
    return act(
      { kind: "leave", force: false, onlyEmpty: false },
      "attempt-failed",
      `an attempt to join has been pending for ${Math.round((o.nowMs - since) / 1000)} s`,
    );
  }
  return null;
}

/** Whether the Engine carries an IPv4 address that no interface of this instance has. */
function isOfAnotherMachine(o: Observation, me: Identity, engine: Engine): boolean {
  return /^[0-9.]+$/.test(engine.address) && !me.addresses.includes(engine.address) &&
    engine.address !== me.address && engine.address !== hostOf(o.config.advertiseAddr);
}

/** In a swarm the Engine's own word; before, what was asked for, or the instance's address. */
function addressOf(o: Observation, me: Identity, engine: Engine): string {
  if (engine.address !== "") return engine.address;
  const asked = hostOf(o.config.advertiseAddr);
  return asked !== null && /^[0-9a-f.:]+$/i.test(asked) ? asked : me.address;
}

/** The host of `10.0.0.5`, `10.0.0.5:2377`, `[fd00::5]:2377`, `eth1`. */
function hostOf(address: string | null): string | null {
  if (address === null) return null;
  return /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([^:]*)(?::\d+)?$/.exec(address)?.[1] ??
    address;
}

/** Later ones need no tokens, as a rule. */
function isFirstLook({ memory }: Observation): boolean {
  return memory.did.length === 0 && memory.waits === 0;
}

/** The role, where nobody has to be asked for it. */
function knownRole({ config, memory }: Observation, me: Identity): string | null {
  return config.role === "auto" ? me.roleTag ?? memory.self?.roleTag ?? null : config.role;
}

function needsSelf({ config }: Observation, me: Identity): boolean {
  return (config.role === "auto" && me.roleTag === null) || config.clusterTag !== null;
}

function roleOf(o: Observation, me: Identity): Role | Verdict {
  const { config, memory, facts } = o;
  const self = memory.self ?? (facts.self?.ok ? facts.self.value : null);
  if (self === null && needsSelf(o, me)) {
    if (facts.self === undefined) return look({ kind: "self" });
    if (!facts.self.ok) return faulted(o, facts.self.fault);
  }
  if (config.clusterTag !== null && self?.clusterTag !== config.cluster) {
    return fail(
      2,
      "cluster-tag-unknown",
      `${me.instance} must have the tag "${config.clusterTag}" with the value "${config.cluster}", and ${
        hasOf(self?.clusterTag ?? null)
      }`,
      BOOT_MS,
    );
  }
  if (config.role !== "auto") return config.role;
  const tag = me.roleTag ?? self?.roleTag ?? null;
  if (tag === "manager" || tag === "worker") return tag;
  return fail(
    2,
    "role-unknown",
    `${me.instance} must have the tag "${config.roleTag}" with the value "manager" or "worker", and ${
      hasOf(tag)
    }; or give --role`,
    BOOT_MS,
  );
}

function hasOf(tag: string | null): string {
  return tag === null ? "has no such tag" : `has "${tag}"`;
}

function ledgerOf(
  o: Observation,
  answer: Answer<LedgerView>,
): Settled | Decision {
  if (!answer.ok) {
    if (answer.fault.kind === "malformed") {
      return fail(5, "record-unreadable", answer.fault.message, DENIED_MS);
    }
    return faulted(o, answer.fault);
  }
  const view = answer.value;
  switch (view.kind) {
    case "settled":
      return view;
    case "unsettled":
      return fail(
        5,
        "ledger-unsettled",
        `version ${
          view.missing.join(", ")
        } of the launch template is not shown: a read that is old, or it was deleted by hand`,
        CONFLICT_MS,
      );
    case "unreadable":
      return fail(
        5,
        "record-unreadable",
        `the founding record can't be read: ${view.why}`,
        DENIED_MS,
      );
    default:
      return view satisfies never;
  }
}

/** A record of another place counts for nothing once all its members are terminated, and is a conflict before. */
function elsewhere(scene: Scene): Verdict | null {
  const { o, me, record, role, engine } = scene;
  if (record === null) return null;
  const { account, region, vpc, cluster } = record;
  if (
    account === me.account && region === me.region && vpc === me.vpc && cluster === o.config.cluster
  ) {
    return null;
  }
  const isManager = engine.state === "active" ? engine.manager : role === "manager";
  if (isManager) {
    if (o.facts.instances === undefined) {
      return look({ kind: "instances", ...questionOf(record.members, me, []) });
    }
    if (!o.facts.instances.ok) return faulted(o, o.facts.instances.fault);
    const known = o.facts.instances.value;
    const isTerminated = record.members.every(({ instance }) =>
      known.some((i) => i.instance === instance && i.state === "terminated")
    );
    if (isTerminated) return null;
  }
  return fail(
    5,
    "record-elsewhere",
    `the ledger's record is of cluster "${cluster}" in ${vpc} (account ${account}, ${region}), and this instance is of cluster "${o.config.cluster}" in ${me.vpc} (account ${me.account}, ${me.region}): give each its own --store or --cluster`,
    DENIED_MS,
  );
}
