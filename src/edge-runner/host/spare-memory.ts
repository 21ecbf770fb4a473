import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { filePages, pagemapEntryBytes, pageBytes } from './file-pages.ts';
import { cleanRanges, type MemoryRange, writableRanges } from './memory-ranges.ts';

/** When what only starting needed has been used for the last time. */
const firstAfterMs = [15_000, 30_000];
/** Often enough that what came back for one rare need doesn't stay, and rare enough to cost nothing. */
const intervalMs = 600_000;

/** madvise(2): the mapping is emptied, and filled from its file again as it is used. */
const dontNeed = 4;
/** madvise(2), since Linux 5.4: taken away as under memory pressure, which loses nothing. */
const pageOut = 21;

type Madvise = (address: bigint, bytes: bigint, advice: number) => number;

/** What Bun has beside Node's API, as far as it is used here. */
interface ForeignFunctions {
  dlopen(
    library: string,
    functions: { madvise: { args: readonly ['u64', 'u64', 'i32']; returns: 'i32' } },
  ): { symbols: { madvise: Madvise } };
}

declare const Bun: { gc(now: boolean): void; shrink(): void };

/**
 * Soon after the start and then every ten minutes gives memory back that the process holds for no
 * use: garbage, code compiled for what it did meanwhile, of which there would be ever more, and pages
 * of its own executable and of libraries, most of which only starting needed. They come back as they
 * are used. Does nothing on Node, which has no way to do so. Never rejects; ends when the signal aborts.
 */
export async function spareMemory(signal: AbortSignal): Promise<void> {
  const foreign = process.getBuiltinModule('bun:ffi') as ForeignFunctions | undefined;
  if (foreign === undefined) return;
  for (let n = 0; !signal.aborted; n += 1) {
    await delay(firstAfterMs[n] ?? intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    Bun.shrink();
    await nextTurn();
    Bun.gc(true);
    releasePages(foreign);
  }
}

function releasePages(foreign: ForeignFunctions): void {
  try {
    const { madvise } = foreign.dlopen('libc.so.6', {
      madvise: { args: ['u64', 'u64', 'i32'], returns: 'i32' },
    }).symbols;
    const map = readFileSync('/proc/self/smaps', 'utf8');
    for (const { start, end } of cleanRanges(map)) madvise(start, end - start, dontNeed);
    // The program's own code lies where it could be written to, beside what is written to.
    for (const range of writableRanges(map, readlinkSync('/proc/self/exe'))) {
      for (const { start, end } of filePages(range, readPagemap(range))) {
        madvise(start, end - start, pageOut);
      }
    }
  } catch {
    // Another libc, or no /proc: then it keeps what it has.
  }
}

function readPagemap({ start, end }: MemoryRange): Buffer {
  const entries = Buffer.alloc(Number((end - start) / pageBytes) * pagemapEntryBytes);
  const file = openSync('/proc/self/pagemap', 'r');
  try {
    const at = (start / pageBytes) * BigInt(pagemapEntryBytes);
    return entries.subarray(0, readSync(file, entries, 0, entries.length, at));
  } finally {
    closeSync(file);
  }
}
