/** Where a setting is from: flag, environment, file, default; and what is set there and counts nowhere. */
import assert from "node:assert/strict";
import { type FileRead, parse, type Parsed } from "../../../src/cli/parse.ts";
import type { Environment } from "../../../src/cli/sources.ts";

const FILE = "/etc/swarm-join.env";

/** What each case is given. `files`: their text, or why they can't be read. */
interface Given {
  argv?: string[];
  env?: Environment;
  files?: { [path: string]: string | { why: string } };
}

Deno.test("the file is read where it always is, and flag and environment win over it", () => {
  const files = { [FILE]: "SWARM_JOIN_CLUSTER=blue\nSWARM_JOIN_STORE=s3://abc\n" };
  const clusterOf = (given: Given): string => running({ files, ...given }).config.cluster;
  assert.equal(clusterOf({}), "blue");
  assert.equal(clusterOf({ env: { SWARM_JOIN_CLUSTER: "red" } }), "red");
  assert.equal(clusterOf({ env: { SWARM_JOIN_CLUSTER: "" } }), "blue");
  const env = { SWARM_JOIN_CLUSTER: "red" };
  assert.equal(clusterOf({ env, argv: ["--cluster", "green"] }), "green");
});

Deno.test("the file that a flag or a variable names is read instead", () => {
  const files = {
    [FILE]: "SWARM_JOIN_TIMEOUT=1m",
    "a.env": "SWARM_JOIN_TIMEOUT=2m",
    "/b": "SWARM_JOIN_TIMEOUT=3m",
  };
  const timeoutOf = (given: Given): number => running({ files, ...given }).config.timeoutMs;
  assert.equal(timeoutOf({}), 60_000);
  assert.equal(timeoutOf({ argv: ["--config", "a.env"] }), 120_000);
  const env = { SWARM_JOIN_CONFIG: "/b" };
  assert.equal(timeoutOf({ env }), 180_000);
  assert.equal(timeoutOf({ env, argv: ["--config", "a.env"] }), 120_000);
});

Deno.test("the ecosystem's variables may stand in it, the environment's before them whatever they are called", () => {
  const files = {
    [FILE]: "AWS_REGION=eu-west-1\nAWS_ENDPOINT_URL_EC2=http://a\nAWS_ENDPOINT_URL_S3=http://b\n" +
      "https_proxy=c:3128\nDOCKER_HOST=unix:///run/d.sock\n",
  };
  const { config, surroundings } = running({ files });
  assert.deepEqual(
    [config.region, config.ec2Endpoint, surroundings.s3Endpoint, surroundings.dockerSocket],
    ["eu-west-1", "http://a", "http://b", "/run/d.sock"],
  );
  assert.equal(surroundings.proxies.https, "http://c:3128/");
  const env = { AWS_DEFAULT_REGION: "eu-west-2", AWS_ENDPOINT_URL: "http://e" };
  const other = running({ files, env });
  assert.deepEqual(
    [other.config.region, other.config.ec2Endpoint, other.surroundings.s3Endpoint],
    ["eu-west-2", "http://e", "http://e"],
  );
});

Deno.test("credentials are taken whole from one place", () => {
  const files = {
    [FILE]: "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\nAWS_SESSION_TOKEN=c\n",
  };
  const of = (given: Given): unknown => running({ files, ...given }).surroundings.credentials;
  assert.deepEqual(of({}), {
    AWS_ACCESS_KEY_ID: "a",
    AWS_SECRET_ACCESS_KEY: "b",
    AWS_SESSION_TOKEN: "c",
  });
  const env = { AWS_ACCESS_KEY_ID: "d", AWS_SECRET_ACCESS_KEY: "e" };
  assert.deepEqual(of({ env }), { ...env, AWS_SESSION_TOKEN: undefined });
});

