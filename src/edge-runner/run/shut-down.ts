import { once } from 'node:events';
import type { Logger } from 'pino';
import type { NodeReporter } from '../node/node-reporter.ts';
import type { ShutdownGrace } from '../pod/drain-pods.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import { isMachineGoingDown } from './machine-shutdown.ts';

interface ShutDownOptions {
  /** Aborts when the runner is asked to end. */
  asked: AbortSignal;
  /** Ends all that the runner does. */
  stop: () => void;
  /** Pods end with the runner in any case. */
  drain: boolean;
  grace: ShutdownGrace;
  pods: Pick<PodManager, 'drain'>;
  node: Pick<NodeReporter, 'shutDown'>;
  log: Logger;
  /** systemd's word for it, unless a test has another. */
  isMachineGoingDown?: () => Promise<boolean>;
}

/**
 * Stops the runner once it is asked to end; before, while the cloud still hears of it, its pods, when
 * the machine goes down or `drain` says so. Resolves also when `signal` says that all has ended.
 */
export async function shutDownWhenAsked(
  options: ShutDownOptions,
  signal: AbortSignal,
): Promise<void> {
  const { asked, stop, drain, grace, pods, node, log } = options;
  const goesDown = options.isMachineGoingDown ?? isMachineGoingDown;
  const either = AbortSignal.any([asked, signal]);
  if (!either.aborted) await once(either, 'abort');
  if (!signal.aborted && (drain || (await goesDown()))) {
    node.shutDown();
    const left = await pods.drain(grace);
    if (left > 0) log.warn({ pods: left }, 'pods had not ended when their time was over');
    else log.info('all pods have ended');
  }
  stop();
}
