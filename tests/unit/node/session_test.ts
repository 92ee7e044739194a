/** A session around the loop: the lock, the log, the meters, being stopped, and the dry run. */
import assert from "node:assert/strict";
import { Log } from "../../../src/report/log.ts";
import { ACTS, type AnyAnswer, type Call } from "../../../src/calls.ts";
import { Live } from "../../../src/report/live.ts";
import { holdOnce, type Surface } from "../../../src/node/session.ts";
import type { Engine } from "../../../src/state.ts";
import {
  config,
  fault,
  fp,
  identity,
  instance,
  lifecycle,
  mark,
  member,
  NOW_MS,
  ok,
  outside,
  record,
  shown,
  workerOf,
} from "../../support/observations.ts";

Deno.test("a worker joins, and the report says what it cost", async () => {
  const { surface, calls, log } = surfaceOf({ role: "worker" });
  const report = await holdOnce({ ...config, role: "worker" }, surface);
  assert.equal(report.result, "joined");
  assert.equal(report.exit, 0);
  assert.equal(report.role, "worker");
  assert.equal(report.nodeId, "node-1");
  assert.equal(report.fingerprint, fp("a"));
  assert.equal(report.awsCalls, 7);
  assert.ok(calls().includes("join"));
  for (const kind of new Set(calls())) assert.ok(kind in report.phases, kind);
  assert.match(log(), /join \[join-swarm\]/);
  assert.match(log(), /done \[/);
});

Deno.test("a dry run makes no write, takes no lock, and asks which permissions there are", async () => {
  const { surface, calls, log, locks } = surfaceOf({ role: "worker" });
  const report = await holdOnce({ ...config, role: "worker", dryRun: true }, surface);
  assert.equal(report.result, "planned");
  assert.equal(report.exit, 0);
  const { decision, observation } = report.plan ?? assert.fail("no plan");
  assert.ok(decision.kind === "act" && decision.call.kind === "join");
  assert.ok(observation.facts.permissions?.ok);
  assert.ok(calls().includes("permissions"));
  assert.ok(!calls().some((kind) => isAct(kind)), calls().join());
  assert.equal(locks(), 0);
  assert.equal(log(), "");
});

Deno.test("a dry run asks for permissions once, beside its first read of the record", async () => {
  const { surface, calls } = surfaceOf({ role: "worker" });
  await holdOnce({ ...config, role: "worker", dryRun: true }, surface);
  assert.equal(calls().filter((kind) => kind === "permissions").length, 1);
  const first = calls().indexOf("ledger");
  assert.deepEqual(calls().slice(first, first + 2), ["ledger", "permissions"]);
});

Deno.test("a doctor looks at everything, changes nothing, takes no lock, and says what it found", async () => {
  const { surface, calls, log, locks } = surfaceOf({ role: "queen" });
  const report = await holdOnce({ ...config, goal: "survey", dryRun: true }, surface);
  assert.deepEqual([report.exit, report.rule, report.result], [5, "surveyed", "planned"]);
  assert.deepEqual(report.findings?.map(({ rule }) => rule), ["role-unknown"]);
  assert.equal(report.plan?.decision.rule, "surveyed");
  assert.ok(!calls().some((kind) => isAct(kind)), calls().join());
  assert.deepEqual([locks(), log()], [0, ""]);
});

Deno.test("a wait is slept, is in the log, and is part of what the run cost", async () => {
  const { surface, calls, log, slept } = surfaceOf({ role: "worker" });
  const perform = (call: Call): Promise<AnyAnswer> =>
    call.kind === "probe" && !calls().includes("probe")
      ? surface.perform(call).then(() => ok([]))
      : surface.perform(call);
  const report = await holdOnce({ ...config, role: "worker" }, { ...surface, perform });
  assert.equal(report.result, "joined");
  assert.equal(slept().length, 1);
  assert.ok("sleep" in report.phases);
  assert.match(log(), /wait \[managers-silent\]/);
});

Deno.test("a terminal shows what is waited for: a call that takes long, or what the run waits for itself", async () => {
  const { surface, calls } = surfaceOf({ role: "worker" });
  let nowMs = 100;
  let text = (): string => "nothing was begun";
  class Heard extends Live {
    override start(shown: () => string): void {
      text = shown;
    }
  }
  const live = new Heard({ write: () => {}, columns: () => 80 });
  const seen: string[] = [];
  const perform = async (call: Call): Promise<AnyAnswer> => {
    if (call.kind === "identity") {
      seen.push(text());
      nowMs += 700;
      seen.push(text());
    }
    const answer = await surface.perform(call);
    return call.kind === "probe" && calls().filter((kind) => kind === "probe").length === 1
      ? ok([])
      : answer;
  };
  const sleep = async (ms: number): Promise<void> => {
    nowMs += ms;
    seen.push(text());
    await surface.sleep(ms);
  };
  await holdOnce({ ...config, role: "worker" }, {
    ...surface,
    perform,
    sleep,
    live,
    nowMs: () => nowMs,
  });
  const [atOnce, later, waiting, ...more] = seen;
  assert.equal(atOnce, "");
  assert.match(later ?? "", /^waiting 0s, at most until \S+ \(9m59s\): the instance metadata$/);
  assert.match(waiting ?? "", /^waiting .*: no manager of the founded swarm answers/);
  assert.deepEqual(more, []);
  assert.equal(text(), "");
});

Deno.test("who can't have the node's lock in time is told to try again", async () => {
  const { surface, calls } = surfaceOf({ role: "worker" });
  const lock: Surface["lock"] = (onWait) => {
    onWait();
    return Promise.resolve(fault("timeout", "another run holds the lock"));
  };
  const report = await holdOnce(config, { ...surface, lock });
  assert.equal(report.exit, 3);
  assert.equal(report.rule, "node-lock");
  assert.deepEqual(calls(), []);
});

Deno.test("a lock that can't be had says why: no right to its file, no folder for it, or no lock on it", async () => {
  const { surface } = surfaceOf({ role: "worker" });
  const rows = [["denied", 4], ["no-folder", 6], ["unusable", 6]] as const;
  for (const [kind, exit] of rows) {
    const lock = (): ReturnType<Surface["lock"]> => Promise.resolve(fault(kind, "these words"));
    const report = await holdOnce(config, { ...surface, lock });
    assert.deepEqual([report.exit, report.rule, report.because], [
      exit,
      "node-lock",
      "these words",
    ]);
  }
});

Deno.test("the lock is released at the end, and also when a defect throws", async () => {
  const { surface, releases } = surfaceOf({ role: "worker" });
  await holdOnce({ ...config, role: "worker" }, surface);
  assert.equal(releases(), 1);
  const perform = (): Promise<AnyAnswer> => Promise.reject(new Error("a defect"));
  await assert.rejects(holdOnce(config, { ...surface, perform }), /a defect/);
  assert.equal(releases(), 2);
});

Deno.test({
  name: "who asks the process to stop is told that it is not done",
  // The call that is under way is left alone: the process ends.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const controller = new AbortController();
    const { surface, log } = surfaceOf({ role: "worker" });
    const perform = (call: Call): Promise<AnyAnswer> => {
      if (call.kind !== "ledger") return surface.perform(call);
      controller.abort("SIGTERM");
      return new Promise(() => {});
    };
    const stop = controller.signal;
    const report = await holdOnce({ ...config, role: "worker" }, { ...surface, perform, stop });
    assert.equal(report.exit, 3);
    assert.equal(report.rule, "stopped");
    assert.match(report.because, /SIGTERM/);
    assert.match(log(), /\[stopped\] SIGTERM stopped it/);
  },
});

