/**
 * What of others is in the program, and by which licences: its notices, as most licences want them to
 * go with it, and its bill of materials, in CycloneDX. One walk over what esbuild says is in the bundle
 * gives both; it fails on a component without a licence.
 */
import { VERSION } from "../src/cli/flags.ts";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Component {
  /** As npm calls it, with its scope. */
  name: string;
  version: string;
  /** Of its versions, anywhere: a package URL. */
  purl: string;
  /** An SPDX expression. */
  licence: string;
  /** The texts that have to go with it. */
  texts: string[];
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** A package's folder, in any `node_modules`. */
const PACKAGE = /^(.*\bnode_modules\/((?:@[^/]+\/)?[^/]+))\//;
/** Code of this project, and what tools/bundle.ts puts in the place of what no call reaches. */
const OWN = /^(main\.ts$|src\/|unused:)/;
const TEXTS = /^(licen[cs]e|copying|notice|copyright)/i;

/** What modules are of, with the runtime that they are put into, in the order of their names. */
export async function componentsOf(modules: string[], root = ROOT): Promise<Component[]> {
  const folders = new Set<string>();
  for (const path of modules) {
    const folder = PACKAGE.exec(path)?.[1];
    if (folder !== undefined) folders.add(join(root, folder));
    else if (!OWN.test(path)) throw new Error(`${path} is in the program: of whom is it?`);
  }
  const packages = await Promise.all([...folders].map(packageIn));
  return [...packages, ...await runtime()].sort((a, b) => a.purl < b.purl ? -1 : 1);
}

async function packageIn(folder: string): Promise<Component> {
  const { name, version, license } = JSON.parse(
    await Deno.readTextFile(join(folder, "package.json")),
  );
  const texts: string[] = [];
  for (const file of [...Deno.readDirSync(folder)].map(({ name }) => name).sort()) {
    if (TEXTS.test(file)) texts.push(await Deno.readTextFile(join(folder, file)));
  }
  const whose = `${name} ${version} is in the program`;
  if (typeof license !== "string" || license === "" || license === "UNLICENSED") {
    throw new Error(`${whose}, and its package.json names no licence: it may not be`);
  }
  if (texts.length === 0) {
    throw new Error(`${whose}, and has no licence's text beside its package.json`);
  }
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return { name, version, purl, licence: license, texts };
}

/** Deno's runtime, of which the program is for the most part; the deno that runs this compiles it. */
async function runtime(): Promise<Component[]> {
  const text = (name: string): Promise<string> =>
    Deno.readTextFile(join(ROOT, "tools/licences", name));
  const { deno, v8 } = Deno.version;
  return [
    {
      name: "deno",
      version: deno,
      purl: `pkg:github/denoland/deno@v${deno}`,
      licence: "MIT",
      texts: [await text("deno")],
    },
    {
      name: "v8",
      version: v8,
      purl: `pkg:github/v8/v8@${v8.replace(/-.*/, "")}`,
      licence: "BSD-3-Clause",
      texts: [await text("v8")],
    },
  ];
}

/** Each text once, after the components that it is of. */
export function notices(components: Component[]): string {
  const byText = new Map<string, string[]>();
  for (const { name, version, licence, texts } of components) {
    for (const text of new Set(texts.map((text) => text.replaceAll("\r\n", "\n").trim()))) {
      byText.set(text, [...byText.get(text) ?? [], `${name} ${version} (${licence})`]);
    }
  }
  const sections = [...byText].map(([text, names]) => `${RULE}\n${names.join("\n")}\n\n${text}\n`);
  return `${HEADER}\n${sections.join("\n")}`;
}

const RULE = "=".repeat(80);
const HEADER =
  `The program swarm-join, whose own licence is in LICENSE, holds the software of others
that is listed here, under the licences that follow. Deno and V8 are made of further
libraries, which their sources list with their licences: Cargo.lock in
github.com/denoland/deno, and third_party in github.com/v8/v8, at these versions.
`;

/** CycloneDX 1.6. It has no date and no serial number, so that the same program has the same one. */
export function sbom(components: Component[]): string {
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": "swarm-join",
        name: "swarm-join",
        version: VERSION,
        licenses: licences("MIT"),
      },
    },
    components: components.map(({ name, version, purl, licence }) => ({
      type: "library",
      "bom-ref": purl,
      ...name.startsWith("@") ? { group: dirname(name) } : {},
      name: name.replace(/^@.*\//, ""),
      version,
      scope: "required",
      licenses: licences(licence),
      purl,
    })),
    dependencies: [{ ref: "swarm-join", dependsOn: components.map(({ purl }) => purl) }],
    // What Deno's runtime is made of in turn is not listed.
    compositions: [{
      aggregate: "incomplete",
      assemblies: components.filter(({ purl }) => !purl.startsWith("pkg:npm/"))
        .map(({ purl }) => purl),
    }],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

/** One licence by its identifier, or several as an expression. */
function licences(spdx: string): unknown[] {
  return /^[\w.+-]+$/.test(spdx) ? [{ license: { id: spdx } }] : [{ expression: spdx }];
}
