/** The command line: what people write, and what they are told when it can't be used. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type FileRead, type Outside, parse, type Parsed } from "../../../src/cli/parse.ts";
import type { Environment } from "../../../src/cli/sources.ts";
import { FLAGS, variableOf, VARIABLES, VERSION } from "../../../src/cli/flags.ts";
import { VERBS, verbUsage } from "../../../src/cli/verbs.ts";
import type { Config, S3Store } from "../../../src/state.ts";

const DEFAULTS: Config = {
  goal: "join",
  cluster: "default",
  store: { kind: "tags" },
  role: "auto",
  roleTag: "Role",
  managerTokenTag: "ManagerToken",
  workerTokenTag: "WorkerToken",
  clusterTag: null,
  tags: [],
  advertiseAddr: null,
  listenAddr: null,
  dataPathAddr: null,
  dataPathPort: null,
  defaultAddrPool: [],
  availability: null,
  abandonTasks: false,
  labelTags: [],
  ifTerminating: false,
  hook: null,
  region: null,
  givenKeys: false,
  ec2Endpoint: null,
  timeoutMs: 600_000,
  dryRun: false,
};

Deno.test("without flags it joins the default cluster by tags, for ten minutes", () => {
  const { config, surroundings, output } = running([]);
  assert.deepEqual(config, DEFAULTS);
  assert.deepEqual(surroundings, {
    dockerSocket: "/var/run/docker.sock",
    imdsEndpoint: null,
    imdsV1: false,
    s3Endpoint: null,
    autoScalingEndpoint: null,
    fips: false,
    dualstack: false,
    ...PLAIN,
    lockFile: "/run/swarm-join.lock",
    intervalMs: 30_000,
    metricsFile: null,
  });
  assert.deepEqual(output, { json: false, logFormat: "auto", logLevel: "info" });
});

/** A file that is there. */
const SETTINGS = "/settings.env";

/** How requests get out, and who is asked for, when nobody has said so. */
const PLAIN = {
  caCerts: null,
  proxies: { https: null, http: null, none: [] },
  credentials: {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
  },
};

const s3: S3Store = {
  kind: "s3",
  bucket: "abc",
  prefix: "",
  sse: null,
  kmsKey: null,
  bucketOwner: null,
};

/** Each flag with a value that is not its default, and where that value goes. */
const GIVEN: { [flag: string]: { text: string; also?: string[]; want: object } } = {
  "cluster": { text: "blue", also: ["--cluster-tag", "Cluster"], want: { cluster: "blue" } },
  "store": {
    text: "s3://my-bucket/swarms/prod/",
    want: { store: { ...s3, bucket: "my-bucket", prefix: "swarms/prod" } },
  },
  "role": { text: "worker", want: { role: "worker" } },
  "role-tag": { text: "swarm:role", want: { roleTag: "swarm:role" } },
  "manager-token-tag": { text: "M", want: { managerTokenTag: "M" } },
  "worker-token-tag": { text: "W", want: { workerTokenTag: "W" } },
  "cluster-tag": { text: "Cluster", want: { clusterTag: "Cluster" } },
  "tags": {
    text: "CostCenter=12 a/b, Owner=,a:b=c=d",
    want: {
      tags: [
        { key: "CostCenter", value: "12 a/b" },
        { key: "Owner", value: "" },
        { key: "a:b", value: "c=d" },
      ],
    },
  },
  "advertise-addr": { text: "10.0.0.5", want: { advertiseAddr: "10.0.0.5" } },
  "listen-addr": { text: "0.0.0.0:2377", want: { listenAddr: "0.0.0.0:2377" } },
  "data-path-addr": { text: "ens6", want: { dataPathAddr: "ens6" } },
  "data-path-port": { text: "7789", want: { dataPathPort: 7789 } },
  "default-addr-pool": {
    text: "10.20.0.0/16, 10.30.0.0/20",
    want: { defaultAddrPool: ["10.20.0.0/16", "10.30.0.0/20"] },
  },
  "availability": { text: "drain", want: { availability: "drain" } },
  "abandon-tasks": { text: "true", want: { abandonTasks: true } },
  "label-tags": {
    text: "Name, team:cost/x",
    want: { labelTags: ["Name", "team:cost/x"] },
  },
  "if-terminating": {
    text: "true",
    also: ["leave"],
    want: { goal: "leave", ifTerminating: true },
  },
  "yes": { text: "true", also: ["recover"], want: { goal: "recover", dryRun: false } },
  "timeout": { text: "1h30m", want: { timeoutMs: 5_400_000 } },
  "dry-run": { text: "true", want: { dryRun: true } },
  "json": { text: "true", want: { json: true } },
  "log-format": { text: "json", want: { logFormat: "json" } },
  "log-level": { text: "debug", want: { logLevel: "debug" } },
  "s3-kms-key": {
    text: "alias/swarm",
    also: ["--store", "s3://abc"],
    want: { store: { ...s3, sse: "aws:kms", kmsKey: "alias/swarm" } },
  },
  "s3-sse": {
    text: "AES256",
    also: ["--store", "s3://abc"],
    want: { store: { ...s3, sse: "AES256" } },
  },
  "s3-bucket-owner": {
    text: "210987654321",
    also: ["--store", "s3://abc"],
    want: { store: { ...s3, bucketOwner: "210987654321" } },
  },
  "config": { text: SETTINGS, want: { timeoutMs: 7_000 } },
  "imds-v1": { text: "true", want: { imdsV1: true } },
  interval: { text: "45s", also: ["keep"], want: { intervalMs: 45_000 } },
  "lock-file": { text: "/tmp/lock", want: { lockFile: "/tmp/lock" } },
  "metrics-file": {
    also: ["keep"],
    text: "/var/lib/prometheus/node-exporter/swarm-join.prom",
    want: { metricsFile: "/var/lib/prometheus/node-exporter/swarm-join.prom" },
  },
};

