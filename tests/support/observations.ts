/** Observations for decide's table: a healthy manager of a founded swarm, with whatever a row changes. */
import { newMemory } from "../../src/memory.ts";
import type {
  Answer,
  Config,
  Engine,
  Facts,
  Fault,
  Identity,
  Instance,
  Memory,
  Observation,
  SwarmNode,
  TokenMark,
} from "../../src/state.ts";
import type { Lifecycle, Mark, Shown } from "../../src/shown.ts";
import type { FoundingRecord, LedgerView, Member } from "../../src/founding.ts";
import { ACCOUNT, config, identityOf, outside, placement, REGION, s3, VPC } from "../world/node.ts";

export const NOW_MS = 1_800_000_000_000;
export const HOUR_MS = 3_600_000;

export function ok<T>(value: T): Answer<T> {
  return { ok: true, value };
}

export function fault(
  kind: Fault["kind"],
  message = `a ${kind} call`,
): { ok: false; fault: Fault } {
  return { ok: false, fault: { kind, message } };
}

/** A fingerprint that is easy to tell apart: 50 times the same letter. */
export function fp(letter: string): string {
  return letter.repeat(50);
}

export function mark(letter: string, secret = "1"): TokenMark {
  return { fingerprint: fp(letter), digest: `${letter}-${secret}` };
}

export { config, outside, s3 };

/** Node n of the tests: `i-n` at `10.0.0.n`. */
export function identity(n = 1): Identity {
  return identityOf({ instance: `i-${n}`, address: `10.0.0.${n}` });
}

export function instance(n: number, change: Partial<Instance> = {}): Instance {
  return {
    instance: `i-${n}`,
    state: "running",
    address: `10.0.0.${n}`,
    roleTag: "manager",
    clusterTag: null,
    launchMs: NOW_MS - HOUR_MS,
    placement,
    labelTags: {},
    ...change,
  };
}

export function member(n: number, change: Partial<Member> = {}): Member {
  return { instance: `i-${n}`, address: `10.0.0.${n}`, sinceMs: NOW_MS, leaving: false, ...change };
}

export function record(change: Partial<FoundingRecord> = {}): FoundingRecord {
  return {
    cluster: config.cluster,
    account: ACCOUNT,
    region: REGION,
    vpc: VPC,
    fingerprint: fp("a"),
    clusterId: "cluster-a",
    members: [member(1)],
    rotated: [],
    replaced: [],
    writer: "i-1",
    nonce: "run-1",
    ...change,
  };
}

export function founded(change: Partial<FoundingRecord> = {}): Answer<LedgerView> {
  return ok({
    kind: "settled",
    record: record(change),
    at: { kind: "log", template: "lt-1", head: 3, last: 3 },
    serverMs: NOW_MS,
  });
}

export const unfounded: Answer<LedgerView> = ok({
  kind: "settled",
  record: null,
  at: { kind: "none" },
  serverMs: NOW_MS,
});

/** The Engine of node 1 as a manager of swarm `letter`, alone, unless a row says otherwise. */
export function managerOf(
  letter: string,
  change: Partial<NonNullable<Engine["swarm"]>> = {},
): Engine {
  return {
    state: "active",
    nodeId: "node-1",
    address: "10.0.0.1",
    peers: ["10.0.0.1"],
    api: 41,
    error: "",
    trouble: null,
    refuses: "",
    fingerprint: fp(letter),
    clusterId: change.clusterId ?? `cluster-${letter}`,
    manager: true,
    swarm: {
      clusterId: `cluster-${letter}`,
      managerToken: mark(letter, "m"),
      workerToken: mark(letter, "w"),
      nodes: [managerNode(1)],
      ...change,
    },
  };
}

export function workerOf(letter: string): Engine {
  return { ...managerOf(letter), manager: false, swarm: null };
}

export function shown(n: number, letter: string, change: Partial<Shown> = {}): Shown {
  return {
    by: `i-${n}`,
    addresses: [`10.0.0.${n}`],
    state: "running",
    cluster: config.cluster,
    manager: mark(letter, "m"),
    worker: mark(letter, "w"),
    malformed: [],
    ...change,
  };
}

/** The store's mark that swarm `letter` was founded for this cluster. */
export function foundingMark(letter: string, change: Partial<Mark> = {}): Mark {
  return {
    cluster: config.cluster,
    fingerprint: fp(letter),
    clusterId: `cluster-${letter}`,
    over: false,
    ageMs: 0,
    ...change,
  };
}

export const memory: Memory = {
  ...newMemory("run"),
  identity: identity(),
  lifecycle: lifecycle(null),
  self: instance(1),
};

/** The same, with one thing not looked at. */
export function without(state: Observation, fact: keyof Facts): Observation {
  const { [fact]: _, ...facts } = state.facts;
  return { ...state, facts };
}

/** Node 1, tagged manager, in no swarm, with no record and no tokens anywhere, 10 s after its start. */
export function observation(
  change: {
    config?: Partial<Config>;
    memory?: Partial<Memory>;
    facts?: Facts;
    nowMs?: number;
    dice?: number;
  } = {},
): Observation {
  return {
    config: { ...config, ...change.config },
    memory: { ...memory, ...change.memory },
    facts: {
      engine: ok(outside),
      ledger: unfounded,
      tokens: ok([]),
      instances: ok([instance(1)]),
      probe: ok([]),
      neighbours: ok([]),
      words: ok([]),
      marks: ok([]),
      interfaces: ok([]),
      permissions: ok([]),
      contents: ok({}),
      unit: ok(null),
      ...change.facts,
    },
    nowMs: change.nowMs ?? 10_000,
    dice: change.dice ?? 0,
  };
}

/** Node n of a swarm as a voter that its leader reaches; node 1 leads. It has its instance's labels. */
export function managerNode(n: number, change: Partial<SwarmNode> = {}): SwarmNode {
  return {
    nodeId: `node-${n}`,
    version: 10 + n,
    createdMs: NOW_MS,
    desired: "manager",
    observed: "manager",
    voter: { address: `10.0.0.${n}`, reachable: true, leader: n === 1 },
    state: "ready",
    address: `10.0.0.${n}`,
    availability: "active",
    labels: labelsOf(n),
    ...change,
  };
}

/** Node n of a swarm as a worker. */
export function workerNode(n: number, change: Partial<SwarmNode> = {}): SwarmNode {
  return managerNode(n, { desired: "worker", observed: "worker", voter: null, ...change });
}

export function labelsOf(n: number): Record<string, string> {
  return {
    "swarm-join.instance": `i-${n}`,
    "swarm-join.zone": placement.zone,
    "swarm-join.type": placement.type,
    "swarm-join.lifecycle": placement.lifecycle,
  };
}

/** What IMDS says is to become of an instance. */
export function lifecycle(target: string | null, spot: string | null = null): Lifecycle {
  return { target, spot };
}

/** Managers of a swarm, as an Engine shows them that can reach all of them. */
export function managersAt(...numbers: number[]): SwarmNode[] {
  return numbers.map((n) => managerNode(n));
}

/** The same, each in a zone of its own. */
export function spread(...numbers: number[]): SwarmNode[] {
  return numbers.map((n) =>
    managerNode(n, {
      labels: { ...labelsOf(n), "swarm-join.zone": `eu-west-1${"abcdefgh"[n - 1]}` },
    })
  );
}
