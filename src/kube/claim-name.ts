import type { Pod, Volume } from './api.ts';

/**
 * The PersistentVolumeClaim in the pod's namespace that a volume stands for; undefined for other
 * volumes. That of a generic ephemeral volume is made by the cluster, with a name of both.
 * Source: k8s.io/component-helpers/storage/ephemeral, VolumeClaimName.
 */
export function claimNameOf(
  { metadata }: Pod,
  { name, persistentVolumeClaim, ephemeral }: Volume,
): string | undefined {
  if (persistentVolumeClaim) return persistentVolumeClaim.claimName;
  return ephemeral ? `${metadata.name}-${name}` : undefined;
}
