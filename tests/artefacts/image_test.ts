/** What an image is made by: the scripts, run for real on a machine, and the packer template over them. */
import assert from "node:assert/strict";
import { output } from "../e2e/machine.ts";
import { type Machine, sha256, withMachine } from "./boot.ts";
import { judged, pathOf, ROOT, tool } from "./tools.ts";

const INSTALL_DOCKER = Deno.readTextFileSync(`${ROOT}deploy/install-docker.sh`);
const PROVISION = Deno.readTextFileSync(`${ROOT}deploy/packer/provision.sh`);
const TEMPLATE = `${ROOT}deploy/packer/swarm-join.pkr.hcl`;

const DATA = "/var/lib/docker";
const PACKAGED = "/usr/bin/swarm-join";
const RPM = "not read by a dnf that is a stub";

interface Case {
  name: string;
  given?: (machine: Machine) => Promise<void> | void;
  env?: (given: Record<string, string>) => Record<string, string>;
  /** Left out: it is an image to be. */
  fails?: RegExp;
  then?: (machine: Machine) => Promise<void> | void;
}

/** Says that it is in this state, and that its data are there. */
function stubDocker(machine: Machine, state: string, root: string = DATA): void {
  machine.stub("docker", `case $3 in *State*) echo ${state} ;; *) echo "${root}" ;; esac`);
}

const CASES: Case[] = [
  { name: "the package is in it, and nothing of a swarm" },
  {
    name: "the data root may be elsewhere",
    given: async (machine) => {
      await machine.command("mkdir", "-p", "/data/docker/swarm");
      stubDocker(machine, "inactive", "/data/docker");
    },
    then: (machine) => {
      assert.deepEqual(namesIn(machine, "/data/docker"), []);
      assert.notDeepEqual(namesIn(machine, DATA), []);
    },
  },
  {
    name: "an .rpm is dnf's",
    given: async (machine) => {
      machine.stub("dnf", `cp /bin/true ${PACKAGED}`);
      await machine.write("/swarm-join.rpm", RPM);
    },
    env: () => ({ PACKAGE: "/swarm-join.rpm", PACKAGE_SHA256: rpmSha256 }),
    then: async (machine) => {
      assert.ok(
        (await machine.calls()).includes("dnf install --assumeyes --quiet /swarm-join.rpm"),
      );
    },
  },
  {
    name: "a file beside it is not a package of apt's that is called so",
    env: (given) => ({ ...given, PACKAGE: "swarm-join.deb" }),
  },
  ...["active", "pending", "locked", "error"].map((state): Case => ({
    name: `a machine whose Docker is ${state} in a swarm is refused`,
    given: (machine) => stubDocker(machine, state),
    fails: new RegExp(`^not an image to be: its Docker is in a swarm \\(${state}\\);`, "m"),
  })),
  {
    name: "a Docker that does not answer is no proof",
    given: (machine) => machine.stub("docker", "echo no daemon >&2; exit 1"),
    fails: /^no daemon$/m,
  },
  {
    name: "a package with another sum is refused",
    env: (given) => ({ ...given, PACKAGE_SHA256: rpmSha256 }),
    fails: /swarm-join\.deb is not the file whose SHA-256 is /,
  },
  {
    name: "a package that is not named",
    env: ({ PACKAGE_SHA256 = "" }) => ({ PACKAGE_SHA256 }),
    fails: /: PACKAGE is not set;/,
  },
  {
    name: "a sum that is not given",
    env: ({ PACKAGE = "" }) => ({ PACKAGE }),
    fails: /: PACKAGE_SHA256 is not set;/,
  },
  {
    name: "a package of another kind",
    given: (machine) => machine.write("/swarm-join.apk", RPM),
    env: () => ({ PACKAGE: "/swarm-join.apk", PACKAGE_SHA256: rpmSha256 }),
    fails: /: \/swarm-join\.apk is neither a \.deb nor an \.rpm$/m,
  },
];
const rpmSha256 = await sha256(RPM);

