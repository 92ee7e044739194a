/**
 * Completions for bash, zsh and fish, of the same tables as the command line: `make docs` writes them.
 *
 * What is offered is what the command line takes: verbs, until there is one; flags that count with it; the words
 * that a flag's value can be, or files. Of anything else nothing is offered, as nothing is known.
 */
import { whyIdle } from "../src/cli/fits.ts";
import { CHOICES, type Flag, FLAGS, OBSERVATION_FLAG } from "../src/cli/flags.ts";
import { SWITCHES } from "../src/cli/help.ts";
import { DEFAULT_VERB, type Verb, VERBS } from "../src/cli/verbs.ts";

const ALL: readonly Flag[] = [...FLAGS, OBSERVATION_FLAG, ...SWITCHES];
const VALUED = ALL.filter(({ value }) => value !== null);
const WORDS = VERBS.filter(({ way }) => way !== "replay").map(({ name, help }) =>
  [name, help] as const
);
const PLANNED = VERBS.flatMap((verb) => verb.way === "act" || verb.way === "keep" ? [verb] : []);
const [PLAN] = VERBS.filter((verb) => verb.way === "look").filter(({ takes }) => takes !== "");
const REPLAY = VERBS.find(({ way }) => way === "replay");

/**
 * What can stand on a line before the flag: "" no verb, "leave" that verb, "plan leave" that it is planned,
 * "plan --observation" a replay; and the flags that count there.
 */
interface Line {
  words: string;
  flags: readonly Flag[];
}

export const LINES: readonly Line[] = lines();

function lines(): Line[] {
  const [first] = VERBS.filter(({ name }) => name === DEFAULT_VERB);
  if (first === undefined || PLAN === undefined || REPLAY === undefined) {
    throw new Error("no verb is the default, none plans, or none replays");
  }
  const fits = (verb: Verb): Flag[] =>
    ALL.filter((flag) =>
      flag === OBSERVATION_FLAG
        ? verb === PLAN || verb === REPLAY
        : SWITCHES.some((one) => one === flag) || whyIdle(flag.name, verb) === null
    );
  return [
    { words: "", flags: fits(first) },
    ...VERBS.filter((verb) => verb !== REPLAY)
      .map((verb) => ({ words: verb.name, flags: fits(verb) })),
    ...PLANNED.map((verb) => ({
      words: `${PLAN.name} ${verb.name}`,
      flags: fits({ ...PLAN, goal: verb.goal }),
    })),
    { words: `${REPLAY.name} --${OBSERVATION_FLAG.name}`, flags: fits(REPLAY) },
  ];
}

/** The flags of all lines but a replay's, and for each line what it has beside them; null: only its own. */
function shared(): { common: Flag[]; rows: { words: string; common: boolean; flags: Flag[] }[] } {
  const common = ALL.filter((flag) =>
    LINES.every(({ words, flags }) => words.includes("--") || flags.includes(flag))
  );
  const rows = LINES.map(({ words, flags }) => {
    const all = common.every((flag) => flags.includes(flag));
    return { words, common: all, flags: flags.filter((flag) => !all || !common.includes(flag)) };
  });
  return { common, rows };
}

function names(flags: readonly Flag[], separator = " "): string {
  return flags.map(({ name }) => `--${name}`).join(separator);
}

/** What stands before a word and takes none: of any other flag it is not known, and nothing is offered behind it. */
function switches(separator: string): string {
  return [names(ALL.filter(({ value }) => value === null), separator), "-h", "--*=*"].join(
    separator,
  );
}

function choicesOf({ name }: Flag): readonly string[] {
  return Object.entries(CHOICES).find(([flag]) => flag === name)?.[1] ?? [];
}

function isFile({ value }: Flag): boolean {
  return value === "FILE";
}

