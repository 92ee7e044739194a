/** Who may import whom, what the pure modules may not touch, and what no file may hold. */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);
const LINES_MAX = 400;

/** What each module of `src` may import, `*` for all of a folder; a name without `./` is not ours. */
const MAY_IMPORT: { [module: string]: string[] } = {
  // What can be observed, decided and asked for
  "state": [],
  "effects": ["state"],
  // The policy, and the loop around it
  "decide": ["decide/*", "state"],
  "decide/*": ["decide/*", "effects", "state"],
  "tokens/record": ["state"],
  "tokens/log": ["state"],
  "memory": ["tokens/log", "state"],
  "run": ["decide", "memory", "tokens/log", "effects", "state"],
  // What people write and read
  "flags": [],
  "values": ["state"],
  "nearest": [],
  "help": ["flags"],
  "cli": ["flags", "help", "nearest", "values", "state"],
  "observation": ["state"],
  "log": ["values", "cli", "state"],
  "live": [],
  "report": ["log", "values", "state"],
  "replay": ["decide", "observation", "report", "state"],
  "session": ["run", "log", "live", "lock", "report", "effects", "state"],
  // The edges
  "vault": ["node:crypto", "state"],
  "http": ["state"],
  "imds": ["http", "state"],
  "probe": ["state"],
  "lock": ["state"],
  "certificates": ["node:crypto", "state"],
  "engine_faults": ["http", "state"],
  "engine_api": ["engine_faults", "http", "state"],
  "swarm": ["certificates", "engine_api", "engine_faults", "http", "probe", "vault", "state"],
  "tokens/ec2_api": [
    "@aws-sdk/client-ec2",
    "tokens/ec2_client",
    "tokens/aws_call",
    "tokens/aws_fault",
    "state",
  ],
  "tokens/ec2_client": [
    "@aws-sdk/client-ec2",
    "@aws-sdk/core/client",
    "@aws-sdk/core/protocols",
    "tokens/sdk_client",
    "tokens/aws_call",
    "tokens/credentials",
  ],
  "tokens/s3_client": [
    "@aws-sdk/client-s3",
    "@aws-sdk/core/client",
    "@aws-sdk/core/protocols",
    "tokens/sdk_client",
    "tokens/aws_call",
    "tokens/credentials",
  ],
  "tokens/sdk_client": [
    "@smithy/core/checksum",
    "@smithy/core/protocols",
    "@smithy/core/schema",
    "@smithy/core/serde",
    "@smithy/signature-v4",
    "tokens/aws_call",
    "tokens/credentials",
  ],
  "tokens/s3_api": ["tokens/s3_client", "tokens/aws_call", "tokens/aws_fault", "state"],
  "tokens/*": ["node:crypto", "tokens/*", "http", "imds", "vault", "state"],
  "node": [
    "cli",
    "imds",
    "probe",
    "swarm",
    "tokens/aws",
    "tokens/credentials",
    "vault",
    "effects",
    "state",
  ],
};

/** No clock, no chance, no outside: what these know, they are given. */
const PURE = [
  "state",
  "effects",
  "decide",
  "decide/*",
  "memory",
  "run",
  "flags",
  "values",
  "nearest",
  "help",
  "cli",
  "observation",
  "replay",
  "report",
  "tokens/record",
  "tokens/log",
];
const OUTSIDE =
  /\b(?:Date|Math\.random|performance|fetch|setTimeout|setInterval|queueMicrotask|Deno|console|crypto|process|globalThis)\b(?!["'-])/;

const modules = filesUnder("src/").filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, name: path.slice("src/".length, -".ts".length) }));

Deno.test("each module imports only what its place allows", () => {
  for (const { path, name } of modules) {
    const allowed = MAY_IMPORT[name] ?? MAY_IMPORT[`${name.split("/")[0]}/*`];
    assert.ok(allowed !== undefined, `say in this test what ${path} may import`);
    for (const target of importsOf(path)) {
      const fits = allowed.some((it) =>
        it === target || (it.endsWith("/*") && target.startsWith(it.slice(0, -1)))
      );
      assert.ok(fits, `${path} must not import ${target}`);
    }
  }
});

Deno.test("every line of that table is about a module that is there", () => {
  for (const name of Object.keys(MAY_IMPORT)) {
    const isThere = modules.some((it) =>
      it.name === name || (name.endsWith("/*") && it.name.startsWith(name.slice(0, -1)))
    );
    assert.ok(isThere, name);
  }
});

