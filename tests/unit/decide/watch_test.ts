/** What `keep` does between its runs: each row is what it knows, and what is next. */
import assert from "node:assert/strict";
import type { Told } from "../../../src/calls.ts";
import {
  type Errand,
  isOvertaken,
  newWatch,
  pictureOf,
  ran,
  type Step,
  type Watch,
  watch,
  type Watched,
  watched,
} from "../../../src/decide/watch.ts";
import { newMemory, remembered } from "../../../src/memory.ts";
import type { Answer, Engine } from "../../../src/state.ts";
import {
  fault,
  labelsOf,
  lifecycle,
  managerNode,
  managerOf,
  managersAt,
  mark,
  ok,
  workerNode,
  workerOf,
} from "../../support/observations.ts";

const MINUTE_MS = 60_000;
const JOIN: Errand = { goal: "join", isLaunching: false, timeoutMs: 600_000 };
const LEAVE: Errand = { ...JOIN, goal: "leave" };
const leader = ok(managerOf("a", { nodes: managersAt(1, 2, 3) }));
const worker = ok({ ...workerOf("a"), peers: ["10.0.0.1"] });
/** Manager 1, where 2 leads. */
const follower = ok(managerOf("a", {
  nodes: managersAt(1, 2, 3).map((node) => ({
    ...node,
    voter: node.voter && { ...node.voter, leader: node.nodeId === "node-2" },
  })),
}));

/** One that has joined, a while ago, and has looked at everything just now. */
function kept(engine: Answer<Engine>, change: Partial<Watch> = {}): Watch {
  const begun = { ...newWatch({ intervalMs: 30_000, timeoutMs: 600_000 }), dice: 0.5 };
  const w = ran(begun, JOIN, { end: "reached", rule: "in-order", engine });
  const so = seen({ ...w, nowMs: MINUTE_MS }, { lifecycle: ok(lifecycle(null)), engine });
  const all = engine.ok && engine.value.manager ? { words: ok([]) } : { probe: ok(["10.0.0.1"]) };
  return { ...seen(so, all), ...change };
}

/** The same after these looks. */
function seen(w: Watch, answers: { [K in Watched]?: Told<K>["answer"] }): Watch {
  return Object.entries(answers).reduce(
    (so, [kind, answer]) => watched(so, { kind, answer } as Told<Watched>),
    w,
  );
}

function going(w: Watch, target: string | null, spot: string | null = null): Watch {
  return seen(w, { lifecycle: ok({ target, spot }) });
}

function later(w: Watch, ms: number): Watch {
  return { ...w, nowMs: w.nowMs + ms };
}

/** Its metadata were looked at a moment ago. */
function heard(w: Watch): Watch {
  return { ...w, seenMs: { ...w.seenMs, lifecycle: w.nowMs } };
}

const down3 = ok(managerOf("a", {
  nodes: [
    ...managersAt(1, 2),
    managerNode(3, {
      state: "down",
      voter: { address: "10.0.0.3", reachable: false, leader: false },
    }),
  ],
}));

interface Row {
  name: string;
  w: Watch;
  /** Its kind; of looks what is looked at, of a run its goal. */
  want: [Step["kind"], ...string[]];
  because?: RegExp;
}

