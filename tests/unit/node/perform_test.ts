/** A node: every call reaches its edge, over real sockets, and none outlives the run. */
import assert from "node:assert/strict";
import { fingerprintOf } from "../../../src/swarm/certificates.ts";
import type { AnyAnswer, Call } from "../../../src/calls.ts";
import { Node } from "../../../src/node/perform.ts";
import type { WayTo } from "../../../src/node/ways.ts";
import type { Config, Engine } from "../../../src/state.ts";
import type { FoundingRecord, LedgerRead } from "../../../src/founding.ts";
import { config as plain, identity, record } from "../../support/observations.ts";
import { type AwsLab, labTest, S3 } from "../../support/aws_lab.ts";
import { type Exchange, type Reply } from "../../emulators/http.ts";
import { answer, json, serveRaw } from "../../support/raw_server.ts";

const ROOT_PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const FINGERPRINT = fingerprintOf(new TextEncoder().encode(ROOT_PEM));
const TOKENS = {
  Manager: `SWMTKN-1-${FINGERPRINT}-${"m".repeat(25)}`,
  Worker: `SWMTKN-1-${FINGERPRINT}-${"w".repeat(25)}`,
};

interface Bench {
  node: Node;
  lab: AwsLab;
  ask(call: Call): Promise<unknown>;
  /** How often its Engine was asked to init a swarm. */
  inited: () => number;
}

/** Instance 1, with its metadata, its Engine and its AWS, for the time of a test. */
async function withNode(
  lab: AwsLab,
  { change = {}, services = [], wayTo = () => null, nowMs = () => 0 }: {
    change?: Partial<Config>;
    /** What its swarm holds. */
    services?: object[];
    wayTo?: WayTo;
    nowMs?: () => number;
  },
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  Deno.mkdirSync(`${directory}/swarm/certificates`, { recursive: true });
  Deno.writeTextFileSync(`${directory}/swarm/certificates/swarm-root-ca.crt`, ROOT_PEM);
  const imds = serveRaw(metadataOf(lab));
  const dockerSocket = `${directory}/docker.sock`;
  const engine = serveRaw(engineIn(directory, services), { path: dockerSocket });
  const config = { ...plain, ec2Endpoint: lab.endpoint, ...change };
  const node = new Node({
    config,
    surroundings: {
      dockerSocket,
      imdsEndpoint: `http://127.0.0.1:${imds.port}`,
      imdsV1: false,
      s3Endpoint: lab.endpoint,
      autoScalingEndpoint: lab.endpoint,
      fips: false,
      dualstack: false,
      caCerts: null,
      proxies: { https: null, http: null, none: [] },
      credentials: {},
      lockFile: `${directory}/lock`,
      intervalMs: 30_000,
      metricsFile: null,
    },
    wayTo,
    nowMs,
    leftMs: () => config.timeoutMs - nowMs(),
  });
  const ask = async (call: Call): Promise<unknown> => {
    const result: AnyAnswer = await node.perform(call);
    assert.ok(result.ok, result.ok ? "" : `${call.kind}: ${result.fault.message}`);
    return result.value;
  };
  const inited = (): number =>
    engine.requests.filter(({ path }) => path.endsWith("/swarm/init")).length;
  try {
    await test({ node, lab, ask, inited });
  } finally {
    await imds.close();
    await engine.close();
    Deno.removeSync(directory, { recursive: true });
  }
}

function metadataOf({ aws }: AwsLab): (request: Exchange) => Reply {
  const me = identity(1);
  const { accessKeyId, secretAccessKey, sessionToken } = aws.credentialsFor(
    me.instance,
    "managers",
  );
  const credentials = {
    Code: "Success",
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: "2099-01-01T00:00:00Z",
  };
  const macs = "/latest/meta-data/network/interfaces/macs/";
  const shown: Record<string, string> = {
    "/latest/api/token": "TOKEN",
    "/latest/dynamic/instance-identity/document": JSON.stringify({
      instanceId: me.instance,
      accountId: me.account,
      region: me.region,
      availabilityZone: me.placement.zone,
      instanceType: me.placement.type,
    }),
    "/latest/meta-data/mac": "0e:00:00:00:00:01",
    "/latest/meta-data/autoscaling/target-lifecycle-state": "InService",
    "/latest/meta-data/local-ipv4": me.address,
    [macs]: "0e:00:00:00:00:01/",
    [`${macs}0e:00:00:00:00:01/vpc-id`]: me.vpc,
    [`${macs}0e:00:00:00:00:01/local-ipv4s`]: me.address,
    "/latest/meta-data/iam/security-credentials/": "managers",
    "/latest/meta-data/iam/security-credentials/managers": JSON.stringify(credentials),
  };
  return ({ path }) => {
    const text = shown[path];
    return text === undefined ? answer(404, "") : answer(200, text);
  };
}

