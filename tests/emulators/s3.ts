/**
 * S3's REST protocol, path style, over `S3State`: GET, HEAD, PUT and DELETE of objects, and lists of them.
 *
 * Source: the S3 API Reference and its page on conditional requests.
 */
import { type Exchange, pause, type Reply } from "./http.ts";
import { HEX, randomText, type Refusals, type Wire } from "./wire.ts";
import { type S3Bucket, S3Error, type S3Object, type S3State } from "./s3_state.ts";

const KEPT_HEADERS = [
  "content-type",
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
  "x-amz-tagging",
];

export interface S3HandlerOptions {
  /** The region that this endpoint serves. */
  region: string;
  /** How long a write is under way. */
  writeMs: number;
}

/** Answers one request. `nodeOf`: who signed it, or S3's refusal. */
export function s3Handler(
  state: S3State,
  wire: Wire,
  options: S3HandlerOptions,
  nodeOf: (exchange: Exchange) => string | S3Error,
): (exchange: Exchange) => Promise<Reply> {
  return async (exchange) => {
    const caller = nodeOf(exchange);
    const [bucketName, key] = place(exchange.path);
    const action = actionOf(exchange.method, key);
    const headOnly = exchange.method === "HEAD";
    const refusals: Refusals = {
      throttled: () =>
        errorReply(new S3Error("SlowDown", "Please reduce your request rate.", 503), headOnly),
      denied: () => errorReply(new S3Error("AccessDenied", "Access Denied", 403), headOnly),
    };
    const reply = await wire.handle(
      {
        service: "s3",
        node: typeof caller === "string" ? caller : "",
        action: action === "ListObjects" ? action : `${action} ${key.split("/").at(-1)}`,
        write: action === "PutObject" || action === "DeleteObject",
      },
      refusals,
      async () => {
        try {
          if (caller instanceof S3Error) throw caller;
          return await perform(state, options, exchange, bucketName, key, action);
        } catch (error) {
          if (error instanceof S3Error) return errorReply(error, headOnly);
          throw error;
        }
      },
    );
    if (reply.kind !== "reply") return reply;
    const date = new Date(state.now()).toUTCString();
    return { ...reply, headers: { date, ...reply.headers } };
  };
}

/** The answer that carries an error; to a HEAD it has no body, so that its code is lost. */
export function errorReply(error: S3Error, headOnly: boolean): Reply {
  const id = randomText(16, HEX).toUpperCase();
  return {
    kind: "reply",
    status: error.status,
    headers: { "content-type": "application/xml", "x-amz-request-id": id, ...error.headers },
    body: headOnly
      ? ""
      : `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${error.code}</Code>` +
        `<Message>${error.message}</Message><RequestId>${id}</RequestId></Error>`,
  };
}

async function perform(
  state: S3State,
  options: S3HandlerOptions,
  exchange: Exchange,
  bucketName: string,
  key: string,
  action: string,
): Promise<Reply> {
  const owner = exchange.headers.get("x-amz-expected-bucket-owner");
  const bucket = state.bucket(bucketName, options.region, owner);
  switch (action) {
    case "HeadBucket":
      return found(200, {}, "");
    case "ListObjects":
      return listed(state, bucket, exchange.query);
    case "GetObject":
    case "HeadObject": {
      const object = state.get(bucket, key);
      const body = action === "HeadObject" ? "" : object.body;
      return found(200, { "content-length": `${object.body.length}`, ...about(object) }, body);
    }
    case "PutObject": {
      if (bucket.wantsEncryption && !exchange.headers.has("x-amz-server-side-encryption")) {
        throw new S3Error(
          "AccessDenied",
          "User: arn:aws:sts::123456789012:assumed-role/managers/i-1 is not authorized to perform: " +
            `s3:PutObject on resource: "arn:aws:s3:::${bucketName}/${key}" with an explicit deny in a ` +
            "resource-based policy",
          403,
        );
      }
      const conditions = {
        ifAbsent: exchange.headers.get("if-none-match") === "*",
        ifMatch: exchange.headers.get("if-match"),
      };
      const finish = state.begin(bucket, key, conditions);
      try {
        await pause(options.writeMs);
        const kept = KEPT_HEADERS.flatMap((name) => {
          const value = exchange.headers.get(name);
          return value === null ? [] : [[name, value]];
        });
        const object = state.put(
          bucket,
          key,
          exchange.body,
          conditions,
          Object.fromEntries(kept),
        );
        return found(200, { etag: object.etag }, "");
      } finally {
        finish();
      }
    }
    case "DeleteObject":
      state.delete(bucket, key);
      return found(204, {}, "");
    default:
      throw new S3Error("MethodNotAllowed", "The specified method is not allowed.", 405);
  }
}

function listed(state: S3State, bucket: S3Bucket, query: URLSearchParams): Reply {
  const prefix = query.get("prefix") ?? "";
  const after = atob(query.get("continuation-token") ?? "");
  const { page, more } = state.list(bucket, prefix, after);
  const contents = page.map(([key, { etag, modifiedMs, body }]) =>
    `<Contents><Key>${key}</Key><LastModified>${new Date(modifiedMs).toISOString()}` +
    `</LastModified><ETag>${
      etag.replaceAll('"', "&quot;")
    }</ETag><Size>${body.length}</Size></Contents>`
  );
  const next = btoa(page.at(-1)?.[0] ?? "");
  return found(
    200,
    { "content-type": "application/xml" },
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket.name}</Name>` +
      `<Prefix>${prefix}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>1000</MaxKeys>` +
      `<IsTruncated>${more}</IsTruncated>${contents.join("")}` +
      (more ? `<NextContinuationToken>${next}</NextContinuationToken>` : "") +
      "</ListBucketResult>",
  );
}

function about(object: S3Object): Record<string, string> {
  return {
    ...object.headers,
    etag: object.etag,
    "last-modified": new Date(object.modifiedMs).toUTCString(),
    "accept-ranges": "bytes",
  };
}

function found(status: number, headers: Record<string, string>, body: string | Uint8Array): Reply {
  const id = randomText(16, HEX).toUpperCase();
  return {
    kind: "reply",
    status,
    headers: { "x-amz-request-id": id, server: "AmazonS3", ...headers },
    body,
  };
}

function place(path: string): [string, string] {
  const [bucket = "", ...key] = path.slice(1).split("/");
  return [bucket, key.join("/")];
}

function actionOf(method: string, key: string): string {
  if (key === "" && method === "GET") return "ListObjects";
  if (key === "") return method === "HEAD" ? "HeadBucket" : `${method}Bucket`;
  const words: { [method: string]: string } = {
    GET: "Get",
    HEAD: "Head",
    PUT: "Put",
    DELETE: "Delete",
  };
  return `${words[method] ?? method}Object`;
}
