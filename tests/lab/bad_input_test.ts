/** Bad input against the real binary on emulators. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  BAD_INPUT,
  type BadInput,
  type Bed,
  endsAs,
  MANAGERS,
  WORKERS,
} from "../cases/bad_input.ts";
import type { Service } from "../emulators/wire.ts";
import { BUCKET, type Lab, type LabNode } from "./lab.ts";
import { joined, manyLabs, nodeNamed, withLab, writesSince } from "./with_lab.ts";

/** Everything that is worth waiting for is given up after this long: what is wrong stays wrong. */
const TIMEOUT = "4s";

const AT_ONCE = 12;

for (const [group, cases] of Object.entries(BAD_INPUT)) {
  const onStores = cases.flatMap((one) => one.stores.map((store) => ({ ...one, stores: [store] })));
  const nameOf = ({ name, stores, exit }: BadInput): string =>
    `${stores}, ${name}: exit ${exit}, and nothing changed`;
  manyLabs(`bad input: ${group}`, onStores, AT_ONCE, nameOf, refuses);
}

async function refuses(one: BadInput): Promise<void> {
  const { stores: [store = "tags"] } = one;
  await withLab({ store, managers: MANAGERS, workers: WORKERS }, async (lab) => {
    const node = at(lab, one.who);
    await one.given?.(bedOf(lab));
    const since = lab.wire.calls.length;
    const before = lab.snapshot();
    const result = await lab.run(node, ["join", "--json", "--timeout", TIMEOUT], one.env);
    const told = `\nexit ${result.exit}\n${result.stderr}${result.stdout}`;
    assert.ok(endsAs(one, result), `not exit ${one.exit} with ${one.says}${told}`);
    assert.deepEqual(lab.snapshot(), before, told);
    if (!one.asks) assert.deepEqual(writesSince(lab, since, [node]), [], told);
  });
}

/** `m1` is `manager-1` of the lab. */
function at(lab: Lab, name: string): LabNode {
  return nodeNamed(lab, name.replace("m", "manager-").replace("w", "worker-"));
}

function bedOf(lab: Lab): Bed {
  const { store } = lab.options;
  const objects = (name: string) =>
    [...lab.aws.s3.buckets.get(BUCKET)?.objects ?? []].flatMap(([key, object]) =>
      key.endsWith(`/${name}`) ? [object] : []
    );
  return {
    store,
    wire: lab.wire,
    imds: (name) => at(lab, name).imds,
    join: async (...names) => {
      for (const name of names) await joined(lab, at(lab, name));
    },
    tag: (name, tags) => retag(lab, at(lab, name), tags),
    spoilRecord: (edit) => {
      for (const version of lab.aws.ec2.templates[0]?.versions ?? []) {
        const text = Buffer.from(version.userData ?? "", "base64").toString();
        version.userData = Buffer.from(edit(text)).toString("base64");
      }
      for (const object of objects("record.json")) {
        object.body = Buffer.from(edit(Buffer.from(object.body).toString()));
      }
    },
    showTokens: (name, token) => {
      if (store === "tags") {
        return retag(lab, at(lab, name), { ManagerToken: token, WorkerToken: token });
      }
      for (const object of [...objects("manager"), ...objects("worker")]) {
        object.body = Buffer.from(token);
      }
    },
    initByHand: (name) => {
      const { address, engine } = at(lab, name);
      engine.state.init(address, "active", Date.now());
    },
    lock: (name) => void (at(lab, name).engine.state.locked = true),
    spoilCertificate: (name) => {
      at(lab, name).engine.state.failure = "Swarm certificates have expired.";
    },
    serve: (name) => void at(lab, name).engine.state.membership?.swarm.services.push("web"),
    stopEngine: (name) => at(lab, name).engine.stop(),
    stopInstance: async (name) => {
      const { engine, instance } = at(lab, name);
      await engine.stop();
      lab.aws.ec2.setState(instance, "stopped");
    },
    loseQuorum: (_, other) => at(lab, other).engine.stop(),
    troubleStore: (kind) => {
      const service: Service = store === "tags" ? "ec2" : "s3";
      lab.wire.trouble = (call) => call.service === service ? { kind } : null;
    },
    loseBucket: () => void lab.aws.s3.buckets.delete(BUCKET),
    moveBucket: () => void (lab.aws.s3.buckets.get(BUCKET)!.region = "us-east-1"),
  };
}

/** Changes a node's tags, in EC2 and where its metadata shows them. */
function retag(lab: Lab, { instance, imds }: LabNode, tags: Record<string, string | null>): void {
  const found = lab.aws.ec2.get(instance)!;
  for (const shown of [found.tags, imds.tags]) {
    for (const [key, value] of Object.entries(tags)) {
      if (value === null) shown?.delete(key);
      else shown?.set(key, value);
    }
  }
  lab.aws.ec2.put(found);
}
