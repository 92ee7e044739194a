/** The compiled program from outside: exit codes, what goes to stdout and what to stderr, signals. */
import assert from "node:assert/strict";
import { decide } from "../src/decide/decide.ts";
import { jsonOf } from "../src/report/print.ts";
import { reportOf } from "../src/report/report.ts";
import { observation } from "./support/observations.ts";

const PROGRAM = new URL("../dist/swarm-join", import.meta.url).pathname;
/** Nothing listens here: a run waits for its metadata. */
const NO_IMDS = "http://127.0.0.1:9";

Deno.test("--help and --version go to stdout, exit 0", async () => {
  const help = await ran(["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^swarm-join \d+\.\d+\.\d+: makes this EC2 instance/);
  assert.equal(help.stderr, "");
  const version = await ran(["--version"]);
  assert.match(version.stdout, /^swarm-join \d+\.\d+\.\d+\n$/);
});

Deno.test("a wrong command line is said on stderr, exit 2, and stdout stays empty", async () => {
  const { code, stdout, stderr } = await ran(["--clusterr", "blue"]);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /^swarm-join: unknown flag --clusterr; did you mean --cluster\?\n/);
});

Deno.test("with --json it is an object on stdout too", async () => {
  const { code, stdout } = await ran(["--json"], { SWARM_JOIN_TIMEOUT: "soon" });
  assert.equal(code, 2);
  const { result, exit, rule, because } = JSON.parse(stdout);
  assert.deepEqual({ result, exit, rule }, { result: "failed", exit: 2, rule: "usage" });
  assert.match(because, /^SWARM_JOIN_TIMEOUT is "soon"/);
});

Deno.test("a misspelt setting in the environment or the file is named, and nothing is begun", async () => {
  const misspelt = await ran(["--json"], { SWARM_JOIN_STROE: "s3://abc" });
  assert.equal(misspelt.code, 2);
  assert.match(
    JSON.parse(misspelt.stdout).because,
    /^SWARM_JOIN_STROE is no setting; did you mean/,
  );
  await withFile("SWARM_JOIN_TIMEOUT=1m\nSTORE=s3://abc\n", async (file) => {
    const { code, stderr } = await ran(["--config", file]);
    assert.equal(code, 2);
    assert.match(stderr, /STORE in .* is no setting; did you mean SWARM_JOIN_STORE\?/);
  });
});

Deno.test("settings prints what counts and where it is from, and never a secret", async () => {
  const text =
    'SWARM_JOIN_STORE=s3://abc\nAWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY="swordfish"\n';
  await withFile(text, async (file) => {
    const { code, stdout, stderr } = await ran(["settings", "--config", file], {
      SWARM_JOIN_TIMEOUT: "5m",
    });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^--timeout +5m +environment$/m);
    assert.ok(stdout.includes(file));
    assert.match(stdout, /^AWS_SECRET_ACCESS_KEY +set /m);
    assert.doesNotMatch(stdout, /swordfish/);
  });
});