function isAct(kind: string): boolean {
  return kind in ACTS;
}

/** A node next to a founded swarm whose manager answers and takes whoever comes. */
function surfaceOf({ role }: { role: string }): {
  surface: Surface;
  calls: () => string[];
  slept: () => number[];
  log: () => string;
  locks: () => number;
  releases: () => number;
} {
  const calls: string[] = [];
  const slept: number[] = [];
  let said = "";
  let engine: Engine = outside;
  let locks = 0;
  let releases = 0;
  const answers: { [K in Call["kind"]]?: () => AnyAnswer } = {
    identity: () => ok(identity(1)),
    lifecycle: () => ok(lifecycle(null)),
    self: () => ok(instance(1, { roleTag: role })),
    engine: () => ok(engine),
    contents: () => ok({}),
    ledger: () =>
      ok({
        kind: "object",
        record: record({ members: [member(2)] }),
        etag: '"1"',
        serverMs: NOW_MS,
      }),
    tokens: () => ok([shown(2, "a", { worker: mark("a", "w") })]),
    instances: () => ok([instance(1), instance(2)]),
    probe: () => ok(["10.0.0.2"]),
    permissions: () => ok([{ action: "ec2:DescribeInstances", verdict: "allowed", verb: "join" }]),
    write: () => ok({ kind: "lost" }),
    publish: () => ok(null),
    retract: () => ok(null),
    init: () => ok(null),
    join: () => {
      engine = workerOf("a");
      return ok(null);
    },
    leave: () => ok({ kind: "left" }),
  };
  const surface: Surface = {
    perform: (call) => {
      calls.push(call.kind);
      return Promise.resolve(answers[call.kind]?.() ?? ok(null));
    },
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
    awsCalls: () => 7,
    lock: () => {
      locks++;
      return Promise.resolve(ok({ release: () => void releases++ }));
    },
    log: new Log({
      format: "text",
      level: "info",
      dated: false,
      write: (text) => said += text,
      wallMs: () => NOW_MS,
      nowMs: () => 100,
    }),
    live: null,
    nowMs: () => 100,
    wallMs: () => NOW_MS,
    dice: () => 0.5,
    runId: "run",
    stop: new AbortController().signal,
  };
  return {
    surface,
    calls: () => calls,
    slept: () => slept,
    log: () => said,
    locks: () => locks,
    releases: () => releases,
  };
}
