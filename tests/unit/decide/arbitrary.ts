/**
 * Observations that a run can come to, drawn by fast-check: few nodes, few swarms and few tags, so that
 * what is drawn for one fact often has to do with what is drawn for another.
 */
import fc from "fast-check";
import { type LookKind, type Seen, UNIT_RUNS, type Values } from "../../../src/calls.ts";
import { type Rule, RULES } from "../../../src/rules.ts";
import { ACTION_KINDS } from "../../../src/actions.ts";
import {
  type Answer,
  AVAILABILITIES,
  type Config,
  type Contents,
  type Engine,
  ENGINE_STATES,
  type Facts,
  type Fault,
  FAULT_KINDS,
  GOALS,
  type Identity,
  type Instance,
  INSTANCE_STATES,
  type Memory,
  NODE_STATES,
  type Observation,
  ROLES,
  type SwarmNode,
  type TokenMark,
} from "../../../src/state.ts";
import {
  type Hook,
  type Interface,
  type Lifecycle,
  type Mark,
  type NeededPermission,
  type Neighbour,
  type Shown,
  TRANSITIONS,
  VERDICTS,
} from "../../../src/shown.ts";
import type { FoundingRecord, LedgerRead, LedgerView, Member } from "../../../src/founding.ts";
import {
  config,
  fp,
  identity as identityOf,
  instance as instanceOf,
  managerNode,
  managerOf,
  mark,
  memory as calm,
  NOW_MS,
  record as recordOf,
  s3,
  shown as shownOf,
} from "../../support/observations.ts";

const node = fc.integer({ min: 1, max: 3 });
const swarm = fc.constantFrom("a", "b", "c");
const age = fc.constantFrom(0, 60_000, 2 * 3_600_000);

const fault: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constantFrom(...FAULT_KINDS),
  message: fc.constantFrom("one reason", "another reason"),
});

function answer<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Answer<T>> {
  return fc.oneof(
    { weight: 4, arbitrary: value.map((value): Answer<T> => ({ ok: true, value })) },
    { weight: 1, arbitrary: fault.map((fault): Answer<T> => ({ ok: false, fault })) },
  );
}

const token: fc.Arbitrary<TokenMark> = fc.tuple(swarm, fc.constantFrom("m", "w", "old"))
  .map(([letter, secret]) => mark(letter, secret));

const tag = fc.constantFrom(null, "manager", "worker", "queen");

const identity: fc.Arbitrary<Identity> = tag.map((roleTag) => ({ ...identityOf(1), roleTag }));

const lifecycle: fc.Arbitrary<Lifecycle> = fc.record({
  target: fc.constantFrom(null, "InService", "Warmed:Stopped", "Terminated"),
  spot: fc.constantFrom(null, null, "terminate", "stop"),
});

const member: fc.Arbitrary<Member> = fc.record({
  instance: fc.option(node.map((n) => `i-${n}`)),
  address: node.map((n) => `10.0.0.${n}`),
  sinceMs: age.map((ms) => NOW_MS - ms),
  leaving: fc.boolean(),
});

const record: fc.Arbitrary<FoundingRecord> = fc.record({
  fingerprint: swarm.map(fp),
  clusterId: swarm.map((letter) => `cluster-${letter}`),
  vpc: fc.constantFrom(recordOf().vpc, recordOf().vpc, "vpc-0"),
  members: fc.array(member, { maxLength: 3 }),
  rotated: fc.array(swarm.map(fp), { maxLength: 1 }),
  replaced: fc.array(swarm.map(fp), { maxLength: 2 }),
  nonce: fc.constantFrom("run-1", "run-2"),
}).map(recordOf);

/** Nodes 1 to 3, each with a vote or without, told to be and seen as this or that. */
const swarmNode: fc.Arbitrary<SwarmNode> = fc.tuple(
  node,
  fc.record({
    createdMs: age.map((ms) => NOW_MS - ms),
    desired: fc.constantFrom(...ROLES),
    observed: fc.constantFrom(...ROLES),
    state: fc.constantFrom(...NODE_STATES),
    address: fc.constantFrom("", "10.0.0.1", "10.0.0.2", "10.0.0.3"),
    availability: fc.constantFrom(...AVAILABILITIES),
  }),
  fc.option(fc.boolean()),
  fc.constantFrom({}, { "swarm-join.instance": "i-2" }, { "swarm-join.left": "active" }, null),
).map(([n, change, reachable, labels]) => {
  const { voter, ...one } = managerNode(n, change);
  return {
    ...one,
    voter: reachable === null || voter === null ? null : { ...voter, reachable },
    labels: labels ?? one.labels,
  };
});

