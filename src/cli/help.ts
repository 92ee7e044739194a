/**
 * What `--help` prints, made from the tables of verbs and flags.
 */
import {
  EXITS,
  type Flag,
  FLAGS,
  OBSERVATION_FLAG,
  variableOf,
  VARIABLES,
  VERSION,
} from "./flags.ts";
import { DEFAULT_VERB, VERBS, verbUsage } from "./verbs.ts";

/** What it is for, and how one begins with it. */
export const ABOUT =
  "Tag the instances Role=manager or Role=worker, allow what deploy/iam lists (of a package: " +
  "/usr/share/doc/swarm-join/examples/iam), and enable swarm-join.service, which runs swarm-join " +
  "keep, on all of them at once if you like: exactly one manager founds the swarm, all others join " +
  "it. Running it again changes nothing. Try it first with --dry-run: it says who this node is, " +
  "what it sees, what it would do and why, and which permissions are missing.";

export const EXAMPLES = [
  ["sudo swarm-join --dry-run", ""],
  ["sudo swarm-join doctor", ""],
  ["sudo swarm-join status", ""],
  ["sudo swarm-join --store s3://my-bucket/swarms", ""],
  ["sudo swarm-join --cluster blue --cluster-tag Cluster", ""],
  ["sudo swarm-join plan --json > seen.json", "what to send along when asking for help"],
  ["swarm-join plan --observation seen.json", "decides the same again, elsewhere"],
] as const;

/** The switches that are no settings. */
export const SWITCHES = [
  { name: "version", value: null, initial: null, help: "print the version" },
  { name: "help", value: null, initial: null, help: "print this" },
] as const satisfies readonly Flag[];

/** What `--help` prints. */
export function helpText(): string {
  return `swarm-join ${VERSION}: makes this EC2 instance a member of the one Docker Swarm of its VPC.

  swarm-join [VERB] [flags]

Verbs (without one: ${DEFAULT_VERB})
${table(VERBS.map((verb) => [verbUsage(verb), verb.help]))}

${wrap(ABOUT, COLUMNS).join("\n")}

Examples
${table(EXAMPLES)}

Flags (each also as ${variableOf("name").replace("NAME", "…")} in the environment: ${
    variableOf("role-tag")
  }=Role)
${table(FLAGS.map((flag) => [usageOf(flag), helpOf(flag)]))}
  and, not in the environment:
${
    table([
      ...[OBSERVATION_FLAG, ...SWITCHES].map((flag) => [usageOf(flag), flag.help] as const),
    ])
  }

Environment (besides the flags' own)
${table(VARIABLES.map((variable) => [variable.name, variable.help]))}

The result goes to stdout, the log to stderr. Exit codes
${table(EXITS.map((exit) => [String(exit.code), exit.help]))}
`;
}

/** A flag as it is written: `--cluster NAME`. */
export function usageOf(flag: Flag): string {
  return flag.value === null ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

/** What a flag does and what holds without it. */
export function helpOf(flag: Flag): string {
  return flag.initial === null ? flag.help : `${flag.help} (default ${flag.initial})`;
}

const COLUMNS = 100;

/** Two columns; what is too long for the right one goes on below. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.flatMap(([left, right]) =>
    wrap(right, COLUMNS - width - 4).map((line, i) =>
      `  ${(i === 0 ? left : "").padEnd(width)}  ${line}`.trimEnd()
    )
  ).join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
