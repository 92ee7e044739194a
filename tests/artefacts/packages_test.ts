/** The packages: what is in them, that others judge them well, what they do to a system that does not run. */
import assert from "node:assert/strict";
import { BINARY } from "../lab/with_lab.ts";
import { output, sh } from "../e2e/machine.ts";
import { sha256 } from "../../tools/checksums.ts";
import { pack } from "../../tools/packages.ts";
import { makePackages, namesOf, showPackages } from "./packs.ts";
import { judged, ROOT, type Tool, withDebian } from "./tools.ts";

const NEEDS: Tool[] = ["root", "debian", "nfpm"];
const VERSION = "0.9.0";
const KINDS = ["deb", "rpm", "tar"] as const;
const { deb: DEB, rpm: RPM, tar: TAR } = namesOf(VERSION);
const SETTINGS = "/etc/swarm-join.env";

const IN_BOTH = [
  "644 /usr/lib/systemd/system/swarm-join.service",
  "644 /usr/share/bash-completion/completions/swarm-join",
  "644 /usr/share/doc/swarm-join/NEWS.gz",
  "644 /usr/share/doc/swarm-join/examples/iam/manager-s3.json",
  "644 /usr/share/doc/swarm-join/examples/iam/manager-tags.json",
  "644 /usr/share/doc/swarm-join/examples/iam/worker-s3.json",
  "644 /usr/share/doc/swarm-join/examples/iam/worker-tags.json",
  "644 /usr/share/doc/swarm-join/examples/one-shot/swarm-join.service",
  "644 /usr/share/doc/swarm-join/examples/one-shot/swarm-join.timer",
  "644 /usr/share/doc/swarm-join/examples/one-shot/swarm-leave.service",
  "644 /usr/share/fish/vendor_completions.d/swarm-join.fish",
  "644 /usr/share/man/man8/swarm-join.8.gz",
  "755 /usr/bin/swarm-join",
];
const IN_DEB = [
  "644 /usr/share/doc/swarm-join/THIRD-PARTY-NOTICES",
  "644 /usr/share/doc/swarm-join/changelog.gz",
  "644 /usr/share/doc/swarm-join/copyright",
  "644 /usr/share/lintian/overrides/swarm-join",
  "644 /usr/share/swarm-join/swarm-join.env",
  "644 /usr/share/zsh/vendor-completions/_swarm-join",
];
const IN_RPM = [
  "644 /etc/swarm-join.env",
  "644 /usr/share/licenses/swarm-join/LICENSE",
  "644 /usr/share/licenses/swarm-join/THIRD-PARTY-NOTICES",
  "644 /usr/share/zsh/site-functions/_swarm-join",
];
const IN_TAR = [
  "644 /CHANGELOG.md",
  "644 /LICENSE",
  "644 /THIRD-PARTY-NOTICES",
  "644 /completions/_swarm-join",
  "644 /completions/swarm-join.bash",
  "644 /completions/swarm-join.fish",
  "644 /iam/manager-s3.json",
  "644 /iam/manager-tags.json",
  "644 /iam/worker-s3.json",
  "644 /iam/worker-tags.json",
  "644 /one-shot/swarm-join.service",
  "644 /one-shot/swarm-join.timer",
  "644 /one-shot/swarm-leave.service",
  "644 /swarm-join.8",
  "644 /swarm-join.env",
  "644 /swarm-join.service",
  "755 /swarm-join",
];

let made: Promise<string> | undefined;

/** The folder that the packages are in, for all tests of this file. */
function packages(): Promise<string> {
  return made ??= makePackages([VERSION], KINDS);
}

Deno.test.afterAll(async () => {
  if (made !== undefined) await Deno.remove(await made, { recursive: true });
});

/** A system whose systemd does not run, as where an image is made, with the packages in /packages. */
function onSystem(name: string, tools: Tool[], test: (system: System) => Promise<void>): void {
  judged(name, [...NEEDS, ...tools], async () => {
    await withDebian(async (root) => {
      await showPackages(await packages(), root);
      // The program looks for itself in it.
      await sh("mount", "-t", "proc", "proc", `${root}/proc`);
      await test(new System(root));
    });
  });
}

class System {
  constructor(readonly root: string) {}

  sh(...command: string[]): Promise<string> {
    return sh("chroot", this.root, ...command);
  }

