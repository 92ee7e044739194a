/**
 * Every flag, environment variable and exit code once: the command line reads this table, `--help`
 * prints it, and a test compares docs/reference.md with it.
 */
import { LOG_FORMATS, LOG_LEVELS } from "../settings.ts";

export const VERSION = "0.1.0";

export interface Flag {
  /** Without the two hyphens. */
  name: string;
  /** What stands for the value in the help; null: a switch. */
  value: string | null;
  /** What holds without the flag, as text of a value; null: nothing. */
  initial: string | null;
  help: string;
}

/**
 * What the value of a flag can be, where that is a few words: they are checked, and offered by shells. One that
 * ends in a slash is the beginning of a value.
 */
export const CHOICES = {
  "store": ["tags", "s3://"],
  "role": ["auto", "manager", "worker"],
  "availability": ["active", "pause", "drain"],
  "log-format": LOG_FORMATS,
  "log-level": LOG_LEVELS,
  "s3-sse": ["AES256", "aws:kms"],
} as const satisfies { [name in FlagName]?: readonly string[] };

/** Each of these is also `SWARM_JOIN_<NAME>` in the environment. */
// deno-fmt-ignore: a table, with a flag a line
export const FLAGS = [
  { name: "cluster", value: "NAME", initial: "default", help: "which swarm of the VPC, when there is more than one; each then needs --cluster-tag" },
  { name: "store", value: "STORE", initial: "tags", help: "where the founding record and the tokens are: tags, or s3://bucket/prefix" },
  { name: "role", value: "ROLE", initial: "auto", help: "auto (what the instance's role tag says), manager or worker" },
  { name: "role-tag", value: "KEY", initial: "Role", help: "the instance tag that says manager or worker" },
  { name: "manager-token-tag", value: "KEY", initial: "ManagerToken", help: "the tag in which managers publish the managers' token" },
  { name: "worker-token-tag", value: "KEY", initial: "WorkerToken", help: "the tag in which managers publish the workers' token" },
  { name: "cluster-tag", value: "KEY", initial: null, help: "look only at instances whose tag KEY is the cluster's name (a second cluster in one VPC)" },
  { name: "tags", value: "KEY=VALUE,…", initial: null, help: "tags for all that it creates in AWS" },
  { name: "advertise-addr", value: "ADDR", initial: null, help: "what the others reach this node at: an IP address or interface (else the instance's own)" },
  { name: "listen-addr", value: "ADDR", initial: null, help: "what the Engine listens on (else 0.0.0.0:2377, or [::]:2377)" },
  { name: "data-path-addr", value: "ADDR", initial: null, help: "address or interface of overlay traffic (else the advertised one)" },
  { name: "data-path-port", value: "PORT", initial: null, help: "UDP port of overlay traffic, 1024 to 49151; counts when the swarm is founded (else 4789)" },
  { name: "default-addr-pool", value: "CIDR,…", initial: null, help: "networks for overlays; counts when the swarm is founded (else the first that the VPC leaves free)" },
  { name: "availability", value: "STATE", initial: null, help: "active, pause or drain, from the moment of joining (else active)" },
  { name: "label-tags", value: "KEY,KEY,…", initial: null, help: "tags of an instance that its node gets as labels, swarm-join.tag.KEY" },
  { name: "if-terminating", value: null, initial: null, help: "of leave: only if this machine is told to go (by Auto Scaling, a spot notice, or EC2)" },
  { name: "yes", value: null, initial: null, help: "of recover: do it; without, it only says what it would do" },
  { name: "abandon-tasks", value: null, initial: null, help: "a worker whose swarm was replaced, or has removed it, joins anew; the tasks that run on it are lost" },
  { name: "timeout", value: "DURATION", initial: "10m", help: "give up after this long (exit 3, or that of what stood in the way); 90s, 10m, 1h30m" },
  { name: "interval", value: "DURATION", initial: "30s", help: "of keep: how often it looks at its own Engine, 5s to 10m" },
  { name: "dry-run", value: null, initial: null, help: "say what it would do and why, and change nothing" },
  { name: "json", value: null, initial: null, help: "print the result as one JSON object" },
  { name: "log-format", value: "FORMAT", initial: "auto", help: "of stderr: text, json, or auto (json under systemd, else text)" },
  { name: "log-level", value: "LEVEL", initial: "info", help: "error, warn, info or debug" },
  { name: "s3-sse", value: "METHOD", initial: null, help: "how S3 encrypts what is written: AES256 or aws:kms (else as the bucket says)" },
  { name: "s3-kms-key", value: "KEY", initial: null, help: "encrypt with this KMS key; means --s3-sse aws:kms (else with AWS's own)" },
  { name: "s3-bucket-owner", value: "ACCOUNT", initial: null, help: "the account that the bucket must belong to (else the instance's)" },
  { name: "config", value: "FILE", initial: "/etc/swarm-join.env", help: "settings of all commands, a variable a line; flags and the environment win over it" },
  { name: "imds-v1", value: null, initial: null, help: "ask the instance's metadata without a session token, where IMDSv2 can't be had" },
  { name: "lock-file", value: "FILE", initial: "/run/swarm-join.lock", help: "one run at a time holds a lock on this file" },
  { name: "metrics-file", value: "FILE", initial: null, help: "where keep shows how it is, for node_exporter's textfile collector; ends in .prom" },
] as const satisfies readonly Flag[];

