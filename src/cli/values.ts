/**
 * What people write as values of flags, read strictly: durations, addresses, pools, names, stores.
 *
 * Each parser returns its value, or throws `Unfit` with what is wrong and what would be right, as the
 * end of a sentence that begins with the flag's name.
 */
import { isIp, isIpv4, splitAddress, SWARM_PORT } from "../addresses.ts";
import { METRICS_FOLDERS } from "../settings.ts";
import type { Tag } from "../state.ts";

/** A value that can't be used; the message says why and gives an example. */
export class Unfit extends Error {}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
const UNIT_MS: { [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION_MS_MAX = 24 * 3_600_000;
const POOL_BITS_MAX = 24;

/** Milliseconds of a duration as Go writes it (`90s`, `1h30m`, `500ms`, `1.5m`): more than 0, at most a day. */
export function durationMs(text: string): number {
  if (!DURATION.test(text)) {
    throw new Unfit("not a duration; write 90s, 10m or 1h30m, for example");
  }
  let ms = 0;
  for (const [, count = "", unit = ""] of text.matchAll(DURATION_PART)) {
    ms += Number(count) * (UNIT_MS[unit] ?? NaN);
  }
  ms = Math.round(ms);
  if (ms <= 0) throw new Unfit("not more than 0; write 10m, for example");
  if (ms > DURATION_MS_MAX) throw new Unfit("more than a day (24h)");
  return ms;
}

/** The same, of a look at one's own Engine: it costs too much more often, and later is too late. */
export function intervalMs(text: string): number {
  const ms = durationMs(text);
  if (ms < 5_000 || ms > 600_000) throw new Unfit("not from 5s to 10m; write 30s, for example");
  return ms;
}

/** An IP address or the name of an interface; with `port`, also `:2377` behind it (IPv6 in brackets). */
export function address(allow: { port: boolean; unspecified: boolean }): (text: string) => string {
  return (text) => {
    const { host, port } = splitAddress(text);
    if (port !== null && !allow.port) {
      throw new Unfit("an address with a port; only an address is taken here, such as 10.0.0.5");
    }
    if (port !== null && port !== String(SWARM_PORT)) {
      throw new Unfit(`an address with port ${port}; the other nodes look on port ${SWARM_PORT}`);
    }
    if (!isIp(host) && !/^[A-Za-z][A-Za-z0-9._-]{0,14}$/.test(host)) {
      throw new Unfit(
        "neither an IP address nor the name of an interface; write 10.0.0.5 or ens5, for example",
      );
    }
    if (!allow.unspecified && /^[0.:]+$/.test(host)) {
      throw new Unfit("no address that another node could connect to");
    }
    return text;
  };
}

/** A network for overlays: IPv4 in CIDR notation, its host bits 0, a /24 or wider. */
export function pool(text: string): string {
  const [host = "", bitsText = "", ...rest] = text.split("/");
  const bits = Number(bitsText);
  if (rest.length > 0 || !isIpv4(host) || !/^\d{1,2}$/.test(bitsText) || bits > 32) {
    throw new Unfit(
      host.includes(":")
        ? "an IPv6 pool; the Engine takes IPv4 only, such as 10.20.0.0/16"
        : "not a network; write 10.20.0.0/16, for example",
    );
  }
  if (bits > POOL_BITS_MAX) {
    throw new Unfit(`smaller than the /${POOL_BITS_MAX} that the Engine gives to each network`);
  }
  const network = networkOf(ipv4Number(host), bits);
  if (network !== ipv4Number(host)) {
    throw new Unfit(`not the beginning of its network; write ${ipv4Text(network)}/${bits}`);
  }
  return text;
}

/** The name of a cluster: it becomes part of other names in AWS. */
export function clusterName(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) {
    throw new Unfit("not a name of 1 to 64 letters, digits, dots, underscores and hyphens");
  }
  return text;
}

const TAG_TEXT = /^[\p{L}\p{N} _.:/=+@-]*$/u;

/** The key of an EC2 tag that is read: AWS's own (`aws:…`) are as good as others. */
export function tagKey(text: string): string {
  if (text === "" || text.length > 128 || !TAG_TEXT.test(text) || text.trim() !== text) {
    throw new Unfit("not a tag's key: 1 to 128 letters, digits, spaces and _.:/=+-@");
  }
  return text;
}

/** The key of a tag that is written. */
export function ownTagKey(text: string): string {
  if (/^aws:/i.test(text)) throw new Unfit("a key that AWS keeps for itself (aws:)");
  return tagKey(text);
}

/** `KEY=VALUE`; the key ends at the first `=`. */
export function tag(text: string): Tag {
  const at = text.indexOf("=");
  if (at === -1) throw new Unfit("not KEY=VALUE (a comma ends a value)");
  const value = text.slice(at + 1);
  if (value.length > 256 || !TAG_TEXT.test(value)) {
    throw new Unfit("not a tag's value: up to 256 letters, digits, spaces and _.:/=+-@");
  }
  return { key: ownTagKey(text.slice(0, at)), value };
}

/** An AWS account's number. */
export function account(text: string): string {
  if (!/^\d{12}$/.test(text)) throw new Unfit("not an AWS account's number of 12 digits");
  return text;
}

/** The UDP port of overlay traffic, in the range that the Engine takes. */
export function dataPathPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1024 || port > 49151) {
    throw new Unfit("not a port from 1024 to 49151");
  }
  return port;
}

