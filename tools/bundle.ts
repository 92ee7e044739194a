/**
 * Bundles the program with esbuild into the few files that `deno compile` embeds.
 *
 * The SDK as it comes is made for every program; three things make of it what this one needs:
 *
 * - its schema modules are rewritten so that unused declarations can be dropped (`literalKeys`);
 * - its variants for browsers are taken: they need nothing of Node, no files and no streams;
 * - what a store needs is reached by `import()` only, and split off into a file of its own.
 *
 * Names are kept, so that a stack trace names functions.
 */
import * as esbuild from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a bundle is: the file to start, all files, and where their bytes come from. */
export interface Bundle {
  entry: string;
  files: string[];
  bytes: number;
  /** Bytes in the bundle by input module, a path in the project, largest first. */
  inputs: [string, number][];
  /** What esbuild says of all that. */
  metafile: esbuild.Metafile;
}

/** Bundles `entry` into `folder`. Throws with esbuild's own message when that fails. */
export async function bundle(entry: string, folder: string): Promise<Bundle> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const result = await esbuild.build({
    entryPoints: { main: entry },
    outdir: folder,
    bundle: true,
    splitting: true,
    chunkNames: "[name]-[hash]",
    format: "esm",
    target: "esnext",
    platform: "browser",
    mainFields: ["browser", "module", "main"],
    conditions: ["module", "import"],
    external: ["node:*"],
    minify: true,
    keepNames: true,
    legalComments: "none",
    metafile: true,
    logLevel: "silent",
    absWorkingDir: root,
    plugins: [slimSdk],
  });
  await esbuild.stop();
  const outputs = Object.entries(result.metafile.outputs);
  const inputs = new Map<string, number>();
  for (const [, output] of outputs) {
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      inputs.set(path, (inputs.get(path) ?? 0) + bytesInOutput);
    }
  }
  return {
    entry: join(folder, "main.js"),
    files: outputs.map(([path]) => join(root, path)),
    bytes: outputs.reduce((sum, [, output]) => sum + output.bytes, 0),
    inputs: [...inputs].sort((a, b) => b[1] - a[1]),
    metafile: result.metafile,
  };
}

const slimSdk: esbuild.Plugin = {
  name: "slim-sdk",
  setup(build): void {
    build.onLoad(
      { filter: /\/client-(ec2|s3|auto-scaling)\/dist-es\/schemas\/\w+\.js$/ },
      async ({ path }) => ({
        contents: literalKeys(await Deno.readTextFile(path)),
        loader: "js",
      }),
    );
    build.onResolve({ filter: /./ }, ({ path }) => {
      return path in unused ? { path, namespace: "unused" } : undefined;
    });
    build.onLoad({ filter: /./, namespace: "unused" }, ({ path }) => {
      return { contents: unused[path] ?? "" };
    });
    // The browser's parser of XML is the browser itself, which Deno is not.
    build.onResolve({ filter: /^\.\/xml-parser(\.browser)?$/ }, ({ importer }) => ({
      path: join(dirname(importer), "xml-parser.js"),
    }));
  },
};

/** What the SDK imports and no call of this program reaches: names of browsers, and streams of events. */
const unused: Record<string, string> = {
  "bowser": "export default {};",
  "@smithy/core/event-streams": `
    export class EventStreamSerde {}
    export const eventStreamSerdeProvider = () => ({});
    export const resolveEventStreamSerdeConfig = (config) => config;`,
};

/**
 * Writes `[_name]: value` as `"the name": value`, for constants of the module itself.
 *
 * A computed key may run code (its `toString`), so no bundler may drop a declaration that has one.
 * `client-ec2` has them in thousands of schemas, and with each come all that it refers to: half a
 * megabyte that no used command needs.
 */
export function literalKeys(module: string): string {
  const constants = new Map(
    [...module.matchAll(/^const (\w+) = ("[^"\\]*");$/gm)].map(([, name, text]) => [name, text]),
  );
  return module.replace(/([{,]\s*)\[(\w+)\]:/g, (whole, before, name) => {
    const text = constants.get(name);
    return text === undefined ? whole : `${before}${text}:`;
  });
}
