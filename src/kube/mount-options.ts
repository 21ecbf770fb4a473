import type { PersistentVolume } from './api.ts';

/** Mount options as PersistentVolumes had them before they had a field for it. */
export const mountOptionsAnnotation = 'volume.beta.kubernetes.io/mount-options';

/**
 * The mount options of a PersistentVolume; the annotation wins, as in a kubelet.
 * Source: kubelet, MountOptionFromSpec.
 */
export function mountOptionsOf({ metadata, spec }: PersistentVolume): string[] {
  const annotated = metadata.annotations?.[mountOptionsAnnotation];
  return annotated === undefined ? (spec?.mountOptions ?? []) : annotated.split(',');
}
