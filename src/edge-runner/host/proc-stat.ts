import { HostError } from './host-error.ts';

/** `cpuNanoseconds`: time that all processors together have worked since the machine started. */
export interface ProcStat {
  readonly cpuNanoseconds: number;
  /** In ms since 1970. */
  readonly bootedAtMs: number;
}

/** The kernel counts in hundredths of a second here, whatever its own clock (proc_stat(5)). */
const nanosecondsPerTick = 10_000_000;

/** Fields of the line `cpu` that are work: user, nice, system, irq, softirq, steal. Guests are in user. */
const workFields = [1, 2, 3, 6, 7, 8];

/** Reads `/proc/stat`. Throws HostError `HOST_FACT_MALFORMED`. */
export function parseProcStat(text: string): ProcStat {
  const cpu = /^cpu +.*$/m.exec(text)?.[0].split(/ +/);
  const booted = /^btime (\d+)$/m.exec(text)?.[1];
  if (cpu === undefined || booted === undefined) {
    throw new HostError('HOST_FACT_MALFORMED', '/proc/stat lacks its line cpu or btime');
  }
  const ticks = workFields.reduce((sum, field) => sum + Number(cpu[field] ?? 0), 0);
  return { cpuNanoseconds: ticks * nanosecondsPerTick, bootedAtMs: Number(booted) * 1000 };
}
