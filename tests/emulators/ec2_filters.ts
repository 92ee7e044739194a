/** EC2's filters on instances: every filter must hold, by any of its values, with wildcards. */
import { Ec2Error, type Ec2Instance } from "./ec2_state.ts";

export interface Ec2Filter {
  name: string;
  values: string[];
}

/** Whether the instance passes `filter`. Throws for one that is not known here. */
export function matches(instance: Ec2Instance, filter: Ec2Filter): boolean {
  const held = valuesOf(instance, filter.name);
  return filter.values.some((wanted) => held.some((value) => like(wanted, value)));
}

function valuesOf(instance: Ec2Instance, name: string): string[] {
  if (name.startsWith("tag:")) {
    const value = instance.tags.get(name.slice("tag:".length));
    return value === undefined ? [] : [value];
  }
  switch (name) {
    case "tag-key":
      return [...instance.tags.keys()];
    case "vpc-id":
      return instance.vpc === "" ? [] : [instance.vpc];
    case "subnet-id":
      return instance.subnet === "" ? [] : [instance.subnet];
    case "instance-id":
      return [instance.id];
    case "instance-state-name":
      return [instance.state];
    case "private-ip-address":
      return instance.address === "" ? [] : [instance.address];
    case "network-interface.addresses.private-ip-address":
      return [instance.address, ...instance.others ?? []].filter((it) => /^[0-9.]+$/.test(it));
    case "network-interface.ipv6-addresses.ipv6-address":
      return (instance.others ?? []).filter((it) => it.includes(":"));
    default:
      throw new Ec2Error("InvalidParameterValue", `The filter '${name}' is invalid`);
  }
}

/** EC2's filters know `*` and `?`, and a backslash before them. */
function like(pattern: string, value: string): boolean {
  const source = pattern.replace(/\\([*?\\])|([*?])|[.+^${}()|[\]\\/-]/g, (part, escaped, wild) => {
    if (escaped !== undefined) return `\\${escaped}`;
    if (wild !== undefined) return wild === "*" ? ".*" : ".";
    return `\\${part}`;
  });
  return new RegExp(`^${source}$`, "s").test(value);
}
