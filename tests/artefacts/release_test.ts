/** What a release says of itself: where it comes from, what each file's sum is, and who vouches for it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { output, sh } from "../e2e/machine.ts";
import { checksums } from "../../tools/checksums.ts";
import { seal, source } from "../../tools/release.ts";
import { DEBIAN, type Json, judged, pathOf, ROOT } from "./tools.ts";

const ARCH = Deno.build.arch;
const PROGRAM = `swarm-join-${ARCH}`;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

Deno.test("a sealed folder tells the commit, the toolchain and its sums, and each file's sum", async () => {
  await withRelease(async (folder) => {
    await seal(folder);
    const { source, toolchain } = provenanceOf(folder);
    assert.equal(source.commit, (await sh("git", "-C", ROOT, "rev-parse", "HEAD")).trim());
    assert.equal(toolchain.deno.sha256, await sumOf(Deno.execPath()));
    assert.deepEqual(toolchain.denort, { [ARCH]: { sha256: await pinned() } });
    assert.match(toolchain.esbuild.version, /^\d+\.\d+\.\d+$/);
    assert.match(toolchain.esbuild.integrity, /^sha512-/);
    const checked = await sh("sh", "-c", `cd ${folder} && sha256sum --check --strict SHA256SUMS`);
    const files = [PROGRAM, "provenance.json", "swarm-join.service"].sort();
    assert.equal(checked, files.map((name) => `${name}: OK\n`).join(""));
  });
});

Deno.test("a folder that can't be vouched for is not signed, and all that is wrong is said", async () => {
  await withRelease(async (folder) => {
    await seal(folder);
    await Deno.writeTextFile(join(folder, "swarm-join.service"), "[Service]\n# another\n");
    await Deno.writeTextFile(join(folder, "late.txt"), "");
    await Deno.remove(join(folder, PROGRAM));
    change(folder, (provenance) => {
      provenance.source.changed = true;
      provenance.toolchain.denort[ARCH].sha256 = "0".repeat(64);
    });
    const said = await refused(folder);
    assert.match(said, /^ {2}swarm-join\.service has another sum$/m);
    assert.match(said, /^ {2}provenance\.json has another sum$/m);
    assert.match(said, /^ {2}late\.txt has no sum in SHA256SUMS$/m);
    assert.match(said, new RegExp(`^ {2}SHA256SUMS has a line without a file: .*${PROGRAM}$`, "m"));
    assert.match(said, /^ {2}it was made of more than commit [0-9a-f]{40}: commit or undo/m);
    assert.match(
      said,
      new RegExp(`^ {2}the runtime for ${ARCH} is not Deno's own, but 0{64}`, "m"),
    );
    change(folder, (provenance) => provenance.source = null);
    assert.match(
      await refused(folder),
      /^ {2}it was not made of a commit: build it in a checkout/m,
    );
  });
});

Deno.test("what is no program that deno compiled is not sealed as one", async () => {
  await inTemp(async (folder) => {
    for (const text of ["short", "#!/bin/sh\nexit 0\n"]) {
      await Deno.writeTextFile(join(folder, PROGRAM), text);
      await assert.rejects(seal(folder), /swarm-join-\w+ is no program that deno compiled$/);
    }
  });
});

Deno.test("the source is a commit, changed or not; without git it is unknown, and git's fault is one", async () => {
  await inTemp(async (folder) => {
    const git = (...args: string[]): Promise<string> =>
      sh("git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.com", ...args);
    assert.equal(await source(folder), null);
    await git("init", "--quiet");
    await assert.rejects(source(folder), /git .* rev-parse HEAD: /);
    await git("commit", "--quiet", "--allow-empty", "--message=first");
    const commit = (await git("rev-parse", "HEAD")).trim();
    assert.deepEqual(await source(folder), { commit, changed: false });
    await Deno.writeTextFile(join(folder, "new.ts"), "");
    assert.deepEqual(await source(folder), { commit, changed: true });
  });
});

judged("a signature fits its key and its sums, and no others", ["minisign"], async () => {
  await withRelease(async (folder) => {
    await seal(folder);
    change(folder, ({ source }) => Object.assign(source, { commit: COMMIT, changed: false }));
    await checksums(folder);
    await withMinisign(async (path, minisign) => {
      const [ours, others] = [join(path, "ours"), join(path, "others")];
      for (const key of [ours, others]) await minisign("-G", "-W", "-p", `${key}.pub`, "-s", key);
      const withPath = `${path}:${Deno.env.get("PATH")}`;
      const without = await release(["sign", folder, ours], path.replace(/bin$/, "without"));
      assert.match(without.stderr, /^release: there is no minisign here to sign with: install/m);
      const signed = await release(["sign", folder, ours], withPath);
      assert.equal(signed.code, 0, signed.stderr);
      const lost = await release(["sign", folder, join(path, "lost")], withPath);
      assert.match(lost.stderr, /^release: not signed: minisign ended with \d+$/m);
      const documented = /^ {4}(minisign -V .*)$/m.exec(
        await Deno.readTextFile(`${ROOT}docs/development.md`),
      )?.[1] ?? "";
      const verify = async (key: string): ReturnType<typeof output> => {
        await Deno.copyFile(`${key}.pub`, join(folder, "swarm-join.pub"));
        return await output("sh", ["-c", `cd ${folder} && PATH=${path}:$PATH && ${documented}`]);
      };
      const good = await verify(ours);
      assert.equal(good.code, 0, good.stderr);
      assert.match(
        good.stdout,
        new RegExp(`^Trusted comment: swarm-join .*, commit ${COMMIT}$`, "m"),
      );
      assert.match((await verify(others)).stderr, /^but the key id in the public key is /m);
      await Deno.writeTextFile(join(folder, "swarm-join.service"), "[Service]\n# another\n");
      assert.match((await verify(ours)).stdout, /^swarm-join\.service: FAILED$/m);
      await checksums(folder);
      assert.match((await verify(ours)).stderr, /^Signature verification failed$/m);
    });
  });
});

Deno.test("a command line of tools/release.ts that is none is refused", async () => {
  for (const args of [[], ["seal"], ["sign", "x"], ["seal", "x", "y"], ["sign", "x", "y", "z"]]) {
    const { code, stderr } = await release(args);
    assert.equal(code, 1);
    assert.match(stderr, /^release: usage: /);
  }
});

/** A folder with the program and one file more, as `make packages` fills it, not yet sealed. */
async function withRelease(use: (folder: string) => Promise<void>): Promise<void> {
  await inTemp(async (folder) => {
    await sh("cp", "--reflink=auto", `${ROOT}dist/swarm-join`, join(folder, PROGRAM));
    await Deno.writeTextFile(join(folder, "swarm-join.service"), "[Service]\n");
    await use(folder);
  });
}

