/**
 * The file of metrics, put in its place whole: node_exporter may read it at any moment, as another user.
 */
import type { Answer, Fault } from "../state.ts";

/** Writes beside the path, under a name that node_exporter reads nothing by, and renames. */
export function writeMetrics(path: string, text: string): Answer<null> {
  const fresh = `${path}.new`;
  try {
    // What a run that was killed has left; or a link that somebody has put there, which is not followed.
    removeIfThere(fresh);
    Deno.writeTextFileSync(fresh, text, { createNew: true });
    // Whatever the unit's umask is.
    Deno.chmodSync(fresh, 0o644);
    Deno.renameSync(fresh, path);
    return { ok: true, value: null };
  } catch (error) {
    return { ok: false, fault: metricsFault(error, path) };
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function metricsFault(error: unknown, path: string): Fault {
  const { errors } = Deno;
  const what = `Cannot write the metrics file ${path}`;
  if (error instanceof errors.NotFound) {
    return { kind: "no-folder", message: `${what}: its directory does not exist; make it` };
  }
  if (error instanceof errors.PermissionDenied) {
    const message =
      `${what}: permission denied; its directory must be root's (chown root), node_exporter only reads there`;
    return { kind: "denied", message, permission: `write ${path}` };
  }
  if (error instanceof errors.NotCapable) {
    const message = `${what}: its directory is a link to where this program may not write`;
    return { kind: "unusable", message };
  }
  // A read-only file system, a full one, a folder of that name.
  if (error instanceof Error) return { kind: "unusable", message: `${what}: ${error.message}` };
  throw error;
}
