/**
 * Real services, and what became of their tasks. Each container writes down that it runs, that it was told
 * to end, and that it has ended in its own time, in a folder that all Engines here share: so a test sees
 * which one was killed.
 *
 * No overlay networks, which need more of the kernel than every machine has.
 */
import type { Engine } from "./engine.ts";
import { IMAGE, loadImage } from "./image.ts";
import { STATE_DIR, until } from "./machine.ts";
import type { Node } from "./node.ts";

const TOLD_DIR = `${STATE_DIR}/told`;

/** How long a container takes to end when it is told to, and how long it may take. */
const ENDING_S = 3;
const GRACE_S = 30;

const SCRIPT = `
trap 'echo told >>$FILE; sleep ${ENDING_S}; echo ended >>$FILE; exit 0' TERM
echo "node $NODE" >>$FILE
while :; do sleep 1000 & wait $!; done
`;

/** `killed`: it runs no more, and did not get the time to end by itself. */
export interface Task {
  id: string;
  /** The node's id. */
  node: string;
  ending: "runs" | "ended" | "killed";
}

/** A service of so many tasks that end well when they are told to, on nodes that are like this. */
export function service(
  name: string,
  replicas: number,
  constraints: string[] = [],
): Record<string, unknown> {
  return {
    Name: name,
    TaskTemplate: {
      ContainerSpec: {
        Image: IMAGE,
        Command: ["/busybox", "sh", "-c", SCRIPT],
        Env: ["NODE={{.Node.ID}}", "FILE=/told/{{.Task.ID}}"],
        Mounts: [{ Type: "bind", Source: TOLD_DIR, Target: "/told" }],
        StopGracePeriod: GRACE_S * 1e9,
      },
      Networks: [{ Target: "host" }],
      RestartPolicy: { Condition: "any", Delay: 1e9 },
      Placement: { Constraints: constraints },
    },
    Mode: { Replicated: { Replicas: replicas } },
  };
}

/** Nothing is written down any more. */
export async function forgetTasks(): Promise<void> {
  await Deno.remove(TOLD_DIR, { recursive: true }).catch(() => {});
  await Deno.mkdir(TOLD_DIR, { recursive: true });
}

/** Runs a service of so many tasks on these nodes' swarm, and waits until all of them run. */
export async function serveTasks(
  manager: Node,
  nodes: Node[],
  replicas: number,
  constraints: string[] = [],
): Promise<void> {
  await Promise.all(nodes.map(({ engine }) => loadImage(engine)));
  await manager.engine.call("POST", "/services/create", service("box", replicas, constraints));
  await tasksRun(nodes, replicas);
}

/** Waits until so many tasks run on these nodes, and no more. */
export async function tasksRun(nodes: Node[], replicas: number): Promise<Task[]> {
  let running: Task[] = [];
  return await until(`${replicas} tasks`, 300_000, async () => {
    running = (await tasksOf(nodes)).filter(({ ending }) => ending === "runs");
    return running.length === replicas ? running : null;
  }, 250).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(running)}`);
  });
}

/** All tasks that ever ran, as their own words and these nodes' Engines have it. */
export async function tasksOf(nodes: Node[]): Promise<Task[]> {
  // The Engines first: what has ended since has written so.
  const alive = (await Promise.all(nodes.map(({ engine }) => containers(engine))))
    .flatMap((list) => list.map(({ Labels }) => Labels["com.docker.swarm.task.id"] ?? ""));
  const files = await Array.fromAsync(Deno.readDir(TOLD_DIR));
  return await Promise.all(files.map(async ({ name: id }): Promise<Task> => {
    const said = await Deno.readTextFile(`${TOLD_DIR}/${id}`);
    const node = /^node (.*)$/m.exec(said)?.[1] ?? "";
    const ending = said.includes("ended") ? "ended" : alive.includes(id) ? "runs" : "killed";
    return { id, node, ending };
  }));
}

interface Container {
  Id: string;
  State: string;
  Labels: Record<string, string>;
}

/** What runs here; nothing, where the Engine is off. */
export async function containers(engine: Engine): Promise<Container[]> {
  if (!engine.running) return [];
  const found = await engine.call<Container[]>("GET", "/containers/json");
  return found.filter(({ State }) => State === "running");
}
