/** AWS behind a proxy, with a certificate of the company's own: the compiled program gets there if it is told how. */
import assert from "node:assert/strict";
import { CA_PEM, type Front, serveProxy, serveTls } from "../support/tls.ts";
import type { Lab, LabNode } from "./lab.ts";
import type { RunResult } from "./process.ts";
import { labTest, nodeNamed, withLab } from "./with_lab.ts";

for (const store of ["tags", "s3"] as const) {
  for (const from of ["environment", "file"] as const) {
    labTest(
      `${store}: all of AWS, and nothing else, goes by the proxy that the ${from} names`,
      async () => {
        await withWay(store, async ({ lab, node, proxy, settings }) => {
          // Whoever asked this one for the metadata, which are http, would get no answer.
          const all = { ...settings, HTTP_PROXY: settings.HTTPS_PROXY };
          const result = await ran(lab, node, from, all);
          assert.equal(result.exit, 0, result.stderr);
          const asked = new Set(proxy.heads.map((head) => head.split("\r\n")[0]));
          assert.deepEqual(asked, new Set(["CONNECT aws.test:443 HTTP/1.1"]));
        });
      },
    );
  }
}

labTest(
  "what NO_PROXY names in the file is asked directly, although the environment names a proxy",
  async () => {
    await withWay("tags", async ({ lab, node, proxy, settings: { HTTPS_PROXY } }) => {
      const file = `${lab.directory}/settings`;
      Deno.writeTextFileSync(file, `NO_PROXY=${new URL(lab.endpoint).hostname}\n`);
      const env = { HTTPS_PROXY, HTTP_PROXY: HTTPS_PROXY, SWARM_JOIN_CONFIG: file };
      const result = await lab.run(node, ["--json", "--timeout", "60s"], env);
      assert.equal(result.exit, 0, result.stderr);
      assert.deepEqual(proxy.heads, []);
    });
  },
);

labTest("whose certificate nobody knows is not talked to, and the reason says so", async () => {
  await withWay("tags", async ({ lab, node, settings: { AWS_CA_BUNDLE: _, ...settings } }) => {
    const result = await ran(lab, node, "environment", settings, "5s");
    assert.equal(result.exit, 3, result.stderr);
    assert.match(String(result.report?.because), /UnknownIssuer/);
    assert.equal(lab.wire.count({}).get("DescribeInstances"), undefined);
  });
});

labTest("certificates that can't be read end a run before it begins", async () => {
  await withWay("tags", async ({ lab, node, settings }) => {
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    Deno.writeTextFileSync(settings.AWS_CA_BUNDLE, broken);
    const result = await ran(lab, node, "environment", settings);
    assert.equal(result.exit, 2);
    assert.match(result.stderr, /the certificates of AWS_CA_BUNDLE .* can't be used/);
    assert.equal(lab.wire.calls.length, 0);
  });
});

interface Way {
  lab: Lab;
  node: LabNode;
  proxy: Front;
  /** How to get to AWS, which is at a name that no resolver knows. */
  settings: { AWS_ENDPOINT_URL: string; AWS_CA_BUNDLE: string; HTTPS_PROXY: string };
}

async function withWay(store: "tags" | "s3", test: (way: Way) => Promise<void>): Promise<void> {
  await withLab({ store, managers: 1 }, async (lab) => {
    const { hostname, port } = new URL(lab.endpoint);
    using tls = serveTls({ hostname, port: Number(port) });
    using proxy = serveProxy({ hostname: "127.0.0.1", port: tls.port });
    const AWS_CA_BUNDLE = `${lab.directory}/ca.pem`;
    Deno.writeTextFileSync(AWS_CA_BUNDLE, CA_PEM);
    const settings = {
      AWS_ENDPOINT_URL: "https://aws.test",
      AWS_CA_BUNDLE,
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    };
    await test({ lab, node: nodeNamed(lab, "manager-1"), proxy, settings });
  });
}

async function ran(
  lab: Lab,
  node: LabNode,
  from: "environment" | "file",
  settings: Record<string, string>,
  timeout = "60s",
): Promise<RunResult> {
  const file = `${lab.directory}/settings`;
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
  Deno.writeTextFileSync(file, lines.join(""));
  // An empty variable counts as unset: the lab itself has set this one.
  const env = from === "file" ? { AWS_ENDPOINT_URL: "", SWARM_JOIN_CONFIG: file } : settings;
  return await lab.run(node, ["--json", "--timeout", timeout], env);
}
