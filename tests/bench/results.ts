/** What was measured, by contestant and metric. */

export type Metric =
  /** Milliseconds from the start of the process to its first byte to IMDS; a floor: to its end. */
  | "firstByteMs"
  /** Milliseconds of a whole dry run; a floor: of its life. */
  | "dryRunMs"
  /** Milliseconds from the start of a dry run to its first request to AWS. */
  | "firstAwsMs"
  | "peakBytes"
  | "diskBytes"
  | "readBytes"
  | "dryRunCalls"
  | `${Boot}Ms`
  | `${Boot}Calls`
  /** Milliseconds of a boot that were not the Engine's own init or join. */
  | `${Boot}OverheadMs`
  /** Milliseconds in one kind of call of swarm-join. */
  | `${Boot} ${string}`;

export type Boot = "init" | "manager" | "worker";
export const BOOTS: readonly Boot[] = ["init", "manager", "worker"];

/** The name under which the Engine's own time is noted. */
export const ENGINE = "the Engine alone";

export class Results {
  readonly #values = new Map<string, Map<Metric, number[]>>();

  add(name: string, metric: Metric, value: number): void {
    const metrics = this.#values.get(name) ?? new Map<Metric, number[]>();
    this.#values.set(name, metrics);
    metrics.set(metric, [...metrics.get(metric) ?? [], value]);
  }

  /** In the order they were measured; empty: not at all. */
  of(name: string, metric: Metric): number[] {
    return this.#values.get(name)?.get(metric) ?? [];
  }

  metricsOf(name: string): Metric[] {
    return [...this.#values.get(name)?.keys() ?? []];
  }
}
