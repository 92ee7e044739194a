/** Every script of the project is one that shellcheck finds nothing in. */
import assert from "node:assert/strict";
import { sh } from "../e2e/machine.ts";
import { judged, ROOT, tool } from "./tools.ts";

judged("shellcheck finds nothing in any script", ["shellcheck"], async () => {
  const tracked = await sh("git", "-C", ROOT, "ls-files");
  const scripts = tracked.split("\n").filter((path) => {
    if (path === "" || /\.(ts|md|json|py)$/.test(path)) return false;
    return /^#!.*\b(ba)?sh\b/.test(Deno.readTextFileSync(ROOT + path).slice(0, 60));
  });
  assert.ok(scripts.includes("deploy/user-data.sh"), "it finds scripts by their first line");
  // What is in single quotes is meant for another shell.
  await tool("shellcheck", "--exclude=SC2016", ...scripts.map((path) => ROOT + path));
});
