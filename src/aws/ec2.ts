/**
 * The EC2 calls that the tool makes, with answers cut to what is needed of them. Loaded only when one
 * is made.
 */
import { call, type Caller, createHandler, ec2Complaint, faulted, serverClock } from "./call.ts";
import {
  createEc2Client,
  createLaunchTemplate,
  createLaunchTemplateVersion,
  createTags,
  deleteTags,
  describeInstances,
  describeLaunchTemplateVersions,
} from "./sdk_ec2.ts";
import type {
  DescribeInstancesResult,
  DescribeLaunchTemplateVersionsResult,
  Filter,
  TagSpecification,
} from "./sdk_ec2.ts";
import type { Attempt } from "./fault.ts";
import type { Answer, Fault, Permission } from "../state.ts";

/** A version of a launch template. `text`: its user data, decoded; null when it has none. */
export interface TemplateVersion {
  number: number;
  text: string | null;
}

/** `template`: its id; null when there is no template of that name. */
export interface TemplateRead {
  template: string | null;
  versions: TemplateVersion[];
  serverMs: number;
}

/** An instance, as far as EC2 shows it. `addresses`: the primary one first; none when terminated. */
export interface Ec2Instance {
  instance: string;
  state: string;
  addresses: string[];
  tags: Map<string, string>;
}

export interface NewVersion {
  /** At most 128 characters: EC2 makes one version of two requests that have the same. */
  clientToken: string;
  /** At most 255 characters. */
  description: string;
  text: string;
}

/** `values` are taken literally: EC2's wildcards in them are escaped. */
export interface Ec2Filter {
  name: string;
  values: string[];
}

export interface Ec2Api {
  /** All versions, or with `numbers` these; a number that EC2 does not know is left out. */
  templateVersions(name: string, numbers: number[]): Promise<Answer<TemplateRead>>;
  /** Version 1 of a new template; null when the name is taken. */
  createTemplate(name: string, version: NewVersion): Promise<Answer<{ template: string } | null>>;
  /** Answers the number that EC2 gave the version. */
  createTemplateVersion(template: string, version: NewVersion): Promise<Answer<number>>;
  /** All instances that match all of `filters`; each filter has at most 200 values. */
  instances(doing: string, filters: Ec2Filter[]): Promise<Answer<Ec2Instance[]>>;
  createTags(instance: string, tags: Map<string, string>): Promise<Answer<null>>;
  deleteTags(instance: string, keys: string[]): Promise<Answer<null>>;
  /** Which of the writes to this template and this instance's tags EC2 would allow. */
  permissions(name: string, instance: string, keys: string[]): Promise<Permission[]>;
}

/** A page holds 200 versions of at most 16 KB, or 100 instances with 50 tags each. */
const ANSWER_BYTES_MAX = 6 * 1024 * 1024;
const VERSIONS_PER_PAGE = 200;
const INSTANCES_PER_PAGE = 100;
const PAGES_MAX = 100;

/** IAM can't tell templates apart by name; by this tag it can. */
const MARK: TagSpecification[] = [
  { ResourceType: "launch-template", Tags: [{ Key: "swarm-join", Value: "founding-record" }] },
];