judged("an image to be has the package, and nothing of a swarm", ["debian", "root"], async (t) => {
  await withMachine(async (machine) => {
    const sum = await packageOn(machine);
    const given = { PACKAGE: "/swarm-join.deb", PACKAGE_SHA256: sum };
    for (const each of CASES) {
      await t.step(each.name, async () => {
        await machine.reset();
        await machine.command("dpkg", "--purge", "swarm-join");
        await machine.command("rm", "-rf", PACKAGED, DATA);
        await machine.command(
          "mkdir",
          "-p",
          `${DATA}/swarm/certificates`,
          "/etc/docker",
          "/var/lib/swarm-join",
        );
        await machine.write(`${DATA}/engine-id`, "this engine");
        await machine.write("/etc/docker/key.json", "{}");
        await machine.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        machine.stub("cloud-init");
        stubDocker(machine, "inactive");
        await play(machine, each, given);
      });
    }
  });
});

async function play(machine: Machine, each: Case, given: Record<string, string>): Promise<void> {
  await each.given?.(machine);
  const env = Object.entries(each.env?.(given) ?? given).map(([key, value]) => `${key}=${value}`);
  await machine.write("/provision.sh", PROVISION);
  const { code, stdout, stderr } = await machine.command(...env, "sh", "/provision.sh");
  assert.equal(code, each.fails === undefined ? 0 : 1, stdout + stderr);
  const calls = (await machine.calls()).filter((call) => call.startsWith("systemctl "));
  if (each.fails !== undefined) {
    assert.match(stderr, each.fails);
    assert.equal(await machine.read(PACKAGED), null);
    assert.equal(await machine.read(`${DATA}/engine-id`), "this engine");
    assert.notEqual(await machine.read("/etc/machine-id"), "");
    assert.deepEqual(calls, []);
    return;
  }
  assert.notEqual(await machine.read(PACKAGED), null);
  // Stopped, or it would write its data anew; and nothing enables the unit.
  assert.deepEqual(calls, ["systemctl stop docker.socket docker.service"]);
  if (each.then === undefined) assert.deepEqual(namesIn(machine, DATA), []);
  assert.equal(await machine.read("/etc/docker/key.json"), null);
  assert.equal(await machine.read("/etc/machine-id"), "");
  assert.equal((await machine.calls()).at(-1), "cloud-init clean --logs");
  assert.ok(!namesIn(machine, "/var/lib").includes("swarm-join"));
  await each.then?.(machine);
}

function namesIn(machine: Machine, path: string): string[] {
  return [...Deno.readDirSync(machine.root + path)].map(({ name }) => name);
}

/** Makes a small package of this name there, as `/swarm-join.deb`; gives its sum. */
async function packageOn(machine: Machine): Promise<string> {
  const control =
    "Package: swarm-join\nVersion: 0.1.0\nArchitecture: all\nMaintainer: a test <test@example.com>\n" +
    "Description: a test\n";
  await machine.command("mkdir", "-p", "/package/DEBIAN", "/package/usr/bin");
  await machine.write("/package/DEBIAN/control", control);
  await machine.write(`/package${PACKAGED}`, "#!/bin/sh\necho 0.1.0\n");
  await machine.command("chmod", "755", `/package${PACKAGED}`);
  const { code, stderr } = await machine.command(
    "dpkg-deb",
    "--build",
    "/package",
    "/swarm-join.deb",
  );
  assert.equal(code, 0, stderr);
  return (await machine.command("sha256sum", "/swarm-join.deb")).stdout.slice(0, 64);
}

