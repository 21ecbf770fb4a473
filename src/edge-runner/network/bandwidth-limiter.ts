import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import { podBandwidth } from '../../kube/bandwidth.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { HostError } from '../host/host-error.ts';
import { systemCodeOf } from '../join/errors.ts';
import type { RunOnHost } from '../host/run-on-host.ts';
import { bandwidthLinkOf, bandwidthLinks, removeBandwidthLink } from './bandwidth-links.ts';
import { bandwidthBurstMs, bandwidthDelayMs, minBandwidthBurstBytes } from './limits.ts';
import { hostEndOf, namespaceIn } from './pod-link.ts';

interface BandwidthLimiterOptions {
  cri: Pick<CriClient, 'podSandboxStatus'>;
  run: RunOnHost;
  log: Pick<Logger, 'warn'>;
}

/**
 * Holds pods to the bandwidth of their annotations, with the kernel's token buckets at the device's
 * end of a pod's link: its own queue for what the pod receives, and an interface of the kind `ifb`
 * between them for what the pod sends.
 */
export class BandwidthLimiter {
  readonly #options: BandwidthLimiterOptions;
  /** Sandboxes that are held to what they may. */
  readonly #limited = new Set<string>();
  /** Interfaces that the runner has made. */
  readonly #middles: Promise<Set<string>>;

  constructor(options: BandwidthLimiterOptions) {
    this.#options = options;
    this.#middles = bandwidthLinks(options.run).then(
      (names) => new Set(names),
      () => new Set(),
    );
  }

  /**
   * Sets the bounds of a pod's sandbox, once; nothing where the pod has none.
   * @throws KubeRuleError `CONFIG_ERROR`, HostError `BANDWIDTH_UNAVAILABLE`, CriError; the signal's reason
   */
  async limit(pod: Pod, sandboxId: string, signal?: AbortSignal): Promise<void> {
    const { ingress, egress } = podBandwidth(pod);
    if ((ingress === undefined && egress === undefined) || this.#limited.has(sandboxId)) return;
    const run: RunOnHost = (program, args) => this.#run(program, args, signal);
    const link = await this.#linkOf(sandboxId, run);
    if (ingress !== undefined) await shape(link, ingress, run);
    if (egress !== undefined) await this.#shapeSent(link, egress, bandwidthLinkOf(sandboxId), run);
    this.#limited.add(sandboxId);
  }

  /** Removes what a sandbox that has ended leaves; all else went with its link. */
  async lift(sandboxId: string): Promise<void> {
    this.#limited.delete(sandboxId);
    await this.#remove(bandwidthLinkOf(sandboxId));
  }

  /** Removes what other sandboxes than these have left. */
  async keepOnly(sandboxIds: readonly string[]): Promise<void> {
    const kept = new Set(sandboxIds.map(bandwidthLinkOf));
    for (const middle of await this.#middles) if (!kept.has(middle)) await this.#remove(middle);
  }

  async #remove(middle: string): Promise<void> {
    const middles = await this.#middles;
    if (!middles.delete(middle)) return;
    try {
      await removeBandwidthLink(middle, this.#options.run);
    } catch (err) {
      this.#options.log.warn({ err, link: middle }, 'the interface of a pod that ended stays');
    }
  }

  async #linkOf(sandboxId: string, run: RunOnHost): Promise<string> {
    const { cri } = this.#options;
    const { info } = await cri.podSandboxStatus({ podSandboxId: sandboxId, verbose: true });
    const namespace = namespaceIn(info['info']);
    const link = namespace === undefined ? undefined : await hostEndOf(namespace, run);
    if (link !== undefined) return link;
    throw new HostError(
      'BANDWIDTH_UNAVAILABLE',
      'the bandwidth of a pod can be bounded only on a pair of virtual interfaces (veth), which the CNI configuration of this device does not make: use the bridge plugin, or remove the annotation',
    );
  }

  async #shapeSent(
    link: string,
    bitsPerSecond: number,
    middle: string,
    run: RunOnHost,
  ): Promise<void> {
    const middles = await this.#middles;
    if (!middles.has(middle)) await this.#add(middle, run);
    middles.add(middle);
    await run('ip', ['link', 'set', middle, 'up']);
    await shape(middle, bitsPerSecond, run);
    // One of an attempt that broke off, if it is there.
    await this.#options.run('tc', ['qdisc', 'delete', 'dev', link, 'ingress']).catch(() => '');
    await run('tc', ['qdisc', 'add', 'dev', link, 'handle', 'ffff:', 'ingress']);
    await run('tc', [
      ...['filter', 'add', 'dev', link, 'parent', 'ffff:', 'protocol', 'all', 'u32'],
      ...['match', 'u32', '0', '0', 'action', 'mirred', 'egress', 'redirect', 'dev', middle],
    ]);
  }

  /** A command that was given up may have made it all the same. */
  async #add(middle: string, run: RunOnHost): Promise<void> {
    try {
      await run('ip', ['link', 'add', middle, 'type', 'ifb']);
    } catch (error) {
      await removeBandwidthLink(middle, this.#options.run).catch(() => undefined);
      throw error;
    }
  }

  async #run(program: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
    try {
      return await this.#options.run(program, args, { signal });
    } catch (cause) {
      signal?.throwIfAborted();
      const why = systemCodeOf(cause) === 'ENOENT' ? `there is no ${program}` : String(cause);
      throw new HostError(
        'BANDWIDTH_UNAVAILABLE',
        `the bandwidth of the pod cannot be bounded (${why}): install iproute2, and a kernel with tbf, ifb, u32 and mirred`,
        { cause },
      );
    }
  }
}

/** Bounds what leaves the device by a link. */
async function shape(link: string, bitsPerSecond: number, run: RunOnHost): Promise<void> {
  const burst = Math.round((bitsPerSecond / 8_000) * bandwidthBurstMs);
  await run('tc', [
    ...['qdisc', 'replace', 'dev', link, 'root', 'tbf', 'rate', `${bitsPerSecond}bit`],
    ...['burst', String(Math.max(burst, minBandwidthBurstBytes))],
    ...['latency', `${bandwidthDelayMs}ms`],
  ]);
}
