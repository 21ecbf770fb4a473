import type { ResourceUsage } from './usage.ts';

/** What containers have used together, as old as the oldest of it; undefined where none says it. */
export function sumOf(usages: readonly ResourceUsage[]): ResourceUsage {
  const cpus = usages.flatMap(({ cpu }) => cpu ?? []);
  const memories = usages.flatMap(({ memory }) => memory ?? []);
  const swaps = usages.flatMap(({ swap }) => swap ?? []);
  const [cpu] = cpus;
  const [memory] = memories;
  const [swap] = swaps;
  return {
    cpu: cpu && { atMs: oldest(cpus), nanoseconds: total(cpus.map((each) => each.nanoseconds)) },
    memory: memory && {
      atMs: oldest(memories),
      workingSetBytes: total(memories.map((each) => each.workingSetBytes)),
      usageBytes: total(memories.map((each) => each.usageBytes)),
      rssBytes: total(memories.map((each) => each.rssBytes)),
      pageFaults: total(memories.map((each) => each.pageFaults)),
      majorPageFaults: total(memories.map((each) => each.majorPageFaults)),
    },
    swap: swap && {
      atMs: oldest(swaps),
      usedBytes: total(swaps.map(({ usedBytes }) => usedBytes)),
      limitBytes: swaps.every(({ limitBytes }) => limitBytes !== undefined)
        ? total(swaps.map(({ limitBytes }) => limitBytes ?? 0))
        : undefined,
    },
  };
}

function oldest(samples: readonly { atMs: number }[]): number {
  return Math.min(...samples.map(({ atMs }) => atMs));
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
