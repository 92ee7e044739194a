/**
 * The part of EC2 that this tool touches, as state without a wire: instances, their tags and launch
 * templates. Writes are immediate and in order, and refused as AWS refuses them; reads are old by
 * whatever `lagMs` says, item by item, so that a list may have gaps.
 */
import { type Ec2Filter, matches } from "./ec2_filters.ts";
import { HEX, randomText } from "./wire.ts";

export type Ec2InstanceState =
  | "pending"
  | "running"
  | "shutting-down"
  | "terminated"
  | "stopping"
  | "stopped";

export interface Ec2Instance {
  id: string;
  account: string;
  vpc: string;
  subnet: string;
  /** Its first private IPv4 address; "": it has none. */
  address: string;
  /** Its other private addresses, of either version. */
  others?: string[];
  state: Ec2InstanceState;
  /** Its last start. */
  launchedMs: number;
  /** Its first one, if it was stopped since. */
  firstLaunchedMs?: number;
  /** What it is; else a t3.small on demand, in the first zone. */
  placement?: { zone: string; type: string; lifecycle: string };
  tags: Map<string, string>;
}

export interface Ec2TemplateVersion {
  number: number;
  createdMs: number;
  /** Null: it is there. Reads may show it for a while longer. */
  deletedMs: number | null;
  description: string;
  userData: string | null;
  /** `MetadataOptions.HttpTokens` of what it would launch. */
  httpTokens?: string | null;
  createdBy: string;
}

export interface Ec2Template {
  id: string;
  name: string;
  tags: Map<string, string>;
  createdMs: number;
  createdBy: string;
  versions: Ec2TemplateVersion[];
  nextNumber: number;
}

/** An error in AWS's words. */
export class Ec2Error extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** What became of one version that was to be deleted; `error` null: it is. */
export interface Deletion {
  number: number;
  error: { code: string; message: string } | null;
}

/** Which item a read by `node` is about: an instance's or a template's id, or `lt-…/3` for a version. */
export interface Ec2Read {
  node: string;
  action: "DescribeInstances" | "DescribeLaunchTemplateVersions";
  item: string;
}

export interface Ec2Options {
  /** The server's clock, ms since 1970. */
  now?: () => number;
  /** How old the answer about an item is. */
  lagMs?: (read: Ec2Read) => number;
  /** How long a terminated instance is still shown. AWS: about an hour. */
  rememberedMs?: number;
}

/** Who calls, for `createdBy`. */
export interface Ec2Caller {
  node: string;
  arn: string;
}

type NewVersion = Pick<Ec2TemplateVersion, "description" | "userData" | "httpTokens">;

interface Snapshot {
  atMs: number;
  value: Ec2Instance;
}

const USER_DATA_BYTES_MAX = 16_384;
const TAG_VALUE_MAX = 256;
const TAG_KEY_MAX = 128;
const TAGS_MAX = 50;
const VERSIONS_DELETED_MAX = 200;

export class Ec2State {
  now: () => number;
  lagMs: (read: Ec2Read) => number;
  rememberedMs: number;
  readonly templates: Ec2Template[] = [];
  readonly #histories = new Map<string, Snapshot[]>();
  readonly #tokens = new Map<string, { intent: string; result: unknown }>();

  constructor(options: Ec2Options = {}) {
    this.now = options.now ?? Date.now;
    this.lagMs = options.lagMs ?? (() => 0);
    this.rememberedMs = options.rememberedMs ?? 3_600_000;
  }

  /** Launches an instance, or changes one in any way that AWS itself could. */
  put(instance: Ec2Instance): void {
    this.#record({ ...instance, tags: new Map(instance.tags) });
  }

  /** The instance as it is now, whatever reads show. */
  get(id: string): Ec2Instance | null {
    const value = this.#histories.get(id)?.at(-1)?.value;
    return value ? { ...value, tags: new Map(value.tags) } : null;
  }

