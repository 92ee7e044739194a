/**
 * The command line: arguments, environment and files in, what to do out. Pure.
 */
import { rangesOverlap } from "../addresses.ts";
import { parseEnvFile } from "./env_file.ts";
import { CHOICES, CREDENTIAL_NAMES, type Flag, FLAGS, OBSERVATION_FLAG, VERSION } from "./flags.ts";
import { whyIdle } from "./fits.ts";
import { helpText, SWITCHES, usageOf } from "./help.ts";
import { nearest } from "./nearest.ts";
import { refusal } from "./refused.ts";
import { settingsText } from "./shown.ts";
import {
  type Environment,
  type Given,
  Reader,
  refuseUnknown,
  type SettingsFile,
  Usage,
} from "./sources.ts";
import { CLUSTER_TAG, LEAVING_TAG, type Output, type Surroundings } from "../settings.ts";
import type { Config, Goal } from "../state.ts";
import { DEFAULT_VERB, type Verb, VERBS } from "./verbs.ts";
import * as stores from "./store.ts";
import * as values from "./values.ts";

/** What became of reading a file. `why`: as the end of a sentence. */
export type FileRead =
  | { kind: "text"; text: string }
  | { kind: "missing" }
  | { kind: "unreadable"; why: string };

export interface Outside {
  env: Environment;
  readFile: (path: string) => FileRead;
}

export type Parsed =
  /** Act, or only look: `config` says which. `keeps`: again and again. `isStatus`: to tell how the swarm stands. */
  | {
    kind: "run";
    keeps: boolean;
    config: Config;
    surroundings: Surroundings;
    output: Output;
    isStatus: boolean;
  }
  /** Say which settings count, once it is known that a run could begin with them. */
  | { kind: "settings"; text: string; surroundings: Surroundings; json: boolean }
  /** Decide again from a file (`-`: from stdin). */
  | { kind: "replay"; file: string; output: Output }
  | { kind: "print"; text: string }
  /** `json`: the one who reads stdout expects an object there. */
  | { kind: "usage"; message: string; json: boolean };

/** Reads the command line. Never throws for what people write: that is a `usage`. */
export function parse(argv: readonly string[], { env, readFile }: Outside): Parsed {
  try {
    const { words, given } = split(argv);
    if (given.has("help")) return { kind: "print", text: helpText() };
    if (given.has("version")) return { kind: "print", text: `swarm-join ${VERSION}\n` };
    const verb = verbOf(words, given);
    refuseIdle(verb, given);
    return verb.way === "replay" ? replayOf(given, env) : runOf(verb, given, { env, readFile });
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    const json = argv.includes("--json") ||
      /^(?:1|true|yes|on)$/i.test(env["SWARM_JOIN_JSON"] ?? "");
    return { kind: "usage", message: error.message, json };
  }
}

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
      (head === "-h" ? KNOWN.find(({ name }) => name === "help") : undefined);
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
  if (verb?.way === "act" || verb?.way === "keep") return verb.goal;
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

function runOf(
  verb: Exclude<Verb, { way: "replay" }>,
  given: Given,
  { env, readFile }: Outside,
): Parsed {
  const file = fileOf(new Reader(given, env, null), readFile);
  const read = new Reader(given, env, file);
  refuseForeign(read);
  refuseUnknown(env, file);
  // A recovery is asked for twice.
  const isUnsure = verb.goal === "recover" && !read.isOn("yes");
  const dryRun = verb.way === "look" || read.isOn("dry-run") || isUnsure;
  const config = configOf(read, verb.goal, dryRun);
  const surroundings = surroundingsOf(read, readFile);
  const output = outputOf(read);
  if (verb.way !== "show") {
    const keeps = verb.way === "keep" && !dryRun;
    const isStatus = verb.prints === "status";
    return { kind: "run", keeps, config, surroundings, output, isStatus };
  }
  const { json } = output;
  const text = settingsText(read.all(), { file: file?.path ?? null, json });
  return { kind: "settings", text, surroundings, json };
}

function refuseIdle(verb: Verb, given: Given): void {
  for (const name of given.keys()) {
    const why = whyIdle(name, verb);
    if (why !== null) throw new Usage(`--${name} has no effect with ${why}`);
  }
}

