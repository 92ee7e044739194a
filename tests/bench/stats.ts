/** Medians and quartiles. */

export interface Summary {
  median: number;
  /** A quarter of the values are below `low`, a quarter above `high`. */
  low: number;
  high: number;
  count: number;
}

/** Throws for no values. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    count: sorted.length,
  };
}

function quantile(sorted: readonly number[], at: number): number {
  const place = (sorted.length - 1) * at;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new Error("no values to summarize");
  return below + (above - below) * (place - Math.floor(place));
}
