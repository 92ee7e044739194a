/** What a node may find wrong with its surroundings, with AWS, with the record and with the tokens. */
import { Buffer } from "node:buffer";
import { SwarmState } from "../emulators/engine_state.ts";
import type { Service, Trouble } from "../emulators/wire.ts";
import { BUCKET, type Lab, type LabNode, type LabOptions, type StoreKind } from "./lab.ts";
import { joined, nodeNamed } from "./with_lab.ts";

export interface Case {
  name: string;
  lab?: Partial<LabOptions>;
  /** Which node runs; its name. */
  who?: string;
  args?: string[];
  env?: (node: LabNode) => Record<string, string>;
  /** Makes the world as it should be found. Nodes may have joined already. */
  prepare?: (lab: Lab, node: LabNode) => Promise<void> | void;
  exit: number;
  /** What a person must be told. */
  says: RegExp;
}

const SURROUNDINGS: Case[] = [
  {
    name: "no IMDS at that address",
    env: (node) => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://${node.address}:9` }),
    exit: 6,
    says: /IMDS/,
  },
  {
    name: "an IMDS that never answers",
    prepare: (lab) => always(lab, "imds", { kind: "silence" }),
    exit: 6,
    says: /IMDS/,
  },
  {
    name: "an IMDS that answers HTML",
    prepare: (lab) => always(lab, "imds", { kind: "html" }),
    exit: 6,
    says: /IMDS/,
  },
  {
    name: "an IMDS that answers 10 MB",
    prepare: (lab) => always(lab, "imds", { kind: "huge" }),
    exit: 6,
    says: /IMDS/,
  },
  {
    name: "an instance without a role",
    prepare: (_, node) => void (node.imds.role = null),
    exit: 4,
    says: /role/,
  },
  {
    name: "no Engine at that socket",
    env: (node) => ({ DOCKER_HOST: `unix://${node.directory}/none.sock` }),
    exit: 6,
    says: /Docker Engine/,
  },
  {
    name: "an Engine's socket where this program may not go",
    env: () => ({ DOCKER_HOST: "unix:///opt/docker.sock" }),
    exit: 4,
    says: /with the socket in \/run/,
  },
  {
    name: "an Engine that answers HTML",
    prepare: (lab) => always(lab, "engine", { kind: "html" }),
    exit: 6,
    says: /Docker Engine/,
  },
  {
    name: "an Engine that answers 10 MB",
    prepare: (lab) => always(lab, "engine", { kind: "huge" }),
    exit: 6,
    says: /Docker Engine/,
  },
  {
    name: "a locked swarm",
    prepare: (lab, node) => {
      foreignSwarm(lab, node);
      node.engine.state.locked = true;
    },
    exit: 5,
    says: /docker swarm unlock/,
  },
  {
    name: "a member in error",
    prepare: (lab, node) => {
      foreignSwarm(lab, node);
      node.engine.state.failure = "Swarm certificates have expired.";
    },
    exit: 5,
    says: /certificates have expired/,
  },
  {
    name: "a cloned disk",
    prepare: (lab, node) => {
      foreignSwarm(lab, node);
      node.engine.state.self!.address = "10.9.8.7";
    },
    exit: 5,
    says: /10\.9\.8\.7.*cloned/,
  },
  {
    name: "no role tag",
    prepare: (lab, node) => retag(lab, node, { Role: null }),
    exit: 2,
    says: /must have the tag "Role"/,
  },
  {
    name: "a role tag that is neither role",
    prepare: (lab, node) => retag(lab, node, { Role: "boss" }),
    exit: 2,
    says: /must have the tag "Role".*"boss"/,
  },
];

const ON_AWS: Case[] = (["tags", "s3"] as const).flatMap((store): Case[] => {
  const lab = { store };
  const services: Service[] = store === "tags" ? ["ec2"] : ["s3"];
  const all = (trouble: Trouble) => (one: Lab): void => {
    one.wire.trouble = (call) => services.includes(call.service) ? trouble : null;
  };
  return [
    {
      name: `${store}: throttled all the time`,
      lab,
      prepare: all({ kind: "throttled" }),
      exit: 3,
      says: /SlowDown|RequestLimitExceeded/,
    },
    {
      name: `${store}: HTML in place of answers`,
      lab,
      prepare: all({ kind: "html" }),
      exit: store === "tags" ? 3 : 5,
      says: /answer/,
    },
    {
      name: `${store}: answers of 10 MB`,
      lab,
      prepare: all({ kind: "huge" }),
      exit: store === "tags" ? 3 : 5,
      says: /longer than/,
    },
    {
      name: `${store}: every connection reset`,
      lab,
      prepare: all({ kind: "reset" }),
      exit: 3,
      says: /connection/,
    },
    {
      name: `${store}: all denied`,
      lab,
      prepare: all({ kind: "denied" }),
      exit: 4,
      says: store === "tags" ? /ec2:Describe/ : /s3:GetObject/,
    },
  ];
});

