import type { Logger } from 'pino';
import type { Site } from '../../kube/site.ts';
import { judgeKey, type KeyPolicy, type KeyVerdict } from '../join/site-key.ts';
import { maxNodeWrites } from '../limits.ts';
import type { SiteId } from '../pki/site-identity.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import type { SiteDirectory } from './site-directory.ts';
import type { SiteRegistry } from './site-registry.ts';

export interface KeyWatchOptions {
  sites: Pick<SiteDirectory, 'get' | 'subscribe'>;
  /** A Site as the cluster has it now. */
  read: (site: SiteId, signal: AbortSignal) => Promise<Site | undefined>;
  registry: Pick<SiteRegistry, 'get'>;
  /** By default the key that joined. */
  keys?: KeyPolicy;
  log: Logger;
}

/**
 * Ends a connection as soon as its key is no longer the one that its Site lets in: the Site was
 * revoked or deleted, or another device joined. Before it does, it asks the cluster itself, for the
 * cache may not know yet of a device that joined and connected just now.
 */
export class KeyWatch {
  readonly #options: KeyWatchOptions;
  readonly #queue: ReconcileQueue;

  constructor(options: KeyWatchOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'keys',
      reconcile: (nodeName, signal) => this.#reconcile(nodeName, signal),
      concurrency: maxNodeWrites,
      log: options.log,
    });
    options.sites.subscribe((nodeName) => {
      this.#queue.add(nodeName);
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  async #reconcile(nodeName: string, signal: AbortSignal): Promise<void> {
    const session = this.#options.registry.get(nodeName);
    if (session?.peer === undefined) return;
    const { site, publicKeyHash } = session.peer;
    const { sites, read, keys } = this.#options;
    if (judgeKey(sites.get(nodeName), publicKeyHash, keys) === 'known') return;
    const verdict = judgeKey(await read(site, signal), publicKeyHash, keys);
    if (verdict === 'known') return;
    this.#options.log.info({ node: nodeName, verdict }, 'connection of the site is ended');
    session.dismiss(`site ${site.tenant}/${site.name} ${reasons[verdict]}`);
  }
}

const reasons: Record<Exclude<KeyVerdict, 'known'>, string> = {
  absent: 'was deleted',
  revoked: 'was revoked',
  unknown: 'was joined by another device',
};