const ROWS: Row[] = [
  {
    name: "it begins: asks first whether its machine goes",
    w: newWatch({ intervalMs: 30_000, timeoutMs: 600_000 }),
    want: ["look", "lifecycle"],
  },
  {
    name: "it begins, and the machine stays: joins",
    w: going(newWatch({ intervalMs: 30_000, timeoutMs: 600_000 }), "InService"),
    want: ["run", "join"],
    because: /it begins/,
  },
  {
    name: "it begins, and nobody can say whether the machine goes: joins",
    w: seen(newWatch({ intervalMs: 30_000, timeoutMs: 600_000 }), {
      lifecycle: fault("unreachable"),
    }),
    want: ["run", "join"],
  },
  { name: "at rest: rests until it asks the metadata again", w: kept(leader), want: ["rest"] },
  {
    name: "five seconds later: asks the metadata, and nobody else",
    w: later(kept(worker), 5_000),
    want: ["look", "lifecycle"],
  },
  {
    name: "ten seconds later the leader looks who leaves",
    w: later(kept(leader), 10_000),
    want: ["look", "lifecycle", "words"],
  },
  {
    name: "another manager does not",
    w: later(kept(follower), 10_000),
    want: ["look", "lifecycle"],
  },
  {
    name: "after the interval a worker looks at its own Engine and whether its managers answer",
    w: later(kept(worker), 30_000),
    want: ["look", "lifecycle", "engine", "probe"],
  },
  {
    name: "a worker at rest for hours runs nothing",
    w: heard({
      ...kept(worker),
      nowMs: 5 * 60 * MINUTE_MS,
      seenMs: {
        engine: 5 * 60 * MINUTE_MS,
        probe: 5 * 60 * MINUTE_MS,
      },
    }),
    want: ["rest"],
  },
  {
    name: "and once in some hours, as its swarm may have been replaced at the same addresses",
    w: heard({
      ...kept(worker),
      nowMs: 8 * 60 * MINUTE_MS,
      seenMs: { engine: 8 * 60 * MINUTE_MS, probe: 8 * 60 * MINUTE_MS },
    }),
    want: ["run", "join"],
    because: /long ago/,
  },
  {
    name: "a member goes back into a warm pool: leaves, for it must not vote out of service",
    w: going(kept(leader), "Warmed:Running"),
    want: ["run", "leave"],
    because: /warm pool/,
  },
  {
    name: "in a warm pool, out: waits there to be taken out",
    w: after(going(kept(worker), "Warmed:Stopped"), LEAVE, "reached", "out"),
    want: ["run", "join"],
  },
  {
    name: "a manager runs again after half an hour or little more",
    w: heard({
      ...kept(follower),
      nowMs: 34 * MINUTE_MS,
      seenMs: { engine: 34 * MINUTE_MS },
    }),
    want: ["run", "join"],
    because: /long ago/,
  },
  {
    name: "its last run was over a moment ago: whatever it shows, the next one is not begun yet",
    w: seen({ ...kept(leader), nowMs: 5_000 }, {
      lifecycle: ok(lifecycle(null)),
      engine: ok(managerOf("a", { nodes: [...managersAt(1, 2, 3), workerNode(4)] })),
      words: ok([{ instance: "i-4", nodeId: "node-4", leaves: true }]),
    }),
    want: ["rest"],
  },
  {
    name: "its tokens were rotated: runs at once",
    w: seen(kept(leader), {
      engine: ok(
        managerOf("a", { nodes: managersAt(1, 2, 3), workerToken: mark("a", "another") }),
      ),
    }),
    want: ["run", "join"],
    because: /another picture/,
  },
  {
    name: "somebody has come in: runs at once",
    w: seen(kept(leader), {
      engine: ok(managerOf("a", { nodes: [...managersAt(1, 2, 3), workerNode(4)] })),
    }),
    want: ["run", "join"],
  },
  {
    name: "another one leads, and all else is as before: nothing",
    w: seen(kept(leader), { engine: follower }),
    want: ["rest"],
  },
  {
    name: "its nodes are unknown after a change of leader: nothing",
    w: seen(kept(follower), {
      engine: ok(managerOf("a", {
        nodes: managersAt(1, 2, 3).map((node) => ({ ...node, state: "unknown" as const })),
      })),
    }),
    want: ["rest"],
  },
  {
    name:
      "a voter is down, and the last run could do nothing yet: the leader runs at each interval",
    w: later(kept(down3), 0),
    want: ["run", "join"],
    because: /ails/,
  },
  {
    name: "a node that has been down for a day asks for little",
    w: heard({
      ...kept(down3),
      nowMs: 24 * 60 * MINUTE_MS,
      ailingMs: 0,
      last: { ...kept(down3).last!, atMs: 24 * 60 * MINUTE_MS - 9 * MINUTE_MS },
      seenMs: { engine: 24 * 60 * MINUTE_MS, words: 24 * 60 * MINUTE_MS },
    }),
    want: ["rest"],
  },
  {
    name: "a worker says that it leaves: the leader runs",
    w: seen(
      kept(ok(managerOf("a", { nodes: [...managersAt(1, 2, 3), workerNode(4)] }))),
      { words: ok([{ instance: "i-4", nodeId: "node-4", leaves: true }]) },
    ),
    want: ["run", "join"],
    because: /leaves, or stays/,
  },
  {
    name: "a word that was heeded asks for nothing",
    w: seen(
      kept(ok(managerOf("a", {
        nodes: [
          ...managersAt(1, 2, 3),
          workerNode(4, { labels: { ...labelsOf(4), "swarm-join.left": "active" } }),
        ],
      }))),
      { words: ok([{ instance: "i-4", nodeId: "node-4", leaves: true }]) },
    ),
    want: ["rest"],
  },
  {
    name: "a word of a node that is not there any more asks for nothing",
    w: seen(kept(leader), { words: ok([{ instance: "i-9", nodeId: "node-9", leaves: true }]) }),
    want: ["rest"],
  },
  {
    name: "a word of a node that is a manager, which no run heeds, asks for nothing",
    w: seen(kept(leader), { words: ok([{ instance: "i-2", nodeId: "node-2", leaves: true }]) }),
    want: ["rest"],
  },
  {
    name: "nor does one of another machine than the node is",
    w: seen(
      kept(ok(managerOf("a", { nodes: [...managersAt(1, 2, 3), workerNode(4)] }))),
      { words: ok([{ instance: "i-9", nodeId: "node-4", leaves: true }]) },
    ),
    want: ["rest"],
  },
  {
    name: "its Engine does not answer: a run waits for it",
    w: seen(kept(worker), { engine: fault("unreachable") }),
    want: ["run", "join"],
  },
  {
    name: "none of a worker's managers answers, once: looks again first",
    w: seen(kept(worker), { probe: ok([]) }),
    want: ["rest"],
  },
  {
    name: "twice: runs, for its swarm may have been replaced",
    w: seen(seen(kept(worker), { probe: ok([]) }), { probe: ok([]) }),
    want: ["run", "join"],
    because: /answers/,
  },
  {
    name: "the last run failed a moment ago: rests",
    w: failed(1, 5_000),
    want: ["rest"],
  },
  {
    name: "the last run failed ten seconds ago: again",
    w: failed(1, 10_000),
    want: ["run", "join"],
  },
  {
    name: "the fifth failure in a row: rests for minutes",
    w: failed(5, 2 * MINUTE_MS),
    want: ["rest"],
  },
  {
    name: "and never for more than five",
    w: failed(50, 5 * MINUTE_MS),
    want: ["run", "join"],
  },
  {
    name: "Auto Scaling takes the machine away: leaves",
    w: going(kept(worker), "Terminated"),
    want: ["run", "leave"],
    because: /Auto Scaling/,
  },
  {
    name: "it is taken out of a warm pool: the same",
    w: going(kept(worker), "Warmed:Terminated"),
    want: ["run", "leave"],
    because: /Auto Scaling/,
  },
  {
    name: "a spot notice ends it: leaves",
    w: going(kept(worker), null, "terminate"),
    want: ["run", "leave"],
    because: /spot/,
  },
  { name: "a spot notice stops it: stays", w: going(kept(worker), null, "stop"), want: ["rest"] },
  { name: "it goes into standby: stays", w: going(kept(worker), "Standby"), want: ["rest"] },
  {
    name: "the metadata fall silent: stays",
    w: seen(kept(worker), { lifecycle: fault("unreachable") }),
    want: ["rest"],
  },
  {
    name: "it has left: ends",
    w: after(going(kept(worker), "Terminated"), LEAVE, "reached", "out"),
    want: ["end", "left"],
  },
  {
    name: "it has left, and its hook does not hold it yet: looks again",
    w: heard(
      later(
        after(going(kept(worker), "Terminated"), LEAVE, "reached", "hook-pending"),
        10_000,
      ),
    ),
    want: ["run", "leave"],
  },
  {
    name: "its leave failed: again, soon",
    w: heard(
      later(after(going(kept(worker), "Terminated"), LEAVE, "failed", "tasks-running"), 10_000),
    ),
    want: ["run", "leave"],
  },
  {
    name: "it is the last manager, and is told to go: stays, and looks again",
    w: after(going(kept(leader), "Terminated"), LEAVE, "failed", "last-manager"),
    want: ["rest"],
  },
  {
    name: "it is told to stay after all: joins, which takes back what was begun",
    w: going(
      after(going(kept(worker), "Terminated"), LEAVE, "failed", "tasks-running"),
      "InService",
    ),
    want: ["run", "join"],
    because: /stays/,
  },
  {
    name: "nobody told it to go, as it found then: asks the metadata anew",
    w: after(going(kept(worker), "Terminated"), LEAVE, "reached", "not-going"),
    want: ["look", "lifecycle"],
  },
  {
    name: "it is asked to end: finds out whether the machine goes",
    w: { ...kept(worker), isStopped: true },
    want: ["run", "leave"],
    because: /asked to end/,
  },
  {
    name: "it was asked to end, and the machine stays: ends, and is a member still",
    w: stopped("not-going", "reached"),
    want: ["end", "stopped"],
  },
  {
    name: "it was asked to end, and nobody could say whether the machine goes: the same",
    w: stopped("metadata-missing", "failed"),
    want: ["end", "stopped"],
  },
  {
    name: "it was asked to end, and has left",
    w: stopped("out", "reached"),
    want: ["end", "left"],
  },
];

