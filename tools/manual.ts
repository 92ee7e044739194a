/**
 * The man page, swarm-join(8), of the same tables as `--help`: `make docs` writes it.
 */
import {
  EXITS,
  FLAGS,
  OBSERVATION_FLAG,
  variableOf,
  VARIABLES,
  VERSION,
} from "../src/cli/flags.ts";
import { ABOUT, EXAMPLES, helpOf, SWITCHES, usageOf } from "../src/cli/help.ts";
import { DEFAULT_VERB, VERBS, verbUsage } from "../src/cli/verbs.ts";
import { COPIES } from "../src/swarm/recovery.ts";

/** Of macros of man(7) that groff and mandoc both have. It has no date, which a build could not repeat. */
export function manual(): string {
  return `.\\" Made by make docs, from the tables in src/cli.
.TH SWARM\\-JOIN 8 "" "swarm-join ${VERSION}" "System Administration"
.SH NAME
swarm\\-join \\- make this EC2 instance a member of the one Docker Swarm of its VPC
.SH SYNOPSIS
.B swarm\\-join
.RI [ VERB ]
.RI [ flags ]
.SH DESCRIPTION
${plain(ABOUT)}
.PP
The result goes to stdout, the log to stderr.
.SH VERBS
${plain(`Without one: ${DEFAULT_VERB}.`)}
${rows(VERBS.map((verb) => [verbUsage(verb), verb.help]))}
.SH OPTIONS
${
    plain(
      `Each is also ${
        variableOf("name").replace("NAME", "...")
      } in the environment or in the settings' file`,
    )
  }
${plain(`(${variableOf("role-tag")}=Role), where a switch is 1, true, yes or on.`)}
Flags win over the environment, and that over the file.
${rows(FLAGS.map((flag) => [usageOf(flag), helpOf(flag)]))}
.PP
And, neither in the environment nor in the file:
${rows([OBSERVATION_FLAG, ...SWITCHES].map((flag) => [usageOf(flag), flag.help]))}
.SH ENVIRONMENT
Besides the flags' own:
${rows(VARIABLES.map(({ name, help }) => [name, help]))}
.SH FILES
${rows(FILES)}
.SH "EXIT STATUS"
${rows(EXITS.map(({ code, help }) => [String(code), help]))}
.SH EXAMPLES
${rows(EXAMPLES.filter(([, what]) => what !== ""))}
.PP
.nf
${EXAMPLES.filter(([, what]) => what === "").map(([command]) => bold(command)).join("\n")}
.fi
.SH "SEE ALSO"
.BR docker (1),
.BR systemctl (1),
.BR journalctl (1)
`;
}

const FILES = [
  [
    fileOf("config"),
    "settings of all commands: any of these variables, KEY=VALUE a line; it may be missing",
  ],
  [fileOf("lock-file"), "the lock that one run at a time holds"],
  ["swarm-join.service", "the unit that runs swarm-join keep; nothing enables it unasked"],
  [
    COPIES,
    "copies of the swarm's state that recover makes before it does anything; they hold secrets",
  ],
] as const;

function fileOf(name: "config" | "lock-file"): string {
  return FLAGS.find((flag) => flag.name === name)?.initial ?? "";
}

/** Each with its words indented below. */
function rows(of: readonly (readonly [string, string])[]): string {
  return of.map(([head, words]) => `.TP\n${bold(head)}\n${plain(words)}`).join("\n");
}

/** A request, whose argument stands in quotes. */
function bold(text: string): string {
  return `.B "${escaped(text).replaceAll('"', "\\(dq")}"`;
}

/** A line of text, which must not begin like a request. */
function plain(text: string): string {
  return escaped(text).replace(/^(?=[.'])/, "\\&");
}

/** A hyphen is the character of a command line, and what is in no ASCII is spelled in it. */
function escaped(text: string): string {
  const line = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga").replaceAll("…", "...").replaceAll("~", "\\(ti").replaceAll(
      "^",
      "\\(ha",
    );
  if (/[^\x20-\x7e]/.test(line)) throw new Error(`not in ASCII, for the man page: ${text}`);
  return line;
}