const engine: fc.Arbitrary<Engine> = fc.record({
  state: fc.constantFrom(...ENGINE_STATES),
  nodeId: fc.constantFrom("", "node-1"),
  address: fc.constantFrom("", "10.0.0.1", "10.0.0.2"),
  api: fc.constantFrom(41, 44, 56),
  peers: fc.subarray(["10.0.0.1", "10.0.0.2"]),
  error: fc.constantFrom("", "no route"),
  trouble: fc.constantFrom(null, "no-quorum", "expired", "unreachable"),
  fingerprint: fc.option(swarm.map(fp)),
  manager: fc.boolean(),
  letter: fc.option(swarm),
  nodes: fc.uniqueArray(swarmNode, { maxLength: 3, selector: ({ nodeId }) => nodeId }),
}).map(({ letter, nodes, ...rest }) => ({
  ...managerOf(letter ?? "a", { nodes }),
  ...rest,
  ...(letter === null || !rest.manager ? { swarm: null } : {}),
}));

const contents: fc.Arbitrary<Contents> = fc.constantFrom<Contents>(
  {},
  { services: 0, tasks: 0 },
  { services: 1, "cluster volumes": 2 },
  { tasks: 1 },
);

const networkInterface: fc.Arbitrary<Interface> = fc.record({
  name: fc.constantFrom("lo", "ens5"),
  address: fc.constantFrom("10.0.0.1", "fd00::1"),
});

const instance: fc.Arbitrary<Instance> = fc.tuple(node, fc.constantFrom(...INSTANCE_STATES), tag)
  .map(([n, state, roleTag]) => instanceOf(n, { state, roleTag }));

const shown: fc.Arbitrary<Shown> = fc.tuple(
  node,
  fc.constantFrom(...INSTANCE_STATES),
  fc.option(token),
  fc.option(token),
  fc.constantFrom(null, "default", "blue"),
).map(([n, state, manager, worker, cluster]) =>
  shownOf(n, "a", { state, manager, worker, cluster })
);

const neighbour: fc.Arbitrary<Neighbour> = fc.tuple(node, age).map(([n, runningMs]) => ({
  instance: `i-${n}`,
  address: `10.0.0.${n}`,
  runningMs,
}));

const foundingMark: fc.Arbitrary<Mark> = fc.record({
  cluster: fc.constantFrom("default", "blue"),
  fingerprint: swarm.map(fp),
  clusterId: swarm.map((letter) => `cluster-${letter}`),
  over: fc.boolean(),
  ageMs: fc.constantFrom(0, 86_400_000),
});

const ledgerView: fc.Arbitrary<LedgerView> = fc.oneof(
  { weight: 6, arbitrary: fc.option(record).map(settled) },
  record.map((one) => ({ ...settled(one), spare: [2, 3] })),
  fc.constant<LedgerView>({ kind: "unsettled", missing: [2] }),
  fc.constant<LedgerView>({ kind: "unreadable", why: "it is not JSON" }),
);

function settled(record: FoundingRecord | null): LedgerView {
  return {
    kind: "settled",
    record,
    at: record === null ? { kind: "none" } : { kind: "log", template: "lt-1", head: 3, last: 3 },
    serverMs: NOW_MS,
  };
}

const ledgerRead: fc.Arbitrary<LedgerRead> = fc.oneof(
  fc.option(record).map((record): LedgerRead => ({
    kind: "object",
    record,
    etag: record === null ? null : "e",
    serverMs: NOW_MS,
  })),
  fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.option(record)), { maxLength: 3 })
    .map((rows): LedgerRead => ({
      kind: "log",
      template: rows.length === 0 ? null : "lt-1",
      entries: [...new Map(rows)].toSorted(([a], [b]) => a - b).map(([number, record]) => ({
        number,
        follows: number - 1,
        record,
        newer: false,
      })),
      serverMs: NOW_MS,
    })),
);

const permission: fc.Arbitrary<NeededPermission> = fc.record({
  action: fc.constantFrom("ec2:CreateTags", "ec2:CreateLaunchTemplate"),
  verdict: fc.constantFrom(...VERDICTS),
  verb: fc.constantFrom("join", "leave", "keep"),
});

const hook: fc.Arbitrary<Hook> = fc.record({
  group: fc.constant("managers"),
  state: fc.constantFrom(
    ...["InService", "Pending", "Pending:Wait", "Warmed:Pending:Wait"],
    ...["Terminating", "Terminating:Wait"],
  ),
  hooks: fc.array(
    fc.record({
      name: fc.constantFrom("leave", "swarm-join"),
      transition: fc.constantFrom(...TRANSITIONS),
      heartbeatMs: fc.constantFrom(30_000, 3_600_000),
    }),
    { maxLength: 2 },
  ),
});