/** In the quotes that all three shells read alike, but for a quote or a backslash, which no table may have here. */
function quoted(text: string): string {
  if (/['\\]/.test(text)) throw new Error(`a quote or a backslash, for a shell: ${text}`);
  return `'${text}'`;
}

const HEAD = "Made by make docs, from the tables in src/cli: what the command line takes.";

/** Needs nothing of bash-completion's, and is found by it under the program's name. */
export function bashCompletion(): string {
  const { common, rows } = shared();
  const cases = rows.map(({ words, common, flags }) => {
    const all = [common ? "$common" : "", names(flags)].filter((it) => it !== "").join(" ");
    return `        ${quoted(words)}) offered="${all}" ;;`;
  });
  const values = VALUED.filter((flag) => choicesOf(flag).length > 0)
    .map((flag) => `    --${flag.name}) offered=${quoted(choicesOf(flag).join(" "))} ;;`);
  return `# shellcheck shell=bash
# ${HEAD}

_swarm_join() {
  local common=${quoted(names(common))}
  local word whole last glue='' line='' replay='' flag='' prefix='' offered='' kind=-W i
  local -a words=()

  # Readline parts words at = and : (COMP_WORDBREAKS); here they are whole again, up to the cursor.
  for word in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    local breaks=''
    [[ -n $word && -z \${word//[=:]/} ]] && breaks=1
    if [[ -n $glue$breaks && \${#words[@]} -gt 1 ]]; then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    glue=$breaks
  done
  local at=$((\${#words[@]} - 1))
  whole=\${words[at]}
  last=\${COMP_WORDS[COMP_CWORD]}
  [[ -n \${last//[=:]/} ]] || last=''

  # What stands before the word: the verb, the verb that is planned, or that it replays; or a flag without its value.
  for ((i = 1; i < at; i++)); do
    flag=''
    case \${words[i]} in
      --observation | --observation=*) replay=' --observation' ;;
    esac
    case \${words[i]} in
      ${names(VALUED, " | ")})
        flag=\${words[i]}
        ((++i))
        ;;
      ${switches(" | ")}) ;;
      *) line+=\${line:+ }\${words[i]} ;;
    esac
  done
  ((i > at)) || flag=''

  word=$whole
  if [[ -z $flag && $whole == --*=* ]]; then
    flag=\${whole%%=*}
    prefix=$flag=
    word=\${whole#*=}
  fi
  case $flag in
    '')
      if [[ $whole == -* ]]; then
        case $line$replay in
${cases.map((it) => it.replace(/^ {8}/, "          ")).join("\n")}
        esac
      else
        case $line$replay in
          '') offered=${quoted(WORDS.map(([name]) => name).join(" "))} ;;
          ${quoted(PLAN?.name ?? "")}) offered=${
    quoted(PLANNED.map(({ name }) => name).join(" "))
  } ;;
        esac
      fi
      ;;
${values.join("\n")}
    ${names(VALUED.filter(isFile), " | ")}) kind=-f ;;
  esac

  COMPREPLY=()
  if [[ $kind == -f ]]; then
    mapfile -t COMPREPLY < <(compgen -f -P "$prefix" -- "$word")
    compopt -o filenames 2>/dev/null
  elif [[ -n $offered ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$offered" -P "$prefix" -- "$word")
    # The beginning of a value goes on.
    [[ \${COMPREPLY[0]-} == */ ]] && compopt -o nospace 2>/dev/null
  fi
  # Readline replaces only what stands behind the last = or :.
  COMPREPLY=("\${COMPREPLY[@]#"\${whole%"$last"}"}")
  return 0
}

complete -F _swarm_join swarm-join
`;
}

/** An autoloaded function, found by `compinit` in a folder of \`fpath\`. */
export function zshCompletion(): string {
  const { common, rows } = shared();
  const specs = ALL.map((flag) => {
    const { name, value } = flag;
    const choices = choicesOf(flag).map((it) => it.replaceAll(":", "\\:"));
    const begun = choices.filter((it) => it.endsWith("/"));
    const whole = choices.filter((it) => !it.endsWith("/"));
    const words = begun.length === 0
      ? `(${choices.join(" ")})`
      : `{compadd ${whole.join(" ")}; compadd -S "" ${begun.join(" ")}}`;
    const action = isFile(flag) ? "_files" : choices.length > 0 ? words : " ";
    const takes = value === null ? "" : `:${value.replaceAll("…", "...")}:${action}`;
    return `    --${name} ${
      zshQuoted(`${value === null ? "" : "="}[${zshText(flag.help)}]${takes}`)
    }`;
  });
  const cases = rows.map(({ words, common, flags }) =>
    `    (${quoted(words)}) offered=(${
      [common ? "$common" : "", names(flags)].join(" ").trim()
    }) ;;`
  );
  const described = (verbs: readonly (readonly [string, string])[]): string =>
    verbs.map(([name, help]) => `        ${zshQuoted(`${name}:${help.replaceAll(":", "\\:")}`)}`)
      .join("\n");
  return `#compdef swarm-join
# ${HEAD}

_swarm_join() {
  local line= replay= flag i
  local -a common offered verbs args
  local -A specs
  common=(${names(common)})
  specs=(
${specs.join("\n")}
  )

  # What stands before the word: the verb, the verb that is planned, or that it replays.
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      (--observation|--observation=*) replay=' --observation' ;;
    esac
    case $words[i] in
      (${names(VALUED, "|")}) ((i++)) ;;
      (${switches("|")}) ;;
      (*) line+=\${line:+ }$words[i] ;;
    esac
  done
  case $line$replay in
${cases.join("\n")}
  esac
  case $line$replay in
    ('')
      verbs=(
${described(WORDS)}
      )
      ;;
    (${quoted(PLAN?.name ?? "")})
      verbs=(
${described(PLANNED.map(({ name, help }) => [name, help]))}
      )
      ;;
  esac

  # What is not offered is known all the same, so that its value is no verb.
  for flag in \${(k)specs}; do
    ((\${offered[(Ie)$flag]})) && args+=("$flag$specs[$flag]") || args+=("!$flag$specs[$flag]")
  done
  if ((\${#verbs})); then
    args+=('*:verb:{_describe verb verbs}')
  else
    args+=('*: : ')
  fi
  _arguments $args
}

_swarm_join "$@"
`;
}

/** As a part of what \`_arguments\` reads. */
function zshText(help: string): string {
  return help.replace(/[[\]:]/g, "\\$&");
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function fishCompletion(): string {
  const { common } = shared();
  const where = (flag: Flag): string[] =>
    LINES.filter(({ words, flags }) =>
      flags.includes(flag) && (words.includes("--") || !common.includes(flag))
    ).map(({ words }) => `"${words}"`);
  const on = (flag: Flag): string => {
    const others = where(flag);
    const parts = [
      ...common.includes(flag) ? ["__swarm_join_runs"] : [],
      ...others.length > 0 ? [`__swarm_join_on ${others.join(" ")}`] : [],
    ];
    return quoted(parts.join("; or "));
  };
  const runs = LINES.map(({ words }) => words).filter((words) => !words.includes("--"));
  const flags = ALL.map((flag) => {
    const choices = choicesOf(flag);
    const value = flag.value === null
      ? ""
      : isFile(flag)
      ? " -r -F"
      : choices.length > 0
      ? ` -x -a ${quoted(choices.join(" "))}`
      : " -x";
    return `complete -c swarm-join -n ${on(flag)} -l ${flag.name}${value} -d ${
      fishQuoted(flag.help)
    }`;
  });
  const verbs = (line: string, of: readonly (readonly [string, string])[]): string[] =>
    of.map(([name, help]) =>
      `complete -c swarm-join -n '__swarm_join_on "${line}"' -a ${name} -d ${fishQuoted(help)}`
    );
  return `# ${HEAD}

# What stands before the word: the verb, the verb that is planned, or that it replays.
function __swarm_join_line
    set -l line
    set -l replay
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --observation '--observation=*'
                set replay --observation
        end
        switch $words[1]
            case ${names(VALUED)}
                set -e words[1]
                set -q words[1]; or break
            case ${switches(" ").replace("--*=*", quoted("--*=*"))}
            case '*'
                set -a line $words[1]
        end
        set -e words[1]
    end
    echo (string join ' ' -- $line $replay)
end

function __swarm_join_on
    contains -- (__swarm_join_line) $argv
end

function __swarm_join_runs
    __swarm_join_on ${runs.map((words) => `"${words}"`).join(" ")}
end

complete -c swarm-join -f
${verbs("", WORDS).join("\n")}
${verbs(PLAN?.name ?? "", PLANNED.map(({ name, help }) => [name, help])).join("\n")}
${flags.join("\n")}
`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
