/** How the program is built: the same bytes wherever and whenever, and of a runtime that is the right one. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { output, sh } from "../e2e/machine.ts";
import { sha256 } from "../../tools/checksums.ts";
import { ROOT } from "./tools.ts";

const ARCH = Deno.build.arch;
const OTHER = ARCH === "x86_64" ? "aarch64" : "x86_64";

Deno.test("the same sources give the same bytes, in another folder, umask and time zone, and later", async () => {
  await sh("make", "--silent", "-C", ROOT);
  await inTemp(async (folder) => {
    await copySources(folder);
    await Deno.symlink(`${ROOT}.toolchain`, `${folder}/.toolchain`);
    const built = 'umask 077; TZ=Asia/Tokyo DENO_LOG=warn exec make --silent -C "$1" dist';
    await sh("sh", "-c", built, "sh", folder);
    for (const name of ["swarm-join", "THIRD-PARTY-NOTICES", "swarm-join.cdx.json"]) {
      const sum = await sha256(join(folder, "dist", name));
      assert.equal(sum, await sha256(`${ROOT}dist/${name}`), name);
    }
    const sums = await sh("sh", "-c", `cd ${folder}/dist && sha256sum --check --strict SHA256SUMS`);
    assert.equal(sums, "THIRD-PARTY-NOTICES: OK\nswarm-join: OK\nswarm-join.cdx.json: OK\n");
  });
});

Deno.test("in a fresh clone packages are made without what the tests install", async () => {
  await inTemp(async (folder) => {
    await copySources(folder);
    const steps = await sh("make", "--dry-run", "-C", folder, "packages");
    const [fetched, packed] = ["--target .toolchain/python", "tools/packages.ts"]
      .map((part) => steps.indexOf(part));
    assert.ok(fetched! > 0 && packed! > fetched!, steps);
  });
});

Deno.test("a machine that no runtime is known for is named", async () => {
  const built = await build(["--arch", "riscv64"]);
  assert.match(built.stderr, /^build: ARCH is x86_64 or aarch64, not "riscv64"$/m);
  const recovered = await output(`${ROOT}tools/toolchain.sh`, ["denort", "riscv64"]);
  assert.equal(recovered.code, 1);
  assert.match(
    recovered.stderr,
    /^toolchain: no runtime is known for riscv64, only for x86_64 and/,
  );
});

Deno.test("a runtime that is missing, or is of another machine, is named, and nothing is left", async () => {
  await inTemp(async (folder) => {
    const args = ["--arch", OTHER, "--output", join(folder, "program")];
    const missing = await build(args, { DENORT_BIN: "/no/denort" });
    assert.match(missing.stderr, new RegExp(`^build: deno compile failed for ${OTHER}:$`, "m"));
    assert.match(missing.stderr, /Could not find denort at '\/no\/denort'/);
    const other = await build(args, { DENORT_BIN: Deno.execPath() });
    const named = `^build: ${Deno.execPath()} is not a runtime for ${OTHER}: let DENORT_BIN name`;
    assert.match(other.stderr, new RegExp(named, "m"));
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a release is not built with a recovered runtime", async () => {
  await inTemp(async (folder) => {
    const args = ["--release", "--output", join(folder, "program")];
    // Nothing was downloaded before, and nothing can be.
    const nothing = { DENO_DIR: join(folder, "cache"), HTTPS_PROXY: "http://127.0.0.1:9" };
    const { code, stderr } = await build(args, { ...nothing, https_proxy: nothing.HTTPS_PROXY });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^A release is built with the runtime that deno downloads, or that DENORT_/m,
    );
  });
});

Deno.test("a recovered runtime is of the first source that has it, and nothing else is kept", async () => {
  await withSources(async (recover, give) => {
    const none = await recover();
    assert.equal(none.code, 1);
    assert.match(none.stderr, /could not fetch bids-validator-deno==/);
    assert.match(none.stderr, new RegExp(`no runtime of deno .* for ${ARCH} can be recovered`));

    const other = new Uint8Array(32);
    other[24] = 8;
    await give("npm", other);
    await give("pypi", other);
    const wrong = await recover();
    assert.equal(wrong.code, 1);
    const told = wrong.stderr.match(/what \S+ holds is not denort/g) ?? [];
    assert.equal(told.length, ARCH === "x86_64" ? 2 : 1, wrong.stderr);

    // A program that somebody compiled, such as this one.
    await give("pypi", await Deno.readFile(`${ROOT}dist/swarm-join`));
    const right = await recover();
    assert.equal(right.code, 0, right.stderr);
    const pinned = await sh(`${ROOT}tools/toolchain.sh`, "sum", ARCH);
    assert.equal(await sha256(right.stdout.trim()), pinned.trim());
  });
});

/** The script in a project of its own, with an npm and a pip that give what they are told to. */
async function withSources(
  use: (
    recover: () => ReturnType<typeof output>,
    give: (source: "npm" | "pypi", program: Uint8Array) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  await inTemp(async (folder) => {
    const python = (await sh("sh", "-c", "command -v python3")).trim();
    await Deno.mkdir(join(folder, "tools"));
    await Deno.mkdir(join(folder, "bin"));
    const script = join(folder, "tools/toolchain.sh");
    await Deno.copyFile(`${ROOT}tools/toolchain.sh`, script);
    const pip = `[ "$1" = -m ] && [ "$2" = pip ] || exec ${python} "$@"
[ "$3" = download ] || exit 0
while [ "$1" != --dest ]; do shift; done
mkdir "$2" && cp ${folder}/pypi.whl "$2"`;
    for (const [name, text] of [["npm", `cp ${folder}/npm.tgz .`], ["python3", pip]] as const) {
      await Deno.writeTextFile(join(folder, "bin", name), `#!/bin/sh\n${text}\n`);
      await Deno.chmod(join(folder, "bin", name), 0o755);
    }
    const give = async (source: "npm" | "pypi", program: Uint8Array): Promise<void> => {
      const path = source === "npm"
        ? "package/bin/mcp-stress"
        : "x.data/scripts/bids-validator-deno";
      await Deno.mkdir(join(folder, path, ".."), { recursive: true });
      await Deno.writeFile(join(folder, path), program);
      const zip = `import zipfile; zipfile.ZipFile("pypi.whl", "w").write("${path}")`;
      const pack = source === "npm" ? `tar -czf npm.tgz ${path}` : `${python} -c '${zip}'`;
      await sh("sh", "-c", `cd ${folder} && ${pack}`);
    };
    const recover = async (): ReturnType<typeof output> => {
      const env = [`PATH=${folder}/bin:${Deno.env.get("PATH")}`, `DENO=${Deno.execPath()}`];
      const done = await output("env", [...env, script, "denort", ARCH]);
      const kept = [...Deno.readDirSync(join(folder, ".toolchain"))].map(({ name }) => name);
      assert.deepEqual(kept, done.code === 0 ? [basename(done.stdout.trim())] : []);
      return done;
    };
    await use(recover, give);
  });
}

function build(args: string[], env: Record<string, string> = {}): ReturnType<typeof output> {
  const set = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const command = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}tools/build.ts`];
  return output("env", ["--unset=DENORT_BIN", ...set, ...command, ...args]);
}

async function inTemp(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-program-" });
  try {
    await use(folder);
  } finally {
    await sh("rm", "-rf", folder);
  }
}

/** What git knows of the project: what a fresh clone has. */
async function copySources(folder: string): Promise<void> {
  await sh(
    "sh",
    "-c",
    `git -C ${ROOT} ls-files -z | tar -C ${ROOT} --null -T - -c | tar -C ${folder} -xm`,
  );
}
