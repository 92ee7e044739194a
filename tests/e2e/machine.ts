/**
 * The machine that the end-to-end tests run on: what it lacks for them, the namespaces that they run
 * in, and its commands.
 *
 * The whole test process lives in namespaces of its own (mount, network, process, host name), with a
 * tmpfs for state. It can't touch the machine's network or Engine, and nothing outlives it.
 */

const INSIDE = "SWARM_JOIN_E2E_INSIDE";
const COMMANDS = ["dockerd", "containerd", "ip", "iptables", "nsenter", "unshare", "setpriv"];

/** A static one, which `tools/engines.sh` fetches: the program of every container. */
export const BUSYBOX = new URL("../../.toolchain/busybox/bin/busybox", import.meta.url).pathname;

/** Where state lives: the tmpfs that vanishes with the tests. */
export const STATE_DIR = "/run/swarm-join-e2e";

/** What this machine lacks for the end-to-end tests, each in words; empty: nothing. */
export async function missing(): Promise<string[]> {
  const lacks: string[] = [];
  if (Deno.build.os !== "linux") return ["Linux"];
  if (Deno.uid() !== 0) lacks.push("root");
  for (const command of COMMANDS) {
    if (!(await succeeds("sh", "-c", `command -v ${command}`))) lacks.push(command);
  }
  if ((await python()) === null) lacks.push("moto 5.2.1 (tools/setup_tests.sh installs it)");
  if (!(await succeeds(BUSYBOX, "true"))) lacks.push("busybox (tools/engines.sh fetches it)");
  if (
    lacks.length === 0 &&
    !(await succeeds("unshare", "--mount", "--net", "--pid", "--fork", "true"))
  ) {
    lacks.push("the right to make namespaces");
  }
  return lacks;
}

/** The Python that has moto: that of the virtual environment which `tools/setup_tests.sh` made, or the system's. */
export async function python(): Promise<string | null> {
  const own = new URL("../../.toolchain/python/bin/python", import.meta.url).pathname;
  for (const candidate of [own, "python3"]) {
    if (await succeeds(candidate, "-c", "import moto.server, boto3")) return candidate;
  }
  return null;
}

export function isInside(): boolean {
  return Deno.env.get(INSIDE) === "1";
}

/** Runs this program again inside namespaces of its own; `hear` gets each line that it prints. */
export async function enter(
  program: string,
  args: string[],
  hear: (line: string) => void,
): Promise<number> {
  // The shell is process 1 in there and collects orphans, of which containerd makes many.
  const script = "mount -t tmpfs tmpfs /run && mkdir -p /var/lib/swarm-join && " +
    'mount -t tmpfs tmpfs /var/lib/swarm-join && ip link set lo up && "$@"; exit $?';
  const child = new Deno.Command("setpriv", {
    args: [
      ...["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--uts", "--fork"],
      ...["--kill-child=KILL", "--mount-proc", "bash", "-c", script, "bash"],
      ...[Deno.execPath(), "run", "-A", program, ...args],
    ],
    env: { [INSIDE]: "1" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(line);
  }
  if (rest !== "") hear(rest);
  return (await child.status).code;
}

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command of the machine; throws with its words when it fails. */
export async function sh(command: string, ...args: string[]): Promise<string> {
  const ended = await output(command, args);
  if (ended.code === 0) return ended.stdout;
  throw new Error(`${command} ${args.join(" ")}: exit ${ended.code}: ${ended.stderr.trim()}`);
}

export async function output(command: string, args: string[]): Promise<Ended> {
  const done = await new Deno.Command(command, { args, stdin: "null" }).output();
  const text = new TextDecoder();
  return { code: done.code, stdout: text.decode(done.stdout), stderr: text.decode(done.stderr) };
}

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await output(command, args)).code === 0;
  } catch {
    return false;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again and again until `probe` gives something; throws after `ms`. */
export async function until<T>(
  what: string,
  ms: number,
  probe: () => Promise<T | null | undefined | false>,
  everyMs = 50,
): Promise<T> {
  const endMs = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > endMs) throw new Error(`${what}: not within ${ms} ms`);
    await pause(everyMs);
  }
}
