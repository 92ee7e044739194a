/**
 * Every verb once: what it is for, how it runs, what it prints. A new verb is a new row; the command
 * line reads this table, `--help` prints it, and a test compares docs/reference.md with it.
 */
import type { Goal } from "../state.ts";

/**
 * `prints`: what stdout carries at its end. `takes`: what else belongs to it, as it is written; "":
 * nothing but flags. `way`, how it runs:
 *
 * - `act`: until its goal is reached or can't be; with `--dry-run` it only looks, and prints its plan
 * - `keep`: the same again and again, until its machine goes or it is stopped
 * - `look`: looks and decides once, and changes nothing
 * - `show`: says what it is told, if a run could begin with that, and looks at nothing
 * - `replay`: decides again from a file, on any machine
 */
export type Verb =
  & { name: string; prints: "result" | "plan" | "findings" | "status" | "settings"; help: string }
  & (
    | { way: "act" | "keep"; takes: ""; goal: Goal }
    /** With `[VERB]` its goal is that verb's, if one is named. */
    | { way: "look"; takes: "" | "[VERB]"; goal: Goal }
    | { way: "show"; takes: ""; goal: Goal }
    /** The goal is the file's. */
    | { way: "replay"; takes: "--observation FILE" }
  );

/** The verb of a command line that names none. */
export const DEFAULT_VERB = "join";

export const VERBS: readonly Verb[] = [
  {
    name: "join",
    takes: "",
    goal: "join",
    way: "act",
    prints: "result",
    help: "join the swarm, or found it; returns when this node is a member",
  },
  {
    name: "keep",
    takes: "",
    goal: "join",
    way: "keep",
    prints: "result",
    help: "join, then stay: heal the swarm, and leave it when this machine is told to go",
  },
  {
    name: "leave",
    takes: "",
    goal: "leave",
    way: "act",
    prints: "result",
    help: "leave the swarm for good, when what runs here runs elsewhere; never its last manager",
  },
  {
    name: "recover",
    takes: "",
    goal: "recover",
    way: "act",
    prints: "result",
    help:
      "where all other managers are gone for good: a quorum again, of this one; without --yes it says what it would do",
  },
  {
    name: "plan",
    takes: "[VERB]",
    goal: "join",
    way: "look",
    prints: "plan",
    help: "say what VERB (else join) would do and why: the same as VERB --dry-run",
  },
  {
    name: "plan",
    takes: "--observation FILE",
    way: "replay",
    prints: "plan",
    help:
      "decide again from what plan --json (or doctor --json) printed; needs no network and no root",
  },
  {
    name: "status",
    takes: "",
    goal: "survey",
    way: "look",
    prints: "status",
    help: "show how the swarm stands: who votes and answers, what it can lose, who is dead",
  },
  {
    name: "doctor",
    takes: "",
    goal: "survey",
    way: "look",
    prints: "findings",
    help: "look at everything that can stand in the way, and say how to mend it",
  },
  {
    name: "settings",
    takes: "",
    goal: "join",
    way: "show",
    prints: "settings",
    help: "print which settings count here and where each is from; exit 2 if one is wrong",
  },
];

/** A verb as it is written: `plan [VERB]`. */
export function verbUsage({ name, takes }: Verb): string {
  return takes === "" ? name : `${name} ${takes}`;
}
