/**
 * The EC2 calls that the tool makes, with answers cut to what is needed of them. Loaded only when one
 * is made.
 */
import {
  call,
  type Caller,
  createHandler,
  faultAlone,
  type Outcome,
  queryComplaint,
  serverClock,
} from "./call.ts";
import { instancesIn, launchedMs, ownAddresses, placementOf } from "./described.ts";
import {
  added,
  dataOf,
  inputOf,
  isNoTemplate,
  newTemplate,
  type NewVersion,
  type TemplateRead,
} from "./templates.ts";
import type { SdkCall, SdkClient } from "./sdk.ts";
import type { Variant } from "./sdk_places.ts";
import {
  createEc2Client,
  createLaunchTemplateVersion,
  createTags,
  deleteLaunchTemplateVersions,
  deleteTags,
  describeInstances,
  describeLaunchTemplateVersions,
} from "./sdk_ec2.ts";
import type { DescribeInstancesResult, Filter } from "./sdk_ec2.ts";
import type { Answer, Tag } from "../state.ts";
import type { Permission, Placement } from "../shown.ts";

/**
 * An instance, as far as EC2 shows it. `addresses`: the private ones, IPv4 before IPv6, and of each the
 * primary one first; none when terminated.
 */
export interface Ec2Instance {
  instance: string;
  state: string;
  addresses: string[];
  /** Since its launch, by EC2's clock; null: not said. */
  runningMs: number | null;
  /** When it was launched (a stop and start is none): ms since 1970; null: not said. */
  launchMs: number | null;
  placement: Placement | null;
  tags: Map<string, string>;
}

/** `values` are taken literally: EC2's wildcards in them are escaped. */
export interface Ec2Filter {
  name: string;
  values: string[];
}

/** A page holds 200 versions of at most 16 KB, or 100 instances with 50 tags each. */
const ANSWER_BYTES_MAX = 6 * 1024 * 1024;
const VERSIONS_PER_PAGE = 200;
const INSTANCES_PER_PAGE = 100;
const PAGES_MAX = 100;

const DRY_RUN = { DryRun: true } as const;

/** EC2 in one region. Calls are made one by one: none is retried, and none is made twice at once. */
export class Ec2Api {
  readonly #caller: Caller;
  readonly #client: SdkClient;

  /** `endpoint` null: AWS's own, in this variant. */
  constructor(caller: Caller, endpoint: string | null, variant: Variant) {
    const { region, credentials } = caller;
    const handler = createHandler(caller, {
      bytesMax: ANSWER_BYTES_MAX,
      complaint: queryComplaint("EC2"),
      streamed: false,
    });
    this.#caller = caller;
    this.#client = createEc2Client({ region, credentials, handler, endpoint, variant });
  }

  /** All versions, or with `numbers` these; a number that EC2 does not know is left out. */
  async templateVersions(name: string, numbers: number[]): Promise<Answer<TemplateRead>> {
    const doing = `read the versions of the launch template "${name}"`;
    const which = numbers.length > 0
      ? { Versions: numbers.map(String) }
      : { MaxResults: VERSIONS_PER_PAGE };
    const read: TemplateRead = { template: null, versions: [], serverMs: 0 };
    let next: { NextToken?: string } = {};
    for (let page = 0; page < PAGES_MAX; page++) {
      const input = { LaunchTemplateName: name, ...which, ...next };
      const answer = await this.#ask(doing, describeLaunchTemplateVersions(input));
      const code = answer.ok ? "" : answer.code ?? "";
      if (/VersionNotFound/.test(code)) return await this.#oneByOne(name, numbers, read);
      if (!answer.ok && !isNoTemplate(code)) return faultAlone(answer);
      const now = serverClock(answer.seen, doing);
      if (!now.ok) return now;
      read.serverMs = now.value;
      if (!answer.ok) return { ok: true, value: read };
      const lack = added(read, answer.value.LaunchTemplateVersions);
      if (lack !== null) return lacking(doing, lack);
      const { NextToken } = answer.value;
      if (!NextToken) return { ok: true, value: read };
      if (NextToken === next.NextToken) return endless(doing);
      next = { NextToken };
    }
    return endless(doing);
  }