/** The file of settings; null: there is none, and nobody named one. */
function fileOf(read: Reader, readFile: Outside["readFile"]): SettingsFile | null {
  const path = read.sure("config", values.fileName);
  const found = readFile(path);
  if (found.kind === "missing" && !read.isSet("config")) return null;
  if (found.kind !== "text") {
    const why = found.kind === "missing" ? "there is no such file" : found.why;
    throw new Usage(`the settings in ${path} can't be read: ${why}`);
  }
  const parsed = parseEnvFile(found.text);
  if (!parsed.ok) throw new Usage(`${path}, line ${parsed.line}: ${parsed.why}`);
  return { path, values: parsed.values };
}

function refuseForeign(read: Reader): void {
  const refused = refusal((name) => read.text(name)?.text ?? null);
  if (refused === null) return;
  const { name, instead } = refused;
  throw new Usage(
    `${name}${read.text(name)?.place} is set, and swarm-join does not follow it: ${instead}`,
  );
}

function replayOf(given: Given, env: Environment): Parsed {
  const file = given.get("observation")?.at(-1) ?? "";
  if (file === "") throw new Usage("--observation names no file");
  return { kind: "replay", file, output: outputOf(new Reader(given, env, null)) };
}

function configOf(read: Reader, goal: Goal, dryRun: boolean): Config {
  const config: Config = {
    goal,
    cluster: read.sure("cluster", values.clusterName),
    store: storeOf(read),
    role: read.sure("role", values.oneOf(CHOICES.role)),
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
    availability: read.one("availability", values.oneOf(CHOICES.availability)),
    abandonTasks: read.isOn("abandon-tasks"),
    labelTags: read.many("label-tags", values.tagKey),
    // The file of settings is that of all verbs.
    ifTerminating: read.isOn("if-terminating") && goal === "leave",
    hook: null,
    region: read.variable(["AWS_REGION", "AWS_DEFAULT_REGION"], values.region),
    givenKeys: read.text(CREDENTIAL_NAMES[0]) !== null,
    ec2Endpoint: endpointOf(read, "AWS_ENDPOINT_URL_EC2"),
    timeoutMs: read.sure("timeout", values.durationMs),
    dryRun,
  };
  refuseConflicts(config);
  refuseTags(config);
  refuseLabels(config);
  return config;
}

function storeOf(read: Reader): Config["store"] {
  const kmsKey = read.one("s3-kms-key", stores.kmsKey);
  const method = values.oneOf(CHOICES["s3-sse"]);
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
        "cluster's name",
    );
  }
  const { roleTag, managerTokenTag, workerTokenTag, clusterTag } = config;
  const keys = [CLUSTER_TAG, LEAVING_TAG, roleTag, managerTokenTag, workerTokenTag, clusterTag]
    .filter((key) => key !== null);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) {
    throw new Usage(
      `the tag "${twice}" can't hold two things: --role-tag, --manager-token-tag, ` +
        `--worker-token-tag and --cluster-tag must differ, and ${CLUSTER_TAG} and ${LEAVING_TAG} are ` +
        "swarm-join's own",
    );
  }
  const pools = config.defaultAddrPool;
  pools.forEach((pool, i) => {
    const other = pools.slice(0, i).find((it) => rangesOverlap(it, pool));
    if (other !== undefined) {
      throw new Usage(`--default-addr-pool has ${other} and ${pool}, which overlap`);
    }
  });
}