export function createEc2Api(caller: Caller, endpoint: string | null): Ec2Api {
  const { region } = caller;
  const { send } = createEc2Client({
    region,
    credentials: caller.credentials,
    handler: createHandler(caller, {
      bytesMax: ANSWER_BYTES_MAX,
      complaint: ec2Complaint,
      streamed: false,
    }),
    endpoint,
  });

  async function templatePage(
    attempt: Attempt,
    name: string,
    numbers: number[],
    token: string | undefined,
  ): Promise<Answer<TemplatePage | null>> {
    const answer = await call(caller, attempt, (options) =>
      send(
        describeLaunchTemplateVersions({
          LaunchTemplateName: name,
          ...(numbers.length > 0
            ? { Versions: numbers.map(String) }
            : { MaxResults: VERSIONS_PER_PAGE }),
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ));
    if (answer.ok) {
      const now = serverClock(answer.seen, attempt);
      return now.ok ? { ok: true, value: { ...answer.value, serverMs: now.value } } : now;
    }
    if (/^InvalidLaunchTemplateName\.NotFound/.test(answer.code ?? "")) {
      const now = serverClock(answer.seen, attempt);
      return now.ok ? { ok: true, value: { NoTemplate: true, serverMs: now.value } } : now;
    }
    if (/VersionNotFound/.test(answer.code ?? "")) return { ok: true, value: null };
    return faulted(answer);
  }

  async function templateVersions(
    name: string,
    numbers: number[],
  ): Promise<Answer<TemplateRead>> {
    const attempt = {
      action: "ec2:DescribeLaunchTemplateVersions",
      doing: `read the versions of the launch template "${name}"`,
      region,
    };
    const read: TemplateRead = { template: null, versions: [], serverMs: 0 };
    let token: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const answer = await templatePage(attempt, name, numbers, token);
      if (!answer.ok) return answer;
      if (answer.value === null) return await oneByOne(name, numbers, read);
      const { LaunchTemplateVersions, NextToken, NoTemplate, serverMs } = answer.value;
      read.serverMs = serverMs;
      if (NoTemplate === true) return { ok: true, value: read };
      for (
        const { LaunchTemplateId, VersionNumber, LaunchTemplateData } of LaunchTemplateVersions ??
          []
      ) {
        if (LaunchTemplateId === undefined || VersionNumber === undefined) continue;
        read.template = LaunchTemplateId;
        const text = decoded(LaunchTemplateData?.UserData);
        read.versions.push({ number: VersionNumber, text });
      }
      if (!NextToken) return { ok: true, value: read };
      token = NextToken;
    }
    return { ok: false, fault: endless(attempt) };
  }

  /** EC2 answers nothing at all when one of several numbers is not there. */
  async function oneByOne(
    name: string,
    numbers: number[],
    none: TemplateRead,
  ): Promise<Answer<TemplateRead>> {
    if (numbers.length < 2) return { ok: true, value: none };
    const all: TemplateRead = { ...none };
    for (const number of numbers) {
      const answer = await templateVersions(name, [number]);
      if (!answer.ok) return answer;
      all.template ??= answer.value.template;
      all.versions.push(...answer.value.versions);
      all.serverMs = answer.value.serverMs;
    }
    return { ok: true, value: all };
  }

  return {
    templateVersions,

    async createTemplate(name, version): Promise<Answer<{ template: string } | null>> {
      const attempt = {
        action: "ec2:CreateLaunchTemplate",
        doing: `create the launch template "${name}"`,
        region,
      };
      const answer = await call(caller, attempt, (options) =>
        send(
          createLaunchTemplate({
            LaunchTemplateName: name,
            TagSpecifications: MARK,
            ...inputOf(version),
          }),
          options,
        ));
      if (!answer.ok) {
        const taken = /^InvalidLaunchTemplateName\.AlreadyExists/.test(answer.code ?? "");
        return taken ? { ok: true, value: null } : faulted(answer);
      }
      const template = answer.value.LaunchTemplate?.LaunchTemplateId;
      if (template === undefined) {
        return { ok: false, fault: lacking(attempt, "the template's id") };
      }
      return { ok: true, value: { template } };
    },

    async createTemplateVersion(template, version): Promise<Answer<number>> {
      const attempt = {
        action: "ec2:CreateLaunchTemplateVersion",
        doing: `write a version of the launch template ${template}`,
        region,
      };
      const answer = await call(caller, attempt, (options) =>
        send(
          createLaunchTemplateVersion({
            LaunchTemplateId: template,
            ...inputOf(version),
          }),
          options,
        ));
      if (!answer.ok) return faulted(answer);
      const number = answer.value.LaunchTemplateVersion?.VersionNumber;
      if (number === undefined) {
        return { ok: false, fault: lacking(attempt, "the version's number") };
      }
      return { ok: true, value: number };
    },

    async instances(doing, filters): Promise<Answer<Ec2Instance[]>> {
      const attempt = { action: "ec2:DescribeInstances", doing, region };
      const found: Ec2Instance[] = [];
      let token: string | undefined;
      for (let page = 0; page < PAGES_MAX; page++) {
        const answer = await call(caller, attempt, (options) =>
          send(
            describeInstances({
              Filters: filters.map(literal),
              MaxResults: INSTANCES_PER_PAGE,
              ...(token === undefined ? {} : { NextToken: token }),
            }),
            options,
          ));
        if (!answer.ok) return faulted(answer);
        found.push(...instancesOf(answer.value));
        if (!answer.value.NextToken) return { ok: true, value: found };
        token = answer.value.NextToken;
      }
      return { ok: false, fault: endless(attempt) };
    },

    async createTags(instance, tags): Promise<Answer<null>> {
      const attempt = {
        action: "ec2:CreateTags",
        doing: `write the tags ${[...tags.keys()].join(" and ")} of ${instance}`,
        region,
      };
      const Tags = [...tags].map(([Key, Value]) => ({ Key, Value }));
      const answer = await call(
        caller,
        attempt,
        (options) => send(createTags({ Resources: [instance], Tags }), options),
      );
      return answer.ok ? { ok: true, value: null } : faulted(answer);
    },

    async deleteTags(instance, keys): Promise<Answer<null>> {
      const attempt = {
        action: "ec2:DeleteTags",
        doing: `delete the tags ${keys.join(" and ")} of ${instance}`,
        region,
      };
      const Tags = keys.map((Key) => ({ Key }));
      const answer = await call(
        caller,
        attempt,
        (options) => send(deleteTags({ Resources: [instance], Tags }), options),
      );
      return answer.ok ? { ok: true, value: null } : faulted(answer);
    },

    async permissions(name, instance, keys): Promise<Permission[]> {
      const DryRun = true;
      const Resources = [instance];
      const version = inputOf({ clientToken: "dry-run", description: "", text: "{}" });
      const asked = {
        "ec2:CreateLaunchTemplate": createLaunchTemplate({
          LaunchTemplateName: name,
          TagSpecifications: MARK,
          ...version,
          DryRun,
        }),
        "ec2:CreateLaunchTemplateVersion": createLaunchTemplateVersion({
          LaunchTemplateName: name,
          ...version,
          DryRun,
        }),
        "ec2:CreateTags": createTags({
          Resources,
          Tags: keys.map((Key) => ({ Key, Value: "" })),
          DryRun,
        }),
        "ec2:DeleteTags": deleteTags({
          Resources,
          Tags: keys.map((Key) => ({ Key })),
          DryRun,
        }),
      };
      return await Promise.all(
        Object.entries(asked).map(async ([action, command]): Promise<Permission> => {
          const attempt = { action, doing: `ask whether ${action} is allowed`, region };
          const answer = await call(
            caller,
            attempt,
            (options) => send(command, options),
          );
          if (answer.ok) return { action, verdict: "unknown" };
          if (answer.code === "DryRunOperation") return { action, verdict: "allowed" };
          const denied = answer.code === "UnauthorizedOperation";
          return { action, verdict: denied ? "denied" : "unknown" };
        }),
      );
    },
  };
}

type TemplatePage = Partial<DescribeLaunchTemplateVersionsResult> & {
  NoTemplate?: true;
  serverMs: number;
};

function inputOf({ clientToken, description, text }: NewVersion): {
  ClientToken: string;
  VersionDescription: string;
  LaunchTemplateData: { UserData: string };
} {
  return {
    ClientToken: clientToken,
    VersionDescription: description,
    LaunchTemplateData: { UserData: new TextEncoder().encode(text).toBase64() },
  };
}

/** Null: none, or not what was written by this tool. */
function decoded(userData: string | undefined): string | null {
  if (userData === undefined || userData === "") return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(userData));
  } catch {
    return null;
  }
}

