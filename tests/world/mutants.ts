/**
 * Planted defects, each one line of change to the sources that ship, each to be caught by the model
 * checker or the simulator: a check that can't fail proves nothing.
 *
 * A mutant is a copy of `src` with one text replaced by another, which must be there exactly once.
 */
import { conditionsOf } from "./simulate/conditions.ts";
import { explore, type Plan } from "./check/explore.ts";
import { plan } from "./check/plans.ts";
import { simulate } from "./simulate/simulate.ts";
import type { Code } from "./program.ts";
import type { Property } from "./world.ts";

export interface Mutant {
  name: string;
  file: string;
  find: string;
  put: string;
  /** The world, or the histories, that it is looked for in first. */
  first: PlanName | "sim";
}

type PlanName =
  | "tags"
  | "s3"
  | "tags-foreign"
  | "s3-dead"
  | "tags-dead"
  | "tags-3"
  | "s3-3"
  | "tags-2-faults"
  | "s3-2-faults";

export interface Caught {
  by: "checker" | "simulator";
  /** States, or seeds, that it took. */
  took: number;
  property: Property;
  what: string;
}

const PLANS: Record<PlanName, Plan> = {
  "tags": plan("tags", 2, 1, "nothing", 1),
  "s3": plan("s3", 2, 1, "nothing", 1),
  "tags-foreign": plan("tags", 2, 0, "foreign", 1),
  "s3-dead": plan("s3", 2, 0, "dead", 1, 1),
  "tags-dead": plan("tags", 2, 0, "dead", 1, 1),
  "tags-3": plan("tags", 3, 0, "nothing", 1),
  "s3-3": plan("s3", 3, 0, "nothing", 1),
  "tags-2-faults": plan("tags", 2, 0, "nothing", 2),
  "s3-2-faults": plan("s3", 2, 0, "nothing", 2),
};
const STATES_MAX = 60_000;
const FIRST_STATES_MAX = 250_000;
const SEEDS_MAX = 6_000;

export const MUTANTS: Mutant[] = [
  {
    name: "a swarm is not founded after init",
    file: "decide/join/manager.ts",
    find: "if (record === null) return unfounded(s, engine.swarm);",
    put: `if (record === null) return act({ kind: "done" }, "in-order", "");`,
    first: "tags",
  },
  {
    name: "init after a failed join",
    file: "decide/join/candidate.ts",
    find: `    return wait(
      o,
      "joins-failed",
      \``,
    put: `    return act(
      { kind: "init", retract: false },
      "joins-failed",
      \``,
    first: "s3",
  },
  {
    name: "the record is put without a condition",
    file: "run.ts",
    find: `return [{ kind: "write", record: action.record, at: action.at }];`,
    put: `return [{ kind: "write", record: action.record, at: { kind: "object", etag: "*" } }];`,
    first: "s3",
  },
  {
    name: "a write without an answer is taken for one that was not made",
    file: "run.ts",
    find: "confirmed: null, unknown: call.record.nonce }",
    put: "unknown: null }",
    first: "tags-2-faults",
  },
  {
    name: "a write that was refused (412) is taken for one that counts",
    file: "run.ts",
    find: `  if (result.kind === "lost") {`,
    put: `  if (result.kind === "lost") {
    const ledger: LedgerView = { kind: "settled", record, at, serverMs: 0 };
    return goOn(state, { ...state.facts, ledger: { ok: true, value: ledger } }, memory);
  }
  if (result.kind === "lost") {`,
    first: "s3",
  },
  {
    name: "a concurrent write (409) is taken for one that counts",
    file: "run.ts",
    find: "  if (!answer.ok) return failed(",
    put: `  if (!answer.ok && answer.fault.kind === "busy" && call.kind === "write") {
    return written(state, state.memory, call, {
      kind: "done",
      at: { kind: "object", etag: call.record.nonce },
    });
  }
  if (!answer.ok) return failed(`,
    first: "s3",
  },
  {
    name: "terminated managers are candidates",
    file: "decide/join/manager.ts",
    find: "const living = peers.filter((member) => !gone(s, member, instances));",
    put: "const living = peers;",
    first: "s3-dead",
  },
  {
    name: "stopped counts as terminated",
    file: "decide/members.ts",
    find: `return known.state === "terminated";`,
    put: `return known.state === "terminated" || known.state === "stopped";`,
    first: "sim",
  },
  {
    name: "leaves a swarm that has services",
    file: "decide/join/manager.ts",
    find: `return inventory === "" ? then()`,
    put: "return inventory !== null ? then()",
    first: "sim",
  },
  {
    name: "takes over by the clock alone",
    file: "decide/members.ts",
    find: "if (known !== undefined) return known",
    put: "if (known !== undefined && serverMs - member.sinceMs <= FORGOTTEN_MS) return known",
    first: "s3-dead",
  },
  {
    name: "joins before it registers",
    file: "decide/join/manager.ts",
    find: `  if ("calls" in candidate || "action" in candidate) return candidate;
  if (o.memory.confirmed !== record.fingerprint || !isListed(record, me, s.address)) {`,
    put: `  if ("calls" in candidate || "action" in candidate) return candidate;
  if (record === null) {`,
    first: "s3",
  },
  {
    name: "joins on an unconfirmed read",
    file: "decide/join/manager.ts",
    find: `  if ("calls" in candidate || "action" in candidate) return candidate;
  if (o.memory.confirmed !== record.fingerprint || !isListed`,
    put: `  if ("calls" in candidate || "action" in candidate) return candidate;
  if (!isListed`,
    first: "tags-2-faults",
  },
  {
    name: "leaves its swarm on an unconfirmed read",
    file: "decide/join/manager.ts",
    find: `  return ifEmpty(s, swarm, because, () => {
    if (o.memory.confirmed !== record.fingerprint || !isListed(record, me, s.address)) {`,
    put: `  return ifEmpty(s, swarm, because, () => {
    if (!isListed(record, me, s.address)) {`,
    first: "tags-2-faults",
  },
  {
    name: "a gap in the log is ignored",
    file: "ledger/versions.ts",
    find: "if (missing.length > 0 || entries.length === 0)",
    put: "if (entries.length === 0)",
    first: "tags-3",
  },
  {
    name: "withdraws while an attempt is pending",
    file: "decide/scene.ts",
    find: `if (engine.state === "pending" && !inSwarm) {`,
    put: `if (engine.state === "pending" && !inSwarm) {
    engine.state = "inactive";
    return null;
  }
  if (engine.state === "pending" && !inSwarm) {`,
    first: "s3-2-faults",
  },
  {
    name: "tokens from before a rotation stay published",
    file: "decide/join/manager.ts",
    find: "own?.manager?.digest === manager.digest && own.worker?.digest === worker.digest",
    put: "own?.manager?.fingerprint === manager.fingerprint && own.worker !== null",
    first: "sim",
  },
  {
    name: "a denied read of the record (403) is taken for none",
    file: "decide/scene.ts",
    find: `    if (answer.fault.kind === "malformed") {`,
    put: `    if (answer.fault.kind === "denied") {
      return { kind: "settled", record: null, at: { kind: "none" }, serverMs: 0 };
    }
    if (answer.fault.kind === "malformed") {`,
    first: "s3",
  },
  {
    name: "a pending attempt is left by force",
    file: "decide/scene.ts",
    find:
      `      return wait(o, "attempt-pending", "the Engine is still trying to join, in the background");
    }
    return act(
      { kind: "leave", force: false,`,
    put:
      `      return wait(o, "attempt-pending", "the Engine is still trying to join, in the background");
    }
    return act(
      { kind: "leave", force: true,`,
    first: "s3",
  },
  {
    name: "one dead manager is enough to replace a swarm",
    file: "decide/writes.ts",
    find: "others(record, s.me).every(",
    put: "others(record, s.me).some(",
    first: "s3-3",
  },
  {
    name: "a registration drops the other members",
    file: "decide/members.ts",
    find: "return others(record, w.me).filter((member) => !isGone(member, w));",
    put: "return [];",
    first: "s3",
  },
  {
    name: "the last write to the log counts, not the first on its place",
    file: "ledger/versions.ts",
    find: "else if (entry.number > base && entry.follows === base) return entry;",
    put: "else if (entry.number > base && entry.follows === base) head = entry;",
    first: "tags",
  },
  {
    name: "a node that is listed starts another swarm without withdrawing",
    file: "decide/join/manager.ts",
    find: "return isMember ? withdraw(s, record, because) : init",
    put: "return init",
    first: "s3-dead",
  },
];

