/**
 * The S3 calls that the tool makes: read, write (on a condition) and delete an object, list a folder. Loaded only
 * with an S3 store.
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
import { accountOfPoint, type Variant } from "./sdk_places.ts";
import { createS3Client, deleteObject, getObject, listObjects, putObject } from "./sdk_s3.ts";
import type { Answer, S3Store, Tag } from "../state.ts";

/** `found` null: there is no such object. `text` null: it is no UTF-8. */
export interface ObjectRead {
  found: { text: string | null; etag: string } | null;
  serverMs: number;
}

/** `key`: below the folder that was listed. */
export interface ListedObject {
  key: string;
  /** How long ago it was written, by S3's clock. */
  ageMs: number;
}

/** When a write may happen: always, if there is no object yet, or if it is still this one. */
type Condition =
  | { kind: "always" }
  | { kind: "absent" }
  | { kind: "unchanged"; etag: string };

interface S3Options {
  store: S3Store;
  /** The instance's account. */
  account: string;
  /** Put on each object. */
  tags: Tag[];
  /** Null: AWS's own, in this variant. */
  endpoint: string | null;
  variant: Variant;
}

const ANSWER_BYTES_MAX = 1024 * 1024;
/** Of 1,000 objects each. */
const PAGES_MAX = 20;

/** One folder of a bucket. */
export class S3Api {
  readonly #caller: Caller;
  readonly #client: SdkClient;
  readonly #options: S3Options;
  /** The account that the bucket must belong to. */
  readonly #owner: string;

  constructor(caller: Caller, options: S3Options) {
    const { region, credentials } = caller;
    const { store: { bucket, bucketOwner }, endpoint, variant, account } = options;
    const handler = createHandler(caller, {
      bytesMax: ANSWER_BYTES_MAX,
      complaint: s3Complaint,
      streamed: true,
    });
    this.#caller = caller;
    this.#client = createS3Client({ region, bucket, endpoint, variant, credentials, handler });
    this.#options = options;
    this.#owner = bucketOwner ?? accountOfPoint(bucket) ?? account;
  }

  /** Where a key is, for a person. */
  place(key: string): string {
    return `s3://${this.#options.store.bucket}/${this.#keyOf(key)}`;
  }

  /** Which S3 this is, for a person. */
  get host(): string {
    return this.#options.endpoint ?? "AWS";
  }

  async get(key: string): Promise<Answer<ObjectRead>> {
    const doing = `read ${this.place(key)}`;
    const hint = "and s3:ListBucket on the bucket: without it S3 also says 403 for what does not " +
      `exist; ${this.#ownerText()}`;
    const answer = await this.#ask(doing, getObject(this.#at(key)), hint);
    if (!answer.ok && answer.code !== "NoSuchKey") return faultAlone(answer);
    const now = serverClock(answer.seen, doing);
    if (!now.ok) return now;
    if (!answer.ok) return { ok: true, value: { found: null, serverMs: now.value } };
    const { Body, ETag } = answer.value;
    if (Body === undefined || ETag === undefined) return malformed(doing, "the answer has no ETag");
    const text = textOf(await Body.transformToByteArray());
    return { ok: true, value: { found: { text, etag: ETag }, serverMs: now.value } };
  }

  /** The new ETag; null when the condition did not hold. */
  async put(key: string, text: string, condition: Condition): Promise<Answer<string | null>> {
    const { store: { sse, kmsKey }, tags } = this.#options;
    const doing = `write ${this.place(key)}`;
    const input = {
      ...this.#at(key),
      Body: text,
      // Where a bucket keeps its objects for a set time, S3 asks for one.
      ChecksumSHA256: await sha256Of(text),
      ContentType: "application/json",
      ...(condition.kind === "absent" ? { IfNoneMatch: "*" } : {}),
      ...(condition.kind === "unchanged" ? { IfMatch: condition.etag } : {}),
      ...(sse === null ? {} : { ServerSideEncryption: sse }),
      ...(kmsKey === null ? {} : { SSEKMSKeyId: kmsKey }),
      ...(tags.length === 0 ? {} : { Tagging: taggingOf(tags) }),
    };
    const answer = await this.#ask(doing, putObject(input), this.#ownerText(), this.#sseHint());
    if (answer.ok) {
      const etag = answer.value.ETag;
      if (etag !== undefined) return { ok: true, value: etag };
      return malformed(doing, "nobody can tell whether it went well: the answer has no ETag");
    }
    // `NoSuchKey`: the object that was to be unchanged has been deleted.
    const unmet = answer.code === "PreconditionFailed" || answer.code === "NoSuchKey";
    return unmet ? { ok: true, value: null } : faultAlone(answer);
  }

