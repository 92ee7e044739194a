/**
 * The command line: arguments and environment in, what to do out. Pure.
 *
 * A flag beats its variable in the environment; an empty variable counts as unset.
 */
import {
  type Flag,
  type FlagName,
  FLAGS,
  OBSERVATION_FLAG,
  variableOf,
  VARIABLES,
  VERSION,
} from "./flags.ts";
import { helpText, usageOf } from "./help.ts";
import { nearest } from "./nearest.ts";
import { LOG_FORMATS, LOG_LEVELS, type Output, type Surroundings } from "../settings.ts";
import type { Config, Goal } from "../state.ts";
import { DEFAULT_VERB, type Verb, VERBS } from "./verbs.ts";
import * as stores from "./store.ts";
import * as values from "./values.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type Parsed =
  /** Act, or only look: `config` says which. */
  | { kind: "run"; config: Config; surroundings: Surroundings; output: Output }
  /** Decide again from a file (`-`: from stdin). */
  | { kind: "replay"; file: string; output: Output }
  | { kind: "print"; text: string }
  /** `json`: the one who reads stdout expects an object there. */
  | { kind: "usage"; message: string; json: boolean };

/** Reads the command line. Never throws for what people write: that is a `usage`. */
export function parse(argv: readonly string[], env: Environment): Parsed {
  try {
    const { words, given } = split(argv);
    if (given.has("help")) return { kind: "print", text: helpText() };
    if (given.has("version")) return { kind: "print", text: `swarm-join ${VERSION}\n` };
    const verb = verbOf(words, given);
    return verb.way === "replay" ? replayOf(given, env) : runOf(verb, given, env);
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    const json = argv.includes("--json") ||
      /^(?:1|true|yes|on)$/i.test(env["SWARM_JOIN_JSON"] ?? "");
    return { kind: "usage", message: error.message, json };
  }
}

class Usage extends Error {}

/** Values by flag, in the order given; a switch has `true` or `false`. */
type Given = ReadonlyMap<string, string[]>;

const SWITCHES: readonly Flag[] = [
  { name: "help", value: null, initial: null, help: "" },
  { name: "version", value: null, initial: null, help: "" },
];
const KNOWN: readonly Flag[] = [...FLAGS, OBSERVATION_FLAG, ...SWITCHES];

function split(argv: readonly string[]): { words: string[]; given: Given } {
  const given = new Map<string, string[]>();
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (!argument.startsWith("-") || argument === "-") {
      words.push(argument);
      continue;
    }
    const [head = "", ...rest] = argument.split("=");
    const inline = rest.length > 0 ? rest.join("=") : null;
    const flag = KNOWN.find((it) => `--${it.name}` === head) ??
      (head === "-h" ? SWITCHES[0] : undefined);
    if (flag === undefined) throw unknownFlag(head);
    const value = inline ?? (flag.value === null ? "true" : argv[++i]);
    if (value === undefined || (inline === null && flag.value !== null && /^-./.test(value))) {
      throw new Usage(`${head} needs a value: ${usageOf(flag)}`);
    }
    given.set(flag.name, [...given.get(flag.name) ?? [], value]);
  }
  return { words, given };
}

function unknownFlag(head: string): Usage {
  const near = nearest(
    head.replace(/^-+/, "").replaceAll("_", "-").toLowerCase(),
    KNOWN.map((flag) => flag.name),
  );
  return new Usage(`unknown flag ${head}${near === null ? "" : `; did you mean --${near}?`}`);
}

/** The row of the table that these words name; for `plan VERB` that of `plan`, with the goal of VERB. */
function verbOf([word = DEFAULT_VERB, ...rest]: readonly string[], given: Given): Verb {
  const rows = rowsOf(word);
  const verb = rows.find(({ way }) => (way === "replay") === given.has("observation"));
  if (verb === undefined) {
    throw new Usage("--observation decides again from a file: use it with plan");
  }
  const [other, extra] = verb.takes === "[VERB]" ? rest : [undefined, rest[0]];
  if (extra !== undefined) throw new Usage(`unexpected argument "${extra}"`);
  return verb.way === "look" && other !== undefined ? { ...verb, goal: goalToPlan(other) } : verb;
}

function goalToPlan(word: string): Goal {
  const [verb] = rowsOf(word);
  if (verb?.way === "act") return verb.goal;
  throw new Usage(`${word} changes nothing: there is no plan of it`);
}

