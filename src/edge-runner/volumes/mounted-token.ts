import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import { maxMountedTokenBytes } from './limits.ts';
import type { PodLayout } from './pod-layout.ts';

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
  return volume && readWithin(layout.volumeDir(pod, volume), projection.path);
}

function isSame(a: ServiceAccountTokenProjection, b: ServiceAccountTokenProjection): boolean {
  return (
    a.path === b.path && a.audience === b.audience && a.expirationSeconds === b.expirationSeconds
  );
}

async function readWithin(directory: string, path: string): Promise<string | undefined> {
  try {
    const root = await realpath(directory);
    const real = await realpath(join(directory, path));
    if (!real.startsWith(`${root}${sep}`)) return undefined;
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      if (size === 0 || size > maxMountedTokenBytes) return undefined;
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
