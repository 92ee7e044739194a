/**
 * The founding record as text: JSON, the same in a launch template's user data and in S3.
 *
 * `format` is raised when an older tool would misread a record; an older tool then refuses it instead
 * of guessing. Unknown keys are ignored.
 */
import type { FoundingRecord, Member } from "../state.ts";

const FORMAT = 1;
/** A launch template's user data holds 16 KB; S3 would hold more, but one contract serves both. */
export const RECORD_BYTES_MAX = 16 * 1024;
const FINGERPRINT = /^[0-9a-z]{50}$/;

type Decoded =
  | { kind: "record"; record: FoundingRecord; follows: number }
  | { kind: "newer"; format: number }
  | { kind: "malformed"; why: string };

/** `follows`: the number of the log entry that this one is written on; 0 for the first, and in S3. */
export function encodeRecord(record: FoundingRecord, follows: number): string {
  return JSON.stringify({ tool: "swarm-join", format: FORMAT, follows, ...record });
}

/** Reads a record's text. Never throws; `why` says what is wrong and where. */
export function decodeRecord(text: string): Decoded {
  if (text.length > RECORD_BYTES_MAX) {
    return malformed(`it has ${text.length} characters, more than ${RECORD_BYTES_MAX}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return malformed("it is not JSON (truncated, or written by something else)");
  }
  if (!isObject(json) || json["tool"] !== "swarm-join") {
    return malformed('it is not a swarm-join record ("tool" is not "swarm-join")');
  }
  const format = json["format"];
  if (typeof format !== "number") return malformed('"format" is not a number');
  if (format > FORMAT) return { kind: "newer", format };
  try {
    return { kind: "record", record: recordOf(json), follows: numberAt(json, "follows") };
  } catch (error) {
    if (error instanceof Misfit) return malformed(error.message);
    throw error;
  }
}

class Misfit extends Error {}

function recordOf(json: { [key: string]: unknown }): FoundingRecord {
  const members = json["members"];
  if (!Array.isArray(members)) throw new Misfit('"members" is not a list');
  return {
    cluster: stringAt(json, "cluster"),
    account: stringAt(json, "account"),
    region: stringAt(json, "region"),
    vpc: stringAt(json, "vpc"),
    fingerprint: fingerprint(stringAt(json, "fingerprint"), "fingerprint"),
    clusterId: stringAt(json, "clusterId"),
    members: members.map(memberOf),
    rotated: fingerprintsAt(json, "rotated"),
    replaced: fingerprintsAt(json, "replaced"),
    writer: stringAt(json, "writer"),
    nonce: stringAt(json, "nonce"),
  };
}

function memberOf(json: unknown, index: number): Member {
  if (!isObject(json)) throw new Misfit(`"members[${index}]" is not an object`);
  const instance = json["instance"];
  if (instance !== null && typeof instance !== "string") {
    throw new Misfit(`"members[${index}].instance" is neither a text nor null`);
  }
  return { instance, address: stringAt(json, "address"), sinceMs: numberAt(json, "sinceMs") };
}

function fingerprintsAt(json: { [key: string]: unknown }, key: string): string[] {
  const list = json[key];
  if (!Array.isArray(list)) throw new Misfit(`"${key}" is not a list`);
  return list.map((item, i) => fingerprint(item, `${key}[${i}]`));
}

function fingerprint(value: unknown, key: string): string {
  if (typeof value !== "string" || !FINGERPRINT.test(value)) {
    throw new Misfit(`"${key}" is not a fingerprint (50 characters, 0-9 and a-z)`);
  }
  return value;
}

function stringAt(json: { [key: string]: unknown }, key: string): string {
  const value = json[key];
  if (typeof value !== "string") throw new Misfit(`"${key}" is not a text`);
  return value;
}

function numberAt(json: { [key: string]: unknown }, key: string): number {
  const value = json[key];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new Misfit(`"${key}" is not a count`);
  }
  return value;
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(why: string): Decoded {
  return { kind: "malformed", why };
}
