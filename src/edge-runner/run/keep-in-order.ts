import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import { pressureIntervalMs, storageIntervalMs } from '../eviction/limits.ts';
import { imageIntervalMs, logCheckIntervalMs, orphanIntervalMs } from '../garbage/limits.ts';
import { removeOrphanLogs } from '../garbage/orphan-logs.ts';
import type { ObservedContainer } from '../pod/observed.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { Upkeep } from './create-upkeep.ts';
import type { DesiredPods } from './desired-pods.ts';
import { every } from './every.ts';

interface Order extends Upkeep {
  cri: CriClient;
  pods: PodManager;
  desired: Pick<DesiredPods, 'removeLeftovers'>;
  logRoot: string;
  log: Logger;
}

/** How often pods look though no event says that they should, in case one was lost. */
const relistIntervalMs = 300_000;

/**
 * Relieves the device of what it runs out of, rotates logs, and removes what nothing needs any more,
 * until the signal aborts. Never rejects.
 */
export async function keepInOrder(order: Order, signal: AbortSignal): Promise<void> {
  const { pods, eviction, images, logs, log } = order;
  const until = { signal, log };
  await Promise.all([
    every(pressureIntervalMs, 'relieving the device', () => eviction.relieve(signal), until),
    every(storageIntervalMs, 'measuring pods', () => eviction.enforceLimits(signal), until),
    every(
      logCheckIntervalMs,
      'rotating logs',
      () => logs.rotate(loggingContainers(pods.list()), signal),
      until,
    ),
    // Kubelet: also when it starts, for what was left when the one before was killed.
    every(orphanIntervalMs, 'removing leftovers', () => removeLeftovers(order), {
      ...until,
      atOnce: true,
    }),
    every(relistIntervalMs, 'looking at all pods', () => wakeAll(pods), until),
    every(imageIntervalMs, 'removing images', () => images.collect(signal), until),
  ]);
}

function wakeAll(pods: PodManager): Promise<void> {
  pods.wakeAll();
  return Promise.resolve();
}

/** Those whose logs may grow: all that run, init containers and ephemeral ones among them. */
export function loggingContainers(
  pods: readonly Pick<PodWorker, 'observed'>[],
): ObservedContainer[] {
  return pods
    .flatMap(({ observed }) => observed.containers)
    .filter(({ state, logPath }) => state === 'running' && logPath !== '');
}

/** What is left of pods that nobody owns: containers, volumes, cgroups, logs. */
async function removeLeftovers({ desired, pods, cri, logRoot, log }: Order): Promise<void> {
  if (!(await desired.removeLeftovers())) return;
  const isKnown = (podUid: string): boolean => pods.has(podUid);
  const removed = await removeOrphanLogs({ logRoot, isKnown, cri });
  if (removed.length > 0) log.info({ removed }, 'logs of pods that are gone were removed');
}
