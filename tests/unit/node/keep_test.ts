/** Runs that follow each other: their lock, what ends them early, and what is told at the end. */
import assert from "node:assert/strict";
import { ACTS, type AnyAnswer, type Call } from "../../../src/calls.ts";
import { keep, type KeepSurface } from "../../../src/node/keep.ts";
import type { Kept } from "../../../src/report/metrics.ts";
import { Log } from "../../../src/report/log.ts";
import type { Hook, Lifecycle } from "../../../src/shown.ts";
import type { Engine } from "../../../src/state.ts";
import {
  config,
  fault,
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

const worker = { ...config, role: "worker" as const };

/**
 * A worker beside a founded swarm whose manager takes whoever comes, and a clock that moves by what is slept.
 * `script`: what happens at which moment.
 */
class Bench {
  readonly stop = new AbortController();
  readonly kept: Kept[] = [];
  readonly calls: { kind: string; atMs: number; isLocked: boolean }[] = [];
  nowMs = 0;
  said = "";
  locks = 0;
  engine: Engine = outside;
  lifecycle: Lifecycle | null = lifecycle(null);
  hook: Hook | null = null;
  /** Never answers a look at the record. */
  isStuck = false;
  #isLocked = false;
  readonly #script: { atMs: number; run: () => void }[];

  constructor(script: { atMs: number; run: (bench: Bench) => void }[]) {
    this.#script = script.map(({ atMs, run }) => ({ atMs, run: () => run(this) }));
  }

  get surface(): KeepSurface {
    const nowMs = (): number => this.nowMs;
    return {
      intervalMs: 30_000,
      edges: () => ({ perform: (call) => this.#perform(call), awsCalls: () => 1 }),
      sleep: async (ms, signal) => {
        // Whoever is under way goes on first.
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (!signal.aborted) this.#pass(ms);
      },
      lock: () => {
        this.locks++;
        this.#isLocked = true;
        return Promise.resolve(ok({ release: () => void (this.#isLocked = false) }));
      },
      log: new Log({
        format: "text",
        level: "info",
        dated: false,
        write: (text) => this.said += text,
        wallMs: () => NOW_MS,
        nowMs,
      }),
      live: null,
      nowMs,
      wallMs: () => NOW_MS,
      dice: () => 0.5,
      runId: () => "run",
      onKept: (kept) => this.kept.push(kept),
      version: "0.1.0",
      stop: this.stop.signal,
    };
  }

  at(kind: string): number[] {
    return this.calls.filter((call) => call.kind === kind).map(({ atMs }) => atMs);
  }

  #pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#script.filter(({ atMs }) => atMs <= this.nowMs);
    this.#script.splice(0, due.length);
    for (const { run } of due) run();
    // A test that does not come to its end fails.
    assert.ok(this.nowMs < 48 * 3_600_000, `it goes on and on:\n${this.said}`);
  }

  async #perform(call: Call): Promise<AnyAnswer> {
    this.calls.push({ kind: call.kind, atMs: this.nowMs, isLocked: this.#isLocked });
    if (call.kind === "ledger" && this.isStuck) return await new Promise(() => {});
    return this.#answer(call);
  }

  #answer(call: Call): AnyAnswer {
    switch (call.kind) {
      case "identity":
        return ok(identity(1));
      case "lifecycle":
        return this.lifecycle === null ? fault("unreachable") : ok(this.lifecycle);
      case "self":
        return ok(instance(1, { roleTag: "worker" }));
      case "engine":
        return ok(this.engine);
      case "contents":
        return ok({});
      case "ledger": {
        const read = record({ members: [member(2)] });
        return ok({ kind: "object", record: read, etag: '"1"', serverMs: NOW_MS });
      }
      case "tokens":
        return ok([shown(2, "a", { worker: mark("a", "w") })]);
      case "instances":
        return ok([instance(1), instance(2)]);
      case "probe":
        return ok(["10.0.0.2"]);
      case "hook":
        return ok(this.hook);
      case "words":
        return ok([]);
      case "join":
        this.engine = { ...workerOf("a"), peers: ["10.0.0.2"] };
        return ok(null);
      case "leave":
        this.engine = outside;
        return ok({ kind: "left" });
      default:
        return ok(null);
    }
  }
}

const HOUR_MS = 3_600_000;

Deno.test("keep: it joins, stays for hours with nothing asked of AWS, and is a member when it is stopped", async () => {
  const bench = new Bench([{ atMs: 5 * HOUR_MS, run: ({ stop }) => stop.abort("SIGTERM") }]);
  const report = await keep(worker, bench.surface);
  assert.deepEqual([report.result, report.exit, report.role], ["stopped", 0, "worker"]);
  const joinedMs = bench.at("join")[0] ?? assert.fail("it never joined");
  const between = bench.calls.filter(({ atMs }) => atMs > joinedMs && atMs < 5 * HOUR_MS);
  const kinds = [...new Set(between.map(({ kind }) => kind))].sort();
  assert.deepEqual(kinds, ["engine", "lifecycle", "probe"]);
  assert.equal(bench.engine.state, "active");
});

Deno.test("keep: the lock is held while a run is under way, and not between", async () => {
  const bench = new Bench([{ atMs: HOUR_MS, run: ({ stop }) => stop.abort("SIGTERM") }]);
  await keep(worker, bench.surface);
  assert.equal(bench.locks, 2);
  const acts = bench.calls.filter(({ kind }) => kind in ACTS);
  assert.ok(acts.length > 0 && acts.every(({ isLocked }) => isLocked));
  const looks = bench.calls.filter(({ kind, atMs }) => kind === "engine" && atMs > 0);
  assert.ok(
    looks.length > 100 && looks.every(({ atMs, isLocked }) => !isLocked || atMs >= HOUR_MS),
  );
});

Deno.test("keep: told to go by Auto Scaling, it leaves and ends", async () => {
  const bench = new Bench([
    { atMs: HOUR_MS, run: (bench) => bench.lifecycle = lifecycle("Terminated") },
  ]);
  const report = await keep(worker, bench.surface);
  assert.deepEqual([report.result, report.exit], ["left", 0]);
  assert.equal(bench.at("leave").length, 1);
  assert.equal(bench.engine.state, "inactive");
});

Deno.test("keep: a launching hook is asked for by its first join, and completed once it is in", async () => {
  const bench = new Bench([{ atMs: HOUR_MS, run: ({ stop }) => stop.abort("SIGTERM") }]);
  bench.lifecycle = lifecycle("InService");
  bench.hook = {
    group: "workers",
    state: "Pending:Wait",
    hooks: [{ name: "in", transition: "launching", heartbeatMs: 60_000 }],
  };
  await keep(worker, bench.surface);
  assert.equal(bench.at("hook").length, 1);
  const [completedMs, ...more] = bench.at("complete");
  assert.deepEqual(more, []);
  assert.ok(completedMs !== undefined && completedMs >= bench.at("join")[0]!);
});

Deno.test("keep: a reboot stops it, and takes nobody out", async () => {
  const bench = new Bench([{ atMs: HOUR_MS, run: ({ stop }) => stop.abort("SIGTERM") }]);
  const report = await keep(worker, bench.surface);
  assert.equal(report.result, "stopped");
  assert.deepEqual(bench.at("leave"), []);
  assert.deepEqual(bench.at("announce"), []);
});

for (const during of ["it rests", "a run is under way"]) {
  Deno.test(`keep: asked to end while ${during} and the metadata are silent: it does not wait for them`, async () => {
    const bench = new Bench([]);
    const { surface } = bench;
    bench.isStuck = during !== "it rests";
    const { perform, awsCalls } = surface.edges(worker, () => 0);
    let asked = 0;
    const edges = (): ReturnType<KeepSurface["edges"]> => ({
      awsCalls,
      perform: (call) => {
        if (call.kind !== "lifecycle" || ++asked !== 3) return perform(call);
        setTimeout(() => bench.stop.abort("SIGTERM"), 0);
        return new Promise(() => {});
      },
    });
    const report = await keep(worker, { ...surface, edges });
    assert.deepEqual([report.result, bench.at("leave")], ["stopped", []]);
  });
}

Deno.test("keep: stopped at a shutdown of a machine that goes, it leaves first", async () => {
  const bench = new Bench([{
    atMs: HOUR_MS,
    run: (bench) => {
      bench.lifecycle = lifecycle("Terminated");
      bench.stop.abort("SIGTERM");
    },
  }]);
  const report = await keep(worker, bench.surface);
  assert.equal(report.result, "left");
  assert.equal(bench.engine.state, "inactive");
});

Deno.test("keep: a run that gets nowhere is given up when the machine is told to go, and its lock is free", async () => {
  const bench = new Bench([{
    atMs: 60_000,
    run: (bench) => {
      bench.lifecycle = lifecycle("Terminated");
      bench.isStuck = false;
    },
  }]);
  bench.isStuck = true;
  const report = await keep(worker, bench.surface);
  assert.equal(report.result, "left");
  assert.match(bench.said, /this machine goes: the run of join is given up/);
  const { runs } = bench.kept.at(-1) ?? assert.fail();
  assert.deepEqual(runs.map(({ goal, result }) => [goal, result])[0], ["join", "stopped"]);
  assert.deepEqual(bench.at("join"), []);
});

Deno.test("keep: what fails is tried again, and said once", async () => {
  const bench = new Bench([
    { atMs: HOUR_MS, run: (bench) => bench.lifecycle = lifecycle(null) },
    { atMs: 2 * HOUR_MS, run: ({ stop }) => stop.abort("SIGTERM") },
  ]);
  bench.lifecycle = lifecycle("Warmed:Running");
  const report = await keep({ ...worker, timeoutMs: 60_000 }, bench.surface);
  assert.equal(report.result, "stopped");
  const joinedMs = bench.at("join")[0] ?? assert.fail("it never joined");
  assert.ok(joinedMs > HOUR_MS && joinedMs < HOUR_MS + 15 * 60_000, `${joinedMs}`);
});

Deno.test("keep: its Engine has lost its swarm: it joins again", async () => {
  const bench = new Bench([
    { atMs: HOUR_MS, run: (bench) => bench.engine = outside },
    { atMs: 2 * HOUR_MS, run: ({ stop }) => stop.abort("SIGTERM") },
  ]);
  await keep(worker, bench.surface);
  const [, again] = bench.at("join");
  assert.ok(again !== undefined && again >= HOUR_MS && again < HOUR_MS + 120_000, `${again}`);
  assert.equal(bench.engine.state, "active");
});

Deno.test("keep: what it knows is shown after each look and each run", async () => {
  const bench = new Bench([
    { atMs: HOUR_MS, run: (bench) => bench.lifecycle = lifecycle("Terminated") },
  ]);
  await keep(worker, bench.surface);
  const [first] = bench.kept;
  assert.deepEqual([first?.engine?.state, first?.isGoing], ["active", false]);
  assert.ok(bench.kept.length > 100, `${bench.kept.length}`);
  const { runs, isGoing, awsCalls, lastRuns } = bench.kept.at(-1) ?? assert.fail();
  assert.deepEqual(runs, [
    { goal: "join", result: "joined", count: 1 },
    { goal: "leave", result: "left", count: 1 },
  ]);
  assert.deepEqual([isGoing, awsCalls], [true, 3]);
  assert.deepEqual(lastRuns.map(({ goal, rule }) => [goal, rule]), [["join", "in-order"], [
    "leave",
    "out",
  ]]);
});

Deno.test("keep: a defect in a run is one of the whole", async () => {
  const bench = new Bench([]);
  const { surface } = bench;
  const edges = (): ReturnType<KeepSurface["edges"]> => ({
    perform: ({ kind }) =>
      kind === "lifecycle"
        ? Promise.resolve(ok(lifecycle(null)))
        : Promise.reject(new Error("a defect")),
    awsCalls: () => 0,
  });
  await assert.rejects(keep(worker, { ...surface, edges }), /a defect/);
});
