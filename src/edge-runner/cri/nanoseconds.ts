const nanosPerMs = 1_000_000n;

/** Nanoseconds since 1970 as whole milliseconds. */
export function nanosToMs(nanos: bigint): number {
  return Number(nanos / nanosPerMs);
}

/** Nanoseconds since 1970 as a Date, cut to milliseconds. */
export function nanosToDate(nanos: bigint): Date {
  return new Date(nanosToMs(nanos));
}
