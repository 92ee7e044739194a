/** The user data, run for real on a machine at its first boot; as a script, and as cloud-init runs it. */
import assert from "node:assert/strict";
import type { Ended } from "../e2e/machine.ts";
import { filled, linesOf, type Machine, PROGRAM, SETTINGS, sha256, withMachine } from "./boot.ts";
import { judged, ROOT } from "./tools.ts";

const SCRIPT = Deno.readTextFileSync(`${ROOT}deploy/user-data.sh`);
const CLOUD_CONFIG = Deno.readTextFileSync(`${ROOT}deploy/user-data.yaml`);
const OTHER = await sha256("another file");

interface Case {
  name: string;
  /** Before it is run; gives what the four lines say, if not the release of the web server. */
  given?: (machine: Machine) => Promise<string[] | void> | string[] | void;
  /** Left out: it succeeds. */
  fails?: RegExp;
  /** What the web server was asked for. */
  asked?: string[];
  then?: (machine: Machine) => Promise<void>;
}

const ALL = ["swarm-join-x86_64", "swarm-join.service"];

const CASES: Case[] = [
  {
    name: "by URL it is fetched, installed and enabled, with settings",
    asked: ALL,
    then: async (machine) => {
      await machine.isInstalled();
      assert.match(await machine.read(SETTINGS) ?? "", /^SWARM_JOIN_TIMEOUT=10m$/m);
      assert.equal(await machine.modeOf(SETTINGS), 0o644);
    },
  },
  {
    name: "settings that are there stay",
    given: (machine) => machine.write(SETTINGS, "SWARM_JOIN_STORE=s3://mine/swarms\n"),
    then: async (machine) => {
      await machine.isInstalled();
      assert.equal(await machine.read(SETTINGS), "SWARM_JOIN_STORE=s3://mine/swarms\n");
    },
  },
  {
    name: "a file that sets nothing, as a package brings it, is none",
    given: async (machine) =>
      machine.write(SETTINGS, await Deno.readTextFile(`${ROOT}deploy/packages/swarm-join.env`)),
    then: async (machine) => {
      assert.match(await machine.read(SETTINGS) ?? "", /^SWARM_JOIN_TIMEOUT=10m$/m);
    },
  },
  {
    name: "run again, it installs anew what is named now, and keeps the settings",
    given: async (machine) => {
      assert.equal((await machine.run(filled(SCRIPT, await linesOf(machine.from)))).code, 0);
      await machine.write(PROGRAM, "an older one");
      await machine.write(SETTINGS, "SWARM_JOIN_TIMEOUT=5m\n");
    },
    asked: [...ALL, ...ALL],
    then: async (machine) => {
      await machine.isInstalled();
      assert.equal(await machine.read(SETTINGS), "SWARM_JOIN_TIMEOUT=5m\n");
    },
  },
  {
    name: "on a machine of ARM it is that machine's program",
    given: (machine) => machine.stub("uname", "echo aarch64"),
    asked: ["swarm-join-aarch64", "swarm-join.service"],
    then: (machine) => machine.isInstalled("aarch64"),
  },
  {
    name: "from a bucket, as soon as the role has come",
    given: (machine) => {
      machine.stubAws();
      return linesOf("s3://my-bucket/releases");
    },
    asked: [],
    then: async (machine) => {
      await machine.isInstalled();
      const copies = (await machine.calls()).filter((call) => call.startsWith("aws "));
      assert.equal(copies.length, 3, "the first was refused");
      assert.equal(await machine.pauses(), 1);
    },
  },
  {
    name: "a server that is busy is asked again",
    given: (machine) => {
      machine.failing = 2;
    },
    asked: ["swarm-join-x86_64", "swarm-join-x86_64", ...ALL],
    then: (machine) => machine.isInstalled(),
  },
  {
    name: "a program with another sum is refused, and nothing is installed",
    given: (machine) => linesOf(machine.from, { "swarm-join-x86_64": OTHER }),
    fails: new RegExp(`/swarm-join-x86_64 is not the file whose SHA-256 is ${OTHER};`),
    asked: ["swarm-join-x86_64"],
  },
  {
    name: "nor is anything of a unit with another sum",
    given: (machine) => linesOf(machine.from, { "swarm-join.service": OTHER }),
    fails: new RegExp(`/swarm-join\\.service is not the file whose SHA-256 is ${OTHER};`),
    asked: ALL,
  },
  {
    name: "a sum that is none is refused",
    given: (machine) => linesOf(machine.from, { "swarm-join-x86_64": "" }),
    fails: /swarm-join-x86_64 is not the file whose SHA-256 is ;/,
  },
  {
    name: "a file that is not there is tried again for a minute, then named",
    given: async (machine) => [...await linesOf(`${machine.from}/none`)],
    fails: /releases\/none\/swarm-join-x86_64 can't be fetched; curl says why\n$/,
    asked: Array(7).fill("none/swarm-join-x86_64"),
  },
  {
    name: "a machine that there is no program for fetches nothing",
    given: (machine) => machine.stub("uname", "echo riscv64"),
    fails: /there is no program for riscv64; use an instance type of x86_64 or aarch64\n$/,
    asked: [],
  },
  {
    name: "a bucket without the aws command is named",
    given: () => linesOf("s3://my-bucket/releases"),
    fails: /FROM=s3:\/\/my-bucket\/releases needs the command aws;/,
  },
  {
    name: "a place that is neither is named",
    given: () => linesOf("ftp://example.com"),
    fails: /FROM=ftp:\/\/example\.com is neither s3:/,
  },
];

