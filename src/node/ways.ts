/**
 * How requests get out to AWS: which certificates are trusted, and through which proxy. Only they: the
 * metadata, the Engine and the other nodes are near, and asked directly.
 */
import { isIp } from "../addresses.ts";
import type { Surroundings } from "../settings.ts";

/** The client that a request to this address is sent with; null: Deno's own will do. */
export type WayTo = (url: URL) => Deno.HttpClient | null;

/**
 * Throws a `TypeError` for certificates or a proxy that can't be used. Deno knows proxies from the
 * environment too; `main.ts` has taken them out of it, so that what counts is what is said here.
 */
export function createWays(
  { caCerts, proxies }: Pick<Surroundings, "caCerts" | "proxies">,
): WayTo {
  const clientBy = (proxy: string | null): Deno.HttpClient | null =>
    caCerts === null && proxy === null ? null : Deno.createHttpClient({
      ...(caCerts === null ? {} : { caCerts: [caCerts] }),
      ...(proxy === null ? {} : { proxy: { url: proxy } }),
    });
  const direct = clientBy(null);
  const https = proxies.https === null ? direct : clientBy(proxies.https);
  const http = proxies.http === null ? direct : clientBy(proxies.http);
  return (url) => {
    if (isExempt(url, proxies.none)) return direct;
    return url.protocol === "https:" ? https : http;
  };
}

/**
 * Whether `NO_PROXY` names this address, as curl, Go and AWS's own tools read it: a name stands for itself
 * and all below it, with or without a dot or `*.` before it; an address for itself; a network for what is in
 * it; `*` for everything; and each for one port only, if it names one.
 */
function isExempt({ hostname, port, protocol }: URL, none: readonly string[]): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const itsPort = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return none.some((word) => {
    if (word === "*") return true;
    if (word.includes("/")) return isInNetwork(host, word);
    const [, inBrackets, plain, wantedPort] =
      /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*))(?::(\d+))?$/.exec(word.toLowerCase()) ?? [];
    const name = (inBrackets ?? plain ?? "").replace(/^\*?\./, "");
    if (name === "" || (wantedPort !== undefined && wantedPort !== itsPort)) return false;
    return host === name || (!isIp(host) && host.endsWith(`.${name}`));
  });
}

/** Of IPv4 only: AWS's endpoints have names, and what else is near is listed by its address. */
function isInNetwork(host: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  const [a, b] = [numberOf(host), numberOf(base)];
  if (a === null || b === null || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(a / size) === Math.floor(b / size);
}

function numberOf(ip: string): number | null {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(ip)) return null;
  return ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
