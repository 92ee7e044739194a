/** `src/imds.ts` against real sockets: an instance's metadata, and everything that gets in its way. */
import assert from "node:assert/strict";
import { createImds, type Imds } from "../../src/imds.ts";
import { ImdsError, parseImdsEndpoint } from "../../src/imds/session.ts";
import type { Lifecycle } from "../../src/shown.ts";
import type { Answer, Fault, Identity } from "../../src/state.ts";
import { type Exchange, type Reply } from "../emulators/http.ts";
import { answer, closedPort, CUT, raw, serveRaw, SILENCE } from "../support/raw_server.ts";
import { lifecycle, ok } from "../support/observations.ts";

const never = new AbortController().signal;

const DOCUMENT = {
  accountId: "123456789012",
  availabilityZone: "eu-central-1b",
  instanceId: "i-0123456789abcdef0",
  instanceType: "m7i.large",
  privateIp: "10.0.0.7",
  region: "eu-central-1",
  version: "2017-09-30",
};

const MACS = "/latest/meta-data/network/interfaces/macs/";

/** What an instance with two interfaces shows. */
const INSTANCE: Record<string, string> = {
  "/latest/dynamic/instance-identity/document": JSON.stringify(DOCUMENT),
  "/latest/meta-data/mac": "0e:00:00:00:00:01",
  "/latest/meta-data/local-ipv4": "10.0.0.7",
  "/latest/meta-data/instance-life-cycle": "spot",
  "/latest/meta-data/services/partition": "aws",
  "/latest/meta-data/autoscaling/target-lifecycle-state": "InService",
  "/latest/meta-data/tags/instance/Role": "manager",
  [MACS]: "0e:00:00:00:00:01/\n0e:00:00:00:00:02/\n",
  [`${MACS}0e:00:00:00:00:01/vpc-id`]: "vpc-0a1b2c3d",
  [`${MACS}0e:00:00:00:00:01/local-ipv4s`]: "10.0.0.7\n10.0.0.8",
  [`${MACS}0e:00:00:00:00:02/local-ipv4s`]: "10.0.1.7",
};

const IDENTITY: Identity = {
  instance: "i-0123456789abcdef0",
  account: "123456789012",
  region: "eu-central-1",
  partition: "aws",
  vpc: "vpc-0a1b2c3d",
  address: "10.0.0.7",
  addresses: ["10.0.0.7", "10.0.0.8", "10.0.1.7"],
  publicAddresses: [],
  vpcRanges: null,
  roleTag: "manager",
  placement: { zone: "eu-central-1b", type: "m7i.large", lifecycle: "spot" },
};

const IDENTIFIED: Answer<Identity> = { ok: true, value: IDENTITY };

type Intercept = (request: Exchange, index: number) => Reply | undefined;

/** A strict version 2 service: every GET needs the token that a PUT gave. */
function instance(intercept: Intercept = () => undefined, shown = INSTANCE): typeof serving {
  return serving;

  function serving(request: Exchange, index: number): Reply {
    const other = intercept(request, index);
    if (other !== undefined) return other;
    if (request.method === "PUT" && request.path === "/latest/api/token") {
      const ttl = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds");
      return ttl === "21600" ? answer(200, "TOKEN==") : answer(400, "");
    }
    if (request.headers.get("x-aws-ec2-metadata-token") !== "TOKEN==") return answer(401, "");
    const text = shown[request.path];
    return text === undefined ? answer(404, "Not Found") : answer(200, text);
  }
}

function without(...paths: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(INSTANCE).filter(([path]) => !paths.includes(path)));
}

function client(port: number, allowV1 = false): Imds {
  return createImds({ endpoints: [`http://127.0.0.1:${port}`], allowV1 });
}

async function identify(
  handler: (request: Exchange, index: number) => Reply,
  { roleTag = "Role", allowV1 = false, signal = never } = {},
): Promise<{ result: Answer<Identity>; requests: Exchange[] }> {
  await using server = serveRaw(handler);
  const result = await client(server.port, allowV1).identity(roleTag, signal);
  return { result, requests: server.requests };
}

function faultOf(result: Answer<unknown>): Fault {
  assert.ok(!result.ok, "answered");
  return result.fault;
}

