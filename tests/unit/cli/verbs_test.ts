/** The table of verbs: what each row makes of a run, and what it refuses. */
import assert from "node:assert/strict";
import { type Outside, parse, type Parsed } from "../../../src/cli/parse.ts";
import type { Environment } from "../../../src/cli/sources.ts";
import { DEFAULT_VERB, VERBS, verbUsage } from "../../../src/cli/verbs.ts";

for (const verb of VERBS) {
  if (verb.way === "replay" || verb.way === "show") continue;
  Deno.test(`${verb.name} runs with the goal and the way of its row`, () => {
    const { config } = running([verb.name]);
    assert.equal(config.goal, verb.goal);
    // A recovery is asked for twice.
    assert.equal(config.dryRun, verb.way === "look" || verb.goal === "recover");
  });
  if (verb.way !== "act") continue;
  Deno.test(`plan ${verb.name} is ${verb.name} --dry-run`, () => {
    const planned = running(["plan", verb.name]);
    assert.deepEqual(planned, running([verb.name, "--dry-run"]));
    assert.deepEqual(planned, running([verb.name], { SWARM_JOIN_DRY_RUN: "yes" }));
    assert.equal(planned.config.goal, verb.goal);
  });
}

Deno.test("without a verb it joins, and plan without one plans that", () => {
  assert.deepEqual(running([]), running([DEFAULT_VERB]));
  assert.deepEqual(running(["plan"]), running(["plan", DEFAULT_VERB]));
  assert.equal(running([]).config.goal, "join");
});

Deno.test("--dry-run=false does not turn plan into an act", () => {
  assert.equal(running(["plan", "--dry-run=false"]).config.dryRun, true);
});

Deno.test("recover acts when it is told --yes, and only then", () => {
  assert.equal(running(["recover"]).config.dryRun, true);
  assert.equal(running(["recover", "--yes"]).config.dryRun, false);
  assert.equal(running(["recover", "--yes=no"], { SWARM_JOIN_YES: "1" }).config.dryRun, true);
  assert.equal(running(["recover", "--yes", "--dry-run"]).config.dryRun, true);
  assert.equal(running(["plan", "recover", "--yes"]).config.dryRun, true);
  assert.equal(running(["join"], { SWARM_JOIN_YES: "1" }).config.goal, "join");
});

Deno.test("doctor takes join's flags and never acts", () => {
  const { config } = running(["doctor", "--timeout", "1m", "--role", "worker"]);
  assert.equal(config.timeoutMs, 60_000);
  assert.equal(config.role, "worker");
  assert.equal(running(["doctor"], { SWARM_JOIN_DRY_RUN: "no" }).config.dryRun, true);
});

Deno.test("status is told from doctor, which looks at the same", () => {
  assert.equal(running(["status"]).isStatus, true);
  assert.equal(running(["doctor"]).isStatus, false);
  assert.deepEqual(running(["status"]).config, running(["doctor"]).config);
});

Deno.test("keep runs again and again, and is planned as its first run is", () => {
  assert.equal(running(["keep"]).keeps, true);
  assert.equal(running([]).keeps, false);
  assert.deepEqual(running(["keep"]).config, running(["join"]).config);
  for (const argv of [["keep", "--dry-run"], ["plan", "keep"]]) {
    const { keeps, config } = running(argv);
    assert.deepEqual([keeps, config.dryRun, config.goal], [false, true, "join"]);
  }
});

Deno.test("a file is decided again by plan, whatever else is set", () => {
  const parsed = parse(
    ["plan", "--observation", "seen.json"],
    outside({ SWARM_JOIN_DRY_RUN: "1" }),
  );
  assert.equal(parsed.kind, "replay");
});

Deno.test("no two rows are written alike, so that words name one", () => {
  const written = VERBS.map(verbUsage);
  assert.equal(new Set(written).size, written.length);
  assert.ok(VERBS.some(({ name, way }) => name === DEFAULT_VERB && way === "act"));
});

const REFUSED: { argv: string[]; says: RegExp }[] = [
  { argv: ["jion"], says: /^unknown verb "jion"; did you mean join\?$/ },
  { argv: ["docter"], says: /^unknown verb "docter"; did you mean doctor\?$/ },
  {
    argv: ["destroy"],
    says:
      /^unknown verb "destroy"; there are join, keep, leave, recover, plan, status, doctor, settings$/,
  },
  { argv: ["leaf"], says: /^unknown verb "leaf"; did you mean leave\?$/ },
  { argv: ["leave", "now"], says: /^unexpected argument "now"$/ },
  { argv: ["join", "now"], says: /^unexpected argument "now"$/ },
  { argv: ["doctor", "join"], says: /^unexpected argument "join"$/ },
  { argv: ["plan", "join", "now"], says: /^unexpected argument "now"$/ },
  { argv: ["plan", "jion"], says: /^unknown verb "jion"; did you mean join\?$/ },
  { argv: ["plan", "doctor"], says: /^doctor changes nothing: there is no plan of it$/ },
  { argv: ["plan", "plan"], says: /^plan changes nothing: there is no plan of it$/ },
  { argv: ["plan", "join", "--observation", "x"], says: /^unexpected argument "join"$/ },
  { argv: ["doctor", "--observation", "x"], says: /use it with plan$/ },
  { argv: ["plan", "settings"], says: /^settings changes nothing: there is no plan of it$/ },
  { argv: ["settings", "now"], says: /^unexpected argument "now"$/ },
  { argv: ["settings", "--dry-run"], says: /^--dry-run has no effect with settings/ },
  { argv: ["settings", "--timeout", "soon"], says: /^--timeout is "soon"/ },
  { argv: ["plan", "status"], says: /^status changes nothing: there is no plan of it$/ },
  { argv: ["status", "--dry-run"], says: /^--dry-run has no effect with status/ },
  { argv: ["join", "--yes"], says: /^--yes has no effect with join: only recover asks for it$/ },
  { argv: ["statsu"], says: /^unknown verb "statsu"; did you mean status\?$/ },
  { argv: ["doctor", "--dry-run"], says: /^--dry-run has no effect with doctor/ },
];

for (const { argv, says } of REFUSED) {
  Deno.test(`it refuses ${argv.join(" ")}`, () => {
    const parsed = parse(argv, outside({}));
    assert.equal(parsed.kind, "usage");
    assert.match(parsed.kind === "usage" ? parsed.message : "", says);
  });
}

/** No file is there. */
function outside(env: Environment): Outside {
  return { env, readFile: () => ({ kind: "missing" }) };
}

function running(argv: string[], env: Environment = {}): Parsed & { kind: "run" } {
  const parsed = parse(argv, outside(env));
  assert.equal(parsed.kind, "run", parsed.kind === "usage" ? parsed.message : "");
  return parsed as Parsed & { kind: "run" };
}