function failed(times: number, agoMs: number): Watch {
  const w = Array.from({ length: times }).reduce<Watch>(
    (so) => ran(so, JOIN, { end: "failed", rule: "managers-silent", engine: worker }),
    kept(worker),
  );
  return heard(later(seen(heard(w), { engine: worker, probe: ok(["10.0.0.1"]) }), agoMs));
}

function after(w: Watch, errand: Errand, end: "reached" | "failed", rule: string): Watch {
  return ran(w, errand, { end, rule, engine: worker });
}

function stopped(rule: string, end: "reached" | "failed"): Watch {
  const w = { ...kept(worker), isStopped: true };
  const step = watch(w);
  assert.ok(step.kind === "run");
  return ran(w, step.errand, { end, rule, engine: worker });
}

for (const { name, w, want, because } of ROWS) {
  Deno.test(`keep: ${name}`, () => {
    const step = watch(w);
    const what = step.kind === "look"
      ? step.calls.map(({ kind }) => kind)
      : step.kind === "run"
      ? [step.errand.goal]
      : step.kind === "end"
      ? [step.result]
      : [];
    assert.deepEqual([step.kind, ...what], want, JSON.stringify(step));
    if (because) assert.match(step.kind === "run" ? step.because : "", because);
    if (step.kind === "rest") assert.ok(step.ms > 0, `${step.ms} ms`);
  });
}

