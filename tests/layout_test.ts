/** Who may import whom, what the pure modules may not touch, and what no file may hold. */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);
const LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/**
 * The rooms of `src`, and what each may import: rooms, single files, or packages. The ground is open
 * to all; so is a room to its own files.
 */
const ROOMS: { [room: string]: string[] } = {
  // The ground: what can be observed, decided and asked for, and how a run talks
  "state": [],
  "shown": [],
  "founding": [],
  "calls": [],
  "actions": [],
  "rules": [],
  "survey_rules": [],
  "recovery_rules": [],
  "stores": [],
  "settings": [],
  "addresses": [],
  "json": ["valibot"],
  // The policy, and the loop around it
  "decide": ["memory"],
  "memory": ["ledger/versions"],
  "run": ["decide/decide", "memory", "ledger/versions"],
  // What people write and read
  "cli": [],
  "report": ["decide/decide", "decide/members", "decide/role", "decide/standing", "valibot"],
  // The edges
  "time": [],
  "http": ["time"],
  "imds": ["http", "time"],
  "swarm": ["http", "time", "tokens/vault", "node:crypto"],
  "aws": ["http", "imds"],
  "tokens": ["aws", "node:crypto"],
  "ledger": ["aws", "valibot", "node:crypto"],
  // The shell of a real node
  "node": [
    "run",
    "report",
    "decide/faults",
    "decide/watch",
    "imds",
    "swarm",
    "aws",
    "ledger",
    "tokens",
    "time",
  ],
};
const GROUND = [
  "state",
  "shown",
  "founding",
  "calls",
  "actions",
  "rules",
  "survey_rules",
  "recovery_rules",
  "stores",
  "settings",
  "addresses",
  "json",
];

/** No clock, no chance, no outside: what these know, they are given. */
const PURE = [
  ...GROUND,
  "decide",
  "memory",
  "run",
  "cli",
  "report/observation",
  "report/replay",
  "report/report",
  "report/print",
  "report/plan",
  "report/findings",
  "report/status",
  "report/metrics",
  "ledger/record",
  "ledger/versions",
];
const OUTSIDE =
  /\b(?:Date|Math\.random|performance|fetch|setTimeout|setInterval|queueMicrotask|Deno|console|crypto|process|globalThis)\b(?!["'-])/;

const modules = filesUnder("src/").filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, name: path.slice("src/".length, -".ts".length) }));

function roomOf(name: string): string {
  return name.split("/")[0] ?? name;
}

/** Whether a name stands in a list of rooms and files. */
function isAmong(name: string, list: string[]): boolean {
  return list.includes(name) || list.includes(roomOf(name));
}

Deno.test("each room imports only what its place allows", () => {
  for (const { path, name } of modules) {
    const allowed = ROOMS[roomOf(name)];
    assert.ok(allowed !== undefined, `say in this test what ${path} may import`);
    for (const target of importsOf(path)) {
      if (/^@(?:aws-sdk|smithy)\//.test(target)) {
        assert.match(path, /^src\/aws\/sdk\w*\.ts$/, `${path} must not import ${target}`);
      } else {
        const fits = isAmong(target, [...GROUND, roomOf(name), ...allowed]);
        assert.ok(fits, `${path} must not import ${target}`);
      }
    }
  }
});

Deno.test("every room of that table is there", () => {
  const rooms = new Set(modules.map(({ name }) => roomOf(name)));
  assert.deepEqual(Object.keys(ROOMS).sort(), [...rooms].sort());
});

