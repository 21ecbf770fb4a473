import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import { isLeaving, leavingTaint, type Site, siteFinalizer } from '../../kube/site.ts';
import { tolerates } from '../../kube/tolerations.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { leaveRetryMs, leaveTimeoutMs, maxNodeWrites } from '../limits.ts';
import type { PodIndex } from '../pod/pod-index.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import { askSite } from './ask-site.ts';
import type { SiteDirectory } from './site-directory.ts';
import type { SiteRegistry } from './site-registry.ts';
import type { SiteSession } from './site-session.ts';

export interface DrainControllerOptions {
  client: Pick<KubeClient, 'patch'>;
  sites: Pick<SiteDirectory, 'get' | 'nodeNames' | 'subscribe'>;
  pods: Pick<PodIndex, 'ofNode' | 'subscribe'>;
  registry: Pick<SiteRegistry, 'get' | 'subscribe'>;
  log: Logger;
}

/**
 * Empties a site before its Site goes. A Site that has connected is held by a finalizer. Once it is
 * deleted, its Node's taint has Kubernetes evict the pods, in order and with their grace; what
 * tolerates the taint the site stops itself, when it is told to leave. Then the Site is let go. One
 * that isn't connected waits for its device, or for `towlinectl site delete --force`.
 */
export class DrainController {
  readonly #options: DrainControllerOptions;
  readonly #queue: ReconcileQueue;

  constructor(options: DrainControllerOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'drains',
      reconcile: (nodeName, signal) => this.#reconcile(nodeName, signal),
      concurrency: maxNodeWrites,
      log: options.log,
    });
    const add = (nodeName: string): void => {
      this.#queue.add(nodeName);
    };
    options.sites.subscribe(add);
    options.registry.subscribe(add);
    options.pods.subscribe(({ nodeName, gone }) => {
      if (gone) add(nodeName);
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  async #reconcile(nodeName: string, signal: AbortSignal): Promise<void> {
    const site = this.#options.sites.get(nodeName);
    const session = this.#options.registry.get(nodeName);
    if (site === undefined || session === undefined) return;
    const finalizers = site.metadata.finalizers ?? [];
    if (isLeaving(site)) await this.#drain(site, session, signal);
    else if (!finalizers.includes(siteFinalizer)) {
      await this.#patch(site, [...finalizers, siteFinalizer], signal);
    }
  }

  async #drain(site: Site, session: SiteSession, signal: AbortSignal): Promise<void> {
    const { pods, log } = this.#options;
    const { nodeName } = session;
    if (pods.ofNode(nodeName).some((pod) => !toleratesLeaving(pod))) return;
    const options = { timeoutMs: leaveTimeoutMs, signal };
    const reply = await askSite(session, { type: 'leave' }, options);
    if (!reply.ok) {
      log.warn({ node: nodeName, reply: reply.message }, 'the site did not stop its pods');
      this.#queue.addAfter(nodeName, leaveRetryMs);
      return;
    }
    const finalizers = site.metadata.finalizers ?? [];
    await this.#patch(
      site,
      finalizers.filter((finalizer) => finalizer !== siteFinalizer),
      signal,
    );
    log.info({ node: nodeName }, 'the site is empty, and its Site can go');
  }

  /** Holds for this version of the Site only, for finalizers are one list that others write too. */
  async #patch(site: Site, finalizers: string[], signal: AbortSignal): Promise<void> {
    const { namespace, name, uid, resourceVersion } = site.metadata;
    const patch = { metadata: { uid, resourceVersion, finalizers } };
    try {
      await this.#options.client.patch(resources.sites, { namespace, name }, patch, {
        patchType: 'merge',
        signal,
      });
    } catch (error) {
      // A newer version of the Site is on its way to us, and brings us here again.
      if (!isKubeApiError(error, 'NOT_FOUND', 'CONFLICT')) throw error;
    }
  }
}

/** As Kubernetes' `ToleratesTaint`; a toleration that ends is none here. */
function toleratesLeaving({ spec }: Pod): boolean {
  return (spec.tolerations ?? []).some(
    (toleration) =>
      toleration.tolerationSeconds === undefined && tolerates(toleration, leavingTaint),
  );
}
