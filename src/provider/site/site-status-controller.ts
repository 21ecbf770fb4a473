import type { Logger } from 'pino';
import type { NodeReport } from '../../protocol/report.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { lastSeenIntervalMs, maxNodeWrites } from '../limits.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import { planSiteStatusPatch } from './plan-site-status.ts';
import type { SiteDirectory } from './site-directory.ts';
import type { SiteRegistry } from './site-registry.ts';

export interface SiteStatusControllerOptions {
  client: Pick<KubeClient, 'patch'>;
  sites: SiteDirectory;
  registry: Pick<SiteRegistry, 'linkState' | 'lastSeenMs' | 'subscribe'>;
  reportOf: (nodeName: string) => NodeReport | undefined;
  log: Logger;
  nowMs?: () => number;
}

/** Keeps the status of every Site: whether it is connected, when it was last seen, what it said. */
export class SiteStatusController {
  readonly #options: SiteStatusControllerOptions;
  readonly #queue: ReconcileQueue;
  readonly #ports = new Map<string, number>();
  readonly #caHashes = new Map<string, string>();

  constructor(options: SiteStatusControllerOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'site-status',
      reconcile: (nodeName, signal) => this.#reconcile(nodeName, signal),
      concurrency: maxNodeWrites,
      log: options.log,
    });
    options.sites.subscribe((nodeName) => {
      this.#queue.add(nodeName);
    });
    options.registry.subscribe((nodeName) => {
      this.#queue.add(nodeName);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const nodeName of this.#options.sites.nodeNames()) this.#queue.add(nodeName);
    await this.#queue.run(signal);
  }

  /** Something that the status says has changed. */
  changed(nodeName: string): void {
    this.#queue.add(nodeName);
  }

  /** Notes the port of a node's kubelet API, so that it is the same after a restart. */
  port(nodeName: string, port: number): void {
    if (this.#ports.get(nodeName) === port) return;
    this.#ports.set(nodeName, port);
    this.#queue.add(nodeName);
  }

  /** Notes the CA that a site's certificate is from, which it trusts. */
  caHash(nodeName: string, caHash: string): void {
    if (this.#caHashes.get(nodeName) === caHash) return;
    this.#caHashes.set(nodeName, caHash);
    this.#queue.add(nodeName);
  }

  async #reconcile(nodeName: string, signal: AbortSignal): Promise<void> {
    const { client, sites, registry } = this.#options;
    const site = sites.get(nodeName);
    if (site === undefined) {
      this.#ports.delete(nodeName);
      this.#caHashes.delete(nodeName);
      return;
    }
    const link = registry.linkState(nodeName);
    const facts = {
      nodeName,
      link,
      lastSeenMs: registry.lastSeenMs(nodeName),
      report: this.#options.reportOf(nodeName),
      kubeletPort: this.#ports.get(nodeName),
      caHash: link === 'connected' ? this.#caHashes.get(nodeName) : undefined,
    };
    // A restarted provider knows nothing yet of a site that may come back in a moment.
    if (link === 'away' && facts.lastSeenMs === undefined) return;
    const patch = planSiteStatusPatch(site, facts, (this.#options.nowMs ?? Date.now)());
    if (link === 'connected') this.#queue.addAfter(nodeName, lastSeenIntervalMs);
    if (patch === undefined) return;
    const ref = { namespace: site.metadata.namespace, name: site.metadata.name };
    try {
      await client.patch(resources.sites, ref, patch, {
        patchType: 'merge',
        subresource: 'status',
        signal,
      });
    } catch (error) {
      // A newer version of the Site is on its way to us, and brings us here again.
      if (!isKubeApiError(error, 'NOT_FOUND', 'CONFLICT')) throw error;
    }
  }
}
