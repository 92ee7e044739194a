/**
 * Reads an observation that `--dry-run --json` printed: what an operator sends along when asking for
 * help. It comes from anywhere, so every part of it is checked before `decide` sees it.
 */
import * as v from "valibot";
import { ACTION_KINDS } from "../actions.ts";
import { UNIT_RUNS } from "../calls.ts";
import { RULES } from "../rules.ts";
import { anObject, isObject, list, parseJson, read, type Schema, text } from "../json.ts";
import {
  AVAILABILITIES,
  ENGINE_STATES,
  ENGINE_TROUBLES,
  FAULT_KINDS,
  GOALS,
  INSTANCE_STATES,
  NODE_STATES,
  ROLES,
} from "../state.ts";
import { PERMISSION_VERBS, TRANSITIONS, VERDICTS } from "../shown.ts";
import type { Answer, Facts, Fault, Memory, Observation } from "../state.ts";

type ReadObservation = { ok: true; observation: Observation } | { ok: false; why: string };

/** Reads the whole output of a dry run, or its `observation` alone. Never throws. */
export function readObservation(text: string): ReadObservation {
  const json = parseJson(text);
  if (json === undefined) return { ok: false, why: "it is not JSON" };
  const inner = isObject(json) && "observation" in json ? json["observation"] : json;
  const result = read(OBSERVATION, inner, "observation");
  return result.ok ? { ok: true, observation: result.value } : result;
}

const count = v.pipe(v.number("a number from 0"), v.finite(), v.minValue(0, "a number from 0"));
const flag = v.boolean("true or false");

function choice<const T extends string>(choices: readonly T[]): Schema<T> {
  return v.picklist(choices, `one of ${choices.join(", ")}`);
}

function object<E extends v.ObjectEntries>(entries: E): v.ObjectSchema<E, string> {
  return v.object(entries, anObject);
}

const fault: Schema<Fault> = object({
  kind: choice(FAULT_KINDS),
  message: text,
  permission: v.exactOptional(text),
});

function answer<T>(value: Schema<T>): Schema<Answer<T>> {
  const good = object({ ok: v.literal(true), value });
  return v.variant("ok", [good, object({ ok: v.literal(false), fault })], anObject);
}

const mark = object({ fingerprint: text, digest: text });
const placement = object({ zone: text, type: text, lifecycle: text });
const labels = v.record(text, text, anObject);
const lifecycle = object({ target: v.nullable(text), spot: v.nullable(text) });
const identity = object({
  instance: text,
  account: text,
  region: text,
  partition: text,
  vpc: text,
  address: text,
  addresses: list(text),
  publicAddresses: list(text),
  vpcRanges: v.nullable(list(text)),
  roleTag: v.nullable(text),
  placement,
});
const instance = object({
  instance: text,
  state: choice(INSTANCE_STATES),
  address: v.nullable(text),
  roleTag: v.nullable(text),
  clusterTag: v.nullable(text),
  launchMs: v.nullable(count),
  placement: v.nullable(placement),
  labelTags: labels,
});
const node = object({
  nodeId: text,
  version: count,
  createdMs: count,
  desired: choice(ROLES),
  observed: choice(ROLES),
  voter: v.nullable(object({ address: text, reachable: flag, leader: flag })),
  state: choice(NODE_STATES),
  address: text,
  availability: choice(AVAILABILITIES),
  labels,
});
const engine = object({
  state: choice(ENGINE_STATES),
  nodeId: text,
  address: text,
  peers: list(text),
  api: count,
  error: text,
  trouble: v.nullable(choice(ENGINE_TROUBLES)),
  refuses: text,
  fingerprint: v.nullable(text),
  clusterId: v.nullable(text),
  manager: flag,
  swarm: v.nullable(object({
    clusterId: text,
    managerToken: mark,
    workerToken: mark,
    nodes: list(node),
  })),
});
const record = object({
  cluster: text,
  account: text,
  region: text,
  vpc: text,
  fingerprint: text,
  clusterId: text,
  members: list(
    object({ instance: v.nullable(text), address: text, sinceMs: count, leaving: flag }),
  ),
  rotated: list(text),
  replaced: list(text),
  writer: text,
  nonce: text,
});
const position = v.variant("kind", [
  object({ kind: v.literal("none") }),
  object({ kind: v.literal("log"), template: text, head: count, last: count }),
  object({ kind: v.literal("object"), etag: text }),
], anObject);
const ledger = v.variant("kind", [
  object({
    kind: v.literal("settled"),
    record: v.nullable(record),
    at: position,
    serverMs: count,
    spare: v.exactOptional(list(count)),
  }),
  object({ kind: v.literal("unsettled"), missing: list(count) }),
  object({ kind: v.literal("unreadable"), why: text }),
], anObject);

