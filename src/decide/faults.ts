/** What each kind of fault means, wherever it comes from: said once. */
import { LATE_MS, STRANGE_MS } from "./patience.ts";
import { fail, wait } from "./verdict.ts";
import type { Decision, End, Fault, Observation } from "../state.ts";

/** A fault of any look or act, as a decision. */
export function faulted(o: Observation, fault: Fault): Decision {
  const { kind, message } = fault;
  switch (kind) {
    case "denied":
      return fail(4, "permission-missing", message, LATE_MS);
    case "no-role":
      return fail(4, "credentials-missing", message, LATE_MS);
    case "no-metadata":
      return fail(6, "imds-unavailable", message, LATE_MS);
    case "no-socket":
      return fail(6, "engine-unavailable", message, LATE_MS);
    case "clock":
      return fail(6, "clock-wrong", message, LATE_MS);
    case "no-folder":
      return fail(6, "node-lock", message);
    case "unusable":
      return fail(2, "setting-unusable", message);
    case "throttled": {
      // What an act was refused has to be decided anew; of looks only those that were refused are made again.
      const keeps = o.memory.fault === null ? "answers" : "nothing";
      return { ...wait(o, "throttled", message), keeps };
    }
    case "busy":
      return wait(o, "write-lost", message);
    case "declined":
      return fail(5, "aws-refused", message, STRANGE_MS);
    case "refused":
    case "rejected":
    case "foreign":
    case "pending":
    case "one-way":
      return fail(5, "engine-refused", message, STRANGE_MS);
    case "not-found":
      return wait(o, "not-shown", message);
    case "unreachable":
    case "timeout":
    case "malformed":
      return wait(o, "unreachable", message);
    default:
      return kind satisfies never;
  }
}

/** IMDS did not say who this instance is. */
export function metadataFaulted({ message }: Fault): End {
  return fail(6, "imds-unavailable", message, LATE_MS);
}

/** The Engine did not say how it is. */
export function engineFaulted({ kind, message }: Fault): End {
  return kind === "denied"
    ? fail(4, "permission-missing", message)
    : fail(6, "engine-unavailable", message, LATE_MS);
}

/** The node's lock could not be had. */
export function lockFaulted({ kind, message }: Fault): End {
  return fail(kind === "timeout" ? 3 : kind === "denied" ? 4 : 6, "node-lock", message);
}
