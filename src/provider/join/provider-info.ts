import type { ConfigMap } from '../../kube/api.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';

/** Name of the ConfigMap in the provider's namespace that tells `towlinectl` how sites reach it. */
export const providerInfoName = 'towline-provider';

/**
 * Publishes what a join line needs: `address` (wss://host:port, comma-separated when there are
 * several) and `caHash`; while the CA is rolled also `nextCaHash`; and where nobody joins, because a
 * SPIFFE authority gives out the identities, `spiffeId`, the provider's own. Writes only what differs,
 * and leaves other keys alone.
 * @throws KubeApiError
 */
export async function publishProviderInfo(options: {
  client: KubeClient;
  namespace: string;
  addresses: readonly string[];
  caHash: string;
  nextCaHash: string | undefined;
  spiffeId: string | undefined;
  signal?: AbortSignal;
}): Promise<void> {
  const { client, namespace } = options;
  const withSignal = options.signal === undefined ? {} : { signal: options.signal };
  const { caHash, nextCaHash = null, spiffeId = null } = options;
  const data = { address: options.addresses.join(','), caHash, nextCaHash, spiffeId };
  const ref = { namespace, name: providerInfoName };
  const stored = await readInfo(client, ref, withSignal);
  if (stored !== undefined && hasAll(stored, data)) return;
  if (stored !== undefined || !(await createInfo(client, ref, data, withSignal))) {
    await client.patch(resources.configMaps, ref, { data }, { patchType: 'merge', ...withSignal });
  }
}

/** `null`: there is no such key. */
type Info = Record<string, string | null>;

function hasAll(stored: Record<string, string>, data: Info): boolean {
  return Object.entries(data).every(([key, value]) => (stored[key] ?? null) === value);
}

type WithSignal = { signal?: AbortSignal };
type InfoRef = { namespace: string; name: string };

async function readInfo(
  client: KubeClient,
  ref: InfoRef,
  withSignal: WithSignal,
): Promise<Record<string, string> | undefined> {
  try {
    return (await client.get<ConfigMap>(resources.configMaps, ref, withSignal)).data ?? {};
  } catch (error) {
    if (isKubeApiError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** @returns false when it exists: another provider was faster. */
async function createInfo(
  client: KubeClient,
  ref: InfoRef,
  info: Info,
  withSignal: WithSignal,
): Promise<boolean> {
  const labels = { 'app.kubernetes.io/part-of': 'towline' };
  const data = Object.fromEntries(Object.entries(info).filter(([, value]) => value !== null));
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...ref, labels }, data };
  try {
    await client.create(resources.configMaps, object, withSignal);
    return true;
  } catch (error) {
    if (isKubeApiError(error, 'ALREADY_EXISTS')) return false;
    throw error;
  }
}
