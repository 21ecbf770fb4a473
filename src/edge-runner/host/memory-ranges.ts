/** Addresses of a process, from `start` to before `end`; both begin pages. */
export interface MemoryRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Ranges of a process, from its smaps (proc_pid_smaps(5)), that are mapped from a file, can't be
 * written to and never were, so that the file still has every page of them.
 */
export function cleanRanges(smaps: string): MemoryRange[] {
  return mappingsOf(smaps)
    .filter(({ rights, path, text }) => {
      const isReadOnly = rights === 'r--p' || rights === 'r-xp';
      return isReadOnly && path.startsWith('/') && /^Anonymous: +0 kB$/m.test(text);
    })
    .map(({ range }) => range);
}

/** Ranges that are mapped from this file for the process alone, to be written to. */
export function writableRanges(smaps: string, file: string): MemoryRange[] {
  return mappingsOf(smaps)
    .filter(({ rights, path }) => rights === 'rw-p' && path === file)
    .map(({ range }) => range);
}

interface Mapping {
  readonly range: MemoryRange;
  readonly rights: string;
  /** '' when it is mapped from nothing. */
  readonly path: string;
  readonly text: string;
}

function mappingsOf(smaps: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const text of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/m.exec(text);
    if (head === null) continue;
    const [, start = '', end = '', rights = '', path = ''] = head;
    mappings.push({
      range: { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) },
      ...{ rights, path, text },
    });
  }
  return mappings;
}
