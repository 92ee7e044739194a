/**
 * What goes to EC2 and comes from it: the SDK's shapes to and from those of this tool.
 */
import type { DescribeInstancesCommandOutput, Filter } from "@aws-sdk/client-ec2";

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

/** An answer that is cut short or HTML would be read as one with nothing in it. */
export function complaint(
  request: { body?: unknown },
  status: number,
  body: Uint8Array,
): string | null {
  const text = new TextDecoder().decode(body).trimEnd();
  if (status >= 300) {
    return /^\s*(<\?xml[^>]*>\s*)?<(Response|ErrorResponse|Error)\b/.test(text)
      ? null
      : `HTTP ${status} with an answer that is not EC2's; is the endpoint right?`;
  }
  const action = /\bAction=(\w+)/.exec(String(request.body))?.[1] ?? "";
  return text.endsWith(`</${action}Response>`)
    ? null
    : "the answer is not EC2's, or cut short; is the endpoint right?";
}

export function inputOf({ clientToken, description, text }: NewVersion): {
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
export function decoded(userData: string | undefined): string | null {
  if (userData === undefined || userData === "") return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(userData));
  } catch {
    return null;
  }
}

export function literal({ name, values }: Ec2Filter): Filter {
  return { Name: name, Values: values.map((value) => value.replace(/[\\*?]/g, "\\$&")) };
}

export function instancesOf({ Reservations }: DescribeInstancesCommandOutput): Ec2Instance[] {
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
