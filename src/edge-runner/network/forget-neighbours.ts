import type { Logger } from 'pino';
import type { RunOnHost } from '../host/run-on-host.ts';

/**
 * Lets the device forget which interface has these addresses, of a pod that has ended. The next pod
 * with one of them has another interface, and what the CNI plugin `bridge` (1.1.1) lets it announce of
 * itself is lost while its link comes up. As long as the kernel trusts what it knew, for 8 s or more,
 * all that the device sends to the new pod, probes included, would go nowhere.
 *
 * Never fails: a device without `ip` is one whose new pods are found late.
 */
export async function forgetNeighbours(
  addresses: readonly string[],
  { run, log }: { run: RunOnHost; log: Pick<Logger, 'debug'> },
): Promise<void> {
  for (const address of addresses) {
    try {
      await run('ip', ['neigh', 'flush', 'to', address]);
    } catch (err) {
      log.debug({ err, address }, 'whose the address of an ended pod was is not forgotten');
    }
  }
}
