import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import { isCritical } from '../../kube/priority.ts';

/** How long pods may take to end when the device goes down: a kubelet's `shutdownGracePeriod`. */
export interface ShutdownGrace {
  /** For all of them together. */
  totalMs: number;
  /** The part of it that is kept for critical pods, which end last. */
  criticalMs: number;
}

/** A pod that can be stopped for good or until the next start. */
export interface DrainedPod {
  readonly pod: Pod;
  /** Stops it within its own grace, and at most this one. Resolves once nothing of it runs. */
  halt(maxGraceSeconds: number): Promise<unknown>;
}

/**
 * Stops ordinary pods, then critical ones, each group at most as long as its part of the grace.
 * Source: the kubelet's nodeshutdown manager.
 * @returns how many had not stopped when the time was over.
 */
export async function drainPods(
  pods: readonly DrainedPod[],
  { totalMs, criticalMs }: ShutdownGrace,
  log: Pick<Logger, 'info'>,
): Promise<number> {
  const isLast = ({ pod }: DrainedPod): boolean => isCritical(pod);
  const groups = [
    {
      name: 'ordinary',
      limitMs: totalMs - criticalMs,
      pods: pods.filter((pod) => !isLast(pod)),
    },
    { name: 'critical', limitMs: criticalMs, pods: pods.filter(isLast) },
  ];
  let left = 0;
  for (const group of groups) {
    log.info({ pods: group.pods.length, limitMs: group.limitMs }, `stopping ${group.name} pods`);
    left += await haltAll(group.pods, group.limitMs);
  }
  return left;
}

async function haltAll(pods: readonly DrainedPod[], limitMs: number): Promise<number> {
  const running = new Set(pods);
  const over = new AbortController();
  const halted = pods.map(async (pod) => {
    await pod.halt(limitMs / 1000);
    running.delete(pod);
  });
  const timeout = delay(limitMs, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([Promise.all(halted), timeout]);
  over.abort();
  return running.size;
}
