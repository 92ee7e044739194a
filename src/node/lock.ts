/**
 * One run at a time on a node: an advisory lock (flock) on a file. The kernel drops it when the
 * process ends, however it ends, so nothing has to be cleaned up and the file is never deleted.
 */
import type { Answer, Fault } from "../state.ts";
import { orEnded } from "../time.ts";

export interface Lock {
  release(): void;
}

interface LockOptions {
  path: string;
  /** Called once if somebody else holds the lock. */
  onWait: () => void;
  /** Ends the wait. */
  signal: AbortSignal;
}

/** Waits for the lock until the signal aborts; then the fault is a `timeout`. */
export async function acquireLock({ path, onWait, signal }: LockOptions): Promise<Answer<Lock>> {
  let file: Deno.FsFile;
  try {
    file = openOrCreate(path);
  } catch (error) {
    return { ok: false, fault: lockFault(error, path) };
  }
  const locked = file.lock(true);
  const timer = setTimeout(onWait, FREE_MS);
  const outcome = await orEnded(locked, signal).finally(() => clearTimeout(timer));
  if (outcome !== "ended") return { ok: true, value: { release: () => file.close() } };
  // The kernel may still grant it to us after we gave up.
  locked.finally(() => file.close()).catch(() => {});
  return {
    ok: false,
    fault: {
      kind: "timeout",
      message:
        `Cannot lock ${path}: another swarm-join on this node holds it; wait for that run to end`,
    },
  };
}

/** How long a lock takes at most that nobody holds, on a machine that is busy booting. */
const FREE_MS = 2_000;

/** A lock needs no more than a file that can be read. */
function openOrCreate(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  }
}

function lockFault(error: unknown, path: string): Fault {
  const { errors } = Deno;
  if (error instanceof errors.NotFound) {
    return {
      kind: "no-folder",
      message: `Cannot create the lock file ${path}: its directory does not exist`,
    };
  }
  if (error instanceof errors.PermissionDenied) {
    return {
      kind: "denied",
      message: `Cannot open the lock file ${path}: permission denied; run as root`,
      permission: `read ${path}`,
    };
  }
  if (error instanceof errors.NotCapable) {
    return {
      kind: "unusable",
      message: `Cannot create the lock file ${path}: this program may write in /run and /tmp only`,
    };
  }
  if (error instanceof Error) {
    return { kind: "unusable", message: `Cannot open the lock file ${path}: ${error.message}` };
  }
  throw error;
}