for (const { name, value } of FLAGS) {
  const row = GIVEN[name];
  Deno.test(`--${name} and ${variableOf(name)} say the same, and the flag wins`, () => {
    assert.ok(row !== undefined, "the table of this test lacks the flag");
    const { text, also = [], want } = row;
    const forms = value === null
      ? [[`--${name}`], [`--${name}=true`]]
      : [[`--${name}`, text], [`--${name}=${text}`]];
    for (const form of forms) has(running([...also, ...form]), want);
    has(running(also, { [variableOf(name)]: text }), want);
    has(running([...also, ...forms[0] ?? []], { [variableOf(name)]: "%" }), want);
    assert.deepEqual(running([], { [variableOf(name)]: "" }), running([]), "empty counts as unset");
  });
}

Deno.test("a switch can be turned off against the environment", () => {
  const env = { SWARM_JOIN_DRY_RUN: "1", SWARM_JOIN_JSON: "yes" };
  assert.equal(running([], env).config.dryRun, true);
  assert.equal(running(["--dry-run=false"], env).config.dryRun, false);
  assert.equal(running(["--json=no"], env).output.json, false);
});

Deno.test("the last of two values of a flag counts, and pools add up", () => {
  assert.equal(running(["--timeout", "1m", "--timeout", "2m"]).config.timeoutMs, 120_000);
  const pools = ["--default-addr-pool", "10.1.0.0/16", "--default-addr-pool", "10.2.0.0/16"];
  assert.deepEqual(running(pools).config.defaultAddrPool, ["10.1.0.0/16", "10.2.0.0/16"]);
});

Deno.test("--if-terminating in the file of a whole machine is for its leave only", () => {
  const env = { SWARM_JOIN_IF_TERMINATING: "yes" };
  assert.equal(running([], env).config.ifTerminating, false);
  assert.equal(running(["doctor"], env).config.ifTerminating, false);
  assert.equal(running(["plan", "leave"], env).config.ifTerminating, true);
  assert.equal(running(["leave", "--if-terminating=no"], env).config.ifTerminating, false);
});

Deno.test("the ecosystem's own variables say where things are", () => {
  const { config, surroundings } = running([], {
    DOCKER_HOST: "unix:///run/other.sock",
    AWS_REGION: "eu-west-1",
    AWS_ENDPOINT_URL: "http://10.0.0.9:5000/",
    AWS_ENDPOINT_URL_S3: "https://s3.example",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1338",
  });
  const { region, ec2Endpoint } = config;
  assert.deepEqual({ region, ec2Endpoint }, {
    region: "eu-west-1",
    ec2Endpoint: "http://10.0.0.9:5000",
  });
  assert.deepEqual(surroundings, {
    dockerSocket: "/run/other.sock",
    imdsEndpoint: "http://127.0.0.1:1338",
    imdsV1: false,
    s3Endpoint: "https://s3.example",
    autoScalingEndpoint: "http://10.0.0.9:5000",
    fips: false,
    dualstack: false,
    ...PLAIN,
    lockFile: "/run/swarm-join.lock",
    intervalMs: 30_000,
    metricsFile: null,
  });
});

