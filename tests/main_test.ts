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

async function drained(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

async function ran(args: string[], env: Record<string, string> = {}, stdin = ""): Promise<Ran> {
  const child = spawn(args, env);
  const writer = child.stdin.getWriter();
  // Who does not read its stdin may be gone before all of it is written.
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

function spawn(args: string[], env: Record<string, string>): Deno.ChildProcess {
  const lock = `/tmp/swarm-join-main-test-${Deno.pid}.lock`;
  return new Deno.Command(PROGRAM, {
    args,
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
