/**
 * The instance metadata service: who this instance is, and (for `tokens/`) its credentials.
 *
 * Speaks version 2 (a session token from a PUT, sent with every GET). This is the one edge with
 * retries of its own: early in a boot IMDS refuses connections, answers 401 or not at all for some
 * seconds, and nothing can be decided before.
 *
 * Paths and formats: AWS, "Instance metadata categories" and "Use the Instance Metadata Service".
 */
import { isIpv4, isIpv6, isRange, normalAddress } from "./addresses.ts";
import { isObject, parseJson } from "./json.ts";
import { ImdsError, notMetadata, parseImdsEndpoint, Session } from "./imds/session.ts";
import type { Lifecycle } from "./shown.ts";
import type { Answer, Identity } from "./state.ts";

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

interface ImdsOptions {
  /** `http://169.254.169.254`, `http://[fd00:ec2::254]`: no path needed. Of several whichever answers. */
  endpoints: readonly string[];
  /** Whether to read without a session token where none is to be had. */
  allowV1: boolean;
}

/** Throws a `TypeError` for an endpoint that is no `http:` URL. */
export function createImds({ endpoints, allowV1 }: ImdsOptions): Imds {
  const session = new Session(endpoints.map(parseImdsEndpoint), allowV1);
  return {
    get: (path, signal) => new Question(session, signal).get(path),
    identity: (roleTagKey, signal) => answerTo(session, signal, (ask) => identity(ask, roleTagKey)),
    lifecycle: (signal) => answerTo(session, signal, lifecycle),
  };
}

/** For whatever was asked, retries included. */
const TOTAL_DEADLINE_MS = 30_000;

type Check = (text: string) => boolean;

const isMac = like(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
const isVpc = like(/^vpc-[0-9a-z]+$/);
const isPartition = like(/^aws[a-z-]*$/);
const isWord = like(/^[a-z-]{1,64}$/);
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
    if (!isFit(text)) throw notMetadata(path, text);
    return text;
  }

  async lines(path: string, isFit: Check): Promise<string[]> {
    const lines = (await this.get(path)).split(/\s+/).filter((line) => line !== "");
    if (!lines.every(isFit)) throw notMetadata(path, lines.join(" "));
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
  const [{ zone, type, ...document }, lifecycle, address, vpc, interfaces, partition, roleTag] =
    await Promise.all([
      ask.get(DOCUMENT_PATH).then(parseDocument),
      orNull(ask.text("meta-data/instance-life-cycle", isWord)),
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
    placement: { zone, type, lifecycle: lifecycle ?? "on-demand" },
  };
}

async function lifecycle(ask: Question): Promise<Lifecycle> {
  const [target, spot] = await Promise.all([
    orNull(ask.text("meta-data/autoscaling/target-lifecycle-state", isLifecycle)),
    orNull(ask.get(SPOT_PATH)),
  ]);
  return { target, spot: spot === null ? null : spotAction(spot) };
}

const SPOT_PATH = "meta-data/spot/instance-action";

/** `{"action": "terminate", "time": "…"}`, two minutes ahead. */
function spotAction(text: string): string {
  const notice = parseJson(text);
  const action = isObject(notice) ? notice["action"] : undefined;
  if (typeof action !== "string" || !isWord(action)) throw notMetadata(SPOT_PATH, text);
  return action;
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

function parseDocument(
  text: string,
): { instance: string; account: string; region: string; zone: string; type: string } {
  const document = parseJson(text);
  const field = (name: string, pattern: RegExp): string => {
    const value = isObject(document) ? document[name] : undefined;
    if (typeof value !== "string" || !pattern.test(value)) throw notMetadata(DOCUMENT_PATH, text);
    return value;
  };
  return {
    instance: field("instanceId", /^i-[0-9a-z]+$/),
    account: field("accountId", /^\d{12}$/),
    region: field("region", /^[a-z]{2,}(?:-[a-z]+)+-\d+$/),
    zone: field("availabilityZone", /^[a-z0-9-]+$/),
    type: field("instanceType", /^[\w.-]+$/),
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