Deno.test("AWS's endpoints by FIPS 140 and those for IPv6 are asked for as AWS's tools do", () => {
  const of = (env: Environment): unknown => {
    const { fips, dualstack } = running([], env).surroundings;
    return { fips, dualstack };
  };
  assert.deepEqual(of({ AWS_USE_FIPS_ENDPOINT: "True" }), { fips: true, dualstack: false });
  assert.deepEqual(of({ AWS_USE_DUALSTACK_ENDPOINT: "TRUE" }), { fips: false, dualstack: true });
  const no = { AWS_USE_FIPS_ENDPOINT: "false", AWS_USE_DUALSTACK_ENDPOINT: "false" };
  assert.deepEqual(of({ ...no, AWS_ENDPOINT_URL: "http://a" }), { fips: false, dualstack: false });
});

const REFUSED: { argv: string[]; env?: Environment; says: RegExp }[] = [
  { argv: ["--clustr", "a"], says: /unknown flag --clustr; did you mean --cluster\?/ },
  { argv: ["--dryrun"], says: /unknown flag --dryrun; did you mean --dry-run\?/ },
  { argv: ["--dry_run"], says: /did you mean --dry-run\?/ },
  { argv: ["--time", "5m"], says: /did you mean --timeout\?/ },
  { argv: ["-timeout", "5m"], says: /unknown flag -timeout; did you mean --timeout\?/ },
  { argv: ["--xyzzy"], says: /^unknown flag --xyzzy$/ },
  { argv: ["-x"], says: /^unknown flag -x$/ },
  { argv: ["--force-new-cluster"], says: /unknown flag --force-new-cluster/ },
  { argv: ["--timeout"], says: /--timeout needs a value: --timeout DURATION/ },
  { argv: ["--timeout", "--json"], says: /--timeout needs a value/ },
  { argv: ["--timeout", "10"], says: /--timeout is "10": not a duration; write 90s/ },
  { argv: ["--timeout", "ten minutes"], says: /not a duration/ },
  { argv: ["--timeout=-5m"], says: /not a duration/ },
  { argv: ["--timeout", "0s"], says: /not more than 0/ },
  { argv: ["--timeout", "25h"], says: /more than a day/ },
  { argv: [], env: { SWARM_JOIN_TIMEOUT: "soon" }, says: /^SWARM_JOIN_TIMEOUT is "soon"/ },
  { argv: ["--role", "Manager"], says: /--role is "Manager": not one of auto, manager, worker/ },
  { argv: ["--role", "leader"], says: /not one of/ },
  { argv: ["--availability", "paused"], says: /not one of active, pause, drain/ },
  { argv: ["--advertise-addr", "10.0.0.256"], says: /neither an IP address nor the name/ },
  { argv: ["--advertise-addr", "10.0.0"], says: /neither an IP address nor the name/ },
  { argv: ["--advertise-addr", "10.0.0.5:2378"], says: /port 2378; .* look on port 2377/ },
  { argv: ["--advertise-addr", "0.0.0.0"], says: /no address that another node could connect/ },
  { argv: ["--advertise-addr", "::"], says: /no address that another node could connect/ },
  { argv: ["--advertise-addr", "fd00::zz"], says: /neither an IP address nor the name/ },
  { argv: ["--listen-addr", "a b"], says: /neither an IP address nor the name/ },
  { argv: ["--data-path-addr", "10.0.0.5:4789"], says: /only an address is taken here/ },
  { argv: ["--data-path-port", "80"], says: /not a port from 1024 to 49151/ },
  { argv: ["--data-path-port", "4789x"], says: /not a port/ },
  { argv: ["--default-addr-pool", "10.20.0.0"], says: /not a network; write 10\.20\.0\.0\/16/ },
  { argv: ["--default-addr-pool", "10.20.3.0/16"], says: /write 10\.20\.0\.0\/16/ },
  { argv: ["--default-addr-pool", "10.20.3.0/28"], says: /smaller than the \/24/ },
  { argv: ["--default-addr-pool", "fd00::/48"], says: /IPv6 pool; the Engine takes IPv4 only/ },
  {
    argv: ["--default-addr-pool", "10.0.0.0/8,10.20.0.0/16"],
    says: /10\.0\.0\.0\/8 and 10\.20\.0\.0\/16, which overlap/,
  },
  { argv: ["--store", "dynamodb"], says: /neither tags nor s3:\/\/bucket\/prefix/ },
  { argv: ["--store", "s3://My-Bucket/x"], says: /lower-case letters/ },
  { argv: ["--store", "s3://ab/x"], says: /3 to 63 characters/ },
  { argv: ["--store", "s3://10.0.0.5/x"], says: /looks like an IP address/ },
  { argv: ["--store", "s3://a..b/x"], says: /two dots in a row/ },
  { argv: ["--store", "s3://xn--abc/x"], says: /S3 keeps for itself/ },
  { argv: ["--store", "s3://bucket//x"], says: /empty or unsafe part/ },
  { argv: ["--store", "s3://bucket/../x"], says: /empty or unsafe part/ },
  { argv: ["--store", "s3://abc--x-s3"], says: /S3 keeps for itself/ },
  { argv: ["--store", "s3://arn:aws:s3::123456789012:accesspoint/a.mrap/x"], says: /no access/ },
  {
    argv: ["--store", "s3://arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op/x"],
    says: /no access point's of one region; write s3:\/\/arn:aws:s3:REGION/,
  },
  { argv: ["--s3-kms-key", "alias/k"], says: /--s3-kms-key counts only with an s3:\/\/ store/ },
  { argv: ["--s3-sse", "AES256"], says: /--s3-sse counts only with an s3:\/\/ store/ },
  { argv: ["--s3-bucket-owner", "123456789012"], says: /--s3-bucket-owner counts only with/ },
  { argv: ["--store", "s3://abc", "--s3-bucket-owner", "me"], says: /number of 12 digits/ },
  { argv: ["--store", "s3://abc", "--s3-sse", "aes256"], says: /not one of AES256, aws:kms/ },
  {
    argv: ["--store", "s3://abc", "--s3-sse", "AES256", "--s3-kms-key", "alias/k"],
    says: /--s3-sse is "AES256": AES256, but --s3-kms-key names a key of KMS/,
  },
  { argv: ["--store", "s3://abc", "--s3-kms-key", "my key"], says: /not a KMS key/ },
  { argv: ["--cluster", "a/b", "--cluster-tag", "C"], says: /not a name of 1 to 64/ },
  { argv: ["--cluster", ""], says: /not a name of 1 to 64/ },
  { argv: ["--cluster", "blue"], says: /--cluster blue needs --cluster-tag KEY: .* told apart/ },
  { argv: [], env: { SWARM_JOIN_CLUSTER: "blue" }, says: /needs --cluster-tag/ },
  { argv: ["--manager-token-tag", "aws:token"], says: /AWS keeps for itself/ },
  { argv: ["--worker-token-tag", "AWS:token"], says: /AWS keeps for itself/ },
  { argv: ["--tags", "aws:a=b"], says: /AWS keeps for itself/ },
  { argv: ["--tags", "Team"], says: /--tags is "Team": not KEY=VALUE/ },
  { argv: ["--tags", "a=b,c"], says: /--tags is "c": not KEY=VALUE \(a comma ends a value\)/ },
  { argv: ["--tags", "=b"], says: /not a tag's key/ },
  { argv: ["--tags", `${"k".repeat(129)}=b`], says: /not a tag's key/ },
  { argv: ["--tags", `a=${"v".repeat(257)}`], says: /not a tag's value/ },
  { argv: ["--tags", "a=<b>"], says: /not a tag's value/ },
  { argv: ["--tags", "a=b,a=c"], says: /--tags has "a" twice/ },
  { argv: ["--tags", "swarm-join=b"], says: /"swarm-join", which swarm-join writes itself/ },
  { argv: ["--tags", "ManagerToken=b"], says: /"ManagerToken", which swarm-join writes/ },
  { argv: ["--worker-token-tag", "W", "--tags", "W=b"], says: /"W", which swarm-join writes/ },
  { argv: ["--store", "s3://abc", "--tags", tagsOf(11)], says: /11 tags: S3 takes 10/ },
  { argv: ["--tags", tagsOf(50)], says: /50 tags: EC2 takes 50, one is its own/ },
  { argv: ["--label-tags", ""], says: /--label-tags is "": not a tag's key/ },
  { argv: ["--label-tags", "Name,,Team"], says: /--label-tags is "": not a tag's key/ },
  { argv: ["--label-tags", "Name=x*"], says: /--label-tags is "Name=x\*": not a tag's key/ },
  { argv: ["--label-tags", "Name,Name"], says: /--label-tags has "Name" twice/ },
  {
    argv: ["--label-tags", "Name,WorkerToken"],
    says: /--label-tags has "WorkerToken", which holds a join token/,
  },
  {
    argv: ["--manager-token-tag", "M", "--label-tags", "M"],
    says: /--label-tags has "M", which holds a join token/,
  },
  { argv: [], env: { SWARM_JOIN_LABEL_TAGS: "a b," }, says: /^SWARM_JOIN_LABEL_TAGS is "": not/ },
  { argv: ["--interval", "30s"], says: /^--interval has no effect with join: only keep looks/ },
  { argv: ["keep", "--interval", "1s"], says: /not from 5s to 10m/ },
  { argv: ["keep", "--interval", "1h"], says: /not from 5s to 10m/ },
  { argv: ["--if-terminating"], says: /^--if-terminating has no effect with join: only leave/ },
  { argv: ["plan", "--if-terminating"], says: /^--if-terminating has no effect with plan/ },
  { argv: ["plan", "join", "--if-terminating"], says: /^--if-terminating has no effect with plan/ },
  { argv: ["doctor", "--if-terminating"], says: /^--if-terminating has no effect with doctor/ },
  { argv: [], env: { SWARM_JOIN_IF_TERMINATING: "maybe" }, says: /neither true nor false/ },
  { argv: ["--cluster-tag", "SwarmLeaving"], says: /"SwarmLeaving" can't hold two things/ },
  { argv: ["--tags", "SwarmLeaving=b"], says: /"SwarmLeaving", which swarm-join writes/ },
  { argv: ["--role-tag", ""], says: /not a tag's key/ },
  { argv: ["--role-tag", "k".repeat(129)], says: /not a tag's key/ },
  { argv: ["--worker-token-tag", "ManagerToken"], says: /"ManagerToken" can't hold two things/ },
  { argv: ["--cluster-tag", "Role"], says: /"Role" can't hold two things/ },
  { argv: ["--log-level", "trace"], says: /not one of error, warn, info, debug/ },
  { argv: ["--log-format", "xml"], says: /not one of auto, text, json/ },
  { argv: ["--dry-run=maybe"], says: /--dry-run is "maybe": neither true nor false/ },
  { argv: ["--lock-file", "lock"], says: /not an absolute path/ },
  { argv: ["--lock-file", "/etc/passwd"], says: /under \/run or \/tmp/ },
  { argv: ["--lock-file", "/tmp/../etc/passwd"], says: /under \/run or \/tmp/ },
  {
    argv: ["keep", "--metrics-file", "m.prom"],
    says: /^--metrics-file is "m.prom": not an absolute path/,
  },
  {
    argv: ["keep", "--metrics-file", "/var/lib/metrics/m.prom"],
    says:
      /not a file below \/var\/lib\/prometheus\/node-exporter, \/var\/lib\/node_exporter, \/run or \/tmp, .*; write \/var/,
  },
  {
    argv: ["keep", "--metrics-file", "/var/lib/node_exporter/../m.prom"],
    says: /not a file below/,
  },
  { argv: ["keep", "--metrics-file", "/var/lib/node_exporterx/m.prom"], says: /not a file below/ },
  {
    argv: ["keep", "--metrics-file", "/run/m.txt"],
    says: /\.prom: node_exporter reads no other file/,
  },
  { argv: [], env: { SWARM_JOIN_METRICS_FILE: "/m" }, says: /^SWARM_JOIN_METRICS_FILE is "\/m"/ },
  { argv: ["--observation", "x.json"], says: /use it with plan/ },
  { argv: ["plan", "--observation", ""], says: /names no file/ },
  {
    argv: ["plan", "--observation", "x.json", "--role", "worker"],
    says: /--role has no effect with --observation/,
  },
  {
    argv: [],
    env: { DOCKER_HOST: "tcp://10.0.0.5:2375" },
    says: /DOCKER_HOST is "tcp:.*local socket only/,
  },
  { argv: [], env: { DOCKER_HOST: "ssh://host" }, says: /DOCKER_HOST is "ssh:/ },
  {
    argv: [],
    env: { AWS_ENDPOINT_URL_AUTO_SCALING: "ftp://a" },
    says: /AWS_ENDPOINT_URL_AUTO_SCALING is "ftp:/,
  },
  { argv: [], env: { AWS_ENDPOINT_URL: "10.0.0.9" }, says: /AWS_ENDPOINT_URL is "10\.0\.0\.9"/ },
  {
    argv: [],
    env: { AWS_ENDPOINT_URL_EC2: "http://a:b@c" },
    says: /an address with a password/,
  },
  {
    argv: [],
    env: { AWS_USE_FIPS_ENDPOINT: "true", AWS_ENDPOINT_URL_S3: "http://a" },
    says: /AWS_USE_FIPS_ENDPOINT asks for .* and AWS_ENDPOINT_URL .* names another/,
  },
  {
    argv: [],
    env: { AWS_USE_DUALSTACK_ENDPOINT: "true", AWS_ENDPOINT_URL: "http://a" },
    says: /AWS_USE_DUALSTACK_ENDPOINT asks for .* and AWS_ENDPOINT_URL .* names another/,
  },
  { argv: [], env: { AWS_USE_FIPS_ENDPOINT: "1" }, says: /neither true nor false/ },
  { argv: [], env: { AWS_USE_DUALSTACK_ENDPOINT: "yes" }, says: /neither true nor false/ },
  { argv: [], env: { AWS_REGION: "Ireland" }, says: /not a region; write eu-west-1/ },
];

for (const { argv, env = {}, says } of REFUSED) {
  const given = [...Object.entries(env).map(([k, v]) => `${k}=${v}`), ...argv].join(" ");
  Deno.test(`it refuses ${given.slice(0, 80)}`, () => {
    const parsed = parse(argv, outside(env));
    assert.equal(parsed.kind, "usage");
    assert.match(parsed.kind === "usage" ? parsed.message : "", says);
  });
}

const TAKEN: string[][] = [
  ["--advertise-addr", "10.0.0.5:2377"],
  ["--advertise-addr", "eth0"],
  ["--advertise-addr", "ens5:2377"],
  ["--advertise-addr", "fd00:ec2::5"],
  ["--advertise-addr", "[fd00:ec2::5]:2377"],
  ["--listen-addr", "0.0.0.0"],
  ["--listen-addr", "::"],
  ["--timeout", "1.5m"],
  ["--timeout", "500ms"],
  ["--role-tag", "Größe der Rolle"],
  ["--store", "s3://abc"],
  ["--store", "s3://my.bucket-1/a/b_c"],
  ["--cluster", "blue", "--store", "s3://abc"],
  ["--role-tag", "aws:autoscaling:groupName", "--cluster-tag", "aws:cloudformation:stack-name"],
  ["--store", "s3://abc", "--s3-sse", "aws:kms"],
  ["--store", "s3://abc", "--s3-sse", "aws:kms", "--s3-kms-key", "alias/k"],
  ["--store", "s3://abc", "--tags", tagsOf(10)],
  ["--tags", tagsOf(49)],
  ["--label-tags", "aws:autoscaling:groupName"],
  ["leave", "--if-terminating", "--timeout", "100s"],
  ["plan", "leave", "--if-terminating"],
];

for (const argv of TAKEN) {
  Deno.test(`it takes ${argv.join(" ")}`, () => {
    assert.equal(parse(argv, outside({})).kind, "run");
  });
}

Deno.test("plan --observation reads a file, and needs nothing else", () => {
  assert.deepEqual(parse(["plan", "--observation", "seen.json", "--json"], outside({})), {
    kind: "replay",
    file: "seen.json",
    output: { json: true, logFormat: "auto", logLevel: "info" },
  });
  assert.equal(
    parse(["plan", "--observation", "-"], outside({ SWARM_JOIN_ROLE: "boss" })).kind,
    "replay",
  );
});

Deno.test("who asked for JSON is refused in JSON too", () => {
  const of = (argv: string[], env: Environment = {}): unknown => {
    const parsed = parse(argv, outside(env));
    return parsed.kind === "usage" && parsed.json;
  };
  assert.equal(of(["--json", "--nope"]), true);
  assert.equal(of(["--nope"], { SWARM_JOIN_JSON: "1" }), true);
  assert.equal(of(["--nope"]), false);
});

Deno.test("--help names every verb, flag, variable and exit code, and fits 100 columns", () => {
  const text = printed(["--help"]);
  for (const verb of VERBS) assert.ok(text.includes(`\n  ${verbUsage(verb)}  `), verb.name);
  for (const { name } of FLAGS) assert.ok(text.includes(`--${name}`), name);
  for (const { name } of VARIABLES) assert.ok(text.includes(name), name);
  for (const code of [0, 1, 2, 3, 4, 5, 6]) assert.match(text, new RegExp(`^  ${code}  `, "m"));
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  assert.equal(printed(["-h"]), text);
  assert.equal(printed(["plan", "--help", "--timeout", "5m"]), text);
});

Deno.test("--version is the version of deno.json and of the changelog's newest entry", () => {
  assert.equal(printed(["--version"]), `swarm-join ${VERSION}\n`);
  const root = new URL("../../../", import.meta.url);
  assert.equal(
    JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))).version,
    VERSION,
  );
  const changes = Deno.readTextFileSync(new URL("CHANGELOG.md", root));
  const [newest] = changes.matchAll(/^## (\d\S+)/gm);
  assert.equal(newest?.[1], VERSION);
});

Deno.test("whatever is written, it answers and never throws", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ...FLAGS.map(({ name }) => `--${name}`),
      ...VERBS.map(({ name }) => name),
      "--",
      "-",
      "=",
      "--=x",
    ),
    fc.tuple(fc.constantFrom(...FLAGS.map(({ name }) => name)), fc.string())
      .map(([name, value]) => `--${name}=${value}`),
  );
  const names = [
    ...VARIABLES.map(({ name }) => name),
    ...FLAGS.map(({ name }) => variableOf(name)),
  ];
  const env = fc.dictionary(fc.constantFrom(...names, "SWARM_JOIN_X", "AWS_PROFILE"), fc.string());
  fc.assert(fc.property(fc.array(word), env, (argv, env) => {
    const parsed = parse(argv, outside(env));
    assert.ok(["run", "replay", "print", "settings", "usage"].includes(parsed.kind));
  }));
});

Deno.test("what a flag says and what its variable says is the same, for any text", () => {
  const flag = fc.constantFrom(...FLAGS.filter(({ value }) => value !== null));
  fc.assert(fc.property(flag, fc.string({ minLength: 1 }), ({ name }, text) => {
    const fromFlag = parse([`--${name}=${text}`], outside({}));
    const fromEnv = parse([], outside({ [variableOf(name)]: text }));
    if (fromFlag.kind === "run" && fromEnv.kind === "run") {
      assert.deepEqual(fromFlag, fromEnv);
    } else {
      assert.equal(fromFlag.kind, fromEnv.kind);
    }
  }));
});

Deno.test("a store may be an access point, by its alias or its ARN", () => {
  const arn = "arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/swarms";
  const at = (text: string): unknown => running(["--store", text]).config.store;
  assert.deepEqual(at(`s3://${arn}/a/b/`), { ...s3, bucket: arn, prefix: "a/b" });
  assert.deepEqual(at(`s3://${arn}`), { ...s3, bucket: arn });
  const alias = "swarms-abc123-s3alias";
  assert.deepEqual(at(`s3://${alias}/a`), { ...s3, bucket: alias, prefix: "a" });
});

/** That many tags. */
function tagsOf(count: number): string {
  return Array.from({ length: count }, (_, i) => `k${i}=v`).join(",");
}

/** An environment, and one file. */
function outside(env: Environment = {}): Outside {
  return {
    env,
    readFile: (path): FileRead =>
      path === SETTINGS ? { kind: "text", text: "SWARM_JOIN_TIMEOUT=7s" } : { kind: "missing" },
  };
}

function running(argv: string[], env: Environment = {}): Parsed & { kind: "run" } {
  const parsed = parse(argv, outside(env));
  assert.equal(parsed.kind, "run", parsed.kind === "usage" ? parsed.message : "");
  return parsed as Parsed & { kind: "run" };
}

function printed(argv: string[]): string {
  const parsed = parse(argv, outside({}));
  assert.equal(parsed.kind, "print");
  return parsed.kind === "print" ? parsed.text : "";
}

/** Whether these values are among all that was parsed. */
function has({ config, surroundings, output }: Parsed & { kind: "run" }, want: object): void {
  const all: { [key: string]: unknown } = { ...config, ...surroundings, ...output };
  for (const [key, value] of Object.entries(want)) assert.deepEqual(all[key], value, key);
}
