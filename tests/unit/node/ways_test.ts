/** How requests get out: whom they trust, and which go through a proxy. */
import assert from "node:assert/strict";
import { createWays, type WayTo } from "../../../src/node/ways.ts";
import { answer, serveRaw } from "../../support/raw_server.ts";
import { CA_PEM, serveProxy, serveTls } from "../../support/tls.ts";

const NO_PROXIES = { https: null, http: null, none: [] };

Deno.test("nothing said, nothing is of its own", () => {
  const wayTo = createWays({ caCerts: null, proxies: NO_PROXIES });
  assert.equal(wayTo(new URL("https://ec2.eu-west-1.amazonaws.com/")), null);
});

wayTest("a server is trusted by the certificates that were given, and else not", async () => {
  await using plain = serveRaw(() => answer(200, "hello"));
  using tls = serveTls({ hostname: "127.0.0.1", port: plain.port });
  const url = new URL(`https://localhost:${tls.port}/`);
  const trusting = createWays({ caCerts: CA_PEM, proxies: NO_PROXIES });
  assert.equal(await asked(trusting, url), "hello");
  const strict = createWays({ caCerts: null, proxies: NO_PROXIES });
  await assert.rejects(asked(strict, url), /UnknownIssuer/);
});

wayTest(
  "what is https goes through the proxy by a tunnel, with the name and password of its address",
  async () => {
    await using plain = serveRaw(() => answer(200, "hello"));
    using tls = serveTls({ hostname: "127.0.0.1", port: plain.port });
    using proxy = serveProxy({ hostname: "127.0.0.1", port: tls.port });
    const https = `http://me:p%40ss@127.0.0.1:${proxy.port}/`;
    const wayTo = createWays({ caCerts: CA_PEM, proxies: { ...NO_PROXIES, https } });
    assert.equal(await asked(wayTo, new URL("https://ec2.aws.test/")), "hello");
    const [head = ""] = proxy.heads;
    assert.match(head, /^CONNECT ec2\.aws\.test:443 /);
    assert.ok(head.includes(`Basic ${btoa("me:p@ss")}`), head);
    // Of http nothing was said.
    assert.equal(await asked(wayTo, new URL(`http://127.0.0.1:${plain.port}/`)), "hello");
    assert.equal(proxy.heads.length, 1);
  },
);

wayTest("what is http is asked of the proxy itself", async () => {
  using proxy = serveProxy({ hostname: "127.0.0.1", port: 1 });
  const http = `http://127.0.0.1:${proxy.port}/`;
  const wayTo = createWays({ caCerts: null, proxies: { ...NO_PROXIES, http } });
  assert.equal(await asked(wayTo, new URL("http://ec2.aws.test/a")), "");
  assert.match(proxy.heads[0] ?? "", /^GET http:\/\/ec2\.aws\.test\/a /);
});

const EXEMPT: [url: string, none: string[]][] = [
  ["https://ec2.eu-west-1.amazonaws.com", ["*"]],
  ["https://ec2.eu-west-1.amazonaws.com", ["amazonaws.com"]],
  ["https://ec2.eu-west-1.amazonaws.com", [".amazonaws.com"]],
  ["https://ec2.eu-west-1.amazonaws.com", ["*.amazonaws.com"]],
  ["https://ec2.eu-west-1.amazonaws.com", ["other", "EC2.eu-west-1.amazonaws.com"]],
  ["https://ec2.eu-west-1.amazonaws.com", ["amazonaws.com:443"]],
  ["http://ec2.eu-west-1.amazonaws.com", ["amazonaws.com:80"]],
  ["https://vpce.test:8443", ["vpce.test:8443"]],
  ["https://10.1.2.3", ["10.1.2.3"]],
  ["https://10.1.2.3:8443", ["10.0.0.0/8"]],
  ["https://10.1.2.3", ["0.0.0.0/0"]],
  ["https://[fd00::1]", ["fd00::1"]],
  ["https://[fd00::1]:8443", ["[fd00::1]:8443"]],
];
const NOT_EXEMPT: [url: string, none: string[]][] = [
  ["https://ec2.eu-west-1.amazonaws.com", []],
  ["https://ec2.eu-west-1.amazonaws.com", ["", ".", "169.254.169.254", "localhost"]],
  ["https://ec2.eu-west-1.amazonaws.com", ["aws.com", "eu-west-1"]],
  ["https://ec2.eu-west-1.amazonaws.com", ["amazonaws.com:8443"]],
  ["https://vpce.test:8443", ["vpce.test:443"]],
  ["https://10.1.2.3", ["10.1.2.0/33", "10.1.2.0/", "10.2.0.0/16", "1.2.3", "2.3"]],
  ["https://[fd00::1]", ["fd00::2", "[fd00::1]:8443", "fd00::/8"]],
];

for (const [rows, isExempt] of [[EXEMPT, true], [NOT_EXEMPT, false]] as const) {
  for (const [url, none] of rows) {
    wayTest(`${url} is asked ${isExempt ? "directly" : "by proxy"} with NO_PROXY=${none}`, () => {
      const proxy = "http://127.0.0.1:1/";
      const wayTo = createWays({ caCerts: null, proxies: { https: proxy, http: proxy, none } });
      assert.equal(wayTo(new URL(url)) === null, isExempt);
    });
  }
}

Deno.test("certificates that can't be read, and proxies that can't be used, throw", () => {
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.throws(() => createWays({ caCerts: broken, proxies: NO_PROXIES }), TypeError);
});

async function asked(wayTo: WayTo, url: URL): Promise<string> {
  const client = wayTo(url);
  const response = await fetch(url, client === null ? {} : { client });
  return await response.text();
}

/** Clients keep connections, which outlive a test. */
function wayTest(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}
