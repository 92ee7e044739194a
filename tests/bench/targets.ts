/** The figures to reach, and whether they are. */
import { BASH, FLOOR, PYTHON, S3, TAGS } from "./contestants.ts";
import { type Boot, BOOTS, type Metric, type Results } from "./results.ts";
import { summarize } from "./stats.ts";

export interface Target {
  title: string;
  text: string;
  most: string;
  met: boolean;
}

const TITLES: Record<Boot, string> = {
  init: "first manager",
  manager: "second manager",
  worker: "worker",
};

/** Those that the measured allow to judge. */
export function targetsOf(results: Results): Target[] {
  const median = (name: string, metric: Metric): number | null => {
    const values = results.of(name, metric);
    return values.length === 0 ? null : summarize(values).median;
  };
  const targets: Target[] = [];
  const ratio = (
    title: string,
    metric: Metric,
    name: string,
    other: string,
    most: number,
  ): void => {
    const [mine, theirs] = [median(name, metric), median(other, metric)];
    if (mine === null || theirs === null) return;
    const value = mine / theirs;
    const text = `${value.toFixed(2)} ×`;
    targets.push({
      title: `${title}, ${name} to ${other}`,
      text,
      most: `${most} ×`,
      met: value <= most,
    });
  };
  for (const name of [TAGS, S3]) ratio("(a) first byte", "firstByteMs", name, FLOOR, 1.5);
  for (const name of [TAGS, S3]) {
    ratio("(b) dry run", "dryRunMs", name, PYTHON, 0.25);
    ratio("(b) dry run", "dryRunMs", name, BASH, 0.2);
  }
  for (const name of [TAGS, S3]) {
    for (const boot of BOOTS) {
      const overMs = median(name, `${boot}OverheadMs`);
      if (overMs === null) continue;
      targets.push({
        title: `(c) ${TITLES[boot]}, ${name}, less the Engine's own ${
          boot === "init" ? "init" : "join"
        }`,
        text: `${overMs.toFixed(0)} ms`,
        most: "300 ms",
        met: overMs <= 300,
      });
    }
  }
  for (const name of [TAGS, S3]) ratio("(d) peak memory", "peakBytes", name, FLOOR, 1.5);
  const [whole, runtime] = [median(TAGS, "diskBytes"), median(FLOOR, "diskBytes")];
  if (whole !== null && runtime !== null) {
    const bytes = whole - runtime;
    targets.push({
      title: "(e) bytes that the program adds to the runtime",
      text: `${(bytes / 1e3).toFixed(0)} kB`,
      most: "450 kB",
      met: bytes <= 450_000,
    });
  }
  return targets;
}