  /** EC2 answers nothing at all when one of several numbers is not there. */
  async #oneByOne(
    name: string,
    numbers: number[],
    none: TemplateRead,
  ): Promise<Answer<TemplateRead>> {
    if (numbers.length < 2) return { ok: true, value: none };
    const all: TemplateRead = { ...none };
    for (const number of numbers) {
      const answer = await this.templateVersions(name, [number]);
      if (!answer.ok) return answer;
      all.template ??= answer.value.template;
      all.versions.push(...answer.value.versions);
      all.serverMs = answer.value.serverMs;
    }
    return { ok: true, value: all };
  }

  /** Version 1 of a new template; null when the name is taken. */
  async createTemplate(
    name: string,
    tags: Tag[],
    version: NewVersion,
  ): Promise<Answer<{ template: string } | null>> {
    const doing = `create the launch template "${name}"`;
    const answer = await this.#ask(doing, newTemplate(name, tags, inputOf(version)));
    if (!answer.ok) {
      const taken = /^InvalidLaunchTemplateName\.AlreadyExists/.test(answer.code ?? "");
      return taken ? { ok: true, value: null } : faultAlone(answer);
    }
    const template = answer.value.LaunchTemplate?.LaunchTemplateId;
    if (template === undefined) return lacking(doing, "the template's id");
    return { ok: true, value: { template } };
  }

  /** Answers the number that EC2 gave the version. */
  async createTemplateVersion(template: string, version: NewVersion): Promise<Answer<number>> {
    const doing = `write a version of the launch template ${template}`;
    const input = { LaunchTemplateId: template, ...inputOf(version) };
    const answer = await this.#ask(doing, createLaunchTemplateVersion(input));
    if (!answer.ok) return faultAlone(answer);
    const number = answer.value.LaunchTemplateVersion?.VersionNumber;
    if (number === undefined) return lacking(doing, "the version's number");
    return { ok: true, value: number };
  }

  /** At most 200 versions. EC2 answers for each of them; one that is not there any more is as it should be. */
  async deleteTemplateVersions(template: string, numbers: number[]): Promise<Answer<null>> {
    const doing = `delete old versions of the launch template ${template}`;
    const input = { LaunchTemplateId: template, Versions: numbers.map(String) };
    const answer = await this.#ask(doing, deleteLaunchTemplateVersions(input));
    if (!answer.ok) return faultAlone(answer);
    const left = (answer.value.UnsuccessfullyDeletedLaunchTemplateVersions ?? [])
      .filter(({ ResponseError }) => ResponseError?.Code !== "launchTemplateVersionDoesNotExist");
    const [first] = left;
    if (first === undefined) return { ok: true, value: null };
    const { Code, Message } = first.ResponseError ?? {};
    const message = `Cannot ${doing}: ${left.length} of ${numbers.length} stay; of version ` +
      `${first.VersionNumber} EC2 says ${Code}: ${Message}`;
    return { ok: false, fault: { kind: "declined", message } };
  }

  /**
   * Which of the writes to the template of this name EC2 would allow, and whether old versions may be deleted.
   * Of one that does not exist nobody can say: policies tell it from others by its tag.
   */
  async templatePermissions(
    name: string,
    tags: Tag[],
  ): Promise<{ toWrite: Permission[]; toTrim: Permission }> {
    const input = { ...DRY_RUN, LaunchTemplateData: dataOf("{}") };
    const doing = `look for the launch template "${name}"`;
    // EC2 deletes no version that is the default.
    const which = { LaunchTemplateName: name, Versions: ["$Default"] };
    const [create, read] = await Promise.all([
      this.#isAllowed(newTemplate(name, tags, input)),
      this.#ask(doing, describeLaunchTemplateVersions(which)),
    ]);
    const found = read.ok ? read.value.LaunchTemplateVersions?.[0]?.LaunchTemplateId : undefined;
    if (found !== undefined) {
      const on = { ...DRY_RUN, LaunchTemplateId: found };
      const [version, toTrim] = await Promise.all([
        this.#isAllowed(createLaunchTemplateVersion({ ...input, ...on })),
        this.#isAllowed(deleteLaunchTemplateVersions({ ...on, Versions: ["1"] })),
      ]);
      return { toWrite: [create, version], toTrim };
    }
    const verdict = !read.ok && isNoTemplate(read.code) ? "unasked" : "unknown";
    return {
      toWrite: [create, { action: "ec2:CreateLaunchTemplateVersion", verdict }],
      toTrim: { action: "ec2:DeleteLaunchTemplateVersions", verdict },
    };
  }

  /** All instances that match all of `filters`; each filter has at most 200 values. */
  async instances(doing: string, filters: Ec2Filter[]): Promise<Answer<Ec2Instance[]>> {
    const found: Ec2Instance[] = [];
    let next: { NextToken?: string } = {};
    for (let page = 0; page < PAGES_MAX; page++) {
      const input = { Filters: filters.map(literal), MaxResults: INSTANCES_PER_PAGE, ...next };
      const answer = await this.#ask(doing, describeInstances(input));
      if (!answer.ok) return faultAlone(answer);
      const shown = instancesOf(answer.value, answer.seen.dateMs);
      if (typeof shown === "string") return lacking(doing, shown);
      found.push(...shown);
      const { NextToken } = answer.value;
      if (!NextToken) return { ok: true, value: found };
      if (NextToken === next.NextToken) return endless(doing);
      next = { NextToken };
    }
    return endless(doing);
  }

  async createTags(instance: string, tags: Map<string, string>): Promise<Answer<null>> {
    const doing = `write the tags ${[...tags.keys()].join(" and ")} of ${instance}`;
    const Tags = [...tags].map(([Key, Value]) => ({ Key, Value }));
    const answer = await this.#ask(doing, createTags({ Resources: [instance], Tags }));
    return answer.ok ? { ok: true, value: null } : faultAlone(answer);
  }

  async deleteTags(instance: string, keys: string[]): Promise<Answer<null>> {
    const doing = `delete the tags ${keys.join(" and ")} of ${instance}`;
    const Tags = keys.map((Key) => ({ Key }));
    const answer = await this.#ask(doing, deleteTags({ Resources: [instance], Tags }));
    return answer.ok ? { ok: true, value: null } : faultAlone(answer);
  }

  /** Which of the writes to these tags of this instance EC2 would allow. */
  tagPermissions(instance: string, keys: string[]): Promise<Permission[]> {
    const on = { Resources: [instance], ...DRY_RUN };
    return Promise.all([
      this.#isAllowed(createTags({ ...on, Tags: keys.map((Key) => ({ Key, Value: "" })) })),
      this.#isAllowed(deleteTags({ ...on, Tags: keys.map((Key) => ({ Key })) })),
    ]);
  }

  /** For an operation with `DryRun`, which EC2 never carries out. */
  async #isAllowed<Output>(operation: SdkCall<Output>): Promise<Permission> {
    const action = iamActionOf(operation);
    const answer = await this.#ask(`ask whether ${action} is allowed`, operation);
    if (answer.ok) return { action, verdict: "unknown" };
    if (answer.code === "DryRunOperation") return { action, verdict: "allowed" };
    return { action, verdict: answer.code === "UnauthorizedOperation" ? "denied" : "unknown" };
  }

  #ask<Output>(doing: string, operation: SdkCall<Output>): Promise<Outcome<Output>> {
    const attempt = { action: iamActionOf(operation), doing, region: this.#caller.region };
    return call(this.#caller, attempt, (options) => this.#client.send(operation, options));
  }
}

