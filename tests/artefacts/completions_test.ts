/**
 * What a shell offers is what the command line takes: each is asked in the shell itself, which finds the file as it
 * finds that of a package.
 */
import assert from "node:assert/strict";
import { CHOICES, type Flag, FLAGS, OBSERVATION_FLAG } from "../../src/cli/flags.ts";
import { SWITCHES } from "../../src/cli/help.ts";
import { parse } from "../../src/cli/parse.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { sh } from "../e2e/machine.ts";
import { inDebian, judged, ROOT } from "./tools.ts";

const ALL: readonly Flag[] = [...FLAGS, OBSERVATION_FLAG, ...SWITCHES];
const NAMES = [...new Set(VERBS.map(({ name }) => name))];

/** `gives`: what can follow, in any order, for the last word of the line. */
interface Case {
  line: string;
  gives: readonly string[];
}

function takes(...argv: string[]): boolean {
  const parsed = parse(argv, { env: {}, readFile: () => ({ kind: "missing" }) });
  const refused = /has no effect|use it with plan|unexpected argument|there is no plan of it/;
  return parsed.kind !== "usage" || !refused.test(parsed.message);
}

function flagsAfter(...words: string[]): string[] {
  return ALL.filter(({ name, value }) =>
    takes(...words, `--${name}`, ...value === null ? [] : ["x"])
  ).map(({ name }) => `--${name}`);
}

const PLANS = NAMES.filter((name) => takes("plan", name));

const FLAG_CASES: Case[] = [
  { line: "--", gives: flagsAfter() },
  ...NAMES.map((name) => ({ line: `${name} --`, gives: flagsAfter(name) })),
  ...PLANS.map((name) => ({ line: `plan ${name} --`, gives: flagsAfter("plan", name) })),
  { line: "plan --observation x --", gives: flagsAfter("plan", "--observation", "x") },
];