const DENIED: Case[] = [
  denied(
    "tags",
    "DescribeLaunchTemplateVersions",
    "worker-1",
    "ec2:DescribeLaunchTemplateVersions",
  ),
  denied("tags", "DescribeInstances", "worker-1", "ec2:DescribeInstances"),
  denied("tags", "CreateLaunchTemplateVersion", "manager-2", "ec2:CreateLaunchTemplateVersion"),
  denied("s3", "GetObject", "worker-1", "s3:GetObject"),
  denied("s3", "PutObject record.json", "manager-2", "s3:PutObject"),
];

const RECORDS: Case[] = (["tags", "s3"] as const).flatMap((store): Case[] =>
  ["manager-2", "worker-1"].flatMap((who): Case[] => {
    const common = { lab: { store, managers: 2, workers: 1 }, who };
    const with_ = (edit: (text: string) => string) => async (lab: Lab): Promise<void> => {
      await joined(lab, nodeNamed(lab, "manager-1"));
      rewriteRecord(lab, edit);
    };
    const other = (key: string, value: unknown) =>
      with_((text) => JSON.stringify({ ...JSON.parse(text), [key]: value }));
    return [
      {
        ...common,
        name: `${store}, ${who}: a record that is not JSON`,
        prepare: with_(() => "hello"),
        exit: 5,
        says: /not JSON|no version holds/,
      },
      {
        ...common,
        name: `${store}, ${who}: half a record`,
        prepare: with_((text) => text.slice(0, 200)),
        exit: 5,
        says: /not JSON|no version holds/,
      },
      {
        ...common,
        name: `${store}, ${who}: a record of a later tool`,
        prepare: other("format", 99),
        exit: 5,
        says: /later version/,
      },
      {
        ...common,
        name: `${store}, ${who}: a record of another VPC`,
        prepare: other("vpc", "vpc-0other"),
        exit: 5,
        says: /vpc-0other/,
      },
      {
        ...common,
        name: `${store}, ${who}: a record of another account`,
        prepare: other("account", "999999999999"),
        exit: 5,
        says: /999999999999/,
      },
      {
        ...common,
        name: `${store}, ${who}: a record of another region`,
        prepare: other("region", "us-east-1"),
        exit: 5,
        says: /us-east-1/,
      },
    ];
  })
);

const TOKENS: Case[] = [
  ...["manager-2", "worker-1"].flatMap((who): Case[] => {
    const role = who === "manager-2" ? "ManagerToken" : "WorkerToken";
    const common = { lab: { managers: 2, workers: 1 }, who, exit: 3 };
    const shown = (value: string) => async (lab: Lab): Promise<void> => {
      await joined(lab, nodeNamed(lab, "manager-1"));
      retag(lab, nodeNamed(lab, "manager-1"), { [role]: value });
    };
    return [
      {
        ...common,
        name: `${who}: a token that is none`,
        prepare: shown("hello"),
        says: new RegExp(`no join token in "${role}"`),
      },
      { ...common, name: `${who}: an empty token`, prepare: shown(""), says: new RegExp(role) },
    ];
  }),
  {
    name: "no record, and the tokens of an unfounded swarm",
    lab: { managers: 2 },
    who: "manager-2",
    prepare: (lab) => showTokens(lab, nodeNamed(lab, "manager-1"), new SwarmState(0)),
    exit: 3,
    says: /no swarm is founded, and i-\w+ shows tokens/,
  },
  {
    name: "no record, and two swarms' tokens",
    lab: { managers: 3 },
    who: "manager-3",
    prepare: (lab) => {
      showTokens(lab, nodeNamed(lab, "manager-1"), new SwarmState(0));
      showTokens(lab, nodeNamed(lab, "manager-2"), new SwarmState(0));
    },
    exit: 5,
    says: /i-\w+, i-\w+/,
  },
  {
    name: "a worker alone",
    lab: { managers: 1, workers: 1 },
    who: "worker-1",
    exit: 3,
    says: /no swarm is founded yet/,
  },
];