  instances(): Ec2Instance[] {
    return [...this.#histories.keys()].flatMap((id) => this.get(id) ?? []);
  }

  setState(id: string, state: Ec2InstanceState): void {
    const instance = this.get(id);
    if (instance === null) throw new Error(`no instance ${id}`);
    const lost = state === "terminated" ? { vpc: "", subnet: "", address: "", others: [] } : {};
    this.#record({ ...instance, ...lost, state });
  }

  /** EC2 forgets the instance altogether, as it does an hour after its end. */
  forget(id: string): void {
    this.#histories.delete(id);
  }

  describeInstances(node: string, filters: Ec2Filter[], ids: string[]): Ec2Instance[] {
    const seen: Ec2Instance[] = [];
    for (const id of this.#histories.keys()) {
      const instance = this.#seen(node, id);
      if (instance !== null) seen.push(instance);
    }
    const unknown = ids.find((id) => !seen.some((instance) => instance.id === id));
    if (unknown !== undefined) {
      throw new Ec2Error(
        "InvalidInstanceID.NotFound",
        `The instance ID '${unknown}' does not exist`,
      );
    }
    return seen.filter((instance) =>
      (ids.length === 0 || ids.includes(instance.id)) &&
      filters.every((filter) => matches(instance, filter))
    );
  }

  createTags(ids: string[], tags: [string, string][]): void {
    for (const [key, value] of tags) {
      if (key === "" || key.length > TAG_KEY_MAX || value.length > TAG_VALUE_MAX) {
        throw new Ec2Error("InvalidParameterValue", "Tag key or value exceeds the maximum length.");
      }
      if (key.startsWith("aws:")) {
        throw new Ec2Error(
          "InvalidParameterValue",
          "Tag keys starting with 'aws:' are reserved for internal use",
        );
      }
    }
    this.#change(ids, (instance) => {
      for (const [key, value] of tags) instance.tags.set(key, value);
      if (instance.tags.size > TAGS_MAX) {
        throw new Ec2Error("TagLimitExceeded", "More than 50 tags specified");
      }
    });
  }

  /** A tag is deleted whatever its value, unless a value is given. */
  deleteTags(ids: string[], tags: [string, string | null][]): void {
    this.#change(ids, (instance) => {
      for (const [key, value] of tags) {
        if (value === null || instance.tags.get(key) === value) instance.tags.delete(key);
      }
    });
  }

  createLaunchTemplate(
    caller: Ec2Caller,
    name: string,
    version: NewVersion,
    clientToken: string | null,
    tags: [string, string][] = [],
  ): Ec2Template {
    return this.#once(clientToken, JSON.stringify(["create", name, version, tags]), () => {
      if (!/^[a-zA-Z0-9()./_-]{3,128}$/.test(name)) {
        throw new Ec2Error(
          "InvalidLaunchTemplateName.MalformedException",
          "A launch template name must be between 3 and 128 characters, and may contain letters, " +
            "numbers, and the following characters: - ( ) . / _",
        );
      }
      checkVersion(version);
      if (this.templates.some((template) => template.name === name)) {
        throw new Ec2Error(
          "InvalidLaunchTemplateName.AlreadyExistsException",
          "Launch template name already in use.",
        );
      }
      const template: Ec2Template = {
        id: `lt-0${randomText(16, HEX)}`,
        name,
        tags: new Map(tags),
        createdMs: this.now(),
        createdBy: caller.arn,
        versions: [],
        nextNumber: 1,
      };
      this.templates.push(template);
      append(template, version, caller, this.now());
      return template;
    });
  }

  createLaunchTemplateVersion(
    caller: Ec2Caller,
    which: { id: string | null; name: string | null },
    version: NewVersion,
    clientToken: string | null,
  ): { template: Ec2Template; version: Ec2TemplateVersion } {
    return this.#once(clientToken, JSON.stringify(["version", which, version]), () => {
      const template = this.#template(which, () => true);
      checkVersion(version);
      return { template, version: append(template, version, caller, this.now()) };
    });
  }

  /** At most 200, each on its own: one that can't be deleted hinders no other. The first version is the default. */
  deleteLaunchTemplateVersions(
    which: { id: string | null; name: string | null },
    numbers: string[],
  ): { template: Ec2Template; outcomes: Deletion[] } {
    if (numbers.length === 0 || numbers.length > VERSIONS_DELETED_MAX) {
      throw new Ec2Error("InvalidParameterValue", "Between 1 and 200 versions can be deleted.");
    }
    const template = this.#template(which, () => true);
    const outcomes = numbers.map((text): Deletion => {
      const number = Number(text);
      const found = template.versions.find((version) => version.number === number);
      if (found === undefined || found.deletedMs !== null) {
        const message = `Launch Template version ${text} does not exist.`;
        return { number, error: { code: "launchTemplateVersionDoesNotExist", message } };
      }
      if (number === 1) {
        const message = "The default version of a launch template can't be deleted.";
        return { number, error: { code: "unexpectedError", message } };
      }
      found.deletedMs = this.now();
      return { number, error: null };
    });
    return { template, outcomes };
  }

  /** All versions that `node` gets to see, newest first. Named ones must all be there. */
  describeLaunchTemplateVersions(
    node: string,
    which: { id: string | null; name: string | null },
    numbers: string[],
  ): { template: Ec2Template; versions: Ec2TemplateVersion[] } {
    const action = "DescribeLaunchTemplateVersions";
    const asOfMs = (item: string): number => this.now() - this.lagMs({ node, action, item });
    const template = this.#template(which, (found) => found.createdMs <= asOfMs(found.id));
    const versions = template.versions.filter(({ number, createdMs, deletedMs }) => {
      const seenMs = asOfMs(`${template.id}/${number}`);
      return createdMs <= seenMs && (deletedMs === null || deletedMs > seenMs);
    });
    if (numbers.length === 0) return { template, versions: versions.toReversed() };
    const named = numbers.map((number) => {
      const found = number === "$Latest"
        ? versions.at(-1)
        : versions.find((version) => `${version.number}` === number.replace("$Default", "1"));
      if (found === undefined) {
        throw new Ec2Error(
          "InvalidLaunchTemplateId.VersionNotFound",
          `Could not find the specified version ${number} for the launch template with ID ${template.id}.`,
        );
      }
      return found;
    });
    return { template, versions: named.toSorted((a, b) => b.number - a.number) };
  }

  /** Everything there is, in plain data, to compare before with after. */
  snapshot(): unknown {
    return {
      instances: this.instances().map((instance) => ({
        ...instance,
        tags: [...instance.tags].toSorted(),
      })),
      templates: structuredClone(this.templates),
    };
  }

  #record(instance: Ec2Instance): void {
    const history = this.#histories.get(instance.id) ?? [];
    history.push({ atMs: this.now(), value: instance });
    this.#histories.set(instance.id, history);
  }

  #seen(node: string, id: string): Ec2Instance | null {
    const history = this.#histories.get(id) ?? [];
    const current = history.at(-1);
    if (current === undefined) return null;
    const isOver = current.value.state === "terminated" &&
      current.atMs <= this.now() - this.rememberedMs;
    if (isOver) return null;
    const asOfMs = this.now() - this.lagMs({ node, action: "DescribeInstances", item: id });
    return history.findLast((past) => past.atMs <= asOfMs)?.value ?? null;
  }

  #change(ids: string[], change: (instance: Ec2Instance) => void): void {
    const changed = ids.map((id) => {
      const instance = this.get(id);
      if (instance === null) {
        throw new Ec2Error("InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
      }
      change(instance);
      return instance;
    });
    for (const instance of changed) this.#record(instance);
  }

  #template(
    which: { id: string | null; name: string | null },
    visible: (template: Ec2Template) => boolean,
  ): Ec2Template {
    if ((which.id === null) === (which.name === null)) {
      throw new Ec2Error(
        "MissingParameter",
        "Either a launch template ID or a launch template name must be specified in the request.",
      );
    }
    const found = this.templates.find((template) =>
      (which.id !== null ? template.id === which.id : template.name === which.name) &&
      visible(template)
    );
    if (found !== undefined) return found;
    throw which.id !== null
      ? new Ec2Error(
        "InvalidLaunchTemplateId.NotFound",
        `The specified launch template, with template ID ${which.id}, does not exist.`,
      )
      : new Ec2Error(
        "InvalidLaunchTemplateName.NotFoundException",
        `The specified launch template, with template name ${which.name}, does not exist.`,
      );
  }

  /** Performs once per client token: the same intent gets the same answer, another one is refused. */
  #once<T>(clientToken: string | null, intent: string, perform: () => T): T {
    const past = clientToken === null ? undefined : this.#tokens.get(clientToken);
    if (past !== undefined) {
      if (past.intent === intent) return past.result as T;
      throw new Ec2Error(
        "IdempotentParameterMismatch",
        "The client token you have provided is already associated with a different request.",
      );
    }
    const result = perform();
    if (clientToken !== null) this.#tokens.set(clientToken, { intent, result });
    return result;
  }
}

function append(
  template: Ec2Template,
  version: NewVersion,
  caller: Ec2Caller,
  nowMs: number,
): Ec2TemplateVersion {
  const added = {
    ...version,
    number: template.nextNumber++,
    createdMs: nowMs,
    deletedMs: null,
    createdBy: caller.arn,
  };
  template.versions.push(added);
  return added;
}

function checkVersion(version: NewVersion): void {
  if (version.description.length > 255) {
    throw new Ec2Error("InvalidParameterValue", "The version description is too long.");
  }
  if (version.userData === null) {
    throw new Ec2Error(
      "MissingParameter",
      "The request must contain the parameter LaunchTemplateData",
    );
  }
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(version.userData)) {
    throw new Ec2Error("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
  }
  if (version.userData.length / 4 * 3 > USER_DATA_BYTES_MAX + 2) {
    throw new Ec2Error("InvalidParameterValue", "User data is limited to 16384 bytes");
  }
}