Deno.test("what a command line that is only printed or replayed says needs no file", () => {
  const files = { [FILE]: { why: "permission denied" } };
  for (const argv of [["--help"], ["--version"], ["plan", "--observation", "x"]]) {
    assert.notEqual(parsed({ argv, files, env: { SWARM_JOIN_STROE: "x" } }).kind, "usage");
  }
});

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

Deno.test("certificates to trust are read from their file", () => {
  const files = { "/ca.pem": CERTIFICATE, "/other.pem": `${CERTIFICATE}\n` };
  const of = (env: Environment): unknown => running({ env, files }).surroundings.caCerts;
  assert.equal(of({}), null);
  assert.equal(of({ AWS_CA_BUNDLE: "/ca.pem", SSL_CERT_FILE: "/other.pem" }), CERTIFICATE);
  assert.equal(of({ SSL_CERT_FILE: "/ca.pem" }), CERTIFICATE);
});

Deno.test("proxies are read by what they are for", () => {
  const of = (env: Environment): unknown => running({ env }).surroundings.proxies;
  const none: string[] = [];
  assert.deepEqual(of({ HTTPS_PROXY: "http://a:1" }), { https: "http://a:1/", http: null, none });
  assert.deepEqual(of({ http_proxy: "https://a" }), { https: null, http: "https://a/", none });
  assert.deepEqual(of({ ALL_PROXY: "http://a:1", HTTP_PROXY: "http://b:2" }), {
    https: "http://a:1/",
    http: "http://b:2/",
    none,
  });
  assert.deepEqual(of({ NO_PROXY: " a.b, .c  10.0.0.0/8," }), {
    https: null,
    http: null,
    none: ["a.b", ".c", "10.0.0.0/8"],
  });
});

Deno.test("the metadata are asked by IPv6 where that is wanted, unless their place is named", () => {
  const of = (env: Environment): unknown => running({ env }).surroundings.imdsEndpoint;
  const mode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
  assert.equal(of({ [mode]: "IPv6" }), "http://[fd00:ec2::254]");
  assert.equal(of({ [mode]: "ipv4" }), null);
  const AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1338";
  assert.equal(
    of({ [mode]: "IPv6", AWS_EC2_METADATA_SERVICE_ENDPOINT }),
    AWS_EC2_METADATA_SERVICE_ENDPOINT,
  );
});