function rowsOf(word: string): Verb[] {
  const rows = VERBS.filter(({ name }) => name === word);
  if (rows.length > 0) return rows;
  const names = [...new Set(VERBS.map(({ name }) => name))];
  const near = nearest(word, names);
  const hint = near === null ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  throw new Usage(`unknown verb "${word}"; ${hint}`);
}

function runOf(verb: Exclude<Verb, { way: "replay" }>, given: Given, env: Environment): Parsed {
  const isLook = verb.way === "look";
  if (isLook && verb.prints !== "plan" && given.has("dry-run")) {
    throw new Usage(`--dry-run has no effect with ${verb.name}, which changes nothing`);
  }
  const read = new Reader(given, env);
  const dryRun = isLook || read.isOn("dry-run");
  return {
    kind: "run",
    config: configOf(read, verb.goal, dryRun),
    surroundings: surroundingsOf(read),
    output: outputOf(read),
  };
}

function replayOf(given: Given, env: Environment): Parsed {
  const allowed = ["observation", "json", "log-format", "log-level", "dry-run"];
  for (const name of given.keys()) {
    if (!allowed.includes(name)) {
      throw new Usage(
        `--${name} has no effect with --observation: all of it is in the observation`,
      );
    }
  }
  const file = given.get("observation")?.at(-1) ?? "";
  if (file === "") throw new Usage("--observation names no file");
  return { kind: "replay", file, output: outputOf(new Reader(given, env)) };
}

/** Finds the value of a flag: in the arguments, else in its variable, else its default. */
class Reader {
  constructor(readonly given: Given, readonly env: Environment) {}

  /** Null when the flag is not given and has no default. */
  one<T>(name: FlagName, parser: (text: string) => T): T | null {
    const { from, texts } = this.#texts(name);
    const text = texts.at(-1);
    return text === undefined ? null : checked(from, text, parser);
  }

  /** The same for a flag that has a default. */
  sure<T>(name: FlagName, parser: (text: string) => T): T {
    const value = this.one(name, parser);
    if (value === null) throw new Error(`--${name} has no default`);
    return value;
  }

  /** All values of a flag that may be repeated and takes a list. */
  many<T>(name: FlagName, parser: (text: string) => T): T[] {
    const { from, texts } = this.#texts(name);
    return texts.flatMap((text) => text.split(",")).map((it) => checked(from, it.trim(), parser));
  }

  isOn(name: FlagName): boolean {
    return this.one(name, values.truth) ?? false;
  }

  /** A variable that is not a flag's. */
  variable<T>(name: typeof VARIABLES[number]["name"], parser: (text: string) => T): T | null {
    const text = this.env[name];
    return text === undefined || text === "" ? null : checked(name, text, parser);
  }

  #texts(name: FlagName): { from: string; texts: string[] } {
    const given = this.given.get(name);
    if (given !== undefined) return { from: `--${name}`, texts: given };
    const variable = variableOf(name);
    const text = this.env[variable];
    if (text !== undefined && text !== "") return { from: variable, texts: [text] };
    const initial = FLAGS.find((flag) => flag.name === name)?.initial ?? null;
    return { from: `--${name}`, texts: initial === null ? [] : [initial] };
  }
}

function checked<T>(from: string, text: string, parser: (text: string) => T): T {
  try {
    return parser(text);
  } catch (error) {
    if (!(error instanceof values.Unfit)) throw error;
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new Usage(`${from} is ${JSON.stringify(shown)}: ${error.message}`);
  }
}

function configOf(read: Reader, goal: Goal, dryRun: boolean): Config {
  const config: Config = {
    goal,
    cluster: read.sure("cluster", values.clusterName),
    store: storeOf(read),
    role: read.sure("role", values.oneOf(["auto", "manager", "worker"])),
    roleTag: read.sure("role-tag", values.tagKey),
    managerTokenTag: read.sure("manager-token-tag", values.ownTagKey),
    workerTokenTag: read.sure("worker-token-tag", values.ownTagKey),
    clusterTag: read.one("cluster-tag", values.tagKey),
    tags: read.many("tags", values.tag),
    advertiseAddr: read.one("advertise-addr", values.address({ port: true, unspecified: false })),
    listenAddr: read.one("listen-addr", values.address({ port: true, unspecified: true })),
    dataPathAddr: read.one("data-path-addr", values.address({ port: false, unspecified: false })),
    dataPathPort: read.one("data-path-port", values.dataPathPort),
    defaultAddrPool: read.many("default-addr-pool", values.pool),
    availability: read.one("availability", values.oneOf(["active", "pause", "drain"])),
    abandonTasks: read.isOn("abandon-tasks"),
    region: read.variable("AWS_REGION", values.region),
    ec2Endpoint: endpointOf(read, "AWS_ENDPOINT_URL_EC2"),
    timeoutMs: read.sure("timeout", values.durationMs),
    dryRun,
  };
  refuseConflicts(config);
  refuseTags(config);
  return config;
}