  /** A file's text; null: there is none. */
  async text(path: string): Promise<string | null> {
    const { code, stdout } = await output("chroot", [this.root, "cat", path]);
    return code === 0 ? stdout : null;
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(this.root + path, text);
  }

  /** Mode and path of each file below a folder. */
  async filesIn(folder: string): Promise<string[]> {
    const found = await this.sh("find", folder, "-type", "f", "-printf", "%m /%P\n");
    return found.trim().split("\n").sort();
  }

  /** The links by which systemd starts the unit at the boot. */
  async enabled(): Promise<string> {
    return await this.sh("find", "/etc/systemd", "-name", "swarm-*");
  }
}

/** Who has the program in /usr/local, and enabled its unit. */
async function installByHand(system: System): Promise<string> {
  await sh("cp", `${ROOT}deploy/swarm-join.service`, `${system.root}/etc/systemd/system`);
  await system.sh("systemctl", "enable", "swarm-join");
  await system.write(SETTINGS, "SWARM_JOIN_LOG_LEVEL=debug\n");
  return await system.enabled();
}

judged("the same source makes the same packages, whatever umask and time", NEEDS, async () => {
  const first = await packages();
  const umask = Deno.umask(0o077);
  const again = await makePackages([VERSION], KINDS).finally(() => Deno.umask(umask));
  for (const name of [DEB, RPM, TAR]) {
    assert.equal(await sha256(`${again}/${name}`), await sha256(`${first}/${name}`), name);
  }
  await Deno.remove(again, { recursive: true });
});

onSystem("a .deb has what it should, and the program to the byte", [], async (system) => {
  await system.sh("dpkg-deb", "--extract", `/packages/${DEB}`, "/deb");
  assert.deepEqual(await system.filesIn("/deb"), [...IN_BOTH, ...IN_DEB].sort());
  // What strips it, takes the code out of it: it then ends with "Could not find standalone binary section".
  const program = await sha256(`${system.root}/deb/usr/bin/swarm-join`);
  assert.equal(program, await sha256(BINARY), "nothing may strip the program");
  const unit = await system.text("/deb/usr/lib/systemd/system/swarm-join.service") ?? "";
  assert.match(unit, /^ExecStart=\/usr\/bin\/swarm-join keep$/m);
  assert.deepEqual(
    (await output("grep", ["-r", "/usr/local/bin", `${system.root}/deb/usr`])).code,
    1,
  );
});

onSystem("a .rpm has what it should, and the program to the byte", ["rpm"], async (system) => {
  const about = await system.sh(
    "rpm",
    "-qp",
    "--qf",
    "[%{FILEMODES:octal} %{FILENAMES}\n]",
    `/packages/${RPM}`,
  );
  const modes = about.trim().split("\n").map((line) => line.replace(/^100/, ""));
  assert.deepEqual(modes.sort(), [...IN_BOTH, ...IN_RPM].sort());
  const sums = await system.sh(
    "rpm",
    "-qp",
    "--qf",
    "[%{FILENAMES} %{FILEDIGESTS}\n]",
    `/packages/${RPM}`,
  );
  assert.ok(
    sums.includes(`/usr/bin/swarm-join ${await sha256(BINARY)}\n`),
    "nothing may strip the program",
  );
  // It holds no name of the machine that it was made on.
  assert.equal(
    await system.sh("rpm", "-qp", "--qf", "%{BUILDHOST}", `/packages/${RPM}`),
    "localhost",
  );
});

onSystem("a tar.zst is one folder, its units for /usr/local", [], async (system) => {
  await system.sh("tar", "--zstd", "-xf", `/packages/${TAR}`, "--directory", "/srv");
  const folder = `/srv/${TAR.replace(".tar.zst", "")}`;
  assert.deepEqual(await system.filesIn(folder), IN_TAR.sort());
  assert.equal(await system.sh("ls", "/srv"), `${folder.slice(5)}\n`);
  assert.equal(await sha256(`${system.root}${folder}/swarm-join`), await sha256(BINARY));
  const unit = await Deno.readTextFile(`${ROOT}deploy/swarm-join.service`);
  assert.equal(await system.text(`${folder}/swarm-join.service`), unit);
});

