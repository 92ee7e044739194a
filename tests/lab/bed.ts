/** What `tests/cases` do to a VPC, done to the lab's. */
import { Buffer } from "node:buffer";
import type { Bed } from "../cases/bad_input.ts";
import type { Service } from "../emulators/wire.ts";
import { BUCKET, type Lab, type LabNode } from "./lab.ts";
import { joined, nodeNamed } from "./with_lab.ts";

/** `m1` is `manager-1` of the lab. */
export function at(lab: Lab, name: string): LabNode {
  return nodeNamed(lab, name.replace("m", "manager-").replace("w", "worker-"));
}

export function bedOf(lab: Lab): Bed {
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
    initElsewhere: (name) =>
      void at(lab, name).engine.state.init("10.77.0.99", "active", Date.now()),
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
    loseQuorum: (stopped) => at(lab, stopped).engine.stop(),
    troubleStore: (kind) => {
      const service: Service = store === "tags" ? "ec2" : "s3";
      lab.wire.trouble = (call) => call.service === service ? { kind } : null;
    },
    loseBucket: () => void lab.aws.s3.buckets.delete(BUCKET),
    moveBucket: () => void (lab.aws.s3.buckets.get(BUCKET)!.region = "us-east-1"),
    wantEncryption: () => void (lab.aws.s3.buckets.get(BUCKET)!.wantsEncryption = true),
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
