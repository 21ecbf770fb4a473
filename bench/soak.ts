import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { benchRunner } from './bench-runner.ts';
import { startIdleSite } from './idle-site.ts';
import { readProcessUse } from './process-use.ts';

const progress = (line: string): void => {
  console.error(`· ${line}`);
};

const resident = 5;
const coming = 5;
/** From the start of a round to that of the next, so that machines of any speed are given the same work. */
const roundMs = 10_000;
/** The part of the time in which the runner takes what it needs and keeps. */
const warmUpShare = 0.25;

interface Sample {
  readonly atMs: number;
  readonly rssBytes: number;
  readonly anonymousBytes: number;
}

/**
 * Five pods stay, five others come and go every ten seconds. Whether the runner grows by it is a straight
 * line through its memory after every round, without the first quarter of the time.
 */
export async function run({ minutes = 60 }: { minutes?: number }): Promise<Record<string, number>> {
  const runner = await benchRunner(progress);
  const idleSite = await startIdleSite(runner, progress);
  const { lab, site } = idleSite;
  try {
    await idleSite.addPods(names('stays', resident));
    const samples: Sample[] = [];
    const startedAtMs = performance.now();
    const totalMs = minutes * 60_000;
    while (performance.now() - startedAtMs < totalMs) {
      const nextRound = delay(roundMs);
      const round = names(`round-${samples.length}`, coming);
      await idleSite.addPods(round);
      await idleSite.removePods(round);
      const { rssBytes, anonymousBytes } = readProcessUse(site.runner.pid);
      const atMs = performance.now() - startedAtMs;
      samples.push({ atMs, rssBytes, anonymousBytes });
      progress(
        `${Math.round(atMs / 1000)} s: ${megabytes(rssBytes)} MB resident, ${megabytes(anonymousBytes)} MB anonymous`,
      );
      await nextRound;
    }
    const warm = samples.filter(({ atMs }) => atMs >= totalMs * warmUpShare);
    const last = warm.at(-1);
    return {
      minutes,
      pods: samples.length * coming,
      rss_mb: megabytes(last?.rssBytes ?? Number.NaN),
      anon_mb: megabytes(last?.anonymousBytes ?? Number.NaN),
      rss_slope_mb_per_hour: slopePerHour(warm, ({ rssBytes }) => rssBytes),
      anon_slope_mb_per_hour: slopePerHour(warm, ({ anonymousBytes }) => anonymousBytes),
    };
  } finally {
    await lab.stop();
  }
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
}

/** Least squares, in megabytes an hour. */
function slopePerHour(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const meanMs = mean(samples.map(({ atMs }) => atMs));
  const meanBytes = mean(samples.map(of));
  const moments = samples.map((sample) => (sample.atMs - meanMs) * (of(sample) - meanBytes));
  const spread = samples.map(({ atMs }) => (atMs - meanMs) ** 2);
  return Number(((mean(moments) / mean(spread)) * (3_600_000 / 1e6)).toFixed(2));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function megabytes(bytes: number): number {
  return Number((bytes / 1e6).toFixed(1));
}