const hook = object({
  group: text,
  state: text,
  hooks: list(object({ name: text, transition: choice(TRANSITIONS), heartbeatMs: count })),
});

/** The compiler asks for each fact, although none need be there. */
const FACTS: { [K in keyof Facts]-?: Schema<NonNullable<Facts[K]>> } = {
  identity: answer(identity),
  lifecycle: answer(lifecycle),
  self: answer(v.nullable(instance)),
  engine: answer(engine),
  contents: answer(v.record(text, count, anObject)),
  interfaces: answer(list(object({ name: text, address: text }))),
  ledger: answer(ledger),
  tokens: answer(list(object({
    by: text,
    addresses: list(text),
    state: choice(INSTANCE_STATES),
    cluster: v.nullable(text),
    manager: v.nullable(mark),
    worker: v.nullable(mark),
    malformed: list(text),
  }))),
  instances: answer(list(instance)),
  probe: answer(list(text)),
  neighbours: answer(list(object({ instance: text, address: text, runningMs: count }))),
  words: answer(list(object({ instance: text, nodeId: text, leaves: flag }))),
  marks: answer(list(object({
    cluster: text,
    fingerprint: text,
    clusterId: text,
    over: flag,
    ageMs: count,
  }))),
  permissions: answer(list(object({
    action: text,
    verdict: choice(VERDICTS),
    verb: choice(Object.keys(PERMISSION_VERBS) as (keyof typeof PERMISSION_VERBS)[]),
  }))),
  unit: answer(v.nullable(object({
    path: text,
    runs: choice(UNIT_RUNS),
    stopMs: v.nullable(count),
  }))),
  hook: answer(v.nullable(hook)),
};

const config: Schema<Observation["config"]> = object({
  goal: choice(GOALS),
  cluster: text,
  store: v.variant("kind", [
    object({ kind: v.literal("tags") }),
    object({
      kind: v.literal("s3"),
      bucket: text,
      prefix: text,
      sse: v.nullable(choice(["AES256", "aws:kms"])),
      kmsKey: v.nullable(text),
      bucketOwner: v.nullable(text),
    }),
  ], anObject),
  role: choice(["auto", ...ROLES]),
  roleTag: text,
  managerTokenTag: text,
  workerTokenTag: text,
  clusterTag: v.nullable(text),
  tags: list(object({ key: text, value: text })),
  advertiseAddr: v.nullable(text),
  listenAddr: v.nullable(text),
  dataPathAddr: v.nullable(text),
  dataPathPort: v.nullable(count),
  defaultAddrPool: list(text),
  availability: v.nullable(choice(AVAILABILITIES)),
  labelTags: list(text),
  ifTerminating: flag,
  hook: v.nullable(choice(["launching"])),
  abandonTasks: flag,
  region: v.nullable(text),
  givenKeys: flag,
  ec2Endpoint: v.nullable(text),
  timeoutMs: count,
  dryRun: flag,
});

const memory: Schema<Memory> = object({
  runId: text,
  identity: v.nullable(identity),
  lifecycle: v.nullable(lifecycle),
  self: v.nullable(instance),
  did: list(choice(ACTION_KINDS)),
  missing: list(count),
  written: list(object({ template: text, number: count, record, follows: count })),
  confirmed: v.nullable(text),
  isProven: flag,
  withdrew: flag,
  mayForce: flag,
  forced: v.nullable(text),
  unknown: v.nullable(text),
  published: v.nullable(text),
  said: v.nullable(choice(["leaves", "stays", "nothing", "unheard"])),
  hook: v.nullable(hook),
  hookMs: count,
  told: list(object({
    act: choice(["complete", "heartbeat"]),
    hook: text,
    fault: v.nullable(fault),
  })),
  kept: list(text),
  refused: list(text),
  reaped: list(text),
  pools: v.nullable(list(text)),
  attested: v.nullable(text),
  asked: object({
    instances: v.nullable(object({ ids: list(text), addresses: list(text) })),
    probe: v.nullable(list(text)),
  }),
  terminated: list(text),
  failures: list(object({
    address: text,
    digest: text,
    kind: choice(FAULT_KINDS),
    message: text,
    atMs: count,
  })),
  wasMember: flag,
  attemptMs: v.nullable(count),
  startingMs: v.nullable(count),
  fault: v.nullable(fault),
  steady: v.nullable(object({
    rule: choice(Object.keys(RULES) as (keyof typeof RULES)[]),
    because: text,
    exit: v.picklist([2, 3, 4, 5, 6], "an exit code"),
    sinceMs: count,
  })),
  waits: count,
  refusals: count,
});

const OBSERVATION: Schema<Observation> = object({
  config,
  memory,
  facts: v.partial(object(FACTS)) as Schema<unknown> as Schema<Facts>,
  nowMs: count,
  dice: v.pipe(count, v.ltValue(1, "less than 1")),
});
