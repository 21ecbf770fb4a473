import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LabSite } from '../hack/lab/towline.ts';
import { waitFor } from '../hack/lab/wait.ts';
import { benchRunner } from './bench-runner.ts';
import { startIdleSite } from './idle-site.ts';
import { readProcessUse, wakeUpsBetween } from './process-use.ts';
import { commitsBetween, readWalCommits } from './wal-commits.ts';

const progress = (line: string): void => {
  console.error(`· ${line}`);
};

/** What a runner does just after its start is not what it does all year. */
const settleMs = 30_000;
const measureMs = 60_000;

/**
 * What the runner takes on a device with `pods` pods running, connected, and idle for a minute. It
 * is the executable that is shipped, or what TOWLINE_RUNNER names.
 */
export async function run({ pods = 10 }: { pods?: number } = {}): Promise<Record<string, number>> {
  const runner = await benchRunner(progress);
  const idleSite = await startIdleSite(runner, progress);
  const { lab, site } = idleSite;
  try {
    progress(`starting ${pods} pods`);
    await idleSite.addPods(Array.from({ length: pods }, (_, n) => `idle-${n}`));
    await site.stopRunner();
    const startToReadyMs = await timeStart(site);
    progress(`up after ${startToReadyMs} ms; settling`);
    await delay(settleMs);
    progress('measuring for a minute');
    const idle = await measureIdle(site);
    const binaryMb = (await stat(runner.args.at(-1) ?? runner.command)).size / 1e6;
    return { ...idle, binary_mb: round(binaryMb), start_to_ready_ms: startToReadyMs };
  } finally {
    await lab.stop();
  }
}

/** From its start until it has its pods from the store and is connected, in milliseconds. */
async function timeStart(site: LabSite): Promise<number> {
  const startedAtMs = Date.now();
  await site.startRunner();
  return waitFor(
    () => {
      const lines = readFileSync(site.runner.logFile, 'utf8').split('\n');
      const connected = lines.findLast((line) => line.includes('connected to the provider"'));
      const { time = 0 } = JSON.parse(connected ?? '{}') as { time?: number };
      return time > startedAtMs && time - startedAtMs;
    },
    { what: 'the runner to be connected', timeoutMs: 30_000 },
  );
}

async function measureIdle(site: LabSite): Promise<Record<string, number>> {
  const { pid } = site.runner;
  const wal = join(site.device.dir, 'towline/store.db-wal');
  const before = {
    use: readProcessUse(pid),
    commits: readWalCommits(wal),
    bytes: await tunnelBytes(site),
  };
  await delay(measureMs);
  const after = {
    use: readProcessUse(pid),
    commits: readWalCommits(wal),
    bytes: await tunnelBytes(site),
  };
  return {
    rss_mb: round(after.use.rssBytes / 1e6),
    anon_mb: round(after.use.anonymousBytes / 1e6),
    cpu_percent: round(((after.use.cpuMs - before.use.cpuMs) / measureMs) * 100, 3),
    bytes_per_min: after.bytes - before.bytes,
    writes_per_min: commitsBetween(before.commits, after.commits),
    wake_ups_per_min: wakeUpsBetween(before.use, after.use),
  };
}

/** Payload that the tunnel's connection has carried in both directions, TLS included. */
async function tunnelBytes(site: LabSite): Promise<number> {
  const { stdout } = await site.device.run('ss', ['-tinH', 'dport', '=', ':8443']);
  const count = (field: string): number => Number(new RegExp(`${field}:(\\d+)`).exec(stdout)?.[1]);
  return count('bytes_sent') + count('bytes_received');
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