/** A folder for the PATH with Debian's minisign in it, which has that one's libraries; beside it one without. */
async function withMinisign(
  use: (path: string, minisign: (...args: string[]) => ReturnType<typeof output>) => Promise<void>,
): Promise<void> {
  await inTemp(async (folder) => {
    const loader = ARCH === "x86_64" ? "lib64/ld-linux-x86-64.so.2" : "lib/ld-linux-aarch64.so.1";
    const script = `#!/bin/sh\nexec ${DEBIAN}/${loader} --library-path ` +
      `${DEBIAN}/lib/${ARCH}-linux-gnu ${pathOf("minisign")} "$@"\n`;
    for (const name of ["bin", "without"]) {
      await Deno.mkdir(join(folder, name));
      // What tools/toolchain.sh takes to tell a sum.
      await Deno.symlink("/usr/bin/dirname", join(folder, name, "dirname"));
    }
    const program = join(folder, "bin/minisign");
    await Deno.writeTextFile(program, script, { mode: 0o755 });
    await use(join(folder, "bin"), (...args) => output(program, args));
  });
}

function release(args: string[], path = Deno.env.get("PATH")): ReturnType<typeof output> {
  const command = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}tools/release.ts`];
  return output("env", [`PATH=${path}`, ...command, ...args]);
}

/** What is said on a folder that is not signed. */
async function refused(folder: string): Promise<string> {
  const { code, stderr } = await release(["sign", folder, "/no/key"]);
  assert.equal(code, 1);
  assert.match(stderr, /^release: .* is not signed:\n/);
  return stderr;
}

function provenanceOf(folder: string): Json {
  return JSON.parse(Deno.readTextFileSync(join(folder, "provenance.json")));
}

function change(folder: string, edit: (provenance: ReturnType<typeof provenanceOf>) => void): void {
  const provenance = provenanceOf(folder);
  edit(provenance);
  Deno.writeTextFileSync(join(folder, "provenance.json"), JSON.stringify(provenance));
}

async function sumOf(path: string): Promise<string> {
  return (await sh("sha256sum", path)).slice(0, 64);
}

async function pinned(): Promise<string> {
  return (await sh(`${ROOT}tools/toolchain.sh`, "sum", ARCH)).trim();
}

async function inTemp(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-release-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
