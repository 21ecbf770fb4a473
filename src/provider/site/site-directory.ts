import { isLeaving, nodeNameOf, type Site } from '../../kube/site.ts';
import type { Informer } from '../kube-client/informer.ts';

/** A site by its namespace and name. */
export interface SiteId {
  tenant: string;
  name: string;
}

/** The cluster's Sites by the names of their nodes, kept in step with one informer. */
export class SiteDirectory {
  readonly #sites: Pick<Informer<Site>, 'get' | 'list' | 'subscribe'>;

  constructor(sites: Pick<Informer<Site>, 'get' | 'list' | 'subscribe'>) {
    this.#sites = sites;
  }

  /** The Site of a node; none when it is being deleted and its device has stopped its pods. */
  get(nodeName: string): Site | undefined {
    const site = this.known(nodeName);
    if (site === undefined || isLeaving(site)) return site;
    return site.metadata.deletionTimestamp === undefined ? site : undefined;
  }

  /** The Site of a node, also one that is being deleted. */
  known(nodeName: string): Site | undefined {
    const id = this.idOf(nodeName);
    return id === undefined ? undefined : this.#sites.get(id.tenant, id.name);
  }

  /** The site that a node of this name would stand for: a namespace has no dots. */
  idOf(nodeName: string): SiteId | undefined {
    const dot = nodeName.lastIndexOf('.');
    if (dot <= 0 || dot === nodeName.length - 1) return undefined;
    return { name: nodeName.slice(0, dot), tenant: nodeName.slice(dot + 1) };
  }

  /** The site whose newest join token has this hash. */
  ofToken(tokenHash: string): SiteId | undefined {
    const site = this.#sites.list().find(({ spec }) => spec?.join?.tokenHash === tokenHash);
    return site && { tenant: site.metadata.namespace ?? '', name: site.metadata.name };
  }

  nodeNames(): string[] {
    return this.#sites.list().map((site) => nodeNameOfSite(site));
  }

  /** Calls the listener with the node name of every Site that is new, changed or gone. */
  subscribe(listener: (nodeName: string) => void): () => void {
    return this.#sites.subscribe(({ object }) => {
      listener(nodeNameOfSite(object));
    });
  }
}

/** Name of the Node that stands for a Site. */
export function nodeNameOfSite({ metadata }: Site): string {
  return nodeNameOf({ name: metadata.name, tenant: metadata.namespace ?? '' });
}
