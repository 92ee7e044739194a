/**
 * A session with the instance metadata service: where it is, the token that every read needs, and the
 * retries that an early boot asks for.
 */
import { exchange, quote, type Reply, type Target } from "../http.ts";
import type { Answer, Fault, FaultKind } from "../state.ts";
import { sleep } from "../time.ts";

/** `status`: what IMDS answered with; null when it did not. */
export class ImdsError extends Error {
  override readonly name = "ImdsError";

  constructor(readonly fault: Fault, readonly status: number | null) {
    super(fault.message);
  }
}

/**
 * Where IMDS is, the usual one first. On an IPv6-only subnet there may be no route to the first; the second
 * has to be turned on (`HttpProtocolIpv6`), there too.
 */
export const IMDS_ENDPOINTS: readonly string[] = [
  "http://169.254.169.254",
  "http://[fd00:ec2::254]",
];

interface Place {
  target: Target & { kind: "tcp" };
  base: string;
}

/** Takes an endpoint apart; throws a `TypeError` that says what is wrong with it. */
export function parseImdsEndpoint(endpoint: string): Place {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url?.protocol !== "http:" || url.hostname === "") {
    throw new TypeError(
      `The metadata endpoint "${
        quote(endpoint)
      }" is no http:// address; leave it out, or give one ` +
        `like ${IMDS_ENDPOINTS.join(" or ")}`,
    );
  }
  return {
    target: {
      kind: "tcp",
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? 80 : Number(url.port),
    },
    base: url.pathname.replace(/\/+$/, ""),
  };
}

const TRY_DEADLINE_MS = 1_500;
/** How long the usual endpoint has to answer before the other one is asked as well. */
const HEAD_START_MS = 200;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;
const BODY_BYTES_MAX = 64 * 1024;
const TOKEN_TTL_SECONDS = 21_600;
/** A token is not used any more this long before it ends. */
const TOKEN_SPARE_SECONDS = 60;

/** `text` null: version 1, which has no tokens. `usableMs`: until when, by `performance.now()`. */
interface SessionToken {
  text: string | null;
  usableMs: number;
}

/** Reads paths, with one session token for all of them. */
export class Session {
  readonly #allowV1: boolean;
  /** Only the one that has answered, once one has: a token is good at the endpoint that gave it. */
  #places: Place[];
  #token: Promise<SessionToken> | null = null;

  constructor(places: Place[], allowV1: boolean) {
    this.#places = places;
    this.#allowV1 = allowV1;
  }