Deno.test("endpoints that are named count for nothing where that is wanted", () => {
  const env = { AWS_ENDPOINT_URL: "http://a", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
  assert.equal(running({ env }).config.ec2Endpoint, null);
  const fips = { ...env, AWS_USE_FIPS_ENDPOINT: "true" };
  assert.equal(running({ env: fips }).surroundings.fips, true);
});

Deno.test("what a shell or a boot has set anyway is no obstacle", () => {
  running({
    env: {
      PATH: "/bin",
      AWS_EXECUTION_ENV: "CloudShell",
      AWS_PAGER: "",
      AWS_MAX_ATTEMPTS: "5",
      AWS_EC2_METADATA_DISABLED: "false",
      DOCKER_CONFIG: "/root/.docker",
      DOCKER_CONTEXT: "default",
      AWS_PROFILE: "",
    },
  });
  const files = { "/ca.pem": CERTIFICATE };
  running({ files, env: { NODE_EXTRA_CA_CERTS: "/x", AWS_CA_BUNDLE: "/ca.pem" } });
  running({ env: { DOCKER_CONTEXT: "far", DOCKER_HOST: "unix:///run/docker.sock" } });
});

const REFUSED: (Given & { says: RegExp })[] = [
  {
    env: { SWARM_JOIN_STROE: "tags" },
    says: /^SWARM_JOIN_STROE is no setting; did you mean SWARM_JOIN_STORE\?$/,
  },
  { env: { swarm_join_store: "tags" }, says: /^swarm_join_store .*mean SWARM_JOIN_STORE\?$/ },
  { env: { SWARM_JOIN_XYZZY: "1" }, says: /^SWARM_JOIN_XYZZY is no setting$/ },
  {
    files: { [FILE]: "SWARM_JOIN_TIME_OUT=1m" },
    says: /^SWARM_JOIN_TIME_OUT in \/etc\/swarm-join\.env is no setting; .*SWARM_JOIN_TIMEOUT\?$/,
  },
  { files: { [FILE]: "STORE=tags" }, says: /^STORE in .*did you mean SWARM_JOIN_STORE\?$/ },
  { files: { [FILE]: "AWS_REGOIN=a" }, says: /^AWS_REGOIN in .*did you mean AWS_REGION\?$/ },
  { files: { [FILE]: "XYZZY=a" }, says: /^XYZZY in \/etc\/swarm-join\.env is no setting$/ },
  { files: { [FILE]: "SWARM_JOIN_YES=1" }, says: /^SWARM_JOIN_YES in .* each recovery beforehand/ },
  { files: { [FILE]: "SWARM_JOIN_CONFIG=/x" }, says: /^SWARM_JOIN_CONFIG in .* has no effect/ },
  {
    files: { [FILE]: "SWARM_JOIN_TIMEOUT=soon" },
    says: /^SWARM_JOIN_TIMEOUT in \/etc\/swarm-join\.env is "soon": not a duration/,
  },
  { files: { [FILE]: "A=1\nB" }, says: /^\/etc\/swarm-join\.env, line 2: not KEY=VALUE$/ },
  {
    files: { [FILE]: { why: "permission denied" } },
    says: /^the settings in \/etc\/swarm-join\.env can't be read: permission denied$/,
  },
  { argv: ["--config", "/x"], says: /^the settings in \/x can't be read: there is no such file$/ },
  { argv: ["--config", FILE], says: /^the settings in .* there is no such file$/ },
  { env: { SWARM_JOIN_CONFIG: "/x" }, says: /^the settings in \/x can't be read/ },
  { argv: ["--config", "-"], says: /^--config is "-": not a file's name$/ },
  {
    env: { AWS_CA_BUNDLE: "/x" },
    says: /^AWS_CA_BUNDLE is "\/x": there is no such file$/,
  },
  {
    env: { SSL_CERT_FILE: "/x" },
    files: { "/x": "hello" },
    says: /^SSL_CERT_FILE is "\/x": there is no certificate in it/,
  },
  {
    env: { AWS_CA_BUNDLE: "/x" },
    files: { "/x": { why: "permission denied" } },
    says: /^AWS_CA_BUNDLE is "\/x": it can't be read: permission denied$/,
  },
  { env: { HTTPS_PROXY: "socks5://a:1" }, says: /^HTTPS_PROXY is "socks5:.*address of a proxy/ },
  { env: { all_proxy: "http://" }, says: /^all_proxy is .*address of a proxy/ },
  { env: { AWS_ACCESS_KEY_ID: "a" }, says: /^AWS_SECRET_ACCESS_KEY is not set, though the other/ },
  { env: { AWS_SECRET_ACCESS_KEY: "a" }, says: /^AWS_ACCESS_KEY_ID is not set/ },
  {
    env: { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv5" },
    says: /ENDPOINT_MODE is "IPv5": not one of ipv4, ipv6$/,
  },
  ...[
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  ].map((name) => ({
    env: { [name]: "x" },
    says: new RegExp(`^${name} is set, and swarm-join does not follow it: .*AWS_ACCESS_KEY_ID`),
  })),
  {
    files: { [FILE]: "AWS_PROFILE=x" },
    says: /^AWS_PROFILE in \/etc\/swarm-join\.env is set, and/,
  },
  { env: { AWS_EC2_METADATA_DISABLED: "TRUE" }, says: /does not know who it is$/ },
  { env: { DOCKER_CONTEXT: "far" }, says: /DOCKER_CONTEXT is set, .*DOCKER_HOST=unix/ },
  { env: { DOCKER_TLS_VERIFY: "1" }, says: /DOCKER_TLS_VERIFY is set, .*DOCKER_HOST=unix/ },
  ...["NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"].map((name) => ({
    env: { [name]: "/x" },
    says: new RegExp(`^${name} is set, .*AWS_CA_BUNDLE$`),
  })),
];

for (const { says, ...given } of REFUSED) {
  Deno.test(`it refuses ${JSON.stringify(given)}`, () => {
    const result = parsed(given);
    assert.equal(result.kind, "usage");
    assert.match(result.kind === "usage" ? result.message : "", says);
    assert.equal(parsed({ ...given, argv: ["settings", ...given.argv ?? []] }).kind, "usage");
  });
}

Deno.test("a password in a proxy's address is not repeated", () => {
  const result = parsed({ env: { HTTPS_PROXY: "ftp://me:swordfish@a" } });
  assert.equal(result.kind, "usage");
  assert.doesNotMatch(result.kind === "usage" ? result.message : "", /swordfish/);
});

Deno.test("settings says of each what it is and where it is from, and of secrets that they are", () => {
  const given = {
    argv: ["settings", "--timeout", "5m", "--json"],
    env: { SWARM_JOIN_ROLE: "worker", HTTPS_PROXY: "http://me:swordfish@a:1" },
    files: {
      [FILE]: "SWARM_JOIN_STORE=s3://abc\nAWS_ACCESS_KEY_ID=AKIA1\n" +
        "AWS_SECRET_ACCESS_KEY=swordfish\nAWS_SESSION_TOKEN=swordfish\n",
    },
  };
  const text = shown(given);
  const { file, settings } = JSON.parse(text);
  assert.equal(file, FILE);
  const of = (name: string): unknown => {
    const { text, from } = settings.find((one: { name: string }) => one.name === name);
    return [text, from];
  };
  assert.deepEqual(of("--timeout"), ["5m", "flag"]);
  assert.deepEqual(of("--role"), ["worker", "environment"]);
  assert.deepEqual(of("--store"), ["s3://abc", "file"]);
  assert.deepEqual(of("--cluster"), ["default", "default"]);
  assert.deepEqual(of("--tags"), [null, "default"]);
  assert.deepEqual(of("AWS_ACCESS_KEY_ID"), ["AKIA1", "file"]);
  for (const name of ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]) {
    assert.deepEqual(of(name), ["set", "file"]);
  }
  assert.deepEqual(of("HTTPS_PROXY"), ["set", "environment"]);
  const page = shown({ ...given, argv: ["settings", "--timeout", "5m"] });
  assert.match(page, /^--store +s3:\/\/abc +\/etc\/swarm-join\.env$/m);
  assert.match(page, /^--timeout +5m +flag$/m);
  assert.match(page, /^--tags +-$/m);
  for (const one of [text, page]) assert.doesNotMatch(one, /swordfish/);
});

Deno.test("settings shows no credential of a place that is not used", () => {
  const page = shown({
    argv: ["settings"],
    env: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" },
    files: { [FILE]: "AWS_SESSION_TOKEN=c" },
  });
  assert.doesNotMatch(page, /AWS_SESSION_TOKEN/);
});

function parsed({ argv = [], env = {}, files = {} }: Given): Parsed {
  const readFile = (path: string): FileRead => {
    const file = files[path];
    if (file === undefined) return { kind: "missing" };
    return typeof file === "string"
      ? { kind: "text", text: file }
      : { kind: "unreadable", ...file };
  };
  return parse(argv, { env, readFile });
}

function running(given: Given): Parsed & { kind: "run" } {
  const result = parsed(given);
  assert.equal(result.kind, "run", result.kind === "usage" ? result.message : "");
  return result as Parsed & { kind: "run" };
}

function shown(given: Given): string {
  const result = parsed(given);
  assert.equal(result.kind, "settings", result.kind === "usage" ? result.message : "");
  return (result as Parsed & { kind: "settings" }).text;
}
