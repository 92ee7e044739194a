/**
 * The shelf that needs EC2 only: each manager shows its swarm's tokens in the tags of its own instance, and
 * beside them whose swarm it is, for whoever looks for another cluster's.
 */
import type { Ec2Api, Ec2Instance } from "../aws/ec2.ts";
import { instanceStateOf, LIVE_STATES } from "../aws/instances.ts";
import { CLUSTER_TAG } from "../settings.ts";
import type { Config, Identity, TokenMark } from "../state.ts";
import type { Shown } from "../shown.ts";
import type { Shelf } from "./shelf.ts";
import type { Vault } from "./vault.ts";

interface TagShelfOptions {
  config: Config;
  identity: Identity;
  vault: Vault;
  ec2: () => Promise<Ec2Api>;
}

export function createTagShelf({ config, identity, vault, ec2 }: TagShelfOptions): Shelf {
  const tokens = [config.managerTokenTag, config.workerTokenTag];
  const keys = [...tokens, CLUSTER_TAG];
  return {
    async read(): ReturnType<Shelf["read"]> {
      const api = await ec2();
      const found = await api.instances(`look for tokens in the tags of ${identity.vpc}`, [
        { name: "vpc-id", values: [identity.vpc] },
        { name: "tag-key", values: tokens },
        { name: "instance-state-name", values: LIVE_STATES },
        ...(config.clusterTag === null
          ? []
          : [{ name: `tag:${config.clusterTag}`, values: [config.cluster] }]),
      ]);
      if (!found.ok) return found;
      return { ok: true, value: found.value.map((one) => shownBy(one, config, vault)) };
    },

    async publish(manager, worker): ReturnType<Shelf["publish"]> {
      const tags = new Map([
        [config.managerTokenTag, vault.secretOf(manager)],
        [config.workerTokenTag, vault.secretOf(worker)],
        [CLUSTER_TAG, config.cluster],
      ]);
      return await (await ec2()).createTags(identity.instance, tags);
    },

    async retract(): ReturnType<Shelf["retract"]> {
      return await (await ec2()).deleteTags(identity.instance, keys);
    },

    async permissions(role): ReturnType<Shelf["permissions"]> {
      return role === "worker" ? [] : await (await ec2()).tagPermissions(identity.instance, keys);
    },
  };
}

function shownBy(
  { instance, addresses, state, tags }: Ec2Instance,
  config: Config,
  vault: Vault,
): Shown {
  const malformed: string[] = [];
  const markOf = (key: string): TokenMark | null => {
    const text = tags.get(key);
    if (text === undefined) return null;
    const mark = vault.keep(text);
    if (mark === null) malformed.push(key);
    return mark;
  };
  const manager = markOf(config.managerTokenTag);
  const worker = markOf(config.workerTokenTag);
  const cluster = tags.get(CLUSTER_TAG) ?? null;
  return {
    by: instance,
    addresses,
    state: instanceStateOf(state),
    cluster,
    manager,
    worker,
    malformed,
  };
}
