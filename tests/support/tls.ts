/**
 * A TLS server whose certificate nobody knows but who is given `CA_PEM`, and a proxy: what stands between a
 * node and AWS in some companies.
 */

/** Made for these tests; its own key was thrown away. */
export const CA_PEM = `-----BEGIN CERTIFICATE-----
MIIBoTCCAUegAwIBAgIUMpg5HTYJdbuSUrRHOCYNiSMON+IwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSc3dhcm0tam9pbiB0ZXN0IENBMCAXDTI2MTEyNjE3NDkzMFoY
DzIxMjYxMTAyMTc0OTMwWjAdMRswGQYDVQQDDBJzd2FybS1qb2luIHRlc3QgQ0Ew
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASFEpvIMYauDBk77FDBOJp8Syopefqq
5aREjLo1dJG2oomdG2shkNmuXsFkVeU51wFOHzFA2NwOXWJ19iATi3j+o2MwYTAd
BgNVHQ4EFgQUHoYEiV3Ecqp4HSjZk/gtkbfeWigwHwYDVR0jBBgwFoAUHoYEiV3E
cqp4HSjZk/gtkbfeWigwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQw
CgYIKoZIzj0EAwIDSAAwRQIgcTf276bvuR1M75RkRbtFCEGsDdsLrJmdS5fldFcM
foECIQDJEvR8UfK9XozDHXApv7zqtRbKLHZG8Z64zXFHQxL+tw==
-----END CERTIFICATE-----
`;

/** For localhost, 127.0.0.1 and all below aws.test, for a hundred years. */
const CERTIFICATE_PEM = `-----BEGIN CERTIFICATE-----
MIIBuTCCAV6gAwIBAgIBAjAKBggqhkjOPQQDAjAdMRswGQYDVQQDDBJzd2FybS1q
b2luIHRlc3QgQ0EwIBcNMjYxMTI2MTc0OTMwWhgPMjEyNjExMDIxNzQ5MzBaMBQx
EjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOiu
t7GhJSZRlCjxpWX5UmpszOK98gs6ihiL9pWH06dmrt958POReroS4rqnMFP6/1eu
RT+3YfY28VsCr0SH3UqjgZUwgZIwMAYDVR0RBCkwJ4IJbG9jYWxob3N0gghhd3Mu
dGVzdIIKKi5hd3MudGVzdIcEfwAAATAJBgNVHRMEAjAAMBMGA1UdJQQMMAoGCCsG
AQUFBwMBMB0GA1UdDgQWBBSe9fm9oiEKkbja00C0DyQnqqrJyTAfBgNVHSMEGDAW
gBQehgSJXcRyqngdKNmT+C2Rt95aKDAKBggqhkjOPQQDAgNJADBGAiEAvkjjFRNC
ZLEL5a8nfyFGUtXlVoJO9mTdxSztPPFK3bsCIQCM+ovloYFg//We4ZgzIow77lix
6H+NrUOCzAF+/ZC9pQ==
-----END CERTIFICATE-----
`;

/** Of that certificate; it protects nothing. */
const KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFdqyTW9y5iK6ne4J
Ofj/R1j2pBmEpneZb5U8QdbosiChRANCAATorrexoSUmUZQo8aVl+VJqbMzivfIL
OooYi/aVh9OnZq7fefDzkXq6EuK6pzBT+v9XrkU/t2H2NvFbAq9Eh91K
-----END PRIVATE KEY-----
`;

export interface Front {
  port: number;
  /** What was asked of it: of a proxy the heads of the requests, of a TLS server nothing. */
  heads: string[];
  [Symbol.dispose](): void;
}

interface Place {
  hostname: string;
  port: number;
}

/** Hands on what comes by TLS to `target`, without it. */
export function serveTls(target: Place): Front {
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: CERTIFICATE_PEM,
    key: KEY_PEM,
  });
  return front(listener, [], async (inner) => pipe(inner, await Deno.connect(target)));
}

/** Hands on what is asked for with CONNECT, to `target` whatever its name; all else it answers with 418. */
export function serveProxy(target: Place): Front {
  const heads: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return front(listener, heads, async (inner) => {
    const buffer = new Uint8Array(4096);
    const head = new TextDecoder().decode(buffer.subarray(0, await inner.read(buffer) ?? 0));
    heads.push(head);
    const isTunnel = head.startsWith("CONNECT ");
    const answer = isTunnel ? "200 OK" : "418 No tunnel\r\nContent-Length: 0\r\nConnection: close";
    await inner.write(new TextEncoder().encode(`HTTP/1.1 ${answer}\r\n\r\n`));
    if (isTunnel) pipe(inner, await Deno.connect(target));
    else inner.close();
  });
}

function front(
  listener: Deno.Listener<Deno.Conn>,
  heads: string[],
  serve: (inner: Deno.Conn) => Promise<void>,
): Front {
  (async () => {
    // Who does not trust the certificate hangs up.
    for await (const inner of listener) serve(inner).catch(() => inner.close());
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return { port, heads, [Symbol.dispose]: () => listener.close() };
}

function pipe(a: Deno.Conn, b: Deno.Conn): void {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    from.readable.pipeTo(to.writable).catch(() => {});
  }
}
