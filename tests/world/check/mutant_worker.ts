/** A thread that looks for mutants, by their numbers, beside the others. */
/// <reference lib="deno.worker" />
import { MUTANTS, seek } from "../mutants.ts";

const SOURCE = new URL("../../../src", import.meta.url).pathname;

self.onmessage = async ({ data }: MessageEvent<number[]>): Promise<void> => {
  for (const number of data) {
    self.postMessage({ number, sought: await seek(MUTANTS[number]!, SOURCE) });
  }
};