/** The IAM action of an operation: EC2 gives both one name. */
function iamActionOf({ schema: [, , name] }: SdkCall<unknown>): string {
  return `ec2:${name}`;
}

function literal({ name, values }: Ec2Filter): Filter {
  return { Name: name, Values: values.map((value) => value.replace(/[\\*?]/g, "\\$&")) };
}

/** The instances of a page; or what it lacks. What can't be understood is not left out as if it were not there. */
function instancesOf(
  { Reservations }: DescribeInstancesResult,
  nowMs: number | null,
): Ec2Instance[] | string {
  if (Reservations === undefined) return "the reservations";
  const found: Ec2Instance[] = [];
  for (
    const { InstanceId, State, LaunchTime, Tags, ...where } of Reservations.flatMap(instancesIn)
  ) {
    if (InstanceId === undefined || State?.Name === undefined) return "an instance's id or state";
    const tags = new Map<string, string>();
    for (const { Key, Value } of Tags ?? []) if (Key !== undefined) tags.set(Key, Value ?? "");
    found.push({
      instance: InstanceId,
      state: State.Name,
      addresses: ownAddresses(where),
      runningMs: nowMs === null || LaunchTime === undefined ? null : nowMs - LaunchTime.getTime(),
      launchMs: launchedMs(where),
      placement: placementOf(where),
      tags,
    });
  }
  return found;
}

function endless(doing: string): Answer<never> {
  return malformed(`Cannot ${doing}: the answer's pages do not end`);
}

function lacking(doing: string, what: string): Answer<never> {
  return malformed(`Cannot ${doing}: the answer lacks ${what}`);
}

function malformed(message: string): Answer<never> {
  return { ok: false, fault: { kind: "malformed", message } };
}
