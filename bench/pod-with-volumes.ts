import type { KubeClient } from '../src/provider/kube-client/kube-client.ts';
import { resources } from '../src/provider/kube-client/resource-type.ts';
import { idlePod, namespace } from './idle-site.ts';

/** Makes what `podWithVolumes` mounts. */
export async function createVolumeObjects(client: Pick<KubeClient, 'create'>): Promise<void> {
  const metadata = { name: 'bench' };
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: 'value' } };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { key: 'value' } };
  await client.create(resources.configMaps, configMap, { namespace });
  await client.create(resources.secrets, secret, { namespace });
}

/** A pod that does nothing with a ConfigMap, a Secret and a token of its own. */
export function podWithVolumes(name: string): object {
  const pod = idlePod(name) as { spec: { containers: object[] } };
  const token = { path: 'token', audience: 'bench', expirationSeconds: 3600 };
  const volumes = [
    { name: 'conf', configMap: { name: 'bench' } },
    { name: 'key', secret: { secretName: 'bench' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken: token }] } },
  ];
  const volumeMounts = volumes.map((volume) => ({
    name: volume.name,
    mountPath: `/mnt/${volume.name}`,
  }));
  const containers = pod.spec.containers.map((container) => ({ ...container, volumeMounts }));
  return { ...pod, spec: { ...pod.spec, containers, volumes } };
}
