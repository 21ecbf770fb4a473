import type { Logger } from 'pino';
import { parseDuration } from '../../kube/duration.ts';
import { isMirrorPod } from '../../kube/mirror-pod.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import type { Site } from '../../kube/site.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { maxTolerationWrites, tolerationSweepMs } from '../limits.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import type { SiteDirectory } from '../site/site-directory.ts';
import type { SiteRegistry } from '../site/site-registry.ts';
import { type DisconnectionPolicy, planTolerations } from './plan-tolerations.ts';
import { type PodIndex, podKeyOf } from './pod-index.ts';

export interface TolerationControllerOptions {
  client: Pick<KubeClient, 'patch'>;
  pods: PodIndex;
  sites: SiteDirectory;
  registry: Pick<SiteRegistry, 'linkState' | 'subscribe'>;
  /** Whether a node is a site's, and not a machine that has the name. */
  isSiteNode: (nodeName: string) => boolean;
  /** Told when a Site's policy can't be read; the policy is `Keep` then. */
  onInvalidPolicy: (site: Site, message: string) => void;
  log: Logger;
}

/**
 * Makes the tolerations of the sites' pods follow `spec.disconnection` of their Site. A pod that has
 * just come is left alone at first: nothing depends on it as long as its site is there, and every
 * change of a spec raises the pod's generation and makes whoever has read the pod before read it again.
 */
export class TolerationController {
  readonly #options: TolerationControllerOptions;
  readonly #queue: ReconcileQueue;
  /** The `spec.disconnection` that the pods of each node were asked to follow, as JSON. */
  readonly #followed = new Map<string, string>();

  constructor(options: TolerationControllerOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'tolerations',
      reconcile: (key, signal) => this.#reconcile(key, signal),
      concurrency: maxTolerationWrites,
      log: options.log,
    });
    options.pods.subscribe(({ pod, nodeName, gone }) => {
      if (gone || options.sites.get(nodeName) === undefined) return;
      const connected = options.registry.linkState(nodeName) === 'connected';
      if (connected) this.#queue.addAfter(podKeyOf(pod), tolerationSweepMs);
      else this.#queue.add(podKeyOf(pod));
    });
    options.sites.subscribe((nodeName) => {
      if (this.#notePolicy(nodeName)) this.#addAll(nodeName);
    });
    // Pods of a site that is back were changed while it was away.
    options.registry.subscribe((nodeName) => {
      if (options.registry.linkState(nodeName) !== 'connected') this.#addAll(nodeName);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const nodeName of this.#options.sites.nodeNames()) {
      this.#notePolicy(nodeName);
      this.#addAll(nodeName);
    }
    await this.#queue.run(signal);
  }

  #addAll(nodeName: string): void {
    for (const pod of this.#options.pods.ofNode(nodeName)) this.#queue.add(podKeyOf(pod));
  }

  /** Whether a Site's policy is another than before: what else changes of a Site moves no pod. */
  #notePolicy(nodeName: string): boolean {
    const site = this.#options.sites.get(nodeName);
    if (site === undefined) {
      this.#followed.delete(nodeName);
      return false;
    }
    const policy = JSON.stringify(site.spec?.disconnection ?? {});
    if (this.#followed.get(nodeName) === policy) return false;
    this.#followed.set(nodeName, policy);
    return true;
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    const pod = this.#options.pods.get(namespace, name);
    const nodeName = pod?.spec.nodeName;
    if (pod === undefined || nodeName === undefined || !this.#options.isSiteNode(nodeName)) return;
    const site = this.#options.sites.get(nodeName);
    const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (site === undefined || finished || pod.metadata.deletionTimestamp !== undefined) return;
    // A static pod tolerates what its file says, and nothing evicts it from its device.
    if (isMirrorPod(pod)) return;
    const patch = planTolerations(pod, this.#policyOf(site));
    if (patch === undefined) return;
    try {
      await this.#options.client.patch(resources.pods, { namespace, name }, patch, {
        patchType: 'json',
        signal,
      });
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND')) return;
      // Mostly a pod that has changed meanwhile: the API server calls a failed test invalid.
      if (!isKubeApiError(error, 'CONFLICT', 'INVALID')) throw error;
      this.#options.log.debug({ pod: key, err: error }, 'tolerations not changed');
      this.#queue.addAfter(key, tolerationSweepMs);
    }
  }

  #policyOf(site: Site): DisconnectionPolicy {
    const { policy, evictAfter } = site.spec?.disconnection ?? {};
    if (policy !== 'Evict') return { kind: 'keep' };
    try {
      const afterSeconds =
        evictAfter === undefined ? undefined : Math.ceil(parseDuration(evictAfter) / 1000);
      return { kind: 'evict', afterSeconds };
    } catch (error) {
      if (!(error instanceof KubeRuleError)) throw error;
      this.#options.onInvalidPolicy(site, `spec.disconnection.evictAfter: ${error.message}`);
      return { kind: 'keep' };
    }
  }
}
