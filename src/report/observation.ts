/**
 * Reads an observation that `--dry-run --json` printed: what an operator sends along when asking for
 * help. It comes from anywhere, so every part of it is checked before `decide` sees it.
 */
import { ACTION_KINDS } from "../actions.ts";
import { RULES } from "../rules.ts";
import { ENGINE_STATES, FAULT_KINDS, GOALS, INSTANCE_STATES, ROLES, VERDICTS } from "../state.ts";
import type {
  Config,
  Contents,
  Engine,
  Facts,
  Fault,
  FoundingRecord,
  Identity,
  Instance,
  LedgerView,
  Manager,
  Member,
  Memory,
  Observation,
  Permission,
  Position,
  Shown,
  SwarmView,
  TokenMark,
} from "../state.ts";

type ReadObservation = { ok: true; observation: Observation } | { ok: false; why: string };

/** Reads the whole output of a dry run, or its `observation` alone. Never throws. */
export function readObservation(text: string): ReadObservation {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, why: "it is not JSON" };
  }
  const inner = isObject(json) && "observation" in json ? json["observation"] : json;
  try {
    observation(inner, "observation");
    return { ok: true, observation: inner as Observation };
  } catch (error) {
    if (error instanceof Misfit) return { ok: false, why: error.message };
    throw error;
  }
}

class Misfit extends Error {}

/** Throws a `Misfit` when a value is not of its kind. */
type Check = (value: unknown, at: string) => void;
/** A check for each key; the compiler asks for one when a key is added to the type. */
type Shape<T> = { [K in keyof Required<T>]: Check };

function shape<T>(checks: Shape<T>, optional: readonly (keyof T)[] = []): Check {
  return (value, at) => {
    if (!isObject(value)) throw misfit(at, "an object", value);
    for (const key of Object.keys(checks) as (keyof Shape<T> & string)[]) {
      if (value[key] === undefined && optional.includes(key)) continue;
      checks[key](value[key], `${at}.${key}`);
    }
  };
}

function text(value: unknown, at: string): void {
  if (typeof value !== "string") throw misfit(at, "a text", value);
}

function count(value: unknown, at: string): void {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw misfit(at, "a number from 0", value);
  }
}

function dice(value: unknown, at: string): void {
  count(value, at);
  if ((value as number) >= 1) throw misfit(at, "less than 1", value);
}

function flag(value: unknown, at: string): void {
  if (typeof value !== "boolean") throw misfit(at, "true or false", value);
}

function oneOf(...choices: string[]): Check {
  return (value, at) => {
    if (typeof value !== "string" || !choices.includes(value)) {
      throw misfit(at, `one of ${choices.join(", ")}`, value);
    }
  };
}

function nullOr(check: Check): Check {
  return (value, at) => {
    if (value !== null) check(value, at);
  };
}

function list(check: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value)) throw misfit(at, "a list", value);
    value.forEach((item, i) => check(item, `${at}[${i}]`));
  };
}

/** A union by its `kind`: the compiler asks for each kind and each of its keys. */
function kinds<T extends { kind: string }>(
  checks: { [K in T["kind"]]: Shape<Omit<Extract<T, { kind: K }>, "kind">> },
): Check {
  const shapes: { [kind: string]: { [key: string]: Check } } = checks;
  return (value, at) => {
    if (!isObject(value)) throw misfit(at, "an object", value);
    oneOf(...Object.keys(shapes))(value["kind"], `${at}.kind`);
    for (const [key, check] of Object.entries(shapes[String(value["kind"])] ?? {})) {
      check(value[key], `${at}.${key}`);
    }
  };
}

function answer(check: Check): Check {
  return (value, at) => {
    if (!isObject(value)) throw misfit(at, "an object", value);
    flag(value["ok"], `${at}.ok`);
    if (value["ok"] === true) check(value["value"], `${at}.value`);
    else fault(value["fault"], `${at}.fault`);
  };
}

const fault = shape<Fault>(
  { kind: oneOf(...FAULT_KINDS), message: text, permission: text },
  ["permission"],
);
const instanceState = oneOf(...INSTANCE_STATES);