export interface Sought {
  caught: Caught | null;
  states: number;
  seeds: number;
}

/** Looks for a mutant in one place after the other; `only`: in the first. */
export async function seek(mutant: Mutant, source: string, only = false): Promise<Sought> {
  const code = await mutated(mutant, source);
  const sought: Sought = { caught: null, states: 0, seeds: 0 };
  if (mutant.first === "sim" && (soughtByDice(code, sought) || only)) return sought;
  const names = Object.keys(PLANS) as PlanName[];
  names.sort((a, b) => Number(b === mutant.first) - Number(a === mutant.first));
  for (const name of names) {
    const most = name === mutant.first ? FIRST_STATES_MAX : STATES_MAX;
    const limits = { states: most, ms: 300_000 };
    const { states, violation } = explore(code, PLANS[name], limits);
    sought.states += states;
    if (violation === null && only) return sought;
    if (violation === null) continue;
    const { property, what } = violation;
    sought.caught = { by: "checker", took: sought.states, property, what };
    return sought;
  }
  if (mutant.first !== "sim") soughtByDice(code, sought);
  return sought;
}

function soughtByDice(code: Code, sought: Sought): boolean {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    sought.seeds = seed;
    const [broken] = simulate(code, conditionsOf(seed)).broken;
    if (broken === undefined) continue;
    sought.caught = { by: "simulator", took: seed, ...broken };
    return true;
  }
  return false;
}

async function mutated({ name, file, find, put }: Mutant, source: string): Promise<Code> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-mutant-" });
  try {
    await copy(source, folder);
    const path = `${folder}/${file}`;
    const text = await Deno.readTextFile(path);
    const found = text.split(find).length - 1;
    if (found !== 1) {
      throw new Error(`Cannot plant "${name}": its text is ${found} times in ${file}, not once`);
    }
    await Deno.writeTextFile(path, text.replace(find, () => put));
    return await import(`file://${folder}/run.ts`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory) {
      await Deno.mkdir(`${to}/${entry.name}`);
      await copy(`${from}/${entry.name}`, `${to}/${entry.name}`);
    } else {
      await Deno.copyFile(`${from}/${entry.name}`, `${to}/${entry.name}`);
    }
  }
}
