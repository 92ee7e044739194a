/**
 * What Engines and their swarms hold, read so that it can be compared before and after something that
 * must change nothing.
 *
 * A manager whose leader has just died, or that nobody hears, can't show its swarm for some seconds.
 * So each Engine is asked for what it knows by itself, and each swarm that has a quorum is asked for
 * once, by whichever of its managers answers. Raft's own counters are left out: Engines move them.
 */
import { createHash } from "node:crypto";
import type { Membership, SwarmNode } from "./engine.ts";
import { until } from "./machine.ts";
import type { Node } from "./node.ts";

/** What a swarm is, as `GET /swarm` has it. */
export interface Joinable {
  ID: string;
  Version: { Index: number };
  JoinTokens: { Manager: string; Worker: string };
  // deno-lint-ignore no-explicit-any
  Spec: any;
}

interface EngineFacts {
  name: string;
  /** As the Engine says. `dead`: its daemon does not run; `cut`: it would ask its swarm in vain for long. */
  state: string;
  membership: Membership | null;
  fingerprint: string | null;
}

interface SwarmFacts {
  fingerprint: string;
  id: string;
  spec: unknown;
  /** The digest of both. */
  tokens: string;
  nodes: { id: string; spec: unknown }[];
}

/** How long an Engine may take to load its swarm, and a swarm to choose a leader. */
const STARTING_MS = 60_000;
const ELECTION_MS = 240_000;

/** As text. Throws when a swarm whose quorum runs shows itself to nobody. */
export async function observed(nodes: Node[]): Promise<string> {
  const engines = await Promise.all(nodes.map(engineFacts));
  const swarms = await Promise.all(withQuorum(nodes, engines).map(swarmFacts));
  return JSON.stringify({ engines, swarms }, null, 1);
}

/** The same at once, for whoever looks into a failure: without the swarms. */
export async function engineStates(nodes: Node[]): Promise<string> {
  return JSON.stringify(await Promise.all(nodes.map((node) => engineFacts(node, 0))), null, 1);
}

/** A manager's view of its swarm, as soon as there is a leader. */
export function swarmOf({ name, engine }: Node): Promise<Joinable> {
  return until(
    `the swarm of ${name}`,
    ELECTION_MS,
    () => engine.call<Joinable>("GET", "/swarm").catch(() => null),
    250,
  );
}

async function engineFacts(node: Node, startingMs = STARTING_MS): Promise<EngineFacts> {
  const { name, engine } = node;
  const fingerprint = await engine.fingerprint();
  const membership = await engine.membership();
  const facts = { name, membership, fingerprint };
  if (!engine.running || node.cut) return { ...facts, state: engine.running ? "cut" : "dead" };
  const endMs = performance.now() + startingMs;
  const { Swarm } = await until(`the state of ${name}`, startingMs, async () => {
    const info = await engine.info();
    // One that can't reach its swarm stays so.
    return info.Swarm.LocalNodeState !== "pending" || performance.now() > endMs ? info : null;
  });
  return { ...facts, state: Swarm.LocalNodeState };
}

/** Of each swarm whose quorum runs: the managers that reach each other. */
function withQuorum(nodes: Node[], engines: EngineFacts[]): [string, Node[]][] {
  const swarms = new Map<string, { all: number; able: Node[] }>();
  for (const [i, { state, membership, fingerprint }] of engines.entries()) {
    const node = nodes[i];
    if (!node || !membership?.manager || fingerprint === null) continue;
    const swarm = swarms.get(fingerprint) ?? { all: 0, able: [] };
    swarms.set(fingerprint, swarm);
    swarm.all += 1;
    if (state === "active") swarm.able.push(node);
  }
  return [...swarms].flatMap(([fingerprint, { all, able }]): [string, Node[]][] =>
    able.length > all / 2 ? [[fingerprint, able]] : []
  );
}

async function swarmFacts([fingerprint, managers]: [string, Node[]]): Promise<SwarmFacts> {
  const names = managers.map(({ name }) => name).join(", ");
  const [swarm, nodes] = await until(
    `a leader for ${names}`,
    ELECTION_MS,
    () => Promise.any(managers.map(shownBy)).catch(() => null),
    250,
  );
  const { ID, Spec, JoinTokens } = swarm;
  const tokens = createHash("sha256").update(JSON.stringify(JoinTokens)).digest("hex");
  return {
    fingerprint,
    id: ID,
    spec: Spec,
    tokens,
    nodes: nodes.map(({ ID, Spec }) => ({ id: ID, spec: Spec })).sort((a, b) =>
      a.id < b.id ? -1 : 1
    ),
  };
}

async function shownBy({ engine }: Node): Promise<[Joinable, SwarmNode[]]> {
  return [await engine.call<Joinable>("GET", "/swarm"), await engine.nodes()];
}