function literal({ name, values }: Ec2Filter): Filter {
  return { Name: name, Values: values.map((value) => value.replace(/[\\*?]/g, "\\$&")) };
}

function instancesOf({ Reservations }: DescribeInstancesResult): Ec2Instance[] {
  const found: Ec2Instance[] = [];
  for (const { Instances } of Reservations ?? []) {
    for (
      const { InstanceId, State, PrivateIpAddress, NetworkInterfaces, Tags } of Instances ?? []
    ) {
      if (InstanceId === undefined || State?.Name === undefined) continue;
      const others = (NetworkInterfaces ?? []).flatMap(({ PrivateIpAddresses }) =>
        (PrivateIpAddresses ?? []).map((one) => one.PrivateIpAddress)
      );
      const addresses = [PrivateIpAddress, ...others].filter((one) =>
        one !== undefined && one !== ""
      );
      const tags = new Map<string, string>();
      for (const { Key, Value } of Tags ?? []) if (Key !== undefined) tags.set(Key, Value ?? "");
      found.push({
        instance: InstanceId,
        state: State.Name,
        addresses: [...new Set(addresses as string[])],
        tags,
      });
    }
  }
  return found;
}

function endless({ doing }: Attempt): Fault {
  return { kind: "malformed", message: `Cannot ${doing}: the answer has over ${PAGES_MAX} pages` };
}

function lacking({ doing }: Attempt, what: string): Fault {
  return { kind: "malformed", message: `Cannot ${doing}: the answer lacks ${what}` };
}