  /** `endMs`: when to stop trying, by `performance.now()`. */
  async get(path: string, signal: AbortSignal, endMs: number): Promise<string> {
    for (let attempt = 0;; attempt++) {
      const token = await this.#usableToken(signal, endMs);
      const headers = token.text === null ? {} : { "X-aws-ec2-metadata-token": token.text };
      const answer = await this.#exchange("GET", path, headers, signal);
      if (answer.ok && answer.value.status === 200) return textOf(path, answer.value);
      if (answer.ok && answer.value.status === 401) token.usableMs = 0;
      if (!isPassing(answer) || !await rest(attempt, endMs, signal)) {
        throw errorOf(`read ${path}`, this.#places, answer);
      }
    }
  }

  /** All readers share one token, and one attempt to get it. */
  async #usableToken(signal: AbortSignal, endMs: number): Promise<SessionToken> {
    const known = this.#token;
    if (known !== null) {
      const token = await known;
      if (performance.now() < token.usableMs) return token;
      if (this.#token === known) this.#token = null;
      return this.#usableToken(signal, endMs);
    }
    const asked = this.#requestToken(signal, endMs);
    this.#token = asked;
    try {
      return await asked;
    } catch (error) {
      if (this.#token === asked) this.#token = null;
      throw error;
    }
  }

  async #requestToken(signal: AbortSignal, endMs: number): Promise<SessionToken> {
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_TTL_SECONDS) };
    for (let attempt = 0;; attempt++) {
      const usableMs = performance.now() + (TOKEN_TTL_SECONDS - TOKEN_SPARE_SECONDS) * 1000;
      const answer = await this.#exchange("PUT", "api/token", headers, signal);
      if (answer.ok && answer.value.status === 200) {
        const text = textOf("api/token", answer.value).trim();
        if (!/^[\x21-\x7e]{1,1024}$/.test(text)) throw notMetadata("api/token", text);
        return { text, usableMs };
      }
      // A service that knows version 1 only answers something, or drops what it does not know.
      if (this.#allowV1 && (answer.ok || attempt > 0)) return { text: null, usableMs };
      if (!isPassing(answer) || !await rest(attempt, endMs, signal)) {
        throw errorOf("get a session token", this.#places, answer);
      }
    }
  }

  /** Asks the first place; and each next one when those before it have failed, or are slow. */
  async #exchange(
    method: "GET" | "PUT",
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer<Reply>> {
    const done = new AbortController();
    const until = AbortSignal.any([signal, done.signal]);
    const bounds = { deadlineMs: TRY_DEADLINE_MS, bytesMax: BODY_BYTES_MAX, signal: until };
    const asked: Promise<Reached>[] = [];
    for (const place of this.#places) {
      const told = asked.length === 0 ? undefined : await Promise.race([
        best(asked),
        sleep(HEAD_START_MS, until),
      ]);
      if (told?.answer.ok) break;
      const request = { method, path: `${place.base}/latest/${path}`, headers };
      asked.push(
        exchange(place.target, request, bounds).then((answer) => ({ place, answer })),
      );
    }
    const { place, answer } = await best(asked);
    done.abort();
    if (answer.ok) this.#places = [place];
    return answer;
  }
}

interface Reached {
  place: Place;
  answer: Answer<Reply>;
}

/** The first that is answered; when none is, what the first place came to. */
async function best(asked: Promise<Reached>[]): Promise<Reached> {
  const good = asked.map(async (it) => (await it).answer.ok ? it : Promise.reject(it));
  return await Promise.any(good).catch(() => asked[0]!);
}

/** What an early boot, or too many at once, can cause: it is worth another try. */
function isPassing(answer: Answer<Reply>): boolean {
  if (!answer.ok) return answer.fault.kind === "unreachable" || answer.fault.kind === "timeout";
  const { status } = answer.value;
  return status === 401 || status === 429 || status >= 500;
}

/** Waits before the next attempt; false when there is no time for one. */
async function rest(attempt: number, endMs: number, signal: AbortSignal): Promise<boolean> {
  const restMs = Math.min(RETRY_FIRST_MS * 2 ** attempt, RETRY_MAX_MS);
  if (signal.aborted || performance.now() + restMs >= endMs) return false;
  await sleep(restMs, signal);
  return !signal.aborted;
}

function textOf(path: string, reply: Reply): string {
  if (/html/i.test(reply.headers.get("content-type") ?? "")) throw notMetadata(path, reply.body);
  return reply.body;
}

export function notMetadata(path: string, text: string): ImdsError {
  const message = `Cannot use what IMDS answers for ${path}: "${quote(text, 60)}" is not what ` +
    "EC2 would say; is something else in front of it?";
  return new ImdsError({ kind: "malformed", message }, 200);
}

const REFUSALS = new Map<number, [kind: FaultKind, why: string]>([
  [401, ["no-metadata", "it answers 401, as for a session token that is not valid"]],
  [403, [
    "no-metadata",
    "it answers 403: IMDS is turned off for this instance (HttpEndpoint), or this is none of EC2",
  ]],
  [404, ["no-metadata", "it has no such entry; is this an EC2 instance?"]],
  [429, ["throttled", "it answers 429: too many requests"]],
  [503, ["throttled", "it answers 503: too many requests"]],
]);

function errorOf(intent: string, places: Place[], answer: Answer<Reply>): ImdsError {
  const names = places.map(({ target }) => target.hostname).join(" or ");
  const start = `Cannot ${intent} from IMDS (${names})`;
  if (!answer.ok) {
    const { kind, message } = answer.fault;
    if (kind === "malformed") return new ImdsError({ kind, message: `${start}: ${message}` }, null);
    const advice =
      "is this an EC2 instance, is IMDS on (HttpEndpoint; on an IPv6-only subnet also " +
      "HttpProtocolIpv6), and its hop limit high enough for where this runs?";
    return new ImdsError({ kind, message: `${start}: ${message}; ${advice}` }, null);
  }
  const { status } = answer.value;
  const [kind, why] = REFUSALS.get(status) ??
    [status >= 500 ? "unreachable" : "malformed", `it answers ${status}`];
  return new ImdsError({ kind, message: `${start}: ${why}` }, status);
}
