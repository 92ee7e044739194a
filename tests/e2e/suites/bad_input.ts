/** Bad input and bad days: each a clear message, the right exit code, and nothing changed. */
import assert from "node:assert/strict";
import type { Effect } from "../aws.ts";
import { until } from "../machine.ts";
import type { Node, RunOptions } from "../node.ts";
import { type Case, endsWith, form } from "../suite.ts";
import type { Store, Vpc } from "../vpc.ts";
import { byHand, updateSwarm } from "./living.ts";

interface Bad {
  name: string;
  stores?: Store[];
  managers?: number;
  /** Prepares the state; gives the node to run on, `m1` if none. */
  given?: (vpc: Vpc) => Promise<Node | void>;
  args?: string[];
  options?: (vpc: Vpc) => RunOptions;
  exit: number;
  says: RegExp;
  /** What it has to see why in; left out: four. */
  seconds?: number;
}

const FAKE = "SWMTKN-1-" + "0".repeat(50) + "-" + "0".repeat(25);
const OTHER = "SWMTKN-1-" + "1".repeat(50) + "-" + "1".repeat(25);
/** It names the tag, or the object. */
const NO_TOKEN = /no join token in "([^"]*\/manager|ManagerToken)"/;

/** Where the store plays no part, one is enough. */
const bad: Bad[] = [
  {
    name: "no IMDS",
    stores: ["s3"],
    options: () => ({ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://10.77.0.1:9" } }),
    exit: 6,
    says: /metadata|IMDS/i,
  },
  {
    name: "an instance without a role",
    given: (vpc) => Promise.resolve(void (vpc.node("m1").metadata.role = null)),
    exit: 4,
    says: /role/i,
  },
  {
    name: "no Engine",
    stores: ["s3"],
    given: (vpc) => vpc.node("m1").engine.kill(),
    exit: 6,
    says: /docker\.sock/,
  },
  {
    name: "a bucket that is not there",
    stores: ["s3"],
    // moto looks at the policy first, and at whether there is such a bucket then.
    given: (vpc) =>
      vpc.node("m1").permit([
        { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
      ]),
    args: ["--store", "s3://no-such-bucket/prod"],
    exit: 2,
    says: /no-such-bucket/,
  },
  {
    name: "a bucket in another region",
    stores: ["s3"],
    given: (vpc) =>
      fault(
        vpc,
        { kind: "error", status: 301, code: "PermanentRedirect" },
        "(Get|Put|Head|List).*",
      ),
    exit: 2,
    says: /region/,
  },
  {
    name: "a malformed record",
    given: (vpc) => written(vpc, () => "<html>this is no record</html>"),
    exit: 5,
    says: /record/,
  },
  {
    name: "a truncated record",
    given: (vpc) => written(vpc, (text) => text.slice(0, text.length / 2)),
    exit: 5,
    says: /record/,
  },
  {
    name: "a record of a later version of the tool",
    given: (vpc) =>
      written(vpc, (text) => {
        const record = JSON.parse(text);
        const key = ["version", "v", "format", "schema"].find((k) => k in record);
        assert.ok(key, `which field is the version? ${Object.keys(record)}`);
        const next = typeof record[key] === "number"
          ? 99
          : String(record[key]).replace(/\d+/, "99");
        return JSON.stringify({ ...record, [key]: next });
      }),
    exit: 5,
    says: /later|newer/,
  },
  {
    name: "a record of another VPC",
    given: (vpc) => written(vpc, (text) => text.replaceAll(vpc.aws.vpc, "vpc-0123456789abcdef0")),
    exit: 5,
    says: /vpc-0123456789abcdef0/,
  },
  {
    name: "a malformed token",
    managers: 2,
    given: (vpc) => showing(vpc, "SWMTKN-1-broken", "no"),
    exit: 3,
    says: NO_TOKEN,
  },
  {
    name: "an empty token",
    managers: 2,
    given: (vpc) => showing(vpc, "", ""),
    exit: 3,
    says: NO_TOKEN,
  },
  {
    name: "tokens of two swarms visible",
    managers: 3,
    stores: ["tags"],
    async given(vpc): Promise<void> {
      await vpc.node("m2").tag({ ManagerToken: FAKE, WorkerToken: FAKE });
      await vpc.node("m3").tag({ ManagerToken: OTHER, WorkerToken: OTHER });
    },
    exit: 5,
    says: /2 swarms/,
  },
  {
    name: "no role tag",
    stores: ["s3"],
    given: (vpc) => vpc.node("m1").tag({ Role: null }),
    exit: 2,
    says: /"Role".*has no such tag/,
  },
  {
    name: "an empty role tag",
    stores: ["s3"],
    given: (vpc) => vpc.node("m1").tag({ Role: "" }),
    exit: 2,
    says: /"Role".*has ""/,
  },
  {
    name: "an unknown role",
    stores: ["s3"],
    given: (vpc) => vpc.node("m1").tag({ Role: "queen" }),
    exit: 2,
    says: /queen/,
  },
  {
    name: "a locked Engine",
    stores: ["s3"],
    async given(vpc): Promise<void> {
      const m1 = vpc.node("m1");
      await byHand(m1);
      await updateSwarm(m1, "", (spec) => spec.EncryptionConfig.AutoLockManagers = true);
      // The Engine locks its key some time after it has answered.
      const key = `${m1.engine.dataRoot}/swarm/certificates/swarm-node.key`;
      const isLocked = async (): Promise<boolean> =>
        (await Deno.readTextFile(key)).includes("ENCRYPTED");
      await until("a locked key", 60_000, isLocked);
      await m1.engine.kill();
      await m1.engine.start();
      await until("the lock", 60_000, async () => (await state(m1)) === "locked");
    },
    exit: 5,
    says: /docker swarm unlock/,
  },
  {
    name: "an Engine in error state",
    stores: ["s3"],
    async given(vpc): Promise<void> {
      const m1 = vpc.node("m1");
      await byHand(m1);
      await m1.engine.kill();
      await Deno.writeTextFile(
        `${m1.engine.dataRoot}/swarm/certificates/swarm-node.key`,
        "damaged",
      );
      await m1.engine.start();
      await until("the error", 60_000, async () => (await state(m1)) === "error");
    },
    exit: 5,
    says: /error/,
  },
  {
    name: "a cloned disk",
    stores: ["s3"],
    async given(vpc): Promise<void> {
      const m1 = vpc.node("m1");
      await byHand(m1);
      m1.metadata.address = "10.77.0.99";
      for (const nic of m1.metadata.interfaces) nic.addresses = ["10.77.0.99"];
    },
    exit: 5,
    says: /cloned/,
  },
  {
    name: "quorum lost",
    managers: 3,
    async given(vpc): Promise<void> {
      await form(vpc);
      for (const name of ["m2", "m3"]) await vpc.node(name).engine.kill();
      const m1 = vpc.node("m1");
      await until(
        "the loss of quorum",
        120_000,
        () => m1.engine.request("GET", "/swarm").then(({ status }) => status >= 500, () => false),
        500,
      );
    },
    seconds: 15,
    exit: 3,
    says: /quorum/,
  },
  {
    name: "answers of 10 MB",
    given: (vpc) => fault(vpc, { kind: "body", text: "x".repeat(1024), repeat: 10 * 1024 }),
    exit: 3,
    says: /large|big|bytes|MB/i,
  },
  {
    name: "HTML instead of answers",
    given: (vpc) =>
      fault(vpc, { kind: "body", text: "<!DOCTYPE html><html><body>Sign in</body></html>" }),
    exit: 3,
    says: /endpoint right|ETag/,
  },
  {
    name: "every request throttled",
    given: (vpc) =>
      fault(vpc, {
        kind: "error",
        status: 503,
        code: vpc.store === "s3" ? "SlowDown" : "RequestLimitExceeded",
      }),
    exit: 3,
    says: /throttl/i,
  },
];

async function fault(vpc: Vpc, effect: Effect, action = ".*"): Promise<void> {
  await vpc.aws.rule({ node: "m1", action, effect });
}

async function state(node: Node): Promise<string> {
  return (await node.engine.info()).Swarm.LocalNodeState;
}

/** A swarm of `m1` whose record is then spoilt; `m1` is asked with an empty Engine. */
async function written(vpc: Vpc, spoil: (text: string) => string): Promise<void> {
  const m1 = vpc.node("m1");
  await form(vpc, [m1]);
  await m1.wipe();
  const { templates, objects } = await vpc.aws.dump();
  const [template] = Object.entries(templates);
  if (template) {
    const [name, versions] = template;
    const [first] = versions;
    assert.ok(first);
    const spoilt = spoil(versions.at(-1)?.data ?? "");
    await vpc.aws.ask("rewrite_template", { name, data: spoilt });
  } else {
    const [key, text] = Object.entries(objects).find(([, text]) => text.includes('"members"')) ??
      [];
    assert.ok(key && text);
    await vpc.aws.ask("put", { key, text: spoil(text) });
  }
}

/** A founded swarm of `m1` that shows something else than its tokens; `m2` is to join. */
async function showing(vpc: Vpc, manager: string, worker: string): Promise<Node> {
  const m1 = vpc.node("m1");
  await form(vpc, [m1]);
  if (vpc.store === "tags") await m1.tag({ ManagerToken: manager, WorkerToken: worker });
  for (const key of Object.keys((await vpc.aws.dump()).objects)) {
    if (key.endsWith("/manager")) await vpc.aws.ask("put", { key, text: manager });
    if (key.endsWith("/worker")) await vpc.aws.ask("put", { key, text: worker });
  }
  return vpc.node("m2");
}

export const badInput: Case[] = [
  ...bad.map((one): Case => ({
    name: `bad input: ${one.name}`,
    managers: one.managers ?? 1,
    workers: 0,
    ...(one.stores ? { stores: one.stores } : {}),
    async run(vpc): Promise<void> {
      const node = await one.given?.(vpc) ?? vpc.node("m1");
      const wanted = { code: one.exit, says: one.says, seconds: one.seconds ?? 4 };
      await endsWith(vpc, node, wanted, one.args, one.options?.(vpc));
    },
  })),
  {
    name: "IMDS refuses and resets the first requests of a boot: waited for",
    managers: 1,
    workers: 1,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      vpc.imds.wire.trouble = ({ sequence }) =>
        sequence > 4
          ? null
          : sequence % 2 === 0
          ? { kind: "reset" }
          : { kind: "reply", reply: { kind: "reply", status: 401, body: "" } };
      await form(vpc);
    },
  },
  {
    name: "a clock that is an hour slow does no harm: AWS's own clock counts",
    managers: 2,
    workers: 1,
    async run(vpc): Promise<void> {
      await vpc.aws.ask("clock", { offset: 3_600, skew_max: 300 });
      await form(vpc);
    },
  },
  {
    name: "every fourth request is reset, or its answer lost: slower, and right",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      // By chance, since a round of as many requests would lose the same one again and again.
      for (const phase of ["before", "after"] as const) {
        await vpc.reset(vpc.store, 3, 1);
        await vpc.aws.rule({ phase, chance: 1 / 4, effect: { kind: "reset" } });
        await form(vpc);
      }
    },
  },
];
