/**
 * The instance metadata service, version 2 and, where allowed, version 1. Who asks is a function of
 * the connection, so that one server can stand at 169.254.169.254 for many instances.
 *
 * Source: "Use instance metadata" in the EC2 User Guide.
 */
import type { Exchange, Reply } from "./http.ts";
import type { Credentials } from "./sigv4.ts";
import { BASE36, randomText, type Wire } from "./wire.ts";

export interface ImdsInterface {
  mac: string;
  /** Private IPv4 addresses; none on an IPv6-only subnet. */
  addresses: string[];
  ipv6?: string[];
  publicAddresses?: string[];
  /** The VPC's networks, of both versions. */
  vpcRanges?: string[];
  vpc: string;
  subnet: string;
}

/** What an instance gets to know about itself. May be changed while it is served. */
export interface ImdsInstance {
  /** The name in the journal. */
  node: string;
  instance: string;
  account: string;
  region: string;
  partition: string;
  /** The primary private one: IPv4, or IPv6 on an IPv6-only subnet. */
  address: string;
  interfaces: ImdsInterface[];
  /** Null: the instance has no role. */
  role: { name: string; credentials: Credentials; expiresMs?: number } | null;
  /** Null: access to tags is off, as it is unless asked for. */
  tags: Map<string, string> | null;
  /** What Auto Scaling wants of it (`Terminated`); null: not in an Auto Scaling group. */
  lifecycle: string | null;
  /** The action of a spot notice (`terminate`); none: it was not given notice. */
  spot?: string | null;
  /** What it is; else a t3.small on demand, in the region's first zone. */
  placement?: { zone: string; type: string; lifecycle: string };
  /** Whether requests without a session token are answered, as version 1 does. */
  v1: boolean;
}

const TOKEN_HEADER = "x-aws-ec2-metadata-token";
const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";
const TTL_SECONDS_MAX = 21_600;

/** Answers one request; `whoAsks` null: no instance has that address, and nothing is answered. */
export function imdsHandler(
  wire: Wire,
  whoAsks: (exchange: Exchange) => ImdsInstance | null,
): (exchange: Exchange) => Promise<Reply> {
  const tokens = new Map<string, { instance: string; untilMs: number }>();
  return async (exchange) => {
    const asker = whoAsks(exchange);
    if (asker === null) return { kind: "silence" };
    return await wire.handle(
      {
        service: "imds",
        node: asker.node,
        action: `${exchange.method} ${exchange.path}`,
        write: false,
      },
      { throttled: () => text(503, ""), denied: () => page(403, "Forbidden") },
      () => answer(exchange, asker, tokens),
    );
  };
}

/** All paths under `/latest/` with their values, which is also what directories are made of. */
export function imdsTree(asker: ImdsInstance): Map<string, string> {
  const { zone, type, lifecycle } = asker.placement ??
    { zone: `${asker.region}a`, type: "t3.small", lifecycle: "on-demand" };
  const tree = new Map<string, string>([
    ["dynamic/instance-identity/document", identityDocument(asker, zone, type)],
    ["meta-data/instance-id", asker.instance],
    ["meta-data/instance-life-cycle", lifecycle],
    ["meta-data/instance-type", type],
    ["meta-data/local-hostname", `ip-${asker.address.replaceAll(/[.:]/g, "-")}.ec2.internal`],
    ["meta-data/mac", asker.interfaces[0]?.mac ?? ""],
    ["meta-data/placement/availability-zone", zone],
    ["meta-data/placement/region", asker.region],
    [
      "meta-data/services/domain",
      asker.partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com",
    ],
    ["meta-data/services/partition", asker.partition],
  ]);
  if (!asker.address.includes(":")) tree.set("meta-data/local-ipv4", asker.address);
  const [ipv6] = asker.interfaces[0]?.ipv6 ?? [];
  if (ipv6 !== undefined) tree.set("meta-data/ipv6", ipv6);
  for (const [number, one] of asker.interfaces.entries()) {
    const under = `meta-data/network/interfaces/macs/${one.mac}`;
    const { addresses, ipv6 = [], publicAddresses = [], vpcRanges = [] } = one;
    const lists = {
      "local-ipv4s": addresses,
      ipv6s: ipv6,
      "public-ipv4s": publicAddresses,
      "vpc-ipv4-cidr-blocks": vpcRanges.filter((range) => !range.includes(":")),
      "vpc-ipv6-cidr-blocks": vpcRanges.filter((range) => range.includes(":")),
    };
    for (const [name, list] of Object.entries(lists)) {
      // There is no entry for what there is none of.
      if (list.length > 0) tree.set(`${under}/${name}`, list.join("\n"));
    }
    tree.set(`${under}/device-number`, `${number}`);
    tree.set(`${under}/mac`, one.mac);
    tree.set(`${under}/owner-id`, asker.account);
    tree.set(`${under}/subnet-id`, one.subnet);
    tree.set(`${under}/vpc-id`, one.vpc);
  }
  if (asker.role !== null) {
    tree.set(
      `meta-data/iam/security-credentials/${asker.role.name}`,
      credentialsDocument(asker.role),
    );
  }
  for (const [key, value] of asker.tags ?? []) tree.set(`meta-data/tags/instance/${key}`, value);
  if (asker.lifecycle !== null) {
    tree.set("meta-data/autoscaling/target-lifecycle-state", asker.lifecycle);
  }
  if (asker.spot) {
    const notice = { action: asker.spot, time: seconds(Date.now() + 120_000) };
    tree.set("meta-data/spot/instance-action", JSON.stringify(notice));
  }
  return tree;
}