Deno.test("keep: the other managers look for the dead less often than the leader", () => {
  const ailing = (nodes: Engine): Watch =>
    heard({
      ...kept(ok(nodes)),
      last: { ...kept(ok(nodes)).last!, atMs: 20_000 },
    });
  assert.ok(down3.ok);
  assert.equal(watch(ailing(down3.value)).kind, "run");
  const led = {
    ...down3.value,
    swarm: {
      ...down3.value.swarm!,
      nodes: down3.value.swarm!.nodes.map((node) => ({
        ...node,
        voter: node.voter && { ...node.voter, leader: node.nodeId === "node-2" },
      })),
    },
  };
  assert.equal(watch(ailing(led)).kind, "rest");
});

Deno.test("keep: who ails since a moment is looked for soon, whoever has for long", () => {
  const off = workerNode(4, { state: "down" });
  const [long, both] = [leader, down3].map((engine) => {
    assert.ok(engine.ok && engine.value.swarm);
    const nodes = [...engine.value.swarm.nodes, off];
    return ok({ ...engine.value, swarm: { ...engine.value.swarm, nodes } });
  });
  assert.ok(long !== undefined && both !== undefined);
  const day = 24 * 60 * MINUTE_MS;
  const after = (engine: Answer<Engine>): Step => {
    const last = { ...kept(long).last!, atMs: day - MINUTE_MS, picture: pictureOf(engine) };
    const w = { ...later(kept(long), day - MINUTE_MS), last };
    return watch(heard(seen(w, { engine, words: ok([]) })));
  };
  assert.equal(after(long).kind, "rest");
  assert.equal(after(both).kind, "run");
});

