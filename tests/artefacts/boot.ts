/**
 * A machine at its first boot, as scripts of `deploy/` meet it: a copy of the Debian, whose systemctl, uname and aws
 * are told what to say and record how they were called, and a web server and a bucket that have a release.
 */
import assert from "node:assert/strict";
import { type Ended, output } from "../e2e/machine.ts";
import { withDebian } from "./tools.ts";

/** Before all others on the path of what is run. */
const STUBS = "/usr/local/stubs";
const CALLS = "/calls.txt";
const BUCKET = "/bucket";

export const PROGRAM = "/usr/local/bin/swarm-join";
export const UNIT = "/etc/systemd/system/swarm-join.service";
export const SETTINGS = "/etc/swarm-join.env";

export const RELEASE: Record<string, string> = {
  "swarm-join-x86_64": "#!/bin/sh\necho of x86_64\n",
  "swarm-join-aarch64": "#!/bin/sh\necho of aarch64\n",
  "swarm-join.service":
    "[Service]\nExecStart=/usr/local/bin/swarm-join keep\n[Install]\nWantedBy=multi-user.target\n",
};

/** Stands for an AWS that has the bucket, and lets nobody in the first time, as before a role has come. */
const AWS = `[ "$1 $2 $3" = "s3 cp --only-show-errors" ] || exit 64
[ -e /role ] || { touch /role; echo "Unable to locate credentials" >&2; exit 253; }
cp "${BUCKET}/\${4#s3://}" "$5"`;

export class Machine {
  /** What its web server was asked for. */
  readonly asked: string[] = [];
  /** How many of the next answers are failures. */
  failing = 0;
  /** Where its release is, as `FROM` names it. */
  from = "";

  constructor(readonly root: string) {}

  /** As it was made; what was installed is gone. */
  async reset(): Promise<void> {
    for (const path of [PROGRAM, UNIT, SETTINGS, CALLS, "/role", STUBS]) {
      await Deno.remove(this.root + path, { recursive: true }).catch(() => {});
    }
    this.asked.length = 0;
    this.failing = 0;
    await Deno.mkdir(this.root + STUBS);
    this.stub("systemctl");
    this.stub("sleep");
    for (const [name, text] of Object.entries(RELEASE)) {
      const path = `${this.root}${BUCKET}/my-bucket/releases/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(path, text);
    }
  }

  /** A command that records how it was called, and does this. */
  stub(name: string, does = ""): void {
    const script = `#!/bin/sh\necho "${name} $*" >>${CALLS}\n${does}\n`;
    Deno.writeTextFileSync(`${this.root}${STUBS}/${name}`, script, { mode: 0o755 });
  }

  stubAws(): void {
    this.stub("aws", AWS);
  }

  /** Runs a script as cloud-init does, as root and with hardly an environment. */
  async run(script: string): Promise<Ended> {
    await this.write("/user-data", script);
    await Deno.chmod(`${this.root}/user-data`, 0o700);
    return await this.command("/user-data");
  }

  command(...command: string[]): Promise<Ended> {
    const path = `PATH=${STUBS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
    return output("chroot", [this.root, "/usr/bin/env", "--ignore-environment", path, ...command]);
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(this.root + path, text);
  }

  /** A file of it; null: there is none. */
  async read(path: string): Promise<string | null> {
    return await Deno.readTextFile(this.root + path).catch(() => null);
  }

  async modeOf(path: string): Promise<number> {
    return ((await Deno.stat(this.root + path)).mode ?? 0) & 0o7777;
  }

  /** How commands were called, but for those that only wait. */
  async calls(): Promise<string[]> {
    const lines = (await this.read(CALLS) ?? "").split("\n").filter((line) => line !== "");
    return lines.filter((line) => !line.startsWith("sleep "));
  }

  async pauses(): Promise<number> {
    return (await this.read(CALLS) ?? "").split("\n").filter((line) => line.startsWith("sleep "))
      .length;
  }

  /** It has the release, and runs it from now on. */
  async isInstalled(kind = "x86_64"): Promise<void> {
    assert.equal(await this.read(PROGRAM), RELEASE[`swarm-join-${kind}`]);
    assert.equal(await this.modeOf(PROGRAM), 0o755);
    assert.equal(await this.read(UNIT), RELEASE["swarm-join.service"]);
    assert.equal(await this.modeOf(UNIT), 0o644);
    assert.deepEqual(
      (await this.calls()).filter((call) => call.startsWith("systemctl ")).slice(-2),
      [
        "systemctl daemon-reload",
        "systemctl enable --now --no-block swarm-join.service",
      ],
    );
  }

  /** Nothing of a release has come to it. */
  async isUntouched(): Promise<void> {
    for (const path of [PROGRAM, UNIT, SETTINGS]) assert.equal(await this.read(path), null, path);
    assert.deepEqual((await this.calls()).filter((call) => call.startsWith("systemctl ")), []);
  }
}

/** Needs `debian` and `root`. */
export async function withMachine(use: (machine: Machine) => Promise<void>): Promise<void> {
  await withDebian(async (root) => {
    const machine = new Machine(root);
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const name = new URL(request.url).pathname.replace("/releases/", "");
      machine.asked.push(name);
      if (machine.failing > 0) {
        machine.failing--;
        return new Response("busy", { status: 503 });
      }
      const text = RELEASE[name];
      return text === undefined
        ? new Response("no such file", { status: 404 })
        : new Response(text);
    });
    machine.from = `http://127.0.0.1:${server.addr.port}/releases`;
    try {
      await machine.reset();
      await use(machine);
    } finally {
      await server.shutdown();
    }
  });
}

/** The four lines of the user data that name a release. */
export async function linesOf(from: string, wrong: Record<string, string> = {}): Promise<string[]> {
  const sumOf = async (name: string): Promise<string> =>
    wrong[name] ?? await sha256(RELEASE[name] ?? "");
  return [
    `FROM=${from}`,
    `PROGRAM_SHA256_X86_64=${await sumOf("swarm-join-x86_64")}`,
    `PROGRAM_SHA256_AARCH64=${await sumOf("swarm-join-aarch64")}`,
    `UNIT_SHA256=${await sumOf("swarm-join.service")}`,
  ];
}

/** User data whose four lines say this. */
export function filled(userData: string, lines: string[]): string {
  return lines.reduce((text, line) => {
    const found = new RegExp(`^( *)${line.slice(0, line.indexOf("="))}=.*$`, "m");
    assert.match(text, found);
    return text.replace(found, `$1${line}`);
  }, userData);
}

export async function sha256(text: string): Promise<string> {
  const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
