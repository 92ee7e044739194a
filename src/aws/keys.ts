/** Names of people's as parts of S3's keys, and back. */

/**
 * A name as one part of a key: slashes would make two of it, and `.` and `..` are no parts of a path on the
 * way to S3.
 */
export function keyPart(name: string): string {
  return encodeURIComponent(name).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2E"));
}

/** The name that a part of a key stands for; a part that `keyPart` never made stands for itself. */
export function nameIn(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
