/**
 * S3's REST protocol, path style, over `S3State`: GET, HEAD and PUT of objects.
 *
 * Source: the S3 API Reference and its page on conditional requests.
 */
import { type Exchange, pause, type Reply } from "./http.ts";
import { HEX, randomText, type Refusals, type Wire } from "./wire.ts";
import { S3Error, type S3Object, type S3State } from "./s3_state.ts";

const KEPT_HEADERS = [
  "content-type",
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
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
        action: `${action} ${key.split("/").at(-1)}`,
        write: action === "PutObject",
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
    case "GetObject":
    case "HeadObject": {
      const object = state.get(bucket, key);
      const body = action === "HeadObject" ? "" : object.body;
      return found(200, { "content-length": `${object.body.length}`, ...about(object) }, body);
    }
    case "PutObject": {
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
    default:
      throw new S3Error("MethodNotAllowed", "The specified method is not allowed.", 405);
  }
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
  if (key === "") return method === "HEAD" ? "HeadBucket" : `${method}Bucket`;
  return { GET: "GetObject", HEAD: "HeadObject", PUT: "PutObject" }[method] ?? `${method}Object`;
}