const CASES: Case[] = [
  { line: "", gives: NAMES },
  { line: "k", gives: ["keep"] },
  { line: "plan ", gives: PLANS },
  { line: "join ", gives: [] },
  { line: "plan leave ", gives: [] },
  { line: "plan --observation x ", gives: [] },
  ...Object.entries(CHOICES).flatMap(([name, gives]): Case[] => [
    { line: `--${name} `, gives },
    { line: `keep --${name}=`, gives },
  ]),
  { line: "--log-level=in", gives: ["info"] },
  { line: "--s3-sse aws:", gives: ["aws:kms"] },
  { line: "--s3-sse=aws:k", gives: ["aws:kms"] },
  { line: "--store s3:", gives: ["s3://"] },
  { line: "--store s3://b", gives: [] },
  ...ALL.filter(({ value }) => value === "FILE").flatMap(({ name }): Case[] => {
    const verb = NAMES.find((verb) => flagsAfter(verb).includes(`--${name}`)) ?? "";
    return [
      { line: `${verb} --${name} /mnt/a`, gives: ["a file", "a.prom"] },
      { line: `${verb} --${name}=/mnt/b`, gives: ["b.env"] },
    ];
  }),
  // A value that looks like a verb or a flag is none.
  { line: "--cluster keep ", gives: NAMES },
  { line: "--cluster plan keep --in", gives: ["--interval"] },
  { line: "--cluster ", gives: [] },
  // Of what it does not know it knows nothing more.
  { line: "frobnicate ", gives: [] },
  { line: "frobnicate --", gives: [] },
  { line: "join now --", gives: [] },
  { line: "--frobnicate ", gives: [] },
  { line: "--frobnicate=", gives: [] },
  { line: "x", gives: [] },
];

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-completions-" });
  try {
    await sh("cp", "-r", `${ROOT}deploy/completions/.`, folder);
    for (const name of ["a file", "a.prom", "b.env"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a script for all cases: of each it says `> LINE`, then what is offered, a word a line. */
async function offers(shell: string, script: string): Promise<void> {
  await withFolder(async (folder) => {
    const cases = [...FLAG_CASES, ...CASES];
    await Deno.writeTextFile(`${folder}/script`, script);
    await Deno.writeTextFile(`${folder}/lines`, cases.map(({ line }) => `${line}\n`).join(""));
    const said = await inDebian(folder, shell, "/mnt/script");
    const parts = said.split(/^> /m).slice(1);
    assert.equal(parts.length, cases.length, said);
    cases.forEach(({ line, gives }, i) => {
      const [head, ...words] = (parts[i] ?? "").trimEnd().split("\n");
      assert.equal(head?.trimEnd(), line.trimEnd());
      const offered = words.map((word) =>
        word.replace(/^--[\w-]+=/, "").replace(/^\/mnt\/|\\/g, "")
      );
      // One that is there already may be offered again, or not.
      const news = (of: readonly string[]): string[] =>
        of.filter((word) => !line.split(" ").includes(word)).sort();
      assert.deepEqual(news(offered), news(gives), `${shell}: swarm-join ${line}`);
    });
  });
}

Deno.test("flags are refused with some verbs: else what follows says little", () => {
  assert.ok(flagsAfter("recover").includes("--yes"));
  assert.ok(!flagsAfter("join").includes("--yes"));
  assert.deepEqual(PLANS, ["join", "keep", "leave", "recover"]);
});

const BASH = `
  split() { # The line as Readline gives it to a function, in COMP_WORDS.
    local word; COMP_WORDS=()
    set -f
    for word in $1; do
      while [[ $word =~ ^([^=:]+|[=:]+) ]]; do
        COMP_WORDS+=("\${BASH_REMATCH[1]}"); word=\${word:\${#BASH_REMATCH[1]}}
      done
    done
    set +f
    [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  }
  complete -p swarm-join >/dev/null || exit
  while IFS= read -r line; do
    echo "> $line"
    COMP_LINE="swarm-join $line"; COMP_POINT=\${#COMP_LINE}
    split "$COMP_LINE"
    _swarm_join swarm-join "\${COMP_WORDS[COMP_CWORD]}" ''
    whole=\${COMP_LINE##* } last=\${COMP_WORDS[COMP_CWORD]}
    [[ $last == *[=:] ]] && last=''
    for word in "\${COMPREPLY[@]}"; do echo "\${whole%"$last"}$word"; done
  done </mnt/lines`;

judged("bash offers what the command line takes", ["bash", "root"], async () => {
  await offers("bash", `source /mnt/swarm-join.bash\n${BASH}`);
});

judged("bash does so too where bash-completion has loaded it", ["bash", "root"], async () => {
  const load = `
    mkdir -p ~/.local/share/bash-completion/completions
    cp /mnt/swarm-join.bash ~/.local/share/bash-completion/completions/swarm-join
    source /usr/share/bash-completion/bash_completion
    _completion_loader swarm-join
    [[ $? == 124 ]] || exit`;
  await offers("bash", `${load}\n${BASH}`);
});

/** Typed into a terminal's shell, each line with a tab; what is then on the line. */
judged("bash's own Readline puts it where it belongs", ["bash", "zsh", "root"], async () => {
  const typed = [
    ["--log-level=in", "--log-level=info "],
    ["--role=", "--role="],
    ["--store=s3", "--store=s3://"],
    ["--store s3:", "--store s3://"],
    ["--s3-sse aws:", "--s3-sse aws:kms "],
    ["--s3-sse=aws:k", "--s3-sse=aws:kms "],
    ["--config /mnt/a\\ ", "--config /mnt/a\\ file "],
    ["--config=/mnt/b", "--config=/mnt/b.env "],
    ["--config /mn", "--config /mnt/"],
    ["--config=/mn", "--config=/mnt/"],
    ["plan rec", "plan recover "],
  ];
  await withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/rc`,
      `
      source /mnt/swarm-join.bash
      PS1='ready> '
      show() { echo "> $READLINE_LINE|" >>/tmp/said; READLINE_LINE=; }
      bind -x '"\\C-g": show'`,
    );
    const lines = typed.map(([line]) => `swarm-join ${line}\t\x07`).join("");
    await Deno.writeTextFile(`${folder}/keys`, `${lines}exit\n`);
    await Deno.writeTextFile(
      `${folder}/script`,
      `
      zmodload zsh/zpty
      zpty shell 'bash --noprofile --rcfile /mnt/rc -i'
      zpty -r shell line '*ready> '
      zpty -w shell "$(</mnt/keys)"
      while zpty -r shell line; do :; done
      cat /tmp/said`,
    );
    const said = await inDebian(folder, "zsh", "/mnt/script");
    assert.deepEqual(
      said.trimEnd().split("\n"),
      typed.map(([, line]) => `> swarm-join ${line}|`),
    );
  });
});

judged("zsh offers what the command line takes", ["zsh", "root"], async () => {
  // A widget completes each line as a key would; compadd tells what it is given.
  const inner = `
    PS1=
    fpath=(/mnt $fpath)
    autoload -Uz compinit && compinit -D -u
    compadd() {
      if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\\ * ]]; then
        local -a hits; builtin compadd -A hits "$@"
        (( $#hits )) && print -rl -- "$hits[@]" >>/tmp/said
      fi
      builtin compadd "$@"
    }
    zle-line-init() {
      local line
      for line in "\${(@f)$(</mnt/lines)}"; do
        print -r -- "> $line" >>/tmp/said
        BUFFER="swarm-join $line"; CURSOR=$#BUFFER
        zle complete-word
      done
      exit
    }
    zle -N zle-line-init`;
  await offers(
    "zsh",
    `cat >/tmp/inner <<'END'\n${inner}\nEND
    zmodload zsh/zpty
    zpty shell 'zsh -f -i'
    zpty -w shell 'source /tmp/inner 2>>/tmp/said'
    while zpty -r shell line; do :; done
    cat /tmp/said`,
  );
});

judged("fish offers what the command line takes", ["fish", "root"], async () => {
  await offers(
    "fish",
    `mkdir -p ~/.config/fish/completions
    cp /mnt/swarm-join.fish ~/.config/fish/completions/
    # Fish asks for completions of programs only that are there.
    ln -s /bin/true /tmp/swarm-join
    set PATH $PATH /tmp
    while read -l line
      echo "> $line"
      complete -C "swarm-join $line" | string replace -r '\\t.*' ''
    end </mnt/lines
    true`,
  );
});