function answer(
  exchange: Exchange,
  asker: ImdsInstance,
  tokens: Map<string, { instance: string; untilMs: number }>,
): Reply {
  if (exchange.path === "/latest/api/token") return tokenFor(exchange, asker, tokens);
  if (exchange.method !== "GET") return page(405, "Method Not Allowed");
  const token = exchange.headers.get(TOKEN_HEADER);
  const known = tokens.get(token ?? "");
  const isKnown = known !== undefined && known.instance === asker.instance &&
    known.untilMs > Date.now();
  const isV1 = asker.v1 && token === null;
  if (!isKnown && !isV1) return page(401, "Unauthorized");
  const found = lookUp(imdsTree(asker), exchange.path);
  return found === null ? page(404, "Not Found") : text(200, found);
}

function tokenFor(
  exchange: Exchange,
  asker: ImdsInstance,
  tokens: Map<string, { instance: string; untilMs: number }>,
): Reply {
  if (exchange.method !== "PUT") return page(405, "Method Not Allowed");
  // A request that came through a proxy is not from the instance itself.
  if (exchange.headers.has("x-forwarded-for")) return page(403, "Forbidden");
  const seconds = Number(exchange.headers.get(TTL_HEADER) ?? "");
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > TTL_SECONDS_MAX) {
    return page(400, "Bad Request");
  }
  const token = `AQAE${randomText(52, BASE36)}`;
  tokens.set(token, { instance: asker.instance, untilMs: Date.now() + seconds * 1_000 });
  return text(200, token, { [TTL_HEADER]: `${seconds}` });
}

/** A value, or the names below a directory: one a line, those of directories with a slash. */
function lookUp(tree: Map<string, string>, path: string): string | null {
  const below = /^\/latest\/(.*)$/.exec(path)?.[1]?.replace(/\/$/, "");
  if (below === undefined) return null;
  const value = tree.get(below);
  if (value !== undefined) return value;
  const names = new Set<string>();
  for (const key of tree.keys()) {
    if (!key.startsWith(`${below}/`)) continue;
    const rest = key.slice(below.length + 1);
    const slash = rest.indexOf("/");
    names.add(slash < 0 ? rest : rest.slice(0, slash + 1));
  }
  return names.size === 0 ? null : [...names].toSorted().join("\n");
}

function identityDocument(asker: ImdsInstance, zone: string, type: string): string {
  return JSON.stringify(
    {
      accountId: asker.account,
      architecture: "x86_64",
      availabilityZone: zone,
      billingProducts: null,
      devpayProductCodes: null,
      marketplaceProductCodes: null,
      imageId: "ami-0123456789abcdef0",
      instanceId: asker.instance,
      instanceType: type,
      kernelId: null,
      pendingTime: "2026-01-01T00:00:00Z",
      privateIp: asker.address,
      ramdiskId: null,
      region: asker.region,
      version: "2017-09-30",
    },
    null,
    2,
  );
}

function credentialsDocument(role: NonNullable<ImdsInstance["role"]>): string {
  return JSON.stringify(
    {
      Code: "Success",
      LastUpdated: seconds(Date.now()),
      Type: "AWS-HMAC",
      AccessKeyId: role.credentials.accessKeyId,
      SecretAccessKey: role.credentials.secretAccessKey,
      Token: role.credentials.sessionToken,
      Expiration: seconds(role.expiresMs ?? Date.now() + 6 * 3_600_000),
    },
    null,
    2,
  );
}

function seconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function text(status: number, body: string, headers: Record<string, string> = {}): Reply {
  return {
    kind: "reply",
    status,
    headers: { "content-type": "text/plain", server: "EC2ws", ...headers },
    body,
  };
}

/** IMDS says no with a page. */
function page(status: number, title: string): Reply {
  return {
    kind: "reply",
    status,
    headers: { "content-type": "text/html", server: "EC2ws" },
    body: `<?xml version="1.0" encoding="iso-8859-1"?>\n<html><head><title>${status} - ${title}` +
      `</title></head><body><h1>${status} - ${title}</h1></body></html>\n`,
  };
}