Deno.test("docs/development.md has a row for every room", () => {
  const map = read("docs/development.md");
  for (const room of Object.keys(ROOMS)) assert.match(map, new RegExp(`^\\|.*\`${room}/?\``, "m"));
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
    if (!isAmong(name, PURE)) continue;
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
  assert.deepEqual(
    revealing.filter((name) => name !== "swarm/engine" && roomOf(name) !== "tokens"),
    [],
  );
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

Deno.test("no function is longer than what a reader sees at once", () => {
  for (const path of ["main.ts", ...modules.map(({ path }) => path)]) {
    for (const { line, lines } of parsed(path).functions) {
      const fits = lines <= FUNCTION_LINES_MAX;
      assert.ok(fits, `${path}:${line}: a function has ${lines} lines`);
    }
  }
});

Deno.test("what a file exports, another one imports", () => {
  const users = ["main.ts", "src/", "tests/", "tools/"].flatMap((place) =>
    place.endsWith("/") ? filesUnder(place) : [place]
  ).filter((path) => path.endsWith(".ts"));
  const used = new Set(users.flatMap((path) =>
    parsed(path).imports.flatMap(({ target, names }) => {
      const { pathname } = new URL(target, new URL(path, ROOT));
      return names.map((name) => `${pathname.slice(ROOT.pathname.length)} ${name}`);
    })
  ));
  for (const { path } of modules) {
    for (const name of parsed(path).exports) {
      const isUsed = used.has(`${path} ${name}`) || used.has(`${path} *`);
      assert.ok(isUsed, `nobody imports ${name} of ${path}`);
    }
  }
});

Deno.test("a name that one file exports means one thing: no other file declares it", () => {
  const declared = modules.flatMap(({ path }) =>
    [
      ...codeOf(path).matchAll(
        /^(export )?(?:async )?(?:function|const|class|interface|type) (\w+)/gm,
      ),
    ].map(([, exported, name = ""]) => ({ path, name, isExported: exported !== undefined }))
  );
  for (const { path, name, isExported } of declared) {
    if (!isExported) continue;
    const others = declared.filter((one) => one.name === name && one.path !== path);
    assert.deepEqual(others.map((one) => one.path), [], `${name} of ${path} is declared twice`);
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
  return parsed(path).imports.flatMap(({ target, isType }) => {
    if (which === "values" && isType) return [];
    if (!target.startsWith(".")) return which === "values" ? [] : [target];
    const { pathname } = new URL(target, new URL(path, ROOT));
    return [pathname.slice(new URL("src/", ROOT).pathname.length).replace(/\.ts$/, "")];
  });
}

/** What these tests want to know of a file's syntax. */
interface Parsed {
  functions: { line: number; lines: number }[];
  exports: string[];
  imports: { target: string; names: string[]; isType: boolean }[];
}

/** Read by the parser of Deno's linter, which there is in tests only. */
function parsed(path: string): Parsed {
  const text = read(path);
  const lineAt = (at: number): number => text.slice(0, at).split("\n").length;
  const found: Parsed = { functions: [], exports: [], imports: [] };
  const measure = ({ range: [start, end] }: { range: [number, number] }): void => {
    const line = lineAt(start);
    found.functions.push({ line, lines: lineAt(end) - line + 1 });
  };
  const create = (): Deno.lint.LintVisitor => ({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
    // The parser leaves out what is not there.
    ExportNamedDeclaration({ declaration = null, specifiers = [], source = null }): void {
      const names = specifiers.map(({ local }) => nameOf(local));
      found.exports.push(...specifiers.map(({ exported }) => nameOf(exported)));
      if (source !== null) found.imports.push({ target: source.value, names, isType: false });
      if (declaration === null) return;
      const declared = declaration.type === "VariableDeclaration"
        ? declaration.declarations
        : [declaration];
      found.exports.push(...declared.map((one) => "id" in one ? nameOf(one.id) : "?"));
    },
    ImportDeclaration({ source, specifiers, importKind }): void {
      const isType = importKind === "type" || specifiers.length > 0 &&
          specifiers.every((one) => one.type === "ImportSpecifier" && one.importKind === "type");
      const names = specifiers.map((one) =>
        one.type === "ImportSpecifier" ? nameOf(one.imported) : "*"
      );
      found.imports.push({ target: source.value, names, isType });
    },
    // `const { name } = await import("…")`
    ImportExpression({ source, parent }): void {
      const variable = parent.type === "AwaitExpression" ? parent.parent : null;
      const taken = variable?.type === "VariableDeclarator" && variable.id.type === "ObjectPattern"
        ? variable.id.properties
        : [];
      const names = taken.map((one) => one.type === "Property" ? nameOf(one.key) : "*");
      found.imports.push({ target: (source as { value: string }).value, names, isType: false });
    },
  });
  Deno.lint.runPlugin({ name: "layout", rules: { all: { create } } }, path, text);
  return found;
}

function nameOf(node: object | null): string {
  return (node as { name?: string } | null)?.name ?? "?";
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