const PLACES: Case[] = [
  {
    name: "no such bucket",
    lab: { store: "s3" },
    prepare: (lab) => void lab.aws.s3.buckets.delete(BUCKET),
    exit: 2,
    says: /bucket/i,
  },
  {
    name: "a bucket in another region",
    lab: { store: "s3" },
    prepare: (lab) => void (lab.aws.s3.buckets.get(BUCKET)!.region = "us-east-1"),
    exit: 2,
    says: /us-east-1, not in eu-central-1/,
  },
  {
    name: "a founded swarm whose only manager is silent",
    lab: { managers: 2 },
    who: "manager-2",
    prepare: async (lab) => {
      await joined(lab, nodeNamed(lab, "manager-1"));
      await nodeNamed(lab, "manager-1").engine.stop();
      lab.aws.ec2.setState(nodeNamed(lab, "manager-1").instance, "stopped");
    },
    exit: 3,
    says: /i-\w+ \([\d.]+, stopped\)/,
  },
  {
    name: "a manager without quorum",
    lab: { managers: 2 },
    who: "manager-2",
    prepare: async (lab) => {
      await joined(lab, nodeNamed(lab, "manager-1"));
      await joined(lab, nodeNamed(lab, "manager-2"));
      await nodeNamed(lab, "manager-1").engine.stop();
    },
    exit: 3,
    says: /no quorum/,
  },
  {
    name: "a swarm of its own with a service in it",
    lab: { managers: 2 },
    who: "manager-2",
    prepare: async (lab) => {
      await joined(lab, nodeNamed(lab, "manager-1"));
      foreignSwarm(lab, nodeNamed(lab, "manager-2")).services.push("web");
    },
    exit: 5,
    says: /1 service/,
  },
];

/** By what is wrong. */
export const GROUPS: Record<string, Case[]> = {
  "what a node stands on": SURROUNDINGS,
  "what AWS answers": ON_AWS,
  "one permission less": DENIED,
  "what the record holds": RECORDS,
  "which tokens are shown": TOKENS,
  "where it looks, and what it finds there": PLACES,
};

function always(lab: Lab, service: Service, trouble: Trouble): void {
  lab.wire.trouble = (call) => call.service === service ? trouble : null;
}

/** One action is denied to one node of a founded swarm, and everything else is allowed. */
function denied(store: StoreKind, action: string, who: string, permission: string): Case {
  return {
    name: `${store}, ${who}: ${permission} denied`,
    lab: { store, managers: 2, workers: 1 },
    who,
    prepare: async (lab, node) => {
      await joined(lab, nodeNamed(lab, "manager-1"));
      lab.wire.trouble = (call) =>
        call.node === node.instance && call.action.startsWith(action) ? { kind: "denied" } : null;
    },
    exit: 4,
    says: new RegExp(permission),
  };
}

/** Puts the Engine into a swarm that nobody founded. */
function foreignSwarm(_lab: Lab, node: LabNode): SwarmState {
  return node.engine.state.init(node.address, "active", Date.now());
}

function retag(lab: Lab, node: LabNode, tags: Record<string, string | null>): void {
  const instance = lab.aws.ec2.get(node.instance)!;
  for (const [key, value] of Object.entries(tags)) {
    if (value === null) instance.tags.delete(key);
    else instance.tags.set(key, value);
  }
  lab.aws.ec2.put(instance);
}

function showTokens(lab: Lab, node: LabNode, swarm: SwarmState): void {
  retag(lab, node, { ManagerToken: swarm.token("manager"), WorkerToken: swarm.token("worker") });
}

/** Changes the record's text where it lies. */
function rewriteRecord(lab: Lab, edit: (text: string) => string): void {
  for (const version of lab.aws.ec2.templates[0]?.versions ?? []) {
    const text = Buffer.from(version.userData ?? "", "base64").toString();
    version.userData = Buffer.from(edit(text)).toString("base64");
  }
  const objects = lab.aws.s3.buckets.get(BUCKET)?.objects;
  for (const [key, object] of objects ?? []) {
    if (!key.endsWith("record.json")) continue;
    object.body = new TextEncoder().encode(edit(new TextDecoder().decode(object.body)));
  }
}