Deno.test("no module imports itself in a circle", () => {
  const imports = new Map(modules.map(({ path, name }) => [name, importsOf(path, "values")]));
  function visit(name: string, trail: string[]): void {
    assert.ok(!trail.includes(name), [...trail, name].join(" imports "));
    for (const target of imports.get(name) ?? []) visit(target, [...trail, name]);
  }
  for (const { name } of modules) visit(name, []);
});

Deno.test("the pure modules touch neither clock nor chance nor the outside", () => {
  for (const { path, name } of modules) {
    if (!PURE.includes(name) && !PURE.includes(`${name.split("/")[0]}/*`)) continue;
    const found = OUTSIDE.exec(codeOf(path));
    assert.equal(found, null, `${path} uses ${found?.[0]}`);
  }
});

Deno.test("only main.ts reads arguments and environment, and exits", () => {
  for (const { path } of modules) {
    assert.doesNotMatch(codeOf(path), /\bDeno\.(?:args|env|exit)\b/, path);
  }
});

Deno.test("a token's secret is revealed where a request is made, and nowhere else", () => {
  const revealing = modules.filter(({ path }) => /\.reveal\(\)/.test(codeOf(path)))
    .map(({ name }) => name);
  assert.deepEqual(revealing.filter((name) => !["swarm", "tokens/secret"].includes(name)), []);
});

Deno.test("every source file opens with what it is for, and fits in a reader's head", () => {
  const sources = [
    "main.ts",
    ...filesUnder("src/"),
    ...filesUnder("tests/"),
    ...filesUnder("tools/"),
  ]
    .filter((path) => path.endsWith(".ts"));
  for (const path of sources) {
    const text = read(path);
    assert.match(text, /^(?:#!.*\n)?\/\*\*/, path);
    if (!path.startsWith("src/")) continue;
    const lines = text.split("\n").length - 1;
    assert.ok(lines <= LINES_MAX, `${path} has ${lines} lines`);
  }
});

Deno.test("no file names a registry's host or a path of somebody's machine, or holds a token", () => {
  const token = /SWMTKN-\d(?:-1)?-[0-9a-z]{50}-[0-9a-z]{25}/;
  const hosts = [["registry", "npmjs"], ["npmjs", "org"], ["pypi", "org"], ["pythonhosted", "org"]]
    .concat([["jsr", "io"], ["proxy", "golang"], ["crates", "io"]])
    .map((parts) => parts.join("\\."));
  const places = ["work", "root", "home"].map((name) => `(?<![\\w.~*-])/${name}/\\w`)
    .concat("/tmp/(?:boot|team)");
  const named = new RegExp([...hosts, ...places].join("|"));
  for (const path of filesUnder("")) {
    const text = read(path);
    const found = named.exec(text);
    assert.equal(found, null, `${path} names ${found?.[0]}`);
    if (!path.startsWith("tests/")) assert.doesNotMatch(text, token, path);
  }
});

/** The modules and packages that a file imports; with `values`, without what is imported as a type only. */
function importsOf(path: string, which: "all" | "values" = "all"): string[] {
  const folder = new URL(path, ROOT);
  const text = read(path);
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"/gm),
    ...text.matchAll(/\b(import)\("([^"]+)"\)/g),
    ...text.matchAll(/^(import)\s+"([^"]+)"/gm),
  ];
  return found.flatMap(([statement, kind, target = ""]) => {
    const isType = kind?.trim() === "type" || /\{\s*(?:type \w+,?\s*)+\}/.test(statement);
    if (which === "values" && isType) return [];
    if (!target.startsWith(".")) return which === "values" ? [] : [target];
    const file = new URL(target, folder).pathname.slice(new URL("src/", ROOT).pathname.length);
    return [file.replace(/\.ts$/, "")];
  });
}

/** A file without its comments. */
function codeOf(path: string): string {
  return read(path).replace(/\/\*[^]*?\*\//g, "").replace(/(?<!:)\/\/.*$/gm, "");
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** All text files of the project below a folder, by their paths; not what is built or fetched. */
function filesUnder(folder: string): string[] {
  const skipped = ["node_modules", "dist", ".git", ".toolchain", ".venv", "__pycache__"];
  return [...Deno.readDirSync(new URL(folder || ".", ROOT))].flatMap(({ name, isDirectory }) => {
    if (skipped.includes(name)) return [];
    return isDirectory ? filesUnder(`${folder}${name}/`) : [`${folder}${name}`];
  });
}
