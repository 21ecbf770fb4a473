/** A moment with the full precision of a log line. */
export interface LogTime {
  readonly seconds: number;
  readonly nanos: number;
}

const pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/;

/** Reads RFC 3339; undefined when it is not. */
export function parseLogTime(text: string): LogTime | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, dateTime = '', fraction = '', zone = ''] = match;
  const ms = Date.parse(dateTime + zone);
  if (Number.isNaN(ms)) return undefined;
  return { seconds: ms / 1000, nanos: Number(fraction.padEnd(9, '0')) };
}

export function isBefore(a: LogTime, b: LogTime): boolean {
  return a.seconds === b.seconds ? a.nanos < b.nanos : a.seconds < b.seconds;
}

/** The same time with exactly nine decimals, its zone kept (a kubelet's RFC3339NanoFixed). */
export function withNineDecimals(time: string): string {
  const [, dateTime, fraction = '', zone] = pattern.exec(time) ?? [];
  if (dateTime === undefined || zone === undefined) return time;
  return `${dateTime}.${fraction.padEnd(9, '0')}${zone}`;
}
