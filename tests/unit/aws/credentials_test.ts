/** Where credentials come from, how long they are used, and what a person is told when there are none. */
import assert from "node:assert/strict";
import { createImds } from "../../../src/imds.ts";
import { createCredentials, type Credentials } from "../../../src/aws/credentials.ts";
import { type Reply } from "../../emulators/http.ts";
import { answer, json, type RawServer, serveRaw } from "../../support/raw_server.ts";

const ROLE = { Code: "Success", AccessKeyId: "ASIA1", SecretAccessKey: "s1", Token: "t1" };
const FROM_ROLE = { accessKeyId: "ASIA1", secretAccessKey: "s1", sessionToken: "t1" };
const PATH = "/latest/meta-data/iam/security-credentials/";

interface World {
  credentials: Credentials;
  server: RawServer;
  /** How often the role's credentials were read. */
  reads: () => number;
  later: (ms: number) => void;
}

async function within(
  { env = {}, role = json(200, ROLE), list = answer(200, "managers\n") }: {
    env?: Record<string, string>;
    role?: Reply;
    list?: Reply;
  },
  test: (world: World) => Promise<void>,
): Promise<void> {
  let nowMs = 0;
  await using server = serveRaw(({ method, path }) =>
    method === "PUT" ? answer(200, "session") : path === PATH ? list : role
  );
  const imds = createImds({ endpoints: [`http://127.0.0.1:${server.port}`], allowV1: false });
  const { signal } = new AbortController();
  const credentials = createCredentials({
    env: (name) => env[name],
    imds,
    signal,
    nowMs: () => nowMs,
  });
  await test({
    credentials,
    server,
    reads: () => server.requests.filter(({ path }) => path === `${PATH}managers`).length,
    later: (ms) => nowMs += ms,
  });
}

Deno.test("credentials: the environment's come first, and IMDS is not asked", async () => {
  const env = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "" };
  await within({ env }, async ({ credentials, server }) => {
    assert.deepEqual(await credentials.get(), {
      ok: true,
      value: { accessKeyId: "AKIA", secretAccessKey: "s" },
    });
    assert.equal(server.requests.length, 0);
  });
});

Deno.test("credentials: half a pair in the environment is a mistake, and no reason to use others", async () => {
  await within({ env: { AWS_ACCESS_KEY_ID: "AKIA" } }, async ({ credentials }) => {
    const given = await credentials.get();
    assert.ok(!given.ok);
    assert.match(given.fault.message, /^AWS_SECRET_ACCESS_KEY is not set/);
  });
});

Deno.test("credentials: the role's are read once for all that ask at the same time", async () => {
  await within({}, async ({ credentials, reads }) => {
    const given = await Promise.all([1, 2, 3].map(() => credentials.get()));
    for (const one of given) assert.deepEqual(one, { ok: true, value: FROM_ROLE });
    assert.equal(reads(), 1);
  });
});

Deno.test("credentials: the role's are read again after four minutes, or when AWS refused them", async () => {
  await within({}, async ({ credentials, reads, later }) => {
    await credentials.get();
    later(239_000);
    await credentials.get();
    assert.equal(reads(), 1);
    later(2_000);
    await credentials.get();
    assert.equal(reads(), 2);
    credentials.forget();
    await credentials.get();
    assert.equal(reads(), 3);
  });
});

const NONE = [
  {
    name: "no instance profile",
    list: answer(404, "<html>Not Found</html>"),
    kind: "no-role",
    says: /this instance has no IAM role; attach an instance profile/,
  },
  { name: "an empty list", list: answer(200, ""), kind: "no-role", says: /has no IAM role/ },
  {
    name: "a profile whose role can't be used",
    role: json(200, {
      Code: "AssumeRoleUnauthorizedAccess",
      Message: "EC2 cannot assume the role",
    }),
    kind: "no-role",
    says: /AssumeRoleUnauthorizedAccess: EC2 cannot assume the role.*trusts ec2\.amazonaws\.com/,
  },
  { name: "no JSON", role: answer(200, "{"), kind: "malformed", says: /no JSON/ },
  { name: "no keys in it", role: json(200, {}), kind: "malformed", says: /without credentials/ },
] as const;

for (const { name, kind, says, ...answers } of NONE) {
  Deno.test(`credentials: ${name} is ${kind}, and the next one who asks asks IMDS again`, async () => {
    await within(answers, async ({ credentials, server }) => {
      const given = await credentials.get();
      assert.ok(!given.ok);
      assert.equal(given.fault.kind, kind);
      assert.match(given.fault.message, says);
      const asked = server.requests.length;
      await credentials.get();
      assert.ok(server.requests.length > asked);
    });
  });
}
