/** A worker: what is observed, and the action and rule that follow. */
import assert from "node:assert/strict";
import { decided, empty, longLog, others2, table, worker } from "../table.ts";
import {
  founded,
  fp,
  observation,
  ok,
  s3,
  shown,
  workerOf,
} from "../../../support/observations.ts";

table("a worker", [
  {
    name: "the record's log is long: that is its managers' to see to",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("a")),
        ledger: longLog(founded(others2)),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker in no swarm, and no record: waits",
    state: observation({ config: worker }),
    want: ["wait", "no-swarm-yet"],
  },
  {
    name: "a worker alone at its deadline: not yet",
    state: observation({ config: worker, nowMs: 600_000 }),
    want: ["fail", "no-swarm-yet"],
    exit: 3,
  },
  {
    name: "a member answers and shows the worker token: joins, without a write",
    state: observation({
      config: worker,
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a")]),
      },
    }),
    want: ["join", "join-swarm"],
  },
  {
    name: "a worker takes no manager's token",
    state: observation({
      config: worker,
      facts: {
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
        tokens: ok([shown(2, "a", { worker: null })]),
      },
    }),
    want: ["wait", "token-missing"],
  },
  {
    name: "nobody answers a worker: waits",
    state: observation({
      config: worker,
      facts: { ledger: founded(others2), probe: ok([]), tokens: ok([shown(2, "a")]) },
    }),
    want: ["wait", "managers-silent"],
  },
  {
    name: "a worker of the founded swarm, and a manager answers: done",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("a")),
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker whose Engine still has the CA from before a rotation: done",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, rotated: [fp("z")] }),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker whose CA was rotated before any manager has refreshed the record: done",
    state: observation({
      config: worker,
      facts: {
        engine: ok({ ...workerOf("z"), clusterId: "cluster-a" }),
        ledger: founded(others2),
        probe: ok(["10.0.0.2"]),
      },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker of the founded swarm, and no manager answers: waits",
    state: observation({
      config: worker,
      facts: { engine: ok(workerOf("a")), ledger: founded(others2), probe: ok([]) },
    }),
    want: ["wait", "managers-silent"],
  },
  {
    name: "a worker of a swarm that nobody founded, one of whose managers answers: done",
    state: observation({
      config: worker,
      facts: { engine: ok({ ...workerOf("a"), peers: ["10.0.0.2"] }), probe: ok(["10.0.0.2"]) },
    }),
    want: ["done", "in-order"],
  },
  {
    name: "a worker of a replaced swarm, with no task: leaves",
    state: observation({
      config: worker,
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
      },
    }),
    want: ["leave", "swarm-replaced"],
  },
  {
    name: "a worker of a replaced swarm, with a task: a conflict",
    state: observation({
      config: { ...worker, store: s3 },
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
        contents: ok({ ...empty, tasks: 1 }),
      },
    }),
    want: ["fail", "swarm-conflict"],
    because: "1 task, which --abandon-tasks would give up",
    exit: 5,
  },
  {
    name: "a worker of a replaced swarm, with a task that may be given up: leaves",
    state: observation({
      config: { ...worker, abandonTasks: true },
      facts: {
        engine: ok(workerOf("z")),
        ledger: founded({ ...others2, replaced: [fp("z")] }),
        contents: ok({ tasks: 1 }),
      },
    }),
    want: ["leave", "swarm-replaced"],
    because: "1 task",
  },
  {
    name: "a worker of a swarm that nobody founded, whose managers do not answer: waits",
    state: observation({
      config: worker,
      facts: { engine: ok({ ...workerOf("a"), peers: ["10.0.0.2"] }), probe: ok([]) },
    }),
    want: ["wait", "managers-silent"],
    because: "10.0.0.2",
  },
  {
    name: "a worker of a swarm that the record never knew: a conflict",
    state: observation({
      config: { ...worker, store: s3 },
      facts: { engine: ok(workerOf("z")), ledger: founded(others2) },
    }),
    want: ["fail", "swarm-conflict"],
    exit: 5,
  },
  {
    name: "a worker whose root CA can't be read",
    state: observation({
      config: worker,
      nowMs: 600_000,
      facts: {
        engine: ok({ ...workerOf("a"), fingerprint: null }),
        ledger: founded(others2),
      },
    }),
    want: ["fail", "engine-unavailable"],
    exit: 6,
  },
]);

Deno.test("decide: a worker leaves without force, and only if no task runs there", () => {
  const decision = decided(observation({
    config: worker,
    facts: { engine: ok(workerOf("z")), ledger: founded({ ...others2, replaced: [fp("z")] }) },
  }));
  assert.ok(decision.kind === "act");
  assert.deepEqual(decision.call, { kind: "leave", force: false, onlyEmpty: true });
});

Deno.test("decide: a worker of a swarm that nobody founded is told how it would be founded", () => {
  const engine = ok({ ...workerOf("a"), peers: ["10.0.0.2"] });
  const decision = decided(
    observation({ config: worker, facts: { engine, probe: ok(["10.0.0.2"]) } }),
  );
  assert.ok(decision.kind === "end");
  assert.match(decision.warnings.join(), /no swarm is founded: run swarm-join on a manager/);
});
