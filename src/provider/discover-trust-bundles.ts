import type { Logger } from 'pino';
import { isKubeApiError } from './kube-client/kube-api-error.ts';
import type { KubeClient } from './kube-client/kube-client.ts';
import { resources, type ResourceType } from './kube-client/resource-type.ts';
import { isAllowed } from './preflight.ts';

/**
 * ClusterTrustBundles in the newest version that the API server serves; undefined where it serves
 * none, or where the provider may not watch them (manifests/trust-bundles.yaml).
 * @throws KubeApiError, the signal's reason
 */
export async function discoverTrustBundles(
  client: Pick<KubeClient, 'create' | 'getPath'>,
  { log, signal }: { log: Pick<Logger, 'info'>; signal: AbortSignal },
): Promise<ResourceType | undefined> {
  const type = await servedType(client, signal);
  if (type === undefined) return undefined;
  const verbs = ['list', 'watch'];
  const answers = await Promise.all(
    verbs.map((verb) => isAllowed(client, { type, verbs, verb }, signal)),
  );
  if (answers.every((allowed) => allowed)) return type;
  log.info(
    'ClusterTrustBundles reach no site: manifests/trust-bundles.yaml gives the right to them',
  );
  return undefined;
}

/** Newest first. */
const versions = ['v1', 'v1beta1', 'v1alpha1'];

async function servedType(
  client: Pick<KubeClient, 'getPath'>,
  signal: AbortSignal,
): Promise<ResourceType | undefined> {
  const { group, plural } = resources.clusterTrustBundles;
  for (const version of versions) {
    try {
      const path = `/apis/${group}/${version}`;
      const list = await client.getPath<{ resources?: { name: string }[] }>(path, { signal });
      if (list.resources?.some(({ name }) => name === plural) === true) {
        return { ...resources.clusterTrustBundles, version };
      }
    } catch (error) {
      if (!isKubeApiError(error, 'NOT_FOUND')) throw error;
    }
  }
  return undefined;
}
