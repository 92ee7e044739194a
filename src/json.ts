/** JSON that comes from outside: what stands in it, and where it is not what it should be. */
import * as v from "valibot";

/** What reads as T; each says what it wants, after "is not". */
export type Schema<T> = v.GenericSchema<unknown, T>;

export const text = v.string("a text");
export const anObject = "an object";

export function list<T>(item: Schema<T>): Schema<T[]> {
  return v.array(item, "a list");
}

/**
 * A value as the schema reads it, or why it does not: `"members[2].address" is 5, not a text`. `root`: what
 * the whole is called; "": its parts are called by their own names.
 */
export function read<T>(
  schema: Schema<T>,
  json: unknown,
  root = "",
): { ok: true; value: T } | { ok: false; why: string } {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return { ok: true, value: result.output };
  const { path = [], input, message } = result.issues[0];
  const place = path.map(({ key }) => typeof key === "number" ? `[${key}]` : `.${key}`).join("");
  const at = root === "" ? place.slice(1) : root + place;
  if (input === undefined) return { ok: false, why: `"${at}" is missing` };
  return { ok: false, why: `"${at}" is ${JSON.stringify(input).slice(0, 60)}, not ${message}` };
}

/** `JSON.parse` that gives undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