Deno.test("keep: a leave by a spot notice has less time than one by Auto Scaling", () => {
  const timeOf = (w: Watch): number => {
    const step = watch(w);
    assert.ok(step.kind === "run");
    return step.errand.timeoutMs;
  };
  assert.equal(timeOf(going(kept(worker), "Terminated")), 600_000);
  assert.ok(timeOf(going(kept(worker), "Terminated", "terminate")) <= 90_000);
  assert.ok(timeOf({ ...kept(worker), isStopped: true }) <= 110_000);
});

Deno.test("keep: a run is given up for another one, or for the same in less time", () => {
  const w = kept(worker);
  const told = going(w, "Terminated");
  assert.equal(isOvertaken(w, JOIN), false);
  assert.equal(isOvertaken(told, JOIN), true);
  assert.equal(isOvertaken(told, LEAVE), false);
  assert.equal(isOvertaken(going(w, "Terminated", "terminate"), LEAVE), true);
  assert.equal(isOvertaken({ ...w, isStopped: true }, JOIN), true);
  assert.equal(isOvertaken({ ...told, isStopped: true }, LEAVE), true);
  const last = watch({ ...w, isStopped: true });
  assert.ok(last.kind === "run");
  assert.equal(isOvertaken({ ...told, isStopped: true }, last.errand), false);
});

Deno.test("keep: a launching hook is asked for until a join has reached its end, and no longer", () => {
  const begun = newWatch({ intervalMs: 30_000, timeoutMs: 600_000 });
  const step = watch(going(begun, "InService"));
  assert.ok(step.kind === "run" && step.errand.isLaunching);
  assert.equal(ran(begun, JOIN, { end: "failed", rule: "x", engine: worker }).isLaunching, true);
  assert.equal(ran(begun, JOIN, { end: "cut", rule: "x", engine: worker }).isLaunching, true);
  assert.equal(ran(begun, JOIN, { end: "reached", rule: "x", engine: worker }).isLaunching, false);
});

Deno.test("keep: an Engine in error without a word is well, as a run takes it", () => {
  const says = ok({ ...workerOf("a"), state: "error" as const, peers: ["10.0.0.1"] });
  const call = { kind: "engine" } as const;
  const { answer } = remembered(newMemory("run"), { kind: "engine", call, answer: says }, 0);
  const w = kept(answer as Answer<Engine>);
  assert.equal(watch(seen(w, { engine: says })).kind, "rest");
});

Deno.test("keep: what a run itself has changed is no reason for another", () => {
  const w = kept(leader);
  assert.equal(w.last?.picture, pictureOf(leader));
  assert.notEqual(pictureOf(leader), pictureOf(down3));
  assert.notEqual(pictureOf(fault("unreachable")), pictureOf(worker));
});
