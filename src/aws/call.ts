/**
 * One AWS call: sent with `fetch`, bounded in time and size, counted, never retried; and its answer or
 * fault. All that `sdk.ts` makes of the SDK sends through this.
 */
import {
  type Attempt,
  CallFailure,
  codeOf,
  faultOf,
  isClockCode,
  isCredentialsCode,
} from "./fault.ts";
import { joined, quote } from "../http.ts";
import type { Answer, Fault } from "../state.ts";
import type { AwsCredentials, Credentials } from "./credentials.ts";

/** What sends: given by `node/stores.ts`, the same for all calls. */
export interface Caller {
  region: string;
  credentials: Credentials;
  /** Told of each request that is really sent. */
  onCall: () => void;
  deadlineMs: number;
  /** What a request to this address is sent with; null: with what is always there. */
  wayTo?: (url: URL) => Deno.HttpClient | null;
}

/** What an answer tells beside what the SDK hands on. */
interface Meta {
  /** The server's clock (ms since 1970), by the answer's `Date`. */
  dateMs: number | null;
}

/** What the SDK's handlers are called with. */
export interface SdkRequest {
  protocol: string;
  hostname: string;
  port?: number;
  method: string;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

export interface SdkResponse {
  statusCode: number;
  reason: string;
  headers: Record<string, string>;
  body: Uint8Array | ReadableStream<Uint8Array>;
}

/** The options of one `send`; the SDK passes them on to the handler as they are. */
export interface SendOptions {
  /** For the whole sent, in ms. */
  requestTimeout: number;
  seen: Meta;
}

/** `code`: AWS's own word for the fault; null when AWS did not answer one. */
export type Outcome<T> =
  | { ok: true; value: T; seen: Meta }
  | { ok: false; fault: Fault; code: string | null; seen: Meta };

export interface Handler {
  handle(request: SdkRequest, options: SendOptions): Promise<{ response: SdkResponse }>;
}

interface Limits {
  /** Of an answer's body. */
  bytesMax: number;
  /** What is wrong with an answer that the SDK would take for an empty one; null when it is fine. */
  complaint: (request: SdkRequest, answer: WholeAnswer) => string | null;
  /**
   * The protocols that carry objects want a stream, even of what has been read already. What is too long
   * is then cut: it may be the object, and who reads it sees that it is none of ours.
   */
  streamed: boolean;
}

type WholeAnswer = SdkResponse & { body: Uint8Array };

/** The SDK's transport. */
export function createHandler({ onCall, wayTo }: Caller, limits: Limits): Handler {
  return {
    async handle(request, { requestTimeout, seen }): Promise<{ response: SdkResponse }> {
      onCall();
      const answer = await sent(request, limits, requestTimeout, wayTo);
      const { body, ...head } = answer;
      const date = Date.parse(head.headers["date"] ?? "");
      if (!Number.isNaN(date)) seen.dateMs = date;
      const wrong = limits.complaint(request, answer);
      // What is in front of a server that is down answers for it, and in words of its own.
      if (wrong !== null) {
        throw failure(head.statusCode >= 500 ? "unreachable" : "malformed", wrong);
      }
      return { response: { ...head, body: limits.streamed ? ReadableStream.from([body]) : body } };
    },
  };
}

const ASK_WHO = "is the endpoint right, or a proxy in front of it?";
const QUERY_ERROR =
  /^\s*(<\?xml[^>]*>\s*)?<(Response|ErrorResponse)\b[^]*<Code>[^<]+<\/Code>[^]*<\/\2>$/;
const S3_ERROR = /^\s*(<\?xml[^>]*>\s*)?<Error\b[^]*<Code>[^<]+<\/Code>[^]*<\/Error>$/;
const S3_LIST = /^\s*(<\?xml[^>]*>\s*)?<ListBucketResult\b[^]*<\/ListBucketResult>$/;
/** S3, MinIO and Ceph name each of their answers with the first; moto with the second. */
const S3_NAMES = ["x-amz-request-id", "x-amzn-requestid"];

/**
 * Of a service that is asked by a form with an `Action`, `whose` is its name: an answer that is cut short or
 * HTML would be read as one with nothing in it.
 */
export function queryComplaint(whose: "EC2" | "Auto Scaling"): Limits["complaint"] {
  return (request, { statusCode, body }) => {
    const text = new TextDecoder().decode(body).trimEnd();
    if (statusCode >= 300) {
      return QUERY_ERROR.test(text)
        ? null
        : `HTTP ${statusCode} with an answer that is not ${whose}'s; ${ASK_WHO}`;
    }
    const action = /\bAction=(\w+)/.exec(String(request.body))?.[1] ?? "";
    // EC2 says `true` with tags as a rule, which the SDK does not hand on.
    return text.endsWith(`</${action}Response>`) && !text.includes("<return>false</return>")
      ? null
      : `the answer is not ${whose}'s, or cut short; ${ASK_WHO}`;
  };
}

/**
 * An object may hold anything, a page of HTML too; so it is by its name that an answer is S3's. Its errors
 * are XML, or nothing at all; what is not comes from something else, and says nothing of any object.
 */
export function s3Complaint(
  { query = {} }: SdkRequest,
  { statusCode, headers, body }: WholeAnswer,
): string | null {
  const isNamed = S3_NAMES.some((name) => (headers[name] ?? "") !== "");
  const text = (): string => new TextDecoder().decode(body).trimEnd();
  const isSense = statusCode >= 300
    ? body.length === 0 || S3_ERROR.test(text())
    // An empty list is an answer as well.
    : !("list-type" in query) || S3_LIST.test(text());
  return isNamed && isSense
    ? null
    : `HTTP ${statusCode} with an answer that is not S3's; ${ASK_WHO}`;
}

/**
 * Sends once, and once more when the SDK has learnt from the answer's `Date` that this machine's clock
 * is wrong: the second request is signed by the server's.
 */
export async function call<T>(
  { credentials, deadlineMs }: Caller,
  attempt: Attempt,
  send: (options: SendOptions) => Promise<T>,
): Promise<Outcome<T>> {
  const seen: Meta = { dateMs: null };
  for (let corrected = false;; corrected = true) {
    try {
      return { ok: true, value: await send({ requestTimeout: deadlineMs, seen }), seen };
    } catch (error) {
      if (!corrected && isClockCorrected(error)) continue;
      const code = codeOf(error);
      if (isCredentialsCode(code)) credentials.forget();
      return { ok: false, fault: faultOf(error, attempt), code, seen };
    }
  }
}

/** The way of the SDK's signer to ask for credentials. */
export function sdkCredentials(credentials: Credentials): () => Promise<AwsCredentials> {
  return async () => {
    const answer = await credentials.get();
    if (!answer.ok) throw new CallFailure(answer.fault);
    return answer.value;
  };
}

/** The fault alone, for who asked. */
export function faultAlone({ fault }: { fault: Fault }): { ok: false; fault: Fault } {
  return { ok: false, fault };
}

/** The server's clock; a fault when it did not say. */
export function serverClock({ dateMs }: Meta, doing: string): Answer<number> {
  if (dateMs !== null) return { ok: true, value: dateMs };
  const message = `Cannot ${doing}: the answer has no date; ${ASK_WHO}`;
  return { ok: false, fault: { kind: "malformed", message } };
}

async function sent(
  request: SdkRequest,
  limits: Limits,
  deadlineMs: number,
  wayTo: Caller["wayTo"],
): Promise<WholeAnswer> {
  const signal = AbortSignal.timeout(deadlineMs);
  const url = urlOf(request);
  const client = wayTo?.(new URL(url)) ?? null;
  try {
    const response = await fetch(url, {
      ...(client === null ? {} : { client }),
      method: request.method,
      // What an account's own log of calls shows.
      headers: { ...request.headers, "user-agent": "swarm-join" },
      // A redirect is AWS's way to say that the bucket is elsewhere.
      redirect: "manual",
      signal,
      ...(request.method === "GET" ? {} : { body: request.body as BodyInit }),
    });
    return {
      statusCode: response.status,
      reason: response.statusText,
      headers: Object.fromEntries(response.headers),
      body: await bodyOf(response, limits),
    };
  } catch (error) {
    if (error instanceof CallFailure) throw error;
    if (signal.aborted) throw failure("timeout", `no answer within ${deadlineMs / 1000} s`);
    if (error instanceof Error) throw failure("unreachable", reasonOf(error));
    throw error;
  }
}

async function bodyOf(
  response: Response,
  { bytesMax, streamed }: Limits,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of response.body ?? []) {
    total += chunk.length;
    chunks.push(chunk);
    if (total <= bytesMax) continue;
    // Leaving the loop cancels the rest.
    if (streamed) break;
    throw failure("malformed", `the answer is longer than ${bytesMax} bytes`);
  }
  return joined(chunks);
}

/** As it was signed: the path is escaped already. */
function urlOf({ protocol, hostname, port, path, query }: SdkRequest): string {
  const pairs = Object.entries(query ?? {}).flatMap(([key, value]) =>
    value === null ? [escaped(key)] : [value].flat().map((one) => `${escaped(key)}=${escaped(one)}`)
  );
  const search = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${search}`;
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `fetch` puts the URL before the reason, and the system's number behind it. */
function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return quote(
    `${error.message}${cause}`
      .replace(/^error sending request (for url \(([^)]*)\))?/, "no connection to $2")
      .replace(/\s*\(os error \d+\)/g, ""),
  );
}

/** The SDK marks every error that comes while the clock is wrong, whatever the error is about. */
function isClockCorrected(error: unknown): boolean {
  return isClockCode(codeOf(error)) && error instanceof Error && "$metadata" in error &&
    (error.$metadata as { clockSkewCorrected?: boolean }).clockSkewCorrected === true;
}

function failure(kind: Fault["kind"], message: string): CallFailure {
  return new CallFailure({ kind, message });
}