Deno.test("a file of settings that can't be read is a wrong command line, and says why", async () => {
  const missing = await ran(["settings", "--config", "/nowhere/settings"]);
  assert.equal(missing.code, 2);
  assert.match(
    missing.stderr,
    /settings in \/nowhere\/settings can't be read: there is no such file/,
  );
  const folder = await ran(["settings", "--config", "/etc"]);
  assert.equal(folder.code, 2);
  assert.match(folder.stderr, /settings in \/etc can't be read: Is a directory\n/);
  const denied = await withFile("SWARM_JOIN_TIMEOUT=1m\n", ranAsNobody);
  assert.equal(denied.code, 2);
  assert.match(denied.stderr, /can't be read: permission denied; run it as root \(with sudo\)/);
  await withFile(`# ${"x".repeat(1024 * 1024)}`, async (file) => {
    const { code, stderr } = await ran(["settings", "--config", file]);
    assert.equal(code, 2);
    assert.match(stderr, /can't be read: it has more than 1 MB/);
  });
});

Deno.test("a run says first which cluster it is for and where it looks for it", async () => {
  const args = ["plan", "--timeout", "1ms", "--log-format"];
  const text = await ran([...args, "text"], { SWARM_JOIN_STORE: "s3://abc/d" });
  assert.match(
    text.stderr,
    /^\S+ {2}swarm-join \d+\.\d+\.\d+: cluster "default", store s3:\/\/abc\/d\n/,
  );
  const json = await ran([...args, "json"]);
  const { level, version, cluster, store } = JSON.parse(json.stderr.split("\n")[0] ?? "");
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.deepEqual({ level, cluster, store }, { level: "info", cluster: "default", store: "tags" });
});

Deno.test("a token on the command line is not repeated to anybody", async () => {
  const token = `SWMTKN-1-${"a".repeat(50)}-${"b".repeat(25)}`;
  for (const args of [["--cluster", token], [token], [`--${token}`]]) {
    const { code, stdout, stderr } = await ran(["--json", ...args]);
    assert.equal(code, 2);
    assert.ok(!(stdout + stderr).includes("b".repeat(25)));
  }
});

Deno.test("plan --observation decides again from stdin or a file, with no network", async () => {
  const seen = observation({ config: { dryRun: true } });
  const decision = decide(seen);
  assert.ok(decision.kind !== "look");
  const meters = { elapsedMs: 1, awsCalls: 0, phases: {} };
  const text = jsonOf(reportOf({ decision, observation: seen, meters }));
  const file = Deno.makeTempFileSync();
  Deno.writeTextFileSync(file, text);
  const fromFile = await ran(["plan", "--observation", file, "--json"]);
  const fromStdin = await ran(["plan", "--observation", "-", "--json"], {}, text);
  Deno.removeSync(file);
  assert.equal(fromFile.code, 0);
  assert.equal(JSON.parse(fromFile.stdout).decision.rule, decision.rule);
  assert.equal(fromStdin.stdout, fromFile.stdout);
});

Deno.test("an observation of several hundred kB is read whole, whatever characters are in it", async () => {
  const roleTag = "€".repeat(100_000);
  const seen = observation({ config: { dryRun: true, roleTag } });
  const { code, stdout } = await ran(
    ["plan", "--observation", "-", "--json"],
    {},
    JSON.stringify(seen),
  );
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).observation.config.roleTag, roleTag);
});

Deno.test("a file that is no observation is a wrong command line", async () => {
  for (
    const [text, says] of [
      ["", /is not JSON/],
      ["{}", /"observation.config" is missing/],
      ['{"result":"joined"}', /is missing/],
    ] as const
  ) {
    const { code, stderr } = await ran(["plan", "--observation", "-"], {}, text);
    assert.equal(code, 2);
    assert.match(stderr, says);
  }
  const { code, stderr } = await ran(["plan", "--observation", "/nowhere/seen.json"]);
  assert.equal(code, 2);
  assert.match(stderr, /\/nowhere\/seen\.json can't be read/);
});

Deno.test("a run that can't have the node's lock says so and exits 3", async () => {
  const path = Deno.makeTempFileSync();
  const file = Deno.openSync(path, { read: true, write: true });
  file.lockSync(true);
  const { code, stdout, stderr } = await ran(["--json", "--timeout", "3s", "--lock-file", path]);
  file.close();
  Deno.removeSync(path);
  assert.equal(code, 3);
  const { rule, awsCalls } = JSON.parse(stdout);
  assert.deepEqual({ rule, awsCalls }, { rule: "node-lock", awsCalls: 0 });
  assert.match(stderr, /another swarm-join runs on this node; waiting for it/);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} ends a run with exit 3 and a reason`, async () => {
    const child = spawn(["--json", "--log-format", "json", "--log-level", "debug"], {});
    await child.stdin.close();
    // It has begun when it has said so.
    const reader = child.stderr.getReader();
    await reader.read();
    child.kill(signal);
    const [{ code }, stdout] = await Promise.all([
      child.status,
      new Response(child.stdout).text(),
      drained(reader),
    ]);
    assert.equal(code, 3);
    const { result, rule, because } = JSON.parse(stdout);
    assert.deepEqual({ result, rule }, { result: "failed", rule: "stopped" });
    assert.match(because, new RegExp(signal));
  });
}

/** Runs it as a user who may not read this file. */
async function ranAsNobody(file: string): Promise<Ran> {
  const folder = Deno.makeTempDirSync();
  Deno.chmodSync(folder, 0o755);
  const program = `${folder}/swarm-join`;
  Deno.copyFileSync(PROGRAM, program);
  Deno.chmodSync(file, 0o000);
  try {
    return await ran(["settings", "--config", file], {}, "", {
      program,
      ...(Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {}),
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function withFile<T>(text: string, test: (file: string) => Promise<T>): Promise<T> {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, text);
    return await test(file);
  } finally {
    Deno.removeSync(file);
  }
}

async function drained(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

interface As {
  program?: string;
  uid?: number;
  gid?: number;
}

async function ran(
  args: string[],
  env: Record<string, string> = {},
  stdin = "",
  as: As = {},
): Promise<Ran> {
  const child = spawn(args, env, as);
  const writer = child.stdin.getWriter();
  // Who does not read its stdin may be gone before all of it is written.
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

function spawn(
  args: string[],
  env: Record<string, string>,
  { program = PROGRAM, ...who }: As = {},
): Deno.ChildProcess {
  const lock = `/tmp/swarm-join-main-test-${Deno.pid}.lock`;
  return new Deno.Command(program, {
    args,
    ...who,
    clearEnv: true,
    env: {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: NO_IMDS,
      DOCKER_HOST: "unix:///nowhere/docker.sock",
      SWARM_JOIN_LOCK_FILE: lock,
      ...env,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

globalThis.addEventListener("unload", () => {
  try {
    Deno.removeSync(`/tmp/swarm-join-main-test-${Deno.pid}.lock`);
  } catch {
    // No run got as far as its lock.
  }
});
