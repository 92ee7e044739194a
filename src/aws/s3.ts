/**
 * The two S3 calls that the tool makes: read an object, and write one on a condition. Loaded only with
 * an S3 store.
 */
import {
  call,
  type Caller,
  createHandler,
  faultAlone,
  type Outcome,
  s3Complaint,
  serverClock,
} from "./call.ts";
import type { SdkCall, SdkClient } from "./sdk.ts";
import { createS3Client, getObject, putObject } from "./sdk_s3.ts";
import type { Answer } from "../state.ts";

/** `found` null: there is no such object. `text` null: it is no UTF-8. */
export interface ObjectRead {
  found: { text: string | null; etag: string } | null;
  serverMs: number;
}

/** When a write may happen: always, if there is no object yet, or if it is still this one. */
type Condition =
  | { kind: "always" }
  | { kind: "absent" }
  | { kind: "unchanged"; etag: string };

interface S3Options {
  bucket: string;
  /** What all keys are below, without slashes at its ends. */
  folder: string;
  /** The account that the bucket must belong to. */
  account: string;
  /** Null: as the bucket's default says. */
  kmsKey: string | null;
  /** Null: AWS's own. */
  endpoint: string | null;
}

const ANSWER_BYTES_MAX = 1024 * 1024;

/** One folder of a bucket. */
export class S3Api {
  readonly #caller: Caller;
  readonly #client: SdkClient;
  readonly #options: S3Options;

  constructor(caller: Caller, options: S3Options) {
    const { region, credentials } = caller;
    const { bucket, endpoint } = options;
    const handler = createHandler(caller, {
      bytesMax: ANSWER_BYTES_MAX,
      complaint: s3Complaint,
      streamed: true,
    });
    this.#caller = caller;
    this.#client = createS3Client({ region, bucket, endpoint, credentials, handler });
    this.#options = options;
  }

  /** Where a key is, for a person. */
  place(key: string): string {
    return `s3://${this.#options.bucket}/${this.#options.folder}/${key}`;
  }

  async get(key: string): Promise<Answer<ObjectRead>> {
    const doing = `read ${this.place(key)}`;
    const { account } = this.#options;
    const hint = "and s3:ListBucket on the bucket: without it S3 also says 403 for what does not " +
      `exist; the bucket must belong to the account ${account}`;
    const answer = await this.#ask(doing, getObject(this.#at(key)), hint);
    if (!answer.ok && answer.code !== "NoSuchKey") return faultAlone(answer);
    const now = serverClock(answer.seen, doing);
    if (!now.ok) return now;
    if (!answer.ok) return { ok: true, value: { found: null, serverMs: now.value } };
    const { Body, ETag } = answer.value;
    if (Body === undefined || ETag === undefined) {
      const message = `Cannot ${doing}: the answer has no ETag`;
      return { ok: false, fault: { kind: "malformed", message } };
    }
    const text = textOf(await Body.transformToByteArray());
    return { ok: true, value: { found: { text, etag: ETag }, serverMs: now.value } };
  }

  /** The new ETag; null when the condition did not hold. */
  async put(key: string, text: string, condition: Condition): Promise<Answer<string | null>> {
    const { account, kmsKey } = this.#options;
    const doing = `write ${this.place(key)}`;
    const input = {
      ...this.#at(key),
      Body: text,
      // Where a bucket keeps its objects for a set time, S3 asks for one.
      ChecksumSHA256: await sha256Of(text),
      ContentType: "application/json",
      ...(condition.kind === "absent" ? { IfNoneMatch: "*" } : {}),
      ...(condition.kind === "unchanged" ? { IfMatch: condition.etag } : {}),
      ...(kmsKey === null ? {} : { ServerSideEncryption: "aws:kms" as const, SSEKMSKeyId: kmsKey }),
    };
    const hint = `the bucket must belong to the account ${account}`;
    const answer = await this.#ask(doing, putObject(input), hint);
    if (answer.ok) {
      const etag = answer.value.ETag;
      if (etag !== undefined) return { ok: true, value: etag };
      const message = `Cannot tell whether to ${doing} went well: the answer has no ETag`;
      return { ok: false, fault: { kind: "malformed", message } };
    }
    // `NoSuchKey`: the object that was to be unchanged has been deleted.
    const unmet = answer.code === "PreconditionFailed" || answer.code === "NoSuchKey";
    return unmet ? { ok: true, value: null } : faultAlone(answer);
  }

  #at(key: string): { Bucket: string; Key: string; ExpectedBucketOwner: string } {
    const { bucket, folder, account } = this.#options;
    return { Bucket: bucket, Key: `${folder}/${key}`, ExpectedBucketOwner: account };
  }

  #ask<Output>(doing: string, operation: SdkCall<Output>, hint: string): Promise<Outcome<Output>> {
    // IAM's action has the operation's name.
    const [, , name] = operation.schema;
    const attempt = { action: `s3:${name}`, doing, hint, region: this.#caller.region };
    return call(this.#caller, attempt, (options) => this.#client.send(operation, options));
  }
}

/** Null: it is no UTF-8. */
function textOf(body: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

async function sha256Of(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64();
}
