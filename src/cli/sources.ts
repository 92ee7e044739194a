/**
 * Where settings come from: flags before the environment before the file before the defaults. An empty
 * variable counts as unset.
 */
import {
  CREDENTIAL_NAMES,
  type FlagName,
  FLAGS,
  VARIABLE_NAMES,
  type VariableName,
  variableOf,
} from "./flags.ts";
import { nearest } from "./nearest.ts";
import { truth, Unfit } from "./values.ts";

/** What a person has to write otherwise, as a sentence. */
export class Usage extends Error {}

/** Values by flag, in the order given; a switch has `true` or `false`. */
export type Given = ReadonlyMap<string, string[]>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings' file, as far as there is one. */
export interface SettingsFile {
  path: string;
  values: ReadonlyMap<string, string>;
}

/** A setting as it was written, and by whom. `text` null: nobody has set it, and it has no default. */
export interface Setting {
  name: string;
  text: string | null;
  from: "flag" | "environment" | "file" | "default";
}

interface Source {
  from: "environment" | "file";
  /** Behind a variable's name, in a message. */
  place: string;
  get: (name: string) => string | null;
}

/** Finds the value of a flag or a variable. */
export class Reader {
  readonly #given: Given;
  readonly #sources: readonly Source[];

  constructor(given: Given, env: Environment, file: SettingsFile | null) {
    this.#given = given;
    this.#sources = [
      { from: "environment", place: "", get: (name) => env[name] || null },
      {
        from: "file",
        place: ` in ${file?.path}`,
        get: (name) => file?.values.get(name) || null,
      },
    ];
  }

  /** Null when the flag is not given and has no default. */
  one<T>(name: FlagName, parser: (text: string) => T): T | null {
    const { label, texts } = this.#ofFlag(name);
    const text = texts.at(-1);
    return text === undefined ? null : checked(label, text, parser);
  }

  /** The same for a flag that has a default. */
  sure<T>(name: FlagName, parser: (text: string) => T): T {
    const value = this.one(name, parser);
    if (value === null) throw new Error(`--${name} has no default`);
    return value;
  }

  /** All values of a flag that may be repeated and takes a list. */
  many<T>(name: FlagName, parser: (text: string) => T): T[] {
    const { label, texts } = this.#ofFlag(name);
    return texts.flatMap((text) => text.split(",")).map((it) => checked(label, it.trim(), parser));
  }

  /** Whether somebody has set it, and it is not only its default. */
  isSet(name: FlagName): boolean {
    return this.#ofFlag(name).from !== "default";
  }

  isOn(name: FlagName): boolean {
    return this.one(name, truth) ?? false;
  }

  /** A variable that is not a flag's; of several names the first that is set, all of them in one place before the next. */
  variable<T>(names: readonly VariableName[], parser: (text: string) => T): T | null {
    for (const { place, get } of this.#sources) {
      for (const name of names) {
        const text = get(name);
        if (text === null) continue;
        const shown = isSecret(name, text) ? null : text;
        return checked(`${name}${place}`, shown, () => parser(text));
      }
    }
    return null;
  }

  /** Any variable by its name, as it is written, and from where. */
  text(name: string): { text: string; from: Source["from"]; place: string } | null {
    // Credentials belong together: the first place that has any of them has all of them.
    const isCredential = CREDENTIAL_NAMES.some((one) => one === name);
    for (const { from, place, get } of this.#sources) {
      const text = get(name);
      if (text !== null) return { text, from, place };
      if (isCredential && CREDENTIAL_NAMES.some((one) => get(one) !== null)) return null;
    }
    return null;
  }

  /** Every flag, and each variable that is set; a secret's text is only that it is. */
  all(): Setting[] {
    const flags = FLAGS.map(({ name }): Setting => {
      const { texts, from } = this.#ofFlag(name);
      return { name: `--${name}`, text: texts.length === 0 ? null : texts.join(","), from };
    });
    const variables = VARIABLE_NAMES.flatMap((name): Setting[] => {
      const found = this.text(name);
      if (found === null) return [];
      const { text, from } = found;
      return [{ name, text: isSecret(name, text) ? "set" : text, from }];
    });
    return [...flags, ...variables];
  }

  #ofFlag(name: FlagName): { label: string; texts: string[]; from: Setting["from"] } {
    const given = this.#given.get(name);
    if (given !== undefined) return { label: `--${name}`, texts: given, from: "flag" };
    const variable = variableOf(name);
    for (const { from, place, get } of this.#sources) {
      const text = get(variable);
      if (text !== null) return { label: `${variable}${place}`, texts: [text], from };
    }
    const initial = FLAGS.find((flag) => flag.name === name)?.initial ?? null;
    return { label: `--${name}`, texts: initial === null ? [] : [initial], from: "default" };
  }
}

/** `text` null: a secret, which no message repeats. */
function checked<T>(label: string, text: string | null, parser: (text: string) => T): T {
  try {
    return parser(text ?? "");
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    const shown = text !== null && text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new Usage(`${label} is ${JSON.stringify(shown ?? "…")}: ${error.message}`);
  }
}

/** A key, or an address with a password in it. */
function isSecret(name: string, text: string): boolean {
  return /SECRET|TOKEN/.test(name) || /@/.test(text);
}

const KNOWN = new Set<string>([
  ...FLAGS.map(({ name }) => variableOf(name)),
  ...VARIABLE_NAMES,
]);

/** Throws for what is set, in this tool's name or in its file, and is no setting. */
export function refuseUnknown(env: Environment, file: SettingsFile | null): void {
  for (const [name, text] of Object.entries(env)) {
    if (!/^SWARM_JOIN_/i.test(name) || KNOWN.has(name) || (text ?? "") === "") continue;
    throw new Usage(`${name} is no setting${hint(name)}`);
  }
  for (const name of file?.values.keys() ?? []) {
    if (name === variableOf("config")) {
      throw new Usage(`${name} in ${file?.path} has no effect: it says which file is read`);
    }
    if (name === variableOf("yes")) {
      const mend = "give --yes to the one that is meant";
      throw new Usage(`${name} in ${file?.path} would answer each recovery beforehand: ${mend}`);
    }
    if (!KNOWN.has(name)) throw new Usage(`${name} in ${file?.path} is no setting${hint(name)}`);
  }
}

/** The nearest of the flags' variables for one of this tool, or what has lost its prefix; else of all. */
function hint(name: string): string {
  const bare = name.toLowerCase().replace(/^swarm_join_/, "").replaceAll("_", "-");
  const isOurs = /^SWARM_JOIN_/i.test(name);
  const variable = isOurs ? null : nearest(name, VARIABLE_NAMES);
  const flag = nearest(bare, FLAGS.map((one) => one.name));
  const near = variable ?? (flag === null ? null : variableOf(flag));
  return near === null ? "" : `; did you mean ${near}?`;
}
