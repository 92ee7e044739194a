/** `src/lock.ts`: one holder at a time, among tasks and among processes. */
import assert from "node:assert/strict";
import { acquireLock, type Lock } from "../../../src/node/lock.ts";
import type { Answer, Fault } from "../../../src/state.ts";
import { asNobody } from "../../support/nobody.ts";

const never = new AbortController().signal;
const silent = (): void => {};

async function inDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync();
  Deno.chmodSync(directory, 0o755);
  try {
    await test(`${directory}/swarm-join.lock`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function valueOf(result: Answer<Lock>): Lock {
  assert.ok(result.ok, result.ok ? "" : result.fault.message);
  return result.value;
}

function faultOf(result: Answer<unknown>): Fault {
  assert.ok(!result.ok, "locked");
  return result.fault;
}

Deno.test("a free lock is taken at once, and its file is made for root only and kept", async () => {
  await inDirectory(async (path) => {
    let waited = false;
    const lock = valueOf(await acquireLock({ path, onWait: () => waited = true, signal: never }));
    lock.release();
    assert.equal(waited, false);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("a file that can only be read is enough for a lock", async () => {
  await inDirectory(async (path) => {
    Deno.writeTextFileSync(path, "", { mode: 0o400 });
    valueOf(await acquireLock({ path, onWait: silent, signal: never })).release();
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o400);
  });
});

Deno.test("a second run says that it waits, and goes on when the first is done", async () => {
  await inDirectory(async (path) => {
    const first = valueOf(await acquireLock({ path, onWait: silent, signal: never }));
    const order: string[] = [];
    const onWait = (): void => {
      order.push("waits");
      first.release();
    };
    valueOf(await acquireLock({ path, onWait, signal: never })).release();
    assert.deepEqual(order, ["waits"]);
  });
});

/**
 * An attempt that was given up ends by itself when nobody holds the lock any more: within this wait,
 * and where not, no later test is to be blamed for it.
 */
async function lastAttempt(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 200));
}
const MAY_OUTLIVE = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "a second run gives up at its deadline, and lets go of what it gets later",
  MAY_OUTLIVE,
  async () => {
    await inDirectory(async (path) => {
      const first = valueOf(await acquireLock({ path, onWait: silent, signal: never }));
      const stop = new AbortController();
      const onWait = (): void => stop.abort();
      const fault = faultOf(await acquireLock({ path, onWait, signal: stop.signal }));
      assert.equal(fault.kind, "timeout");
      assert.match(fault.message, /another swarm-join on this node/);
      first.release();
      valueOf(await acquireLock({ path, onWait: silent, signal: never })).release();
      await lastAttempt();
    });
  },
);

Deno.test("a free lock is taken even when there is no time to wait", MAY_OUTLIVE, async () => {
  await inDirectory(async (path) => {
    const signal = AbortSignal.abort();
    const result = await acquireLock({ path, onWait: silent, signal });
    if (result.ok) result.value.release();
    else assert.equal(result.fault.kind, "timeout");
    valueOf(await acquireLock({ path, onWait: silent, signal: never })).release();
    await lastAttempt();
  });
});

Deno.test("the lock of a process that is killed is free again", MAY_OUTLIVE, async () => {
  await inDirectory(async (path) => {
    const script = `${path}.ts`;
    const module = new URL("../../../src/node/lock.ts", import.meta.url).href;
    Deno.writeTextFileSync(
      script,
      `import { acquireLock } from ${JSON.stringify(module)};
       const signal = new AbortController().signal;
       await acquireLock({ path: ${JSON.stringify(path)}, onWait: () => {}, signal });
       console.log("locked");
       setInterval(() => {}, 1000);`,
    );
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--allow-read", "--allow-write", script],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = process.stdout.getReader();
    await reader.read();
    const stop = new AbortController();
    const held = await acquireLock({ path, onWait: () => stop.abort(), signal: stop.signal });
    assert.equal(faultOf(held).kind, "timeout");
    process.kill("SIGKILL");
    await process.status;
    await reader.cancel();
    valueOf(await acquireLock({ path, onWait: silent, signal: never })).release();
    await lastAttempt();
  });
});

Deno.test("a directory that is not there is named", async () => {
  await inDirectory(async (path) => {
    const result = await acquireLock({ path: `${path}/x.lock`, onWait: silent, signal: never });
    const fault = faultOf(result);
    assert.equal(fault.kind, "no-folder");
    assert.ok(fault.message.includes(`${path}/x.lock`), fault.message);
  });
});

Deno.test("a path that is no file to lock is named", async () => {
  await inDirectory(async (path) => {
    Deno.writeTextFileSync(path, "");
    const result = await acquireLock({ path: `${path}/x.lock`, onWait: silent, signal: never });
    assert.equal(faultOf(result).kind, "unusable");
  });
});

Deno.test("a user without a right to the file is told so", async () => {
  await inDirectory(async (path) => {
    Deno.writeTextFileSync(path, "");
    Deno.chmodSync(path, 0o000);
    const report = await asNobody(`
      import { acquireLock } from ${
      JSON.stringify(new URL("../../../src/node/lock.ts", import.meta.url).href)
    };
      const signal = new AbortController().signal;
      const result = await acquireLock({ path: ${JSON.stringify(path)}, onWait: () => {}, signal });
      console.log(JSON.stringify(result));`);
    const fault = faultOf(JSON.parse(report));
    assert.equal(fault.kind, "denied");
    assert.equal(fault.permission, `read ${path}`);
  });
});
