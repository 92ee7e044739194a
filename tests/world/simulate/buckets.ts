/**
 * EC2's request limits: a token bucket per action, as in its documentation ("Request throttling for
 * the Amazon EC2 API": reads that are filtered or paged 100 and 20 a second, others 50 and 10; writes
 * 50 and 5).
 */
import type { Call } from "../../../src/calls.ts";

export type Bucket =
  | "DescribeLaunchTemplateVersions"
  | "DescribeInstances"
  | "Write"
  | "CreateTags";

const SIZES: Record<Bucket, { size: number; perSecond: number }> = {
  DescribeLaunchTemplateVersions: { size: 100, perSecond: 20 },
  DescribeInstances: { size: 100, perSecond: 20 },
  Write: { size: 50, perSecond: 5 },
  CreateTags: { size: 50, perSecond: 5 },
};

export class Buckets {
  readonly #left = new Map<Bucket, { tokens: number; atMs: number }>();

  /** Takes a token; false: there is none, the request is refused. */
  take(bucket: Bucket, nowMs: number): boolean {
    const { size, perSecond } = SIZES[bucket];
    const left = this.#left.get(bucket) ?? { tokens: size, atMs: nowMs };
    left.tokens = Math.min(size, left.tokens + (nowMs - left.atMs) * perSecond / 1000);
    left.atMs = nowMs;
    this.#left.set(bucket, left);
    if (left.tokens < 1) return false;
    left.tokens--;
    return true;
  }
}

/** The AWS requests that a call makes; null in a place: S3, which has no such limit, or Auto Scaling, whose own is not published. */
export function requestsOf(call: Call, store: "tags" | "s3"): (Bucket | null)[] {
  switch (call.kind) {
    case "self":
    case "neighbours":
      return ["DescribeInstances"];
    case "words":
      return [store === "s3" ? null : "DescribeInstances"];
    case "ledger":
      if (store === "s3") return [null];
      return call.missing.length > 0
        ? ["DescribeLaunchTemplateVersions", "DescribeLaunchTemplateVersions"]
        : ["DescribeLaunchTemplateVersions"];
    case "tokens":
      return store === "s3" ? call.want.map(() => null) : ["DescribeInstances"];
    case "instances":
      return [
        ...(call.ids.length > 0 ? ["DescribeInstances" as const] : []),
        ...(call.addresses.length > 0 ? ["DescribeInstances" as const] : []),
      ];
    case "write":
      return store === "s3" ? [null] : ["Write"];
    case "publish":
      return store === "s3" ? [null, null] : ["CreateTags"];
    case "retract":
      return ["CreateTags"];
    case "trim":
      return ["Write"];
    case "attest":
      return [null, ...call.over.map(() => null)];
    case "marks":
    case "hook":
    case "complete":
    case "heartbeat":
    case "permissions":
      return [null];
    default:
      return [];
  }
}
