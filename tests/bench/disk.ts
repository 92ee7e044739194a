/**
 * A disk of the bench's own, to see what a cold start reads. How much the kernel reads ahead is a
 * setting of each disk, and this machine's may be unlike a cloud's: here it is Linux's default.
 */
import { output, STATE_DIR } from "../e2e/machine.ts";

export const READ_AHEAD_KB = 128;

/**
 * Copies these files and folders to that disk and mounts each copy in its place, in the namespace
 * that the bench lives in: it all vanishes with it. Gives why not, or null.
 */
export async function moveToOwnDisk(files: readonly string[]): Promise<string | null> {
  const list = `${STATE_DIR}-files`;
  await Deno.writeTextFile(
    list,
    [...new Set(files.map((path) => path.replace(/^\/+/, "")))].join("\n"),
  );
  const script = `set -e
image=$1.img; disk=$1-disk; mkdir -p "$disk"
truncate -s 2G "$image" && mkfs.ext4 -q "$image" && mount -o loop,noatime "$image" "$disk"
blockdev --setra ${READ_AHEAD_KB * 2} "$(findmnt -no SOURCE "$disk")"
tar -C / -cf - --files-from "$2" | tar -C "$disk" -xf -
while read -r path || [ -n "$path" ]; do mount --bind "$disk/$path" "/$path"; done <"$2"`;
  const { code, stderr } = await output("sh", ["-c", script, "sh", STATE_DIR, list]);
  return code === 0 ? null : stderr.trim();
}
