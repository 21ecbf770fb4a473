/** The middle value, of an even number the mean of the two in the middle; rounded to a tenth. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.floor(middle - 0.5)] ?? NaN;
  const high = sorted[Math.floor(middle)] ?? NaN;
  return round((low + high) / 2);
}

/** To a tenth. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
