/** The man page reads well in man, warns of nothing, and has all that the command line has. */
import assert from "node:assert/strict";
import { CHOICES, EXITS, FLAGS, OBSERVATION_FLAG, VARIABLES } from "../../src/cli/flags.ts";
import { SWITCHES, usageOf } from "../../src/cli/help.ts";
import { VERBS, verbUsage } from "../../src/cli/verbs.ts";
import { inDebian, judged, ROOT } from "./tools.ts";

const FOLDER = `${ROOT}deploy/man`;
const PAGE = "/mnt/swarm-join.8";

judged("man and whatis take the man page without a warning", ["man", "root"], async () => {
  // As lintian calls it. What it warns of is on stderr.
  const width = ["env", "MANROFFSEQ=", "MANWIDTH=80", "man", "--warnings", "-E", "UTF-8"];
  assert.notEqual(await inDebian(FOLDER, ...width, "-l", "-Tutf8", "-Z", PAGE), "");
  assert.match(await inDebian(FOLDER, "lexgrog", PAGE), /: "swarm-join - make this EC2 instance/);
});

judged(
  "the man page has every verb, flag, choice, variable and exit code",
  ["man", "root"],
  async () => {
    const page = await inDebian(FOLDER, "env", "MANWIDTH=9999", "man", "-l", PAGE);
    // A hyphen of a page's is one that a shell takes, too.
    const lines = page.split("\n").map((line) => `${line.trim()} `);
    const flags = [...FLAGS, OBSERVATION_FLAG, ...SWITCHES];
    const wanted = [
      ...VERBS.map(verbUsage),
      ...flags.map((flag) => usageOf(flag).replace("…", "...")),
      ...VARIABLES.map(({ name }) => name),
      ...EXITS.map(({ code }) => String(code)),
    ];
    for (const head of wanted) assert.ok(lines.some((line) => line.startsWith(`${head} `)), head);
    for (const choices of Object.values(CHOICES)) {
      for (const choice of choices) assert.ok(page.includes(choice), choice);
    }
    const helps = [...VERBS, ...flags, ...VARIABLES, ...EXITS].map(({ help }) => help);
    for (const help of helps) assert.ok(page.includes(help), help);
  },
);