const mark = shape<TokenMark>({ fingerprint: text, digest: text });
const identity = shape<Identity>({
  instance: text,
  account: text,
  region: text,
  partition: text,
  vpc: text,
  address: text,
  addresses: list(text),
  roleTag: nullOr(text),
});
const instance = shape<Instance>({
  instance: text,
  state: instanceState,
  address: nullOr(text),
  roleTag: nullOr(text),
  clusterTag: nullOr(text),
});
const manager = shape<Manager>({ nodeId: text, address: text, reachable: flag });
const swarm = shape<SwarmView>({
  clusterId: text,
  managerToken: mark,
  workerToken: mark,
  managers: list(manager),
  nodes: count,
});
const engine = shape<Engine>({
  state: oneOf(...ENGINE_STATES),
  nodeId: text,
  address: text,
  error: text,
  fingerprint: nullOr(text),
  clusterId: nullOr(text),
  manager: flag,
  swarm: nullOr(swarm),
});
const contents = shape<Contents>({
  services: count,
  secrets: count,
  configs: count,
  networks: count,
  tasks: count,
});
const member = shape<Member>({ instance: nullOr(text), address: text, sinceMs: count });
const record = shape<FoundingRecord>({
  cluster: text,
  account: text,
  region: text,
  vpc: text,
  fingerprint: text,
  clusterId: text,
  members: list(member),
  rotated: list(text),
  replaced: list(text),
  writer: text,
  nonce: text,
});
const position = kinds<Position>({
  none: {},
  log: { template: text, head: count, last: count },
  object: { etag: text },
});
const ledger = kinds<LedgerView>({
  settled: { record: nullOr(record), at: position, serverMs: count },
  unsettled: { missing: list(count) },
  unreadable: { why: text },
});
const shown = shape<Shown>({
  by: text,
  state: instanceState,
  manager: nullOr(mark),
  worker: nullOr(mark),
  malformed: list(text),
});

const permission = shape<Permission>({ action: text, verdict: oneOf(...VERDICTS) });

const FACTS: Shape<Facts> = {
  identity: answer(identity),
  lifecycle: answer(nullOr(text)),
  self: answer(nullOr(instance)),
  engine: answer(engine),
  contents: answer(contents),
  ledger: answer(ledger),
  tokens: answer(list(shown)),
  instances: answer(list(instance)),
  probe: answer(list(text)),
  permissions: answer(list(permission)),
};
const facts = shape<Facts>(FACTS, Object.keys(FACTS) as (keyof Facts)[]);

const config = shape<Config>({
  goal: oneOf(...GOALS),
  cluster: text,
  store: kinds<Config["store"]>({
    tags: {},
    s3: { bucket: text, prefix: text, kmsKey: nullOr(text) },
  }),
  role: oneOf("auto", ...ROLES),
  roleTag: text,
  managerTokenTag: text,
  workerTokenTag: text,
  clusterTag: nullOr(text),
  advertiseAddr: nullOr(text),
  listenAddr: nullOr(text),
  dataPathAddr: nullOr(text),
  dataPathPort: nullOr(count),
  defaultAddrPool: list(text),
  availability: nullOr(oneOf("active", "pause", "drain")),
  timeoutMs: count,
  dryRun: flag,
});

const memory = shape<Memory>({
  runId: text,
  identity: nullOr(identity),
  lifecycle: nullOr(shape<NonNullable<Memory["lifecycle"]>>({ state: nullOr(text) })),
  self: nullOr(instance),
  did: list(oneOf(...ACTION_KINDS)),
  missing: list(count),
  written: list(
    shape<Memory["written"][number]>({ template: text, number: count, record, follows: count }),
  ),
  confirmed: nullOr(text),
  unknown: nullOr(text),
  published: nullOr(text),
  terminated: list(text),
  failures: list(
    shape<Memory["failures"][number]>({
      address: text,
      digest: text,
      kind: oneOf(...FAULT_KINDS),
      atMs: count,
    }),
  ),
  attemptMs: nullOr(count),
  fault: nullOr(fault),
  steady: nullOr(
    shape<NonNullable<Memory["steady"]>>({
      rule: oneOf(...Object.keys(RULES)),
      because: text,
      exit: count,
      sinceMs: count,
    }),
  ),
  waits: count,
});

const observation = shape<Observation>({ config, memory, facts, nowMs: count, dice });

function misfit(at: string, wanted: string, value: unknown): Misfit {
  if (value === undefined) {
    return new Misfit(`"${at}" is missing: no dry run of this version of swarm-join printed it`);
  }
  const is = JSON.stringify(value).slice(0, 60);
  return new Misfit(`"${at}" is ${is}, not ${wanted}`);
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
