/** A container image of one file, a static busybox, so that tests run real tasks with no registry. */
import type { Engine } from "./engine.ts";
import { BUSYBOX } from "./machine.ts";

/** The Engine asks the named registry first, and takes its own copy when that refuses at once. */
const REPOSITORY = "127.0.0.1:1/box";
export const IMAGE = `${REPOSITORY}:e2e`;

/** Puts the image into an Engine, unless it is there. */
export async function loadImage(engine: Engine): Promise<void> {
  const path = `/images/${IMAGE}/json`;
  if ((await engine.request("GET", path)).status === 200) return;
  const query = `fromSrc=-&repo=${REPOSITORY}&tag=e2e`;
  await engine.request("POST", `/images/create?${query}`, tar("busybox", await program()));
  await engine.call("GET", path);
}

let read: Promise<Uint8Array> | null = null;

function program(): Promise<Uint8Array> {
  return read ??= Deno.readFile(BUSYBOX);
}

/** A tar archive (ustar) of one executable file. */
function tar(name: string, content: Uint8Array): Uint8Array {
  const header = new Uint8Array(512);
  const put = (at: number, text: string): void => header.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, `${octal(0o755, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`);
  put(124, `${octal(content.length, 11)}\0${octal(0, 11)}\0`);
  put(148, "        0");
  put(257, "ustar\x0000");
  put(148, `${octal(header.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
  const whole = new Uint8Array(512 + Math.ceil(content.length / 512) * 512 + 1024);
  whole.set(header);
  whole.set(content, 512);
  return whole;
}