async function errorOf(promise: Promise<string>): Promise<ImdsError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ImdsError);
    return error;
  }
  assert.fail("answered");
}

Deno.test("an identity is read with one session token for all requests", async () => {
  const { result, requests } = await identify(instance());
  assert.deepEqual(result, IDENTIFIED);
  assert.equal(requests.filter(({ method }) => method === "PUT").length, 1);
});

Deno.test("a session token is used again later", async () => {
  await using server = serveRaw(instance());
  const imds = client(server.port);
  assert.equal(await imds.get("meta-data/mac", never), "0e:00:00:00:00:01");
  assert.equal(await imds.get("meta-data/local-ipv4", never), "10.0.0.7");
  assert.deepEqual(server.requests.map(({ method }) => method), ["PUT", "GET", "GET"]);
});

Deno.test("tags not shown and no such tag are no faults", async () => {
  const shown = without(
    "/latest/meta-data/tags/instance/Role",
    "/latest/meta-data/services/partition",
  );
  const { result } = await identify(instance(undefined, shown));
  assert.deepEqual(result, { ok: true, value: { ...IDENTITY, roleTag: null } });
});

Deno.test("an instance on demand is so, also where IMDS does not say it", async () => {
  const path = "/latest/meta-data/instance-life-cycle";
  const placement = { ...IDENTITY.placement, lifecycle: "on-demand" };
  for (const shown of [without(path), { ...INSTANCE, [path]: "on-demand" }]) {
    const { result } = await identify(instance(undefined, shown));
    assert.deepEqual(result, { ok: true, value: { ...IDENTITY, placement } });
  }
});

const TARGET = "/latest/meta-data/autoscaling/target-lifecycle-state";
const SPOT = "/latest/meta-data/spot/instance-action";

Deno.test("what is to become of this instance is asked for each time, and nothing said is null", async () => {
  const said: Record<string, string> = { [TARGET]: "Warmed:Stopped" };
  const changing: Intercept = ({ path }) =>
    path === TARGET || path === SPOT
      ? said[path] === undefined ? answer(404, "Not Found") : answer(200, said[path])
      : undefined;
  await using server = serveRaw(instance(changing));
  const imds = client(server.port);
  const ask = (): Promise<Answer<Lifecycle>> => imds.lifecycle(never);
  assert.deepEqual(await ask(), ok(lifecycle("Warmed:Stopped")));
  said[TARGET] = "InService";
  said[SPOT] = '{"action": "terminate", "time": "2026-11-26T08:22:00Z"}';
  assert.deepEqual(await ask(), ok(lifecycle("InService", "terminate")));
  said[TARGET] = "Terminated";
  said[SPOT] = '{"action":"stop","time":"2026-11-26T08:22:00Z"}\n';
  assert.deepEqual(await ask(), ok(lifecycle("Terminated", "stop")));
  delete said[TARGET];
  delete said[SPOT];
  assert.deepEqual(await ask(), ok(lifecycle(null)));
});

for (
  const [path, text] of [
    [TARGET, "<html>"],
    [TARGET, "x".repeat(65)],
    [SPOT, "terminate"],
    [SPOT, "null"],
    [SPOT, "[]"],
    [SPOT, '{"time": "2026-11-26T08:22:00Z"}'],
    [SPOT, '{"action": 5}'],
    [SPOT, '{"action": "<b>"}'],
    [SPOT, '{"action": ""}'],
  ] as const
) {
  Deno.test(`${text.slice(0, 20)} at ${path.split("/").at(-1)} says nothing of the end: malformed`, async () => {
    await using server = serveRaw(
      instance((request) => request.path === path ? answer(200, text) : undefined),
    );
    const { kind, message } = faultOf(await client(server.port).lifecycle(never));
    assert.equal(kind, "malformed");
    assert.match(message, new RegExp(path.replace("/latest/", "")));
  });
}

Deno.test("who does not answer about a spot notice has not said that there is none", async () => {
  await using server = serveRaw(
    instance(({ path }) => path === SPOT ? answer(403, "") : undefined),
  );
  assert.equal(faultOf(await client(server.port).lifecycle(never)).kind, "no-metadata");
});

