/**
 * The instance metadata service: who this instance is, and (for `tokens/`) its credentials.
 *
 * Speaks version 2 (a session token from a PUT, sent with every GET). This is the one edge with
 * retries of its own: early in a boot IMDS refuses connections, answers 401 or not at all for some
 * seconds, and nothing can be decided before.
 *
 * Paths and formats: AWS, "Instance metadata categories" and "Use the Instance Metadata Service".
 */
import { exchange, quote, type Reply, type Target } from "./http.ts";
import { isIpv4, isIpv6, isRange, normalAddress } from "./addresses.ts";
import { isObject, parseJson } from "./json.ts";
import type { Answer, Fault, FaultKind, Identity, Lifecycle } from "./state.ts";
import { sleep } from "./time.ts";

export interface Imds {
  /**
   * The text at a path below `/latest/` (`meta-data/mac`). Rejects with an `ImdsError`.
   */
  get(path: string, signal: AbortSignal): Promise<string>;
  /** Who this instance is. `roleTagKey`: the tag to read, where the instance's tags are shown. */
  identity(roleTagKey: string, signal: AbortSignal): Promise<Answer<Identity>>;
  /** Where Auto Scaling wants this instance to be. */
  lifecycle(signal: AbortSignal): Promise<Answer<Lifecycle>>;
}

/** `status`: what IMDS answered with; null when it did not. */
export class ImdsError extends Error {
  override readonly name = "ImdsError";

  constructor(readonly fault: Fault, readonly status: number | null) {
    super(fault.message);
  }
}

interface ImdsOptions {
  /** `http://169.254.169.254`, `http://[fd00:ec2::254]`: no path needed. */
  endpoint: string;
  /** Whether to read without a session token where none is to be had. */
  allowV1: boolean;
}

export const IMDS_ENDPOINT_DEFAULT = "http://169.254.169.254";

/** Throws a `TypeError` for an endpoint that is no `http:` URL. */
export function createImds({ endpoint, allowV1 }: ImdsOptions): Imds {
  const session = new Session(parseImdsEndpoint(endpoint), allowV1);
  return {
    get: (path, signal) => new Question(session, signal).get(path),
    identity: (roleTagKey, signal) => answerTo(session, signal, (ask) => identity(ask, roleTagKey)),
    lifecycle: (signal) => answerTo(session, signal, lifecycle),
  };
}

