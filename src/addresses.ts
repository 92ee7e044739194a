/**
 * Addresses as people and the Engine write them: an IP address or an interface's name, with or without
 * a port. The one reader of `host:port`; whoever compares, shows or sends an address asks here.
 */

/** The port on which managers let nodes in and find each other; members are looked for on this one only. */
export const SWARM_PORT = 2377;

/**
 * The two parts of `10.0.0.5:2377`, `[fd00::5]:2377` or `ens5:2377`. A port of null: none is written
 * (`10.0.0.5`, `fd00::5`, `[fd00::5]`). The host is without brackets; nothing is checked.
 */
export function splitAddress(text: string): { host: string; port: string | null } {
  const [, bracketed, behind] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? [];
  if (bracketed !== undefined) return { host: bracketed, port: behind ?? null };
  const [host = "", port, ...more] = text.split(":");
  return port === undefined || more.length > 0 ? { host: text, port: null } : { host, port };
}

/** An address without its port and brackets, in its one spelling: what addresses are compared by. */
export function hostOf(text: string): string {
  return normalAddress(splitAddress(text).host);
}

/**
 * The one spelling of an IP address: `FD00:0:0::5` is `fd00::5`, and `::ffff:10.0.0.5` is `10.0.0.5`, as
 * the Engine writes them. Of anything else the text as it is.
 */
export function normalAddress(text: string): string {
  if (!isIpv6(text)) return text;
  const { hostname } = new URL(`http://[${text}]/`);
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname.slice(1, -1);
  return [high, low].map((it) => parseInt(it, 16)).flatMap((it) => [it >> 8, it & 255]).join(".");
}

/** An address as the Engine's API takes it: with the swarm's port if it names none, IPv6 in brackets. */
export function withPort(text: string): string {
  const { port } = splitAddress(text);
  const host = hostOf(text);
  return `${host.includes(":") ? `[${host}]` : host}:${port ?? SWARM_PORT}`;
}

/** Whether this is an IP address, of either version, and not the name of an interface. */
export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** Whether this is an IPv6 address, in any spelling, without a zone. */
export function isIpv6(text: string): boolean {
  return /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text) && URL.canParse(`http://[${text}]/`);
}

/** Whether these are four numbers from 0 to 255, none with a leading zero. */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((it) => /^(?:0|[1-9]\d{0,2})$/.test(it) && +it <= 255);
}

/** Whether this is a network in CIDR notation, of either version. */
export function isRange(text: string): boolean {
  const [host = "", bits = "", ...more] = text.split("/");
  const bitsMax = isIpv4(host) ? 32 : 128;
  return isIp(host) && more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax;
}

/** Whether two networks in CIDR notation have an address in common; none of different versions have. */
export function rangesOverlap(a: string, b: string): boolean {
  const [one, two] = [bitsOf(a), bitsOf(b)];
  return one.version === two.version &&
    (one.network.startsWith(two.network) || two.network.startsWith(one.network));
}

/** The bits that all addresses of a network begin with. */
function bitsOf(range: string): { version: 4 | 6; network: string } {
  const [host = "", length] = range.split("/");
  const address = normalAddress(host);
  const parts = isIpv4(address) ? address.split(".") : groupsOf(address);
  const [base, width] = isIpv4(address) ? [10, 8] : [16, 16];
  const bits = parts.map((it) => parseInt(it, base).toString(2).padStart(width, "0")).join("");
  return { version: isIpv4(address) ? 4 : 6, network: bits.slice(0, Number(length)) };
}

/** All eight groups of an IPv6 address in its one spelling. */
function groupsOf(address: string): string[] {
  const [head = [], tail = []] = address.split("::").map((it) => it.split(":").filter(Boolean));
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
}
