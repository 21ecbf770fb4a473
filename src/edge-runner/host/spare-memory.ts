import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** When what only starting needed has been used for the last time. */
const firstAfterMs = 15_000;
const intervalMs = 3_600_000;

/** MADV_DONTNEED of madvise(2). */
const dontNeed = 4;

/** What Bun has beside Node's API, as far as it is used here. */
interface ForeignFunctions {
  dlopen(
    library: string,
    functions: { madvise: { args: readonly ['u64', 'u64', 'i32']; returns: 'i32' } },
  ): { symbols: { madvise(address: bigint, bytes: bigint, advice: number): number } };
}

declare const Bun: { gc(now: boolean): void };

/**
 * Soon after the start and then every hour gives memory back that the process holds for no use:
 * garbage, and pages of its own executable, most of which only starting needed. They stay in the
 * page cache as long as nobody else wants the room, and come back as they are used. Does nothing on
 * Node, which has no way to do so. Never rejects; ends when the signal aborts.
 */
export async function spareMemory(signal: AbortSignal): Promise<void> {
  const foreign = process.getBuiltinModule('bun:ffi') as ForeignFunctions | undefined;
  if (foreign === undefined) return;
  for (let delayMs = firstAfterMs; !signal.aborted; delayMs = intervalMs) {
    await delay(delayMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    Bun.gc(true);
    releaseExecutable(foreign);
  }
}

function releaseExecutable(foreign: ForeignFunctions): void {
  try {
    const { symbols } = foreign.dlopen('libc.so.6', {
      madvise: { args: ['u64', 'u64', 'i32'], returns: 'i32' },
    });
    const map = readFileSync('/proc/self/smaps', 'utf8');
    for (const { start, end } of cleanRanges(map, readlinkSync('/proc/self/exe'))) {
      symbols.madvise(start, end - start, dontNeed);
    }
  } catch {
    // Another libc, or no /proc: then it keeps what it has.
  }
}

/**
 * Ranges of a process, from its smaps (proc_pid_smaps(5)), that are mapped from a file, can't be
 * written to and never were, so that the file still has every page of them.
 */
export function cleanRanges(smaps: string, file: string): { start: bigint; end: bigint }[] {
  const ranges: { start: bigint; end: bigint }[] = [];
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \S+ +(.*)$/m.exec(mapping);
    const untouched = /^Anonymous: +0 kB$/m.test(mapping);
    if (head === null || head[3] !== file || !untouched) continue;
    ranges.push({ start: BigInt(`0x${head[1]}`), end: BigInt(`0x${head[2]}`) });
  }
  return ranges;
}