export function oneOf<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((it) => it === text);
    if (choice === undefined) throw new Unfit(`not one of ${choices.join(", ")}`);
    return choice;
  };
}

/** The same whatever the case it is written in. */
export function oneOfAnyCase<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => oneOf(choices)(text.toLowerCase());
}

/** Words between commas or spaces. */
export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** `1`, `true`, `yes` or `on`, or their opposites: a switch in the environment. */
export function truth(text: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(text)) return true;
  if (/^(?:0|false|no|off)$/i.test(text)) return false;
  throw new Unfit("neither true nor false");
}

/** `true` or `false`, in any case, as AWS's own tools take it. */
export function awsTruth(text: string): boolean {
  if (!/^(?:true|false)$/i.test(text)) throw new Unfit("neither true nor false");
  return text.toLowerCase() === "true";
}

/** The path of a file to lock: where the program may write, on file systems that a boot empties. */
export function lockPath(text: string): string {
  const file = path(text);
  if (!/^\/(?:run|var\/run|tmp)\/./.test(file) || /\/\.{1,2}\//.test(file)) {
    throw new Unfit("not a file under /run or /tmp, the only places that swarm-join may write to");
  }
  return file;
}

/** The path of the file of metrics: where the program may write, and node_exporter looks. */
export function metricsPath(text: string): string {
  const file = path(text);
  const folders = ["/run", "/tmp", ...METRICS_FOLDERS];
  if (!folders.some((folder) => file.startsWith(`${folder}/`)) || /\/\.{0,2}\//.test(file)) {
    throw new Unfit(
      `not a file below ${
        METRICS_FOLDERS.join(", ")
      }, /run or /tmp, where swarm-join may write it; ` +
        `write ${METRICS_FOLDERS[0]}/swarm-join.prom, for example`,
    );
  }
  if (!file.endsWith(".prom")) {
    throw new Unfit("not a name that ends in .prom: node_exporter reads no other file");
  }
  return file;
}

/** An http or https address of a service, without a slash at its end. */
export function endpoint(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Unfit("not the http:// or https:// address of a service");
  }
  if (url.username !== "" || url.password !== "") throw new Unfit("an address with a password");
  return text.replace(/\/+$/, "");
}

/** The same for the instance metadata, which are served over http only. */
export function metadataEndpoint(text: string): string {
  if (!text.startsWith("http://")) throw new Unfit("not an http:// address");
  return endpoint(text);
}

/** An http or https address of a proxy, perhaps with a name and a password. */
export function proxy(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new Unfit("not the http:// or https:// address of a proxy; write http://10.0.0.9:3128");
  }
  return url.href;
}

/** The path of the Engine's socket in a `DOCKER_HOST`. */
export function socketPath(text: string): string {
  if (!text.startsWith("unix://")) {
    throw new Unfit(
      "not the Engine of this machine; swarm-join talks to a local socket only, unix:///var/run/docker.sock",
    );
  }
  return path(text.slice("unix://".length));
}

export function region(text: string): string {
  if (!/^[a-z]{2,}(?:-[a-z]+)+-\d+$/.test(text)) {
    throw new Unfit("not a region; write eu-west-1, for example");
  }
  return text;
}

/** The name of a file to read. */
export function fileName(text: string): string {
  if (text === "" || text === "-" || text.includes("\0")) throw new Unfit("not a file's name");
  return text;
}

function path(text: string): string {
  if (!text.startsWith("/") || text.includes("\0") || text.endsWith("/")) {
    throw new Unfit("not an absolute path of a file");
  }
  return text;
}

function ipv4Number(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function ipv4Text(ip: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(ip / 2 ** shift) % 256).join(".");
}

function networkOf(ip: number, bits: number): number {
  const size = 2 ** (32 - bits);
  return Math.floor(ip / size) * size;
}
