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

/** An address without its port and brackets. */
export function hostOf(text: string): string {
  return splitAddress(text).host;
}

/** An address as the Engine's API takes it: with the swarm's port if it names none, IPv6 in brackets. */
export function withPort(text: string): string {
  const { host, port } = splitAddress(text);
  return `${host.includes(":") ? `[${host}]` : host}:${port ?? SWARM_PORT}`;
}

/** Whether this is an IP address, of either version, and not the name of an interface. */
export function isIp(text: string): boolean {
  return isIpv4(text) || (text.includes(":") && URL.canParse(`http://[${text}]/`));
}

/** Whether these are four numbers from 0 to 255, none with a leading zero. */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((it) => /^(?:0|[1-9]\d{0,2})$/.test(it) && +it <= 255);
}
