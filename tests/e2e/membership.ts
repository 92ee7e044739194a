/** Who is in a swarm, as its managers list it. */
import assert from "node:assert/strict";
import type { SwarmNode } from "./engine.ts";
import { until } from "./machine.ts";
import type { Node } from "./node.ts";
import type { Vpc } from "./vpc.ts";

/** Those nodes of the present test that are named as managers, and have an instance. */
export function managersOf(vpc: Vpc): Node[] {
  return vpc.all.filter(({ name, alive }) => alive && !name.startsWith("w"));
}

/** The swarm's nodes, as soon as one of these managers can list them. */
export function listed(managers: Node[]): Promise<SwarmNode[]> {
  const one = async ({ engine }: Node): Promise<SwarmNode[]> => await engine.nodes();
  return until(
    `a list of nodes by ${managers.map(({ name }) => name).join(" or ")}`,
    240_000,
    () => Promise.any(managers.map(one)).catch(() => null),
    250,
  );
}

/** The swarm has exactly these nodes, the dead not among them, and of these the managers vote. */
export async function consistsOf(managers: Node[], workers: Node[]): Promise<void> {
  const nodes = await listed(managers);
  const voters = nodes.filter(({ ManagerStatus }) => ManagerStatus !== undefined);
  const told = `the swarm lists ${nodes.map(lineOf).join("; ")}`;
  assert.deepEqual(voters.map(placeOf).sort(), addressesOf(managers), told);
  assert.deepEqual(nodes.map(placeOf).sort(), addressesOf([...managers, ...workers]), told);
}

/** A node's entry in the list of these managers. */
export async function entryOf(node: Node, managers: Node[]): Promise<SwarmNode> {
  const membership = await node.engine.membership();
  const entry = (await listed(managers)).find(({ ID }) => ID === membership?.node);
  assert.ok(entry, `${node.name} is not listed`);
  return entry;
}

export async function leaderOf(managers: Node[]): Promise<Node> {
  const leader = await until("a leader", 240_000, async () => {
    const nodes = await listed(managers);
    const found = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader === true);
    const address = found === undefined ? null : placeOf(found);
    return managers.find((node) => node.address === address);
  }, 250);
  return leader;
}

function addressesOf(nodes: Node[]): string[] {
  return nodes.map(({ address }) => address).sort();
}

/** A manager's own entry may carry 0.0.0.0 or a port. */
export function placeOf({ ManagerStatus, Status }: SwarmNode): string {
  const raft = ManagerStatus?.Addr.replace(/:\d+$/, "") ?? "0.0.0.0";
  return raft === "0.0.0.0" ? Status.Addr : raft;
}

function lineOf({ ID, Spec, Status, ManagerStatus }: SwarmNode): string {
  const vote = ManagerStatus === undefined ? "no vote" : ManagerStatus.Reachability;
  return `${ID} at ${Status.Addr} (${Spec.Role}, ${Spec.Availability}, ${Status.State}, ${vote})`;
}