Deno.test("an identity does not ask what is to become of this instance", async () => {
  const { requests } = await identify(instance());
  assert.ok(requests.every(({ path }) => path !== TARGET && path !== SPOT));
});

Deno.test("a tag key that IMDS can't show is not asked for", async () => {
  const { result, requests } = await identify(instance(), { roleTag: "swarm role/x" });
  assert.deepEqual(result, { ok: true, value: { ...IDENTITY, roleTag: null } });
  assert.ok(requests.every(({ path }) => !path.includes("/tags/")));
});

Deno.test("a tag's value comes as it is, whatever it is", async () => {
  const shown = { ...INSTANCE, "/latest/meta-data/tags/instance/Role": " <b>Männager</b> " };
  const { result } = await identify(instance(undefined, shown));
  assert.equal(result.ok && result.value.roleTag, " <b>Männager</b> ");
});

Deno.test("all that the interfaces have is read: private, IPv6 and public addresses, and the VPC's ranges", async () => {
  const [first, second] = [`${MACS}0e:00:00:00:00:01`, `${MACS}0e:00:00:00:00:02`];
  const shown = {
    ...INSTANCE,
    "/latest/meta-data/ipv6": "2001:db8::7",
    [`${first}/ipv6s`]: "2001:db8::7\n2001:DB8:0::8",
    [`${second}/ipv6s`]: "2001:db8:1::7",
    [`${first}/public-ipv4s`]: "198.51.100.7\n198.51.100.8",
    [`${first}/vpc-ipv4-cidr-blocks`]: "10.0.0.0/16\n100.64.0.0/16",
    [`${second}/vpc-ipv4-cidr-blocks`]: "10.0.0.0/16",
    [`${first}/vpc-ipv6-cidr-blocks`]: "2001:db8::/56",
  };
  const { result } = await identify(instance(undefined, shown));
  assert.deepEqual(result, {
    ok: true,
    value: {
      ...IDENTITY,
      addresses: [
        ...["10.0.0.7", "10.0.0.8", "10.0.1.7"],
        ...["2001:db8::7", "2001:db8::8", "2001:db8:1::7"],
      ],
      publicAddresses: ["198.51.100.7", "198.51.100.8"],
      vpcRanges: ["10.0.0.0/16", "100.64.0.0/16", "2001:db8::/56"],
    },
  });
});

/** What an instance in an IPv6-only subnet shows: EC2 has no entry for what there is none of. */
const IPV6_ONLY = {
  ...without(
    "/latest/meta-data/local-ipv4",
    `${MACS}0e:00:00:00:00:01/local-ipv4s`,
    `${MACS}0e:00:00:00:00:02/local-ipv4s`,
  ),
  "/latest/meta-data/ipv6": "2001:DB8::0:7",
  [`${MACS}0e:00:00:00:00:01/ipv6s`]: "2001:db8::7",
};

Deno.test("on an IPv6-only subnet an instance's address is its primary IPv6 address", async () => {
  const { result } = await identify(instance(undefined, IPV6_ONLY));
  assert.equal(result.ok && result.value.address, "2001:db8::7");
  assert.deepEqual(result.ok && result.value.addresses, ["2001:db8::7"]);
});

Deno.test("an instance that shows the address of no version is not known", async () => {
  const { "/latest/meta-data/ipv6": _, ...shown } = IPV6_ONLY;
  const { result } = await identify(instance(undefined, shown));
  const { kind, message } = faultOf(result);
  assert.deepEqual([kind, /local-ipv4/.test(message)], ["no-metadata", true]);
});

for (
  const [entry, text] of [["ipv6s", "10.0.0.7"], ["vpc-ipv4-cidr-blocks", "10.0.0.0"]] as const
) {
  Deno.test(`${entry} of "${text}" is not what EC2 would say`, async () => {
    const shown = { ...INSTANCE, [`${MACS}0e:00:00:00:00:01/${entry}`]: text };
    const { result } = await identify(instance(undefined, shown));
    assert.equal(faultOf(result).kind, "malformed");
  });
}

