/** The licences that go with the program, and its bill of materials, judged by CycloneDX's own tools. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Bundle, bundle } from "../../tools/bundle.ts";
import { type Component, componentsOf, notices, sbom } from "../../tools/components.ts";
import { output } from "../e2e/machine.ts";
import { ROOT } from "./tools.ts";

const folder = await Deno.makeTempDir({ prefix: "swarm-join-components-" });
const made: Bundle = await bundle(`${ROOT}main.ts`, folder);
await Deno.remove(folder, { recursive: true });
const components = await componentsOf(made.inputs.map(([path]) => path));
const bill = JSON.parse(sbom(components));

/** esbuild's process, started above, may end while any of them runs; hence no sanitizers. */
function test(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

test("with the program goes what is in it, and by which licences", () => {
  const names = components.map(({ name }) => name);
  for (const one of ["deno", "v8", "@aws-sdk/client-ec2", "@smithy/core", "valibot"]) {
    assert.ok(names.includes(one), `${one} is listed`);
  }
  const text = notices(components);
  for (const { name, version, licence, texts } of components) {
    assert.match(text, new RegExp(`^${name} ${version} \\(${licence}\\)$`, "m"));
    for (const one of texts) assert.ok(text.includes(one.trim()), `the licence of ${name}`);
  }
  assert.equal(Deno.readTextFileSync(`${ROOT}dist/THIRD-PARTY-NOTICES`), text);
  assert.equal(Deno.readTextFileSync(`${ROOT}dist/swarm-join.cdx.json`), sbom(components));
});

test("a text that several have is there once, after all of them; each has its notices", () => {
  const one = (name: string, ...texts: string[]): Component => (
    { name, version: "1.0.0", purl: `pkg:npm/${name}@1.0.0`, licence: "MIT", texts }
  );
  const text = notices([
    one("a", "the MIT\r\n"),
    one("b", "the MIT\n", "a notice"),
    one("c", "mine"),
  ]);
  const [, ...sections] = text.split(/^=+$/m);
  assert.deepEqual(sections.map((section) => section.trim()), [
    "a 1.0.0 (MIT)\nb 1.0.0 (MIT)\n\nthe MIT",
    "b 1.0.0 (MIT)\n\na notice",
    "c 1.0.0 (MIT)\n\nmine",
  ]);
});

test("what has no licence, or is of nobody, is named, and is not built in", async () => {
  const cases = [
    { files: { "package.json": {} }, says: /^free 1\.2\.3 .* names no licence: it may not be$/ },
    { files: { "package.json": { license: "UNLICENSED" } }, says: /^free 1\.2\.3 .* no licence:/ },
    { files: { "package.json": { license: "MIT" } }, says: /^free 1\.2\.3 .* no licence's text/ },
  ];
  const module = "node_modules/.deno/free@1.2.3/node_modules/free/index.js";
  for (const { files, says } of cases) {
    await inPackage(module, files["package.json"], (root) => {
      return assert.rejects(componentsOf([module], root), ({ message }) => says.test(message));
    });
  }
  await inPackage(module, { license: "MIT OR Apache-2.0" }, async (root) => {
    await Deno.writeTextFile(join(root, module, "../NOTICE.txt"), "of somebody");
    const [found] = (await componentsOf([module, "src/run.ts"], root)).filter(({ name }) =>
      name === "free"
    );
    assert.deepEqual(found?.texts, ["of somebody"]);
    assert.match(sbom([found!]), /"expression": "MIT OR Apache-2.0"/);
  });
  await assert.rejects(componentsOf(["vendor/x.js"]), /^Error: vendor\/x\.js .* of whom is it\?$/);
});

test("the bill of materials is valid CycloneDX", async () => {
  assert.deepEqual(await faults(bill), []);
  const wrong = structuredClone(bill);
  wrong.components[0].type = "libary";
  const [fault] = await faults(wrong);
  assert.equal(fault?.instancePath, "/components/0/type");
  const refs = bill.components.map((one: { "bom-ref": string }) => one["bom-ref"]);
  assert.deepEqual(bill.dependencies[0].dependsOn, refs);
});

test("it has the packages that CycloneDX's own tool finds in the bundle", async () => {
  const metafile = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(metafile, JSON.stringify(made.metafile));
    const text = await cyclonedx("run", "npm:@cyclonedx/cyclonedx-esbuild@1.4.4", metafile);
    const found: { purl?: string }[] = JSON.parse(text).components;
    const purls = found.flatMap(({ purl }) => purl === undefined ? [] : [purl.replace(/\?.*/, "")]);
    const ours = components.map(({ purl }) => purl).filter((purl) => purl.startsWith("pkg:npm/"));
    assert.deepEqual(ours, purls.sort());
  } finally {
    await Deno.remove(metafile);
  }
});

/** A project with one package in it. */
async function inPackage(
  module: string,
  manifest: Record<string, string>,
  use: (root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "swarm-join-components-" });
  try {
    await Deno.mkdir(join(root, module, ".."), { recursive: true });
    const text = JSON.stringify({ name: "free", version: "1.2.3", ...manifest });
    await Deno.writeTextFile(join(root, module, "../package.json"), text);
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** What CycloneDX's own library finds wrong in a bill. */
async function faults(bill: unknown): Promise<{ instancePath: string }[]> {
  const code = `
    import { Spec, Validation } from "npm:@cyclonedx/cyclonedx-library@10.3.0";
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    console.log(JSON.stringify(await validator.validate(${
    JSON.stringify(JSON.stringify(bill))
  })));`;
  return JSON.parse(await cyclonedx("eval", code)) ?? [];
}

/** Their tools are of npm, with a lock of their own: they are no dependency of the project's. */
async function cyclonedx(verb: "run" | "eval", ...args: string[]): Promise<string> {
  const lock = new URL("cyclonedx.lock", import.meta.url).pathname;
  const options = ["--no-config", "--node-modules-dir=none", "--frozen", `--lock=${lock}`];
  if (verb === "run") options.push("-A");
  const { code, stdout, stderr } = await output(Deno.execPath(), [verb, ...options, ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}