onSystem("lintian and rpmlint find nothing, but what is overridden with a reason", [
  "lintian",
  "rpmlint",
], async (system) => {
  await system.sh("lintian", "--allow-root", "--fail-on=error,warning", `/packages/${DEB}`);
  await sh("cp", `${ROOT}deploy/packages/rpmlint.toml`, `${system.root}/srv`);
  await system.sh("rpmlint", "--config", "/srv/rpmlint.toml", `/packages/${RPM}`);
});

onSystem(
  "the packages ask for the C library that the program needs, and a C library has all that it links to",
  ["rpm"],
  async (system) => {
    const program = new TextDecoder("latin1").decode(await Deno.readFile(BINARY));
    const minors = [...program.matchAll(/\bGLIBC_2\.(\d+)\0/g)].map(([, minor]) => Number(minor));
    const needs = `2.${Math.max(...minors)}`;
    const deb = await system.sh("dpkg-deb", "--field", `/packages/${DEB}`, "Depends");
    assert.equal(deb, `libc6 (>= ${needs}), libgcc-s1 | libgcc1\n`);
    const rpm = await system.sh("rpm", "-qp", "--requires", `/packages/${RPM}`);
    const own = rpm.split("\n").filter((line) => line.startsWith("lib"));
    assert.deepEqual(own, [`libc.so.6(GLIBC_${needs})(64bit)`, "libgcc_s.so.1()(64bit)"]);
  },
);

onSystem(
  "a package's licence names each that is in the bill of materials",
  ["rpm"],
  async (system) => {
    const bill = JSON.parse(await Deno.readTextFile(`${ROOT}dist/swarm-join.cdx.json`)) as {
      components: { licenses: { license: { id: string } }[] }[];
    };
    const ids = bill.components.flatMap(({ licenses }) =>
      licenses.map(({ license }) => license.id)
    );
    const named = await system.sh("rpm", "-qp", "--qf", "%{LICENSE}", `/packages/${RPM}`);
    assert.deepEqual(named.split(" AND ").sort(), [...new Set(["MIT", ...ids])].sort());
  },
);

onSystem(
  "a .deb enables nothing, and keeps settings that were there before it",
  [],
  async (system) => {
    await system.write(SETTINGS, "SWARM_JOIN_LOG_LEVEL=debug\n");
    await system.sh("dpkg", "--install", `/packages/${DEB}`);
    assert.equal(await system.enabled(), "");
    assert.match(
      await system.sh("swarm-join", "settings"),
      /^--log-level +debug +\/etc\/swarm-join.env$/m,
    );
    await system.sh("dpkg", "--install", `/packages/${DEB}`);
    assert.equal(await system.text(SETTINGS), "SWARM_JOIN_LOG_LEVEL=debug\n");
  },
);

