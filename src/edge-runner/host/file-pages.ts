import type { MemoryRange } from './memory-ranges.ts';

/** What x64 and most ARM kernels have; on one with larger pages the entries don't fit, and none is found. */
export const pageBytes = 4096n;
export const pagemapEntryBytes = 8;

/** Bits of an entry of proc_pid_pagemap(5). */
const present = 1n << 63n;
const ofFile = 1n << 61n;

/**
 * The pages of a range that are in memory and still the file's own: those that were written to have
 * become the process's. `entries` are the range's in /proc/PID/pagemap. Neighbours are one range.
 */
export function filePages({ start }: MemoryRange, entries: Buffer): MemoryRange[] {
  const found: { start: bigint; end: bigint }[] = [];
  for (let index = 0; (index + 1) * pagemapEntryBytes <= entries.length; index += 1) {
    const entry = entries.readBigUInt64LE(index * pagemapEntryBytes);
    if ((entry & present) === 0n || (entry & ofFile) === 0n) continue;
    const at = start + BigInt(index) * pageBytes;
    const last = found.at(-1);
    if (last?.end === at) last.end = at + pageBytes;
    else found.push({ start: at, end: at + pageBytes });
  }
  return found;
}
