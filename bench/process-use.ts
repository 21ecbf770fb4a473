import { readdirSync, readFileSync } from 'node:fs';

/** What a process has used since it started, and holds now. */
export interface ProcessUse {
  /** Resident, and of that anonymous: what is not a file that could be read again. */
  readonly rssBytes: number;
  readonly anonymousBytes: number;
  /** Time on a processor, of all its threads that ever were; in steps of 10 ms. */
  readonly cpuMs: number;
  /** How often each of its threads has woken up from waiting, by thread id. */
  readonly wakeUps: ReadonlyMap<string, number>;
}

/** Reads it from proc(5). Throws the system's error when there is no such process. */
export function readProcessUse(pid: number): ProcessUse {
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  // Behind the name, which may hold anything, utime and stime are the 12th and 13th field.
  const times = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return {
    rssBytes: field(memory, 'Rss') * 1024,
    anonymousBytes: field(memory, 'Anonymous') * 1024,
    cpuMs: (Number(times[11]) + Number(times[12])) * 10,
    wakeUps: new Map(readdirSync(`/proc/${pid}/task`).map((id) => [id, wakeUpsOf(pid, id)])),
  };
}

/** How often threads woke up between two readings; those that ended meanwhile don't count. */
export function wakeUpsBetween(before: ProcessUse, after: ProcessUse): number {
  const since = ([id, count]: readonly [string, number]): number =>
    count - (before.wakeUps.get(id) ?? 0);
  return Array.from(after.wakeUps, since).reduce((total, count) => total + count, 0);
}

function wakeUpsOf(pid: number, thread: string): number {
  const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
  return field(status, 'voluntary_ctxt_switches');
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}
