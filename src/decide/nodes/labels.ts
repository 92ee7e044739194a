/**
 * The labels by which a swarm's nodes are known as instances. They are set while a node lives: an address
 * is no name afterwards, for EC2 gives it to the next instance at once.
 */
import { INSTANCE_LABEL } from "../members.ts";
import { instancesLook, nameless, need, softly } from "../needs.ts";
import type { Scene } from "../scene.ts";
import { act } from "../verdict.ts";
import type { Decision, Instance, SwarmNode, SwarmView } from "../../state.ts";
import type { Placement } from "../../shown.ts";

export function ownNode({ engine }: Scene, { nodes }: SwarmView): SwarmNode | null {
  return nodes.find(({ nodeId }) => nodeId === engine.nodeId) ?? null;
}

/** Labels this node, then those that are ready and have no label, where EC2 shows for certain whose they are. */
export function label(s: Scene, swarm: SwarmView): Decision | null {
  return labelOwn(s, swarm) ?? labelOthers(s);
}

function labelOwn(s: Scene, swarm: SwarmView): Decision | null {
  const { o, me } = s;
  const node = ownNode(s, swarm);
  if (node === null) return null;
  const tagged = o.config.labelTags.length > 0;
  const self = tagged ? o.memory.self ?? softly(o, { kind: "self" }) : null;
  return labelled(s, node, me.instance, me.placement, self?.labelTags ?? {});
}

function labelOthers(s: Scene): Decision | null {
  for (const node of nameless(s)) {
    const instance = machineOf(node, need(s.o, instancesLook(s)));
    if (instance === null) continue;
    const { placement, labelTags } = instance;
    const decision = labelled(s, node, instance.instance, placement, labelTags);
    if (decision !== null) return decision;
  }
  return null;
}

/** The one running instance at its address, if it is older than the node; null: none is, or several are. */
export function machineOf(
  { address, createdMs }: SwarmNode,
  instances: Instance[],
): Instance | null {
  const there = instances.filter((one) => one.address === address && one.state === "running");
  const [machine] = there;
  const isOlder = machine !== undefined && machine.launchMs !== null &&
    machine.launchMs < createdMs;
  return there.length === 1 && isOlder ? machine : null;
}

function labelled(
  { o }: Scene,
  { nodeId, version, labels }: SwarmNode,
  instance: string,
  placement: Placement | null,
  tags: Record<string, string>,
): Decision | null {
  const wanted: [string, string][] = [
    [INSTANCE_LABEL, instance],
    ...Object.entries(placement ?? {}).map(([key, value]): [string, string] => [
      `swarm-join.${key}`,
      value,
    ]),
    ...Object.entries(tags).map((
      [key, value],
    ): [string, string] => [`swarm-join.tag.${key}`, value]),
  ];
  const missing = wanted.filter(([key, value]) => labels[key] !== value);
  if (missing.length === 0 || o.memory.kept.includes(nodeId)) return null;
  return act(
    {
      kind: "update",
      as: "label",
      nodeId,
      version,
      change: { labels: Object.fromEntries(missing) },
    },
    "label-node",
    `the node ${nodeId} is ${instance}, and lacks ${missing.map(([key]) => key).join(", ")}`,
  );
}
