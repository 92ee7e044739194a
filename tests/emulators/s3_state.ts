/**
 * S3 as far as this tool uses it, as state without a wire: strongly consistent objects with ETags,
 * and writes that may depend on what is there.
 */
import { createHash } from "node:crypto";

export interface S3Object {
  body: Uint8Array;
  etag: string;
  modifiedMs: number;
  headers: Record<string, string>;
}

export interface S3Bucket {
  name: string;
  region: string;
  owner: string;
  /** Without s3:ListBucket a missing key is answered 403, not 404. */
  listAllowed: boolean;
  /** Its policy denies a write without a header that says how to encrypt. */
  wantsEncryption?: boolean;
  objects: Map<string, S3Object>;
}

/** An error in S3's words. */
export class S3Error extends Error {
  readonly code: string;
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(
    code: string,
    message: string,
    status: number,
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

export interface S3Conditions {
  /** `If-None-Match: *` */
  ifAbsent: boolean;
  /** `If-Match` */
  ifMatch: string | null;
}

export class S3State {
  now: () => number;
  /** As S3's imitations may: it writes whatever the conditions. */
  ignores: "nothing" | "If-None-Match" | "If-Match" = "nothing";
  /** How many objects a list shows at once. S3: 1,000. */
  pageSize = 1_000;
  readonly buckets = new Map<string, S3Bucket>();
  /** Keys that a write is on its way to: a conditional one that arrives now is a conflict. */
  readonly #writing = new Set<string>();

  constructor(options: { now?: () => number } = {}) {
    this.now = options.now ?? Date.now;
  }

  addBucket(bucket: Omit<S3Bucket, "objects">): S3Bucket {
    const added = { ...bucket, objects: new Map<string, S3Object>() };
    this.buckets.set(bucket.name, added);
    return added;
  }

  /** The bucket, or S3's refusal: absent, in another region, or not of the owner that is expected. */
  bucket(name: string, region: string, owner: string | null): S3Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) {
      throw new S3Error("NoSuchBucket", "The specified bucket does not exist", 404);
    }
    if (bucket.region !== region) {
      throw new S3Error(
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint. " +
          "Please send all future requests to this endpoint.",
        301,
        { "x-amz-bucket-region": bucket.region },
      );
    }
    if (owner !== null && owner !== bucket.owner) {
      throw new S3Error("AccessDenied", "Access Denied", 403);
    }
    return bucket;
  }

  get(bucket: S3Bucket, key: string): S3Object {
    const object = bucket.objects.get(key);
    if (object !== undefined) return object;
    throw bucket.listAllowed
      ? new S3Error("NoSuchKey", "The specified key does not exist.", 404)
      : new S3Error("AccessDenied", "Access Denied", 403);
  }

  /** A page of the objects whose keys begin with `prefix`, in order, behind the key `after`. */
  list(
    bucket: S3Bucket,
    prefix: string,
    after: string,
  ): { page: [string, S3Object][]; more: boolean } {
    if (!bucket.listAllowed) throw new S3Error("AccessDenied", "Access Denied", 403);
    const rest = [...bucket.objects].sort(([a], [b]) => a < b ? -1 : 1)
      .filter(([key]) => key.startsWith(prefix) && key > after);
    return { page: rest.slice(0, this.pageSize), more: rest.length > this.pageSize };
  }

  /** Begins a write; the answer finishes it. Between the two other conditional writes conflict. */
  begin(bucket: S3Bucket, key: string, conditions: S3Conditions): () => void {
    const place = `${bucket.name}/${key}`;
    const isConditional = conditions.ifAbsent || conditions.ifMatch !== null;
    if (isConditional && this.#writing.has(place)) {
      throw new S3Error(
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
        409,
      );
    }
    this.#writing.add(place);
    return () => this.#writing.delete(place);
  }

  put(
    bucket: S3Bucket,
    key: string,
    body: Uint8Array,
    conditions: S3Conditions,
    headers: Record<string, string> = {},
  ): S3Object {
    const present = bucket.objects.get(key);
    const ifAbsent = conditions.ifAbsent && this.ignores !== "If-None-Match";
    const ifMatch = this.ignores === "If-Match" ? null : conditions.ifMatch;
    if (ifMatch !== null && present === undefined) {
      throw new S3Error("NoSuchKey", "The specified key does not exist.", 404);
    }
    const isRefused = (ifAbsent && present !== undefined) ||
      (ifMatch !== null && ifMatch !== present?.etag);
    if (isRefused) {
      throw new S3Error(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        412,
      );
    }
    const object = {
      body,
      etag: `"${createHash("md5").update(body).digest("hex")}"`,
      modifiedMs: this.now(),
      headers,
    };
    bucket.objects.set(key, object);
    return object;
  }

  /** Also well when there is no such key, as S3 says. */
  delete(bucket: S3Bucket, key: string): void {
    bucket.objects.delete(key);
  }

  /** Everything there is, in plain data, to compare before with after. */
  snapshot(): unknown {
    return [...this.buckets.values()].map((bucket) => ({
      name: bucket.name,
      objects: [...bucket.objects].map(([key, object]) => [key, object.etag, object.modifiedMs]),
    }));
  }
}
