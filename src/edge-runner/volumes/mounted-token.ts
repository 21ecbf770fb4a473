import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import { maxMountedTokenBytes } from './limits.ts';
import type { PodLayout } from './pod-layout.ts';
import { readInside } from './read-inside.ts';

/**
 * The service-account token that a pod has mounted, for when nothing else holds it any more. Only what
 * lies in the pod's own volume, as a plain file, is taken for one.
 * @throws VolumeError `UNSAFE_NAME`
 */
export async function mountedToken(
  layout: PodLayout,
  pod: Pod,
  projection: ServiceAccountTokenProjection,
): Promise<string | undefined> {
  const volume = pod.spec.volumes?.find(({ projected }) =>
    projected?.sources?.some(({ serviceAccountToken: own }) => own && isSame(own, projection)),
  );
  return volume && readToken(layout.volumeDir(pod, volume), projection.path);
}

function isSame(a: ServiceAccountTokenProjection, b: ServiceAccountTokenProjection): boolean {
  return (
    a.path === b.path && a.audience === b.audience && a.expirationSeconds === b.expirationSeconds
  );
}

/** Whatever keeps it from being read, there is none then: the pod waits for the cloud. */
async function readToken(directory: string, path: string): Promise<string | undefined> {
  const token = await readInside(directory, path, maxMountedTokenBytes).catch(() => '');
  return token || undefined;
}
