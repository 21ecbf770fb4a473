import {
  CoreV1Api,
  createConfiguration,
  CustomObjectsApi,
  PatchStrategy,
  ServerConfiguration,
  setHeaderOptions,
  type Configuration,
  type KubeConfig,
} from '@kubernetes/client-node';
import { siteApi, type Site, type SiteSpec } from '../kube/site.ts';
import { clusterError } from './cluster-error.ts';
import { progressAfterMs, requestTimeoutMs } from './limits.ts';
import { cliVersion } from './version.ts';

/** A site by namespace and name. */
export interface SiteRef {
  namespace: string;
  name: string;
}

/** The cluster's Sites and what else the commands need. Every method rejects with CliError. */
export class Cluster {
  readonly #objects: CustomObjectsApi;
  readonly #core: CoreV1Api;
  readonly #server: string;
  readonly #onWait: (server: string) => void;

  /** `onWait`: told the API server's address when an answer takes long. */
  constructor(config: KubeConfig, onWait: (server: string) => void) {
    this.#server = config.getCurrentCluster()?.server ?? '';
    this.#onWait = onWait;
    const settings = boundedConfiguration(config, this.#server);
    this.#objects = new CustomObjectsApi(settings);
    this.#core = new CoreV1Api(settings);
  }

  createSite(site: Site): Promise<Site> {
    const namespace = site.metadata.namespace ?? '';
    return this.#do(`create site ${namespace}/${site.metadata.name}`, async () => {
      const created: unknown = await this.#objects.createNamespacedCustomObject({
        ...siteApi,
        namespace,
        body: site,
      });
      return created as Site;
    });
  }

  /** All sites of a namespace, or of the cluster. */
  listSites(namespace: string | undefined): Promise<Site[]> {
    return this.#do('list sites', async () => {
      const list: unknown =
        namespace === undefined
          ? await this.#objects.listClusterCustomObject({ ...siteApi })
          : await this.#objects.listNamespacedCustomObject({ ...siteApi, namespace });
      return (list as { items: Site[] }).items;
    });
  }

  site(ref: SiteRef): Promise<Site> {
    return this.#do(`read site ${ref.namespace}/${ref.name}`, async () => {
      const found: unknown = await this.#objects.getNamespacedCustomObject({ ...siteApi, ...ref });
      return found as Site;
    });
  }

  /** Changes a site's spec: RFC 7396 merge patch; `null` removes a field. */
  patchSite(ref: SiteRef, spec: { [K in keyof SiteSpec]?: SiteSpec[K] | null }): Promise<Site> {
    return this.#do(`change site ${ref.namespace}/${ref.name}`, async () => {
      const patched: unknown = await this.#objects.patchNamespacedCustomObject(
        { ...siteApi, ...ref, body: { spec } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
      return patched as Site;
    });
  }

  deleteSite(ref: SiteRef): Promise<void> {
    return this.#do(`delete site ${ref.namespace}/${ref.name}`, async () => {
      await this.#objects.deleteNamespacedCustomObject({ ...siteApi, ...ref });
    });
  }

  /** Lets a site go that is held by its finalizer. */
  releaseSite(ref: SiteRef, finalizers: readonly string[]): Promise<void> {
    return this.#do(`release site ${ref.namespace}/${ref.name}`, async () => {
      await this.#objects.patchNamespacedCustomObject(
        { ...siteApi, ...ref, body: { metadata: { finalizers } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
    });
  }

  /** `NAMESPACE/NAME` of the pods that are bound to a node. */
  podsOfNode(nodeName: string): Promise<string[]> {
    return this.#do(`list the pods of node ${nodeName}`, async () => {
      const fieldSelector = `spec.nodeName=${nodeName}`;
      const { items } = await this.#core.listPodForAllNamespaces({ fieldSelector });
      return items.map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`);
    });
  }

  /** The data of a ConfigMap. */
  configMap(ref: SiteRef): Promise<Record<string, string>> {
    return this.#do(`read ConfigMap ${ref.namespace}/${ref.name}`, async () => {
      return (await this.#core.readNamespacedConfigMap(ref)).data ?? {};
    });
  }

  annotateConfigMap(ref: SiteRef, annotations: Record<string, string>): Promise<void> {
    return this.#do(`change ConfigMap ${ref.namespace}/${ref.name}`, async () => {
      await this.#core.patchNamespacedConfigMap(
        { ...ref, body: { metadata: { annotations } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
    });
  }

  async #do<T>(what: string, action: () => Promise<T>): Promise<T> {
    const progress = setTimeout(() => {
      this.#onWait(this.#server);
    }, progressAfterMs);
    try {
      return await action();
    } catch (error) {
      throw clusterError(what, this.#server, error);
    } finally {
      clearTimeout(progress);
    }
  }
}

/** What `makeApiClient` of client-node makes, with an end to every request. */
function boundedConfiguration(config: KubeConfig, server: string): Configuration {
  return createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: (request) => {
          request.setHeaderParam('User-Agent', `towlinectl/${cliVersion}`);
          request.setSignal(AbortSignal.timeout(requestTimeoutMs));
          return Promise.resolve(request);
        },
        post: (response) => Promise.resolve(response),
      },
    ],
  });
}