function storeOf(read: Reader): Config["store"] {
  const kmsKey = read.one("s3-kms-key", stores.kmsKey);
  const method = values.oneOf(["AES256", "aws:kms"]);
  const encryption = read.one("s3-sse", (text) => stores.encryption(method(text), kmsKey)) ??
    stores.encryption(null, kmsKey);
  const bucketOwner = read.one("s3-bucket-owner", values.account);
  return read.sure("store", (text) => stores.store(text, { ...encryption, bucketOwner }));
}

/** What is wrong only together. */
function refuseConflicts(config: Config): void {
  if (config.store.kind === "tags" && config.cluster !== "default" && config.clusterTag === null) {
    throw new Usage(
      `--cluster ${config.cluster} needs --cluster-tag KEY: with the tags store, the tokens of two ` +
        "clusters in one VPC can only be told apart by a tag of the instances whose value is the " +
        "cluster's name (or use --store s3://bucket/prefix)",
    );
  }
  const keys = [config.roleTag, config.managerTokenTag, config.workerTokenTag, config.clusterTag]
    .filter((key) => key !== null);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) {
    throw new Usage(
      `the tag "${twice}" can't hold two things: --role-tag, --manager-token-tag, ` +
        "--worker-token-tag and --cluster-tag must differ",
    );
  }
  const pools = config.defaultAddrPool;
  pools.forEach((pool, i) => {
    const other = pools.slice(0, i).find((it) => values.poolsOverlap(it, pool));
    if (other !== undefined) {
      throw new Usage(`--default-addr-pool has ${other} and ${pool}, which overlap`);
    }
  });
}

/** Of all that it writes, S3 takes the fewest tags on one thing. */
function refuseTags({ tags, store, managerTokenTag, workerTokenTag }: Config): void {
  const own = ["swarm-join", managerTokenTag, workerTokenTag];
  tags.forEach(({ key }, i) => {
    if (own.includes(key)) throw new Usage(`--tags has "${key}", which swarm-join writes itself`);
    if (tags.findIndex((tag) => tag.key === key) !== i) {
      throw new Usage(`--tags has "${key}" twice`);
    }
  });
  const most = store.kind === "s3" ? 10 : 49;
  if (tags.length > most) {
    const why = store.kind === "s3" ? "S3 takes 10 on an object" : "EC2 takes 50, one is its own";
    throw new Usage(`--tags has ${tags.length} tags: ${why}`);
  }
}

function outputOf(read: Reader): Output {
  return {
    json: read.isOn("json"),
    logFormat: read.sure("log-format", values.oneOf(LOG_FORMATS)),
    logLevel: read.sure("log-level", values.oneOf(LOG_LEVELS)),
  };
}

function surroundingsOf(read: Reader): Surroundings {
  const fips = read.variable("AWS_USE_FIPS_ENDPOINT", values.awsTruth) ?? false;
  const dualstack = read.variable("AWS_USE_DUALSTACK_ENDPOINT", values.awsTruth) ?? false;
  const named = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_S3"] as const;
  const other = named.find((name) => read.variable(name, values.endpoint) !== null);
  if ((fips || dualstack) && other !== undefined) {
    throw new Usage(
      `AWS_USE_${fips ? "FIPS" : "DUALSTACK"}_ENDPOINT asks for an endpoint of AWS's own, and ` +
        `${other} names another: leave one of them out`,
    );
  }
  return {
    dockerSocket: read.variable("DOCKER_HOST", values.socketPath) ?? "/var/run/docker.sock",
    imdsEndpoint: read.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", values.metadataEndpoint),
    imdsV1: read.isOn("imds-v1"),
    s3Endpoint: endpointOf(read, "AWS_ENDPOINT_URL_S3"),
    fips,
    dualstack,
    lockFile: read.sure("lock-file", values.lockPath),
  };
}

/** A service's own endpoint, else that of all. */
function endpointOf(
  read: Reader,
  own: "AWS_ENDPOINT_URL_EC2" | "AWS_ENDPOINT_URL_S3",
): string | null {
  return read.variable(own, values.endpoint) ?? read.variable("AWS_ENDPOINT_URL", values.endpoint);
}
