import type { Site } from '../../kube/site.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import type { SiteId } from '../pki/site-identity.ts';
import type { JoinSites } from './site-join.ts';

/** The Sites of the cluster, asked directly. */
export class KubeJoinSites implements JoinSites {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** @throws KubeApiError */
  async read(site: SiteId, signal?: AbortSignal): Promise<Site | undefined> {
    const ref = { namespace: site.tenant, name: site.name };
    try {
      return await this.#client.get<Site>(resources.sites, ref, signalOf(signal));
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** @throws KubeApiError */
  async writeStatus(site: Site, signal?: AbortSignal): Promise<'written' | 'conflict' | 'gone'> {
    const { namespace, name } = site.metadata;
    const options = { subresource: 'status', ...signalOf(signal) };
    try {
      await this.#client.replace(resources.sites, { namespace, name }, site, options);
      return 'written';
    } catch (error) {
      if (isKubeApiError(error, 'CONFLICT')) return 'conflict';
      if (isKubeApiError(error, 'NOT_FOUND')) return 'gone';
      throw error;
    }
  }
}

function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