function engineIn(directory: string, services: object[]): (request: Exchange) => Reply {
  const swarm = {
    NodeID: "node1",
    NodeAddr: "10.0.0.1",
    LocalNodeState: "active",
    ControlAvailable: true,
    Error: "",
    Nodes: 1,
  };
  return ({ path }) => {
    if (path === "/_ping") return answer(200, "OK", { "Api-Version": "1.41" });
    if (path.endsWith("/info")) return json(200, { DockerRootDir: directory, Swarm: swarm });
    if (path.endsWith("/swarm")) return json(200, { ID: "cluster1", Spec: {}, JoinTokens: TOKENS });
    if (path.includes("/swarm/")) return answer(200, "");
    if (path.endsWith("/services")) return json(200, services);
    if (path.endsWith("/nodes/node1")) {
      return json(200, { ID: "node1", Version: { Index: 7 }, Spec: { Role: "manager" } });
    }
    return json(200, []);
  };
}

const STORES: { name: string; change: Partial<Config> }[] = [
  { name: "tags", change: {} },
  { name: "S3", change: { store: S3 } },
];

for (const { name, change } of STORES) {
  labTest(`with ${name}, every call reaches its edge`, async (lab) => {
    lab.put(1);
    await withNode(lab, { change }, async ({ node, ask }) => {
      const me = identity(1);
      const seen = await ask({ kind: "identity" }) as Record<string, unknown>;
      assert.deepEqual([seen["instance"], seen["vpc"]], [me.instance, me.vpc]);
      assert.deepEqual(await ask({ kind: "lifecycle" }), { target: "InService", spot: null });
      assert.equal(node.awsCalls, 0);

      const { swarm } = await ask({ kind: "engine" }) as Engine;
      assert.ok(swarm !== null);
      assert.ok(swarm.managerToken.fingerprint === FINGERPRINT);
      const { managerToken: manager, workerToken: worker } = swarm;

      const self = await ask({ kind: "self" }) as { instance: string } | null;
      assert.equal(self?.instance, me.instance);
      assert.deepEqual(
        (await ask({ kind: "instances", ids: [me.instance, "i-9"], addresses: [] }) as unknown[])
          .length,
        1,
      );

      await ask({ kind: "publish", manager, worker });
      const shown = await ask({
        kind: "tokens",
        fingerprint: FINGERPRINT,
        want: ["manager", "worker"],
      }) as { manager: unknown; worker: unknown }[];
      assert.deepEqual([shown[0]?.manager, shown[0]?.worker], [manager, worker]);

      const founding: FoundingRecord = record({ fingerprint: FINGERPRINT });
      const written = await ask({
        kind: "write",
        as: "found",
        record: founding,
        at: { kind: "none" },
      });
      assert.equal((written as { kind: string }).kind, "done");
      const read = await ask({ kind: "ledger", missing: [] }) as LedgerRead;
      const found = read.kind === "log" ? read.entries[0]?.record : read.record;
      assert.equal(found?.fingerprint, FINGERPRINT);

      await ask({ kind: "retract" });
      const managers = name === "tags" ? ["join", "keep"] : ["join"];
      for (const [role, verbs] of [["manager", managers], ["worker", ["leave"]]] as const) {
        const asked = { kind: "permissions" as const, role };
        const needed = await ask({ ...asked, inGroup: false }) as { verb: string }[];
        assert.deepEqual([...new Set(needed.map((one) => one.verb))], verbs);
        const more = await ask({ ...asked, inGroup: true }) as unknown[];
        assert.deepEqual(
          more.filter((one) => !JSON.stringify(needed).includes(JSON.stringify(one))),
          [
            { action: "autoscaling:CompleteLifecycleAction", verdict: "unknown", verb: "leave" },
            {
              action: "autoscaling:RecordLifecycleActionHeartbeat",
              verdict: "unknown",
              verb: "leave",
            },
          ],
        );
      }
      if (read.kind === "log") {
        await ask({ kind: "trim", template: read.template!, numbers: [2] });
        assert.equal(lab.wire.calls.at(-1)?.action, "DeleteLaunchTemplateVersions");
      }

      const word = { nodeId: "node1", leaves: true };
      await ask({ kind: "announce", word });
      const said = [{ ...word, instance: me.instance }];
      assert.deepEqual(await ask({ kind: "words", instance: me.instance }), said);
      assert.deepEqual(await ask({ kind: "words", instance: null }), said);
      await ask({ kind: "announce", word: null });
      assert.deepEqual(await ask({ kind: "words", instance: null }), []);
      assert.ok(node.awsCalls > 5);

      await ask({ kind: "contents", manager: true });
      await ask({ kind: "contents", manager: false });
      await ask({ kind: "init", advertiseAddr: "10.0.0.1", pools: [] });
      await ask({
        kind: "join",
        address: "10.0.0.2",
        token: worker,
        advertiseAddr: "10.0.0.1",
      });
      const change = { availability: "drain" as const };
      await ask({ kind: "update", as: "drain", nodeId: "node1", version: 7, change });
      await ask({ kind: "stop", graceMs: 5_000 });
      await ask({ kind: "remove", nodeId: "node2" });
      const hooks = [{ name: "launch", transition: "launching" as const, heartbeatMs: 30_000 }];
      lab.aws.autoScaling.addGroup("managers", hooks);
      lab.aws.autoScaling.put(me.instance, "managers", "Pending:Wait");
      const held = await ask({ kind: "hook" });
      assert.deepEqual(held, { group: "managers", state: "Pending:Wait", hooks });
      await ask({ kind: "heartbeat", group: "managers", hook: "launch" });
      await ask({ kind: "complete", group: "managers", hook: "launch" });
      assert.equal((await ask({ kind: "hook" }) as { state: string }).state, "Pending:Proceed");
      const left = await ask({ kind: "leave", force: true, onlyEmpty: true });
      assert.deepEqual(left, { kind: "left" });
      assert.deepEqual(await ask({ kind: "probe", addresses: [] }), []);
    });
  });
}

