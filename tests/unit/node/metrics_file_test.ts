/** `src/node/metrics_file.ts`: the file is whole and readable at any moment, and what hinders it is said. */
import assert from "node:assert/strict";
import { writeMetrics } from "../../../src/node/metrics_file.ts";
import type { Answer, Fault } from "../../../src/state.ts";
import { asNobody } from "../../support/nobody.ts";

const MODULE = new URL("../../../src/node/metrics_file.ts", import.meta.url).href;

function inFolder(test: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function faultOf(written: Answer<null>): Fault {
  assert.ok(!written.ok, "it was written");
  return written.fault;
}

Deno.test("the file is replaced, never written into, and all may read it whatever the umask", () => {
  inFolder((folder) => {
    const path = `${folder}/m.prom`;
    const before = Deno.umask(0o077);
    try {
      assert.deepEqual(writeMetrics(path, "a 1\n"), { ok: true, value: null });
      const reader = Deno.openSync(path);
      assert.deepEqual(writeMetrics(path, "b 2\n"), { ok: true, value: null });
      const bytes = new Uint8Array(9);
      const read = reader.readSync(bytes) ?? 0;
      reader.close();
      // Who had opened the old one reads all of that.
      assert.equal(new TextDecoder().decode(bytes.subarray(0, read)), "a 1\n");
    } finally {
      Deno.umask(before);
    }
    assert.equal(Deno.readTextFileSync(path), "b 2\n");
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o644);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["m.prom"]);
  });
});

Deno.test("what a killed run has left is in nobody's way, and a link there is not followed", () => {
  inFolder((folder) => {
    const [path, other] = [`${folder}/m.prom`, `${folder}/other`];
    Deno.writeTextFileSync(`${path}.new`, "half of i");
    assert.ok(writeMetrics(path, "a 1\n").ok);
    Deno.writeTextFileSync(other, "kept");
    Deno.symlinkSync(other, `${path}.new`);
    assert.ok(writeMetrics(path, "b 2\n").ok);
    assert.equal(Deno.readTextFileSync(path), "b 2\n");
    assert.equal(Deno.readTextFileSync(other), "kept");
  });
});

Deno.test("a folder that is not there is named", () => {
  inFolder((folder) => {
    const fault = faultOf(writeMetrics(`${folder}/x/m.prom`, ""));
    assert.equal(fault.kind, "no-folder");
    assert.ok(fault.message.includes(`${folder}/x/m.prom: its directory does not exist`));
  });
});

Deno.test("a folder where the file should be is named", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/m.prom/kept`, { recursive: true });
    const fault = faultOf(writeMetrics(`${folder}/m.prom`, ""));
    assert.equal(fault.kind, "unusable");
    assert.match(fault.message, /^Cannot write the metrics file \S+m\.prom: /);
  });
});

Deno.test("who may not write there is told so", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.chmodSync(folder, 0o555);
    const fault = faultOf(JSON.parse(
      await asNobody(`
        import { writeMetrics } from ${JSON.stringify(MODULE)};
        console.log(JSON.stringify(writeMetrics(${JSON.stringify(`${folder}/m.prom`)}, "")));`),
    ));
    assert.equal(fault.kind, "denied");
    assert.match(fault.message, /permission denied; its directory must be root's \(chown root\)/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a link to where the program may not write is said", async () => {
  const folder = Deno.makeTempDirSync();
  const script = `${folder}/script.ts`;
  try {
    Deno.writeTextFileSync(
      script,
      `import { writeMetrics } from ${JSON.stringify(MODULE)};
       console.log(JSON.stringify(writeMetrics("${folder}/m.prom", "")));`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--no-prompt", "--allow-read", "--allow-write=/run", script],
      stderr: "inherit",
    }).output();
    const fault = faultOf(JSON.parse(new TextDecoder().decode(stdout)));
    assert.equal(fault.kind, "unusable");
    assert.match(fault.message, /is a link to where this program may not write$/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