/** Of all that it writes, S3 takes the fewest tags on one thing. */
function refuseTags({ tags, store, managerTokenTag, workerTokenTag }: Config): void {
  const own = ["swarm-join", CLUSTER_TAG, LEAVING_TAG, managerTokenTag, workerTokenTag];
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

/** Every node of the swarm can read its labels. */
function refuseLabels({ labelTags, managerTokenTag, workerTokenTag }: Config): void {
  labelTags.forEach((key, i) => {
    if (key === managerTokenTag || key === workerTokenTag) {
      throw new Usage(`--label-tags has "${key}", which holds a join token`);
    }
    if (labelTags.indexOf(key) !== i) throw new Usage(`--label-tags has "${key}" twice`);
  });
}

function outputOf(read: Reader): Output {
  return {
    json: read.isOn("json"),
    logFormat: read.sure("log-format", values.oneOf(CHOICES["log-format"])),
    logLevel: read.sure("log-level", values.oneOf(CHOICES["log-level"])),
  };
}

function surroundingsOf(read: Reader, readFile: Outside["readFile"]): Surroundings {
  const mode = read.variable(
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"],
    values.oneOfAnyCase(["ipv4", "ipv6"]),
  );
  return {
    dockerSocket: read.variable(["DOCKER_HOST"], values.socketPath) ?? "/var/run/docker.sock",
    imdsEndpoint: read.variable(["AWS_EC2_METADATA_SERVICE_ENDPOINT"], values.metadataEndpoint) ??
      (mode === "ipv6" ? "http://[fd00:ec2::254]" : null),
    imdsV1: read.isOn("imds-v1"),
    s3Endpoint: endpointOf(read, "AWS_ENDPOINT_URL_S3"),
    autoScalingEndpoint: endpointOf(read, "AWS_ENDPOINT_URL_AUTO_SCALING"),
    ...awsEndpoints(read),
    caCerts: caCertsOf(read, readFile),
    proxies: {
      https: read.variable(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"], values.proxy),
      http: read.variable(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"], values.proxy),
      none: read.variable(["NO_PROXY", "no_proxy"], values.words) ?? [],
    },
    credentials: credentialsOf(read),
    lockFile: read.sure("lock-file", values.lockPath),
    intervalMs: read.sure("interval", values.intervalMs),
    metricsFile: read.one("metrics-file", values.metricsPath),
  };
}

/** Which of AWS's own endpoints are asked. */
function awsEndpoints(read: Reader): Pick<Surroundings, "fips" | "dualstack"> {
  const fips = read.variable(["AWS_USE_FIPS_ENDPOINT"], values.awsTruth) ?? false;
  const dualstack = read.variable(["AWS_USE_DUALSTACK_ENDPOINT"], values.awsTruth) ?? false;
  const other = ENDPOINTS.some((own) => endpointOf(read, own) !== null);
  if ((fips || dualstack) && other) {
    throw new Usage(
      `AWS_USE_${fips ? "FIPS" : "DUALSTACK"}_ENDPOINT asks for endpoints of AWS's own, and ` +
        "AWS_ENDPOINT_URL (or that of a service) names another: leave one of them out",
    );
  }
  return { fips, dualstack };
}

const ENDPOINTS = [
  "AWS_ENDPOINT_URL_EC2",
  "AWS_ENDPOINT_URL_S3",
  "AWS_ENDPOINT_URL_AUTO_SCALING",
] as const;

/** A service's own endpoint, else that of all. */
function endpointOf(
  read: Reader,
  own: typeof ENDPOINTS[number],
): string | null {
  if (read.variable(["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"], values.awsTruth)) return null;
  return read.variable([own, "AWS_ENDPOINT_URL"], values.endpoint);
}

function caCertsOf(read: Reader, readFile: Outside["readFile"]): string | null {
  return read.variable(["AWS_CA_BUNDLE", "SSL_CERT_FILE"], (path) => {
    const found = readFile(path);
    if (found.kind === "missing") throw new values.Unfit("there is no such file");
    if (found.kind === "unreadable") throw new values.Unfit(`it can't be read: ${found.why}`);
    if (!found.text.includes("-----BEGIN CERTIFICATE-----")) {
      throw new values.Unfit("there is no certificate in it; it must have some as PEM");
    }
    return found.text;
  });
}

function credentialsOf(read: Reader): Surroundings["credentials"] {
  const [id, secret] = CREDENTIAL_NAMES;
  const lacks = [id, secret].filter((name) => read.text(name) === null);
  const [lacking] = lacks;
  if (lacks.length === 1) {
    throw new Usage(`${lacking} is not set, though the other half of the pair is`);
  }
  return Object.fromEntries(CREDENTIAL_NAMES.map((name) => [name, read.text(name)?.text]));
}
