/**
 * The command line: arguments and environment in, what to do out. Pure.
 *
 * A flag beats its variable in the environment; an empty variable counts as unset.
 */
import {
  ENVIRONMENT,
  EXITS,
  type Flag,
  type FlagName,
  FLAGS,
  OBSERVATION_FLAG,
  variableOf,
  VARIABLES,
  VERSION,
} from "./flags.ts";
import type { Config } from "./state.ts";
import * as values from "./values.ts";

export { ENVIRONMENT };

export type Environment = Readonly<Record<string, string | undefined>>;

export type LogFormat = "auto" | "text" | "json";
export type LogLevel = "error" | "warn" | "info" | "debug";

/** How the run talks. */
export interface Output {
  json: boolean;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/** What a run talks to. Null: where it always is, or what the metadata say. */
export interface Surroundings {
  dockerSocket: string;
  imdsEndpoint: string | null;
  imdsV1: boolean;
  ec2Endpoint: string | null;
  s3Endpoint: string | null;
  region: string | null;
  lockFile: string;
}

export type Parsed =
  | { kind: "run"; config: Config; surroundings: Surroundings; output: Output }
  /** Decide again from a file (`-`: from stdin). */
  | { kind: "replay"; file: string; output: Output }
  | { kind: "print"; text: string }
  | { kind: "usage"; message: string };

/** Reads the command line. Never throws for what people write: that is a `usage`. */
export function parse(argv: readonly string[], env: Environment): Parsed {
  try {
    const { command, given } = split(argv);
    if (given.has("help")) return { kind: "print", text: helpText() };
    if (given.has("version")) return { kind: "print", text: `swarm-join ${VERSION}\n` };
    return command === "plan" && given.has("observation")
      ? replayOf(given, env)
      : runOf(command, given, env);
  } catch (error) {
    if (error instanceof Usage) return { kind: "usage", message: error.message };
    throw error;
  }
}

/** What `--help` prints. */
export function helpText(): string {
  return `swarm-join ${VERSION}: makes this EC2 instance a member of the one Docker Swarm of its VPC.

  swarm-join [join] [flags]     join the swarm, or found it; returns when this node is a member
  swarm-join plan [flags]       the same as join --dry-run: look, decide, and change nothing

Tag the instances Role=manager or Role=worker, allow what deploy/iam lists, and run it on every boot,
on all of them at once if you like: exactly one manager founds the swarm, all others join it. Running
it again changes nothing. Try it first with --dry-run: it says who this node is, what it sees, what it
would do and why, and which permissions are missing.

Examples
  sudo swarm-join --dry-run
  sudo swarm-join --timeout 15m
  sudo swarm-join --store s3://my-bucket/swarms
  sudo swarm-join --cluster blue --cluster-tag Cluster
  sudo swarm-join plan --json > seen.json         what to send along when asking for help
  swarm-join plan --observation seen.json         on any machine: no network, no root

Flags (each also as ${variableOf("name").replace("NAME", "…")} in the environment: ${
    variableOf("role-tag")
  }=Role)
${table(FLAGS.map((flag) => [usageOf(flag), describe(flag)]))}
  and, not in the environment:
${
    table([
      [usageOf(OBSERVATION_FLAG), OBSERVATION_FLAG.help],
      ["--version", "print the version"],
      ["--help", "print this"],
    ])
  }

Environment (besides the flags' own)
${table(VARIABLES.map((variable) => [variable.name, variable.help]))}

The result goes to stdout, the log to stderr. Exit codes
${table(EXITS.map((exit) => [String(exit.code), exit.help]))}
`;
}

/** A flag as it is written: `--cluster NAME`. */
export function usageOf(flag: Flag): string {
  return flag.value === null ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

/** What a flag does and what holds without it. */
export function describe(flag: Flag): string {
  return flag.initial === null ? flag.help : `${flag.help} (default ${flag.initial})`;
}

class Usage extends Error {}

type Command = "join" | "plan";
/** Values by flag, in the order given; a switch has `true` or `false`. */
type Given = ReadonlyMap<string, string[]>;

const COMMANDS: readonly Command[] = ["join", "plan"];
const SWITCHES: readonly Flag[] = [
  { name: "help", value: null, initial: null, help: "" },
  { name: "version", value: null, initial: null, help: "" },
];
const KNOWN: readonly Flag[] = [...FLAGS, OBSERVATION_FLAG, ...SWITCHES];

function split(argv: readonly string[]): { command: Command; given: Given } {
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
    const flag = KNOWN.find((it) => `--${it.name}` === head) ?? shortOf(head);
    if (flag === null) throw unknownFlag(head);
    const value = inline ?? (flag.value === null ? "true" : argv[++i]);
    if (value === undefined || (inline === null && flag.value !== null && /^-./.test(value))) {
      throw new Usage(`${head} needs a value: ${usageOf(flag)}`);
    }
    given.set(flag.name, [...given.get(flag.name) ?? [], value]);
  }
  return { command: commandOf(words), given };
}

function shortOf(head: string): Flag | null {
  return head === "-h" ? SWITCHES[0] ?? null : null;
}

function unknownFlag(head: string): Usage {
  const near = nearest(
    head.replace(/^-+/, "").replaceAll("_", "-").toLowerCase(),
    KNOWN.map((flag) => flag.name),
  );
  return new Usage(`unknown flag ${head}${near === null ? "" : `; did you mean --${near}?`}`);
}

function commandOf(words: readonly string[]): Command {
  const [word = "join", extra] = words;
  const command = COMMANDS.find((it) => it === word);
  if (command === undefined) {
    const near = nearest(word, COMMANDS);
    throw new Usage(
      `unknown command "${word}"; ${
        near === null ? `there are ${COMMANDS.join(" and ")}` : `did you mean ${near}?`
      }`,
    );
  }
  if (extra !== undefined) throw new Usage(`unexpected argument "${extra}"`);
  return command;
}

function runOf(command: Command, given: Given, env: Environment): Parsed {
  if (given.has("observation")) {
    throw new Usage("--observation decides again from a file: use it with plan");
  }
  const read = reader(given, env);
  const config = configOf(read, command);
  return {
    kind: "run",
    config,
    surroundings: surroundingsOf(read, env),
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
  return { kind: "replay", file, output: outputOf(reader(given, env)) };
}

interface Reader {
  /** The value of a flag, else of its variable, else its default; null when there is none. */
  one<T>(name: FlagName, parser: (text: string) => T): T | null;
  /** The same for a flag that has a default. */
  sure<T>(name: FlagName, parser: (text: string) => T): T;
  /** All values of a flag that may be repeated or take a list. */
  many<T>(name: FlagName, parser: (text: string) => T): T[];
  isOn(name: FlagName): boolean;
}

function reader(given: Given, env: Environment): Reader {
  function textsOf(name: FlagName): { from: string; texts: string[] } {
    const fromFlag = given.get(name);
    if (fromFlag !== undefined) return { from: `--${name}`, texts: fromFlag };
    const variable = variableOf(name);
    const fromEnv = env[variable];
    if (fromEnv !== undefined && fromEnv !== "") return { from: variable, texts: [fromEnv] };
    const initial = FLAGS.find((flag) => flag.name === name)?.initial ?? null;
    return { from: `--${name}`, texts: initial === null ? [] : [initial] };
  }
  function one<T>(name: FlagName, parser: (text: string) => T): T | null {
    const { from, texts } = textsOf(name);
    const text = texts.at(-1);
    return text === undefined ? null : checked(from, text, parser);
  }
  return {
    one,
    sure(name, parser) {
      const value = one(name, parser);
      if (value === null) throw new Error(`--${name} has no default`);
      return value;
    },
    many(name, parser) {
      const { from, texts } = textsOf(name);
      return texts.flatMap((text) => text.split(",")).map((it) => checked(from, it.trim(), parser));
    },
    isOn(name) {
      return one(name, values.truth) ?? false;
    },
  };
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

function configOf(read: Reader, command: Command): Config {
  const kmsKey = read.one("s3-kms-key", values.kmsKey);
  const config: Config = {
    cluster: read.sure("cluster", values.clusterName),
    store: read.sure("store", (text) => values.store(text, kmsKey)),
    role: read.sure("role", (text) => values.oneOf(text, ["auto", "manager", "worker"])),
    roleTag: read.sure("role-tag", values.tagKey),
    managerTokenTag: read.sure("manager-token-tag", values.tagKey),
    workerTokenTag: read.sure("worker-token-tag", values.tagKey),
    clusterTag: read.one("cluster-tag", values.tagKey),
    advertiseAddr: read.one(
      "advertise-addr",
      (text) => values.address(text, { port: true, unspecified: false }),
    ),
    listenAddr: read.one(
      "listen-addr",
      (text) => values.address(text, { port: true, unspecified: true }),
    ),
    dataPathAddr: read.one(
      "data-path-addr",
      (text) => values.address(text, { port: false, unspecified: false }),
    ),
    dataPathPort: read.one("data-path-port", values.dataPathPort),
    defaultAddrPool: read.many("default-addr-pool", values.pool),
    availability: read.one(
      "availability",
      (text) => values.oneOf(text, ["active", "pause", "drain"]),
    ),
    timeoutMs: read.sure("timeout", values.durationMs),
    dryRun: command === "plan" || read.isOn("dry-run"),
  };
  refuseConflicts(config);
  return config;
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

function outputOf(read: Reader): Output {
  return {
    json: read.isOn("json"),
    logFormat: read.sure("log-format", (text) => values.oneOf(text, ["auto", "text", "json"])),
    logLevel: read.sure(
      "log-level",
      (text) => values.oneOf(text, ["error", "warn", "info", "debug"]),
    ),
  };
}

function surroundingsOf(read: Reader, env: Environment): Surroundings {
  function variable<T>(name: typeof VARIABLES[number]["name"], parser: (text: string) => T) {
    const text = env[name];
    return text === undefined || text === "" ? null : checked(name, text, parser);
  }
  const everywhere = variable("AWS_ENDPOINT_URL", values.endpoint);
  return {
    dockerSocket: variable("DOCKER_HOST", values.socketPath) ?? "/var/run/docker.sock",
    imdsEndpoint: variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", values.endpoint),
    imdsV1: read.isOn("imds-v1"),
    ec2Endpoint: variable("AWS_ENDPOINT_URL_EC2", values.endpoint) ?? everywhere,
    s3Endpoint: variable("AWS_ENDPOINT_URL_S3", values.endpoint) ?? everywhere,
    region: variable("AWS_REGION", values.region),
    lockFile: read.sure("lock-file", values.lockPath),
  };
}

const COLUMNS = 100;

/** Two columns; what is too long for the right one goes on below. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.flatMap(([left, right]) =>
    wrap(right, COLUMNS - width - 4).map((line, i) =>
      `  ${(i === 0 ? left : "").padEnd(width)}  ${line}`
    )
  ).join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** The choice that `word` is most likely a slip of: few letters apart, or the beginning of it. */
function nearest(word: string, choices: readonly string[]): string | null {
  const plain = (text: string): string => text.replaceAll("-", "");
  const ranked = choices
    .map((choice) => ({
      choice,
      apart: word.length > 2 && plain(choice).startsWith(plain(word))
        ? 0
        : distance(plain(word), plain(choice)),
    }))
    .filter(({ choice, apart }) => apart <= Math.max(1, Math.floor(choice.length / 3)))
    .sort((a, b) => a.apart - b.apart);
  return ranked[0]?.choice ?? null;
}

/** Levenshtein's distance: how many letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      ));
    }
  }
  return row[b.length] ?? 0;
}
