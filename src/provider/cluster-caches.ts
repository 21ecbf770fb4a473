import type { Logger } from 'pino';
import type {
  ClusterTrustBundle,
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  RuntimeClass,
  Service,
} from '../kube/api.ts';
import { type Site, siteLabel } from '../kube/site.ts';
import { ProviderError } from './errors.ts';
import { Informer } from './kube-client/informer.ts';
import type { KubeClient } from './kube-client/kube-client.ts';
import { type ResourceType, resources } from './kube-client/resource-type.ts';
import type { Runnable } from './lifecycle.ts';
import { acceptPod, withoutManagedFields } from './pod/check-pod.ts';

export interface ClusterCachesOptions {
  client: KubeClient;
  /** Told of a pod that came in a form that can't be used. */
  onRejectedPod: (pod: unknown, problem: string) => void;
  log: Logger;
  /** As the API server serves ClusterTrustBundles; undefined where there are none to be had. */
  trustBundles?: ResourceType | undefined;
}

/** The provider's view of the cluster: one watch per kind, however many sites there are. */
export class ClusterCaches implements Runnable {
  readonly sites: Informer<Site>;
  /** Nodes that stand for sites. */
  readonly nodes: Informer<Node>;
  /** Pods that are bound to a node. */
  readonly pods: Informer<Pod>;
  readonly configMaps: Informer<ConfigMap>;
  readonly services: Informer<Service>;
  readonly runtimeClasses: Informer<RuntimeClass>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly trustBundles: Informer<ClusterTrustBundle> | undefined;

  constructor({ client, onRejectedPod, log, trustBundles: type }: ClusterCachesOptions) {
    const transform = withoutManagedFields;
    this.sites = new Informer<Site>({ client, log, type: resources.sites, transform });
    this.nodes = new Informer<Node>({
      client,
      log,
      type: resources.nodes,
      labelSelector: siteLabel,
      transform,
    });
    this.pods = new Informer<Pod>({
      client,
      log,
      type: resources.pods,
      fieldSelector: 'spec.nodeName!=',
      transform: acceptPod,
      onRejected: (pod, error) => {
        onRejectedPod(pod, error.message);
      },
    });
    this.configMaps = new Informer<ConfigMap>({
      client,
      log,
      type: resources.configMaps,
      transform,
    });
    this.services = new Informer<Service>({ client, log, type: resources.services, transform });
    this.runtimeClasses = new Informer<RuntimeClass>({
      client,
      log,
      type: resources.runtimeClasses,
      transform,
    });
    this.claims = new Informer({ client, log, type: resources.persistentVolumeClaims, transform });
    this.volumes = new Informer({ client, log, type: resources.persistentVolumes, transform });
    this.trustBundles = type && new Informer({ client, log, type, transform });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((informer) => informer.run(signal)));
  }

  /**
   * Resolves when all of them are complete. Before that an empty one would look as if everything
   * had been deleted.
   * @throws ProviderError `SYNC_TIMEOUT`
   */
  async synced(timeoutMs: number): Promise<void> {
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const text = `the API server did not list the cluster's objects within ${timeoutMs / 1000} s: see the log, and try again`;
      timeout.reject(new ProviderError('SYNC_TIMEOUT', text));
    }, timeoutMs);
    try {
      const all = Promise.all(this.#all().map((informer) => informer.synced));
      await Promise.race([all, timeout.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #all(): { run(signal: AbortSignal): Promise<void>; synced: Promise<void> }[] {
    const { sites, nodes, pods, configMaps, services, runtimeClasses, claims, volumes } = this;
    return [
      ...[sites, nodes, pods, configMaps, services, runtimeClasses, claims, volumes],
      ...(this.trustBundles === undefined ? [] : [this.trustBundles]),
    ];
  }
}
