/** What is embedded in the program: little, only what is used, and each store on its own. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { type Bundle, bundle, literalKeys } from "../tools/bundle.ts";

/** Of all files of the bundle together: forming a swarm took 350 kB, outliving its machines 50 more, staying and recovering 50, Auto Scaling's hooks 15 (half of it is the SDK's). Raising it makes every boot slower: look at what grew first. */
const BYTES_MAX = 470_000;

const folder = await Deno.makeTempDir({ prefix: "swarm-join-bundle-" });
const main = new URL("../main.ts", import.meta.url).pathname;
const made = await bundle(main, folder);
const texts = new Map<string, string>();
for (const path of made.files) texts.set(basename(path), await Deno.readTextFile(path));
await Deno.remove(folder, { recursive: true });

Deno.test(`bundle: it has at most ${BYTES_MAX} bytes`, () => {
  assert.ok(made.bytes <= BYTES_MAX, `${made.bytes} bytes; the largest inputs:\n${largest(made)}`);
});

Deno.test("bundle: of the SDK's schemas only those of the used commands are in it", () => {
  const all = [...texts.values()].join("");
  for (
    const used of [
      "DescribeInstances",
      "CreateLaunchTemplateVersion",
      "PutObject",
      "CompleteLifecycleAction",
    ]
  ) {
    assert.ok(all.includes(`"${used}"`), `${used} is missing`);
  }
  for (
    const unused of [
      "RunInstances",
      "TerminateInstances",
      "CreateVpc",
      "DeleteBucket",
      "PutLifecycleHook",
    ]
  ) {
    assert.ok(!all.includes(`"${unused}"`), `${unused} is in it`);
  }
});

Deno.test("bundle: the start loads no client of AWS, and neither store's client loads the other's, or Auto Scaling's", () => {
  assert.ok(
    !loadedBy("main.js").some(([, text]) =>
      /"(DescribeInstances|PutObject|DescribeLifecycleHooks)"/.test(text)
    ),
  );
  const holder = (word: string): string =>
    [...texts].find(([, text]) => text.includes(`"${word}"`))?.[0] ?? "";
  assert.ok(
    !loadedBy(holder("DescribeInstances")).some(([, text]) => text.includes('"PutObject"')),
  );
  assert.ok(
    !loadedBy(holder("PutObject")).some(([, text]) => text.includes('"DescribeInstances"')),
  );
  for (const store of ["DescribeInstances", "PutObject"]) {
    assert.ok(
      !loadedBy(holder(store)).some(([, text]) => text.includes('"DescribeLifecycleHooks"')),
    );
  }
});

Deno.test("literalKeys: constants of the module become literal keys, and nothing else changes", () => {
  assert.equal(
    literalKeys('const _a = "x-y";\nexport var S = [0, { [_a]: _b, [_c]: 1 }, [_a]];\n'),
    'const _a = "x-y";\nexport var S = [0, { "x-y": _b, [_c]: 1 }, [_a]];\n',
  );
});

/** A file of the bundle with all that it imports before it runs. */
function loadedBy(name: string, seen = new Map<string, string>()): [string, string][] {
  const text = texts.get(name);
  if (text === undefined || seen.has(name)) return [...seen];
  seen.set(name, text);
  for (const [, next] of text.matchAll(/(?:from|import)\s?"\.\/([^"]+)"/g)) {
    loadedBy(next ?? "", seen);
  }
  return [...seen];
}

function largest({ inputs }: Bundle): string {
  return inputs.slice(0, 20).map(([path, bytes]) => `${bytes}\t${path}`).join("\n");
}