/** What each look may see. */
const SEEN: { [K in LookKind]: fc.Arbitrary<Seen[K]> } = {
  identity,
  lifecycle,
  self: fc.option(tag.map((roleTag) => instanceOf(1, { roleTag }))),
  engine,
  contents,
  interfaces: fc.array(networkInterface, { maxLength: 2 }),
  ledger: ledgerView,
  tokens: fc.array(shown, { maxLength: 3 }),
  instances: fc.array(instance, { maxLength: 3 }),
  probe: fc.subarray(["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
  neighbours: fc.array(neighbour, { maxLength: 2 }),
  words: fc.array(
    fc.record({
      instance: node.map((n) => `i-${n}`),
      nodeId: node.map((n) => `node-${n}`),
      leaves: fc.boolean(),
    }),
    { maxLength: 2 },
  ),
  marks: fc.array(foundingMark, { maxLength: 2 }),
  permissions: fc.array(permission, { maxLength: 2 }),
  hook: fc.option(hook),
  unit: fc.option(fc.record({
    path: fc.constant("/etc/systemd/system/swarm-join.service"),
    runs: fc.constantFrom(...UNIT_RUNS),
    stopMs: fc.option(fc.nat()),
  })),
};

const facts: fc.Arbitrary<Facts> = fc.record(
  Object.fromEntries(Object.entries(SEEN).map(([kind, seen]) => [kind, answer<unknown>(seen)])),
  { requiredKeys: [] },
);

/** What each look is answered. */
export type Answers = { [K in LookKind]: Answer<Values[K]> };

/** Answers to every look, for a run that is driven by `after`. */
export const answersTo = fc.record(
  Object.fromEntries(
    Object.entries({ ...SEEN, ledger: ledgerRead })
      .map(([kind, seen]) => [kind, answer<unknown>(seen)]),
  ),
) as fc.Arbitrary<Answers>;

const settings: fc.Arbitrary<Config> = fc.record({
  goal: fc.constantFrom(...GOALS),
  role: fc.constantFrom("auto", "manager", "worker"),
  store: fc.constantFrom(config.store, s3),
  clusterTag: fc.constantFrom(null, null, "Cluster"),
  dryRun: fc.boolean(),
  hook: fc.constantFrom(null, "launching" as const),
}).map((change) => ({ ...config, ...change }));

/** What a run may end badly by. */
const ending = fc.constantFrom(
  ...Object.entries(RULES).flatMap(([rule, { exits }]) =>
    exits.map((exit) => [rule as Rule, exit] as const)
  ),
);

const remembered: fc.Arbitrary<Memory> = fc.record({
  identity: fc.option(identity),
  lifecycle: fc.option(lifecycle),
  self: fc.option(SEEN.self),
  did: fc.subarray([...ACTION_KINDS], { maxLength: 2 }),
  confirmed: fc.option(swarm.map(fp)),
  isProven: fc.boolean(),
  withdrew: fc.boolean(),
  mayForce: fc.boolean(),
  forced: fc.constantFrom(null, null, "what it was before is in /copies/1"),
  published: fc.constantFrom(null, "", "a-m a-w"),
  pools: fc.constantFrom<(string[] | null)[]>(null, [], ["10.0.0.0/9"]),
  attested: fc.option(swarm.map(fp)),
  hook: fc.option(hook),
  hookMs: fc.constantFrom(0, 9_000),
  told: fc.array(
    fc.record({
      act: fc.constantFrom("complete", "heartbeat"),
      hook: fc.constantFrom("leave", "swarm-join"),
      fault: fc.option(fault),
    }),
    { maxLength: 2 },
  ),
  kept: fc.subarray(["node-9"]),
  terminated: fc.subarray(["i-1", "i-2", "i-3"]),
  failures: fc.array(
    fc.record({
      address: node.map((n) => `10.0.0.${n}`),
      digest: token.map(({ digest }) => digest),
      kind: fc.constantFrom(...FAULT_KINDS),
      message: fc.constant("its words"),
      atMs: fc.constantFrom(0, 9_000),
    }),
    { maxLength: 2 },
  ),
  wasMember: fc.boolean(),
  attemptMs: fc.constantFrom(null, 0, 9_000),
  startingMs: fc.constantFrom(null, 0, 9_000),
  fault: fc.option(fault, { freq: 4 }),
  steady: fc.option(
    fc.record({
      ending,
      because: fc.constant("as before"),
      sinceMs: fc.constantFrom(0, 9_000),
    }).map(({ ending: [rule, exit], ...rest }) => ({ rule, exit, ...rest })),
  ),
  waits: fc.integer({ min: 0, max: 20 }),
}).map((change) => ({ ...calm, ...change }));

export const observations: fc.Arbitrary<Observation> = fc.record({
  config: settings,
  memory: remembered,
  facts,
  nowMs: fc.constantFrom(0, 10_000, 300_000, 600_000),
  dice: fc.constantFrom(0, 0.5, 0.999999),
}).map((o) => ({ ...o, memory: knowing(o) }));

/** What was seen of this instance is remembered. */
function knowing({ memory, facts }: { memory: Memory; facts: Facts }): Memory {
  const { identity, lifecycle, self } = facts;
  return {
    ...memory,
    ...(identity?.ok ? { identity: identity.value } : {}),
    ...(lifecycle?.ok ? { lifecycle: lifecycle.value } : {}),
    ...(self?.ok && self.value !== null ? { self: self.value } : {}),
  };
}