Deno.test("an interface that is just being attached has no addresses yet", async () => {
  const shown = without(`${MACS}0e:00:00:00:00:02/local-ipv4s`);
  const { result } = await identify(instance(undefined, shown));
  assert.deepEqual(result.ok && result.value.addresses, ["10.0.0.7", "10.0.0.8"]);
});

/** What the SDK knows of AWS's partitions. It exports only what it makes of that. */
const { partitionsInfo } = await import(
  new URL(
    "../../../dist-es/submodules/client/util-endpoints/lib/aws/partitions.js",
    import.meta.resolve("@aws-sdk/core/client"),
  ).href
) as { partitionsInfo: { partitions: { id: string; regions: Record<string, unknown> }[] } };

const REGIONS = partitionsInfo.partitions.flatMap(({ id, regions }) =>
  // The SDK also lists names that stand for all of a partition (`aws-global`).
  Object.keys(regions).filter((region) => !region.endsWith("-global")).map((region) => [region, id])
);

for (const [region, partition] of REGIONS) {
  Deno.test(`a service that does not know partitions in ${region} leaves ${partition}`, async () => {
    const document = JSON.stringify({ ...DOCUMENT, region });
    const path = "/latest/dynamic/instance-identity/document";
    const shown = { ...without("/latest/meta-data/services/partition"), [path]: document };
    const { result } = await identify(instance(undefined, shown));
    assert.deepEqual(result.ok && [result.value.region, result.value.partition], [
      region,
      partition,
    ]);
  });
}

const BOOTS: { name: string; early: (request: Exchange, index: number) => Reply }[] = [
  { name: "401", early: () => answer(401, "") },
  { name: "503", early: () => answer(503, "") },
  { name: "a reset", early: () => CUT },
  {
    name: "half an answer",
    early: () => raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nTO"),
  },
];

for (const { name, early } of BOOTS) {
  Deno.test(`a boot that answers ${name} at first is waited for`, async () => {
    const boot: Intercept = (r, index) => index < 3 ? early(r, index) : undefined;
    assert.deepEqual((await identify(instance(boot))).result, IDENTIFIED);
  });

  Deno.test(`each path is tried again after ${name}`, async () => {
    const seen = new Set<string>();
    const once: Intercept = (request, index) => {
      if (seen.has(request.path)) return undefined;
      seen.add(request.path);
      return early(request, index);
    };
    assert.deepEqual((await identify(instance(once))).result, IDENTIFIED);
  });
}

Deno.test("a boot that does not answer at first is waited for", async () => {
  const boot: Intercept = (_, index) => index === 0 ? SILENCE : undefined;
  assert.deepEqual((await identify(instance(boot))).result, IDENTIFIED);
});

Deno.test("a boot that refuses connections at first is waited for", async () => {
  const port = closedPort();
  const reading = client(port).get("meta-data/mac", never);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await using _server = serveRaw(instance(), { port });
  assert.equal(await reading, "0e:00:00:00:00:01");
});

Deno.test("an expired session token is asked for again, once for all who need it", async () => {
  let current = "first";
  let puts = 0;
  await using server = serveRaw((request) => {
    if (request.method === "PUT") {
      puts++;
      return answer(200, current);
    }
    const valid = request.headers.get("x-aws-ec2-metadata-token") === current;
    return valid ? answer(200, INSTANCE[request.path] ?? "") : answer(401, "");
  });
  const imds = client(server.port);
  await imds.get("meta-data/mac", never);
  current = "second";
  const both = await Promise.all([
    imds.get("meta-data/mac", never),
    imds.get("meta-data/local-ipv4", never),
  ]);
  assert.deepEqual(both, ["0e:00:00:00:00:01", "10.0.0.7"]);
  assert.equal(puts, 2);
});

const HTML = "<!DOCTYPE html><html><body>Please log in</body></html>";

Deno.test("a fault names the path that answered garbage", async () => {
  const paths = [...Object.keys(INSTANCE), "/latest/api/token"];
  const optional = "/latest/meta-data/tags/instance/Role";
  for (const path of paths.filter((path) => path !== optional)) {
    const garbage: Intercept = (request) => request.path === path ? answer(200, HTML) : undefined;
    await using server = serveRaw(instance(garbage));
    const imds = client(server.port);
    const answers = [await imds.identity("Role", never), await imds.lifecycle(never)];
    const { kind, message } = faultOf(answers.find(({ ok }) => !ok) ?? IDENTIFIED);
    assert.equal(kind, "malformed", path);
    assert.ok(message.includes(path.replace("/latest/", "")), `${path}: ${message}`);
  }
});

