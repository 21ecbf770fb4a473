const nanosPerMs = 1_000_000n;
const nanosPerSecond = 1_000_000_000n;

/** Nanoseconds since 1970 as whole milliseconds. */
export function nanosToMs(nanos: bigint): number {
  return Number(nanos / nanosPerMs);
}

/** Nanoseconds since 1970 as a Date, cut to milliseconds. */
export function nanosToDate(nanos: bigint): Date {
  return new Date(nanosToMs(nanos));
}

/** Nanoseconds since 1970 as RFC 3339 in UTC with nine decimals. */
export function nanosToRfc3339(nanos: bigint): string {
  const fraction = String(nanos % nanosPerSecond).padStart(9, '0');
  return `${nanosToDate(nanos).toISOString().slice(0, 19)}.${fraction}Z`;
}