labTest("no swarm is inited where the store ignores conditions", async (lab) => {
  lab.aws.s3.ignores = "If-None-Match";
  await withNode(lab, { change: { store: S3 } }, async ({ node, ask, inited }) => {
    await ask({ kind: "identity" });
    const result = await node.perform({ kind: "init", advertiseAddr: "10.0.0.1", pools: [] });
    assert.ok(!result.ok);
    assert.equal(result.fault.kind, "unusable");
    assert.match(result.fault.message, /ignores the condition/);
    assert.equal(inited(), 0);
    lab.aws.s3.ignores = "nothing";
    // It is not asked twice in a run: the next one is another.
    assert.ok(!(await node.perform({ kind: "init", advertiseAddr: "10.0.0.1", pools: [] })).ok);
  });
  await withNode(lab, { change: { store: S3 } }, async ({ ask, inited }) => {
    await ask({ kind: "identity" });
    await ask({ kind: "init", advertiseAddr: "10.0.0.1", pools: [] });
    assert.equal(inited(), 1);
  });
});

labTest("a swarm that holds something is not left by who leaves only an empty one", async (lab) => {
  await withNode(lab, { services: [{}] }, async ({ ask }) => {
    const answer = await ask({ kind: "leave", force: true, onlyEmpty: true });
    assert.deepEqual(answer, { kind: "holds", contents: { services: 1 } });
    assert.deepEqual(await ask({ kind: "leave", force: true, onlyEmpty: false }), { kind: "left" });
  });
});

labTest("an instance that EC2 does not show yet is null", async (lab) => {
  await withNode(lab, {}, async ({ ask }) => {
    await ask({ kind: "identity" });
    assert.equal(await ask({ kind: "self" }), null);
  });
});

labTest("another region is asked where one is given", async (lab) => {
  await using ec2 = serveRaw(() => answer(500, ""));
  const change = { region: "eu-north-1", ec2Endpoint: `http://127.0.0.1:${ec2.port}` };
  await withNode(lab, { change }, async ({ node, ask }) => {
    const seen = await ask({ kind: "identity" }) as { region: string };
    assert.equal(seen.region, identity(1).region);
    assert.ok(!(await node.perform({ kind: "self" })).ok);
    assert.match(ec2.requests[0]?.headers.get("authorization") ?? "", /\/eu-north-1\/ec2\//);
  });
});

labTest("AWS is asked by its way, and nobody else is", async (lab) => {
  const asked: string[] = [];
  const wayTo = (url: URL): null => {
    asked.push(url.origin);
    return null;
  };
  for (const store of [plain.store, S3]) {
    await withNode(lab, { change: { store }, wayTo }, async ({ node, ask }) => {
      await ask({ kind: "identity" });
      await ask({ kind: "engine" });
      await ask({ kind: "self" });
      const sent = node.awsCalls;
      await ask({ kind: "ledger", missing: [] });
      assert.equal(asked.length, node.awsCalls);
      assert.ok(node.awsCalls > sent);
    });
    assert.deepEqual([...new Set(asked.splice(0))], [lab.endpoint]);
  }
});

labTest("a call of AWS before the identity is a defect", async (lab) => {
  await withNode(lab, {}, async ({ node }) => {
    await assert.rejects(async () => await node.perform({ kind: "self" }), /before "identity"/);
  });
});

labTest(
  "an Engine's answer may come after the run's time is over, for it takes 20 s",
  async (lab) => {
    await withNode(lab, { change: { timeoutMs: 1_000 }, nowMs: () => 2_000 }, async ({ ask }) => {
      assert.notEqual(await ask({ kind: "engine" }), null);
    });
  },
);

labTest("a read does not outlive the run, and says itself what it was about", async (lab) => {
  await withNode(lab, { change: { timeoutMs: 1_000 }, nowMs: () => 2_000 }, async ({ node }) => {
    const result = await node.perform({ kind: "identity" });
    assert.ok(!result.ok);
    assert.match(result.fault.message, /metadata|IMDS/i);
  });
});