judged("Docker is installed by what the system has, and started", ["debian", "root"], async (t) => {
  const enabled = "systemctl enable --now docker";
  await withMachine(async (machine) => {
    const run = async (wantCode: number): Promise<string> => {
      const { code, stdout, stderr } = await machine.run(INSTALL_DOCKER);
      assert.equal(code, wantCode, stdout + stderr);
      return stderr;
    };
    await t.step("by dnf", async () => {
      await machine.reset();
      machine.stub("dnf");
      await run(0);
      assert.deepEqual(await machine.calls(), ["dnf install --assumeyes --quiet docker", enabled]);
    });
    await t.step("by apt, again while others hold its lock", async () => {
      await machine.reset();
      machine.stub("apt-get", "[ -e /asked ] || { touch /asked; exit 100; }");
      await run(0);
      const calls = await machine.calls();
      assert.equal(await machine.pauses(), 1);
      assert.deepEqual(calls.slice(0, 2), Array(2).fill("apt-get update --quiet=2"));
      assert.match(calls[2] ?? "", /^apt-get install .* docker\.io$/);
      assert.deepEqual(calls.slice(3), [enabled]);
    });
    await t.step("by apt, but not for ever", async () => {
      await machine.reset();
      machine.stub("apt-get", "exit 100");
      await run(1);
      assert.equal(await machine.pauses(), 7);
      assert.ok(!(await machine.calls()).includes(enabled));
    });
    await t.step("not where it is already", async () => {
      await machine.reset();
      for (const name of ["dockerd", "dnf", "apt-get"]) machine.stub(name);
      await run(0);
      assert.deepEqual(await machine.calls(), [enabled]);
    });
    await t.step("a system that has neither is told so", async () => {
      await machine.reset();
      await machine.command("rm", "/usr/bin/apt-get");
      assert.match(await run(1), /^Docker is not installed: there is neither dnf nor apt-get;/);
      assert.deepEqual(await machine.calls(), []);
    });
  });
});

judged("the packer template runs the scripts that are there, with what they ask for", [
  "hcl2tojson",
], async () => {
  // Literals keep their quotes, so that they are told from expressions.
  const { source: [source], build: [build], packer: [packer] } = JSON.parse(
    await tool("hcl2tojson", TEMPLATE),
  );
  assert.match(packer.required_plugins[0].amazon.source, /hashicorp\/amazon/);
  const machine = source['"amazon-ebs"']['"swarm_join"'];
  assert.equal(machine.metadata_options[0].http_tokens, '"required"');
  assert.equal(machine.metadata_options[0].http_put_response_hop_limit, 1);
  assert.equal(machine.imds_support, '"v2.0"');
  assert.equal(machine.encrypt_boot, true);
  assert.deepEqual(build.sources, ['"source.amazon-ebs.swarm_join"']);
  const steps = build.provisioner.map((step: Record<string, unknown>) => Object.entries(step)[0]);
  assert.deepEqual(steps.map(([kind]: [string]) => kind), [
    '"shell"',
    '"file"',
    '"shell"',
    '"shell"',
  ]);
  const { scripts, environment_vars } = steps[2][1];
  const paths = scripts.map((path: string) =>
    JSON.parse(path).replace("${path.root}", `${ROOT}deploy/packer`)
  );
  assert.deepEqual(paths.map((path: string) => Deno.readTextFileSync(path)), [
    INSTALL_DOCKER,
    PROVISION,
  ]);
  const names = environment_vars.map((line: string) => JSON.parse(line).split("=")[0]);
  const asked = [...PROVISION.matchAll(/\$\{(\w+):-\}/g)].map(([, name]) => name);
  assert.deepEqual(names, asked);
  assert.equal(steps[1][1].destination, "${local.uploaded}");
  assert.equal(JSON.parse(environment_vars[0]), "PACKAGE=${local.uploaded}");
  const broken = await Deno.makeTempFile({ suffix: ".pkr.hcl" });
  await Deno.writeTextFile(broken, Deno.readTextFileSync(TEMPLATE).replace("build {", "build"));
  const { code } = await output(pathOf("hcl2tojson") ?? "", [broken]);
  await Deno.remove(broken);
  assert.notEqual(code, 0, "what is no HCL is refused");
});
