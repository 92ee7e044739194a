/**
 * A machine: a Debian whose systemd was really started, in a container of systemd-nspawn that has the network of the
 * tests. It ends with them.
 */
import { type Ended, output, until } from "../e2e/machine.ts";

const PATIENCE_MS = 120_000;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

/**
 * A cgroup of its own in every hierarchy, or nspawn takes the one that it finds itself in, which can be the root. A new
 * cpuset has no processors until it is given some.
 */
const START = `
for folder in $(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/self/mounts); do
  mkdir "$folder/$0"
  for file in cpuset.cpus cpuset.mems; do
    if [ -e "$folder/cgroup.clone_children" ] && [ -e "$folder/$file" ]; then
      cat "$folder/$file" > "$folder/$0/$file"
    fi
  done
  echo $$ > "$folder/$0/cgroup.procs"
done
exec systemd-nspawn --machine="$0" --register=no --keep-unit --link-journal=no --console=pipe --boot "$@"
`;

/** With the process that starts it ends all that runs in it, which killing nspawn alone does not do. */
const NAMESPACES = [
  ...["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"],
  "--mount-proc",
];

export class Machine {
  readonly #nspawn: Deno.ChildProcess;
  readonly #cgroup: string;
  #init = 0;

  private constructor(nspawn: Deno.ChildProcess, cgroup: string) {
    this.#nspawn = nspawn;
    this.#cgroup = cgroup;
  }

  /** Boots the Debian at `root`, with these files and folders of this machine in it. */
  static async boot(root: string, binds: string[]): Promise<Machine> {
    const cgroup = `swarm-join-machine-${crypto.randomUUID().slice(0, 8)}`;
    const shared = binds.map((bind) => `--bind=${bind}`);
    const nspawn = new Deno.Command("setpriv", {
      args: [...NAMESPACES, "bash", "-ec", START, cgroup, "--directory", root, ...shared],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const said = new Response(nspawn.stderr).text();
    const machine = new Machine(nspawn, cgroup);
    try {
      await until("a machine that has booted", PATIENCE_MS, () => machine.#hasBooted());
      return machine;
    } catch (error) {
      await machine.close();
      throw new Error(await said, { cause: error });
    }
  }

  /** Runs a command in it; throws with its words when it fails. */
  async sh(...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.output(...command);
    if (code === 0) return stdout;
    throw new Error(`${command.join(" ")}: exit ${code}\n${stdout}${stderr}`);
  }

  output(...command: string[]): Promise<Ended> {
    const env = ["env", "--ignore-environment", `PATH=${PATH}`, "LC_ALL=C.UTF-8"];
    return output("nsenter", ["--target", `${this.#init}`, "--all", ...env, ...command]);
  }

  /** Shuts it down, as its owner does, and waits until it is off. */
  async powerOff(): Promise<void> {
    await this.sh("systemctl", "poweroff");
    await this.#nspawn.status;
  }

  async close(): Promise<void> {
    try {
      this.#nspawn.kill("SIGKILL");
    } catch {
      // It is off.
    }
    await this.#nspawn.status;
    // nspawn is to delete it, and does so only on a tmpfs.
    await output("rmdir", [`/run/systemd/nspawn/propagate/${this.#cgroup}`]);
    const mounts = await Deno.readTextFile("/proc/self/mounts");
    for (const [, folder] of mounts.matchAll(/^\S+ (\S+) cgroup2? /gm)) {
      const own = `${folder}/${this.#cgroup}`;
      await until(`${own} empty`, PATIENCE_MS, async () => {
        await output("find", [own, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
        return (await output("test", ["-d", own])).code !== 0;
      });
    }
  }

  async #hasBooted(): Promise<boolean> {
    // unshare's child is nspawn, and its child is the machine's first process.
    const nspawn = await childOf(this.#nspawn.pid);
    this.#init = nspawn === null ? 0 : await childOf(nspawn) ?? 0;
    if (this.#init === 0) return false;
    if ((await output("cat", [`/proc/${this.#init}/comm`])).stdout !== "systemd\n") return false;
    const { stdout } = await this.output("systemctl", "is-system-running");
    return ["running", "degraded"].includes(stdout.trim());
  }
}

async function childOf(pid: number): Promise<number | null> {
  const { stdout } = await output("cat", [`/proc/${pid}/task/${pid}/children`]);
  return Number(stdout.trim().split(" ")[0]) || null;
}
