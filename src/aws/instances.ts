/**
 * What EC2 knows of instances: by id, whatever their state; by address; and which others are managers.
 */
import type { Ec2Api, Ec2Filter, Ec2Instance } from "./ec2.ts";
import { INSTANCE_STATES } from "../state.ts";
import type { Answer, Config, Identity, Instance, InstanceState, Role } from "../state.ts";
import type { Neighbour } from "../shown.ts";

interface InstancesOptions {
  config: Config;
  identity: Identity;
  ec2: () => Promise<Ec2Api>;
}

export type ReadInstances = (ids: string[], addresses: string[]) => Promise<Answer<Instance[]>>;

export type ReadNeighbours = (roles: Role[]) => Promise<Answer<Neighbour[]>>;

/** All states but `terminated`. */
export const LIVE_STATES = INSTANCE_STATES.filter((state) => state !== "terminated");
const FILTER_VALUES_MAX = 200;

/**
 * Gives a reader of instances. Ids are asked for as a filter, because EC2 answers an error for a list
 * of ids that has an unknown one; and without the VPC, because a terminated instance has none.
 *
 * An instance that was asked for by an address other than its first is answered once for that address.
 */
export function createInstances({ config, identity, ec2 }: InstancesOptions): ReadInstances {
  return async (ids, addresses) => {
    const api = await ec2();
    const doing = "read the instances";
    const here: Ec2Filter[] = [
      { name: "vpc-id", values: [identity.vpc] },
      { name: "instance-state-name", values: LIVE_STATES },
    ];
    const [byId, byAddress] = await Promise.all([
      inChunks(ids, (values) => api.instances(doing, [{ name: "instance-id", values }])),
      addressed(addresses, (name, values) => api.instances(doing, [...here, { name, values }])),
    ]);
    if (!byId.ok) return byId;
    if (!byAddress.ok) return byAddress;
    const found = new Map<string, Instance>();
    for (const one of byId.value) {
      found.set(one.instance, shownAs(one, one.addresses[0] ?? null, config));
    }
    for (const one of byAddress.value) {
      const own = one.addresses.map(canonical);
      for (const address of addresses.filter((asked) => own.includes(canonical(asked)))) {
        if (found.get(one.instance)?.address === address) continue;
        found.set(`${one.instance} ${address}`, shownAs(one, address, config));
      }
    }
    return { ok: true, value: [...found.values()] };
  };
}

/** EC2's word for a state; one that it does not have today is taken as `pending`, which ends nothing. */
export function instanceStateOf(state: string): InstanceState {
  return INSTANCE_STATES.find((one) => one === state) ?? "pending";
}

/** Gives a reader of the instances of the manager role that run in this VPC, for this cluster, at each of their addresses. */
export function createNeighbours(
  { config, identity, ec2 }: InstancesOptions,
): ReadNeighbours {
  const { role, roleTag, clusterTag, cluster } = config;
  return async (roles) => {
    const doing = "look for other managers";
    const found = await (await ec2()).instances(`${doing} in ${identity.vpc}`, [
      { name: "vpc-id", values: [identity.vpc] },
      { name: "instance-state-name", values: ["running"] },
      // Where a flag says which role a node has, no tag need say so.
      ...(role === "auto" ? [{ name: `tag:${roleTag}`, values: roles }] : []),
      ...(clusterTag === null ? [] : [{ name: `tag:${clusterTag}`, values: [cluster] }]),
    ]);
    if (!found.ok) return found;
    const neighbours: Neighbour[] = [];
    for (const { instance, addresses, runningMs } of found.value) {
      if (addresses.length === 0 || runningMs === null) {
        const message = `Cannot ${doing}: EC2 does not say where ${instance} is, or since when`;
        return { ok: false, fault: { kind: "malformed", message } };
      }
      neighbours.push(...addresses.map((address) => ({ instance, address, runningMs })));
    }
    return { ok: true, value: neighbours };
  };
}

/**
 * Who has these addresses. The first filter knows an instance's first IPv4 address only; who is not found
 * with it is looked for among all addresses of all interfaces.
 */
async function addressed(
  addresses: string[],
  read: (filter: string, values: string[]) => Promise<Answer<Ec2Instance[]>>,
): Promise<Answer<Ec2Instance[]>> {
  const v6 = addresses.filter((address) => address.includes(":")).map(canonical);
  const v4 = addresses.filter((address) => !address.includes(":"));
  const [first, sixth] = await Promise.all([
    inChunks(v4, (values) => read("private-ip-address", values)),
    inChunks(v6, (values) => read("network-interface.ipv6-addresses.ipv6-address", values)),
  ]);
  if (!first.ok) return first;
  if (!sixth.ok) return sixth;
  const rest = v4.filter((address) => !first.value.some((one) => one.addresses.includes(address)));
  const filter = "network-interface.addresses.private-ip-address";
  const second = await inChunks(rest, (values) => read(filter, values));
  return second.ok
    ? { ok: true, value: [...first.value, ...second.value, ...sixth.value] }
    : second;
}

/** An IPv6 address has many spellings; EC2 shows this one. */
function canonical(address: string): string {
  const url = address.includes(":") ? URL.parse(`http://[${address}]`) : null;
  return url === null ? address : url.hostname.slice(1, -1);
}

async function inChunks(
  values: string[],
  read: (values: string[]) => Promise<Answer<Ec2Instance[]>>,
): Promise<Answer<Ec2Instance[]>> {
  const all: Ec2Instance[] = [];
  for (let at = 0; at < values.length; at += FILTER_VALUES_MAX) {
    const part = await read(values.slice(at, at + FILTER_VALUES_MAX));
    if (!part.ok) return part;
    all.push(...part.value);
  }
  return { ok: true, value: all };
}

function shownAs(
  { instance, state, tags, launchMs, placement }: Ec2Instance,
  address: string | null,
  { roleTag, clusterTag, labelTags }: Config,
): Instance {
  return {
    instance,
    state: instanceStateOf(state),
    address,
    roleTag: tags.get(roleTag) ?? null,
    clusterTag: clusterTag === null ? null : tags.get(clusterTag) ?? null,
    launchMs,
    placement,
    labelTags: Object.fromEntries([...tags].filter(([key]) => labelTags.includes(key))),
  };
}
