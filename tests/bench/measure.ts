/** Runs one program under `measure.py`, which says what its numbers mean. */
import { BENCH_DIR } from "./tools.ts";

export interface Measured {
  startWallMs: number;
  wallMs: number;
  firstByteMs: number;
  peakBytes: number;
  readBytes: number;
  cpuMs: number;
  exit: number;
  stdout: string;
  stderr: string;
}

export interface MeasureOptions {
  env: Record<string, string>;
  /** Ends at the first byte to a metadata service. */
  listen?: boolean;
  /** Drops these files from memory first. */
  evict?: string[];
  /** Goes before everything: into a node's namespaces. */
  inside?: string[];
  /** Whether it may end in another way than well. */
  mayFail?: boolean;
}

const MEASURE = new URL("measure.py", import.meta.url).pathname;

/** Throws when the program fails. */
export async function measure(command: string[], options: MeasureOptions): Promise<Measured> {
  const { env, listen = false, evict = null, inside = [], mayFail = false } = options;
  const out = `${BENCH_DIR}/measured.json`;
  if (evict) await Deno.writeTextFile(`${BENCH_DIR}/evict.txt`, evict.join("\n"));
  const [first = "", ...rest] = [
    ...[...inside, await interpreter(), "-I", MEASURE, out],
    ...(listen ? ["--listen"] : []),
    ...(evict ? ["--evict", `${BENCH_DIR}/evict.txt`] : []),
    ...["--", ...command],
  ];
  const done = await new Deno.Command(first, {
    args: rest,
    clearEnv: true,
    env,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  const [stdout, stderr] = [text.decode(done.stdout), text.decode(done.stderr)];
  if (!done.success) throw new Error(`${command.join(" ")}: could not be measured: ${stderr}`);
  const measured: Measured = { ...JSON.parse(await Deno.readTextFile(out)), stdout, stderr };
  if (measured.exit !== 0 && !listen && !mayFail) {
    throw new Error(`${command.join(" ")}: exit ${measured.exit}: ${`${stderr}${stdout}`.trim()}`);
  }
  return measured;
}

/** The system's Python where there is one: it keeps less of the measured one in memory. */
async function interpreter(): Promise<string> {
  const system = "/usr/bin/python3";
  return await Deno.stat(system).then(() => system, () => `${BENCH_DIR}/boto3/bin/python`);
}

/** In a new order each time, so that nobody always runs after the same one. */
export function shuffled<T>(list: readonly T[]): T[] {
  return list.map((one) => ({ one, at: Math.random() })).sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
