import { writeFileSync } from 'node:fs';

/**
 * Keeps the memory of this process, and of what it starts from now on, out of core dumps: either end has
 * keys, tokens and Secrets in it. It counts wherever a dump goes, also for a `core_pattern` that is a pipe,
 * which no limit of size keeps from anything. What the processor's registers hold at that moment remains.
 * Nothing is done where the kernel writes no core dumps, and so has no such file.
 * Source: core(5), "Controlling which mappings are written to the core dump".
 */
export function keepMemoryFromCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // Another system, or a kernel without CONFIG_ELF_CORE.
  }
}