Deno.test("a page of HTML is no tag", async () => {
  const login: Intercept = (request) =>
    request.path.includes("/tags/")
      ? answer(200, HTML, { "Content-Type": "text/html; charset=utf-8" })
      : undefined;
  const { kind, message } = faultOf((await identify(instance(login))).result);
  assert.equal(kind, "malformed");
  assert.match(message, /meta-data\/tags\/instance\/Role/);
});

Deno.test("an answer of 10 MB is not read to its end", async () => {
  const big: Intercept = (request) =>
    request.path.endsWith("/mac") ? answer(200, "x".repeat(10_000_000)) : undefined;
  const { kind, message } = faultOf((await identify(instance(big))).result);
  assert.equal(kind, "malformed");
  assert.match(message, /meta-data\/mac .*longer than/);
});

const DOCUMENTS: { name: string; text: string }[] = [
  { name: "empty", text: "" },
  { name: "half of one", text: JSON.stringify(DOCUMENT).slice(0, 40) },
  { name: "a list", text: "[]" },
  { name: "null", text: "null" },
  { name: "without an instance", text: JSON.stringify({ ...DOCUMENT, instanceId: undefined }) },
  { name: "with a number for an account", text: JSON.stringify({ ...DOCUMENT, accountId: 1 }) },
  { name: "without a zone", text: JSON.stringify({ ...DOCUMENT, availabilityZone: undefined }) },
  { name: "with an odd type", text: JSON.stringify({ ...DOCUMENT, instanceType: "<b>" }) },
  { name: "with an odd region", text: JSON.stringify({ ...DOCUMENT, region: "../../evil" }) },
];

for (const { name, text } of DOCUMENTS) {
  Deno.test(`an identity document that is ${name} is malformed`, async () => {
    const shown = { ...INSTANCE, "/latest/dynamic/instance-identity/document": text };
    const { kind, message } = faultOf((await identify(instance(undefined, shown))).result);
    assert.equal(kind, "malformed");
    assert.match(message, /dynamic\/instance-identity\/document/);
  });
}

Deno.test("an instance without an IPv4 address is told so", async () => {
  const shown = without("/latest/meta-data/local-ipv4");
  const { kind, message } = faultOf((await identify(instance(undefined, shown))).result);
  assert.equal(kind, "no-metadata");
  assert.match(message, /meta-data\/local-ipv4/);
});

Deno.test("IMDS that is turned off gives no metadata, at once", async () => {
  const { result, requests } = await identify(() => answer(403, ""));
  assert.equal(faultOf(result).kind, "no-metadata");
  assert.match(faultOf(result).message, /HttpEndpoint/);
  assert.equal(requests.length, 1);
});

Deno.test("a host that is no instance is asked whether it is one", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const { kind, message } = faultOf(await client(closedPort()).identity("Role", stop.signal));
  assert.equal(kind, "unreachable");
  assert.match(message, /127\.0\.0\.1.*connection refused.*is this an EC2 instance.*HttpEndpoint/);
});

Deno.test("a token refused for ever ends when the caller's time does", async () => {
  const stop = new AbortController();
  let gets = 0;
  const refusing: Intercept = (request) => {
    if (request.method === "PUT") return undefined;
    if (++gets === 3) stop.abort();
    return answer(401, "");
  };
  await using server = serveRaw(instance(refusing));
  const error = await errorOf(client(server.port).get("meta-data/mac", stop.signal));
  assert.ok(["refused", "timeout"].includes(error.fault.kind), error.fault.kind);
});

Deno.test("version 1 is never spoken unless allowed", async () => {
  const old: Intercept = ({ method, path }) => {
    const text = method === "PUT" ? undefined : INSTANCE[path];
    return text === undefined ? answer(404, "") : answer(200, text);
  };
  const { result, requests } = await identify(instance(old));
  assert.equal(faultOf(result).kind, "no-metadata");
  assert.ok(requests.every(({ method }) => method === "PUT"));
});

