/** Launch templates as EC2 takes and shows them: what a version of the record is made of, and read back from. */
import { createLaunchTemplate } from "./sdk_ec2.ts";
import type { DescribeLaunchTemplateVersionsResult, RequestLaunchTemplateData } from "./sdk_ec2.ts";
import type { Tag } from "../state.ts";

/** A version of a launch template. `text`: its user data, decoded; null when it has none. `madeMs` null: the default, or not shown. */
interface TemplateVersion {
  number: number;
  text: string | null;
  madeMs: number | null;
}

/** `template`: its id; null when there is no template of that name. */
export interface TemplateRead {
  template: string | null;
  versions: TemplateVersion[];
  serverMs: number;
}

export interface NewVersion {
  /** At most 128 characters: EC2 makes one version of two requests that have the same. */
  clientToken: string;
  /** At most 255 characters. */
  description: string;
  text: string;
}

/** IAM can't tell templates apart by name; by this tag it can. */
const MARK = { Key: "swarm-join", Value: "founding-record" };

export function newTemplate(
  name: string,
  tags: Tag[],
  input: { LaunchTemplateData: RequestLaunchTemplateData },
): ReturnType<typeof createLaunchTemplate> {
  const Tags = [MARK, ...tags.map(({ key, value }) => ({ Key: key, Value: value }))];
  return createLaunchTemplate({
    LaunchTemplateName: name,
    TagSpecifications: [{ ResourceType: "launch-template", Tags }],
    ...input,
  });
}

export function inputOf({ clientToken, description, text }: NewVersion): {
  ClientToken: string;
  VersionDescription: string;
  LaunchTemplateData: RequestLaunchTemplateData;
} {
  return {
    ClientToken: clientToken,
    VersionDescription: description,
    LaunchTemplateData: dataOf(text),
  };
}

/** It launches nothing; but what checks an account's templates wants IMDSv2 in each of them. */
export function dataOf(text: string): RequestLaunchTemplateData {
  return {
    UserData: new TextEncoder().encode(text).toBase64(),
    MetadataOptions: { HttpTokens: "required" },
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

/** Adds a page of versions; or says what it lacks. */
export function added(
  read: TemplateRead,
  page: DescribeLaunchTemplateVersionsResult["LaunchTemplateVersions"],
): string | null {
  if (page === undefined) return "the versions";
  for (const version of page) {
    const { LaunchTemplateId: template, VersionNumber: number, LaunchTemplateData } = version;
    if (template === undefined || number === undefined) return "a version's template or number";
    // It was deleted while it was read, and made anew.
    if (read.template !== null && read.template !== template) return "one and the same template";
    read.template = template;
    const madeMs = version.DefaultVersion === false ? version.CreateTime?.getTime() : null;
    read.versions.push({
      number,
      text: decoded(LaunchTemplateData?.UserData),
      madeMs: madeMs ?? null,
    });
  }
  return null;
}

/** Whether EC2 has no launch template of that name. */
export function isNoTemplate(code: string | null): boolean {
  return code !== null && /^InvalidLaunchTemplateName\.NotFound/.test(code);
}
