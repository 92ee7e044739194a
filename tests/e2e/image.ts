/**
 * A container image of one file, so that tests can run a real task with no registry: a program of a
 * few instructions that sleeps until it is killed.
 */
import type { Engine } from "./engine.ts";

/** The Engine asks the named registry first, and takes its own copy when that refuses at once. */
const REPOSITORY = "127.0.0.1:1/pause";
export const IMAGE = `${REPOSITORY}:e2e`;

/** Puts the image into an Engine. */
export async function loadImage(engine: Engine): Promise<void> {
  const change = encodeURIComponent(`CMD ["/pause"]`);
  const query = `fromSrc=-&repo=${REPOSITORY}&tag=e2e&changes=${change}`;
  await engine.request("POST", `/images/create?${query}`, tar("pause", program()));
  await engine.call("GET", `/images/${IMAGE}/json`);
}

/** A service without overlay networks, which need more of the kernel than every machine has. */
export function service(name: string, replicas: number): unknown {
  return {
    Name: name,
    TaskTemplate: {
      ContainerSpec: { Image: IMAGE, StopSignal: "SIGKILL" },
      Networks: [{ Target: "host" }],
      RestartPolicy: { Condition: "any" },
    },
    Mode: { Replicated: { Replicas: replicas } },
  };
}

/** A 64-bit ELF file with one segment. x86-64: `pause()` for ever; aarch64: `ppoll(0, 0, 0, 0)`. */
function program(): Uint8Array {
  const code = Deno.build.arch === "aarch64"
    ? [0x000080d2, 0x010080d2, 0x020080d2, 0x030080d2, 0x280980d2, 0x010000d4, 0xfaffff17]
      .flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255])
    : [0xb8, 0x22, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf7];
  const bytes = new Uint8Array(120 + code.length);
  const view = new DataView(bytes.buffer);
  const base = 0x400000n;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, Deno.build.arch === "aarch64" ? 183 : 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, base + 120n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  view.setBigUint64(80, base, true);
  view.setBigUint64(88, base, true);
  view.setBigUint64(96, BigInt(bytes.length), true);
  view.setBigUint64(104, BigInt(bytes.length), true);
  view.setBigUint64(112, 0x1000n, true);
  bytes.set(code, 120);
  return bytes;
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
