/** Bad input and bad days: each a clear message, the right exit code, and nothing changed. */
import assert from "node:assert/strict";
import {
  BAD_INPUT,
  type BadInput,
  type Bed,
  endsAs,
  MANAGERS,
  type StoreTrouble,
  WORKERS,
} from "../../cases/bad_input.ts";
import type { Effect } from "../aws.ts";
import { until } from "../machine.ts";
import type { Node } from "../node.ts";
import type { Run } from "../runs.ts";
import { actionsOf, policiesOf, without } from "../policies.ts";
import { allDone, AMPLE, type Case, changesNothing, form, lastLines } from "../suite.ts";
import { inTime } from "../../support/in_time.ts";
import type { Vpc } from "../vpc.ts";
import { byHand, serve, updateSwarm } from "./living.ts";

/** What a run that ends at its deadline has to see why in. */
const SECONDS = 4;

const S3_CALLS = "(Get|Put|Head|List).*";
const ALL_ALLOWED = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
};

export const badInput: Case[] = [
  ...Object.values(BAD_INPUT).flat().filter(({ labOnly }) => labOnly === undefined).map(
    (one): Case => ({
      name: `bad input: ${one.name}`,
      managers: MANAGERS,
      workers: WORKERS,
      stores: [...one.stores],
      run: (vpc) => refuses(vpc, one),
    }),
  ),
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

async function refuses(vpc: Vpc, one: BadInput): Promise<void> {
  await one.given?.(bedOf(vpc));
  const node = vpc.node(one.who);
  const isRight = ({ code, json }: Run): boolean => endsAs(one, { exit: code, report: json });
  const run = await inTime(SECONDS, (timeout) => {
    const options = one.env ? { env: one.env } : {};
    return changesNothing(vpc, () => node.run(["--json", ...timeout], options));
  }, isRight);
  const told = `exit ${run.code}: ${run.stdout}${lastLines(run.stderr)}`;
  assert.ok(isRight(run), `not exit ${one.exit} with ${one.says}\n${told}`);
}

function bedOf(vpc: Vpc): Bed {
  return {
    store: vpc.store,
    wire: vpc.imds.wire,
    imds: (name) => vpc.node(name).metadata,
    join: async (...names) => {
      for (const name of names) allDone([await vpc.node(name).run(["--json", ...AMPLE])]);
      await vpc.oneSwarm(vpc.some(...names));
    },
    tag: (name, tags) => vpc.node(name).tag(tags),
    spoilRecord: (edit) => spoilRecord(vpc, edit),
    showTokens: async (name, token) => {
      if (vpc.store === "tags") {
        return await vpc.node(name).tag({ ManagerToken: token, WorkerToken: token });
      }
      for (const key of Object.keys((await vpc.aws.dump()).objects)) {
        if (/\/(?:manager|worker)$/.test(key)) await vpc.aws.ask("put", { key, text: token });
      }
    },
    initByHand: (name) => byHand(vpc.node(name)),
    initElsewhere: async (name) => {
      const node = vpc.node(name);
      const address = await node.addTunnel();
      await byHand(node, [], () => address);
      await node.removeTunnel();
    },
    lock: (name) => lock(vpc.node(name)),
    spoilCertificate: async (name) => {
      const node = vpc.node(name);
      await node.engine.kill();
      await Deno.writeTextFile(keyOf(node), "damaged");
      await started(node, "error");
    },
    serve: async (name) => void await serve(vpc.node(name), [vpc.node(name)]),
    stopEngine: (name) => vpc.node(name).engine.kill(),
    stopInstance: (name) => vpc.node(name).stop(),
    loseQuorum: async (stopped) => {
      await vpc.node(stopped).engine.kill();
      const isLost = (): Promise<boolean> =>
        vpc.node("m1").engine.request("GET", "/swarm").then(
          ({ status }) => status >= 500,
          () => false,
        );
      await until("the loss of quorum", 120_000, isLost, 500);
    },
    troubleStore: (trouble) => troubleStore(vpc, trouble),
    loseBucket: async () => {
      const node = vpc.node("m1");
      node.args = ["--store", "s3://no-such-bucket/prod"];
      // moto looks at the policy first, and at whether there is such a bucket then.
      await node.permit([ALL_ALLOWED]);
    },
    moveBucket: async () => {
      const effect = { kind: "error", status: 301, code: "PermanentRedirect" } as const;
      await vpc.aws.rule({ action: S3_CALLS, effect });
    },
    wantEncryption: inLab,
  };
}

function inLab(): never {
  throw new Error("the lab alone can do this");
}

async function spoilRecord(vpc: Vpc, edit: (text: string) => string): Promise<void> {
  const { templates, objects } = await vpc.aws.dump();
  for (const [name, versions] of Object.entries(templates)) {
    const data = edit(versions.at(-1)?.data ?? "");
    await vpc.aws.ask("rewrite_template", { name, data });
  }
  for (const [key, text] of Object.entries(objects)) {
    if (text.includes('"members"')) await vpc.aws.ask("put", { key, text: edit(text) });
  }
}

/** The store's own calls only: what a node asks EC2 besides is answered. */
async function troubleStore(vpc: Vpc, trouble: StoreTrouble): Promise<void> {
  if (trouble === "denied") {
    const all = await policiesOf(vpc.store, "manager");
    const service = vpc.store === "s3" ? "s3:" : "ec2:";
    const own = actionsOf(all).filter((action) => action.startsWith(service));
    const rest = own.reduce(without, all).filter(({ Statement }) => Statement.length > 0);
    return await vpc.node("m1").permit(rest);
  }
  const code = vpc.store === "s3" ? "SlowDown" : "RequestLimitExceeded";
  const effects: Record<typeof trouble, Effect> = {
    throttled: { kind: "error", status: 503, code },
    html: { kind: "body", text: "<!DOCTYPE html><html><body>Sign in</body></html>" },
    huge: { kind: "body", text: "x".repeat(1024), repeat: 10 * 1024 },
    reset: { kind: "reset" },
  };
  const action = vpc.store === "s3" ? S3_CALLS : ".*";
  await vpc.aws.rule({ action, effect: effects[trouble] });
}

async function lock(node: Node): Promise<void> {
  await updateSwarm(node, "", (spec) => spec.EncryptionConfig.AutoLockManagers = true);
  // The Engine locks its key some time after it has answered.
  const isLocked = async (): Promise<boolean> =>
    (await Deno.readTextFile(keyOf(node))).includes("ENCRYPTED");
  await until("a locked key", 60_000, isLocked);
  await node.engine.kill();
  await started(node, "locked");
}

async function started({ engine }: Node, state: "locked" | "error"): Promise<void> {
  await engine.start();
  const isThere = async (): Promise<boolean> =>
    (await engine.info()).Swarm.LocalNodeState === state;
  await until(`the state ${state}`, 60_000, isThere);
}

function keyOf({ engine }: Node): string {
  return `${engine.dataRoot}/swarm/certificates/swarm-node.key`;
}
