import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import { isCritical } from '../../kube/priority.ts';
import { killMarginMs } from '../limits.ts';

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
 * Source: the kubelet's nodeshutdown manager. The runtime kills what doesn't end by itself at the end of
 * that time, and only while it is still being asked to: who gave up then would leave it running.
 * @returns how many had not stopped `marginMs` after the time was over.
 */
export async function drainPods(
  pods: readonly DrainedPod[],
  { totalMs, criticalMs }: ShutdownGrace,
  log: Pick<Logger, 'info'>,
  marginMs = killMarginMs,
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
  const running = new Set(pods);
  const halted: Promise<void>[] = [];
  for (const group of groups) {
    log.info({ pods: group.pods.length, limitMs: group.limitMs }, `stopping ${group.name} pods`);
    const halting = group.pods.map(async (pod) => {
      await pod.halt(group.limitMs / 1000);
      running.delete(pod);
    });
    halted.push(...halting);
    await atMost(group.limitMs, halting);
  }
  await atMost(marginMs, halted);
  return running.size;
}

async function atMost(limitMs: number, work: readonly Promise<void>[]): Promise<void> {
  const over = new AbortController();
  const timeout = delay(limitMs, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([Promise.all(work), timeout]);
  over.abort();
}
