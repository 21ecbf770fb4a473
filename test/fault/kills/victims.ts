import { setTimeout as sleep } from 'node:timers/promises';
import type { BackgroundProcess } from '../../../hack/lab/process.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Cluster } from '../../e2e/cluster.ts';

/** What gets SIGKILL, and is then started again as a service manager would. */
export const victims = ['runner', 'provider', 'containerd', 'kube-apiserver', 'etcd'] as const;

export type Victim = (typeof victims)[number];

/** How long a service may take to stay up, while what it needs comes back, too. */
const upWithinMs = 60_000;

/** Kills one part and brings it back after a while. */
export async function killAndRestart(
  cluster: Cluster,
  victim: Victim,
  downMs: number,
): Promise<void> {
  const { site, towline, plane } = cluster;
  switch (victim) {
    case 'runner':
      await site.killRunner();
      await sleep(downMs);
      return site.startRunner();
    case 'provider':
      await towline.killProvider();
      await sleep(downMs);
      return until(`a provider`, () => towline.startProvider());
    case 'containerd':
      await site.device.killContainerd();
      await sleep(downMs);
      return site.device.restartContainerd();
    case 'kube-apiserver':
    case 'etcd':
      await plane.kill(victim);
      await sleep(downMs);
      return until(victim, () => plane.restart(victim));
  }
}

/**
 * A runner that was started while containerd was down has given up: a service manager would start it
 * again. Nothing else may have ended. Says how many were started again.
 */
export async function restartWhatGaveUp(cluster: Cluster): Promise<string[]> {
  const { site, towline, plane } = cluster;
  const ended = (process: BackgroundProcess): boolean => !process.isRunning();
  const restarted: string[] = [];
  if (ended(site.runner)) {
    restarted.push(`runner (${site.runner.logTail(1)})`);
    await site.startRunner();
  }
  if (ended(towline.provider)) {
    restarted.push(`provider (${towline.provider.logTail(1)})`);
    await until('a provider', () => towline.startProvider());
  }
  for (const name of ['kube-controller-manager', 'kube-scheduler'] as const) {
    if (!ended(plane.process(name))) continue;
    restarted.push(name);
    await plane.restart(name);
  }
  return restarted;
}

async function until(what: string, start: () => Promise<void>): Promise<void> {
  await waitFor(
    // One that ends was started before what it needs was there: it is started again.
    () =>
      start().then(
        () => true,
        () => false,
      ),
    { what: `${what} that stays up`, timeoutMs: upWithinMs, intervalMs: 500 },
  );
}