/** Only for `plan`, and not in the environment. A value that is called FILE is a file's name. */
export const OBSERVATION_FLAG = {
  name: "observation",
  value: "FILE",
  initial: null,
  help: 'with plan: decide again from what "plan --json" printed (- for stdin), with no network',
} as const satisfies Flag;

export type FlagName = typeof FLAGS[number]["name"];

export function variableOf(flag: string): string {
  return `SWARM_JOIN_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** Variables of others that are honoured. */
// deno-fmt-ignore: a table, with a variable a line
export const VARIABLES = [
  { name: "DOCKER_HOST", help: "the Engine's socket (unix:///var/run/docker.sock)" },
  { name: "AWS_REGION", help: "the region, which must be that of the instance" },
  { name: "AWS_DEFAULT_REGION", help: "the same, where AWS_REGION is not set" },
  { name: "AWS_ENDPOINT_URL", help: "where EC2, S3 and Auto Scaling are" },
  { name: "AWS_ENDPOINT_URL_EC2", help: "where EC2 is" },
  { name: "AWS_ENDPOINT_URL_S3", help: "where S3 is (addressed by path)" },
  { name: "AWS_ENDPOINT_URL_AUTO_SCALING", help: "where Auto Scaling is" },
  { name: "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", help: "true: as if none of these were set" },
  { name: "AWS_USE_FIPS_ENDPOINT", help: "true: AWS's endpoints by FIPS 140" },
  { name: "AWS_USE_DUALSTACK_ENDPOINT", help: "true: AWS's endpoints that IPv6 reaches too" },
  { name: "AWS_EC2_METADATA_SERVICE_ENDPOINT", help: "where the metadata are (http://169.254.169.254)" },
  { name: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", help: "IPv4, or IPv6: they are at http://[fd00:ec2::254]" },
  { name: "AWS_CA_BUNDLE", help: "a file of certificates (PEM) that AWS is trusted by, beside the usual ones" },
  { name: "SSL_CERT_FILE", help: "the same, where AWS_CA_BUNDLE is not set" },
  { name: "HTTPS_PROXY", help: "the proxy to AWS, http://host:port; these four also in lower case" },
  { name: "HTTP_PROXY", help: "the proxy to an endpoint that is http://" },
  { name: "ALL_PROXY", help: "the proxy where the one above it is not set" },
  { name: "NO_PROXY", help: "what is asked directly: names and all below them, addresses, networks, or *" },
  { name: "AWS_ACCESS_KEY_ID", help: "credentials, instead of those of the instance's role" },
  { name: "AWS_SECRET_ACCESS_KEY", help: "with it" },
  { name: "AWS_SESSION_TOKEN", help: "with it, if they are temporary" },
] as const;

/** The proxies' variables are as often written like this. */
const LOWER_CASE = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"] as const;

export type VariableName = typeof VARIABLES[number]["name"] | typeof LOWER_CASE[number];

export const VARIABLE_NAMES: readonly VariableName[] = [
  ...VARIABLES.map(({ name }) => name),
  ...LOWER_CASE,
];

export const CREDENTIAL_NAMES = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
] as const satisfies readonly VariableName[];

export const EXITS = [
  {
    code: 0,
    help:
      "as it should be: this node is a member, there is a plan, doctor found no error, or status is ok",
  },
  { code: 1, help: "a defect of swarm-join: please report the stack it prints" },
  {
    code: 2,
    help: "the command line, the environment, the settings' file or an observation is wrong",
  },
  {
    code: 3,
    help: "not yet: the time was up, or it was stopped; run it again. Status is degraded, or none",
  },
  { code: 4, help: "denied: the message names the permission that is missing" },
  {
    code: 5,
    help:
      "a person is needed: a conflict, a refusal, or what doctor found; nothing is lost, but where status says so",
  },
  { code: 6, help: "the machine lacks something: the Engine, the instance metadata" },
] as const;
