/**
 * The two S3 calls that the tool makes: read an object, and write one on a condition. Loaded only with
 * an S3 store.
 */
import { call, type Caller, createHandler, faulted, s3Complaint, serverClock } from "./call.ts";
import { createS3Client, getObject, putObject } from "./sdk_s3.ts";
import type { Answer } from "../state.ts";

/** `found` null: there is no such object. */
export interface ObjectRead {
  found: { text: string; etag: string } | null;
  serverMs: number;
}

/** When a write may happen: always, if there is no object yet, or if it is still this one. */
export type Condition =
  | { kind: "always" }
  | { kind: "absent" }
  | { kind: "unchanged"; etag: string };

export interface S3Api {
  get(key: string): Promise<Answer<ObjectRead>>;
  /** The new ETag; null when the condition did not hold. */
  put(key: string, text: string, condition: Condition): Promise<Answer<string | null>>;
}

export interface S3Options {
  bucket: string;
  /** The account that the bucket must belong to. */
  account: string;
  /** Null: as the bucket's default says. */
  kmsKey: string | null;
  endpoint: string | null;
}

const ANSWER_BYTES_MAX = 1024 * 1024;

export function createS3Api(caller: Caller, options: S3Options): S3Api {
  const { bucket, account, kmsKey, endpoint } = options;
  const { region } = caller;
  const { send } = createS3Client({
    region,
    bucket,
    endpoint,
    credentials: caller.credentials,
    handler: createHandler(caller, {
      bytesMax: ANSWER_BYTES_MAX,
      complaint: s3Complaint,
      streamed: true,
    }),
  });
  const place = { Bucket: bucket, ExpectedBucketOwner: account };

  return {
    async get(key): Promise<Answer<ObjectRead>> {
      const attempt = {
        action: "s3:GetObject",
        doing: `read s3://${bucket}/${key}`,
        hint: "and s3:ListBucket on the bucket: without it S3 also says 403 for what does not " +
          `exist; the bucket must belong to the account ${account}`,
        region,
      };
      const answer = await call(
        caller,
        attempt,
        (options) => send(getObject({ ...place, Key: key }), options),
      );
      if (!answer.ok && answer.code !== "NoSuchKey") return faulted(answer);
      const now = serverClock(answer.seen, attempt);
      if (!now.ok) return now;
      if (!answer.ok) return { ok: true, value: { found: null, serverMs: now.value } };
      const { Body, ETag } = answer.value;
      const text = textOf(await Body?.transformToByteArray());
      if (text === null || ETag === undefined) {
        const message = `Cannot ${attempt.doing}: the answer is not text with an ETag`;
        return { ok: false, fault: { kind: "malformed", message } };
      }
      return { ok: true, value: { found: { text, etag: ETag }, serverMs: now.value } };
    },

    async put(key, text, condition): Promise<Answer<string | null>> {
      const attempt = {
        action: "s3:PutObject",
        doing: `write s3://${bucket}/${key}`,
        hint: `the bucket must belong to the account ${account}`,
        region,
      };
      const checksum = await sha256Of(text);
      const answer = await call(caller, attempt, (options) =>
        send(
          putObject({
            ...place,
            Key: key,
            Body: text,
            // Where a bucket keeps its objects for a set time, S3 asks for one.
            ChecksumSHA256: checksum,
            ContentType: "application/json",
            ...(condition.kind === "absent" ? { IfNoneMatch: "*" } : {}),
            ...(condition.kind === "unchanged" ? { IfMatch: condition.etag } : {}),
            ...(kmsKey === null ? {} : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: kmsKey }),
          }),
          options,
        ));
      if (answer.ok) {
        const etag = answer.value.ETag;
        if (etag !== undefined) return { ok: true, value: etag };
        const message = `Cannot tell whether to ${attempt.doing} went well: the answer has no ETag`;
        return { ok: false, fault: { kind: "malformed", message } };
      }
      // `NoSuchKey`: the object that was to be unchanged has been deleted.
      const unmet = answer.code === "PreconditionFailed" || answer.code === "NoSuchKey";
      return unmet ? { ok: true, value: null } : faulted(answer);
    },
  };
}

/** Null: it is no UTF-8. */
function textOf(body: Uint8Array | undefined): string | null {
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
