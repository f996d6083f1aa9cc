/** The value below which this share of the values lies. Throws when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (found === undefined) throw new Error("bug: a quantile of no values");
  return found;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
