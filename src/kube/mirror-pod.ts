import type { Pod } from './api.ts';

/** Annotation of the API's copy of a static pod: the hash of what its file says. */
export const configMirrorAnnotation = 'kubernetes.io/config.mirror';

/** Whether a pod of the API is the copy of one that its node took from a file. */
export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[configMirrorAnnotation] !== undefined;
}

/**
 * The uid by which its node knows a pod of the API: of a mirror pod that of the static pod, which is
 * what its events and statuses bear. Source: kubelet, pkg/kubelet/pod, TranslatePodUID.
 */
export function nodeUidOf({ metadata }: Pod): string | undefined {
  return metadata.annotations?.[configMirrorAnnotation] ?? metadata.uid;
}