Deno.test("version 1 is spoken where allowed and there are no tokens", async () => {
  const old: Intercept = ({ method, path }) => {
    const text = method === "PUT" ? undefined : INSTANCE[path];
    return text === undefined ? answer(404, "") : answer(200, text);
  };
  const { result, requests } = await identify(instance(old), { allowV1: true });
  assert.deepEqual(result, IDENTIFIED);
  assert.ok(requests.every(({ headers }) => !headers.has("x-aws-ec2-metadata-token")));
});

Deno.test("version 2 is preferred where version 1 is allowed", async () => {
  const { result } = await identify(instance(), { allowV1: true });
  assert.deepEqual(result, IDENTIFIED);
});

Deno.test("an endpoint may be IPv6, and have a port and a path", () => {
  assert.deepEqual(parseImdsEndpoint("http://[fd00:ec2::254]"), {
    target: { kind: "tcp", hostname: "fd00:ec2::254", port: 80 },
    base: "",
  });
  assert.deepEqual(parseImdsEndpoint("http://127.0.0.1:1338/imds/"), {
    target: { kind: "tcp", hostname: "127.0.0.1", port: 1338 },
    base: "/imds",
  });
});

for (const endpoint of ["", "169.254.169.254", "https://169.254.169.254", "unix:///x"]) {
  Deno.test(`the endpoint "${endpoint}" is refused`, () => {
    assert.throws(() => createImds({ endpoints: [endpoint], allowV1: false }), TypeError);
  });
}

Deno.test("an IPv6 endpoint is reached", async () => {
  await using server = serveRaw(instance(), { hostname: "::1" });
  const imds = createImds({ endpoints: [`http://[::1]:${server.port}`], allowV1: false });
  assert.equal(await imds.get("meta-data/mac", never), "0e:00:00:00:00:01");
  assert.equal(server.requests[0]?.headers.get("host"), "[::1]");
});

/** Two endpoints: nobody listens at the first, unless it is served. */
function dual(first: number, second: number, allowV1 = false): Imds {
  return createImds({
    endpoints: [`http://127.0.0.1:${first}`, `http://127.0.0.1:${second}`],
    allowV1,
  });
}

Deno.test("where the usual endpoint has no route, the other one is asked", async () => {
  await using server = serveRaw(instance(undefined, IPV6_ONLY));
  const result = await dual(closedPort(), server.port).identity("Role", never);
  assert.equal(result.ok && result.value.address, "2001:db8::7");
});

Deno.test("where the usual endpoint swallows requests, the other one is asked, and then only that", async () => {
  await using silent = serveRaw(() => SILENCE);
  await using server = serveRaw(instance());
  assert.deepEqual(await dual(silent.port, server.port).identity("Role", never), IDENTIFIED);
  assert.deepEqual(silent.requests.map(({ method }) => method), ["PUT"]);
});

Deno.test("where the usual endpoint answers, whatever it says, the other one is not asked", async () => {
  for (const first of [instance(), () => answer(403, "")]) {
    await using usual = serveRaw(first);
    await using other = serveRaw(instance());
    await dual(usual.port, other.port).identity("Role", never);
    assert.equal(other.requests.length, 0);
  }
});

Deno.test("version 1 is spoken with whichever endpoint answers", async () => {
  await using server = serveRaw(({ method, path }) => {
    const text = method === "PUT" ? undefined : INSTANCE[path];
    return text === undefined ? answer(404, "") : answer(200, text);
  });
  const imds = dual(closedPort(), server.port, true);
  assert.deepEqual(await imds.identity("Role", never), IDENTIFIED);
});

Deno.test("where no endpoint answers, both are named, and the option that an IPv6-only subnet needs", async () => {
  const imds = dual(closedPort(), closedPort());
  const { kind, message } = faultOf(await imds.identity("Role", AbortSignal.timeout(300)));
  assert.match(message, /127\.0\.0\.1 or 127\.0\.0\.1.*HttpProtocolIpv6/);
  assert.ok(kind === "unreachable" || kind === "timeout", kind);
});
