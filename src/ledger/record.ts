/**
 * The founding record as text: JSON, the same in a launch template's user data and in S3.
 *
 * `format` is raised when an older tool would misread a record; an older tool then refuses it instead
 * of guessing. Unknown keys are ignored.
 */
import * as v from "valibot";
import { anObject, list, parseJson, read, text } from "../json.ts";
import type { FoundingRecord } from "../founding.ts";

const FORMAT = 1;
/** A launch template's user data holds 16 KB; S3 would hold more, but one contract serves both. */
export const RECORD_BYTES_MAX = 16 * 1024;

const count = v.custom<number>((n) => Number.isInteger(n) && n as number >= 0, "a count");
const FINGERPRINT = "a fingerprint (50 characters, 0-9 and a-z)";
const fingerprint = v.pipe(v.string(FINGERPRINT), v.regex(/^[0-9a-z]{50}$/, FINGERPRINT));
const someAddress = v.pipe(text, v.nonEmpty("an address"));
const member = v.object(
  {
    instance: v.nullable(text),
    address: someAddress,
    sinceMs: count,
    // Most are not; and tools from before it existed leave it out.
    leaving: v.optional(v.boolean("true or false"), false),
  },
  anObject,
);
const RECORD = v.object({
  follows: count,
  cluster: text,
  account: text,
  region: text,
  vpc: text,
  fingerprint,
  clusterId: text,
  members: list(member),
  rotated: list(fingerprint),
  replaced: list(fingerprint),
  writer: text,
  nonce: text,
});

type Decoded =
  | { kind: "record"; record: FoundingRecord; follows: number }
  | { kind: "newer" | "malformed"; why: string };

/** `follows`: the number of the log entry that this one is written on; 0 for the first, and in S3. */
export function encodeRecord(record: FoundingRecord, follows: number): string {
  const members = record.members.map(({ leaving, ...member }) =>
    leaving ? { ...member, leaving } : member
  );
  return JSON.stringify({ tool: "swarm-join", format: FORMAT, follows, ...record, members });
}

/** Reads a record's text. Never throws; `why` says what is wrong and where. */
export function decodeRecord(text: string): Decoded {
  if (text.length > RECORD_BYTES_MAX) {
    return malformed(`it has ${text.length} characters, more than ${RECORD_BYTES_MAX}`);
  }
  const json = parseJson(text);
  if (json === undefined) {
    return malformed("it is not JSON (truncated, or written by something else)");
  }
  const { tool, format }: { tool?: unknown; format?: unknown } = Object(json);
  if (tool !== "swarm-join") {
    return malformed('it is not a swarm-join record ("tool" is not "swarm-join")');
  }
  if (!Number.isInteger(format) || format as number < 1) {
    return malformed(`"format" is ${JSON.stringify(format)?.slice(0, 60)}, not an integer from 1`);
  }
  if (format as number > FORMAT) {
    const why = `a later version of swarm-join wrote it (format ${format}): install that one here`;
    return { kind: "newer", why };
  }
  const known = read(RECORD, json);
  if (!known.ok) return malformed(known.why);
  const { follows, ...record } = known.value;
  return { kind: "record", record, follows };
}

function malformed(why: string): Decoded {
  return { kind: "malformed", why };
}