/** Takes an endpoint apart; throws a `TypeError` that says what is wrong with it. */
export function parseImdsEndpoint(endpoint: string): { target: Target; base: string } {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url?.protocol !== "http:" || url.hostname === "") {
    throw new TypeError(
      `The metadata endpoint "${
        quote(endpoint)
      }" is no http:// address; leave it out, or give one ` +
        `like ${IMDS_ENDPOINT_DEFAULT} or http://[fd00:ec2::254]`,
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
/** For whatever was asked, retries included. */
const TOTAL_DEADLINE_MS = 30_000;
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
class Session {
  readonly #target: Target;
  readonly #base: string;
  readonly #allowV1: boolean;
  #token: Promise<SessionToken> | null = null;

  constructor({ target, base }: { target: Target; base: string }, allowV1: boolean) {
    this.#target = target;
    this.#base = base;
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
        throw errorOf(`read ${path}`, this.#target, answer);
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
        if (!/^[\x21-\x7e]{1,1024}$/.test(text)) throw malformed("api/token", text);
        return { text, usableMs };
      }
      // A service that knows version 1 only answers something, or drops what it does not know.
      if (this.#allowV1 && (answer.ok || attempt > 0)) return { text: null, usableMs };
      if (!isPassing(answer) || !await rest(attempt, endMs, signal)) {
        throw errorOf("get a session token", this.#target, answer);
      }
    }
  }

  #exchange(
    method: "GET" | "PUT",
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer<Reply>> {
    return exchange(
      this.#target,
      { method, path: `${this.#base}/latest/${path}`, headers },
      { deadlineMs: TRY_DEADLINE_MS, bytesMax: BODY_BYTES_MAX, signal },
    );
  }
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
  if (/html/i.test(reply.headers.get("content-type") ?? "")) throw malformed(path, reply.body);
  return reply.body;
}

function malformed(path: string, text: string): ImdsError {
  const message = `Cannot use what IMDS answers for ${path}: "${quote(text, 60)}" is not what ` +
    "EC2 would say; is something else in front of it?";
  return new ImdsError({ kind: "malformed", message }, 200);
}

const REFUSALS = new Map<number, [kind: FaultKind, why: string]>([
  [401, ["no-metadata", "it answers 401, as for a session token that is not valid"]],
  [403, ["no-metadata", "it answers 403: IMDS is turned off for this instance (HttpEndpoint)"]],
  [404, ["no-metadata", "it has no such entry; is this an EC2 instance?"]],
  [429, ["throttled", "it answers 429: too many requests"]],
  [503, ["throttled", "it answers 503: too many requests"]],
]);

function errorOf(intent: string, target: Target, answer: Answer<Reply>): ImdsError {
  const place = target.kind === "tcp" ? target.hostname : target.path;
  const start = `Cannot ${intent} from IMDS (${place})`;
  if (!answer.ok) {
    const { kind, message } = answer.fault;
    if (kind === "malformed") return new ImdsError({ kind, message: `${start}: ${message}` }, null);
    const advice = "is this an EC2 instance, is IMDS on (HttpEndpoint), and its hop limit high " +
      "enough for where this runs?";
    return new ImdsError({ kind, message: `${start}: ${message}; ${advice}` }, null);
  }
  const { status } = answer.value;
  const [kind, why] = REFUSALS.get(status) ??
    [status >= 500 ? "unreachable" : "malformed", `it answers ${status}`];
  return new ImdsError({ kind, message: `${start}: ${why}` }, status);
}

type Check = (text: string) => boolean;

const isMac = like(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
const isVpc = like(/^vpc-[0-9a-z]+$/);
const isPartition = like(/^aws[a-z-]*$/);
const isLifecycle = like(/^[A-Za-z:]{1,64}$/);

function like(pattern: RegExp): Check {
  return (text) => pattern.test(text);
}

const DOCUMENT_PATH = "dynamic/instance-identity/document";
const MACS_PATH = "meta-data/network/interfaces/macs/";

/** The reads that one question takes: they share its time, and all end when one of them fails. */
class Question {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #endMs = performance.now() + TOTAL_DEADLINE_MS;

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
  }

  get(path: string): Promise<string> {
    return this.#session.get(path, this.#signal, this.#endMs);
  }

  async text(path: string, isFit: Check): Promise<string> {
    const text = (await this.get(path)).trim();
    if (!isFit(text)) throw malformed(path, text);
    return text;
  }

  async lines(path: string, isFit: Check): Promise<string[]> {
    const lines = (await this.get(path)).split(/\s+/).filter((line) => line !== "");
    if (!lines.every(isFit)) throw malformed(path, lines.join(" "));
    return lines;
  }
}

async function answerTo<T>(
  session: Session,
  signal: AbortSignal,
  read: (ask: Question) => Promise<T>,
): Promise<Answer<T>> {
  const failed = new AbortController();
  try {
    const ask = new Question(session, AbortSignal.any([signal, failed.signal]));
    return { ok: true, value: await read(ask) };
  } catch (error) {
    if (error instanceof ImdsError) return { ok: false, fault: error.fault };
    throw error;
  } finally {
    failed.abort();
  }
}

async function identity(ask: Question, roleTagKey: string): Promise<Identity> {
  const [document, address, vpc, interfaces, partition, roleTag] = await Promise.all([
    ask.get(DOCUMENT_PATH).then(parseDocument),
    primaryAddress(ask),
    vpcOf(ask),
    interfacesOf(ask),
    orNull(ask.text("meta-data/services/partition", isPartition)),
    roleTagOf(ask, roleTagKey),
  ]);
  const all = (name: keyof OfInterface): string[] => interfaces.flatMap((one) => one[name] ?? []);
  const ranges = [...all("vpc-ipv4-cidr-blocks"), ...all("vpc-ipv6-cidr-blocks")];
  const addresses = [...all("local-ipv4s"), ...all("ipv6s")];
  return {
    ...document,
    partition: partition ?? partitionOf(document.region),
    vpc,
    address: normalAddress(address),
    addresses: unique([address, ...addresses].map(normalAddress)),
    publicAddresses: unique(all("public-ipv4s")),
    vpcRanges: ranges.length === 0 ? null : unique(ranges),
    roleTag,
  };
}

function lifecycle(ask: Question): Promise<Lifecycle> {
  return orNull(ask.text("meta-data/autoscaling/target-lifecycle-state", isLifecycle));
}

/** On an IPv6-only subnet EC2 gives no IPv4 address: then the first IPv6 address of the primary interface. */
async function primaryAddress(ask: Question): Promise<string> {
  const ipv4 = ask.text("meta-data/local-ipv4", isIpv4);
  const [inUse, ipv6] = await Promise.all([
    orNull(ipv4),
    orNull(ask.text("meta-data/ipv6", isIpv6)),
  ]);
  return inUse ?? ipv6 ?? await ipv4;
}

/** The VPC of the primary interface. */
async function vpcOf(ask: Question): Promise<string> {
  const mac = await ask.text("meta-data/mac", isMac);
  return await ask.text(`${MACS_PATH}${mac}/vpc-id`, isVpc);
}

/** What is read of each interface. EC2 has no entry for what there is none of. */
const ENTRIES = {
  "local-ipv4s": isIpv4,
  "ipv6s": isIpv6,
  "public-ipv4s": isIpv4,
  "vpc-ipv4-cidr-blocks": isRange,
  "vpc-ipv6-cidr-blocks": isRange,
} satisfies Record<string, Check>;
type OfInterface = { [Name in keyof typeof ENTRIES]?: string[] | null };

async function interfacesOf(ask: Question): Promise<OfInterface[]> {
  const macs = await ask.lines(MACS_PATH, like(/^[0-9a-f:]{17}\/?$/));
  return await Promise.all(macs.map(async (mac) => {
    const under = `${MACS_PATH}${mac.replace("/", "")}`;
    const asked = Object.entries(ENTRIES).map(async ([name, isFit]) => [
      name,
      await orNull(ask.lines(`${under}/${name}`, isFit)),
    ]);
    return Object.fromEntries(await Promise.all(asked));
  }));
}

function unique(texts: string[]): string[] {
  return [...new Set(texts)];
}

/** Null: the instance has no such tag, or its tags are not shown here (`InstanceMetadataTags`). */
async function roleTagOf(ask: Question, key: string): Promise<string | null> {
  // EC2 shows no tags at all here on an instance with a key of other characters.
  if (!/^[\w+\-=.,:@]+$/.test(key)) return null;
  return await orNull(ask.get(`meta-data/tags/instance/${key}`));
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ImdsError && error.status === 404) return null;
    throw error;
  }
}

function parseDocument(text: string): { instance: string; account: string; region: string } {
  const document = parseJson(text);
  const field = (name: string, pattern: RegExp): string => {
    const value = isObject(document) ? document[name] : undefined;
    if (typeof value !== "string" || !pattern.test(value)) throw malformed(DOCUMENT_PATH, text);
    return value;
  };
  return {
    instance: field("instanceId", /^i-[0-9a-z]+$/),
    account: field("accountId", /^\d{12}$/),
    region: field("region", /^[a-z]{2,}(?:-[a-z]+)+-\d+$/),
  };
}

/** The partitions whose regions begin with a name of their own. */
const PARTITIONS: [prefix: string, partition: string][] = [
  ["cn-", "aws-cn"],
  ["us-gov-", "aws-us-gov"],
  ["us-iso-", "aws-iso"],
  ["us-isob-", "aws-iso-b"],
  ["eu-isoe-", "aws-iso-e"],
  ["us-isof-", "aws-iso-f"],
  ["eusc-", "aws-eusc"],
];

/** For endpoints that are older than `services/partition`. */
function partitionOf(region: string): string {
  return PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "aws";
}
