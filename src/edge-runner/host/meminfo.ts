import { HostError } from './host-error.ts';

/** Reads `/proc/meminfo`: values in bytes under the kernel's names. Counts have no unit and stay. */
export function parseMeminfo(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const [, name = '', number = '', unit] of text.matchAll(/^([^:\n]+):\s+(\d+)( kB)?$/gm)) {
    values.set(name, Number(number) * (unit === undefined ? 1 : 1024));
  }
  return values;
}

/** A value that every kernel gives. Throws HostError `HOST_FACT_MALFORMED`. */
export function requireMemory(values: ReadonlyMap<string, number>, name: string): number {
  const value = values.get(name);
  if (value !== undefined) return value;
  throw new HostError('HOST_FACT_MALFORMED', `/proc/meminfo has no line ${name}`);
}