judged("the user data install what was named, or nothing", ["debian", "root"], async (t) => {
  await withMachine(async (machine) => {
    for (const each of CASES) {
      await t.step(each.name, async () => {
        await machine.reset();
        await play(machine, each);
      });
    }
    await t.step("as cloud-config they are taken by cloud-init's schema", async () => {
      await machine.reset();
      const schemaOf = async (config: string): Promise<Ended> => {
        await machine.write("/user-data.yaml", config);
        return await machine.command("cloud-init", "schema", "--config-file", "/user-data.yaml");
      };
      const { code, stdout, stderr } = await schemaOf(CLOUD_CONFIG);
      assert.equal(code, 0, stdout + stderr);
      assert.notEqual((await schemaOf(CLOUD_CONFIG.replace("- path:", "- to:"))).code, 0);
      // Before 23 it knows no misspelt key of the top.
      const keys = [...CLOUD_CONFIG.matchAll(/^(\w+):/gm)].map(([, key]) => key);
      assert.deepEqual(keys, ["write_files", "runcmd"]);
    });
    await t.step("cloud-init installs by it, with the settings that it has", async () => {
      await machine.reset();
      const settings = "SWARM_JOIN_STORE=s3://mine/swarms";
      const config = filled(CLOUD_CONFIG, await linesOf(machine.from));
      await machine.write("/user-data.yaml", config.replace("SWARM_JOIN_TIMEOUT=10m", settings));
      await bootByCloudInit(machine);
      await machine.isInstalled();
      assert.match(await machine.read(SETTINGS) ?? "", new RegExp(`^${settings}$`, "m"));
    });
  });
});

async function play(machine: Machine, { given, fails, asked, then }: Case): Promise<void> {
  const lines = await given?.(machine) ?? await linesOf(machine.from);
  const { code, stdout, stderr } = await machine.run(filled(SCRIPT, lines));
  assert.equal(code, fails === undefined ? 0 : 1, stdout + stderr);
  if (asked !== undefined) assert.deepEqual(machine.asked, asked);
  if (fails !== undefined) {
    assert.match(stderr, /^swarm-join is not installed: /m);
    assert.match(stderr, fails);
    await machine.isUntouched();
  }
  await then?.(machine);
  assert.deepEqual([...Deno.readDirSync(`${machine.root}/tmp`)], [], "it leaves nothing behind");
}

/** The parts of cloud-init that a boot runs, one by one, as there is no such boot in a chroot. */
async function bootByCloudInit(machine: Machine): Promise<void> {
  const file = ["--file", "/user-data.yaml"];
  for (
    const command of [
      ["cloud-init", ...file, "single", "--name", "cc_write_files", "--frequency", "always"],
      // It writes the commands to a script, which the last stage of a boot runs.
      ["cloud-init", ...file, "single", "--name", "cc_runcmd", "--frequency", "always"],
      ["/var/lib/cloud/instances/iid-datasource-none/scripts/runcmd"],
    ]
  ) {
    const { code, stdout, stderr } = await machine.command(...command);
    assert.equal(code, 0, stdout + stderr);
  }
}
