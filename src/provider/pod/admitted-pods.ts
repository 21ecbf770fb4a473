import type { Node, Pod } from '../../kube/api.ts';
import type { Informer } from '../kube-client/informer.ts';
import type { SiteDirectory } from '../site/site-directory.ts';
import type { BoundPods, PodIndex, PodListener } from './pod-index.ts';
import type { Refusal } from './refusal.ts';
import { taintRefusal } from './taints.ts';
import { mayHavePodsOf, tenantForbidden, tenantRefusal } from './tenancy.ts';

/**
 * The pods that sites may have: of those bound to their nodes, the ones that tenancy allows and that
 * tolerate the Node's taints. What is
 * sent to sites, taken from them, and reached in them goes by this view alone. To its listeners a pod that
 * is not allowed any more is gone.
 */
export class AdmittedPods implements BoundPods {
  readonly #pods: PodIndex;
  readonly #sites: Pick<SiteDirectory, 'idOf' | 'known' | 'subscribe'>;
  readonly #nodes: Pick<Informer<Node>, 'get'>;
  readonly #listeners = new Map<string, Set<PodListener>>();

  constructor(options: {
    pods: PodIndex;
    sites: Pick<SiteDirectory, 'idOf' | 'known' | 'subscribe'>;
    nodes: Pick<Informer<Node>, 'get'>;
  }) {
    this.#pods = options.pods;
    this.#sites = options.sites;
    this.#nodes = options.nodes;
    this.#sites.subscribe((nodeName) => {
      this.#siteChanged(nodeName);
    });
  }

  get(namespace: string, name: string): Pod | undefined {
    const pod = this.#pods.get(namespace, name);
    return pod !== undefined && this.#admits(pod) ? pod : undefined;
  }

  ofNode(nodeName: string): Pod[] {
    return this.#pods.ofNode(nodeName).filter((pod) => this.#admits(pod));
  }

  /** Of a pod that can't be read the namespace alone decides. */
  malformedOf(nodeName: string): string[] {
    const rules = this.#rulesOf(nodeName);
    return this.#pods.malformedOf(nodeName).filter((key) => {
      const [namespace = ''] = key.split('/');
      return rules !== undefined && mayHavePodsOf(namespace, rules);
    });
  }

  subscribe(listener: PodListener, nodeName: string): () => void {
    const listeners = this.#listeners.get(nodeName) ?? new Set();
    this.#listeners.set(nodeName, listeners);
    listeners.add(listener);
    const unsubscribe = this.#pods.subscribe((change) => {
      listener({ ...change, gone: change.gone || !this.#admits(change.pod) });
    }, nodeName);
    return () => {
      unsubscribe();
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(nodeName);
    };
  }

  /** Why a pod must not get to the site that it is bound to; `undefined` also when there is no such site. */
  refusalOf(pod: Pod): Refusal | undefined {
    const rules = this.#rulesOf(pod.spec.nodeName ?? '');
    return rules?.site === undefined ? undefined : this.#refusal(pod, rules);
  }

  #admits(pod: Pod): boolean {
    const rules = this.#rulesOf(pod.spec.nodeName ?? '');
    return rules !== undefined && this.#refusal(pod, rules) === undefined;
  }

  #refusal(pod: Pod, rules: Rules): Refusal | undefined {
    const message = tenantRefusal(pod, rules);
    if (message !== undefined) return { reason: tenantForbidden, message, event: message };
    return taintRefusal(pod, this.#nodes.get(undefined, pod.spec.nodeName ?? ''));
  }

  #rulesOf(nodeName: string): Rules | undefined {
    const id = this.#sites.idOf(nodeName);
    return id === undefined ? undefined : { tenant: id.tenant, site: this.#sites.known(nodeName) };
  }

  /** Pods of other namespaces may come or go with what the Site allows. */
  #siteChanged(nodeName: string): void {
    const listeners = [...(this.#listeners.get(nodeName) ?? [])];
    const tenant = this.#sites.idOf(nodeName)?.tenant;
    if (listeners.length === 0) return;
    for (const pod of this.#pods.ofNode(nodeName)) {
      if (pod.metadata.namespace === tenant) continue;
      const gone = !this.#admits(pod);
      for (const listener of listeners) listener({ nodeName, pod, gone });
    }
  }
}

type Rules = Parameters<typeof tenantRefusal>[1];