  /** Also well when there is no such object. */
  async delete(key: string): Promise<Answer<null>> {
    const doing = `delete ${this.place(key)}`;
    const answer = await this.#ask(doing, deleteObject(this.#at(key)), this.#ownerText());
    return answer.ok ? { ok: true, value: null } : faultAlone(answer);
  }

  /** All objects below a folder. */
  async list(folder: string): Promise<Answer<ListedObject[]>> {
    const doing = `list ${this.place(folder)}`;
    const { Key: Prefix, ...bucket } = this.#at(folder);
    const found: ListedObject[] = [];
    let next: { ContinuationToken?: string } = {};
    for (let page = 0; page < PAGES_MAX; page++) {
      const operation = listObjects({ ...bucket, Prefix, ...next });
      const answer = await this.#ask(doing, operation, this.#ownerText());
      if (!answer.ok) return faultAlone(answer);
      const now = serverClock(answer.seen, doing);
      if (!now.ok) return now;
      const { Contents = [], IsTruncated, NextContinuationToken: token } = answer.value;
      for (const { Key, LastModified } of Contents) {
        if (Key === undefined || LastModified === undefined || !Key.startsWith(Prefix)) {
          return malformed(doing, "the answer lists what was not asked for");
        }
        found.push({ key: Key.slice(Prefix.length), ageMs: now.value - LastModified.getTime() });
      }
      if (IsTruncated === false) return { ok: true, value: found };
      if (!token || token === next.ContinuationToken) break;
      next = { ContinuationToken: token };
    }
    return malformed(doing, "the answer's pages do not end");
  }

  #at(key: string): { Bucket: string; Key: string; ExpectedBucketOwner: string } {
    const { bucket } = this.#options.store;
    return { Bucket: bucket, Key: this.#keyOf(key), ExpectedBucketOwner: this.#owner };
  }

  #keyOf(key: string): string {
    const { prefix } = this.#options.store;
    return [prefix.replace(/^\/+|\/+$/g, ""), key].filter((one) => one !== "").join("/");
  }

  #ownerText(): string {
    const { bucketOwner } = this.#options.store;
    const other = bucketOwner === null ? ", or name its account with --s3-bucket-owner" : "";
    return `the bucket must belong to the account ${this.#owner}${other}`;
  }

  #sseHint(): { policyHint?: string } {
    if (this.#options.store.sse !== null) return {};
    return {
      policyHint: "where the bucket's policy wants an encryption header, give --s3-sse AES256 or " +
        "aws:kms",
    };
  }

  #ask<Output>(
    doing: string,
    operation: SdkCall<Output>,
    hint: string,
    more: { policyHint?: string } = {},
  ): Promise<Outcome<Output>> {
    const [, , name] = operation.schema;
    // IAM's action has the operation's name, but for this one.
    const action = name === "ListObjectsV2" ? "s3:ListBucket" : `s3:${name}`;
    const attempt = { action, doing, hint, region: this.#caller.region, ...more };
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

function taggingOf(tags: Tag[]): string {
  return tags.map(({ key, value }) => [key, value].map(encodeURIComponent).join("=")).join("&");
}

function malformed(doing: string, what: string): Answer<never> {
  return { ok: false, fault: { kind: "malformed", message: `Cannot ${doing}: ${what}` } };
}