onSystem(
  "a .deb brings settings that set nothing, once; its removal keeps them, and what it was; a purge does not",
  [],
  async (system) => {
    await system.sh("dpkg", "--install", `/packages/${DEB}`);
    const brought = await system.text(SETTINGS) ?? "";
    assert.equal(await system.sh("stat", "--format=%a %U", SETTINGS), "644 root\n");
    assert.deepEqual(brought.split("\n").filter((line) => !/^(#.*)?$/.test(line)), []);
    await system.sh("systemctl", "enable", "swarm-join");
    const link = await system.enabled();
    assert.notEqual(link, "");
    await system.sh("mkdir", "/var/lib/swarm-join");
    await system.sh("rm", SETTINGS);
    await system.sh("dpkg", "--install", `/packages/${DEB}`);
    assert.equal(await system.text(SETTINGS), null, "deleted is deleted");
    await system.write(SETTINGS, "SWARM_JOIN_LOG_LEVEL=debug\n");
    await system.sh("dpkg", "--remove", "swarm-join");
    assert.equal(await system.text(SETTINGS), "SWARM_JOIN_LOG_LEVEL=debug\n");
    assert.equal(await system.enabled(), link);
    await system.sh("dpkg", "--purge", "swarm-join");
    assert.equal(await system.text(SETTINGS), null);
    assert.equal(await system.enabled(), "");
    // A lost swarm that was saved may be all that is left of it.
    await system.sh("test", "-d", "/var/lib/swarm-join");
  },
);

onSystem("a .rpm enables nothing, is as it was packed, keeps settings, and its removal disables", [
  "rpm",
], async (system) => {
  // A Debian's rpm knows of no C library.
  const rpm = (...args: string[]): Promise<string> => system.sh("rpm", "--nodeps", ...args);
  await system.write(SETTINGS, "SWARM_JOIN_LOG_LEVEL=debug\n");
  await rpm("--install", `/packages/${RPM}`);
  assert.equal(await system.enabled(), "");
  assert.equal(await system.text(SETTINGS), "SWARM_JOIN_LOG_LEVEL=debug\n");
  assert.match(await system.sh("swarm-join", "--version"), /^swarm-join /);
  await system.sh("mv", `${SETTINGS}.rpmnew`, SETTINGS);
  assert.equal(await rpm("--verify", "swarm-join"), "");
  await system.sh("systemctl", "enable", "swarm-join");
  const link = await system.enabled();
  await system.write(SETTINGS, "SWARM_JOIN_LOG_LEVEL=debug\n");
  await rpm("--upgrade", "--replacepkgs", `/packages/${RPM}`);
  assert.equal(await system.text(SETTINGS), "SWARM_JOIN_LOG_LEVEL=debug\n");
  assert.equal(await system.enabled(), link);
  await rpm("--erase", "swarm-join");
  assert.equal(await system.enabled(), "");
  assert.equal(await system.text(`${SETTINGS}.rpmsave`), "SWARM_JOIN_LOG_LEVEL=debug\n");
});

onSystem("a unit that was installed by hand outlives a package, with its settings", [
  "rpm",
], async (system) => {
  const links = await installByHand(system);
  for (
    const [install, take] of [
      [`dpkg --install /packages/${DEB}`, "dpkg --purge swarm-join"],
      [`rpm --nodeps --install /packages/${RPM}`, "rpm --nodeps --erase swarm-join"],
    ] as const
  ) {
    await system.sh(...install.split(" "));
    await system.sh(...take.split(" "));
    assert.equal(await system.enabled(), links, take);
    assert.equal(await system.text(SETTINGS), "SWARM_JOIN_LOG_LEVEL=debug\n", take);
  }
});

onSystem("packages for the other machine say so", ["rpm"], async (system) => {
  const folder = `${system.root}/srv`;
  // What is in them is the same but for the program.
  const program = `${folder}/program`;
  await Deno.writeTextFile(program, "#!/bin/true\n");
  const notices = `${ROOT}LICENSE`;
  const what = {
    arch: "aarch64",
    program,
    notices,
    version: VERSION,
    epochSeconds: 1,
    folder,
  } as const;
  const made = await Promise.all(KINDS.map((kind) => pack(kind, what)));
  assert.deepEqual(made.map((path) => path.slice(folder.length)), [
    `/swarm-join_${VERSION}_arm64.deb`,
    `/swarm-join-${VERSION}-1.aarch64.rpm`,
    `/swarm-join-${VERSION}-aarch64.tar.zst`,
  ]);
  const [deb = "", rpm = ""] = made.map((path) => path.slice(system.root.length));
  assert.equal(await system.sh("dpkg-deb", "--field", deb, "Architecture"), "arm64\n");
  assert.equal(await system.sh("rpm", "-qp", "--qf", "%{ARCH}", rpm), "aarch64");
});

Deno.test("make packages says what is wrong, or missing", async () => {
  const root = await Deno.makeTempDir();
  try {
    await sh("mkdir", `${root}/dist`);
    for (const name of ["THIRD-PARTY-NOTICES", "swarm-join.cdx.json", "swarm-join-aarch64"]) {
      await Deno.writeTextFile(`${root}/dist/${name}`, "");
    }
    await sh(
      "cp",
      "-R",
      ...["tools", "src", "deploy"].map((name) => ROOT + name),
      root,
    );
    for (
      const [arch, env, says] of [
        ["arm64", {}, /^packages: ARCH is x86_64 or aarch64, not "arm64"\n$/],
        ["aarch64", {}, /not a git repository.*\n.*SOURCE_DATE_EPOCH has to say of when/],
        ["aarch64", { SOURCE_DATE_EPOCH: "1.5" }, /seconds since 1970, not "1.5"\n$/],
        ["aarch64", { SOURCE_DATE_EPOCH: "1" }, /no nfpm .*: tools\/setup_tests.sh installs it\n$/],
      ] as const
    ) {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", `${root}/tools/packages.ts`, "--arch", arch],
        env,
      }).output();
      assert.match(new TextDecoder().decode(stderr), says);
      assert.equal(code, 1);
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
