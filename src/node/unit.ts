/**
 * What systemd is to do with this program on this machine, as its unit's files say it: there is nobody to
 * ask, as the program starts no other one. The files are found and read as systemd.unit(5) says.
 */
import type { Unit } from "../calls.ts";
import type { Answer } from "../state.ts";

const NAME = "swarm-join.service";
/** Of a unit that is in several, the first counts; what is beside it in folders adds to it. */
const FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** Null: it has no such unit. A masked one, an empty file, runs nothing. */
export function readUnit(folders: readonly string[] = FOLDERS): Answer<Unit | null> {
  try {
    const [path] = folders.map((folder) => `${folder}/${NAME}`).filter(isThere);
    if (path === undefined) return { ok: true, value: null };
    const texts = [path, ...additions(folders)].map((one) => Deno.readTextFileSync(one));
    const settings = texts.flatMap(serviceOf);
    const starts = lastOf(settings.filter(([key]) => key === "ExecStart"));
    const stops = settings.flatMap(([key, value]) =>
      key === "TimeoutStopSec" || key === "TimeoutSec" ? spanOf(value) ?? [] : []
    );
    return {
      ok: true,
      value: { path, runs: verbOf(starts), stopMs: stops.at(-1) ?? null },
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const message = `Cannot read the unit ${NAME}: ${error.message}`;
    return { ok: false, fault: { kind: "unusable", message } };
  }
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** `swarm-join.service.d/*.conf` of all folders, in the order of their names; of two of one name the first folder's. */
function additions(folders: readonly string[]): string[] {
  const paths = new Map<string, string>();
  for (const folder of folders.map((one) => `${one}/${NAME}.d`).filter(isThere)) {
    for (const { name } of Deno.readDirSync(folder)) {
      if (name.endsWith(".conf") && !paths.has(name)) paths.set(name, `${folder}/${name}`);
    }
  }
  return [...paths].sort(([a], [b]) => a < b ? -1 : 1).map(([, path]) => path);
}

/** The settings of the section `[Service]`, in order. */
function serviceOf(text: string): [key: string, value: string][] {
  let section = "";
  return text.replace(/\\\n/g, " ").split("\n").flatMap((line): [string, string][] => {
    const trimmed = line.trim();
    if (trimmed === "" || /^[#;]/.test(trimmed)) return [];
    section = /^\[(.*)\]$/.exec(trimmed)?.[1] ?? section;
    const [, key, value] = /^(\w+)\s*=\s*(.*)$/.exec(trimmed) ?? [];
    return section !== "Service" || key === undefined ? [] : [[key, value ?? ""]];
  });
}

/** The values of a setting that adds up, from where it was emptied last. */
function lastOf(settings: [key: string, value: string][]): string[] {
  const values = settings.map(([, value]) => value);
  return values.slice(values.lastIndexOf("") + 1);
}

/** The verb that one of these commands runs this program with, as far as it is of interest. */
function verbOf(commands: string[]): Unit["runs"] {
  const words = commands.map((command) => command.split(/\s+/)).find(([program = ""]) =>
    /(?:^|[/@!+:-])swarm-join$/.test(program)
  );
  if (words === undefined) return "other";
  if (words.includes("keep")) return "keep";
  return words.slice(1).some((word) => OTHERS.includes(word)) ? "other" : "join";
}

const OTHERS = ["leave", "plan", "status", "doctor", "settings", "recover"];

const UNITS_MS: { [unit: string]: number } = {
  "": 1_000,
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SPELLINGS: [RegExp, string][] = [
  [/^(?:usec|us|µs)$/, "us"],
  [/^(?:msec|ms)$/, "ms"],
  [/^(?:seconds?|sec|s)$/, "s"],
  [/^(?:minutes?|min|m)$/, "m"],
  [/^(?:hours?|hr|h)$/, "h"],
  [/^(?:days?|d)$/, "d"],
];

/** A time span by systemd.time(7): `2min 30s`, `90`; 0 and `infinity` have no end. Null: none that this program knows. */
function spanOf(text: string): number | null {
  if (text === "infinity") return Number.MAX_SAFE_INTEGER;
  if (!/^(?:\d+(?:\.\d+)?\s*[a-zµ]*\s*)+$/.test(text)) return null;
  let ms = 0;
  for (const [, count, spelled = ""] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-zµ]*)/g)) {
    const unit = spelled === "" ? "" : SPELLINGS.find(([pattern]) => pattern.test(spelled))?.[1];
    if (unit === undefined) return null;
    ms += Number(count) * (UNITS_MS[unit] ?? NaN);
  }
  return ms === 0 ? Number.MAX_SAFE_INTEGER : ms;
}
